//! Policies as TOML.

use std::fmt::Write;

use serde_json::{Map, Value};
use tidegate::{Limits, Policy};

/// The halt checks of a policy, their models and its limits, for a file of their own.
pub(crate) fn toml(policy: &Policy) -> String {
    let mut text = format!("version = {}\n", policy.version);
    for check in &policy.halt {
        if let Ok(Value::Object(check)) = serde_json::to_value(check) {
            text.push_str("\n[[halt]]\n");
            table(&mut text, "halt", &check);
        }
    }
    if let Ok(Value::Object(models)) = serde_json::to_value(&policy.models) {
        table(&mut text, "models", &models);
    }
    if policy.limits != Limits::default()
        && let Ok(Value::Object(limits)) = serde_json::to_value(policy.limits)
    {
        text.push_str("\n[limits]\n");
        table(&mut text, "limits", &limits);
    }
    text
}

/// The fields of a table, and then the tables in it.
fn table(text: &mut String, path: &str, fields: &Map<String, Value>) {
    let is_table = |value: &Value| value.is_object();
    for (name, value) in fields.iter().filter(|(_, value)| !is_table(value)) {
        // JSON and TOML write numbers, words, lists of them and texts alike, but
        // for one character
        let value = value.to_string().replace('\u{7f}', "\\u007f");
        // to write to a string cannot fail
        let _ = writeln!(text, "{} = {value}", key(name));
    }
    for (name, value) in fields {
        if let Value::Object(fields) = value {
            let path = format!("{path}.{}", key(name));
            let _ = writeln!(text, "\n[{path}]");
            table(text, &path, fields);
        }
    }
}

fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match name.chars().all(is_bare) {
        true => name.to_string(),
        false => format!("\"{name}\""),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tidegate::Format;

    use super::*;

    #[track_caller]
    fn check(policy: &str) {
        let policy = Policy::parse(policy, Format::Toml).unwrap();
        assert_eq!(Policy::parse(&toml(&policy), Format::Toml).unwrap(), policy);
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        check("version = 1\n[[halt]]\nscore = { from = \"facts\", on_unsupported = \"halt\" }\n");
        check(
            r#"
            version = 1
            [[halt]]
            name = "both"
            mode = "shadow"
            hard_limit = 0.123456789
            channels = ["content", "tool"]
            trend_threshold = 1.0
            [halt.score]
            from = "blend"
            blend = { bias = -1.5e-7, weights = { facts = 1.0, nli = 2.25, "logprob.min" = -0.1 } }
            [models.nli]
            path = "a \"b\" \\ \u007f ü"
            labels = ["entailment", "neutral"]
            "#,
        );
    }
}
