//! Rules kept as bytes are the same rules.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::sync::Arc;

use proptest::prelude::*;
use tidegate_saved::Writer;
use tidegate_text::{
    AUTOMATON_BYTES_MAX, Action, Checksum, Filter, OnOverflow, Rule, Rules, View,
    library::{self, LibraryRule},
};

/// What becomes of a text in pieces of so many bytes, and what was found.
fn run(rules: &Arc<Rules>, view: View, text: &str, piece: usize) -> (String, Vec<String>) {
    let mut filter = Filter::new(rules.clone(), view);
    let (mut out, mut found) = (String::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(rest.ceil_char_boundary(piece.min(rest.len())));
        out += filter.push(head, &mut |edit| found.push(format!("{edit:?}")));
        rest = tail;
    }
    out += filter.finish(&mut |edit| found.push(format!("{edit:?}")));
    (out, found)
}

fn again(rules: &Rules) -> Rules {
    let bytes = rules.to_bytes();
    let again = Rules::from_bytes(&bytes, AUTOMATON_BYTES_MAX).unwrap();
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(again.holds(), rules.holds());
    assert_eq!(again.automaton_bytes(), rules.automaton_bytes());
    again
}

fn some() -> Vec<Rule> {
    let mask =
        |text: &str, regex: &str| Rule { action: Action::Mask(text.into()), ..Rule::regex(regex) };
    vec![
        mask("[key]", r"sk-[a-z0-9]{8,}"),
        Rule::regex(r"(?i)forbidden"),
        Rule {
            checksum: Some(Checksum::Luhn),
            ..mask("[\"card\"]", r"(?-u:\b)(?:[0-9][ -]?){15}[0-9](?-u:\b)")
        },
        Rule { hold_bytes_max: 64, on_overflow: OnOverflow::Release, ..mask("-", r"\{\{.*\}\}") },
        Rule { action: Action::Flag, ..Rule::regex(r"(?m)^Dear [A-Z]\w+,$") },
        mask("[key]", "token: [0-9a-f]{4}"),
    ]
}

const TEXTS: [&str; 4] = [
    "Dear Anna,\nmy key is sk-abcdefgh12, and token: 00ff. Card 4111 1111 1111 1111 or not 4111 1111 1111 1112.\n",
    "{{ a template }} and {{ one that is never closed, and is far too long to be held until then, so that it is let go",
    r#"{"to": "sk-abcdefgh", "n": 4111111111111111, "x": "forbidden fruit"}"#,
    "Grüße, 東京 — forbidd and forbidden",
];

#[test]
fn what_they_do_is_the_same() {
    let rules = Rules::new(&some(), AUTOMATON_BYTES_MAX).unwrap();
    let (rules, again) =
        (Arc::new(rules), Arc::new(again(&Rules::new(&some(), AUTOMATON_BYTES_MAX).unwrap())));
    for view in [View::Plain, View::Json] {
        for text in TEXTS {
            for piece in [1, 3, 1000] {
                assert_eq!(
                    run(&rules, view, text, piece),
                    run(&again, view, text, piece),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn the_library_is_small_when_it_is_kept() {
    let mask = |rule: &LibraryRule| Rule {
        action: Action::Mask("[masked]".into()),
        checksum: rule.checksum,
        ..Rule::regex(rule.regex)
    };
    let all: Vec<Rule> = library::LIBRARY.iter().map(mask).collect();
    let rules = Rules::new(&all, AUTOMATON_BYTES_MAX).unwrap();
    let bytes = rules.to_bytes().len();
    assert!(bytes * 4 < rules.automaton_bytes(), "{bytes} of {}", rules.automaton_bytes());
    again(&rules);
    let too_large = Rules::from_bytes(&rules.to_bytes(), rules.automaton_bytes() - 1).unwrap_err();
    assert_eq!(too_large.to_string(), "the automata of the rules are too large");
}

#[test]
fn what_is_cut_off_is_an_error() {
    let bytes = Rules::new(&some()[..2], AUTOMATON_BYTES_MAX).unwrap().to_bytes();
    for len in 0..bytes.len() {
        assert!(Rules::from_bytes(&bytes[..len], AUTOMATON_BYTES_MAX).is_err(), "{len}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let error = Rules::from_bytes(&longer, AUTOMATON_BYTES_MAX).unwrap_err();
    assert_eq!(error.to_string(), "there is more behind its end");
}

/// Rules with one automaton of one class of bytes: for each state whether a match `ended`
/// before the last byte or is one `at_end`, and the state one byte on; all begin in the second.
fn forged(states: &[(bool, bool, u64)]) -> Result<Rules, String> {
    let mut to = Writer::default();
    to.number(1); // a rule
    to.number(0);
    to.number(0); // it halts
    to.number(1); // a group
    to.number(0); // no checksum
    to.number(0); // no limit
    for number in [1, 256, 0] {
        to.number(number); // one class
    }
    to.list(states, |to, (ended, at_end, _)| {
        to.number(u64::from(*ended));
        to.number(u64::from(*at_end));
    });
    for (.., next) in states {
        to.number(1);
        to.number(*next);
    }
    for _ in 0..5 {
        to.number(1);
    }
    for _ in 0..2 {
        to.number(0); // nothing flags
    }
    to.number(1); // a hold
    to.number(0);
    let rules = Rules::from_bytes(&to.into_bytes(), AUTOMATON_BYTES_MAX);
    rules.map_err(|damaged| damaged.to_string())
}

#[test]
fn a_forged_automaton_is_refused() {
    let dead = (false, false, 0);
    // one byte
    forged(&[dead, (false, false, 2), (false, true, 0)]).unwrap();
    let none_of_text = "an automaton is none of text";
    // more comes of the dead state, or a match
    for first in [(false, false, 1), (true, false, 0), (false, true, 0)] {
        assert_eq!(forged(&[first, dead]).unwrap_err(), none_of_text);
    }
    // it goes on alike behind a character and within one
    assert_eq!(forged(&[dead, (false, false, 1)]).unwrap_err(), none_of_text);
    let empty = "a rule matches the empty text";
    for start in [(true, false, 0), (false, true, 0)] {
        assert_eq!(forged(&[dead, start]).unwrap_err(), empty);
    }
    // a match that ended before the first byte
    assert_eq!(forged(&[dead, (false, false, 2), (true, false, 0)]).unwrap_err(), empty);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes that were changed are refused, or make rules that come to an end on any text.
    #[test]
    fn changed_bytes_fail_nothing(changes in prop::collection::vec((0.0f64..1.0, any::<u8>()), 1..4)) {
        let mut bytes = Rules::new(&some(), AUTOMATON_BYTES_MAX).unwrap().to_bytes();
        let len = bytes.len() as f64;
        for (place, byte) in changes {
            bytes[(place * len) as usize] = byte;
        }
        if let Ok(rules) = Rules::from_bytes(&bytes, 1 << 20) {
            let rules = Arc::new(rules);
            for text in TEXTS {
                run(&rules, View::Plain, text, 7);
                run(&rules, View::Json, text, 7);
            }
        }
    }
}
