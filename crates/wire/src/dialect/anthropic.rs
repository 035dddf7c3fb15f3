//! Anthropic messages.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use crate::decoder::{Read, Top};
use crate::field::{Place, Word};
use crate::voice::{Block, Voice};

#[derive(Debug, Deserialize)]
struct ContentBlock<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow, default)]
    text: Place<'a>,
    #[serde(borrow, default)]
    thinking: Place<'a>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Place<'a>,
    #[serde(borrow, default)]
    thinking: Place<'a>,
    #[serde(borrow, default)]
    partial_json: Place<'a>,
    #[serde(borrow, default)]
    stop_reason: Word<'a>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<Vec<ContentBlock<'a>>>,
}

pub(crate) fn say(top: &Top<'_>, voice: &mut Voice<'_>) -> Read {
    let index = top.index.0;
    match top.kind.as_str() {
        "message_start" => {
            voice.start();
            let Some(raw) = top.message else { return Ok(()) };
            let message: Message<'_> = serde_json::from_str(raw.get())?;
            for (place, block) in (0u64..).zip(message.content.iter().flatten()) {
                block.say(place, voice);
            }
        }
        // an answer that was not streamed
        "message" => {
            let blocks: Vec<ContentBlock<'_>> = match top.content {
                Some(raw) => serde_json::from_str(raw.get())?,
                None => Vec::new(),
            };
            for (place, block) in (0u64..).zip(&blocks) {
                block.say(place, voice);
            }
            voice.finish(0, "message");
            voice.done();
        }
        "content_block_start" => {
            let Some(raw) = top.content_block else { return Ok(()) };
            let block: ContentBlock<'_> = serde_json::from_str(raw.get())?;
            block.say(index, voice);
        }
        "content_block_delta" => {
            let Some(raw) = top.delta else { return Ok(()) };
            let delta: Delta<'_> = serde_json::from_str(raw.get())?;
            voice.delta(0, Channel::Reasoning, delta.thinking.as_str());
            voice.delta(0, Channel::Content, delta.text.as_str());
            if !delta.partial_json.as_str().is_empty() {
                voice.delta_on_tool(0, index, delta.partial_json.as_str());
            }
        }
        "message_delta" => {
            let Some(raw) = top.delta else { return Ok(()) };
            let delta: Delta<'_> = serde_json::from_str(raw.get())?;
            if let Some(reason) = delta.stop_reason.0.as_deref() {
                voice.finish(0, reason);
            }
        }
        "message_stop" => voice.done(),
        _ => {}
    }
    Ok(())
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
                voice.tool(0, index);
                let input = self.input.map_or("", RawValue::get);
                if !is_empty_object(input) {
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
