//! What the gate says of a stream.

use std::fmt;

use serde::{Deserialize, Serialize};
use tidegate_kernel::{Channel, Reason};
use tidegate_score::Finding;

use crate::words::{channel_name_opt, finding_opt};

/// What the gate says of one choice.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Text may leave.
    Open,
    /// No more text leaves, ever.
    Halted(Box<Halted>),
}

impl Verdict {
    /// The halt, if there was one.
    #[must_use]
    pub fn halted(&self) -> Option<&Halted> {
        match self {
            Verdict::Open => None,
            Verdict::Halted(halted) => Some(halted),
        }
    }
}

/// Why and where a choice was halted, for programs; displays for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Halted {
    /// Which check halted: its name in the policy, or `stream` for what is
    /// wrong with the stream itself.
    pub check: String,
    /// What halted, as a word: `hard_limit`, `contradicted`, `missing_score`,
    /// `late_score`, `match`, `invalid_json`, …
    pub code: String,
    /// Which rule of a text check, if it is one of the library's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The choice.
    pub choice: u32,
    /// The channel; absent for what is wrong with the stream itself.
    #[serde(with = "channel_name_opt", default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The number of the token or claim, from 0, among those of the channel
    /// that this check was asked to judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Where that token or claim, or the match, begins in the channel's text, in
    /// bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Where it ends, in bytes; for a text rule, how far the text was read when
    /// the match was sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// What the facts say to the claim, if its scorer said so.
    #[serde(with = "finding_opt", default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
    /// What was measured, where it is a number: the score, the mean, the drop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What it was held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// The reason as text: `hard_limit (0.3000 < 0.5)`.
    pub reason: String,
}

impl fmt::Display for Halted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` halted choice {}", self.check, self.choice)?;
        if let Some(channel) = self.channel {
            write!(f, ", {channel}")?;
        }
        match (self.index, self.start, self.end) {
            (Some(index), Some(start), Some(end)) => {
                write!(f, ", at {index} (bytes {start} to {end})")?;
            }
            (None, Some(start), _) => write!(f, ", at byte {start}")?,
            _ => {}
        }
        write!(f, ": {}", self.reason)
    }
}

/// The numbers of a kernel's reason.
pub(crate) fn value_and_limit(reason: &Reason) -> (Option<f64>, Option<f64>) {
    match reason {
        Reason::InvalidScore(score) => (Some(score.value()).filter(|x| x.is_finite()), None),
        Reason::Limit { value, limit, .. } => (Some(value.to_f64()), Some(limit.to_f64())),
    }
}
