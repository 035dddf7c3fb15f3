//! `tidegate eval`: how well a policy tells right answers from wrong ones.

use std::collections::HashSet;
use std::io::{self, Write};

use serde_json::{Value, json};
use tidegate_score::stats::{Counts, Interval, Intervals, RESAMPLES, Sample, Samples, quantile};

use crate::args::{self, Format};
use crate::data::{self, Data, Example};
use crate::input::BadInput;
use crate::judge::{Judge, Judged, Subject};
use crate::whole_file::WholeFile;
use crate::{Failure, Outcome, curve};

/// What is kept of an answer.
struct Answer {
    is_right: bool,
    score: f64,
    is_halted: bool,
    /// The share of its words that stand in the facts.
    overlap: f64,
    /// How many words it has.
    words: f64,
    mark: Option<Mark>,
}

/// How the halt of an answer stands to its first unsupported token.
struct Mark {
    /// The number of that token.
    first: usize,
    halted_at: Option<usize>,
    /// Whether the token left.
    is_shown: bool,
}

/// The words of the facts that came last.
#[derive(Default)]
struct Known {
    facts: Vec<String>,
    words: HashSet<String>,
}

/// How well a number tells answers apart that looks at no facts, or only at
/// their words.
struct Baseline {
    auc: Option<f64>,
    /// What a higher number means.
    means: &'static str,
}

struct Report {
    data: Data,
    samples: Samples,
    intervals: Intervals,
    overlap: Baseline,
    length: Baseline,
    /// Sorted, in microseconds.
    latencies: Vec<f64>,
    marks: Option<Marks>,
    check: tidegate::HaltCheck,
}

/// Figures of answers with an unsupported token.
struct Marks {
    answers: u64,
    /// First halts at that token or later.
    halted: u64,
    /// First halts before it.
    early: u64,
    /// Answers of which the token left.
    shown: u64,
    /// How many tokens after it the halts came, sorted.
    late: Vec<f64>,
}

pub(crate) fn eval(args: &args::Eval) -> Result<Outcome, Failure> {
    let args = &args.data;
    let plot = args.plot.as_deref().map(WholeFile::new).transpose()?;
    let subject = Subject::new(args.policy.as_deref())?;
    let mut judge = Judge::new(&subject.check, &subject, args.facts.as_deref())?;
    let mut known = Known::default();
    let (mut answers, mut latencies) = (Vec::new(), Vec::new());
    let needs_facts = judge.needs_facts();
    let data = data::read(args, needs_facts, &mut |example| {
        let judged = judge
            .judge(&example)
            .map_err(|what| BadInput::file(&args.data, format!("line {}: {what}", example.line)))?;
        latencies.extend(judged.claims.iter().map(|claim| claim.micros));
        answers.push(known.answer(&example, judge.facts_of(&example), &judged));
        Ok(())
    })?;
    latencies.sort_by(f64::total_cmp);
    let marks: Vec<&Mark> = answers.iter().filter_map(|answer| answer.mark.as_ref()).collect();
    let has_both = answers.iter().any(|answer| answer.is_right)
        && answers.iter().any(|answer| !answer.is_right);
    if !has_both && marks.is_empty() {
        let all = if answers.iter().any(|answer| answer.is_right) { "right" } else { "wrong" };
        let what = format!("all answers are {all}: there is nothing to tell apart");
        return Err(BadInput::file(&args.data, what).into());
    }
    let by = |number: fn(&Answer) -> f64| samples(&answers, &data.groups, number);
    let samples = by(|answer| answer.score);
    let report = Report {
        intervals: samples.intervals(RESAMPLES, args.seed),
        samples,
        overlap: Baseline::new(
            &by(|answer| answer.overlap),
            ["more shared is right", "more shared is wrong"],
        ),
        length: Baseline::new(&by(|answer| answer.words), ["longer is right", "longer is wrong"]),
        latencies,
        marks: (!marks.is_empty()).then(|| Marks::new(&marks)),
        data,
        check: subject.check,
    };
    if let Some(plot) = plot {
        plot.write(&curve::draw(&report.samples, report.check.hard_limit)?)?;
    }
    let mut out = io::stdout().lock();
    match args.format {
        Format::Text => report.text(&mut out)?,
        Format::Json => writeln!(out, "{}", report.json())?,
    }
    Ok(Outcome::Clean)
}

fn samples(answers: &[Answer], groups: &[usize], number: fn(&Answer) -> f64) -> Samples {
    let sample = |(answer, group): (&Answer, &usize)| Sample {
        score: number(answer),
        is_right: answer.is_right,
        is_halted: answer.is_halted,
        group: *group,
        part: 0,
    };
    Samples::new(answers.iter().zip(groups).map(sample).collect())
}

impl Known {
    fn answer(&mut self, example: &Example, facts: &[String], judged: &Judged) -> Answer {
        if self.facts != facts {
            self.facts = facts.to_vec();
            self.words = facts.iter().flat_map(|fact| words(fact)).collect();
        }
        let (mut all, mut shared) = (0u32, 0u32);
        for word in words(&example.answer) {
            all += 1;
            shared += u32::from(self.words.contains(&word));
        }
        let first = example.tokens.iter().position(|token| token.is_unsupported);
        let start =
            first.and_then(|first| example.tokens.get(first)).map(|token| token.place.start);
        let mark = first.zip(start).filter(|_| example.is_marked).map(|(first, start)| Mark {
            first,
            halted_at: judged.halted_at,
            is_shown: judged.released > start as u64,
        });
        Answer {
            is_right: example.is_right,
            score: judged.score,
            is_halted: judged.is_halted,
            overlap: f64::from(shared) / f64::from(all.max(1)),
            words: f64::from(all),
            mark,
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

impl Baseline {
    fn new(samples: &Samples, [right, wrong]: [&'static str; 2]) -> Baseline {
        match samples.auc() {
            Some(auc) if auc < 0.5 => Baseline { auc: Some(1.0 - auc), means: wrong },
            auc => Baseline { auc, means: right },
        }
    }

    fn json(&self) -> Value {
        json!({ "auc": self.auc, "means": self.means })
    }
}

impl Marks {
    fn new(marks: &[&Mark]) -> Marks {
        let count = |of: fn(&Mark) -> bool| marks.iter().filter(|mark| of(mark)).count() as u64;
        let late = |mark: &&Mark| Some(mark.halted_at?.checked_sub(mark.first)? as f64);
        let mut late: Vec<f64> = marks.iter().filter_map(late).collect();
        late.sort_by(f64::total_cmp);
        Marks {
            answers: marks.len() as u64,
            halted: late.len() as u64,
            early: count(|mark| mark.halted_at.is_some_and(|at| at < mark.first)),
            shown: count(|mark| mark.is_shown),
            late,
        }
    }

    fn share(&self, part: u64) -> f64 {
        part as f64 / self.answers as f64
    }

    /// The mean, none if nothing was halted.
    fn late_mean(&self) -> Option<f64> {
        (!self.late.is_empty()).then(|| self.late.iter().sum::<f64>() / self.late.len() as f64)
    }
}

impl Report {
    fn json(&self) -> Value {
        let Report { samples, intervals, latencies, .. } = self;
        let counts = samples.counts();
        let best = samples.best_limit();
        let best_counts = best.map(|limit| samples.counts_at(limit));
        let marks = self.marks.as_ref().map(|marks| {
            json!({
                "answers": marks.answers,
                "halted_at_or_after": marks.share(marks.halted),
                "halted_before": marks.share(marks.early),
                "shown": marks.share(marks.shown),
                "tokens_late": {
                    "median": quantile(&marks.late, 0.5), "mean": marks.late_mean(),
                    "p90": quantile(&marks.late, 0.9),
                },
            })
        });
        json!({
            "rows": self.data.rows,
            "answers": samples.sorted().len(),
            "right": counts.right,
            "wrong": counts.wrong,
            "groups": samples.groups(),
            "data_digest": self.data.digest,
            "check": self.check.name,
            "score": self.check.score.from,
            "auc": figure(samples.auc(), intervals.auc),
            "at_policy": {
                "hard_limit": self.check.hard_limit,
                "balanced_accuracy":
                    figure(counts.balanced_accuracy(), intervals.balanced_accuracy),
                "false_halts": figure(counts.false_halts(), intervals.false_halts),
                "recall": figure(counts.recall(), intervals.recall),
            },
            "at_best": {
                "limit": best,
                "chosen_on_these_data": true,
                "balanced_accuracy": best_counts.and_then(|counts| counts.balanced_accuracy()),
                "false_halts": best_counts.and_then(|counts| counts.false_halts()),
                "recall": best_counts.and_then(|counts| counts.recall()),
            },
            "baselines": { "overlap": self.overlap.json(), "length": self.length.json() },
            "latency_us": {
                "claims": latencies.len(), "p50": quantile(latencies, 0.5),
                "p99": quantile(latencies, 0.99), "max": latencies.last(),
            },
            "marks": marks,
        })
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Report { samples, intervals, latencies, check, .. } = self;
        let counts = samples.counts();
        let mut row = |name: &str, value: String| {
            let line = format!("{name:<24}{value}");
            writeln!(out, "{}", line.trim_end())
        };
        row(
            "answers",
            format!(
                "{}: {} right, {} wrong; {} rows, {} groups",
                samples.sorted().len(),
                counts.right,
                counts.wrong,
                self.data.rows,
                samples.groups()
            ),
        )?;
        row("check", format!("`{}`, score from {}", check.name, check.score.from.as_str()))?;
        row("auc", shown(samples.auc(), intervals.auc))?;
        row("at the policy's limits, as the gate halts", String::new())?;
        for (name, value, interval) in figures(&counts, intervals) {
            row(name, shown(value, interval))?;
        }
        if let Some(best) = samples.best_limit() {
            row(&format!("at the limit {best:.4}, chosen on these data"), String::new())?;
            for (name, value, _) in figures(&samples.counts_at(best), intervals) {
                row(name, shown(value, None))?;
            }
        }
        row("without the gate", String::new())?;
        for (name, baseline) in [("  shared words", &self.overlap), ("  length", &self.length)] {
            row(
                name,
                match baseline.auc {
                    Some(auc) => format!("auc {auc:.4}, {}", baseline.means),
                    None => shown(None, None),
                },
            )?;
        }
        let micros = |p| quantile(latencies, p).map_or("none".to_string(), |x| format!("{x:.1}"));
        row(
            "time for a claim",
            format!(
                "{} µs median, {} µs p99, {} µs at most; {} claims",
                micros(0.5),
                micros(0.99),
                micros(1.0),
                latencies.len()
            ),
        )?;
        let Some(marks) = &self.marks else { return Ok(()) };
        let of = |part| format!("{:.3}, {part} of {}", marks.share(part), marks.answers);
        row("at the first unsupported token", String::new())?;
        row("  halted there or later", of(marks.halted))?;
        row("  halted before", of(marks.early))?;
        row("  token was shown", of(marks.shown))?;
        let late = |value: Option<f64>| value.map_or("none".to_string(), |x| format!("{x:.1}"));
        row(
            "  tokens late",
            format!(
                "{} median, {} mean, {} p90",
                late(quantile(&marks.late, 0.5)),
                late(marks.late_mean()),
                late(quantile(&marks.late, 0.9))
            ),
        )
    }
}

type NamedFigure = (&'static str, Option<f64>, Option<Interval>);

pub(crate) fn figures(counts: &Counts, intervals: &Intervals) -> [NamedFigure; 3] {
    [
        ("  balanced accuracy", counts.balanced_accuracy(), intervals.balanced_accuracy),
        ("  false halts", counts.false_halts(), intervals.false_halts),
        ("  recall", counts.recall(), intervals.recall),
    ]
}

pub(crate) fn shown(value: Option<f64>, interval: Option<Interval>) -> String {
    match (value, interval) {
        (None, _) => "none: answers of one kind".to_string(),
        (Some(value), None) => format!("{value:.4}"),
        (Some(value), Some(Interval { low, high })) => {
            format!("{value:.4}, 95 % from {low:.4} to {high:.4}")
        }
    }
}

pub(crate) fn figure(value: Option<f64>, interval: Option<Interval>) -> Value {
    let (low, high) = interval.map(|interval| (interval.low, interval.high)).unzip();
    json!({ "value": value, "low": low, "high": high })
}
