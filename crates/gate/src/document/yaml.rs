//! YAML, on the events of the `saphyr-parser` crate.

use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::DocumentError;
use super::node::{
    Budget, Key, Kind, Node, Size, Source, check_depth, check_keys, decimal, integer,
    number_out_of_range, shorten, too_deep,
};

pub(super) fn parse(source: &Source<'_>) -> Result<Node, DocumentError> {
    let mut loader = Loader {
        source,
        offsets: Offsets::new(source.text()),
        budget: Budget::default(),
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
    };
    for event in Parser::new_from_str(source.text()) {
        let (event, span) = event.map_err(|error| loader.syntax(&error))?;
        loader.event(event, span)?;
    }
    Ok(loader.root.unwrap_or_else(|| empty(source)))
}

/// A document with nothing in it.
fn empty(source: &Source<'_>) -> Node {
    Node { span: source.whole(), kind: Kind::Map(Vec::new()) }
}

/// The parser counts characters, a span bytes.
struct Offsets {
    /// The offset of every character; nothing when all are of one byte
    bytes: Option<Vec<usize>>,
    end: usize,
}

impl Offsets {
    fn new(text: &str) -> Self {
        let bytes =
            (!text.is_ascii()).then(|| text.char_indices().map(|(offset, _)| offset).collect());
        Offsets { bytes, end: text.len() }
    }

    fn byte(&self, index: usize) -> usize {
        match &self.bytes {
            None => index.min(self.end),
            Some(bytes) => bytes.get(index).copied().unwrap_or(self.end),
        }
    }
}

struct Loader<'t> {
    source: &'t Source<'t>,
    offsets: Offsets,
    budget: Budget,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
}

/// A list or map whose end has not come.
struct Open {
    content: Content,
    anchor: usize,
    span: Range<usize>,
    /// Written in brackets, so its end is where its last event is, not where its
    /// last child ends
    bracketed: bool,
}

enum Content {
    Seq(Vec<Node>),
    Map(Vec<(Key, Node)>, Option<Key>),
}

impl Loader<'_> {
    fn event(&mut self, event: Event<'_>, at: Span) -> Result<(), DocumentError> {
        let at = self.offsets.byte(at.start.index())..self.offsets.byte(at.end.index());
        let span = self.source.span(at.clone());
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(DocumentError::new(
                "a second document starts here",
                span,
                Some("a file holds one document".to_owned()),
            )),
            Event::Scalar(text, style, anchor, tag) => {
                let absent =
                    text.is_empty() && style == ScalarStyle::Plain && anchor == 0 && tag.is_none();
                if absent {
                    return self.absent(span);
                }
                if let Some(tag) = tag.as_deref().filter(|tag| !is_core(tag)) {
                    return Err(self.unknown_tag(tag, at));
                }
                let written = self.source.text().get(at.clone()).unwrap_or_default();
                let span = self.source.span(at.start..at.start + scalar_length(written, style));
                let kind = scalar(&text, style, tag.as_deref(), &span)?;
                self.finish(Node { span, kind }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(Content::Seq(Vec::new()), anchor, tag.as_deref(), at, b'[')
            }
            Event::MappingStart(anchor, tag) => {
                self.start(Content::Map(Vec::new(), None), anchor, tag.as_deref(), at, b'{')
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::StreamStart
            | Event::StreamEnd
            | Event::Nothing => Ok(()),
        }
    }

    fn start(
        &mut self,
        content: Content,
        anchor: usize,
        tag: Option<&Tag>,
        at: Range<usize>,
        bracket: u8,
    ) -> Result<(), DocumentError> {
        if let Some(tag) = tag {
            return Err(self.unknown_tag(tag, at));
        }
        let text = self.source.text();
        let written = text.get(at.start..).unwrap_or_default();
        let bracketed = written.as_bytes().get(properties_length(written)) == Some(&bracket);
        let mut start = at.start;
        if matches!(self.open.last(), Some(Open { content: Content::Map(..), .. })) {
            // a list that is not indented more than its key starts behind its first dash
            let before = text.get(..start).unwrap_or_default().trim_end_matches([' ', '\t']);
            start = before.strip_suffix('-').map_or(start, str::len);
        }
        let span = self.source.span(start..at.end);
        check_depth(self.open.len() + 1, &span)?;
        self.open.push(Open { content, anchor, span, bracketed });
        Ok(())
    }

    fn end(&mut self, at: &Range<usize>) -> Result<(), DocumentError> {
        let Some(Open { content, anchor, mut span, bracketed }) = self.open.pop() else {
            return Ok(());
        };
        let (kind, last) = match content {
            Content::Seq(items) => {
                let last = items.last().map(|item| item.span.end);
                (Kind::Seq(items), last)
            }
            Content::Map(entries, _) => {
                check_keys(&entries)?;
                let last = entries.last().map(|(key, value)| key.span.end.max(value.span.end));
                (Kind::Map(entries), last)
            }
        };
        // the bracket; the event's span runs on over white space and a comment
        let end = if bracketed { at.start + 1 } else { last.unwrap_or(span.end) };
        span.end = span.end.max(end);
        self.finish(Node { span, kind }, anchor)
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<(), DocumentError> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(DocumentError::new("the alias stands inside its own anchor", span, None));
        };
        let size = Size::of(node);
        check_depth(self.open.len() + size.depth, &span)?;
        self.budget.copy(&size, &span)?;
        let kind = node.kind.clone();
        self.add(Node { span, kind })
    }

    /// A value that was left out.
    fn absent(&mut self, span: Range<usize>) -> Result<(), DocumentError> {
        match self.open.last() {
            None => {
                self.root = Some(empty(self.source));
                Ok(())
            }
            Some(Open { content: Content::Map(_, Some(key)), .. }) => {
                let span = key.span.clone();
                self.finish(Node { span, kind: Kind::Null }, 0)
            }
            Some(_) => self.finish(Node { span, kind: Kind::Null }, 0),
        }
    }

    /// Takes in a value that was written here.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), DocumentError> {
        let is_key = matches!(self.open.last(), Some(Open { content: Content::Map(_, None), .. }));
        if !is_key {
            self.budget.node(&node.span)?;
        }
        if anchor != 0 {
            self.budget.copy(&Size::of(&node), &node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.add(node)
    }

    fn add(&mut self, node: Node) -> Result<(), DocumentError> {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::Seq(items)) => items.push(node),
            Some(Content::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => match node.kind {
                    Kind::Str(name) => *key = Some(Key { name, span: node.span }),
                    other => {
                        return Err(DocumentError::new(
                            format!("a key must be a string, found {}", other.describe()),
                            node.span,
                            Some("write it in quotes".to_owned()),
                        ));
                    }
                },
            },
        }
        Ok(())
    }

    /// `at` is that of the event, which starts with the tag or with an anchor.
    fn unknown_tag(&self, tag: &Tag, at: Range<usize>) -> DocumentError {
        let written = self.source.text().get(at.start..).unwrap_or_default();
        let tag_start = written.find('!').unwrap_or_default();
        let length = written.get(tag_start..).and_then(|tag| tag.find(char::is_whitespace));
        let start = at.start + tag_start;
        let span = self.source.span(start..length.map_or(at.end, |length| start + length));
        DocumentError::new(
            format!("the tag `{}` is not known here", shorten(&full_name(tag).replace(CORE, "!!"))),
            span,
            Some("expected one of `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`".to_owned()),
        )
    }

    fn syntax(&self, error: &ScanError) -> DocumentError {
        let span = self.source.char_at(self.offsets.byte(error.marker().index()));
        if error.info() == "recursion limit exceeded" {
            return too_deep(span);
        }
        let message = match error.info().strip_prefix("unexpected character: `") {
            Some(found) => {
                format!("unexpected character `{}`", shorten(found.trim_end_matches('\'')))
            }
            None => error.info().to_owned(),
        };
        DocumentError::new(message, span, None)
    }
}

const CORE: &str = "tag:yaml.org,2002:";

fn full_name(tag: &Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

fn is_core(tag: &Tag) -> bool {
    let name = full_name(tag);
    matches!(name.strip_prefix(CORE), Some("str" | "int" | "float" | "bool" | "null"))
}

/// The value of a scalar, whose tag, if it has one, is of the core schema.
fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    span: &Range<usize>,
) -> Result<Kind, DocumentError> {
    let Some(tag) = tag else {
        return match style {
            ScalarStyle::Plain => plain(text, span),
            _ => Ok(Kind::Str(text.to_owned())),
        };
    };
    let name = full_name(tag).replace(CORE, "");
    if name == "str" {
        return Ok(Kind::Str(text.to_owned()));
    }
    match (name.as_str(), plain(text, span)?) {
        ("int", kind @ (Kind::Int(_) | Kind::Uint(_)))
        | ("float", kind @ Kind::Float(_))
        | ("bool", kind @ Kind::Bool(_))
        | ("null", kind @ Kind::Null) => Ok(kind),
        // a float without a point; the core schema has no other use for it
        ("float", Kind::Int(_) | Kind::Uint(_)) if is_decimal(text) => {
            text.parse().map(Kind::Float).map_err(|_| number_out_of_range(text, span.clone()))
        }
        _ => Err(DocumentError::new(
            format!("`{}` is no `!!{name}`", shorten(text)),
            span.clone(),
            None,
        )),
    }
}

/// The length of the scalar that `written` starts with, tag and anchor included:
/// the parser's spans of scalars run on over white space, and over a comment
/// behind quotes.
fn scalar_length(written: &str, style: ScalarStyle) -> usize {
    let quote = match style {
        ScalarStyle::SingleQuoted => b'\'',
        ScalarStyle::DoubleQuoted => b'"',
        _ => return written.trim_end().len(),
    };
    let mut bytes = written.bytes().enumerate().skip(properties_length(written) + 1);
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\\' && quote == b'"' {
            bytes.next();
        } else if byte == quote {
            let doubled = quote == b'\'' && written.as_bytes().get(at + 1) == Some(&quote);
            if !doubled {
                return at + 1;
            }
            bytes.next();
        }
    }
    written.len()
}

/// The length of the tag and the anchor that a value starts with, and of the white
/// space and comments behind them.
fn properties_length(written: &str) -> usize {
    let mut rest = written;
    loop {
        rest = rest.trim_start();
        let end = match rest.bytes().next() {
            Some(b'#') => rest.find(['\n', '\r']),
            Some(b'!') => rest.find(char::is_whitespace),
            Some(b'&') => rest.find(|c: char| c.is_whitespace() || "[]{},".contains(c)),
            _ => return written.len() - rest.len(),
        };
        rest = end.and_then(|end| rest.get(end..)).unwrap_or_default();
    }
}

/// A scalar without quotes, by the core schema of YAML 1.2.2 (section 10.3.2).
fn plain(text: &str, span: &Range<usize>) -> Result<Kind, DocumentError> {
    let kind = match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Kind::Null),
        "true" | "True" | "TRUE" => Some(Kind::Bool(true)),
        "false" | "False" | "FALSE" => Some(Kind::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => Some(Kind::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Kind::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Kind::Float(f64::NEG_INFINITY)),
        _ => match digits(text) {
            Some((digits, radix)) => integer(digits, radix),
            None if is_decimal(text) => decimal(text),
            None => Some(Kind::Str(text.to_owned())),
        },
    };
    kind.ok_or_else(|| number_out_of_range(text, span.clone()))
}

/// The digits of `0x` and `0o` integers, and their radix.
fn digits(text: &str) -> Option<(&str, u32)> {
    let (digits, radix) = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => (digits, 16),
        (_, Some(digits)) => (digits, 8),
        _ => return None,
    };
    let all = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    all.then_some((digits, radix))
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_decimal(text: &str) -> bool {
    let unsigned = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let mantissa = match mantissa.split_once('.') {
        Some((whole, "")) => unsigned(whole),
        Some(("", fraction)) => unsigned(fraction),
        Some((whole, fraction)) => unsigned(whole) && unsigned(fraction),
        None => unsigned(mantissa),
    };
    let exponent = exponent
        .is_none_or(|exponent| unsigned(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    mantissa && exponent
}
