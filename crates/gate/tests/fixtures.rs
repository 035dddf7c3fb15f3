//! Runs the contract cases in `fixtures/`; `fixtures/README.md` describes them.
//!
//! `UPDATE_EXPECT=1` rewrites what a case expects; read the diff.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate::{
    Answer, Channel, Checks, Event, Framing, Halted, Mode, Policy, Record, Replay, Source, Step,
    StreamDriver, TextAction, TextMatch,
};
use tidegate_ground::Facts;
use tidegate_kernel::{Decision, HaltRule};
use tidegate_score::{Claim, Evidence, FactsScorer, Finding, ScoreError, Scored, Scorer};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    teaches: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kernel: Option<KernelInput>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    facts: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scores: Vec<Number>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Call>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    /// What counts is when answers come between the pushes: they are not cut.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    uncut: bool,
    expect: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KernelInput {
    /// The fields of a halt check that the kernel has.
    config: Value,
    scores: Vec<Number>,
}

/// A score as JSON can hold it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(f64),
    /// `NaN`, `inf`, `-inf`, `-0.0`, `missing` or `late`.
    Word(String),
    /// A score and what the facts say to the claim.
    Found {
        finding: String,
        score: Box<Number>,
    },
    Repeat {
        repeat: usize,
        score: f64,
    },
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Call {
    Push {
        push: String,
        #[serde(default)]
        choice: u32,
        #[serde(default = "content")]
        channel: String,
    },
    Token {
        token: u64,
        score: Number,
        #[serde(default)]
        choice: u32,
        #[serde(default = "content")]
        channel: String,
    },
    /// From here on claims wait for `resolve`.
    Manual {
        manual: bool,
    },
    Resolve {
        resolve: u64,
        score: Number,
    },
    Fault {
        fault: String,
        detail: String,
    },
    Finish {
        finish: u32,
    },
}

fn content() -> String {
    "content".to_string()
}

type Answered = Result<Scored, ScoreError>;

fn answers(numbers: &[Number]) -> Vec<Answered> {
    let scored = |score| Ok(Scored { score, evidence: None });
    let answer = |number: &Number| match number {
        Number::Plain(score) => vec![scored(*score)],
        Number::Word(word) if word == "missing" => vec![Err(ScoreError::Missing)],
        Number::Word(word) if word == "late" => vec![Err(ScoreError::Late)],
        Number::Word(word) => vec![scored(word.parse().unwrap())],
        Number::Found { finding, score } => {
            let evidence = Some(Evidence {
                finding: Finding::of(finding).unwrap(),
                mismatch: None,
                passage: None,
                text: String::new(),
                unmatched: Vec::new(),
            });
            let Scored { score, .. } = answers(std::slice::from_ref(score)).remove(0).unwrap();
            vec![Ok(Scored { score, evidence })]
        }
        Number::Repeat { repeat, score } => vec![scored(*score); *repeat],
    };
    numbers.iter().flat_map(answer).collect()
}

fn answer(number: &Number) -> Answer {
    Answer::from(&answers(std::slice::from_ref(number)).remove(0))
}

/// What came of a case.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Result_ {
    /// By choice and channel.
    released: BTreeMap<String, String>,
    halts: Vec<Halted>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadow: Vec<Halted>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed: Vec<Halted>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<Match>,
    passed: u64,
    /// What was found of claims that passed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    findings: BTreeMap<&'static str, u64>,
    warnings: u64,
}

/// What a text rule matched.
#[derive(Debug, PartialEq, Serialize)]
struct Match {
    choice: u32,
    channel: String,
    check: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    action: TextAction,
    mode: Mode,
    start: u64,
    end: u64,
}

impl Match {
    fn of(found: &TextMatch) -> Match {
        Match {
            choice: found.choice,
            channel: found.channel.to_string(),
            check: found.check.to_string(),
            rule: found.rule.as_deref().map(str::to_string),
            action: found.action,
            mode: found.mode,
            start: found.span.start,
            end: found.span.end,
        }
    }
}

impl Result_ {
    fn note(&mut self, step: &Step) {
        for release in step.releases() {
            let key = format!("{} {}", release.choice, release.channel);
            self.released.entry(key).or_default().push_str(release.text);
        }
        for event in step.events() {
            match event {
                Event::Passed(passed) => {
                    self.passed += 1;
                    self.warnings += u64::from(passed.warn);
                    if let Some(finding) = passed.finding {
                        *self.findings.entry(finding.as_str()).or_insert(0) += 1;
                    }
                }
                Event::Matched(found) => self.matches.push(Match::of(found)),
                Event::Shadow(halted) => self.shadow.push(halted.clone()),
                Event::Allowed(halted) => self.allowed.push(halted.clone()),
                Event::Halted(halted) => self.halts.push(halted.clone()),
            }
        }
    }
}

fn kernel(input: &KernelInput) -> Value {
    let mut policy = serde_json::json!({ "version": 1, "halt": [input.config] });
    policy["halt"][0]["name"] = "kernel".into();
    let policy = match Policy::parse(&policy.to_string(), tidegate::Format::Json) {
        Ok(policy) => policy,
        Err(error) => return error_value(&error),
    };
    let mut rule = HaltRule::new(&policy.halt.first().unwrap().config()).unwrap();
    let mut warnings = 0;
    for score in answers(&input.scores) {
        warnings += u64::from(rule.push(score.unwrap().score) == Decision::Warn);
    }
    let halt = rule.halt().map(|halt| {
        serde_json::json!({ "index": halt.index, "code": halt.reason.code().as_str(),
            "reason": halt.reason.to_string() })
    });
    serde_json::json!({ "halt": halt, "warnings": warnings })
}

fn error_value(error: &tidegate::PolicyError) -> Value {
    serde_json::json!({ "error": error.message(), "help": error.help() })
}

/// The scorer of a case's claims.
struct Scores {
    host: std::vec::IntoIter<Answered>,
    facts: Option<FactsScorer>,
}

impl Scores {
    fn of(case: &Case) -> Scores {
        let facts =
            case.facts.as_deref().map(|facts| FactsScorer::new(Facts::from_text(facts).unwrap()));
        Scores { host: answers(&case.scores).into_iter(), facts }
    }

    fn answer(&mut self, source: Source, text: &str) -> Answered {
        match (source, &mut self.facts) {
            // the host says what it knows of any source but the facts
            (Source::Facts, Some(facts)) => facts.score(&Claim::new(text)),
            _ => self.host.next().unwrap_or(Err(ScoreError::Missing)),
        }
    }
}

/// A column of answers, for a driver.
struct Column(std::vec::IntoIter<Answered>);

impl Scorer for Column {
    fn score(&mut self, _: &Claim<'_>) -> Answered {
        self.0.next().unwrap_or(Err(ScoreError::Missing))
    }
}

/// Makes the calls of a case, with the text of each push cut by `cut`.
fn calls(case: &Case, checks: &Checks, cut: &mut dyn FnMut(&str) -> Vec<String>) -> Result_ {
    let mut gate = checks.gate();
    gate.record();
    let mut scores = Scores::of(case);
    let mut result = Result_::default();
    let mut trace = vec![Record::head(checks.policy())];
    let mut manual = false;
    let mut note = |step: &Step, result: &mut Result_| {
        result.note(step);
        trace.extend_from_slice(step.records());
    };
    for call in &case.steps {
        match call {
            Call::Push { push, choice, channel } => {
                let channel: Channel = channel.parse().unwrap();
                for piece in cut(push) {
                    note(gate.push(*choice, channel, &piece), &mut result);
                    while !manual && let Some(request) = gate.next_request() {
                        let score = scores.answer(request.source, &request.text);
                        note(gate.resolve(request.id, &score).unwrap(), &mut result);
                    }
                }
            }
            Call::Token { token, score, choice, channel } => {
                let channel: Channel = channel.parse().unwrap();
                let score = answer(score);
                let step = gate.push_token(*choice, channel, Source::Host, *token, score);
                note(step, &mut result);
            }
            Call::Manual { manual: on } => manual = *on,
            Call::Resolve { resolve, score } => {
                note(gate.resolve(*resolve, answer(score)).unwrap(), &mut result);
            }
            Call::Fault { fault, detail } => note(gate.fault(fault, detail), &mut result),
            Call::Finish { finish } => {
                note(gate.finish(*finish), &mut result);
                while !manual && let Some(request) = gate.next_request() {
                    let score = scores.answer(request.source, &request.text);
                    note(gate.resolve(request.id, &score).unwrap(), &mut result);
                }
            }
        }
    }
    let mut replay = Replay::new();
    for record in &trace {
        replay.line(&record.to_json()).unwrap();
    }
    assert_eq!(replay.finish().unwrap(), result.halts, "P8");
    result
}

/// Puts the bytes of a case through wire and gate, cut into pieces.
fn stream(case: &Case, checks: &Checks, pieces: &[&[u8]]) -> Result_ {
    let mut driver = checks.driver();
    driver.set_scorer(Source::Host, Column(answers(&case.scores).into_iter()));
    if let Some(facts) = &case.facts {
        driver.set_scorer(Source::Facts, FactsScorer::new(Facts::from_text(facts).unwrap()));
    }
    let mut stream = StreamDriver::new(Framing::Auto, driver);
    let mut result = Result_::default();
    for piece in pieces {
        stream.push(piece, &mut |turn| result.note(turn.step));
    }
    stream.finish(&mut |turn| result.note(turn.step));
    result
}

/// How many random cuts each case is run with.
const RANDOM_CUTS: usize = 200;

/// Seeded: the same cuts in every run.
struct Random(u64);

impl Random {
    /// From 1 to `max`.
    fn up_to(&mut self, max: usize) -> usize {
        // Marsaglia's xorshift
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + (self.0 % max.max(1) as u64) as usize
    }

    fn pieces<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(self.up_to(bytes.len().min(40)));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }

    fn texts(&mut self, mut text: &str) -> Vec<String> {
        let mut pieces = Vec::new();
        while !text.is_empty() {
            let (piece, rest) =
                text.split_at(text.ceil_char_boundary(self.up_to(12).min(text.len())));
            pieces.push(piece.to_string());
            text = rest;
        }
        pieces
    }
}

fn characters(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}

/// The same policy by way of its bytes.
fn compiled(checks: &Checks) -> Checks {
    let bytes = checks.to_bytes();
    let compiled = Checks::from_bytes(&bytes).unwrap();
    assert_eq!(compiled.policy(), checks.policy());
    assert_eq!(compiled.to_bytes(), bytes);
    let (mut head, mut line) = (Vec::new(), Vec::new());
    compiled.write_trace_head(&mut head);
    Record::head(checks.policy()).write_line(&mut line);
    assert_eq!(head, line);
    compiled
}

/// The outcome of a case, in every cut.
fn outcome(case: &Case) -> Value {
    if let Some(input) = &case.kernel {
        return kernel(input);
    }
    let policy = case.policy.as_ref().expect("a case has `kernel` or `policy`").to_string();
    let policy = match Policy::parse(&policy, tidegate::Format::Json) {
        Ok(policy) => policy,
        Err(error) => return error_value(&error),
    };
    let checks = Checks::new(&policy).unwrap();
    let compiled = compiled(&checks);
    let mut random = Random(7);
    let result = match &case.stream {
        Some(text) => {
            let bytes = text.as_bytes();
            let whole = stream(case, &checks, &[bytes]);
            assert_eq!(stream(case, &compiled, &[bytes]), whole, "compiled");
            for at in 0..bytes.len() {
                let (head, tail) = bytes.split_at(at);
                assert_eq!(stream(case, &checks, &[head, tail]), whole, "cut at {at}");
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(stream(case, &checks, &single), whole, "one byte at a time");
            for number in 0..RANDOM_CUTS {
                let pieces = random.pieces(bytes);
                assert_eq!(stream(case, &checks, &pieces), whole, "random cut {number}");
            }
            whole
        }
        None => {
            let whole = calls(case, &checks, &mut |text| vec![text.to_string()]);
            let again = calls(case, &compiled, &mut |text| vec![text.to_string()]);
            assert_eq!(again, whole, "compiled");
            if case.uncut {
                return serde_json::to_value(whole).unwrap();
            }
            assert_eq!(calls(case, &checks, &mut characters), whole, "one character at a time");
            let longest = case.steps.iter().map(|call| match call {
                Call::Push { push, .. } => push.len(),
                _ => 0,
            });
            // a very long push is one thing to try, not thousands
            for at in 1..longest.max().unwrap_or(0).min(200) {
                let mut halves = |text: &str| {
                    let (head, tail) = text.split_at(text.floor_char_boundary(at));
                    vec![head.to_string(), tail.to_string()]
                };
                assert_eq!(calls(case, &checks, &mut halves), whole, "cut at {at}");
            }
            for number in 0..RANDOM_CUTS {
                let mut pieces = |text: &str| random.texts(text);
                assert_eq!(calls(case, &checks, &mut pieces), whole, "random cut {number}");
            }
            whole
        }
    };
    serde_json::to_value(result).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn all_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let files = files(&folder);
    let mut failures = Vec::new();
    for path in &files {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        let mut case: Case = serde_json::from_str(&fs::read_to_string(path).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!case.teaches.is_empty(), "{name} says what it teaches");
        let outcome = std::panic::catch_unwind(|| outcome(&case))
            .unwrap_or_else(|_| panic!("{name}: see above"));
        if outcome == case.expect {
            continue;
        }
        if update {
            case.expect = outcome;
            let text = serde_json::to_string_pretty(&case).unwrap();
            fs::write(path, text + "\n").unwrap();
        } else {
            failures.push(format!("{name}\n  expected {}\n  got      {outcome}", case.expect));
        }
    }
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
    assert!(files.len() >= 60, "only {} cases", files.len());
}
