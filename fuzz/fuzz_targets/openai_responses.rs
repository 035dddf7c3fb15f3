#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::events(
    &[
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":@}"#,
        r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":@}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":@}"#,
        r#"{"type":"response.completed","response":@}"#,
        r#"{"type":"response.content_part.done","output_index":0,"part":@}"#,
        r#"{"type":"response.function_call_arguments.done","output_index":2,"arguments":@}"#,
    ],
    data
));
