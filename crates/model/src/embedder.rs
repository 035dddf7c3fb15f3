use std::ops::Range;

use ndarray::{ArrayView2, s};

use crate::ModelFiles;
use crate::config::Config;
use crate::encoder::Encoder;
use crate::error::{Fault, ModelError};
use crate::limits::ModelLimits;
use crate::pieces::{Cutter, Pieces};
use crate::weights::Weights;

/// A model that turns texts into vectors: texts that mean alike point alike.
///
/// The vector of a text is the mean of those of its pieces, as most sentence
/// models are trained (Reimers and Gurevych 2019). A model trained to be read by
/// its first token loads as well, and its vectors mean less.
#[derive(Debug)]
pub struct Embedder {
    encoder: Encoder,
    cutter: Cutter,
    batch_max: usize,
}

/// A text as vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// The vector of the text, of length 1.
    pub sentence: Vec<f32>,
    /// The vector of each piece in its context, of length 1, without those of
    /// special tokens. None if the text has no piece: it is empty, or blank.
    pub tokens: Vec<Vec<f32>>,
    /// The bytes of the text that each piece stands for, as many as `tokens`.
    pub spans: Vec<Range<usize>>,
}

impl Embedder {
    /// Reads a model. Weights without a head and with one are both taken.
    ///
    /// # Errors
    /// When a file is not what it should be or does not go with the others, when
    /// the model is of a kind that is not known here, when a limit is passed.
    pub fn load(files: ModelFiles<'_>, limits: ModelLimits) -> Result<Embedder, ModelError> {
        let config = Config::parse(files.config)?;
        let weights = Weights::read(files.weights, limits.weights_bytes_max, config.family)?;
        let encoder = Encoder::load(&weights, &config)?;
        let cutter =
            Cutter::load(files.tokenizer, encoder.vocabulary(), encoder.tokens_max(), limits)?;
        let embedder = Embedder { encoder, cutter, batch_max: limits.batch_max };
        // what does not go together shows now and not in the first response
        embedder.embed(&["a"])?;
        Ok(embedder)
    }

    /// The vectors of some texts. Of a text longer than `tokens_max` pieces or
    /// than 32 times as many bytes, the beginning is read.
    ///
    /// # Errors
    /// When a number that comes out is not finite; when the tokenizer fails.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, ModelError> {
        let mut embeddings = Vec::with_capacity(texts.len());
        let pieces = texts.iter().map(|text| self.cutter.cut(text));
        in_batches(pieces, self.batch_max, self.cutter.tokens_max(), |batch| {
            let states = self.encoder.encode(batch)?;
            for (pieces, states) in batch.iter().zip(of_each(batch, states.view())) {
                embeddings.push(embedding(pieces, states)?);
            }
            Ok(())
        })?;
        Ok(embeddings)
    }
}

fn embedding(pieces: &Pieces, states: ArrayView2<'_, f32>) -> Result<Embedding, ModelError> {
    let mut sum = vec![0.0; states.ncols()];
    let mut tokens = Vec::new();
    let mut spans = Vec::new();
    for (span, row) in pieces.spans.iter().zip(states.rows()) {
        for (sum, x) in sum.iter_mut().zip(row) {
            *sum += f64::from(*x);
        }
        if let Some(span) = span {
            tokens.push(unit(row.iter().copied().map(f64::from))?);
            spans.push(span.clone());
        }
    }
    // the mean points where the sum points
    Ok(Embedding { sentence: unit(sum.iter().copied())?, tokens, spans })
}

/// The vector of length 1 in the same direction.
fn unit(vector: impl Iterator<Item = f64> + Clone) -> Result<Vec<f32>, ModelError> {
    let length = vector.clone().map(|x| x * x).sum::<f64>().sqrt();
    if !length.is_normal() {
        return Err(Fault::NotFinite.into());
    }
    Ok(vector.map(|x| (x / length) as f32).collect())
}

/// Hands the texts on in batches of at most `batch_max` texts, and of at most
/// `tokens_max` pieces unless one text has more: so memory does not depend on
/// how many texts there are.
pub(crate) fn in_batches(
    texts: impl Iterator<Item = Result<Pieces, ModelError>>,
    batch_max: usize,
    tokens_max: usize,
    mut take: impl FnMut(&[Pieces]) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let mut batch: Vec<Pieces> = Vec::new();
    let mut tokens = 0;
    for text in texts {
        let text = text?;
        let full = batch.len() >= batch_max || tokens + text.ids.len() > tokens_max;
        if full && !batch.is_empty() {
            take(&batch)?;
            batch.clear();
            tokens = 0;
        }
        tokens += text.ids.len();
        batch.push(text);
    }
    if batch.is_empty() { Ok(()) } else { take(&batch) }
}

/// The rows of each text.
pub(crate) fn of_each<'a>(
    texts: &'a [Pieces],
    states: ArrayView2<'a, f32>,
) -> impl Iterator<Item = ArrayView2<'a, f32>> {
    texts.iter().scan(0, move |start, text| {
        let rows = *start..*start + text.ids.len();
        *start = rows.end;
        Some(states.slice_move(s![rows, ..]))
    })
}
