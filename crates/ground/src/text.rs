//! Words and sentences.

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

/// Cuts text into the stems by which it is found.
pub(crate) struct Terms {
    stemmer: Stemmer,
    lower: String,
}

impl Terms {
    pub(crate) fn new() -> Terms {
        Terms { stemmer: Stemmer::create(Algorithm::English), lower: String::new() }
    }

    pub(crate) fn each(&mut self, text: &str, mut on_stem: impl FnMut(&str)) {
        for word in text.unicode_words() {
            self.lower.clear();
            self.lower.extend(word.chars().flat_map(char::to_lowercase));
            let plain = self.lower.trim_end_matches("'s").trim_end_matches("’s");
            on_stem(&self.stemmer.stem(plain));
        }
    }
}

/// The sentences of a text, trimmed, as Unicode's annex 29 finds them, but not
/// cut behind an initial, a list's number or a common abbreviation; those longer
/// than `bytes_max` are cut, at white space if there is some. Each comes with
/// where it begins, in bytes.
pub(crate) fn sentences(text: &str, bytes_max: usize, mut on_sentence: impl FnMut(usize, &str)) {
    let mut start = 0;
    let mut say = |start: usize, end: usize| {
        let mut rest = text.get(start..end).unwrap_or_default();
        let mut at = start;
        while !rest.is_empty() {
            let mut cut = rest.len();
            if cut > bytes_max {
                cut = rest.floor_char_boundary(bytes_max.max(4));
                let head = rest.get(..cut).unwrap_or_default();
                cut = head.rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(cut);
            }
            let (head, tail) = rest.split_at(cut);
            let trimmed = head.trim_start();
            if trimmed.chars().any(char::is_alphanumeric) {
                on_sentence(at + head.len() - trimmed.len(), trimmed.trim_end());
            }
            at += cut;
            rest = tail;
        }
    };
    for (at, sentence) in text.split_sentence_bound_indices() {
        let end = at + sentence.len();
        if end < text.len() && goes_on(text.get(start..end).unwrap_or_default()) {
            continue;
        }
        say(start, end);
        start = end;
    }
    say(start, text.len());
}

/// Words that a full stop belongs to.
const ABBREVIATIONS: [&str; 27] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "fig", "e.g", "i.e", "cf", "approx",
    "ca", "gen", "gov", "capt", "sgt", "col", "lt", "rev", "hon", "mt", "vol", "pp", "etc",
];

/// Whether a sentence is not over where it seems to be.
fn goes_on(sentence: &str) -> bool {
    let Some(before) = sentence.trim_end_matches([' ', '\t']).strip_suffix('.') else {
        return false;
    };
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    let is_whole = before.trim_start().len() == word.len();
    let lower = word.to_lowercase();
    let mut chars = word.chars();
    let is_initial =
        matches!((chars.next(), chars.next()), (Some(c), None) if c.is_uppercase() && c != 'I');
    let is_number = is_whole && !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    is_initial || is_number || ABBREVIATIONS.contains(&&*lower)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "tests")]
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let mut found = Vec::new();
        sentences(text, 40, |at, sentence| {
            assert!(text[at..].starts_with(sentence), "{at} {sentence}");
            found.push(sentence.to_string());
        });
        assert_eq!(found, expect);
    }

    #[test]
    fn text_is_cut_into_sentences() {
        check("", &[]);
        check(" - \n", &[]);
        check("One. Two! Three?", &["One.", "Two!", "Three?"]);
        check(
            "Dr. Smith and J. Doe left. So did we.",
            &["Dr. Smith and J. Doe left.", "So did we."],
        );
        check("It costs 3.50 euros. Yes.", &["It costs 3.50 euros.", "Yes."]);
        check("1. First of all. 2. Then.", &["1. First of all.", "2. Then."]);
        check("九時に開く。五時に閉まる。", &["九時に開く。", "五時に閉まる。"]);
        check("Cats, dogs etc. May come. So", &["Cats, dogs etc. May come.", "So"]);
    }

    #[test]
    fn long_sentences_are_cut_at_white_space() {
        check(
            "one two three four five six seven eight nine ten",
            &["one two three four five six seven eight", "nine ten"],
        );
        let long = "é".repeat(30);
        check(&long, &["é".repeat(20).as_str(), "é".repeat(10).as_str()]);
    }

    #[test]
    fn stems() {
        let mut found = Vec::new();
        Terms::new().each("The museum's opening hours, 9:30–17:00; 東京.", |stem| {
            found.push(stem.to_string());
        });
        assert_eq!(found, ["the", "museum", "open", "hour", "9", "30", "17", "00", "東", "京"]);
    }
}
