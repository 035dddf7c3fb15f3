//! A whole recorded stream, as server-sent events, through wire and gate.
//!
//! The streams are not part of the project: they are looked for in
//! `TIDEGATE_DATA`, or `../shared/data` beside it. Without them the project's
//! own example is taken, and the name of the benchmark says so.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate::{Driver, Format, Framing, Policy, Source, StreamDriver};
use tidegate_score::{Claim, ScoreError, Scored, Scorer};
use tidegate_wire::{Item, Limits, Wire};

struct Good;

impl Scorer for Good {
    fn score(&mut self, _: &Claim<'_>) -> Result<Scored, ScoreError> {
        Ok(Scored { score: 0.9, evidence: None })
    }
}

/// The streams by name, as the bytes that a provider sends.
fn streams() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let data = std::env::var_os("TIDEGATE_DATA").map_or(root.join("../shared/data"), Into::into);
    let names = ["openai/openai-text", "groq/groq-text", "xai-responses/xai-text-streaming.1"];
    let read = |name: &&str| {
        let path = data.join(format!("streams/{name}.chunks.txt"));
        let lines = fs::read_to_string(path).ok()?;
        let events = lines.lines().filter(|line| !line.trim().is_empty());
        let sse: String = events.map(|line| format!("data: {line}\n\n")).collect();
        Some(((*name).to_string(), sse.into_bytes()))
    };
    let found: Vec<_> = names.iter().filter_map(read).collect();
    if !found.is_empty() {
        return found;
    }
    let example = fs::read(root.join("examples/right.sse")).unwrap();
    vec![("no recorded streams, examples/right.sse".to_string(), example)]
}

fn read(bytes: &[u8]) -> usize {
    let mut wire = Wire::new(Framing::Sse, Limits::default());
    let mut length = 0;
    let mut sink = |item: Item<'_>| {
        if let Item::Delta(delta) = item {
            length += delta.text.len();
        }
    };
    wire.push(bytes, &mut sink);
    wire.finish(&mut sink);
    length
}

fn gate(policy: &Policy, bytes: &[u8]) -> usize {
    let mut driver = Driver::new(policy).unwrap();
    driver.set_scorer(Source::Host, Good);
    let mut stream = StreamDriver::new(Framing::Sse, driver);
    let mut length = 0;
    let mut on_turn = |turn: tidegate::Turn<'_>| {
        length += turn.step.releases().map(|release| release.text.len()).sum::<usize>();
    };
    stream.push(bytes, &mut on_turn);
    stream.finish(&mut on_turn);
    length
}

fn stream(c: &mut Criterion) {
    let parse = |text| Policy::parse(text, Format::Toml).unwrap();
    let open = parse("version = 1");
    let tokens = parse("version = 1\n[[halt]]");
    let claims = parse("version = 1\n[[halt]]\nscore = { from = \"host\", at = \"claim\" }");
    for (name, bytes) in streams() {
        let mut group = c.benchmark_group(format!("stream/{name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("wire alone", |b| b.iter(|| black_box(read(&bytes))));
        for (what, policy) in [("no check", &open), ("tokens", &tokens), ("claims", &claims)] {
            assert_eq!(gate(policy, &bytes), read(&bytes), "all is released");
            group.bench_function(format!("wire + gate, {what}"), |b| {
                b.iter(|| black_box(gate(policy, &bytes)));
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = stream
}
criterion_main!(benches);
