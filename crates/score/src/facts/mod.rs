//! Claims held against facts, without a model.

mod features;
mod judge;
mod knowledge;
mod reading;
mod weights;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tidegate_ground::{Facts, Passage, PassageId};

use self::judge::{Judged, judge};
use self::reading::Reading;
use crate::scorer::{Claim, Evidence, Finding, Mismatch, ScoreError, Scored, Scorer};

/// How many passages a claim is held against: those that BM25 puts first.
pub const PASSAGES: usize = 5;

/// A longer claim, in bytes, is refused: 64 KiB. A policy's `claim_bytes_max`
/// cuts claims long before, as a rule.
pub const CLAIM_BYTES_MAX: usize = 64 << 10;

/// How many passages are kept as read; some 3 kB each.
const READINGS_MAX: usize = 1024;

/// Holds claims against facts, without a model.
///
/// The five passages nearest to the claim by BM25 are compared with it word by
/// word: which of its words they bear out (by stem, by family, by the lexicon:
/// a film bears out a movie), apart for what the claim speaks of and what it
/// says of that, for names, numbers and other words; in what they clash
/// (numbers with units, dates, one of a closed set of alternatives, antonyms);
/// whether just one of them is negated; and how near to each other the words
/// stand. The features are those of [`feature_names`]; the score is the
/// logistic function of their weighted sum, learned as `docs/scoring.md` says: an
/// estimate of the probability that the claim is borne out.
///
/// | finding | when |
/// | --- | --- |
/// | supported | the score is at least 0.5 |
/// | contradicted | else, if a passage that speaks of the same differs in more than that it lacks words: the [`Mismatch`] says in what |
/// | unsupported | else |
///
/// A claim without content words (`Yes, it is.`) says nothing that facts could
/// deny: its score is 1, without evidence.
///
/// The lexicon is of English, as is the stemmer. In other languages words are
/// compared as they stand, and numbers and dates in digits as everywhere.
#[derive(Clone)]
pub struct FactsScorer {
    facts: Arc<Facts>,
    readings: HashMap<PassageId, Reading>,
}

impl fmt::Debug for FactsScorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactsScorer").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl FactsScorer {
    /// A scorer that compares with these facts. Scorers of many streams may share
    /// them.
    #[must_use]
    pub fn new(facts: impl Into<Arc<Facts>>) -> FactsScorer {
        FactsScorer { facts: facts.into(), readings: HashMap::new() }
    }

    /// The passages that the claim is held against, best first.
    fn passages(&mut self, claim: &str) -> Vec<PassageId> {
        let facts = &self.facts;
        let hits = facts.search(claim, PASSAGES);
        if self.readings.len() + hits.len() > READINGS_MAX {
            self.readings.clear();
        }
        for hit in &hits {
            if let Some(passage) = facts.get(hit.id) {
                self.readings.entry(hit.id).or_insert_with(|| read(&passage));
            }
        }
        hits.iter().map(|hit| hit.id).collect()
    }
}

impl Scorer for FactsScorer {
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        let bytes = claim.text.len();
        if bytes > CLAIM_BYTES_MAX {
            let why = format!("the claim has {bytes} bytes: at most {CLAIM_BYTES_MAX} are scored");
            return Err(ScoreError::Failed(why));
        }
        let reading = Reading::new(claim.text);
        if !reading.has_content() {
            return Ok(Scored { score: 1.0, evidence: None });
        }
        let ids = self.passages(claim.text);
        let read: Vec<&Reading> = ids.iter().filter_map(|id| self.readings.get(id)).collect();
        let Some(Judged { passage, comparison }) = judge(&reading, &read) else {
            let evidence = Evidence {
                finding: Finding::Unsupported,
                mismatch: Some(Mismatch::Novel),
                passage: None,
                text: String::new(),
                unmatched: reading.slices(claim.text, |_| true),
            };
            let score = weights::score(&[0.0; features::COUNT]);
            return Ok(Scored { score, evidence: Some(evidence) });
        };
        let score = weights::score(&comparison.features);
        let differs = comparison.mismatch.is_some_and(|mismatch| mismatch != Mismatch::Novel);
        let finding = if score >= 0.5 {
            Finding::Supported
        } else if differs && comparison.is_on_topic {
            Finding::Contradicted
        } else {
            Finding::Unsupported
        };
        let found = |at: usize| comparison.borne_out.get(at).copied().unwrap_or_default();
        let id = ids.get(passage).copied();
        let evidence = Evidence {
            finding,
            mismatch: comparison.mismatch.filter(|_| finding != Finding::Supported),
            passage: id.map(|id| id.0 as usize),
            text: id
                .and_then(|id| self.facts.get(id))
                .map_or_else(String::new, |p| p.text.to_string()),
            unmatched: reading.slices(claim.text, |at| found(at) < 0.5),
        };
        Ok(Scored { score, evidence: Some(evidence) })
    }
}

/// The heading of a passage says what it speaks of.
fn read(passage: &Passage<'_>) -> Reading {
    if passage.heading.is_empty() {
        Reading::new(passage.text)
    } else {
        Reading::new(&format!("{}. {}", passage.heading, passage.text))
    }
}

/// The names of the features, in the order of [`features`].
#[must_use]
pub fn feature_names() -> &'static [&'static str] {
    &features::NAMES
}

/// What a claim and passages have in common and in what they differ, as
/// numbers; for the script that learns the weights. All are 0 if no passage has
/// any word of the claim's.
#[must_use]
pub fn features(claim: &str, passages: &[&str]) -> Vec<f64> {
    let passages: Vec<Reading> = passages.iter().map(|passage| Reading::new(passage)).collect();
    let passages: Vec<&Reading> = passages.iter().collect();
    let judged = judge(&Reading::new(claim), &passages);
    judged.map_or([0.0; features::COUNT], |judged| judged.comparison.features).to_vec()
}
