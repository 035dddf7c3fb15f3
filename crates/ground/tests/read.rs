//! What is read of each format, and what is refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use tidegate_ground::{Facts, FactsFormat, FactsLimits};
use tidegate_saved::{sealed, unsealed};

#[track_caller]
fn check(format: FactsFormat, text: &str, expect: &[(&str, &str, u32)]) {
    let mut facts = Facts::new();
    assert_eq!(facts.read(format, "file", text.as_bytes()), Ok(expect.len()));
    let found: Vec<_> =
        facts.passages().map(|p| (p.heading, p.text, p.line.unwrap_or(0))).collect();
    assert_eq!(found, expect);
}

#[track_caller]
fn refuse(format: FactsFormat, bytes: &[u8], expect: &str) {
    let mut facts = Facts::new();
    facts.add("before", "", "It was there.").unwrap();
    let error = facts.read(format, "file", bytes).unwrap_err();
    assert_eq!(error.to_string(), expect);
    assert_eq!(facts.len(), 1, "nothing half read");
}

#[test]
fn plain_text() {
    check(
        FactsFormat::Text,
        "\u{FEFF}The museum opens at 9. It closes at 5.\n\n\
         Dogs\n- cats, and\n  mice\n2. Birds. Fish.\n\
         A long line that was broken by an editor because it did not fit any\n\
         More of it.",
        &[
            ("", "The museum opens at 9.", 1),
            ("", "It closes at 5.", 1),
            ("", "Dogs", 3),
            ("", "cats, and mice", 4),
            ("", "2. Birds.", 6),
            ("", "Fish.", 6),
            (
                "",
                "A long line that was broken by an editor because it did not fit any More of it.",
                7,
            ),
        ],
    );
}

#[test]
fn markdown() {
    let text = "\
Intro with a [link](somewhere) and `code`.

# Shop

## Prices

| Thing | Price |
| --- | --- |
| Boots | 80 euros |
| Hats | |

- One item
  - Inner. It has
    two sentences.
- *Another*

```text
let a = 1;
let b = 2;
```

## Hours
Open at 9.
Closed on Mondays.

# Legal
> Quoted text.
";
    check(
        FactsFormat::Markdown,
        text,
        &[
            ("", "Intro with a link and code.", 1),
            ("Shop / Prices", "Thing: Boots; Price: 80 euros", 9),
            ("Shop / Prices", "Thing: Hats", 10),
            ("Shop / Prices", "One item", 12),
            ("Shop / Prices", "Inner.", 13),
            ("Shop / Prices", "It has two sentences.", 13),
            ("Shop / Prices", "Another", 15),
            ("Shop / Prices", "let a = 1;\nlet b = 2;", 17),
            ("Shop / Hours", "Open at 9.", 23),
            ("Shop / Hours", "Closed on Mondays.", 23),
            ("Legal", "Quoted text.", 27),
        ],
    );
}

#[test]
fn csv() {
    check(
        FactsFormat::Csv,
        "text,heading,other\n\"It opens, daily, at 9. It closes.\",Hours,x\nDogs,,\n",
        &[("Hours", "It opens, daily, at 9.", 2), ("Hours", "It closes.", 2), ("", "Dogs", 3)],
    );
    check(
        FactsFormat::Csv,
        "thing, price\nBoots,80 euros\nHats,\n",
        &[("", "thing: Boots; price: 80 euros", 2), ("", "thing: Hats", 3)],
    );
    refuse(FactsFormat::Csv, b"text,b\nx,y\nz\n", "line 3: the row has 1 fields, the header 2");
    refuse(FactsFormat::Csv, b"text\n", NO_PASSAGE);
}

const NO_PASSAGE: &str = "the facts have no passage: every claim would be unsupported";

#[test]
fn json_lines() {
    let mut facts = Facts::new();
    let text = "{\"text\":\"One. Two.\",\"heading\":\"H\",\"source\":\"other\"}\n\n\"Three\"\n";
    assert_eq!(facts.read(FactsFormat::JsonLines, "file", text.as_bytes()), Ok(3));
    let found: Vec<_> = facts.passages().map(|p| (p.source, p.heading, p.text)).collect();
    assert_eq!(found, [("other", "H", "One."), ("other", "H", "Two."), ("file", "", "Three")]);
    refuse(FactsFormat::JsonLines, b"\"a\"\n{\"txt\":1}", "line 2: there is no `text`, only `txt`");
    refuse(FactsFormat::JsonLines, b"{\"text\":1}", "line 1: `text` is not a string");
    refuse(FactsFormat::JsonLines, b"{\"text\":", "line 1: not JSON at column 8");
    refuse(FactsFormat::JsonLines, b"\n7", "line 2: neither an object nor a string");
}

#[test]
fn what_is_no_text_is_refused() {
    for format in
        [FactsFormat::Text, FactsFormat::Markdown, FactsFormat::Csv, FactsFormat::JsonLines]
    {
        refuse(format, b"", NO_PASSAGE);
        refuse(format, b"ab\0c", "the facts are not text: there is a NUL at byte 2");
        refuse(format, b"ab\xffc", "the facts are not UTF-8 at byte 2");
    }
    refuse(FactsFormat::Text, b" \n---\n", NO_PASSAGE);
    refuse(FactsFormat::Saved, b"ab", "not a file of saved facts: it begins otherwise");
    let error = Facts::new().add("", "", "…").unwrap_err();
    assert!(error.is_empty() && !error.is_too_large() && !error.is_not_text());
    assert!(Facts::new().add("", "", "a\0").unwrap_err().is_not_text());
}

#[test]
fn limits_hold() {
    let limits = FactsLimits { bytes_max: 20, passages_max: 2, passage_bytes_max: 12 };
    let mut facts = Facts::with_limits(limits);
    let error = facts.read(FactsFormat::Text, "", b"one two three four five").unwrap_err();
    assert_eq!(error.to_string(), "the facts have 23 bytes: at most 20 are taken");
    let error = facts.read(FactsFormat::Text, "", b"One. Two. Three.").unwrap_err();
    assert_eq!(error.to_string(), "the facts have more than 2 passages");
    let error = facts.add("", "", "one two three").unwrap_err();
    assert_eq!(error.to_string(), "the facts have 13 bytes: at most 12 are taken");
    assert!(facts.is_empty());
    assert_eq!(facts.read(FactsFormat::Text, "", b"one two three four"), Ok(2));
    let found: Vec<_> = facts.passages().map(|p| p.text).collect();
    assert_eq!(found, ["one two", "three four"], "a long sentence is cut");
    let full = facts.add("", "", "five").unwrap_err();
    assert!(full.is_too_large());
}

/// Every byte of a saved file matters, and no change of one makes it panic.
#[test]
fn a_damaged_file_is_refused() {
    let mut facts = Facts::new();
    facts.read(FactsFormat::Text, "a", b"One two. Two three. Four.").unwrap();
    facts.delete_source("none");
    let file = facts.to_bytes();
    assert_eq!(Facts::from_bytes(&file).unwrap().len(), 3);
    for at in 0..file.len() {
        assert!(Facts::from_bytes(&file[..at]).unwrap_err().is_damaged(), "cut at {at}");
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(Facts::from_bytes(&changed).unwrap_err().is_damaged(), "changed at {at}");
    }
    let mut longer = file.clone();
    longer.push(0);
    assert!(Facts::from_bytes(&longer).unwrap_err().is_damaged());
    let few = FactsLimits { passages_max: 2, ..FactsLimits::default() };
    assert!(Facts::from_bytes_within(&file, few).unwrap_err().is_too_large());
}

/// A forger can make the checksum right: what is inside is looked at all the same.
#[test]
fn a_forged_file_never_panics() {
    let mut facts = Facts::new();
    facts.read(FactsFormat::Text, "a", b"One two. Two three. Four.").unwrap();
    let file = facts.to_bytes();
    const NAME: &[u8] = b"tidegate facts 1\n";
    let content = unsealed(NAME, &file).unwrap();
    let mut taken = 0;
    for at in 0..content.len() {
        for value in [0, 1, 2, 0x7f, 0x80, 0xff] {
            let mut forged = content.to_vec();
            forged[at] = value;
            let forged = sealed(NAME, &forged);
            if let Ok(mut facts) = Facts::from_bytes(&forged) {
                taken += 1;
                let ids: Vec<_> =
                    facts.search("one two three four", 3).iter().map(|h| h.id).collect();
                for id in ids {
                    facts.get(id).unwrap();
                    facts.delete(id);
                }
                facts.add("", "", "one two").unwrap();
                assert_eq!(facts.search("one", 1).len(), 1);
            }
        }
    }
    assert!(taken > 0, "a letter may be another");
}
