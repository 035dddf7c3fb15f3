//! Google Interactions.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use super::anthropic::is_empty_object;
use crate::decoder::{Read, Top};
use crate::field::{Arguments, Place, Word};
use crate::voice::{Block, Voice};

#[derive(Debug, Deserialize)]
struct Step<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Delta<'a> {
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

#[derive(Debug, Deserialize)]
struct TextContent<'a> {
    #[serde(borrow, default)]
    text: Place<'a>,
}

#[derive(Debug, Deserialize)]
struct Interaction<'a> {
    #[serde(borrow, default)]
    status: Word<'a>,
}

pub(crate) fn say(top: &Top<'_>, voice: &mut Voice<'_>) -> Read {
    let index = top.index.0;
    match top.event_type.as_str() {
        "interaction.created" => voice.start(),
        "step.start" => {
            let Some(raw) = top.step else { return Ok(()) };
            let step: Step<'_> = serde_json::from_str(raw.get())?;
            let kind = step.kind.as_str();
            let block = match kind {
                "thought" => Block::Reasoning,
                _ if kind.ends_with("_call") => Block::Tool,
                _ => Block::Content,
            };
            let blocks = &mut voice.memory.blocks;
            blocks.retain(|(of, _)| *of != index);
            // a stream of endless steps keeps only the latest
            if blocks.len() >= voice.limits.tools_max as usize {
                blocks.remove(0);
            }
            blocks.push((index, block));
            if block == Block::Tool {
                voice.tool(0, index);
                let arguments = step.arguments.map_or("", RawValue::get);
                if !is_empty_object(arguments) {
                    voice.delta_on_tool(0, index, arguments);
                }
            }
        }
        "step.delta" => {
            let Some(raw) = top.delta else { return Ok(()) };
            let delta: Delta<'_> = serde_json::from_str(raw.get())?;
            let known = voice.memory.blocks.iter().find(|(of, _)| *of == index);
            let thinks = known.is_some_and(|(_, block)| *block == Block::Reasoning)
                || delta.kind.as_str().starts_with("thought");
            let channel = if thinks { Channel::Reasoning } else { Channel::Content };
            voice.delta(0, Channel::Reasoning, delta.thought.as_str());
            voice.delta(0, channel, delta.text.as_str());
            if let Some(raw) = delta.content
                && let Ok(content) = serde_json::from_str::<TextContent<'_>>(raw.get())
            {
                voice.delta(0, channel, content.text.as_str());
            }
            if let Some(arguments) = delta.arguments.0.as_deref() {
                voice.delta_on_tool(0, index, arguments);
            }
        }
        "interaction.completed" => {
            let interaction = top.interaction.map(|raw| serde_json::from_str(raw.get()));
            let interaction: Option<Interaction<'_>> = interaction.transpose()?;
            let status = interaction.as_ref().map_or("", |i| i.status.as_str());
            voice.finish(0, status);
            voice.done();
        }
        _ => {}
    }
    Ok(())
}
