//! Search against brute force.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashMap;

use proptest::prelude::*;
use tidegate_ground::{Facts, Hit, PassageId};

/// BM25 by its formula, over words as they stand (the test's have no endings).
fn brute_force(passages: &[(PassageId, String)], claim: &str, top: usize) -> Vec<Hit> {
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_string).collect() };
    let all = passages.len() as f64;
    let average = passages.iter().map(|(_, text)| words(text).len()).sum::<usize>() as f64 / all;
    let query = words(claim);
    let mut hits = Vec::new();
    for (id, text) in passages {
        let have = words(text);
        let mut score = 0.0;
        for word in &query {
            let count = have.iter().filter(|other| *other == word).count() as f64;
            let with =
                passages.iter().filter(|(_, text)| words(text).contains(word)).count() as f64;
            let idf = (1.0 + (all - with + 0.5) / (with + 0.5)).ln();
            let length = have.len() as f64 / average;
            score += idf * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length));
        }
        if score > 0.0 {
            hits.push(Hit { id: *id, score });
        }
    }
    // ranks nearer than the store's rounding are the same
    hits.sort_by(|a, b| {
        let (x, y) = ((a.score * 1e7).round(), (b.score * 1e7).round());
        y.total_cmp(&x).then(a.id.cmp(&b.id))
    });
    hits.truncate(top);
    hits
}

#[track_caller]
fn check(facts: &Facts, passages: &[(PassageId, String)], claim: &str, top: usize) {
    let found = facts.search(claim, top);
    let expect = brute_force(passages, claim, top);
    assert_eq!(found.len(), expect.len(), "{claim}: {found:?} {expect:?}");
    for (found, expect) in found.iter().zip(&expect) {
        assert!((found.score - expect.score).abs() < 1e-7, "{claim}: {found:?} {expect:?}");
    }
    // at equal ranks the order may hang on the last bit: compare it where it cannot
    let rivals = brute_force(passages, claim, usize::MAX);
    for (found, expect) in found.iter().zip(&expect) {
        let alone = expect.score;
        if rivals.iter().filter(|hit| (hit.score - alone).abs() < 1e-7).count() == 1 {
            assert_eq!(found.id, expect.id, "{claim}");
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(String),
    Delete(usize),
    Save,
}

fn text() -> impl Strategy<Value = String> {
    // few words often, many seldom: as in language
    let word = prop_oneof![
        8 => prop::sample::select(vec!["ka", "ko", "ku"]),
        3 => prop::sample::select(vec!["ra", "ro", "ru", "ta"]),
        1 => prop::sample::select(vec!["zo", "zu", "xo", "xu", "wo", "va"]),
    ];
    prop::collection::vec(word, 1..12).prop_map(|words| words.join(" "))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => text().prop_map(Step::Add),
        2 => (0..100_usize).prop_map(Step::Delete),
        1 => Just(Step::Save),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn adding_deleting_and_saving_leave_no_trace_in_ranks(
        steps in prop::collection::vec(step(), 1..60),
        claims in prop::collection::vec((text(), 1..8_usize), 1..6),
    ) {
        let mut facts = Facts::new();
        let mut passages: Vec<(PassageId, String)> = Vec::new();
        for step in steps {
            match step {
                Step::Add(text) => passages.push((facts.add("s", "", &text).unwrap(), text)),
                Step::Delete(at) if !passages.is_empty() => {
                    let (id, _) = passages.remove(at % passages.len());
                    prop_assert!(facts.delete(id));
                    prop_assert!(!facts.delete(id));
                }
                Step::Delete(_) => {}
                Step::Save => {
                    let file = facts.to_bytes();
                    facts = Facts::from_bytes(&file).unwrap();
                    prop_assert_eq!(facts.to_bytes(), file, "the same store gives the same file");
                }
            }
        }
        prop_assert_eq!(facts.len(), passages.len());
        for (claim, top) in claims {
            check(&facts, &passages, &claim, top);
        }
    }
}

#[test]
fn a_store_of_thousands_is_searched_as_by_brute_force() {
    let words = ["ka", "ko", "ku", "ra", "ro", "ta", "zo", "zu", "xo", "wo", "va", "ne", "ni"];
    let mut seed = 7_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    let mut facts = Facts::new();
    let mut passages = Vec::new();
    for _ in 0..1200 {
        let length = 3 + next(20);
        let words: Vec<&str> =
            (0..length).map(|_| words[next(words.len()).min(next(words.len()))]).collect();
        let text = words.join(" ");
        passages.push((facts.add("s", "", &text).unwrap(), text));
    }
    for at in (0..1200).rev().filter(|at| at % 3 != 0).collect::<Vec<_>>() {
        let (id, _) = passages.remove(at);
        assert!(facts.delete(id));
    }
    for claim in ["va", "ka ni", "ka ko ku ra ro", "zo zu ne ni wo ka", "nothing"] {
        check(&facts, &passages, claim, 5);
    }
}

#[test]
fn words_are_found_by_stem_and_heading() {
    let mut facts = Facts::new();
    let boots = facts.add("shop", "Returns", "Boots are taken back within 14 days.").unwrap();
    let hours = facts.add("shop", "Opening hours", "We open at 9.").unwrap();
    let best = |claim: &str| facts.search(claim, 5).first().map(|hit| hit.id);
    assert_eq!(best("You can return your boot."), Some(boots));
    assert_eq!(best("What are your opening hours?"), Some(hours));
    assert_eq!(best("OPENED"), Some(hours));
    assert_eq!(best("Paris"), None);
    assert_eq!(best(""), None);
    assert_eq!(facts.search("open", 0), []);
}

#[test]
fn sources_are_deleted_whole() {
    let mut facts = Facts::new();
    for (source, text) in [("a", "one"), ("b", "two"), ("a", "three one")] {
        facts.add(source, "", text).unwrap();
    }
    assert_eq!(facts.delete_source("a"), 2);
    assert_eq!(facts.delete_source("a"), 0);
    assert_eq!(facts.len(), 1);
    assert_eq!(facts.search("one", 5), []);
    assert_eq!(facts.passages().map(|passage| passage.text).collect::<Vec<_>>(), ["two"]);
    let next = facts.add("a", "", "one").unwrap();
    assert_eq!(next, PassageId(3), "numbers are not given twice");
    let by_source: HashMap<&str, usize> =
        facts.passages().map(|passage| (passage.source, passage.text.len())).collect();
    assert_eq!(by_source, HashMap::from([("a", 3), ("b", 3)]));
}
