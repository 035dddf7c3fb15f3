//! Claims held against facts, without a model.

mod features;
mod judge;
mod knowledge;
mod reading;
mod words;

/// The names of the features.
#[must_use]
pub fn feature_names() -> &'static [&'static str] {
    &features::NAMES
}

/// The features of a claim and passages.
#[must_use]
pub fn features_of(claim: &str, passages: &[&str]) -> Vec<f64> {
    judge::features(claim, passages).to_vec()
}
