//! Traces and the driver's logprobs, by single cases.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use tidegate::{
    Channel, Driver, Event, Format, Gate, Policy, Record, Replay, Source, TokenLogprob,
};

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
    let token = |bytes, p: f64| TokenLogprob { bytes, logprob: p.ln() };
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
