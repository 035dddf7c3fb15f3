//! Amazon Bedrock's ConverseStream.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use crate::decoder::{Read, Top};
use crate::field::{Arguments, Place, Word};
use crate::voice::Voice;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockDelta<'a> {
    content_block_index: Option<u64>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Place<'a>,
    #[serde(borrow, default)]
    reasoning_content: Option<Reasoning<'a>>,
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
}

#[derive(Debug, Deserialize)]
struct Reasoning<'a> {
    #[serde(borrow, default)]
    text: Place<'a>,
}

#[derive(Debug, Deserialize)]
struct ToolUse<'a> {
    #[serde(borrow, default)]
    input: Arguments<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageStop<'a> {
    #[serde(borrow, default)]
    stop_reason: Word<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart<'a> {
    content_block_index: Option<u64>,
    #[serde(borrow, default)]
    start: Option<Start<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a> {
    #[serde(borrow, default)]
    tool_use: Option<&'a RawValue>,
}

pub(crate) fn say(top: &Top<'_>, voice: &mut Voice<'_>) -> Read {
    if top.message_start.is_some() {
        voice.start();
    }
    if let Some(raw) = top.block_start {
        let block: BlockStart<'_> = serde_json::from_str(raw.get())?;
        if block.start.is_some_and(|start| start.tool_use.is_some()) {
            // a call takes its number when it appears, not when it speaks
            voice.tool(0, block.content_block_index.unwrap_or(0));
        }
    }
    if let Some(block) = &top.block_delta
        && let Some(delta) = &block.delta
    {
        let index = block.content_block_index.unwrap_or(0);
        if let Some(reasoning) = &delta.reasoning_content {
            voice.delta(0, Channel::Reasoning, reasoning.text.as_str());
        }
        voice.delta(0, Channel::Content, delta.text.as_str());
        let input = delta.tool_use.as_ref().and_then(|tool| tool.input.0.as_deref());
        if let Some(input) = input {
            voice.delta_on_tool(0, index, input);
        }
    }
    if let Some(stop) = &top.message_stop {
        voice.finish(0, stop.stop_reason.as_str());
    }
    Ok(())
}
