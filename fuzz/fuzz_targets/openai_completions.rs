#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::events(
    &[
        r#"{"object":"text_completion","choices":[{"text":@,"index":0}]}"#,
        r#"{"object":"text_completion","choices":[@]}"#,
        r#"{"object":"text_completion","choices":[{"text":"ab","logprobs":@}]}"#,
    ],
    data
));
