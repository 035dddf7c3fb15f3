//! What one push costs: nanoseconds per token, for short and long streams,
//! small and large windows, both trends, with and without a history.
//!
//! Run with `cargo bench -p tidegate-bench --bench push`. The figure to read is
//! `thrpt`, in elements (tokens) per second: within one group it should be the
//! same for every length.

#![allow(clippy::expect_used, reason = "a benchmark with a bad configuration should die")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use tidegate_kernel::{HaltConfig, HaltRule, Session, Trend, WINDOW_MAX};

const LENGTHS: [usize; 3] = [1_000, 100_000, 1_000_000];

/// Scores from 0.75 to 0.85, for which no check of a default limit can halt,
/// so that every token is judged.
fn calm_scores(count: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let next = || {
        // Knuth's MMIX constants; only the high bits are used
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        0.75 + 0.1 * (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// A rule that has seen so many scores that both windows are full: otherwise
/// 1000 tokens would never reach the checks of a window of 4096.
fn warm_rule(config: &HaltConfig) -> HaltRule {
    let mut rule = HaltRule::new(config).expect("the benchmark's configuration is valid");
    for score in calm_scores(WINDOW_MAX as usize) {
        assert!(rule.push(score).is_open(), "a calm score halted: {:?}", rule.halt());
    }
    rule
}

fn push(c: &mut Criterion) {
    for (window_size, trend_window) in [(10, 5), (WINDOW_MAX, WINDOW_MAX)] {
        for (name, trend) in [("endpoint", Trend::Endpoint), ("slope", Trend::Slope)] {
            let config = HaltConfig { window_size, trend_window, trend, ..HaltConfig::default() };
            let rule = warm_rule(&config);
            let mut group = c.benchmark_group(format!("push/{name}/{window_size}-{trend_window}"));
            for length in LENGTHS {
                let scores = calm_scores(length);
                group.throughput(Throughput::Elements(length as u64));
                group.bench_function(BenchmarkId::from_parameter(length), |b| {
                    b.iter_batched_ref(
                        || rule.clone(),
                        |rule| {
                            for &score in black_box(&scores) {
                                black_box(rule.push(score));
                            }
                            assert!(rule.halt().is_none());
                        },
                        BatchSize::SmallInput,
                    );
                });
            }
            group.finish();
        }
    }
}

/// The same with a [`Session`], which also keeps the scores; each begins empty,
/// so that the growth of its history is part of the figure.
fn session(c: &mut Criterion) {
    let mut group = c.benchmark_group("session/endpoint/10-5");
    for length in LENGTHS {
        let scores = calm_scores(length);
        group.throughput(Throughput::Elements(length as u64));
        group.bench_function(BenchmarkId::from_parameter(length), |b| {
            b.iter_batched_ref(
                || Session::new(&HaltConfig::default()).expect("the defaults are valid"),
                |session| {
                    for &score in black_box(&scores) {
                        black_box(session.push(score));
                    }
                    assert!(session.halt().is_none());
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    push(&mut criterion);
    session(&mut criterion);
    criterion.final_summary();
}
