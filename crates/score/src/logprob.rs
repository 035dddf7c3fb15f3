use crate::scorer::{Claim, ScoreError, Scored, Scorer};

/// Scores a claim by how sure the model was of it.
///
/// A model can be sure of what is false; this score says nothing about facts.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogprobScorer {
    measure: Measure,
}

/// What is made of the logprobs of a claim's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// The geometric mean of the tokens' probabilities, exp(Σ logprob / n).
    #[default]
    Mean,
    /// The least of the tokens' probabilities.
    Min,
    /// exp(-H), where H is the mean of the tokens' entropies in nats: one over
    /// the number of equally likely alternatives that would be as unsure. Wants
    /// a stream that lists two alternatives or more for every token.
    Entropy,
}

impl LogprobScorer {
    /// A scorer that takes this measure.
    #[must_use]
    pub fn new(measure: Measure) -> LogprobScorer {
        LogprobScorer { measure }
    }
}

impl Scorer for LogprobScorer {
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        let tokens = claim.tokens;
        if tokens.is_empty() {
            return Err(ScoreError::Missing);
        }
        let n = tokens.len() as f64;
        let logprobs = || tokens.iter().map(|token| token.logprob);
        // what is no logprob is not hidden behind the others
        let bad = logprobs().find(|logprob| logprob.is_nan() || *logprob > 0.0);
        let exponent = match (self.measure, bad) {
            (Measure::Mean, _) => logprobs().sum::<f64>() / n,
            (Measure::Min, Some(bad)) => bad,
            (Measure::Min, None) => logprobs().fold(0.0, f64::min),
            (Measure::Entropy, _) => {
                let entropies = tokens.iter().map(|token| token.entropy);
                -entropies.sum::<Option<f64>>().ok_or(ScoreError::Missing)? / n
            }
        };
        Ok(Scored { score: probability(exponent), evidence: None })
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
    use crate::scorer::TokenStat;

    fn score(measure: Measure, tokens: &[(f64, Option<f64>)]) -> Result<f64, ScoreError> {
        let token = |(logprob, entropy): &(f64, Option<f64>)| TokenStat {
            logprob: *logprob,
            entropy: *entropy,
        };
        let tokens: Vec<TokenStat> = tokens.iter().map(token).collect();
        let claim = Claim { text: "x", tokens: &tokens };
        LogprobScorer::new(measure).score(&claim).map(|scored| scored.score)
    }

    #[test]
    fn each_measure_of_two_tokens() {
        let two = [(0.25f64.ln(), Some(2f64.ln())), (1.0f64.ln(), Some(8f64.ln()))];
        for (measure, expect) in
            [(Measure::Mean, 0.5), (Measure::Min, 0.25), (Measure::Entropy, 0.25)]
        {
            let score = score(measure, &two).unwrap();
            assert!((score - expect).abs() < 1e-12, "{measure:?} {score}");
        }
    }

    #[test]
    fn what_the_stream_does_not_say_is_missing() {
        for measure in [Measure::Mean, Measure::Min, Measure::Entropy] {
            assert_eq!(score(measure, &[]), Err(ScoreError::Missing));
        }
        // the entropy of one token is not that of the claim
        let half = [(-0.1, Some(0.2)), (-0.1, None)];
        assert_eq!(score(Measure::Entropy, &half), Err(ScoreError::Missing));
        assert!(score(Measure::Min, &half).is_ok());
    }

    #[test]
    fn bad_logprobs_are_not_hidden() {
        for bad in [0.5, f64::NAN, f64::INFINITY] {
            let alone = probability(bad);
            assert!(!(0.0..=1.0).contains(&alone), "{bad} gave {alone}");
            for others in [[(bad, None), (-3.0, None)], [(-3.0, None), (bad, None)]] {
                let min = score(Measure::Min, &others).unwrap();
                assert!(!(0.0..=1.0).contains(&min), "{bad} gave {min}");
            }
        }
        assert_eq!(probability(f64::NEG_INFINITY), 0.0);
    }
}
