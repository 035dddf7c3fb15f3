//! Text as the facts scorer sees it: words with their kinds and values.

use std::ops::Range;

use super::knowledge::{Entry, KNOWLEDGE, Mark, Role, hash};

/// A longer text is read no further, in words.
const WORDS_MAX: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Negation,
    Plain,
    /// Begins with an uppercase letter and is not the first word.
    Name,
    Number,
    Year,
    Decade,
    Month,
    /// The day of a month.
    Date,
    /// The day of a week.
    Day,
}

impl Kind {
    pub(super) fn is_content(self) -> bool {
        !matches!(self, Kind::Function | Kind::Negation)
    }

    pub(super) fn is_value(self) -> bool {
        self.is_content() && !matches!(self, Kind::Plain | Kind::Name)
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Kind::Number | Kind::Year | Kind::Decade | Kind::Date)
    }
}

/// How exact a number is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Exact,
    About,
    AtLeast,
    AtMost,
}

#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) kind: Kind,
    /// Stands for the stem.
    pub(super) stem: u64,
    /// Where the stem stands among those of the reading, in bytes.
    stem_at: (u32, u32),
    /// The word in the lexicon, if it is there.
    pub(super) entry: Option<Entry>,
    /// Where the word stands in the text, in bytes.
    pub(super) span: Range<usize>,
    pub(super) value: f64,
    /// What a number counts: a line of the units, or 0.
    pub(super) unit: u8,
    pub(super) bound: Bound,
}

/// A text, read.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) words: Vec<Word>,
    /// The stems of all words, one behind the other.
    stems: String,
    /// The first word of the predicate: what follows says something of what
    /// stands before.
    pub(super) predicate: usize,
    pub(super) is_negated: bool,
    pub(super) is_exclusive: bool,
    pub(super) has_superlative: bool,
    pub(super) has_comparative: bool,
}

/// Hours before and after noon, beside the lines of the lexicon's units.
const AM: u8 = 254;
const PM: u8 = 255;

impl Reading {
    pub(super) fn new(text: &str) -> Reading {
        let knowledge = &*KNOWLEDGE;
        let mut reading = Reading::default();
        let mut lower = String::new();
        let mut auxiliary = None;
        let mut verb = None;
        let mut bound = Bound::Exact;
        // a sign that stands before its number
        let mut sign = 0;
        for span in words(text).take(WORDS_MAX) {
            let word = text.get(span.clone()).unwrap_or_default();
            lower.clear();
            lower.extend(word.chars().flat_map(char::to_lowercase));
            if lower.contains('’') {
                lower = lower.replace('’', "'");
            }
            // the brackets of treebanks
            if matches!(&*lower, "lrb" | "rrb" | "lsb" | "rsb") {
                continue;
            }
            if let Some(base) = lower.strip_suffix("n't") {
                reading.is_negated = true;
                let is_auxiliary = knowledge.role(base) == Role::Auxiliary;
                let at = reading.words.len();
                reading.push(Kind::Negation, "not", span);
                if at > 0 && (is_auxiliary || base == "ca" || base == "wo") {
                    auxiliary.get_or_insert(at);
                }
                continue;
            }
            let plain = lower.strip_suffix("'s").unwrap_or(&lower);
            if plain.is_empty() {
                continue;
            }
            let mark = knowledge.mark(plain);
            let role = knowledge.role(plain);
            let is_upper = word.starts_with(char::is_uppercase);
            let at = reading.words.len();
            if role == Role::Auxiliary && at > 0 {
                auxiliary.get_or_insert(at);
            }
            match mark {
                Some(Mark::Exclusive) => reading.is_exclusive = true,
                Some(Mark::AtLeast) => bound = Bound::AtLeast,
                Some(Mark::AtMost) => bound = Bound::AtMost,
                Some(Mark::About) => bound = Bound::About,
                _ => {}
            }
            if let Some(number) = number(plain) {
                let (value, kind, unit) = number;
                let number = match std::mem::take(&mut sign) {
                    0 => number,
                    sign if unit == 0 => (value, Kind::Number, sign),
                    _ => (value, kind, unit),
                };
                reading.push_number(number, plain, span, &mut bound);
                continue;
            }
            sign = 0;
            match mark {
                Some(Mark::Number(value)) => {
                    let number = (value, Kind::Number, 0);
                    reading.push_number(number, plain, span, &mut bound);
                    continue;
                }
                Some(Mark::Decade(value)) => {
                    let number = (value, Kind::Decade, 0);
                    reading.push_number(number, plain, span, &mut bound);
                    continue;
                }
                Some(Mark::Scale(scale)) if reading.scale(scale, &span) => continue,
                Some(Mark::Unit(unit, size)) if reading.count(unit, size, &span) => continue,
                Some(Mark::Unit(unit, _)) if word.starts_with(is_sign) => {
                    sign = unit;
                    continue;
                }
                _ if plain == "am" && reading.hour(AM, &span) => continue,
                _ if plain == "pm" && reading.hour(PM, &span) => continue,
                _ => {}
            }
            let kind = match (mark, role) {
                (Some(Mark::Month), _) if is_upper => Kind::Month,
                (Some(Mark::Day), _) => Kind::Day,
                (_, Role::Negation) => Kind::Negation,
                (_, Role::Function | Role::Auxiliary) => Kind::Function,
                _ if is_upper && at > 0 => Kind::Name,
                _ => Kind::Plain,
            };
            if kind == Kind::Plain && at > 0 {
                verb.get_or_insert(at);
            }
            reading.is_negated |= kind == Kind::Negation;
            let is_superlative = (plain.ends_with("est") && plain.len() > 5
                || matches!(plain, "most" | "least" | "best" | "worst"))
                && mark != Some(Mark::NoSuperlative);
            reading.has_superlative |= is_superlative;
            reading.has_comparative |= plain == "than";
            reading.push(kind, plain, span);
        }
        reading.predicate = auxiliary.or(verb).unwrap_or(0);
        reading.note_dates();
        reading
    }

    /// The stem of one of the words.
    pub(super) fn stem(&self, word: &Word) -> &str {
        let (start, end) = word.stem_at;
        self.stems.get(start as usize..end as usize).unwrap_or_default()
    }

    pub(super) fn has_content(&self) -> bool {
        self.words.iter().any(|word| word.kind.is_content())
    }

    /// Those of the content words of the text for whose place this holds.
    pub(super) fn slices(&self, text: &str, is_wanted: impl Fn(usize) -> bool) -> Vec<String> {
        let words = self.words.iter().enumerate();
        let wanted = words.filter(|(at, word)| word.kind.is_content() && is_wanted(*at));
        wanted.filter_map(|(_, word)| text.get(word.span.clone())).map(str::to_string).collect()
    }

    fn push(&mut self, kind: Kind, lower: &str, span: Range<usize>) {
        let stem = KNOWLEDGE.stem(lower);
        let start = self.stems.len() as u32;
        self.stems.push_str(&stem);
        let stem = hash(&stem);
        self.words.push(Word {
            kind,
            stem,
            stem_at: (start, self.stems.len() as u32),
            entry: KNOWLEDGE.entry(stem),
            span,
            value: f64::NAN,
            unit: 0,
            bound: Bound::Exact,
        });
    }

    fn push_number(
        &mut self,
        (value, kind, unit): (f64, Kind, u8),
        lower: &str,
        span: Range<usize>,
        bound: &mut Bound,
    ) {
        self.push(kind, lower, span);
        if let Some(word) = self.words.last_mut() {
            (word.value, word.unit) = (value, unit);
            word.bound = std::mem::replace(bound, Bound::Exact);
        }
    }

    /// The word before, if it is a number that this one may belong to.
    fn number_before(&mut self, span: &Range<usize>) -> Option<&mut Word> {
        let word = self.words.last_mut()?;
        let is_near = span.start.saturating_sub(word.span.end) <= 2;
        (matches!(word.kind, Kind::Number | Kind::Year) && word.unit == 0 && is_near)
            .then_some(word)
    }

    fn scale(&mut self, scale: f64, span: &Range<usize>) -> bool {
        let Some(number) = self.number_before(span) else { return false };
        number.value *= scale;
        number.kind = Kind::Number;
        number.span.end = span.end;
        true
    }

    fn count(&mut self, unit: u8, size: f64, span: &Range<usize>) -> bool {
        let Some(number) = self.number_before(span) else { return false };
        number.value *= size;
        number.unit = unit;
        number.kind = Kind::Number;
        number.span.end = span.end;
        true
    }

    fn hour(&mut self, half: u8, span: &Range<usize>) -> bool {
        let Some(number) = self.number_before(span) else { return false };
        if !(0.0..=12.99).contains(&number.value) {
            return false;
        }
        number.unit = half;
        number.span.end = span.end;
        true
    }

    /// A number beside a month is a day.
    fn note_dates(&mut self) {
        for at in 0..self.words.len() {
            if self.words.get(at).is_none_or(|word| word.kind != Kind::Month) {
                continue;
            }
            for beside in [at.checked_sub(1), Some(at + 1)].into_iter().flatten() {
                if let Some(word) = self.words.get_mut(beside)
                    && word.kind == Kind::Number
                    && word.unit == 0
                    && (1.0..=31.0).contains(&word.value)
                {
                    word.kind = Kind::Date;
                }
            }
        }
    }
}

/// Whether two numbers say the same, where the first is of the claim.
pub(super) fn same_number(claim: &Word, fact: &Word) -> bool {
    if !same_unit(claim, fact) {
        return false;
    }
    let (a, b) = (claim.value, fact.value);
    let near = |share: f64| (a - b).abs() <= share * a.abs().max(b.abs()).max(1e-12);
    match (claim.kind, fact.kind) {
        // the nineties, the 1990s, 1994
        (Kind::Decade, Kind::Decade) => near(1e-9) || (a % 100.0 - b % 100.0).abs() < 1e-9,
        (Kind::Decade, Kind::Year) => {
            let decade = b - b % 10.0;
            (decade - a).abs() < 1e-9 || a < 100.0 && (decade % 100.0 - a).abs() < 1e-9
        }
        _ => match (claim.bound, fact.bound) {
            (Bound::AtLeast, Bound::Exact | Bound::About) => b >= a,
            (Bound::AtMost, Bound::Exact | Bound::About) => b <= a,
            (Bound::About, _) | (_, Bound::About) => near(0.1),
            _ => near(1e-9),
        },
    }
}

/// Whether two numbers may be compared.
pub(super) fn same_unit(claim: &Word, fact: &Word) -> bool {
    claim.kind.is_number()
        && fact.kind.is_number()
        && (claim.unit == fact.unit || claim.unit == 0 || fact.unit == 0)
}

/// A number in digits: its value, kind and unit.
fn number(lower: &str) -> Option<(f64, Kind, u8)> {
    if !lower.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Some((hours, minutes)) = lower.split_once(':')
        && let (Ok(hours), Ok(minutes)) = (hours.parse::<u8>(), minutes.parse::<u8>())
        && hours < 24
        && minutes < 60
    {
        let half = if hours > 12 { PM } else { 0 };
        let hours = if hours > 12 { hours - 12 } else { hours };
        return Some((f64::from(hours) + f64::from(minutes) / 60.0, Kind::Number, half));
    }
    let digits = lower.trim_end_matches(char::is_alphabetic);
    let ending = lower.get(digits.len()..)?;
    let plain: String = digits.chars().filter(|c| *c != ',').collect();
    let value: f64 = plain.parse().ok()?;
    let is_year = plain.len() == 4 && !digits.contains(',') && (1000.0..2100.0).contains(&value);
    match ending {
        "" if is_year => Some((value, Kind::Year, 0)),
        "" | "st" | "nd" | "rd" | "th" => Some((value, Kind::Number, 0)),
        "s" => Some((value, Kind::Decade, 0)),
        "k" => Some((value * 1e3, Kind::Number, 0)),
        "m" => Some((value * 1e6, Kind::Number, 0)),
        "am" => Some((value, Kind::Number, AM)),
        "pm" => Some((value, Kind::Number, PM)),
        _ => None,
    }
}

/// The spans of words: letters and digits with `'` inside them, digits with
/// `.`, `,` and `:` between digits, single characters of scripts without
/// spaces, and the signs of units.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = chars.find(|(_, c)| is_word(*c) || is_sign(*c))?;
        let mut end = start + first.len_utf8();
        if is_sign(first) || is_ideograph(first) {
            return Some(start..end);
        }
        let mut last = first;
        while let Some((at, c)) = chars.peek().copied() {
            let after = || text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
            let goes_on = match c {
                _ if is_ideograph(c) => false,
                _ if is_word(c) => true,
                '\'' | '’' => last.is_alphabetic() && after().is_some_and(char::is_alphabetic),
                '.' | ',' | ':' => {
                    last.is_ascii_digit() && after().is_some_and(|c| c.is_ascii_digit())
                }
                _ => false,
            };
            if !goes_on {
                break;
            }
            end = at + c.len_utf8();
            last = c;
            chars.next();
        }
        Some(start..end)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric()
}

fn is_sign(c: char) -> bool {
    matches!(c, '%' | '€' | '$' | '°')
}

/// Han, kana and other characters that are words of their own here.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' | '\u{0E00}'..='\u{0EFF}')
}
