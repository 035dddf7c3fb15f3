//! Traces and the driver's logprobs, by single cases.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use tidegate::{
    Answer, Channel, Driver, Event, Format, Gate, Policy, Record, Replay, Score, Source,
    TokenLogprob,
};
use tidegate_score::{Finding, ScoreError};

/// The trace of two claims, the second of which halts.
fn trace() -> Vec<String> {
    let text =
        "version = 1\n[[halt]]\nscore = { from = \"host\", at = \"claim\" }\nsoft_limit = 0.95";
    let policy = Policy::parse(text, Format::Toml).unwrap();
    let mut gate = Gate::new(&policy).unwrap();
    gate.record();
    let mut trace = vec![Record::head(&policy)];
    trace.extend_from_slice(gate.push(0, Channel::Content, "One. Two. T").records());
    for score in [0.9, 0.2] {
        let request = gate.next_request().unwrap();
        trace.extend_from_slice(gate.resolve(request.id, score).unwrap().records());
    }
    trace.iter().map(Record::to_json).collect()
}

fn replay(lines: &[String]) -> Result<usize, String> {
    let mut replay = Replay::new();
    for line in lines {
        replay.line(line).map_err(|error| error.to_string())?;
    }
    replay.finish().map(|halts| halts.len()).map_err(|error| error.to_string())
}

#[test]
fn a_trace_says_what_came_and_what_was_decided() {
    let trace = trace();
    assert_eq!(
        trace[1..],
        [
            r#"{"record":"delta","choice":0,"channel":"content","bytes":11,"claims":[{"end":4},{"end":9}]}"#,
            r#"{"record":"score","choice":0,"channel":"content","check":"halt","claim":0,"score":900000000}"#,
            r#"{"record":"warn","choice":0,"channel":"content","check":"halt","index":0}"#,
            r#"{"record":"release","choice":0,"channel":"content","bytes":4}"#,
            r#"{"record":"score","choice":0,"channel":"content","check":"halt","claim":1,"score":200000000}"#,
            r#"{"record":"halt","check":"halt","code":"hard_limit","choice":0,"channel":"content","index":1,"start":4,"end":9,"value":0.2,"limit":0.5,"reason":"hard_limit (0.2000 < 0.5)"}"#,
        ]
    );
    assert_eq!(replay(&trace), Ok(1));
}

/// Every decision that is changed, left out or put in is found, at its line.
#[test]
fn a_changed_decision_is_a_difference() {
    let check = |line: usize, from: &str, to: &str, expected: &str| {
        let mut lines = trace();
        assert!(lines[line].contains(from), "{}", lines[line]);
        lines[line] = lines[line].replace(from, to);
        let error = replay(&lines).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check(
        4,
        "\"bytes\":4",
        "\"bytes\":5",
        "line 5: the replay differs: decided here: {\"record\":\"release\"",
    );
    check(6, "hard_limit (0.2000", "hard_limit (0.3000", "line 7: the replay differs");
    check(6, "\"value\":0.2", "\"value\":0.3", "line 7: the replay differs");
    check(3, "warn", "warm", "line 4: not a record of a trace");
    check(2, "900000000", "100000000", "line 4: the replay differs");
    check(
        2,
        "\"check\":\"halt\"",
        "\"check\":\"other\"",
        "the policy has no running check `other`",
    );
    check(0, "\"version\":1,\"policy\"", "\"version\":2,\"policy\"", "version `2`");
    for left_out in [3, 4, 6] {
        let mut lines = trace();
        lines.remove(left_out);
        let error = replay(&lines).unwrap_err();
        assert!(error.contains("the replay differs"), "{left_out}: {error}");
    }
    let mut lines = trace();
    lines.push(lines[4].clone());
    assert!(replay(&lines).unwrap_err().contains("decided here: nothing"));
}

/// A claim's score by logprobs is the geometric mean of the tokens that begin
/// in it, also when a token begins just where the claim does.
#[test]
fn logprobs_belong_to_the_claim_in_which_their_token_begins() {
    let text = "version = 1\n[[halt]]\nscore = { from = \"logprob\", at = \"claim\" }\n\
        hard_limit = 0.0\nwindow_threshold = 0.0\ntrend_threshold = 1.0";
    let policy = Policy::parse(text, Format::Toml).unwrap();
    let mut driver = Driver::new(&policy).unwrap();
    driver.ready().unwrap();
    let mut scores = Vec::new();
    let mut on_turn = |turn: tidegate::Turn<'_>| {
        for event in turn.step.events() {
            if let Event::Passed(passed) = event {
                scores.push(passed.score.to_f64());
            }
        }
    };
    let token = |bytes, p: f64| TokenLogprob { bytes, logprob: p.ln(), entropy: None };
    // the claims are `One two.` and ` Three.`
    let deltas: [(&str, Vec<TokenLogprob>); 3] = [
        ("One", vec![token(3, 0.25)]),
        (" two. Th", vec![token(4, 1.0), token(1, 0.25), token(3, 0.81)]),
        ("ree.", vec![token(4, 0.49)]),
    ];
    for (text, tokens) in &deltas {
        driver.push(0, Channel::Content, text, tokens, &mut on_turn);
    }
    driver.finish(&mut on_turn);
    let expected = [(0.25f64 * 1.0 * 0.25).cbrt(), (0.81f64 * 0.49).sqrt()];
    assert_eq!(scores.len(), 2);
    for (score, expected) in scores.iter().zip(expected) {
        assert!((score - expected).abs() < 1e-8, "{score} {expected}");
    }
}

#[test]
fn a_check_without_its_scorer_is_named() {
    let text = "version = 1\n[[halt]]\nname = \"a\"\nscore.from = \"facts\"";
    let policy = Policy::parse(text, Format::Toml).unwrap();
    let error = Driver::new(&policy).unwrap().ready().unwrap_err();
    assert_eq!((error.check(), error.source()), ("a", Source::Facts));
}

/// A forged trace with numbers that no stream has is told apart, and nothing
/// overflows on the way.
#[test]
fn absurd_numbers_are_no_trace() {
    const MOST: &str = "18446744073709551615";
    let policy = Policy::parse(
        "version = 1\n[[text]]\nname = \"key\"\nregex = 'k[0-9]+'\naction = \"mask\"",
        Format::Toml,
    )
    .unwrap();
    let mut gate = Gate::new(&policy).unwrap();
    gate.record();
    let mut trace = vec![Record::head(&policy).to_json()];
    trace.extend(gate.push(0, Channel::Content, "a k12 b").records().iter().map(Record::to_json));
    assert_eq!(replay(&trace), Ok(0));
    let changed = |from: &str, to: &str| {
        assert!(trace[1].contains(from), "{}", trace[1]);
        let mut lines = trace.clone();
        lines[1] = lines[1].replace(from, to);
        lines
    };
    for (from, to) in [
        ("\"start\":2", &*format!("\"start\":{MOST}")),
        ("\"end\":5", "\"end\":1"),
        ("\"known\":6", "\"known\":4"),
    ] {
        let lines = changed(from, to);
        assert!(replay(&lines).is_err(), "{lines:#?}");
    }
    // one such delta contradicts nothing; two would add up past what can be counted
    let mut lines = changed("\"bytes\":7", &format!("\"bytes\":{MOST}"));
    lines.insert(1, lines[1].clone());
    assert!(replay(&lines).is_err(), "{lines:#?}");
}

/// Every answer has a form of its own in a trace, which is read as what it was.
#[test]
fn answers_in_a_trace() {
    let check = |answer: Answer, expect: &str| {
        let record = Record::Score {
            choice: 0,
            channel: Channel::Content,
            check: "a".to_string(),
            claim: 1,
            score: answer,
        };
        let written = record.to_json();
        let head =
            r#"{"record":"score","choice":0,"channel":"content","check":"a","claim":1,"score":"#;
        assert_eq!(written, format!("{head}{expect}}}"));
        assert_eq!(serde_json::from_str::<Record>(&written).unwrap(), record);
    };
    let number = |score, finding| Answer::Number { score: Score::from_f64(score), finding };
    check(number(0.25, None), "250000000");
    check(
        number(0.25, Some(Finding::Unsupported)),
        r#"{"score":250000000,"finding":"unsupported"}"#,
    );
    check(number(f64::NAN, None), r#"{"invalid":"NaN"}"#);
    check(
        number(1.5, Some(Finding::Contradicted)),
        r#"{"invalid":"1.5","finding":"contradicted"}"#,
    );
    check(Answer::Error(ScoreError::Missing), r#"{"error":"missing_score"}"#);
    check(
        Answer::Error(ScoreError::MissingInput("nli".to_string())),
        r#"{"error":"missing_score","detail":"nli"}"#,
    );
    check(Answer::Error(ScoreError::Late), r#"{"error":"late_score"}"#);
    check(
        Answer::Error(ScoreError::Failed("no".to_string())),
        r#"{"error":"scorer_error","detail":"no"}"#,
    );
}

/// What no gate writes is refused.
#[test]
fn forged_answers_are_refused() {
    for answer in [
        r#"{"score":1000000001,"finding":"supported"}"#,
        r#"{"score":1,"finding":"likely"}"#,
        r#"{"invalid":"0.5"}"#,
        r#"{"error":"tired"}"#,
        "1000000001",
    ] {
        let mut lines = trace();
        lines[2] = lines[2].replace("900000000", answer);
        let error = replay(&lines).unwrap_err();
        assert!(error.contains("line 3: not a record of a trace"), "{answer}: {error}");
    }
}

/// A finding that is changed in a trace is a difference where it decided.
#[test]
fn a_changed_finding_is_a_difference() {
    let text = "version = 1\n[[halt]]\nscore = { from = \"facts\", on_contradicted = \"halt\" }";
    let policy = Policy::parse(text, Format::Toml).unwrap();
    let mut gate = Gate::new(&policy).unwrap();
    gate.record();
    let mut trace = vec![Record::head(&policy)];
    trace.extend_from_slice(gate.push(0, Channel::Content, "One. Two").records());
    let score = Score::from_f64(0.9);
    let answer = Answer::Number { score, finding: Some(Finding::Contradicted) };
    trace.extend_from_slice(gate.resolve(0, answer).unwrap().records());
    let lines: Vec<String> = trace.iter().map(Record::to_json).collect();
    assert_eq!(replay(&lines), Ok(1));
    for line in [2, 3] {
        let mut changed = lines.clone();
        changed[line] =
            changed[line].replace("\"finding\":\"contradicted\"", "\"finding\":\"supported\"");
        assert_ne!(changed, lines);
        assert!(replay(&changed).unwrap_err().contains("the replay differs"), "line {line}");
    }
}
