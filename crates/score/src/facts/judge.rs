//! A claim before some passages.

use super::features::{Comparison, align, compare};
use super::reading::{Reading, Word, same_unit};

/// A claim, held against the passage that speaks to it most.
pub(super) struct Judged {
    /// Which of the passages.
    pub(super) passage: usize,
    pub(super) comparison: Comparison,
}

/// Holds a claim against passages; `None` if no passage has any of its content.
pub(super) fn judge(claim: &Reading, passages: &[&Reading]) -> Option<Judged> {
    let content = || claim.words.iter().enumerate().filter(|(_, word)| word.kind.is_content());
    let mut best: Option<(usize, f64, Vec<f64>)> = None;
    let mut union = vec![0.0_f64; claim.words.len()];
    for (number, passage) in passages.iter().enumerate() {
        let borne_out = align(claim, passage);
        for (all, found) in union.iter_mut().zip(&borne_out) {
            *all = all.max(*found);
        }
        // what the claim says of its subject counts twice
        let weight = |at| if at >= claim.predicate { 2.0 } else { 1.0 };
        let found = |at: usize| borne_out.get(at).copied().unwrap_or_default();
        // a passage that gives another value speaks to it as well
        let speaks = |(at, word): (usize, &Word)| {
            let answers = word.kind.is_value() && has_value_like(passage, word);
            weight(at) * if answers { found(at).max(0.5) } else { found(at) }
        };
        let speaks: f64 = content().map(speaks).sum();
        if speaks <= 0.0 {
            continue;
        }
        // of two that say as much, the one that says less beside it
        let speaks = speaks - 1e-3 * passage.words.len() as f64;
        if best.as_ref().is_none_or(|(_, most, _)| speaks > *most) {
            best = Some((number, speaks, borne_out));
        }
    }
    let (number, _, borne_out) = best?;
    let comparison = compare(claim, passages.get(number)?, borne_out, &union);
    Some(Judged { passage: number, comparison })
}

/// Whether the passage has a value of the kind of this one.
fn has_value_like(passage: &Reading, word: &Word) -> bool {
    passage.words.iter().any(|other| other.kind == word.kind || same_unit(word, other))
}
