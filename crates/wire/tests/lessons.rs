//! Regression tests, each named after what taught us.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use tidegate_wire::{Framing, Item, Limits, Wire};

fn say(framing: Framing, limits: &Limits, pieces: &[&[u8]]) -> Vec<String> {
    let mut wire = Wire::new(framing, limits.clone());
    let mut said = Vec::new();
    let mut sink = |item: Item<'_>| match item {
        Item::Delta(d) => {
            let tokens: Vec<_> = d.logprobs.iter().map(|t| (t.bytes, t.logprob)).collect();
            let tokens = if tokens.is_empty() { String::new() } else { format!(" {tokens:?}") };
            said.push(format!("{}/{} {}{tokens}", d.choice, d.channel, d.text));
        }
        Item::Final(f) => said.push(format!("final {}/{} {}", f.choice, f.channel, f.text)),
        Item::Finish { choice, reason } => said.push(format!("finish {choice} {reason}")),
        Item::Start => said.push("start".into()),
        Item::Done => said.push("done".into()),
        Item::Fault(f) => said.push(format!("fault {} {}", f.code.as_str(), f.detail)),
        _ => {}
    };
    for piece in pieces {
        wire.push(piece, &mut sink);
    }
    wire.finish(&mut sink);
    said
}

fn lines(events: &[&str]) -> Vec<String> {
    let stream = events.join("\n") + "\n";
    say(Framing::JsonLines, &Limits::default(), &[stream.as_bytes()])
}

#[track_caller]
fn check(events: &[&str], expect: &[&str]) {
    let got: Vec<String> = lines(events)
        .into_iter()
        .map(|s| {
            if s.starts_with("fault") {
                s.split(' ').take(2).collect::<Vec<_>>().join(" ")
            } else {
                s
            }
        })
        .collect();
    assert_eq!(got, expect);
}

#[test]
fn hybrid_event_is_read_as_each_dialect() {
    check(
        &[
            r#"{"choices":[],"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}"#,
        ],
        &["0/content x"],
    );
}

#[test]
fn hybrid_candidates() {
    check(
        &[r#"{"choices":[],"candidates":[{"content":{"parts":[{"text":"x"}]}}]}"#],
        &["0/content x"],
    );
}

#[test]
fn error_detail_is_short() {
    let long = "x".repeat(100_000);
    let event = format!(
        r#"{{"candidates":[{{"content":{{"parts":[{{"thought":"{long}","text":"a"}}]}}}}]}}"#
    );
    for said in lines(&[&event]) {
        assert!(said.len() < 2000, "{} bytes", said.len());
    }
}

#[test]
fn error_detail_is_lowercase() {
    let said = lines(&[r#"{"choices":["#]);
    assert!(!said[0].contains("EOF"), "{said:?}");
}

#[test]
fn empty_finish_reason_is_none() {
    check(
        &[
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}"#,
            r#"{"choices":[{"delta":{"content":"b"},"finish_reason":""}]}"#,
        ],
        &["0/content a", "0/content b"],
    );
}

#[test]
fn whole_anthropic_message_finishes_with_its_stop_reason() {
    check(
        &[r#"{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}"#],
        &["0/content a", "finish 0 end_turn", "done"],
    );
}

#[test]
fn whole_response_finishes_with_its_status() {
    check(
        &[
            r#"{"object":"response","status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}]}"#,
        ],
        &["0/content a", "finish 0 completed", "done"],
    );
}

#[test]
fn response_failed_without_error_is_a_provider_error() {
    let said = lines(&[r#"{"type":"response.failed","response":{"status":"failed"}}"#]);
    assert!(said.iter().any(|s| s.starts_with("fault provider_error")), "{said:?}");
}

#[test]
fn item_that_is_added_with_its_arguments() {
    let item = r#""output_index":0,"item":{"type":"mcp_approval_request","arguments":"{\"a\":1}"}"#;
    check(
        &[
            &format!(r#"{{"type":"response.output_item.added",{item}}}"#),
            &format!(r#"{{"type":"response.output_item.done",{item}}}"#),
        ],
        &["0/tool:0 {\"a\":1}", "final 0/tool:0 {\"a\":1}"],
    );
}

#[test]
fn part_that_is_added_with_text() {
    check(
        &[
            r#"{"type":"response.content_part.added","output_index":0,"content_index":0,"part":{"type":"output_text","text":"a"}}"#,
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"b"}"#,
            r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"ab"}"#,
        ],
        &["0/content a", "0/content b", "final 0/content ab"],
    );
}

#[test]
fn summary_part_done_repeats() {
    check(
        &[
            r#"{"type":"response.reasoning_summary_part.done","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":"a"}}"#,
        ],
        &["0/reasoning a"],
    );
}

#[test]
fn file_search_queries_are_the_models_words() {
    let said = lines(&[
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"file_search_call","queries":["q"]}}"#,
    ]);
    assert!(said.iter().any(|s| s.contains("q")), "{said:?}");
}

#[test]
fn large_output_indices_do_not_collide() {
    // 2^48 << 16 is 0: two items, two tools
    check(
        &[
            r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"a"}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":281474976710656,"delta":"b"}"#,
        ],
        &["0/tool:0 a", "0/tool:1 b"],
    );
}

#[test]
fn command_index_does_not_collide_with_the_next_item() {
    check(
        &[
            r#"{"type":"response.shell_call_command.delta","output_index":0,"command_index":65536,"delta":"a"}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"b"}"#,
        ],
        &["0/tool:0 a", "0/tool:1 b"],
    );
}

#[test]
fn calls_of_two_candidates_do_not_mix() {
    check(
        &[
            r#"{"candidates":[{"index":0,"content":{"parts":[{"functionCall":{"name":"f","willContinue":true}}]}}]}"#,
            r#"{"candidates":[{"index":1,"content":{"parts":[{"functionCall":{"name":"g","willContinue":true}}]}}]}"#,
            r#"{"candidates":[{"index":0,"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"x"}],"willContinue":true}}]}}]}"#,
            r#"{"candidates":[{"index":1,"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"y"}]}}]}}]}"#,
        ],
        &["0/tool:0 $.a: x", "1/tool:0 $.a: y"],
    );
}

#[test]
fn every_value_of_a_partial_argument_is_read() {
    let said = lines(&[r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$.a","stringValue":"secret","numberValue":1}]}}]}}]}"#]).concat();
    assert!(said.contains("secret") && said.contains('1'), "{said}");
}

#[test]
fn faults_of_a_kind_are_told_once_per_event() {
    let choices: Vec<String> =
        (0..10_000).map(|i| format!(r#"{{"index":{i},"delta":{{"content":"a"}}}}"#)).collect();
    let said = lines(&[&format!(r#"{{"choices":[{}]}}"#, choices.join(","))]);
    assert_eq!(said.len(), 128 + 1, "{} items", said.len());
    let calls: Vec<String> =
        (0..10_000).map(|i| format!(r#"{{"index":{i},"function":{{"arguments":"a"}}}}"#)).collect();
    let said =
        lines(&[&format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{}]}}}}]}}"#, calls.join(","))]);
    assert_eq!(said.len(), 128 + 1, "{} items", said.len());
}

#[test]
fn event_at_the_limit_is_whole() {
    let event = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    let limits = Limits { event_bytes_max: event.len(), ..Limits::default() };
    assert_eq!(
        say(Framing::Sse, &limits, &[format!("data: {event}\n\n").as_bytes()]),
        ["0/content a"]
    );
    assert_eq!(
        say(Framing::JsonLines, &limits, &[format!("{event}\n").as_bytes()]),
        ["0/content a"]
    );
    let limits = Limits { event_bytes_max: event.len() - 1, ..Limits::default() };
    assert_eq!(say(Framing::Sse, &limits, &[format!("data: {event}\n\n").as_bytes()]).len(), 1);
    assert!(
        say(Framing::JsonLines, &limits, &[format!("{event}\n").as_bytes()])[0]
            .starts_with("fault event_too_large")
    );
}

#[test]
fn auto_reads_sse_behind_many_blank_lines() {
    let stream =
        "\n".repeat(300) + "data: {\"choices\":[{\"delta\":{\"content\":\"\\u0073ecret\"}}]}\n\n";
    assert_eq!(say(Framing::Auto, &Limits::default(), &[stream.as_bytes()]), ["0/content secret"]);
}

/// Older models say STOP with every event.
#[test]
fn a_google_finish_reason_is_no_end() {
    let event = |text: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}},"finishReason":"STOP"}}]}}"#
        )
    };
    check(
        &[&event("a"), &event("b")],
        &["0/content a", "finish 0 STOP", "0/content b", "finish 0 STOP"],
    );
}

/// A small event can hold very many small entries.
#[test]
fn the_entries_of_an_event_are_bounded() {
    let list = vec!["{}"; 70_000].join(",");
    for event in [
        format!("[{list}]"),
        format!(r#"{{"choices":[{list}]}}"#),
        format!(r#"{{"choices":[{{"delta":{{"content":[{list}]}}}}]}}"#),
        format!(r#"{{"candidates":[{{"content":{{"parts":[{list}]}}}}]}}"#),
        format!(r#"{{"type":"response.completed","response":{{"output":[{list}]}}}}"#),
        format!(r#"{{"type":"message","content":[{list}]}}"#),
    ] {
        check(
            &[&event, r#"{"choices":[{"delta":{"content":"a"}}]}"#],
            &["fault invalid_json", "0/content a"],
        );
    }
}

/// A fault goes into traces and onto screens, and the stream's text does not.
#[test]
fn faults_do_not_repeat_the_streams_text() {
    for event in [
        r#"{"choices":[{"delta":{"content":"secret""#,
        r#"{"choices":[{"index":"secret"}]}"#,
        r#"{"choices":"secret"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"text":{"a":"secret"}}}"#,
        "secret",
    ] {
        let said = lines(&[event]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("fault") && !said[0].contains("secret"), "{said:?}");
    }
    let late = [
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"delta":{"content":"secret"}}]}"#,
    ];
    assert_eq!(lines(&late)[1], "fault delta_after_finish text on content of choice 0");
}

#[test]
fn bedrock_exceptions_are_errors_of_the_provider() {
    for name in ["modelStreamErrorException", "throttlingException", "validationException"] {
        let event = format!(r#"{{"{name}":{{"message":"m"}}}}"#);
        assert_eq!(lines(&[&event]), ["fault provider_error `m`"]);
    }
}
