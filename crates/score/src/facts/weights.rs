//! The weights of the features, written by `cargo run -p tidegate-bench --bin
//! facts-weights`; see `docs/scoring.md` for the data.

use super::features::COUNT;

const BIAS: f64 = -2.5203;

const WEIGHTS: [f64; COUNT] = [
    1.2501, 0.7898, 0.9947, 0.3047, 0.1519, 0.6508, -0.1191, -0.1049, 0.0100, -0.0068, 0.6477,
    0.0379, 0.1739, -1.5626, -1.4377, -1.9373, -0.9940, -1.5066, 1.8848, 0.3732, 2.8158, -3.4250,
    -1.5005, 4.5081, 0.7098, 0.7340, 0.0267, 0.3421, -0.8585, -0.5886, -0.6414, -0.7401, -0.6580,
    0.7898,
];

/// The estimate of the probability that the claim is borne out.
pub(super) fn score(features: &[f64; COUNT]) -> f64 {
    let sum: f64 = features.iter().zip(&WEIGHTS).map(|(feature, weight)| feature * weight).sum();
    1.0 / (1.0 + libm::exp(-(BIAS + sum)))
}
