//! The program as its users start it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn tidegate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).current_dir(root()).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn run(args: &[&str]) -> Ran {
    let ran = Ran::of(tidegate(args).output().unwrap());
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

/// Runs with `input` on stdin, written while the program runs.
fn run_on(args: &[&str], input: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Ran {
    let mut command = tidegate(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        for piece in input {
            if stdin.write_all(&piece).is_err() {
                break;
            }
        }
    });
    let ran = Ran::of(child.wait_with_output().unwrap());
    writer.join().unwrap();
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

fn once(text: &str) -> impl Iterator<Item = Vec<u8>> + Send + 'static {
    std::iter::once(text.as_bytes().to_vec())
}

/// A file in a folder of its own that goes when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let folder = std::env::temp_dir().join(format!("tidegate-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const WRONG: [&str; 6] = [
    "run",
    "examples/wrong.sse",
    "--policy",
    "examples/facts.toml",
    "--facts",
    "examples/handbook.md",
];

const RELEASED: &str = "The first ferry sails at 6:30 and a crossing takes 40 minutes. An adult \
    ticket costs 12 euros. Children under 6 travel free.";

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text_of(events: &[Value]) -> String {
    let releases = events.iter().filter(|event| event["event"] == "release");
    releases.map(|event| event["text"].as_str().unwrap()).collect()
}

#[test]
fn the_wrong_example_halts_at_the_wrong_claim() {
    let ran = run(&WRONG);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stdout, RELEASED);
    for expected in [
        "halted by `facts`: choice 0, content, claim 3, bytes 124 to 177",
        "why       hard_limit (0.3827 < 0.5)",
        "claim     The last ferry sails at 23:30, so there is no hurry.",
        "finding   contradicted\n",
        "fact 0 says: The first ferry sails at 6:30 and the last ferry sails at 21:30; differs in: \
            number 23:30",
        "withheld  58 bytes that had come, and all that follows",
    ] {
        assert!(ran.stderr.contains(expected), "{expected:?} in {}", ran.stderr);
    }
    assert!(!ran.stderr.contains('\u{1b}'), "no colour where there is no terminal");
}

#[test]
fn the_right_example_passes_whole() {
    let mut args = WRONG;
    args[1] = "examples/right.sse";
    let ran = run(&args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.ends_with("The ticket office at the north pier opens at 6."));
    assert!(ran.stderr.contains("open: released 245 bytes"), "{}", ran.stderr);
}

#[test]
fn json_says_the_same_as_text() {
    let mut args = WRONG.to_vec();
    args.extend(["--format", "json"]);
    let ran = run(&args);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let events = events(&ran);
    assert_eq!(text_of(&events), RELEASED);
    let halt = events.iter().find(|event| event["event"] == "halt").unwrap();
    assert_eq!(halt["check"], "facts");
    assert_eq!(halt["code"], "hard_limit");
    assert_eq!(
        (&halt["index"], &halt["start"], &halt["end"]),
        (&3.into(), &124.into(), &177.into())
    );
    assert_eq!((&halt["value"], &halt["limit"]), (&0.382749099.into(), &0.5.into()));
    assert_eq!(halt["finding"], "contradicted");
    assert_eq!(halt["evidence"]["finding"], "contradicted");
    assert_eq!(halt["evidence"]["mismatch"], "number");
    assert_eq!(halt["evidence"]["unmatched"][0], "23:30");
    assert_eq!(halt["evidence"]["passage"], 0);
    let score = events.iter().find(|event| event["event"] == "score").unwrap();
    assert_eq!((&score["finding"], &score["index"]), (&"supported".into(), &0.into()));
    let end = events.last().unwrap();
    assert_eq!((&end["event"], &end["halts"]), (&"end".into(), &1.into()));
}

#[test]
fn a_trace_replays_and_a_changed_one_differs() {
    let scratch = Scratch::new("trace");
    let trace = scratch.path("t.jsonl");
    let mut args = WRONG.to_vec();
    args.extend(["--trace", &trace]);
    run(&args);
    let ran = run(&["replay", &trace]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("the same verdicts again"), "{}", ran.stdout);

    let written = fs::read_to_string(&trace).unwrap();
    assert!(!written.contains("ferry"), "a trace holds no text");
    assert!(written.contains("\"finding\":\"contradicted\",\"value\":0.38"), "{written}");
    let start = "\"score\":{\"score\":";
    let (head, scored) = written.split_once(start).unwrap();
    let (_, tail) = scored.split_once(',').unwrap();
    assert!(tail.starts_with("\"finding\":\"supported\"}"), "{written}");
    let changed = scratch.file("changed.jsonl", &format!("{head}{start}100000000,{tail}"));
    let ran = run(&["replay", &changed, "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &report["same"]), (1, &Value::Bool(false)));

    let lines: Vec<&str> = written.lines().collect();
    let cut = scratch.file("cut.jsonl", &lines[..lines.len() - 1].join("\n"));
    assert_eq!(run(&["replay", &cut]).code, 1, "the last decision is missing");
    let garbage = scratch.file("garbage.jsonl", "{\"record\":\"delta\"");
    let ran = run(&["replay", &garbage]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("line 1: not a record of a trace"), "{}", ran.stderr);
    let empty = scratch.file("empty.jsonl", "");
    assert_eq!(run(&["replay", &empty]).code, 2);
}

/// What `examples/leak.sse` would leak, and pieces of it.
const SECRETS: [&str; 6] =
    ["bob.hook", "@ferry", "5550", "4111", concat!("gh", "p_"), "Ab3dEf6Hi9"];

#[test]
fn secrets_leave_by_no_way() {
    let scratch = Scratch::new("secrets");
    let file = scratch.path("trace.jsonl");
    let args = ["run", "examples/leak.sse", "--policy", "examples/secrets.toml", "--trace", &file];
    let text = run(&args);
    assert_eq!(text.code, 0, "{}", text.stderr);
    let shown = concat!(
        "Of course! Write to [redacted] or call [redacted]. The booking was paid with ",
        "[redacted], and the deploy token is [redacted]. Bring ID. Safe travels!\n[tool:0]\n",
        r#"{"to": "[redacted]", "card": "[redacted]", "text": "See you\non board"}"#,
    );
    assert_eq!(text.stdout, shown);
    assert!(text.stderr.contains("masked by `secrets`, rule `credit_card`: 2 matches"));
    assert!(text.stderr.contains("flagged by `tone`: 1 match"), "{}", text.stderr);
    let json = run(&[&args[..], &["--format", "json"]].concat());
    let trace = fs::read_to_string(&file).unwrap();
    for out in [&text.stdout, &text.stderr, &json.stdout, &json.stderr, &trace] {
        for secret in SECRETS {
            assert!(!out.contains(secret), "`{secret}` in {out}");
        }
    }
    // places and lengths are there, for whoever must prove what was decided
    let of_rule =
        |line: &&str| line.contains(r#""record":"match""#) && line.contains("github_token");
    let line = trace.lines().find(of_rule).unwrap();
    let record: Value = serde_json::from_str(line).unwrap();
    assert_eq!(record["end"].as_u64().unwrap() - record["start"].as_u64().unwrap(), 42);
    let replayed = run(&["replay", &file]);
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
}

#[test]
fn a_text_rule_that_halts_shows_nothing_of_its_match() {
    let scratch = Scratch::new("texthalt");
    let policy = scratch.path("policy.toml");
    fs::write(&policy, "version = 1\n[[text]]\nname = \"no-keys\"\nuse = [\"secrets\"]\n").unwrap();
    for format in ["text", "json"] {
        let ran = run(&["run", "examples/leak.sse", "--policy", &policy, "--format", format]);
        assert_eq!(ran.code, 1);
        assert!(ran.stdout.contains(" token is "), "{}", ran.stdout);
        for secret in &SECRETS[4..] {
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{}", ran.stdout);
        }
        let said = if format == "text" { &ran.stderr } else { &ran.stdout };
        assert!(said.contains("match (github_token)"), "{said}");
    }
}

#[test]
fn validate_says_which_rules_can_hold_without_bound() {
    let scratch = Scratch::new("unbounded");
    let policy = scratch.path("policy.toml");
    let rule = "version = 1\n[[text]]\nregex = 'key [a-z]{2,9} is (.*)!'\naction = \"mask\"\n";
    fs::write(&policy, rule).unwrap();
    let ran = run(&["validate", &policy]);
    assert_eq!(ran.code, 0);
    let expect = "note: the check `text` can hold back text without bound (`.*`, bytes 19 to 21) \
        while it is open whether it matches: past 65536 bytes it halts\n";
    assert!(ran.stdout.starts_with(expect), "{}", ran.stdout);
}

#[test]
fn the_library_can_be_listed() {
    let ran = run(&["rules"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.lines().any(|line| line.starts_with("pii      credit_card")));
    let ran = run(&["rules", "credit_card", "--format", "json"]);
    let rule: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&rule["checksum"], &rule["group"]), (&"luhn".into(), &"pii".into()));
    assert!(rule["hold_bytes_max"].as_u64().unwrap() >= 16);
    let ran = run(&["rules", "credit_cart"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("did you mean `credit_card`?"), "{}", ran.stderr);
}

#[test]
fn a_policy_fault_is_drawn_with_its_place_and_nothing_is_run() {
    let scratch = Scratch::new("policy");
    let policy = scratch.file("p.toml", "version = 1\n\n[[halt]]\nhard_limt = 0.5\n");
    let trace = scratch.path("t.jsonl");
    for args in [
        vec!["validate", &policy],
        vec!["run", "examples/wrong.sse", "--policy", &policy, "--trace", &trace],
    ] {
        let ran = run(&args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        for expected in
            ["unknown field `hard_limt`", "p.toml:4:1", "^^^^", "did you mean `hard_limit`?"]
        {
            assert!(ran.stderr.contains(expected), "{expected:?} in {}", ran.stderr);
        }
    }
    assert!(!Path::new(&trace).exists());
    let ran = run(&["validate", &policy, "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&report["line"], &report["column"]), (&4.into(), &1.into()));
    let ran = run(&["validate", "examples/facts.toml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "examples/facts.toml: valid, 1 check\n"));
}

#[test]
fn bad_input_is_named_and_nothing_is_run() {
    let scratch = Scratch::new("input");
    let blank = scratch.file("blank.md", "\n \n");
    let binary = scratch.file("binary.md", "a\0b");
    let scores = scratch.file("scores", "0.9\nhigh\n");
    let policy = "examples/facts.toml";
    let stream = "examples/wrong.sse";
    let check = |args: &[&str], expected: &str| {
        let ran = run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}");
        assert!(ran.stderr.contains(expected), "{expected:?} in {}", ran.stderr);
    };
    check(
        &["run", "missing.sse", "-p", policy, "--facts", "examples/handbook.md"],
        "missing.sse: ",
    );
    check(&["run", "examples", "-p", policy, "--facts", "examples/handbook.md"], "examples: ");
    check(&["run", stream, "-p", "examples/handbook.md"], "not a policy's name");
    check(&["run", stream, "-p", policy], "the check `facts` takes its scores from `facts`");
    check(&["run", stream, "-p", policy, "--facts", &blank], "blank.md: the facts have no passage");
    check(&["run", stream, "-p", policy, "--facts", &binary], "binary.md: the facts are not text");
    check(
        &["run", stream, "-p", "examples/tokens.yaml", "--scores", &scores],
        "scores: line 2: `high` is not a number",
    );
    check(&["run", stream], "--policy");
    check(&["run", stream, "--facts", &blank], "blank.md: the facts have no passage");
    let model = "version = 1\nmodels.embed.path = 'minilm'\n[[halt]]\nscore.from = 'embed'\n";
    let model = scratch.file("model.toml", model);
    let lacking = "the check `halt` takes its scores from `embed`";
    check(&["run", stream, "-p", &model], lacking);
    check(
        &["run", stream, "-p", &model],
        "minilm: this build has no sentence models; build with --features models",
    );
    let blend = |input: &str| {
        let score = format!("{{ from = 'blend', blend.weights = {{ {input} = 1.0 }} }}");
        let name = format!("{input}.toml");
        scratch.file(
            &name,
            &format!("version = 1\nmodels.nli.path = 'nli'\n[[halt]]\nscore = {score}\n"),
        )
    };
    check(&["run", stream, "-p", &blend("facts")], "from `facts`, and there is none: give --facts");
    check(&["run", stream, "-p", &blend("host")], "from `host`, and there is none: give --scores");
    check(&["run", stream, "-p", &blend("nli")], "build with --features models");
    check(&["walk"], "unrecognized subcommand");
}

#[test]
fn a_column_that_ends_before_the_stream_is_a_missing_score() {
    let scratch = Scratch::new("scores");
    let scores = scratch.file("scores", "0.9\n0.9\n");
    let ran = run(&[
        "run",
        "examples/wrong.sse",
        "-p",
        "examples/tokens.yaml",
        "--scores",
        &scores,
        "--format",
        "json",
    ]);
    assert_eq!(ran.code, 1);
    let events = events(&ran);
    assert_eq!(text_of(&events), "The first");
    let halt = events.iter().find(|event| event["event"] == "halt").unwrap();
    assert_eq!((&halt["check"], &halt["code"]), (&"tokens".into(), &"missing_score".into()));
    assert_eq!(halt["text"], " ferry", "what was withheld is shown");
}

/// Without a policy, claims are compared with the facts.
#[test]
fn facts_need_no_policy() {
    let facts = "examples/handbook.md";
    let ran = run(&["run", "examples/wrong.sse", "--facts", facts]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, RELEASED));
    let note = "note: no policy: one check compares claims with the facts\n";
    assert!(ran.stderr.starts_with(note), "{}", ran.stderr);
    assert!(ran.stderr.contains("halted by `facts`"), "{}", ran.stderr);
    // what the facts do not speak to passes, and is counted
    let text = "Paris lies on the Seine. It rains in Spain. The first ferry sails at 6:30.";
    let ran = run_on(&["run", "--facts", facts], once(text));
    assert_eq!((ran.code, ran.stdout.as_str()), (0, text), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 claims unsupported"), "{}", ran.stderr);
}

/// A finding decides where the policy says so, whatever the score.
#[test]
fn what_the_facts_do_not_speak_to_can_halt() {
    let scratch = Scratch::new("findings");
    let policy = scratch.file(
        "p.toml",
        "version = 1\n[[halt]]\nscore = { from = 'facts', on_unsupported = 'halt' }\n",
    );
    let args = ["run", "-p", &policy, "--facts", "examples/handbook.md", "--format", "json"];
    let ran = run_on(&args, once("The first ferry sails at 6:30. Paris lies on the Seine."));
    let events = events(&ran);
    assert_eq!((ran.code, text_of(&events).as_str()), (1, "The first ferry sails at 6:30."));
    let halt = events.iter().find(|event| event["event"] == "halt").unwrap();
    assert_eq!((&halt["code"], &halt["finding"]), (&"unsupported".into(), &"unsupported".into()));
    assert_eq!(halt["evidence"]["passage"], Value::Null);
    assert_eq!(halt["text"], " Paris lies on the Seine.");
}

/// A blend is scored in a thread of its own: the same verdicts, evidence and
/// trace as from one that answers at once.
#[test]
fn a_blend_halts_where_its_facts_do() {
    let scratch = Scratch::new("blend");
    let blend = "from = 'blend', blend.weights = { facts = 1.0, host = 0.0 }";
    let policy = scratch.file("p.toml", &format!("version = 1\n[[halt]]\nscore = {{ {blend} }}\n"));
    let scores = scratch.file("scores", &"0.9\n".repeat(4));
    let trace = scratch.path("t.jsonl");
    let args = [
        "run",
        "examples/wrong.sse",
        "-p",
        &policy,
        "--facts",
        "examples/handbook.md",
        "--scores",
        &scores,
        "--format",
        "json",
        "--trace",
        &trace,
    ];
    let ran = run(&args);
    let seen = events(&ran);
    assert_eq!((ran.code, text_of(&seen).as_str()), (1, RELEASED));
    let halt = seen.iter().find(|event| event["event"] == "halt").unwrap();
    assert_eq!((&halt["index"], &halt["code"]), (&3.into(), &"hard_limit".into()));
    assert_eq!(halt["evidence"]["mismatch"], "number");
    assert_eq!(run(&["replay", &trace]).code, 0);
    // an input without a score is named
    let short = scratch.file("short", "0.9\n");
    let mut args = args.to_vec();
    args[7] = &short;
    let seen = events(&run(&args));
    let halt = seen.iter().find(|event| event["event"] == "halt").unwrap();
    assert_eq!(halt["reason"], "missing_score (`host` gave no score)");
    assert_eq!(run(&["replay", &trace]).code, 0);
}

#[test]
fn plain_text_on_stdin() {
    let scratch = Scratch::new("plain");
    let scores = scratch.file("scores", "0.9\n0.9\n0.1\n");
    let policy = scratch.file("p.json", r#"{"version": 1, "halt": [{}]}"#);
    let ran = run_on(&["run", "-p", &policy, "--scores", &scores], once("One two three four\n"));
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "One two"));
}

/// The policy that lets all pass.
fn open_policy(scratch: &Scratch) -> String {
    scratch.file("open.toml", "version = 1\n")
}

fn chat(content: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}}}}]}}\n\n")
}

/// Each broken stream has a named outcome, and what was decided stays decided.
#[test]
fn broken_streams_have_named_outcomes() {
    let scratch = Scratch::new("broken");
    let policy = open_policy(&scratch);
    let check = |stream: Vec<u8>, released: &str, code: &str| {
        let trace = scratch.path("t.jsonl");
        let args = ["run", "-p", &policy, "--format", "json", "--trace", &trace];
        let ran = run_on(&args, std::iter::once(stream));
        let events = events(&ran);
        let halt = events.iter().find(|event| event["event"] == "halt");
        assert_eq!(halt.map_or("none", |halt| halt["code"].as_str().unwrap()), code);
        assert_eq!(text_of(&events), released, "{code}");
        assert_eq!(ran.code, i32::from(code != "none"));
        let written = fs::read_to_string(&trace).unwrap();
        assert!(code == "none" || written.contains(code), "{code} in the trace");
        assert_eq!(run(&["replay", &trace]).code, 0, "{code}");
    };
    let one = chat("One");
    let two = chat("Two");
    let with = |middle: &str| format!("{one}{middle}{two}").into_bytes();
    check(with(""), "OneTwo", "none");
    check(with("data: {\"choices\":[\n\n"), "One", "invalid_json");
    check(with("data: {\"choices\":[{\"delta\":{\"content\":5}}]}\n\n"), "One", "invalid_json");
    check(format!("{one}data: {{\"choi").into_bytes(), "One", "truncated_event");
    let mut invalid = one.clone().into_bytes();
    invalid.extend_from_slice(b"data: {\"a\":\"\xff\"}\n\n");
    check(invalid, "One", "invalid_utf8");
    check(with("data: {\"error\":{\"message\":\"overloaded\"}}\n\n"), "One", "provider_error");
    let finish = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    check(with(finish), "One", "delta_after_finish");
    check(b"One \xff two".to_vec(), "One ", "invalid_utf8");
    check(Vec::new(), "", "none");
}

#[test]
fn a_line_of_100_mb_is_dropped() {
    let scratch = Scratch::new("long");
    let policy = open_policy(&scratch);
    let head = chat("One").into_bytes();
    let body = std::iter::repeat_n(vec![b'x'; 1 << 20], 100);
    let stream = std::iter::once(head)
        .chain(std::iter::once(b"data: ".to_vec()))
        .chain(body)
        .chain(std::iter::once(format!("\n\n{}", chat("Two")).into_bytes()));
    let ran = run_on(&["run", "-p", &policy], stream);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "One"));
    assert!(ran.stderr.contains("event_too_large (over 8388608 bytes)"), "{}", ran.stderr);
}

#[test]
fn ten_thousand_choices_are_too_many() {
    let scratch = Scratch::new("choices");
    let policy = open_policy(&scratch);
    let event = |choice: u32| {
        format!("{{\"choices\":[{{\"index\":{choice},\"delta\":{{\"content\":\"x\"}}}}]}}\n")
            .into_bytes()
    };
    let ran = run_on(&["run", "-p", &policy, "--format", "json"], (0..10_000).map(event));
    assert_eq!(ran.code, 1);
    let events = events(&ran);
    let released = events.iter().filter(|event| event["event"] == "release").count();
    assert_eq!(released, 128);
    let halts = events.iter().filter(|event| event["event"] == "halt");
    assert!(halts.clone().all(|halt| halt["code"] == "too_many_choices"));
    assert_eq!(halts.count(), 128);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let scratch = Scratch::new("pipe");
    let policy = open_policy(&scratch);
    for format in ["text", "json"] {
        let mut command = tidegate(&["run", "-p", &policy, "--format", format]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = thread::spawn(move || {
            let event = chat(&"words ".repeat(1000));
            // much more than a pipe holds
            (0..1000).try_for_each(|_| stdin.write_all(event.as_bytes()))
        });
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 10]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert!(writer.join().unwrap().is_err(), "the program stopped reading");
        assert_eq!(output.status.code(), Some(0));
        let note = "note: no check enforces: all text will be released\n";
        let expected = if format == "text" { note } else { "" };
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    }
}

#[test]
fn channels_are_named_where_there_is_more_than_content() {
    let scratch = Scratch::new("channels");
    let policy = open_policy(&scratch);
    let stream = "{\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"Hm.\"}}]}\n\
        {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Yes.\"}}]}\n\
        {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"No.\"}}]}\n";
    let ran = run_on(&["run", "-p", &policy], once(stream));
    let expected = "[reasoning]\nHm.\n[content]\nYes.\n[choice 1, content]\nNo.";
    assert_eq!((ran.code, ran.stdout.as_str()), (0, expected));
}

#[test]
fn a_plot_has_the_scores_and_the_halt_for_light_and_dark() {
    let scratch = Scratch::new("plot");
    let plot = scratch.path("plot.svg");
    let mut args = WRONG.to_vec();
    args.extend(["--plot", &plot]);
    assert_eq!(run(&args).code, 1);
    let svg = fs::read_to_string(&plot).unwrap();
    for expected in [
        "<svg",
        "halt: hard_limit (0.3827 &lt; 0.5)",
        "soft limit 0.7",
        "prefers-color-scheme: dark",
    ] {
        assert!(svg.contains(expected), "{expected:?}");
    }
}

#[test]
fn schema_completions_and_man_page_come_from_the_program() {
    let schema = run(&["schema"]).stdout;
    let committed = fs::read_to_string(root().join("schemas/policy.schema.json")).unwrap();
    assert_eq!(schema, committed);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell]).stdout;
        assert!(script.contains("--policy") || script.contains("policy"), "{shell}");
    }
    let man = run(&["man"]).stdout;
    for expected in [".TH tidegate", "\\-\\-delay\\-ms", "\\-\\-plot", "replay"] {
        assert!(man.contains(expected), "{expected:?}");
    }
}
