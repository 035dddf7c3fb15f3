//! Recorded streams of real providers, through wire and gate.
//!
//! The streams are not part of the project: they are looked for in
//! `TIDEGATE_DATA`, or `../shared/data` beside it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tidegate::{Channel, Driver, Format, Framing, Policy, Record, Replay, Source, StreamDriver};
use tidegate_score::{Claim, ScoreError, Scored, Scorer};
use tidegate_wire::{Item, Limits, Wire};

type Texts = BTreeMap<(u32, Channel), String>;

fn streams() -> Option<Vec<PathBuf>> {
    let data = std::env::var_os("TIDEGATE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folders = fs::read_dir(data.join("streams")).ok()?;
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    Some(files)
}

/// All that the stream says.
fn said(bytes: &[u8]) -> Texts {
    let mut texts = Texts::new();
    let mut wire = Wire::new(Framing::Auto, Limits::default());
    let mut sink = |item: Item<'_>| {
        if let Item::Delta(delta) = item {
            texts.entry((delta.choice, delta.channel)).or_default().push_str(delta.text);
        }
    };
    wire.push(bytes, &mut sink);
    wire.finish(&mut sink);
    texts
}

/// Good scores, until so many claims were scored.
struct GoodFor(u32);

impl Scorer for GoodFor {
    fn score(&mut self, _: &Claim<'_>) -> Result<Scored, ScoreError> {
        let good = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        Ok(Scored { score: if good { 0.9 } else { 0.1 }, evidence: None })
    }
}

struct Outcome {
    released: Texts,
    halted: bool,
}

fn run(policy: &Policy, good_claims: u32, bytes: &[u8], piece: usize) -> Outcome {
    let mut driver = Driver::new(policy).unwrap();
    driver.record();
    driver.set_scorer(Source::Host, GoodFor(good_claims));
    let mut stream = StreamDriver::new(Framing::Auto, driver);
    let mut released = Texts::new();
    let mut trace = vec![Record::head(policy)];
    let mut on_turn = |turn: tidegate::Turn<'_>| {
        for release in turn.step.releases() {
            let key = (release.choice, release.channel);
            released.entry(key).or_default().push_str(release.text);
        }
        trace.extend_from_slice(turn.step.records());
    };
    for piece in bytes.chunks(piece) {
        stream.push(piece, &mut on_turn);
    }
    stream.finish(&mut on_turn);
    let mut replay = Replay::new();
    for record in &trace {
        replay.line(&record.to_json()).unwrap();
    }
    let halts = replay.finish().unwrap();
    Outcome { released, halted: !halts.is_empty() }
}

fn policy(text: &str) -> Policy {
    Policy::parse(text, Format::Toml).unwrap()
}

const ALL: &str = r#"
    version = 1
    [stream]
    on_fault = "allow"
    [[halt]]
    channels = ["content", "reasoning", "refusal", "tool"]
    score = { from = "host", at = "claim" }
"#;

#[test]
fn recorded_streams_pass_whole_or_halt_at_a_prefix() {
    let Some(files) = streams() else {
        eprintln!("skipped: no recorded streams; set TIDEGATE_DATA to the folder that has them");
        return;
    };
    assert!(files.len() >= 80, "{} streams", files.len());
    let open = policy("version = 1\nstream.on_fault = \"allow\"");
    let all = policy(ALL);
    let (mut halts, mut bytes) = (0, 0);
    for path in &files {
        let name = path.display();
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let sse: String = lines.map(|line| format!("data: {line}\n\n")).collect();
        let said = said(sse.as_bytes());
        bytes += said.values().map(String::len).sum::<usize>();
        for piece in [usize::MAX, 1000, 1] {
            assert_eq!(run(&open, 0, sse.as_bytes(), piece).released, said, "{name}: no check");
            let passed = run(&all, u32::MAX, sse.as_bytes(), piece);
            assert_eq!(passed.released, said, "{name}: all claims good");
            assert!(!passed.halted, "{name}");
        }
        for good in [0, 1, 2, 5] {
            let whole = run(&all, good, sse.as_bytes(), usize::MAX);
            let single = run(&all, good, sse.as_bytes(), 1);
            assert_eq!(whole.released, single.released, "{name}: halted after {good}");
            assert_eq!(whole.halted, single.halted, "{name}");
            for (key, released) in &whole.released {
                assert!(said.get(key).is_some_and(|said| said.starts_with(released.as_str())));
            }
            halts += u32::from(whole.halted);
        }
    }
    eprintln!(
        "{} streams, {bytes} bytes of text, {halts} of {} runs halted",
        files.len(),
        4 * files.len()
    );
    assert!(halts > 80, "only {halts} halts");
}
