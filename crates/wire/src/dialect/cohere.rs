//! Cohere chat.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use crate::decoder::Top;
use crate::field::{Arguments, Place, Word, parse_or_default};
use crate::voice::Voice;

#[derive(Debug, Default, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Word<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct ContentMessage<'a> {
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Text<'a> {
    #[serde(borrow, default)]
    text: Place<'a>,
    #[serde(borrow, default)]
    thinking: Place<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct PlanMessage<'a> {
    #[serde(borrow, default)]
    tool_plan: Place<'a>,
}

#[derive(Debug, Default, Deserialize)]
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

/// An event that was read.
#[derive(Debug)]
pub(crate) enum Reading<'a> {
    Start,
    Content(Text<'a>),
    Plan(Place<'a>),
    Tool(u64, Arguments<'a>),
    End(Word<'a>),
    Silent,
}

pub(crate) fn read<'a>(top: &Top<'a>) -> serde_json::Result<Reading<'a>> {
    let delta = || parse_or_default::<Delta<'a>>(top.delta);
    Ok(match top.kind.as_str() {
        "message-start" => Reading::Start,
        "content-start" | "content-delta" => {
            let message: ContentMessage<'_> = parse_or_default(delta()?.message)?;
            Reading::Content(message.content.unwrap_or_default())
        }
        "tool-plan-delta" => {
            let message: PlanMessage<'_> = parse_or_default(delta()?.message)?;
            Reading::Plan(message.tool_plan)
        }
        "tool-call-start" | "tool-call-delta" => {
            let message: ToolMessage<'_> = parse_or_default(delta()?.message)?;
            let function = message.tool_calls.and_then(|call| call.function);
            let arguments = function.map(|function| function.arguments).unwrap_or_default();
            Reading::Tool(top.index.0, arguments)
        }
        "message-end" => Reading::End(delta()?.finish_reason),
        _ => Reading::Silent,
    })
}

pub(crate) fn say(reading: &Reading<'_>, voice: &mut Voice<'_>) {
    match reading {
        Reading::Start => voice.start(),
        Reading::Content(content) => {
            voice.delta(0, Channel::Reasoning, content.thinking.as_str());
            voice.delta(0, Channel::Content, content.text.as_str());
        }
        Reading::Plan(plan) => voice.delta(0, Channel::Reasoning, plan.as_str()),
        Reading::Tool(index, arguments) => {
            // a call takes its number when it appears, with or without arguments
            voice.delta_on_tool(0, *index, arguments.0.as_deref().unwrap_or_default());
        }
        Reading::End(reason) => {
            voice.finish(0, reason.as_str());
            voice.done();
        }
        Reading::Silent => {}
    }
}
