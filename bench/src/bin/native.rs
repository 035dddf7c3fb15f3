//! The native side of `js/bench/bench.mjs`: the same work, timed here, the best of so many runs in
//! nanoseconds on stdout.
//!
//!     native kernel TOKENS RUNS
//!     native stream FILE POLICY FACTS RUNS
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool of the benchmark"
)]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use tidegate::{Checks, Format, Framing, Source, StreamDriver};
use tidegate_ground::Facts;
use tidegate_kernel::{HaltConfig, HaltRule};
use tidegate_score::FactsScorer;

/// Bytes of a stream that are pushed at once, about one event.
const CHUNK_BYTES: usize = 256;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let best = match *args.as_slice() {
        ["kernel", tokens, runs] => {
            let tokens: u64 = tokens.parse().expect("a number of tokens");
            best_of(runs, || {
                let mut rule = HaltRule::new(&HaltConfig::default()).unwrap();
                for _ in 0..tokens {
                    black_box(rule.push(black_box(0.9)));
                }
            })
        }
        ["stream", file, policy, facts, runs] => {
            let bytes = fs::read(file).expect("a stream");
            let policy = fs::read_to_string(policy).expect("a policy");
            let (checks, _) = Checks::parse_with_notices(&policy, Format::Toml).expect("a policy");
            let facts = fs::read_to_string(facts).expect("facts");
            let facts = Arc::new(Facts::from_text(&facts).expect("facts"));
            best_of(runs, || {
                let mut driver = checks.driver();
                driver.set_scorer(Source::Facts, FactsScorer::new(facts.clone()));
                let mut stream = StreamDriver::new(Framing::Auto, driver);
                let mut released = 0;
                let mut count = |turn: tidegate::Turn<'_>| {
                    released += turn.step.releases().map(|it| it.text.len()).sum::<usize>();
                };
                for chunk in bytes.chunks(CHUNK_BYTES) {
                    stream.push(chunk, &mut count);
                }
                stream.finish(&mut count);
                black_box(released);
            })
        }
        _ => panic!("native kernel TOKENS RUNS, or native stream FILE POLICY FACTS RUNS"),
    };
    println!("{best}");
}

fn best_of(runs: &str, mut work: impl FnMut()) -> u128 {
    let runs: u32 = runs.parse().expect("a number of runs");
    let mut time = || {
        let start = Instant::now();
        work();
        start.elapsed().as_nanos()
    };
    (0..runs).map(|_| time()).min().unwrap_or(0)
}
