//! What the facts scorer says of claims, case by case.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use tidegate_ground::Facts;
use tidegate_score::{
    CLAIM_BYTES_MAX, Claim, Evidence, FactsScorer, Finding, Mismatch, ScoreError, Scorer,
};

const MUSEUM: &[&str] = &[
    "The Harbour Museum opens at 9 on weekdays and closes at 5 pm.",
    "Tickets cost 12.50 euros; children under six enter free.",
    "The museum is closed on Mondays.",
    "Dogs are not allowed.",
    "The last ferry leaves at 22:15.",
    "You may return unworn shoes within 30 days of delivery for a full refund.",
    "Refunds are paid to the card that was used within 5 working days.",
    "The museum was founded in 1987 by Anna Berg, a Danish painter.",
    "About 2 million people visit the harbour each year.",
];

fn facts(passages: &[&str]) -> Facts {
    let mut facts = Facts::new();
    for passage in passages {
        facts.add("test", "", passage).unwrap();
    }
    facts
}

fn judge(passages: &[&str], claim: &str) -> (f64, Evidence) {
    let mut scorer = FactsScorer::new(facts(passages));
    let scored = scorer.score(&Claim::new(claim)).unwrap();
    (scored.score, scored.evidence.expect("something to bear out"))
}

#[track_caller]
fn supported(claim: &str, passage: usize) {
    let (score, evidence) = judge(MUSEUM, claim);
    let expect = (Finding::Supported, Some(passage), None);
    assert_eq!((evidence.finding, evidence.passage, evidence.mismatch), expect, "{claim}: {score}");
    assert!(score >= 0.5, "{claim}: {score}");
}

#[track_caller]
fn contradicted(claim: &str, passage: usize, mismatch: Mismatch, unmatched: &[&str]) {
    let (score, evidence) = judge(MUSEUM, claim);
    let expect = (Finding::Contradicted, Some(passage), Some(mismatch));
    assert_eq!((evidence.finding, evidence.passage, evidence.mismatch), expect, "{claim}: {score}");
    assert_eq!(evidence.unmatched, unmatched, "{claim}");
    assert!(score < 0.5, "{claim}: {score}");
}

#[track_caller]
fn unsupported(claim: &str) {
    let (score, evidence) = judge(MUSEUM, claim);
    assert_eq!(evidence.finding, Finding::Unsupported, "{claim}: {score}, {evidence:?}");
    assert!(score < 0.5, "{claim}: {score}");
}

#[test]
fn what_a_passage_says_is_supported() {
    supported("The museum opens at nine on weekdays.", 0);
    supported("The museum closes at 5.", 0);
    supported("It closes at 17:00.", 0);
    supported("A ticket costs 12.5 euros.", 1);
    supported("A ticket costs €12.50.", 1);
    supported("Children under 6 enter free.", 1);
    supported("It is closed on Mondays.", 2);
    supported("Dogs aren't allowed.", 3);
    supported("Dogs are not allowed in the museum.", 3);
    supported("The last ferry sails at 22:15.", 4);
    supported("You can return unworn shoes within 30 days.", 5);
    supported("Refunds take up to 5 working days.", 6);
    supported("The museum was founded in the 1980s.", 7);
    supported("It was founded by a painter from Denmark.", 7);
    supported("More than 1,000,000 people visit the harbour each year.", 8);
    supported("Some 2.1 million people visit the harbour each year.", 8);
}

#[test]
fn what_a_passage_denies_is_contradicted() {
    contradicted("The museum opens at 10 on weekdays.", 0, Mismatch::Number, &["10"]);
    contradicted("The museum closes at 5 am.", 0, Mismatch::Number, &["5 am"]);
    contradicted("Tickets cost 11.50 euros.", 1, Mismatch::Number, &["11.50 euros"]);
    contradicted("Children under 12 enter free.", 1, Mismatch::Number, &["12"]);
    contradicted("The museum is closed on Tuesday.", 2, Mismatch::Date, &["Tuesday"]);
    contradicted("The museum isn't closed on Mondays.", 2, Mismatch::Negation, &[]);
    contradicted("The museum is open on Mondays.", 2, Mismatch::Antonym, &["open"]);
    contradicted("Dogs are allowed.", 3, Mismatch::Negation, &[]);
    contradicted("The last ferry leaves at 23:45.", 4, Mismatch::Number, &["23:45"]);
    contradicted("You can return shoes within 60 days.", 5, Mismatch::Number, &["60 days"]);
    contradicted("You may return worn shoes within 30 days.", 5, Mismatch::Antonym, &["worn"]);
    contradicted("The museum was founded in 1978.", 7, Mismatch::Date, &["1978"]);
    contradicted("Anna Berg is a Swedish painter.", 7, Mismatch::Name, &["Swedish"]);
    contradicted(
        "3 million people visit the harbour each year.",
        8,
        Mismatch::Number,
        &["3 million"],
    );
}

#[test]
fn what_no_passage_speaks_to_is_unsupported() {
    unsupported("The café in the museum serves cake and soup.");
    unsupported("Paris lies on the Seine.");
    unsupported("Our boots are made of Italian leather.");
    unsupported("Children love the submarine.");
    let (_, evidence) = judge(MUSEUM, "Paris lies on the Seine.");
    assert_eq!((evidence.passage, &*evidence.text), (None, ""));
    assert_eq!(evidence.unmatched, ["Paris", "lies", "Seine"]);
}

#[test]
fn what_says_nothing_is_not_held_against_it() {
    let mut scorer = FactsScorer::new(facts(MUSEUM));
    for claim in ["", "Yes, it is.", "…", "So it was, and they did."] {
        let scored = scorer.score(&Claim::new(claim)).unwrap();
        let expect = (1.0, None);
        assert_eq!((scored.score, scored.evidence.map(|e| e.unmatched)), expect, "{claim}");
    }
}

#[test]
fn a_heading_says_what_a_passage_speaks_of() {
    let mut store = Facts::new();
    store.add("shop", "Returns of boots", "They are taken back within 14 days.").unwrap();
    let mut scorer = FactsScorer::new(store);
    let scored = scorer.score(&Claim::new("Boots are taken back within 14 days.")).unwrap();
    assert_eq!(scored.finding(), Some(Finding::Supported), "{scored:?}");
}

#[test]
fn other_scripts_are_compared_as_they_stand() {
    let passages = ["博物館は9時に開き、5時に閉まる。", "Музей открыт с 9 до 5."];
    let (right, _) = judge(&passages, "博物館は9時に開く。");
    let (wrong, _) = judge(&passages, "博物館は8時に開く。");
    assert!(right >= 0.5 && wrong < right, "{right} {wrong}");
    let (right, _) = judge(&passages, "Музей открыт с 9.");
    let (wrong, _) = judge(&passages, "Музей открыт с 10.");
    assert!(right >= 0.5 && wrong < right, "{right} {wrong}");
}

/// The same claim has the same score, whatever was asked before.
#[test]
fn what_was_asked_before_changes_nothing() {
    let claims = ["The museum closes at 4.", "Dogs are allowed.", "Tickets cost 12.50 euros."];
    let mut old = FactsScorer::new(facts(MUSEUM));
    for claim in claims.iter().chain(&claims) {
        let fresh = FactsScorer::new(facts(MUSEUM)).score(&Claim::new(claim)).unwrap();
        assert_eq!(old.score(&Claim::new(claim)).unwrap(), fresh, "{claim}");
    }
}

#[test]
fn a_claim_that_is_too_long_is_named() {
    let mut scorer = FactsScorer::new(facts(MUSEUM));
    let long = "museum ".repeat(CLAIM_BYTES_MAX / 7);
    assert!(scorer.score(&Claim::new(&long)).is_ok());
    let error = scorer.score(&Claim::new(&long.repeat(2))).unwrap_err();
    let expect = "the claim has 131068 bytes: at most 65536 are scored";
    assert_eq!(error, ScoreError::Failed(expect.to_string()));
}
