//! The transformer's encoder (Vaswani et al. 2017) as BERT has it (Devlin et
//! al. 2019): nearly all its time goes into products of matrices.
//!
//! The texts of a batch stand one below the other in one matrix, a row for each
//! piece, so nothing is padded: only attention knows where a text begins.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Zip, s};

use crate::config::{Activation, Config, Family};
use crate::elementary;
use crate::error::{Fault, ModelError};
use crate::pieces::Pieces;
use crate::weights::Weights;

#[derive(Debug)]
pub(crate) struct Encoder {
    words: Array2<f32>,
    positions: Array2<f32>,
    first_position: usize,
    /// No rows in a model that has no kinds of piece.
    types: Array2<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
    activation: Activation,
}

#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention: Linear,
    attention_norm: Norm,
    widen: Linear,
    narrow: Linear,
    norm: Norm,
}

/// y = x Wᵀ + b
#[derive(Debug)]
pub(crate) struct Linear {
    /// A row for each number that comes out.
    weight: Array2<f32>,
    bias: Array1<f32>,
}

#[derive(Debug)]
struct Norm {
    weight: Array1<f32>,
    bias: Array1<f32>,
    epsilon: f64,
}

impl Encoder {
    pub(crate) fn load(weights: &Weights<'_>, config: &Config) -> Result<Encoder, ModelError> {
        let hidden = config.hidden;
        let name = |name: &str| weights.encoder(&format!("embeddings.{name}"));
        let words = weights.matrix(&name("word_embeddings.weight"), config.vocabulary, hidden)?;
        let positions =
            weights.matrix(&name("position_embeddings.weight"), config.positions, hidden)?;
        let types = match config.types {
            0 => Array2::zeros((0, hidden)),
            types => weights.matrix(&name("token_type_embeddings.weight"), types, hidden)?,
        };
        Ok(Encoder {
            words,
            positions,
            first_position: config.first_position,
            types,
            norm: Norm::load(weights, &name("LayerNorm"), config)?,
            layers: (0..config.layers)
                .map(|number| Layer::load(weights, number, config))
                .collect::<Result<_, _>>()?,
            heads: config.heads,
            activation: config.activation,
        })
    }

    /// How many pieces the model has a word for.
    pub(crate) fn vocabulary(&self) -> usize {
        self.words.nrows()
    }

    /// How many pieces of a text the model has positions for.
    pub(crate) fn tokens_max(&self) -> usize {
        self.positions.nrows() - self.first_position
    }

    /// What the pieces mean where they stand: a row for each piece, the texts
    /// one below the other.
    ///
    /// # Errors
    /// When a piece has a number, a kind or a position that the model has none
    /// of.
    pub(crate) fn encode(&self, texts: &[Pieces]) -> Result<Array2<f32>, ModelError> {
        let rows = texts.iter().map(|text| text.ids.len()).sum();
        let mut states = Array2::zeros((rows, self.words.ncols()));
        let pieces = texts.iter().flat_map(|text| text.ids.iter().zip(&text.types).enumerate());
        for (mut row, (position, (&id, &kind))) in states.rows_mut().into_iter().zip(pieces) {
            row += &self.row(&self.words, id as usize)?;
            row += &self.row(&self.positions, position + self.first_position)?;
            if self.types.nrows() > 0 {
                row += &self.row(&self.types, kind as usize)?;
            }
        }
        self.norm.apply(&mut states);
        let mut start = 0;
        let spans: Vec<Range<usize>> = texts
            .iter()
            .map(|text| {
                let span = start..start + text.ids.len();
                start = span.end;
                span
            })
            .collect();
        for layer in &self.layers {
            layer.apply(&mut states, &spans, self.heads, self.activation);
        }
        Ok(states)
    }

    fn row<'a>(
        &self,
        table: &'a Array2<f32>,
        row: usize,
    ) -> Result<ndarray::ArrayView1<'a, f32>, ModelError> {
        let fault =
            || Fault::Tokenizer(format!("it gives a number {row}, of which the model has no row"));
        if row < table.nrows() { Ok(table.row(row)) } else { Err(fault().into()) }
    }
}

impl Layer {
    fn load(weights: &Weights<'_>, number: usize, config: &Config) -> Result<Layer, ModelError> {
        let (hidden, wide) = (config.hidden, config.intermediate);
        #[rustfmt::skip]
        let [layer, query, key, value, attention, attention_norm, widen, narrow, norm] =
            match config.family {
                Family::Bert | Family::Roberta => [
                    "encoder.layer", "attention.self.query", "attention.self.key",
                    "attention.self.value", "attention.output.dense",
                    "attention.output.LayerNorm", "intermediate.dense", "output.dense",
                    "output.LayerNorm",
                ],
                Family::DistilBert => [
                    "transformer.layer", "attention.q_lin", "attention.k_lin", "attention.v_lin",
                    "attention.out_lin", "sa_layer_norm", "ffn.lin1", "ffn.lin2",
                    "output_layer_norm",
                ],
            };
        let name = |name: &str| weights.encoder(&format!("{layer}.{number}.{name}"));
        let linear = |part, from, to| Linear::load(weights, &name(part), from, to);
        Ok(Layer {
            query: linear(query, hidden, hidden)?,
            key: linear(key, hidden, hidden)?,
            value: linear(value, hidden, hidden)?,
            attention: linear(attention, hidden, hidden)?,
            attention_norm: Norm::load(weights, &name(attention_norm), config)?,
            widen: linear(widen, hidden, wide)?,
            narrow: linear(narrow, wide, hidden)?,
            norm: Norm::load(weights, &name(norm), config)?,
        })
    }

    fn apply(
        &self,
        states: &mut Array2<f32>,
        texts: &[Range<usize>],
        heads: usize,
        activation: Activation,
    ) {
        let query = self.query.apply(states.view());
        let key = self.key.apply(states.view());
        let value = self.value.apply(states.view());
        let mut context = Array2::zeros(states.raw_dim());
        let width = states.ncols() / heads;
        for text in texts {
            for head in 0..heads {
                let part = s![text.clone(), head * width..(head + 1) * width];
                attend(
                    query.slice(part),
                    key.slice(part),
                    value.slice(part),
                    context.slice_mut(part),
                );
            }
        }
        *states += &self.attention.apply(context.view());
        self.attention_norm.apply(states);
        let mut wide = self.widen.apply(states.view());
        activation.apply(&mut wide);
        *states += &self.narrow.apply(wide.view());
        self.norm.apply(states);
    }
}

/// softmax(Q Kᵀ / √d) V
fn attend(
    query: ArrayView2<'_, f32>,
    key: ArrayView2<'_, f32>,
    value: ArrayView2<'_, f32>,
    mut context: ArrayViewMut2<'_, f32>,
) {
    let scale = 1.0 / (query.ncols() as f32).sqrt();
    let mut shares = Array2::zeros((query.nrows(), key.nrows()));
    general_mat_mul(scale, &query, &key.t(), 0.0, &mut shares);
    for mut row in shares.rows_mut() {
        let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.mapv_inplace(|x| elementary::exp(x - greatest));
        let sum = row.sum();
        row /= sum;
    }
    general_mat_mul(1.0, &shares, &value, 0.0, &mut context);
}

impl Linear {
    pub(crate) fn load(
        weights: &Weights<'_>,
        name: &str,
        from: usize,
        to: usize,
    ) -> Result<Linear, ModelError> {
        Ok(Linear {
            weight: weights.matrix(&format!("{name}.weight"), to, from)?,
            bias: weights.vector(&format!("{name}.bias"), to)?,
        })
    }

    /// How many numbers come out.
    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }

    pub(crate) fn apply(&self, x: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut y = Array2::zeros((x.nrows(), self.bias.len()));
        y += &self.bias;
        general_mat_mul(1.0, &x, &self.weight.t(), 1.0, &mut y);
        y
    }
}

impl Norm {
    fn load(weights: &Weights<'_>, name: &str, config: &Config) -> Result<Norm, ModelError> {
        // what was saved by an old program has the names of TensorFlow
        let [weight, bias] = if weights.has(&format!("{name}.gamma")) {
            ["gamma", "beta"]
        } else {
            ["weight", "bias"]
        };
        Ok(Norm {
            weight: weights.vector(&format!("{name}.{weight}"), config.hidden)?,
            bias: weights.vector(&format!("{name}.{bias}"), config.hidden)?,
            epsilon: config.epsilon,
        })
    }

    fn apply(&self, states: &mut Array2<f32>) {
        let count = states.ncols() as f64;
        for mut row in states.rows_mut() {
            let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
            let squares = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>();
            let scale = ((squares / count + self.epsilon).sqrt().recip()) as f32;
            let mean = mean as f32;
            Zip::from(&mut row)
                .and(&self.weight)
                .and(&self.bias)
                .for_each(|x, weight, bias| *x = (*x - mean) * scale * weight + bias);
        }
    }
}

impl Activation {
    fn apply(self, states: &mut Array2<f32>) {
        match self {
            Activation::Gelu => states.mapv_inplace(|x| {
                0.5 * x * (1.0 + elementary::erf(x * std::f32::consts::FRAC_1_SQRT_2))
            }),
            Activation::GeluTanh => states.mapv_inplace(|x| {
                let inner = 0.797_884_6 * (x + 0.044_715 * x * x * x);
                0.5 * x * (1.0 + elementary::tanh(inner))
            }),
            Activation::Relu => states.mapv_inplace(relu),
        }
    }
}

/// The greater of x and 0; unlike `max` it does not hide a NaN.
pub(crate) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}
