//! OpenAI chat completions and completions, and all that speak like them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use super::logprobs;
use crate::decoder::Top;
use crate::field::{Arguments, Content, ContentPart, Many, Place, Word};
use crate::item::TokenLogprob;
use crate::voice::Voice;

#[derive(Debug, Deserialize)]
pub(crate) struct Choice<'a> {
    index: Option<u32>,
    #[serde(borrow, default)]
    delta: Option<Message<'a>>,
    /// Boxed, as it is rare and a choice is moved about.
    #[serde(borrow, default)]
    message: Option<Box<Message<'a>>>,
    #[serde(borrow, default)]
    text: Place<'a>,
    #[serde(borrow, default)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Word<'a>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Content<'a>,
    #[serde(borrow, default)]
    refusal: Place<'a>,
    #[serde(borrow, default)]
    reasoning_content: Content<'a>,
    #[serde(borrow, default)]
    reasoning: Content<'a>,
    #[serde(borrow, default)]
    tool_calls: Many<ToolCall<'a>>,
    #[serde(borrow, default)]
    function_call: Option<Box<Function<'a>>>,
    #[serde(borrow, default)]
    audio: Option<Box<Audio<'a>>>,
}

/// What a spoken answer says.
#[derive(Debug, Deserialize)]
struct Audio<'a> {
    #[serde(borrow, default)]
    transcript: Place<'a>,
}

#[derive(Debug, Deserialize)]
struct ToolCall<'a> {
    index: Option<u32>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
    /// The call of a custom tool, whose input is free text.
    #[serde(borrow, default)]
    custom: Option<Custom<'a>>,
}

#[derive(Debug, Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    arguments: Arguments<'a>,
}

#[derive(Debug, Deserialize)]
struct Custom<'a> {
    #[serde(borrow, default)]
    input: Place<'a>,
}

impl Choice<'_> {
    pub(crate) fn is_completion(&self) -> bool {
        self.text.0.is_some() && self.delta.is_none() && self.message.is_none()
    }
}

/// The number of an old `function_call`, behind those of all `tool_calls`.
const FUNCTION_CALL: u64 = u32::MAX as u64 + 1;

/// The part of an id that is compared: it is not kept for its own sake.
const ID_BYTES_MAX: usize = 256;

pub(crate) fn say(top: &Top<'_>, voice: &mut Voice<'_>) {
    let choices = top.choices.as_ref().map_or(&[][..], |choices| &choices.0);
    let id = top.id.as_str().as_bytes();
    let id = id.get(..ID_BYTES_MAX).unwrap_or(id);
    // some providers give every chunk an id of its own: only behind a finish
    // does a new one begin a new answer
    if !id.is_empty() && !choices.is_empty() && id != voice.memory.id {
        let again = |choice: &Choice<'_>| voice.is_finished(choice.index.unwrap_or(0));
        if choices.iter().any(again) {
            voice.start();
        }
        voice.memory.id.clear();
        voice.memory.id.extend_from_slice(id);
    }
    for choice in choices {
        choice.say(voice);
    }
}

impl Choice<'_> {
    fn say(&self, voice: &mut Voice<'_>) {
        let number = self.index.unwrap_or(0);
        if let Some(text) = self.text.0.as_deref() {
            let tokens = logprobs::of_completion(self.logprobs, text);
            voice.delta_with(number, Channel::Content, text, &tokens);
        }
        for message in self.delta.iter().chain(self.message.as_deref()) {
            self.message(number, message, voice);
        }
        if let Some(reason) = self.finish_reason.said() {
            voice.finish(number, reason);
        }
    }

    fn message(&self, number: u32, message: &Message<'_>, voice: &mut Voice<'_>) {
        let reasoning = content_text(&message.reasoning_content, Channel::Reasoning);
        let other = content_text(&message.reasoning, Channel::Reasoning);
        for (channel, text) in &reasoning {
            voice.delta(number, *channel, text);
        }
        // some send the same text under both names
        if other != reasoning {
            for (channel, text) in &other {
                voice.delta(number, *channel, text);
            }
        }
        let logprobs = self
            .logprobs
            .and_then(|raw| serde_json::from_str::<logprobs::ChatLogprobs<'_>>(raw.get()).ok())
            .unwrap_or_default();
        if let Content::Text(text) = &message.content {
            let tokens: Vec<TokenLogprob> = logprobs::of_entries(logprobs.content, text);
            voice.delta_with(number, Channel::Content, text, &tokens);
        } else {
            for (channel, text) in content_text(&message.content, Channel::Content) {
                voice.delta(number, channel, &text);
            }
        }
        if let Some(audio) = &message.audio {
            voice.delta(number, Channel::Content, audio.transcript.as_str());
        }
        let refusal = message.refusal.as_str();
        let tokens = logprobs::of_entries(logprobs.refusal, refusal);
        voice.delta_with(number, Channel::Refusal, refusal, &tokens);
        for (place, call) in (0u32..).zip(&message.tool_calls.0) {
            let key = u64::from(call.index.unwrap_or(place));
            let arguments = call.function.as_ref().and_then(|f| f.arguments.0.as_deref());
            let input = call.custom.as_ref().map(|custom| custom.input.as_str());
            // a call takes its number when it appears, not when it speaks
            if voice.tool(number, key).is_some() {
                for text in arguments.into_iter().chain(input) {
                    voice.delta_on_tool(number, key, text);
                }
            }
        }
        if let Some(function) = &message.function_call {
            let arguments = function.arguments.0.as_deref().unwrap_or_default();
            voice.delta_on_tool(number, FUNCTION_CALL, arguments);
        }
    }
}

/// The texts of content, each on its channel; `plain` is the one of plain text.
pub(crate) fn content_text<'c>(
    content: &'c Content<'_>,
    plain: Channel,
) -> Vec<(Channel, Cow<'c, str>)> {
    match content {
        Content::None => Vec::new(),
        Content::Text(text) if text.is_empty() => Vec::new(),
        Content::Text(text) => vec![(plain, Cow::Borrowed(text.as_ref()))],
        Content::Parts(parts) => parts.iter().flat_map(|part| part_text(part, plain)).collect(),
    }
}

fn part_text<'c>(part: &'c ContentPart<'_>, plain: Channel) -> Vec<(Channel, Cow<'c, str>)> {
    let is_thought = matches!(part.kind.as_str(), "thinking" | "reasoning" | "reasoning_text");
    let channel = if is_thought { Channel::Reasoning } else { plain };
    let mut texts = content_text(&part.thinking, Channel::Reasoning);
    for (channel, place) in [(channel, &part.text), (Channel::Refusal, &part.refusal)] {
        if !place.as_str().is_empty() {
            texts.push((channel, Cow::Borrowed(place.as_str())));
        }
    }
    texts
}
