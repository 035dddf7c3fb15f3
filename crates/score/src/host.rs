use std::fmt;

use crate::scorer::{Claim, ScoreError, Scored, Scorer};

/// Scores that somebody else worked out: a column of numbers, one per token or
/// claim, in the order of the stream.
#[derive(Clone, Debug)]
pub struct HostScores {
    rest: std::vec::IntoIter<f64>,
}

impl HostScores {
    /// These scores, first to last.
    #[must_use]
    pub fn new(scores: Vec<f64>) -> HostScores {
        HostScores { rest: scores.into_iter() }
    }

    /// Reads one number a line. Blank lines and lines that begin with `#` do
    /// not count. `NaN`, `inf` and `-inf` are numbers here, so that a bad
    /// score is seen by the halt rule and not hidden by the reader.
    ///
    /// # Errors
    /// The first line that is no number.
    pub fn parse(text: &str) -> Result<HostScores, HostScoresError> {
        let mut scores = Vec::new();
        for (line, entry) in (1..).zip(text.lines()) {
            let entry = entry.trim();
            if entry.is_empty() || entry.starts_with('#') {
                continue;
            }
            let error = || HostScoresError { line, entry: entry.chars().take(60).collect() };
            scores.push(entry.parse().map_err(|_| error())?);
        }
        Ok(HostScores::new(scores))
    }

    /// How many scores are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }
}

impl Scorer for HostScores {
    fn score(&mut self, _claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        let score = self.rest.next().ok_or(ScoreError::Missing)?;
        Ok(Scored { score, evidence: None })
    }
}

/// A line of a column of scores is no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostScoresError {
    line: usize,
    entry: String,
}

impl HostScoresError {
    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for HostScoresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: `{}` is not a number", self.line, self.entry)
    }
}

impl std::error::Error for HostScoresError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_read_in_order_and_then_ends() {
        let mut scores = HostScores::parse("# made by hand\n0.5\n\n  1e-1 \nNaN\n").unwrap();
        assert_eq!(scores.remaining(), 3);
        let mut next = || scores.score(&Claim::new("x")).map(|s| s.score);
        assert_eq!(next(), Ok(0.5));
        assert_eq!(next(), Ok(0.1));
        assert!(next().unwrap().is_nan());
        assert_eq!(next(), Err(ScoreError::Missing));
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = HostScores::parse("0.5\nhigh\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2: `high` is not a number");
    }
}
