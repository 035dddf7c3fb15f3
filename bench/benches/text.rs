//! Text rules, with the whole library on: how fast, and beside what people do
//! today, how much leaks, how much is held and how soon text begins to leave.
//!
//! Exits with 1 if Tidegate leaks, or is later than a scan of each delta where
//! no match is possible.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "a benchmark"
)]

#[path = "../../crates/text/tests/oracle/mod.rs"]
mod oracle;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use oracle::{Oracle, Random};
use proptest::strategy::{Strategy, ValueTree};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;
use regex::Regex;
use tidegate::{Channel, Checks, Format};
use tidegate_text::library::LIBRARY;
use tidegate_text::{AUTOMATON_BYTES_MAX, Action, Filter, Rule, Rules, View};

const CASES: usize = 2000;
const REPLACEMENT: &str = "[redacted]";

fn main() -> ExitCode {
    let rules = library();
    let start = Instant::now();
    let compiled = Arc::new(Rules::new(&rules, AUTOMATON_BYTES_MAX).unwrap());
    println!(
        "{} rules made ready in {:.0} ms: {} states, {:.1} MB",
        rules.len(),
        start.elapsed().as_secs_f64() * 1e3,
        compiled.automaton_states(),
        compiled.automaton_bytes() as f64 / 1e6,
    );
    let oracle = Oracle::new(&rules);
    throughput(&compiled);
    if compare(&compiled, &oracle) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn library() -> Vec<Rule> {
    let rule = |rule: &tidegate_text::library::LibraryRule| Rule {
        checksum: rule.checksum,
        action: Action::Mask(REPLACEMENT.to_string()),
        ..Rule::regex(rule.regex)
    };
    LIBRARY.iter().map(rule).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Prose: the project's own, and that of labelled data if it is there.
fn prose() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let own = fs::read_to_string(root().join("examples/handbook.md")).unwrap();
    texts.push(("handbook, repeated".to_string(), own.repeat(4_000_000 / own.len())));
    let data = std::env::var_os("TIDEGATE_DATA").map_or(root().join("../shared/data"), Into::into);
    match fs::read_to_string(data.join("halueval/qa-250.jsonl")) {
        Ok(lines) => {
            let mut text = String::new();
            for line in lines.lines() {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                for value in row.as_object().unwrap().values() {
                    text.push_str(value.as_str().unwrap_or_default());
                    text.push('\n');
                }
            }
            texts.push((
                "halueval's texts, repeated".to_string(),
                text.repeat(4_000_000 / text.len()),
            ));
        }
        Err(_) => println!("no labelled data: set TIDEGATE_DATA to its folder"),
    }
    texts
}

/// The best of five, in MB/s.
fn rate(bytes: usize, mut work: impl FnMut()) -> f64 {
    let once = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    let best = (0..5).map(|_| once(&mut work)).fold(f64::MAX, f64::min);
    bytes as f64 / best / 1e6
}

fn deltas(text: &str, bytes: usize) -> Vec<&str> {
    let mut rest = text;
    let mut deltas = Vec::new();
    while !rest.is_empty() {
        let (delta, behind) = rest.split_at(rest.ceil_char_boundary(bytes.min(rest.len())));
        deltas.push(delta);
        rest = behind;
    }
    deltas
}

fn throughput(rules: &Arc<Rules>) {
    println!("\nMB/s            one push  64-byte deltas  4-byte deltas  memory per stream");
    let policy = "version = 1\n[[text]]\nuse = [\"secrets\", \"pii\"]\naction = \"mask\"";
    let (checks, _) = Checks::parse_with_notices(policy, Format::Toml).unwrap();
    let mut texts = prose();
    let plain = texts[0].1.clone();
    let key = format!("gh{}_{}", "p", "aB3dE6".repeat(6));
    let mut planted = String::new();
    for part in deltas(&plain, 2000) {
        planted.push_str(part);
        planted.push(' ');
        planted.push_str(&key);
        planted.push(' ');
    }
    texts.push(("with a key each 2 kB".to_string(), planted));
    let mut random = Random(3);
    let mut of = |letters: &[u8], bytes: usize| -> String {
        (0..bytes).map(|_| char::from(letters[random.below(letters.len())])).collect()
    };
    texts.push(("hexadecimal digits".to_string(), of(b"0123456789abcdef", 4_000_000)));
    texts.push((
        "digits and spaces".to_string(),
        of(b"0123456789012345678901234567890123456789 ", 4_000_000),
    ));
    let base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    texts.push(("Base64".to_string(), of(base64, 4_000_000)));
    texts.push(("one letter".to_string(), "a".repeat(4_000_000)));
    texts.push((
        "beginnings of keys".to_string(),
        "sk-proj- ghp_ AKIA xoxb- eyJhbGciOiJ ".repeat(100_000),
    ));
    for (name, text) in &texts {
        println!("{name} ({:.1} MB)", text.len() as f64 / 1e6);
        let mut memory = 0;
        let filter = |deltas: &[&str], memory: &mut usize| {
            let mut filter = Filter::new(rules.clone(), View::Plain);
            let mut bytes = 0;
            for delta in deltas {
                bytes += filter.push(delta, &mut |_| ()).len();
                *memory = filter.memory_bytes().max(*memory);
            }
            bytes + filter.finish(&mut |_| ()).len()
        };
        let gate = |deltas: &[&str]| {
            let mut gate = checks.gate();
            let mut bytes = 0;
            for delta in deltas {
                let step = gate.push(0, Channel::Content, delta);
                bytes += step.releases().map(|release| release.text.len()).sum::<usize>();
            }
            bytes
        };
        let sizes = [text.len(), 64, 4].map(|bytes| deltas(text, bytes));
        let rates = sizes.each_ref().map(|deltas| {
            rate(text.len(), || {
                std::hint::black_box(filter(deltas, &mut memory));
            })
        });
        println!(
            "  text rules     {:8.0} {:15.0} {:14.0} {memory:18} bytes",
            rates[0], rates[1], rates[2]
        );
        let gated = sizes.each_ref().map(|deltas| {
            rate(text.len(), || {
                std::hint::black_box(gate(deltas));
            })
        });
        println!("  in the gate    {:8.0} {:15.0} {:14.0}", gated[0], gated[1], gated[2]);
    }
    // what the same expressions cost with all text at hand
    let all: Vec<String> = LIBRARY.iter().map(|rule| format!("(?:{})", rule.regex)).collect();
    let one = regex::RegexBuilder::new(&all.join("|"))
        .size_limit(1 << 28)
        .dfa_size_limit(1 << 28)
        .build()
        .unwrap();
    let whole = rate(plain.len(), || {
        std::hint::black_box(one.find_iter(&plain).count());
    });
    println!("the `regex` crate, all expressions as one, on the whole handbook: {whole:.0} MB/s");
}

/// A text in deltas and what must not be shown of it.
struct Case {
    text: String,
    cuts: Vec<usize>,
    /// The rejected spans.
    rejected: Vec<(usize, usize)>,
    shown: String,
}

impl Case {
    fn deltas(&self) -> impl Iterator<Item = &str> {
        let mut at = 0;
        self.cuts.iter().map(move |cut| {
            let delta = &self.text[at..*cut];
            at = *cut;
            delta
        })
    }
}

/// Something each rule matches, made from its expression.
fn samples(oracle: &Oracle) -> Vec<String> {
    let boundary = Regex::new(r"\(\?-u:\\b(?:\{start-half\})?\)").unwrap();
    let mut runner = TestRunner::deterministic();
    let mut samples = Vec::new();
    for rule in LIBRARY {
        let expression = boundary.replace_all(rule.regex, "");
        let strategy = string_regex(&expression).unwrap();
        let alone = Oracle::new(&[Rule { checksum: rule.checksum, ..Rule::regex(rule.regex) }]);
        let fits = |text: &String| {
            let padded = format!("x {text} x");
            let whole =
                |oracle: &Oracle| oracle.whole(&padded).rejected.first().map(|it| (it.1, it.2));
            whole(&alone).is_some() && whole(oracle).is_some()
        };
        let made = (0..3000).map(|_| strategy.new_tree(&mut runner).unwrap().current());
        let some: Vec<String> = made.filter(fits).take(3).collect();
        assert!(!some.is_empty(), "no sample of {}", rule.name);
        samples.extend(some);
    }
    samples
}

fn cases(oracle: &Oracle, samples: &[String]) -> Vec<Case> {
    let (_, prose) = prose().pop().unwrap();
    let mut random = Random(17);
    let mut cases = Vec::new();
    for number in 0..CASES {
        let mut stretch = || {
            let at = prose.floor_char_boundary(random.below(prose.len() - 600));
            let text = &prose[at..];
            text[..text.floor_char_boundary(20 + random.below(300))].to_string()
        };
        let mut text = stretch();
        // one in four has nothing to hide
        if number % 4 > 0 {
            text.push(' ');
            text.push_str(&samples[number % samples.len()]);
            text.push(' ');
            text.push_str(&stretch());
        }
        let mut cuts = Vec::new();
        let mut at = 0;
        for piece in random.pieces(&text, 8) {
            at += piece.len();
            cuts.push(at);
        }
        let whole = oracle.whole(&text);
        let rejected = whole.rejected.iter().map(|(_, start, end)| (*start, *end)).collect();
        cases.push(Case { text, cuts, rejected, shown: whole.text });
    }
    cases
}

/// A way to keep secrets: what leaves with each delta and at the end, and how
/// much is held.
trait Approach {
    fn push(&mut self, delta: &str) -> String;
    fn finish(&mut self) -> String;
    fn held(&self) -> usize;
}

/// Each delta is searched alone.
struct PerDelta<'a>(&'a Oracle);

impl Approach for PerDelta<'_> {
    fn push(&mut self, delta: &str) -> String {
        self.0.whole(delta).text
    }

    fn finish(&mut self) -> String {
        String::new()
    }

    fn held(&self) -> usize {
        0
    }
}

/// The last 128 characters are kept back and searched with what comes.
struct CarryOver<'a>(&'a Oracle, String);

impl Approach for CarryOver<'_> {
    fn push(&mut self, delta: &str) -> String {
        self.1.push_str(delta);
        self.1 = self.0.whole(&self.1).text;
        let kept = self.1.char_indices().rev().nth(127).map_or(0, |(at, _)| at);
        self.1.drain(..kept).collect()
    }

    fn finish(&mut self) -> String {
        std::mem::take(&mut self.1)
    }

    fn held(&self) -> usize {
        self.1.len()
    }
}

/// Text is kept back up to the end of its sentence or line.
struct PerSentence<'a>(&'a Oracle, String);

impl Approach for PerSentence<'_> {
    fn push(&mut self, delta: &str) -> String {
        self.1.push_str(delta);
        let end = self.1.rfind(['.', '!', '?', '\n']).map_or(0, |at| at + 1);
        let sentences: String = self.1.drain(..end).collect();
        self.0.whole(&sentences).text
    }

    fn finish(&mut self) -> String {
        self.0.whole(&std::mem::take(&mut self.1)).text
    }

    fn held(&self) -> usize {
        self.1.len()
    }
}

/// All is kept back to the end.
struct HoldAll<'a>(&'a Oracle, String);

impl Approach for HoldAll<'_> {
    fn push(&mut self, delta: &str) -> String {
        self.1.push_str(delta);
        String::new()
    }

    fn finish(&mut self) -> String {
        self.0.whole(&self.1).text
    }

    fn held(&self) -> usize {
        self.1.len()
    }
}

struct Tidegate(Filter);

impl Approach for Tidegate {
    fn push(&mut self, delta: &str) -> String {
        self.0.push(delta, &mut |_| ()).to_string()
    }

    fn finish(&mut self) -> String {
        self.0.finish(&mut |_| ()).to_string()
    }

    fn held(&self) -> usize {
        self.0.held_bytes()
    }
}

#[derive(Default)]
struct Score {
    /// Cases of which half a rejected span or more was shown in one piece.
    leaks: usize,
    /// Cases that came out otherwise than the whole text would.
    differ: usize,
    held_sum: usize,
    held_max: usize,
    deltas: usize,
    /// By case: with which delta the first text left, from 1.
    first: Vec<usize>,
    first_bytes: usize,
}

fn score<'a>(cases: &[Case], make: &dyn Fn() -> Box<dyn Approach + 'a>) -> Score {
    let mut score = Score::default();
    for case in cases {
        let mut approach = make();
        let mut shown = String::new();
        let (mut first, mut bytes) = (None, 0);
        for (number, delta) in case.deltas().enumerate() {
            bytes += delta.len();
            shown.push_str(&approach.push(delta));
            if first.is_none() && !shown.is_empty() {
                first = Some(number + 1);
                score.first_bytes += bytes;
            }
            score.deltas += 1;
            score.held_sum += approach.held();
            score.held_max = score.held_max.max(approach.held());
        }
        shown.push_str(&approach.finish());
        if first.is_none() {
            score.first_bytes += bytes;
        }
        score.first.push(first.unwrap_or(case.cuts.len() + 1));
        score.leaks += usize::from(case.rejected.iter().any(|span| leaks(case, *span, &shown)));
        score.differ += usize::from(shown != case.shown);
    }
    score
}

/// Whether half of a rejected span, or more, was shown in one piece that is
/// nowhere else in what may be shown.
fn leaks(case: &Case, (start, end): (usize, usize), shown: &str) -> bool {
    let secret = &case.text[start..end];
    let half = secret.len().div_ceil(2).max(4).min(secret.len());
    let mut places = (0..=secret.len() - half).filter(|at| secret.is_char_boundary(*at));
    places.any(|at| {
        let piece = secret.get(at..secret.ceil_char_boundary(at + half)).unwrap_or_default();
        shown.contains(piece) && !case.shown.contains(piece)
    })
}

/// Whether some continuation makes the text's first character part of a match.
fn is_open(oracle: &Oracle, samples: &[String], text: &str) -> bool {
    let taken = |continuation: &str| {
        let whole = oracle.whole(&format!("{text}{continuation}"));
        whole.rejected.first().is_some_and(|(_, start, _)| *start == 0)
    };
    let ends = [
        "@example.com",
        "1.1.1.1",
        "-555-123-4567",
        "555) 123-4567",
        "::1:2:3:4:5:6",
        "111111111111111",
    ];
    let of_sample = |sample: &String| sample.strip_prefix(text).is_some_and(taken);
    ends.iter().any(|end| taken(end)) || samples.iter().any(of_sample)
}

fn compare<'a>(rules: &Arc<Rules>, oracle: &'a Oracle) -> bool {
    let samples = samples(oracle);
    let cases = cases(oracle, &samples);
    let with = cases.iter().filter(|case| !case.rejected.is_empty()).count();
    println!("\n{} texts in deltas of 1 to 8 bytes, {with} with something to hide", cases.len());
    println!(
        "approach             leaks  other text  held: mean     most  first release: delta  bytes"
    );
    let tidegate =
        || Box::new(Tidegate(Filter::new(rules.clone(), View::Plain))) as Box<dyn Approach + 'a>;
    type Make<'b, 'a> = dyn Fn() -> Box<dyn Approach + 'a> + 'b;
    let approaches: [(&str, &Make<'_, 'a>); 5] = [
        ("scan of each delta", &|| Box::new(PerDelta(oracle))),
        ("carry-over of 128", &|| Box::new(CarryOver(oracle, String::new()))),
        ("scan of sentences", &|| Box::new(PerSentence(oracle, String::new()))),
        ("hold everything", &|| Box::new(HoldAll(oracle, String::new()))),
        ("Tidegate", &tidegate),
    ];
    let mut scores = Vec::new();
    for (name, make) in approaches {
        let score = score(&cases, make);
        let count = cases.len() as f64;
        println!(
            "{name:<20} {:5} {:11} {:11.1} {:8} {:21.1} {:6.1}",
            score.leaks,
            score.differ,
            score.held_sum as f64 / score.deltas as f64,
            score.held_max,
            score.first.iter().sum::<usize>() as f64 / count,
            score.first_bytes as f64 / count,
        );
        scores.push(score);
    }
    let (per_delta, ours) = (&scores[0], &scores[4]);
    let (mut late, mut too_late) = (0, 0);
    for (number, case) in cases.iter().enumerate() {
        // each delta after which the other had shown text and Tidegate had not
        for delta in per_delta.first[number]..ours.first[number] {
            late += usize::from(delta == per_delta.first[number]);
            let seen = &case.text[..case.cuts[delta - 1]];
            if !is_open(oracle, &samples, seen) {
                println!("no match seems possible at the beginning of `{seen}`");
                too_late += 1;
            }
        }
    }
    println!("Tidegate's first release is later than the scan of each delta's in {late} texts;");
    println!("of the deltas by which, none could still begin a match: {too_late}");
    ours.leaks == 0 && ours.differ == 0 && too_late == 0
}
