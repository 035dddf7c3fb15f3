//! Anthropic messages.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use crate::decoder::Top;
use crate::field::{Many, Place, Word, parse_or_default};
use crate::voice::{Block, Voice};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ContentBlock<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow, default)]
    text: Place<'a>,
    #[serde(borrow, default)]
    thinking: Place<'a>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Delta<'a> {
    #[serde(borrow, default)]
    text: Place<'a>,
    #[serde(borrow, default)]
    thinking: Place<'a>,
    #[serde(borrow, default)]
    partial_json: Place<'a>,
    #[serde(borrow, default)]
    stop_reason: Word<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow, default)]
    content: Many<ContentBlock<'a>>,
}

/// An event that was read.
#[derive(Debug)]
pub(crate) enum Reading<'a> {
    Start(Message<'a>),
    /// An answer that was not streamed.
    Whole(Vec<ContentBlock<'a>>, String),
    Block(u64, ContentBlock<'a>),
    BlockDelta(u64, Delta<'a>),
    Delta(Delta<'a>),
    Stop,
    Silent,
}

pub(crate) fn read<'a>(top: &Top<'a>) -> serde_json::Result<Reading<'a>> {
    Ok(match top.kind.as_str() {
        "message_start" => Reading::Start(parse_or_default(top.message)?),
        "message" => {
            let blocks: Many<ContentBlock<'_>> = parse_or_default(top.content)?;
            Reading::Whole(blocks.0, top.stop_reason.said().unwrap_or("message").to_string())
        }
        "content_block_start" => Reading::Block(top.index.0, parse_or_default(top.content_block)?),
        "content_block_delta" => Reading::BlockDelta(top.index.0, parse_or_default(top.delta)?),
        "message_delta" => Reading::Delta(parse_or_default(top.delta)?),
        "message_stop" => Reading::Stop,
        _ => Reading::Silent,
    })
}

pub(crate) fn say(reading: &Reading<'_>, voice: &mut Voice<'_>) {
    match reading {
        Reading::Start(message) => {
            voice.start();
            for (place, block) in (0u64..).zip(&message.content.0) {
                block.say(place, voice);
            }
        }
        Reading::Whole(blocks, reason) => {
            for (place, block) in (0u64..).zip(blocks) {
                block.say(place, voice);
            }
            voice.finish(0, reason);
            voice.done();
        }
        Reading::Block(index, block) => block.say(*index, voice),
        Reading::BlockDelta(index, delta) => {
            voice.delta(0, Channel::Reasoning, delta.thinking.as_str());
            voice.delta(0, Channel::Content, delta.text.as_str());
            if !delta.partial_json.as_str().is_empty() {
                voice.delta_on_tool(0, *index, delta.partial_json.as_str());
            }
        }
        Reading::Delta(delta) => {
            if let Some(reason) = delta.stop_reason.said() {
                voice.finish(0, reason);
            }
        }
        Reading::Stop => voice.done(),
        Reading::Silent => {}
    }
}

impl ContentBlock<'_> {
    fn say(&self, index: u64, voice: &mut Voice<'_>) {
        let kind = self.kind.as_str();
        let block = match kind {
            "thinking" => Block::Reasoning,
            "text" => Block::Content,
            _ if kind.ends_with("tool_use") => Block::Tool,
            // what a tool found is not the model's own words
            _ => Block::Other,
        };
        match block {
            Block::Content => voice.delta(0, Channel::Content, self.text.as_str()),
            Block::Reasoning => voice.delta(0, Channel::Reasoning, self.thinking.as_str()),
            Block::Tool => {
                // a call takes its number when it appears, not when it speaks
                let is_known = voice.tool(0, index).is_some();
                let input = self.input.map_or("", RawValue::get);
                if is_known && !is_empty_object(input) {
                    voice.delta_on_tool(0, index, input);
                }
            }
            Block::Other => {}
        }
    }
}

/// Whether JSON is an object without fields, or nothing.
pub(crate) fn is_empty_object(json: &str) -> bool {
    json.bytes().all(|byte| byte.is_ascii_whitespace() || matches!(byte, b'{' | b'}'))
        || json == "null"
}
