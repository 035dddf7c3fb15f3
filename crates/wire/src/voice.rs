//! What a decoder remembers of a stream, and how it speaks.

use tidegate_kernel::Channel;

use crate::fault::{Fault, FaultCode, quote};
use crate::item::{Delta, Final, Item, TokenLogprob};
use crate::limits::Limits;

/// Parts of one stream whose text is remembered by length and hash; 40 bytes
/// each.
const PARTS_MAX: usize = 4096;

/// What is remembered from one event to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) choices: Vec<ChoiceMemory>,
    /// Counts [`Item::Start`]s, so that the tools of two generations differ.
    pub(crate) generation: u32,
    /// Whether any text came.
    pub(crate) spoke: bool,
    pub(crate) parts: Vec<Part>,
    /// What a block or step is, by its number: Anthropic, Google Interactions.
    pub(crate) blocks: Vec<(u64, Block)>,
    /// The chat completion's `id`.
    pub(crate) id: Vec<u8>,
    /// Google's function calls that come in pieces.
    pub(crate) open_calls: Vec<OpenCall>,
    /// How many calls Google made.
    pub(crate) calls: u64,
}

#[derive(Debug)]
pub(crate) struct ChoiceMemory {
    pub(crate) choice: u32,
    pub(crate) finished: bool,
    /// The keys of its tool calls; a tool's number is its place here.
    tools: Vec<(u32, u64, u64)>,
}

/// A function call of Google's whose next piece may come.
#[derive(Debug)]
pub(crate) struct OpenCall {
    pub(crate) choice: u32,
    pub(crate) key: u64,
    /// The path of the argument that came last.
    pub(crate) path: String,
}

/// What a block or step carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Content,
    Reasoning,
    Tool,
    /// Not the model's own words.
    Other,
}

/// A part of a response that is streamed and then repeated.
#[derive(Debug)]
pub(crate) struct Part {
    key: PartKey,
    bytes: usize,
    hash: u64,
}

/// Which part: the item, what of the item, and which of several.
pub(crate) type PartKey = (u64, PartKind, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartKind {
    Text,
    Refusal,
    Reasoning,
    Summary,
    Arguments,
    Command,
}

/// Speaks for one event.
pub(crate) struct Voice<'v> {
    pub(crate) memory: &'v mut Memory,
    pub(crate) limits: &'v Limits,
    pub(crate) sink: &'v mut dyn FnMut(Item<'_>),
    event: u64,
    offset: u64,
    /// Faults that each further entry of the event would repeat.
    told: Vec<FaultCode>,
}

impl<'v> Voice<'v> {
    pub(crate) fn new(
        memory: &'v mut Memory,
        limits: &'v Limits,
        sink: &'v mut dyn FnMut(Item<'_>),
        event: u64,
        offset: u64,
    ) -> Voice<'v> {
        Voice { memory, limits, sink, event, offset, told: Vec::new() }
    }
}

impl Voice<'_> {
    fn fault_once(&mut self, code: FaultCode, detail: impl Into<String>) {
        if !self.told.contains(&code) {
            self.told.push(code);
            self.fault(code, detail);
        }
    }

    pub(crate) fn fault(&mut self, code: FaultCode, detail: impl Into<String>) {
        let (event, offset, detail) = (self.event, self.offset, detail.into());
        (self.sink)(Item::Fault(Fault { code, event, offset, detail }));
    }

    /// The provider reports an error of its own.
    pub(crate) fn provider_error(&mut self, message: &str) {
        self.fault(FaultCode::ProviderError, quote(message));
    }

    pub(crate) fn done(&mut self) {
        (self.sink)(Item::Done);
    }

    /// A new generation begins, if there was an earlier one.
    pub(crate) fn start(&mut self) {
        if self.memory.spoke || self.memory.choices.iter().any(|choice| choice.finished) {
            self.memory.generation += 1;
            self.memory.parts.clear();
            for choice in &mut self.memory.choices {
                choice.finished = false;
            }
            (self.sink)(Item::Start);
        }
        self.memory.blocks.clear();
    }

    fn choice(&mut self, choice: u32) -> Option<&mut ChoiceMemory> {
        let known = self.memory.choices.iter().position(|known| known.choice == choice);
        let place = match known {
            Some(place) => place,
            None if self.memory.choices.len() >= self.limits.choices_max as usize => {
                let detail =
                    format!("choice {choice} is one more than {}", self.limits.choices_max);
                self.fault_once(FaultCode::TooManyChoices, detail);
                return None;
            }
            None => {
                let tools = Vec::new();
                self.memory.choices.push(ChoiceMemory { choice, finished: false, tools });
                self.memory.choices.len() - 1
            }
        };
        self.memory.choices.get_mut(place)
    }

    /// The channel of a tool call, by a number that is its own within the
    /// generation.
    pub(crate) fn tool(&mut self, choice: u32, key: u64) -> Option<Channel> {
        self.tool_of_item(choice, key, 0)
    }

    /// The same for one of several calls of an item.
    pub(crate) fn tool_of_item(&mut self, choice: u32, item: u64, number: u64) -> Option<Channel> {
        let key = (self.memory.generation, item, number);
        let tools_max = self.limits.tools_max;
        let tools = &mut self.choice(choice)?.tools;
        if let Some(number) = tools.iter().position(|known| *known == key) {
            return Some(Channel::Tool(number as u32));
        }
        if tools.len() >= tools_max as usize {
            let detail = format!("one more than {tools_max} of choice {choice}");
            self.fault_once(FaultCode::TooManyTools, detail);
            return None;
        }
        tools.push(key);
        Some(Channel::Tool(tools.len() as u32 - 1))
    }

    pub(crate) fn delta(&mut self, choice: u32, channel: Channel, text: &str) {
        self.delta_with(choice, channel, text, &[]);
    }

    pub(crate) fn delta_with(
        &mut self,
        choice: u32,
        channel: Channel,
        text: &str,
        logprobs: &[TokenLogprob],
    ) {
        if text.is_empty() {
            return;
        }
        let Some(memory) = self.choice(choice) else { return };
        if memory.finished {
            let detail = format!("text on {channel} of choice {choice}");
            return self.fault_once(FaultCode::DeltaAfterFinish, detail);
        }
        self.memory.spoke = true;
        (self.sink)(Item::Delta(Delta { choice, channel, text, logprobs }));
    }

    pub(crate) fn delta_on_tool(&mut self, choice: u32, key: u64, text: &str) {
        if let Some(channel) = self.tool(choice, key) {
            self.delta(choice, channel, text);
        }
    }

    pub(crate) fn finish(&mut self, choice: u32, reason: &str) {
        if let Some(memory) = self.choice(choice) {
            memory.finished = true;
            (self.sink)(Item::Finish { choice, reason });
        }
    }

    /// A provider that says with every event how a choice would be finished.
    pub(crate) fn may_finish(&mut self, choice: u32, reason: &str) {
        (self.sink)(Item::Finish { choice, reason });
    }

    pub(crate) fn is_finished(&self, choice: u32) -> bool {
        self.memory.choices.iter().any(|known| known.choice == choice && known.finished)
    }

    /// Text of a part that will be repeated.
    pub(crate) fn part_delta(
        &mut self,
        key: PartKey,
        channel: Channel,
        text: &str,
        logprobs: &[TokenLogprob],
    ) {
        if let Some(part) = self.part(key) {
            part.hash = hash(part.hash, text);
            part.bytes += text.len();
            self.delta_with(0, channel, text, logprobs);
        }
    }

    /// The whole text of a part. What of it was not streamed is spoken now.
    pub(crate) fn part_final(&mut self, key: PartKey, channel: Channel, text: &str) {
        let Some(part) = self.part(key) else { return };
        let (bytes, streamed) = (part.bytes, part.hash);
        match text.split_at_checked(bytes) {
            Some((head, rest)) if hash(HASH_START, head) == streamed => {
                part.hash = hash(part.hash, rest);
                part.bytes = text.len();
                if rest.is_empty() {
                    if !text.is_empty() {
                        (self.sink)(Item::Final(Final { choice: 0, channel, text }));
                    }
                } else {
                    self.delta(0, channel, rest);
                }
            }
            _ => {
                let detail = format!(
                    "the final text of {} bytes is not the streamed one of {bytes} bytes",
                    text.len()
                );
                self.fault(FaultCode::FinalMismatch, detail);
            }
        }
    }

    /// Whether some part of this kind had this text, wherever it stood.
    pub(crate) fn has_said(&self, kind: PartKind, text: &str) -> bool {
        let hash = hash(HASH_START, text);
        let same =
            |part: &Part| part.key.1 == kind && part.bytes == text.len() && part.hash == hash;
        self.memory.parts.iter().any(same)
    }

    fn part(&mut self, key: PartKey) -> Option<&mut Part> {
        let place = match self.memory.parts.iter().rposition(|part| part.key == key) {
            Some(place) => place,
            None if self.memory.parts.len() >= PARTS_MAX => {
                let detail = format!("one more than {PARTS_MAX} parts of a response");
                self.fault_once(FaultCode::TooManyTools, detail);
                return None;
            }
            None => {
                self.memory.parts.push(Part { key, bytes: 0, hash: HASH_START });
                self.memory.parts.len() - 1
            }
        };
        self.memory.parts.get_mut(place)
    }
}

const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a. It tells an honest provider's slip; it is no defence against one
/// that means to deceive, whose final text is not released in any case.
fn hash(start: u64, text: &str) -> u64 {
    text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
