use std::ops::Range;

use crate::embedder::Embedding;

/// How well a claim's pieces are met by a passage's.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// The mean over the claim's pieces, from -1 to 1.
    pub mean: f64,
    /// The least of them, from -1 to 1.
    pub least: f64,
    /// The bytes of the claim that the least is for; of several, the first.
    pub least_span: Range<usize>,
}

/// The cosine of two texts' vectors, from -1 to 1.
///
/// Vectors of two models cannot be compared: if they are not of one length, it
/// is 0.
#[must_use]
pub fn similarity(a: &Embedding, b: &Embedding) -> f64 {
    cosine(&a.sentence, &b.sentence)
}

/// For each piece of the claim the greatest cosine with a piece of the passage,
/// as in the recall of BERTScore (Zhang et al. 2020), without its weights.
///
/// If the claim or the passage has no pieces, nothing is met: 0, and no bytes.
#[must_use]
pub fn alignment(claim: &Embedding, passage: &Embedding) -> Alignment {
    let mut sum = 0.0;
    let mut least: Option<(f64, Range<usize>)> = None;
    for (token, span) in claim.tokens.iter().zip(&claim.spans) {
        let cosines = passage.tokens.iter().map(|other| cosine(token, other));
        let Some(greatest) = cosines.reduce(f64::max) else { break };
        sum += greatest;
        if least.as_ref().is_none_or(|(least, _)| greatest < *least) {
            least = Some((greatest, span.clone()));
        }
    }
    match least {
        Some((least, least_span)) => {
            // the mean of numbers near 1 may be rounded up beyond it
            let mean = (sum / claim.tokens.len() as f64).clamp(-1.0, 1.0);
            Alignment { mean, least, least_span }
        }
        None => Alignment { mean: 0.0, least: 0.0, least_span: 0..0 },
    }
}

/// Of vectors of length 1. Sums of products in f64 lose nothing of f32.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    if a.len() != b.len() {
        return 0.0;
    }
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.sum::<f64>().clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding(tokens: &[[f32; 2]]) -> Embedding {
        Embedding {
            sentence: vec![1.0, 0.0],
            tokens: tokens.iter().map(|token| token.to_vec()).collect(),
            spans: (0..tokens.len()).map(|start| start..start + 1).collect(),
        }
    }

    #[track_caller]
    fn check(claim: &[[f32; 2]], passage: &[[f32; 2]], mean: f64, least: f64, span: Range<usize>) {
        let alignment = alignment(&embedding(claim), &embedding(passage));
        assert!((alignment.mean - mean).abs() < 1e-7, "{alignment:?}");
        assert!((alignment.least - least).abs() < 1e-7, "{alignment:?}");
        assert_eq!(alignment.least_span, span);
    }

    #[test]
    fn every_piece_looks_for_its_best() {
        let (east, north, west) = ([1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]);
        check(&[east, north], &[north, east], 1.0, 1.0, 0..1);
        check(&[east, north], &[east], 0.5, 0.0, 1..2);
        check(&[east, west, west], &[east], -1.0 / 3.0, -1.0, 1..2);
        check(&[[0.6, 0.8]], &[east, north], 0.8, 0.8, 0..1);
        check(&[], &[east], 0.0, 0.0, 0..0);
        check(&[east], &[], 0.0, 0.0, 0..0);
    }

    #[test]
    fn vectors_of_two_models_are_not_alike() {
        let other = Embedding { sentence: vec![1.0; 3], ..embedding(&[]) };
        assert_eq!(similarity(&embedding(&[]), &other), 0.0);
        assert_eq!(similarity(&embedding(&[]), &embedding(&[])), 1.0);
    }
}
