//! How the words of the kernel are written in documents.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use tidegate_kernel::{Channel, InvalidScore, Score};
use tidegate_score::ScoreError;

/// A channel by its name.
pub(crate) mod channel_name {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(channel: &Channel, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(channel)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Channel, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A channel by its name, if there is one.
pub(crate) mod channel_name_opt {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        channel: &Option<Channel>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match channel {
            Some(channel) => to.collect_str(channel),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Channel>, D::Error> {
        let name = Option::<String>::deserialize(from)?;
        name.map(|name| name.parse().map_err(D::Error::custom)).transpose()
    }
}

/// What became of the question for a score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A score.
    Score(Score),
    /// A number that is no score.
    Invalid(InvalidScore),
    /// No number.
    Error(ScoreError),
}

impl From<Result<f64, ScoreError>> for Answer {
    fn from(result: Result<f64, ScoreError>) -> Self {
        match result.map(Score::from_f64) {
            Ok(Ok(score)) => Answer::Score(score),
            Ok(Err(invalid)) => Answer::Invalid(invalid),
            Err(error) => Answer::Error(error),
        }
    }
}

impl From<f64> for Answer {
    fn from(score: f64) -> Self {
        Answer::from(Ok(score))
    }
}

/// An answer in a trace: `930000000` (in 1e-9), `{"invalid": "NaN"}`,
/// `{"error": "missing_score"}`, `{"error": "scorer_error", "detail": "…"}`.
pub(crate) mod answer {
    use serde::Serialize;
    use std::borrow::Cow;

    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written<'a> {
        Nanos(u32),
        Invalid {
            invalid: Cow<'a, str>,
        },
        Error {
            error: Cow<'a, str>,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            detail: Option<Cow<'a, str>>,
        },
    }

    pub(crate) fn serialize<S: Serializer>(answer: &Answer, to: S) -> Result<S::Ok, S::Error> {
        let written = match answer {
            Answer::Score(score) => Written::Nanos(score.nanos()),
            Answer::Invalid(score) => Written::Invalid { invalid: score.to_string().into() },
            Answer::Error(error) => Written::Error {
                error: error.code().into(),
                detail: match error {
                    ScoreError::Missing => None,
                    ScoreError::Failed(why) => Some(why.into()),
                },
            },
        };
        written.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Answer, D::Error> {
        match Written::deserialize(from)? {
            Written::Nanos(nanos) => {
                let score = Score::from_nanos(nanos);
                score.map(Answer::Score).ok_or_else(|| D::Error::custom("a score above one"))
            }
            Written::Invalid { invalid } => match invalid.parse().map(Score::from_f64) {
                Ok(Err(invalid)) => Ok(Answer::Invalid(invalid)),
                _ => Err(D::Error::custom(format!("`{invalid}` is no invalid score"))),
            },
            Written::Error { error, detail } => match (&*error, detail) {
                ("missing_score", _) => Ok(Answer::Error(ScoreError::Missing)),
                ("scorer_error", detail) => {
                    let why = detail.unwrap_or_default().into_owned();
                    Ok(Answer::Error(ScoreError::Failed(why)))
                }
                _ => Err(D::Error::custom(format!("`{error}` is no error of a scorer"))),
            },
        }
    }
}
