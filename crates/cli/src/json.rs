//! `--format json`: JSON Lines on stdout, one object for each thing that
//! happens.

use std::io::{self, Stdout, Write};

use serde_json::{Value, json};
use tidegate::Channel;
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
    fn release(&mut self, choice: u32, channel: Channel, text: &str) -> io::Result<()> {
        let channel = channel.to_string();
        self.line(&json!({
            "event": "release", "choice": choice, "channel": channel, "text": text
        }))
    }

    fn scored(&mut self, Judged { passed, evidence }: &Judged<'_>) -> io::Result<()> {
        let mut value = json!({
            "event": "score", "choice": passed.choice, "channel": passed.channel.to_string(),
            "check": &*passed.check, "index": passed.index, "end": passed.end,
            "score": passed.score.to_f64(), "warn": passed.warn,
        });
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
            "scores_left": summary.scores_left,
        }))
    }
}

fn add_evidence(value: &mut Value, evidence: Option<&Evidence>) {
    if let (Some(object), Some(evidence)) = (value.as_object_mut(), evidence) {
        let evidence = json!({
            "finding": evidence.finding.as_str(), "passage": evidence.passage,
            "text": evidence.text, "unmatched": evidence.unmatched,
        });
        object.insert("evidence".to_string(), evidence);
    }
}
