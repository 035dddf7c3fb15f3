//! Claims held against facts by models.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tidegate_ground::{Facts, PassageId};
use tidegate_score::{Claim, Evidence, Finding, Mismatch, PASSAGES, ScoreError, Scored, Scorer};

use crate::cross_encoder::{CrossEncoder, Label};
use crate::embedder::{Embedder, Embedding};
use crate::error::ModelError;
use crate::similarity::{alignment, similarity};

/// How many passages are kept as vectors; with some 30 pieces of 384 numbers
/// each, 50 MB.
const PASSAGES_KEPT: usize = 1024;

/// The weights of similarity, alignment's mean and alignment's least, and the
/// bias: printed by `cargo run --release -p tidegate-bench --features models --bin
/// facts-weights -- --model FOLDER`, which says from what.
const BIAS: f64 = -1.6588;
const WEIGHTS: [f64; 3] = [-0.1661, 1.1375, 2.9595];

/// Holds claims against facts by the vectors of a sentence model.
///
/// Of the five passages nearest to the claim by BM25, the one with the most
/// similar vector counts. The score is the logistic function of the weighted sum
/// of [`similarity`] and [`alignment`] between the two: an estimate of the
/// probability that the claim is borne out. Vectors tell what texts speak of and
/// hardly whether they agree: the finding is supported (from 0.5 on) or
/// unsupported, never contradicted, and a blend with the facts scorer says more.
pub struct EmbedScorer {
    facts: Arc<Facts>,
    embedder: Arc<Embedder>,
    kept: HashMap<PassageId, Embedding>,
}

impl fmt::Debug for EmbedScorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedScorer").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl EmbedScorer {
    /// A scorer with this model and these facts, both of which others may share.
    #[must_use]
    pub fn new(facts: Arc<Facts>, embedder: Arc<Embedder>) -> EmbedScorer {
        EmbedScorer { facts, embedder, kept: HashMap::new() }
    }

    /// The nearest passage and the three numbers that the score is made of;
    /// `None` if no passage shares a word with the claim.
    ///
    /// # Errors
    /// Those of [`Embedder::embed`].
    pub fn compare(
        &mut self,
        claim: &str,
    ) -> Result<Option<(PassageId, [f64; 3], String)>, ModelError> {
        let hits = self.facts.search(claim, PASSAGES);
        if hits.is_empty() {
            return Ok(None);
        }
        if self.kept.len() + hits.len() > PASSAGES_KEPT {
            self.kept.clear();
        }
        let new: Vec<PassageId> =
            hits.iter().map(|hit| hit.id).filter(|id| !self.kept.contains_key(id)).collect();
        let mut texts: Vec<&str> = vec![claim];
        texts.extend(new.iter().filter_map(|id| Some(self.facts.get(*id)?.text)));
        let mut embeddings = self.embedder.embed(&texts)?.into_iter();
        let Some(claim_vectors) = embeddings.next() else { return Ok(None) };
        self.kept.extend(new.into_iter().zip(embeddings));
        let near = hits.iter().filter_map(|hit| {
            let passage = self.kept.get(&hit.id)?;
            Some((hit.id, similarity(&claim_vectors, passage), passage))
        });
        let best = near.reduce(|best, next| if next.1 > best.1 { next } else { best });
        Ok(best.map(|(id, cosine, passage)| {
            let aligned = alignment(&claim_vectors, passage);
            let weakest = claim.get(aligned.least_span).unwrap_or_default().to_string();
            (id, [cosine, aligned.mean, aligned.least], weakest)
        }))
    }
}

impl Scorer for EmbedScorer {
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        let compared = self.compare(claim.text).map_err(failed)?;
        let Some((id, numbers, weakest)) = compared else { return Ok(unspoken()) };
        let sum: f64 = numbers.iter().zip(WEIGHTS).map(|(number, weight)| number * weight).sum();
        let score = 1.0 / (1.0 + libm::exp(-(BIAS + sum)));
        let finding = if score >= 0.5 { Finding::Supported } else { Finding::Unsupported };
        let unmatched = if score >= 0.5 { Vec::new() } else { vec![weakest] };
        let evidence = evidence(&self.facts, id, finding, unmatched);
        Ok(Scored { score, evidence: Some(evidence) })
    }
}

/// Holds claims against facts by a cross-encoder.
///
/// The model reads the claim with each of the five passages nearest to it by
/// BM25. The score is the greatest probability of entailment. It is supported
/// from 0.5 on; else contradicted, if the model finds a contradiction with a
/// probability of 0.5 or more; else unsupported. A model with two classes finds
/// no contradictions.
pub struct NliScorer {
    facts: Arc<Facts>,
    model: Arc<CrossEncoder>,
}

impl fmt::Debug for NliScorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NliScorer").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl NliScorer {
    /// A scorer with this model and these facts, both of which others may share.
    #[must_use]
    pub fn new(facts: Arc<Facts>, model: Arc<CrossEncoder>) -> NliScorer {
        NliScorer { facts, model }
    }
}

impl Scorer for NliScorer {
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        let hits = self.facts.search(claim.text, PASSAGES);
        let passages: Vec<(PassageId, &str)> =
            hits.iter().filter_map(|hit| Some((hit.id, self.facts.get(hit.id)?.text))).collect();
        let pairs: Vec<(&str, &str)> =
            passages.iter().map(|(_, passage)| (*passage, claim.text)).collect();
        let classes = self.model.classify(&pairs).map_err(failed)?;
        let most = |label: Label| {
            let at = self.model.labels().iter().position(|other| *other == label)?;
            let of = |(probabilities, (id, _)): (&Vec<f32>, &(PassageId, &str))| {
                Some((f64::from(*probabilities.get(at)?), *id))
            };
            let all = classes.iter().zip(&passages).filter_map(of);
            all.reduce(|most, next| if next.0 > most.0 { next } else { most })
        };
        let Some((score, entailing)) = most(Label::Entailment) else { return Ok(unspoken()) };
        let (finding, id) = match most(Label::Contradiction) {
            _ if score >= 0.5 => (Finding::Supported, entailing),
            Some((probability, id)) if probability >= 0.5 => (Finding::Contradicted, id),
            _ => (Finding::Unsupported, entailing),
        };
        // probabilities are rounded to f32
        let score = score.clamp(0.0, 1.0);
        Ok(Scored { score, evidence: Some(evidence(&self.facts, id, finding, Vec::new())) })
    }
}

fn failed(error: ModelError) -> ScoreError {
    ScoreError::Failed(error.to_string())
}

/// No passage shares a word with the claim.
fn unspoken() -> Scored {
    let evidence = Evidence {
        finding: Finding::Unsupported,
        mismatch: Some(Mismatch::Novel),
        passage: None,
        text: String::new(),
        unmatched: Vec::new(),
    };
    Scored { score: 0.0, evidence: Some(evidence) }
}

fn evidence(facts: &Facts, id: PassageId, finding: Finding, unmatched: Vec<String>) -> Evidence {
    let text = facts.get(id).map_or_else(String::new, |passage| passage.text.to_string());
    Evidence { finding, mismatch: None, passage: Some(id.0 as usize), text, unmatched }
}
