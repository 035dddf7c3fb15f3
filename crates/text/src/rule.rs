//! What a rule is, and why one cannot be used.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::Checksum;

/// Text that is not to be shown, or to be noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the rule looks for.
    pub pattern: Pattern,
    /// What must hold of the matched text besides. The match must then be
    /// bounded, by [`CHECKED_BYTES_MAX`].
    pub checksum: Option<Checksum>,
    /// What a match does.
    pub action: Action,
    /// Bytes held back while it is open whether, or how far, the rule matches.
    /// Default 64 KiB.
    pub hold_bytes_max: u32,
    /// What happens when more would be held. A rule that flags holds nothing of
    /// what is shown, keeps as much to look at again, and lets it go.
    pub on_overflow: OnOverflow,
}

/// The default of [`Rule::hold_bytes_max`]: 64 KiB.
pub const HOLD_BYTES_MAX: u32 = 64 << 10;

/// Bytes that a rule with a checksum may match.
pub const CHECKED_BYTES_MAX: u32 = 256;

impl Rule {
    /// A rule with the defaults: it halts, also when it would hold too much.
    #[must_use]
    pub fn new(pattern: Pattern) -> Rule {
        Rule {
            pattern,
            checksum: None,
            action: Action::Halt,
            hold_bytes_max: HOLD_BYTES_MAX,
            on_overflow: OnOverflow::Halt,
        }
    }

    /// A rule for a regular expression, with the defaults.
    #[must_use]
    pub fn regex(expression: &str) -> Rule {
        Rule::new(Pattern::Regex(expression.to_string()))
    }
}

/// What a rule looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A regular expression in the syntax of the `regex` crate. Among the
    /// matches at one place the expression prefers, as that crate does, what
    /// stands first in it.
    Regex(String),
    /// Any of these texts, the longest at a place.
    Literals {
        /// The texts.
        literals: Vec<String>,
        /// Whether capitals and small letters are the same.
        ignore_case: bool,
    },
}

/// What a match does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The text ends before the match.
    Halt,
    /// This stands for the match.
    Mask(String),
    /// It is noted and changes nothing.
    Flag,
}

/// What happens when a rule would hold back more than it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOverflow {
    /// The text ends before what is held.
    #[default]
    Halt,
    /// What is held is let go, and the rule begins anew behind it.
    Release,
}

/// A rule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    pub(crate) rule: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Syntax { why: String, span: Option<Range<usize>> },
    UnicodeBoundary(&'static str),
    MatchesEmpty,
    NeverMatches,
    NoLiterals,
    EmptyLiteral(usize),
    TooLarge { bytes_max: usize },
    Unbounded { part: Option<Range<usize>> },
    TooLong { bytes: usize },
    TooMany,
}

impl RuleError {
    pub(crate) fn new(rule: usize, kind: Kind) -> RuleError {
        RuleError { rule, kind }
    }

    /// The number of the rule, from 0.
    #[must_use]
    pub fn rule(&self) -> usize {
        self.rule
    }

    /// Where in the expression, in bytes, if that can be said.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        match &self.kind {
            Kind::Syntax { span, .. } | Kind::Unbounded { part: span } => span.clone(),
            _ => None,
        }
    }

    /// Whether the automaton would be larger than it may.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self.kind, Kind::TooLarge { .. })
    }

    /// What to do about it, where that can be said.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match &self.kind {
            Kind::Syntax { .. } | Kind::NeverMatches | Kind::TooMany => None,
            Kind::UnicodeBoundary(_) => Some(
                "it would have to see a whole character behind the match; write `(?-u:\\b)` for ASCII words",
            ),
            Kind::MatchesEmpty => Some("a match must have text; write `+` for `*`, or drop `?`"),
            Kind::NoLiterals => Some("give at least one text"),
            Kind::EmptyLiteral(_) => Some("leave it out"),
            Kind::TooLarge { .. } => Some(
                "use fewer literals, fewer counted repetitions of large classes, `(?-u:\\w)` for `\\w`, or a higher limit",
            ),
            Kind::Unbounded { .. } | Kind::TooLong { .. } => {
                Some("bound its repetitions, as in `{1,40}`")
            }
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Syntax { why, .. } => write!(f, "the expression cannot be read: {why}"),
            Kind::UnicodeBoundary(name) => {
                write!(f, "the Unicode word boundary `{name}` is not supported on streams")
            }
            Kind::MatchesEmpty => f.write_str("the expression matches the empty text"),
            Kind::NeverMatches => f.write_str("the expression matches nothing"),
            Kind::NoLiterals => f.write_str("the list of literals is empty"),
            Kind::EmptyLiteral(number) => write!(f, "literal {number} is empty"),
            Kind::TooLarge { bytes_max } => {
                write!(f, "the automaton would take more than {bytes_max} bytes")
            }
            Kind::Unbounded { .. } => f.write_str("a rule with a checksum matches without bound"),
            Kind::TooLong { bytes } => write!(
                f,
                "a rule with a checksum can match {bytes} bytes: at most {CHECKED_BYTES_MAX} are checked"
            ),
            Kind::TooMany => f.write_str("more than 65 000 rules"),
        }
    }
}

impl core::error::Error for RuleError {}
