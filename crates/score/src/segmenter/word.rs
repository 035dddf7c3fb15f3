//! Characters and words that tell where claims end.

/// A longer word is in none of the tables.
const WORD_BYTES_MAX: usize = 12;

/// The letters, digits, full stops and apostrophes of a word that is short
/// enough for the tables, those of ASCII in lower case.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    bytes: [u8; WORD_BYTES_MAX],
    len: usize,
    /// Whether the first letter came in upper case.
    is_upper: bool,
}

impl Word {
    pub(super) fn is_empty(self) -> bool {
        self.len == 0
    }

    pub(super) fn push(&mut self, c: char) {
        let is_first = self.len == 0;
        self.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
        if is_first {
            self.is_upper = c.is_uppercase();
        }
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if self.len == 0 {
            self.is_upper = bytes.first().is_some_and(u8::is_ascii_uppercase);
        }
        let room = self.bytes.iter_mut().skip(self.len);
        for (slot, byte) in room.zip(bytes) {
            *slot = byte.to_ascii_lowercase();
        }
        self.len = self.len.saturating_add(bytes.len());
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The word before an apostrophe: `it` of `it's`.
    fn stem(&self) -> &str {
        self.text().split(['\'', '’']).next().unwrap_or_default()
    }

    /// Whether it is one letter of a script that has two cases.
    pub(super) fn is_letter(&self) -> bool {
        is_short(self.text(), 1)
    }

    /// What a full stop behind this word can be; `number` counts the claim's
    /// words up to it.
    pub(super) fn stop(&self, number: u64) -> Option<Stop> {
        let text = self.text();
        if text.is_empty() {
            return Some(Stop::Plain);
        }
        let is_first = number == 1;
        let is_numeral = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let is_roman = || text.bytes().all(|byte| b"ivx".contains(&byte));
        let is_initials = || text.contains('.') && text.split('.').all(|part| is_short(part, 2));
        if is_numeral {
            (number > 2).then_some(Stop::Numeral)
        } else if is_in(text, &NEVER) || (is_first && (self.is_letter() || is_roman())) {
            None
        } else if is_in(text, &ETC) {
            Some(Stop::Etc)
        } else if is_in(text, &BEFORE_NUMERAL) {
            Some(Stop::BeforeNumeral)
        } else if self.is_letter() && !self.is_upper {
            Some(Stop::Letter)
        } else if is_in(text, &BEFORE_NAME) || (self.is_letter() && text != "i") || is_initials() {
            Some(Stop::BeforeName)
        } else {
            Some(Stop::Plain)
        }
    }

    /// Whether it is a common first word of a sentence.
    pub(super) fn is_opener(&self) -> bool {
        is_in(self.stem(), &OPENERS)
    }

    /// Whether it follows an ordinal: `3. Mai`.
    pub(super) fn is_counted(&self) -> bool {
        is_in(self.text(), &COUNTED)
    }

    /// Whether it can join two clauses, and then whether only before a pronoun.
    pub(super) fn joins(&self) -> Option<bool> {
        match self.text() {
            "but" | "however" | "whereas" | "while" => Some(false),
            "and" => Some(true),
            _ => None,
        }
    }

    /// Whether a clause begins with it.
    pub(super) fn is_subject(&self, only_pronoun: bool) -> bool {
        is_in(self.stem(), &PRONOUNS) || (!only_pronoun && is_in(self.stem(), &DETERMINERS))
    }
}

fn is_in(word: &str, table: &[&str]) -> bool {
    table.binary_search(&word).is_ok()
}

/// Whether it is letters of a script that has two cases, at most so many.
fn is_short(part: &str, letters_max: usize) -> bool {
    let is_cased = |c: char| c.is_lowercase() || c.is_uppercase();
    (1..=letters_max).contains(&part.chars().count()) && part.chars().all(is_cased)
}

/// What a stop can be, by what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Ends a sentence whatever follows.
    Full,
    /// Ends one if white space follows, and then no lower case.
    Plain,
    /// As `Plain`, but only before upper case or a quote.
    Etc,
    /// As `Plain`, but not before a digit.
    BeforeNumeral,
    /// As `Plain`, but only before a common first word of a sentence.
    BeforeName,
    /// As `Plain`, but not before what an ordinal counts.
    Numeral,
    /// As `Plain`, but not before a digit or an initial: `p. 5`, `z. B.`
    Letter,
}

/// Whether it ends a sentence if white space follows.
pub(super) fn is_stop(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…')
}

/// Whether it ends a sentence whatever follows.
#[rustfmt::skip]
pub(super) fn is_full_stop(c: char) -> bool {
    matches!(
        c,
        // Chinese and Japanese; Hindi and its neighbours; Urdu and Arabic; Armenian
        '。' | '！' | '？' | '｡' | '।' | '॥' | '۔' | '؟' | '։'
        // Amharic; Khmer; Burmese; Mongolian; Canadian syllabics; Tibetan
        | '።' | '፧' | '។' | '៕' | '။' | '᠃' | '᠉' | '᙮' | '།'
        | '‼' | '⁇' | '⁈' | '⁉'
    )
}

/// Whether it can stand between a stop and the end of the sentence.
#[rustfmt::skip]
pub(super) fn is_closer(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | ')' | ']' | '}' | '*' | '_' | '~'
        | '”' | '’' | '“' | '‘' | '»' | '›' | '«' | '‹' | '」' | '』' | '）' | '】' | '〉' | '》'
        // the number of a footnote, an emoji and what it is made of
        | '¹' | '²' | '³' | '⁰'..='⁹' | '\u{200d}' | '\u{fe0f}'
        | '☀'..='➿' | '\u{1f000}'..='\u{1faff}'
    )
}

/// Abbreviations that something always follows, and no common first word of a
/// sentence tells: English, German, French, Spanish, Italian.
#[rustfmt::skip]
const NEVER: [&str; 57] = [
    "abb", "abs", "approx", "aprox", "bd", "bspw", "bzw", "ca", "cf", "d.h", "e.g", "ej", "eq",
    "eqs", "evtl", "excl", "exkl", "fig", "figs", "geb", "gegr", "gest", "ggf", "hrsg", "i.e",
    "incl", "inkl", "mio", "mrd", "nr", "núm", "o.ä", "p.ej", "p.ex", "pag", "pagg", "pág",
    "págs", "resp", "s.o", "s.u", "sog", "tel", "u.a", "u.u", "ud", "uds", "v", "v.a", "vgl",
    "viz", "vol", "vols", "vs", "z.b", "z.t", "éd",
];

/// Abbreviations that end a sentence only before upper case or a quote.
#[rustfmt::skip]
const ETC: [&str; 6] = [
    "al", "ecc", "etc", "ff", "u.s.w", "usw",
];

/// Abbreviations before a numeral, and words before anything else.
#[rustfmt::skip]
const BEFORE_NUMERAL: [&str; 32] = [
    "abr", "ago", "apr", "art", "aug", "avr", "ch", "dec", "dez", "dic", "déc", "ed", "ene",
    "ext", "feb", "févr", "jan", "janv", "juil", "jul", "jun", "kap", "mar", "no", "nos", "nov",
    "oct", "op", "sec", "sep", "sept", "str",
];

/// Titles and other abbreviations that mostly stand before or within names.
#[rustfmt::skip]
const BEFORE_NAME: [&str; 70] = [
    "adm", "assn", "av", "avda", "ave", "avv", "b.sc", "blvd", "bros", "capt", "cmdr", "co",
    "col", "corp", "cpl", "cpt", "dept", "dist", "dott", "dr", "dra", "drs", "esq", "ex",
    "feat", "ft", "gen", "gov", "gral", "hon", "hr", "hwy", "inc", "ing", "intl", "jr", "lic",
    "lt", "ltd", "m.sc", "maj", "messrs", "mgr", "mlle", "mme", "mr", "mrs", "ms", "mt", "mx",
    "natl", "ph.d", "pp", "pres", "prof", "rag", "rd", "rep", "rev", "sen", "sgt", "sig",
    "sigg", "sq", "sr", "sra", "srta", "st", "ste", "univ",
];

/// Common first words of sentences.
#[rustfmt::skip]
const OPENERS: [&str; 123] = [
    "a", "according", "additionally", "after", "all", "also", "although", "am", "an", "and",
    "another", "are", "as", "at", "because", "before", "bei", "both", "but", "by", "can", "ce",
    "cette", "dans", "das", "der", "did", "die", "do", "does", "during", "each", "ein", "eine",
    "el", "elle", "er", "es", "for", "from", "furthermore", "gli", "he", "her", "here", "his",
    "how", "however", "i", "if", "il", "ils", "im", "in", "is", "it", "its", "le", "les", "lo",
    "los", "many", "mit", "moreover", "most", "my", "nach", "nel", "no", "not", "note", "on",
    "one", "other", "our", "over", "overall", "please", "see", "seit", "several", "she", "sie",
    "since", "so", "some", "such", "that", "the", "their", "then", "there", "therefore",
    "these", "they", "this", "those", "though", "thus", "to", "una", "under", "une", "uno",
    "until", "upon", "was", "we", "were", "what", "when", "where", "which", "while", "who",
    "why", "will", "wir", "with", "would", "yes", "you", "your",
];

/// What German counts with ordinals: months, centuries, and a few more.
#[rustfmt::skip]
const COUNTED: [&str; 31] = [
    "apr", "april", "auflage", "aug", "august", "bundesliga", "dez", "dezember", "feb",
    "februar", "jahrhundert", "jahrhunderts", "jan", "januar", "jh", "jul", "juli", "jun",
    "juni", "jänner", "mai", "märz", "nov", "november", "okt", "oktober", "platz", "sept",
    "september", "weltkrieg", "weltkriegs",
];

/// Pronouns that begin a clause.
#[rustfmt::skip]
const PRONOUNS: [&str; 8] = [
    "he", "i", "it", "she", "there", "they", "we", "you",
];

/// Other words that begin a clause.
#[rustfmt::skip]
const DETERMINERS: [&str; 14] = [
    "a", "an", "her", "his", "its", "my", "our", "that", "the", "their", "these", "this",
    "those", "your",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_can_be_searched() {
        let tables: [&[&str]; 8] = [
            &NEVER,
            &ETC,
            &BEFORE_NUMERAL,
            &BEFORE_NAME,
            &OPENERS,
            &COUNTED,
            &PRONOUNS,
            &DETERMINERS,
        ];
        for table in tables {
            assert!(table.is_sorted_by(|a, b| a < b), "{table:?}");
            assert!(table.iter().all(|word| word.len() <= WORD_BYTES_MAX), "{table:?}");
        }
    }
}
