//! Streams that mean harm: no panic, no growth without bound, and no text of
//! an event that cannot be read.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
#![allow(unsafe_code, reason = "a global allocator that counts is unsafe to write")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{STREAMS, items, show};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use tidegate_wire::{Decoder, FaultCode, Framing, Item, Limits, Wire};

/// Counts what the current thread allocates.
struct Counting;

thread_local! {
    /// Bytes in use, the most there were, all that were ever asked for, and
    /// how often.
    static USE: Cell<[isize; 4]> = const { Cell::new([0; 4]) };
}

fn count(bytes: isize, asked: isize) {
    let [now, peak, sum, calls] = USE.get();
    let now = now + bytes;
    USE.set([now, peak.max(now), sum + asked, calls + isize::from(asked > 0)]);
}

// SAFETY: all is handed on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize, layout.size() as isize);
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize), 0);
        // SAFETY: as the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize, size as isize);
        // SAFETY: as the caller's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Debug)]
struct Cost {
    peak_bytes: usize,
    sum_bytes: usize,
    calls: usize,
}

/// What of this thread's memory `run` takes, beyond what is in use.
fn cost(run: impl FnOnce()) -> Cost {
    let [now, _, sum, calls] = USE.get();
    USE.set([now, now, sum, calls]);
    run();
    let after = USE.get();
    Cost {
        peak_bytes: (after[1] - now) as usize,
        sum_bytes: (after[2] - sum) as usize,
        calls: (after[3] - calls) as usize,
    }
}

#[test]
fn the_allocator_counts() {
    let cost = cost(|| {
        let mut bytes = vec![1u8; 1000];
        bytes.reserve_exact(3000);
        std::hint::black_box(&bytes);
        drop(bytes);
        std::hint::black_box(vec![1u8; 500]);
    });
    assert_eq!((cost.peak_bytes, cost.sum_bytes, cost.calls), (4000, 5500, 3));
}

/// What a stream says, counted; only the beginning is kept.
#[derive(Debug, Default)]
struct Said {
    events: usize,
    deltas: usize,
    text_bytes: usize,
    faults: Vec<(FaultCode, u64, u64)>,
    fault_count: usize,
}

impl Said {
    fn hear(&mut self, item: &Item<'_>) {
        match item {
            Item::Event(_) => self.events += 1,
            Item::Delta(delta) => {
                self.deltas += 1;
                self.text_bytes += delta.text.len();
            }
            Item::Fault(fault) => {
                self.fault_count += 1;
                if self.faults.len() < 4 {
                    self.faults.push((fault.code, fault.event, fault.offset));
                }
            }
            _ => {}
        }
    }
}

const MIB: usize = 1 << 20;
const HUGE: usize = 100 * MIB;
const EVENT: &str = r#"{"choices":[{"delta":{"content":"hello"}}]}"#;

/// Sends `head`, 100 MiB of `fill` in pushes of 64 KiB, and `tail`.
fn flood(framing: Framing, limits: &Limits, head: &str, fill: u8, tail: &str) -> (Said, Cost) {
    let piece = [fill; 64 << 10];
    let mut said = Said::default();
    let cost = cost(|| {
        let mut wire = Wire::new(framing, limits.clone());
        let mut sink = |item: Item<'_>| said.hear(&item);
        wire.push(head.as_bytes(), &mut sink);
        for _ in 0..HUGE / piece.len() {
            wire.push(&piece, &mut sink);
        }
        wire.push(tail.as_bytes(), &mut sink);
        wire.finish(&mut sink);
    });
    (said, cost)
}

#[test]
fn a_huge_line_is_one_fault_and_little_memory() {
    let small = Limits { event_bytes_max: MIB, ..Limits::default() };
    for limits in [small, Limits::default()] {
        for (framing, head, tail, offset) in [
            (Framing::Sse, "data: ", format!("\n\ndata: {EVENT}\n\n"), 0),
            (Framing::Sse, "data: 1\ndata: ", format!("\r\n\r\ndata: {EVENT}\n\n"), 0),
            (Framing::Sse, "event: x\n: ", format!("\n\ndata: {EVENT}\n\n"), 0),
            (Framing::Sse, "event: ", format!("\ndata: a\n\ndata: {EVENT}\n\n"), 0),
            (Framing::JsonLines, "", format!("\n{EVENT}\n"), 0),
            (Framing::JsonLines, "\n\n{\"", format!("\r{EVENT}\n"), 2),
            (Framing::Auto, "{\"", format!("\n{EVENT}\n"), 0),
            (Framing::Auto, "data: ", format!("\n\ndata: {EVENT}\n\n"), 0),
        ] {
            let (said, cost) = flood(framing, &limits, head, b'x', &tail);
            let name = format!("{framing:?} {head:?} {said:?} {cost:?}");
            assert_eq!(said.faults, [(FaultCode::EventTooLarge, 0, offset)], "{name}");
            assert_eq!((said.events, said.deltas, said.text_bytes), (1, 1, 5), "{name}");
            // a vector that grows doubles
            assert!(cost.peak_bytes < 2 * limits.event_bytes_max + MIB / 8, "{name}");
        }
    }
}

#[test]
fn a_huge_line_without_an_end_is_no_more() {
    let limits = Limits { event_bytes_max: MIB, ..Limits::default() };
    for (framing, head) in [(Framing::Sse, "data: "), (Framing::Sse, ""), (Framing::JsonLines, "")]
    {
        let (said, cost) = flood(framing, &limits, head, b'x', "");
        assert_eq!(said.faults, [(FaultCode::EventTooLarge, 0, 0)], "{framing:?}");
        assert_eq!(said.events, 0);
        assert!(cost.peak_bytes < 2 * MIB + MIB / 8, "{framing:?} {cost:?}");
    }
}

#[test]
fn many_large_lines_take_no_more_than_is_promised() {
    let limits = Limits { event_bytes_max: MIB, ..Limits::default() };
    // a line that makes the data's buffer double, and one that grows beside it
    let line = |bytes: usize| format!("data: {}\n", "x".repeat(bytes));
    let stream = line(MIB / 2) + &line(MIB / 2 - 1000) + &line(MIB);
    let stream = format!("{stream}\ndata: {EVENT}\n\n");
    let mut said = Said::default();
    let cost = cost(|| {
        let mut wire = Wire::new(Framing::Sse, limits);
        for piece in stream.as_bytes().chunks(1000) {
            wire.push(piece, &mut |item| said.hear(&item));
        }
    });
    assert_eq!(said.faults, [(FaultCode::EventTooLarge, 0, 0)]);
    assert_eq!(said.text_bytes, 5);
    assert!(cost.peak_bytes > 2 * MIB && cost.peak_bytes < 4 * MIB + 4096, "{cost:?}");
}

#[test]
fn an_endless_event_of_short_lines_is_dropped_too() {
    let limits = Limits { event_bytes_max: 1000, ..Limits::default() };
    let lines = "data: 1\n".repeat(100_000);
    let mut said = Said::default();
    let cost = cost(|| {
        let mut wire = Wire::new(Framing::Sse, limits);
        let mut sink = |item: Item<'_>| said.hear(&item);
        wire.push(lines.as_bytes(), &mut sink);
        wire.push(format!("\ndata: {EVENT}\n\n").as_bytes(), &mut sink);
        wire.finish(&mut sink);
    });
    assert_eq!(said.faults, [(FaultCode::EventTooLarge, 0, 0)]);
    assert_eq!((said.events, said.deltas), (1, 1));
    assert!(cost.peak_bytes < 16 << 10, "{cost:?}");
}

#[test]
fn plain_text_is_not_kept() {
    for (framing, head) in [(Framing::Text, ""), (Framing::Auto, "hello"), (Framing::Auto, "[")] {
        let (said, cost) = flood(framing, &Limits::default(), head, b' ', "");
        assert_eq!((said.fault_count, said.text_bytes), (0, head.len() + HUGE));
        assert!(cost.peak_bytes < 16 << 10, "{framing:?} {cost:?}");
    }
    // each bad byte is a fault, and nothing is kept
    let mut said = Said::default();
    let bad = vec![0xff; MIB];
    let cost = cost(|| {
        let mut wire = Wire::new(Framing::Text, Limits::default());
        wire.push(&bad, &mut |item| said.hear(&item));
        wire.push(b"x", &mut |item| said.hear(&item));
    });
    assert_eq!((said.fault_count, said.text_bytes), (MIB, 1));
    assert!(cost.peak_bytes < 4096, "{cost:?}");
}

#[test]
fn blanks_before_the_first_event_are_skipped() {
    for (framing, blank, event) in [
        (Framing::Sse, "\n", format!("data: {EVENT}\n\n")),
        (Framing::Sse, "\r\n", format!("data: {EVENT}\n\n")),
        (Framing::Sse, ":\n", format!("\ndata: {EVENT}\n\n")),
        (Framing::JsonLines, "\n", format!("{EVENT}\n")),
        (Framing::JsonLines, " \t\r\n", format!("{EVENT}\n")),
        (Framing::JsonLines, " ", format!("{EVENT}\n")),
    ] {
        let stream = blank.repeat(MIB / blank.len()) + &event;
        for size in [1, 4096, stream.len()] {
            let mut said = Said::default();
            let mut wire = Wire::new(framing, Limits::default());
            for piece in stream.as_bytes().chunks(size) {
                wire.push(piece, &mut |item| said.hear(&item));
            }
            wire.finish(&mut |item| said.hear(&item));
            let name = format!("{framing:?} {blank:?} {size}");
            assert_eq!((said.events, said.text_bytes, said.fault_count), (1, 5, 0), "{name}");
        }
    }
}

fn decode(limits: Limits, data: &str) -> (Said, Cost) {
    let mut said = Said::default();
    let cost = cost(|| {
        Decoder::new(limits).decode(None, data, 0, 0, false, &mut |item| said.hear(&item));
    });
    (said, cost)
}

#[test]
fn many_choices_and_tools_meet_their_limits() {
    let limits = Limits { choices_max: 50, tools_max: 20, ..Limits::default() };
    let list = |one: &dyn Fn(usize) -> String| -> String {
        (0..10_000).map(one).collect::<Vec<_>>().join(",")
    };
    let choices = |choice: &dyn Fn(usize) -> String| format!(r#"{{"choices":[{}]}}"#, list(choice));
    let (said, whole) = decode(
        limits.clone(),
        &choices(&|i| format!(r#"{{"index":{i},"delta":{{"content":"x"}}}}"#)),
    );
    assert_eq!((said.deltas, said.fault_count), (50, 1));
    assert_eq!(said.faults[0].0, FaultCode::TooManyChoices);
    assert!(whole.peak_bytes < 16 * MIB, "{whole:?}");
    // 10 000 tools of one choice
    let tools = list(&|i| format!(r#"{{"index":{i},"function":{{"arguments":"x"}}}}"#));
    let (said, _) = decode(
        limits.clone(),
        &format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{tools}]}}}}]}}"#),
    );
    assert_eq!((said.deltas, said.fault_count), (20, 1));
    assert_eq!(said.faults[0].0, FaultCode::TooManyTools);
    // over as many events, in every dialect that numbers them
    for event in [
        r#"{"type":"content_block_start","index":N,"content_block":{"type":"tool_use","input":{"x":1}}}"#,
        r#"{"type":"tool-call-delta","index":N,"delta":{"message":{"tool_calls":{"function":{"arguments":"x"}}}}}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":N,"delta":"x"}"#,
        r#"{"type":"response.shell_call_command.delta","command_index":N,"delta":"x"}"#,
        r#"{"contentBlockDelta":{"contentBlockIndex":N,"delta":{"toolUse":{"input":"x"}}}}"#,
        r#"{"event_type":"step.delta","index":N,"delta":{"arguments":"x"}}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"fN","args":{"x":1}}}]}}]}"#,
        r#"{"id":"N","choices":[{"delta":{"tool_calls":[{"index":N,"function":{"arguments":"x"}}]}}]}"#,
    ] {
        let mut said = Said::default();
        let mut kept = Vec::new();
        let mut decoder = Decoder::new(limits.clone());
        for number in 0..10_000 {
            let data = event.replace('N', &number.to_string());
            let cost = cost(|| {
                decoder.decode(None, &data, number, 0, false, &mut |item| said.hear(&item));
            });
            kept.push(cost.peak_bytes);
        }
        assert_eq!((said.deltas, said.fault_count), (20, 9_980), "{event}");
        assert!(kept.iter().all(|bytes| *bytes < 8192), "{event}: {:?}", kept.iter().max());
    }
}

#[test]
fn what_a_stream_leaves_behind_is_bounded() {
    // parts, steps, ids and generations without end
    for event in [
        r#"{"type":"response.output_text.delta","output_index":N,"delta":"x"}"#,
        r#"{"type":"response.output_text.done","output_index":N,"text":"x"}"#,
        r#"{"type":"response.created"}"#,
        r#"{"event_type":"step.start","index":N,"step":{"type":"thought"}}"#,
        r#"{"id":"idN","choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
        r#"{"type":"message_start","message":{"content":[{"type":"text","text":"x"}]}}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.N","stringValue":"x"}],"willContinue":true}}]}}]}"#,
        r#"{"new":N}"#,
    ] {
        let mut decoder = None;
        let whole = cost(|| {
            let decoder = decoder.insert(Decoder::new(Limits::default()));
            for number in 0..20_000 {
                let data = event.replace('N', &number.to_string());
                decoder.decode(None, &data, number, 0, false, &mut |_| {});
            }
        });
        assert!(whole.peak_bytes < 512 << 10, "{event}: {whole:?}");
    }
}

#[test]
fn a_long_name_is_not_kept() {
    let long = "x".repeat(MIB);
    for event in [
        r#"{"id":"LONG","choices":[{"delta":{"content":"x"}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"LONG","partialArgs":[{"jsonPath":"LONG","stringValue":"x"}],"willContinue":true}}]}}]}"#,
        r#"{"type":"response.output_text.delta","item_id":"LONG","delta":"LONG"}"#,
    ] {
        let data = event.replace("LONG", &long);
        let mut decoder = Decoder::new(Limits::default());
        let [before, ..] = USE.get();
        let mut said = Said::default();
        decoder.decode(None, &data, 0, 0, false, &mut |item| said.hear(&item));
        assert_eq!((said.deltas, said.fault_count), (1, 0));
        let [after, ..] = USE.get();
        assert!(after - before < 16 << 10, "{} bytes are kept", after - before);
    }
}

#[test]
fn deep_json_does_not_overflow_the_stack() {
    const DEPTH: usize = 200_000;
    let lists = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
    let objects = r#"{"a":"#.repeat(DEPTH) + "1" + &"}".repeat(DEPTH);
    let thinking = r#"[{"thinking":"#.repeat(DEPTH) + "\"x\"" + &"}]".repeat(DEPTH);
    for deep in [&lists, &objects, &thinking, &"[".repeat(DEPTH), &r#"{"a":"#.repeat(DEPTH)] {
        for event in [
            "DEEP",
            "[DEEP]",
            r#"{"new":DEEP}"#,
            r#"{"id":DEEP}"#,
            r#"{"index":DEEP}"#,
            r#"{"error":DEEP}"#,
            r#"{"choices":DEEP}"#,
            r#"{"choices":[{"delta":{"content":DEEP}}]}"#,
            r#"{"choices":[{"delta":{"reasoning":DEEP}}]}"#,
            r#"{"choices":[{"delta":{"content":"a"},"logprobs":{"content":DEEP}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":DEEP}}]}}]}"#,
            r#"{"type":"response.output_item.done","item":DEEP}"#,
            r#"{"type":"response.output_item.done","item":{"content":DEEP,"action":DEEP}}"#,
            r#"{"type":"content_block_start","content_block":{"type":"tool_use","input":DEEP}}"#,
            r#"{"type":"content_block_start","content_block":{"text":DEEP}}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"args":DEEP}}]}}]}"#,
            r#"{"candidates":[{"logprobsResult":DEEP}]}"#,
            r#"{"event_type":"step.delta","delta":{"content":DEEP}}"#,
            r#"{"contentBlockDelta":{"delta":DEEP}}"#,
            r#"{"type":"content-delta","delta":{"message":DEEP}}"#,
        ] {
            let (said, _) = decode(Limits::default(), &event.replace("DEEP", deep));
            assert_eq!(said.events, 1);
            let is_bad = said.faults.iter().any(|fault| fault.0 == FaultCode::InvalidJson);
            assert!(!is_bad || said.deltas == 0, "{event}");
        }
    }
}

#[test]
fn bytes_that_come_one_by_one_cost_no_more_each() {
    let sse = |text: &str| format!("data: {{\"choices\":[{{\"text\":\"{text}\"}}]}}\n\n");
    let cost_of = |framing: Framing, stream: &str, size: usize| {
        cost(|| {
            let mut wire = Wire::new(framing, Limits::default());
            for piece in stream.as_bytes().chunks(size) {
                wire.push(piece, &mut |_| {});
            }
            wire.finish(&mut |_| {});
        })
    };
    let one = |count: usize| sse(&"é".repeat(count));
    let many = |count: usize| sse("é").repeat(count / 10);
    let lines = |count: usize| "data: x\n".repeat(count / 4) + "\n";
    let json = |count: usize| format!("{{\"text\":\"{}\"}}\n", "é".repeat(count));
    let plain = |count: usize| "é".repeat(count);
    let blanks = |count: usize| " ".repeat(count);
    let list = |count: usize| format!("[{}", " ".repeat(count));
    let comments = |count: usize| ":\n".repeat(count);
    type Make<'m> = (Framing, &'m dyn Fn(usize) -> String);
    let streams: [Make<'_>; 10] = [
        (Framing::Sse, &one),
        (Framing::Auto, &one),
        (Framing::Sse, &many),
        (Framing::Sse, &lines),
        (Framing::JsonLines, &json),
        (Framing::Text, &plain),
        (Framing::Auto, &blanks),
        (Framing::JsonLines, &blanks),
        (Framing::Auto, &list),
        (Framing::Auto, &comments),
    ];
    for (place, (framing, make)) in streams.into_iter().enumerate() {
        let (small, large) = (make(1 << 16), make(1 << 17));
        let (a, b) = (cost_of(framing, &small, 1), cost_of(framing, &large, 1));
        // twice the bytes cost twice as much, and a little
        assert!(b.sum_bytes <= 2 * a.sum_bytes + 4096, "{place}: {a:?} {b:?}");
        assert!(b.calls <= 2 * a.calls + 64, "{place}: {a:?} {b:?}");
        assert!(b.sum_bytes <= 64 * large.len() + 4096, "{place}: {b:?} for {}", large.len());
    }
    // an event that lies whole in a push is read where it stands
    let events = sse("abc").repeat(1000);
    let whole = cost_of(Framing::Sse, &events, events.len());
    // one list of choices for each, and the room of the reader
    assert!(whole.calls < 1100, "{whole:?}");
}

const FRAMINGS: [Framing; 4] = [Framing::Auto, Framing::Sse, Framing::JsonLines, Framing::Text];

/// Cuts bytes where `cuts` says, twice at the same place too.
fn pieces<'b>(bytes: &'b [u8], cuts: &[Index]) -> Vec<&'b [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.sort_unstable();
    at.push(bytes.len());
    let mut from = 0;
    let piece = |to: usize| {
        let piece = &bytes[from..to];
        from = to;
        piece
    };
    at.into_iter().map(piece).collect()
}

fn single(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.chunks(1).collect()
}

/// Bytes that mean something to a framing, or to no one.
fn word() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"data: ",
        b"data:",
        b"data",
        b"event: e",
        b"event",
        b"id: 1",
        b"retry: 5",
        b":",
        b": c",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b" ",
        b"\xef\xbb\xbf",
        b"\xef\xbb",
        b"{",
        b"}",
        b"[",
        b"]",
        b"{}",
        b"[{}]",
        b"[DONE]",
        b"{\"choices\":[{\"text\":\"a\xc3\xa9\"}]}",
        b"{\"choices\":[{\"text\":\"a\"}",
        b"\xff",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98\x80",
        b"\xed\xa0\x80",
        b"text",
    ];
    prop_oneof![
        6 => select(words).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ]
}

fn words() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(word(), 0..40).prop_map(|words| words.concat())
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    proptest::collection::vec(any::<Index>(), 0..12)
}

/// An event of some dialect, whole or broken, or none at all.
fn event() -> impl Strategy<Value = String> {
    let events: Vec<&str> = STREAMS.iter().flat_map(|stream| stream.1.iter().copied()).collect();
    let broken = (select(events.clone()), any::<Index>()).prop_map(|(event, cut)| {
        let cut = cut.index(event.len());
        event.get(..cut).unwrap_or("{").to_string()
    });
    let odd = select(vec!["[DONE]", "{}", "[]", "x", "5", "[{\"choices\":[{\"text\":\"a\"}]},{}]"]);
    prop_oneof![
        6 => select(events).prop_map(String::from),
        2 => broken,
        2 => odd.prop_map(String::from),
        1 => Just(format!("{{\"choices\":[{{\"text\":\"{}\"}}]}}", "é😀\\n".repeat(60))),
    ]
}

/// One change to an event's JSON.
#[derive(Clone, Debug)]
enum Change {
    Replace(Value),
    Drop,
    Twice,
    Truncate,
}

fn change() -> impl Strategy<Value = Change> {
    let values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(4_294_967_296u64),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("text"),
        json!("\u{0}é😀"),
        json!([]),
        json!([null]),
        json!(["a", 1, {}]),
        json!([{"type": "text", "text": "x"}]),
        json!({}),
        json!({"text": "x", "type": "text"}),
        json!({"text": 5}),
    ];
    prop_oneof![
        8 => select(values).prop_map(Change::Replace),
        2 => Just(Change::Drop),
        2 => Just(Change::Twice),
        1 => Just(Change::Truncate),
    ]
}

/// The number of values in JSON, the value itself the first.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::Object(map) => map.values().map(values).sum(),
        Value::Array(list) => list.iter().map(values).sum(),
        _ => 0usize,
    }
}

/// Writes JSON with a change to the value that is `left` behind this one.
fn write(value: &Value, left: &mut isize, change: &Change, out: &mut String) {
    *left -= 1;
    if *left == -1
        && let Change::Replace(other) = change
    {
        return out.push_str(&other.to_string());
    }
    match value {
        Value::Object(map) => {
            out.push('{');
            for (key, value) in map {
                let is_here = *left == 0;
                if is_here && matches!(change, Change::Drop) {
                    *left -= values(value) as isize;
                    continue;
                }
                let field = |left: &mut isize, out: &mut String| {
                    if !out.ends_with('{') {
                        out.push(',');
                    }
                    out.push_str(&json!(key).to_string());
                    out.push(':');
                    write(value, left, change, out);
                };
                if is_here && matches!(change, Change::Twice) {
                    field(&mut -1, out);
                }
                field(left, out);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (place, value) in list.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(value, left, change, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn changed(event: &str, place: Index, change: &Change) -> String {
    if matches!(change, Change::Truncate) {
        let cut = place.index(event.len());
        return event.get(..cut).unwrap_or_default().to_string();
    }
    let value: Value = serde_json::from_str(event).unwrap();
    let mut left = place.index(values(&value)) as isize;
    let mut out = String::new();
    write(&value, &mut left, change, &mut out);
    out
}

#[test]
fn changes_change_what_they_should() {
    let event = r#"{"a":[1,{"b":2}],"c":"x"}"#;
    let with = |place: isize, change: Change| {
        let mut out = String::new();
        write(&serde_json::from_str(event).unwrap(), &mut { place }, &change, &mut out);
        out
    };
    assert_eq!(with(0, Change::Replace(json!(5))), "5");
    assert_eq!(with(1, Change::Replace(json!(5))), r#"{"a":5,"c":"x"}"#);
    assert_eq!(with(2, Change::Replace(json!(5))), r#"{"a":[5,{"b":2}],"c":"x"}"#);
    assert_eq!(with(4, Change::Replace(json!(5))), r#"{"a":[1,{"b":5}],"c":"x"}"#);
    assert_eq!(with(5, Change::Drop), r#"{"a":[1,{"b":2}]}"#);
    assert_eq!(with(4, Change::Twice), r#"{"a":[1,{"b":2,"b":2}],"c":"x"}"#);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_bytes_say_the_same_in_every_cut(
        bytes in prop_oneof![words(), proptest::collection::vec(any::<u8>(), 0..200)],
        cuts in cuts(),
        event_bytes_max in prop_oneof![0usize..40, Just(usize::MAX)],
    ) {
        for framing in FRAMINGS {
            let limits = Limits { event_bytes_max, choices_max: 2, tools_max: 0 };
            let whole = items(framing, limits.clone(), &[&bytes]);
            prop_assert_eq!(&items(framing, limits.clone(), &pieces(&bytes, &cuts)), &whole);
            prop_assert_eq!(&items(framing, limits, &single(&bytes)), &whole);
        }
    }

    #[test]
    fn events_whole_and_broken_say_the_same_in_every_cut(
        events in proptest::collection::vec((event(), select(vec!["\n", "\r", "\r\n"])), 0..12),
        cuts in cuts(),
        limits in select(vec![
            Limits::default(),
            Limits { event_bytes_max: 150, choices_max: 1, tools_max: 1 },
        ]),
    ) {
        let sse: String =
            events.iter().map(|(event, end)| format!("data: {event}{end}{end}")).collect();
        let lines: String = events.iter().map(|(event, end)| format!("{event}{end}")).collect();
        for (framing, stream) in [
            (Framing::Sse, &sse),
            (Framing::Auto, &sse),
            (Framing::JsonLines, &lines),
            (Framing::Auto, &lines),
            (Framing::Text, &sse),
        ] {
            let bytes = stream.as_bytes();
            let whole = items(framing, limits.clone(), &[bytes]);
            prop_assert_eq!(&items(framing, limits.clone(), &pieces(bytes, &cuts)), &whole);
            prop_assert_eq!(&items(framing, limits.clone(), &single(bytes)), &whole);
        }
    }

    #[test]
    fn a_changed_event_says_all_or_nothing(
        which in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), any::<Index>(), change()), 1..3),
        in_list in any::<bool>(),
    ) {
        let (_, events) = which.get(&STREAMS);
        let mut decoder = Decoder::new(Limits::default());
        let changed_event = |place: usize, event: &str| {
            let mut event = event.to_string();
            for (at, pointer, change) in &changes {
                if at.index(events.len()) == place && serde_json::from_str::<Value>(&event).is_ok()
                {
                    event = changed(&event, *pointer, change);
                }
            }
            event
        };
        for (place, event) in events.iter().enumerate() {
            let mut data = changed_event(place, event);
            if in_list {
                data = format!("[{event},{data}]");
            }
            let mut said = Vec::new();
            let mut is_bad = false;
            decoder.decode(None, &data, 0, 0, false, &mut |item| {
                if let Item::Fault(fault) = &item {
                    is_bad |= fault.code == FaultCode::InvalidJson;
                }
                said.push(show(&item));
            });
            if is_bad {
                prop_assert_eq!(said.len(), 2, "{} says {:?}", data, said);
            }
        }
    }
}

/// As many small entries as the lists of one event may have, in each place
/// that has lists: what that costs is what the docs say.
#[test]
fn an_event_of_very_many_small_entries_stays_small() {
    let list = vec!["{}"; 65_000].join(",");
    let mut worst = 0;
    for event in [
        format!("[{list}]"),
        format!(r#"{{"choices":[{list}]}}"#),
        format!(r#"{{"choices":[{{"delta":{{"content":[{list}]}}}}]}}"#),
        format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{list}]}}}}]}}"#),
        format!(
            r#"{{"choices":[{{"delta":{{"content":"a"}},"logprobs":{{"content":[{list}]}}}}]}}"#
        ),
        format!(r#"{{"candidates":[{{"content":{{"parts":[{list}]}}}}]}}"#),
        format!(r#"{{"type":"response.completed","response":{{"output":[{list}]}}}}"#),
        format!(r#"{{"type":"message","content":[{list}]}}"#),
    ] {
        let (_, cost) = decode(Limits::default(), &event);
        worst = worst.max(cost.peak_bytes);
    }
    assert!(worst < 64 * MIB, "{} MiB", worst / MIB);
}
