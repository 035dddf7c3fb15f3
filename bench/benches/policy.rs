//! Reading a policy: parse, check, and a gate that is ready.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tidegate::{Format, Gate, Policy};

fn policy(c: &mut Criterion) {
    let toml = include_str!("../../examples/facts.toml");
    let yaml = include_str!("../../examples/tokens.yaml");
    let json = serde_json::to_string(&Policy::parse(toml, Format::Toml).unwrap()).unwrap();
    let mut group = c.benchmark_group("policy");
    for (name, text, format) in [
        ("toml", toml, Format::Toml),
        ("yaml", yaml, Format::Yaml),
        ("json", json.as_str(), Format::Json),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| Policy::parse(black_box(text), format).unwrap());
        });
    }
    let policy = Policy::parse(toml, Format::Toml).unwrap();
    group.bench_function("a new gate", |b| b.iter(|| Gate::new(black_box(&policy)).unwrap()));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = policy
}
criterion_main!(benches);
