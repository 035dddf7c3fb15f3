//! Cohere chat.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use crate::decoder::{Read, Top};
use crate::field::{Arguments, Place, Word};
use crate::voice::Voice;

#[derive(Debug, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Word<'a>,
}

#[derive(Debug, Deserialize)]
struct ContentMessage<'a> {
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    text: Place<'a>,
    #[serde(borrow, default)]
    thinking: Place<'a>,
}

#[derive(Debug, Deserialize)]
struct PlanMessage<'a> {
    #[serde(borrow, default)]
    tool_plan: Place<'a>,
}

#[derive(Debug, Deserialize)]
struct ToolMessage<'a> {
    #[serde(borrow, default)]
    tool_calls: Option<ToolCall<'a>>,
}

#[derive(Debug, Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Debug, Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    arguments: Arguments<'a>,
}

pub(crate) fn say(top: &Top<'_>, voice: &mut Voice<'_>) -> Read {
    let index = top.index.0;
    let Some(raw) = top.delta else { return Ok(()) };
    let delta: Delta<'_> = serde_json::from_str(raw.get())?;
    let message = delta.message.map_or("null", RawValue::get);
    match top.kind.as_str() {
        "message-start" => voice.start(),
        "content-start" | "content-delta" => {
            let message: Option<ContentMessage<'_>> = serde_json::from_str(message)?;
            if let Some(content) = message.and_then(|message| message.content) {
                voice.delta(0, Channel::Reasoning, content.thinking.as_str());
                voice.delta(0, Channel::Content, content.text.as_str());
            }
        }
        "tool-plan-delta" => {
            let message: Option<PlanMessage<'_>> = serde_json::from_str(message)?;
            let plan = message.map(|message| message.tool_plan).unwrap_or_default();
            voice.delta(0, Channel::Reasoning, plan.as_str());
        }
        "tool-call-start" | "tool-call-delta" => {
            // a call takes its number when it appears, not when it speaks
            voice.tool(0, index);
            let message: Option<ToolMessage<'_>> = serde_json::from_str(message)?;
            let call = message.and_then(|message| message.tool_calls);
            if let Some(function) = call.and_then(|call| call.function) {
                let arguments = function.arguments.0.unwrap_or_default();
                voice.delta_on_tool(0, index, &arguments);
            }
        }
        "message-end" => {
            voice.finish(0, delta.finish_reason.as_str());
            voice.done();
        }
        _ => {}
    }
    Ok(())
}
