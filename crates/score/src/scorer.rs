use std::fmt;

/// What a scorer is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The claim as it stands in the stream, white space around it included.
    pub text: &'a str,
    /// The natural logarithms of the probabilities of the claim's tokens, as
    /// far as the stream carries them.
    pub logprobs: &'a [f64],
}

impl<'a> Claim<'a> {
    /// A claim in a stream without logprobs.
    #[must_use]
    pub fn new(text: &'a str) -> Claim<'a> {
        Claim { text, logprobs: &[] }
    }
}

/// How well a claim holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// From 0, does not hold, to 1, holds. A number outside is passed on as it
    /// is: the halt rule names it `invalid_score`.
    pub score: f64,
    /// What the score rests on, where the scorer can say.
    pub evidence: Option<Evidence>,
}

/// What a score rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What the passage says to the claim.
    pub finding: Finding,
    /// The number of the passage among the facts, from 0.
    pub passage: usize,
    /// The passage.
    pub text: String,
    /// The words or numbers of the claim that the passage does not bear out.
    pub unmatched: Vec<String>,
}

/// What the facts say to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A passage bears it out.
    Supported,
    /// No passage speaks to it.
    Unsupported,
    /// A passage speaks to it and says otherwise.
    Contradicted,
}

impl Finding {
    /// The name used in output: `supported`, `unsupported`, `contradicted`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Finding::Supported => "supported",
            Finding::Unsupported => "unsupported",
            Finding::Contradicted => "contradicted",
        }
    }
}

/// Why there is no score. What follows from it is the policy's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScoreError {
    /// There is none: the column has ended, the stream has no logprobs.
    Missing,
    /// The scorer tried and failed, for this reason.
    Failed(String),
}

impl ScoreError {
    /// The name used in verdicts and traces: `missing_score`, `scorer_error`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ScoreError::Missing => "missing_score",
            ScoreError::Failed(_) => "scorer_error",
        }
    }
}

impl fmt::Display for ScoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScoreError::Missing => f.write_str("no score was given"),
            ScoreError::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ScoreError {}

/// Gives claims their scores: the seam at which better scorers come in.
pub trait Scorer {
    /// The score of one claim.
    ///
    /// # Errors
    /// When there is no score to give; the policy says what that does.
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError>;
}
