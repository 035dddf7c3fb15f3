//! Labelled answers, read row by row from JSON Lines or CSV.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::args;
use crate::groups::Groups;
use crate::input::BadInput;
use crate::styled;

/// Data is read no further than this: 1 GiB.
const DATA_BYTES_MAX: u64 = 1 << 30;
/// A row is read no further than this: 16 MiB.
const ROW_BYTES_MAX: u64 = 16 << 20;
/// What a reader may read ahead of a row's end.
const AHEAD_BYTES_MAX: u64 = 64 << 10;

/// One labelled answer.
#[derive(Debug)]
pub(crate) struct Example {
    /// The line of its row.
    pub(crate) line: u64,
    /// What is held to be true; none if the data has no facts.
    pub(crate) facts: Option<Vec<String>>,
    pub(crate) answer: String,
    pub(crate) is_right: bool,
    /// The answer's tokens, as places in it; empty if the data has none.
    pub(crate) tokens: Vec<Token>,
    /// Whether the data say which tokens are not supported.
    pub(crate) is_marked: bool,
    /// The scores of its claims by the program that made the data; one stands
    /// for all claims.
    pub(crate) host: Vec<f64>,
}

/// A token of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) place: Range<usize>,
    pub(crate) is_unsupported: bool,
    pub(crate) logprob: Option<f64>,
}

/// What was read in all.
#[derive(Debug)]
pub(crate) struct Data {
    /// The SHA-256 of the file: `sha256:` and 64 hexadecimal digits.
    pub(crate) digest: String,
    pub(crate) rows: u64,
    /// The group of each example, in order. Examples of one row hang
    /// together, and so do those of rows that share their facts, an answer or
    /// their word in the column `group`, if there is one.
    pub(crate) groups: Vec<usize>,
}

/// Which columns mean what.
#[derive(Debug)]
struct Columns {
    named: BTreeMap<&'static str, String>,
}

const COLUMNS: [&str; 10] = [
    "facts",
    "answer",
    "label",
    "right",
    "wrong",
    "tokens",
    "unsupported",
    "logprobs",
    "host",
    "group",
];

/// Words for labels; case, spaces and hyphens do not matter.
#[rustfmt::skip]
const RIGHT: [&str; 14] = [
    "true", "1", "yes", "right", "correct", "supports", "supported", "support", "entailment",
    "entailed", "entails", "faithful", "consistent", "factual",
];
#[rustfmt::skip]
const WRONG: [&str; 21] = [
    "false", "0", "no", "wrong", "incorrect", "refutes", "refuted", "refute", "not_supported",
    "unsupported", "partially_supported", "contradiction", "contradicted", "contradicts",
    "neutral", "not_entailment", "not_enough_info", "not_enough_information", "hallucinated",
    "hallucination", "inconsistent",
];

/// What is wrong with a row, without where it is.
struct RowFault(String);

impl<T: fmt::Display> From<T> for RowFault {
    fn from(what: T) -> Self {
        RowFault(what.to_string())
    }
}

type Row = Map<String, Value>;

/// Reads the data and hands out its examples, in order. Facts are read where a
/// check needs them from the data, or a column is named for them.
pub(crate) fn read(
    args: &args::Data,
    needs_facts: bool,
    on_example: &mut dyn FnMut(Example) -> Result<(), BadInput>,
) -> Result<Data, BadInput> {
    let path = &args.data;
    let columns = Columns::parse(&args.columns)?;
    let is_csv = match path.extension().and_then(|ending| ending.to_str()) {
        Some("jsonl" | "ndjson") => false,
        Some("csv") => true,
        _ => {
            let what = "not the name of labelled data: expected `.jsonl`, `.ndjson` or `.csv`";
            return Err(BadInput::file(path, what));
        }
    };
    let meter = Meter::open(path)?;
    let mut reading = Reading {
        path,
        columns,
        words: Words { right: &args.right, wrong: &args.wrong },
        needs_facts,
        groups: Groups::default(),
        rows: 0,
        on_example,
    };
    let hash = meter.hash.clone();
    if is_csv {
        reading.csv(meter)?
    } else {
        reading.json_lines(meter)?
    }
    if reading.rows == 0 {
        return Err(BadInput::file(path, "there are no rows"));
    }
    let hex: String = hash.take().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Data {
        digest: format!("sha256:{hex}"),
        rows: reading.rows,
        groups: reading.groups.numbers(),
    })
}

struct Reading<'a> {
    path: &'a Path,
    columns: Columns,
    words: Words<'a>,
    needs_facts: bool,
    groups: Groups,
    rows: u64,
    on_example: &'a mut dyn FnMut(Example) -> Result<(), BadInput>,
}

impl Reading<'_> {
    fn json_lines(&mut self, meter: Meter) -> Result<(), BadInput> {
        let budget = meter.budget.clone();
        let mut reader = BufReader::with_capacity(AHEAD_BYTES_MAX as usize, meter);
        let mut bytes = Vec::new();
        for line in 1.. {
            budget.set(ROW_BYTES_MAX + AHEAD_BYTES_MAX);
            bytes.clear();
            let read = reader.read_until(b'\n', &mut bytes);
            if read.map_err(|error| self.fault(line, error))? == 0 {
                break;
            }
            let text = std::str::from_utf8(&bytes)
                .map_err(|error| self.fault(line, format!("not UTF-8: {error}")))?;
            let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { text };
            if text.trim().is_empty() {
                continue;
            }
            let row = match serde_json::from_str(text) {
                Ok(Value::Object(row)) => row,
                Ok(_) => return Err(self.fault(line, "not a JSON object")),
                Err(error) => return Err(self.fault(line, format!("not JSON: {error}"))),
            };
            self.row(line, &row)?;
        }
        Ok(())
    }

    fn csv(&mut self, meter: Meter) -> Result<(), BadInput> {
        let budget = meter.budget.clone();
        budget.set(ROW_BYTES_MAX + AHEAD_BYTES_MAX);
        let mut reader =
            csv::ReaderBuilder::new().buffer_capacity(AHEAD_BYTES_MAX as usize).from_reader(meter);
        let head = reader.headers().map_err(|error| self.csv_fault(&error, 1))?.clone();
        let mut seen = BTreeSet::new();
        if let Some(twice) = head.iter().find(|name| !seen.insert(*name)) {
            return Err(self.fault(1, format!("there are two columns `{twice}`")));
        }
        let mut record = csv::StringRecord::new();
        loop {
            budget.set(ROW_BYTES_MAX + AHEAD_BYTES_MAX);
            let line = reader.position().line();
            if !reader.read_record(&mut record).map_err(|error| self.csv_fault(&error, line))? {
                return Ok(());
            }
            let line = record.position().map_or(line, csv::Position::line);
            let cells = head.iter().zip(&record);
            let row = cells.map(|(name, cell)| (name.to_string(), cell.into())).collect();
            self.row(line, &row)?;
        }
    }

    fn csv_fault(&self, error: &csv::Error, line: u64) -> BadInput {
        let at = error.position().map_or(line, csv::Position::line);
        match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => self
                .fault(at, format!("it has {len} fields, and the first line has {expected_len}")),
            csv::ErrorKind::Utf8 { err, .. } => self.fault(at, format!("not UTF-8: {err}")),
            csv::ErrorKind::Io(error) => self.fault(at, error),
            _ => self.fault(at, error),
        }
    }

    fn fault(&self, line: u64, what: impl fmt::Display) -> BadInput {
        BadInput::file(self.path, format!("line {line}: {what}"))
    }

    fn row(&mut self, line: u64, row: &Row) -> Result<(), BadInput> {
        self.rows += 1;
        let examples = self.examples(line, row).map_err(|RowFault(what)| self.fault(line, what))?;
        examples.into_iter().try_for_each(&mut self.on_example)
    }

    /// The example of a row, or the two of a pair.
    fn examples(&mut self, line: u64, row: &Row) -> Result<Vec<Example>, RowFault> {
        let columns = &self.columns;
        let facts = if !self.needs_facts && !columns.has("facts") {
            None
        } else {
            let name = columns.name("facts");
            let facts = texts(cell(row, name)?)
                .ok_or_else(|| format!("`{name}` is neither a text nor a list of texts"))?;
            if facts.iter().all(|fact| fact.trim().is_empty()) {
                return Err(format!("`{name}` is empty").into());
            }
            Some(facts)
        };
        let group = match columns.has("group") {
            true => Some(word(row, columns.name("group"))?),
            false => None,
        };
        let host = match columns.has("host") {
            true => numbers(row, columns.name("host"))?,
            false => Vec::new(),
        };
        let mut answers = Vec::new();
        let mut tokens = Vec::new();
        if columns.has("right") {
            for (column, is_right) in [("right", true), ("wrong", false)] {
                answers.push((text(row, columns.name(column))?, is_right));
            }
        } else {
            let words = columns.tokens(row)?;
            let answer = match row.get(columns.name("answer")) {
                None if columns.has("tokens") && !columns.has("answer") => {
                    words.iter().map(|(word, ..)| word.as_str()).collect::<Vec<_>>().join(" ")
                }
                _ => text(row, columns.name("answer"))?,
            };
            let mut from = 0;
            for (word, is_unsupported, logprob) in words {
                let rest = answer.get(from..).unwrap_or_default();
                let at = rest.find(&word).ok_or_else(|| {
                    format!("the token `{}` does not stand in the answer", shorten(&word))
                })?;
                let place = from + at..from + at + word.len();
                from = place.end;
                tokens.push(Token { place, is_unsupported, logprob });
            }
            let is_right = if columns.has("unsupported") && !columns.has("label") {
                !tokens.iter().any(|token| token.is_unsupported)
            } else {
                let name = columns.name("label");
                self.words.is_right(&word(row, name)?, name)?
            };
            answers.push((answer, is_right));
        }
        let mut keys: Vec<(char, &str)> = Vec::new();
        let joined = facts.as_ref().map(|facts| facts.join("\n"));
        match &group {
            Some(group) => keys.push(('g', group)),
            None => {
                keys.extend(joined.iter().map(|facts| ('f', facts.as_str())));
                keys.extend(answers.iter().map(|(answer, _)| ('a', answer.as_str())));
            }
        }
        let numbers: Vec<usize> = answers.iter().map(|_| self.groups.add(&keys)).collect();
        // a pair hangs together whatever its keys
        numbers.windows(2).for_each(|two| {
            if let [a, b] = two {
                self.groups.join(*a, *b);
            }
        });
        let is_marked = columns.has("unsupported");
        let example = |(answer, is_right)| Example {
            line,
            facts: facts.clone(),
            answer,
            is_right,
            tokens: tokens.clone(),
            is_marked,
            host: host.clone(),
        };
        Ok(answers.into_iter().map(example).collect())
    }
}

impl Columns {
    fn parse(pairs: &[String]) -> Result<Columns, BadInput> {
        let usage = |what| Err(BadInput::Usage(what));
        let mut named = BTreeMap::new();
        for pair in pairs {
            let Some((key, name)) = pair.split_once('=') else {
                return usage(format!("`--columns`: `{pair}` is not of the form `answer=claim`"));
            };
            let Some(key) = COLUMNS.into_iter().find(|known| *known == key.trim()) else {
                let known = COLUMNS.join("`, `");
                return usage(format!("`--columns`: `{key}` is none of `{known}`"));
            };
            if named.insert(key, name.to_string()).is_some() {
                return usage(format!("`--columns`: `{key}` is there twice"));
            }
        }
        let columns = Columns { named };
        for (key, needs) in [
            ("right", "wrong"),
            ("wrong", "right"),
            ("unsupported", "tokens"),
            ("logprobs", "tokens"),
        ] {
            if columns.has(key) && !columns.has(needs) {
                return usage(format!("`--columns`: `{key}` needs `{needs}` beside it"));
            }
        }
        for key in ["answer", "label", "tokens"] {
            if columns.has("right") && columns.has(key) {
                return usage(format!("`--columns`: `{key}` does not go with `right` and `wrong`"));
            }
        }
        Ok(columns)
    }

    fn has(&self, key: &str) -> bool {
        self.named.contains_key(key)
    }

    fn name<'a>(&'a self, key: &'a str) -> &'a str {
        self.named.get(key).map_or(key, String::as_str)
    }

    /// The tokens of a row: their text, whether they are marked, their logprobs.
    fn tokens(&self, row: &Row) -> Result<Vec<(String, bool, Option<f64>)>, RowFault> {
        if !self.has("tokens") {
            return Ok(Vec::new());
        }
        let name = self.name("tokens");
        let tokens = list(cell(row, name)?).and_then(|list| list.iter().map(string).collect());
        let tokens: Vec<String> =
            tokens.ok_or_else(|| format!("`{name}` is not a list of texts"))?;
        let same = |name: &str, len: usize| match len == tokens.len() {
            true => Ok(()),
            false => Err(format!("`{name}` has {len} entries for {} tokens", tokens.len())),
        };
        let mut marks = vec![false; tokens.len()];
        if self.has("unsupported") {
            let name = self.name("unsupported");
            let given = list(cell(row, name)?)
                .and_then(|list| list.iter().map(Value::as_bool).collect::<Option<Vec<bool>>>());
            marks = given.ok_or_else(|| format!("`{name}` is not a list of true and false"))?;
            same(name, marks.len())?;
        }
        let mut logprobs = vec![None; tokens.len()];
        if self.has("logprobs") {
            let name = self.name("logprobs");
            logprobs = numbers(row, name)?.into_iter().map(Some).collect();
            same(name, logprobs.len())?;
        }
        let marked = tokens.into_iter().zip(marks).zip(logprobs);
        Ok(marked.map(|((token, mark), logprob)| (token, mark, logprob)).collect())
    }
}

/// What the user says of labels.
struct Words<'a> {
    right: &'a [String],
    wrong: &'a [String],
}

impl Words<'_> {
    fn is_right(&self, word: &str, column: &str) -> Result<bool, RowFault> {
        let plain = |word: &str| word.trim().to_lowercase().replace([' ', '-'], "_");
        let (label, given) = (plain(word), |words: &[String], label: &str| {
            words.iter().any(|word| plain(word) == label)
        });
        match () {
            () if given(self.right, &label) => Ok(true),
            () if given(self.wrong, &label) => Ok(false),
            () if RIGHT.contains(&label.as_str()) => Ok(true),
            () if WRONG.contains(&label.as_str()) => Ok(false),
            () => Err(format!(
                "`{column}` is `{}`, which is no known word for right or wrong: say `--right` or \
                 `--wrong` with it",
                shorten(word)
            )
            .into()),
        }
    }
}

/// What may be long, for a message.
fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_string(),
    }
}

fn cell<'a>(row: &'a Row, name: &str) -> Result<&'a Value, RowFault> {
    row.get(name).ok_or_else(|| {
        let names: Vec<String> = row.keys().take(20).map(|name| shorten(name)).collect();
        let more = if row.len() > names.len() { ", …" } else { "" };
        let has = format!("`{}`{more}", names.join("`, `"));
        format!("there is no column `{name}`; the row has {has}: say which is which by `--columns`")
            .into()
    })
}

/// A text that says something.
fn text(row: &Row, name: &str) -> Result<String, RowFault> {
    let text = cell(row, name)?.as_str().ok_or_else(|| format!("`{name}` is not a text"))?;
    match text.trim().is_empty() {
        true => Err(format!("`{name}` is empty").into()),
        false => Ok(text.to_string()),
    }
}

/// A word: a text, a number, true or false.
fn word(row: &Row, name: &str) -> Result<String, RowFault> {
    match cell(row, name)? {
        Value::String(word) => Ok(word.clone()),
        value @ (Value::Bool(_) | Value::Number(_)) => Ok(value.to_string()),
        _ => Err(format!("`{name}` is not a word").into()),
    }
}

/// One number or a list of them.
fn numbers(row: &Row, name: &str) -> Result<Vec<f64>, RowFault> {
    let value = cell(row, name)?;
    let number = |value: &Value| match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    let found = match list(value) {
        Some(list) => list.iter().map(number).collect(),
        None => number(value).map(|number| vec![number]),
    };
    found.ok_or_else(|| format!("`{name}` is neither a number nor a list of numbers").into())
}

/// A list; in CSV, one in JSON.
fn list(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(list) => Some(list.clone()),
        Value::String(text) if text.trim_start().starts_with('[') => {
            serde_json::from_str(text).ok()
        }
        _ => None,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(list) => list.iter().map(string).collect(),
        _ => None,
    }
}

fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_string)
}

/// The file, with what is read of it counted, hashed and shown.
struct Meter {
    file: File,
    read: u64,
    hash: Rc<Cell<Sha256>>,
    /// How many bytes the row may still take.
    budget: Rc<Cell<u64>>,
    bar: ProgressBar,
}

impl Meter {
    fn open(path: &Path) -> Result<Meter, BadInput> {
        let opened = File::open(path).and_then(|file| {
            let about = file.metadata()?;
            match about.is_dir() {
                true => Err(io::Error::from(io::ErrorKind::IsADirectory)),
                false => Ok((about.len(), file)),
            }
        });
        let (bytes, file) = opened.map_err(|error| BadInput::file(path, error))?;
        if bytes > DATA_BYTES_MAX {
            return Err(BadInput::file(path, format!("over {DATA_BYTES_MAX} bytes")));
        }
        let target = match styled(&io::stderr()) {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes} {eta}") {
            bar.set_style(style);
        }
        let budget = Rc::new(Cell::new(ROW_BYTES_MAX + AHEAD_BYTES_MAX));
        Ok(Meter { file, read: 0, hash: Rc::default(), budget, bar })
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Read for Meter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let mut hash = self.hash.take();
        hash.update(buffer.get(..read).unwrap_or_default());
        self.hash.set(hash);
        self.read += read as u64;
        self.bar.set_position(self.read);
        let over = |bytes: u64| io::Error::other(format!("over {bytes} bytes"));
        // the file may grow while it is read
        if self.read > DATA_BYTES_MAX {
            return Err(over(DATA_BYTES_MAX));
        }
        match self.budget.get().checked_sub(read as u64) {
            Some(left) => self.budget.set(left),
            None => return Err(io::Error::other(format!("a row of over {ROW_BYTES_MAX} bytes"))),
        }
        Ok(read)
    }
}
