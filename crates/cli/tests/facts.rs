//! `tidegate facts`: a store is made, changed, looked into and used.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[allow(dead_code, reason = "other tests use more of it")]
mod common;

use common::{Scratch, run};

#[test]
fn a_store_is_kept_and_used() {
    let scratch = Scratch::new("facts");
    let store = scratch.path("s.facts");
    let hours = scratch.file("hours.md", "# Museum\n\nIt opens at 9. It closes at 5.\n");
    let prices = scratch.file("prices.csv", "text,heading\nA ticket costs 12 euros.,Prices\n");
    let ran = run(&["facts", &store, "--add", &hours, "--add", &prices]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    assert_eq!(ran.stdout, format!("       2  {hours}\n       1  {prices}\n"));

    let ran = run(&["facts", &store, "--find", "What does a ticket cost?"]);
    assert!(
        ran.stdout.contains(&format!("{prices}:2  A ticket costs 12 euros.")),
        "{}",
        ran.stdout
    );
    let ran = run(&["facts", &store, "--find", "tickets", "--format", "json"]);
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&found["passage"], &found["heading"]), (&2.into(), &"Prices".into()));

    // a file that changed takes the place of what it was
    scratch.file("hours.md", "# Museum\n\nIt opens at 10.\n");
    let ran = run(&["facts", &store, "--add", &hours, "--delete", &prices]);
    assert_eq!(ran.stdout, format!("       1  {hours}\n"));

    let answer = scratch.file("a.txt", "The museum opens at 9.");
    let ran = run(&["run", &answer, "--facts", &store, "--framing", "text"]);
    assert_eq!((ran.code, &*ran.stdout), (1, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("says: It opens at 10;"), "{}", ran.stderr);
}

#[test]
fn bad_stores_are_named_and_nothing_is_half_written() {
    let scratch = Scratch::new("facts-bad");
    let text = scratch.file("a.txt", "One. Two.");
    let binary = scratch.file("b.txt", b"a\0b");
    let empty = scratch.file("c.md", "---\n");
    let store = scratch.path("s.facts");
    assert_eq!(run(&["facts", &store, "--add", &text]).code, 0);
    let before = std::fs::read(&store).unwrap();
    let check = |args: &[&str], expected: &str| {
        let ran = run(args);
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{expected:?} in {}", ran.stderr);
        assert_eq!(std::fs::read(&store).unwrap(), before);
        assert_eq!(scratch.names(), ["a.txt", "b.txt", "c.md", "s.facts"]);
    };
    check(&["facts", &store, "--add", &binary], "not text: there is a NUL at byte 1");
    check(&["facts", &store, "--add", &text, "--add", &empty], "no passage");
    check(&["facts", &store, "--delete", "b.txt"], "there is no source `b.txt`");
    check(&["facts", &text, "--add", &text], "only a `.facts` file can be changed");
    check(&["facts", &scratch.path("none.facts")], "none.facts");
    check(&["facts", &scratch.path("x.pdf")], "not a name of facts");
}

/// A file over the limit is refused before it is all read.
#[test]
fn a_file_of_a_gigabyte_is_refused() {
    let scratch = Scratch::new("facts-large");
    let path = scratch.file("large.txt", "");
    // a hole: it takes no room on the disk
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
    let ran = run(&["facts", &path]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("over 268435456 bytes"), "{}", ran.stderr);
}
