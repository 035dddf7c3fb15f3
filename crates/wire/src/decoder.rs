//! Events to items: whose event is it, and what does it say?

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::{anthropic, bedrock, chat, cohere, google, interactions, responses};
use crate::fault::{FaultCode, quote};
use crate::field::{Number, Place, Word};
use crate::item::{Dialect, Event, Item};
use crate::limits::Limits;
use crate::voice::{Memory, Voice};

/// Reads events of every dialect.
///
/// Whose event it is, is decided for each by its shape, so that no text passes
/// unread in a stream that changes its dialect. An event that cannot be read is
/// a fault and says nothing; none of its text is handed on.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    memory: Memory,
}

/// The fields at the top of an event that decide anything, of all dialects.
#[derive(Debug, Deserialize)]
pub(crate) struct Top<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Word<'a>,
    #[serde(borrow, default, rename = "type")]
    pub(crate) kind: Word<'a>,
    #[serde(borrow, default)]
    pub(crate) event_type: Word<'a>,
    #[serde(borrow, default)]
    pub(crate) object: Word<'a>,
    #[serde(borrow, default)]
    pub(crate) choices: Option<Vec<chat::Choice<'a>>>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) index: Number,
    #[serde(default)]
    pub(crate) output_index: Number,
    #[serde(default)]
    pub(crate) content_index: Number,
    #[serde(default)]
    pub(crate) summary_index: Number,
    #[serde(default)]
    pub(crate) command_index: Number,
    #[serde(borrow, default)]
    pub(crate) delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) text: Place<'a>,
    #[serde(borrow, default)]
    pub(crate) refusal: Place<'a>,
    #[serde(borrow, default)]
    pub(crate) arguments: Place<'a>,
    #[serde(borrow, default)]
    pub(crate) input: Word<'a>,
    #[serde(borrow, default)]
    pub(crate) code: Word<'a>,
    #[serde(borrow, default)]
    pub(crate) diff: Word<'a>,
    #[serde(borrow, default)]
    pub(crate) command: Word<'a>,
    #[serde(borrow, default)]
    pub(crate) transcript: Word<'a>,
    #[serde(borrow, default)]
    pub(crate) message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) part: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) step: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) interaction: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) candidates: Option<Vec<google::Candidate<'a>>>,
    #[serde(borrow, default, rename = "promptFeedback")]
    pub(crate) prompt_feedback: Option<google::PromptFeedback<'a>>,
    #[serde(borrow, default, rename = "messageStart")]
    pub(crate) message_start: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "contentBlockStart")]
    pub(crate) block_start: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "contentBlockDelta")]
    pub(crate) block_delta: Option<bedrock::BlockDelta<'a>>,
    #[serde(borrow, default, rename = "messageStop")]
    pub(crate) message_stop: Option<bedrock::MessageStop<'a>>,
}

/// How reading an event ends: a JSON error means that it says nothing.
pub(crate) type Read = serde_json::Result<()>;

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new(limits: Limits) -> Decoder {
        Decoder { limits, memory: Memory::default() }
    }

    /// Reads one event's data and hands on what it says, the event itself
    /// first. `index` and `offset` go into faults; `cut` says that the stream
    /// ended before the event did.
    pub fn decode(
        &mut self,
        name: Option<&str>,
        data: &str,
        index: u64,
        offset: u64,
        cut: bool,
        sink: &mut impl FnMut(Item<'_>),
    ) {
        let mut voice =
            Voice { memory: &mut self.memory, limits: &self.limits, sink, event: index, offset };
        let event = |dialect| Item::Event(Event { name, data, dialect, index });
        if data.trim() == "[DONE]" {
            (voice.sink)(event(None));
            return voice.done();
        }
        if data.trim_start().starts_with('[') {
            return match serde_json::from_str::<Vec<Top<'_>>>(data) {
                Ok(tops) => {
                    (voice.sink)(event(tops.iter().find_map(dialect)));
                    for top in &tops {
                        say(top, &mut voice);
                    }
                }
                Err(error) => unreadable(&mut voice, event(None), &error, data, cut),
            };
        }
        match serde_json::from_str::<Top<'_>>(data) {
            Ok(top) => {
                (voice.sink)(event(dialect(&top)));
                say(&top, &mut voice);
            }
            Err(error) => unreadable(&mut voice, event(None), &error, data, cut),
        }
    }
}

fn unreadable(
    voice: &mut Voice<'_>,
    event: Item<'_>,
    error: &serde_json::Error,
    data: &str,
    cut: bool,
) {
    (voice.sink)(event);
    let code = if cut { FaultCode::TruncatedEvent } else { FaultCode::InvalidJson };
    voice.fault(code, format!("{error}: {}", quote(data)));
}

/// Whose event this is, if that is known.
fn dialect(top: &Top<'_>) -> Option<Dialect> {
    if let Some(choices) = &top.choices {
        let completions = choices.iter().any(chat::Choice::is_completion);
        let completions = completions || top.object.as_str() == "text_completion";
        return Some(if completions { Dialect::OpenAiCompletions } else { Dialect::OpenAiChat });
    }
    if top.object.as_str().starts_with("chat.completion") {
        return Some(Dialect::OpenAiChat);
    }
    if top.candidates.is_some() || top.prompt_feedback.is_some() {
        return Some(Dialect::GoogleGenerateContent);
    }
    if top.message_start.is_some()
        || top.block_start.is_some()
        || top.block_delta.is_some()
        || top.message_stop.is_some()
    {
        return Some(Dialect::AmazonBedrock);
    }
    let event_type = top.event_type.as_str();
    if event_type.starts_with("interaction.") || event_type.starts_with("step.") {
        return Some(Dialect::GoogleInteractions);
    }
    let kind = top.kind.as_str();
    match kind {
        "message_start"
        | "message_delta"
        | "message_stop"
        | "content_block_start"
        | "content_block_delta"
        | "content_block_stop"
        | "ping"
        | "message" => Some(Dialect::AnthropicMessages),
        "message-start" | "content-start" | "content-delta" | "content-end" | "tool-plan-delta"
        | "tool-call-start" | "tool-call-delta" | "tool-call-end" | "citation-start"
        | "citation-end" | "message-end" => Some(Dialect::Cohere),
        _ if kind.starts_with("session.")
            || kind.contains("audio_transcript")
            || kind.starts_with("conversation.") =>
        {
            Some(Dialect::OpenAiRealtime)
        }
        _ if kind.starts_with("response.") || top.object.as_str() == "response" => {
            Some(Dialect::OpenAiResponses)
        }
        _ => None,
    }
}

/// What the event says. All that could fail was read before the first word.
fn say(top: &Top<'_>, voice: &mut Voice<'_>) {
    let read = match dialect(top) {
        Some(Dialect::OpenAiChat | Dialect::OpenAiCompletions) => chat::say(top, voice),
        Some(Dialect::OpenAiResponses | Dialect::OpenAiRealtime) => responses::say(top, voice),
        Some(Dialect::AnthropicMessages) => anthropic::say(top, voice),
        Some(Dialect::GoogleGenerateContent) => google::say(top, voice),
        Some(Dialect::GoogleInteractions) => interactions::say(top, voice),
        Some(Dialect::AmazonBedrock) => bedrock::say(top, voice),
        Some(Dialect::Cohere) => cohere::say(top, voice),
        None => Ok(()),
    };
    if let Err(error) = read {
        voice.fault(FaultCode::InvalidJson, error.to_string());
    }
    if let Some(error) = top.error {
        voice.provider_error(&error_message(error));
    } else if top.kind.as_str() == "error" {
        let message = top.message.map(error_message).unwrap_or_default();
        voice.provider_error(&message);
    }
}

/// The message of an error: `{"message": …}`, or the error itself.
pub(crate) fn error_message(error: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow, default)]
        message: Word<'a>,
    }
    let message = serde_json::from_str::<Message<'_>>(error.get()).ok().and_then(|m| m.message.0);
    let word = || serde_json::from_str::<Word<'_>>(error.get()).ok().and_then(|word| word.0);
    message.or_else(word).map_or_else(|| error.get().to_string(), |text| text.into_owned())
}
