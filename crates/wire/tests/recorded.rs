//! Recorded streams of real providers parse with nothing lost.
//!
//! The streams are not part of the project: they are looked for in
//! `TIDEGATE_DATA`, or `../shared/data` beside it. What they say is found a
//! second time here, by a slow and obvious walk over `serde_json::Value`s that
//! shares no code with the crate.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_wire::{FaultCode, Framing, Item, Limits, Wire};

type Texts = BTreeMap<(u64, String), String>;

fn streams() -> Option<Vec<PathBuf>> {
    let data = std::env::var_os("TIDEGATE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folders = fs::read_dir(data.join("streams")).ok()?;
    let mut files = Vec::new();
    for folder in folders {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            files.push(file.unwrap().path());
        }
    }
    files.sort();
    Some(files)
}

fn events(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect()
}

/// What the crate reads, how often a final text was compared, and how many
/// events could not be read.
fn read(framing: Framing, pieces: &[&[u8]]) -> (Texts, usize, usize) {
    let mut wire = Wire::new(framing, Limits::default());
    let (mut texts, mut finals, mut unreadable) = (Texts::new(), 0, 0);
    let mut sink = |item: Item<'_>| match item {
        Item::Delta(delta) => {
            let sum: usize = delta.logprobs.iter().map(|token| token.bytes).sum();
            assert!(delta.logprobs.is_empty() || sum == delta.text.len());
            let key = (u64::from(delta.choice), delta.channel.to_string());
            texts.entry(key).or_default().push_str(delta.text);
        }
        Item::Final(_) => finals += 1,
        Item::Fault(fault) => {
            assert_eq!(fault.code, FaultCode::InvalidJson, "{fault}");
            unreadable += 1;
        }
        _ => {}
    };
    for piece in pieces {
        wire.push(piece, &mut sink);
    }
    wire.finish(&mut sink);
    (texts, finals, unreadable)
}

/// The second reading.
#[derive(Default)]
struct Oracle {
    texts: Texts,
    tools: Vec<(u64, String)>,
    generation: u64,
    id: String,
    finished: bool,
    /// Google's open call, and the path of its argument.
    calls: u64,
    path: String,
    /// Responses: by part, what was streamed and what was said to be final.
    streamed: BTreeMap<String, String>,
    finals: BTreeMap<String, String>,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Oracle {
    fn add(&mut self, choice: u64, channel: &str, text: &str) {
        if !text.is_empty() {
            self.texts.entry((choice, channel.to_string())).or_default().push_str(text);
        }
    }

    fn tool(&mut self, choice: u64, key: String) -> String {
        let key = (choice, format!("{}/{key}", self.generation));
        let of_choice: Vec<_> = self.tools.iter().filter(|tool| tool.0 == choice).collect();
        if let Some(place) = of_choice.iter().position(|tool| **tool == key) {
            return format!("tool:{place}");
        }
        let place = of_choice.len();
        self.tools.push(key);
        format!("tool:{place}")
    }

    fn event(&mut self, event: &Value) {
        if event["choices"].is_array() {
            self.chat(event);
        } else if event["candidates"].is_array() {
            self.google(event);
        } else if event["event_type"].is_string() {
            self.interactions(event);
        } else if let Some(kind) = event["type"].as_str() {
            if kind.starts_with("response.") || kind.starts_with("session.") {
                self.responses(kind, event);
            } else if kind.contains('-') {
                self.cohere(kind, event);
            } else {
                self.anthropic(kind, event);
            }
        } else {
            self.bedrock(event);
        }
    }

    fn chat(&mut self, event: &Value) {
        let id = text(&event["id"]).to_string();
        if id != self.id && self.finished && event["choices"] != Value::Array(vec![]) {
            self.generation += 1;
            self.finished = false;
        }
        self.id = id;
        for choice in event["choices"].as_array().unwrap() {
            let number = choice["index"].as_u64().unwrap_or(0);
            self.add(number, "content", text(&choice["text"]));
            let delta = &choice["delta"];
            self.add(number, "reasoning", text(&delta["reasoning_content"]));
            self.add(number, "reasoning", text(&delta["reasoning"]));
            self.add(number, "content", text(&delta["content"]));
            self.add(number, "refusal", text(&delta["refusal"]));
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let tool = self.tool(number, call["index"].to_string());
                self.add(number, &tool, text(&call["function"]["arguments"]));
            }
            self.finished |= choice["finish_reason"].is_string();
        }
    }

    fn google(&mut self, event: &Value) {
        for candidate in event["candidates"].as_array().unwrap() {
            let number = candidate["index"].as_u64().unwrap_or(0);
            for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
                let thought = part["thought"] == true;
                let channel = if thought { "reasoning" } else { "content" };
                self.add(number, channel, text(&part["text"]));
                let call = &part["functionCall"];
                if call.is_null() {
                    continue;
                }
                if call["name"].is_string() {
                    self.calls += 1;
                    self.path.clear();
                }
                let tool = self.tool(number, self.calls.to_string());
                if call["args"].as_object().is_some_and(|args| !args.is_empty()) {
                    self.add(number, &tool, &call["args"].to_string());
                }
                for arg in call["partialArgs"].as_array().into_iter().flatten() {
                    let path = text(&arg["jsonPath"]).to_string();
                    let value = match &arg["stringValue"] {
                        Value::String(value) => value.clone(),
                        _ => arg["numberValue"].to_string(),
                    };
                    if path != self.path {
                        let gap = if self.path.is_empty() { "" } else { "\n" };
                        self.add(number, &tool, &format!("{gap}{path}: "));
                        self.path = path;
                    }
                    self.add(number, &tool, &value);
                }
            }
        }
    }

    fn interactions(&mut self, event: &Value) {
        let delta = &event["delta"];
        match text(&delta["type"]) {
            "text" => self.add(0, "content", text(&delta["text"])),
            "arguments_delta" => {
                let tool = self.tool(0, event["index"].to_string());
                self.add(0, &tool, text(&delta["arguments"]));
            }
            _ => {}
        }
    }

    fn anthropic(&mut self, kind: &str, event: &Value) {
        let spoke = !self.texts.is_empty();
        self.generation += u64::from(kind == "message_start" && spoke);
        let block = &event["content_block"];
        let block_kind = text(&block["type"]);
        if block_kind == "text" {
            self.add(0, "content", text(&block["text"]));
        } else if block_kind.ends_with("tool_use") {
            let tool = self.tool(0, event["index"].to_string());
            if block["input"].as_object().is_some_and(|input| !input.is_empty()) {
                self.add(0, &tool, &block["input"].to_string());
            }
        }
        let delta = &event["delta"];
        self.add(0, "reasoning", text(&delta["thinking"]));
        self.add(0, "content", text(&delta["text"]));
        if delta["type"] == "input_json_delta" {
            let tool = self.tool(0, event["index"].to_string());
            self.add(0, &tool, text(&delta["partial_json"]));
        }
    }

    fn bedrock(&mut self, event: &Value) {
        let block = &event["contentBlockDelta"];
        let delta = &block["delta"];
        self.add(0, "reasoning", text(&delta["reasoningContent"]["text"]));
        self.add(0, "content", text(&delta["text"]));
        if delta["toolUse"].is_object() {
            let tool = self.tool(0, block["contentBlockIndex"].to_string());
            self.add(0, &tool, text(&delta["toolUse"]["input"]));
        } else if event["contentBlockStart"]["start"]["toolUse"].is_object() {
            self.tool(0, event["contentBlockStart"]["contentBlockIndex"].to_string());
        }
    }

    fn cohere(&mut self, kind: &str, event: &Value) {
        let message = &event["delta"]["message"];
        self.add(0, "reasoning", text(&message["tool_plan"]));
        self.add(0, "content", text(&message["content"]["text"]));
        if kind.starts_with("tool-call") {
            let tool = self.tool(0, event["index"].to_string());
            self.add(0, &tool, text(&message["tool_calls"]["function"]["arguments"]));
        }
    }

    /// Collects what was streamed and what was final; see [`Oracle::settle`].
    fn responses(&mut self, kind: &str, event: &Value) {
        self.generation += u64::from(kind == "response.created");
        let item =
            format!("{}", 1000 * self.generation + event["output_index"].as_u64().unwrap_or(0));
        let (content, summary) = (&event["content_index"], &event["summary_index"]);
        let part = match kind {
            "response.output_text.delta" | "response.output_text.done" => {
                format!("content {item}.{content}")
            }
            "response.reasoning_text.delta" | "response.reasoning_text.done" => {
                format!("reasoning {item}.{content}")
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_summary_text.done" => {
                format!("reasoning {item}.s{summary}")
            }
            "session.output_transcript.delta" => "content 0.0".to_string(),
            _ if kind.starts_with("response.function_call_arguments")
                || kind.starts_with("response.mcp_call_arguments")
                || kind.starts_with("response.code_interpreter_call_code")
                || kind.starts_with("response.apply_patch_call_operation_diff") =>
            {
                format!("tool {item}")
            }
            _ if kind.starts_with("response.shell_call_command") => {
                format!("tool {item}.{}", event["command_index"])
            }
            // some arguments come with their item only
            "response.output_item.done" => {
                let done = &event["item"];
                let arguments = match &done["action"] {
                    _ if text(&done["type"]) == "shell_call" => return,
                    Value::Null if done["queries"].is_array() => done["queries"].to_string(),
                    Value::Null => {
                        text(&done["arguments"]).to_string()
                            + text(&done["code"])
                            + text(&done["operation"]["diff"])
                    }
                    action => action.to_string(),
                };
                if !arguments.is_empty() {
                    let said =
                        self.finals.entry(format!("tool {item}")).or_insert(arguments.clone());
                    assert_eq!(*said, arguments);
                }
                return;
            }
            _ => return,
        };
        if kind.ends_with(".delta") {
            self.streamed.entry(part).or_default().push_str(text(&event["delta"]));
        } else if kind.ends_with(".done") {
            let places = ["text", "arguments", "code", "diff", "command"];
            let found = places.iter().find_map(|place| event[*place].as_str());
            self.finals.insert(part, found.unwrap().to_string());
        }
    }

    /// The stream's own final frames are what it meant.
    fn settle(&self) -> usize {
        for (part, streamed) in &self.streamed {
            if let Some(meant) = self.finals.get(part) {
                // some recordings lack deltas that the final text has
                assert!(meant.starts_with(streamed.as_str()), "{part}");
            }
        }
        self.finals.len()
    }
}

/// The pieces of `bytes` between seeded random cuts.
fn random_cuts(bytes: &[u8], mut seed: u64) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (piece, tail) = rest.split_at((1 + (seed >> 33) as usize % 700).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

#[test]
fn every_recorded_stream_parses_with_nothing_lost() {
    let Some(files) = streams() else {
        eprintln!("skipped: no recorded streams; set TIDEGATE_DATA to the folder that has them");
        return;
    };
    assert!(files.len() >= 80, "{} streams", files.len());
    let (mut with_final, mut compared_bytes, mut silent) = (0, 0, Vec::new());
    for path in &files {
        let events = events(path);
        let mut oracle = Oracle::default();
        let mut broken = 0;
        for event in &events {
            match serde_json::from_str(event) {
                Ok(event) => oracle.event(&event),
                Err(_) => broken += 1,
            }
        }
        // one recording has lines that lack their last brace
        let is_known = path.ends_with("parallel-tool-call-wrapper.1.chunks.txt");
        assert_eq!(broken, if is_known { 2 } else { 0 }, "{}", path.display());
        let lines = events.join("\n") + "\n";
        let sse: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        let crlf = sse.replace('\n', "\r\n");
        let (texts, finals, unreadable) = read(Framing::Auto, &[lines.as_bytes()]);
        assert_eq!(unreadable, broken, "{}", path.display());
        for (bytes, framing) in [
            (lines.as_bytes(), Framing::JsonLines),
            (sse.as_bytes(), Framing::Auto),
            (crlf.as_bytes(), Framing::Sse),
        ] {
            let name = path.display();
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read(framing, &single).0, texts, "{name}: one byte at a time");
            for seed in 0..5 {
                let pieces = random_cuts(bytes, seed);
                assert_eq!(read(framing, &pieces).0, texts, "{name}: cuts of seed {seed}");
            }
        }
        // Responses say what they meant in the end; the others only stream
        if oracle.settle() > 0 {
            with_final += 1;
            assert!(finals > 0 || oracle.streamed.is_empty(), "{}", path.display());
        }
        let by_channel = |wanted: &str| -> String {
            let mut found = String::new();
            for (part, text) in &oracle.streamed {
                if !oracle.finals.contains_key(part) && part.starts_with(wanted) {
                    found.push_str(text);
                }
            }
            let mut parts: Vec<_> =
                oracle.finals.iter().filter(|(part, _)| part.starts_with(wanted)).collect();
            parts.sort_by_key(|(part, _)| {
                let item = part.split(' ').nth(1).unwrap().split('.').next().unwrap();
                (item.parse::<u64>().unwrap(), part.len())
            });
            parts.into_iter().for_each(|(_, text)| found.push_str(text));
            found
        };
        for (key, expected) in &oracle.texts {
            assert_eq!(texts.get(key), Some(expected), "{} {key:?}", path.display());
        }
        let is_responses = events[0].contains("response.created") || !oracle.streamed.is_empty();
        if is_responses {
            for channel in ["content", "reasoning"] {
                let expected = by_channel(channel);
                let got = texts.get(&(0, channel.to_string())).map_or("", String::as_str);
                assert_eq!(got, expected, "{} {channel}", path.display());
            }
            // an object that came as JSON is the same in another order of its keys
            let normal = |text: &str| match serde_json::from_str::<Value>(text) {
                Ok(value) => value.to_string(),
                Err(_) => text.to_string(),
            };
            let tools = texts.iter().filter(|(key, _)| key.1.starts_with("tool"));
            let mut got: Vec<String> = tools.map(|(_, text)| normal(text)).collect();
            let meant = oracle.finals.iter().filter(|(part, _)| part.starts_with("tool"));
            let mut meant: Vec<String> =
                meant.map(|(_, text)| normal(text)).filter(|text| !text.is_empty()).collect();
            got.sort();
            meant.sort();
            assert_eq!(got, meant, "{}", path.display());
        } else {
            let keys: Vec<_> = texts.keys().collect();
            assert_eq!(keys, oracle.texts.keys().collect::<Vec<_>>(), "{}", path.display());
        }
        compared_bytes += texts.values().map(String::len).sum::<usize>();
        if texts.is_empty() {
            silent.push(path.file_name().unwrap().to_str().unwrap().to_string());
        }
    }
    eprintln!(
        "{} streams, {compared_bytes} bytes of text, {with_final} against their own final frames, \
         without text: {silent:?}",
        files.len()
    );
    assert!(with_final >= 20, "only {with_final} streams have final frames");
}
