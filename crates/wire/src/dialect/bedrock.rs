//! Amazon Bedrock's ConverseStream.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use crate::decoder::Top;
use crate::field::{Arguments, Place, Word, parse_or_default};
use crate::voice::Voice;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta<'a> {
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
struct MessageStop<'a> {
    #[serde(borrow, default)]
    stop_reason: Word<'a>,
}

#[derive(Debug, Default, Deserialize)]
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

/// An event that was read.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    is_start: bool,
    block_start: BlockStart<'a>,
    block_delta: BlockDelta<'a>,
    message_stop: Option<MessageStop<'a>>,
}

pub(crate) fn read<'a>(top: &Top<'a>) -> serde_json::Result<Reading<'a>> {
    Ok(Reading {
        is_start: top.message_start.is_some(),
        block_start: parse_or_default(top.block_start)?,
        block_delta: parse_or_default(top.block_delta)?,
        message_stop: parse_or_default(top.message_stop)?,
    })
}

pub(crate) fn say(reading: &Reading<'_>, voice: &mut Voice<'_>) {
    let Reading { is_start, block_start, block_delta, message_stop } = reading;
    if *is_start {
        voice.start();
    }
    if block_start.start.as_ref().is_some_and(|start| start.tool_use.is_some()) {
        // a call takes its number when it appears, not when it speaks
        voice.tool(0, block_start.content_block_index.unwrap_or(0));
    }
    if let Some(delta) = &block_delta.delta {
        let index = block_delta.content_block_index.unwrap_or(0);
        if let Some(reasoning) = &delta.reasoning_content {
            voice.delta(0, Channel::Reasoning, reasoning.text.as_str());
        }
        voice.delta(0, Channel::Content, delta.text.as_str());
        let input = delta.tool_use.as_ref().and_then(|tool| tool.input.0.as_deref());
        if let Some(input) = input {
            voice.delta_on_tool(0, index, input);
        }
    }
    if let Some(stop) = message_stop {
        voice.finish(0, stop.stop_reason.as_str());
    }
}
