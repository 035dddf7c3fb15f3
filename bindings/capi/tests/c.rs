//! `examples/gate.c` against the static library and against the shared one, and under
//! the address sanitizer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// What it prints, here and in WebAssembly.
const EXPECTED: &str = include_str!("../examples/gate.expected");

/// Builds the libraries as a user does, in the profile of this test; the one with this
/// ending.
fn library(ending: &str) -> PathBuf {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--lib", "--message-format", "json", "--profile", profile])
        .current_dir(HERE)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).unwrap();
    let artifacts = messages.lines().map(|line| serde_json::from_str(line).unwrap());
    let of_this = |message: serde_json::Value| {
        let files = message["filenames"]
            .as_array()
            .filter(|_| message["target"]["name"] == "tidegate_capi");
        files.cloned().unwrap_or_default()
    };
    let mut files = artifacts.flat_map(of_this).map(|file| PathBuf::from(file.as_str().unwrap()));
    files.find(|file| file.extension().is_some_and(|it| it == ending)).expect("no such library")
}

fn compiled(name: &str, args: &[&str], library: &Path) -> Command {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let compiled = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"])
        .args(args)
        .arg(format!("-I{HERE}/include"))
        .arg(format!("{HERE}/examples/gate.c"))
        .arg(library)
        .args(["-lpthread", "-ldl", "-lm", "-o"])
        .arg(&program)
        .output()
        .expect("this test needs `cc`: install gcc");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let mut run = Command::new(program);
    run.env("LD_LIBRARY_PATH", library.parent().unwrap());
    run
}

fn check(mut run: Command) {
    let ran = run.output().unwrap();
    let (printed, said) =
        (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && said.is_empty(), "{}: {printed}{said}", ran.status);
    assert_eq!(printed, EXPECTED);
}

#[test]
fn static_library() {
    check(compiled("gate-static", &[], &library("a")));
}

#[test]
fn shared_library() {
    check(compiled("gate-shared", &[], &library("so")));
}

/// Nothing is written or read where it should not be, used after it was given back, or
/// left behind.
#[test]
fn address_sanitizer() {
    let args = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    check(compiled("gate-sanitized", &args, &library("a")));
}
