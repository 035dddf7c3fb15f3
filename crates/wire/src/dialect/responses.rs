//! OpenAI Responses and Realtime: text is streamed in parts and then repeated
//! whole, up to four times over. What was not streamed is spoken when it is
//! first repeated.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_kernel::Channel;

use super::logprobs;
use crate::decoder::{Top, error_message};
use crate::field::{Arguments, Content, ContentPart, Many, Place, Word, parse_or_default};
use crate::voice::{PartKey, PartKind, Voice};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Response<'a> {
    #[serde(borrow, default)]
    status: Word<'a>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Many<OutputItem<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct OutputItem<'a> {
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
    #[serde(borrow, default)]
    queries: Option<&'a RawValue>,
    /// What a shell call runs, from its `action`.
    #[serde(skip)]
    commands: Vec<Place<'a>>,
}

#[derive(Debug, Deserialize)]
struct Operation<'a> {
    #[serde(borrow, default)]
    diff: Place<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Action<'a> {
    #[serde(borrow, default)]
    commands: Many<Place<'a>>,
}

/// An event that was read.
#[derive(Debug)]
pub(crate) enum Reading<'a> {
    Created,
    /// Text of a part; the channel is absent for a tool's.
    Delta(PartKey, Option<Channel>, Place<'a>, Option<&'a RawValue>),
    /// The whole text of a part.
    Final(PartKey, Option<Channel>, Place<'a>),
    Part(u64, u64, Box<ContentPart<'a>>),
    Item(u64, Box<OutputItem<'a>>),
    End(Response<'a>),
    /// A response that was not streamed.
    Whole(Vec<OutputItem<'a>>, String),
    Silent,
}

pub(crate) fn read<'a>(top: &Top<'a>) -> serde_json::Result<Reading<'a>> {
    let item = top.output_index.0;
    let kind = top.kind.as_str();
    let (part, place) = match kind.rsplit_once('.') {
        Some((part, "delta")) => (part, Some(top.delta)),
        Some((part, "done")) => (part, None),
        _ => ("", None),
    };
    if let Some((key, channel, whole)) = part_of(part, top) {
        return Ok(match place {
            Some(raw) => Reading::Delta(key, channel, parse_or_default(raw)?, top.logprobs),
            None => Reading::Final(key, channel, parse_or_default(whole)?),
        });
    }
    Ok(match kind {
        "response.created" => Reading::Created,
        // as a rule nothing is in a part or item yet when it is added
        "response.content_part.added" | "response.content_part.done" => {
            Reading::Part(item, top.content_index.0, parse_or_default(top.part)?)
        }
        "response.reasoning_summary_part.added" | "response.reasoning_summary_part.done" => {
            Reading::Part(item, top.summary_index.0, parse_or_default(top.part)?)
        }
        "response.output_item.added" | "response.output_item.done" => {
            let mut output: OutputItem<'_> = parse_or_default(top.item)?;
            if kind.ends_with(".added") {
                // what it will do is not decided yet, and said when it is done
                output.action = None;
                output.queries = None;
            }
            output.read_commands()?;
            Reading::Item(item, Box::new(output))
        }
        "response.completed" | "response.incomplete" | "response.failed" | "response.done" => {
            let mut response: Response<'_> = parse_or_default(top.response)?;
            response.output.0.iter_mut().try_for_each(OutputItem::read_commands)?;
            Reading::End(response)
        }
        _ if top.object.as_str() == "response" => {
            let mut output: Many<OutputItem<'_>> = parse_or_default(top.output)?;
            output.0.iter_mut().try_for_each(OutputItem::read_commands)?;
            Reading::Whole(output.0, top.status.said().unwrap_or("response").to_string())
        }
        _ => Reading::Silent,
    })
}

pub(crate) fn say(reading: &Reading<'_>, voice: &mut Voice<'_>) {
    match reading {
        Reading::Created => voice.start(),
        Reading::Delta(key, channel, text, logprobs) => {
            let Some(channel) = channel_of(*key, *channel, voice) else { return };
            let text = text.as_str();
            let tokens = logprobs::of_entries(*logprobs, text);
            voice.part_delta(*key, channel, text, &tokens);
        }
        Reading::Final((item, kind, number), None, text) => {
            final_on_tool(*item, *kind, *number, text.as_str(), voice);
        }
        Reading::Final(key, Some(channel), text) => {
            voice.part_final(*key, *channel, text.as_str());
        }
        Reading::Part(item, number, part) => part_repeats(*item, *number, part, voice),
        Reading::Item(item, output) => output.repeats(*item, voice),
        Reading::End(response) => response.end(voice),
        Reading::Whole(output, status) => {
            for (place, output) in (0u64..).zip(output) {
                output.repeats(place, voice);
            }
            voice.finish(0, status);
            voice.done();
        }
        Reading::Silent => {}
    }
}

/// The part that an event is about, by its type without `.delta` or `.done`;
/// its channel, if it is not a tool's; and the place of its whole text.
fn part_of<'a>(
    part: &str,
    top: &Top<'a>,
) -> Option<(PartKey, Option<Channel>, Option<&'a RawValue>)> {
    let item = top.output_index.0;
    let (content, summary) = (top.content_index.0, top.summary_index.0);
    let arguments = (item, PartKind::Arguments, 0);
    Some(match part {
        "response.output_text" | "response.text" => {
            ((item, PartKind::Text, content), Some(Channel::Content), top.text)
        }
        "response.output_audio_transcript"
        | "response.audio_transcript"
        | "session.output_transcript" => {
            ((item, PartKind::Text, content), Some(Channel::Content), top.transcript)
        }
        "response.refusal" => {
            ((item, PartKind::Refusal, content), Some(Channel::Refusal), top.refusal)
        }
        "response.reasoning_text" => {
            ((item, PartKind::Reasoning, content), Some(Channel::Reasoning), top.text)
        }
        "response.reasoning_summary_text" => {
            ((item, PartKind::Summary, summary), Some(Channel::Reasoning), top.text)
        }
        "response.function_call_arguments" | "response.mcp_call_arguments" => {
            (arguments, None, top.arguments)
        }
        "response.custom_tool_call_input" => (arguments, None, top.input),
        "response.code_interpreter_call_code" => (arguments, None, top.code),
        "response.apply_patch_call_operation_diff" => (arguments, None, top.diff),
        "response.shell_call_command" => {
            ((item, PartKind::Command, top.command_index.0), None, top.command)
        }
        _ => return None,
    })
}

fn channel_of(
    (item, _, number): PartKey,
    channel: Option<Channel>,
    voice: &mut Voice<'_>,
) -> Option<Channel> {
    // an item can run several commands, each a tool call of its own
    channel.or_else(|| voice.tool_of_item(0, item, number))
}

fn final_on_tool(item: u64, kind: PartKind, number: u64, text: &str, voice: &mut Voice<'_>) {
    if text.is_empty() {
        return;
    }
    if let Some(channel) = voice.tool_of_item(0, item, number) {
        voice.part_final((item, kind, number), channel, text);
    }
}

/// The part's text, and what it is.
fn part_text<'p>(part: &'p ContentPart<'_>) -> Option<(PartKind, Channel, &'p str)> {
    let text = part.text.as_str();
    Some(match part.kind.as_str() {
        "output_text" | "text" => (PartKind::Text, Channel::Content, text),
        "reasoning_text" => (PartKind::Reasoning, Channel::Reasoning, text),
        "summary_text" => (PartKind::Summary, Channel::Reasoning, text),
        "refusal" => (PartKind::Refusal, Channel::Refusal, part.refusal.as_str()),
        "audio" | "output_audio" => (PartKind::Text, Channel::Content, part.transcript.as_str()),
        _ => return None,
    })
}

fn part_repeats(item: u64, number: u64, part: &ContentPart<'_>, voice: &mut Voice<'_>) {
    if let Some((kind, channel, text)) = part_text(part) {
        voice.part_final((item, kind, number), channel, text);
    }
}

impl OutputItem<'_> {
    /// Whether all that the item says was said before.
    fn was_said(&self, voice: &Voice<'_>) -> bool {
        let texts = [
            self.arguments.0.as_deref(),
            self.input.0.as_deref(),
            self.code.0.as_deref(),
            self.operation.as_ref().map(|operation| operation.diff.as_str()),
            self.asks(),
        ];
        let mut texts = texts.into_iter().flatten().filter(|text| !text.is_empty());
        let said = |kind: PartKind, text: &str| text.is_empty() || voice.has_said(kind, text);
        let parts = |content: &Content<'_>| match content {
            Content::None => true,
            Content::Text(text) => said(self.plain().0, text),
            Content::Parts(parts) => {
                parts.iter().filter_map(part_text).all(|(kind, _, text)| said(kind, text))
            }
        };
        texts.all(|text| voice.has_said(PartKind::Arguments, text))
            && parts(&self.content)
            && parts(&self.summary)
            && self.commands.iter().all(|text| said(PartKind::Command, text.as_str()))
    }

    /// What the model asks a computer, a shell or a search to do, as JSON.
    fn asks(&self) -> Option<&str> {
        let action = self.action.filter(|_| self.kind.as_str() != "shell_call");
        action.or(self.queries).map(RawValue::get)
    }

    /// What content is that has no parts.
    fn plain(&self) -> (PartKind, Channel) {
        match self.kind.as_str() {
            "reasoning" => (PartKind::Reasoning, Channel::Reasoning),
            _ => (PartKind::Text, Channel::Content),
        }
    }

    fn read_commands(&mut self) -> serde_json::Result<()> {
        if self.kind.as_str() == "shell_call" {
            let action: Action<'_> = parse_or_default(self.action)?;
            self.commands = action.commands.0;
        }
        Ok(())
    }

    fn repeats(&self, item: u64, voice: &mut Voice<'_>) {
        for content in [&self.content, &self.summary] {
            match content {
                Content::None => {}
                Content::Text(text) => {
                    let (kind, channel) = self.plain();
                    voice.part_final((item, kind, 0), channel, text);
                }
                Content::Parts(parts) => {
                    for (number, part) in (0u64..).zip(parts) {
                        part_repeats(item, number, part, voice);
                    }
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
        for (number, command) in (0u64..).zip(&self.commands) {
            final_on_tool(item, PartKind::Command, number, command.as_str(), voice);
        }
        if let Some(json) = self.asks() {
            final_on_tool(item, PartKind::Arguments, 0, json, voice);
        }
    }
}

impl Response<'_> {
    /// The response is over; its items are repeated, where they are given.
    fn end(&self, voice: &mut Voice<'_>) {
        // the list can lack items, so that the places of the others have changed
        for (place, item) in (0u64..).zip(&self.output.0) {
            if !item.was_said(voice) {
                item.repeats(place, voice);
            }
        }
        if let Some(error) = self.error {
            voice.provider_error(&error_message(error));
        } else if self.status.as_str() == "failed" {
            voice.provider_error("the response failed");
        }
        voice.finish(0, self.status.as_str());
        voice.done();
    }
}
