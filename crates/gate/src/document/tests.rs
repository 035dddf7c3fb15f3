use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Format::{Json, Toml, Yaml};
use super::*;

const FORMATS: [Format; 3] = [Toml, Yaml, Json];

/// A type with one of everything that a policy may have.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Policy {
    mode: Mode,
    halt: Option<Halt>,
    checks: Vec<Check>,
    rules: BTreeMap<String, Rule>,
    channels: BTreeMap<Mode, bool>,
    pair: (u8, u8),
    matrix: Vec<Vec<f64>>,
    seed: Seed,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Seed(u64);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Off,
    Shadow,
    #[default]
    Enforce,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Halt {
    hard_limit: Score,
    #[serde(default, alias = "window")]
    window_size: u8,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
struct Score(f64);

impl TryFrom<f64> for Score {
    type Error = String;

    fn try_from(score: f64) -> Result<Self, String> {
        let valid = (0.0..=1.0).contains(&score);
        valid.then_some(Score(score)).ok_or(format!("`{score}` is not between 0 and 1"))
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Check {
    Halt { hard_limit: f64, name: Option<String> },
    Text { patterns: Vec<String> },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Rule {
    Never,
    Regex(String),
    Between(f64, f64),
    Literals { any: Vec<String> },
}

/// One fault, in one format: the message, the text under the span, the help.
#[track_caller]
fn check(format: Format, text: &str, message: &str, spanned: &str, help: &str) {
    let error = Document::parse(text, format)
        .and_then(|document| document.read::<Policy>())
        .expect_err(&format!("{format:?}: {text}"));
    let found = (error.message(), text.get(error.span()), error.help().unwrap_or_default());
    assert_eq!(found, (message, Some(spanned), help), "{format:?}: {text}");
}

/// The same fault in TOML, YAML and JSON, each with the text under its span.
#[track_caller]
fn check_all(texts: [(&str, &str); 3], message: &str, help: &str) {
    for (format, (text, spanned)) in FORMATS.into_iter().zip(texts) {
        check(format, text, message, spanned, help);
    }
}

/// The document as a JSON value.
#[track_caller]
fn value(format: Format, text: &str) -> Value {
    let value = Document::parse(text, format).and_then(|document| document.read());
    value.unwrap_or_else(|error| panic!("{format:?}: {error:?}\n{text}"))
}

#[test]
fn wrong_types() {
    check_all(
        [
            ("halt = { hard_limit = \"0.5\" }", "\"0.5\""),
            ("halt:\n  hard_limit: '0.5' # half\n", "'0.5'"),
            ("{\"halt\": {\"hard_limit\": \"0.5\"}}", "\"0.5\""),
        ],
        "`hard_limit` must be a number, found the string `\"0.5\"`",
        "",
    );
    check_all(
        [
            ("[halt]\nhard_limit = 0.5\nwindow_size = 300", "300"),
            ("halt: {hard_limit: 0.5, window_size: 300}", "300"),
            ("{\"halt\": {\"hard_limit\": 0.5, \"window_size\": 300}}", "300"),
        ],
        "`window_size` must be a whole number from 0 to 255, found the number `300`",
        "",
    );
    check_all(
        [
            ("halt.hard_limit = 0\nhalt.window_size = 2.0", "2.0"),
            ("halt: {hard_limit: 0, window_size: 2.0}", "2.0"),
            ("{\"halt\": {\"hard_limit\": 0, \"window_size\": 2.0}}", "2.0"),
        ],
        "`window_size` must be a whole number from 0 to 255, found the number `2.0`",
        "",
    );
    check_all(
        [("seed = -1", "-1"), ("seed: -1", "-1"), ("{\"seed\": -1}", "-1")],
        "`seed` must be a whole number of at least 0, found the number `-1`",
        "",
    );
    check_all(
        [("halt = true", "true"), ("halt: true", "true"), ("{\"halt\": true}", "true")],
        "`halt` must be a map, found `true`",
        "",
    );
    check_all(
        [("halt = [0.5]", "[0.5]"), ("halt: [0.5]", "[0.5]"), ("{\"halt\": [0.5]}", "[0.5]")],
        "`halt` must be a map, found a list",
        "",
    );
    check_all(
        [
            ("[checks]\na = 1", "[checks]"),
            ("checks:\n  a: 1\nmode: off", "a: 1"),
            ("{\"checks\": {\"a\": 1}}", "{\"a\": 1}"),
        ],
        "`checks` must be a list, found a map",
        "",
    );
    check_all(
        [
            ("matrix = [[1], [2, 3, 'é']]", "'é'"),
            ("matrix:\n- [1]\n- [2, 3, é]", "é"),
            ("{\"matrix\": [[1], [2, 3, \"é\"]]}", "\"é\""),
        ],
        "`matrix[1][2]` must be a number, found the string `\"é\"`",
        "",
    );
    check_all(
        [
            ("checks = [{kind = 'text', patterns = []}, 7]", "7"),
            ("checks:\n  - kind: text\n    patterns: []\n  - 7\n", "7"),
            ("{\"checks\": [{\"kind\": \"text\", \"patterns\": []}, 7]}", "7"),
        ],
        "`checks[1]` must be a map, found the number `7`",
        "",
    );
    check_all(
        [("pair = [1]", "[1]"), ("pair: [1]", "[1]"), ("{\"pair\": [1]}", "[1]")],
        "`pair` must be a list of 2, found a length of 1",
        "",
    );
    check_all(
        [
            ("pair = [1, 2, 3]", "[1, 2, 3]"),
            ("pair: \n- 1\n- 2\n- 3\n", "- 1\n- 2\n- 3"),
            ("{\"pair\": [1,2,3]}", "[1,2,3]"),
        ],
        "`pair` must be a list of 2, found a length of 3",
        "",
    );
    check(Yaml, "[1]", "the document must be a map, found a list", "[1]", "");
    check(Json, " null ", "the document must be a map, found null", "null", "");
    check(
        Yaml,
        "halt:\n  hard_limit:\n",
        "`hard_limit` must be a number, found null",
        "hard_limit",
        "",
    );
    check(
        Json,
        "{\"seed\": null}",
        "`seed` must be a whole number of at least 0, found null",
        "null",
        "",
    );
}

#[test]
fn names() {
    check_all(
        [
            ("[halt]\nhard_limt = 0.5", "hard_limt"),
            ("halt:\n  \"hard_limt\": 0.5", "\"hard_limt\""),
            ("{\"halt\": {\"hard_limt\": 0.5}}", "\"hard_limt\""),
        ],
        "unknown field `hard_limt`",
        "did you mean `hard_limit`?",
    );
    check_all(
        [
            ("[halt]\ncolour = 1", "colour"),
            ("halt:\n  colour: 1", "colour"),
            ("{\"halt\": {\"colour\": 1}}", "\"colour\""),
        ],
        "unknown field `colour`",
        "expected one of `hard_limit`, `window`, `window_size`",
    );
    check_all(
        [
            ("[halt]\nwindow_size = 1 # none", "[halt]"),
            ("halt:\n  window_size: 1 # none\nseed: 1", "window_size: 1"),
            ("{\"halt\": {\"window_size\": 1}}", "{\"window_size\": 1}"),
        ],
        "missing field `hard_limit`",
        "",
    );
    check_all(
        [
            ("[halt]\nwindow = 1\nwindow_size = 1", "window_size"),
            ("halt: {window: 1, window_size: 1}", "window_size"),
            ("{\"halt\": {\"window\": 1, \"window_size\": 1}}", "\"window_size\""),
        ],
        "duplicate field `window_size`",
        "",
    );
    // the alias comes second
    let text = "halt: {window_size: 1, window: 1}";
    check(Yaml, text, "duplicate field `window_size`", "window", "");
    // the first in the text, not in the alphabet
    check_all(
        [("zz = 1\naa = 1", "zz"), ("zz: 1\naa: 1", "zz"), ("{\"zz\": 1, \"aa\": 1}", "\"zz\"")],
        "unknown field `zz`",
        "expected one of `mode`, `halt`, `checks`, `rules`, `channels`, `pair`, `matrix`, `seed`",
    );
    check_all(
        [
            ("mode = 'enforced'", "'enforced'"),
            ("mode: enforced", "enforced"),
            ("{\"mode\": \"enforced\"}", "\"enforced\""),
        ],
        "`mode` cannot be `enforced`",
        "did you mean `enforce`?",
    );
    check_all(
        [("mode = 'loud'", "'loud'"), ("mode: loud", "loud"), ("{\"mode\": \"loud\"}", "\"loud\"")],
        "`mode` cannot be `loud`",
        "expected one of `off`, `shadow`, `enforce`",
    );
    check_all(
        [("mode = 1", "1"), ("mode: 1", "1"), ("{\"mode\": 1}", "1")],
        "`mode` must be one of `off`, `shadow`, `enforce`, found the number `1`",
        "",
    );
    check_all(
        [
            ("channels.of = true", "of"),
            ("channels: {of: true}", "of"),
            ("{\"channels\": {\"of\": true}}", "\"of\""),
        ],
        "`channels` cannot be `of`",
        "did you mean `off`?",
    );
}

#[test]
fn own_complaints() {
    check_all(
        [
            ("[halt]\nhard_limit = 1.5", "1.5"),
            ("halt:\n  hard_limit: 1.5", "1.5"),
            ("{\"halt\": {\"hard_limit\": 1.5}}", "1.5"),
        ],
        "`hard_limit`: `1.5` is not between 0 and 1",
        "",
    );

    // a complaint that names the field already, and one about the whole document
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "BTreeMap<String, f64>")]
    struct Named;
    impl TryFrom<BTreeMap<String, f64>> for Named {
        type Error = &'static str;
        fn try_from(_: BTreeMap<String, f64>) -> Result<Self, Self::Error> {
            Err("`halt` is wrong")
        }
    }
    let error = |text: &str| {
        let document = Document::parse(text, Yaml).expect("valid");
        let nested = document.read::<BTreeMap<String, Named>>().map(|_| ());
        nested.or_else(|_| document.read::<Named>().map(|_| ())).expect_err("refused").message
    };
    let nested = Document::parse("halt: {a: 1}", Yaml)
        .and_then(|document| document.read::<BTreeMap<String, Named>>())
        .expect_err("refused");
    assert_eq!((nested.message(), nested.span()), ("`halt` is wrong", 6..12));
    assert_eq!(error("a: 1"), "`halt` is wrong");
}

#[test]
fn enums_with_content() {
    let rule = |text: &str, message: &str, spanned: &str, help: &str| {
        check(Json, &format!("{{\"rules\": {{\"r\": {text}}}}}"), message, spanned, help);
    };
    rule("{\"regexx\": \"a\"}", "`r` cannot be `regexx`", "\"regexx\"", "did you mean `regex`?");
    rule("\"regex\"", "`r`: `regex` needs a value", "\"regex\"", "");
    rule("{\"regex\": 5}", "`regex` must be a string, found the number `5`", "5", "");
    rule("{\"never\": 5}", "`never` must be null, found the number `5`", "5", "");
    rule("{\"between\": [0, true]}", "`between[1]` must be a number, found `true`", "true", "");
    rule("{\"between\": [0]}", "`between` must be a list of 2, found a length of 1", "[0]", "");
    rule("{\"literals\": {\"an\": []}}", "unknown field `an`", "\"an\"", "did you mean `any`?");
    rule("{\"literals\": [[]]}", "`literals` must be a map, found a list", "[[]]", "");
    rule("{\"literals\": 1}", "`literals` must be a map, found the number `1`", "1", "");
    rule("{\"literals\": {}}", "missing field `any`", "{}", "");
    let variants = "`r` must be one of `never`, `regex`, `between`, `literals`, found";
    rule("[]", &format!("{variants} a list"), "[]", "");
    rule("{}", &format!("{variants} a map"), "{}", "");

    let rules = json!({"rules": {
        "a": "never", "b": {"never": null}, "c": {"regex": "x"}, "d": {"between": [0, 1.5]},
        "e": {"literals": {"any": ["y"]}},
    }});
    let policy: Policy =
        Document::parse(&rules.to_string(), Json).expect("valid").read().expect("fits");
    let rules: Vec<Rule> = policy.rules.into_values().collect();
    let expected = [
        Rule::Never,
        Rule::Never,
        Rule::Regex("x".to_owned()),
        Rule::Between(0.0, 1.5),
        Rule::Literals { any: vec!["y".to_owned()] },
    ];
    assert_eq!(rules, expected);
}

#[test]
fn null_is_no_value() {
    for (format, text) in [(Yaml, "halt: ~\nseed: 5"), (Json, "{\"halt\": null, \"seed\": 5}")] {
        let policy: Policy = Document::parse(text, format).expect("valid").read().expect("fits");
        assert_eq!(policy, Policy { seed: Seed(5), ..Policy::default() });
    }
}

/// Serde reads these from a copy without spans.
#[test]
fn internally_tagged() {
    check_all(
        [
            ("[[checks]]\nkind = 'halt'\nhard_limit = 'high'", "'high'"),
            ("checks:\n- kind: halt\n  hard_limit: high", "high"),
            ("{\"checks\": [{\"kind\": \"halt\", \"hard_limit\": \"high\"}]}", "\"high\""),
        ],
        "`hard_limit` must be a number, found the string `\"high\"`",
        "",
    );
    check_all(
        [
            ("[[checks]]\nhard_limt = 0.5\nkind = 'halt'", "hard_limt"),
            ("checks:\n- hard_limt: 0.5\n  kind: halt", "hard_limt"),
            ("{\"checks\": [{\"hard_limt\": 0.5, \"kind\": \"halt\"}]}", "\"hard_limt\""),
        ],
        "unknown field `hard_limt`",
        "did you mean `hard_limit`?",
    );
    check_all(
        [
            ("[[checks]]\nkind = 'txt'", "'txt'"),
            ("checks:\n- kind: txt", "txt"),
            ("{\"checks\": [{\"kind\": \"txt\"}]}", "\"txt\""),
        ],
        "`kind` cannot be `txt`",
        "did you mean `text`?",
    );
    check_all(
        [
            ("[[checks]]\nname = 'a'", "[[checks]]"),
            ("checks:\n- name: a", "name: a"),
            ("{\"checks\": [{\"name\": \"a\"}]}", "{\"name\": \"a\"}"),
        ],
        "missing field `kind`",
        "",
    );
    check(
        Yaml,
        "checks: [{kind: text, patterns: [a, 1, b]}]",
        "`patterns[1]` must be a string, found the number `1`",
        "1",
        "",
    );
    // two values fit the error: the map, not a guess
    check(
        Yaml,
        "checks: [{kind: halt, name: x, hard_limit: x}]",
        "`checks[0]` must be a number, found the string `\"x\"`",
        "{kind: halt, name: x, hard_limit: x}",
        "",
    );
}

#[test]
fn duplicate_keys() {
    check_all(
        [
            ("seed = 1\nmode = 'off'\nseed = 2", "seed"),
            ("seed: 1\nmode: off\n'seed': 2", "'seed'"),
            ("{\"seed\": 1, \"mode\": \"off\", \"s\\u0065ed\": 2}", "\"s\\u0065ed\""),
        ],
        "duplicate key `seed`",
        "",
    );
    let second = |format, text: &str| Document::parse(text, format).expect_err("twice").span();
    assert_eq!(second(Toml, "a = 1\na = 2"), 6..7);
    assert_eq!(second(Toml, "[a]\n[a]"), 5..6);
    assert_eq!(second(Yaml, "a: 1\na: 2"), 5..6);
    assert_eq!(second(Yaml, "{a: 1, a: 2}"), 7..8);
    assert_eq!(second(Json, "{\"a\": 1, \"a\": 2}"), 9..12);
    check(Toml, "\"seed\" = 1\n\"seed\" = 2", "duplicate key `seed`", "\"seed\"", "");
}

#[test]
fn syntax() {
    let toml = |text, message, spanned| check(Toml, text, message, spanned, "");
    toml("seed =", "string values must be quoted, expected literal string", "");
    toml("seed = \"é", "invalid basic string, expected `\"`", "");
    toml("seed", "key with no value, expected `=`", "");
    toml("seed = [1", "unclosed array, expected `]`", "");
    toml("seed = 1\nseed.a = 2", "cannot extend value of type integer with a dotted key", "seed");
    toml("\u{feff}seed = é", "string values must be quoted, expected literal string", "é");

    let yaml = |text, message, spanned| check(Yaml, text, message, spanned, "");
    yaml("seed: 1: 2", "mapping values are not allowed in this context", ":");
    yaml("seed: [1", "while parsing a flow sequence, expected ',' or ']'", "");
    yaml("'é': \"x", "while scanning a quoted scalar, found unexpected end of stream", "\"");
    yaml("seed: *é", "while parsing node, found unknown anchor", "*");
    yaml("\u{feff}é: @é", "unexpected character `@`", "@");

    let json = |text, message, spanned| check(Json, text, message, spanned, "");
    json("", "the document is empty", "");
    json("{\"seed\": 1,}", "trailing commas are not allowed", ",");
    json("[1,]", "trailing commas are not allowed", ",");
    json("// é\n{}", "comments are not allowed", "// é");
    json("[1] /* c */", "comments are not allowed", "/* c */");
    json("{seed: 1}", "expected string for object property", "seed");
    json("{'seed': 1}", "single-quoted strings are not allowed", "'");
    json("{\"seed\" 1}", "expected colon after the string or word in object property", "1");
    json("[1 2]", "expected comma", "");
    json("[01]", "expected comma", "");
    json("[+1]", "unary plus on numbers is not allowed", "+");
    json("[1.]", "leading or trailing decimal points on numbers are not allowed", "1.");
    json("[0x1]", "hexadecimal numbers are not allowed", "0");
    json("[-Infinity]", "infinity and NaN are not allowed", "-Infinity");
    json("[NaN]", "unexpected token `NaN`", "NaN");
    json("\u{feff}[é]", "unexpected token `é`", "é");
    json("{} {}", "text cannot contain more than one JSON value", "{");
    json("{\"a\": [", "unterminated array", "[");
    json("[\"\\ud800\"]", "invalid unicode escape sequence", "\\ud800\"");
    json("[\"\\x41\"]", "invalid escape", "\\x");
    let control = "control character (\\u0000-\\u001F) found while parsing a string";
    json("[\n\"é\tb\"]", control, "\t");
    json("[\"é\nb\"]", control, "\n");
    json("\u{a0}[]", "expected value", "\u{a0}");
    json("[1,\u{b}2]", "expected value", "\u{b}");
}

#[test]
fn not_for_policies() {
    let quote = "write it in quotes, as a string";
    check(Toml, "seed = 2024-01-01", "`2024-01-01` is a date or time", "2024-01-01", quote);
    check(Toml, "a = [07:32:00]", "`07:32:00` is a date or time", "07:32:00", quote);

    let second = |text, spanned| {
        let help = "a file holds one document";
        check(Yaml, text, "a second document starts here", spanned, help);
    };
    second("seed: 1\n--- # é\nseed: 2", "---");
    second("---\n---\n", "---");
    second("seed: 1\n...\nseed: 2", "");
    assert_eq!(value(Yaml, "--- # one\nseed: 1\n...\n# end"), json!({"seed": 1}));

    let key = |text, found: &str, spanned| {
        let message = format!("a key must be a string, found {found}");
        check(Yaml, text, &message, spanned, "write it in quotes");
    };
    key("1: x", "the number `1`", "1");
    key("a: {true: x}", "`true`", "true");
    key("~: x", "null", "~");
    key(": x", "null", "");
    key("[a]: x", "a list", "[a]");
    key("? {a: 1}\n: x", "a map", "{a: 1}");
    key("a: &n 5\n*n : x", "the number `5`", "*n");
    let strings = "'1': a\n!!str 2: b\n&k c: d\n? e\n*k : f";
    let strings = strings.replace("\n*k : f", "\nf: *k");
    assert_eq!(value(Yaml, &strings), json!({"1": "a", "2": "b", "c": "d", "e": null, "f": "c"}));

    let tag = |text, tag: &str, spanned| {
        let message = format!("the tag `{tag}` is not known here");
        let help = "expected one of `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`";
        check(Yaml, text, &message, spanned, help);
    };
    tag("a: !secret é", "!secret", "!secret");
    tag("a: &x !!binary aGk=", "!!binary", "!!binary");
    tag("a: !!map {}", "!!map", "!!map");
    tag("!!seq\n- a", "!!seq", "!!seq");
    tag("a: ! x", "!", "!");
    tag("%TAG !! tag:example.org,1:\n---\na: !!int 1", "tag:example.org,1:int", "!!int");
    check(Yaml, "a: !!int x", "`x` is no `!!int`", "!!int x", "");
    check(Yaml, "a: !!bool 'yes'", "`yes` is no `!!bool`", "!!bool 'yes'", "");
    check(Yaml, "a: !!float 0x10", "`0x10` is no `!!float`", "!!float 0x10", "");

    for (format, text, spanned) in [
        (Toml, "seed = 99999999999999999999", "99999999999999999999"),
        (Toml, "seed = 0xfffffffffffffffff", "0xfffffffffffffffff"),
        (Toml, "seed = 1e999", "1e999"),
        (Yaml, "seed: -99999999999999999999 # no", "-99999999999999999999"),
        (Yaml, "seed: 0xfffffffffffffffff", "0xfffffffffffffffff"),
        (Yaml, "seed: !!float 1e999", "!!float 1e999"),
        (Json, "{\"seed\": 99999999999999999999}", "99999999999999999999"),
        (Json, "{\"seed\": -1e999}", "-1e999"),
    ] {
        let number = spanned.trim_start_matches("!!float ");
        check(format, text, &format!("the number `{number}` is out of range"), spanned, "");
    }
}

#[test]
fn yaml_scalars() {
    let cases = [
        ("null", json!(null)),
        ("Null", json!(null)),
        ("~", json!(null)),
        ("", json!(null)),
        ("nULL", json!("nULL")),
        ("true", json!(true)),
        ("FALSE", json!(false)),
        ("yes", json!("yes")),
        ("off", json!("off")),
        ("0", json!(0)),
        ("-0", json!(0)),
        ("+12", json!(12)),
        ("007", json!(7)),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("0x", json!("0x")),
        ("0x-1", json!("0x-1")),
        ("0o8", json!("0o8")),
        ("-0x1", json!("-0x1")),
        ("1_000", json!("1_000")),
        ("12:30", json!("12:30")),
        ("2024-01-01", json!("2024-01-01")),
        ("0.5", json!(0.5)),
        (".5", json!(0.5)),
        ("-1.", json!(-1.0)),
        ("1e3", json!(1000.0)),
        ("1.5E-1", json!(0.15)),
        (".", json!(".")),
        ("-", json!([null])),
        ("+", json!("+")),
        (".e3", json!(".e3")),
        ("1e", json!("1e")),
        ("1e5.0", json!("1e5.0")),
        ("e3", json!("e3")),
        ("inf", json!("inf")),
        ("'true'", json!("true")),
        ("\"1\"", json!("1")),
        ("|\n   1\n", json!("1\n")),
        (">-\n   a\n   b\n", json!("a b")),
        ("a\n  b", json!("a b")),
        ("!!str 1", json!("1")),
        ("!!str", json!("")),
        ("!!int '5'", json!(5)),
        ("!!float 5", json!(5.0)),
        ("!!float 1.5", json!(1.5)),
        ("!!null ''", json!(null)),
        ("!!bool \"true\"", json!(true)),
        ("!<tag:yaml.org,2002:int> 7", json!(7)),
    ];
    for (text, expected) in cases {
        let text = format!("a:\n  {text}");
        assert_eq!(value(Yaml, &text), json!({"a": expected}), "{text}");
    }
    let float = |format, text: &str| -> f64 {
        let read = Document::parse(text, format).and_then(|document| document.read());
        read.map(|map: BTreeMap<String, f64>| map["a"]).expect(text)
    };
    for (format, plus, minus, nan) in
        [(Yaml, "a: .inf", "a: -.Inf", "a: .NaN"), (Toml, "a = inf", "a = -inf", "a = nan")]
    {
        assert_eq!(float(format, plus), f64::INFINITY);
        assert_eq!(float(format, minus), f64::NEG_INFINITY);
        assert!(float(format, nan).is_nan());
    }
}

#[test]
fn empty_documents() {
    for text in ["", "\u{feff}", " \n", "# only a comment\n"] {
        assert_eq!(value(Toml, text), json!({}), "{text:?}");
        assert_eq!(value(Yaml, text), json!({}), "{text:?}");
        assert!(Document::parse(text, Json).is_err(), "{text:?}");
    }
    assert_eq!(value(Yaml, "---\n"), json!({}));
    assert_eq!(value(Yaml, "---\n...\n"), json!({}));
    assert_eq!(value(Yaml, "null"), json!(null));
    check(Json, "\u{feff} ", "the document is empty", "", "");
}

#[test]
fn aliases() {
    let text = "base: &base {x: [1, &é two]}\ncopy: *base\nname: *é\nagain: &base 5\nlast: *base";
    let base = json!({"x": [1, "two"]});
    let expected = json!({"base": base, "copy": base, "name": "two", "again": 5, "last": 5});
    assert_eq!(value(Yaml, text), expected);

    // about the alias: the alias; about what is in it: where that was written
    check(
        Yaml,
        "rules: {q: {regex: &l high}, r: {between: [0, *l]}}",
        "`between[1]` must be a number, found the string `\"high\"`",
        "*l",
        "",
    );
    check(
        Yaml,
        "rules: {q: {literals: {any: &l [a, b]}}}\nmatrix: [*l]",
        "`matrix[0][0]` must be a number, found the string `\"a\"`",
        "a",
        "",
    );
    check(Yaml, "seed: &s [1, *s]", "the alias stands inside its own anchor", "*s", "");
}

#[test]
fn limits() {
    let message = |format, text: &str| match Document::parse(text, format) {
        Ok(_) => String::new(),
        Err(error) => {
            assert!(text.get(error.span()).is_some(), "{error:?}");
            error.message
        }
    };

    // bytes
    for (format, start, end) in [(Toml, "#", ""), (Yaml, "#", ""), (Json, "[\"", "\"]")] {
        let fill = TEXT_BYTES_MAX - start.len() - end.len();
        let fits = format!("{start}{}{}{end}", "é".repeat(fill / 2), "e".repeat(fill % 2));
        assert_eq!(message(format, &fits), "", "{format:?}");
        let expected = "the document has 1048577 bytes, more than 1048576";
        assert_eq!(message(format, &format!("{fits} ")), expected, "{format:?}");
    }

    // depth, the outermost list or map included
    let too_deep = "lists and maps are nested more than 64 deep";
    type Nested = (Format, fn(usize) -> String);
    let nested: [Nested; 11] = [
        (Json, |depth| "[".repeat(depth) + &"]".repeat(depth)),
        (Json, |depth| "[".repeat(depth) + "1.5" + &"]".repeat(depth)),
        (Json, |depth| "{\"a\":".repeat(depth - 1) + "{}" + &"}".repeat(depth - 1)),
        (Yaml, |depth| "[".repeat(depth) + &"]".repeat(depth)),
        (Yaml, |depth| "{a: ".repeat(depth - 1) + "{}" + &"}".repeat(depth - 1)),
        (Yaml, |depth| "- ".repeat(depth) + "a"),
        // the alias stands for two
        (Yaml, |depth| {
            format!("a: &x [[]]\nb: {}*x{}", "[".repeat(depth - 3), "]".repeat(depth - 3))
        }),
        (Toml, |depth| format!("a = {}1.5{}", "[".repeat(depth - 1), "]".repeat(depth - 1))),
        (Toml, |depth| vec!["a"; depth].join(".") + " = 1.5"),
        (Toml, |depth| format!("[{}]\na = 1.5", vec!["a"; depth - 1].join("."))),
        (Toml, |depth| format!("[[{}]]\na.b = {{c = 1.5}}", vec!["a"; depth - 4].join("."))),
    ];
    for (index, (format, text)) in nested.iter().enumerate() {
        assert_eq!(message(*format, &text(DEPTH_MAX)), "", "{index}: {}", text(DEPTH_MAX));
        assert_eq!(message(*format, &text(DEPTH_MAX + 1)), too_deep, "{index}");
        assert_eq!(message(*format, &text(10_000)), too_deep, "{index}");
    }
    // points, brackets and quotes that nest nothing
    let flat =
        "[\"\"\"[[[{{{\n\\\"\"\"\"\", '''[[[{{{'\n''''', \"[[[\\\"[[[\", '[[[\\', 1.5, # [[[\n],\n";
    let flat = format!("a = [\n{}\n]\n{}", flat.repeat(100), "b.c.d.e.f = 1.5\n");
    assert_eq!(message(Toml, &flat), "");
    assert_eq!(message(Toml, &format!("a = [{}]", "1.5, ".repeat(100))), "");
    let lines: String = (0..100).map(|line| format!("a{line} = 1.5\n")).collect();
    assert_eq!(message(Toml, &lines), "");

    // values
    let list = |values: usize| format!("[{}1]", "1,".repeat(values - 2));
    for (format, start) in [(Toml, "a = "), (Yaml, "a: "), (Json, "")] {
        let outer = usize::from(format != Json);
        let text = |values: usize| format!("{start}{}", list(values - outer));
        assert_eq!(message(format, &text(NODES_MAX)), "", "{format:?}");
        let expected = "the document has more than 100000 values";
        assert_eq!(message(format, &text(NODES_MAX + 1)), expected, "{format:?}");
    }
}

#[test]
fn alias_bombs() {
    let mut laughs = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for (name, of) in ["b", "c", "d", "e", "f", "g", "h", "i"].into_iter().zip('a'..) {
        laughs += &format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 9].join(", "));
    }
    let message = "the document has more than 100000 values when its aliases are expanded";
    let error = Document::parse(&laughs, Yaml).expect_err("a bomb");
    assert_eq!(error.message(), message);
    assert!(laughs.get(error.span()).is_some());

    // what is anchored is kept, so anchors in anchors multiply as well
    let anchors = format!("{}{}{}", "&a [".repeat(60), "1,".repeat(2000), "]".repeat(60));
    assert_eq!(Document::parse(&anchors, Yaml).expect_err("a bomb").message(), message);

    let long = format!("a: &a {}\nb: [{}]", "x".repeat(1000), vec!["*a"; 2000].join(", "));
    let message = "the document has more than 1048576 bytes when its aliases are expanded";
    check(Yaml, &long, message, "*a", "");
}

/// What a parser would choke on: time or stack that grows faster than the text.
#[test]
fn hostile_texts() {
    let key = vec!["a"; 79].join(".");
    let bomb = format!("{key} = {{").repeat(79);
    let repeated = [
        "[", "{", "\"", "'", "\\", "a", "a.", "a:", "a: ", "- ", "? ", "? - ", "&a ", "*a ", "!!",
        "!a ", "[a", "[a]\n", "[[a]]\n", "{a=", "{\"a\":", "a={", "[{", "[\n", ",", "#", "\n",
        "\r", " \t", "|\n", "\"\"\"", "'''", "---\n", "...\n", "%a\n", "é", "0", "1.", "-", "a\n",
        "a: &a\n", "[a,", "\u{feff}",
    ];
    let texts = repeated.iter().map(|part| part.repeat(20_000 / part.len()));
    for text in texts.chain([bomb.clone(), bomb + &"}".repeat(79)]) {
        check_no_panic(&text);
    }
}

#[test]
fn foreign_text_in_messages() {
    let long = "é".repeat(61);
    let shown = format!("{}…", "é".repeat(60));
    let number = "`seed` must be a whole number of at least 0, found the string";
    let known = "expected one of `mode`, `halt`, `checks`, `rules`, `channels`, `pair`, `matrix`, \
                 `seed`";
    check(Yaml, &format!("seed: {long}"), &format!("{number} `\"{shown}\"`"), &long, "");
    let key = format!("\"{long}\"");
    check(Json, &format!("{{{key}: 1}}"), &format!("unknown field `{shown}`"), &key, known);
    let key = "\"\\u001b[1m\\u202e\\n\"";
    let message = "unknown field `\\u{1b}[1m\\u{202e}\\n`";
    check(Json, &format!("{{{key}: 1}}"), message, key, known);
    let pattern = r#""\\d'\"""#;
    let message = format!("{number} `\"\\d'\"\"`");
    check(Json, &format!("{{\"seed\": {pattern}}}"), &message, pattern, "");
}

#[test]
fn spans_of_paths() {
    let cases: [(Format, &str, &[&str], &str); 17] = [
        (Toml, "[[halt]]\nx = 1\n[[halt]]\nhard_limit = 0.5", &["halt", "1", "hard_limit"], "0.5"),
        (Toml, "[[halt]]\nx = 1\n[[ halt ]]\nhard_limit = 0.5", &["halt", "1"], "[[ halt ]]"),
        (Toml, "[[halt]]\nx = 1\n[[ halt ]]\nhard_limit = 0.5", &["halt", "2"], "[[halt]]"),
        (Toml, "\u{feff}a.b = 'é'\n", &["a", "b"], "'é'"),
        (Toml, "\u{feff} a.b = 'é'\n", &[], "a.b = 'é'"),
        (Yaml, "halt:\n- x: 1\n-\n  é: &l 0.5 # half\n", &["halt", "1", "é"], "&l 0.5"),
        (Yaml, "halt:\n- x: 1\n- y: é   # e\nz: 1", &["halt"], "- x: 1\n- y: é"),
        (Yaml, "halt:\n  - x: 1\n  - - 2\n", &["halt"], "- x: 1\n  - - 2"),
        (Yaml, "halt: [ {x: 1}, y: 2 ] # e", &["halt"], "[ {x: 1}, y: 2 ]"),
        (Yaml, "halt: [ {x: 1}, y: 2 ] # e", &["halt", "1"], "y: 2"),
        (Yaml, "a: !!str &x # \"\n  \"é\\\"y\"  # z", &["a"], "!!str &x # \"\n  \"é\\\"y\""),
        (Yaml, "a: &x [ # [\n é ] # e", &["a"], "&x [ # [\n é ]"),
        (Yaml, "a: &x é\nb: *x  # e", &["b"], "*x"),
        (Yaml, "a: |\n  é\n\n# e\nb: 1", &["a"], "é"),
        (Yaml, "a: 'b''c' # 'd'", &["a", "nothing"], "'b''c'"),
        (Json, "{\"a\": [1, {\"b\": \"é\"}]}", &["a", "1", "b"], "\"é\""),
        (Json, "{\"a\": [1, {\"b\": \"é\"}]}", &["a", "x", "b"], "[1, {\"b\": \"é\"}]"),
    ];
    for (format, text, path, expected) in cases {
        let span = Document::parse(text, format).expect(text).span_of(path);
        assert_eq!(text.get(span), Some(expected), "{text}");
    }
}

#[test]
fn formats_of_files() {
    let format = |path: &str| Format::from_path(Path::new(path));
    assert_eq!(format("a/policy.toml"), Some(Toml));
    assert_eq!(format("policy.yaml"), Some(Yaml));
    assert_eq!(format("policy.YML"), Some(Yaml));
    assert_eq!(format("policy.toml.json"), Some(Json));
    assert_eq!([format("toml"), format(".toml"), format("a.txt"), format("")], [None; 4]);
}

#[test]
fn nearest_names() {
    let cases = [
        ("hard_limt", "hard_limit"),
        ("hrad_limit", "hard_limit"),
        ("HARD-LIMIT", "hard_limit"),
        ("hardlimits", "hard_limit"),
        ("hardxxx_limit", "hard_limit"),
        ("hardxxxx_limit", ""),
        ("xxxx_limit", ""),
        ("mdoe", "mode"),
        ("mod", "mode"),
        ("modes", "mode"),
        ("mo", ""),
        ("xode", "mode"),
        ("xxde", ""),
        ("On", "on"),
        ("om", ""),
        ("", ""),
        ("née", "nées"),
    ];
    for (name, expected) in cases {
        let found = nearest(name, ["hard_limit", "mode", "on", "nées"]);
        assert_eq!(found.unwrap_or_default(), expected, "{name}");
    }
    // the first of equals, the nearest of all
    assert_eq!(nearest("abcd", ["abce", "abcf"]), Some("abce"));
    assert_eq!(nearest("abcdefg", ["abcdexx", "abcdefx"]), Some("abcdefx"));
    assert_eq!(nearest(&"a".repeat(1 << 20), ["aaa"]), None);
}

#[test]
fn lines_and_columns() {
    let text = "\u{feff}é = 1\r\n\n  b";
    let cases = [
        (0, (1, 1)),
        (2, (1, 1)),
        (3, (1, 1)),
        (4, (1, 1)),
        (5, (1, 2)),
        (11, (2, 1)),
        (14, (3, 3)),
        (15, (3, 4)),
        (99, (3, 4)),
    ];
    for (offset, expected) in cases {
        assert_eq!(line_column(text, offset), expected, "{offset}");
    }
    assert_eq!(line_column("", 0), (1, 1));
}

#[test]
fn good_documents_are_equal() {
    let expected = json!({
        "zebra": [1, -2, 2.5, 1e3, true, false, "é \n \"q\""],
        "a": {"b": {"c": {}, "d": []}},
        "list": [{"x": 1}, {"x": 2}],
        "max": u64::MAX,
        "min": i64::MIN,
    });
    let texts = [
        (
            Toml,
            "zebra = [1, -2, 2.5, 1e3, true, false, \"é \\n \\\"q\\\"\"]\n\
             max = 18446744073709551615\nmin = -9223372036854775808\n\
             a.b.c = {}\na.b.d = []\n[[list]]\nx = 1 # one\n[[list]]\nx = 0b10\n",
        ),
        (
            Yaml,
            "zebra: [1, -2, 2.5, 1e3, true, false, \"é \\n \\\"q\\\"\"]\n\
             a: {b: {c: {}, d: []}}\nlist:\n- x: 1\n- x: 0x2\n\
             max: 18446744073709551615\nmin: -9223372036854775808\n",
        ),
        (Json, &expected.to_string()),
    ];
    for (format, text) in texts {
        assert_eq!(value(format, text), expected, "{format:?}");
        assert_eq!(value(format, &format!("\u{feff}{text}")), expected, "{format:?}");
        assert_eq!(value(format, &text.replace('\n', "\r\n")), expected, "{format:?}");
    }
}

/// A JSON value whose top is a map and in which nothing is null, so that TOML can
/// say it as well.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        "[ -~é\u{1F600}\n\t\u{1}]{0,8}".prop_map(Value::from),
    ];
    let map = |value: BoxedStrategy<Value>| {
        prop::collection::btree_map("[a-cé:#'\" .\n-]{0,4}", value, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    };
    let value = leaf.prop_recursive(4, 32, 4, move |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        prop_oneof![list, map(inner)]
    });
    map(value.boxed())
}

/// The same in TOML: its strings may be written as `serde_json` writes its own.
fn to_toml(value: &Value, top: bool) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| to_toml(item, false)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| {
                format!("{} = {}", Value::from(key.as_str()), to_toml(value, false))
            };
            let entries: Vec<String> = map.iter().map(entry).collect();
            match top {
                true => entries.join("\n"),
                false => format!("{{{}}}", entries.join(", ")),
            }
        }
        other => other.to_string(),
    }
}

/// Texts that are nearly right: good ones with a few pieces changed.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "=",
        "\"",
        "'",
        "\n",
        "\r\n",
        " ",
        "\t",
        "#",
        "- ",
        "? ",
        "&a ",
        "*a",
        "!!str ",
        "! ",
        "|\n",
        ">",
        "---\n",
        "...\n",
        "%",
        ".",
        "\\",
        "\\u",
        "é",
        "\u{feff}",
        "\0",
        "//",
        "/*",
        "1",
        "-",
        "e",
        "0x",
        "inf",
        "true",
        "null",
        "\"\"\"",
        "'''",
        "[[a]]\n",
        "a.b = 1\n",
        "a: b\n",
        "<<: *a\n",
    ]);
    let good = (documents(), 0..4).prop_map(|(value, format)| match format {
        0 => to_toml(&value, true),
        1 => value.to_string(),
        2 => format!("{value:#}"),
        _ => "a: &a [1, 'x']\nb:\n- c: *a\n  d: |\n    e\n- !!str f\n".to_owned(),
    });
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4usize, piece), 0..6);
    (good, edits).prop_map(|(text, edits)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, removed, piece) in edits {
            let start = at.index(chars.len() + 1);
            let end = (start + removed).min(chars.len());
            chars.splice(start..end, piece.chars());
        }
        chars.into_iter().collect()
    })
}

/// Parses and reads in every format; all errors must have a span in the text.
fn check_no_panic(text: &str) {
    for format in FORMATS {
        let read = Document::parse(text, format).and_then(|document| {
            let span = document.span_of(&["a", "0", "b"]);
            assert!(text.get(span).is_some(), "{format:?}");
            document.read::<Value>()?;
            document.read::<Policy>()
        });
        if let Err(error) = read {
            assert!(text.get(error.span()).is_some(), "{format:?}: {error:?}");
            assert!(error.message().chars().all(|c| !c.is_control()), "{format:?}: {error:?}");
        }
    }
}

/// The span of every key and value, taken for a document, is that key or value.
fn check_spans(text: &str, node: &Node) {
    let check = |span: Range<usize>, expected: String| {
        let written = text.get(span).expect("a span in the text");
        let again = Document::parse(written, Yaml).expect(written);
        assert_eq!(again.root.kind.describe(), expected, "{written:?} in {text}");
    };
    match &node.kind {
        Kind::Seq(items) => items.iter().for_each(|item| check_spans(text, item)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                check(key.span.clone(), Kind::Str(key.name.clone()).describe());
                check_spans(text, value);
            }
        }
        _ => {}
    }
    check(node.span.clone(), node.kind.describe());
}

proptest! {
    #[test]
    fn any_text_is_safe(text in any::<String>()) {
        check_no_panic(&text);
    }

    #[test]
    fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        check_no_panic(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_punctuation_is_safe(text in "[\\[\\]{}:,='\"#&*!|>%@`?.a1e\n\r\t \\\\é-]{0,40}") {
        check_no_panic(&text);
    }

    #[test]
    fn mutated_documents_are_safe(text in mutated()) {
        check_no_panic(&text);
    }

    /// JSON is what `serde_json` takes it for, but for a key that comes twice.
    #[test]
    fn json_is_strict(text in mutated()) {
        let ours = Document::parse(&text, Json).and_then(|document| document.read::<Value>());
        let theirs = serde_json::from_str::<Value>(text.strip_prefix('\u{feff}').unwrap_or(&text));
        match (ours, theirs) {
            // not compared: by default `serde_json` may miss the nearest float by one
            (Ok(_), Ok(_)) => {}
            (Err(error), Ok(_)) => {
                let message = error.message();
                let known = message.starts_with("duplicate key") || message.ends_with("out of range");
                prop_assert!(known, "{}", message);
            }
            (Ok(_), Err(error)) => prop_assert!(false, "{}", error),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn formats_agree(document in documents()) {
        let json = document.to_string();
        let toml = to_toml(&document, true);
        prop_assert_eq!(&value(Json, &json), &document);
        prop_assert_eq!(&value(Yaml, &json), &document, "{}", json);
        prop_assert_eq!(&value(Toml, &toml), &document, "{}", toml);
        let pretty = format!("{document:#}");
        for format in [Yaml, Json] {
            check_spans(&pretty, &Document::parse(&pretty, format).expect("valid").root);
        }
    }
}
