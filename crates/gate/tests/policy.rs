//! The policy: the committed schema is current and agrees with the reader, and
//! all three formats say the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

use std::path::Path;

use serde_json::{Value, json};
use tidegate::{Format, Mode, Policy, Source, Unit};

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/policy.schema.json");
    let schema = serde_json::to_string_pretty(&Policy::schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == schema,
        "schemas/policy.schema.json is not current: run with UPDATE_EXPECT=1"
    );
}

fn reads(policy: &Value) -> bool {
    Policy::parse(&policy.to_string(), Format::Json).is_ok()
}

/// Every number that the schema bounds is bounded there by the reader too.
#[test]
fn the_schema_and_the_reader_have_the_same_ranges() {
    let schema = Policy::schema();
    let mut bounded = 0;
    for (definition, in_policy) in [("HaltCheck", "halt"), ("Limits", "limits")] {
        let properties = schema["$defs"][definition]["properties"].as_object().unwrap();
        for (field, property) in properties {
            let with = |value: Value| {
                let mut inner = json!({});
                inner[field] = value;
                // a hold must have room for a claim
                if field == "claim_bytes_max" {
                    inner["hold_bytes_max"] = json!(1 << 30);
                }
                if field == "hold_bytes_max" {
                    inner["claim_bytes_max"] = json!(16);
                }
                match in_policy {
                    "halt" => json!({ "version": 1, "halt": [inner] }),
                    _ => json!({ "version": 1, "limits": inner }),
                }
            };
            let is_integer = property["type"] == "integer";
            let step = if is_integer { 1.0 } else { 1e-6 };
            let number = |x: f64| if is_integer { json!(x as i64) } else { json!(x) };
            for (bound, outward) in [("minimum", -1.0), ("maximum", 1.0)] {
                let Some(limit) = property[bound].as_f64() else { continue };
                bounded += 1;
                assert!(reads(&with(number(limit))), "{field} {bound} {limit}");
                let beyond = limit + outward * step;
                assert!(!reads(&with(number(beyond))), "{field} beyond {bound} {limit}");
            }
            if let Some(limit) = property["exclusiveMinimum"].as_f64() {
                bounded += 1;
                assert!(!reads(&with(number(limit))), "{field} at {limit}");
                assert!(reads(&with(number(limit + step))), "{field} above {limit}");
            }
        }
    }
    assert_eq!(bounded, 24, "six limits of a check and six of a stream, both ways");
}

#[test]
fn three_formats_say_the_same() {
    let toml = r#"
        version = 1
        [[halt]]
        name = "sure"
        mode = "shadow"
        channels = ["reasoning", "tool"]
        score = { from = "logprob", at = "claim", hold = false, on_error = "allow" }
        trend = "slope"
        hard_limit = 0.25
        [stream]
        on_fault = "allow"
        [limits]
        choices_max = 2
    "#;
    let yaml = "
version: 1
halt:
  - name: sure
    mode: shadow
    channels: [reasoning, tool]
    score: { from: logprob, at: claim, hold: false, on_error: allow }
    trend: slope
    hard_limit: 0.25
stream: { on_fault: allow }
limits: { choices_max: 2 }
";
    let json = r#"{"version": 1, "halt": [{"name": "sure", "mode": "shadow",
        "channels": ["reasoning", "tool"], "score": {"from": "logprob", "at": "claim",
        "hold": false, "on_error": "allow"}, "trend": "slope", "hard_limit": 0.25}],
        "stream": {"on_fault": "allow"}, "limits": {"choices_max": 2}}"#;
    let policy = Policy::parse(toml, Format::Toml).unwrap();
    assert_eq!(Policy::parse(yaml, Format::Yaml).unwrap(), policy);
    assert_eq!(Policy::parse(json, Format::Json).unwrap(), policy);
    assert_eq!(policy.halt[0].mode, Mode::Shadow);
    assert_eq!(policy.halt[0].score.from, Source::Logprob);
    // what is written is read again
    let written = serde_json::to_string(&policy).unwrap();
    assert_eq!(Policy::parse(&written, Format::Json).unwrap(), policy);
}

#[test]
fn defaults() {
    let policy = Policy::parse("version = 1\n[[halt]]", Format::Toml).unwrap();
    let check = &policy.halt[0];
    assert_eq!((check.name.as_str(), check.mode), ("halt", Mode::Enforce));
    assert_eq!(check.config(), tidegate_kernel::HaltConfig::default());
    assert_eq!((check.score.from, check.score.unit()), (Source::Host, Unit::Token));
    let facts = "version = 1\n[[halt]]\nscore.from = \"facts\"";
    let policy = Policy::parse(facts, Format::Toml).unwrap();
    assert_eq!(policy.halt[0].score.unit(), Unit::Claim);
}

/// The error, the text it points at and the help.
#[track_caller]
fn check(text: &str, format: Format, message: &str, at: &str, help: Option<&str>) {
    let error = Policy::parse(text, format).unwrap_err();
    assert_eq!(error.message(), message);
    assert_eq!(&text[error.span().unwrap()], at, "{message}");
    assert_eq!(error.help(), help, "{message}");
}

#[test]
fn faults_point_at_their_place() {
    use Format::{Json, Toml, Yaml};
    check(
        "version = 1\n[[halt]]\nhard_limt = 0.5\n",
        Toml,
        "unknown field `hard_limt`",
        "hard_limt",
        Some("did you mean `hard_limit`?"),
    );
    check(
        "version: 1\nhalt:\n  - hard_limit: high\n",
        Yaml,
        "`hard_limit` must be a number, found the string `\"high\"`",
        "high",
        None,
    );
    check(
        r#"{"version": 1, "halt": [{"hard_limit": 1.5}]}"#,
        Json,
        "`hard_limit` is `1.5`: expected a number from 0 to 1",
        "1.5",
        None,
    );
    check(
        "version = 1\n[[halt]]\nname = \"a\"\n[[halt]]\nname = 'a'\n",
        Toml,
        "two checks are named `a`",
        "'a'",
        Some("give this one a `name` of its own"),
    );
    check(
        "version = 1\n[[halt]]\nscore = { from = \"facts\", at = \"token\" }\n",
        Toml,
        "`facts` scores claims, not tokens",
        "\"token\"",
        Some("leave `at` out, or say `at = \"claim\"`"),
    );
    check(
        "version = 1\n[[halt]]\nmode = \"enforced\"\n",
        Toml,
        "`mode` cannot be `enforced`",
        "\"enforced\"",
        Some("did you mean `enforce`?"),
    );
    check("version = 2\n", Toml, "`version` is `2`: this program reads 1", "2", None);
    check(
        "version: 1\nhalt:\n  - channels: []\n",
        Yaml,
        "the check `halt` watches no channel",
        "[]",
        Some("to switch it off, say `mode = \"off\"`"),
    );
    check(
        "version = 1\n[limits]\nhold_bytes_max = 20\n",
        Toml,
        "`hold_bytes_max` is `20`: less than one claim, `claim_bytes_max` is `1024`",
        "20",
        None,
    );
    check(
        "version = 1\n[[halt]]\nname = \"stream\"\n",
        Toml,
        "`stream` cannot name a check",
        "\"stream\"",
        Some("a name has 1 to 64 letters, digits, `_`, `-` or `.`, and is not `stream`"),
    );
}

#[test]
fn older_fields_are_noticed_and_dropped() {
    let text =
        r#"{"version": 1, "halt": [{"w_logic": 0.6, "deadline_ms": 50, "soft_limit": 0.7}]}"#;
    let (policy, notices) = Policy::parse_with_notices(text, Format::Json).unwrap();
    assert_eq!(policy.halt[0].soft_limit, 0.7);
    let notices: Vec<String> = notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        notices,
        [
            "`w_logic` is a scorer's field of older configurations: it has no effect",
            "`deadline_ms` is a scorer's field of older configurations: it has no effect",
        ]
    );
}

#[test]
fn a_policy_that_enforces_nothing_says_so() {
    let (_, notices) = Policy::parse_with_notices("version = 1", Format::Toml).unwrap();
    assert_eq!(notices[0].to_string(), "no check enforces: all text will be released");
}
