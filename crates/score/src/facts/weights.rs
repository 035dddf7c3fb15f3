//! The weights of the features, written by `cargo run --release -p tidegate-bench --bin
//! facts-weights -- --write`, which says from what; not by hand.

use super::features::COUNT;

const BIAS: f64 = -2.5069;

const WEIGHTS: &[f64] = &[
    1.3201,  // coverage
    0.7579,  // predicate
    1.0015,  // predicate_squared
    0.3093,  // predicate_full
    0.1313,  // subject
    0.6641,  // last
    -0.1178, // names_missing
    -0.0997, // names_found
    0.0077,  // words_missing
    -0.0071, // words_found
    0.6214,  // has_words_missing
    0.0464,  // values_missing
    0.1692,  // values_found
    -1.4892, // number_clash
    -1.3896, // year_clash
    -1.8625, // date_clash
    -0.6908, // alternative
    -1.4025, // antonym
    2.2417,  // claim_negated
    0.4604,  // passage_negated
    2.8387,  // both_negated
    -3.5454, // negation_differs_predicate
    -1.7419, // claim_negated_predicate
    0.6586,  // exclusive
    0.7532,  // superlative
    0.0022,  // comparative
    0.3059,  // pairs
    -0.8593, // run
    -0.5763, // gap
    -0.4838, // sole_clash
    -1.0283, // clash_predicate
    -0.6553, // roles
    0.7579,  // predicate_union
];

/// The estimate of the probability that the claim is borne out.
pub(super) fn score(features: &[f64; COUNT]) -> f64 {
    let weighted = features.iter().zip(WEIGHTS).map(|(feature, weight)| feature * weight);
    let sum: f64 = weighted.sum();
    1.0 / (1.0 + libm::exp(-(BIAS + sum)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_feature_has_its_weight() {
        assert_eq!(super::WEIGHTS.len(), super::COUNT);
    }
}
