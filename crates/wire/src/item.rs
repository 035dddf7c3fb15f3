use tidegate_kernel::Channel;

use crate::fault::Fault;

/// What a stream says, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Item<'a> {
    /// An event, untouched, before what it says. Events that are not known come
    /// as this alone. Plain text has no events.
    Event(Event<'a>),
    /// A new generation begins behind an earlier one, in the same stream.
    Start,
    /// Text of a channel.
    Delta(Delta<'a>),
    /// The provider repeats, whole, text that it streamed before.
    Final(Final<'a>),
    /// A choice is finished.
    Finish {
        /// The choice.
        choice: u32,
        /// The provider's word for why.
        reason: &'a str,
    },
    /// The provider says that the stream is over.
    Done,
    /// Something is wrong.
    Fault(Fault),
}

/// An event as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The SSE field `event`, if it was given.
    pub name: Option<&'a str>,
    /// The data, untouched.
    pub data: &'a str,
    /// Whose event it is, if that is known.
    pub dialect: Option<Dialect>,
    /// The event's number, from 0.
    pub index: u64,
}

/// A piece of a channel's text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delta<'a> {
    /// The choice.
    pub choice: u32,
    /// The channel.
    pub channel: Channel,
    /// The text, never empty.
    pub text: &'a str,
    /// Its tokens, if the stream says how likely they were. Their lengths sum
    /// to the text's.
    pub logprobs: &'a [TokenLogprob],
}

/// How likely a token was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenLogprob {
    /// The token's length, in bytes of UTF-8.
    pub bytes: usize,
    /// The natural logarithm of its probability.
    pub logprob: f64,
    /// The entropy, in nats, of the alternatives that the stream lists in its
    /// place, their probabilities made to sum to one; none if it lists fewer than
    /// two.
    pub entropy: Option<f64>,
}

/// Text that a provider repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Final<'a> {
    /// The choice.
    pub choice: u32,
    /// The channel.
    pub channel: Channel,
    /// The part of the channel's text that is repeated.
    pub text: &'a str,
}

/// Whose events a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI chat completions, and the many that speak like it.
    OpenAiChat,
    /// OpenAI completions.
    OpenAiCompletions,
    /// OpenAI Responses.
    OpenAiResponses,
    /// OpenAI Realtime.
    OpenAiRealtime,
    /// Anthropic messages.
    AnthropicMessages,
    /// Google generateContent.
    GoogleGenerateContent,
    /// Google Interactions.
    GoogleInteractions,
    /// Amazon Bedrock's ConverseStream.
    AmazonBedrock,
    /// Cohere chat.
    Cohere,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 9] = [
        Dialect::OpenAiChat,
        Dialect::OpenAiCompletions,
        Dialect::OpenAiResponses,
        Dialect::OpenAiRealtime,
        Dialect::AnthropicMessages,
        Dialect::GoogleGenerateContent,
        Dialect::GoogleInteractions,
        Dialect::AmazonBedrock,
        Dialect::Cohere,
    ];

    /// The name, as in `openai_chat`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "openai_chat",
            Dialect::OpenAiCompletions => "openai_completions",
            Dialect::OpenAiResponses => "openai_responses",
            Dialect::OpenAiRealtime => "openai_realtime",
            Dialect::AnthropicMessages => "anthropic_messages",
            Dialect::GoogleGenerateContent => "google_generate_content",
            Dialect::GoogleInteractions => "google_interactions",
            Dialect::AmazonBedrock => "amazon_bedrock",
            Dialect::Cohere => "cohere",
        }
    }
}
