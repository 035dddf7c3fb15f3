//! Every way in which a rule cannot be used, and what is said of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

use tidegate_text::{
    AUTOMATON_BYTES_MAX, CHECKED_BYTES_MAX, Checksum, Pattern, Rule, RuleError, Rules,
};

const BOUNDARY: &str = "it would have to see a whole character behind the match; write `(?-u:\\b)` \
                        for ASCII words";
const EMPTY: &str = "a match must have text; write `+` for `*`, or drop `?`";
const LARGE: &str = "use fewer literals, fewer counted repetitions of large classes, `(?-u:\\w)` for `\\w`, or a \
                     higher limit";
const BOUND: &str = "bound its repetitions, as in `{1,40}`";

#[track_caller]
fn error(rule: &Rule, automaton_bytes_max: usize) -> RuleError {
    let alone = Rules::new(std::slice::from_ref(rule), automaton_bytes_max).err().unwrap();
    assert_eq!(alone.rule(), 0);
    // the number is that of the list, and the first that is wrong counts
    let fine = Rule::regex("a");
    let list = [fine.clone(), fine.clone(), rule.clone(), fine, rule.clone()];
    let third = Rules::new(&list, automaton_bytes_max).err().unwrap();
    assert_eq!(third.rule(), 2);
    assert_eq!(
        (third.to_string(), third.span(), third.help()),
        (alone.to_string(), alone.span(), alone.help())
    );
    alone
}

/// An expression, its part that is named, the message and the help.
#[track_caller]
fn check(expression: &str, part: Option<&str>, message: &str, help: Option<&str>) {
    let error = error(&Rule::regex(expression), AUTOMATON_BYTES_MAX);
    let found = error.span().map(|span| &expression[span]);
    assert_eq!(
        (error.to_string().as_str(), found, error.help()),
        (message, part, help),
        "{expression}"
    );
    assert!(!error.is_too_large(), "{expression}");
}

#[test]
fn what_cannot_be_read() {
    for (expression, part, why) in [
        ("a(b", "(", "unclosed group"),
        ("ab)", ")", "unopened group"),
        ("a[b", "[", "unclosed character class"),
        ("*a", "", "repetition operator missing expression"),
        ("a{2,1}", "{2,1}", "invalid repetition count range, the start must be <= the end"),
        (r"a\", r"\", "incomplete escape sequence, reached end of pattern prematurely"),
        (r"é\y", r"\y", "unrecognized escape sequence"),
        (r"(?P<n>a)(?P<n>b)", "n", "duplicate capture group name"),
        (r"(a)\1", r"\1", "backreferences are not supported"),
        ("(?=a)b", "(?=", "look-around, including look-ahead and look-behind, is not supported"),
        (r"a\p{Klingon}", r"\p{Klingon}", "Unicode property not found"),
        (r"(?-u:\xff)a", r"\xff", "pattern can match invalid UTF-8"),
        (r"(?-u)[^a]b", "[^a]", "pattern can match invalid UTF-8"),
        ("(?q)a", "q", "unrecognized flag"),
    ] {
        check(expression, Some(part), &format!("the expression cannot be read: {why}"), None);
    }
    let deep = "(".repeat(300) + "a" + &")".repeat(300);
    let error = error(&Rule::regex(&deep), AUTOMATON_BYTES_MAX);
    let why = "exceed the maximum number of nested parentheses/brackets (250)";
    assert_eq!(error.to_string(), format!("the expression cannot be read: {why}"));
    assert_eq!(error.span(), Some(250..351));
}

#[test]
fn what_matches_the_empty_text_or_nothing() {
    for expression in ["", "a*", "a?", "(?:ab)*", "a|", "^", "$", r"(?-u:\b)", "(?:a|b?)", "a{0,3}"]
    {
        check(expression, None, "the expression matches the empty text", Some(EMPTY));
    }
    for expression in [r"[^\s\S]", r"a[a&&b]", r"\P{any}", "$[0-9]+", "x$y", "a^b"] {
        check(expression, None, "the expression matches nothing", None);
    }
}

#[test]
fn unicode_word_boundaries() {
    for name in [r"\b", r"\B", r"\b{start}", r"\b{end}", r"\b{start-half}", r"\b{end-half}"] {
        let message = format!("the Unicode word boundary `{name}` is not supported on streams");
        for expression in [format!("a{name}"), format!("{name}a"), format!("x(?:a|{name}b)+")] {
            check(&expression, None, &message, Some(BOUNDARY));
        }
        let ascii = format!("a|(?-u:{name})b|c(?-u:{name})");
        assert!(Rules::new(&[Rule::regex(&ascii)], AUTOMATON_BYTES_MAX).is_ok(), "{ascii}");
    }
    let message = r"the Unicode word boundary `\b` is not supported on streams";
    // `\<` and `\>` are other names of two of them
    check(
        r"\<a",
        None,
        r"the Unicode word boundary `\b{start}` is not supported on streams",
        Some(BOUNDARY),
    );
    check(
        r"a\>",
        None,
        r"the Unicode word boundary `\b{end}` is not supported on streams",
        Some(BOUNDARY),
    );
    // the first of several
    check(r"\bab\B", None, message, Some(BOUNDARY));
}

#[test]
fn automata_that_are_too_large() {
    for (expression, bytes_max) in [
        (r"\w{100}", 1 << 20),
        ("a", 16),
        (r"\w{1000}", AUTOMATON_BYTES_MAX),
        (r"(?:a|b)*a(?:a|b){24}c", AUTOMATON_BYTES_MAX),
        (r"[\s\S]*k[\s\S]{30}z", AUTOMATON_BYTES_MAX),
        (r"(?:(?:(?:x{100}){100}){100}){100}", AUTOMATON_BYTES_MAX),
        (r"(?i)\pL{400}", AUTOMATON_BYTES_MAX),
    ] {
        let error = match bytes_max {
            // there the first of the list is too large already
            16 => Rules::new(&[Rule::regex(expression)], bytes_max).err().unwrap(),
            _ => error(&Rule::regex(expression), bytes_max),
        };
        assert_eq!(
            error.to_string(),
            format!("the automaton would take more than {bytes_max} bytes"),
            "{expression}"
        );
        assert!(error.is_too_large() && error.span().is_none(), "{expression}");
        assert_eq!(error.help(), Some(LARGE));
    }
    // each alone is not, together they are; the first of them is named
    let expression = |letter: char| format!("(?-u:[a-z{letter}]*{letter}[a-z]{{7}})x");
    let rules: Vec<Rule> = ('A'..='Z').map(|letter| Rule::regex(&expression(letter))).collect();
    for rule in &rules {
        assert!(Rules::new(std::slice::from_ref(rule), 1 << 16).is_ok());
    }
    let mut list = vec![Rule { hold_bytes_max: 8, ..rules[0].clone() }];
    list.extend(rules);
    let error = Rules::new(&list, 1 << 16).err().unwrap();
    assert!(error.is_too_large());
    assert_eq!(error.rule(), 1);
}

#[test]
fn literals() {
    let literals = |literals: &[&str], ignore_case| {
        let literals = literals.iter().map(|text| (*text).to_string()).collect();
        Rule::new(Pattern::Literals { literals, ignore_case })
    };
    for ignore_case in [false, true] {
        for (list, message, help) in [
            (&[][..], "the list of literals is empty", "give at least one text"),
            (&["a", "", "b", ""], "literal 1 is empty", "leave it out"),
            (&[""], "literal 0 is empty", "leave it out"),
        ] {
            let error = error(&literals(list, ignore_case), AUTOMATON_BYTES_MAX);
            assert_eq!(error.to_string(), message);
            assert_eq!((error.span(), error.help()), (None, Some(help)));
        }
        let fine = ["a.b*", "(", " ", "\\", "a.b*", "é", "\n", "[", "\0"];
        assert!(Rules::new(&[literals(&fine, ignore_case)], AUTOMATON_BYTES_MAX).is_ok());
    }
}

#[test]
fn checksums_want_a_bound() {
    for checksum in [Checksum::Luhn, Checksum::Mod97] {
        let checked =
            |expression: &str| Rule { checksum: Some(checksum), ..Rule::regex(expression) };
        for (expression, part) in [
            ("[0-9]{13,}", "[0-9]{13,}"),
            ("a+", "a+"),
            ("x(?:[0-9]{4} ?)+", "(?:[0-9]{4} ?)+"),
            ("[0-9]+-[0-9]{2}", "[0-9]+"),
        ] {
            let error = error(&checked(expression), AUTOMATON_BYTES_MAX);
            assert_eq!(error.to_string(), "a rule with a checksum matches without bound");
            assert_eq!(error.span().map(|span| &expression[span]), Some(part));
            assert_eq!(error.help(), Some(BOUND));
        }
        let exactly = |bytes: u32| checked(&format!("[0-9]{{{bytes}}}"));
        assert!(Rules::new(&[exactly(CHECKED_BYTES_MAX)], AUTOMATON_BYTES_MAX).is_ok());
        let error = error(&exactly(CHECKED_BYTES_MAX + 1), AUTOMATON_BYTES_MAX);
        assert_eq!(
            error.to_string(),
            "a rule with a checksum can match 257 bytes: at most 256 are checked"
        );
        assert_eq!((error.span(), error.help()), (None, Some(BOUND)));
    }
}

#[test]
fn too_many_rules() {
    let rules = vec![Rule::regex("a"); 65_535];
    let error = Rules::new(&rules, AUTOMATON_BYTES_MAX).err().unwrap();
    assert_eq!(error.to_string(), "more than 65 000 rules");
    assert_eq!((error.rule(), error.span(), error.help()), (0, None, None));
}
