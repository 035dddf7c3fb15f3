//! How many bytes a second the reader takes, by itself.
//!
//! ```text
//! cargo run --release -p tidegate-wire --example throughput -- FILE...
//! ```
//!
//! Each file holds one event's JSON a line. Its events are wrapped as
//! server-sent events and repeated in memory; the best of a few rounds is
//! printed, in MB (10^6 bytes) of SSE a second. `--once` reads each stream a
//! single time, for a profiler.
#![allow(clippy::expect_used, reason = "an example")]

use std::time::Instant;

use tidegate_wire::{Framing, Item, Limits, Wire};

const BYTES: usize = 50_000_000;
const ROUNDS: usize = 5;

fn main() {
    let mut once = false;
    println!("{:>8} {:>8} {:>8}  MB/s", "whole", "16 KiB", "events");
    for path in std::env::args().skip(1) {
        if path == "--once" {
            once = true;
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let events: Vec<String> = lines.map(|line| format!("data: {line}\n\n")).collect();
        let stream = events.concat().into_bytes();
        let repeats = if once { 1 } else { 1 + BYTES / stream.len().max(1) };
        let whole = [stream.as_slice()];
        let chunks: Vec<&[u8]> = stream.chunks(16 << 10).collect();
        let events: Vec<&[u8]> = events.iter().map(|event| event.as_bytes()).collect();
        let rounds = if once { 1 } else { ROUNDS };
        let rate = |pieces: &[&[u8]]| {
            let seconds = (0..rounds).map(|_| read(pieces, repeats)).fold(f64::MAX, f64::min);
            (stream.len() * repeats) as f64 / seconds / 1e6
        };
        let rates = (rate(&whole), rate(&chunks), rate(&events));
        println!("{:8.0} {:8.0} {:8.0}  {path}", rates.0, rates.1, rates.2);
    }
}

/// The seconds that reading the pieces takes, each repeat as a stream of its
/// own.
fn read(pieces: &[&[u8]], repeats: usize) -> f64 {
    let mut text_bytes = 0;
    let begin = Instant::now();
    for _ in 0..repeats {
        let mut wire = Wire::new(Framing::Sse, Limits::default());
        let mut sink = |item: Item<'_>| {
            if let Item::Delta(delta) = item {
                text_bytes += delta.text.len();
            }
        };
        for piece in pieces {
            wire.push(piece, &mut sink);
        }
        wire.finish(&mut sink);
    }
    std::hint::black_box(text_bytes);
    begin.elapsed().as_secs_f64()
}
