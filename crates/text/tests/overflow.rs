//! What rules hold, and what happens when it is more than they may.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

mod oracle;

use std::sync::Arc;

use oracle::{Oracle, Random, characters};
use proptest::prelude::*;
use tidegate_text::{
    AUTOMATON_BYTES_MAX, Action, Cause, Checksum, Edit, Filter, Hold, OnOverflow, Pattern, Rule,
    Rules, View, unbounded_part,
};

fn mask(expression: &str, with: &str) -> Rule {
    Rule { action: Action::Mask(with.to_string()), ..Rule::regex(expression) }
}

fn flag(expression: &str) -> Rule {
    Rule { action: Action::Flag, ..Rule::regex(expression) }
}

fn up_to(hold_bytes_max: u32, on_overflow: OnOverflow, rule: Rule) -> Rule {
    Rule { hold_bytes_max, on_overflow, ..rule }
}

fn halting(hold_bytes_max: u32, rule: Rule) -> Rule {
    up_to(hold_bytes_max, OnOverflow::Halt, rule)
}

fn releasing(hold_bytes_max: u32, rule: Rule) -> Rule {
    up_to(hold_bytes_max, OnOverflow::Release, rule)
}

/// What came of a text in one cut.
#[derive(Debug, PartialEq)]
struct Outcome {
    shown: String,
    /// What was told of rules that decide, and of those that flag: of these not
    /// what was read behind the place where a halt was known.
    decided: Vec<Edit>,
    flagged: Vec<Edit>,
}

/// Rules and what they hold at most, together.
struct Setup {
    given: Vec<Rule>,
    rules: Arc<Rules>,
    held_max: usize,
}

impl Setup {
    fn new(rules: &[Rule]) -> Option<Setup> {
        let given = rules.to_vec();
        let rules = Arc::new(Rules::new(rules, AUTOMATON_BYTES_MAX).ok()?);
        let held = |(hold, rule): (&Hold, &Rule)| match hold {
            // what it keeps to look at again is not held back
            _ if rule.action == Action::Flag => 0,
            Hold::Bytes(bytes) => (*bytes).min(rule.hold_bytes_max as usize),
            Hold::Unbounded => rule.hold_bytes_max as usize,
        };
        let held_max = rules.holds().iter().zip(&given).map(held).max().unwrap_or(0);
        Some(Setup { given, rules, held_max })
    }

    /// The outcome, and how much had left after each place where it was cut.
    fn run(&self, pieces: &[&str]) -> (Outcome, Vec<(usize, usize)>) {
        let mut filter = Filter::new(self.rules.clone(), View::Plain);
        let (mut shown, mut steps, mut seen) = (String::new(), Vec::new(), 0);
        let (mut decided, mut flagged) = (Vec::new(), Vec::new());
        let mut note = |edit: &Edit| match edit {
            Edit::Keep { .. } | Edit::Replace { .. } => {}
            Edit::Match { rule, .. } | Edit::Overflow { rule, .. } | Edit::Halt { rule, .. } => {
                let flags = self.given[*rule].action == Action::Flag;
                if flags { &mut flagged } else { &mut decided }.push(edit.clone());
            }
        };
        for piece in pieces {
            shown.push_str(filter.push(piece, &mut note));
            seen += piece.len();
            steps.push((seen, shown.len()));
            let held = filter.held_bytes();
            assert!(
                held <= self.held_max,
                "{held} bytes held after {seen} of {pieces:?}, {:?}",
                self.given
            );
        }
        shown.push_str(filter.finish(&mut note));
        let known = |edit: &Edit| match edit {
            Edit::Match { known, .. } | Edit::Overflow { known, .. } | Edit::Halt { known, .. } => {
                *known
            }
            _ => 0,
        };
        if let Some(halt @ Edit::Halt { .. }) = decided.last() {
            flagged.retain(|edit| known(edit) <= known(halt));
        }
        (Outcome { shown, decided, flagged }, steps)
    }

    /// The outcome, which is the same in every cut.
    #[track_caller]
    fn check(&self, text: &str, random_cuts: usize) -> Outcome {
        let (finest, steps) = self.run(&characters(text).collect::<Vec<_>>());
        let mut random = Random(3);
        let mut cuts = vec![vec![text]];
        let places = text.char_indices().map(|(at, _)| text.split_at(at));
        cuts.extend(places.map(|(head, tail)| vec![head, tail]));
        cuts.extend((0..random_cuts).map(|number| random.pieces(text, [2, 4, 9][number % 3])));
        let given = &self.given;
        for pieces in cuts {
            let (outcome, coarse) = self.run(&pieces);
            assert_eq!(outcome, finest, "{pieces:?}, {given:?}");
            for step in coarse.iter().filter(|(seen, _)| *seen > 0) {
                assert!(steps.contains(step), "{step:?} of {pieces:?}, {given:?}");
            }
        }
        let whole = Oracle::new(given).whole(text);
        let is_overflow = |edit: &Edit| match edit {
            Edit::Overflow { .. } => true,
            Edit::Halt { cause, .. } => matches!(cause, Cause::Overflow { .. }),
            _ => false,
        };
        match finest.decided.iter().find(|edit| is_overflow(edit)) {
            // without a word about it nothing was let go
            None => assert_eq!(finest.shown, whole.text, "{text:?}, {given:?}"),
            // before it overflows a rule is no other
            Some(Edit::Halt { .. }) => {
                assert!(whole.text.starts_with(&finest.shown), "{text:?}, {given:?}");
            }
            _ => {}
        }
        for told in [&finest.decided, &finest.flagged] {
            let mut overflows: Vec<_> = told.iter().filter(|edit| is_overflow(edit)).collect();
            let count = overflows.len();
            overflows.dedup();
            assert_eq!(overflows.len(), count, "told twice: {told:?}, {given:?}");
        }
        finest
    }
}

/// Puts a text through in every cut. What is told: `m` a match, `o` let go, `h` a
/// halt by a match, `H` by too much held; each with rule, start, and end or how
/// much was held.
#[track_caller]
fn check(rules: &[Rule], text: &str, shown: &str, told: &str) {
    let outcome = Setup::new(rules).unwrap().check(text, 100);
    let word = |edit: &Edit| match edit {
        Edit::Match { rule, start, end, .. } => format!("m{rule} {start} {end}"),
        Edit::Overflow { rule, start, held, .. } => format!("o{rule} {start} {held}"),
        Edit::Halt { rule, start, cause: Cause::Overflow { held }, .. } => {
            format!("H{rule} {start} {held}")
        }
        Edit::Halt { rule, start, .. } => format!("h{rule} {start}"),
        other => format!("{other:?}"),
    };
    let words: Vec<String> = outcome.decided.iter().chain(&outcome.flagged).map(word).collect();
    assert_eq!((outcome.shown.as_str(), words.join(", ").as_str()), (shown, told), "{text:?}");
}

#[test]
fn too_much_halts_before_what_is_held() {
    let open = [halting(4, mask("a.*b", "X"))];
    for (text, shown, told) in [
        ("x", "x", ""),
        ("xa123", "xa123", ""),
        ("xa123b", "xX", "m0 1 6"),
        ("xa1234", "x", "H0 1 5"),
        ("xa1234b", "x", "H0 1 5"),
        ("xa12\n34b", "xa12\n34b", ""),
        // held behind a match counts from its end
        ("xab1234", "xX1234", "m0 1 3"),
        ("xab123b", "xX", "m0 1 7"),
        ("xab12345b", "xX", "m0 1 3, H0 3 5"),
        // characters of more than one byte, and only whole ones leave
        ("xa😀b", "xa", ""),
    ] {
        if text.contains('😀') {
            check(&[halting(5, mask("a.*b", "X"))], text, "xX", "m0 1 7");
            check(&open, text, "x", "H0 1 5");
            continue;
        }
        check(&open, text, shown, told);
    }
    let word = [halting(3, mask("[a-z]+@x", "X"))];
    check(&word, "abc@x abcd", "", "H0 0 4");
    check(&word, "ab@x abc d", "X abc d", "m0 0 4");
    check(&word, "ab@x é abcde", "X é ", "m0 0 4, H0 8 4");
    let key = [halting(20, mask(r"--BEGIN[\s\S]*?END", "X"))];
    check(&key, "a--BEGIN 123456 END b", "aX b", "m0 1 19");
    check(&key, "a--BEGIN\n12345678901234 END b", "a", "H0 1 21");
    check(&key, "a--BEGIN\n1234567890123", "a", "H0 1 21");
    check(&key, "a--BEGIN\n123456789012", "a--BEGIN\n123456789012", "");
    // a bound that is too low for a match at all, and none at all
    check(&[halting(2, mask("abcd", "X"))], "ab abc", "ab ", "H0 3 3");
    check(&[halting(0, mask("ab", "X"))], "x a", "x ", "H0 2 1");
    check(&[halting(0, mask("a+", "X"))], "x aaa", "x X", "m0 2 5");
    // a halt that is sure is none by too much
    check(&[halting(2, Rule::regex("abc|d"))], "xabc", "x", "h0 1");
    check(&[halting(2, Rule::regex("abcd|d"))], "xabcd", "x", "H0 1 3");
}

#[test]
fn what_is_let_go_is_told_and_the_rule_begins_anew_behind_it() {
    let open = [releasing(4, mask("a.*b", "X"))];
    for (text, shown, told) in [
        ("xa123b", "xX", "m0 1 6"),
        ("xa1234b", "xa1234b", "o0 1 5"),
        ("xa1234ab", "xa1234X", "o0 1 5, m0 6 8"),
        ("xa1234a5678", "xa1234a5678", "o0 1 5, o0 6 5"),
        // what began within it is let go with it
        ("a12a4b ab", "a12a4b X", "o0 0 5, m0 7 9"),
        // behind a match
        ("xab12345ab", "xX12345X", "m0 1 3, o0 3 5, m0 8 10"),
        ("ab12345 ab12345", "X12345 X12345", "m0 0 2, o0 2 5, m0 8 10, o0 10 5"),
        ("a1234\na12b", "a1234\nX", "o0 0 5, m0 6 10"),
    ] {
        check(&open, text, shown, told);
    }
    let word = [releasing(3, mask("[a-z]+@x", "X"))];
    check(&word, "abcd@x", "abcd@x", "o0 0 4");
    check(&word, "abcde@x", "abcdX", "o0 0 4, m0 4 7");
    check(&word, "abcdefgh@x ab@x", "abcdefgh@x X", "o0 0 4, o0 4 4, m0 11 15");
    check(&[releasing(0, mask("ab", "X"))], "abab", "abab", "o0 0 1, o0 2 1");
    let key = [releasing(20, mask(r"--BEGIN[\s\S]*?END", "X"))];
    check(
        &key,
        "--BEGIN\n12345678901234 END --BEGIN END",
        "--BEGIN\n12345678901234 END X",
        "o0 0 21, m0 27 38",
    );
}

/// What one rule lets go is still what others look for.
#[test]
fn beside_other_rules() {
    let open = || releasing(4, mask("a.*b", "X"));
    // inside, before, behind
    check(&[open(), mask("2", "Y")], "a1234b", "a1Y34b", "o0 0 5, m1 2 3");
    check(&[open(), mask("2", "Y")], "a12b", "X", "m0 0 4");
    check(&[open(), mask("2", "Y")], "2a1234b2", "Ya1Y34bY", "m1 0 1, o0 1 5, m1 3 4, m1 7 8");
    check(&[open(), mask("34b", "Y")], "a1234b", "a12Y", "o0 0 5, m1 3 6");
    check(&[open(), Rule::regex("34b")], "a1234b", "a12", "o0 0 5, h1 3");
    check(&[open(), Rule::regex("34b")], "a34b", "X", "m0 0 4");
    check(&[halting(4, mask("a.*b", "X")), mask("2", "Y")], "2a1234b", "Y", "m1 0 1, H0 1 5");
    // a rule that begins earlier keeps what another lets go
    check(&[open(), mask("=a12345=", "Y")], "=a12345=", "Y", "m1 0 8");
    check(&[open(), mask("=a12345=", "Y")], "=a12345", "=a12345", "o0 1 5");
    // two that hold too much, at one place and at two
    let two = [open(), releasing(2, mask("c.*d", "Y"))];
    check(&two, "c12a1234d", "c12a1234d", "o1 0 3, o0 3 5");
    check(&two, "ac1234 ab cd", "ac1234 X Y", "o1 1 3, o0 0 5, m0 7 9, m1 10 12");
    // each lets go what it held itself, and not what others hold
    for max in [3, 4, 5] {
        let rules = [open(), releasing(max, mask("c.*d", "Y"))];
        check(&rules, "a12c4d", "a12Y", "o0 0 5, m1 3 6");
        let flags = [releasing(4, flag("a.*b")), releasing(max, flag("c.*d"))];
        check(&flags, "a12c4d", "a12c4d", "o0 0 5, m1 3 6");
    }
    let same = [open(), releasing(2, mask("a.*c", "Y"))];
    check(&same, "a1b", "X", "m0 0 3");
    check(&same, "a12c ac", "a12c Y", "o1 0 3, o0 0 5, m1 5 7");
    // rules that flag change nothing, whatever they hold
    check(
        &[releasing(3, flag("a.*b")), mask("2", "Y")],
        "a1234b ab",
        "a1Y34b ab",
        "m1 2 3, o0 0 4, m0 7 9",
    );
    check(&[halting(3, flag("a.*b"))], "a1234b ab", "a1234b ab", "o0 0 4, m0 7 9");
}

/// With one mask for both, it leaves as soon as one of them is sure.
#[test]
fn beside_a_rule_with_the_same_mask() {
    for on_overflow in [OnOverflow::Halt, OnOverflow::Release] {
        for expressions in [["abcdef", "a"], ["a.*b", "a"], ["a", "abcdef"], ["a.*b", "a1+"]] {
            for hold_bytes_max in 0..7 {
                let [first, second] = expressions.map(|expression| mask(expression, "X"));
                let rules = [up_to(hold_bytes_max, on_overflow, first), second];
                let setup = Setup::new(&rules).unwrap();
                for text in ["abcdef", "abcde", "xabcdx", "a1111b", "aa1bab11", "a111111"] {
                    setup.check(text, 20);
                }
            }
        }
    }
}

/// A rule with a checksum holds from its start until it is known how far it
/// matches.
#[test]
fn beside_a_checksum() {
    let card =
        |max| Rule { checksum: Some(Checksum::Luhn), ..halting(max, mask("[0-9]{4,6}", "X")) };
    check(&[card(5)], "x0000 0001 000018", "xX 0001 X", "m0 1 5, m0 11 17");
    check(&[card(4)], "x0000 0001 000018", "xX 0001 ", "m0 1 5, H0 11 5");
    check(&[card(3)], "x000 0000", "x000 ", "H0 5 4");
    check(&[card(0)], "x0", "x", "H0 1 1");
}

#[test]
fn what_rules_hold() {
    use Hold::{Bytes, Unbounded};
    let cases: &[(&str, &str, Hold)] = &[
        ("ab", "ab", Bytes(1)),
        ("abcd", "abcd", Bytes(3)),
        ("a", "ab", Bytes(0)),
        ("a+", "ab", Bytes(0)),
        ("a{2,}", "ab", Bytes(1)),
        ("a{2,4}", "ab", Bytes(1)),
        ("a{3}?", "ab", Bytes(2)),
        ("a??b", "ab", Bytes(1)),
        ("[ab]{3}", "ab ", Bytes(2)),
        ("(?:ab){2}", "ab", Bytes(3)),
        ("(?:ab)+", "ab", Bytes(1)),
        ("a(?:bcd)?", "abcd", Bytes(2)),
        ("abc|a", "abc", Bytes(1)),
        ("abcd|ab|c", "abcd", Bytes(1)),
        ("a|abc", "abc", Bytes(0)),
        ("a.b", "ab😀", Bytes(5)),
        ("a[a-c]{3}b", "abd", Bytes(4)),
        ("a[ac]{0,3}b", "abc", Bytes(4)),
        ("a[ac]{0,3}?b", "abc", Bytes(4)),
        ("a$", "ab", Bytes(1)),
        ("^ab", "ab", Bytes(1)),
        ("(?m)ab$", "ab\n", Bytes(2)),
        (r"(?-u:\b)ab(?-u:\b)", "ab ", Bytes(2)),
        (r"a(?-u:\B)", "ab ", Bytes(1)),
        ("éa", "éa", Bytes(2)),
        ("[é😀]a", "é😀a", Bytes(4)),
        ("(?i)ab", "aAb", Bytes(1)),
        ("(?i)ka", "kK\u{212a}a", Bytes(3)),
        (r"\p{Greek}a", "αa\u{1d200}", Bytes(4)),
        ("a+b", "ab", Unbounded),
        ("a{2,}b", "ab", Unbounded),
        ("a.*b", "abc", Unbounded),
        ("a(?:.*b)?", "abc", Unbounded),
        ("(?:a|b)*c", "abc", Unbounded),
        ("(?:ab)+c", "abc", Unbounded),
        ("^a+$", "ab", Unbounded),
        ("a.*?b", "abc", Unbounded),
    ];
    for (expression, alphabet, expect) in cases {
        let rule = mask(expression, "X");
        let setup = Setup::new(&[rule]).unwrap();
        assert_eq!(setup.rules.holds(), [*expect], "{expression}");
        let (length, sought) = match expect {
            Bytes(bytes) => (bytes + 3, *bytes),
            // one may be settled
            Unbounded => (6, 5),
        };
        let held = longest_held(&setup.rules, alphabet, length);
        let is_bounded = *expect != Unbounded;
        assert!(held == sought || !is_bounded && held > sought, "{expression}: {held} are held");
    }
    let luhn =
        |expression: &str| Rule { checksum: Some(Checksum::Luhn), ..Rule::regex(expression) };
    for (rule, alphabet, expect) in [
        (luhn("[0-9]{2,4}"), "01", 3),
        (luhn("[0-9]{3}"), "01", 2),
        (luhn("[0-9]{2}(?-u:\\b)"), "01 ", 2),
        (luhn("[0-9]{2}(?:-[0-9]{2})?"), "01-", 4),
    ] {
        let rules = Arc::new(Rules::new(&[rule], AUTOMATON_BYTES_MAX).unwrap());
        assert_eq!(rules.holds(), [Bytes(expect)]);
        assert_eq!(longest_held(&rules, alphabet, expect + 3), expect);
    }
}

/// How many bytes are held at most, of all texts of so many letters.
fn longest_held(rules: &Arc<Rules>, alphabet: &str, length: usize) -> usize {
    let letters: Vec<&str> = characters(alphabet).collect();
    let (mut longest, mut text) = (0, vec![0; length]);
    loop {
        let mut filter = Filter::new(rules.clone(), View::Plain);
        for letter in &text {
            filter.push(letters[*letter], &mut |_| ());
            longest = longest.max(filter.held_bytes());
        }
        // the next text, in order
        let Some(place) = text.iter().rposition(|letter| letter + 1 < letters.len()) else {
            return longest;
        };
        text[place] += 1;
        text[place + 1..].fill(0);
    }
}

#[test]
fn the_part_that_has_no_bound_is_named() {
    for (expression, part) in [
        ("a.*b", Some(".*")),
        ("[a-z]+@x", Some("[a-z]+")),
        (r"-----BEGIN[\s\S]*?END", Some(r"[\s\S]*?")),
        ("x(?:ab)*y", Some("(?:ab)*")),
        ("a?b{3,}c", Some("b{3,}")),
        // the first of several, and the innermost
        ("a+b+c+", Some("a+")),
        ("x+y?z*é", Some("x+")),
        ("(?:a+b)+c", Some("a+")),
        ("(?:ab+c)+d", Some("b+")),
        // not one that holds nothing
        ("xa+", None),
        ("é+x+y", Some("é+")),
        ("[0-9]{3,}|k.+=", Some(".+")),
        ("ab{2,}(?:c*d)?", Some("c*")),
        ("a{1,40}b", None),
        ("(?i)KEY:.*;", Some(".*")),
    ] {
        let rule = mask(expression, "X");
        let is_unbounded =
            Rules::new(std::slice::from_ref(&rule), AUTOMATON_BYTES_MAX).unwrap().holds()[0]
                == Hold::Unbounded;
        assert_eq!(is_unbounded, part.is_some(), "{expression}");
        let found = unbounded_part(&rule, AUTOMATON_BYTES_MAX);
        assert_eq!(found.map(|span| &expression[span]), part, "{expression}");
    }
    let digits = Rule { checksum: Some(Checksum::Luhn), ..Rule::regex("(?:[0-9] ?)+") };
    assert_eq!(unbounded_part(&digits, AUTOMATON_BYTES_MAX), Some(0..12));
    let literals = Pattern::Literals { literals: vec!["a.*b".to_string()], ignore_case: false };
    assert_eq!(unbounded_part(&Rule::new(literals), AUTOMATON_BYTES_MAX), None);
}

/// A rule that lets go inside what another is sure to mask, and would have come before
/// it, is told of: what is masked is not the same.
#[test]
fn what_is_let_go_within_a_sure_match_is_told() {
    let rules = [releasing(1, mask("a.*?b", "X")), releasing(5, mask("a(?:.*b)?", "X"))];
    check(&rules, "azbb", "Xb", "m0 0 3");
    check(&rules, "azzbb", "X", "m1 0 5, o0 1 2");
}

/// So is one that lets go behind its match what another masks then.
#[test]
fn what_is_let_go_behind_a_match_is_told() {
    let rules = [mask("cdd", "Y"), releasing(1, mask("a.*b", "X"))];
    check(&rules, "abcb", "X", "m1 0 4");
    check(&rules, "abcddb", "XYb", "m1 0 2, m0 2 5, o1 2 2");
}

/// A rule held too much where a later one had matched: it is the earlier that halts.
#[test]
fn too_much_held_of_an_earlier_rule_halts_before_a_match_of_a_later_one() {
    let holds = halting(1, mask("a.*b", "X"));
    check(&[holds.clone(), halting(1, mask("a(?:.*b)?", "Y"))], "azb", "", "H0 0 2");
    check(&[holds.clone(), halting(1, Rule::regex("a(?:.*b)?"))], "azb", "", "H0 0 2");
    // whichever it is, the same is shown: nothing is held
    check(&[holds, halting(1, mask("a(?:.*b)?", "X"))], "azb", "X", "m0 0 3");
}

/// A rule that let go and would have masked what another one halts at is told of.
#[test]
fn what_is_let_go_where_another_halts_is_told() {
    let halts = Rule::regex("b");
    let rules = [releasing(0, mask("[a-c]+@", "X")), halts.clone()];
    check(&rules, "b@", "", "o0 0 1, h1 0");
    // behind it in the list it would not have come to it
    check(&[halts, releasing(0, mask("[a-c]+@", "X"))], "b@", "", "h0 0");
}

/// What a rule let go is told when no other can match there any more, and was read
/// to know just so far: not with a halt before, however long the delta.
#[test]
fn what_is_let_go_is_not_told_with_a_halt_before_it_is_sure() {
    let flags = |hold_bytes_max| halting(hold_bytes_max, flag("ab(?:[^z]*z)?"));
    let halts = halting(0, mask("c.*b", "X"));
    // the first may still match when the second lets go
    let rules = [flags(1), flags(0), halts];
    check(&rules, "ac", "a", "H2 1 1, o1 0 1");
    check(&rules, "ca", "", "H2 0 1");
    let rules = [flags(1), halting(0, mask("a.*b", "X")), flags(0)];
    check(&rules, "az", "", "H1 0 1");
}

fn rule() -> impl Strategy<Value = Rule> {
    let expressions = [
        "a.*b",
        "a.*?b",
        "a(?:.*b)?",
        "ab(?:[^z]*z)?",
        "[ab]+c",
        "[a-c]+@",
        "(?s)b.*c",
        "a+b+c",
        "c{2,}é",
        "(?:ab)+@",
        "a{1,3}b{1,3}c",
        "abc",
        "b",
        "é+",
        "[a-c]{2}",
        "^a.*$",
        r"(?-u:\b)[abc]+(?-u:\b)",
        "b+$",
        "(?m)^b.*c$",
        ".",
        "(?s:.)é",
    ];
    let action = prop_oneof![
        3 => Just(Action::Mask("X".to_string())),
        1 => Just(Action::Mask("Y".to_string())),
        1 => Just(Action::Halt),
        1 => Just(Action::Flag),
    ];
    let on_overflow = prop_oneof![Just(OnOverflow::Halt), Just(OnOverflow::Release)];
    (prop::sample::select(expressions.to_vec()), action, 0u32..8, on_overflow).prop_map(
        |(expression, action, hold_bytes_max, on_overflow)| {
            up_to(hold_bytes_max, on_overflow, Rule { action, ..Rule::regex(expression) })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn random_rules_that_hold_too_much(
        rules in prop::collection::vec(rule(), 1..4),
        text in "([abc]|[abc@zé \n]){0,30}",
    ) {
        Setup::new(&rules).unwrap().check(&text, 12);
    }
}
