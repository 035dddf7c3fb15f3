#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::events(
    &[
        r#"{"type":"content-delta","index":0,"delta":@}"#,
        r#"{"type":"tool-call-start","index":0,"delta":@}"#,
        r#"{"type":"tool-plan-delta","delta":@}"#,
        r#"{"type":"message-end","delta":@}"#,
    ],
    data
));
