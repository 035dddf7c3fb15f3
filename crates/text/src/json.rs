//! JSON as rules see it: strings without their escapes.

use alloc::collections::VecDeque;
use alloc::string::String;

/// Bytes of a number or a word (`true`, `null`) in JSON that are held so that
/// it can be masked whole. A longer one that is to be masked halts.
pub const SCALAR_BYTES_MAX: usize = 64;

/// What is kept of the room for atoms.
const ATOMS_KEPT: usize = 64;

/// Turns the text of JSON into what rules see, and knows which text each piece
/// of that came from. A text is JSON if it begins so; what is no JSON is seen as
/// it stands.
#[derive(Debug)]
pub(crate) struct Json {
    lexer: Lexer,
    /// An escape or a scalar that is not complete. Rules see it when it is.
    pending: String,
    /// What was seen and may still be asked for.
    atoms: VecDeque<Atom>,
    view_end: u64,
    raw_end: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lexer {
    /// White space so far.
    Start,
    /// It is not JSON.
    Plain,
    Outside,
    Scalar,
    LongScalar,
    String,
    Escape,
}

/// A stretch of one kind, in what rules see and in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    pub(crate) kind: AtomKind,
    pub(crate) view_start: u64,
    pub(crate) view_end: u64,
    pub(crate) raw_start: u64,
    pub(crate) raw_end: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtomKind {
    /// What makes it JSON: quotes, brackets, colons, commas, white space.
    Structure,
    /// Characters of a string that stand for themselves.
    Text,
    /// Characters of a string, each by one escape or by two: of so many bytes
    /// as rules see it and in the text.
    Escape { view: u8, raw: u8 },
    /// A number or word, whole.
    Scalar,
    /// A piece of a number or word that is too long to be held.
    LongScalar,
}

impl Atom {
    /// Where a place in what rules see is in the text. Inside an escape it is
    /// its beginning.
    fn raw(&self, view: u64) -> u64 {
        match self.kind {
            _ if view >= self.view_end => self.raw_end,
            AtomKind::Escape { view: unit, raw } => {
                let before = view.saturating_sub(self.view_start) / u64::from(unit.max(1));
                self.raw_start + before * u64::from(raw)
            }
            _ => self.raw_start + view.saturating_sub(self.view_start),
        }
    }
}

impl Json {
    pub(crate) fn new() -> Json {
        Json {
            lexer: Lexer::Start,
            pending: String::new(),
            atoms: VecDeque::new(),
            view_end: 0,
            raw_end: 0,
        }
    }

    /// Whether the text turned out to be no JSON.
    pub(crate) fn is_plain(&self) -> bool {
        self.lexer == Lexer::Plain
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.pending.capacity() + self.atoms.capacity() * size_of::<Atom>()
    }

    /// The atom with this place in it.
    pub(crate) fn atom_at(&self, view: u64) -> Option<Atom> {
        let at = self.atoms.partition_point(|atom| atom.view_end <= view);
        self.atoms.get(at).copied()
    }

    /// Where in the text a place is at which something begins.
    pub(crate) fn raw_start(&self, view: u64) -> u64 {
        self.atom_at(view).map_or(self.raw_end, |atom| atom.raw(view))
    }

    /// Where in the text a place is at which something ends.
    pub(crate) fn raw_end(&self, view: u64) -> u64 {
        let last = view.saturating_sub(1);
        self.atom_at(last).map_or(self.raw_end, |atom| atom.raw(view))
    }

    /// Nobody will ask for what comes before this place.
    pub(crate) fn forget(&mut self, view: u64) {
        while self.atoms.front().is_some_and(|atom| atom.view_end < view) {
            self.atoms.pop_front();
        }
        if self.atoms.len() < ATOMS_KEPT {
            self.atoms.shrink_to(ATOMS_KEPT);
        }
    }

    /// Takes the next text and hands on what rules see of it.
    pub(crate) fn push(&mut self, text: &str, on_view: &mut impl FnMut(&str)) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let stretch = self.stretch(rest);
            if stretch > 0 {
                let (seen, behind) = rest.split_at(stretch);
                match self.kind() {
                    Some(kind) => self.add(kind, seen, seen.len(), on_view),
                    None => self.pending.push_str(seen),
                }
                rest = behind;
                continue;
            }
            let is_taken = match self.lexer {
                Lexer::Plain => false,
                Lexer::Start => {
                    let is_json = matches!(c, '{' | '[' | '"');
                    self.lexer = if is_json { Lexer::Outside } else { Lexer::Plain };
                    false
                }
                Lexer::Outside if c == '"' => {
                    self.add(AtomKind::Structure, "\"", 1, on_view);
                    self.lexer = Lexer::String;
                    true
                }
                Lexer::Outside => {
                    self.lexer = Lexer::Scalar;
                    false
                }
                Lexer::Scalar if is_structure(c) => {
                    self.add_pending(AtomKind::Scalar, on_view);
                    self.lexer = Lexer::Outside;
                    false
                }
                Lexer::Scalar => {
                    self.add_pending(AtomKind::LongScalar, on_view);
                    self.lexer = Lexer::LongScalar;
                    false
                }
                Lexer::LongScalar => {
                    self.lexer = Lexer::Outside;
                    false
                }
                Lexer::String if c == '\\' => {
                    self.pending.push(c);
                    self.lexer = Lexer::Escape;
                    true
                }
                Lexer::String => {
                    self.add(AtomKind::Structure, "\"", 1, on_view);
                    self.lexer = Lexer::Outside;
                    true
                }
                Lexer::Escape => self.escape(c, on_view),
            };
            if is_taken {
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }

    /// The text has ended.
    pub(crate) fn finish(&mut self, on_view: &mut impl FnMut(&str)) {
        match self.lexer {
            Lexer::Escape => {
                self.drop_high_surrogate(on_view);
                self.give_up_escape(on_view);
            }
            Lexer::Scalar => self.add_pending(AtomKind::Scalar, on_view),
            _ => {}
        }
    }

    /// How many bytes are of the kind that is being read.
    fn stretch(&self, rest: &str) -> usize {
        let until = |is_end: fn(char) -> bool| rest.find(is_end).unwrap_or(rest.len());
        let bytes = match self.lexer {
            Lexer::Plain => rest.len(),
            Lexer::String => until(|c| matches!(c, '"' | '\\')),
            Lexer::Outside => until(|c| c == '"' || !is_structure(c)),
            Lexer::LongScalar | Lexer::Scalar => until(is_structure),
            // a byte order mark may stand before JSON too
            Lexer::Start => until(|c| !is_space(c) && c != '\u{feff}'),
            Lexer::Escape => 0,
        };
        match self.kind() {
            Some(_) => bytes,
            None => {
                let room = SCALAR_BYTES_MAX.saturating_sub(self.pending.len());
                rest.floor_char_boundary(bytes.min(room))
            }
        }
    }

    /// What a stretch is, if that is known before its end.
    fn kind(&self) -> Option<AtomKind> {
        match self.lexer {
            Lexer::Start | Lexer::Outside => Some(AtomKind::Structure),
            Lexer::LongScalar => Some(AtomKind::LongScalar),
            Lexer::Plain | Lexer::String => Some(AtomKind::Text),
            Lexer::Scalar | Lexer::Escape => None,
        }
    }

    fn add_pending(&mut self, kind: AtomKind, on_view: &mut impl FnMut(&str)) {
        let pending = core::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.add(kind, &pending, pending.len(), on_view);
        }
        self.pending = pending;
        self.pending.clear();
    }

    /// Adds to the last atom or begins a new one.
    fn add(&mut self, kind: AtomKind, view: &str, raw_len: usize, on_view: &mut impl FnMut(&str)) {
        let (view_start, raw_start) = (self.view_end, self.raw_end);
        self.view_end += view.len() as u64;
        self.raw_end += raw_len as u64;
        let (view_end, raw_end) = (self.view_end, self.raw_end);
        match self.atoms.back_mut() {
            Some(last) if last.kind == kind && kind != AtomKind::Scalar => {
                (last.view_end, last.raw_end) = (view_end, raw_end);
            }
            _ => self.atoms.push_back(Atom { kind, view_start, view_end, raw_start, raw_end }),
        }
        on_view(view);
    }

    /// Takes the next character into the escape, if it belongs there.
    fn escape(&mut self, c: char, on_view: &mut impl FnMut(&str)) -> bool {
        let is_second = self.pending.len() >= 6;
        let fits = match self.pending.len() % 6 {
            0 => c == '\\',
            1 if is_second => c == 'u',
            1 => matches!(c, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u'),
            _ => c.is_ascii_hexdigit(),
        };
        if !fits {
            // a half without its other half, and what followed begins anew
            self.drop_high_surrogate(on_view);
            if self.pending.is_empty() {
                self.lexer = Lexer::String;
            } else if !is_second {
                self.give_up_escape(on_view);
            }
            return false;
        }
        self.pending.push(c);
        let unit = |digits: &str| u16::from_str_radix(digits, 16).unwrap_or_default();
        let is_high = |unit: u16| (0xd800..0xdc00).contains(&unit);
        let decoded = match (self.pending.len(), c) {
            (2, 'u') => return true,
            (2, 'b') => '\u{8}',
            (2, 'f') => '\u{c}',
            (2, 'n') => '\n',
            (2, 'r') => '\r',
            (2, 't') => '\t',
            (2, c) => c,
            (6 | 12, _) => {
                let first = unit(self.pending.get(2..6).unwrap_or_default());
                let second = self.pending.get(8..12).map(unit);
                match second {
                    None if is_high(first) => return true,
                    None => decode(&[first]),
                    Some(second) if (0xdc00..0xe000).contains(&second) => decode(&[first, second]),
                    Some(second) => {
                        self.drop_high_surrogate(on_view);
                        if is_high(second) {
                            return true;
                        }
                        decode(&[second])
                    }
                }
            }
            _ => return true,
        };
        let raw_len = self.pending.len();
        // at most two escapes of six bytes, and a character of four
        let kind = AtomKind::Escape { view: decoded.len_utf8() as u8, raw: raw_len as u8 };
        self.add(kind, decoded.encode_utf8(&mut [0; 4]), raw_len, on_view);
        self.pending.clear();
        self.lexer = Lexer::String;
        true
    }

    /// The first half of a pair, if it stands at the beginning, is no character.
    fn drop_high_surrogate(&mut self, on_view: &mut impl FnMut(&str)) {
        if self.pending.len() >= 6 {
            self.add(AtomKind::Escape { view: 3, raw: 6 }, "\u{fffd}", 6, on_view);
            self.pending.drain(..6);
        }
    }

    /// What looked like an escape is none, and is seen as it stands.
    fn give_up_escape(&mut self, on_view: &mut impl FnMut(&str)) {
        self.add_pending(AtomKind::Text, on_view);
        self.lexer = Lexer::String;
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_structure(c: char) -> bool {
    is_space(c) || matches!(c, '{' | '}' | '[' | ']' | ':' | ',' | '"')
}

fn decode(units: &[u16]) -> char {
    let mut decoded = char::decode_utf16(units.iter().copied());
    decoded.next().and_then(Result::ok).unwrap_or('\u{fffd}')
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    /// What rules see of a text in one piece and of the same one character at a
    /// time.
    #[track_caller]
    fn check(text: &str, expect: &str) {
        for cut in [usize::MAX, 1] {
            let (mut json, mut seen) = (Json::new(), String::new());
            let mut rest = text;
            while !rest.is_empty() {
                let at = rest.char_indices().nth(cut).map_or(rest.len(), |(at, _)| at);
                let (head, tail) = rest.split_at(at);
                json.push(head, &mut |view| seen.push_str(view));
                rest = tail;
            }
            json.finish(&mut |view| seen.push_str(view));
            assert_eq!(seen, expect, "{text}");
            // the atoms cover both, without a gap
            let (mut view, mut raw) = (0, 0);
            for atom in &json.atoms {
                assert_eq!((atom.view_start, atom.raw_start), (view, raw), "{text}");
                (view, raw) = (atom.view_end, atom.raw_end);
            }
            assert_eq!((view, raw), (expect.len() as u64, text.len() as u64), "{text}");
        }
    }

    #[test]
    fn strings_are_seen_without_escapes() {
        check(r#"{"a": "b\n\t\"\\\/\b\f\r"}"#, "{\"a\": \"b\n\t\"\\/\u{8}\u{c}\r\"}");
        check(r#"["\u0073\u006B-\u00e9", 12.5e-3, null]"#, "[\"sk-é\", 12.5e-3, null]");
        check(r#""\ud83d\ude00!""#, "\"😀!\"");
    }

    #[test]
    fn broken_escapes_are_seen_as_they_stand() {
        check(r#""\q \u12x \u""#, r#""\q \u12x \u""#);
        check(r#""\ud800""#, "\"\u{fffd}\"");
        check(
            r#""\udc00 \ud800x \ud800\n \ud800A""#,
            "\"\u{fffd} \u{fffd}x \u{fffd}\n \u{fffd}A\"",
        );
        check(r#""\ud800\ud83d\ude00""#, "\"\u{fffd}😀\"");
        check(r#""\ud800\ud800""#, "\"\u{fffd}\u{fffd}\"");
        check(r#""\ud800\u00"#, "\"\u{fffd}\\u00");
        check(r#""\ud800\q""#, "\"\u{fffd}\\q\"");
        check("\"\\", "\"\\");
    }

    #[test]
    fn any_text_is_taken() {
        check("", "");
        check(" \n", " \n");
        check(" not \\u0073 JSON \"", " not \\u0073 JSON \"");
        check("{ wörd: `x` } } \"", "{ wörd: `x` } } \"");
        check(&format!("[{}]", "9".repeat(200)), &format!("[{}]", "9".repeat(200)));
        check(&format!("[{}é{}]", "é".repeat(31), "x"), &format!("[{}é{}]", "é".repeat(31), "x"));
    }
}
