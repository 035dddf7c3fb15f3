/// Where a claim ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimEnd {
    /// The offset in the channel's text, in bytes from its start, always
    /// between two characters. The next claim begins here.
    pub at: u64,
    /// Whether the claim has no letter and no digit, so that there is nothing
    /// in it to be true or false: a rule of dashes, the blank end of a text.
    pub blank: bool,
}

/// Finds the ends of claims in text as it streams.
///
/// A claim is a sentence or a line. It ends
/// - after `.`, `!`, `?` or `…`, and any closing quotes and brackets, where
///   white space follows, except after an initial (`J. Doe`), a title or
///   abbreviation (`Dr.`, `e.g.`) and the number of a list item (`1.`);
/// - after `。`, `！`, `？` and `｡`, and any closing quotes and brackets;
/// - before a line end;
/// - when it reaches `claim_bytes_max`.
///
/// White space between two claims belongs to the later one. The ends depend on
/// the text alone, never on how it was cut into pushes: a `.` at the end of
/// what came so far waits for the next character.
#[derive(Clone, Debug)]
pub struct Segmenter {
    claim_bytes_max: u64,
    /// Bytes taken so far.
    at: u64,
    /// Where the current claim began.
    start: u64,
    /// Whether the current claim has a letter or digit.
    speaks: bool,
    /// A stop was seen and the claim ends at `at` if the next character agrees.
    stop: Stop,
    /// The last word of the current claim, for the exceptions; empty if it is
    /// too long to be one of them.
    word: Word,
    /// Whether that word is the claim's first.
    first_word: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    None,
    /// Ends the claim if white space follows.
    IfSpace,
    /// Ends the claim whatever follows, closers excepted.
    Full,
}

const WORD_MAX: usize = 8;

/// Lowercased ASCII letters, digits and inner full stops of a short word.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    bytes: [u8; WORD_MAX],
    len: usize,
}

impl Word {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte.to_ascii_lowercase();
        }
        self.len = self.len.saturating_add(1);
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Words after which a full stop does not end a claim.
const ABBREVIATIONS: [&[u8]; 19] = [
    b"mr", b"mrs", b"ms", b"dr", b"prof", b"st", b"sr", b"jr", b"vs", b"fig", b"e.g", b"i.e",
    b"cf", b"approx", b"ca", b"gen", b"gov", b"capt", b"sgt",
];

impl Segmenter {
    /// A segmenter at the start of a text. A claim is cut off when it has
    /// `claim_bytes_max` bytes; less than 4, one character, counts as 4.
    #[must_use]
    pub fn new(claim_bytes_max: u64) -> Segmenter {
        Segmenter {
            claim_bytes_max: claim_bytes_max.max(4),
            at: 0,
            start: 0,
            speaks: false,
            stop: Stop::None,
            word: Word::default(),
            first_word: true,
        }
    }

    /// Where the claim that is still open began, in bytes from the start.
    #[must_use]
    pub fn open_claim(&self) -> u64 {
        self.start
    }

    /// Takes the next piece of text and reports the claims that end in it.
    pub fn push(&mut self, text: &str, on_end: &mut impl FnMut(ClaimEnd)) {
        for c in text.chars() {
            self.take(c, on_end);
        }
    }

    /// The text has ended, and with it the claim that was open, if it has any
    /// bytes.
    pub fn finish(&mut self, on_end: &mut impl FnMut(ClaimEnd)) {
        if self.at > self.start {
            self.end(on_end);
        }
    }

    fn take(&mut self, c: char, on_end: &mut impl FnMut(ClaimEnd)) {
        let closer = is_closer(c);
        let ends = match self.stop {
            Stop::None => false,
            Stop::IfSpace => c.is_whitespace(),
            Stop::Full => !closer && !is_stop(c),
        };
        let line_end = self.speaks && matches!(c, '\n' | '\r');
        let full = self.at + c.len_utf8() as u64 - self.start > self.claim_bytes_max;
        if ends || line_end || full {
            self.end(on_end);
        }
        self.stop = match c {
            '.' if self.is_exception() => Stop::None,
            '.' | '!' | '?' | '…' if self.stop != Stop::Full => Stop::IfSpace,
            '。' | '！' | '？' | '｡' => Stop::Full,
            _ if closer || is_stop(c) => self.stop,
            _ => Stop::None,
        };
        self.note_word(c);
        self.speaks |= c.is_alphanumeric();
        self.at += c.len_utf8() as u64;
    }

    fn end(&mut self, on_end: &mut impl FnMut(ClaimEnd)) {
        on_end(ClaimEnd { at: self.at, blank: !self.speaks });
        self.start = self.at;
        self.speaks = false;
        self.stop = Stop::None;
        self.word = Word::default();
        self.first_word = true;
    }

    /// Whether a full stop here belongs to the word before it.
    fn is_exception(&self) -> bool {
        let word = self.word.as_bytes();
        let initial = matches!(word, [letter] if letter.is_ascii_alphabetic() && *letter != b'i');
        let list_number =
            self.first_word && !word.is_empty() && word.iter().all(u8::is_ascii_digit);
        initial || list_number || ABBREVIATIONS.contains(&word)
    }

    fn note_word(&mut self, c: char) {
        match u8::try_from(c) {
            Ok(byte) if byte.is_ascii_alphanumeric() => self.word.push(byte),
            Ok(b'.') if self.word.len > 0 => self.word.push(b'.'),
            // a letter of another script makes the word none of the exceptions
            _ if c.is_alphanumeric() => self.word.len = WORD_MAX + 1,
            _ => {
                self.first_word &= self.word.len == 0;
                self.word = Word::default();
            }
        }
    }
}

fn is_stop(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '｡')
}

fn is_closer(c: char) -> bool {
    matches!(
        c,
        '"' | '\''
            | ')'
            | ']'
            | '}'
            | '*'
            | '_'
            | '`'
            | '”'
            | '’'
            | '»'
            | '›'
            | '」'
            | '』'
            | '）'
            | '】'
            | '〉'
            | '》'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claims(pieces: &[&str]) -> Vec<String> {
        let text = pieces.concat();
        let mut segmenter = Segmenter::new(60);
        let mut ends = Vec::new();
        for piece in pieces {
            segmenter.push(piece, &mut |end| ends.push(end));
        }
        segmenter.finish(&mut |end| ends.push(end));
        let mut start = 0;
        let mut claims = Vec::new();
        for end in ends {
            let claim = text.get(start..end.at as usize).expect("an end between two characters");
            assert_eq!(end.blank, !claim.chars().any(char::is_alphanumeric), "{claim:?}");
            claims.push(claim.to_string());
            start = end.at as usize;
        }
        assert_eq!(start, text.len(), "the claims cover the text");
        claims
    }

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        assert_eq!(claims(&[text]), expect);
        let mut characters: Vec<String> = text.chars().map(String::from).collect();
        characters.push(String::new());
        let pieces: Vec<&str> = characters.iter().map(String::as_str).collect();
        assert_eq!(claims(&pieces), expect, "one character at a time");
    }

    #[test]
    fn sentences() {
        check("", &[]);
        check("One", &["One"]);
        check("One. Two! Three? Four… Five", &["One.", " Two!", " Three?", " Four…", " Five"]);
        check("He said \"no.\" Then (yes.) left.", &["He said \"no.\"", " Then (yes.)", " left."]);
        check("Really?! Yes... no", &["Really?!", " Yes...", " no"]);
        check("**Bold.** Next", &["**Bold.**", " Next"]);
        check("It ends. ", &["It ends.", " "]);
    }

    #[test]
    fn stops_inside_words_and_numbers_do_not_end_a_claim() {
        check(
            "It costs 3.50 or 1.000,00 at example.org/a.",
            &["It costs 3.50 or 1.000,00 at example.org/a."],
        );
        check(
            "Dr. A. Smith, e.g. the one, left. Bye",
            &["Dr. A. Smith, e.g. the one, left.", " Bye"],
        );
        check("It was I. You", &["It was I.", " You"]);
        check("1. First item\n2. Second", &["1. First item", "\n2. Second"]);
        check("It has 12. They left", &["It has 12.", " They left"]);
    }

    #[test]
    fn lines() {
        check("- a\n- b\n\n- c\n", &["- a", "\n- b", "\n\n- c", "\n"]);
        check("a\r\nb", &["a", "\r\nb"]);
        check("---\nTitle\n", &["---\nTitle", "\n"]);
    }

    #[test]
    fn other_full_stops() {
        check(
            "九時に開く。「五時。」閉まる！はい",
            &["九時に開く。", "「五時。」", "閉まる！", "はい"],
        );
    }

    #[test]
    fn a_claim_is_cut_at_its_limit_between_characters() {
        let long = "é".repeat(50);
        check(&long, &["é".repeat(30).as_str(), "é".repeat(20).as_str()]);
    }

    proptest! {
        #[test]
        fn split_invariant(pieces in prop::collection::vec("[a-c .!?。\"\n1é]{0,6}", 0..30)) {
            let whole = pieces.concat();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(claims(&pieces), claims(&[&whole]));
        }
    }
}
