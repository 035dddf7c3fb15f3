//! `--format json`: JSON Lines on stdout, one object for each thing that
//! happens.

use std::io::{self, Stdout, Write};

use serde_json::{Value, json};
use tidegate::{Release, ReleasedToken, TextMatch};
use tidegate_score::Evidence;

use crate::view::{Decision, Judged, Summary, View};

pub(crate) struct JsonView {
    out: Stdout,
}

impl JsonView {
    pub(crate) fn new() -> JsonView {
        JsonView { out: io::stdout() }
    }

    fn line(&mut self, value: &Value) -> io::Result<()> {
        // stdout is line-buffered: each line leaves as it is written
        writeln!(self.out, "{value}")
    }
}

impl View for JsonView {
    fn release(&mut self, release: &Release<'_>, tokens: &[&ReleasedToken]) -> io::Result<()> {
        let mut value = json!({
            "event": "release", "choice": release.choice, "channel": release.channel.to_string(),
            "text": release.text, "start": release.span.start, "end": release.span.end,
        });
        if let Some(object) = value.as_object_mut() {
            if release.is_masked {
                object.insert("masked".to_string(), true.into());
            }
            if !tokens.is_empty() {
                let token = |token: &&ReleasedToken| {
                    let (start, end) = (token.span.start, token.span.end);
                    json!({ "index": token.index, "start": start, "end": end, "logprob": token.logprob })
                };
                object.insert("tokens".to_string(), tokens.iter().map(token).collect());
            }
        }
        self.line(&value)
    }

    fn matched(&mut self, matched: &TextMatch) -> io::Result<()> {
        let mut value = json!({
            "event": "match", "choice": matched.choice, "channel": matched.channel.to_string(),
            "check": &*matched.check, "action": matched.action, "mode": matched.mode,
            "start": matched.span.start, "end": matched.span.end,
        });
        if let (Some(object), Some(rule)) = (value.as_object_mut(), matched.rule.as_deref()) {
            object.insert("rule".to_string(), rule.into());
        }
        self.line(&value)
    }

    fn scored(&mut self, Judged { passed, evidence }: &Judged<'_>) -> io::Result<()> {
        let mut value = json!({
            "event": "score", "choice": passed.choice, "channel": passed.channel.to_string(),
            "check": &*passed.check, "index": passed.index, "end": passed.end,
            "score": passed.score.to_f64(), "warn": passed.warn,
        });
        if let (Some(object), Some(finding)) = (value.as_object_mut(), passed.finding) {
            object.insert("finding".to_string(), finding.as_str().into());
        }
        add_evidence(&mut value, *evidence);
        self.line(&value)
    }

    fn decided(&mut self, decision: &Decision<'_>) -> io::Result<()> {
        let mut value = serde_json::to_value(decision.halted)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("event".to_string(), decision.kind.into());
            object.insert("withheld_bytes".to_string(), decision.withheld_bytes.into());
            if let Some(text) = decision.text {
                object.insert("text".to_string(), text.into());
            }
        }
        add_evidence(&mut value, decision.evidence);
        self.line(&value)
    }

    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        self.line(&json!({
            "event": "end", "halts": summary.halts, "released_bytes": summary.released_bytes,
            "scores": summary.scores, "warnings": summary.warnings,
            "contradicted": summary.contradicted, "unsupported": summary.unsupported,
            "matches": summary.matches,
            "scores_left": summary.scores_left,
        }))
    }
}

fn add_evidence(value: &mut Value, evidence: Option<&Evidence>) {
    if let (Some(object), Some(evidence)) = (value.as_object_mut(), evidence) {
        let mut value = json!({
            "finding": evidence.finding.as_str(), "unmatched": evidence.unmatched,
        });
        if let Some(object) = value.as_object_mut() {
            if let Some(passage) = evidence.passage {
                object.insert("passage".to_string(), passage.into());
                object.insert("text".to_string(), evidence.text.as_str().into());
            }
            if let Some(mismatch) = evidence.mismatch {
                object.insert("mismatch".to_string(), mismatch.as_str().into());
            }
        }
        object.insert("evidence".to_string(), value);
    }
}
