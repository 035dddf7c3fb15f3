//! `include/tidegate.h` says what the sources say, and C and C++ take it.
//!
//! `UPDATE_EXPECT=1` rewrites it; read the diff.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Where the functions are, beside what cbindgen finds from here by itself.
const SOURCES: [&str; 3] = ["src/lib.rs", "../abi/src/lib.rs", "../kernel/src/lib.rs"];

fn header() -> PathBuf {
    Path::new(HERE).join("include/tidegate.h")
}

fn generate() -> String {
    let config = cbindgen::Config::from_file(Path::new(HERE).join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in SOURCES {
        builder = builder.with_src(Path::new(HERE).join(file));
    }
    let mut written = Vec::new();
    builder.generate().unwrap().write(&mut written);
    // links of rustdoc mean nothing in C
    String::from_utf8(written).unwrap().replace("[`", "`").replace("`]", "`")
}

#[test]
fn the_header_is_that_of_the_sources() {
    let generated = generate();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(header(), &generated).unwrap();
    }
    let kept = fs::read_to_string(header()).unwrap();
    assert!(
        kept == generated,
        "include/tidegate.h is not that of the sources: run this test with UPDATE_EXPECT=1"
    );
}

/// The functions that sources give to C, by name.
fn exported() -> Vec<String> {
    let mut names = Vec::new();
    for file in SOURCES {
        let source = fs::read_to_string(Path::new(HERE).join(file)).unwrap();
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if line == "#[unsafe(no_mangle)]" {
                let declared = lines.next().unwrap();
                let name = declared.strip_prefix("pub extern \"C\" fn ").expect(declared);
                names.push(name.split('(').next().unwrap().to_string());
            }
        }
    }
    names
}

/// What cbindgen does not understand it leaves out, without a word.
#[test]
fn nothing_is_left_out() {
    let header = fs::read_to_string(header()).unwrap();
    let exported = exported();
    assert!(exported.len() >= 40, "only {} functions", exported.len());
    for name in exported {
        assert!(
            header.contains(&format!(" {name}(")) || header.contains(&format!("*{name}(")),
            "{name}"
        );
    }
    for file in [&SOURCES[..], &["../abi/src/memory.rs", "src/gate.rs"]].concat() {
        let source = fs::read_to_string(Path::new(HERE).join(file)).unwrap();
        for name in source.lines().filter_map(|line| line.strip_prefix("pub const TG_")) {
            let name = name.split(':').next().unwrap();
            assert!(header.contains(&format!("#define TG_{name} ")), "TG_{name}");
        }
    }
}

#[test]
fn c_and_cpp_take_the_header() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join("header.c");
    // twice: the guard
    fs::write(
        &source,
        "#include <tidegate.h>\n#include <tidegate.h>\nint main(void) { return 0; }\n",
    )
    .unwrap();
    for (language, standard) in [("c", "-std=c11"), ("c++", "-std=c++17")] {
        let checked = Command::new("cc")
            .args(["-x", language, standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .arg("-fsyntax-only")
            .arg(format!("-I{HERE}/include"))
            .arg(&source)
            .output()
            .expect("this test needs `cc`: install gcc and g++");
        assert!(
            checked.status.success(),
            "{language}:\n{}",
            String::from_utf8_lossy(&checked.stderr)
        );
    }
}
