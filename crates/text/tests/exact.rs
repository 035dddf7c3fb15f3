//! P2, P3 and P4 against the oracle: what is released is the longest beginning
//! that every continuation shares, in every cut.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

mod oracle;

use std::sync::Arc;

use oracle::Oracle;
use proptest::prelude::*;
use tidegate_text::{
    AUTOMATON_BYTES_MAX, Action, Cause, Edit, Filter, OnOverflow, Rule, Rules, View,
};

/// What continuations consist of; no rule names the last.
const LETTERS: [char; 4] = ['a', 'b', ' ', 'c'];

/// All texts of up to so many letters.
fn texts(letters: &[char], length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..length {
        last = last
            .iter()
            .flat_map(|text| letters.iter().map(move |c| format!("{text}{c}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    &a[..same.map(|(c, _)| c.len_utf8()).sum()]
}

/// Rules that mask with a letter of their own, which no text has; every third
/// halts.
fn masks(expressions: &[&str]) -> Vec<Rule> {
    let action = |number: usize| match number % 3 {
        2 => Action::Halt,
        _ => Action::Mask(char::from(b'A' + number as u8).to_string()),
    };
    let rule = |(number, expression): (usize, &&str)| Rule {
        action: action(number),
        ..Rule::regex(expression)
    };
    expressions.iter().enumerate().map(rule).collect()
}

/// After every letter of every text, what was released is what the outputs of
/// all continuations have in common.
#[track_caller]
fn check_exact(rules: &[Rule], texts: &[String], continuations: &[String]) {
    let oracle = Oracle::new(rules);
    let compiled = Arc::new(Rules::new(rules, AUTOMATON_BYTES_MAX).unwrap());
    for text in texts {
        let mut filter = Filter::new(compiled.clone(), View::Plain);
        let mut released = String::new();
        let mut matches = Vec::new();
        let mut note = |edit: &Edit| {
            if let Edit::Match { rule, start, end, .. } = edit {
                matches.push((*rule, *start as usize, *end as usize));
            }
        };
        for (at, c) in text.char_indices() {
            let seen = &text[..at + c.len_utf8()];
            released.push_str(filter.push(&text[at..at + c.len_utf8()], &mut note));
            let mut shared: Option<String> = None;
            for continuation in continuations {
                let whole = oracle.whole(&format!("{seen}{continuation}")).text;
                shared = Some(match shared {
                    Some(shared) => common(&shared, &whole).to_string(),
                    None => whole,
                });
            }
            assert_eq!(
                released,
                shared.unwrap(),
                "after `{seen}` of `{text}`, rules {:?}",
                rules.iter().map(|rule| &rule.pattern).collect::<Vec<_>>()
            );
        }
        released.push_str(filter.finish(&mut note));
        let whole = oracle.whole(text);
        assert_eq!(released, whole.text, "all of `{text}`");
        if whole.halted.is_some() {
            matches.push(*whole.rejected.last().unwrap());
        }
        assert_eq!(matches, whole.rejected, "matches of `{text}`");
    }
}

#[test]
fn held_is_exactly_what_is_open() {
    let texts = texts(&['a', 'b', ' '], 5);
    let cases: &[&[&str]] = &[
        &["ab"],
        &["a+"],
        &["a+?"],
        &["a|ab"],
        &["ab|a"],
        &["a+b"],
        &["a*b"],
        &["aab|b"],
        &["a{2,3}"],
        &["a{2,}"],
        &["a{2,3}?"],
        &["(?:ab)+"],
        &["a(?:b a)?"],
        &["a(?:.*b)?"],
        &["a.*?b"],
        &["a.*b"],
        &["^a"],
        &["a$"],
        &["^a+$"],
        &[r"(?-u:\b)a"],
        &[r"a(?-u:\b)"],
        &[r"(?-u:\b)a+(?-u:\b)"],
        &[r"a(?-u:\B)"],
        &["ab", "a"],
        &["a", "ab"],
        &["aba", "b"],
        &["abab", "ba"],
        &["aa", "a", "b"],
        &["a{3}", "a"],
        &["b+a", "ab+"],
        &["a b", "b a", " "],
        &["ab", "ba", "a b"],
        &["[ab]{3}", "b "],
    ];
    for expressions in cases {
        check_exact(&masks(expressions), &texts, &self::texts(&LETTERS, 4));
    }
}

/// Rules that mask with one text leave no doubt about it.
#[test]
fn one_replacement_is_shown_as_soon_as_one_of_its_rules_is_sure() {
    let rule =
        |expression| Rule { action: Action::Mask("X".to_string()), ..Rule::regex(expression) };
    let rules = [rule("abab"), rule("ab"), rule("b+")];
    check_exact(&rules, &texts(&['a', 'b', ' '], 5), &texts(&LETTERS, 4));
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        6 => "[ab ]".prop_map(|c: String| c),
        2 => Just("[ab]".to_string()),
        1 => Just("(?s:.)".to_string()),
    ];
    // small, so that every expression can be matched by what continuations have
    leaf.prop_recursive(2, 5, 2, |inner| {
        let op = prop_oneof![
            Just("+"), Just("*"), Just("?"), Just("+?"), Just("*?"), Just("??"), Just("{2}"), Just("{1,2}"),
        ];
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 2..3).prop_map(|parts| parts.concat()),
            1 => prop::collection::vec(inner.clone(), 2..3).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            2 => (inner, op).prop_map(|(inner, op)| format!("(?:{inner}){op}")),
        ]
    })
}

/// Expressions with and without something to see around the match.
fn anchored() -> impl Strategy<Value = String> {
    let around = |rest: &'static str| prop_oneof![8 => Just(String::new()), 1 => Just(r"(?-u:\b)".to_string()), 1 => Just(rest.to_string())];
    let around = (around("^"), expression(), around("$"));
    around.prop_map(|(a, b, c)| format!("{a}{b}{c}")).prop_filter("it matches text", |expression| {
        Rules::new(&[Rule::regex(expression)], AUTOMATON_BYTES_MAX).is_ok()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn random_rules_hold_exactly_what_is_open(
        expressions in prop::collection::vec(anchored(), 1..4),
        text in "[ab ]{1,8}",
    ) {
        let rules = masks(&expressions.iter().map(String::as_str).collect::<Vec<_>>());
        check_exact(&rules, &[text], &texts(&LETTERS, 5));
    }
}

/// A match that has ended stands when what may follow it is let go, and that it
/// was let go is said once.
#[test]
fn what_is_let_go_behind_a_match_is_said_once() {
    let rule = Rule {
        action: Action::Mask("A".to_string()),
        hold_bytes_max: 16,
        on_overflow: OnOverflow::Release,
        ..Rule::regex("ab(?:[^z]*z)?")
    };
    let rules = Arc::new(Rules::new(&[rule], AUTOMATON_BYTES_MAX).unwrap());
    let text = "x ab and so on and on and ab on abz";
    for length in 1..=text.len() {
        let mut filter = Filter::new(rules.clone(), View::Plain);
        let (mut shown, mut overflows) = (String::new(), Vec::new());
        let mut note = |edit: &Edit| {
            if let Edit::Overflow { start, held, .. } = edit {
                overflows.push((*start, *held));
            }
        };
        for piece in text.as_bytes().chunks(length) {
            shown.push_str(filter.push(std::str::from_utf8(piece).unwrap(), &mut note));
        }
        shown.push_str(filter.finish(&mut note));
        assert_eq!(shown, "x A and so on and on and A", "cuts of {length}");
        assert_eq!(overflows, [(4, 17)], "cuts of {length}");
    }
}

/// What is sure stands when another rule holds too much behind it.
#[test]
fn a_sure_match_stands_before_what_is_held_too_long() {
    let mask = |expression, hold_bytes_max, on_overflow| Rule {
        action: Action::Mask("X".to_string()),
        hold_bytes_max,
        on_overflow,
        ..Rule::regex(expression)
    };
    let cases = [
        (OnOverflow::Halt, "abcdef", "X", 1),
        (OnOverflow::Halt, "abcd abcdef", "Xbcd X", 1),
        (OnOverflow::Release, "abcdefg", "Xbcdefg", 1),
    ];
    for (on_overflow, text, expect, overflows) in cases {
        let rules = [mask("abcdef", 3, on_overflow), mask("a", 3, on_overflow)];
        let rules = Arc::new(Rules::new(&rules, AUTOMATON_BYTES_MAX).unwrap());
        for length in 1..=text.len() {
            let mut filter = Filter::new(rules.clone(), View::Plain);
            let (mut shown, mut told) = (String::new(), 0);
            let mut note = |edit: &Edit| {
                let full = Cause::Overflow { held: 4 };
                told += usize::from(matches!(edit, Edit::Overflow { .. }));
                told += usize::from(matches!(edit, Edit::Halt { cause, .. } if *cause == full));
            };
            for piece in text.as_bytes().chunks(length) {
                let piece = std::str::from_utf8(piece).unwrap();
                shown.push_str(filter.push(piece, &mut note));
                assert!(filter.held_bytes() <= 3, "{text}, cuts of {length}");
            }
            shown.push_str(filter.finish(&mut note));
            assert_eq!((shown.as_str(), told), (expect, overflows), "{text}, cuts of {length}");
        }
    }
}
