//! Scoring a claim without a model: search and comparison.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tidegate_ground::Facts;
use tidegate_score::{Claim, FactsScorer, LogprobScorer, Scorer, TokenStat};

/// Five passages of 20 to 28 words.
const PASSAGES: [&str; 5] = [
    "The Harbour Museum opens at 9 on weekdays and closes at 5 except on the last Friday of every \
     month, when it is open until 8.",
    "Tickets for adults cost 12.50 euros and can be bought at the counter or on the site of the \
     museum; children under six enter free.",
    "The museum is closed on Mondays and on public holidays, when the harbour office next door \
     answers questions of visitors to the museum.",
    "Dogs are not allowed in the museum or its garden, but guide dogs are welcome on all floors and \
     in the café beside the museum.",
    "The last ferry from the museum's pier leaves at 22:15 on all days of the week in summer and at \
     19:00 in winter.",
];

/// 20 words, one of which is wrong.
const CLAIM: &str = "The museum on the harbour opens at 10 on weekdays and closes at 5 except the last \
                     Friday of May.";

fn score(c: &mut Criterion) {
    assert_eq!(CLAIM.split_whitespace().count(), 20);
    let mut facts = Facts::new();
    for passage in PASSAGES {
        facts.add("bench", "", passage).unwrap();
    }
    let facts = Arc::new(facts);
    let claim = Claim::new(CLAIM);
    let mut group = c.benchmark_group("claim of 20 words, 5 passages");
    group.bench_function("facts, passages new to the scorer", |b| {
        let make = || FactsScorer::new(facts.clone());
        b.iter_batched_ref(make, |scorer| scorer.score(black_box(&claim)), BatchSize::SmallInput);
    });
    group.bench_function("facts, passages seen before", |b| {
        let mut scorer = FactsScorer::new(facts.clone());
        b.iter(|| scorer.score(black_box(&claim)));
    });
    group.bench_function("search alone", |b| b.iter(|| facts.search(black_box(CLAIM), 5)));
    let tokens = [TokenStat { logprob: -0.3, entropy: Some(0.7) }; 26];
    let claim = Claim { text: CLAIM, tokens: &tokens };
    group.bench_function("logprob, 26 tokens", |b| {
        b.iter(|| LogprobScorer::default().score(black_box(&claim)));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = score
}
criterion_main!(benches);
