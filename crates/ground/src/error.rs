use std::fmt;

/// Facts cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactsError(pub(crate) Fault);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Empty,
    TooLarge {
        bytes: u64,
        bytes_max: u64,
    },
    TooMany {
        passages_max: u32,
    },
    NotText {
        at: usize,
    },
    Binary {
        at: usize,
    },
    #[cfg_attr(
        not(feature = "formats"),
        expect(dead_code, reason = "rows are those of CSV and JSON Lines")
    )]
    Row {
        line: u64,
        what: String,
    },
    Saved(&'static str),
    #[cfg(not(feature = "formats"))]
    NoFormats,
}

impl FactsError {
    /// Whether there was no passage in what was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == Fault::Empty
    }

    /// Whether a limit was met.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self.0, Fault::TooLarge { .. } | Fault::TooMany { .. })
    }

    /// Whether the bytes are no text: not UTF-8, or with a NUL.
    #[must_use]
    pub fn is_not_text(&self) -> bool {
        matches!(self.0, Fault::NotText { .. } | Fault::Binary { .. })
    }

    /// Whether a saved file is damaged, or none.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        matches!(self.0, Fault::Saved(_))
    }

    /// The line of the row that cannot be used, from 1.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self.0 {
            Fault::Row { line, .. } => Some(line),
            _ => None,
        }
    }
}

impl fmt::Display for FactsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Fault::Empty => {
                f.write_str("the facts have no passage: every claim would be unsupported")
            }
            Fault::TooLarge { bytes, bytes_max } => {
                write!(f, "the facts have {bytes} bytes: at most {bytes_max} are taken")
            }
            Fault::TooMany { passages_max } => {
                write!(f, "the facts have more than {passages_max} passages")
            }
            Fault::NotText { at } => write!(f, "the facts are not UTF-8 at byte {at}"),
            Fault::Binary { at } => {
                write!(f, "the facts are not text: there is a NUL at byte {at}")
            }
            Fault::Row { line, what } => write!(f, "line {line}: {what}"),
            Fault::Saved(what) => write!(f, "not a file of saved facts: {what}"),
            #[cfg(not(feature = "formats"))]
            Fault::NoFormats => f.write_str("this build reads plain text and saved facts only"),
        }
    }
}

impl std::error::Error for FactsError {}
