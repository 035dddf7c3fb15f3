use serde_json::Value;

use crate::error::{Fault, ModelError};

const CONFIG_BYTES_MAX: usize = 1 << 20;

/// Families of models that have one architecture under different names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Bert,
    /// Also XLM-RoBERTa.
    Roberta,
    DistilBert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Gelu,
    GeluTanh,
    Relu,
}

/// What `config.json` says of a model's shape.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) family: Family,
    pub(crate) activation: Activation,
    /// Numbers in the vector of a piece.
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    /// Divides `hidden`.
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) vocabulary: usize,
    /// Rows of the table of positions, and the row of a text's first piece.
    pub(crate) positions: usize,
    pub(crate) first_position: usize,
    /// Kinds of piece: of the first and the second text of a pair.
    pub(crate) types: usize,
    pub(crate) epsilon: f64,
    /// The names of the classes, as they stand in `id2label`.
    pub(crate) labels: Vec<String>,
}

impl Config {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Config, ModelError> {
        if bytes.len() > CONFIG_BYTES_MAX {
            return Err(Fault::TooLarge {
                file: "config.json",
                bytes: bytes.len(),
                bytes_max: CONFIG_BYTES_MAX,
            }
            .into());
        }
        let json: Value =
            serde_json::from_slice(bytes).map_err(|error| Fault::Config(error.to_string()))?;
        if !json.is_object() {
            return Err(Fault::Config("it is not an object".to_string()).into());
        }
        let family = match text(&json, "model_type")?.ok_or_else(|| missing("model_type"))? {
            "bert" => Family::Bert,
            "roberta" | "xlm-roberta" => Family::Roberta,
            "distilbert" => Family::DistilBert,
            other => {
                let known = "`bert`, `roberta`, `xlm-roberta` and `distilbert`";
                return Err(unsupported("the model type", other, known));
            }
        };
        let distil = family == Family::DistilBert;
        // the same by DistilBERT's name and by the others'
        let name = |theirs, others| if distil { theirs } else { others };
        let activation = match text(&json, name("activation", "hidden_act"))?.unwrap_or("gelu") {
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            other => {
                let known = "`gelu`, `gelu_new`, `gelu_pytorch_tanh` and `relu`";
                return Err(unsupported("the activation", other, known));
            }
        };
        match text(&json, "position_embedding_type")? {
            None | Some("absolute") => {}
            Some(other) => return Err(unsupported("the kind of positions", other, "`absolute`")),
        }
        let hidden = count(&json, name("dim", "hidden_size"))?;
        let heads = count(&json, name("n_heads", "num_attention_heads"))?;
        if hidden % heads != 0 {
            let field = name("n_heads", "num_attention_heads");
            return Err(Fault::Field { field, problem: "does not divide the hidden size" }.into());
        }
        let positions = count(&json, "max_position_embeddings")?;
        let first_position = match (family, json.get("pad_token_id")) {
            (Family::Roberta, None) => 2,
            (Family::Roberta, Some(pad)) => {
                let pad = pad.as_u64().and_then(|pad| usize::try_from(pad).ok());
                pad.filter(|pad| *pad < positions).ok_or(Fault::Field {
                    field: "pad_token_id",
                    problem: "is no number below `max_position_embeddings`",
                })? + 1
            }
            _ => 0,
        };
        let epsilon = match json.get("layer_norm_eps") {
            None => 1e-12,
            Some(epsilon) => {
                epsilon.as_f64().filter(|e| (0.0..1.0).contains(e)).ok_or(Fault::Field {
                    field: "layer_norm_eps",
                    problem: "is no number from 0 to 1",
                })?
            }
        };
        Ok(Config {
            family,
            activation,
            hidden,
            layers: count(&json, name("n_layers", "num_hidden_layers"))?,
            heads,
            intermediate: count(&json, name("hidden_dim", "intermediate_size"))?,
            vocabulary: count(&json, "vocab_size")?,
            positions,
            first_position,
            types: if distil { 0 } else { count(&json, "type_vocab_size")? },
            epsilon,
            labels: labels(&json)?,
        })
    }
}

/// `id2label`, in the order of the numbers, which must be 0, 1, 2 and so on.
fn labels(json: &Value) -> Result<Vec<String>, ModelError> {
    let Some(Value::Object(map)) = json.get("id2label") else { return Ok(Vec::new()) };
    let fault =
        || Fault::Field { field: "id2label", problem: "does not name the classes 0, 1 and so on" };
    let label = |class: usize| map.get(&class.to_string())?.as_str().map(String::from);
    Ok((0..map.len()).map(label).collect::<Option<_>>().ok_or_else(fault)?)
}

fn text<'a>(json: &'a Value, field: &'static str) -> Result<Option<&'a str>, ModelError> {
    match json.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Fault::Field { field, problem: "is no string" }.into()),
    }
}

/// A number from 1 to 2^24: a larger one is no size of any model.
fn count(json: &Value, field: &'static str) -> Result<usize, ModelError> {
    let value = json.get(field).ok_or_else(|| missing(field))?;
    let count = value.as_u64().filter(|count| (1..=1 << 24).contains(count));
    let fault = Fault::Field { field, problem: "is no whole number from 1 to 16777216" };
    Ok(count.and_then(|count| usize::try_from(count).ok()).ok_or(fault)?)
}

fn missing(field: &'static str) -> Fault {
    Fault::Field { field, problem: "is missing" }
}

fn unsupported(what: &'static str, value: &str, known: &'static str) -> ModelError {
    Fault::Unsupported { what, value: value.to_string(), known }.into()
}
