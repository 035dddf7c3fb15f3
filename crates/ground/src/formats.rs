//! Markdown, CSV and JSON Lines.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde_json::Value;

use crate::error::{FactsError, Fault};
use crate::facts::Draft;
use crate::text::sentences;

/// Cuts what one block, row or item says into passages.
fn drafts(
    source: Option<&str>,
    heading: &str,
    text: &str,
    line: u32,
    bytes_max: usize,
    to: &mut Vec<Draft>,
) {
    let draft = |text: &str| Draft {
        source: source.map(str::to_string),
        heading: heading.to_string(),
        text: text.to_string(),
        line,
    };
    sentences(text, bytes_max, |_, sentence| to.push(draft(sentence)));
}

/// Text that belongs together and is not cut at sentences unless it is too long.
fn whole(heading: &str, text: &str, line: u32, bytes_max: usize, to: &mut Vec<Draft>) {
    let text = text.trim();
    if text.len() > bytes_max {
        drafts(None, heading, text, line, bytes_max, to);
    } else if text.chars().any(char::is_alphanumeric) {
        let (heading, text) = (heading.to_string(), text.to_string());
        to.push(Draft { source: None, heading, text, line });
    }
}

/// What of a table was read.
#[derive(Default)]
struct Table {
    columns: Vec<String>,
    row: Vec<String>,
    is_head: bool,
}

pub(crate) fn markdown(text: &str, bytes_max: usize) -> Vec<Draft> {
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut found = Vec::new();
    let mut headings: Vec<(HeadingLevel, String)> = Vec::new();
    let mut heading = String::new();
    let mut block = String::new();
    let mut begins = 1;
    let mut level = None;
    let mut table = Table::default();
    let mut is_code = false;
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for (event, span) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(tag) => match tag {
                Tag::Heading { level: of, .. } => {
                    drafts(None, &heading, &block, begins, bytes_max, &mut found);
                    block.clear();
                    level = Some(of);
                }
                Tag::Paragraph | Tag::Item | Tag::CodeBlock(_) | Tag::TableRow | Tag::TableHead => {
                    // a nested list's item begins inside its parent's
                    if !matches!(tag, Tag::Paragraph) || !block.trim().is_empty() {
                        drafts(None, &heading, &block, begins, bytes_max, &mut found);
                        block.clear();
                    }
                    begins = lines.of(span.start);
                    is_code = matches!(tag, Tag::CodeBlock(_));
                    table.is_head = matches!(tag, Tag::TableHead);
                }
                Tag::Table(_) => table = Table::default(),
                _ => {}
            },
            Event::End(tag) => match tag {
                TagEnd::Heading(_) => {
                    let of = level.take().unwrap_or(HeadingLevel::H1);
                    headings.retain(|(outer, _)| *outer < of);
                    headings.push((of, std::mem::take(&mut block).trim().to_string()));
                    let names: Vec<&str> = headings.iter().map(|(_, name)| &**name).collect();
                    heading = names.join(" / ");
                }
                TagEnd::Paragraph | TagEnd::Item => {
                    drafts(None, &heading, &block, begins, bytes_max, &mut found);
                    block.clear();
                }
                TagEnd::CodeBlock => {
                    whole(&heading, &block, begins, bytes_max, &mut found);
                    block.clear();
                    is_code = false;
                }
                TagEnd::TableCell => {
                    let cell = std::mem::take(&mut block).trim().to_string();
                    if table.is_head { table.columns.push(cell) } else { table.row.push(cell) }
                }
                TagEnd::TableRow => {
                    let row = std::mem::take(&mut table.row);
                    let columns = table.columns.iter().map(String::as_str);
                    whole(&heading, &named(columns, &row), begins, bytes_max, &mut found);
                }
                _ => {}
            },
            Event::Text(CowStr::Borrowed("")) => {}
            Event::Text(piece) | Event::Code(piece) => block.push_str(&piece),
            Event::SoftBreak | Event::HardBreak => block.push(if is_code { '\n' } else { ' ' }),
            _ => {}
        }
    }
    drafts(None, &heading, &block, begins, bytes_max, &mut found);
    found
}

/// The lines of places that come in order.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl Lines<'_> {
    fn of(&mut self, at: usize) -> u32 {
        if let Some(passed) = self.text.get(self.at..at) {
            self.line += passed.bytes().filter(|byte| *byte == b'\n').count() as u32;
            self.at = at;
        }
        self.line
    }
}

/// `name: value; name: value`, without empty values.
fn named<'a>(columns: impl Iterator<Item = &'a str>, row: &[String]) -> String {
    let mut columns = columns;
    let mut text = String::new();
    for value in row {
        let name = columns.next().unwrap_or_default();
        if value.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        if !name.is_empty() {
            text.push_str(name);
            text.push_str(": ");
        }
        text.push_str(value);
    }
    text
}

pub(crate) fn csv(text: &str, bytes_max: usize) -> Result<Vec<Draft>, FactsError> {
    let row_error = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let what = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("the row has {len} fields, the header {expected_len}")
            }
            _ => error.to_string(),
        };
        FactsError(Fault::Row { line, what })
    };
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| row_error(&error))?.clone();
    let column = |name: &str| header.iter().position(|column| column.trim() == name);
    let (text_at, source_at, heading_at) = (column("text"), column("source"), column("heading"));
    let mut found = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| row_error(&error))?;
        let line = row.position().map_or(0, csv::Position::line) as u32;
        let field = |at: Option<usize>| at.and_then(|at| row.get(at));
        if let Some(text) = field(text_at) {
            let heading = field(heading_at).unwrap_or_default();
            drafts(field(source_at), heading, text, line, bytes_max, &mut found);
        } else {
            let values: Vec<String> = row.iter().map(|value| value.trim().to_string()).collect();
            whole("", &named(header.iter().map(str::trim), &values), line, bytes_max, &mut found);
        }
    }
    Ok(found)
}

pub(crate) fn json_lines(text: &str, bytes_max: usize) -> Result<Vec<Draft>, FactsError> {
    let mut found = Vec::new();
    for (line, entry) in (1..).zip(text.lines()) {
        if entry.trim().is_empty() {
            continue;
        }
        let error = |what: String| FactsError(Fault::Row { line: u64::from(line), what });
        let value: Value = serde_json::from_str(entry)
            .map_err(|fault| error(format!("not JSON at column {}", fault.column())))?;
        match &value {
            Value::String(text) => drafts(None, "", text, line, bytes_max, &mut found),
            Value::Object(object) => {
                let field = |name: &str| match object.get(name) {
                    None | Some(Value::Null) => Ok(None),
                    Some(Value::String(text)) => Ok(Some(text.as_str())),
                    Some(_) => Err(error(format!("`{name}` is not a string"))),
                };
                let text = field("text")?.ok_or_else(|| {
                    let keys: Vec<&str> = object.keys().take(8).map(String::as_str).collect();
                    error(format!("there is no `text`, only `{}`", keys.join("`, `")))
                })?;
                let heading = field("heading")?.unwrap_or_default();
                drafts(field("source")?, heading, text, line, bytes_max, &mut found);
            }
            _ => return Err(error("neither an object nor a string".to_string())),
        }
    }
    Ok(found)
}
