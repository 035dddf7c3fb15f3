use std::fmt;

/// What a scorer is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The claim as it stands in the stream, white space around it included.
    pub text: &'a str,
    /// How sure the model was of the claim's tokens, as far as the stream says.
    pub tokens: &'a [TokenStat],
}

/// How sure a model was of one token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenStat {
    /// The natural logarithm of the token's probability.
    pub logprob: f64,
    /// The entropy, in nats, of the alternatives that the stream lists for the
    /// token; none if it lists fewer than two.
    pub entropy: Option<f64>,
}

impl<'a> Claim<'a> {
    /// A claim in a stream without logprobs.
    #[must_use]
    pub fn new(text: &'a str) -> Claim<'a> {
        Claim { text, tokens: &[] }
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

impl Scored {
    /// What the facts say to the claim, where the scorer can say.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        self.evidence.as_ref().map(|evidence| evidence.finding)
    }
}

/// What a score rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What the passage says to the claim.
    pub finding: Finding,
    /// In what the claim differs from the passage, if it is contradicted and the
    /// scorer can say.
    pub mismatch: Option<Mismatch>,
    /// The number of the passage among the facts, from 0; none if no passage
    /// comes near the claim.
    pub passage: Option<usize>,
    /// The passage; empty if there is none.
    pub text: String,
    /// The words or numbers of the claim that the passage does not bear out.
    pub unmatched: Vec<String>,
}

/// A kind of difference between a claim and what the facts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// A number.
    Number,
    /// The unit of a number.
    Unit,
    /// A date, a day or a time.
    Date,
    /// A name.
    Name,
    /// One says that it is so and the other that it is not.
    Negation,
    /// A word that means the opposite.
    Antonym,
    /// More where the other says less.
    Comparative,
    /// Most where the other says least, or not most.
    Superlative,
    /// Who does it and whom it is done to.
    Roles,
    /// A word that no passage has.
    Novel,
}

impl Mismatch {
    /// The name used in output: `number`, `unit`, …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mismatch::Number => "number",
            Mismatch::Unit => "unit",
            Mismatch::Date => "date",
            Mismatch::Name => "name",
            Mismatch::Negation => "negation",
            Mismatch::Antonym => "antonym",
            Mismatch::Comparative => "comparative",
            Mismatch::Superlative => "superlative",
            Mismatch::Roles => "roles",
            Mismatch::Novel => "novel",
        }
    }
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

    /// The finding that goes by this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Finding> {
        let all = [Finding::Supported, Finding::Unsupported, Finding::Contradicted];
        all.into_iter().find(|finding| finding.as_str() == name)
    }
}

/// Why there is no score. What follows from it is the policy's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScoreError {
    /// There is none: the column has ended, the stream has no logprobs.
    Missing,
    /// There is none because the scorer of this name, one of several that are
    /// asked, has none.
    MissingInput(String),
    /// The scorer tried and failed, for this reason.
    Failed(String),
    /// None came before the deadline. Who drives the scorer says so.
    Late,
}

impl ScoreError {
    /// The name used in verdicts and traces: `missing_score`, `scorer_error`,
    /// `late_score`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ScoreError::Missing | ScoreError::MissingInput(_) => "missing_score",
            ScoreError::Failed(_) => "scorer_error",
            ScoreError::Late => "late_score",
        }
    }
}

impl fmt::Display for ScoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScoreError::Missing => f.write_str("no score was given"),
            ScoreError::MissingInput(name) => write!(f, "`{name}` gave no score"),
            ScoreError::Failed(why) => f.write_str(why),
            ScoreError::Late => f.write_str("no score came before the deadline"),
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
