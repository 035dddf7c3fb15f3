//! Logprobs, in the shapes in which providers give them.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::field::{Many, Word};
use crate::item::TokenLogprob;

/// One token as chat completions and Responses give it.
#[derive(Debug, Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    token: Word<'a>,
    logprob: Option<f64>,
    #[serde(default)]
    bytes: Option<Vec<u8>>,
    #[serde(borrow, default, rename = "top_logprobs")]
    top: Option<&'a RawValue>,
}

/// The `logprobs` of a chat choice.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ChatLogprobs<'a> {
    #[serde(borrow, default)]
    pub(crate) content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) refusal: Option<&'a RawValue>,
}

/// The `logprobs` of a completions choice.
#[derive(Debug, Default, Deserialize)]
struct CompletionLogprobs<'a> {
    #[serde(default)]
    tokens: Vec<String>,
    #[serde(default)]
    token_logprobs: Vec<Option<f64>>,
    /// The alternatives of each token.
    #[serde(borrow, default, rename = "top_logprobs")]
    top: Option<&'a RawValue>,
}

/// The tokens of a list of entries, fitted to the text they are for. What
/// cannot be read is no logprob; the text is not touched by it.
pub(crate) fn of_entries(raw: Option<&RawValue>, text: &str) -> Vec<TokenLogprob> {
    let Some(raw) = raw else { return Vec::new() };
    let entries: Many<Entry<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
    let tokens = entries.0.iter().filter_map(|entry| {
        let bytes = entry.bytes.as_ref().map_or(entry.token.as_str().len(), Vec::len);
        Some(TokenLogprob { bytes, logprob: entry.logprob?, entropy: entropy(entry.top) })
    });
    fit(tokens.collect(), text)
}

pub(crate) fn of_completion(raw: Option<&RawValue>, text: &str) -> Vec<TokenLogprob> {
    let Some(raw) = raw else { return Vec::new() };
    let logprobs: CompletionLogprobs<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let top = logprobs.top.map(|raw| serde_json::from_str::<Many<Spread>>(raw.get()));
    let top = top.and_then(Result::ok).unwrap_or_default().0;
    // a null among them leaves it open which token the others are of
    let mut top = if top.len() == logprobs.tokens.len() { top.iter() } else { [].iter() };
    let pairs = logprobs.tokens.iter().zip(&logprobs.token_logprobs);
    let tokens = pairs.filter_map(|(token, logprob)| {
        let entropy = top.next().and_then(Spread::entropy);
        Some(TokenLogprob { bytes: token.len(), logprob: (*logprob)?, entropy })
    });
    fit(tokens.collect(), text)
}

/// Tokens whose lengths do not sum to the text's, as when one has half a
/// character, become one token with their mean.
pub(crate) fn fit(tokens: Vec<TokenLogprob>, text: &str) -> Vec<TokenLogprob> {
    let sum = tokens.iter().try_fold(0usize, |sum, token| sum.checked_add(token.bytes));
    if tokens.is_empty() || sum == Some(text.len()) {
        return tokens;
    }
    let n = tokens.len() as f64;
    let mean = tokens.iter().map(|token| token.logprob).sum::<f64>() / n;
    let entropy = tokens.iter().map(|token| token.entropy).sum::<Option<f64>>();
    vec![TokenLogprob { bytes: text.len(), logprob: mean, entropy: entropy.map(|sum| sum / n) }]
}

/// What the alternatives of a token say, taken in one by one: a small event can
/// list very many.
#[derive(Debug, Default)]
pub(crate) struct Spread {
    count: u64,
    is_bad: bool,
    greatest: f64,
    /// Σ w and Σ w · ln w over the weights w = probability / greatest probability.
    sum: f64,
    weighted: f64,
}

impl Spread {
    fn add(&mut self, logprob: f64) {
        self.is_bad |= !(logprob.is_finite() && logprob <= 0.0);
        if self.count == 0 {
            self.greatest = logprob;
        }
        let rise = logprob - self.greatest;
        if rise > 0.0 {
            // all are relative to the greatest, which keeps exp from 0 for all
            let scale = libm::exp(-rise);
            self.weighted = scale * (self.weighted - rise * self.sum);
            self.sum *= scale;
            self.greatest = logprob;
        }
        let below = logprob - self.greatest;
        let weight = libm::exp(below);
        self.sum += weight;
        self.weighted += weight * below;
        self.count += 1;
    }

    /// The entropy in nats, the probabilities made to sum to one. None of fewer
    /// than two alternatives, of which one would always be sure, and none if one
    /// of them has no logprob.
    pub(crate) fn entropy(&self) -> Option<f64> {
        if self.count < 2 || self.is_bad {
            return None;
        }
        // rounding may leave it below 0 for a token that is sure
        Some((libm::log(self.sum) - self.weighted / self.sum).max(0.0))
    }
}

/// One alternative in a list of them.
#[derive(Deserialize)]
struct Alternative {
    #[serde(alias = "logProbability")]
    logprob: f64,
}

/// A list of alternatives, or a map from each to its logprob.
impl<'de> Deserialize<'de> for Spread {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct SpreadVisitor;

        impl<'de> Visitor<'de> for SpreadVisitor {
            type Value = Spread;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("alternatives with their logprobs")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Spread, A::Error> {
                let mut spread = Spread::default();
                while let Some(Alternative { logprob }) = seq.next_element()? {
                    spread.add(logprob);
                }
                Ok(spread)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spread, A::Error> {
                let mut spread = Spread::default();
                while let Some((IgnoredAny, logprob)) = map.next_entry()? {
                    spread.add(logprob);
                }
                Ok(spread)
            }
        }

        from.deserialize_any(SpreadVisitor)
    }
}

/// The entropy of the alternatives of one token. What cannot be read says nothing.
fn entropy(raw: Option<&RawValue>) -> Option<f64> {
    serde_json::from_str::<Spread>(raw?.get()).ok()?.entropy()
}
