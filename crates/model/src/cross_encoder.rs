use std::fmt;

use ndarray::{Array2, ArrayView1};

use crate::ModelFiles;
use crate::config::{Config, Family};
use crate::elementary;
use crate::embedder::{in_batches, of_each};
use crate::encoder::{Encoder, Linear, relu};
use crate::error::{Fault, ModelError};
use crate::limits::ModelLimits;
use crate::pieces::Cutter;
use crate::weights::Weights;

/// A model that reads a passage and a claim together and says how likely the
/// passage entails the claim.
#[derive(Debug)]
pub struct CrossEncoder {
    encoder: Encoder,
    head: Head,
    cutter: Cutter,
    labels: Vec<Label>,
    batch_max: usize,
}

/// What a class of a cross-encoder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// If the passage is true, so is the claim.
    Entailment,
    /// The passage leaves open whether the claim is true.
    Neutral,
    /// If the passage is true, the claim is false.
    Contradiction,
    /// Neutral or contradiction: what models with two classes tell apart.
    NotEntailment,
}

impl Label {
    fn parse(name: &str) -> Option<Label> {
        let letters = name.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase);
        Some(match letters.collect::<String>().as_str() {
            "entailment" => Label::Entailment,
            "neutral" => Label::Neutral,
            "contradiction" => Label::Contradiction,
            "notentailment" => Label::NotEntailment,
            _ => return None,
        })
    }

    /// The meanings of a model's classes, of which there must be so many.
    fn parse_all(names: &[String], classes: usize) -> Result<Vec<Label>, ModelError> {
        if names.len() != classes {
            let count = names.len();
            return Err(
                Fault::Labels(format!("{count} labels for a model of {classes} classes")).into()
            );
        }
        let mut labels = Vec::with_capacity(names.len());
        for name in names {
            let label = Label::parse(name).ok_or_else(|| {
                Fault::Labels(format!(
                    "the label `{name}` is none of `entailment`, `neutral`, `contradiction`, \
                     `not_entailment`"
                ))
            })?;
            if labels.contains(&label) {
                return Err(Fault::Labels(format!("the label `{label}` stands twice")).into());
            }
            labels.push(label);
        }
        let has = |label| labels.contains(&label);
        let complete = match labels.len() {
            2 => has(Label::Entailment) && !has(Label::Neutral),
            3 => !has(Label::NotEntailment),
            _ => false,
        };
        if !complete {
            return Err(Fault::Labels(
                "the labels are neither `entailment`, `neutral` and `contradiction` nor \
                 `entailment` and one against it"
                    .to_string(),
            )
            .into());
        }
        Ok(labels)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Label::Entailment => "entailment",
            Label::Neutral => "neutral",
            Label::Contradiction => "contradiction",
            Label::NotEntailment => "not_entailment",
        })
    }
}

/// From the vector of the first token to a number for each class.
#[derive(Debug)]
struct Head {
    dense: Linear,
    tanh: bool,
    classes: Linear,
}

impl Head {
    fn load(weights: &Weights<'_>, config: &Config) -> Result<Head, ModelError> {
        let (dense, tanh, classes) = match config.family {
            Family::Bert => (weights.encoder("pooler.dense"), true, "classifier"),
            Family::Roberta => ("classifier.dense".to_string(), true, "classifier.out_proj"),
            Family::DistilBert => ("pre_classifier".to_string(), false, "classifier"),
        };
        let count = weights.rows(&format!("{classes}.weight"))?;
        Ok(Head {
            dense: Linear::load(weights, &dense, config.hidden, config.hidden)?,
            tanh,
            classes: Linear::load(weights, classes, config.hidden, count)?,
        })
    }

    /// A row for each pair from the rows of their first tokens.
    fn apply(&self, first: &Array2<f32>) -> Array2<f32> {
        let mut dense = self.dense.apply(first.view());
        dense.mapv_inplace(|x| if self.tanh { elementary::tanh(x) } else { relu(x) });
        self.classes.apply(dense.view())
    }
}

impl CrossEncoder {
    /// Reads a model for classifying pairs.
    ///
    /// What its classes stand for is in its `config.json` under `id2label`, in
    /// any case, or in `labels`, in the order of the classes, if that is wrong
    /// or says `LABEL_0`. There are three classes, or two.
    ///
    /// # Errors
    /// As [`Embedder::load`](crate::Embedder::load), and when it is not clear
    /// what the classes stand for.
    pub fn load(
        files: ModelFiles<'_>,
        labels: Option<&[String]>,
        limits: ModelLimits,
    ) -> Result<CrossEncoder, ModelError> {
        let config = Config::parse(files.config)?;
        let weights = Weights::read(files.weights, limits.weights_bytes_max, config.family)?;
        let head = Head::load(&weights, &config)?;
        let labels = Label::parse_all(labels.unwrap_or(&config.labels), head.classes.outputs())?;
        let encoder = Encoder::load(&weights, &config)?;
        let cutter =
            Cutter::load(files.tokenizer, encoder.vocabulary(), encoder.tokens_max(), limits)?;
        let model = CrossEncoder { encoder, head, cutter, labels, batch_max: limits.batch_max };
        // what does not go together shows now and not in the first response
        model.classify(&[("a", "a")])?;
        Ok(model)
    }

    /// What the classes stand for, in the order of [`classify`](Self::classify).
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// How likely each class is for each pair of a passage and a claim: numbers
    /// from 0 to 1 whose sum is 1, in the order of [`labels`](Self::labels).
    ///
    /// If the two are longer than `tokens_max` pieces together, the passage is
    /// cut at its end; the claim is always read whole.
    ///
    /// # Errors
    /// When a claim does not fit or has over 32 times `tokens_max` bytes; when a number that comes out is not finite;
    /// when the tokenizer fails.
    pub fn classify(&self, pairs: &[(&str, &str)]) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut answers = Vec::with_capacity(pairs.len());
        let pieces = pairs.iter().map(|(passage, claim)| self.cutter.cut_pair(passage, claim));
        in_batches(pieces, self.batch_max, self.cutter.tokens_max(), |batch| {
            let states = self.encoder.encode(batch)?;
            let mut first = Array2::zeros((batch.len(), states.ncols()));
            for (mut row, states) in first.rows_mut().into_iter().zip(of_each(batch, states.view()))
            {
                if let Some(token) = states.rows().into_iter().next() {
                    row.assign(&token);
                }
            }
            for logits in self.head.apply(&first).rows() {
                answers.push(softmax(logits)?);
            }
            Ok(())
        })?;
        Ok(answers)
    }
}

fn softmax(logits: ArrayView1<'_, f32>) -> Result<Vec<f32>, ModelError> {
    if !logits.iter().all(|logit| logit.is_finite()) {
        return Err(Fault::NotFinite.into());
    }
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> =
        logits.iter().map(|logit| libm::exp(f64::from(logit - greatest))).collect();
    let sum: f64 = powers.iter().sum();
    Ok(powers.iter().map(|power| (power / sum) as f32).collect())
}
