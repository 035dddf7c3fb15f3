use crate::scorer::{Claim, ScoreError, Scored, Scorer};

/// Scores a claim by how sure the model was of it: the geometric mean of the
/// probabilities of its tokens, exp(Σ logprob / n).
///
/// A model can be sure of what is false; this score says nothing about facts.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogprobScorer;

impl Scorer for LogprobScorer {
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        if claim.logprobs.is_empty() {
            return Err(ScoreError::Missing);
        }
        let mean = claim.logprobs.iter().sum::<f64>() / claim.logprobs.len() as f64;
        Ok(Scored { score: probability(mean), evidence: None })
    }
}

/// The probability of a token with this natural logarithm, with the same bits
/// on every target. A positive logprob gives a number above one, which the halt
/// rule names `invalid_score`.
#[must_use]
pub fn probability(logprob: f64) -> f64 {
    libm::exp(logprob)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_the_geometric_mean() {
        let logprobs = [0.25f64.ln(), 1.0f64.ln()];
        let claim = Claim { text: "x", logprobs: &logprobs };
        let scored = LogprobScorer.score(&claim).unwrap();
        assert!((scored.score - 0.5).abs() < 1e-12);
        assert_eq!(LogprobScorer.score(&Claim::new("x")), Err(ScoreError::Missing));
    }

    #[test]
    fn bad_logprobs_are_not_hidden() {
        for bad in [0.5, f64::NAN, f64::INFINITY] {
            let score = probability(bad);
            assert!(!(0.0..=1.0).contains(&score), "{bad} gave {score}");
        }
        assert_eq!(probability(f64::NEG_INFINITY), 0.0);
    }
}
