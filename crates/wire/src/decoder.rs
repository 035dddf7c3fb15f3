//! Events to items: whose event is it, and what does it say?

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::dialect::{anthropic, bedrock, chat, cohere, google, interactions, responses};
use crate::fault::FaultCode;
use crate::field::{Many, Number, Word, begin_event};
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

/// Writes [`Top`], and how it is read: into its place, because it is wide and
/// moving it costs as much as reading it.
macro_rules! top {
    ($($key:literal $variant:ident => $field:ident: $type:ty,)*) => {
        /// The fields at the top of an event that decide anything, of all
        /// dialects.
        #[derive(Debug, Default)]
        pub(crate) struct Top<'a> {
            $(pub(crate) $field: $type,)*
        }

        #[derive(Clone, Copy, Deserialize)]
        #[serde(field_identifier)]
        enum Key {
            $(#[serde(rename = $key)] $variant,)*
            #[serde(other)]
            Other,
        }

        impl<'a> Visitor<'a> for Fill<'_, 'a> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
                let mut seen = 0u64;
                while let Some(key) = map.next_key::<Key>()? {
                    let bit = 1 << key as u32;
                    match key {
                        $(Key::$variant if seen & bit != 0 => {
                            return Err(A::Error::duplicate_field($key));
                        }
                        Key::$variant => self.0.$field = map.next_value()?,)*
                        Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                    seen |= bit;
                }
                Ok(())
            }
        }
    };
}

top! {
    "id" Id => id: Word<'a>,
    "type" Kind => kind: Word<'a>,
    "event_type" EventType => event_type: Word<'a>,
    "object" Object => object: Word<'a>,
    "choices" Choices => choices: Option<Many<chat::Choice<'a>>>,
    "error" Error => error: Option<&'a RawValue>,
    "index" Index => index: Number,
    "output_index" OutputIndex => output_index: Number,
    "content_index" ContentIndex => content_index: Number,
    "summary_index" SummaryIndex => summary_index: Number,
    "command_index" CommandIndex => command_index: Number,
    "delta" Delta => delta: Option<&'a RawValue>,
    "logprobs" Logprobs => logprobs: Option<&'a RawValue>,
    "text" Text => text: Option<&'a RawValue>,
    "refusal" Refusal => refusal: Option<&'a RawValue>,
    "arguments" Arguments => arguments: Option<&'a RawValue>,
    "input" Input => input: Option<&'a RawValue>,
    "code" Code => code: Option<&'a RawValue>,
    "diff" Diff => diff: Option<&'a RawValue>,
    "command" Command => command: Option<&'a RawValue>,
    "transcript" Transcript => transcript: Option<&'a RawValue>,
    "message" Message => message: Option<&'a RawValue>,
    "item" Item => item: Option<&'a RawValue>,
    "part" Part => part: Option<&'a RawValue>,
    "response" Response => response: Option<&'a RawValue>,
    "output" Output => output: Option<&'a RawValue>,
    "content" Content => content: Option<&'a RawValue>,
    "content_block" ContentBlock => content_block: Option<&'a RawValue>,
    "step" Step => step: Option<&'a RawValue>,
    "interaction" Interaction => interaction: Option<&'a RawValue>,
    "candidates" Candidates => candidates: Option<Many<google::Candidate<'a>>>,
    "promptFeedback" PromptFeedback => prompt_feedback: Option<&'a RawValue>,
    "messageStart" MessageStart => message_start: Option<&'a RawValue>,
    "contentBlockStart" BlockStart => block_start: Option<&'a RawValue>,
    "contentBlockDelta" BlockDelta => block_delta: Option<&'a RawValue>,
    "messageStop" MessageStop => message_stop: Option<&'a RawValue>,
    "internalServerException" InternalServer => internal_server: Option<&'a RawValue>,
    "modelStreamErrorException" ModelStream => model_stream: Option<&'a RawValue>,
    "serviceUnavailableException" Unavailable => unavailable: Option<&'a RawValue>,
    "throttlingException" Throttling => throttling: Option<&'a RawValue>,
    "validationException" Validation => validation: Option<&'a RawValue>,
    "status" Status => status: Word<'a>,
    "stop_reason" StopReason => stop_reason: Word<'a>,
}

/// Reads an event into its place.
struct Fill<'t, 'a>(&'t mut Top<'a>);

impl<'a> DeserializeSeed<'a> for Fill<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Top<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut top = Top::default();
        Fill(&mut top).deserialize(from)?;
        Ok(top)
    }
}

/// What is read of an event behind [`Top`], before the first word is said.
enum Reading<'a> {
    /// All of it is in [`Top`].
    Chat,
    Google(Word<'a>),
    Bedrock(Box<bedrock::Reading<'a>>),
    Responses(responses::Reading<'a>),
    Anthropic(anthropic::Reading<'a>),
    Interactions(interactions::Reading<'a>),
    Cohere(cohere::Reading<'a>),
}

impl<'a> Top<'a> {
    /// What Bedrock sends in place of an answer's next event.
    fn bedrock_errors(&self) -> [Option<&'a RawValue>; 5] {
        [
            self.internal_server,
            self.model_stream,
            self.unavailable,
            self.throttling,
            self.validation,
        ]
    }
}

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
        let mut voice = Voice::new(&mut self.memory, &self.limits, sink, index, offset);
        let event = |dialect| Item::Event(Event { name, data, dialect, index });
        if data.trim() == "[DONE]" {
            (voice.sink)(event(None));
            return voice.done();
        }
        begin_event();
        // nothing is said before all is read
        if data.trim_start().starts_with('[') {
            let tops = serde_json::from_str::<Many<Top<'_>>>(data);
            let readings = tops.and_then(|Many(tops)| {
                let readings = tops.iter().map(read).collect::<Result<Vec<_>, _>>()?;
                Ok((tops, readings))
            });
            return match readings {
                Ok((tops, readings)) => {
                    (voice.sink)(event(tops.iter().find_map(|top| dialects(top).next())));
                    for (top, readings) in tops.iter().zip(&readings) {
                        say(top, readings, &mut voice);
                    }
                }
                Err(error) => unreadable(&mut voice, event(None), &error, cut),
            };
        }
        let mut top = Top::default();
        let mut json = serde_json::Deserializer::from_str(data);
        if let Err(error) = Fill(&mut top).deserialize(&mut json).and_then(|()| json.end()) {
            return unreadable(&mut voice, event(None), &error, cut);
        }
        let dialect = dialects(&top).next();
        match read(&top) {
            Ok(readings) => {
                (voice.sink)(event(dialect));
                say(&top, &readings, &mut voice);
            }
            Err(error) => unreadable(&mut voice, event(dialect), &error, cut),
        }
    }
}

fn unreadable(voice: &mut Voice<'_>, event: Item<'_>, error: &serde_json::Error, cut: bool) {
    (voice.sink)(event);
    // data that is whole JSON lacks its blank line, no more
    let is_cut = cut && !error.is_data();
    let code = if is_cut { FaultCode::TruncatedEvent } else { FaultCode::InvalidJson };
    // the error's own words can repeat the stream's text
    let what = match error.classify() {
        Category::Eof | Category::Io => "the JSON ends too early",
        Category::Syntax => "no JSON",
        Category::Data => "a field of a wrong type",
    };
    let (line, column) = (error.line(), error.column());
    voice.fault(code, format!("{what}, at line {line}, column {column} of the event"));
}

/// Whose event this is: as a rule one's or none's. An event with the shapes of
/// several is read as each of them, so that none hides another's text.
fn dialects(top: &Top<'_>) -> impl Iterator<Item = Dialect> {
    let google = top.candidates.is_some() || top.prompt_feedback.is_some();
    let bedrock = [top.message_start, top.block_start, top.block_delta, top.message_stop]
        .iter()
        .chain(&top.bedrock_errors())
        .any(Option::is_some);
    let event_type = top.event_type.as_str();
    let interactions = event_type.starts_with("interaction.") || event_type.starts_with("step.");
    let shapes = [
        chat_dialect(top),
        google.then_some(Dialect::GoogleGenerateContent),
        bedrock.then_some(Dialect::AmazonBedrock),
        interactions.then_some(Dialect::GoogleInteractions),
        typed_dialect(top),
    ];
    shapes.into_iter().flatten()
}

fn chat_dialect(top: &Top<'_>) -> Option<Dialect> {
    let object = top.object.as_str();
    let choices = top.choices.as_ref().map(|choices| choices.0.as_slice());
    if choices.is_none() && !object.starts_with("chat.completion") {
        return None;
    }
    let completions = choices.unwrap_or_default().iter().any(chat::Choice::is_completion);
    let completions = completions || object == "text_completion";
    Some(if completions { Dialect::OpenAiCompletions } else { Dialect::OpenAiChat })
}

/// The dialects that say by `type` what an event is.
fn typed_dialect(top: &Top<'_>) -> Option<Dialect> {
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

/// Reads what [`Top`] leaves unread: as the first of its dialects, and as the
/// others if there are any.
type Readings<'a> = (Option<Reading<'a>>, Vec<Reading<'a>>);

fn read<'a>(top: &Top<'a>) -> serde_json::Result<Readings<'a>> {
    let mut dialects = dialects(top);
    let first = dialects.next().map(|dialect| read_as(dialect, top)).transpose()?;
    let rest = dialects.map(|dialect| read_as(dialect, top)).collect::<Result<_, _>>()?;
    Ok((first, rest))
}

fn read_as<'a>(dialect: Dialect, top: &Top<'a>) -> serde_json::Result<Reading<'a>> {
    Ok(match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => Reading::Chat,
        Dialect::OpenAiResponses | Dialect::OpenAiRealtime => {
            Reading::Responses(responses::read(top)?)
        }
        Dialect::AnthropicMessages => Reading::Anthropic(anthropic::read(top)?),
        Dialect::GoogleGenerateContent => Reading::Google(google::read(top)?),
        Dialect::GoogleInteractions => Reading::Interactions(interactions::read(top)?),
        Dialect::AmazonBedrock => Reading::Bedrock(Box::new(bedrock::read(top)?)),
        Dialect::Cohere => Reading::Cohere(cohere::read(top)?),
    })
}

/// What the event says.
fn say(top: &Top<'_>, (first, rest): &Readings<'_>, voice: &mut Voice<'_>) {
    for reading in first.iter().chain(rest) {
        match reading {
            Reading::Chat => chat::say(top, voice),
            Reading::Google(block_reason) => google::say(top, block_reason, voice),
            Reading::Bedrock(reading) => bedrock::say(reading, voice),
            Reading::Responses(reading) => responses::say(reading, voice),
            Reading::Anthropic(reading) => anthropic::say(reading, voice),
            Reading::Interactions(reading) => interactions::say(reading, voice),
            Reading::Cohere(reading) => cohere::say(reading, voice),
        }
    }
    for error in top.bedrock_errors().into_iter().flatten() {
        voice.provider_error(&error_message(error));
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
