//! What a score rests on, as JSON.

use serde_json::{Map, Value, json};
use tidegate_score::Evidence;

/// `finding`, `text`, `unmatched`, and where they are known `passage` and
/// `mismatch`.
#[must_use]
pub fn evidence_value(evidence: &Evidence) -> Value {
    let mut object = Map::new();
    object.insert("finding".to_string(), evidence.finding.as_str().into());
    object.insert("text".to_string(), evidence.text.as_str().into());
    object.insert("unmatched".to_string(), json!(evidence.unmatched));
    object.extend(evidence.passage.map(|passage| ("passage".to_string(), passage.into())));
    let mismatch = evidence.mismatch.map(|mismatch| mismatch.as_str().into());
    object.extend(mismatch.map(|mismatch| ("mismatch".to_string(), mismatch)));
    Value::Object(object)
}
