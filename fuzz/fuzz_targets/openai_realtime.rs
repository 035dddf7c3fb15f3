#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::events(
    &[
        r#"{"type":"session.output_transcript.delta","delta":@}"#,
        r#"{"type":"response.audio_transcript.delta","delta":@}"#,
        r#"{"type":"response.done","response":@}"#,
    ],
    data
));
