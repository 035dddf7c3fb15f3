//! The lexicon, made ready to be asked.

use std::collections::HashMap;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};

use super::words;

/// What the scorer knows of words, made ready once.
pub(super) static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::new);

/// What a word of the claim has to do with another one of the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The word of the facts says as much.
    Entailed,
    /// They exclude each other.
    Antonym,
}

/// What a word does in a sentence, by its form alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Content,
    Function,
    Auxiliary,
    Negation,
}

/// What a word does beside its own meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mark {
    Exclusive,
    AtLeast,
    AtMost,
    About,
    Number(f64),
    Scale(f64),
    Decade(f64),
    Month,
    Day,
    /// The line of the units, from 1, and how many of the first it is.
    Unit(u8, f64),
    NoSuperlative,
}

/// The number of a stem in the lexicon.
pub(super) type Entry = u16;

#[derive(Debug, Default)]
struct Known {
    /// The line of the alternatives it stands in.
    alternatives: Option<u8>,
    relations: Vec<(Entry, Relation)>,
}

pub(super) struct Knowledge {
    stemmer: Stemmer,
    roles: HashMap<&'static str, Role>,
    marks: HashMap<&'static str, Mark>,
    entries: HashMap<u64, Entry>,
    known: Vec<Known>,
}

impl Knowledge {
    fn new() -> Knowledge {
        let mut knowledge = Knowledge {
            stemmer: Stemmer::create(Algorithm::English),
            roles: HashMap::new(),
            marks: HashMap::new(),
            entries: HashMap::new(),
            known: Vec::new(),
        };
        knowledge.learn_roles();
        knowledge.learn_marks();
        knowledge.learn_relations();
        knowledge
    }

    fn learn_roles(&mut self) {
        let lists = [
            (words::FUNCTION, Role::Function),
            (words::AUXILIARIES, Role::Auxiliary),
            (words::NEGATIONS, Role::Negation),
        ];
        for (words, role) in lists {
            self.roles.extend(words.split_whitespace().map(|word| (word, role)));
        }
    }

    fn learn_marks(&mut self) {
        let lists = [
            (words::NO_SUPERLATIVES, Mark::NoSuperlative),
            (words::EXCLUSIVE, Mark::Exclusive),
            (words::AT_LEAST, Mark::AtLeast),
            (words::AT_MOST, Mark::AtMost),
            (words::ABOUT, Mark::About),
        ];
        for (words, mark) in lists {
            self.marks.extend(words.split_whitespace().map(|word| (word, mark)));
        }
        for (number, words) in (1..).zip(words::UNITS) {
            self.marks.extend(words.iter().map(|(word, size)| (*word, Mark::Unit(number, *size))));
        }
        self.marks.extend(words::NUMBERS.map(|(word, value)| (word, Mark::Number(value))));
        let ordinals = (1..).zip(words::ORDINALS);
        self.marks.extend(ordinals.map(|(value, word)| (word, Mark::Number(f64::from(value)))));
        self.marks.extend(words::SCALES.map(|(word, value)| (word, Mark::Scale(value))));
        self.marks.extend(words::DECADES.map(|(word, value)| (word, Mark::Decade(value))));
        self.marks.extend(words::MONTHS.map(|word| (word, Mark::Month)));
        self.marks.extend(words::DAYS.map(|word| (word, Mark::Day)));
    }

    fn learn_relations(&mut self) {
        for (number, words) in (0..).zip(words::ALTERNATIVES) {
            for word in words.split_whitespace() {
                let entry = self.enter(word);
                if let Some(known) = self.known.get_mut(usize::from(entry)) {
                    known.alternatives.get_or_insert(number);
                }
            }
        }
        for (a, b) in pairs(words::ANTONYMS) {
            self.relate(a, b, Relation::Antonym);
            self.relate(b, a, Relation::Antonym);
        }
        for (place, people) in pairs(words::DEMONYMS) {
            self.relate(place, people, Relation::Entailed);
            self.relate(people, place, Relation::Entailed);
        }
        for line in words::ENTAILED_BY.split(';') {
            let Some((word, others)) = line.split_once(':') else { continue };
            for other in others.split_whitespace() {
                self.relate(word.trim(), other, Relation::Entailed);
            }
        }
    }

    fn enter(&mut self, word: &str) -> Entry {
        let key = hash(&self.stemmer.stem(word));
        let next = self.known.len() as Entry;
        let entry = *self.entries.entry(key).or_insert(next);
        if entry == next {
            self.known.push(Known::default());
        }
        entry
    }

    fn relate(&mut self, a: &str, b: &str, relation: Relation) {
        let (a, b) = (self.enter(a), self.enter(b));
        if let Some(known) = self.known.get_mut(usize::from(a))
            && a != b
            && !known.relations.iter().any(|(other, _)| *other == b)
        {
            known.relations.push((b, relation));
        }
    }

    pub(super) fn stem<'a>(&self, lower: &'a str) -> std::borrow::Cow<'a, str> {
        self.stemmer.stem(lower)
    }

    pub(super) fn entry(&self, stem: u64) -> Option<Entry> {
        self.entries.get(&stem).copied()
    }

    /// The line of the alternatives that a word stands in.
    pub(super) fn alternatives(&self, entry: Option<Entry>) -> Option<u8> {
        self.known.get(usize::from(entry?))?.alternatives
    }

    pub(super) fn relation(&self, a: Option<Entry>, b: Option<Entry>) -> Option<Relation> {
        let (a, b) = (a?, b?);
        let relations = &self.known.get(usize::from(a))?.relations;
        relations.iter().find(|(other, _)| *other == b).map(|(_, relation)| *relation)
    }

    pub(super) fn role(&self, lower: &str) -> Role {
        self.roles.get(lower).copied().unwrap_or(Role::Content)
    }

    /// The mark of a word, or of its singular.
    pub(super) fn mark(&self, lower: &str) -> Option<Mark> {
        let plural = || self.marks.get(lower.strip_suffix('s')?);
        self.marks.get(lower).or_else(plural).copied()
    }
}

fn pairs(list: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    list.split(',').filter_map(|pair| pair.trim().split_once(' '))
}

/// 64 bits by which stems are compared: FNV-1a, the same on every target.
pub(super) fn hash(stem: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    stem.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
