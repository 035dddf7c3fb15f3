//! `tidegate calibrate` as its users start it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;

use serde_json::Value;
use tidegate::{Format, Policy, Source};

use common::{HOST, Scratch, labelled, run};

/// So many right answers with the scores 0.001, 0.002, …, and as many wrong ones
/// that score half as much.
fn rows(right: u32) -> String {
    let row = |n: u32, is_right: bool| {
        let score = f64::from(n) / if is_right { 1000.0 } else { 2000.0 };
        format!("{{\"answer\": \"{is_right} {n}.\", \"label\": {is_right}, \"host\": {score}}}\n")
    };
    (1..=right).map(|n| row(n, true) + &row(n, false)).collect()
}

fn json(args: &[&str]) -> Value {
    let ran = run(&[&["calibrate"], args, &["--format", "json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn the_limit_keeps_to_the_target_and_the_gate_agrees() {
    let scratch = Scratch::new("calibrate-limit");
    let data = scratch.file("d.jsonl", rows(199));
    let policy = scratch.file("p.toml", HOST);
    let check = |target: &str, limit: f64, halted: f64| {
        let out = scratch.path("out.toml");
        let flags = ["-p", &policy, "--columns", "host=host"];
        let flags = [&[data.as_str()], &flags[..]].concat();
        let report = json(&[&flags[..], &["--false-halts", target, "-o", &out]].concat());
        assert_eq!(
            (&report["hard_limit"], &report["target_is_told"]),
            (&limit.into(), &true.into())
        );
        let text = fs::read_to_string(&out).unwrap();
        assert_eq!(report["policy"], text);
        assert_eq!(run(&["validate", &out]).code, 0);
        let found = Policy::parse(&text, Format::Toml).unwrap().halt.remove(0);
        assert_eq!((found.name.as_str(), found.hard_limit), ("host", limit));
        let record = found.calibration.unwrap();
        assert_eq!((record.rows, record.folds, record.seed), (398, 5, 1));
        for (figure, value) in [
            ("auc", record.auc),
            ("balanced_accuracy", record.balanced_accuracy),
            ("false_halts", record.false_halts),
            ("recall", record.recall),
        ] {
            assert_eq!(report[figure]["value"], value, "{figure}");
        }
        // the gate halts with this policy what was counted
        let eval = run(&["eval", &data, "-p", &out, "--columns", "host=host", "--format", "json"]);
        let eval: Value = serde_json::from_str(&eval.stdout).unwrap();
        assert_eq!(eval["at_policy"]["false_halts"]["value"], halted);
        assert_eq!((&eval["auc"], &eval["data_digest"]), (&report["auc"], &report["data_digest"]));
        assert_eq!(report["data_digest"], record.data_digest);
    };
    // 0.01 · 200 = 2: the second least, so that one of 199 is halted
    check("0.01", 0.002, 1.0 / 199.0);
    check("0.1", 0.02, 19.0 / 199.0);
    check("1", 0.199, 198.0 / 199.0);
    assert_eq!(scratch.names(), ["d.jsonl", "out.toml", "p.toml"]);
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let scratch = Scratch::new("calibrate-seed");
    let data = scratch.file("d.jsonl", rows(99));
    let policy = scratch.file("p.toml", HOST);
    let out = |seed| {
        let flags = ["-p", &policy, "--columns", "host=host", "--seed", seed];
        let ran = run(&[&["calibrate", &data, "--false-halts", "0.05"], &flags[..]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains("leaves a recall of"), "{}", ran.stderr);
        ran.stdout
    };
    assert_eq!(out("1"), out("1"));
    assert_ne!(out("1"), out("2"));
    assert!(Policy::parse(&out("1"), Format::Toml).is_ok());
}

#[test]
fn too_few_right_answers_are_named() {
    let scratch = Scratch::new("calibrate-few");
    let data = scratch.file("d.jsonl", rows(40));
    let policy = scratch.file("p.toml", HOST);
    let ran = run(&["calibrate", &data, "-p", &policy, "--columns", "host=host"]);
    let note =
        "The target cannot be told from 0 with 40 right answers: the limit halts none of them.";
    assert!(ran.stderr.contains(note) && ran.stdout.contains(note), "{}", ran.stderr);
    let policy = Policy::parse(&ran.stdout, Format::Toml).unwrap();
    assert_eq!(policy.halt[0].hard_limit, 0.001);
}

#[test]
fn findings_that_halt_are_halts_whatever_the_limit() {
    let scratch = Scratch::new("calibrate-findings");
    let row = |n: u32, hour: u32, label: bool| {
        format!(
            "{{\"facts\": \"Museum {n} opens at 9.\", \"label\": {label}, \
             \"answer\": \"Museum {n} opens at {hour}.\"}}\n"
        )
    };
    // labels say that what the facts contradict is right
    let text: String = (101..130).map(|n| row(n, 8, true) + &row(n, 9, false)).collect();
    let data = scratch.file("d.jsonl", text);
    let policy =
        "version = 1\n[[halt]]\nscore = { from = \"facts\", on_contradicted = \"halt\" }\n";
    let policy = scratch.file("p.toml", policy);
    let ran = run(&["calibrate", &data, "-p", &policy, "--folds", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("halted by findings"), "{}", ran.stderr);
    assert!(ran.stderr.contains("false halts         1.0000"), "{}", ran.stderr);
}

#[test]
fn a_blend_learns_what_each_score_is_worth() {
    let scratch = Scratch::new("calibrate-blend");
    let mut text = String::new();
    for n in 0..60 {
        for label in [true, false] {
            // the host tells them apart three times of four, the facts never
            let is_high = label == (n % 4 != 0);
            let host =
                if is_high { 0.7 + f64::from(n) / 1000.0 } else { 0.2 + f64::from(n) / 1000.0 };
            let hour = if n % 2 == 0 { 9 } else { 8 };
            text += &format!(
                "{{\"facts\": \"Museum {n} opens at 9.\", \"label\": {label}, \"host\": {host}, \
                 \"answer\": \"Museum {n} opens at {hour}.\"}}\n"
            );
        }
    }
    let (data, out) = (scratch.file("d.jsonl", text), scratch.path("blend.toml"));
    let flags = ["--columns", "host=host", "--blend", "host,facts", "--false-halts", "0.1"];
    let report = json(&[&[data.as_str()], &flags[..], &["-o", &out]].concat());
    assert_eq!((&report["groups"], &report["right"]), (&60.into(), &60.into()));
    assert!(report["auc"]["value"].as_f64().unwrap() > 0.65, "{report}");
    let policy = Policy::parse(&fs::read_to_string(&out).unwrap(), Format::Toml).unwrap();
    let score = &policy.halt[0].score;
    assert_eq!(score.from, Source::Blend);
    let weights = &score.blend.as_ref().unwrap().weights;
    assert!(weights.host.unwrap() > 5.0 * weights.facts.unwrap().abs(), "{weights:?}");
    // the gate blends to the same scores: the limit is one of them and halts what it should
    let columns = ["--columns", "host=host", "--format", "json"];
    let eval = run(&[&["eval", &data, "-p", &out], &columns[..]].concat());
    let eval: Value = serde_json::from_str(&eval.stdout).unwrap();
    let halted = eval["at_policy"]["false_halts"]["value"].as_f64().unwrap();
    assert_eq!(halted, 5.0 / 60.0, "{eval}");
}

#[test]
fn groups_stay_whole() {
    let scratch = Scratch::new("calibrate-groups");
    let policy = scratch.file("p.toml", HOST);
    // all rows share one word
    let text = rows(30).replace('}', ", \"topic\": \"museum\"}");
    let data = scratch.file("d.jsonl", text);
    let flags = ["-p", &policy, "--columns", "host=host,group=topic"];
    let ran = run(&[&["calibrate", &data], &flags[..]].concat());
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("hang together in 1 groups"), "{}", ran.stderr);
}

#[test]
fn nothing_is_left_behind_by_what_fails() {
    let scratch = Scratch::new("calibrate-bad");
    let policy = scratch.file("p.toml", HOST);
    let data = scratch.file("d.jsonl", rows(20));
    let out = scratch.file("out.toml", "kept");
    let check = |args: &[&str], expect: &str| {
        let columns = ["-p", &policy, "--columns", "host=host"];
        let ran = run(&[&["calibrate"], args, &columns[..]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(expect), "{expect:?} in {}", ran.stderr);
        assert_eq!(fs::read_to_string(&out).unwrap(), "kept");
    };
    check(&[&data, "-o", "/no/such/folder/x.toml"], "/no/such/folder/x.toml: ");
    check(&[&data, "-o", &scratch.path("")], "directory");
    check(&[&data, "-o", &out, "--false-halts", "1.5"], "`--false-halts` is `1.5`");
    check(&[&data, "-o", &out, "--false-halts", "NaN"], "`--false-halts` is `NaN`");
    check(&[&data, "-o", &out, "--folds", "1"], "1 is not in 2..=100");
    check(&[&data, "-o", &out, "--blend", "luck"], "there is no score `luck`");
    let no_model = match cfg!(feature = "models") {
        true => "there is no `[models.nli]`",
        false => "from `nli`: this build has no sentence models",
    };
    check(&[&data, "-o", &out, "--blend", "host,nli"], no_model);
    let half = scratch.file("half.jsonl", rows(20) + "{");
    check(&[&half, "-o", &out], "line 41: not JSON");
    let one = rows(20).lines().step_by(2).map(|line| format!("{line}\n")).collect::<String>();
    let one = scratch.file("one.jsonl", one);
    check(&[&one, "-o", &out], "all answers are right");
    assert_eq!(scratch.names(), ["d.jsonl", "half.jsonl", "one.jsonl", "out.toml", "p.toml"]);
}

#[test]
fn data_of_others_are_calibrated_on() {
    let Some(data) = labelled("fever-symmetric/dev.jsonl") else {
        eprintln!("skipped: no labelled data; set TIDEGATE_DATA to the folder that has them");
        return;
    };
    let report =
        json(&[&data, "--columns", "facts=evidence,answer=claim", "--false-halts", "0.05"]);
    assert_eq!((&report["rows"], &report["target_is_told"]), (&708.into(), &true.into()));
    // rows share claims and evidence
    let groups = report["groups"].as_u64().unwrap();
    assert!(groups > 50 && groups < 354, "{groups}");
    let interval = &report["false_halts"];
    assert!(interval["low"].as_f64().unwrap() <= 0.05, "{interval}");
}

#[test]
fn the_data_are_not_overwritten() {
    let scratch = Scratch::new("calibrate-over");
    let text = rows(20);
    let data = scratch.file("d.jsonl", &text);
    let policy = scratch.file("p.toml", HOST);
    let folder = std::path::Path::new(&data).parent().unwrap();
    let other = folder.join("..").join(folder.file_name().unwrap()).join("d.jsonl");
    for (flag, path) in [("-o", data.as_str()), ("-o", other.to_str().unwrap()), ("--plot", &data)]
    {
        let flags = ["--false-halts", "0.1", "-p", &policy, "--columns", "host=host", flag, path];
        let ran = run(&[&["calibrate", &data], &flags[..]].concat());
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains("these are the data"), "{}", ran.stderr);
        assert_eq!(fs::read_to_string(&data).unwrap(), text);
    }
}

/// The limits of the policy hold for what is measured and for what is written.
#[test]
fn limits_are_the_policys() {
    let scratch = Scratch::new("calibrate-limits");
    let row = |n: u32, right: bool| {
        let score = f64::from(n) / if right { 100.0 } else { 200.0 };
        // a claim of 16 bytes and another one of the rest
        let answer = format!("seventeen letters {right} {n}");
        format!("{{\"answer\": \"{answer}\", \"label\": {right}, \"host\": [{score}, 1]}}\n")
    };
    let text: String = (1..=20).map(|n| row(n, true) + &row(n, false)).collect();
    let data = scratch.file("d.jsonl", text);
    let policy = scratch.file("p.toml", format!("{HOST}\n[limits]\nclaim_bytes_max = 16\n"));
    let out = scratch.path("out.toml");
    let flags = ["-p", &policy, "--columns", "host=host", "--false-halts", "0.2", "-o", &out];
    json(&[&[data.as_str()], &flags[..]].concat());
    let found = Policy::parse(&fs::read_to_string(&out).unwrap(), Format::Toml).unwrap();
    assert_eq!(found.limits.claim_bytes_max, 16);
    let eval = run(&["eval", &data, "-p", &out, "--columns", "host=host", "--format", "json"]);
    let eval: Value = serde_json::from_str(&eval.stdout).unwrap();
    assert!(eval["latency_us"]["claims"].as_u64().unwrap() > 40, "{eval}");
}

/// A model's path counts from the folder of the policy it stands in.
#[test]
fn paths_of_models_follow_the_policy() {
    let scratch = Scratch::new("calibrate-paths");
    let data = scratch.file("d.jsonl", rows(20));
    let models = "[models.embed]\npath = \"minilm\"\n";
    let policy = scratch.file("p.toml", format!("{HOST}\n{models}"));
    let inner = scratch.path("inner");
    fs::create_dir(&inner).unwrap();
    let path_in = |out: &str| {
        let flags = ["-p", &policy, "--columns", "host=host", "--false-halts", "0.2", "-o", out];
        json(&[&[data.as_str()], &flags[..]].concat());
        let found = Policy::parse(&fs::read_to_string(out).unwrap(), Format::Toml).unwrap();
        found.models.embed.unwrap().path
    };
    assert_eq!(path_in(&scratch.path("out.toml")), "minilm");
    assert_eq!(path_in(&format!("{inner}/out.toml")), scratch.path("minilm"));
}
