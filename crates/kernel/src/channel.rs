use core::fmt;
use core::str::FromStr;

/// One of the lanes on which a stream carries text; each is gated on its own,
/// and a halt on one closes all.
///
/// Its text form is the one used in policies, traces and fixtures: `content`,
/// `reasoning`, `refusal`, `tool:0`, `tool:1`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// The answer itself.
    Content,
    /// What the model says to itself before or between answers.
    Reasoning,
    /// The model's refusal to answer.
    Refusal,
    /// The arguments of one tool call, numbered from 0 in order of appearance.
    Tool(u32),
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Channel::Content => f.write_str("content"),
            Channel::Reasoning => f.write_str("reasoning"),
            Channel::Refusal => f.write_str("refusal"),
            Channel::Tool(i) => write!(f, "tool:{i}"),
        }
    }
}

/// The text is not the name of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseChannelError;

impl fmt::Display for ParseChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a channel: expected `content`, `reasoning`, `refusal` or `tool:<number>`")
    }
}

impl core::error::Error for ParseChannelError {}

impl FromStr for Channel {
    type Err = ParseChannelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "content" => Ok(Channel::Content),
            "reasoning" => Ok(Channel::Reasoning),
            "refusal" => Ok(Channel::Refusal),
            _ => {
                let digits = text.strip_prefix("tool:").ok_or(ParseChannelError)?;
                // one spelling per channel: no sign, no leading zero
                let plain = digits == "0" || !digits.starts_with(['0', '+']);
                let number = digits.parse().map_err(|_| ParseChannelError)?;
                if plain { Ok(Channel::Tool(number)) } else { Err(ParseChannelError) }
            }
        }
    }
}
