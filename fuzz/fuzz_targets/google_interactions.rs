#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::events(
    &[
        r#"{"event_type":"step.delta","index":0,"delta":@}"#,
        r#"{"event_type":"step.start","index":0,"step":@}"#,
        r#"{"event_type":"interaction.completed","interaction":@}"#,
    ],
    data
));
