#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::events(
    &[
        r#"{"type":"content_block_delta","index":0,"delta":@}"#,
        r#"{"type":"content_block_start","index":0,"content_block":@}"#,
        r#"{"type":"message_start","message":@}"#,
        r#"{"type":"message_delta","delta":@}"#,
        r#"{"type":"error","error":@}"#,
    ],
    data
));
