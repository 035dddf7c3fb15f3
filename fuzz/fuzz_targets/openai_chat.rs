#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::events(
    &[
        r#"{"id":"a","choices":[{"index":0,"delta":@,"finish_reason":null}]}"#,
        r#"{"id":"a","choices":[@]}"#,
        r#"{"id":"b","choices":@,"usage":null}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"x"},"logprobs":@}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[@]}}]}"#,
        r#"{"error":@}"#,
    ],
    data
));
