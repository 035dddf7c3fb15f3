//! `tidegate eval` as its users start it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use serde_json::Value;

use common::{HOST, Ran, Scratch, labelled, run};

const FACTS: &str = "The museum opens at 9 and closes at 5.";

fn json(args: &[&str]) -> Value {
    let ran = run(&[&["eval"], args, &["--format", "json"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    serde_json::from_str(&ran.stdout).unwrap()
}

const EIGHT: [(f64, bool); 8] = [
    (0.9, true),
    (0.8, true),
    (0.4, true),
    (0.7, true),
    (0.1, false),
    (0.3, false),
    (0.6, false),
    (0.7, false),
];

fn check_eight(report: &Value) {
    // of 16 pairs of a right and a wrong answer 13 are in order and one is a tie
    assert_eq!(report["auc"]["value"], 13.5 / 16.0, "{report}");
    let at = &report["at_policy"];
    assert_eq!(at["hard_limit"], 0.5);
    assert_eq!(at["false_halts"]["value"], 0.25);
    assert_eq!(at["recall"]["value"], 0.5);
    assert_eq!(at["balanced_accuracy"]["value"], 0.625);
    let best = &report["at_best"];
    assert_eq!((best["limit"].as_f64(), best["recall"].as_f64()), (Some(0.35), Some(0.5)));
    assert_eq!(best["balanced_accuracy"], 0.75);
    assert_eq!(best["chosen_on_these_data"], true);
    assert_eq!(report["latency_us"]["claims"], 8);
    assert_eq!((&report["rows"], &report["groups"]), (&8.into(), &8.into()));
    for figure in ["false_halts", "recall", "balanced_accuracy"] {
        let [low, value, high] = ["low", "value", "high"].map(|key| at[figure][key].as_f64());
        assert!(low <= value && value <= high, "{figure} {report}");
    }
}

#[test]
fn figures_are_those_counted_by_hand() {
    let scratch = Scratch::new("eval-eight");
    let policy = scratch.file("p.toml", HOST);
    let (mut lines, mut table) = (String::new(), "id,label,answer,host\n".to_string());
    for (number, (score, is_right)) in EIGHT.iter().enumerate() {
        lines += &format!(
            "{{\"answer\": \"Answer {number}.\", \"label\": {is_right}, \"host\": {score}}}\n"
        );
        table += &format!("x,{},\"Answer \"\"{number}\"\".\",{score}\n", u8::from(*is_right));
    }
    for (name, text) in [("d.jsonl", &lines), ("d.ndjson", &lines), ("d.csv", &table)] {
        let data = scratch.file(name, text);
        check_eight(&json(&[&data, "-p", &policy, "--columns", "host=host"]));
    }
    let data = scratch.path("d.jsonl");
    let shown = run(&["eval", &data, "-p", &policy, "--columns", "host=host"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""));
    for expected in [
        "answers                 8: 4 right, 4 wrong; 8 rows, 8 groups",
        "auc                     0.8438, 95 % from ",
        "  false halts           0.2500, 95 % from ",
        "at the limit 0.3500, chosen on these data",
    ] {
        assert!(shown.stdout.contains(expected), "{expected:?} in {}", shown.stdout);
    }
    // draws hang on the seed alone
    let intervals = |seed| json(&[&data, "-p", &policy, "--columns", "host=host", "--seed", seed]);
    assert_eq!(intervals("1")["auc"], intervals("1")["auc"]);
    assert_ne!(intervals("1")["auc"], intervals("2")["auc"]);
}

#[test]
fn an_answer_goes_by_its_least_claim_and_by_the_policys_findings() {
    let scratch = Scratch::new("eval-claims");
    let data = scratch.file(
        "d.jsonl",
        format!(
            "{{\"facts\": \"{FACTS}\", \"answer\": \"The museum opens at 9.\", \"label\": 1}}\n\
             {{\"facts\": [\"{FACTS}\"], \"label\": 0,\
               \"answer\": \"The museum opens at 9. The museum closes at 4.\"}}\n\
             {{\"facts\": [\"{FACTS}\"], \"label\": 0, \"answer\": \"Paris is in France.\"}}\n"
        ),
    );
    let report = json(&[&data]);
    assert_eq!(report["auc"]["value"], 1.0, "{report}");
    // what the facts do not speak to scores low and is held to the limit here
    assert_eq!(report["at_policy"]["recall"]["value"], 1.0, "{report}");
    assert_eq!(report["latency_us"]["claims"], 4);
    let check = |score: &str, recall: f64, auc: f64| {
        let policy = format!("version = 1\n[[halt]]\nscore = {{ from = \"facts\"{score} }}\n");
        let policy = scratch.file("p.toml", policy);
        let report = json(&[&data, "-p", &policy]);
        assert_eq!(report["at_policy"]["recall"]["value"], recall, "{score}");
        assert_eq!(report["auc"]["value"], auc, "{score}");
    };
    check(", on_unsupported = \"halt\"", 1.0, 1.0);
    // what passes so counts for nothing: an answer of it alone scores 1
    check(", on_unsupported = \"allow\"", 0.5, 0.5);
    check(", on_contradicted = \"allow\", on_unsupported = \"score\"", 0.5, 0.75);
}

#[test]
fn pairs_share_facts_and_a_group() {
    let scratch = Scratch::new("eval-pairs");
    let data = scratch.file(
        "d.csv",
        format!(
            "good,bad,known\nIt opens at 9.,The museum opens at 8.,{FACTS}\n\
             It shuts on Monday.,The ferry is blue.,The ferry is red. It shuts on Monday.\n"
        ),
    );
    let report = json(&[&data, "--columns", "facts=known,right=good,wrong=bad"]);
    let numbers = ["rows", "answers", "right", "wrong", "groups"].map(|key| &report[key]);
    assert_eq!(numbers, [2, 4, 2, 2, 2].map(Value::from).each_ref());
    // right ones have 4 words each, wrong ones 5 and 4: 3 pairs of 4, ties by half
    assert_eq!(report["baselines"]["length"]["auc"], 0.75, "{report}");
    assert_eq!(report["baselines"]["length"]["means"], "longer is wrong");
    // one file of facts for all
    let facts = scratch.file("facts.md", "It opens at 9. It shuts on Monday.");
    let report = json(&[&data, "--columns", "right=good,wrong=bad", "--facts", &facts]);
    assert_eq!(report["baselines"]["overlap"]["auc"], 1.0, "{report}");
}

#[test]
fn marks_say_how_late_a_halt_comes() {
    let scratch = Scratch::new("eval-marks");
    let policy = scratch.file("p.toml", HOST);
    let data = scratch.file(
        "d.jsonl",
        [
            // halted by the second claim, at the end, one token after the mark
            r#"{"t": ["Cats", "sleep.", "Dogs", "bark", "loud."], "u": [false, false, false, true, false], "host": [0.9, 0.1]}"#,
            // halted by the first claim, before the mark
            r#"{"t": ["Cats", "sleep.", "Dogs", "bark", "loud."], "u": [false, false, false, false, true], "host": [0.1, 0.9]}"#,
            // not halted: the marked token is shown
            r#"{"t": ["Cats", "sleep.", "Dogs", "bark", "loud."], "u": [false, true, false, false, true], "host": 0.9}"#,
            // right
            r#"{"t": ["Cats", "sleep."], "u": [false, false], "host": 0.9}"#,
        ]
        .join("\n"),
    );
    let columns = "tokens=t,unsupported=u,host=host";
    let report = json(&[&data, "-p", &policy, "--columns", columns]);
    let third = 1.0 / 3.0;
    let marks = &report["marks"];
    assert_eq!(marks["answers"], 3);
    for key in ["halted_at_or_after", "halted_before", "shown"] {
        assert_eq!(marks[key], third, "{key} {report}");
    }
    assert_eq!(marks["tokens_late"]["median"], 1.0);
    assert_eq!((&report["right"], &report["wrong"]), (&1.into(), &3.into()));
    // without hold the claim is shown as it comes
    let shown = scratch.file("q.toml", HOST.replace("at =", "hold = false, at ="));
    let report = json(&[&data, "-p", &shown, "--columns", columns]);
    assert_eq!(report["marks"]["shown"], 2.0 * third, "{report}");
}

#[test]
fn logprobs_of_tokens_are_scored() {
    let scratch = Scratch::new("eval-logprobs");
    let score = "{ from = \"logprob\", at = \"claim\", measure = \"min\" }";
    let policy = format!("version = 1\n[[halt]]\nscore = {score}\n");
    let policy = scratch.file("p.toml", policy);
    let data = scratch.file(
        "d.jsonl",
        "{\"tokens\": [\"A\", \"b.\"], \"logprobs\": [-0.1, -0.2], \"label\": \"yes\"}\n\
         {\"tokens\": [\"A\", \"c.\"], \"logprobs\": [-0.1, -2.0], \"label\": \"no\"}\n",
    );
    let columns = "tokens=tokens,logprobs=logprobs";
    let report = json(&[&data, "-p", &policy, "--columns", columns]);
    let at = &report["at_policy"];
    assert_eq!((&at["recall"]["value"], &at["false_halts"]["value"]), (&1.0.into(), &0.0.into()));
}

#[test]
fn labels_are_words_of_many_kinds() {
    let scratch = Scratch::new("eval-labels");
    let check = |right: &str, wrong: &str, more: &[&str]| {
        let row =
            |label| format!("{{\"facts\": \"{FACTS}\", \"answer\": \"x\", \"label\": {label}}}");
        let data = scratch.file("d.jsonl", format!("{}\n\n{}\n", row(right), row(wrong)));
        let report = json(&[&[data.as_str()], more].concat());
        assert_eq!((&report["right"], &report["wrong"]), (&1.into(), &1.into()), "{right}");
    };
    check("true", "false", &[]);
    check("1", "0", &[]);
    check("\"SUPPORTS\"", "\"REFUTES\"", &[]);
    check("\"Supported\"", "\"Not Supported\"", &[]);
    check("\"entailment\"", "\"contradiction\"", &[]);
    check("\"yes\"", "\"NOT ENOUGH INFO\"", &[]);
    check("\"good\"", "\"bad\"", &["--right", "good", "--wrong", "Bad"]);
    // what the user says goes before what is known
    check("\"no\"", "\"yes\"", &["--right", "no", "--wrong", "yes"]);
}

#[test]
fn the_plot_says_in_words_what_it_shows() {
    let scratch = Scratch::new("eval-plot");
    let row = |answer, label| {
        format!("{{\"facts\": \"{FACTS}\", \"answer\": \"{answer}\", \"label\": {label}}}\n")
    };
    let rows = row("The museum opens at 9.", "1") + &row("The museum opens at 8.", "0");
    let (data, plot) = (scratch.file("d.jsonl", rows), scratch.path("roc.svg"));
    json(&[&data, "--plot", &plot]);
    let svg = std::fs::read_to_string(&plot).unwrap();
    let title = "<title>Scores of 1 right and 1 wrong answers: area under the ROC curve 1.0000; \
        a limit of 0.5 halts a share of 0.0000 of the right and of 1.0000 of the wrong ones</title>";
    assert!(svg.contains(title), "{svg}");
    assert!(svg.contains("prefers-color-scheme: dark") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(scratch.names(), ["d.jsonl", "roc.svg"]);
}

#[test]
fn bad_input_is_named_with_its_line() {
    let scratch = Scratch::new("eval-bad");
    let good =
        format!("{{\"facts\": \"{FACTS}\", \"answer\": \"It opens at 9.\", \"label\": 1}}\n");
    let check = |name: &str, text: &[u8], more: &[&str], expect: &str| {
        let data = scratch.file(name, text);
        let Ran { code, stdout, stderr } = run(&[&["eval", &data], more].concat());
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains(expect), "{expect:?} in {stderr}");
    };
    let lines = |second: &str| format!("{good}{second}\n").into_bytes();
    let jsonl = |second: &str, expect: &str| check("d.jsonl", &lines(second), &[], expect);
    check("d.jsonl", b"", &[], "there are no rows");
    check("d.csv", b"facts,answer,label\n", &[], "there are no rows");
    check("d.jsonl", good.as_bytes(), &[], "all answers are right: there is nothing to tell apart");
    check("d.txt", b"x", &[], "expected `.jsonl`, `.ndjson` or `.csv`");
    jsonl("{\"facts\": ", "line 2: not JSON: ");
    jsonl("[1]", "line 2: not a JSON object");
    jsonl(
        "{\"claim\": \"x\", \"label\": 1}",
        "line 2: there is no column `facts`; the row has `claim`, `label`",
    );
    jsonl("{\"facts\": \" \", \"answer\": \"x\", \"label\": 1}", "line 2: `facts` is empty");
    jsonl("{\"facts\": [], \"answer\": \"x\", \"label\": 1}", "line 2: `facts` is empty");
    jsonl("{\"facts\": 1, \"answer\": \"x\", \"label\": 1}", "neither a text nor a list of texts");
    jsonl("{\"facts\": \"x\", \"answer\": \"\", \"label\": 1}", "line 2: `answer` is empty");
    jsonl("{\"facts\": \"x\", \"answer\": [], \"label\": 1}", "line 2: `answer` is not a text");
    jsonl("{\"facts\": \"x\", \"answer\": \"y\", \"label\": \"perhaps\"}", "`label` is `perhaps`");
    jsonl("{\"facts\": \"x\", \"answer\": \"y\", \"label\": null}", "`label` is not a word");
    jsonl(
        "{\"facts\": \"...\", \"answer\": \"y\", \"label\": 1}",
        "line 2: the facts have no passage",
    );
    check(
        "d.csv",
        b"facts,answer,label\na,b,1\na,b\n",
        &[],
        "line 3: it has 2 fields, and the first",
    );
    check("d.csv", b"facts,answer,label\na,\xff,1\n", &[], "line 2: not UTF-8");
    check("d.jsonl", b"{\"a\": \"\xff\"}\n", &[], "line 1: not UTF-8");
    let long = format!("{{\"facts\": \"{}\"}}\n", "x".repeat(17 << 20));
    check("d.jsonl", long.as_bytes(), &[], "line 1: a row of over 16777216 bytes");
    let long = format!("facts,answer,label\n{},x,1\n", "x".repeat(17 << 20));
    check("d.csv", long.as_bytes(), &[], "a row of over 16777216 bytes");

    let flags = |more: &[&str], expect: &str| check("d.jsonl", good.as_bytes(), more, expect);
    flags(&["--columns", "fact=x"], "`--columns`: `fact` is none of `facts`");
    flags(&["--columns", "facts"], "`facts` is not of the form `answer=claim`");
    flags(&["--columns", "facts=a,facts=b"], "`facts` is there twice");
    flags(&["--columns", "right=a"], "`right` needs `wrong` beside it");
    flags(&["--columns", "unsupported=a"], "`unsupported` needs `tokens` beside it");
    flags(
        &["--columns", "right=a,wrong=b,label=c"],
        "`label` does not go with `right` and `wrong`",
    );
    flags(&["--facts", "/no/such/file"], "/no/such/file: ");
    flags(&["--plot", "/no/such/folder/x.svg"], "/no/such/folder/x.svg: ");
    let marked = |row: &str, expect: &str| {
        let columns = "tokens=t,unsupported=u";
        let row = row.replace('{', "{\"facts\": \"x\", ");
        check("d.jsonl", row.as_bytes(), &["--columns", columns], expect);
    };
    marked("{\"t\": [\"a\"], \"u\": [true, false]}", "`u` has 2 entries for 1 tokens");
    marked("{\"t\": [\"a\"], \"u\": [1]}", "`u` is not a list of true and false");
    marked("{\"t\": \"a\", \"u\": [true]}", "`t` is not a list of texts");
    let columns = ["--columns", "tokens=t,answer=a"];
    let row = b"{\"facts\": \"x\", \"t\": [\"b\"], \"a\": \"a\", \"label\": 1}";
    check("d.jsonl", row, &columns, "the token `b` does not stand in the answer");

    let policy = |text: &str, expect: &str| {
        let policy = scratch.file("p.toml", format!("version = 1\n{text}"));
        flags(&["-p", &policy], expect);
    };
    policy("", "no halt check runs");
    policy("[[halt]]\nname = \"a\"\n[[halt]]\nname = \"b\"\n", "2 halt checks run");
    policy("[[halt]]\n", "the check `halt` scores tokens");
    policy("[[halt]]\nhard_limit = 2\n", "hard_limit");
    policy(
        "[[halt]]\nscore = { from = \"embed\" }\n[models.embed]\npath = \"x\"\n",
        "this build has no sentence models; build with --features models",
    );
}

#[test]
fn data_of_others_are_read_whole() {
    let Some(data) = labelled("fever-symmetric/dev.jsonl") else {
        eprintln!("skipped: no labelled data; set TIDEGATE_DATA to the folder that has them");
        return;
    };
    let report = json(&[&data, "--columns", "facts=evidence,answer=claim"]);
    assert_eq!(
        ["rows", "right", "wrong"].map(|key| report[key].as_u64()),
        [708, 354, 354].map(Some)
    );
    let auc = report["auc"]["value"].as_f64().unwrap();
    assert!(auc > 0.5 && auc < 1.0, "{auc}");
    // nothing in the claim alone gives its label away
    let length = report["baselines"]["length"]["auc"].as_f64().unwrap();
    assert!(length < 0.55, "{length}");
}

#[test]
fn two_columns_of_one_name_are_named() {
    let scratch = Scratch::new("eval-twice");
    let data = scratch.file("d.csv", "facts,answer,facts,label\na b,a,c d,1\n");
    let ran = run(&["eval", &data]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("line 1: there are two columns `facts`"), "{}", ran.stderr);
}
