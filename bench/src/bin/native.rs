//! The native side of `js/bench/bench.mjs`: the same work, timed here, the best of so many runs in
//! nanoseconds on stdout. Streams go through the C ABI, as they do in the module.
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
use std::time::Instant;

use tidegate_capi::{
    TG_ALL_CHOICES, TG_DECIDED, tg_bytes, tg_drop, tg_facts_add, tg_facts_new, tg_gate_events,
    tg_gate_finish, tg_gate_new, tg_gate_push_bytes, tg_policy_new,
};
use tidegate_kernel::{HaltConfig, HaltRule};

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
            let [bytes, policy, facts] = [file, policy, facts].map(|it| fs::read(it).unwrap());
            let policy = tg_policy_new(policy.as_ptr(), policy.len(), 0);
            let known = tg_facts_new();
            let (data, len) = (facts.as_ptr(), facts.len());
            assert_eq!(tg_facts_add(known, data, 0, data, len, 0), 0);
            best_of(runs, || {
                let gate = tg_gate_new(policy, known, 0);
                let mut out = tg_bytes::of(b"");
                let mut after = |outcome: u32| {
                    assert_eq!(outcome & 0xff, 0);
                    if outcome & TG_DECIDED != 0 {
                        tg_gate_events(gate, &raw mut out);
                    }
                };
                for chunk in bytes.chunks(CHUNK_BYTES) {
                    after(tg_gate_push_bytes(gate, chunk.as_ptr(), chunk.len()));
                }
                after(tg_gate_finish(gate, TG_ALL_CHOICES));
                tg_drop(gate);
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
