use std::collections::HashMap;
use std::fmt;

use crate::error::{FactsError, Fault};
use crate::index::{Index, count};
use crate::text::{Terms, sentences};

/// Passages that are held to be true, and an index to find them by.
#[derive(Clone, Default)]
pub struct Facts {
    pub(crate) limits: FactsLimits,
    /// By number; none for those that were deleted.
    pub(crate) passages: Vec<Option<Stored>>,
    pub(crate) names: Names,
    pub(crate) index: Index,
    /// Bytes of all passages.
    pub(crate) bytes: u64,
}

/// A passage as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) text: Box<str>,
    pub(crate) source: u32,
    pub(crate) heading: u32,
    /// The line it begins in, from 1; 0 if it was not read from lines.
    pub(crate) line: u32,
}

/// Sources and headings, each kept once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) all: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Names {
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.all.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    fn get(&self, number: u32) -> &str {
        self.all.get(number as usize).map_or("", |name| name)
    }
}

/// Which passage of a store; never given to another one of the same store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassageId(pub u32);

/// A passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage<'a> {
    /// Which.
    pub id: PassageId,
    /// Where it is from: a file's name, as a rule.
    pub source: &'a str,
    /// The headings it stands under, outermost first, joined by ` / `; or empty.
    pub heading: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The line of the source in which it, or its paragraph, begins, from 1, if it was
    /// read from lines.
    pub line: Option<u32>,
}

/// A passage that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Which.
    pub id: PassageId,
    /// Its rank by BM25: above 0, and greater the more it speaks to the claim.
    pub score: f64,
}

/// How facts are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactsFormat {
    /// Plain text: each sentence or line is a passage. A line of 60 characters or
    /// more, or one before a lowercase letter, goes on in the next.
    Text,
    /// Markdown: sentences with the headings they stand under, list items, rows of
    /// tables with the names of their columns, blocks of code.
    Markdown,
    /// Rows with the columns `text` and, if they are there, `source` and `heading`.
    /// Without a column `text`, a row is a passage `name: value; name: value`.
    Csv,
    /// An object a line with `text` and, if they are there, `source` and `heading`;
    /// or a string.
    JsonLines,
    /// What [`Facts::to_bytes`] gave.
    Saved,
}

impl FactsFormat {
    /// The format of files with this extension, if it is one: `txt`, `text`, `md`,
    /// `markdown`, `csv`, `jsonl`, `ndjson`, `facts`.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<FactsFormat> {
        match extension.to_ascii_lowercase().as_str() {
            "txt" | "text" => Some(FactsFormat::Text),
            "md" | "markdown" => Some(FactsFormat::Markdown),
            "csv" => Some(FactsFormat::Csv),
            "jsonl" | "ndjson" => Some(FactsFormat::JsonLines),
            "facts" => Some(FactsFormat::Saved),
            _ => None,
        }
    }
}

/// Bounds on a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactsLimits {
    /// Bytes of what is read at once, and of all passages. Default 256 MiB; the
    /// index costs about as much again.
    pub bytes_max: u64,
    /// Passages. Default 1 000 000.
    pub passages_max: u32,
    /// Bytes of a passage; a longer sentence, row or block is cut. Default 1 KiB.
    pub passage_bytes_max: usize,
}

impl Default for FactsLimits {
    fn default() -> Self {
        FactsLimits { bytes_max: 256 << 20, passages_max: 1_000_000, passage_bytes_max: 1 << 10 }
    }
}

/// A passage that was read and is not in the store yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) source: Option<String>,
    pub(crate) heading: String,
    pub(crate) text: String,
    pub(crate) line: u32,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("passages", &self.len()).finish_non_exhaustive()
    }
}

impl Facts {
    /// A store without passages, under the default limits.
    #[must_use]
    pub fn new() -> Facts {
        Facts::default()
    }

    /// A store without passages.
    #[must_use]
    pub fn with_limits(limits: FactsLimits) -> Facts {
        Facts { limits, ..Facts::default() }
    }

    /// The sentences and lines of plain text.
    ///
    /// # Errors
    /// Those of [`Facts::read`].
    pub fn from_text(text: &str) -> Result<Facts, FactsError> {
        let mut facts = Facts::new();
        facts.read(FactsFormat::Text, "", text.as_bytes())?;
        Ok(facts)
    }

    /// Reads passages and adds them; says how many.
    ///
    /// # Errors
    /// When there is no passage in the bytes, when they are no text of that format,
    /// and when a limit is met. Nothing is added then.
    pub fn read(
        &mut self,
        format: FactsFormat,
        source: &str,
        bytes: &[u8],
    ) -> Result<usize, FactsError> {
        if bytes.len() as u64 > self.limits.bytes_max {
            return Err(self.too_large(bytes.len() as u64));
        }
        let drafts = match format {
            FactsFormat::Saved => {
                let saved = Facts::from_bytes_within(bytes, self.limits)?;
                let draft = |passage: Passage<'_>| Draft {
                    source: Some(passage.source.to_string()),
                    heading: passage.heading.to_string(),
                    text: passage.text.to_string(),
                    line: passage.line.unwrap_or(0),
                };
                if self.passages.is_empty() && !saved.is_empty() {
                    *self = saved;
                    return Ok(self.len());
                }
                saved.passages().map(draft).collect()
            }
            format => read(format, text(bytes)?, self.limits.passage_bytes_max)?,
        };
        if drafts.is_empty() {
            return Err(FactsError(Fault::Empty));
        }
        let bytes: u64 = drafts.iter().map(|draft| draft.text.len() as u64).sum();
        self.fits(drafts.len(), bytes)?;
        let mut terms = Terms::new();
        for draft in &drafts {
            let source = draft.source.as_deref().unwrap_or(source);
            self.insert(&mut terms, source, &draft.heading, &draft.text, draft.line);
        }
        Ok(drafts.len())
    }

    /// Adds one passage, as it stands.
    ///
    /// # Errors
    /// When it has no letter and no digit, has a NUL, or meets a limit.
    pub fn add(
        &mut self,
        source: &str,
        heading: &str,
        text: &str,
    ) -> Result<PassageId, FactsError> {
        if !text.chars().any(char::is_alphanumeric) {
            return Err(FactsError(Fault::Empty));
        }
        self::text(text.as_bytes())?;
        if text.len() > self.limits.passage_bytes_max {
            let (bytes, bytes_max) = (text.len() as u64, self.limits.passage_bytes_max as u64);
            return Err(FactsError(Fault::TooLarge { bytes, bytes_max }));
        }
        self.fits(1, text.len() as u64)?;
        Ok(self.insert(&mut Terms::new(), source, heading, text, 0))
    }

    fn too_large(&self, bytes: u64) -> FactsError {
        FactsError(Fault::TooLarge { bytes, bytes_max: self.limits.bytes_max })
    }

    fn fits(&self, passages: usize, bytes: u64) -> Result<(), FactsError> {
        let passages_max = self.limits.passages_max;
        let numbers = u32::MAX as usize - self.passages.len();
        if self.len() + passages > passages_max as usize || passages > numbers {
            return Err(FactsError(Fault::TooMany { passages_max }));
        }
        if self.bytes + bytes > self.limits.bytes_max {
            return Err(self.too_large(self.bytes + bytes));
        }
        Ok(())
    }

    fn insert(
        &mut self,
        terms: &mut Terms,
        source: &str,
        heading: &str,
        text: &str,
        line: u32,
    ) -> PassageId {
        let id = PassageId(self.passages.len() as u32);
        self.index.add(count(terms, &[heading, text]));
        self.bytes += text.len() as u64;
        let (source, heading) = (self.names.number(source), self.names.number(heading));
        self.passages.push(Some(Stored { text: text.into(), source, heading, line }));
        id
    }

    /// Deletes a passage; says whether it was there.
    pub fn delete(&mut self, id: PassageId) -> bool {
        let Some(slot) = self.passages.get_mut(id.0 as usize) else { return false };
        let Some(stored) = slot.take() else { return false };
        let heading = self.names.get(stored.heading);
        self.index.delete(id.0, &count(&mut Terms::new(), &[heading, &stored.text]));
        self.bytes -= stored.text.len() as u64;
        true
    }

    /// Deletes all passages of a source; says how many there were.
    pub fn delete_source(&mut self, source: &str) -> usize {
        let of_source = self.passages().filter(|passage| passage.source == source);
        let ids: Vec<PassageId> = of_source.map(|passage| passage.id).collect();
        ids.into_iter().filter(|id| self.delete(*id)).count()
    }

    /// The passage, if it is there.
    #[must_use]
    pub fn get(&self, id: PassageId) -> Option<Passage<'_>> {
        let stored = self.passages.get(id.0 as usize)?.as_ref()?;
        Some(Passage {
            id,
            source: self.names.get(stored.source),
            heading: self.names.get(stored.heading),
            text: &stored.text,
            line: (stored.line > 0).then_some(stored.line),
        })
    }

    /// All passages, in the order in which they were added.
    pub fn passages(&self) -> impl Iterator<Item = Passage<'_>> {
        (0..self.passages.len() as u32).filter_map(|number| self.get(PassageId(number)))
    }

    /// How many passages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.live as usize
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `top` passages that speak most to a claim, best first: by BM25 (k1 = 1.2,
    /// b = 0.75) over the stems of words, of the passage and of its headings; a word of
    /// the claim counts as often as it is there. What
    /// shares no word with the claim is not found.
    #[must_use]
    pub fn search(&self, claim: &str, top: usize) -> Vec<Hit> {
        let found = self.index.search(&count(&mut Terms::new(), &[claim]), top);
        found.into_iter().map(|(number, score)| Hit { id: PassageId(number), score }).collect()
    }
}

/// The bytes as text.
fn text(bytes: &[u8]) -> Result<&str, FactsError> {
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(FactsError(Fault::Binary { at }));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| FactsError(Fault::NotText { at: error.valid_up_to() }))?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

#[cfg(feature = "formats")]
fn read(format: FactsFormat, text: &str, bytes_max: usize) -> Result<Vec<Draft>, FactsError> {
    match format {
        FactsFormat::Markdown => Ok(crate::formats::markdown(text, bytes_max)),
        FactsFormat::Csv => crate::formats::csv(text, bytes_max),
        FactsFormat::JsonLines => crate::formats::json_lines(text, bytes_max),
        FactsFormat::Text | FactsFormat::Saved => Ok(plain(text, bytes_max)),
    }
}

#[cfg(not(feature = "formats"))]
fn read(format: FactsFormat, text: &str, bytes_max: usize) -> Result<Vec<Draft>, FactsError> {
    match format {
        FactsFormat::Text | FactsFormat::Saved => Ok(plain(text, bytes_max)),
        _ => Err(FactsError(Fault::NoFormats)),
    }
}

/// A line with so many characters may have been broken only to fit.
const FULL_LINE_CHARS: usize = 60;

/// The sentences of plain text. A line is one of its own unless it seems to go
/// on with the one before.
fn plain(text: &str, bytes_max: usize) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut paragraph = String::new();
    let mut first = 1;
    let mut full = false;
    let mut say = |paragraph: &mut String, line: u32| {
        sentences(paragraph, bytes_max, |_, sentence| {
            let text = sentence.to_string();
            drafts.push(Draft { source: None, heading: String::new(), text, line });
        });
        paragraph.clear();
    };
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        // a line that is full, or goes on in lowercase, was broken to fit
        let is_over = paragraph.ends_with(['.', '!', '?', ':', '…', '。', '！', '？']);
        let is_broken = !is_over && (full || content.starts_with(char::is_lowercase));
        full = content.chars().count() >= FULL_LINE_CHARS;
        if content.is_empty() || begins_item(content) || !is_broken {
            say(&mut paragraph, first);
        }
        if paragraph.is_empty() {
            first = line;
        } else {
            paragraph.push(' ');
        }
        paragraph.push_str(content.trim_start_matches(['-', '*', '•', '#', '>', ' ']));
    }
    say(&mut paragraph, first);
    drafts
}

fn begins_item(line: &str) -> bool {
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with(['-', '*', '•', '#', '>'])
        || digits.len() < line.len()
            && digits.starts_with([')', '.'])
            && digits.get(1..2) == Some(" ")
}
