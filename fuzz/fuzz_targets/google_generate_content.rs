#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::events(
    &[
        r#"{"candidates":[{"content":{"parts":[@]},"index":0}]}"#,
        r#"{"candidates":@}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":@}]}}]}"#,
        r#"{"promptFeedback":@}"#,
    ],
    data
));
