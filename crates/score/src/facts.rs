use std::collections::HashMap;
use std::fmt;

use crate::scorer::{Claim, Evidence, Finding, ScoreError, Scored, Scorer};
use crate::segmenter::Segmenter;

/// The most text that [`Facts::parse`] takes: 16 MiB, as it is all kept in
/// memory and read through for every claim.
pub const FACTS_BYTES_MAX: usize = 16 << 20;

/// A passage longer than this, in bytes, is cut.
const PASSAGE_BYTES_MAX: u64 = 1024;

/// What is held to be true: the passages that claims are compared with.
#[derive(Clone, Debug)]
pub struct Facts {
    passages: Vec<Passage>,
    /// The number of each stem that stands in some passage.
    stems: HashMap<String, u32>,
}

#[derive(Clone, Debug)]
struct Passage {
    text: String,
    /// Numbers of its stems, sorted.
    stems: Vec<u32>,
    /// Which kinds of value it has, and which.
    values: Vec<(Kind, String)>,
    negated: bool,
}

impl Facts {
    /// Reads plain text or Markdown: every sentence, clause or line that the
    /// [`Segmenter`] finds is one passage, but for code in fences.
    ///
    /// # Errors
    /// When there is nothing in it that could bear out a claim, when it is over
    /// [`FACTS_BYTES_MAX`], and when it has a NUL byte, so that it is no text.
    pub fn parse(text: &str) -> Result<Facts, FactsError> {
        if text.len() > FACTS_BYTES_MAX {
            return Err(FactsError(FactsFault::TooLarge(text.len())));
        }
        if let Some(at) = text.bytes().position(|byte| byte == 0) {
            return Err(FactsError(FactsFault::Binary(at)));
        }
        let mut facts = Facts { passages: Vec::new(), stems: HashMap::new() };
        let mut ends = Vec::new();
        let mut segmenter = Segmenter::new(PASSAGE_BYTES_MAX);
        segmenter.push(text, &mut |end| ends.push(end));
        segmenter.finish(&mut |end| ends.push(end));
        let mut start = 0;
        for end in ends {
            let passage = text.get(start..end.at as usize).unwrap_or_default().trim();
            start = end.at as usize;
            if !end.blank {
                // the mark of a list item or heading is no part of the passage
                facts.add(passage.trim_start_matches(['-', '*', '#', '>', ' ']));
            }
        }
        if facts.passages.is_empty() {
            return Err(FactsError(FactsFault::Empty));
        }
        Ok(facts)
    }

    /// How many passages there are, at least 1.
    #[must_use]
    pub fn passages(&self) -> usize {
        self.passages.len()
    }

    fn add(&mut self, text: &str) {
        let words = Words::read(text);
        let mut stems = Vec::with_capacity(words.content.len());
        for word in &words.content {
            let next = self.stems.len() as u32;
            stems.push(*self.stems.entry(word.stem.clone()).or_insert(next));
        }
        stems.sort_unstable();
        stems.dedup();
        let values = words.content.iter().filter_map(|word| Some((word.kind?, word.stem.clone())));
        self.passages.push(Passage {
            text: text.to_string(),
            stems,
            values: values.collect(),
            negated: words.negated,
        });
    }
}

/// Compares the words of a claim with the passages, without a model.
///
/// Coverage c is the weight of the claim's content words that stand in a
/// passage over the weight of all of them; values (numbers, days, months) and
/// names weigh 2, other words 1, function words nothing. The topic's coverage t
/// is the same without the values. Words are compared by a light stem, numbers
/// by value. Of all passages the one that covers most counts; the first row
/// that fits is the finding:
///
/// | finding | when | score |
/// | --- | --- | --- |
/// | contradicted | t ≥ 2/3, and the two differ in a value of one kind, or just one of them is negated | 0.4 c |
/// | supported | c ≥ 1/2 | 0.6 + 0.4 c |
/// | unsupported | else | 0.5 + 0.2 c |
///
/// No passage with any of the words is a c of 0, and no evidence.
///
/// With the default limits one unsupported claim only warns, a run of them
/// halts by the window, and a contradicted one halts at once.
#[derive(Clone, Debug)]
pub struct FactsScorer {
    facts: Facts,
}

impl FactsScorer {
    /// A scorer that compares with these facts.
    #[must_use]
    pub fn new(facts: Facts) -> FactsScorer {
        FactsScorer { facts }
    }
}

impl Scorer for FactsScorer {
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        let words = Words::read(claim.text);
        let known: Vec<Option<u32>> =
            words.content.iter().map(|word| self.facts.stems.get(&word.stem).copied()).collect();
        let pairs = || words.content.iter().zip(&known);
        let covered = |passage: &Passage| -> u32 {
            pairs().filter(|(_, stem)| passage.has(**stem)).map(|(word, _)| word.weight).sum()
        };
        let mut best: Option<(u32, usize, &Passage)> = None;
        for (number, passage) in self.facts.passages.iter().enumerate() {
            let weight = covered(passage);
            if weight > best.map_or(0, |(weight, ..)| weight) {
                best = Some((weight, number, passage));
            }
        }
        let Some((weight, number, passage)) = best else {
            return Ok(Scored { score: 0.5, evidence: None });
        };
        let total: u32 = words.content.iter().map(|word| word.weight).sum();
        let coverage = f64::from(weight) / f64::from(total);
        let topic = || pairs().filter(|(word, _)| word.kind.is_none());
        let topic_total: u32 = topic().map(|(word, _)| word.weight).sum();
        let topic_weight: u32 =
            topic().filter(|(_, stem)| passage.has(**stem)).map(|(word, _)| word.weight).sum();
        let on_topic = topic_total > 0 && 3 * topic_weight >= 2 * topic_total;
        let differs = words.negated != passage.negated || words.values_clash(passage);
        let (finding, score) = if on_topic && differs {
            (Finding::Contradicted, 0.4 * coverage)
        } else if 2 * weight >= total {
            (Finding::Supported, 0.6 + 0.4 * coverage)
        } else {
            (Finding::Unsupported, 0.5 + 0.2 * coverage)
        };
        let unmatched = pairs().filter(|(_, stem)| !passage.has(**stem));
        let evidence = Evidence {
            finding,
            passage: number,
            text: passage.text.clone(),
            unmatched: unmatched.map(|(word, _)| word.text.to_string()).collect(),
        };
        Ok(Scored { score, evidence: Some(evidence) })
    }
}

impl Passage {
    fn has(&self, stem: Option<u32>) -> bool {
        stem.is_some_and(|stem| self.stems.binary_search(&stem).is_ok())
    }
}

/// Values of one kind exclude each other: what happens on Monday does not
/// happen on Tuesday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Day,
    Month,
}

#[derive(Debug)]
struct Word<'a> {
    text: &'a str,
    stem: String,
    weight: u32,
    kind: Option<Kind>,
}

#[derive(Debug, Default)]
struct Words<'a> {
    content: Vec<Word<'a>>,
    negated: bool,
}

impl<'a> Words<'a> {
    fn read(text: &'a str) -> Words<'a> {
        let mut words = Words::default();
        for (position, word) in tokens(text).enumerate() {
            let lower = word.to_lowercase();
            if NEGATIONS.contains(&lower.as_str()) || lower.ends_with("n't") {
                words.negated = true;
            } else if !FUNCTION_WORDS.contains(&lower.as_str()) {
                let (stem, kind) = stem(&lower);
                let name = position > 0 && word.starts_with(char::is_uppercase);
                let weight = if kind.is_some() || name { 2 } else { 1 };
                words.content.push(Word { text: word, stem, weight, kind });
            }
        }
        words
    }

    /// Whether there is a kind of which each side has a value that the other
    /// lacks.
    fn values_clash(&self, passage: &Passage) -> bool {
        [Kind::Number, Kind::Day, Kind::Month].into_iter().any(|kind| {
            let mine = || self.content.iter().filter(|word| word.kind == Some(kind));
            let theirs = || passage.values.iter().filter(|(k, _)| *k == kind).map(|(_, v)| v);
            mine().any(|word| theirs().all(|value| *value != word.stem))
                && theirs().any(|value| mine().all(|word| word.stem != *value))
        })
    }
}

/// Words and numbers: letters and digits, with `'`, `.`, `,` and `:` inside them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let inner = |c: char| matches!(c, '\'' | '’' | '.' | ',' | ':');
    text.split(move |c: char| !c.is_alphanumeric() && !inner(c))
        .map(move |word| word.trim_matches(inner))
        .filter(|word| !word.is_empty())
}

/// The form in which words are compared, and the kind of value it is.
fn stem(lower: &str) -> (String, Option<Kind>) {
    if let Some(value) = NUMBERS.iter().position(|word| *word == lower) {
        return (value.to_string(), Some(Kind::Number));
    }
    if lower.starts_with(|c: char| c.is_ascii_digit()) {
        // 1,000 and 1000, 3.50 and 3.5 are the same number
        let plain: String = lower.chars().filter(|c| *c != ',').collect();
        let number = match plain.split_once('.') {
            Some((whole, part)) if part.bytes().all(|byte| byte.is_ascii_digit()) => {
                let part = part.trim_end_matches('0');
                if part.is_empty() { whole.to_string() } else { format!("{whole}.{part}") }
            }
            _ => plain,
        };
        return (number, Some(Kind::Number));
    }
    let singular = lower.strip_suffix('s').unwrap_or(lower);
    if DAYS.contains(&singular) {
        return (singular.to_string(), Some(Kind::Day));
    }
    if MONTHS.contains(&lower) {
        return (lower.to_string(), Some(Kind::Month));
    }
    let long_enough = |stem: &&str| stem.chars().count() >= 3;
    let stem = ["'s", "’s", "ing", "ed", "es", "s", "e"]
        .iter()
        .find_map(|ending| lower.strip_suffix(ending).filter(long_enough))
        .unwrap_or(lower);
    (stem.to_string(), None)
}

const NEGATIONS: [&str; 7] = ["not", "no", "never", "none", "neither", "nor", "cannot"];

#[rustfmt::skip]
const FUNCTION_WORDS: [&str; 60] = [
    "a", "an", "the", "this", "that", "these", "those", "it", "its", "he", "she", "they", "we",
    "you", "i", "his", "her", "their", "our", "your", "my", "is", "are", "was", "were", "be",
    "been", "has", "have", "had", "do", "does", "did", "will", "would", "can", "could", "may",
    "of", "in", "on", "at", "to", "for", "from", "by", "with", "as", "and", "or", "but", "so",
    "than", "then", "there", "which", "who", "also", "if", "about",
];

#[rustfmt::skip]
const NUMBERS: [&str; 21] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty",
];

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

#[rustfmt::skip]
const MONTHS: [&str; 11] = [
    // without may, which is mostly a verb
    "january", "february", "march", "april", "june", "july", "august", "september", "october",
    "november", "december",
];

/// The facts cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactsError(FactsFault);

#[derive(Clone, Debug, PartialEq, Eq)]
enum FactsFault {
    Empty,
    TooLarge(usize),
    Binary(usize),
}

impl FactsError {
    /// Whether there was nothing in them that could bear out a claim.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == FactsFault::Empty
    }
}

impl fmt::Display for FactsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            FactsFault::Empty => {
                f.write_str("the facts have no passage: every claim would be unsupported")
            }
            FactsFault::TooLarge(bytes) => {
                write!(f, "the facts have {bytes} bytes: at most {FACTS_BYTES_MAX} are taken")
            }
            FactsFault::Binary(at) => {
                write!(f, "the facts are not text: there is a NUL at byte {at}")
            }
        }
    }
}

impl std::error::Error for FactsError {}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: &str = "The Harbour Museum opens at 9 on weekdays.\n\
        - Tickets cost 12.50 euros; children under six enter free.\n\
        The museum is closed on Mondays. Dogs are not allowed.";

    #[track_caller]
    fn check(claim: &str, finding: Finding, passage: usize, unmatched: &[&str]) {
        let mut scorer = FactsScorer::new(Facts::parse(FACTS).unwrap());
        let scored = scorer.score(&Claim::new(claim)).unwrap();
        let evidence = scored.evidence.unwrap();
        assert_eq!(evidence.finding, finding, "{claim}: {}", scored.score);
        assert_eq!(
            (evidence.passage, &evidence.unmatched[..]),
            (passage, &unmatched.iter().map(ToString::to_string).collect::<Vec<_>>()[..])
        );
        let range = match finding {
            Finding::Supported => 0.8..=1.0,
            Finding::Contradicted => 0.0..=0.4,
            Finding::Unsupported => 0.5..=0.6,
        };
        assert!(range.contains(&scored.score), "{claim}: {}", scored.score);
    }

    #[test]
    fn findings() {
        check("The Harbour Museum opens at nine on weekdays.", Finding::Supported, 0, &[]);
        check("The museum opens at 10 on weekdays.", Finding::Contradicted, 0, &["10"]);
        check("A ticket costs 12.5 euros.", Finding::Supported, 1, &[]);
        check("Tickets cost 11.50 euros.", Finding::Contradicted, 1, &["11.50"]);
        check("The museum is closed on Tuesday.", Finding::Contradicted, 3, &["Tuesday"]);
        check("The museum isn't closed on Mondays.", Finding::Contradicted, 3, &[]);
        check("Dogs are allowed.", Finding::Contradicted, 4, &[]);
        check(
            "The café in the museum serves cake and soup.",
            Finding::Unsupported,
            0,
            &["café", "serves", "cake", "soup"],
        );
    }

    #[test]
    fn what_no_passage_mentions_has_no_evidence() {
        let mut scorer = FactsScorer::new(Facts::parse(FACTS).unwrap());
        for claim in ["Paris lies on the Seine.", "It is.", ""] {
            let scored = scorer.score(&Claim::new(claim)).unwrap();
            assert_eq!(scored, Scored { score: 0.5, evidence: None });
        }
    }

    #[test]
    fn facts_that_cannot_be_used_are_refused() {
        assert!(Facts::parse(" \n---\n").unwrap_err().is_empty());
        let error = Facts::parse("a\0b").unwrap_err().to_string();
        assert_eq!(error, "the facts are not text: there is a NUL at byte 1");
        let error = Facts::parse(&"x".repeat(FACTS_BYTES_MAX + 1)).unwrap_err().to_string();
        assert_eq!(error, "the facts have 16777217 bytes: at most 16777216 are taken");
        assert_eq!(Facts::parse(FACTS).unwrap().passages(), 5);
    }
}
