//! Text rules in the gate: what a release stands for, and tokens in step.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

use std::collections::BTreeMap;

use tidegate::{Channel, Checks, Format, ReleasedToken, TokenLogprob, Turn};

fn checks(policy: &str) -> Checks {
    Checks::parse_with_notices(&format!("version = 1\n{policy}"), Format::Toml).unwrap().0
}

/// What came of a text: releases (text, span, masked) joined where they touch,
/// and the tokens that left.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    text: String,
    masks: Vec<(u64, String)>,
    tokens: Vec<(u64, u64, u64)>,
}

impl Seen {
    fn note(&mut self, turn: &Turn<'_>, at: &mut u64) {
        for release in turn.step.releases() {
            assert!(!release.text.is_empty(), "an empty release");
            assert!(release.span.start >= *at && release.span.end > release.span.start);
            *at = release.span.end;
            if release.is_masked {
                self.masks.push((release.span.start, release.text.to_string()));
            } else {
                let bytes = release.span.end - release.span.start;
                assert_eq!(release.text.len() as u64, bytes, "as it came");
            }
            self.text.push_str(release.text);
        }
        for token in turn.tokens {
            let ReleasedToken { index, span, logprob, .. } = token;
            assert_eq!(*logprob, -(*index as f64), "the logprob goes with its token");
            self.tokens.push((*index, span.start, span.end));
        }
    }
}

/// Puts tokens through, so many to a delta.
fn run(checks: &Checks, tokens: &[&str], tokens_per_delta: usize) -> Seen {
    let mut driver = checks.driver();
    let (mut seen, mut at, mut index) = (Seen::default(), 0, 0);
    for delta in tokens.chunks(tokens_per_delta) {
        let mut logprobs = Vec::new();
        for token in delta {
            logprobs.push(TokenLogprob {
                bytes: token.len(),
                logprob: -f64::from(index),
                entropy: None,
            });
            index += 1;
        }
        let mut on_turn = |turn: Turn<'_>| seen.note(&turn, &mut at);
        driver.push(0, Channel::Content, &delta.concat(), &logprobs, &mut on_turn);
    }
    driver.finish(&mut |turn| seen.note(&turn, &mut at));
    seen
}

#[track_caller]
fn check(policy: &str, tokens: &[&str], text: &str, left: &[u64]) {
    let checks = checks(policy);
    let whole = run(&checks, tokens, tokens.len());
    assert_eq!(whole.text, text);
    let indices: Vec<u64> = whole.tokens.iter().map(|(index, ..)| *index).collect();
    assert_eq!(indices, left);
    let all = tokens.concat();
    for (index, start, end) in &whole.tokens {
        assert_eq!(&all[*start as usize..*end as usize], tokens[*index as usize]);
    }
    for tokens_per_delta in 1..tokens.len() {
        assert_eq!(run(&checks, tokens, tokens_per_delta), whole, "{tokens_per_delta}");
    }
}

#[test]
fn tokens_leave_with_their_text() {
    check("", &["a", "b c", " d"], "ab c d", &[0, 1, 2]);
    let held = "[[text]]\nregex = 'bomb'";
    check(held, &["a", " bo", "b", " bom"], "a bob bom", &[0, 1, 2, 3]);
}

/// What a provider says of a masked token would tell what was masked.
#[test]
fn a_masked_token_does_not_leave_nor_one_in_part() {
    let mask = "[[text]]\nregex = 'b+'\naction = 'mask'\nreplacement = '*'";
    check(mask, &["a", "b", "bb", "c"], "a*c", &[0, 3]);
    check(mask, &["ab", "b", "bc", "d"], "a*cd", &[3]);
    let nothing = "[[text]]\nregex = 'b+'\naction = 'mask'\nreplacement = ''";
    check(nothing, &["a", "b", "c", "bc", "d"], "accd", &[0, 2, 4]);
    check(nothing, &["b", "b"], "", &[]);
}

#[test]
fn no_token_leaves_behind_a_halt() {
    check("[[text]]\nregex = 'bomb'", &["a ", "bo", "mb", " c"], "a ", &[0]);
    check("[[text]]\nregex = 'bomb'", &["a ", "x bo", "mb", " c"], "a x ", &[0]);
}

#[test]
fn characters_that_tokens_cut_stay_whole() {
    let mask = "[[text]]\nregex = '😀'\naction = 'mask'\nreplacement = '🙂'";
    check(mask, &["a", "😀", "b😀", "é"], "a🙂b🙂é", &[0, 3]);
}

/// A release says what it stands for, so that what a client keeps by offsets
/// stays in step.
#[test]
fn releases_say_what_they_stand_for() {
    let checks = checks("[[text]]\nregex = 'k-[0-9]{2,}'\naction = 'mask'\nreplacement = 'KEY'");
    let mut gate = checks.gate();
    let mut seen = Vec::new();
    for delta in ["a k-1", "2", "34", " b"] {
        let step = gate.push(0, Channel::Content, delta);
        for release in step.releases() {
            seen.push((release.text.to_string(), release.span, release.is_masked));
        }
    }
    let expect = [("a ", 0..2, false), ("KEY", 2..6, true), (" b", 8..10, false)];
    let expect = expect.map(|(text, span, is_masked)| (text.to_string(), span, is_masked));
    assert_eq!(seen, expect);
}

/// A gate from the same checks begins anew.
#[test]
fn checks_are_shared_and_gates_are_not() {
    let checks = checks("[[text]]\nregex = 'ab'");
    let mut shown: BTreeMap<usize, String> = BTreeMap::new();
    let mut gates = [checks.gate(), checks.gate()];
    for (number, text) in [(0, "xa"), (1, "b"), (0, "c"), (1, "a"), (1, "b")] {
        let step = gates[number].push(0, Channel::Content, text);
        shown.entry(number).or_default().extend(step.releases().map(|release| release.text));
    }
    assert_eq!(shown, BTreeMap::from([(0, "xac".to_string()), (1, "b".to_string())]));
    assert!(gates[1].is_halted(0) && !gates[0].is_halted(0));
}
