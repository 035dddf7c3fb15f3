//! Reads the streams of language model providers: bytes in, in any cut, and out
//! come the pieces of text, each with its channel, beside the untouched events
//! they came in.
//!
//! A gate has to see every character that a model says, and to know whether it
//! is part of the answer, of a thought, of a refusal or of a tool call, without
//! asking whose stream it is. [`Wire`] finds that out by itself, event by
//! event.
//!
//! ```
//! use tidegate_wire::{Framing, Item, Limits, Wire};
//!
//! let stream = "data: {\"choices\":[{\"delta\":{\"reasoning\":\"Hm.\"}}]}\n\n\
//!               data: {\"choices\":[{\"delta\":{\"content\":\"Good \"}}]}\n\n\
//!               data: {\"choices\":[{\"delta\":{\"content\":\"m\u{f6}rning\"}}]}\n\n\
//!               data: [DONE]\n\n";
//!
//! let mut wire = Wire::new(Framing::Auto, Limits::default());
//! let mut said = Vec::new();
//! let mut sink = |item: Item<'_>| match item {
//!     Item::Delta(delta) => said.push(format!("{}: {}", delta.channel, delta.text)),
//!     Item::Fault(fault) => said.push(fault.to_string()),
//!     Item::Done => said.push("done".to_string()),
//!     _ => {}
//! };
//! // the cuts may fall anywhere, inside a character too
//! for piece in stream.as_bytes().chunks(7) {
//!     wire.push(piece, &mut sink);
//! }
//! wire.finish(&mut sink);
//! assert_eq!(said, ["reasoning: Hm.", "content: Good ", "content: m\u{f6}rning", "done"]);
//! ```
//!
//! # Framings
//!
//! A [`Framer`] cuts the bytes into events.
//!
//! | [`Framing`] | an event is | told by [`Framing::Auto`] from |
//! | --- | --- | --- |
//! | `Sse` | lines of fields up to a blank one, as the [HTML standard][sse] has them; empty data is no event | a comment, or `data:`, `event:`, `id:` or `retry:`, at the beginning of a line |
//! | `JsonLines` | a line: an object, or a list of them | `{`, or `[` and `{` |
//! | `Text` | none: all is `content`, in the pieces in which it comes | all else |
//!
//! White space and a byte order mark may stand before what tells the framing; a
//! stream that has not told it within 4096 bytes is plain text. JSON that is
//! spread over several lines is not put together.
//!
//! [sse]: https://html.spec.whatwg.org/multipage/server-sent-events.html
//!
//! # Dialects
//!
//! A [`Decoder`] says what an event's data means. Whose event it is shows in its
//! shape, each time anew.
//!
//! | [`Dialect`] | `content` | `reasoning` | `refusal` | `tool:<i>` |
//! | --- | --- | --- | --- | --- |
//! | `openai_chat` | `content`, as text or parts | `reasoning_content`, `reasoning`, parts that think | `refusal`, also as a part | `tool_calls` by their index, then the old `function_call` |
//! | `openai_completions` | `text` | | | |
//! | `openai_responses`, `openai_realtime` | `output_text`, transcripts of sound | `reasoning_text`, `reasoning_summary_text` | `refusal` | arguments, inputs, code, diffs, actions, each command of a shell call |
//! | `anthropic_messages` | `text` | `thinking` | | `input` and `partial_json` of every `…tool_use` |
//! | `google_generate_content` | `text` | `text` that is a `thought` | | `functionCall`, pieces as lines of `path: value`; `executableCode` |
//! | `google_interactions` | `text`, `content` | the same in a step that is a thought | | `arguments` of steps that are calls |
//! | `amazon_bedrock` | `text` | `reasoningContent` | | `toolUse` |
//! | `cohere` | `text` | `thinking`, `tool_plan` | | `tool_calls` |
//!
//! Tool calls are numbered for each choice in order of appearance, and not anew
//! for a second answer in the same stream. Arguments that come as JSON instead
//! of text are said as they stand. What a tool found is not the model's own
//! word: it passes inside its [`Item::Event`], like all that is not known.
//!
//! # What is promised
//!
//! - The items are the same for every cut of the bytes; of plain text, the
//!   characters and the faults are.
//! - An event that cannot be read says nothing: all of it is read before any of
//!   it is said. That is so for a list of events, too. It is unreadable if it is
//!   no JSON, has a key of the reader's twice, or another type where text should
//!   be; and is then an [`Item::Event`] and a [`Fault`].
//! - Text that a provider streams and then repeats is said once. If what is
//!   repeated is longer, its rest is said; if it is another, that is a fault.
//! - What is kept is bounded by [`Limits`]: at most four times
//!   `event_bytes_max` for the event that is arriving, as both its data and a
//!   line of it may be in a buffer that has just doubled; up to 64 MiB more
//!   while an event with very many small entries is read, of which its lists may
//!   have 65 536 in all; and with the default limits less than a megabyte to
//!   remember what was said.
//! - Nothing panics, whatever the bytes.
//!
//! # What this does not do
//!
//! It knows no policy, and decides nothing: what to do about a [`Fault`] is the
//! gate's affair. It does not write or rewrite events. It does not speak HTTP,
//! inflate, or reconnect. It does not read images, sound, citations, usage or
//! what tools answer.

mod decoder;
mod dialect;
mod fault;
mod field;
mod framer;
mod item;
mod limits;
mod voice;
mod wire;

pub use decoder::Decoder;
pub use fault::{Fault, FaultCode};
pub use framer::{Frame, Framer, Framing};
pub use item::{Delta, Dialect, Event, Final, Item, TokenLogprob};
pub use limits::Limits;
pub use wire::Wire;
