//! What a claim and a passage have in common, and in what they differ, as
//! numbers.

use super::knowledge::{KNOWLEDGE, Relation};
use super::reading::{Kind, Reading, Word, same_number, same_unit};
use crate::scorer::Mismatch;

/// The features, in the order of the weights.
pub(super) const NAMES: [&str; 33] = [
    "coverage",
    "predicate",
    "predicate_squared",
    "predicate_full",
    "subject",
    "last",
    "names_missing",
    "names_found",
    "words_missing",
    "words_found",
    "has_words_missing",
    "values_missing",
    "values_found",
    "number_clash",
    "year_clash",
    "date_clash",
    "alternative",
    "antonym",
    "claim_negated",
    "passage_negated",
    "both_negated",
    "negation_differs_predicate",
    "claim_negated_predicate",
    "exclusive",
    "superlative",
    "comparative",
    "pairs",
    "run",
    "gap",
    "sole_clash",
    "clash_predicate",
    "roles",
    "predicate_union",
];

pub(super) const COUNT: usize = NAMES.len();

/// What was found between a claim and a passage.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) features: [f64; COUNT],
    /// By how much each word of the claim is borne out, 0 to 1; function words
    /// count as borne out.
    pub(super) borne_out: Vec<f64>,
    /// In what they differ most plainly, if in anything.
    pub(super) mismatch: Option<Mismatch>,
    /// Whether the passage speaks of the same as the claim: at least half of the
    /// claim's content that does not clash is in it.
    pub(super) is_on_topic: bool,
}

/// How well the claim's words are found in the passage, each from 0 to 1.
pub(super) fn align(claim: &Reading, passage: &Reading) -> Vec<f64> {
    let best = |word: &Word| {
        if !word.kind.is_content() {
            return 1.0;
        }
        let mut best = 0.0_f64;
        for other in &passage.words {
            best = best.max(likeness(claim, word, passage, other));
            if best >= 1.0 {
                break;
            }
        }
        best
    };
    claim.words.iter().map(best).collect()
}

/// How much a word of the passage says what one of the claim says.
fn likeness(claim: &Reading, word: &Word, passage: &Reading, other: &Word) -> f64 {
    if word.kind.is_number() || other.kind.is_number() {
        return if same_number(word, other) { 1.0 } else { 0.0 };
    }
    if !other.kind.is_content() {
        return 0.0;
    }
    if word.stem == other.stem {
        return 1.0;
    }
    if word.kind.is_value() || other.kind.is_value() {
        return 0.0;
    }
    match KNOWLEDGE.relation(word.entry, other.entry) {
        Some(Relation::Entailed) => 0.8,
        Some(Relation::Antonym) => 0.0,
        None => kinship(claim.stem(word), passage.stem(other)),
    }
}

/// Words that begin alike are often of one family: America and American.
fn kinship(a: &str, b: &str) -> f64 {
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    if common < 4 {
        0.0
    } else if common == short || 5 * common >= 3 * long {
        0.8
    } else if common >= 5 {
        0.5
    } else {
        0.0
    }
}

pub(super) fn compare(
    claim: &Reading,
    passage: &Reading,
    borne_out: Vec<f64>,
    union: &[f64],
) -> Comparison {
    let content = || {
        let words = claim.words.iter().zip(&borne_out).enumerate();
        words
            .filter(|(_, (word, _))| word.kind.is_content())
            .map(|(at, (word, found))| (at, word, *found))
    };
    let mean = |part: &dyn Fn(usize) -> bool, of: &[f64], none: f64| {
        let (mut sum, mut count) = (0.0, 0);
        for (at, ..) in content().filter(|(at, ..)| part(*at)) {
            sum += of.get(at).copied().unwrap_or_default();
            count += 1;
        }
        if count == 0 { none } else { sum / f64::from(count) }
    };
    let in_predicate = |at: usize| at >= claim.predicate;
    let coverage = mean(&|_| true, &borne_out, 0.0);
    let predicate = mean(&in_predicate, &borne_out, coverage);
    let subject = mean(&|at| !in_predicate(at), &borne_out, 0.5);
    let union = mean(&in_predicate, union, coverage);
    let sum = |of: &dyn Fn(Kind) -> bool, missing: bool| -> f64 {
        let part = content().filter(|(_, word, _)| of(word.kind));
        part.map(|(.., found)| if missing { 1.0 - found } else { found }).sum::<f64>().min(3.0)
    };
    let name = |kind| kind == Kind::Name;
    let plain = |kind| kind == Kind::Plain;
    let value = |kind: Kind| kind.is_value();

    let clashes = Clashes::find(claim, passage, &borne_out);
    let is_clash =
        clashes.number || clashes.year || clashes.date || clashes.alternative || clashes.antonym;
    let (claim_negated, passage_negated) = (claim.is_negated, denies(claim, passage));
    let differs = claim_negated != passage_negated;
    // all of the predicate is borne out but the words that clash
    let missing = content().filter(|(at, _, found)| in_predicate(*at) && *found < 0.5).count();
    let sole = is_clash && missing <= clashes.words && predicate >= 0.5;
    let exclusive = claim.is_exclusive && !passage.is_exclusive;
    let superlative = claim.has_superlative && !passage.has_superlative;
    let roles = swapped(claim, passage);

    let as_number = |flag: bool| f64::from(u8::from(flag));
    let differing = as_number(differs);
    let features = [
        coverage,
        predicate,
        predicate * predicate,
        as_number(predicate >= 0.999),
        subject,
        content().next_back().map_or(0.0, |(.., found)| found),
        sum(&name, true),
        sum(&name, false),
        sum(&plain, true),
        sum(&plain, false),
        as_number(sum(&plain, true) > 0.0),
        sum(&value, true),
        sum(&value, false),
        as_number(clashes.number),
        as_number(clashes.year),
        as_number(clashes.date),
        as_number(clashes.alternative),
        as_number(clashes.antonym),
        as_number(claim_negated && !passage_negated),
        as_number(passage_negated && !claim_negated),
        as_number(claim_negated && passage_negated),
        differing * predicate,
        as_number(claim_negated && differs) * predicate,
        as_number(exclusive),
        as_number(superlative),
        as_number(claim.has_comparative && !passage.has_comparative),
        pairs(claim, passage),
        longest_run(claim, passage),
        gap(claim, passage, &borne_out),
        as_number(sole),
        as_number(is_clash) * predicate,
        as_number(roles),
        union,
    ];
    let comparative = claim.has_comparative && !passage.has_comparative;
    let mismatch = if differs && predicate >= 0.5 && !is_clash {
        Some(Mismatch::Negation)
    } else if clashes.date || clashes.year {
        Some(Mismatch::Date)
    } else if clashes.number {
        Some(if clashes.unit { Mismatch::Unit } else { Mismatch::Number })
    } else if clashes.antonym {
        Some(Mismatch::Antonym)
    } else if clashes.alternative {
        Some(Mismatch::Name)
    } else if missing == 0 {
        // all words are there, so these are what makes the difference
        [
            (superlative, Mismatch::Superlative),
            (comparative, Mismatch::Comparative),
            (roles, Mismatch::Roles),
        ]
        .into_iter()
        .find_map(|(differs, mismatch)| differs.then_some(mismatch))
    } else {
        Some(Mismatch::Novel)
    };
    let found: f64 = content().map(|(.., found)| found).sum();
    let without_clashes = content().count().saturating_sub(clashes.words);
    let is_on_topic = found > 0.0 && 2.0 * found >= without_clashes as f64;
    Comparison { features, borne_out, mismatch, is_on_topic }
}

/// How many words behind a negation it reaches.
const NEGATION_REACH: usize = 6;

/// Whether the passage denies something that the claim's predicate speaks of.
fn denies(claim: &Reading, passage: &Reading) -> bool {
    let predicate = claim.words.get(claim.predicate..).unwrap_or_default();
    let is_spoken_of = |other: &Word| {
        let content = predicate.iter().filter(|word| word.kind.is_content());
        content.into_iter().any(|word| likeness(claim, word, passage, other) >= 0.8)
    };
    let negations = passage.words.iter().enumerate();
    negations.filter(|(_, word)| word.kind == Kind::Negation).any(|(at, _)| {
        let reach = passage.words.iter().skip(at + 1).take(NEGATION_REACH);
        reach.into_iter().any(is_spoken_of)
    })
}

/// Words of the claim for which the passage has another of the same kind.
#[derive(Default)]
struct Clashes {
    number: bool,
    unit: bool,
    year: bool,
    date: bool,
    alternative: bool,
    antonym: bool,
    /// How many words of the claim clash.
    words: usize,
}

impl Clashes {
    fn find(claim: &Reading, passage: &Reading, borne_out: &[f64]) -> Clashes {
        let mut clashes = Clashes::default();
        // a value of the passage that the claim has too answers for itself
        let is_free = |other: &&Word| {
            !claim.words.iter().any(|word| likeness(claim, word, passage, other) >= 1.0)
        };
        let free: Vec<&Word> = passage.words.iter().filter(is_free).collect();
        let kind_of = |word: &Word| KNOWLEDGE.alternatives(word.entry);
        for (word, found) in claim.words.iter().zip(borne_out) {
            if !word.kind.is_content() || *found >= 0.8 {
                continue;
            }
            let others = || free.iter().filter(|other| other.kind == word.kind);
            let clash = match word.kind {
                Kind::Year => others().count() > 0 && mark(&mut clashes.year),
                Kind::Decade => {
                    free.iter().any(|o| matches!(o.kind, Kind::Year | Kind::Decade))
                        && mark(&mut clashes.year)
                }
                Kind::Month | Kind::Date | Kind::Day => {
                    others().count() > 0 && mark(&mut clashes.date)
                }
                Kind::Number => {
                    let same = others().any(|other| same_unit(word, other));
                    let of_other_unit = others().any(|other| other.value == word.value);
                    clashes.unit |= of_other_unit && !same;
                    (same || of_other_unit) && mark(&mut clashes.number)
                }
                _ => {
                    let antonym = |other: &Word| {
                        KNOWLEDGE.relation(word.entry, other.entry) == Some(Relation::Antonym)
                            || turned_round(claim.stem(word), passage.stem(other))
                    };
                    let kind = kind_of(word);
                    let alternative = |other: &Word| kind.is_some() && kind_of(other) == kind;
                    if free.iter().any(|other| antonym(other)) {
                        mark(&mut clashes.antonym)
                    } else {
                        free.iter().any(|other| alternative(other))
                            && mark(&mut clashes.alternative)
                    }
                }
            };
            clashes.words += usize::from(clash);
        }
        clashes
    }
}

fn mark(flag: &mut bool) -> bool {
    *flag = true;
    true
}

/// Whether one is the other behind a prefix that turns it round.
fn turned_round(a: &str, b: &str) -> bool {
    let is = |long: &str, short: &str| {
        short.len() > 3
            && super::words::PREFIXES.iter().any(|prefix| long.strip_prefix(prefix) == Some(short))
    };
    is(a, b) || is(b, a)
}

/// The share of the claim's neighbouring words that are neighbours in the
/// passage too.
fn pairs(claim: &Reading, passage: &Reading) -> f64 {
    let total = claim.words.len().saturating_sub(1);
    if total == 0 {
        return 0.0;
    }
    let same = |a: &Word, b: &Word| a.stem == b.stem;
    let found = claim.words.windows(2).filter(|pair| match pair {
        [a, b] => passage.words.windows(2).any(|other| match other {
            [c, d] => same(a, c) && same(b, d),
            _ => false,
        }),
        _ => false,
    });
    found.count() as f64 / total as f64
}

/// The longest run of words that both have, as a share of the claim.
fn longest_run(claim: &Reading, passage: &Reading) -> f64 {
    if claim.words.is_empty() {
        return 0.0;
    }
    // one row of the table of runs that end at (claim, passage)
    let mut row = vec![0_usize; passage.words.len() + 1];
    let mut longest = 0;
    for word in &claim.words {
        let mut before = 0;
        for (other, slot) in passage.words.iter().zip(row.iter_mut().skip(1)) {
            let run = if word.stem == other.stem { before + 1 } else { 0 };
            before = std::mem::replace(slot, run);
            longest = longest.max(run);
        }
    }
    longest as f64 / claim.words.len() as f64
}

/// How many other words stand among those of the passage that bear out the
/// predicate, at most 20, in twentieths.
fn gap(claim: &Reading, passage: &Reading, borne_out: &[f64]) -> f64 {
    let mut wanted: Vec<u64> = claim
        .words
        .iter()
        .zip(borne_out)
        .skip(claim.predicate)
        .filter(|(word, found)| word.kind.is_content() && **found >= 1.0)
        .map(|(word, _)| word.stem)
        .filter(|stem| passage.words.iter().any(|word| word.stem == *stem))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.len() < 2 {
        return 0.0;
    }
    // the shortest stretch that has them all: where each was seen last
    let mut last = vec![None; wanted.len()];
    let mut shortest = usize::MAX;
    for (at, word) in passage.words.iter().enumerate() {
        let Ok(place) = wanted.binary_search(&word.stem) else { continue };
        if let Some(slot) = last.get_mut(place) {
            *slot = Some(at);
        }
        if let Some(first) = last.iter().copied().min().flatten() {
            shortest = shortest.min(at + 1 - first - wanted.len());
        }
    }
    shortest.min(20) as f64 / 20.0
}

/// Whether two names of the claim stand in the passage the other way round,
/// with a word between them that both have.
fn swapped(claim: &Reading, passage: &Reading) -> bool {
    let names =
        || claim.words.iter().enumerate().filter(|(at, word)| word.kind == Kind::Name || *at == 0);
    let place = |word: &Word| passage.words.iter().position(|other| other.stem == word.stem);
    for (at, first) in names() {
        for (behind, second) in names().filter(|(behind, _)| *behind > at + 1) {
            let (Some(a), Some(b)) = (place(first), place(second)) else { continue };
            if a <= b + 1 {
                continue;
            }
            let between = claim.words.get(at + 1..behind).unwrap_or_default();
            let theirs = passage.words.get(b + 1..a).unwrap_or_default();
            let shares = between.iter().any(|word| {
                word.kind == Kind::Plain && theirs.iter().any(|other| other.stem == word.stem)
            });
            let passive = theirs.iter().any(|word| word.kind == Kind::Function)
                != between.iter().any(|word| word.kind == Kind::Function);
            if shares && !passive {
                return true;
            }
        }
    }
    false
}
