//! Google Interactions.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use super::anthropic::is_empty_object;
use super::chat::content_text;
use crate::decoder::Top;
use crate::field::{Arguments, Content, Place, Word, parse_or_default};
use crate::voice::{Block, Voice};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Step<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Delta<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow, default)]
    text: Place<'a>,
    #[serde(borrow, default)]
    thought: Place<'a>,
    #[serde(borrow, default)]
    arguments: Arguments<'a>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct TextContent<'a> {
    #[serde(borrow, default)]
    text: Place<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Interaction<'a> {
    #[serde(borrow, default)]
    status: Word<'a>,
}

/// An event that was read.
#[derive(Debug)]
pub(crate) enum Reading<'a> {
    Created,
    Step(u64, Step<'a>),
    Delta(u64, Delta<'a>, Content<'a>),
    Completed(Interaction<'a>),
    Silent,
}

pub(crate) fn read<'a>(top: &Top<'a>) -> serde_json::Result<Reading<'a>> {
    let index = top.index.0;
    Ok(match top.event_type.as_str() {
        "interaction.created" => Reading::Created,
        "step.start" => Reading::Step(index, parse_or_default(top.step)?),
        "step.delta" => {
            let delta: Delta<'_> = parse_or_default(top.delta)?;
            let content = match delta.content {
                Some(raw) if raw.get().starts_with('{') => {
                    let content: TextContent<'_> = serde_json::from_str(raw.get())?;
                    content.text.0.map_or(Content::None, Content::Text)
                }
                raw => parse_or_default(raw)?,
            };
            Reading::Delta(index, delta, content)
        }
        "interaction.completed" => Reading::Completed(parse_or_default(top.interaction)?),
        _ => Reading::Silent,
    })
}

pub(crate) fn say(reading: &Reading<'_>, voice: &mut Voice<'_>) {
    match reading {
        Reading::Created => voice.start(),
        Reading::Step(index, step) => {
            let kind = step.kind.as_str();
            let block = match kind {
                "thought" => Block::Reasoning,
                _ if kind.ends_with("_call") => Block::Tool,
                _ => Block::Content,
            };
            let blocks = &mut voice.memory.blocks;
            blocks.retain(|(of, _)| of != index);
            // a stream of endless steps keeps only the latest
            if blocks.len() >= (voice.limits.tools_max as usize).max(1) {
                blocks.remove(0);
            }
            blocks.push((*index, block));
            if block == Block::Tool {
                let is_known = voice.tool(0, *index).is_some();
                let arguments = step.arguments.map_or("", RawValue::get);
                if is_known && !is_empty_object(arguments) {
                    voice.delta_on_tool(0, *index, arguments);
                }
            }
        }
        Reading::Delta(index, delta, content) => {
            let known = voice.memory.blocks.iter().find(|(of, _)| of == index);
            let thinks = known.is_some_and(|(_, block)| *block == Block::Reasoning)
                || delta.kind.as_str().starts_with("thought");
            let channel = if thinks { Channel::Reasoning } else { Channel::Content };
            voice.delta(0, Channel::Reasoning, delta.thought.as_str());
            voice.delta(0, channel, delta.text.as_str());
            for (channel, text) in content_text(content, channel) {
                voice.delta(0, channel, &text);
            }
            if let Some(arguments) = delta.arguments.0.as_deref() {
                voice.delta_on_tool(0, *index, arguments);
            }
        }
        Reading::Completed(interaction) => {
            voice.finish(0, interaction.status.as_str());
            voice.done();
        }
        Reading::Silent => {}
    }
}
