//! `examples/gate.c` against the static library and against the shared one, and under
//! the address sanitizer.

use std::path::{Path, PathBuf};
use std::process::Command;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// What it prints; the claim and its end are where the text says.
const EXPECTED: &str = "\
released: The first ferry sails at 6:30.
released:  A crossing takes 40 minutes.
halted: {\"channel\":\"content\",\"check\":\"facts\",\"choice\":0,\"code\":\"hard_limit\",\"end\":112,\
\"finding\":\"contradicted\",\"index\":2,\"limit\":0.5,\"reason\":\"hard_limit (0.3827 < 0.5)\",\
\"start\":59,\"value\":0.382749099}
replayed: [{\"check\":\"facts\",\"code\":\"hard_limit\",\"choice\":0,\"channel\":\"content\",\"index\":2,\
\"start\":59,\"end\":112,\"finding\":\"contradicted\",\"value\":0.382749099,\"limit\":0.5,\
\"reason\":\"hard_limit (0.3827 < 0.5)\"}]
";

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
