//! Bytes to frames: server-sent events, JSON Lines, plain text.

use memchr::memchr2;

use crate::fault::{Fault, FaultCode, quote};
use crate::limits::Limits;

/// How a stream is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its first bytes: JSON Lines if they open an object, or a list of
    /// objects; server-sent events if they are a comment or a field of one;
    /// else plain text.
    Auto,
    /// Server-sent events, as the WHATWG's HTML standard has them.
    Sse,
    /// One event's JSON a line, or a list of events on one line.
    JsonLines,
    /// Plain UTF-8, all of it content.
    Text,
}

/// One frame of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    /// An event.
    Event {
        /// The SSE field `event`, if it was given.
        name: Option<&'a str>,
        /// The event's data.
        data: &'a str,
        /// The event's number, from 0.
        event: u64,
        /// Where the event begins in the stream, in bytes.
        offset: u64,
        /// The stream ended before the event did, so that its data may be cut
        /// off.
        cut: bool,
    },
    /// Plain text.
    Text(&'a str),
    /// Bytes that could not be read, and were left out.
    Fault(Fault),
}

/// Cuts a stream into frames, the same ones for every cut of its bytes.
#[derive(Debug)]
pub struct Framer {
    framing: Framing,
    event_bytes_max: usize,
    /// Bytes taken so far.
    at: u64,
    /// The beginning of the stream, until the framing is known.
    head: Vec<u8>,
    /// Bytes of a byte order mark that may still come.
    mark: &'static [u8],
    /// The beginning of a line, or of a character in plain text.
    line: Vec<u8>,
    line_start: u64,
    /// A CR was the last byte: an LF that follows belongs to it.
    after_cr: bool,
    /// The event grew too large: what comes of it is dropped.
    dropping: bool,
    event: EventParts,
    events: u64,
}

/// The fields of the server-sent event that is being read.
#[derive(Debug, Default)]
struct EventParts {
    start: Option<u64>,
    name: String,
    has_name: bool,
    data: Vec<u8>,
    has_data: bool,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Framer {
    /// A framer at the start of a stream.
    #[must_use]
    pub fn new(framing: Framing, limits: &Limits) -> Framer {
        Framer {
            framing,
            event_bytes_max: limits.event_bytes_max,
            at: 0,
            head: Vec::new(),
            mark: BYTE_ORDER_MARK,
            line: Vec::new(),
            line_start: 0,
            after_cr: false,
            dropping: false,
            event: EventParts::default(),
            events: 0,
        }
    }

    /// Takes the next bytes and hands on the frames that end in them.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        if self.framing != Framing::Auto {
            return self.take(bytes, sink);
        }
        let missing = HEAD_BYTES_MAX.saturating_sub(self.head.len());
        let (first, rest) = bytes.split_at(bytes.len().min(missing));
        self.head.extend_from_slice(first);
        let is_full = self.head.len() >= HEAD_BYTES_MAX;
        if let Some(framing) = guess(&self.head).or(is_full.then_some(Framing::Text)) {
            self.settle(framing, sink);
            self.take(rest, sink);
        }
    }

    /// The bytes have ended.
    pub fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        if self.framing == Framing::Auto {
            self.settle(Framing::Text, sink);
        }
        self.end_mark();
        match self.framing {
            Framing::Text => {
                if !self.line.is_empty() {
                    let detail = "the stream ends inside a character".to_string();
                    sink(Frame::Fault(self.fault_at(
                        FaultCode::InvalidUtf8,
                        self.line_start,
                        detail,
                    )));
                }
            }
            Framing::JsonLines | Framing::Auto => {
                let line = std::mem::take(&mut self.line);
                if !self.dropping {
                    self.json_line(&line, true, sink);
                }
            }
            Framing::Sse => {
                let line = std::mem::take(&mut self.line);
                let data = match !self.dropping && !line.is_empty() {
                    true => self.field(&line, sink),
                    false => None,
                };
                if !self.dropping {
                    self.dispatch(data, true, sink);
                }
            }
        }
        self.line.clear();
        self.dropping = false;
    }

    fn settle(&mut self, framing: Framing, sink: &mut impl FnMut(Frame<'_>)) {
        self.framing = framing;
        let head = std::mem::take(&mut self.head);
        self.take(&head, sink);
    }

    fn take(&mut self, bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        if self.framing == Framing::Text {
            self.text(bytes, sink);
        } else {
            let bytes = self.without_mark(bytes);
            self.lines(bytes, sink);
        }
    }

    /// Leaves out a byte order mark at the start of the stream.
    fn without_mark<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while let Some((first, rest)) = self.mark.split_first() {
            match bytes.split_first() {
                None => break,
                Some((byte, after)) if byte == first => {
                    self.at += 1;
                    (self.mark, bytes) = (rest, after);
                }
                Some(_) => self.end_mark(),
            }
        }
        bytes
    }

    /// No byte of a mark comes any more. A part of one begins the first line.
    fn end_mark(&mut self) {
        if self.framing != Framing::Text && !self.mark.is_empty() {
            let begun = BYTE_ORDER_MARK.len() - self.mark.len();
            self.line.extend_from_slice(BYTE_ORDER_MARK.get(..begun).unwrap_or_default());
        }
        self.mark = &[];
    }

    fn lines(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        // the data of an event, as long as it can be read where it stands
        let mut data = None;
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr)
                && let Some(rest) = bytes.strip_prefix(b"\n")
            {
                self.at += 1;
                bytes = rest;
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else {
                self.keep_data(data.take());
                self.keep(bytes, sink);
                self.at += bytes.len() as u64;
                break;
            };
            let (head, tail) = bytes.split_at(end);
            let (terminator, rest) = tail.split_first().unwrap_or((&b'\n', &[]));
            self.after_cr = *terminator == b'\r';
            if self.line.is_empty() {
                self.line_start = self.at;
                data = self.end_line(head, data, sink);
            } else {
                self.keep(head, sink);
                let line = std::mem::take(&mut self.line);
                let begun = self.end_line(&line, None, sink);
                self.keep_data(begun);
                self.line = line;
                self.line.clear();
            }
            self.at += end as u64 + 1;
            bytes = rest;
        }
        self.keep_data(data);
    }

    /// Data that has not ended is kept.
    fn keep_data(&mut self, data: Option<&[u8]>) {
        self.event.data.extend_from_slice(data.unwrap_or_default());
    }

    /// Keeps the beginning of a line, unless it is too long.
    fn keep(&mut self, bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        if self.line.is_empty() {
            self.line_start = self.at;
        }
        if self.dropping {
            // one byte says that the line has begun; the rest is gone
            self.line.truncate(1);
            if self.line.is_empty() {
                self.line.extend(bytes.first());
            }
        } else if self.line.len() + bytes.len() > self.line_bytes_max() {
            self.line.truncate(1);
            if self.line.is_empty() {
                self.line.extend(bytes.first());
            }
            self.line.shrink_to_fit();
            self.drop_event(self.line_start, sink);
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn drop_event(&mut self, start: u64, sink: &mut impl FnMut(Frame<'_>)) {
        self.dropping = true;
        let offset = self.event.start.unwrap_or(start);
        let detail = format!("over {} bytes", self.event_bytes_max);
        sink(Frame::Fault(self.fault_at(FaultCode::EventTooLarge, offset, detail)));
        self.event = EventParts { start: Some(offset), ..EventParts::default() };
    }

    /// A line of an event may be longer than its data by its field's name.
    fn line_bytes_max(&self) -> usize {
        match self.framing {
            Framing::Sse => self.event_bytes_max.saturating_add(FIELD_BYTES_MAX),
            _ => self.event_bytes_max,
        }
    }

    /// A line has ended. `data` is the event's data so far, if it is not kept;
    /// the answer is what it is now.
    fn end_line<'a>(
        &mut self,
        line: &'a [u8],
        data: Option<&'a [u8]>,
        sink: &mut impl FnMut(Frame<'_>),
    ) -> Option<&'a [u8]> {
        if line.len() > self.line_bytes_max() && !self.dropping {
            self.drop_event(self.line_start, sink);
        }
        if self.framing == Framing::Sse {
            match (self.dropping, line.is_empty()) {
                (false, false) => {
                    self.keep_data(data);
                    return self.field(line, sink);
                }
                (false, true) => self.dispatch(data, false, sink),
                (true, false) => {}
                (true, true) => self.after_dropping(),
            }
        } else if self.dropping {
            self.after_dropping();
        } else {
            self.json_line(line, false, sink);
        }
        None
    }

    fn after_dropping(&mut self) {
        self.dropping = false;
        self.events += 1;
        self.event = EventParts::default();
    }

    /// A line of JSON Lines is an event.
    fn json_line(&mut self, line: &[u8], cut: bool, sink: &mut impl FnMut(Frame<'_>)) {
        let line = line.trim_ascii();
        if !line.is_empty() {
            self.emit(line, None, self.line_start, cut, sink);
        }
    }

    /// A line of a server-sent event is one of its fields. The answer is the
    /// event's first line of data, which is not kept yet.
    fn field<'a>(&mut self, line: &'a [u8], sink: &mut impl FnMut(Frame<'_>)) -> Option<&'a [u8]> {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, rest) = line.split_at(colon);
        let value = rest.strip_prefix(b":").unwrap_or(rest);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        self.event.start.get_or_insert(self.line_start);
        match name {
            b"data" => {
                let before = self.event.data.len() + usize::from(self.event.has_data);
                if before + value.len() > self.event_bytes_max {
                    self.drop_event(self.line_start, sink);
                } else if self.event.has_data {
                    self.event.data.push(b'\n');
                    self.event.data.extend_from_slice(value);
                } else {
                    self.event.has_data = true;
                    return Some(value);
                }
            }
            b"event" => {
                self.event.name.clear();
                self.event.name.push_str(&String::from_utf8_lossy(value));
                self.event.has_name = true;
            }
            // `id`, `retry`, comments and unknown fields say nothing about text
            _ => {}
        }
        None
    }

    /// A blank line ends a server-sent event. `data` is its data, if it is not
    /// kept.
    fn dispatch(&mut self, data: Option<&[u8]>, cut: bool, sink: &mut impl FnMut(Frame<'_>)) {
        let parts = std::mem::take(&mut self.event);
        let data = data.unwrap_or(&parts.data);
        if !data.is_empty() {
            let name = parts.has_name.then_some(parts.name.as_str());
            let start = parts.start.unwrap_or(self.line_start);
            self.emit(data, name, start, cut, sink);
        }
        // the buffers are used again
        self.event = EventParts { start: None, has_name: false, has_data: false, ..parts };
        self.event.data.clear();
    }

    fn emit(
        &mut self,
        data: &[u8],
        name: Option<&str>,
        offset: u64,
        cut: bool,
        sink: &mut impl FnMut(Frame<'_>),
    ) {
        let event = self.events;
        match std::str::from_utf8(data) {
            Ok(data) => sink(Frame::Event { name, data, event, offset, cut }),
            Err(error) => {
                let code = if cut { FaultCode::TruncatedEvent } else { FaultCode::InvalidUtf8 };
                let detail = format!("byte {} of the event's data", error.valid_up_to());
                sink(Frame::Fault(self.fault_at(code, offset, detail)));
            }
        }
        self.events += 1;
    }

    fn text(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        // the character that the last push cut
        while !self.line.is_empty() {
            let Some((first, rest)) = bytes.split_first() else { return };
            let before = self.line.len();
            self.line.push(*first);
            let held = std::mem::take(&mut self.line);
            match std::str::from_utf8(&held) {
                Ok(text) => sink(Frame::Text(text)),
                Err(error) if error.error_len().is_none() => self.line = held,
                Err(_) => {
                    // the byte that spoils it may begin another character
                    let bad = held.get(..before).unwrap_or_default();
                    sink(Frame::Fault(self.bad_text(bad, self.line_start)));
                    continue;
                }
            }
            self.at += 1;
            bytes = rest;
        }
        let mut left = bytes.len();
        for chunk in bytes.utf8_chunks() {
            left -= chunk.valid().len() + chunk.invalid().len();
            if !chunk.valid().is_empty() {
                sink(Frame::Text(chunk.valid()));
                self.at += chunk.valid().len() as u64;
            }
            let bad = chunk.invalid();
            let is_begun = std::str::from_utf8(bad).is_err_and(|error| error.error_len().is_none());
            if is_begun && left == 0 {
                self.line_start = self.at;
                self.line.extend_from_slice(bad);
            } else if !bad.is_empty() {
                sink(Frame::Fault(self.bad_text(bad, self.at)));
            }
            self.at += bad.len() as u64;
        }
    }

    fn bad_text(&self, bad: &[u8], offset: u64) -> Fault {
        let bytes: String = bad.iter().map(|byte| format!("{byte:02x}")).collect();
        self.fault_at(FaultCode::InvalidUtf8, offset, quote(&bytes))
    }

    fn fault_at(&self, code: FaultCode, offset: u64, detail: String) -> Fault {
        Fault { code, event: self.events, offset, detail }
    }
}

/// `data` or `event`, a colon and a space.
const FIELD_BYTES_MAX: usize = 16;

/// The bytes among which those that tell the framing must be, as blanks may
/// stand before them.
const HEAD_BYTES_MAX: usize = 4096;

/// The framing that these first bytes tell, once they do.
fn guess(head: &[u8]) -> Option<Framing> {
    let unmarked = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    if unmarked.len() == head.len() && head.len() < 3 && BYTE_ORDER_MARK.starts_with(head) {
        return None;
    }
    let start = unmarked.trim_ascii_start();
    let blanks = unmarked.strip_suffix(start).unwrap_or_default();
    // a field with a blank before it is an unknown field, and would be lost
    let begins_line = blanks.last().is_none_or(|blank| matches!(blank, b'\n' | b'\r'));
    match start.first()? {
        b'{' => Some(Framing::JsonLines),
        b':' if begins_line => Some(Framing::Sse),
        b'[' => match start.get(1..)?.trim_ascii_start().first()? {
            b'{' => Some(Framing::JsonLines),
            _ => Some(Framing::Text),
        },
        _ => {
            let fields: [&[u8]; 4] = [b"data:", b"event:", b"id:", b"retry:"];
            if !begins_line {
                Some(Framing::Text)
            } else if fields.iter().any(|field| start.starts_with(field)) {
                Some(Framing::Sse)
            } else if fields.iter().any(|field| field.starts_with(start)) {
                None
            } else {
                Some(Framing::Text)
            }
        }
    }
}
