//! Tidegate decides, token by token, what a language model's output may leave.
//!
//! A [`Policy`] says which checks run and what they do. A [`Gate`] takes the
//! text of a stream in any cut and answers with what may leave now; what it
//! must know it asks for. A [`Driver`] answers with the scorers of this
//! project; see there for a running example.
//!
//! # Overview
//!
//! | to | use |
//! | --- | --- |
//! | read a policy from TOML, YAML or JSON | [`Policy::parse`] |
//! | make a policy ready once and use it for many responses | [`Checks`] |
//! | compile a policy to bytes, for where it must be ready at once | [`Checks::to_bytes`], [`Checks::from_bytes`] |
//! | gate a provider's bytes with the scorers of this project | [`StreamDriver`] |
//! | gate text with the scorers of this project | [`Driver`] |
//! | leave scorers that are slow to threads or tasks of your own | [`Driver::defer`] |
//! | gate text under an event loop of your own | [`Gate`] |
//! | read what was decided | [`Step`], [`Event`], [`Verdict`] |
//! | write a trace, and decide it again | [`Gate::record`], [`Record`], [`Replay`] |
//!
//! # What it promises
//!
//! After a halt nothing is released, by any call, on any channel of the choice.
//! What is released in all depends on the text and the scores, never on how the
//! text was cut. What is held back is what waits for a score, and never more
//! than the policy's `hold_bytes_max` and one delta. A score that is missing,
//! late or no number halts, unless the policy says otherwise. The project's
//! `ARCHITECTURE.md` names the test that holds each promise.
//!
//! # What it does not do
//!
//! It opens no file or socket, reads no clock and spawns nothing. The providers'
//! formats are the business of the `tidegate-wire` crate.

mod checks;
mod compiled;
pub mod document;
mod driver;
mod gate;
mod ledger;
mod policy;
mod stream;
mod text;
mod tokens;
mod trace;
mod verdict;
mod words;

pub use checks::Checks;
pub use compiled::CompiledPolicyError;
pub use document::Format;
pub use driver::{Cause, Driver, NoScorer, Turn};
pub use gate::{Event, Gate, Passed, Release, Request, Step, TextMatch, UnknownRequest};
pub use policy::{
    BlendInput, BlendPolicy, BlendWeights, Calibration, ChannelKind, ChecksumKind, EmbedModel,
    HaltCheck, Limits, MeasureKind, Mode, ModelLabel, Models, NliModel, Notice, OnError, OnFinding,
    OnOverflow, POLICY_VERSION, Policy, PolicyError, ScorePolicy, Source, StreamPolicy, TextAction,
    TextCheck, TrendKind, Unit,
};
pub use stream::StreamDriver;
pub use tidegate_kernel::{Channel, InvalidScore, Score};
pub use tidegate_wire::{Framing, TokenLogprob};
pub use tokens::ReleasedToken;
pub use trace::{
    ClaimRecord, FoundRecord, Record, Replay, ReplayError, TRACE_VERSION, TextHaltRecord,
    TextRecord,
};
pub use verdict::{Halted, Verdict};
pub use words::Answer;
