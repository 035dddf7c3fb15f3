//! Text rules on what models really said: the texts of every recorded stream
//! and of every fixture, with keys and addresses planted in them, through the
//! whole library in all cuts. No leak, equality and progress, against the
//! `regex` crate on the whole text.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

#[path = "../../text/tests/oracle/mod.rs"]
mod oracle;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oracle::{Cuts, Oracle, Random, check_cuts, check_runs};
use serde_json::Value;
use tidegate::Channel;
use tidegate_text::library::LIBRARY;
use tidegate_text::{AUTOMATON_BYTES_MAX, Action, Rule, Rules, View};
use tidegate_wire::{Framing, Item, Limits, Wire};

/// Two-way cuts of a longer text are spread over it.
const CUTS: Cuts = Cuts { two_way_most: 300, random: 200 };
/// A text is looked at in stretches of so many bytes.
const STRETCH_BYTES: usize = 2000;

struct Library {
    rules: Arc<Rules>,
    oracle: Oracle,
}

impl Library {
    fn new() -> Library {
        let rule = |rule: &tidegate_text::library::LibraryRule| Rule {
            checksum: rule.checksum,
            action: Action::Mask("[redacted]".to_string()),
            ..Rule::regex(rule.regex)
        };
        let rules: Vec<Rule> = LIBRARY.iter().map(rule).collect();
        let oracle = Oracle::new(&rules);
        Library { rules: Arc::new(Rules::new(&rules, AUTOMATON_BYTES_MAX).unwrap()), oracle }
    }

    /// How many matches there were.
    fn check(&self, text: &str) -> usize {
        let mut rest = text;
        let mut matches = 0;
        while !rest.is_empty() {
            let (stretch, behind) = rest.split_at(rest.floor_char_boundary(STRETCH_BYTES));
            rest = behind;
            check_cuts(&self.rules, &self.oracle, stretch, CUTS);
            matches += self.oracle.whole(stretch).rejected.len();
        }
        matches
    }

    /// Arguments of a tool: the same in every cut, JSON if they were, and what
    /// is planted is gone.
    fn check_json(&self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let (stretch, behind) = rest.split_at(rest.floor_char_boundary(STRETCH_BYTES));
            rest = behind;
            let whole = oracle::Run::new(&self.rules, View::Json, std::iter::once(stretch));
            check_runs(&self.rules, View::Json, stretch, CUTS, &|run, cut| {
                assert_eq!((&run.shown, &run.matches), (&whole.shown, &whole.matches), "{cut}");
            });
            if serde_json::from_str::<Value>(stretch).is_ok() {
                assert!(serde_json::from_str::<Value>(&whole.shown).is_ok(), "{}", whole.shown);
            }
        }
    }
}

/// Things that must not be shown, none of them real, each with a part that no
/// text has.
fn planted() -> Vec<String> {
    let run = |letters: &str, times| letters.repeat(times);
    vec![
        format!("gh{}_{}", "p", run("aB3dE6", 6)),
        format!("AKI{}", "AZ7Q2".repeat(4).get(..17).unwrap()),
        "planted.one@example.org".to_string(),
        "4111 1111 1111 1111".to_string(),
        "DE89370400440532013000".to_string(),
        format!(
            "-----BEGIN {0}-----\n{1}\n{1}\n-----END {0}-----",
            "PRIVATE KEY",
            run("MIIEvQ", 10)
        ),
        format!("sk-{}-{}", "ant", run("qW4eR5", 12)),
    ]
}

/// The text with something planted every 300 bytes or so, between words.
fn plant(text: &str, random: &mut Random) -> String {
    let planted = planted();
    let mut out = String::new();
    let mut rest = text;
    loop {
        let at = rest.floor_char_boundary(100 + random.below(400));
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        out.push(' ');
        out.push_str(&planted[random.below(planted.len())]);
        out.push(' ');
        if tail.is_empty() {
            return out;
        }
        rest = tail;
    }
}

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("TIDEGATE_DATA").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = folder.unwrap_or_else(beside).join("streams");
    folder.is_dir().then_some(folder)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What a stream says, by choice and channel.
fn texts(bytes: &[u8]) -> BTreeMap<(u32, Channel), String> {
    let mut texts: BTreeMap<(u32, Channel), String> = BTreeMap::new();
    let mut note = |item: Item<'_>| {
        if let Item::Delta(delta) = item {
            texts.entry((delta.choice, delta.channel)).or_default().push_str(delta.text);
        }
    };
    let mut wire = Wire::new(Framing::Auto, Limits::default());
    wire.push(bytes, &mut note);
    wire.finish(&mut note);
    texts
}

fn check_all(library: &Library, texts: impl Iterator<Item = (Channel, String)>) -> (usize, usize) {
    let mut random = Random(5);
    let (mut count, mut matches) = (0, 0);
    for (channel, text) in texts {
        count += 1;
        if matches!(channel, Channel::Tool(_)) {
            library.check_json(&text);
        } else {
            library.check(&text);
        }
        matches += library.check(&plant(&text, &mut random));
    }
    (count, matches)
}

#[test]
fn recorded_streams() {
    let Some(folder) = data() else {
        println!("no recorded streams: set TIDEGATE_DATA to their folder");
        return;
    };
    let library = Library::new();
    let files = files(&folder, "txt");
    let all = files.iter().flat_map(|path| texts(&fs::read(path).unwrap()));
    let (count, matches) = check_all(&library, all.map(|((_, channel), text)| (channel, text)));
    println!("{} streams, {count} texts, {matches} matches", files.len());
    assert!(files.len() >= 80 && count >= 80 && matches >= 200);
}

#[test]
fn fixtures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let library = Library::new();
    let mut all = Vec::new();
    for path in files(&folder, "json") {
        let case: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for step in case["steps"].as_array().into_iter().flatten() {
            let channel = step["channel"].as_str().unwrap_or("content");
            if let Some(text) = step["push"].as_str() {
                // a very long push is one thing to try, not hundreds
                let text = &text[..text.floor_char_boundary(4000)];
                all.push((channel.parse().unwrap(), text.to_string()));
            }
        }
        if let Some(stream) = case["stream"].as_str() {
            all.extend(texts(stream.as_bytes()).into_iter().map(|((_, c), text)| (c, text)));
        }
    }
    let (count, matches) = check_all(&library, all.into_iter());
    assert!(count >= 100 && matches >= 100, "{count} texts, {matches} matches");
}
