//! The tree that all three formats become, and what its makers share: spans,
//! limits, numbers, and the words for values in messages.

use std::collections::HashSet;
use std::ops::Range;

use super::{DEPTH_MAX, DocumentError, NODES_MAX, TEXT_BYTES_MAX};

/// A value and where it was written, in bytes of the whole text.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer above `i64::MAX`
    Uint(u64),
    Float(f64),
    Str(String),
    Seq(Vec<Node>),
    /// In the order of the text, every key once
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) span: Range<usize>,
}

impl Kind {
    /// The words for this value in a message.
    pub(super) fn describe(&self) -> String {
        match self {
            Kind::Null => "null".to_owned(),
            Kind::Bool(value) => format!("`{value}`"),
            Kind::Int(value) => describe_number(value),
            Kind::Uint(value) => describe_number(value),
            Kind::Float(value) => describe_number(format_args!("{value:?}")),
            Kind::Str(value) => describe_string(value),
            Kind::Seq(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }
}

pub(super) fn describe_number(value: impl std::fmt::Display) -> String {
    format!("the number `{value}`")
}

pub(super) fn describe_string(value: &str) -> String {
    format!("the string `\"{}\"`", shorten(value))
}

/// How many characters of a document's text a message repeats at one place.
const SHOWN_CHARS_MAX: usize = 60;

/// Foreign text for a message: cut short, and nothing in it that a terminal would
/// act on.
pub(super) fn shorten(text: &str) -> String {
    let mut shown = String::new();
    for (index, char) in text.chars().enumerate() {
        if index == SHOWN_CHARS_MAX {
            shown.push('…');
            break;
        }
        match char {
            // `escape_debug` would escape these too, and patterns are full of them
            '"' | '\'' | '\\' => shown.push(char),
            _ => shown.extend(char.escape_debug()),
        }
    }
    shown
}

/// The text of a document without its byte order mark.
pub(super) struct Source<'t> {
    text: &'t str,
    /// Where `text` starts in the whole text
    base: usize,
}

impl<'t> Source<'t> {
    pub(super) fn new(whole: &'t str) -> Result<Self, DocumentError> {
        if whole.len() > TEXT_BYTES_MAX {
            return Err(DocumentError::new(
                format!("the document has {} bytes, more than {TEXT_BYTES_MAX}", whole.len()),
                whole.floor_char_boundary(TEXT_BYTES_MAX)..whole.len(),
                None,
            ));
        }
        let text = whole.strip_prefix('\u{feff}').unwrap_or(whole);
        Ok(Source { text, base: whole.len() - text.len() })
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// A span of the whole text, in it and on character boundaries, of offsets
    /// into [`Source::text`].
    pub(super) fn span(&self, span: Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.ceil_char_boundary(span.end).max(start);
        self.base + start..self.base + end
    }

    /// The span of the character at an offset; empty at the end.
    pub(super) fn char_at(&self, offset: usize) -> Range<usize> {
        self.span(offset..offset.saturating_add(1))
    }

    /// The span of everything but the white space around it.
    pub(super) fn whole(&self) -> Range<usize> {
        let start = self.text.len() - self.text.trim_start().len();
        self.span(start..self.text.trim_end().len())
    }
}

/// What is left of the limits while a tree is built.
#[derive(Default)]
pub(super) struct Budget {
    nodes: usize,
    alias_bytes: usize,
}

impl Budget {
    /// Counts one more value.
    pub(super) fn node(&mut self, span: &Range<usize>) -> Result<(), DocumentError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let message = format!("the document has more than {NODES_MAX} values");
            return Err(DocumentError::new(message, span.clone(), None));
        }
        Ok(())
    }

    /// Counts a copy of values that are counted already.
    pub(super) fn copy(&mut self, size: &Size, span: &Range<usize>) -> Result<(), DocumentError> {
        self.nodes += size.nodes;
        self.alias_bytes += size.bytes;
        let limit = if self.nodes > NODES_MAX {
            format!("{NODES_MAX} values")
        } else if self.alias_bytes > TEXT_BYTES_MAX {
            format!("{TEXT_BYTES_MAX} bytes")
        } else {
            return Ok(());
        };
        let message = format!("the document has more than {limit} when its aliases are expanded");
        Err(DocumentError::new(message, span.clone(), None))
    }
}

/// Checks that lists and maps nest no deeper than they may, `depth` of them being
/// open at `span`.
pub(super) fn check_depth(depth: usize, span: &Range<usize>) -> Result<(), DocumentError> {
    if depth > DEPTH_MAX { Err(too_deep(span.clone())) } else { Ok(()) }
}

pub(super) fn too_deep(span: Range<usize>) -> DocumentError {
    let message = format!("lists and maps are nested more than {DEPTH_MAX} deep");
    DocumentError::new(message, span, None)
}

/// What a copy of a node costs.
#[derive(Default)]
pub(super) struct Size {
    nodes: usize,
    bytes: usize,
    pub(super) depth: usize,
}

impl Size {
    pub(super) fn of(node: &Node) -> Size {
        let mut size = Size { nodes: 1, ..Size::default() };
        match &node.kind {
            Kind::Str(value) => size.bytes += value.len(),
            Kind::Seq(items) => {
                size.depth = 1;
                for item in items {
                    size.add(&Size::of(item));
                }
            }
            Kind::Map(entries) => {
                size.depth = 1;
                for (key, value) in entries {
                    size.bytes += key.name.len();
                    size.add(&Size::of(value));
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Uint(_) | Kind::Float(_) => {}
        }
        size
    }

    fn add(&mut self, child: &Size) {
        self.nodes += child.nodes;
        self.bytes += child.bytes;
        self.depth = self.depth.max(child.depth + 1);
    }
}

/// Refuses a map in which a key comes twice.
pub(super) fn check_keys(entries: &[(Key, Node)]) -> Result<(), DocumentError> {
    let mut seen = HashSet::with_capacity(entries.len());
    match entries.iter().find(|(key, _)| !seen.insert(key.name.as_str())) {
        Some((key, _)) => Err(duplicate_key(&key.name, key.span.clone())),
        None => Ok(()),
    }
}

pub(super) fn duplicate_key(name: &str, span: Range<usize>) -> DocumentError {
    DocumentError::new(format!("duplicate key `{}`", shorten(name)), span, None)
}

/// The value of an integer's digits, with an optional sign, or nothing when it is
/// out of range.
pub(super) fn integer(digits: &str, radix: u32) -> Option<Kind> {
    i64::from_str_radix(digits, radix)
        .map(Kind::Int)
        .or_else(|_| u64::from_str_radix(digits, radix).map(Kind::Uint))
        .ok()
}

/// The value of a decimal number, or nothing when it is out of range.
pub(super) fn decimal(text: &str) -> Option<Kind> {
    if text.contains(['.', 'e', 'E']) {
        text.parse().ok().filter(|value: &f64| value.is_finite()).map(Kind::Float)
    } else {
        integer(text, 10)
    }
}

pub(super) fn number_out_of_range(text: &str, span: Range<usize>) -> DocumentError {
    DocumentError::new(format!("the number `{}` is out of range", shorten(text)), span, None)
}

/// Refuses TOML or JSON whose brackets and dotted keys nest too deep, before it
/// reaches a parser that would recurse into it: `toml` 1.2 overflows the stack when
/// it drops a few kilobytes of `a.a.a = {a.a.a = {…`, valid or not. So this reads
/// strings and comments exactly as that parser's lexer does, goes on where the text
/// is wrong, and may count one too many, for the point of a number.
pub(super) fn check_nesting(source: &Source<'_>) -> Result<(), DocumentError> {
    struct Open {
        closer: u8,
        dots: usize,
    }
    let bytes = source.text().as_bytes();
    let mut outer: Vec<Open> = Vec::new();
    let mut inner = Open { closer: 0, dots: 0 };
    // what `outer` adds up to: one for each, and its dots
    let mut depth = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = match byte {
            b'"' | b'\'' => string_length(rest, byte),
            b'#' => rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len()),
            _ => 1,
        };
        match byte {
            b'[' | b'{' => {
                depth += 1 + inner.dots;
                let closer = if byte == b'[' { b']' } else { b'}' };
                outer.push(std::mem::replace(&mut inner, Open { closer, dots: 0 }));
            }
            b']' | b'}' if byte == inner.closer => {
                if let Some(open) = outer.pop() {
                    inner = open;
                    depth -= 1 + inner.dots;
                }
            }
            b'.' => inner.dots += 1,
            b',' | b'\n' => inner.dots = 0,
            _ => {}
        }
        check_depth((depth + inner.dots).saturating_sub(1), &source.char_at(at))?;
        at += length;
    }
    Ok(())
}

/// The length of the string that `rest` starts with, its quotes included.
fn string_length(rest: &[u8], quote: u8) -> usize {
    let delimiter = [quote; 3];
    let long = rest.starts_with(&delimiter);
    let mut at = if long { 3 } else { 1 };
    while let Some(&byte) = rest.get(at) {
        let tail = rest.get(at..).unwrap_or_default();
        if byte == b'\\' && quote == b'"' {
            let escapes = matches!(tail.get(1), Some(b'\\' | b'"'));
            at += if escapes { 2 } else { 1 };
        } else if long && tail.starts_with(&delimiter) {
            // up to two quotes may stand right before the closing three
            let quotes = tail.iter().take(5).take_while(|b| **b == quote).count();
            return at + quotes;
        } else if !long && byte == quote {
            return at + 1;
        } else if !long && byte == b'\n' {
            return at;
        } else {
            at += 1;
        }
    }
    rest.len()
}
