//! Google generateContent.
//!
//! A function call comes whole, with its arguments as JSON, or in pieces. The
//! pieces name a path each and are written as lines, so that nothing is lost:
//!
//! ```text
//! $.operations[0].action: add
//! $.operations[0].price: 0.5
//! ```

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use super::anthropic::is_empty_object;
use super::logprobs::{Spread, fit};
use crate::decoder::Top;
use crate::field::{Many, Place, Word, parse_or_default};
use crate::item::TokenLogprob;
use crate::voice::{OpenCall, Voice};

#[derive(Debug, Deserialize)]
pub(crate) struct Candidate<'a> {
    index: Option<u32>,
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default, rename = "finishReason")]
    finish_reason: Word<'a>,
    #[serde(borrow, default, rename = "logprobsResult")]
    logprobs: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Many<Part<'a>>,
}

#[derive(Debug, Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Place<'a>,
    thought: Option<bool>,
    #[serde(borrow, default, rename = "functionCall")]
    function_call: Option<FunctionCall<'a>>,
    #[serde(borrow, default, rename = "executableCode")]
    executable_code: Option<Code<'a>>,
}

#[derive(Debug, Deserialize)]
struct Code<'a> {
    #[serde(borrow, default)]
    code: Place<'a>,
}

#[derive(Debug, Deserialize)]
struct FunctionCall<'a> {
    #[serde(borrow, default)]
    name: Word<'a>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "partialArgs")]
    partial_args: Many<PartialArg<'a>>,
    #[serde(rename = "willContinue")]
    will_continue: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct PartialArg<'a> {
    #[serde(borrow, default, rename = "jsonPath")]
    path: Word<'a>,
    #[serde(borrow, default, rename = "stringValue")]
    string: Place<'a>,
    #[serde(borrow, default, rename = "numberValue")]
    number: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "boolValue")]
    boolean: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "nullValue")]
    null: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct LogprobsResult<'a> {
    #[serde(borrow, default, rename = "chosenCandidates")]
    chosen: Many<Chosen<'a>>,
    /// What might have stood in the place of each.
    #[serde(borrow, default, rename = "topCandidates")]
    top: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct Alternatives {
    #[serde(default)]
    candidates: Spread,
}

#[derive(Debug, Deserialize)]
struct Chosen<'a> {
    #[serde(borrow, default)]
    token: Word<'a>,
    #[serde(rename = "logProbability")]
    logprob: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
struct PromptFeedback<'a> {
    #[serde(borrow, default, rename = "blockReason")]
    block_reason: Word<'a>,
}

/// Why a prompt was blocked: what [`Top`] leaves unread.
pub(crate) fn read<'a>(top: &Top<'a>) -> serde_json::Result<Word<'a>> {
    let feedback: PromptFeedback<'_> = parse_or_default(top.prompt_feedback)?;
    Ok(feedback.block_reason)
}

pub(crate) fn say(top: &Top<'_>, block_reason: &Word<'_>, voice: &mut Voice<'_>) {
    for candidate in top.candidates.iter().flat_map(|candidates| &candidates.0) {
        candidate.say(voice);
    }
    if let Some(reason) = block_reason.0.as_deref() {
        voice.provider_error(&format!("prompt blocked: {reason}"));
    }
}

impl Candidate<'_> {
    fn say(&self, voice: &mut Voice<'_>) {
        let choice = self.index.unwrap_or(0);
        let parts = self.content.as_ref().map_or(&[][..], |content| &content.parts.0);
        let spoken = parts.iter().filter(|part| !part.text.as_str().is_empty()).count();
        for part in parts {
            let text = part.text.as_str();
            if part.thought == Some(true) {
                voice.delta(choice, Channel::Reasoning, text);
            } else {
                // with several texts in one event it is not said whose they are
                let tokens = if spoken == 1 { self.tokens(text) } else { Vec::new() };
                voice.delta_with(choice, Channel::Content, text, &tokens);
            }
            if let Some(call) = &part.function_call {
                call.say(choice, voice);
            }
            if let Some(code) = &part.executable_code {
                let key = next_call(voice);
                voice.delta_on_tool(choice, key, code.code.as_str());
            }
        }
        // some models say STOP with every event
        if let Some(reason) = self.finish_reason.said() {
            voice.may_finish(choice, reason);
        }
    }

    fn tokens(&self, text: &str) -> Vec<TokenLogprob> {
        // what cannot be read is no logprob; the text is not touched by it
        let result: LogprobsResult<'_> = parse_or_default(self.logprobs).unwrap_or_default();
        let top: Many<Alternatives> = parse_or_default(result.top).unwrap_or_default();
        let mut top = top.0.iter();
        let tokens = result.chosen.0.iter().filter_map(|chosen| {
            let entropy = top.next().and_then(|top| top.candidates.entropy());
            let bytes = chosen.token.as_str().len();
            Some(TokenLogprob { bytes, logprob: chosen.logprob?, entropy })
        });
        fit(tokens.collect(), text)
    }
}

/// The longest path that is kept from one piece to the next.
const PATH_BYTES_MAX: usize = 1024;

fn next_call(voice: &mut Voice<'_>) -> u64 {
    voice.memory.calls += 1;
    voice.memory.calls
}

impl FunctionCall<'_> {
    fn say(&self, choice: u32, voice: &mut Voice<'_>) {
        // only the first piece of a call has its name
        let open = voice.memory.open_calls.iter().find(|call| call.choice == choice);
        let key = match open {
            Some(call) if self.name.0.is_none() => call.key,
            _ => {
                let key = next_call(voice);
                let calls = &mut voice.memory.open_calls;
                calls.retain(|call| call.choice != choice);
                if calls.len() < voice.limits.choices_max as usize {
                    calls.push(OpenCall { choice, key, path: String::new() });
                }
                key
            }
        };
        // a call takes its number when it appears, not when it speaks
        if voice.tool(choice, key).is_some() {
            let args = self.args.map_or("", RawValue::get);
            if !is_empty_object(args) {
                voice.delta_on_tool(choice, key, args);
            }
            for arg in &self.partial_args.0 {
                arg.say(choice, key, voice);
            }
        }
        if self.will_continue != Some(true) {
            voice.memory.open_calls.retain(|call| call.choice != choice);
        }
    }
}

impl PartialArg<'_> {
    fn say(&self, choice: u32, key: u64, voice: &mut Voice<'_>) {
        let raw = self.number.or(self.boolean).or(self.null).map(RawValue::get);
        let path = self.path.as_str();
        let mut text = String::new();
        let open = voice.memory.open_calls.iter_mut().find(|call| call.key == key);
        let before = open.as_ref().map_or("", |call| call.path.as_str());
        if path != before {
            let gap = if before.is_empty() { "" } else { "\n" };
            text = format!("{gap}{path}: ");
            if let Some(call) = open {
                call.path.clear();
                // a longer one is written before each of its pieces
                call.path.push_str(if path.len() <= PATH_BYTES_MAX { path } else { "" });
            }
        }
        text.push_str(self.string.as_str());
        text.push_str(raw.unwrap_or_default());
        voice.delta_on_tool(choice, key, &text);
    }
}
