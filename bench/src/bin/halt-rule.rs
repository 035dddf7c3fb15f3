//! The halt rule as a filter, for programs in other languages that want to hold
//! something against it (`bench/peers/run.py` does).
//!
//! ```text
//! halt-rule judge          < streams.txt
//! halt-rule time [MIN_MS]  < streams.txt
//! ```
//!
//! Standard input has one item per line; empty lines and lines that begin with
//! `#` are skipped:
//!
//! ```text
//! config hard_limit=0.5 window_size=10 trend=slope
//! stream 0.9 0.85 NaN
//! ```
//!
//! A `config` names fields of `HaltConfig`; the others keep their defaults.
//! Every stream is judged under every configuration. Both are numbered from 0.
//!
//! `judge` prints `CONFIG STREAM INDEX CODE` for each pair, with `- -` where
//! nothing halted. `time` pushes each stream again and again until `MIN_MS`
//! milliseconds (default 20) have passed and prints `CONFIG STREAM rule NS` and
//! `CONFIG STREAM session NS`: nanoseconds per token, a new rule or session for
//! each pass included. Tokens after a halt are still pushed; a caller who wants
//! the price of judging gives streams that do not halt.
//!
//! Exit codes: 0, or 2 for bad usage or bad input, with the line's number.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tidegate_kernel::{ConfigError, HaltConfig, HaltRule, Session, Trend};

const USAGE: &str = "usage: halt-rule judge | halt-rule time [MIN_MS], streams on standard input";

#[derive(Debug, Default, PartialEq)]
struct Input {
    configs: Vec<HaltConfig>,
    streams: Vec<Vec<f64>>,
}

fn parse(text: &str) -> Result<Input, String> {
    let mut input = Input::default();
    for (at, line) in text.lines().enumerate() {
        let fail = |what: String| format!("line {}: {what}", at + 1);
        let mut words = line.split_whitespace();
        match words.next() {
            None => {}
            Some(word) if word.starts_with('#') => {}
            Some("config") => input.configs.push(parse_config(words).map_err(fail)?),
            Some("stream") => input.streams.push(parse_stream(words).map_err(fail)?),
            Some(word) => return Err(fail(format!("`{word}` is neither `config` nor `stream`"))),
        }
    }
    Ok(input)
}

fn parse_config<'a>(words: impl Iterator<Item = &'a str>) -> Result<HaltConfig, String> {
    let mut config = HaltConfig::default();
    for word in words {
        let (key, value) = word.split_once('=').ok_or(format!("`{word}` is no `field=value`"))?;
        let number = || value.parse::<f64>().map_err(|_| format!("`{word}`: expected a number"));
        let count =
            || value.parse::<u32>().map_err(|_| format!("`{word}`: expected a whole number"));
        match key {
            "hard_limit" => config.hard_limit = number()?,
            "soft_limit" => config.soft_limit = number()?,
            "window_size" => config.window_size = count()?,
            "window_threshold" => config.window_threshold = number()?,
            "trend_window" => config.trend_window = count()?,
            "trend_threshold" => config.trend_threshold = number()?,
            "trend" => {
                config.trend = match value {
                    "endpoint" => Trend::Endpoint,
                    "slope" => Trend::Slope,
                    _ => return Err(format!("`{word}`: expected `endpoint` or `slope`")),
                };
            }
            _ => return Err(format!("`{key}` is no field of a configuration")),
        }
    }
    config.validate().map_err(|e| e.to_string())?;
    Ok(config)
}

fn parse_stream<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<f64>, String> {
    let scores = words
        .map(|word| word.parse().map_err(|_| format!("`{word}` is no number")))
        .collect::<Result<Vec<f64>, _>>()?;
    if scores.is_empty() { Err("a stream without scores".to_string()) } else { Ok(scores) }
}

fn judge(config: &HaltConfig, scores: &[f64]) -> Result<String, ConfigError> {
    let mut rule = HaltRule::new(config)?;
    for &score in scores {
        if !rule.push(score).is_open() {
            break;
        }
    }
    Ok(rule.halt().map_or("- -".to_string(), |halt| {
        format!("{} {}", halt.index, halt.reason.code().as_str())
    }))
}

/// Nanoseconds per token of `pass` over so many tokens, done again and again
/// for at least `least`.
fn time(
    tokens: usize,
    least: Duration,
    mut pass: impl FnMut() -> Result<(), ConfigError>,
) -> Result<f64, ConfigError> {
    let start = Instant::now();
    let mut passes = 0_u64;
    loop {
        pass()?;
        passes += 1;
        let spent = start.elapsed();
        if spent >= least {
            return Ok(spent.as_nanos() as f64 / (passes as f64 * tokens as f64));
        }
    }
}

fn time_rule(config: &HaltConfig, scores: &[f64], least: Duration) -> Result<f64, ConfigError> {
    time(scores.len(), least, || {
        let mut rule = HaltRule::new(black_box(config))?;
        for &score in black_box(scores) {
            black_box(rule.push(score));
        }
        Ok(())
    })
}

fn time_session(config: &HaltConfig, scores: &[f64], least: Duration) -> Result<f64, ConfigError> {
    time(scores.len(), least, || {
        let mut session = Session::new(black_box(config))?;
        for &score in black_box(scores) {
            black_box(session.push(score));
        }
        black_box(session.scores());
        Ok(())
    })
}

#[derive(Clone, Copy)]
enum Mode {
    Judge,
    Time(Duration),
}

fn parse_args(args: &[String]) -> Result<Mode, String> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["judge"] => Ok(Mode::Judge),
        ["time"] => Ok(Mode::Time(Duration::from_millis(20))),
        ["time", ms] => {
            let ms = ms.parse().map_err(|_| format!("`{ms}` is no number of milliseconds"))?;
            Ok(Mode::Time(Duration::from_millis(ms)))
        }
        _ => Err(USAGE.to_string()),
    }
}

fn answer(mode: Mode, input: &Input) -> Result<String, ConfigError> {
    let mut out = String::new();
    for (c, config) in input.configs.iter().enumerate() {
        for (s, scores) in input.streams.iter().enumerate() {
            // writing to a String cannot fail
            let _ = match mode {
                Mode::Judge => writeln!(out, "{c} {s} {}", judge(config, scores)?),
                Mode::Time(least) => {
                    let rule = time_rule(config, scores, least)?;
                    let session = time_session(config, scores, least)?;
                    writeln!(out, "{c} {s} rule {rule:.3}\n{c} {s} session {session:.3}")
                }
            };
        }
    }
    Ok(out)
}

fn run() -> Result<(), String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mode = parse_args(&args)?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|e| format!("standard input: {e}"))?;
    let out = answer(mode, &parse(&text)?).map_err(|e| e.to_string())?;
    std::io::stdout().write_all(out.as_bytes()).map_err(|e| format!("standard output: {e}"))
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("halt-rule: {error}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges() {
        let text = "# two by three\nconfig\nconfig hard_limit=0 trend=slope\n\n\
                    stream 0.9 0.3\nstream 1 NaN 0.2\nstream 1 1.0 1e0\n";
        let out = answer(Mode::Judge, &parse(text).unwrap()).unwrap();
        let expect = "0 0 1 hard_limit\n0 1 1 invalid_score\n0 2 - -\n\
                      1 0 - -\n1 1 1 invalid_score\n1 2 - -\n";
        assert_eq!(out, expect);
    }

    #[test]
    fn times_every_pair_twice() {
        let input = parse("config\nconfig trend=slope\nstream 0.8 0.8\n").unwrap();
        let out = answer(Mode::Time(Duration::ZERO), &input).unwrap();
        let names: Vec<_> = out.lines().filter_map(|line| line.split(' ').nth(2)).collect();
        assert_eq!(names, ["rule", "session", "rule", "session"]);
    }

    #[test]
    fn names_the_line() {
        for (text, expect) in [
            ("steam 1", "line 1: `steam` is neither `config` nor `stream`"),
            ("config\n\nstream 0.5 x", "line 3: `x` is no number"),
            ("stream", "line 1: a stream without scores"),
            ("# fine\nconfig hard_limit", "line 2: `hard_limit` is no `field=value`"),
            ("config hard_limit=high", "line 1: `hard_limit=high`: expected a number"),
            ("config window_size=1.5", "line 1: `window_size=1.5`: expected a whole number"),
            ("config trend=up", "line 1: `trend=up`: expected `endpoint` or `slope`"),
            ("config window=10", "line 1: `window` is no field of a configuration"),
            ("config hard_limit=2", "line 1: `hard_limit` is `2`: expected a number from 0 to 1"),
            (
                "config trend_window=1",
                "line 1: `trend_window` is `1`: expected a whole number from 2 to 4096",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), expect, "{text}");
        }
    }
}
