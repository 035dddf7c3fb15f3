//! An inverted index and its ranking, BM25.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use crate::text::Terms;

/// How soon more occurrences of a word stop to matter.
const K1: f64 = 1.2;
/// How much the length of a passage matters.
const B: f64 = 0.75;

/// Which passages have which stems.
///
/// The rank of a passage d for a query q, over the stems t of q, each as often as
/// it occurs there, is
///
/// Σ idf(t) · tf(t, d) · (k1 + 1) / (tf(t, d) + k1 · (1 − b + b · |d| / avg|d|)),
///
/// idf(t) = ln(1 + (N − n(t) + 0.5) / (n(t) + 0.5)), with k1 = 1.2 and b = 0.75:
/// Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
/// Beyond", 2009. N is the number of passages, n(t) of those with t, |d| the
/// number of stems in d.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(crate) numbers: HashMap<Box<str>, u32>,
    pub(crate) stems: Vec<Postings>,
    /// The number of stems in each passage, by its number; 0 if it was deleted.
    pub(crate) lengths: Vec<u32>,
    /// The sum of the lengths.
    pub(crate) total: u64,
    /// How many passages there are.
    pub(crate) live: u32,
    /// No passage is shorter.
    pub(crate) shortest: u32,
}

/// Where a stem occurs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Postings {
    /// Passages that have it, first to last; among them some that were deleted.
    pub(crate) passages: Vec<u32>,
    /// How often each of them has it.
    pub(crate) counts: Vec<u16>,
    /// The greatest of the counts, of deleted passages too.
    pub(crate) count_max: u16,
    /// How many of the passages are not deleted.
    pub(crate) live: u32,
}

impl Postings {
    pub(crate) fn push(&mut self, passage: u32, count: u16) {
        self.passages.push(passage);
        self.counts.push(count);
        self.count_max = self.count_max.max(count);
        self.live += 1;
    }
}

/// The stems of a text and how often each occurs.
pub(crate) fn count(terms: &mut Terms, texts: &[&str]) -> HashMap<Box<str>, u16> {
    let mut counts: HashMap<Box<str>, u16> = HashMap::new();
    for text in texts {
        terms.each(text, |stem| {
            if let Some(count) = counts.get_mut(stem) {
                *count = count.saturating_add(1);
            } else {
                counts.insert(stem.into(), 1);
            }
        });
    }
    counts
}

impl Index {
    /// Adds a passage behind all others.
    pub(crate) fn add(&mut self, counts: HashMap<Box<str>, u16>) {
        let passage = self.lengths.len() as u32;
        let mut length = 0;
        for (stem, count) in counts {
            length += u32::from(count);
            let next = self.stems.len() as u32;
            let number = *self.numbers.entry(stem).or_insert(next);
            if number == next {
                self.stems.push(Postings::default());
            }
            if let Some(postings) = self.stems.get_mut(number as usize) {
                postings.push(passage, count);
            }
        }
        // a passage without stems is there all the same
        let length = length.max(1);
        self.shortest = if self.lengths.is_empty() { length } else { self.shortest.min(length) };
        self.lengths.push(length);
        self.total += u64::from(length);
        self.live += 1;
    }

    /// Forgets a passage, of which these were the stems.
    pub(crate) fn delete(&mut self, passage: u32, counts: &HashMap<Box<str>, u16>) {
        let Some(length) = self.lengths.get_mut(passage as usize) else { return };
        self.total -= u64::from(*length);
        *length = 0;
        self.live -= 1;
        for stem in counts.keys() {
            let number = self.numbers.get(stem).copied().unwrap_or(u32::MAX);
            if let Some(postings) = self.stems.get_mut(number as usize) {
                postings.live -= 1;
            }
        }
        let deleted = self.lengths.len() as u64 - u64::from(self.live);
        if deleted.is_multiple_of(1024) && deleted > u64::from(self.live) {
            self.sweep();
        }
    }

    /// Drops what deleted passages have left in the postings.
    fn sweep(&mut self) {
        let lengths = &self.lengths;
        let is_live = |passage: u32| lengths.get(passage as usize).is_some_and(|n| *n > 0);
        for postings in &mut self.stems {
            if postings.live as usize == postings.passages.len() {
                continue;
            }
            let mut swept = Postings::default();
            for (passage, count) in postings.passages.iter().zip(&postings.counts) {
                if is_live(*passage) {
                    swept.push(*passage, *count);
                }
            }
            *postings = swept;
        }
    }

    fn idf(&self, with: u32) -> f64 {
        let (all, with) = (f64::from(self.live), f64::from(with));
        libm::log(1.0 + (all - with + 0.5) / (with + 0.5))
    }

    /// The best `top` passages for these stems, best first; of two that rank the
    /// same, the one that was added first.
    ///
    /// Turtle and Flood's MaxScore ("Query evaluation: strategies and
    /// optimizations", 1995): stems that together cannot lift a passage into the
    /// best are only looked up for passages that others have found.
    pub(crate) fn search(&self, stems: &HashMap<Box<str>, u16>, top: usize) -> Vec<(u32, f64)> {
        if top == 0 || self.live == 0 {
            return Vec::new();
        }
        let average = self.total as f64 / f64::from(self.live);
        let weight_of = |length: u32| K1 * (1.0 - B + B * f64::from(length) / average);
        let weight_min = weight_of(self.shortest);
        let mut cursors: Vec<Cursor<'_>> = stems
            .iter()
            .filter_map(|(stem, count)| {
                Some((self.stems.get(*self.numbers.get(stem)? as usize)?, count))
            })
            .filter(|(postings, _)| postings.live > 0)
            .map(|(postings, count)| {
                Cursor::new(postings, f64::from(*count) * self.idf(postings.live), weight_min)
            })
            .collect();
        cursors.sort_by_key(|cursor| cursor.most);
        // how much the cursors up to here can add together
        let mut reach = Vec::with_capacity(cursors.len());
        let mut sum = 0;
        for cursor in &cursors {
            sum += cursor.most;
            reach.push(sum);
        }
        let mut best: BinaryHeap<Ranked> = BinaryHeap::with_capacity(top + 1);
        let mut bar = 0;
        // the first cursor that can lift a passage over the bar with those before it
        let mut first = 0;
        loop {
            let next = cursors.iter().skip(first).filter_map(Cursor::passage).min();
            let Some(passage) = next else { break };
            let length = self.lengths.get(passage as usize).copied().unwrap_or_default();
            let weight = weight_of(length);
            let mut score = 0;
            for cursor in cursors.iter_mut().skip(first) {
                if cursor.passage() == Some(passage) {
                    score += cursor.score(weight);
                    cursor.at += 1;
                }
            }
            if length == 0 {
                continue;
            }
            let mut is_short = false;
            for (cursor, reach) in cursors.iter_mut().zip(&reach).take(first).rev() {
                if score + reach <= bar {
                    is_short = true;
                    break;
                }
                cursor.seek(passage);
                if cursor.passage() == Some(passage) {
                    score += cursor.score(weight);
                }
            }
            if is_short || best.len() == top && score <= bar {
                continue;
            }
            best.push(Ranked { score, passage });
            if best.len() > top {
                best.pop();
            }
            if best.len() == top {
                bar = best.peek().map_or(0, |worst| worst.score);
                while reach.get(first).is_some_and(|reach| *reach <= bar) {
                    first += 1;
                }
            }
        }
        let rank = |Ranked { passage, score }| (passage, score as f64 / FIXED);
        best.into_sorted_vec().into_iter().map(rank).collect()
    }
}

/// Ranks are summed as whole numbers of 1/2³²: the sum is the same in any order,
/// so that passages with the same words tie.
const FIXED: f64 = 4_294_967_296.0;

fn fixed(rank: f64) -> u64 {
    (rank * FIXED) as u64
}

/// A place in a stem's postings.
struct Cursor<'a> {
    postings: &'a Postings,
    at: usize,
    idf: f64,
    /// The most that the stem adds to any passage's rank.
    most: u64,
}

impl<'a> Cursor<'a> {
    fn new(postings: &'a Postings, idf: f64, weight_min: f64) -> Cursor<'a> {
        let count = f64::from(postings.count_max);
        let most = idf * count * (K1 + 1.0) / (count + weight_min);
        Cursor { postings, at: 0, idf, most: fixed(most) + 1 }
    }

    fn passage(&self) -> Option<u32> {
        self.postings.passages.get(self.at).copied()
    }

    fn score(&self, weight: f64) -> u64 {
        let count = f64::from(self.postings.counts.get(self.at).copied().unwrap_or_default());
        fixed(self.idf * count * (K1 + 1.0) / (count + weight))
    }

    /// Goes on to the passage, or to the first behind it.
    fn seek(&mut self, passage: u32) {
        let rest = self.postings.passages.get(self.at..).unwrap_or_default();
        // it is near, as a rule: double the step until it is passed
        let mut step = 1;
        while rest.get(step).is_some_and(|at| *at < passage) {
            step *= 2;
        }
        let window = rest.get(step / 2..rest.len().min(step + 1)).unwrap_or_default();
        self.at += step / 2 + window.partition_point(|at| *at < passage);
    }
}

/// A passage among the best; the greatest is the one to be dropped first.
#[derive(PartialEq, Eq)]
struct Ranked {
    score: u64,
    passage: u32,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.cmp(&self.score).then(self.passage.cmp(&other.passage))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
