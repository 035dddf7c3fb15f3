#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::events(
    &[
        r#"{"contentBlockDelta":@}"#,
        r#"{"contentBlockDelta":{"contentBlockIndex":0,"delta":@}}"#,
        r#"{"contentBlockStart":@}"#,
        r#"{"messageStop":@}"#,
    ],
    data
));
