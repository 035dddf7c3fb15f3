use alloc::vec::Vec;

use crate::config::{ConfigError, HaltConfig};
use crate::rule::{Decision, Halt, HaltRule};

/// Scores kept by a [`Session`]; later ones are counted and judged, not kept.
/// 1 048 576 scores, 8 bytes each.
pub const SESSION_SCORES_MAX: usize = 1 << 20;

/// A [`HaltRule`] that remembers what it was given.
///
/// For hosts that show the scores of a stream afterwards. The rule alone keeps
/// no history; use it where nobody asks.
#[derive(Clone, Debug)]
pub struct Session {
    rule: HaltRule,
    scores: Vec<f64>,
    pushes: u64,
    warnings: u64,
}

impl Session {
    /// A session that has seen nothing.
    ///
    /// # Errors
    /// When a field of `config` lies outside its range.
    pub fn new(config: &HaltConfig) -> Result<Session, ConfigError> {
        let rule = HaltRule::new(config)?;
        Ok(Session { rule, scores: Vec::new(), pushes: 0, warnings: 0 })
    }

    /// [`HaltRule::push`], remembered. Pushes after the halt are not.
    pub fn push(&mut self, score: f64) -> Decision {
        let decision = self.rule.push(score);
        if matches!(decision, Decision::Latched(_)) {
            return decision;
        }
        self.pushes += 1;
        self.warnings += u64::from(decision == Decision::Warn);
        if self.scores.len() < SESSION_SCORES_MAX {
            self.scores.push(score);
        }
        decision
    }

    /// The scores as they were given, the halting one included, up to
    /// [`SESSION_SCORES_MAX`].
    #[must_use]
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// How many scores were judged, the halting one included.
    #[must_use]
    pub fn pushes(&self) -> u64 {
        self.pushes
    }

    /// How many scores passed below the soft limit.
    #[must_use]
    pub fn warnings(&self) -> u64 {
        self.warnings
    }

    /// Why and where the stream was halted; `None` while it is open.
    #[must_use]
    pub fn halt(&self) -> Option<&Halt> {
        self.rule.halt()
    }
}
