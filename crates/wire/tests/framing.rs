//! Bytes to frames, the same ones for every cut.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use tidegate_wire::{Frame, Framer, Framing, Item, Limits, Wire};

/// The frames of a stream that comes in these pieces. An event is
/// `number@offset[name] data`, with a `!` if the stream ended inside it; plain
/// text is joined to what stands before and behind it.
fn frames(framing: Framing, limits: &Limits, pieces: &[&[u8]]) -> Vec<String> {
    let mut framer = Framer::new(framing, limits);
    let (mut frames, mut in_text) = (Vec::<String>::new(), false);
    let mut sink = |frame: Frame<'_>| {
        let is_text = matches!(frame, Frame::Text(_));
        match frame {
            Frame::Event { name, data, event, offset, cut } => {
                let name = name.map(|name| format!("[{name}]")).unwrap_or_default();
                let cut = if cut { "!" } else { "" };
                frames.push(format!("{event}@{offset}{name}{cut} {data}"));
            }
            Frame::Text(text) if in_text => frames.last_mut().unwrap().push_str(text),
            Frame::Text(text) => frames.push(format!("text {text}")),
            Frame::Fault(fault) => frames.push(format!(
                "{} {}@{}: {}",
                fault.code.as_str(),
                fault.event,
                fault.offset,
                fault.detail
            )),
        }
        in_text = is_text;
    };
    for piece in pieces {
        framer.push(piece, &mut sink);
    }
    framer.finish(&mut sink);
    // a stream ends once
    framer.finish(&mut |frame| panic!("{frame:?} behind the end"));
    frames
}

fn check_limited(framing: Framing, event_bytes_max: usize, stream: &[u8], expect: &[&str]) {
    let limits = Limits { event_bytes_max, ..Limits::default() };
    let name = String::from_utf8_lossy(stream).into_owned();
    assert_eq!(frames(framing, &limits, &[stream]), expect, "{framing:?} {name:?}");
    for cut in 0..=stream.len() {
        let (head, tail) = stream.split_at(cut);
        let got = frames(framing, &limits, &[head, tail]);
        assert_eq!(got, expect, "{framing:?} {name:?} cut at {cut}");
        let got = frames(framing, &limits, &[head, b"", tail]);
        assert_eq!(got, expect, "{framing:?} {name:?} cut at {cut}, and nothing between");
    }
    for size in 1..4 {
        let pieces: Vec<&[u8]> = stream.chunks(size).collect();
        let got = frames(framing, &limits, &pieces);
        assert_eq!(got, expect, "{framing:?} {name:?} in pieces of {size}");
    }
}

fn check(framing: Framing, stream: impl AsRef<[u8]>, expect: &[&str]) {
    check_limited(framing, Limits::default().event_bytes_max, stream.as_ref(), expect);
}

fn sse(stream: impl AsRef<[u8]>, expect: &[&str]) {
    check(Framing::Sse, stream, expect);
}

fn json_lines(stream: impl AsRef<[u8]>, expect: &[&str]) {
    check(Framing::JsonLines, stream, expect);
}

fn text(stream: impl AsRef<[u8]>, expect: &[&str]) {
    check(Framing::Text, stream, expect);
}

fn auto(stream: impl AsRef<[u8]>, expect: &[&str]) {
    check(Framing::Auto, stream, expect);
}

#[test]
fn server_sent_events_are_read_field_by_field() {
    sse("", &[]);
    sse("data: a\n\n", &["0@0 a"]);
    sse("data:a\n\n", &["0@0 a"]);
    // one space belongs to the colon, no more and no tab
    sse("data:  a\n\n", &["0@0  a"]);
    sse("data:\ta\n\n", &["0@0 \ta"]);
    sse("data: a b : c\n\n", &["0@0 a b : c"]);
    sse("data: a\ndata: b\n\n", &["0@0 a\nb"]);
    sse("data: a\ndata\ndata:b\n\n", &["0@0 a\n\nb"]);
    sse("data: a\n\ndata: b\n\n", &["0@0 a", "1@9 b"]);
    sse("event: e\ndata: a\n\n", &["0@0[e] a"]);
    sse("data: a\nevent: e\n\n", &["0@0[e] a"]);
    sse("event: e\nevent: f\ndata: a\n\n", &["0@0[f] a"]);
    sse("event\ndata: a\n\n", &["0@0[] a"]);
    // a name is for one event
    sse("event: e\ndata: a\n\ndata: b\n\n", &["0@0[e] a", "1@18 b"]);
    sse("event: e\n\ndata: b\n\n", &["0@10 b"]);
    sse("id: 7\nretry: 10\ndata: a\nid\n\n", &["0@0 a"]);
    sse(": hello\n\ndata: a\n: in between\ndata: b\n\n:\n\n", &["0@9 a\nb"]);
    sse("nonsense\nDATA: x\n data: y\ndata : z\ndata: a\n\n", &["0@0 a"]);
    sse("data: [DONE]\n\n", &["0@0 [DONE]"]);
    sse("event: föö\ndata: ü😀\n\n", &["0@0[föö] ü😀"]);
}

#[test]
fn empty_data_is_no_event() {
    sse("data\n\n", &[]);
    sse("data:\n\n", &[]);
    sse("data: \n\n", &[]);
    sse("data:  \n\n", &["0@0  "]);
    sse("data\ndata\n\n", &["0@0 \n"]);
    sse("event: e\ndata:\n\ndata: a\n\n", &["0@16 a"]);
}

#[test]
fn blank_lines_and_line_ends_of_every_kind() {
    for end in ["\n", "\r", "\r\n"] {
        let width = end.len();
        let stream = format!("data: a{end}data: b{end}{end}event: e{end}data: c{end}{end}");
        let second = format!("1@{}[e] c", 14 + 3 * width);
        sse(&stream, &["0@0 a\nb", &second]);
        let stream = format!("{end}{end}data: a{end}{end}{end}{end}data: b{end}{end}");
        sse(
            &stream,
            &[&format!("0@{} a", 2 * width), &format!("1@{} b", 2 * width + 7 + 4 * width)],
        );
    }
    // mixed: each of CR, LF and CRLF ends a line
    sse("data: a\r\n\rdata: b\n\r\ndata: c\r\r", &["0@0 a", "1@10 b", "2@20 c"]);
    sse("data: a\r\r\ndata: b\n\n", &["0@0 a", "1@10 b"]);
    sse("data: a\n\r\rdata: b\r\n\n", &["0@0 a", "1@10 b"]);
}

#[test]
fn a_byte_order_mark_is_left_out_once() {
    sse("\u{feff}data: a\n\n", &["0@3 a"]);
    sse("\u{feff}\u{feff}data: a\n\n", &[]);
    sse("data: a\n\n\u{feff}data: b\n\n", &["0@0 a"]);
    json_lines("\u{feff}{}\n", &["0@3 {}"]);
    json_lines("\u{feff}", &[]);
    text("\u{feff}a", &["text \u{feff}a"]);
    // half a mark is none: it spoils the field's name, as it does in a browser
    sse(b"\xef\xbbdata: a\n\ndata: b\n\n", &["0@11 b"]);
    sse(b"\xefdata: a\n\n", &[]);
    json_lines(b"\xef\xbb{}\n{}\n", &["invalid_utf8 0@0: byte 0 of the event's data", "1@5 {}"]);
    json_lines(b"\xef\xbb", &["truncated_event 0@0: byte 0 of the event's data"]);
}

#[test]
fn the_end_inside_an_event_is_told() {
    sse("data: a\n", &["0@0! a"]);
    sse("data: a\r", &["0@0! a"]);
    sse("data: a", &["0@0! a"]);
    sse("data: a\ndata: b", &["0@0! a\nb"]);
    sse("data: a\n\nda", &["0@0 a"]);
    sse("event: e\nid: 5", &[]);
    sse("data: a\n\ndata: {\"x", &["0@0 a", "1@9! {\"x"]);
    sse(b"data: a\xe2\x82", &["truncated_event 0@0: byte 1 of the event's data"]);
    json_lines("{}\n{\"x", &["0@0 {}", "1@3! {\"x"]);
}

#[test]
fn json_lines_are_an_event_each() {
    json_lines("", &[]);
    json_lines("{\"a\":1}\n{\"b\":2}\n", &["0@0 {\"a\":1}", "1@8 {\"b\":2}"]);
    json_lines("{}\r\n{}\r{}\n", &["0@0 {}", "1@4 {}", "2@7 {}"]);
    json_lines("\n\r\n \t\n {} \n\n{}\n", &["0@6 {}", "1@12 {}"]);
    json_lines("{}\n{}", &["0@0 {}", "1@3! {}"]);
    json_lines("[{\"a\":1},{\"b\":2}]\n", &["0@0 [{\"a\":1},{\"b\":2}]"]);
    json_lines("data: a\n", &["0@0 data: a"]);
    json_lines("{}\nno json\n{}\n", &["0@0 {}", "1@3 no json", "2@11 {}"]);
}

#[test]
fn bytes_that_are_no_utf_8_fault_one_event() {
    let at_0 = "invalid_utf8 0@0: byte 1 of the event's data";
    sse(b"data: a\xff\n\ndata: b\n\n", &[at_0, "1@10 b"]);
    sse(b"data: a\ndata: \xc0\xaf\n\n", &["invalid_utf8 0@0: byte 2 of the event's data"]);
    // what says nothing can be anything
    sse(b": \xff\nid: \xff\n\xff\ndata: a\n\n", &["0@0 a"]);
    sse(b"event: \xff\ndata: a\n\n", &["0@0[\u{fffd}] a"]);
    json_lines(b"{\xff}\n{}\n", &[at_0, "1@4 {}"]);
}

#[test]
fn plain_text_keeps_its_characters_whole() {
    text("", &[]);
    text("hello\r\n\ndata: x\n", &["text hello\r\n\ndata: x\n"]);
    text("é€😀é", &["text é€😀é"]);
    text(
        "\0\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
        &["text \0\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}"],
    );
}

#[test]
fn bad_bytes_of_plain_text_are_named_and_left_out() {
    let bad = |bytes: &str, offset: u64| format!("invalid_utf8 0@{offset}: `{bytes}`");
    for (stream, expect) in [
        // no first byte of a character
        (&b"a\x80b"[..], vec!["text a", &bad("80", 1), "text b"]),
        (b"a\xffb", vec!["text a", &bad("ff", 1), "text b"]),
        (b"\xfe\xff", vec![&bad("fe", 0), &bad("ff", 1)]),
        (b"\xf8\x88", vec![&bad("f8", 0), &bad("88", 1)]),
        // longer than needed
        (b"\xc0\xaf", vec![&bad("c0", 0), &bad("af", 1)]),
        (b"\xe0\x80\xaf", vec![&bad("e0", 0), &bad("80", 1), &bad("af", 2)]),
        (b"\xf0\x80\x80\xaf", vec![&bad("f0", 0), &bad("80", 1), &bad("80", 2), &bad("af", 3)]),
        // half of a surrogate pair
        (b"\xed\xa0\x80", vec![&bad("ed", 0), &bad("a0", 1), &bad("80", 2)]),
        // behind the last character there is
        (b"\xf4\x90\x80\x80", vec![&bad("f4", 0), &bad("90", 1), &bad("80", 2), &bad("80", 3)]),
        // begun, and another begins
        (b"\xe2\x82a", vec![&bad("e282", 0), "text a"]),
        (b"\xf0\x9f\x98\xe2\x82\xac", vec![&bad("f09f98", 0), "text €"]),
        (b"\xc3\xc3\xa9", vec![&bad("c3", 0), "text é"]),
        (b"x\xf0\x9f\xff", vec!["text x", &bad("f09f", 1), &bad("ff", 3)]),
        ("€\u{fffd}".as_bytes(), vec!["text €\u{fffd}"]),
    ] {
        text(stream, &expect);
    }
    let ends = |offset: u64| format!("invalid_utf8 0@{offset}: the stream ends inside a character");
    text(b"ab\xe2\x82", &["text ab", &ends(2)]);
    text(b"\xf0\x9f\x98", &[&ends(0)]);
    text(b"\xc3\xa9\xc3", &["text é", &ends(2)]);
}

#[test]
fn the_first_bytes_tell_the_framing() {
    auto("", &[]);
    auto("data: a\n\n", &["0@0 a"]);
    auto("data:a\n\n", &["0@0 a"]);
    auto("event: e\ndata: a\n\n", &["0@0[e] a"]);
    auto("id: 1\ndata: a\n\n", &["0@0 a"]);
    auto("retry: 1\ndata: a\n\n", &["0@0 a"]);
    auto(": hello\n\ndata: a\n\n", &["0@9 a"]);
    auto("\n\r\ndata: a\n\n", &["0@3 a"]);
    auto("\u{feff}data: a\n\n", &["0@3 a"]);
    auto("{\"a\":1}\n{}\n", &["0@0 {\"a\":1}", "1@8 {}"]);
    auto("\n  {}\n", &["0@1 {}"]);
    auto("\u{feff}{}\n", &["0@3 {}"]);
    auto("[{}]\n", &["0@0 [{}]"]);
    auto(" [ \n{}]", &["0@0 [", "1@4! {}]"]);
    auto("{", &["0@0! {"]);
    auto("data: a", &["0@0! a"]);
}

#[test]
fn what_only_resembles_a_framing_is_plain_text() {
    for stream in [
        "d",
        "data",
        "data is",
        "datum",
        "dat",
        "event",
        "events: many",
        "i",
        "id",
        "idea",
        "retry",
        "[",
        "[1] first",
        "[ ",
        "[DONE]",
        "[[1]]",
        "hello",
        " ",
        "\n\n",
        "  hello",
        "\n hello",
        "é",
        "\"json\"",
        "5",
        "null",
        "\u{feff}",
        "\u{feff}hello",
        "\u{fefe}data: a",
        // no field begins with a blank, so these would be lost as unknown ones
        " data: a",
        "\n\tdata: a\n\n",
        "  : a",
    ] {
        auto(stream, &[&format!("text {stream}")]);
    }
    auto(b"\xef\xbbhello", &["invalid_utf8 0@0: `efbb`", "text hello"]);
    auto(b"\xef", &["invalid_utf8 0@0: the stream ends inside a character"]);
}

#[test]
fn blanks_before_the_first_byte_that_tells_are_bounded() {
    for blanks in [300, 4093, 4094, 4095, 4096, 4097, 100_000] {
        for (open, rest) in [("", "{}"), ("[", "{}]")] {
            let stream = format!("{open}{}{rest}\n", " ".repeat(blanks));
            // the list's line is told by two bytes, with as many blanks between
            let expect = if open.len() + blanks >= 4096 {
                format!("text {stream}")
            } else {
                let from = if open.is_empty() { blanks } else { 0 };
                format!("0@0 {}", stream.trim_end().get(from..).unwrap())
            };
            let limits = Limits::default();
            let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            for pieces in [vec![stream.as_bytes()], single] {
                let got = frames(Framing::Auto, &limits, &pieces);
                assert_eq!(got, std::slice::from_ref(&expect), "{blanks}");
            }
        }
    }
}

#[test]
fn an_event_that_is_too_large_is_dropped_whole() {
    let large = |event: u64, offset: u64| format!("event_too_large {event}@{offset}: over 8 bytes");
    let lines = |stream: &str, expect: &[&str]| {
        check_limited(Framing::JsonLines, 8, stream.as_bytes(), expect);
    };
    let sse = |stream: &str, expect: &[&str]| {
        check_limited(Framing::Sse, 8, stream.as_bytes(), expect);
    };
    lines("12345678\n1\n", &["0@0 12345678", "1@9 1"]);
    lines("1\n123456789\n1\n", &["0@0 1", &large(1, 2), "2@12 1"]);
    lines("123456789012345678901234567890\r\n1\n", &[&large(0, 0), "1@32 1"]);
    lines("1\n12345678901234567890123456789", &["0@0 1", &large(1, 2)]);
    sse("data: 12345678\n\ndata: 1\n\n", &["0@0 12345678", "1@16 1"]);
    sse("data: 123456789\n\ndata: 1\n\n", &[&large(0, 0), "1@17 1"]);
    sse("data: 1234\ndata: 567\n\ndata: 1\n\n", &["0@0 1234\n567", "1@22 1"]);
    sse("data: 1234\ndata: 5678\ndata: 9\n\ndata: 1\n\n", &[&large(0, 0), "1@31 1"]);
    // the other fields of such an event are gone too, and so is its name
    sse("event: e\ndata: 12345678901234567890\ndata: x\n\ndata: 1\n\n", &[&large(0, 0), "1@45 1"]);
    sse("data: 1\n\ndata: 1234567890123", &["0@0 1", &large(1, 9)]);
    // a line that says nothing counts as well: it is kept until it ends
    sse(": 890123456789012345678901\n\ndata: 1\n\n", &[&large(0, 0), "1@28 1"]);
}

#[test]
fn the_reader_frames_alike() {
    let read = |framing: Framing, stream: &str| {
        let mut wire = Wire::new(framing, Limits::default());
        let mut items = Vec::new();
        let mut sink = |item: Item<'_>| {
            items.push(match item {
                Item::Event(event) => {
                    format!("{}[{}] {}", event.index, event.name.unwrap_or("-"), event.data)
                }
                Item::Delta(delta) => format!("{} {}", delta.channel, delta.text),
                Item::Fault(fault) => fault.to_string(),
                Item::Done => "done".to_string(),
                other => format!("{other:?}"),
            });
        };
        wire.push(stream.as_bytes(), &mut sink);
        wire.finish(&mut sink);
        items
    };
    assert_eq!(read(Framing::Text, "data: [DONE]\n\n"), ["content data: [DONE]\n\n"]);
    assert_eq!(read(Framing::Sse, "event: e\ndata: [DONE]\n\n"), ["0[e] [DONE]", "done"]);
    assert_eq!(read(Framing::Sse, "data:  [DONE] \n\n"), ["0[-]  [DONE] ", "done"]);
    // data that is cut off is a fault, data that lacks only its blank line is none
    assert_eq!(
        read(Framing::Sse, "data: {}\n\ndata: {\"a"),
        [
            "0[-] {}",
            "1[-] {\"a",
            "truncated_event in event 1 at byte 10: the JSON ends too early, at line 1, column 3 \
             of the event"
        ]
    );
    assert_eq!(read(Framing::Sse, "data: {}"), ["0[-] {}"]);
    assert_eq!(read(Framing::Auto, "[DONE]"), ["content [DONE]"]);
}
