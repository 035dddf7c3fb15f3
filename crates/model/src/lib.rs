//! Sentence embeddings and cross-encoders, in pure Rust.
#![doc = include_str!("../README.md")]

mod config;
mod cross_encoder;
mod elementary;
mod embedder;
mod encoder;
mod error;
mod limits;
mod pieces;
mod scorers;
mod similarity;
mod sound;
mod weights;

pub use cross_encoder::{CrossEncoder, Label};
pub use embedder::{Embedder, Embedding};
pub use error::ModelError;
pub use limits::ModelLimits;
pub use scorers::{EmbedScorer, NliScorer};
pub use similarity::{Alignment, alignment, similarity};

/// The files of a model, as they were read.
#[derive(Clone, Copy, Debug)]
pub struct ModelFiles<'a> {
    /// `config.json`: the model's shape.
    pub config: &'a [u8],
    /// `tokenizer.json`: how text is cut into pieces. Models with a `vocab.txt`
    /// only do not have it.
    pub tokenizer: &'a [u8],
    /// `model.safetensors`: the weights. A model has a copy of its own once it is
    /// loaded.
    pub weights: &'a [u8],
}
