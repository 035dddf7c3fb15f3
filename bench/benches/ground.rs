//! What a search among facts costs: the five best of 100 000 passages for a
//! claim of 20 words, as many claims as make a 99th percentile, beside the
//! `bm25` crate on the same passages and claims. It also says what it costs to
//! make, save and load the store.
//!
//! Run with `cargo bench -p tidegate-bench --bench ground`. Words are drawn by
//! Zipf's law from a seeded generator, so that, as in prose, few words are in
//! most passages and most words in few. There are two kinds of claim: words
//! drawn as those of the passages are, and a passage of which every third word
//! is another, which is what a claim that a passage speaks to is like.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark with bad data should die"
)]

use std::hint::black_box;
use std::time::Instant;

use bm25::{Document, Language, SearchEngineBuilder};
use tidegate_ground::{Facts, FactsFormat};

const PASSAGES: usize = 100_000;
const CLAIM_WORDS: usize = 20;
const VOCABULARY: usize = 50_000;
const TOP: usize = 5;
const CLAIMS: usize = 2000;
/// The peer is slow: fewer claims.
const PEER_CLAIMS: usize = 50;

fn main() {
    let mut random = Random(1);
    let zipf = Zipf::new();
    let passages: Vec<Vec<usize>> = (0..PASSAGES)
        .map(|_| (0..5 + random.below(30)).map(|_| zipf.word(&mut random)).collect())
        .collect();
    let texts: Vec<String> = passages.iter().map(|words| spell(words)).collect();
    let drawn: Vec<String> = (0..CLAIMS)
        .map(|_| spell(&(0..CLAIM_WORDS).map(|_| zipf.word(&mut random)).collect::<Vec<_>>()))
        .collect();
    let near: Vec<String> = (0..CLAIMS)
        .map(|_| {
            let passage = &passages[random.below(PASSAGES)];
            let words = (0..CLAIM_WORDS).map(|at| match passage.get(at) {
                Some(word) if at % 3 > 0 => *word,
                _ => zipf.word(&mut random),
            });
            spell(&words.collect::<Vec<_>>())
        })
        .collect();

    let file = texts.join("\n\n");
    let mut facts = Facts::new();
    let read = timed(|| facts.read(FactsFormat::Text, "generated", file.as_bytes()).unwrap());
    assert_eq!(facts.len(), PASSAGES);
    let mut saved = Vec::new();
    let save = timed(|| saved = facts.to_bytes());
    let load = timed(|| Facts::from_bytes(&saved).unwrap());
    println!(
        "{PASSAGES} passages, {:.1} MB: read in {:.0} ms, saved in {:.0} ms, {:.1} MB, loaded in \
         {:.0} ms",
        file.len() as f64 / 1e6,
        read * 1e3,
        save * 1e3,
        saved.len() as f64 / 1e6,
        load * 1e3,
    );

    let documents = texts.iter().enumerate().map(|(id, text)| Document::new(id, text.clone()));
    let documents: Vec<_> = documents.collect();
    let start = Instant::now();
    let peer = SearchEngineBuilder::<usize>::with_documents(Language::English, documents).build();
    println!("bm25: made in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);

    println!("\ntop {TOP} for a claim of {CLAIM_WORDS} words, µs       p50      p99      max");
    for (name, claims) in [("drawn words", &drawn), ("near a passage", &near)] {
        let ours = row(name, claims, |claim| {
            black_box(facts.search(claim, TOP));
        });
        let theirs = row("  bm25", &claims[..PEER_CLAIMS], |claim| {
            black_box(peer.search(claim, TOP));
        });
        println!("  bm25 takes {:.0} times as long at p50", theirs / ours);
        // the peer reckons in 32 bits
        let same = claims[..PEER_CLAIMS].iter().filter(|claim| {
            let (ours, theirs) = (facts.search(claim, 1)[0], &peer.search(claim, 1)[0]);
            (ours.score - f64::from(theirs.score)).abs() < 1e-4 * ours.score
        });
        println!("  the best score is the same for {} of {PEER_CLAIMS} claims", same.count());
    }
}

/// Prints the percentiles and says the middle one, in µs. A claim's time is the
/// best of three: the machine is shared, and its other work is not measured.
fn row(name: &str, claims: &[String], mut search: impl FnMut(&str)) -> f64 {
    let mut best = |claim: &String| {
        (0..3).map(|_| timed(|| search(claim)) * 1e6).fold(f64::INFINITY, f64::min)
    };
    let mut times: Vec<f64> = claims.iter().map(&mut best).collect();
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!("{name:40} {:8.0} {:8.0} {:8.0}", at(0.5), at(0.99), at(1.0));
    at(0.5)
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64()
}

/// Knuth's MMIX constants; only the high bits are used.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f64) as usize
    }
}

/// The word of rank n is drawn as often as 1/n says.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new() -> Zipf {
        let mut sum = 0.0;
        let sums = (1..=VOCABULARY).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        Zipf(sums.collect())
    }

    fn word(&self, random: &mut Random) -> usize {
        let at = random.unit() * self.0[VOCABULARY - 1];
        self.0.partition_point(|sum| *sum <= at)
    }
}

/// A word for each number, that no stemmer changes and no list of stop words has.
fn spell(words: &[usize]) -> String {
    let word = |number: &usize| {
        let mut rest = number + VOCABULARY;
        let mut word = String::new();
        while rest > 0 {
            word.push(char::from(b"bcdfgklmnprtvz"[rest % 14]));
            word.push(char::from(b"aou"[rest / 14 % 3]));
            rest /= 42;
        }
        word
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}
