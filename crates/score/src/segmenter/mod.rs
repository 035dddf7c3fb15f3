mod line;
mod word;

use line::Lines;
use word::{Stop, Word, is_closer, is_full_stop, is_stop};

/// Of two clauses each has at least so many words, or they are one claim.
const CLAUSE_WORDS_MIN: u64 = 4;

/// Code between backticks that is longer, in bytes, is none: a backtick is stray.
const CODE_BYTES_MAX: u64 = 256;

/// A claim that is too long ends before white space if there was some within so
/// many bytes, and else inside a word.
const WORD_BYTES_MAX: u64 = 64;

/// Where a claim ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimEnd {
    /// The offset in the channel's text, in bytes from its start, always
    /// between two characters. The next claim begins here.
    pub at: u64,
    /// Whether there is nothing in the claim to be true or false: it has no
    /// letter and no digit (a rule of dashes, the blank end of a text), or it is
    /// code in a fence.
    pub blank: bool,
}

/// Finds the ends of claims in text as it streams.
///
/// A claim is a sentence, a clause that can stand alone, or a line: a heading,
/// a list item, a row of a table. Text is read as Markdown, of which plain text
/// is a part.
///
/// **A line ends a claim** that has a letter or digit. A row of a table (it
/// begins with `|`) is one claim, and a blank one if it has none.
///
/// **A sentence** ends after one of `. ! ? …`, and any closing quotes,
/// brackets, footnote numbers and emoji, when white space follows and then
/// anything but a letter in lower case; in a sentence that itself began in
/// lower case, anything at all. A `.` does not end it
/// - after a title or abbreviation (`Dr.`, `e.g.`, `bzw.`);
/// - after `etc.` and its like, but before upper case or a quote;
/// - after `No.`, `Jan.` and their like before a digit;
/// - after an initial, letters with stops between them and names' abbreviations
///   (`J.`, `U.S.`, `Ph.D.`, `a.m.`, `Inc.`), but before a common first word of
///   a sentence (`The`);
/// - after a number that is the claim's first or second word (`1.`, `Step 1.`)
///   or comes before a month (`3. Mai`);
/// - in code between backticks, of up to 256 bytes.
///
/// The stops of other scripts (`。 ！ ？ । ۔ ؟ ። ։ ။ ។` and some more) end a
/// sentence whatever follows.
///
/// **A clause** ends after `;`, and before `but`, `however`, `whereas` or
/// `while` that follows a comma and comes before a pronoun or determiner, or
/// `and` before a pronoun; not inside brackets, and only when both sides have
/// 4 words at least. No other comma, colon or dash ends a claim.
///
/// **A code fence** (three or more backticks or tildes, closed and indented as
/// CommonMark has it, in list items and quotes too) holds no claims: each of
/// its lines is blank, and so are those of a fence that is never closed.
///
/// A claim that reaches `claim_bytes_max` ends there, or before the last white
/// space within 64 bytes.
///
/// White space between two claims belongs to the later one. The ends depend on
/// the text alone, never on how it was cut into pushes. Some are known only
/// when more text has come, at most `claim_bytes_max` of it: see
/// [`Segmenter::unsettled`].
#[derive(Clone, Debug)]
pub struct Segmenter {
    claim_bytes_max: u64,
    /// Bytes taken so far.
    at: u64,
    /// Where the current claim began, and how many words came before it.
    start: u64,
    start_words: u64,
    /// Where the last letter or digit so far ends.
    spoke: u64,
    /// Words so far.
    words: u64,
    /// No word has begun since the last white space.
    gap: bool,
    /// The last word, or the one that is not at its end.
    word: Word,
    case: Case,
    /// Brackets that are open in the sentence.
    depth: u32,
    /// Backticks at the end of what came, those that opened the code in which it
    /// stands, and where that code begins.
    ticks: u32,
    code: u32,
    code_start: u64,
    /// Where the claim may end, if what follows agrees.
    mark: Mark,
    phase: Phase,
    /// Before the last white space.
    space: Mark,
    is_after_return: bool,
    lines: Lines,
}

/// A place in the text.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    at: u64,
    /// What `spoke` and `words` were there.
    spoke: u64,
    words: u64,
}

/// What has come behind the mark, and so what is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no mark.
    None,
    /// It stands behind a stop: more stops, closers, white space.
    Stop(Stop),
    /// The same, in `[` and digits, the number of a source.
    Source(Stop),
    /// White space: the next sentence.
    Space(Stop),
    /// Letters of its first word, which decides.
    Opener(Stop),
    /// It stands behind a comma: a word that joins clauses.
    Comma,
    /// That word: a subject, or just a pronoun.
    Joined { only_pronoun: bool },
    /// It stands behind a `;`: white space.
    Semicolon,
    /// The second clause: enough words.
    Clause,
}

/// How the sentence began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Unknown,
    Lower,
    Other,
}

impl Segmenter {
    /// A segmenter at the start of a text. A claim is cut off when it has
    /// `claim_bytes_max` bytes; less than 4, one character, counts as 4.
    #[must_use]
    pub fn new(claim_bytes_max: u64) -> Segmenter {
        Segmenter {
            claim_bytes_max: claim_bytes_max.max(4),
            at: 0,
            start: 0,
            start_words: 0,
            spoke: 0,
            words: 0,
            gap: true,
            word: Word::default(),
            case: Case::Unknown,
            depth: 0,
            ticks: 0,
            code: 0,
            code_start: 0,
            mark: Mark::default(),
            phase: Phase::None,
            space: Mark::default(),
            is_after_return: false,
            lines: Lines::new(),
        }
    }

    /// Where the claim that is still open began, in bytes from the start.
    #[must_use]
    pub fn open_claim(&self) -> u64 {
        self.start
    }

    /// How many of the last bytes are not settled: an end that is reported later
    /// may lie among them, but none before them. At most `claim_bytes_max`, and
    /// mostly 0.
    #[must_use]
    pub fn unsettled(&self) -> u64 {
        let marked = if self.phase == Phase::None { self.at } else { self.mark.at };
        // if the claim is cut, it may be before the white space
        let settled = match self.space.at.checked_sub(self.start) {
            Some(bytes @ 1..) if bytes + WORD_BYTES_MAX + 4 > self.claim_bytes_max => {
                marked.min(self.space.at)
            }
            _ => marked,
        };
        self.at - settled
    }

    /// Takes the next piece of text and reports the claims that end in it.
    pub fn push(&mut self, text: &str, on_end: &mut impl FnMut(ClaimEnd)) {
        let mut chars = text.chars();
        loop {
            if self.is_inside_word() {
                chars = self.take_letters(chars.as_str()).chars();
            }
            let Some(c) = chars.next() else { return };
            self.take(c, on_end);
        }
    }

    /// The text has ended, and with it the claim that was open, if it has any
    /// bytes.
    pub fn finish(&mut self, on_end: &mut impl FnMut(ClaimEnd)) {
        self.end_phase(on_end);
        if self.at > self.start {
            self.end(self.here(), self.lines.is_code(), on_end);
        }
    }

    fn take(&mut self, c: char, on_end: &mut impl FnMut(ClaimEnd)) {
        let bytes = c.len_utf8() as u64;
        while self.at + bytes - self.start > self.claim_bytes_max {
            self.cut(on_end);
        }
        let after = self.at + bytes;
        if c == '\n' && self.is_after_return {
            // the second half of a line end
        } else if c == '\n' || c == '\r' {
            self.take_line_end(on_end);
        } else {
            self.count_ticks(c);
            if !self.lines.is_settled() {
                self.lines.take(c);
            }
            if self.lines.is_prose() {
                self.resolve(c, after, on_end);
                if self.code > 0 && after - self.code_start > CODE_BYTES_MAX {
                    self.code = 0;
                }
                if self.code == 0 {
                    self.find(c, after);
                }
            }
        }
        self.is_after_return = c == '\r';
        self.note(c, after);
        self.at = after;
    }

    /// Takes letters and digits of ASCII inside a word, and gives back the rest:
    /// most of most texts, which need not be looked at one by one.
    fn take_letters<'a>(&mut self, text: &'a str) -> &'a str {
        let room = self.claim_bytes_max - (self.at - self.start);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric();
        let count = text.bytes().take(room).take_while(is_letter).count();
        let (letters, rest) = text.split_at_checked(count).unwrap_or(("", text));
        if count > 0 {
            self.word.extend(letters.as_bytes());
            self.at += count as u64;
            self.spoke = self.at;
        }
        rest
    }

    /// Whether a letter or digit goes on with a word, and does nothing else.
    fn is_inside_word(&self) -> bool {
        !self.gap
            && self.ticks == 0
            && self.lines.is_settled()
            && matches!(
                self.phase,
                Phase::None
                    | Phase::Opener(_)
                    | Phase::Comma
                    | Phase::Joined { .. }
                    | Phase::Clause
            )
    }

    /// Words of the claim so far.
    fn claim_words(&self) -> u64 {
        self.words - self.start_words
    }

    fn here(&self) -> Mark {
        Mark { at: self.at, spoke: self.spoke, words: self.words }
    }

    fn end(&mut self, mark: Mark, is_code: bool, on_end: &mut impl FnMut(ClaimEnd)) {
        on_end(ClaimEnd { at: mark.at, blank: is_code || mark.spoke <= self.start });
        self.start = mark.at;
        self.start_words = mark.words;
        self.phase = Phase::None;
    }

    fn end_sentence(&mut self, case: Case, on_end: &mut impl FnMut(ClaimEnd)) {
        self.end(self.mark, false, on_end);
        self.case = case;
        self.depth = 0;
    }

    /// The claim is too long.
    fn cut(&mut self, on_end: &mut impl FnMut(ClaimEnd)) {
        let is_near = self.space.at > self.start && self.at - self.space.at <= WORD_BYTES_MAX;
        let mark = match self.phase {
            Phase::None if is_near => self.space,
            Phase::None => self.here(),
            _ => self.mark,
        };
        self.end(mark, self.lines.is_fenced(), on_end);
    }

    fn take_line_end(&mut self, on_end: &mut impl FnMut(ClaimEnd)) {
        if self.lines.is_code() {
            if self.at > self.start {
                self.end(self.here(), true, on_end);
            }
        } else {
            self.end_phase(on_end);
            if self.spoke > self.start || (self.lines.is_row() && self.at > self.start) {
                self.end(self.here(), false, on_end);
            }
        }
        self.lines.end();
        self.case = Case::Unknown;
        self.depth = 0;
        self.ticks = 0;
        self.code = 0;
    }

    /// The line or the text ends: nothing more can follow the mark.
    fn end_phase(&mut self, on_end: &mut impl FnMut(ClaimEnd)) {
        match self.phase {
            Phase::Stop(_) | Phase::Space(_) => self.end_sentence(Case::Unknown, on_end),
            Phase::Opener(stop) if self.opens(stop, '\n') => {
                self.end_sentence(Case::Other, on_end);
            }
            _ => self.phase = Phase::None,
        }
    }

    /// Follows backticks: code begins with a run of them and ends with a run
    /// that is as long.
    fn count_ticks(&mut self, c: char) {
        if c == '`' {
            self.ticks = self.ticks.saturating_add(1);
        } else if self.ticks > 0 {
            if self.code == 0 {
                self.code = self.ticks;
                self.code_start = self.at;
            } else if self.code == self.ticks {
                self.code = 0;
            }
            self.ticks = 0;
        }
    }

    /// What the next character tells of the mark.
    fn resolve(&mut self, c: char, after: u64, on_end: &mut impl FnMut(ClaimEnd)) {
        let is_letter = c.is_alphanumeric();
        self.phase = match self.phase {
            Phase::None => return,
            Phase::Stop(stop) if is_stop(c) || is_full_stop(c) => {
                self.mark.at = after;
                let is_full = stop == Stop::Full || is_full_stop(c);
                Phase::Stop(if is_full { Stop::Full } else { Stop::Plain })
            }
            Phase::Stop(stop) if is_closer(c) => {
                self.mark.at = after;
                Phase::Stop(stop)
            }
            Phase::Stop(stop) if c == '[' => Phase::Source(stop),
            Phase::Source(stop) if c.is_ascii_digit() || c == '^' => Phase::Source(stop),
            Phase::Source(stop) if c == ']' => {
                self.mark = Mark { at: after, ..self.here() };
                Phase::Stop(stop)
            }
            Phase::Stop(Stop::Full) | Phase::Source(Stop::Full) => {
                return self.end_sentence(Case::Unknown, on_end);
            }
            Phase::Stop(stop) | Phase::Space(stop) if c.is_whitespace() => Phase::Space(stop),
            Phase::Space(stop) => {
                let goes_on = c.is_lowercase() && self.case != Case::Lower;
                let is_quote = matches!(c, '"' | '“' | '„' | '‘' | '«');
                let ends = match stop {
                    Stop::Full => true,
                    Stop::Plain => !goes_on,
                    Stop::Etc => c.is_uppercase() || is_quote,
                    Stop::BeforeNumeral => !goes_on && !c.is_ascii_digit(),
                    Stop::BeforeName | Stop::Numeral | Stop::Letter if c.is_uppercase() => {
                        self.phase = Phase::Opener(stop);
                        return;
                    }
                    Stop::BeforeName => false,
                    Stop::Numeral => !goes_on,
                    Stop::Letter => !goes_on && !c.is_ascii_digit(),
                };
                if ends {
                    return self.end_sentence(Case::Unknown, on_end);
                }
                Phase::None
            }
            Phase::Opener(stop) if is_letter || is_apostrophe(c) => Phase::Opener(stop),
            Phase::Opener(stop) if self.opens(stop, c) => {
                return self.end_sentence(Case::Other, on_end);
            }
            Phase::Comma if is_letter || (c.is_whitespace() && self.word.is_empty()) => {
                Phase::Comma
            }
            Phase::Comma if c.is_whitespace() => match self.word.joins() {
                Some(only_pronoun) => Phase::Joined { only_pronoun },
                None => Phase::None,
            },
            Phase::Joined { .. } if is_letter || is_apostrophe(c) => return,
            Phase::Joined { .. } if c.is_whitespace() && self.word.is_empty() => return,
            Phase::Joined { only_pronoun }
                if c.is_whitespace() && self.word.is_subject(only_pronoun) =>
            {
                Phase::Clause
            }
            Phase::Semicolon if c.is_whitespace() => Phase::Clause,
            Phase::Clause => {
                let words = self.words - self.mark.words;
                if is_letter && self.gap && words + 1 >= CLAUSE_WORDS_MIN {
                    self.end(self.mark, false, on_end);
                }
                return;
            }
            Phase::Stop(_)
            | Phase::Source(_)
            | Phase::Opener(_)
            | Phase::Comma
            | Phase::Joined { .. }
            | Phase::Semicolon => Phase::None,
        };
    }

    /// Whether a sentence begins with the word before this character.
    fn opens(&self, stop: Stop, c: char) -> bool {
        match stop {
            Stop::BeforeName => c != '.' && self.word.is_opener(),
            Stop::Letter => c != '.' || !self.word.is_letter(),
            Stop::Numeral => !self.word.is_counted(),
            Stop::Full | Stop::Plain | Stop::Etc | Stop::BeforeNumeral => true,
        }
    }

    /// Whether the claim may end behind this character.
    fn find(&mut self, c: char, after: u64) {
        let is_new = !matches!(self.phase, Phase::Stop(_));
        let may_end_clause = self.depth == 0 && self.claim_words() >= CLAUSE_WORDS_MIN;
        let phase = match c {
            '.' if is_new => self.word.stop(self.claim_words()).map(Phase::Stop),
            _ if is_stop(c) && is_new => Some(Phase::Stop(Stop::Plain)),
            ';' | '؛' if may_end_clause => Some(Phase::Semicolon),
            ',' if may_end_clause && self.phase == Phase::None => Some(Phase::Comma),
            '(' | '[' | '{' => {
                self.depth = self.depth.saturating_add(1);
                None
            }
            ')' | ']' | '}' => {
                self.depth = self.depth.saturating_sub(1);
                None
            }
            _ if !c.is_ascii() && is_full_stop(c) && is_new => Some(Phase::Stop(Stop::Full)),
            _ => None,
        };
        if let Some(phase) = phase {
            self.phase = phase;
            self.mark = Mark { at: after, ..self.here() };
        }
    }

    /// Keeps words and white space.
    fn note(&mut self, c: char, after: u64) {
        if c.is_alphanumeric() {
            self.word.push(c);
            self.spoke = after;
            if self.gap {
                self.gap = false;
                self.words += 1;
                if self.case == Case::Unknown && c.is_alphabetic() {
                    self.case = if c.is_lowercase() { Case::Lower } else { Case::Other };
                }
            }
        } else if (c == '.' || is_apostrophe(c)) && !self.word.is_empty() {
            self.word.push(c);
        } else {
            self.word.clear();
            if c.is_whitespace() && !self.gap {
                self.space = self.here();
                self.gap = true;
            }
        }
    }
}

fn is_apostrophe(c: char) -> bool {
    c == '\'' || c == '’'
}

#[cfg(test)]
mod tests;
