use std::collections::BTreeMap;
use std::fmt;

use crate::scorer::{Claim, ScoreError, Scored, Scorer};

/// How the scores of several scorers become one, as logistic regression has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blend {
    /// What is added to the weighted sum.
    pub bias: f64,
    /// The weight of each scorer, by its name.
    pub weights: BTreeMap<String, f64>,
}

/// Asks several scorers and makes one score of theirs:
/// logistic(bias + Σ weight · logit(score)), with the same bits on every target.
/// A score nearer than 1e-6 to 0 or 1 counts as that far from it.
///
/// The evidence is that of the scorer named `facts`.
pub struct BlendScorer {
    blend: Blend,
    scorers: BTreeMap<String, Box<dyn Scorer + Send>>,
}

/// The logit of a score nearer to 0 or 1 would outweigh all others.
const MARGIN: f64 = 1e-6;

/// What a blend weighs of a score x: ln(x / (1 - x)), with the same bits on every
/// target. A score nearer than 1e-6 to 0 or 1 counts as that far from it.
#[must_use]
pub fn logit(score: f64) -> f64 {
    let score = score.clamp(MARGIN, 1.0 - MARGIN);
    libm::log(score / (1.0 - score))
}

/// The scorer whose evidence is the blend's.
const EVIDENCE: &str = "facts";

impl fmt::Debug for BlendScorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlendScorer").field("blend", &self.blend).finish_non_exhaustive()
    }
}

impl BlendScorer {
    /// A blend of no scorers yet: until each of its weights has one, every score
    /// is missing.
    #[must_use]
    pub fn new(blend: Blend) -> BlendScorer {
        BlendScorer { blend, scorers: BTreeMap::new() }
    }

    /// Who gives the score that goes by this name.
    pub fn set_scorer(&mut self, name: &str, scorer: Box<dyn Scorer + Send>) {
        self.scorers.insert(name.to_string(), scorer);
    }
}

impl Scorer for BlendScorer {
    /// # Errors
    /// [`ScoreError::MissingInput`] with the name of the first scorer that has no
    /// score, [`ScoreError::Failed`] with that of the first that fails or gives a
    /// number that is no score.
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        let mut sum = self.blend.bias;
        let mut evidence = None;
        for (name, weight) in &self.blend.weights {
            let scored = match self.scorers.get_mut(name) {
                Some(scorer) => scorer.score(claim),
                None => Err(ScoreError::Missing),
            };
            let scored = scored.map_err(|error| match error {
                ScoreError::Missing => ScoreError::MissingInput(name.clone()),
                ScoreError::Failed(why) => ScoreError::Failed(format!("`{name}`: {why}")),
                ScoreError::MissingInput(_) | ScoreError::Late => error,
            })?;
            if !(0.0..=1.0).contains(&scored.score) {
                let why = format!("`{name}` gave `{}`, which is no score", scored.score);
                return Err(ScoreError::Failed(why));
            }
            sum += weight * logit(scored.score);
            if name == EVIDENCE {
                evidence = scored.evidence;
            }
        }
        Ok(Scored { score: 1.0 / (1.0 + libm::exp(-sum)), evidence })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::FactsScorer;
    use crate::host::HostScores;
    use crate::scorer::Finding;
    use tidegate_ground::Facts;

    fn blend(bias: f64, parts: &[(&str, f64, &[f64])]) -> BlendScorer {
        let weights = parts.iter().map(|(name, weight, _)| (name.to_string(), *weight)).collect();
        let mut scorer = BlendScorer::new(Blend { bias, weights });
        for (name, _, scores) in parts {
            scorer.set_scorer(name, Box::new(HostScores::new(scores.to_vec())));
        }
        scorer
    }

    #[test]
    fn the_score_is_the_logistic_of_the_weighted_logits() {
        let check = |bias, parts: &[(&str, f64, &[f64])], expect: f64| {
            let scored = blend(bias, parts).score(&Claim::new("x")).unwrap();
            assert!((scored.score - expect).abs() < 1e-12, "{} {expect}", scored.score);
        };
        check(0.0, &[("facts", 1.0, &[0.3])], 0.3);
        check(0.0, &[("facts", -1.0, &[0.3])], 0.7);
        // odds multiply: 3 · 3 / 2 = 4.5 to 1
        check(-(2f64.ln()), &[("embed", 1.0, &[0.75]), ("host", 1.0, &[0.75])], 9.0 / 11.0);
        check(0.0, &[("facts", 0.0, &[0.0])], 0.5);
        // what is sure counts as nearly sure
        check(0.0, &[("facts", 1.0, &[0.0])], 1e-6);
        check(0.0, &[("facts", 1.0, &[1.0])], 1.0 - 1e-6);
        check(1e9, &[("facts", 1.0, &[0.5])], 1.0);
    }

    #[test]
    fn an_input_without_a_score_is_named() {
        let check = |parts: &[(&str, f64, &[f64])], expect: &str, code: &str| {
            let error = blend(0.0, parts).score(&Claim::new("x")).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.code()), (expect, code));
        };
        check(&[("facts", 1.0, &[0.5]), ("nli", 1.0, &[])], "`nli` gave no score", "missing_score");
        check(
            &[("embed", 1.0, &[f64::NAN])],
            "`embed` gave `NaN`, which is no score",
            "scorer_error",
        );
        check(&[("embed", 1.0, &[1.5])], "`embed` gave `1.5`, which is no score", "scorer_error");
        let weights = BTreeMap::from([("facts".to_string(), 1.0)]);
        let error = BlendScorer::new(Blend { bias: 0.0, weights }).score(&Claim::new("x"));
        assert_eq!(error, Err(ScoreError::MissingInput("facts".to_string())));
    }

    #[test]
    fn the_evidence_is_that_of_the_facts() {
        let mut scorer = blend(0.0, &[("facts", 1.0, &[]), ("host", 1.0, &[0.9])]);
        let facts = Facts::from_text("The museum opens at 9.").unwrap();
        scorer.set_scorer("facts", Box::new(FactsScorer::new(facts)));
        let scored = scorer.score(&Claim::new("The museum opens at 8.")).unwrap();
        assert_eq!(scored.finding(), Some(Finding::Contradicted));
    }
}
