//! How the words of the kernel are written in documents.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use tidegate_kernel::{Channel, InvalidScore, Score};
use tidegate_score::{Finding, ScoreError, Scored};

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

/// A finding by its name, if there is one.
pub(crate) mod finding_opt {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        finding: &Option<Finding>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match finding {
            Some(finding) => to.serialize_str(finding.as_str()),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Finding>, D::Error> {
        let name = Option::<String>::deserialize(from)?;
        let finding = |name: String| {
            let unknown = || D::Error::custom(format!("`{name}` is no finding"));
            Finding::of(&name).ok_or_else(unknown)
        };
        name.map(finding).transpose()
    }
}

/// What became of the question for a score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A number.
    Number {
        /// The score, or the number that is none.
        score: Result<Score, InvalidScore>,
        /// What the facts say to the claim, where the scorer can say.
        finding: Option<Finding>,
    },
    /// No number.
    Error(ScoreError),
}

impl From<f64> for Answer {
    fn from(score: f64) -> Self {
        Answer::Number { score: Score::from_f64(score), finding: None }
    }
}

impl From<Result<f64, ScoreError>> for Answer {
    fn from(result: Result<f64, ScoreError>) -> Self {
        result.map_or_else(Answer::Error, Answer::from)
    }
}

impl From<&Result<Scored, ScoreError>> for Answer {
    fn from(result: &Result<Scored, ScoreError>) -> Self {
        match result {
            Ok(scored) => {
                let (score, finding) = (Score::from_f64(scored.score), scored.finding());
                Answer::Number { score, finding }
            }
            Err(error) => Answer::Error(error.clone()),
        }
    }
}

/// An answer in a trace: `930000000` (in 1e-9), `{"invalid": "NaN"}`,
/// `{"score": 930000000, "finding": "supported"}` and `{"invalid": "NaN",
/// "finding": "contradicted"}` with a finding, `{"error": "missing_score"}`,
/// `{"error": "scorer_error", "detail": "…"}`.
pub(crate) mod answer {
    use serde::Serialize;
    use std::borrow::Cow;

    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written<'a> {
        Nanos(u32),
        Found {
            score: u32,
            #[serde(with = "finding_opt")]
            finding: Option<Finding>,
        },
        Invalid {
            invalid: Cow<'a, str>,
            #[serde(with = "finding_opt", default, skip_serializing_if = "Option::is_none")]
            finding: Option<Finding>,
        },
        Error {
            error: Cow<'a, str>,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            detail: Option<Cow<'a, str>>,
        },
    }

    pub(crate) fn serialize<S: Serializer>(answer: &Answer, to: S) -> Result<S::Ok, S::Error> {
        let written = match answer {
            Answer::Number { score: Ok(score), finding: None } => Written::Nanos(score.nanos()),
            Answer::Number { score: Ok(score), finding } => {
                Written::Found { score: score.nanos(), finding: *finding }
            }
            Answer::Number { score: Err(invalid), finding } => {
                Written::Invalid { invalid: invalid.to_string().into(), finding: *finding }
            }
            Answer::Error(error) => Written::Error {
                error: error.code().into(),
                detail: match error {
                    ScoreError::Missing | ScoreError::Late => None,
                    ScoreError::MissingInput(what) => Some(what.into()),
                    ScoreError::Failed(why) => Some(why.into()),
                },
            },
        };
        written.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Answer, D::Error> {
        let number = |nanos, finding| {
            let score = Score::from_nanos(nanos);
            let score = score.ok_or_else(|| D::Error::custom("a score above one"))?;
            Ok(Answer::Number { score: Ok(score), finding })
        };
        match Written::deserialize(from)? {
            Written::Nanos(nanos) => number(nanos, None),
            Written::Found { score, finding } => number(score, finding),
            Written::Invalid { invalid, finding } => match invalid.parse().map(Score::from_f64) {
                Ok(Err(invalid)) => Ok(Answer::Number { score: Err(invalid), finding }),
                _ => Err(D::Error::custom(format!("`{invalid}` is no invalid score"))),
            },
            Written::Error { error, detail } => match (&*error, detail) {
                ("missing_score", None) => Ok(Answer::Error(ScoreError::Missing)),
                ("missing_score", Some(what)) => {
                    Ok(Answer::Error(ScoreError::MissingInput(what.into_owned())))
                }
                ("late_score", _) => Ok(Answer::Error(ScoreError::Late)),
                ("scorer_error", detail) => {
                    let why = detail.unwrap_or_default().into_owned();
                    Ok(Answer::Error(ScoreError::Failed(why)))
                }
                _ => Err(D::Error::custom(format!("`{error}` is no error of a scorer"))),
            },
        }
    }
}
