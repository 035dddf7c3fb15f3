//! `tidegate compile`: what is compiled decides the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[allow(dead_code, reason = "other tests use more of it")]
mod common;

use common::{Scratch, run};

const POLICY: &str = "version = 1\n[[text]]\nname = \"keys\"\nuse = [\"secrets\"]\naction = \"mask\"\n\
    [[text]]\nname = \"open\"\nregex = \"<a.*b>\"\naction = \"mask\"\n";
const ANSWER: &str = "The key is AKIAIOSFODNN7EXAMPLQ, ok?";

#[test]
fn a_compiled_policy_decides_the_same_and_so_does_its_trace() {
    let scratch = Scratch::new("compile");
    let policy = scratch.file("p.toml", POLICY);
    let compiled = scratch.path("p.tgp");
    let ran = run(&["compile", &policy]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    let bytes = std::fs::read(&compiled).unwrap();
    assert!(ran.stdout.contains("note: the check `open` can hold back text without bound"));
    assert!(ran.stdout.ends_with(&format!("{compiled}: {} bytes\n", bytes.len())));

    let answer = scratch.file("a.txt", ANSWER);
    let (trace, other) = (scratch.path("1.trace"), scratch.path("2.trace"));
    let run_with = |policy: &str, trace: &str| {
        let ran = run(&["run", &answer, "--policy", policy, "--framing", "text", "--trace", trace]);
        // notes on the policy are for those who compile it
        let told = ran.stderr.lines().filter(|line| !line.starts_with("note: ")).map(String::from);
        (ran.code, ran.stdout, told.collect::<Vec<_>>(), std::fs::read_to_string(trace).unwrap())
    };
    let first = run_with(&policy, &trace);
    assert!(first.1.starts_with("The key is ") && !first.1.contains("AKIA"), "{}", first.1);
    assert_eq!(run_with(&compiled, &other), first);
    assert_eq!(run(&["replay", &other]).code, 0);

    let ran = run(&["validate", &compiled]);
    assert_eq!((ran.code, ran.stdout), (0, format!("{compiled}: valid, 2 checks\n")));
    // again, and elsewhere
    let elsewhere = scratch.path("q.tgp");
    assert_eq!(run(&["compile", &compiled, "-o", &elsewhere]).code, 0);
    assert_eq!(std::fs::read(elsewhere).unwrap(), bytes);
}

#[test]
fn what_cannot_be_compiled_or_loaded_is_named_and_nothing_is_written() {
    let scratch = Scratch::new("compile-bad");
    let policy = scratch.file("p.toml", POLICY);
    let wrong =
        scratch.file("wrong.toml", "version = 1\n[[text]]\nregex = \"(\"\naction = \"mask\"\n");
    let cut = scratch.path("cut.tgp");
    assert_eq!(run(&["compile", &policy, "--output", &cut]).code, 0);
    let mut bytes = std::fs::read(&cut).unwrap();
    bytes.pop();
    std::fs::write(&cut, &bytes).unwrap();
    let check = |args: &[&str], expected: &str| {
        let ran = run(args);
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{expected:?} in {}", ran.stderr);
        assert_eq!(scratch.names(), ["cut.tgp", "p.toml", "wrong.toml"]);
    };
    check(&["compile", &wrong], "the expression cannot be read");
    check(
        &["compile", &policy, "-o", &scratch.path("p.bin")],
        "not a compiled policy's name: expected `.tgp`",
    );
    check(&["compile", &scratch.path("none.toml")], "none.toml");
    check(&["validate", &cut], "cut.tgp: this is no compiled policy: its checksum differs");
    check(&["run", &policy, "--policy", &cut], "its checksum differs");
}
