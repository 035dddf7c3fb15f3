//! Texts and rules that are made to be dear: what is kept of them is bounded,
//! whatever their length, and the work for a byte is, or these tests would not end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

mod oracle;

use std::sync::Arc;

use oracle::{Oracle, Random};
use tidegate_text::library::LIBRARY;
use tidegate_text::{
    AUTOMATON_BYTES_MAX, Action, Checksum, Edit, Filter, HOLD_BYTES_MAX, OnOverflow, Pattern, Rule,
    Rules, View,
};

fn mask(expression: &str) -> Rule {
    Rule { action: Action::Mask("*".to_string()), ..Rule::regex(expression) }
}

fn releasing(hold_bytes_max: u32, rule: Rule) -> Rule {
    Rule { hold_bytes_max, on_overflow: OnOverflow::Release, ..rule }
}

fn compile(rules: &[Rule]) -> Arc<Rules> {
    Arc::new(Rules::new(rules, AUTOMATON_BYTES_MAX).unwrap())
}

fn library() -> Vec<Rule> {
    let rule = |rule: &tidegate_text::library::LibraryRule| Rule {
        checksum: rule.checksum,
        ..mask(rule.regex)
    };
    LIBRARY.iter().map(rule).collect()
}

/// What is counted of a text on its way.
#[derive(Debug, Default)]
struct Count {
    /// At most, after a push.
    memory_bytes: usize,
    held_bytes: usize,
    seen: usize,
    shown: usize,
    matches: usize,
    overflows: usize,
    is_halted: bool,
}

/// Puts `unit` through, over and over, in pieces of so many bytes, until so much
/// of it was seen.
fn count(rules: &Arc<Rules>, view: View, unit: &str, bytes: usize, piece: usize) -> Count {
    let mut filter = Filter::new(rules.clone(), view);
    let mut count = Count::default();
    let (mut matches, mut overflows, mut is_halted) = (0, 0, false);
    let mut note = |edit: &Edit| match edit {
        Edit::Match { .. } => matches += 1,
        Edit::Overflow { .. } => overflows += 1,
        Edit::Halt { .. } => is_halted = true,
        _ => {}
    };
    let mut text = unit.repeat(bytes.div_ceil(unit.len()).min(1 + piece.max(1 << 16) / unit.len()));
    text.truncate(text.len() / unit.len() * unit.len());
    while count.seen < bytes {
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.ceil_char_boundary(piece.min(rest.len())));
            rest = tail;
            count.shown += filter.push(head, &mut note).len();
            count.seen += head.len();
            count.memory_bytes = count.memory_bytes.max(filter.memory_bytes());
            count.held_bytes = count.held_bytes.max(filter.held_bytes());
        }
    }
    count.shown += filter.finish(&mut note).len();
    assert_eq!(filter.held_bytes(), 0);
    Count { matches, overflows, is_halted, ..count }
}

/// Bytes a stream may take beside what it holds.
const MEMORY_BYTES_MAX: usize = 64 << 10;

/// A text of 1 MB and one of 10: what is kept of both is the same, and as little
/// as may be.
#[track_caller]
fn check(rules: &[Rule], unit: &str, held_max: usize) -> Count {
    check_lengths(rules, View::Plain, unit, held_max, [1_000_000, 10_000_000])
}

#[track_caller]
fn check_lengths(
    rules: &[Rule],
    view: View,
    unit: &str,
    held_max: usize,
    lengths: [usize; 2],
) -> Count {
    let rules = compile(rules);
    let mut last = Count::default();
    for piece in [4, 1000] {
        let [short, long] = lengths.map(|bytes| count(&rules, view, unit, bytes, piece));
        assert!(long.held_bytes <= held_max, "{} bytes held, {piece} to a push", long.held_bytes);
        assert_eq!(long.memory_bytes, short.memory_bytes, "memory does not grow");
        assert!(long.memory_bytes <= MEMORY_BYTES_MAX, "{} bytes of memory", long.memory_bytes);
        last = long;
    }
    last
}

const LINE_BYTES: usize = 10_000_000;

#[test]
fn a_line_of_10_mb_without_a_match() {
    let rules = compile(&library());
    let line = "the quick brown fox jumps over the lazy dog and says so - ";
    let text = line.repeat(LINE_BYTES / line.len());
    let mut filter = Filter::new(rules.clone(), View::Plain);
    let mut shown =
        filter.push(&text, &mut |edit| assert!(matches!(edit, Edit::Keep { .. }))).len();
    assert!(filter.held_bytes() < 100, "{} bytes held", filter.held_bytes());
    assert!(filter.memory_bytes() <= MEMORY_BYTES_MAX, "{}", filter.memory_bytes());
    shown += filter.finish(&mut |_| ()).len();
    assert_eq!(shown, text.len());
    let small = count(&rules, View::Plain, line, LINE_BYTES, 4);
    assert_eq!((small.shown, small.matches), (small.seen, 0));
    assert!(small.held_bytes < 100 && small.memory_bytes <= MEMORY_BYTES_MAX, "{small:?}");
    // a line of one character, and of characters of four bytes
    for unit in ["a", "😀", "7", "A", "-", " ", "="] {
        let one = count(&rules, View::Plain, unit, 1_000_000, 1000);
        assert_eq!((one.shown, one.matches), (one.seen, 0), "{unit}");
        assert!(one.held_bytes < 300 && one.memory_bytes <= MEMORY_BYTES_MAX, "{unit} {one:?}");
    }
}

#[test]
fn a_million_prefixes_of_a_rule() {
    let counted = check_lengths(
        &[mask("sk-[a-z]{8}")],
        View::Plain,
        "sk-abcdefg1",
        10,
        [1_100_000, 11_000_000],
    );
    assert_eq!((counted.shown, counted.matches), (counted.seen, 0));
    let counted =
        check_lengths(&[mask("sk-[a-z]{8}")], View::Plain, "sk-", 10, [300_000, 3_000_000]);
    assert_eq!(counted.shown, counted.seen);
    // prefixes of all rules of the library
    for prefix in
        ["sk-ant-api03-", "-----BEGIN ", "eyJhbGciO", "a@b.", "4111 1111 1111 ", "::ffff:1."]
    {
        let counted = check_lengths(&library(), View::Plain, prefix, 300, [100_000, 500_000]);
        assert!(!counted.is_halted);
    }
    // matches without number
    let counted = check(&[mask("ab")], "ab", 1);
    assert_eq!((counted.matches * 2, counted.shown * 2), (counted.seen, counted.seen));
}

#[test]
fn ten_thousand_literals() {
    let mut random = Random(7);
    let mut word = || -> String {
        let length = 5 + random.below(11);
        (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
    };
    let literals: Vec<String> = (0..10_000).map(|_| word()).collect();
    let noise: Vec<String> = (0..40).map(|_| word()).collect();
    let mut text = String::new();
    for number in 0..200 {
        text.push_str(&literals[number * 50]);
        text.push_str([" ", "", "x", "é"][number % 4]);
        text.push_str(&noise[number % 40]);
        // the beginning of one
        text.push_str(&literals[number][..4]);
        text.push(' ');
    }
    for ignore_case in [false, true] {
        let pattern = Pattern::Literals { literals: literals.clone(), ignore_case };
        let rule = Rule { action: Action::Mask("*".to_string()), ..Rule::new(pattern) };
        // both cases of all of them may be more than the default allows
        let list = std::slice::from_ref(&rule);
        let rules = Rules::new(list, AUTOMATON_BYTES_MAX).or_else(|error| {
            assert!(error.is_too_large() && ignore_case, "{error}");
            Rules::new(list, 2 * AUTOMATON_BYTES_MAX)
        });
        let rules = Arc::new(rules.unwrap());
        let whole = Oracle::new(&[rule]).whole(&text);
        assert!(whole.rejected.len() >= 200);
        for piece in [4, 1000] {
            let mut filter = Filter::new(rules.clone(), View::Plain);
            let mut shown = String::new();
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(rest.ceil_char_boundary(piece.min(rest.len())));
                rest = tail;
                shown.push_str(filter.push(head, &mut |_| ()));
                assert!(filter.held_bytes() < 15);
                assert!(filter.memory_bytes() < MEMORY_BYTES_MAX);
            }
            shown.push_str(filter.finish(&mut |_| ()));
            assert_eq!(shown, whole.text, "ignore_case {ignore_case}");
        }
    }
}

/// Rules that may begin at every character of a run, and where a regular
/// expression that goes back would take for ever.
#[test]
fn long_runs() {
    let hold = HOLD_BYTES_MAX as usize;
    let lengths = [300_000, 1_000_000];
    for (rule, unit, held_max) in [
        (mask("a{1,200}b"), "a", 200),
        (mask("(?:a{1,20}){1,10}b"), "a", 200),
        (mask("(?:a|aa){1,100}b"), "a", 200),
        (mask("[ab]{1,100}c"), "ab", 100),
        (mask("(?:x?){60}x{60}y"), "x", 120),
        (mask(r"(?-u:\b)(?:[a-z]+ ?){1,2}!"), "é", 0),
        (mask("(?:(?:(?:a?)+)+)+b|c"), "d", 0),
    ] {
        let counted =
            check_lengths(std::slice::from_ref(&rule), View::Plain, unit, held_max, lengths);
        assert_eq!((counted.shown, counted.matches), (counted.seen, 0), "{rule:?}");
    }
    // without bound, let go again and again
    for expression in ["[a-z]+@", "(?:a|aa)+b", "(?:(?:a+)+)+b", "(?:a*)*b", "a.*b", "a(?:a.*)?b"] {
        let rule = releasing(hold as u32, mask(expression));
        let counted = check_lengths(&[rule], View::Plain, "a", hold, lengths);
        assert_eq!(counted.shown, counted.seen, "{expression}");
        assert_eq!(counted.overflows, counted.seen / (hold + 1), "{expression}");
        assert_eq!(counted.matches, 0, "{expression}");
        let counted = check_lengths(&[mask(expression)], View::Plain, "a", hold, lengths);
        assert!(counted.is_halted && counted.shown == 0, "{expression}");
    }
    // and where a match has ended
    let rule = releasing(1000, mask("a(?:[^z]*z)?"));
    let counted = check_lengths(&[rule], View::Plain, "a", 1000, lengths);
    assert!(counted.overflows > 0);
}

/// Rules that let go what they held, each behind a match of its own.
#[test]
fn rules_that_look_back_together() {
    let lengths = [30_000, 100_000];
    let rules = |maxima: [u32; 3]| {
        let expressions = ["a(?:[^z]*z)?", "b(?:[^z]*y)?", "c(?:[^z]*x)?"];
        let rule = |number: usize| releasing(maxima[number], mask(expressions[number]));
        [rule(0), rule(1), rule(2)]
    };
    for maxima in [[100; 3], [100, 101, 102], [102, 101, 100], [0, 50, 100]] {
        let counted = check_lengths(&rules(maxima), View::Plain, "abcab", 102, lengths);
        // what one lets go it does not look at again, and matches of others are no
        // reason to: or each match would have all of it read again
        assert!(counted.matches > 0 && counted.overflows > 0, "{maxima:?} {counted:?}");
    }
}

/// A match behind which much is read to no end, over and over: there is an end
/// to that, and it is the same in every cut.
#[test]
fn text_that_is_read_again_and_again() {
    let expressions = ["a(?:[^z]{0,3000}z)?", "a(?:[^z]*z)?"];
    let (flag, mask) = (Action::Flag, Action::Mask("*".to_string()));
    for (expression, action) in expressions.iter().flat_map(|it| [(it, &flag), (it, &mask)]) {
        let rule = Rule { action: action.clone(), ..Rule::regex(expression) };
        let rules = compile(std::slice::from_ref(&rule));
        for (length, is_too_much) in [(1000, false), (6000, true)] {
            let text = "a".repeat(length);
            let run = |piece: usize| {
                let mut filter = Filter::new(rules.clone(), View::Plain);
                let (mut shown, mut told) = (String::new(), Vec::new());
                let mut note = |edit: &Edit| match edit {
                    Edit::Keep { .. } | Edit::Replace { .. } => {}
                    _ => told.push(edit.clone()),
                };
                for piece in text.as_bytes().chunks(piece) {
                    shown.push_str(filter.push(std::str::from_utf8(piece).unwrap(), &mut note));
                }
                shown.push_str(filter.finish(&mut note));
                (shown, told)
            };
            let finest = run(1);
            for piece in [2, 7, 100, 1000, 5000, length] {
                assert_eq!(run(piece), finest, "{expression}, {length} in pieces of {piece}");
            }
            let (shown, told) = finest;
            let matches = told.iter().filter(|edit| matches!(edit, Edit::Match { .. })).count();
            if is_too_much {
                let last = told.last();
                assert!(matches < length, "{expression}: {matches}");
                match action {
                    Action::Flag => assert_eq!(shown, text),
                    _ => assert!(matches!(last, Some(Edit::Halt { .. })), "{last:?}"),
                }
            } else {
                assert_eq!(shown, Oracle::new(std::slice::from_ref(&rule)).whole(&text).text);
                assert_eq!(matches, length);
            }
        }
    }
}

#[test]
fn digits_for_a_checksum() {
    let luhn = |expression: &str| Rule { checksum: Some(Checksum::Luhn), ..mask(expression) };
    let lengths = [100_000, 300_000];
    // every place has a match that fails
    let counted = check_lengths(&[luhn("[1-9]{13,19}")], View::Plain, "1", 19, lengths);
    assert_eq!((counted.shown, counted.matches), (counted.seen, 0));
    let counted =
        check_lengths(&[luhn("[0-9]{13,19}")], View::Plain, "4111111111111112", 19, lengths);
    assert!(counted.matches > 0 && counted.shown < counted.seen);
    let rules = [luhn("[0-9]{2,9}"), luhn("[0-9]{3,10}"), luhn("[0-9]{4,11}"), mask("77")];
    check_lengths(&rules, View::Plain, "1234567", 11, lengths);
    let wide = luhn("[0-9 ]{2,256}");
    check_lengths(&[wide], View::Plain, "1 2", 256, [20_000, 60_000]);
}

#[test]
fn deep_json() {
    let rules = [mask("sk-[a-z]{8}"), mask("[0-9]{20}"), Rule::regex("never")];
    for unit in
        ["[", "{\"a\":", "[\"\\u0061\\n\", 1, ", "\"\\ud83d\\ude00\",", "[[\"sk-\",", "]", "\\"]
    {
        let text = format!("[{}", unit.repeat(1_000_000 / unit.len()));
        let counted = check_lengths(&rules, View::Json, &text, 100, [1_000_000, 3_000_000]);
        assert_eq!(counted.shown, counted.seen, "{unit}");
    }
    let deep = "[".repeat(1_000_000) + "\"\\u0073k-abcdefgh\"";
    let mut filter = Filter::new(compile(&rules), View::Json);
    let shown = filter.push(&deep, &mut |_| ()).to_string() + filter.finish(&mut |_| ());
    assert_eq!(shown.len(), 1_000_000 + 3);
    // one scalar, and one escape, without end
    for unit in ["[1", "[\\", "[a", "[\"\\u00", "[\"\\ud800", "[é"] {
        let text = unit.to_string()
            + &unit[unit.len() - unit.chars().last().unwrap().len_utf8()..].repeat(1_000_000);
        let rules = compile(&[mask("x")]);
        let counted = count(&rules, View::Json, &text, text.len(), 4);
        assert_eq!(counted.shown, counted.seen, "{unit}");
        assert!(
            counted.held_bytes <= 70 && counted.memory_bytes <= MEMORY_BYTES_MAX,
            "{counted:?}"
        );
    }
}

/// Behind a halt nothing is kept, however much comes.
#[test]
fn behind_a_halt() {
    for view in [View::Plain, View::Json] {
        let mut filter = Filter::new(compile(&[Rule::regex("stop")]), view);
        assert_eq!(filter.push("[\"a stop b", &mut |_| ()), "[\"a ");
        for _ in 0..1000 {
            assert_eq!(filter.push("and so on and on", &mut |edit| panic!("{edit:?}")), "");
            assert_eq!(filter.held_bytes(), 0);
        }
        assert!(filter.memory_bytes() < 4096);
        assert_eq!(filter.finish(&mut |edit| panic!("{edit:?}")), "");
    }
}

/// One large delta does not make a stream large for good.
#[test]
fn behind_a_large_delta() {
    let rules = compile(&library());
    for unit in ["a@b.cc ", "text and no more ", "{\"a\": 4111111111111111}, ", "\"a\\n\", "] {
        for view in [View::Plain, View::Json] {
            let large = format!("[{}", unit.repeat(5_000_000 / unit.len()));
            let mut filter = Filter::new(rules.clone(), view);
            filter.push(&large, &mut |_| ());
            for _ in 0..100 {
                filter.push(" - and ", &mut |_| ());
            }
            let bytes = filter.memory_bytes();
            assert!(bytes <= MEMORY_BYTES_MAX, "{bytes} bytes of memory behind {unit:?}, {view:?}");
            assert!(filter.held_bytes() < 300);
        }
    }
}
