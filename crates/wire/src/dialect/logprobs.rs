//! Logprobs, in the shapes in which providers give them.

use serde::Deserialize;
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
struct CompletionLogprobs {
    #[serde(default)]
    tokens: Vec<String>,
    #[serde(default)]
    token_logprobs: Vec<Option<f64>>,
}

/// The tokens of a list of entries, fitted to the text they are for. What
/// cannot be read is no logprob; the text is not touched by it.
pub(crate) fn of_entries(raw: Option<&RawValue>, text: &str) -> Vec<TokenLogprob> {
    let Some(raw) = raw else { return Vec::new() };
    let entries: Many<Entry<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
    let tokens = entries.0.iter().filter_map(|entry| {
        let bytes = entry.bytes.as_ref().map_or(entry.token.as_str().len(), Vec::len);
        Some(TokenLogprob { bytes, logprob: entry.logprob? })
    });
    fit(tokens.collect(), text)
}

pub(crate) fn of_completion(raw: Option<&RawValue>, text: &str) -> Vec<TokenLogprob> {
    let Some(raw) = raw else { return Vec::new() };
    let logprobs: CompletionLogprobs = serde_json::from_str(raw.get()).unwrap_or_default();
    let pairs = logprobs.tokens.iter().zip(&logprobs.token_logprobs);
    let tokens = pairs.filter_map(|(token, logprob)| {
        Some(TokenLogprob { bytes: token.len(), logprob: (*logprob)? })
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
    let mean = tokens.iter().map(|token| token.logprob).sum::<f64>() / tokens.len() as f64;
    vec![TokenLogprob { bytes: text.len(), logprob: mean }]
}
