//! What every fuzz target checks.

pub mod compiled;
pub mod facts;
pub mod segmenter;
pub mod text;

use tidegate::{Driver, Format, Framing, Policy, Replay, StreamDriver};
use tidegate_wire::{Fault, Item, Limits, Wire};

/// What a stream said, in a form that can be compared.
#[derive(Debug, Default, PartialEq)]
struct Said {
    items: Vec<String>,
    /// Plain text comes in the pieces in which it came: it is joined.
    text: String,
    faults: Vec<Fault>,
}

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Said {
    let limits = Limits { event_bytes_max: 4096, choices_max: 4, tools_max: 4 };
    let mut wire = Wire::new(Framing::Auto, limits);
    let mut said = Said::default();
    let mut events = false;
    let mut sink = |item: Item<'_>| match item {
        Item::Delta(delta) => {
            assert!(!delta.text.is_empty());
            let sum: usize = delta.logprobs.iter().map(|token| token.bytes).sum();
            assert!(delta.logprobs.is_empty() || sum == delta.text.len());
            if events {
                said.items.push(format!("{delta:?}"));
            } else {
                said.text.push_str(delta.text);
            }
        }
        Item::Fault(fault) => said.faults.push(fault),
        other => {
            events |= matches!(other, Item::Event(_));
            said.items.push(format!("{other:?}"));
        }
    };
    for piece in pieces {
        wire.push(piece, &mut sink);
    }
    wire.finish(&mut sink);
    said
}

/// Any bytes: the same items for every cut, and the gate takes them.
pub fn bytes(data: &[u8]) {
    let whole = read(std::iter::once(data));
    assert_eq!(read(data.chunks(1)), whole);
    let at = data.first().map_or(0, |byte| usize::from(*byte)).min(data.len());
    let (head, tail) = data.split_at(at);
    assert_eq!(read([head, tail].into_iter()), whole);

    let policy = "version = 1\nstream.on_fault = \"allow\"\n[[halt]]\nmode = \"shadow\"\n\
        [[halt]]\nname = \"claims\"\nscore = { from = \"logprob\", at = \"claim\" }";
    let policy = Policy::parse(policy, Format::Toml).expect("a good policy");
    let mut stream = StreamDriver::new(Framing::Auto, Driver::new(&policy).expect("a good policy"));
    stream.push(data, &mut |_| ());
    stream.finish(&mut |_| ());
}

/// Each line of the input, its first byte choosing the template, takes the
/// place of `@` in an event.
pub fn events(templates: &[&str], data: &[u8]) {
    let mut stream = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some((choice, body)) = line.split_first() else { continue };
        let template = templates[usize::from(*choice) % templates.len()];
        let (head, tail) = template.split_once('@').expect("a place for the input");
        stream.extend_from_slice(head.as_bytes());
        stream.extend_from_slice(body);
        stream.extend_from_slice(tail.as_bytes());
        stream.push(b'\n');
    }
    bytes(&stream);
}

/// The first byte chooses the format. What is read is in range, and is read
/// the same when it was written.
pub fn policy(data: &[u8]) {
    let Some((format, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let format = [Format::Toml, Format::Yaml, Format::Json][usize::from(*format) % 3];
    match Policy::parse(text, format) {
        Ok(policy) => {
            let written = serde_json(&policy);
            assert_eq!(Policy::parse(&written, Format::Json).as_ref(), Ok(&policy), "{written}");
        }
        Err(error) => {
            let span = error.span().expect("a parsed policy's fault has a place");
            assert!(text.get(span).is_some());
        }
    }
}

/// A policy as it stands in the head of a trace.
fn serde_json(policy: &Policy) -> String {
    let head = tidegate::Record::head(policy).to_json();
    let start = head.find("\"policy\":").expect("a head has a policy") + "\"policy\":".len();
    head[start..head.len() - 1].to_string()
}

/// Any lines: a replay ends in a word and never in a panic.
pub fn trace(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut replay = Replay::new();
    for line in text.lines() {
        if replay.line(line).is_err() {
            return;
        }
    }
    let _ = replay.finish();
}
