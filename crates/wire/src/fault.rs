use std::fmt;

/// What is wrong with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// An event's data is no JSON, or a place for text holds none.
    InvalidJson,
    /// Bytes that are no UTF-8.
    InvalidUtf8,
    /// The bytes ended inside an event.
    TruncatedEvent,
    /// An event is larger than `event_bytes_max`.
    EventTooLarge,
    /// There are more choices than `choices_max`.
    TooManyChoices,
    /// A choice has more tool calls than `tools_max`.
    TooManyTools,
    /// Text came for a choice after its finish.
    DeltaAfterFinish,
    /// The provider's final text is not the one it streamed.
    FinalMismatch,
    /// The provider reports an error of its own.
    ProviderError,
}

impl FaultCode {
    /// The name used in verdicts and traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            FaultCode::InvalidJson => "invalid_json",
            FaultCode::InvalidUtf8 => "invalid_utf8",
            FaultCode::TruncatedEvent => "truncated_event",
            FaultCode::EventTooLarge => "event_too_large",
            FaultCode::TooManyChoices => "too_many_choices",
            FaultCode::TooManyTools => "too_many_tools",
            FaultCode::DeltaAfterFinish => "delta_after_finish",
            FaultCode::FinalMismatch => "final_mismatch",
            FaultCode::ProviderError => "provider_error",
        }
    }
}

/// Something is wrong with the stream, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub code: FaultCode,
    /// The number of the event, from 0.
    pub event: u64,
    /// Where that event begins in the stream, in bytes; in plain text, where
    /// the bad bytes are.
    pub offset: u64,
    /// What, in more: lowercase, foreign text in backticks and shortened.
    pub detail: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { code, event, offset, detail } = self;
        write!(f, "{} in event {event} at byte {offset}: {detail}", code.as_str())
    }
}

/// Foreign text for a fault: short, and harmless to a terminal.
pub(crate) fn quote(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let mut quoted: String = text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        quoted.push('…');
    }
    format!("`{quoted}`")
}
