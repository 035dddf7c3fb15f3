//! The policy: the committed schema is current and agrees with the reader, and
//! all three formats say the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

use std::path::Path;

use serde_json::{Value, json};
use tidegate::{Format, Mode, ModelLabel, OnError, OnFinding, Policy, Source, Unit};
use tidegate_score::Finding;

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

/// A record of a calibration, with this in it.
fn calibration(with: &Value) -> Value {
    let mut record = json!({
        "data_digest": format!("sha256:{}", "0a".repeat(32)), "rows": 1, "folds": 5, "seed": 1,
        "auc": 0.5, "auc_low": 0.5, "auc_high": 0.5, "balanced_accuracy": 0.5,
        "false_halts": 0.5, "recall": 0.5,
    });
    for (field, value) in with.as_object().unwrap() {
        record[field] = value.clone();
    }
    record
}

fn reads(policy: &Value) -> bool {
    Policy::parse(&policy.to_string(), Format::Json).is_ok()
}

/// Every number that the schema bounds is bounded there by the reader too.
#[test]
fn the_schema_and_the_reader_have_the_same_ranges() {
    let schema = Policy::schema();
    let mut bounded = 0;
    for (definition, in_policy) in [
        ("HaltCheck", "halt"),
        ("ScorePolicy", "score"),
        ("BlendPolicy", "blend"),
        ("BlendWeights", "weights"),
        ("Calibration", "calibration"),
        ("Limits", "limits"),
    ] {
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
                let model = json!({ "path": "m" });
                let models = json!({ "embed": model, "nli": model });
                let blended = |blend| json!({ "from": "blend", "blend": blend });
                let check = match in_policy {
                    "limits" => return json!({ "version": 1, "limits": inner }),
                    "score" => json!({ "score": inner }),
                    "blend" => {
                        inner["weights"] = json!({ "facts": 1.0 });
                        json!({ "score": blended(inner) })
                    }
                    "weights" => json!({ "score": blended(json!({ "weights": inner })) }),
                    "calibration" => json!({ "calibration": calibration(&inner) }),
                    _ => inner,
                };
                json!({ "version": 1, "models": models, "halt": [check] })
            };
            let is_integer = property["type"] == "integer";
            // that a number of rows is not below 0 is said by its type
            if property["format"] == "uint64" || property["maximum"].is_null() {
                continue;
            }
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
    assert_eq!(
        bounded, 54,
        "six limits of a check, a deadline, eight numbers of a blend, six of a record and six limits of a stream, both ways"
    );
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
    let check = &policy.halt[0];
    assert_eq!(check.score.unit(), Unit::Claim);
    // only the drop, which says nothing of claims, is different for them
    let kernel = tidegate_kernel::HaltConfig::default();
    let claims = tidegate_kernel::HaltConfig { trend_threshold: 1.0, ..kernel };
    assert_eq!(check.config(), claims);
    let on = |finding| check.score.on_finding(Some(finding));
    assert_eq!(
        [Finding::Supported, Finding::Contradicted, Finding::Unsupported].map(on),
        [OnFinding::Score, OnFinding::Score, OnFinding::Allow]
    );
    assert_eq!(check.score.on_finding(None), OnFinding::Score);
    assert_eq!((check.score.deadline_ms, check.score.on_late), (5000, OnError::Halt));
}

/// Findings are of claims: what is said of a token is not heeded.
#[test]
fn tokens_have_no_findings() {
    let policy = Policy::parse("version = 1\n[[halt]]", Format::Toml).unwrap();
    let score = &policy.halt[0].score;
    for finding in [Finding::Contradicted, Finding::Unsupported] {
        assert_eq!(score.on_finding(Some(finding)), OnFinding::Score);
    }
}

#[test]
fn a_blend_and_its_models_are_read() {
    let text = r#"
        version = 1
        [models.embed]
        path = "models/minilm"
        [models.nli]
        path = "models/nli"
        labels = ["entailment", "not_entailment"]
        [[halt]]
        score = { from = "blend", blend = { bias = -0.2, weights = { facts = 1.1, nli = 0.4, "logprob.mean" = 0.1 } } }
    "#;
    let policy = Policy::parse(text, Format::Toml).unwrap();
    let score = &policy.halt[0].score;
    assert_eq!(score.unit(), Unit::Claim);
    let taken = [Source::Facts, Source::Embed, Source::Nli, Source::Host, Source::Logprob];
    assert_eq!(taken.map(|source| score.takes(source)), [true, false, true, false, true]);
    let blend = score.blend.as_ref().unwrap().blend();
    let weights: Vec<_> = blend.weights.iter().map(|(name, weight)| (&**name, *weight)).collect();
    assert_eq!(
        (blend.bias, weights),
        (-0.2, vec![("facts", 1.1), ("logprob.mean", 0.1), ("nli", 0.4)])
    );
    let labels = policy.models.nli.as_ref().unwrap().labels.as_ref().unwrap();
    assert_eq!(labels[..], [ModelLabel::Entailment, ModelLabel::NotEntailment]);
    let written = serde_json::to_string(&policy).unwrap();
    assert_eq!(Policy::parse(&written, Format::Json).unwrap(), policy);
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
    check(
        "version = 1\n[[halt]]\nscore = { from = \"host\", on_unsupported = \"halt\" }\n",
        Toml,
        "`on_unsupported` is for claims, and this check scores tokens",
        "\"halt\"",
        Some("leave it out, or say `at = \"claim\"`"),
    );
    check(
        "version: 1\nhalt:\n  - score: { from: blend, blend: { weights: { fcats: 1 } } }\n",
        Yaml,
        "unknown field `fcats`",
        "fcats",
        Some("did you mean `facts`?"),
    );
    check(
        "version = 1\n[[halt]]\nscore.from = \"nli\"\n",
        Toml,
        "the check `halt` takes its scores from `nli`, and there is no `[models.nli]`",
        "\"nli\"",
        Some("say `[models.nli]` and `path = \"…\"`, the model's folder"),
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
