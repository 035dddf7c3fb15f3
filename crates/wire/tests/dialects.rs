//! What the events of each dialect say.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use common::{STREAMS, items, show};
use serde_json::{Value, json};
use tidegate_wire::{Decoder, Dialect, Framing, Item, Limits};

/// What each event says, behind the event itself.
fn said(dialect: Option<Dialect>, events: &[String]) -> Vec<String> {
    let mut decoder = Decoder::new(Limits::default());
    let mut said = Vec::new();
    for (index, data) in (0u64..).zip(events) {
        let mut is_first = true;
        decoder.decode(Some("name"), data, index, 7 * index, false, &mut |item| {
            let is_event = matches!(item, Item::Event(_));
            assert_eq!(is_event, is_first, "one event, before what it says: {item:?}");
            if let Item::Event(event) = item {
                assert_eq!((event.name, event.data), (Some("name"), data.as_str()));
                assert_eq!(event.index, index);
                if data != "[DONE]" {
                    assert_eq!(event.dialect, dialect, "{data}");
                }
            } else {
                if let Item::Fault(fault) = &item {
                    assert_eq!((fault.event, fault.offset), (index, 7 * index));
                }
                said.push(show(&item));
            }
            is_first = false;
        });
        assert!(!is_first, "no event passes without a trace: {data}");
    }
    said
}

/// JSON with the keys of all objects in reverse, and with blanks.
fn reversed(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let fields: Vec<_> = map
                .iter()
                .rev()
                .map(|(key, value)| format!("{} : {}", json!(key), reversed(value)))
                .collect();
            format!("{{ {} }}", fields.join(" , "))
        }
        Value::Array(list) => {
            let list: Vec<_> = list.iter().map(reversed).collect();
            format!("[ {} ]", list.join(" ,"))
        }
        other => other.to_string(),
    }
}

/// Checks what events say, and that the order of their keys does not matter.
fn check(dialect: impl Into<Option<Dialect>>, events: &[&str], expect: &[&str]) {
    let dialect = dialect.into();
    let owned: Vec<String> = events.iter().map(ToString::to_string).collect();
    assert_eq!(said(dialect, &owned), expect, "{events:#?}");
    // JSON that is said as it stands would change
    if expect.iter().any(|item| item.contains(": {\"raw") || item.contains("`{")) {
        return;
    }
    let turned: Vec<String> = events
        .iter()
        .map(|event| match serde_json::from_str::<Value>(event) {
            Ok(value) => reversed(&value),
            Err(_) => event.to_string(),
        })
        .collect();
    assert_eq!(said(dialect, &turned), expect, "{turned:#?}");
}

fn chat(choices: &str) -> String {
    format!(r#"{{"id":"a","object":"chat.completion.chunk","choices":[{choices}]}}"#)
}

/// One event whose first choice has this delta.
fn check_chat(delta: &str, expect: &[&str]) {
    let event = chat(&format!(r#"{{"index":0,"delta":{delta}}}"#));
    check(Dialect::OpenAiChat, &[&event], expect);
    // an answer that was not streamed
    let whole = event.replace("\"delta\"", "\"message\"").replace(".chunk", "");
    check(Dialect::OpenAiChat, &[&whole], expect);
}

#[test]
fn the_streams_that_the_tests_share() {
    let expect: [&[&str]; 9] = [
        &[
            "reasoning: hm",
            "1/reasoning: so",
            "content: ab (1:-0.5 1:-1.5)",
            "content: part",
            "reasoning: deep",
            "refusal: no",
            "tool:0: {\"x\":",
            "tool:1: free",
            "tool:2: {}",
            "finish stop",
        ],
        &["content: one (1:-0.5 2:-2)", "content:  two", "finish length"],
        &[
            "reasoning: sum",
            "final reasoning: sum",
            "reasoning: hm",
            "final reasoning: hm",
            "content: Hi (2:-0.25)",
            "content:  you",
            "refusal: no",
            "final refusal: no",
            "final content: Hi you",
            "tool:0: {\"x\":",
            "tool:0: 1}",
            "tool:1: free",
            "tool:2: x=1",
            "tool:3: +x",
            "tool:4: ls",
            "content: more",
            "refusal: never",
            "tool:5: pwd",
            "tool:6: -y",
            "reasoning: later",
            "reasoning: late",
            "finish completed",
            "done",
        ],
        &["content: hallo", "content:  welt"],
        &[
            "reasoning: h",
            "reasoning: m",
            "content: be",
            "content: gin",
            "tool:0: {\"x\":1}",
            "finish tool_use",
            "done",
        ],
        &[
            "reasoning: hm",
            "content: ab",
            "tool:0: {\"x\":1}",
            "tool:1: print()",
            "tool:2: $.a: v",
            "finish STOP",
            "fault provider_error `prompt blocked: SAFETY`",
        ],
        &[
            "reasoning: hm",
            "content: hello",
            "reasoning: psst",
            "tool:0: {\"x\":1}",
            "finish completed",
            "done",
        ],
        &["reasoning: hm", "content: hello", "tool:0: {\"x\":1}", "finish tool_use"],
        &[
            "reasoning: plan",
            "content: be",
            "content: gin",
            "reasoning: hm",
            "tool:0: {\"x\":1}",
            "finish TOOL_CALL",
            "done",
        ],
    ];
    for ((dialect, events), expect) in STREAMS.iter().zip(expect) {
        let events: Vec<String> = events.iter().map(ToString::to_string).collect();
        assert_eq!(said(Some(*dialect), &events), expect, "{dialect:?}");
    }
    let dialects: Vec<_> = STREAMS.iter().map(|stream| stream.0).collect();
    assert_eq!(dialects, Dialect::ALL);
}

#[test]
fn chat_texts_are_found_by_channel() {
    check_chat(r#"{}"#, &[]);
    check_chat(r#"null"#, &[]);
    check_chat(r#"{"role":"assistant","content":""}"#, &[]);
    check_chat(r#"{"content":"a\n\u00e9\ud83d\ude00"}"#, &["content: a\né😀"]);
    check_chat(r#"{"refusal":"no"}"#, &["refusal: no"]);
    check_chat(r#"{"reasoning":"r","content":"c"}"#, &["reasoning: r", "content: c"]);
    check_chat(r#"{"reasoning_content":"r"}"#, &["reasoning: r"]);
    // the same under both names is said once, another twice
    check_chat(r#"{"reasoning":"r","reasoning_content":"r"}"#, &["reasoning: r"]);
    check_chat(r#"{"reasoning":"s","reasoning_content":"r"}"#, &["reasoning: r", "reasoning: s"]);
    check_chat(
        r#"{"content":[{"type":"text","text":"a"},{"text":"b"},{"type":"image"}]}"#,
        &["content: a", "content: b"],
    );
    check_chat(
        r#"{"content":[{"type":"thinking","thinking":"t"},{"type":"reasoning","text":"u"}]}"#,
        &["reasoning: t", "reasoning: u"],
    );
    check_chat(
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},
            {"type":"refusal","refusal":"no"}]}"#,
        &["reasoning: t", "refusal: no"],
    );
    check_chat(r#"{"reasoning":[{"type":"text","text":"t"}]}"#, &["reasoning: t"]);
    check_chat(r#"{"content":[]}"#, &[]);
}

#[test]
fn chat_tool_calls_keep_their_numbers() {
    check_chat(
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"a"}},{"index":1,"function":{"arguments":"b"}}]}"#,
        &["tool:0: a", "tool:1: b"],
    );
    // without numbers they count by their places
    check_chat(
        r#"{"tool_calls":[{"function":{"arguments":"a"}},{"function":{"arguments":"b"}}]}"#,
        &["tool:0: a", "tool:1: b"],
    );
    check_chat(r#"{"tool_calls":[{"custom":{"name":"n","input":"free"}}]}"#, &["tool:0: free"]);
    check_chat(r#"{"function_call":{"name":"n","arguments":"a"}}"#, &["tool:0: a"]);
    check_chat(
        r#"{"tool_calls":[{"function":{"arguments":{"raw":1}}}]}"#,
        &["tool:0: {\"raw\":1}"],
    );
    let calls = |calls: &str| chat(&format!(r#"{{"delta":{{"tool_calls":[{calls}]}}}}"#));
    check(
        Dialect::OpenAiChat,
        &[
            &calls(r#"{"index":7,"function":{"name":"f","arguments":""}}"#),
            &calls(r#"{"index":3,"function":{"name":"g","arguments":"b"}}"#),
            &calls(r#"{"index":7,"function":{"arguments":"a"}}"#),
            &chat(r#"{"delta":{"function_call":{"arguments":"c"}}}"#),
            &chat(
                r#"{"index":1,"delta":{"tool_calls":[{"index":3,"function":{"arguments":"d"}}]}}"#,
            ),
        ],
        &["tool:1: b", "tool:0: a", "tool:2: c", "1/tool:0: d"],
    );
}

#[test]
fn chat_choices_are_apart() {
    check(
        Dialect::OpenAiChat,
        &[
            &chat(r#"{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}"#),
            &chat(r#"{"index":1,"delta":{},"finish_reason":"stop"}"#),
            &chat(r#"{"index":0,"delta":{"content":"c"},"finish_reason":"length"}"#),
            "[DONE]",
        ],
        &["1/content: b", "content: a", "1/finish stop", "content: c", "finish length", "done"],
    );
    // a key may be written with escapes
    let escaped =
        chat(r#"{"d\u0065lta":{"c\u006fntent":"a"}}"#).replace("choices", r"ch\u006fices");
    check(Dialect::OpenAiChat, &[&escaped], &["content: a"]);
    // 4294967295 is a number like others
    check(
        Dialect::OpenAiChat,
        &[&chat(r#"{"index":4294967295,"delta":{"content":"b"}}"#)],
        &["4294967295/content: b"],
    );
}

#[test]
fn chat_frames_without_text_say_nothing() {
    for event in [
        r#"{"object":"chat.completion.chunk","choices":[],"usage":{}}"#,
        r#"{"object":"chat.completion.chunk","choices":null,"usage":{}}"#,
        r#"{"object":"chat.completion.chunk"}"#,
        r#"{"choices":[]}"#,
        r#"{"choices":[{}]}"#,
        r#"{"id":5,"object":"chat.completion.chunk","choices":[{"finish_reason":null}]}"#,
    ] {
        check(Dialect::OpenAiChat, &[event], &[]);
    }
}

#[test]
fn chat_logprobs_fit_their_text() {
    let check = |text: &str, logprobs: &str, expect: &str| {
        let choice =
            format!(r#"{{"delta":{{"content":"{text}"}},"logprobs":{{"content":{logprobs}}}}}"#);
        check(Dialect::OpenAiChat, &[&chat(&choice)], &[expect]);
    };
    check(
        "é!",
        r#"[{"token":"é","logprob":-1,"bytes":[195,169]},{"token":"!","logprob":0}]"#,
        "content: é! (2:-1 1:0)",
    );
    // bytes that are not given are the token's
    check(
        "é!",
        r#"[{"token":"é","logprob":-1,"bytes":null},{"token":"!","logprob":0}]"#,
        "content: é! (2:-1 1:0)",
    );
    // halves of a character, as some give them
    check(
        "é",
        r#"[{"token":"\\xc3","logprob":-1,"bytes":[195]},{"token":"\\xa9","logprob":-3,"bytes":[169]}]"#,
        "content: é (1:-1 1:-3)",
    );
    // lengths that do not sum: one token with the mean
    check(
        "abc",
        r#"[{"token":"a","logprob":-1},{"token":"b","logprob":-3}]"#,
        "content: abc (3:-2)",
    );
    check(
        "abc",
        r#"[{"token":"ab","logprob":-1},{"token":"c","logprob":null}]"#,
        "content: abc (3:-1)",
    );
    for none in [
        "null",
        "[]",
        "5",
        "{}",
        r#"[{"token":"abc","logprob":"x"}]"#,
        r#"[{"token":"abc"}]"#,
        r#"[{"token":"abc","logprob":-1,"bytes":[256]}]"#,
        r#"[{"token":"abc","logprob":1e999}]"#,
    ] {
        check("abc", none, "content: abc");
    }
    // the alternatives of a token, whose probabilities need not sum to one
    check(
        "ab",
        r#"[{"token":"a","logprob":-1,"top_logprobs":[{"token":"a","logprob":-1},{"token":"b","logprob":-1}]},
            {"token":"b","logprob":0,"top_logprobs":[{"token":"b","logprob":0},{"token":"c","logprob":-9999}]}]"#,
        "content: ab (1:-1~0.6931 1:0~0.0000)",
    );
    // one alternative says nothing, nor do such as cannot be read
    for top in [
        "null",
        "[]",
        "5",
        r#"[{"token":"a","logprob":-1}]"#,
        r#"[{"token":"a","logprob":-1},{"token":"b"}]"#,
        r#"[{"token":"a","logprob":-1},{"token":"b","logprob":2}]"#,
    ] {
        let tokens = format!(r#"[{{"token":"a","logprob":-1,"top_logprobs":{top}}}]"#);
        check("a", &tokens, "content: a (1:-1)");
    }
    // tokens that are made one: the mean of all, if all have one
    let half = r#"{"token":"x","logprob":-1,"top_logprobs":[{"logprob":-1},{"logprob":-1}]}"#;
    check("abc", &format!("[{half},{half}]"), "content: abc (3:-1~0.6931)");
    check("abc", &format!(r#"[{half},{{"token":"y","logprob":-1}}]"#), "content: abc (3:-1)");
    let refusal = r#"{"delta":{"refusal":"no"},"logprobs":{"content":null,"refusal":[{"token":"no","logprob":-1}]}}"#;
    crate::check(Dialect::OpenAiChat, &[&chat(refusal)], &["refusal: no (2:-1)"]);
    for odd in ["5", "[]", "\"x\"", "null"] {
        let choice = format!(r#"{{"delta":{{"content":"a"}},"logprobs":{odd}}}"#);
        crate::check(Dialect::OpenAiChat, &[&chat(&choice)], &["content: a"]);
    }
}

#[test]
fn completions_say_their_text() {
    let check = |choice: &str, expect: &[&str]| {
        let event = format!(r#"{{"object":"text_completion","choices":[{choice}]}}"#);
        check(Dialect::OpenAiCompletions, &[&event], expect);
    };
    check(r#"{"text":"a"}"#, &["content: a"]);
    check(r#"{"text":"a","index":2,"finish_reason":"stop"}"#, &["2/content: a", "2/finish stop"]);
    check(r#"{"text":"","finish_reason":"stop"}"#, &["finish stop"]);
    check(r#"{"text":null}"#, &[]);
    check(
        r#"{"text":"ab","logprobs":{"tokens":["a","b"],"token_logprobs":[null,-1]}}"#,
        &["content: ab (2:-1)"],
    );
    check(
        r#"{"text":"ab","logprobs":{"tokens":["a","b"],"token_logprobs":[-0.5,-1]}}"#,
        &["content: ab (1:-0.5 1:-1)"],
    );
    // the alternatives of each token; with one left out it is not said whose they are
    let top = |top: &str| {
        format!(
            r#"{{"text":"ab","logprobs":{{"tokens":["a","b"],"token_logprobs":[-1,-1],"top_logprobs":{top}}}}}"#
        )
    };
    let both = r#"[{"a":-1,"c":-1},{"b":-1,"c":-1,"d":-1,"e":-1}]"#;
    check(&top(both), &["content: ab (1:-1~0.6931 1:-1~1.3863)"]);
    check(&top(r#"[{"a":-3,"c":-1},{"b":-2,"c":-2}]"#), &["content: ab (1:-1~0.3653 1:-1~0.6931)"]);
    for other in ["null", "5", "[]", r#"[null,{"b":-1,"c":-1}]"#, r#"[{"a":-1,"c":"x"},{}]"#] {
        check(&top(other), &["content: ab (1:-1 1:-1)"]);
    }
    check(r#"{"text":"ab","logprobs":{"tokens":5}}"#, &["content: ab"]);
    check(r#"{"text":"ab","logprobs":{"tokens":null,"token_logprobs":null}}"#, &["content: ab"]);
    // without its object an event is told by its text
    crate::check(Dialect::OpenAiCompletions, &[r#"{"choices":[{"text":"a"}]}"#], &["content: a"]);
}

#[test]
fn an_answer_behind_a_finished_one_is_told_by_its_id() {
    let event = |id: &str, rest: &str| format!(r#"{{"id":"{id}","choices":[{rest}]}}"#);
    let text = |id: &str, text: &str| event(id, &format!(r#"{{"delta":{{"content":"{text}"}}}}"#));
    let finish = |id: &str| event(id, r#"{"delta":{},"finish_reason":"stop"}"#);
    let check = |events: &[&str], expect: &[&str]| check(Dialect::OpenAiChat, events, expect);
    check(
        &[&text("a", "1"), &finish("a"), &text("b", "2"), &finish("b")],
        &["content: 1", "finish stop", "start", "content: 2", "finish stop"],
    );
    check(
        &[&text("a", "1"), &finish("a"), &text("a", "2")],
        &["content: 1", "finish stop", "fault delta_after_finish"],
    );
    // an id of its own for every chunk is no new answer
    check(
        &[&text("a", "1"), &text("b", "2"), &finish("c")],
        &["content: 1", "content: 2", "finish stop"],
    );
    // a first answer without text is an answer
    check(&[&finish("a"), &text("b", "2")], &["finish stop", "start", "content: 2"]);
    // a frame without choices begins nothing, whatever its id
    check(
        &[&text("a", "1"), &finish("a"), &event("b", ""), &text("b", "2")],
        &["content: 1", "finish stop", "start", "content: 2"],
    );
    check(
        &[&text("a", "1"), &finish("a"), &event("", ""), &event("b", "")],
        &["content: 1", "finish stop"],
    );
    // another choice goes on
    check(
        &[
            &event("a", r#"{"index":1,"delta":{"content":"x"},"finish_reason":"stop"}"#),
            &text("b", "1"),
        ],
        &["1/content: x", "1/finish stop", "content: 1"],
    );
    let long = "x".repeat(1000);
    check(
        &[&text(&long, "1"), &finish(&long), &text(&long, "2")],
        &["content: 1", "finish stop", "fault delta_after_finish"],
    );
    // the tools of another answer are others
    let tool = |id: &str| {
        event(id, r#"{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"t"}}]}}"#)
    };
    check(
        &[&tool("a"), &finish("a"), &tool("b")],
        &["tool:0: t", "finish stop", "start", "tool:1: t"],
    );
}

#[test]
fn errors_of_the_provider_are_faults() {
    let check = |event: &str, message: &str| {
        check(None, &[event], &[&format!("fault provider_error `{message}`")]);
    };
    check(r#"{"error":{"message":"m","type":"t","code":5}}"#, "m");
    check(r#"{"error":"m"}"#, "m");
    check(r#"{"error":{"type":"t"}}"#, r#"{\"type\":\"t\"}"#);
    check(r#"{"error":{"message":5}}"#, r#"{\"message\":5}"#);
    check(r#"{"error":5}"#, "5");
    check(r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, "m");
    check(r#"{"type":"error","code":"c","message":"m","param":null}"#, "m");
    check(r#"{"type":"error","code":500,"message":"m"}"#, "m");
    check(r#"{"type":"error"}"#, "");
    check(r#"{"error":{"message":"a\u001b[31m\nb"}}"#, r"a\u{1b}[31m\nb");
    // a long one is shortened
    let long = format!(r#"{{"error":"{}"}}"#, "é".repeat(300));
    check(&long, &format!("{}…", "é".repeat(200)));
    crate::check(None, &[r#"{"error":null}"#], &[]);
    // text beside an error is said, and the error is told
    crate::check(
        Dialect::OpenAiChat,
        &[r#"{"choices":[{"delta":{"content":"a"}}],"error":{"message":"m"}}"#],
        &["content: a", "fault provider_error `m`"],
    );
}

fn responses(events: &[&str], expect: &[&str]) {
    check(Dialect::OpenAiResponses, events, expect);
}

#[test]
fn responses_say_nothing_twice() {
    let delta = |text: &str| {
        format!(
            r#"{{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"{text}"}}"#
        )
    };
    let done = |text: &str| {
        format!(
            r#"{{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"{text}"}}"#
        )
    };
    let part = |text: &str| {
        format!(
            r#"{{"type":"response.content_part.done","output_index":0,"content_index":0,"part":{{"type":"output_text","text":"{text}"}}}}"#
        )
    };
    let message = |text: &str| {
        format!(
            r#"{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"{text}"}}]}}"#
        )
    };
    let item = |text: &str| {
        let item = message(text);
        format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#)
    };
    let completed = |output: &str| {
        format!(
            r#"{{"type":"response.completed","response":{{"status":"completed","output":[{output}]}}}}"#
        )
    };
    let end = ["finish completed", "done"];
    let all = completed(&message("ab"));
    responses(
        &[&delta("a"), &delta("b"), &done("ab"), &part("ab"), &item("ab"), &all],
        &[
            "content: a",
            "content: b",
            "final content: ab",
            "final content: ab",
            "final content: ab",
            end[0],
            end[1],
        ],
    );
    // what was not streamed is said when it is first repeated
    responses(
        &[&done("ab"), &part("ab"), &all],
        &["content: ab", "final content: ab", end[0], end[1]],
    );
    responses(&[&part("ab"), &all], &["content: ab", end[0], end[1]]);
    responses(&[&item("ab"), &all], &["content: ab", end[0], end[1]]);
    responses(&[&all], &["content: ab", end[0], end[1]]);
    responses(&[&delta("a"), &all], &["content: a", "content: b", end[0], end[1]]);
    // each time only what is new
    responses(
        &[&delta("a"), &done("ab"), &part("abc"), &item("abcd"), &completed(&message("abcde"))],
        &["content: a", "content: b", "content: c", "content: d", "content: e", end[0], end[1]],
    );
    // another text, a shorter one, half a character
    responses(&[&delta("ab"), &done("xb")], &["content: ab", "fault final_mismatch"]);
    responses(&[&delta("ab"), &done("a")], &["content: ab", "fault final_mismatch"]);
    responses(&[&delta("a"), &done("é")], &["content: a", "fault final_mismatch"]);
    // an end without its items
    responses(&[&delta("ab"), &completed("")], &["content: ab", end[0], end[1]]);
    // items that are missing there change the places of the others
    let reasoning = r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"r"}"#;
    let second = delta("ab").replace("\"output_index\":0", "\"output_index\":1");
    responses(&[reasoning, &second, &all], &["reasoning: r", "content: ab", end[0], end[1]]);
    // a number that is none is 0
    for odd in ["null", "\"x\"", "-1", "1.5", "[]", "99999999999999999999"] {
        let odd = delta("ab").replace("_index\":0", &format!("_index\":{odd}"));
        responses(&[&odd, &done("ab")], &["content: ab", "final content: ab"]);
    }
    // two parts of one item
    let other = delta("x").replace("\"content_index\":0", "\"content_index\":1");
    responses(
        &[&delta("ab"), &other, &done("ab")],
        &["content: ab", "content: x", "final content: ab"],
    );
    // another response in the same stream
    let created = r#"{"type":"response.created","response":{}}"#;
    responses(
        &[created, &delta("ab"), &all, created, &delta("ab"), &all],
        &["content: ab", end[0], end[1], "start", "content: ab", end[0], end[1]],
    );
    responses(
        &[created, &completed(""), created, &delta("b")],
        &[end[0], end[1], "start", "content: b"],
    );
    responses(&[&all, &delta("c")], &["content: ab", end[0], end[1], "fault delta_after_finish"]);
}

#[test]
fn responses_end_in_several_ways() {
    for kind in ["completed", "incomplete", "failed", "done"] {
        let event = format!(r#"{{"type":"response.{kind}","response":{{"status":"{kind}"}}}}"#);
        let finish = format!("finish {kind}");
        let fault = (kind == "failed").then_some("fault provider_error `the response failed`");
        let said: Vec<&str> = fault.into_iter().chain([finish.as_str(), "done"]).collect();
        responses(&[&event], &said);
    }
    responses(&[r#"{"type":"response.completed"}"#], &["finish ", "done"]);
    responses(&[r#"{"type":"response.completed","response":null}"#], &["finish ", "done"]);
    responses(
        &[
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"c","message":"m"}}}"#,
        ],
        &["fault provider_error `m`", "finish failed", "done"],
    );
}

#[test]
fn responses_refuse_and_reason() {
    let event = |kind: &str, rest: &str| format!(r#"{{"type":"response.{kind}",{rest}}}"#);
    responses(
        &[
            &event("refusal.delta", r#""delta":"n""#),
            &event("refusal.done", r#""refusal":"no""#),
            &event("content_part.done", r#""part":{"type":"refusal","refusal":"no"}"#),
        ],
        &["refusal: n", "refusal: o", "final refusal: no"],
    );
    responses(
        &[
            &event("reasoning_summary_text.delta", r#""summary_index":1,"delta":"s""#),
            &event("reasoning_summary_text.done", r#""summary_index":1,"text":"s""#),
            &event("reasoning_text.delta", r#""content_index":1,"delta":"t""#),
            &event("reasoning_text.done", r#""content_index":1,"text":"tu""#),
        ],
        &["reasoning: s", "final reasoning: s", "reasoning: t", "reasoning: u"],
    );
    // an item whose content has no parts
    responses(
        &[
            &event(
                "output_item.done",
                r#""output_index":3,"item":{"type":"message","content":"x"}"#,
            ),
            &event(
                "output_item.done",
                r#""output_index":4,"item":{"type":"reasoning","content":"y"}"#,
            ),
            &event(
                "completed",
                r#""response":{"status":"s","output":[{"type":"reasoning","content":"y"},{"type":"message","content":"x"}]}"#,
            ),
        ],
        &["content: x", "reasoning: y", "finish s", "done"],
    );
}

#[test]
fn responses_call_tools_of_many_kinds() {
    let event = |kind: &str, rest: &str| format!(r#"{{"type":"response.{kind}",{rest}}}"#);
    for (kind, place) in [
        ("function_call_arguments", "arguments"),
        ("mcp_call_arguments", "arguments"),
        ("custom_tool_call_input", "input"),
        ("code_interpreter_call_code", "code"),
        ("apply_patch_call_operation_diff", "diff"),
        ("shell_call_command", "command"),
    ] {
        let delta = event(&format!("{kind}.delta"), r#""output_index":4,"delta":"a""#);
        let done = |text: &str| {
            event(&format!("{kind}.done"), &format!(r#""output_index":4,"{place}":"{text}""#))
        };
        responses(&[&delta, &done("a")], &["tool:0: a", "final tool:0: a"]);
        responses(&[&delta, &done("ab")], &["tool:0: a", "tool:0: b"]);
        responses(&[&done("ab"), &done("ab")], &["tool:0: ab", "final tool:0: ab"]);
        responses(&[&delta, &done("b")], &["tool:0: a", "fault final_mismatch"]);
        responses(&[&done("")], &[]);
    }
    let item = |index: u32, item: &str| {
        event("output_item.done", &format!(r#""output_index":{index},"item":{item}"#))
    };
    for (kind, expect) in [
        (r#"{"type":"function_call","arguments":"a"}"#, "a"),
        (r#"{"type":"mcp_call","arguments":"a","output":"not the model's"}"#, "a"),
        (r#"{"type":"custom_tool_call","input":"a"}"#, "a"),
        (r#"{"type":"code_interpreter_call","code":"a","outputs":[{"logs":"x"}]}"#, "a"),
        (r#"{"type":"apply_patch_call","operation":{"diff":"a"}}"#, "a"),
        (r#"{"type":"function_call","arguments":{"raw":1}}"#, "{\"raw\":1}"),
        (r#"{"type":"web_search_call","action":{"raw":"q"}}"#, "{\"raw\":\"q\"}"),
    ] {
        let expect = format!("tool:0: {expect}");
        let again = format!(r#""response":{{"status":"s","output":[{kind}]}}"#);
        responses(&[&item(2, kind), &event("completed", &again)], &[&expect, "finish s", "done"]);
        responses(&[&event("completed", &again)], &[&expect, "finish s", "done"]);
    }
    // the commands of one shell call are tool calls each
    let shell =
        item(1, r#"{"type":"shell_call","action":{"commands":["ls","pwd"],"timeout_ms":5}}"#);
    let command = |number: u32, text: &str| {
        event(
            "shell_call_command.delta",
            &format!(r#""output_index":1,"command_index":{number},"delta":"{text}""#),
        )
    };
    responses(
        &[&command(0, "l"), &command(1, "p"), &command(0, "s"), &shell, &shell],
        &[
            "tool:0: l",
            "tool:1: p",
            "tool:0: s",
            "final tool:0: ls",
            "tool:1: wd",
            "final tool:0: ls",
            "final tool:1: pwd",
        ],
    );
    // what only passes by
    responses(
        &[
            &item(1, r#"{"type":"function_call_output","output":"x"}"#),
            &item(2, r#"{"type":"image_generation_call","result":"base64"}"#),
            &item(3, "null"),
            &event("output_item.added", r#""item":{"type":"message","content":[]}"#),
            &event("output_text.annotation.added", r#""annotation":{}"#),
            &event("in_progress", r#""response":{}"#),
            &event("web_search_call.searching", r#""output_index":3"#),
        ],
        &[],
    );
}

#[test]
fn a_response_that_was_not_streamed() {
    responses(
        &[
            r#"{"id":"r","object":"response","status":"completed","error":null,"model":"m","instructions":"i","text":{"format":{"type":"text"},"verbosity":"medium"},"reasoning":{"effort":null},"tools":[],"output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},{"type":"message","content":[{"type":"output_text","text":"a","annotations":[]},{"type":"refusal","refusal":"no"}]},{"type":"function_call","arguments":"{}"}]}"#,
        ],
        &["reasoning: hm", "content: a", "refusal: no", "tool:0: {}", "finish completed", "done"],
    );
    responses(&[r#"{"object":"response","output":null}"#], &["finish response", "done"]);
}

#[test]
fn realtime_is_heard() {
    let dialect = Dialect::OpenAiRealtime;
    check(
        dialect,
        &[
            r#"{"type":"session.created","session":{"voice":"v"}}"#,
            r#"{"type":"response.output_audio_transcript.delta","output_index":0,"content_index":0,"delta":"hal"}"#,
            r#"{"type":"response.audio_transcript.delta","output_index":0,"content_index":0,"delta":"lo"}"#,
            r#"{"type":"response.output_audio_transcript.done","output_index":0,"content_index":0,"transcript":"hallo du"}"#,
            r#"{"type":"conversation.item.added","item":{"type":"message","role":"user"}}"#,
        ],
        &["content: hal", "content: lo", "content:  du"],
    );
    check(
        Dialect::OpenAiResponses,
        &[
            r#"{"type":"response.text.delta","delta":"a"}"#,
            r#"{"type":"response.text.done","text":"ab"}"#,
            r#"{"type":"response.content_part.done","content_index":1,"part":{"type":"audio","transcript":"b"}}"#,
            r#"{"type":"response.done","response":{"status":"completed","output":[{"type":"message","content":[{"type":"text","text":"ab"},{"type":"output_audio","transcript":"b"}]}]}}"#,
        ],
        &["content: a", "content: b", "content: b", "finish completed", "done"],
    );
}

#[test]
fn anthropic_blocks() {
    let check = |events: &[&str], expect: &[&str]| {
        check(Dialect::AnthropicMessages, events, expect);
    };
    let start = |index: u32, block: &str| {
        format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#)
    };
    let delta = |index: u32, delta: &str| {
        format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#)
    };
    check(&[&start(0, r#"{"type":"text","text":"a"}"#)], &["content: a"]);
    check(&[&start(0, r#"{"type":"thinking","thinking":"a"}"#)], &["reasoning: a"]);
    check(&[&start(0, r#"{"type":"tool_use","input":{"raw":1}}"#)], &["tool:0: {\"raw\":1}"]);
    for kind in ["server_tool_use", "mcp_tool_use"] {
        let block = format!(r#"{{"type":"{kind}","input":{{"raw":1}}}}"#);
        check(&[&start(0, &block)], &["tool:0: {\"raw\":1}"]);
    }
    check(&[&start(0, r#"{"type":"mcp_tool_use","input":{ }}"#)], &[]);
    check(&[&start(0, r#"{"type":"tool_use","input":null}"#)], &[]);
    // a call takes its number when it appears
    check(
        &[
            &start(3, r#"{"type":"tool_use","input":{}}"#),
            &start(1, r#"{"type":"server_tool_use"}"#),
            &delta(1, r#"{"partial_json":"b"}"#),
            &delta(3, r#"{"partial_json":"a"}"#),
            &delta(3, r#"{"partial_json":""}"#),
        ],
        &["tool:1: b", "tool:0: a"],
    );
    // what a tool found is not the model's
    check(
        &[
            &start(1, r#"{"type":"web_search_tool_result","content":[{"title":"t"}]}"#),
            &start(2, r#"{"type":"text_editor_tool_result","text":"x"}"#),
            &start(3, r#"{"type":"redacted_thinking","data":"x"}"#),
            &delta(3, r#"{"type":"signature_delta","signature":"s"}"#),
            &delta(3, r#"{"type":"citations_delta","citation":{"cited_text":"c"}}"#),
            &delta(3, "null"),
            r#"{"type":"content_block_stop","index":3}"#,
        ],
        &[],
    );
    let message = |content: &str| {
        format!(r#"{{"type":"message_start","message":{{"content":[{content}]}}}}"#)
    };
    let tool = r#"{"type":"tool_use","input":{}}"#;
    let json = r#"{"partial_json":"j"}"#;
    check(
        &[
            &message(""),
            &start(0, tool),
            &delta(0, json),
            &message(""),
            &start(0, tool),
            &delta(0, json),
        ],
        &["tool:0: j", "start", "tool:1: j"],
    );
    // a second start before any text begins nothing
    check(&[&message(""), &message(r#"{"type":"text","text":"a"}"#)], &["content: a"]);
    let end = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#;
    check(
        &[&delta(0, r#"{"text":"a"}"#), end, &delta(0, r#"{"text":"b"}"#)],
        &["content: a", "finish end_turn", "fault delta_after_finish"],
    );
    check(
        &[end, &message(""), &delta(0, r#"{"text":"b"}"#)],
        &["finish end_turn", "start", "content: b"],
    );
    check(&[r#"{"type":"message_delta","delta":{"stop_reason":null}}"#], &[]);
    check(
        &[
            r#"{"type":"message","role":"assistant","stop_reason":"end_turn","content":[{"type":"thinking","thinking":"h"},{"type":"text","text":"a"},{"type":"tool_use","input":{"raw":1}}]}"#,
        ],
        &["reasoning: h", "content: a", "tool:0: {\"raw\":1}", "finish end_turn", "done"],
    );
}

#[test]
fn google_parts() {
    let check = |events: &[&str], expect: &[&str]| {
        check(Dialect::GoogleGenerateContent, events, expect);
    };
    let parts = |parts: &str| format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}}}}]}}"#);
    check(&[&parts(r#"{"text":"a"},{"text":"b"}"#)], &["content: a", "content: b"]);
    check(
        &[&parts(r#"{"text":"h","thought":true},{"text":"a","thought":false}"#)],
        &["reasoning: h", "content: a"],
    );
    check(&[&parts(r#"{"inlineData":{}},{"codeExecutionResult":{"output":"x"}},{}"#)], &[]);
    check(
        &[
            r#"{"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"},{"content":{}},{"content":null}]}"#,
        ],
        &["1/content: b", "1/finish STOP"],
    );
    // calls that come whole
    check(
        &[
            &parts(
                r#"{"functionCall":{"name":"f","args":{"raw":1}}},{"functionCall":{"name":"f","args":{}}}"#,
            ),
            &parts(r#"{"functionCall":{"name":"f","args":{"raw":2}}}"#),
        ],
        &["tool:0: {\"raw\":1}", "tool:2: {\"raw\":2}"],
    );
    // and in pieces
    let piece = |args: &str| {
        parts(&format!(r#"{{"functionCall":{{"willContinue":true,"partialArgs":[{args}]}}}}"#))
    };
    check(
        &[
            &parts(r#"{"functionCall":{"name":"f","willContinue":true}}"#),
            &piece(r#"{"jsonPath":"$.a","stringValue":"x","willContinue":true}"#),
            &piece(r#"{"jsonPath":"$.a","stringValue":"y"}"#),
            &piece(r#"{"jsonPath":"$.b","numberValue":0.50},{"jsonPath":"$.c","boolValue":false}"#),
            &piece(r#"{"jsonPath":"$.d","nullValue":"NULL_VALUE"}"#),
            &parts(r#"{"functionCall":{}}"#),
            &parts(r#"{"functionCall":{"name":"g","args":{"raw":1}}}"#),
        ],
        &[
            "tool:0: $.a: x",
            "tool:0: y",
            "tool:0: \n$.b: 0.50",
            "tool:0: \n$.c: false",
            "tool:0: \n$.d: \"NULL_VALUE\"",
            "tool:1: {\"raw\":1}",
        ],
    );
}

#[test]
fn google_logprobs_and_blocks() {
    let check = |event: &str, expect: &[&str]| {
        check(Dialect::GoogleGenerateContent, &[event], expect);
    };
    for (result, expect) in [
        (
            r#"{"chosenCandidates":[{"token":"a","logProbability":-1},{"token":"b","logProbability":-2}]}"#,
            "content: ab (1:-1 1:-2)",
        ),
        (r#"{"chosenCandidates":[{"token":"a","logProbability":-1}]}"#, "content: ab (2:-1)"),
        (
            r#"{"chosenCandidates":[{"token":"ab","logProbability":-1}],"topCandidates":[
                {"candidates":[{"token":"ab","logProbability":-1},{"token":"c","logProbability":-1}]}]}"#,
            "content: ab (2:-1~0.6931)",
        ),
        (
            r#"{"chosenCandidates":[{"token":"ab","logProbability":-1}],"topCandidates":5}"#,
            "content: ab (2:-1)",
        ),
        // what cannot be read is none
        (r#"{"chosenCandidates":null}"#, "content: ab"),
        (r#"{"chosenCandidates":5}"#, "content: ab"),
        (r#"{"topCandidates":[]}"#, "content: ab"),
        ("null", "content: ab"),
        ("5", "content: ab"),
    ] {
        check(
            &format!(
                r#"{{"candidates":[{{"content":{{"parts":[{{"text":"ab"}}]}},"logprobsResult":{result}}}]}}"#
            ),
            &[expect],
        );
    }
    check(
        r#"{"promptFeedback":{"blockReason":"OTHER"}}"#,
        &["fault provider_error `prompt blocked: OTHER`"],
    );
    check(r#"{"promptFeedback":{"safetyRatings":[]}}"#, &[]);
    check(r#"{"candidates":[],"promptFeedback":null}"#, &[]);
}

#[test]
fn interactions() {
    let check = |events: &[&str], expect: &[&str]| {
        check(Dialect::GoogleInteractions, events, expect);
    };
    let start = |index: u32, step: &str| {
        format!(r#"{{"event_type":"step.start","index":{index},"step":{step}}}"#)
    };
    let delta = |index: u32, delta: &str| {
        format!(r#"{{"event_type":"step.delta","index":{index},"delta":{delta}}}"#)
    };
    check(
        &[
            &start(0, r#"{"type":"thought"}"#),
            &delta(0, r#"{"type":"text","text":"h"}"#),
            // the number is used again
            &start(0, r#"{"type":"model_output"}"#),
            &delta(0, r#"{"type":"text","text":"a"}"#),
            &delta(1, r#"{"type":"text","text":"b"}"#),
            &delta(1, r#"{"type":"thought_signature","signature":"s"}"#),
        ],
        &["reasoning: h", "content: a", "content: b"],
    );
    for (content, expect) in [
        (r#"{"type":"text","text":"x"}"#, &["reasoning: x"][..]),
        (r#""x""#, &["reasoning: x"]),
        (r#"[{"type":"text","text":"x"},{"text":"y"}]"#, &["reasoning: x", "reasoning: y"]),
        ("null", &[]),
        ("{}", &[]),
    ] {
        check(
            &[&delta(0, &format!(r#"{{"type":"thought_summary","content":{content}}}"#))],
            expect,
        );
    }
    check(
        &[
            &start(5, r#"{"type":"function_call","arguments":{"raw":1}}"#),
            &start(6, r#"{"type":"function_call","arguments":{}}"#),
            &start(7, r#"{"type":"url_context_call"}"#),
            &delta(7, r#"{"arguments":"c"}"#),
            &delta(6, r#"{"arguments":{"x":1}}"#),
        ],
        &["tool:0: {\"raw\":1}", "tool:2: c", "tool:1: {\"x\":1}"],
    );
    let created = r#"{"event_type":"interaction.created"}"#;
    let completed = r#"{"event_type":"interaction.completed","interaction":{"status":"s"}}"#;
    check(
        &[created, &delta(0, r#"{"text":"a"}"#), completed, created, &delta(0, r#"{"text":"b"}"#)],
        &["content: a", "finish s", "done", "start", "content: b"],
    );
    check(&[r#"{"event_type":"interaction.completed"}"#], &["finish ", "done"]);
}

#[test]
fn bedrock() {
    let check = |events: &[&str], expect: &[&str]| check(Dialect::AmazonBedrock, events, expect);
    let delta = |index: u32, delta: &str| {
        format!(r#"{{"contentBlockDelta":{{"contentBlockIndex":{index},"delta":{delta}}}}}"#)
    };
    let tool = |index: u32| {
        format!(
            r#"{{"contentBlockStart":{{"contentBlockIndex":{index},"start":{{"toolUse":{{}}}}}}}}"#
        )
    };
    let start = r#"{"messageStart":{"role":"assistant"}}"#;
    check(
        &[start, &delta(0, r#"{"text":"a"}"#), &delta(1, r#"{"reasoningContent":{"text":"h"}}"#)],
        &["content: a", "reasoning: h"],
    );
    check(
        &[
            &tool(4),
            &tool(2),
            &delta(2, r#"{"toolUse":{"input":"b"}}"#),
            &delta(4, r#"{"toolUse":{"input":"a"}}"#),
            &delta(4, r#"{"reasoningContent":{"signature":"s"}}"#),
            &delta(4, "null"),
        ],
        &["tool:1: b", "tool:0: a"],
    );
    check(
        &[
            &delta(0, r#"{"text":"a"}"#),
            r#"{"messageStop":{"stopReason":"end_turn"}}"#,
            start,
            &delta(0, r#"{"text":"b"}"#),
        ],
        &["content: a", "finish end_turn", "start", "content: b"],
    );
    crate::check(None, &[r#"{"metadata":{"usage":{}}}"#, r#"{"contentBlockStop":{}}"#], &[]);
}

#[test]
fn cohere() {
    let check = |events: &[&str], expect: &[&str]| check(Dialect::Cohere, events, expect);
    let event = |kind: &str, message: &str| {
        format!(r#"{{"type":"{kind}","index":2,"delta":{{"message":{message}}}}}"#)
    };
    check(&[&event("content-start", r#"{"content":{"type":"text","text":"a"}}"#)], &["content: a"]);
    check(&[&event("content-delta", r#"{"content":{"thinking":"h"}}"#)], &["reasoning: h"]);
    check(&[&event("tool-plan-delta", r#"{"tool_plan":"p"}"#)], &["reasoning: p"]);
    check(
        &[
            &event("tool-call-start", r#"{"tool_calls":{"function":{"name":"f","arguments":""}}}"#),
            &event("tool-call-delta", r#"{"tool_calls":{"function":{"arguments":"a"}}}"#),
            &event("tool-call-delta", r#"{"tool_calls":{}}"#),
            r#"{"type":"tool-call-end","index":2}"#,
        ],
        &["tool:0: a"],
    );
    // a call takes its number when it appears
    let call = |index: u32, arguments: &str| {
        event("tool-call-delta", &format!(r#"{{"tool_calls":{{"function":{arguments}}}}}"#))
            .replace("\"index\":2", &format!("\"index\":{index}"))
    };
    check(
        &[&call(5, "{}"), &call(4, r#"{"arguments":"b"}"#), &call(5, r#"{"arguments":"a"}"#)],
        &["tool:1: b", "tool:0: a"],
    );
    check(
        &[
            &event("citation-start", r#"{"citations":{"text":"c","sources":[]}}"#),
            &event("content-delta", "null"),
            r#"{"type":"content-delta","delta":null}"#,
            r#"{"type":"content-end"}"#,
        ],
        &[],
    );
    let start = r#"{"type":"message-start"}"#;
    let end = r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE"}}"#;
    let text = event("content-delta", r#"{"content":{"text":"a"}}"#);
    check(
        &[start, &text, end, start, &text],
        &["content: a", "finish COMPLETE", "done", "start", "content: a"],
    );
    check(&[r#"{"type":"message-end"}"#], &["finish ", "done"]);
}

#[test]
fn unknown_events_pass_untouched() {
    check(
        None,
        &[
            "{}",
            r#"{"type":"new.thing","delta":{"text":"x"},"text":{"a":1},"code":5,"input":[]}"#,
            r#"{"type":5,"index":"x","id":null,"content":7,"message":true}"#,
            r#" { "a" : [ 1 , 2.50 ] , "é" : "\u00e9" } "#,
        ],
        &[],
    );
    check(None, &["[]", "[{}]"], &[]);
    check(None, &["[DONE]", " [DONE] "], &["done", "done"]);
}

#[test]
fn a_list_of_events_is_said_in_order() {
    let text =
        |text: &str| format!(r#"{{"type":"content_block_delta","delta":{{"text":"{text}"}}}}"#);
    let list = format!("[{}, {}]", text("a"), text("b"));
    check(Dialect::AnthropicMessages, &[&list], &["content: a", "content: b"]);
    check(
        Dialect::GoogleGenerateContent,
        &[r#"[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]},{"error":{"message":"m"}}]"#],
        &["content: a", "fault provider_error `m`"],
    );
    // one that cannot be read silences all of it
    for bad in
        ["5", "[]", r#"{"type":"content_block_delta","delta":{"text":5}}"#, r#"{"choices":5}"#]
    {
        let list = format!("[{}, {bad}]", text("a"));
        check(None, &[&list], &["fault invalid_json"]);
    }
}

#[test]
fn what_is_no_json_object_is_a_fault() {
    for data in [
        "",
        " ",
        "5",
        "null",
        "true",
        "\"text\"",
        "{",
        "}",
        "{\"a\"}",
        "{} x",
        "[5]",
        "[{}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":\"\n\"}",
        "{\"id\":\"\\ud800\"}",
        "NaN",
        "[DONE]]",
        "\u{feff}{}",
    ] {
        check(None, &[data], &["fault invalid_json"]);
    }
    // of two keys another reader takes the first, or the last
    for twice in [
        r#"{"choices":[{"delta":{"content":"a","content":"b"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"choices":[]}"#,
        r#"{"choices":[{"delta":{"content":"a"},"delta":{}}]}"#,
    ] {
        assert_eq!(said(None, &[twice.to_string()]), ["fault invalid_json"]);
    }
}

#[test]
fn only_data_that_is_cut_off_is_truncated() {
    let read = |data: &str, cut: bool| {
        let mut decoder = Decoder::new(Limits::default());
        let mut said = Vec::new();
        decoder.decode(None, data, 0, 0, cut, &mut |item| said.push(show(&item)));
        said.split_off(1)
    };
    assert_eq!(read("{\"a", true), ["fault truncated_event"]);
    assert_eq!(read("{\"a", false), ["fault invalid_json"]);
    assert_eq!(read(r#"{"choices":5}"#, true), ["fault invalid_json"]);
    assert_eq!(read(r#"{"choices":[{"text":"a"}]}"#, true), ["content: a"]);
}

/// The values of an object's fields, by the pointers to them.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let at = format!("{at}/{key}");
                pointers(value, &at, found);
                found.push(at);
            }
        }
        Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                pointers(value, &format!("{at}/{place}"), found);
            }
        }
        _ => {}
    }
}

/// What the events say if the value at the pointer in one of them is another.
fn said_with(events: &[&str], which: usize, pointer: &str, value: Value) -> Vec<String> {
    let mut changed: Value = serde_json::from_str(events[which]).unwrap();
    *changed.pointer_mut(pointer).unwrap() = value;
    let changed = changed.to_string();
    let mut lines = String::new();
    for (place, event) in events.iter().enumerate() {
        lines.push_str(if place == which { &changed } else { event });
        lines.push('\n');
    }
    let items = items(Framing::JsonLines, Limits::default(), &[lines.as_bytes()]);
    let begin = items.iter().position(|item| item.starts_with(&format!("event {which} "))).unwrap();
    let end = format!("event {} ", which + 1);
    let end = items.iter().position(|item| item.starts_with(&end)).unwrap_or(items.len());
    items[begin + 1..end].to_vec()
}

#[test]
fn null_is_nowhere_a_fault() {
    for (dialect, events) in STREAMS {
        for (which, event) in events.iter().enumerate() {
            let mut found = Vec::new();
            pointers(&serde_json::from_str(event).unwrap(), "", &mut found);
            for pointer in found {
                for item in said_with(events, which, &pointer, Value::Null) {
                    assert!(
                        !item.contains("invalid_json"),
                        "{dialect:?} {event} {pointer}: {item}"
                    );
                }
            }
        }
    }
}

/// Places whose values the reader must understand, or the event says nothing.
const TEXT_PLACES: [&str; 21] = [
    "content",
    "refusal",
    "reasoning",
    "reasoning_content",
    "text",
    "delta",
    "thinking",
    "partial_json",
    "transcript",
    "tool_plan",
    "stringValue",
    "code",
    "diff",
    "command",
    "thought",
    "summary",
    "choices",
    "candidates",
    "parts",
    "tool_calls",
    "commands",
];

#[test]
fn another_type_in_a_place_for_text_silences_the_event() {
    let wrong = [json!(5), json!(-0.5), json!(true), json!([5]), json!({"text": 5})];
    let mut checked = 0;
    for (dialect, events) in STREAMS {
        for (which, event) in events.iter().enumerate() {
            let parsed: Value = serde_json::from_str(event).unwrap();
            let mut found = Vec::new();
            pointers(&parsed, "", &mut found);
            for pointer in found {
                let place = pointer.rsplit('/').next().unwrap();
                // these are JSON, or numbers for tokens, or not the model's
                let is_other = pointer.contains("logprobs")
                    || pointer == "/delta/content" && dialect == Dialect::GoogleInteractions
                    || event.contains("message-start")
                    || event.contains("response.created");
                if !TEXT_PLACES.contains(&place) || is_other {
                    continue;
                }
                for value in &wrong {
                    let is_thought =
                        place == "thought" && dialect == Dialect::GoogleGenerateContent;
                    // serde takes a list of an object's values for the object
                    let is_object = parsed.pointer(&pointer).unwrap().is_object();
                    if is_thought && value.is_boolean() || is_object && !value.is_number() {
                        continue;
                    }
                    let said = said_with(events, which, &pointer, value.clone());
                    assert_eq!(said.len(), 1, "{dialect:?} {event} {pointer} {value}: {said:?}");
                    assert!(said[0].starts_with("invalid_json"), "{pointer} {value}: {said:?}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 300, "{checked}");
}
