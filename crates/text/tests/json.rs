//! Rules over JSON, such as the arguments of tools: they see strings without
//! escapes, and what is masked stays JSON.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

mod oracle;

use std::ops::Range;
use std::sync::Arc;

use oracle::{Cuts, Oracle, Random, Whole, characters, check_runs};
use proptest::prelude::*;
use serde_json::Value;
use tidegate_text::{
    AUTOMATON_BYTES_MAX, Action, Cause, Edit, Filter, Rule, Rules, SCALAR_BYTES_MAX, View,
};

fn mask(expression: &str, with: &str) -> Rule {
    Rule { action: Action::Mask(with.to_string()), ..Rule::regex(expression) }
}

fn compile(rules: &[Rule]) -> Arc<Rules> {
    Arc::new(Rules::new(rules, AUTOMATON_BYTES_MAX).unwrap())
}

/// What leaves, and what is told besides.
fn filter<'a>(
    rules: &Arc<Rules>,
    view: View,
    pieces: impl Iterator<Item = &'a str>,
) -> (String, Vec<Edit>) {
    let mut filter = Filter::new(rules.clone(), view);
    let (mut shown, mut told) = (String::new(), Vec::new());
    let mut note = |edit: &Edit| match edit {
        Edit::Keep { .. } | Edit::Replace { .. } => {}
        _ => told.push(edit.clone()),
    };
    for piece in pieces {
        shown.push_str(filter.push(piece, &mut note));
    }
    shown.push_str(filter.finish(&mut note));
    (shown, told)
}

/// All ways to cut it come to the same, in what leaves, when, and what is told.
#[track_caller]
fn check_all_cuts(rules: &[Rule], text: &str) -> (String, Vec<Edit>) {
    let compiled = compile(rules);
    let whole = filter(&compiled, View::Json, std::iter::once(text));
    check_runs(&compiled, View::Json, text, Cuts::ALL, &|run, cut| {
        assert_eq!(run.shown, whole.0, "{text}, {cut}");
    });
    let mut random = Random(5);
    let mut cuts: Vec<Vec<&str>> = vec![characters(text).collect()];
    cuts.extend((0..50).map(|number| random.pieces(text, [2, 7, 30][number % 3])));
    let places = text.char_indices().map(|(at, _)| text.split_at(at));
    cuts.extend(places.map(|(head, tail)| vec![head, tail]));
    for pieces in cuts {
        let told = filter(&compiled, View::Json, pieces.iter().copied());
        assert_eq!(told, whole, "{text} in {pieces:?}");
    }
    whole
}

#[track_caller]
fn check(rules: &[Rule], text: &str, expect: &str) {
    let (shown, _) = check_all_cuts(rules, text);
    assert_eq!(shown, expect, "{text}");
    if is_json(text) && rules.iter().all(|rule| rule.action != Action::Halt) {
        assert!(is_json(&shown), "{text} became {shown}");
        assert_eq!(shape(&shown), shape(text), "{text} became {shown}");
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

/// A document's brackets, colons and commas, with `v` for each string, number
/// and word, in order, so that keys that have become equal still count.
fn shape(text: &str) -> String {
    let (mut shape, mut rest) = (String::new(), text.chars().peekable());
    while let Some(c) = rest.next() {
        match c {
            '{' | '}' | '[' | ']' | ':' | ',' => shape.push(c),
            ' ' | '\t' | '\n' | '\r' => {}
            '"' => {
                shape.push('v');
                while let Some(c) = rest.next().filter(|c| *c != '"') {
                    if c == '\\' {
                        rest.next();
                    }
                }
            }
            _ => {
                shape.push('v');
                while rest.next_if(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c)).is_some() {}
            }
        }
    }
    shape
}

const KEY: &str = "sk-[a-z0-9]{4,}";

#[test]
fn secrets_in_strings() {
    let rules = [mask(KEY, "[key]")];
    for (text, expect) in [
        (r#"{"a": "sk-1234"}"#, r#"{"a": "[key]"}"#),
        (r#"{"a": "my sk-1234!"}"#, r#"{"a": "my [key]!"}"#),
        (r#"{"a": "sk-123"}"#, r#"{"a": "sk-123"}"#),
        // every character escaped, in both cases
        (r#"["\u0073\u006b\u002D\u0031\u0032\u0033\u0034!"]"#, r#"["[key]!"]"#),
        (r#"["\u0073k-\u006123\u0034\u0035 \u0061"]"#, r#"["[key] \u0061"]"#),
        // an escape ends it
        (r#"["sk-12\n34"]"#, r#"["sk-12\n34"]"#),
        (r#"["\nsk-1234\n"]"#, r#"["\n[key]\n"]"#),
        (r#"["\\sk-1234\\"]"#, r#"["\\[key]\\"]"#),
        (r#"["\"sk-1234\""]"#, r#"["\"[key]\""]"#),
        // an escaped backslash is none of the next letters'
        (r#"["\\u0073k-1234 sk-1234"]"#, r#"["\\u0073k-1234 [key]"]"#),
        // keys, nested, more than one, and the same key twice
        (
            r#"{"sk-1234": {"b": [["x sk-5678", "sk-90ab"]]}}"#,
            r#"{"[key]": {"b": [["x [key]", "[key]"]]}}"#,
        ),
        (r#"{"sk-1234": 1, "sk-5678": 2}"#, r#"{"[key]": 1, "[key]": 2}"#),
        (r#"{"\u0073k-1234":"\u0073k-1234"}"#, r#"{"[key]":"[key]"}"#),
        // not across a string's end
        (r#"["sk-12", "34"]"#, r#"["sk-12", "34"]"#),
        // a document that is one string, and one that is not whole
        (r#""sk-1234""#, r#""[key]""#),
        (r#"{"a": "sk-1234"#, r#"{"a": "[key]"#),
        (r#"{"a": "sk-123"#, r#"{"a": "sk-123"#),
        (r#"{"a": "sk-1234\"#, r#"{"a": "[key]\"#),
        (r#"{"a": "sk-1234\u00"#, r#"{"a": "[key]\u00"#),
        // white space before it, and more behind it
        (" \n\t{\"a\": \"sk-1234\"} \n", " \n\t{\"a\": \"[key]\"} \n"),
        (r#"{"a": "sk-1234"}{"b": "sk-5678"}"#, r#"{"a": "[key]"}{"b": "[key]"}"#),
        // and a byte order mark
        ("\u{feff}{\"a\": \"sk-\\u0031234\"}", "\u{feff}{\"a\": \"[key]\"}"),
    ] {
        check(&rules, text, expect);
    }
}

#[test]
fn numbers_and_words() {
    let card = [mask("4(?-u:\\d){15}", "[card]")];
    for (text, expect) in [
        (r#"{"n": 4111111111111111}"#, r#"{"n": "[card]"}"#),
        (r#"{"n": 94111111111111111.5e3, "m": 1}"#, r#"{"n": "[card]", "m": 1}"#),
        ("[4111111111111111,4111111111111111]", r#"["[card]","[card]"]"#),
        // two in one number are one value
        ("[41111111111111114111111111111111]", r#"["[card]"]"#),
        ("[411111111111111]", "[411111111111111]"),
        ("[4111111111111111", r#"["[card]""#),
        (r#"{"n": "4111111111111111"}"#, r#"{"n": "[card]"}"#),
    ] {
        check(&card, text, expect);
    }
    let word = [mask("true|null", "?")];
    for (text, expect) in [
        ("[true, false, null]", r#"["?", false, "?"]"#),
        (r#"{"a":true,"true":null}"#, r#"{"a":"?","?":"?"}"#),
        (r#"["untrue"]"#, r#"["un?"]"#),
    ] {
        check(&word, text, expect);
    }
}

/// A match may span values: its replacement stands in the first of them, the
/// structure between them stays.
#[test]
fn matches_across_structure() {
    for (expression, text, expect) in [
        (r#"id": "[0-9]+"#, r#"{"id": "123", "b": 1}"#, r#"{"X": "", "b": 1}"#),
        (r#"pin": [0-9]+"#, r#"{"pin": 123, "b": 1}"#, r#"{"X": null, "b": 1}"#),
        (r#"1, "b""#, r#"[1, "b", 2]"#, r#"["X", "", 2]"#),
        (r"1,2,3", "[1,2,3,4]", r#"["X",null,null,4]"#),
        (r"1,2,3", "[11,2,33,4]", r#"["X",null,null,4]"#),
        (r#"a"\], \["b"#, r#"[["a"], ["b"]]"#, r#"[["X"], [""]]"#),
        // two in one number, of which the second goes on
        (r"[0-9],\s*[0-9]", "[1, 2.3, 4]", r#"["X", null, "X"]"#),
        // structure alone is nothing that could be masked
        (r"\},? *\{", r#"[{"a":1}, {"b":2}]"#, r#"[{"a":1}, {"b":2}]"#),
        (r#""x"#, r#"["x"]"#, r#"["X"]"#),
    ] {
        check(&[mask(expression, "X")], text, expect);
    }
}

#[test]
fn replacements_are_escaped_where_they_must_be() {
    let with = "say \"no\"\\\n\t\u{1}é\u{2028}";
    let rules = [mask(KEY, with), mask("[0-9]{8}", with)];
    for text in [r#"{"a": "b sk-1234 c"}"#, r#"{"sk-1234": 1}"#, r#"["sk-1234", 12345678]"#] {
        let (shown, _) = check_all_cuts(&rules, text);
        assert_eq!(shape(&shown), shape(text), "{shown}");
        let strings = strings(&serde_json::from_str(&shown).unwrap());
        assert!(strings.iter().any(|string| string.contains(with)), "{shown}");
    }
    // as it is where nothing is JSON
    check(&rules, "my sk-1234", &format!("my {with}"));
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                let mut all = vec![key.clone()];
                all.extend(strings(value));
                all
            };
            fields.iter().flat_map(field).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn characters_by_two_escapes() {
    let rules = [mask("😀+", ":)"), mask("\u{fffd}", "?")];
    for (text, expect) in [
        (r#"["a\ud83d\ude00b"]"#, r#"["a:)b"]"#),
        (r#"["\uD83D\uDE00\ud83d\ude00😀"]"#, r#"[":)"]"#),
        (r#"["\ud83d\ude01"]"#, r#"["\ud83d\ude01"]"#),
        // halves stand for the replacement character
        (r#"["\ud83d"]"#, r#"["?"]"#),
        (r#"["\ud83dx\ude00"]"#, r#"["?x?"]"#),
        (r#"["\ud83d\ud83d\ude00"]"#, r#"["?:)"]"#),
        (r#"["\ud83d\n"]"#, r#"["?\n"]"#),
        (r#"["\ud83d"#, r#"["?"#),
        (r#"["\ud83d\"#, r#"["?\"#),
    ] {
        check(&rules, text, expect);
    }
}

#[test]
fn halts_are_where_the_match_begins_in_the_text() {
    for (expression, text, expect, at) in [
        (KEY, r#"{"a": "my sk-1234"}"#, r#"{"a": "my "#, 10),
        (KEY, r#"["\n\u0073k-1234"]"#, r#"["\n"#, 4),
        ("😀", r#"["a\ud83d\ude00"]"#, r#"["a"#, 3),
        ("234", "[12345]", "[1", 2),
        (r"\}", r#"{"a":1}"#, r#"{"a":1"#, 6),
    ] {
        let (shown, told) = check_all_cuts(&[Rule::regex(expression)], text);
        assert_eq!(shown, expect, "{text}");
        let [Edit::Halt { rule: 0, start, known, cause: Cause::Match }] = told.as_slice() else {
            panic!("{told:?} of {text}");
        };
        assert_eq!(*start, at, "{text}");
        assert!(*known > *start, "{told:?}");
    }
}

/// The digits of a number so long, with sevens at a place.
fn number(length: usize, at: usize) -> String {
    let mut digits = "1".repeat(length);
    digits.replace_range(at..at + 4, "7777");
    digits
}

/// What cannot be masked halts, and leaves nothing of the match.
#[test]
fn a_scalar_that_is_too_long_halts_at_the_match() {
    let rules = [mask("7777", "X")];
    for length in [8, SCALAR_BYTES_MAX - 1, SCALAR_BYTES_MAX, SCALAR_BYTES_MAX + 1, 90, 200] {
        for at in [0, 3, length / 2, length - 4] {
            let digits = number(length, at);
            let text = format!("{{\"a\": [{digits}, 2]}}");
            let compiled = compile(&rules);
            let whole = filter(&compiled, View::Json, std::iter::once(text.as_str()));
            if length <= SCALAR_BYTES_MAX {
                assert_eq!(whole.0, r#"{"a": ["X", 2]}"#, "{text}");
                continue;
            }
            assert_eq!(whole.0, format!("{{\"a\": [{}", &digits[..at]), "{text}");
            let [Edit::Halt { start, cause: Cause::LongScalar, .. }] = whole.1.as_slice() else {
                panic!("{:?} of {text}", whole.1);
            };
            assert_eq!(*start as usize, 7 + at, "{text}");
            // where it halts, and what leaves when, does not depend on the cut
            check_runs(&compiled, View::Json, &text, Cuts::ALL, &|run, cut| {
                assert_eq!((&run.shown, run.halted), (&whole.0, Some((0, 7 + at))), "{cut}");
            });
        }
    }
    // without a match it passes
    let long = format!("[{}, \"7777\"]", "1".repeat(200));
    check(&rules, &long, &long.replace("7777", "X"));
}

#[test]
fn what_is_told_of_a_long_scalar_does_not_depend_on_the_cut() {
    for at in [0, 3, 20, 58, 62, 70] {
        check_all_cuts(&[mask("7777", "X")], &format!("[{}]", number(90, at)));
    }
}

/// A rule that halts, behind a match in the same number.
#[test]
fn a_halt_behind_a_mask_in_a_long_scalar_does_not_depend_on_the_cut() {
    let rules = [mask("7777", "X"), Rule::regex("88")];
    let digits = |length: usize| number(length, 5).replacen("777711", "777788", 1);
    for length in [12, 40, SCALAR_BYTES_MAX, SCALAR_BYTES_MAX + 1, 90] {
        check_all_cuts(&rules, &format!("[{}, 1]", digits(length)));
    }
}

#[test]
fn text_that_is_no_json_is_as_it_stands() {
    let rules = [mask(KEY, "\"\n"), mask("[0-9]{6}", "n"), mask(r"\\u0041", "u"), mask("é+", "e")];
    for text in [
        "my sk-1234 and 123456",
        "sk-1234",
        "<sk-1234 \\u0041 é>",
        "(\"sk-\\u0031234\")",
        "",
        " ",
        " \n sk-1234",
        "true sk-1234",
        "123456",
    ] {
        let compiled = compile(&rules);
        let plain = filter(&compiled, View::Plain, std::iter::once(text));
        assert_eq!(check_all_cuts(&rules, text), plain, "{text}");
    }
}

/// It is not known yet whether it is JSON that follows.
#[test]
fn white_space_before_a_text_stays() {
    for (rule, text, expect) in [
        (mask(" +sk", "X"), "  sk", "  X"),
        (mask("^ +", "X"), "   x", "   x"),
        (mask(r"\s+", "_"), " \n x y", " \n x_y"),
        (mask("  ", "X"), "    ", "    "),
        (mask(r" *\[", "X"), " [1]", " [1]"),
    ] {
        check(&[rule], text, expect);
    }
}

/// Text that begins as JSON does and is none is taken all the same.
#[test]
fn broken_json_is_the_same_in_all_cuts() {
    let rules = [mask(KEY, "[key]"), mask("[0-9]{6}", "n"), Rule::regex("stop")];
    for (text, expect) in [
        (r#"{"a": "sk-1234" "#, r#"{"a": "[key]" "#),
        (r#"{"a: sk-1234"#, r#"{"a: [key]"#),
        (r#"[see](sk-1234) "sk-1234"#, r#"[see]"[key]" "[key]"#),
        (r#"{"a" 123456 "b"}}}] 123456"#, r#"{"a" "n" "b"}}}] "n""#),
        (r#"["\q sk-1234 \u12"#, r#"["\q [key] \u12"#),
        (r#"["\u00zz sk-1234"]"#, r#"["\u00zz [key]"]"#),
        ("[\"line\nbreak sk-1234\"]", "[\"line\nbreak [key]\"]"),
        (r#"{"a": sk-1234, "b": stop}"#, r#"{"a": "[key]", "b": "#),
        ("{{{{\"\"\"sk-1234", "{{{{\"\"\"[key]"),
    ] {
        check(&rules, text, expect);
    }
}

/// A document as it is written, and as rules see it.
#[derive(Clone, Debug, Default)]
struct Document {
    raw: String,
    seen: String,
    atoms: Vec<Atom>,
}

#[derive(Clone, Debug)]
struct Atom {
    kind: Kind,
    raw: Range<usize>,
    seen: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Structure,
    /// One character of a string.
    Character,
    Scalar,
}

impl Document {
    fn add(&mut self, kind: Kind, raw: &str, seen: &str) {
        let (raw_start, seen_start) = (self.raw.len(), self.seen.len());
        self.raw.push_str(raw);
        self.seen.push_str(seen);
        let (raw, seen) = (raw_start..self.raw.len(), seen_start..self.seen.len());
        self.atoms.push(Atom { kind, raw, seen });
    }

    fn structure(&mut self, text: &str, random: &mut Random) {
        self.add(Kind::Structure, text, text);
        let space = ["", "", "", " ", "\n", "  "][random.below(6)];
        if !space.is_empty() {
            self.add(Kind::Structure, space, space);
        }
    }

    fn value(&mut self, value: &Value, random: &mut Random) {
        match value {
            Value::String(text) => self.string(text, random),
            Value::Array(values) => {
                self.structure("[", random);
                for (number, value) in values.iter().enumerate() {
                    if number > 0 {
                        self.structure(",", random);
                    }
                    self.value(value, random);
                }
                self.structure("]", random);
            }
            Value::Object(fields) => {
                self.structure("{", random);
                for (number, (key, value)) in fields.iter().enumerate() {
                    if number > 0 {
                        self.structure(",", random);
                    }
                    self.string(key, random);
                    self.structure(":", random);
                    self.value(value, random);
                }
                self.structure("}", random);
            }
            scalar => {
                let scalar = scalar.to_string();
                self.add(Kind::Scalar, &scalar, &scalar);
            }
        }
    }

    fn string(&mut self, text: &str, random: &mut Random) {
        self.add(Kind::Structure, "\"", "\"");
        let often = random.below(4) * 2;
        for c in text.chars() {
            let seen = c.to_string();
            let must = matches!(c, '"' | '\\' | '\0'..='\x1f');
            let raw = match () {
                () if !must && random.below(6) >= often => seen.clone(),
                () => escaped(c, random),
            };
            self.add(Kind::Character, &raw, &seen);
        }
        self.structure("\"", random);
    }

    /// Where a place in what rules see is in the text; in an escape its beginning,
    /// or its end.
    fn raw_at(&self, place: usize, is_end: bool) -> usize {
        let holds = |atom: &&Atom| match is_end {
            true => atom.seen.start < place && place <= atom.seen.end,
            false => atom.seen.contains(&place),
        };
        match self.atoms.iter().find(holds) {
            Some(atom) if atom.kind != Kind::Character => atom.raw.start + place - atom.seen.start,
            Some(atom) if is_end => atom.raw.end,
            Some(atom) => atom.raw.start,
            None => self.raw.len(),
        }
    }

    /// What is to become of it, by what rules do to what they see.
    fn masked(&self, whole: &Whole, rules: &[Rule]) -> String {
        // this crate knows one way to write control characters
        let escape = |text: &str| serde_json::to_string(text).unwrap().replace("\\n", "\\u000a");
        let end = whole.halted.map_or(usize::MAX, |(_, start)| start);
        let mut shown = vec![false; whole.rejected.len()];
        let mut made = String::new();
        for atom in self.atoms.iter().filter(|atom| atom.seen.start < end) {
            let hits = |(_, from, to): &(usize, usize, usize)| {
                *from < atom.seen.end && atom.seen.start < *to && *from < end
            };
            let hit = whole.rejected.iter().position(hits);
            let with = |number: usize| match &rules[whole.rejected[number].0].action {
                Action::Mask(with) => escape(with),
                _ => String::new(),
            };
            match (atom.kind, hit) {
                (Kind::Character, Some(number)) => {
                    if !std::mem::replace(&mut shown[number], true) {
                        let with = with(number);
                        made.push_str(&with[1..with.len() - 1]);
                    }
                }
                (Kind::Scalar, Some(number)) => match std::mem::replace(&mut shown[number], true) {
                    true => made.push_str("null"),
                    false => made.push_str(&with(number)),
                },
                _ => {
                    let end = match end < atom.seen.end {
                        true => self.raw_at(end, false),
                        false => atom.raw.end,
                    };
                    made.push_str(&self.raw[atom.raw.start..end]);
                }
            }
        }
        made
    }
}

/// A character by an escape, one of those that it has.
fn escaped(c: char, random: &mut Random) -> String {
    let short = match c {
        '"' | '\\' | '/' => Some(format!("\\{c}")),
        '\u{8}' => Some("\\b".to_string()),
        '\u{c}' => Some("\\f".to_string()),
        '\n' => Some("\\n".to_string()),
        '\r' => Some("\\r".to_string()),
        '\t' => Some("\\t".to_string()),
        _ => None,
    };
    if let Some(short) = short.filter(|_| random.below(2) == 0) {
        return short;
    }
    let units = c.encode_utf16(&mut [0; 2]).to_vec();
    let unit = |unit: &u16| match random.below(2) {
        0 => format!("\\u{unit:04x}"),
        _ => format!("\\u{unit:04X}"),
    };
    units.iter().map(unit).collect()
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "sk-", "1234", "sk-ab12", "a", "b", " ", "\n", "\"", "\\", "é", "😀", "/", "x@y.com",
            "\\u0073", "true", "{", "},", "\u{1}", "\u{2028}",
        ]).prop_map(String::from),
        1 => "[a-c1-3 ]{1,6}",
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        5 => text().prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        1 => (-1000i32..1000).prop_map(|number| Value::from(f64::from(number) / 8.0)),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let inner = leaf.prop_recursive(3, 10, 4, |inner| {
        let field = (text(), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(field, 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    });
    // what is no object, array or string is not taken for JSON
    inner.prop_map(|value| match value {
        Value::Object(_) | Value::Array(_) | Value::String(_) => value,
        scalar => Value::from(vec![scalar]),
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let expressions = [
        KEY,
        "[0-9]{3,}",
        "[a-z]+@[a-z.]+",
        r"\w+",
        "é|😀",
        "[\n\"]",
        r"\\",
        "b.*1",
        r#"a"[,:] ?"?"#,
        r#"[0-9]+,\s*[0-9]+"#,
        r"(?-u:\b)true(?-u:\b)",
        r"\{[^}]*\}",
        "(?s:.)",
        "(?i:[A-C]{2})",
        "1$",
        "^.",
        "(?m)^a",
    ];
    let action = prop_oneof![
        3 => Just(Action::Mask("[x]".to_string())),
        2 => Just(Action::Mask("\"\\\n é".to_string())),
        1 => Just(Action::Mask(String::new())),
        1 => Just(Action::Halt),
        1 => Just(Action::Flag),
    ];
    (prop::sample::select(expressions.to_vec()), action)
        .prop_map(|(expression, action)| Rule { action, ..Rule::regex(expression) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    /// What becomes of a document is what the rules, on what they see of it, say;
    /// JSON stays JSON, of the same shape; and no cut changes that.
    #[test]
    fn documents(
        value in document(),
        rules in prop::collection::vec(rule(), 1..4),
        seed in 1u64..1_000_000,
    ) {
        let mut document = Document::default();
        document.value(&value, &mut Random(seed));
        let read: Value = serde_json::from_str(&document.raw).unwrap();
        prop_assert_eq!(&read, &value);
        let whole = Oracle::new(&rules).whole(&document.seen);
        let expect = document.masked(&whole, &rules);
        let compiled = compile(&rules);
        let raw = document.raw.as_str();
        let one = filter(&compiled, View::Json, std::iter::once(raw));
        prop_assert_eq!(&one.0, &expect, "{}", raw);
        let halt = one.1.iter().find_map(|edit| match edit {
            Edit::Halt { rule, start, .. } => Some((*rule, *start as usize)),
            _ => None,
        });
        let expect_halt =
            whole.halted.map(|(rule, start)| (rule, document.raw_at(start, false)));
        prop_assert_eq!(halt, expect_halt, "{}", raw);
        let flags = |rule: usize| rules[rule].action == Action::Flag;
        let matches = |flag: bool| one.1.iter().filter_map(move |edit| match edit {
            Edit::Match { rule, start, end, .. } if flags(*rule) == flag => {
                Some((*rule, *start as usize, *end as usize))
            }
            _ => None,
        });
        let place = |(rule, start, end): &(usize, usize, usize)| {
            (*rule, document.raw_at(*start, false), document.raw_at(*end, true))
        };
        let masks = whole.rejected.len() - usize::from(whole.halted.is_some());
        let expect_matches: Vec<_> = whole.rejected[..masks].iter().map(place).collect();
        prop_assert_eq!(matches(false).collect::<Vec<_>>(), expect_matches, "{}", raw);
        if halt.is_none() {
            let flagged: Vec<_> = whole.flagged.iter().map(place).collect();
            prop_assert_eq!(matches(true).collect::<Vec<_>>(), flagged, "{}", raw);
            prop_assert!(is_json(&one.0), "{} became {}", raw, one.0);
            prop_assert_eq!(shape(&one.0), shape(raw), "{} became {}", raw, one.0);
        }
        let cuts = Cuts { two_way_most: usize::MAX, random: 12 };
        check_runs(&compiled, View::Json, raw, cuts, &|run, cut| {
            assert_eq!((&run.shown, run.halted), (&one.0, halt), "{raw}, {cut}");
            let place = |(_, start, end): &(usize, usize, usize)| (*start, *end);
            if halt.is_none() {
                let told = one.1.iter().filter(|edit| matches!(edit, Edit::Match { .. }));
                assert_eq!(run.matches.len(), told.count(), "{raw}, {cut}: {:?}",
                    run.matches.iter().map(place).collect::<Vec<_>>());
            }
        });
    }

    /// Any text at all: no cut changes what becomes of it, and what begins as no
    /// JSON does is as it stands.
    #[test]
    fn any_text(
        text in r#"[{\["a-c1]?([{}\[\],: "\\ud83ea-c01]|\\u00|\\ud8|\\"|sk-|é|😀|1{30}){0,20}"#,
        rules in prop::collection::vec(rule(), 1..4),
    ) {
        let compiled = compile(&rules);
        let one = filter(&compiled, View::Json, std::iter::once(text.as_str()));
        let cuts = Cuts { two_way_most: usize::MAX, random: 12 };
        check_runs(&compiled, View::Json, &text, cuts, &|run, cut| {
            assert_eq!(run.shown, one.0, "{text}, {cut}");
        });
        let is_plain = !text.starts_with(['{', '[', '"', ' ']);
        if is_plain {
            let plain = filter(&compiled, View::Plain, std::iter::once(text.as_str()));
            prop_assert_eq!(&one.0, &plain.0);
            // flags may be told behind a halt, and are then of no interest
            let decided = |told: &[Edit]| -> Vec<Edit> {
                let decides = |edit: &&Edit| match edit {
                    Edit::Match { rule, .. } => rules[*rule].action != Action::Flag,
                    _ => true,
                };
                told.iter().filter(decides).cloned().collect()
            };
            prop_assert_eq!(decided(&one.1), decided(&plain.1));
        }
        let begins = text.trim_start_matches(' ').starts_with(['{', '[', '"']);
        let halts = rules.iter().any(|rule| rule.action == Action::Halt);
        if begins && is_json(&text) && !halts {
            let (shown, _) = filter(&compiled, View::Json, std::iter::once(text.as_str()));
            prop_assert!(is_json(&shown) || text.len() > SCALAR_BYTES_MAX, "{} -> {}", text, shown);
        }
    }
}
