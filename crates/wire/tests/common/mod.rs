//! What the tests of dialects share.

use tidegate_wire::{Dialect, FaultCode, Framing, Item, Limits, TokenLogprob, Wire};

/// An item in short: `content: text`, `tool:0: {"a":`, `1/content: text` of
/// another choice, `finish stop`, `fault invalid_json`.
pub(crate) fn show(item: &Item<'_>) -> String {
    let of = |choice: u32| if choice == 0 { String::new() } else { format!("{choice}/") };
    match item {
        Item::Event(event) => {
            let dialect = event.dialect.map_or("unknown", Dialect::as_str);
            format!("event {} {dialect} {:?} {}", event.index, event.name, event.data)
        }
        Item::Start => "start".to_string(),
        Item::Delta(delta) => {
            let token = |token: &TokenLogprob| {
                let entropy = token.entropy.map_or(String::new(), |h| format!("~{h:.4}"));
                format!("{}:{}{entropy}", token.bytes, token.logprob)
            };
            let tokens: Vec<_> = delta.logprobs.iter().map(token).collect();
            let tokens =
                if tokens.is_empty() { String::new() } else { format!(" ({})", tokens.join(" ")) };
            format!("{}{}: {}{tokens}", of(delta.choice), delta.channel, delta.text)
        }
        Item::Final(last) => format!("{}final {}: {}", of(last.choice), last.channel, last.text),
        Item::Finish { choice, reason } => format!("{}finish {reason}", of(*choice)),
        Item::Done => "done".to_string(),
        Item::Fault(fault) if fault.code == FaultCode::ProviderError => {
            format!("fault provider_error {}", fault.detail)
        }
        Item::Fault(fault) => format!("fault {}", fault.code.as_str()),
        other => format!("{other:?}"),
    }
}

/// All items of a stream that comes in these pieces. Plain text is joined.
pub(crate) fn items(framing: Framing, limits: Limits, pieces: &[&[u8]]) -> Vec<String> {
    let mut wire = Wire::new(framing, limits);
    let (mut items, mut in_text, mut has_events) = (Vec::<String>::new(), false, false);
    let mut sink = |item: Item<'_>| {
        has_events |= matches!(item, Item::Event(_));
        match &item {
            Item::Delta(delta) if in_text && !has_events => {
                items.last_mut().unwrap().push_str(delta.text);
            }
            Item::Fault(fault) => items.push(fault.to_string()),
            item => items.push(show(item)),
        }
        in_text = matches!(item, Item::Delta(_));
    };
    for piece in pieces {
        wire.push(piece, &mut sink);
    }
    wire.finish(&mut sink);
    items
}

/// A stream of each dialect, with text in every place that can have some.
pub(crate) const STREAMS: [(Dialect, &[&str]); 9] = [
    (
        Dialect::OpenAiChat,
        &[
            r#"{"id":"c1","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
            r#"{"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"reasoning_content":"hm"}},{"index":1,"delta":{"reasoning":"so"}}]}"#,
            r#"{"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"ab"},"logprobs":{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]},{"token":"b","logprob":-1.5,"bytes":[98],"top_logprobs":[]}],"refusal":null}}]}"#,
            r#"{"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":[{"type":"text","text":"part"},{"type":"thinking","thinking":[{"type":"text","text":"deep"}]}],"refusal":"no"}}]}"#,
            r#"{"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":"{\"x\":"}},{"index":1,"type":"custom","custom":{"name":"g","input":"free"}}],"function_call":{"name":"old","arguments":"{}"}}}]}"#,
            r#"{"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"id":"c1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":1}}"#,
        ],
    ),
    (
        Dialect::OpenAiCompletions,
        &[
            r#"{"id":"t1","object":"text_completion","choices":[{"index":0,"text":"one","logprobs":{"tokens":["o","ne"],"token_logprobs":[-0.5,-2],"text_offset":[0,1],"top_logprobs":null},"finish_reason":null}]}"#,
            r#"{"id":"t1","object":"text_completion","choices":[{"index":0,"text":" two","logprobs":null,"finish_reason":"length"}]}"#,
        ],
    ),
    (
        Dialect::OpenAiResponses,
        &[
            r#"{"type":"response.created","response":{"id":"r1","status":"in_progress","output":[]}}"#,
            r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"sum"}"#,
            r#"{"type":"response.reasoning_summary_text.done","output_index":0,"summary_index":0,"text":"sum"}"#,
            r#"{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"hm"}"#,
            r#"{"type":"response.reasoning_text.done","output_index":0,"content_index":0,"text":"hm"}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Hi","logprobs":[{"token":"Hi","logprob":-0.25,"bytes":[72,105]}]}"#,
            r#"{"type":"response.output_text.done","output_index":1,"content_index":0,"text":"Hi you"}"#,
            r#"{"type":"response.refusal.delta","output_index":1,"content_index":1,"delta":"no"}"#,
            r#"{"type":"response.refusal.done","output_index":1,"content_index":1,"refusal":"no"}"#,
            r#"{"type":"response.content_part.done","output_index":1,"content_index":0,"part":{"type":"output_text","text":"Hi you"}}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"x\":"}"#,
            r#"{"type":"response.function_call_arguments.done","output_index":2,"arguments":"{\"x\":1}"}"#,
            r#"{"type":"response.custom_tool_call_input.done","output_index":3,"input":"free"}"#,
            r#"{"type":"response.code_interpreter_call_code.done","output_index":4,"code":"x=1"}"#,
            r#"{"type":"response.apply_patch_call_operation_diff.done","output_index":5,"diff":"+x"}"#,
            r#"{"type":"response.shell_call_command.done","output_index":6,"command_index":0,"command":"ls"}"#,
            r#"{"type":"response.output_item.done","output_index":7,"item":{"type":"message","content":[{"type":"output_text","text":"more"},{"type":"refusal","refusal":"never"}]}}"#,
            r#"{"type":"response.output_item.done","output_index":8,"item":{"type":"shell_call","action":{"commands":["pwd"]}}}"#,
            r#"{"type":"response.output_item.done","output_index":9,"item":{"type":"apply_patch_call","operation":{"type":"update_file","diff":"-y"}}}"#,
            r#"{"type":"response.output_item.done","output_index":10,"item":{"type":"reasoning","summary":[{"type":"summary_text","text":"late"}],"content":[{"type":"reasoning_text","text":"later"}]}}"#,
            r#"{"type":"response.completed","response":{"status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"more"},{"type":"refusal","refusal":"never"}]},{"type":"custom_tool_call","input":"free"},{"type":"code_interpreter_call","code":"x=1"}]}}"#,
        ],
    ),
    (
        Dialect::OpenAiRealtime,
        &[
            r#"{"type":"session.output_transcript.delta","delta":"hallo"}"#,
            r#"{"type":"session.output_transcript.delta","delta":" welt"}"#,
            r#"{"type":"session.closed"}"#,
        ],
    ),
    (
        Dialect::AnthropicMessages,
        &[
            r#"{"type":"message_start","message":{"id":"m1","role":"assistant","content":[],"usage":{"input_tokens":1}}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"h","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m"}}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"be"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"gin"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"x\":1}"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":2}}"#,
            r#"{"type":"message_stop"}"#,
        ],
    ),
    (
        Dialect::GoogleGenerateContent,
        &[
            r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"ab"}]},"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-0.5},{"token":"b","logProbability":-1}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"x":1}}},{"executableCode":{"language":"PYTHON","code":"print()"}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"g","willContinue":true}},{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"v"}],"willContinue":true}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"totalTokenCount":3}}"#,
            r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
        ],
    ),
    (
        Dialect::GoogleInteractions,
        &[
            r#"{"event_type":"interaction.created","interaction":{"id":"i1","status":"in_progress"}}"#,
            r#"{"event_type":"step.start","index":0,"step":{"type":"thought"}}"#,
            r#"{"event_type":"step.delta","index":0,"delta":{"type":"thought_summary","content":{"type":"text","text":"hm"}}}"#,
            r#"{"event_type":"step.start","index":1,"step":{"type":"model_output"}}"#,
            r#"{"event_type":"step.delta","index":1,"delta":{"type":"text","text":"hello"}}"#,
            r#"{"event_type":"step.delta","index":1,"delta":{"type":"thought","thought":"psst"}}"#,
            r#"{"event_type":"step.start","index":2,"step":{"type":"function_call","name":"f","arguments":{}}}"#,
            r#"{"event_type":"step.delta","index":2,"delta":{"type":"arguments_delta","arguments":"{\"x\":1}"}}"#,
            r#"{"event_type":"step.stop","index":2}"#,
            r#"{"event_type":"interaction.completed","interaction":{"id":"i1","status":"completed"}}"#,
        ],
    ),
    (
        Dialect::AmazonBedrock,
        &[
            r#"{"messageStart":{"role":"assistant"}}"#,
            r#"{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}}"#,
            r#"{"contentBlockDelta":{"contentBlockIndex":1,"delta":{"text":"hello"}}}"#,
            r#"{"contentBlockStart":{"contentBlockIndex":2,"start":{"toolUse":{"name":"f","toolUseId":"t"}}}}"#,
            r#"{"contentBlockDelta":{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"x\":1}"}}}}"#,
            r#"{"messageStop":{"stopReason":"tool_use"}}"#,
        ],
    ),
    (
        Dialect::Cohere,
        &[
            r#"{"type":"message-start","id":"1","delta":{"message":{"role":"assistant","content":[]}}}"#,
            r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"plan"}}}"#,
            r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":"be"}}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"gin"}}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hm"}}}}"#,
            r#"{"type":"content-end","index":0}"#,
            r#"{"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":{"id":"t","function":{"name":"f","arguments":""}}}}}"#,
            r#"{"type":"tool-call-delta","index":1,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"x\":1}"}}}}}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}"#,
        ],
    ),
];
