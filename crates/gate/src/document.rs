//! Policy text to values: TOML, YAML and JSON through one schema, where every
//! error points into the text.
//!
//! ```
//! use serde::Deserialize;
//! use tidegate::document::{Document, Format};
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Halt {
//!     hard_limit: f64,
//! }
//!
//! let text = "hard_limt: 0.5\n";
//! let error = Document::parse(text, Format::Yaml)?.read::<Halt>().err().expect("misspelt");
//! assert_eq!(error.message(), "unknown field `hard_limt`");
//! assert_eq!(error.help(), Some("did you mean `hard_limit`?"));
//! assert_eq!(text.get(error.span()), Some("hard_limt"));
//!
//! let halt: Halt = Document::parse("hard_limit = 0.5", Format::Toml)?.read()?;
//! assert_eq!(halt.hard_limit, 0.5);
//! # Ok::<(), tidegate::document::DocumentError>(())
//! ```
//!
//! # One tree for three formats
//!
//! | here | TOML | YAML | JSON |
//! | --- | --- | --- | --- |
//! | a map | table | mapping | object |
//! | a list | array | sequence | array |
//! | null | none | `null`, `~`, nothing | `null` |
//! | the empty document | an empty map | an empty map | an error |
//!
//! Keys are strings, and a key that comes twice is an error. A date or time in
//! TOML, and in YAML a second document or a tag other than `!!str`, `!!int`,
//! `!!float`, `!!bool` and `!!null`, are errors; plain YAML scalars follow the
//! core schema of YAML 1.2, which has no merge key (`<<`). JSON is RFC 8259:
//! no comments, no trailing commas. A byte order mark at the start is skipped.
//!
//! The span of a TOML table that has a header is that of the header. Values that
//! a YAML alias stands for keep the spans they have where they were written; the
//! alias itself has its own.
//!
//! # What it does not do
//!
//! It knows no policy: what a field means, and which values are in range, is up
//! to the type that is read. It does not write documents, and it does not draw
//! the caret under a span.

mod de;
mod json;
mod node;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;

use node::{Kind, Node, Source};

/// The longest document, in bytes: 1 MiB. In YAML it bounds the text of strings
/// once aliases are expanded as well. Costs some 100 bytes of memory per byte
/// while parsing, at worst.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// How many lists and maps may be open at one place, the outermost included: 64.
/// Bounds the stack that parsing and reading use.
pub const DEPTH_MAX: usize = 64;

/// How many values a document may hold, lists and maps included and YAML aliases
/// expanded: 100,000. Costs some 100 bytes of memory per value.
pub const NODES_MAX: usize = 100_000;

/// The language a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.1
    Toml,
    /// YAML 1.2, core schema
    Yaml,
    /// JSON, RFC 8259
    Json,
}

impl Format {
    /// The format that a file's name tells: `.toml`, `.yaml`, `.yml` or `.json`,
    /// in any case.
    ///
    /// ```
    /// use tidegate::document::Format;
    ///
    /// assert_eq!(Format::from_path("policy.yml".as_ref()), Some(Format::Yaml));
    /// assert_eq!(Format::from_path("policy.txt".as_ref()), None);
    /// ```
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "toml" => Some(Format::Toml),
            "yaml" | "yml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

/// A parsed document, whose values know where they were written.
#[derive(Clone, Debug)]
pub struct Document {
    root: Node,
}

impl Document {
    /// Parses a text.
    ///
    /// # Errors
    ///
    /// The first thing in the text that the format or this module (see its docs)
    /// does not allow, or a limit: [`TEXT_BYTES_MAX`], [`DEPTH_MAX`], [`NODES_MAX`].
    pub fn parse(text: &str, format: Format) -> Result<Document, DocumentError> {
        let source = Source::new(text)?;
        let root = match format {
            Format::Toml => toml::parse(&source)?,
            Format::Yaml => yaml::parse(&source)?,
            Format::Json => json::parse(&source)?,
        };
        Ok(Document { root })
    }

    /// Takes a field out of every map of a list at the top, for names that are
    /// accepted and mean nothing; says whether any had it.
    pub(crate) fn remove_from_each(&mut self, list: &str, field: &str) -> bool {
        let mut removed = false;
        let Kind::Map(entries) = &mut self.root.kind else { return false };
        let values = entries.iter_mut().filter(|(key, _)| key.name == list);
        for (_, value) in values {
            let Kind::Seq(items) = &mut value.kind else { continue };
            for item in items {
                if let Kind::Map(fields) = &mut item.kind {
                    let before = fields.len();
                    fields.retain(|(key, _)| key.name != field);
                    removed |= fields.len() < before;
                }
            }
        }
        removed
    }

    /// Reads the whole document as a `T`.
    ///
    /// # Errors
    ///
    /// Whatever `T` refuses: a wrong type, an unknown or missing field, an unknown
    /// variant, or its own complaint. The span is that of the innermost value or
    /// key at fault. Serde reads internally tagged, untagged and flattened types
    /// from a copy that has no spans; there the value at fault is looked for by
    /// what the error says of it, and the span is that of the whole map when more
    /// than one value fits.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, DocumentError> {
        de::read(&self.root)
    }

    /// The span, in bytes, of the value at a path such as
    /// `["halt", "1", "hard_limit"]` (indices of a list in decimal); for a path
    /// that is not there, the span of its nearest ancestor.
    #[must_use]
    pub fn span_of(&self, path: &[&str]) -> Range<usize> {
        let mut node = &self.root;
        for step in path {
            let next = match &node.kind {
                Kind::Map(entries) => {
                    entries.iter().find(|(key, _)| key.name == *step).map(|(_, value)| value)
                }
                Kind::Seq(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.span.clone()
    }
}

/// What is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    message: String,
    span: Range<usize>,
    help: Option<String>,
}

impl DocumentError {
    /// An error about a span of a document, for those who check a value after it
    /// was read; [`Document::span_of`] has the spans.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Range<usize>, help: Option<String>) -> Self {
        DocumentError { message: message.into(), span, help }
    }

    /// What is wrong: lowercase, without a full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where: bytes of the text. The errors of this module always have a span that
    /// lies in the text and cuts no character; it can be empty.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What to do about it, if that is known.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DocumentError {}

/// The name nearest to `name`, if it is near enough to be meant: case aside, at
/// most one edit per three characters of the longer of the two, and never more
/// than three. An edit adds, removes or changes a character, or swaps two
/// neighbours. Of equally near names the first wins.
///
/// ```
/// use tidegate::document::nearest;
///
/// let known = ["hard_limit", "soft_limit"];
/// assert_eq!(nearest("hrad-limit", known), Some("hard_limit"));
/// assert_eq!(nearest("window", known), None);
/// ```
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let length = name.chars().count();
    known
        .into_iter()
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let candidate_length = lower.chars().count();
            let edits_max = (length.max(candidate_length) / 3).min(3);
            // also keeps a name of a megabyte away from the quadratic distance
            if length.abs_diff(candidate_length) > edits_max {
                return None;
            }
            let edits = strsim::osa_distance(&name, &lower);
            (edits <= edits_max).then_some((edits, candidate))
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The line and the column, both from 1, of a byte offset; columns count
/// characters, and a byte order mark at the start is none. An offset inside a
/// character means that character, one past the end the end.
///
/// ```
/// assert_eq!(tidegate::document::line_column("a = 1\né = 2\n", 9), (2, 3));
/// ```
#[must_use]
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..text.floor_char_boundary(offset)).unwrap_or_default();
    let before = before.strip_prefix('\u{feff}').unwrap_or(before);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
