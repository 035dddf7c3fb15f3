//! OpenAI Responses and Realtime: text is streamed in parts and then repeated
//! whole, up to four times over. What was not streamed is spoken when it is
//! first repeated.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use super::logprobs;
use crate::decoder::{Read, Top, error_message};
use crate::field::{Arguments, Content, ContentPart, Place, Word};
use crate::voice::{PartKey, PartKind, Voice};

#[derive(Debug, Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    status: Word<'a>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Option<Vec<OutputItem<'a>>>,
}

#[derive(Debug, Deserialize)]
struct OutputItem<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow, default)]
    content: Content<'a>,
    #[serde(borrow, default)]
    summary: Content<'a>,
    #[serde(borrow, default)]
    arguments: Arguments<'a>,
    #[serde(borrow, default)]
    input: Arguments<'a>,
    #[serde(borrow, default)]
    code: Place<'a>,
    #[serde(borrow, default)]
    operation: Option<Operation<'a>>,
    #[serde(borrow, default)]
    action: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Operation<'a> {
    #[serde(borrow, default)]
    diff: Place<'a>,
}

#[derive(Debug, Deserialize)]
struct Action<'a> {
    #[serde(borrow, default)]
    commands: Option<Vec<Place<'a>>>,
}

pub(crate) fn say(top: &Top<'_>, voice: &mut Voice<'_>) -> Read {
    let item = top.output_index.0;
    let text_key = (item, PartKind::Text, top.content_index.0);
    let kind = top.kind.as_str();
    if let Some((key, channel)) = streamed(kind, top) {
        let Some(channel) = channel_of(key, channel, voice) else { return Ok(()) };
        let Some(raw) = top.delta else { return Ok(()) };
        let place: Place<'_> = serde_json::from_str(raw.get())?;
        let text = place.as_str();
        let tokens = logprobs::of_entries(top.logprobs, text);
        voice.part_delta(key, channel, text, &tokens);
        return Ok(());
    }
    match kind {
        "response.created" => voice.start(),
        "response.output_text.done" => {
            voice.part_final(text_key, Channel::Content, top.text.as_str());
        }
        "response.refusal.done" => {
            let key = (item, PartKind::Refusal, top.content_index.0);
            voice.part_final(key, Channel::Refusal, top.refusal.as_str());
        }
        "response.reasoning_text.done" => {
            let key = (item, PartKind::Reasoning, top.content_index.0);
            voice.part_final(key, Channel::Reasoning, top.text.as_str());
        }
        "response.reasoning_summary_text.done" => {
            let key = (item, PartKind::Summary, top.summary_index.0);
            voice.part_final(key, Channel::Reasoning, top.text.as_str());
        }
        "response.function_call_arguments.done" | "response.mcp_call_arguments.done" => {
            final_on_tool(item, PartKind::Arguments, 0, top.arguments.as_str(), voice);
        }
        "response.custom_tool_call_input.done" => {
            final_on_tool(item, PartKind::Arguments, 0, top.input.as_str(), voice);
        }
        "response.code_interpreter_call_code.done" => {
            final_on_tool(item, PartKind::Arguments, 0, top.code.as_str(), voice);
        }
        "response.apply_patch_call_operation_diff.done" => {
            final_on_tool(item, PartKind::Arguments, 0, top.diff.as_str(), voice);
        }
        "response.shell_call_command.done" => {
            let command = top.command_index.0;
            final_on_tool(item, PartKind::Command, command, top.command.as_str(), voice);
        }
        "response.output_audio_transcript.done" | "response.audio_transcript.done" => {
            voice.part_final(text_key, Channel::Content, top.transcript.as_str());
        }
        "response.content_part.done" => {
            let Some(raw) = top.part else { return Ok(()) };
            let part: ContentPart<'_> = serde_json::from_str(raw.get())?;
            part_repeats(item, top.content_index.0, &part, voice);
        }
        "response.output_item.done" => {
            let Some(raw) = top.item else { return Ok(()) };
            let output: OutputItem<'_> = serde_json::from_str(raw.get())?;
            output.repeats(item, voice);
        }
        "response.completed" | "response.incomplete" | "response.failed" | "response.done" => {
            let Some(raw) = top.response else { return Ok(()) };
            ends(raw, voice)?;
        }
        _ if top.object.as_str() == "response" => {
            // a response that was not streamed
            for (place, raw) in (0u64..).zip(list(top.output)?) {
                let output: OutputItem<'_> = serde_json::from_str(raw.get())?;
                output.repeats(place, voice);
            }
            voice.finish(0, "response");
            voice.done();
        }
        _ => {}
    }
    Ok(())
}

/// The part and channel that a streamed event is about; no channel for a tool.
fn streamed(kind: &str, top: &Top<'_>) -> Option<(PartKey, Option<Channel>)> {
    let item = top.output_index.0;
    let (content, summary) = (top.content_index.0, top.summary_index.0);
    Some(match kind {
        "response.output_text.delta"
        | "response.text.delta"
        | "response.output_audio_transcript.delta"
        | "response.audio_transcript.delta"
        | "session.output_transcript.delta" => {
            ((item, PartKind::Text, content), Some(Channel::Content))
        }
        "response.refusal.delta" => ((item, PartKind::Refusal, content), Some(Channel::Refusal)),
        "response.reasoning_text.delta" => {
            ((item, PartKind::Reasoning, content), Some(Channel::Reasoning))
        }
        "response.reasoning_summary_text.delta" => {
            ((item, PartKind::Summary, summary), Some(Channel::Reasoning))
        }
        "response.function_call_arguments.delta"
        | "response.mcp_call_arguments.delta"
        | "response.custom_tool_call_input.delta"
        | "response.code_interpreter_call_code.delta"
        | "response.apply_patch_call_operation_diff.delta" => {
            ((item, PartKind::Arguments, 0), None)
        }
        "response.shell_call_command.delta" => {
            ((item, PartKind::Command, top.command_index.0), None)
        }
        _ => return None,
    })
}

fn channel_of(
    (item, _, number): PartKey,
    channel: Option<Channel>,
    voice: &mut Voice<'_>,
) -> Option<Channel> {
    channel.or_else(|| voice.tool(0, tool_key(item, number)))
}

/// An item can run several commands, each a tool call of its own.
fn tool_key(item: u64, number: u64) -> u64 {
    item << 16 ^ number
}

fn final_on_tool(item: u64, kind: PartKind, number: u64, text: &str, voice: &mut Voice<'_>) {
    if text.is_empty() {
        return;
    }
    if let Some(channel) = voice.tool(0, tool_key(item, number)) {
        voice.part_final((item, kind, number), channel, text);
    }
}

fn part_repeats(item: u64, number: u64, part: &ContentPart<'_>, voice: &mut Voice<'_>) {
    let (kind, channel) = match part.kind.as_str() {
        "output_text" | "text" => (PartKind::Text, Channel::Content),
        "reasoning_text" => (PartKind::Reasoning, Channel::Reasoning),
        "summary_text" => (PartKind::Summary, Channel::Reasoning),
        "refusal" => {
            let key = (item, PartKind::Refusal, number);
            return voice.part_final(key, Channel::Refusal, part.refusal.as_str());
        }
        _ => return,
    };
    voice.part_final((item, kind, number), channel, part.text.as_str());
}

impl OutputItem<'_> {
    /// Whether all that the item says was said before.
    fn was_said(&self, voice: &Voice<'_>) -> bool {
        let texts = [
            self.arguments.0.as_deref(),
            self.input.0.as_deref(),
            self.code.0.as_deref(),
            self.operation.as_ref().map(|operation| operation.diff.as_str()),
            self.action.map(RawValue::get).filter(|_| self.kind.as_str() != "shell_call"),
        ];
        let mut texts = texts.into_iter().flatten().filter(|text| !text.is_empty());
        let parts = |content: &Content<'_>, voice: &Voice<'_>| match content {
            Content::Parts(parts) => parts.iter().all(|part| {
                let kinds = [PartKind::Text, PartKind::Reasoning, PartKind::Summary];
                let text = part.text.as_str();
                let refusal = part.refusal.as_str();
                (text.is_empty() || kinds.iter().any(|kind| voice.has_said(*kind, text)))
                    && (refusal.is_empty() || voice.has_said(PartKind::Refusal, refusal))
            }),
            _ => true,
        };
        texts.all(|text| voice.has_said(PartKind::Arguments, text))
            && parts(&self.content, voice)
            && parts(&self.summary, voice)
            && self.commands().iter().all(|text| voice.has_said(PartKind::Command, text.as_str()))
    }

    /// What a shell call runs.
    fn commands(&self) -> Vec<Place<'_>> {
        let raw = self.action.filter(|_| self.kind.as_str() == "shell_call");
        let action = raw.and_then(|raw| serde_json::from_str::<Action<'_>>(raw.get()).ok());
        action.and_then(|action| action.commands).unwrap_or_default()
    }

    fn repeats(&self, item: u64, voice: &mut Voice<'_>) {
        let kind = self.kind.as_str();
        for content in [&self.content, &self.summary] {
            if let Content::Parts(parts) = content {
                for (number, part) in (0u64..).zip(parts) {
                    part_repeats(item, number, part, voice);
                }
            }
        }
        let places = [self.arguments.0.as_deref(), self.input.0.as_deref(), self.code.0.as_deref()];
        // of a search or an output these are not there
        for text in places.into_iter().flatten() {
            final_on_tool(item, PartKind::Arguments, 0, text, voice);
        }
        if let Some(operation) = &self.operation {
            final_on_tool(item, PartKind::Arguments, 0, operation.diff.as_str(), voice);
        }
        for (number, command) in (0u64..).zip(self.commands()) {
            final_on_tool(item, PartKind::Command, number, command.as_str(), voice);
        }
        // what the model asks a computer, a shell or a search to do
        if let Some(raw) = self.action
            && kind != "shell_call"
        {
            final_on_tool(item, PartKind::Arguments, 0, raw.get(), voice);
        }
    }
}

/// The response is over; its items are repeated, where they are given.
fn ends(raw: &RawValue, voice: &mut Voice<'_>) -> Read {
    let response: Response<'_> = serde_json::from_str(raw.get())?;
    // the list can lack items, so that the places of the others have changed
    for (place, item) in (0u64..).zip(response.output.iter().flatten()) {
        if !item.was_said(voice) {
            item.repeats(place, voice);
        }
    }
    if let Some(error) = response.error {
        voice.provider_error(&error_message(error));
    }
    voice.finish(0, response.status.as_str());
    voice.done();
    Ok(())
}

fn list(raw: Option<&RawValue>) -> serde_json::Result<Vec<&RawValue>> {
    raw.map_or(Ok(Vec::new()), |raw| serde_json::from_str(raw.get()))
}
