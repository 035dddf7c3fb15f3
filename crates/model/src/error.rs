use std::fmt;

/// A model cannot be loaded, or has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelError(Box<Fault>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    TooLarge { file: &'static str, bytes: usize, bytes_max: usize },
    WrongFile { is: &'static str },
    Weights(String),
    MissingTensor(String),
    Shape { name: String, shape: Vec<usize>, expect: Vec<usize> },
    Dtype { name: String, dtype: String },
    Config(String),
    Field { field: &'static str, problem: &'static str },
    Unsupported { what: &'static str, value: String, known: &'static str },
    Tokenizer(String),
    Vocabulary { id: u32, rows: usize },
    Labels(String),
    TooLong { tokens_max: usize, bytes_max: usize },
    NotFinite,
}

impl From<Fault> for ModelError {
    fn from(fault: Fault) -> Self {
        ModelError(Box::new(fault))
    }
}

impl ModelError {
    /// Whether a file is larger than the limits allow.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(*self.0, Fault::TooLarge { .. })
    }

    /// Whether the model may be sound, but is of a kind that is not known here.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(*self.0, Fault::Unsupported { .. })
    }

    /// Whether it is not known what the classes stand for: say it with `labels`.
    #[must_use]
    pub fn is_labels(&self) -> bool {
        matches!(*self.0, Fault::Labels(_))
    }

    /// Whether a claim is longer than what the model reads.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        matches!(*self.0, Fault::TooLong { .. })
    }

    /// Whether the model's answer has a number that is none.
    #[must_use]
    pub fn is_not_finite(&self) -> bool {
        *self.0 == Fault::NotFinite
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Fault::TooLarge { file, bytes, bytes_max } => {
                write!(f, "`{file}` has {bytes} bytes: at most {bytes_max} are taken")
            }
            Fault::WrongFile { is } => {
                write!(f, "the weights are {is}: a safetensors file is expected")
            }
            Fault::Weights(problem) => {
                write!(f, "the weights are no whole safetensors file: {problem}")
            }
            Fault::MissingTensor(name) => write!(f, "the weights have no tensor `{name}`"),
            Fault::Shape { name, shape, expect } => {
                write!(f, "tensor `{name}` has the shape {shape:?}: {expect:?} is expected")
            }
            Fault::Dtype { name, dtype } => {
                write!(f, "tensor `{name}` is of `{dtype}`: known are F32, F16 and BF16")
            }
            Fault::Config(problem) => write!(f, "`config.json` cannot be read: {problem}"),
            Fault::Field { field, problem } => write!(f, "`{field}` in `config.json` {problem}"),
            Fault::Unsupported { what, value, known } => {
                write!(f, "{what} `{value}` is not supported: known are {known}")
            }
            Fault::Tokenizer(problem) => write!(f, "`tokenizer.json` cannot be used: {problem}"),
            Fault::Vocabulary { id, rows } => write!(
                f,
                "`tokenizer.json` has a piece with the number {id}, the weights have {rows} \
                 pieces: they are of two models"
            ),
            Fault::Labels(problem) => {
                write!(f, "{problem}: name the labels in the policy, in the order of the classes")
            }
            Fault::TooLong { tokens_max, bytes_max } => write!(
                f,
                "the claim is too long to be read whole: {tokens_max} pieces fit, of {bytes_max} \
                 bytes at most"
            ),
            Fault::NotFinite => {
                f.write_str("the model's answer is not finite: its weights may be damaged")
            }
        }
    }
}

impl std::error::Error for ModelError {}
