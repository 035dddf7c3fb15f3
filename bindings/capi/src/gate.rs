//! A gate with its scorers, what its last call led to, and its trace.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate::{
    Answer, Cause, Channel, Checks, Event, Request, Source, TokenLogprob, Turn, UnknownRequest,
};
use tidegate_ground::Facts;
use tidegate_score::{FactsScorer, Finding, ScoreError, Scored};

use crate::blend::{Blended, Blends, PARTS};
use crate::stream::{self, Stream};
use tidegate_abi::tg_status::*;
use tidegate_abi::{Failure, evidence_value, tg_bytes};

/// So much of a trace is kept while nobody takes it: 64 MiB.
pub const TG_TRACE_BYTES_MAX: usize = 64 << 20;

/// Set in what a call on a gate gives, beside its status in the lowest eight bits:
/// the choice that was named, or whose claim was answered (0, where there is none), is halted.
pub const TG_HALTED: u32 = 1 << 8;
/// Text was released: see `tg_step`.
pub const TG_RELEASED: u32 = 1 << 9;
/// Something was decided: see `tg_gate_events`.
pub const TG_DECIDED: u32 = 1 << 10;
/// Claims want scores: see `tg_gate_request`.
pub const TG_WANTS_SCORES: u32 = 1 << 11;
/// The last score that was judged passed below its soft limit.
pub const TG_WARNED: u32 = 1 << 12;

/// Text that may leave.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tg_release {
    /// The text, in UTF-8, never empty.
    pub text: tg_bytes,
    /// The part of the channel's text, in bytes, that this is or stands for.
    pub start: u64,
    /// Its end.
    pub end: u64,
    /// The choice.
    pub choice: u32,
    /// The channel: 0 content, 1 reasoning, 2 refusal, 3 + i the tool i.
    pub channel: u32,
    /// 1 if this stands for text that a rule masked.
    pub is_masked: u32,
    /// 0.
    pub reserved: u32,
}

/// What the last call on a gate led to.
#[repr(C)]
#[derive(Debug)]
pub struct tg_step {
    /// The releases, in the order in which they may leave.
    pub releases: *const tg_release,
    /// How many.
    pub releases_len: u32,
    /// How many things were decided.
    pub events_len: u32,
    /// How many claims want scores and were not handed out.
    pub requests_len: u32,
    /// What the call gave.
    pub outcome: u32,
}

/// A claim that wants a score; of a blend, one of its parts. Its texts stay until the next
/// request of its gate is taken.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tg_request {
    /// The claim.
    pub text: tg_bytes,
    /// The check that asks.
    pub check: tg_bytes,
    /// Where the claim stands in the channel's text, in bytes.
    pub start: u64,
    /// Its end.
    pub end: u64,
    /// The number of the claim, from 0.
    pub index: u64,
    /// What to name in `tg_gate_resolve`.
    pub id: u32,
    /// The choice.
    pub choice: u32,
    /// The channel, as in `tg_release`.
    pub channel: u32,
    /// Who is to give the score: 0 host, 1 facts, 2 logprob, 3 embed, 4 nli, 5 blend.
    pub source: u32,
    /// How long the claim may wait for its score, in milliseconds.
    pub deadline_ms: u32,
    /// 0.
    pub reserved: u32,
}

/// A token as the provider cut it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tg_token {
    /// How many bytes of the text it is.
    pub bytes: u64,
    /// The natural logarithm of its probability.
    pub logprob: f64,
    /// The entropy of the choice among all tokens in nats; NaN if not known.
    pub entropy: f64,
}

/// A gate of one response.
pub(crate) struct Gate {
    pub(crate) stream: Stream,
    /// Stays where it is: callers keep its address.
    step: Box<tg_step>,
    noted: Noted,
    releases: Vec<tg_release>,
    requests: VecDeque<Request>,
    /// The request that was handed out last.
    handed: Option<Request>,
    blends: Blends,
    records: bool,
    out: Vec<u8>,
}

// SAFETY of the raw pointers: they are written here and read by callers only
#[allow(unsafe_code, reason = "pointers into this gate's own buffers move with it")]
unsafe impl Send for Gate {}

/// What turns of the driver said.
#[derive(Default)]
struct Noted {
    text: String,
    releases: Vec<Left>,
    events: Vec<Said>,
    warned: bool,
    /// The records that were not taken, one JSON object a line.
    trace: Vec<u8>,
}

/// A release, whose text is a range of all that left.
struct Left {
    text: Range<usize>,
    choice: u32,
    channel: Channel,
    span: Range<u64>,
    is_masked: bool,
}

enum Said {
    Decided(Event),
    Scored { request: Box<Request>, scored: Result<Scored, ScoreError> },
}

impl Noted {
    fn clear(&mut self) {
        self.text.clear();
        self.releases.clear();
        self.events.clear();
        self.warned = false;
    }

    fn turn(&mut self, turn: &Turn<'_>) {
        for release in turn.step.releases() {
            let start = self.text.len();
            self.text.push_str(release.text);
            self.releases.push(Left {
                text: start..self.text.len(),
                choice: release.choice,
                channel: release.channel,
                span: release.span,
                is_masked: release.is_masked,
            });
        }
        if let Cause::Claim { request, scored } = turn.cause {
            let (request, scored) = (Box::new(request.clone()), scored.clone());
            self.events.push(Said::Scored { request, scored });
        }
        for event in turn.step.events() {
            if let Event::Passed(passed) = event {
                self.warned = passed.warn;
            }
            self.events.push(Said::Decided(event.clone()));
        }
        for record in turn.step.records() {
            record.write_line(&mut self.trace);
        }
    }
}

impl Gate {
    pub(crate) fn new(
        checks: &Checks,
        facts: Option<&Arc<Facts>>,
        records: bool,
    ) -> Result<Gate, Failure> {
        let mut driver = checks.driver();
        for source in [Source::Host, Source::Embed, Source::Nli, Source::Blend] {
            driver.defer(source);
        }
        if let Some(facts) = facts {
            driver.set_scorer(Source::Facts, FactsScorer::new(facts.clone()));
        }
        let blends = Blends::new(checks, facts)?;
        driver.ready().map_err(|error| {
            let help = match error.source() {
                Source::Facts => ": give the gate facts",
                _ => "",
            };
            Failure::new(TG_NOT_READY, format_args!("{error}{help}"))
        })?;
        let mut noted = Noted::default();
        if records {
            driver.record();
            checks.write_trace_head(&mut noted.trace);
        }
        let step = tg_step {
            releases: std::ptr::null(),
            releases_len: 0,
            events_len: 0,
            requests_len: 0,
            outcome: 0,
        };
        Ok(Gate {
            stream: stream::of(driver),
            step: Box::new(step),
            noted,
            releases: Vec::new(),
            requests: VecDeque::new(),
            handed: None,
            blends,
            records,
            out: Vec::new(),
        })
    }

    pub(crate) fn push(
        &mut self,
        choice: u32,
        channel: Channel,
        text: &str,
        tokens: &[TokenLogprob],
    ) -> Result<u32, Failure> {
        self.act(choice, |stream, mut on_turn| {
            stream.driver_mut().push(choice, channel, text, tokens, &mut on_turn);
            Ok(())
        })
    }

    pub(crate) fn push_token(
        &mut self,
        choice: u32,
        channel: Channel,
        bytes: u64,
        answer: Answer,
    ) -> Result<u32, Failure> {
        self.act(choice, |stream, mut on_turn| {
            stream.driver_mut().push_token(choice, channel, bytes, answer, &mut on_turn);
            Ok(())
        })
    }

    #[cfg(feature = "wire")]
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> Result<u32, Failure> {
        self.act(0, |stream, mut on_turn| {
            stream.push(bytes, &mut on_turn);
            Ok(())
        })
    }

    pub(crate) fn fault(&mut self, code: &str, detail: &str) -> Result<u32, Failure> {
        self.act(0, |stream, mut on_turn| {
            stream.driver_mut().fault(code, detail, &mut on_turn);
            Ok(())
        })
    }

    pub(crate) fn finish(&mut self, choice: Option<u32>) -> Result<u32, Failure> {
        self.act(choice.unwrap_or(0), |stream, mut on_turn| {
            match choice {
                Some(choice) => stream.driver_mut().finish_choice(choice, &mut on_turn),
                None => stream.finish(&mut on_turn),
            }
            Ok(())
        })
    }

    pub(crate) fn resolve(
        &mut self,
        id: u32,
        scored: Result<Scored, ScoreError>,
    ) -> Result<u32, Failure> {
        let unknown = |error: UnknownRequest| Failure::new(TG_UNKNOWN_REQUEST, error);
        if id < PARTS {
            return self.resolve_claim(u64::from(id), |stream, on_turn| {
                stream.resolve(u64::from(id), scored, on_turn).map_err(unknown)
            });
        }
        if !self.blends.has_asked(id) {
            return Err(Failure::new(
                TG_UNKNOWN_REQUEST,
                format_args!("there was no request `{id}`"),
            ));
        }
        self.has_room_for_trace()?;
        let claim = self.blends.claim_of(id);
        let blended = self.blends.take(id, scored);
        self.resolve_claim(claim.unwrap_or(u64::MAX), |stream, on_turn| match blended {
            Some((claim, scored)) => stream.resolve(claim, scored, on_turn).map_err(unknown),
            // other parts are missing, or nobody waits
            None => Ok(()),
        })
    }

    fn resolve_claim(
        &mut self,
        claim: u64,
        resolve: impl FnOnce(&mut Stream, &mut &mut dyn FnMut(Turn<'_>)) -> Result<(), Failure>,
    ) -> Result<u32, Failure> {
        let choice = self.stream.driver().handed(claim).map_or(0, |claim| claim.choice);
        self.act(choice, |stream, mut on_turn| resolve(stream, &mut on_turn))
    }

    fn has_room_for_trace(&self) -> Result<(), Failure> {
        let bytes = self.noted.trace.len();
        if bytes <= TG_TRACE_BYTES_MAX {
            return Ok(());
        }
        let message = format_args!(
            "the trace has {bytes} bytes: take it, at most {TG_TRACE_BYTES_MAX} are kept"
        );
        Err(Failure::new(TG_TRACE_FULL, message))
    }

    /// Drives the stream and notes what it led to.
    fn act(
        &mut self,
        choice: u32,
        drive: impl FnOnce(&mut Stream, &mut dyn FnMut(Turn<'_>)) -> Result<(), Failure>,
    ) -> Result<u32, Failure> {
        self.has_room_for_trace()?;
        let noted = &mut self.noted;
        noted.clear();
        let driven = drive(&mut self.stream, &mut |turn| noted.turn(&turn));
        // not there once for each way to drive it
        self.settle(choice, driven)
    }

    /// Begins to score what is asked for, and says what the call led to.
    #[inline(never)]
    fn settle(&mut self, choice: u32, driven: Result<(), Failure>) -> Result<u32, Failure> {
        let noted = &mut self.noted;
        let mut on_turn = |turn: Turn<'_>| noted.turn(&turn);
        // of the same type as when it is driven
        let mut on_turn: &mut dyn FnMut(Turn<'_>) = &mut on_turn;
        while let Some(request) = self.stream.next_request() {
            match self.blends.begin(&request) {
                None => self.requests.push_back(request),
                Some(Blended::Asks(parts)) => self.requests.extend(parts),
                Some(Blended::Scored(scored)) => {
                    // the number is the driver's own
                    let _ = self.stream.resolve(request.id, scored, &mut on_turn);
                }
            }
        }
        let driver = self.stream.driver();
        self.blends.forget(|claim| driver.awaits(claim));
        self.requests.retain(|request| match u32::try_from(request.id) {
            Ok(id) if id >= PARTS => self.blends.claim_of(id).is_some(),
            _ => driver.awaits(request.id),
        });
        self.show();
        driven?;
        let is_halted = self.stream.driver().is_halted(choice);
        let bits = [
            (is_halted, TG_HALTED),
            (!self.releases.is_empty(), TG_RELEASED),
            (!self.noted.events.is_empty(), TG_DECIDED),
            (!self.requests.is_empty(), TG_WANTS_SCORES),
            (self.noted.warned, TG_WARNED),
        ];
        let outcome = bits.iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, bit)| all | bit);
        self.step.outcome = outcome;
        Ok(outcome)
    }

    /// Writes down for the caller what was noted.
    fn show(&mut self) {
        let Noted { text, releases, events, .. } = &self.noted;
        let release = |left: &Left| tg_release {
            text: tg_bytes::of(text.get(left.text.clone()).unwrap_or_default().as_bytes()),
            start: left.span.start,
            end: left.span.end,
            choice: left.choice,
            channel: number_of(left.channel),
            is_masked: u32::from(left.is_masked),
            reserved: 0,
        };
        self.releases.clear();
        self.releases.extend(releases.iter().map(release));
        *self.step = tg_step {
            releases: self.releases.as_ptr(),
            releases_len: self.releases.len() as u32,
            events_len: events.len() as u32,
            requests_len: self.requests.len() as u32,
            outcome: 0,
        };
    }

    /// What the last call led to, for as long as the gate lives.
    pub(crate) fn step(&self) -> *const tg_step {
        &raw const *self.step
    }

    /// What was decided in the last call, as a list in JSON.
    pub(crate) fn events(&mut self) -> tg_bytes {
        let events: Vec<Value> = self.noted.events.iter().map(said).collect();
        self.say(&Value::Array(events))
    }

    /// The next claim that wants a score.
    pub(crate) fn request(&mut self) -> Result<Option<tg_request>, Failure> {
        let Some(request) = self.requests.pop_front() else { return Ok(None) };
        let id = u32::try_from(request.id)
            .map_err(|_| Failure::new(TG_NO_ROOM, "a gate asks for at most 2^31 scores"))?;
        self.step.requests_len = self.requests.len() as u32;
        let request = self.handed.insert(request);
        Ok(Some(tg_request {
            text: tg_bytes::of(request.text.as_bytes()),
            check: tg_bytes::of(request.check.as_bytes()),
            start: request.span.start,
            end: request.span.end,
            index: request.index,
            id,
            choice: request.choice,
            channel: number_of(request.channel),
            source: number_of_source(request.source),
            deadline_ms: request.deadline_ms,
            reserved: 0,
        }))
    }

    /// What is decided of a choice, in JSON: `null` or the halt.
    pub(crate) fn verdict(&mut self, choice: u32) -> tg_bytes {
        let verdict = self.stream.driver().verdict(choice);
        let value = verdict.halted().and_then(|halted| serde_json::to_value(halted).ok());
        self.say(&value.unwrap_or_default())
    }

    /// The records since they were last taken.
    pub(crate) fn take_trace(&mut self) -> Result<tg_bytes, Failure> {
        if !self.records {
            return Err(Failure::new(
                TG_BAD_ARGUMENT,
                "this gate keeps no records for a trace: ask for them when it is made",
            ));
        }
        self.out = std::mem::take(&mut self.noted.trace);
        Ok(tg_bytes::of(&self.out))
    }

    fn say(&mut self, value: &Value) -> tg_bytes {
        self.out = value.to_string().into_bytes();
        tg_bytes::of(&self.out)
    }
}

/// The number that stands for a channel.
fn number_of(channel: Channel) -> u32 {
    match channel {
        Channel::Content => 0,
        Channel::Reasoning => 1,
        Channel::Refusal => 2,
        Channel::Tool(tool) => tool.saturating_add(3),
    }
}

/// The channel that a number stands for.
pub(crate) fn channel_of(number: u32) -> Channel {
    match number {
        0 => Channel::Content,
        1 => Channel::Reasoning,
        2 => Channel::Refusal,
        tool => Channel::Tool(tool - 3),
    }
}

fn number_of_source(source: Source) -> u32 {
    match source {
        Source::Host => 0,
        Source::Facts => 1,
        Source::Logprob => 2,
        Source::Embed => 3,
        Source::Nli => 4,
        Source::Blend => 5,
    }
}

/// The finding that a number stands for: 1 supported, 2 unsupported, 3
/// contradicted; 0 for none.
pub(crate) fn finding_of(number: u32) -> Result<Option<Finding>, Failure> {
    match number {
        0 => Ok(None),
        1 => Ok(Some(Finding::Supported)),
        2 => Ok(Some(Finding::Unsupported)),
        3 => Ok(Some(Finding::Contradicted)),
        _ => Err(Failure::new(TG_BAD_ARGUMENT, format_args!("a finding is {number}: from 0 to 3"))),
    }
}

fn said(said: &Said) -> Value {
    match said {
        Said::Scored { request, scored } => scored_value(request, scored),
        Said::Decided(Event::Passed(passed)) => {
            let mut value = json!({
                "event": "passed", "choice": passed.choice, "channel": passed.channel.to_string(),
                "check": &*passed.check, "index": passed.index, "end": passed.end,
                "score": passed.score.to_f64(), "warn": passed.warn,
            });
            if let (Some(object), Some(finding)) = (value.as_object_mut(), passed.finding) {
                object.insert("finding".to_string(), finding.as_str().into());
            }
            value
        }
        Said::Decided(Event::Matched(found)) => {
            let mut value = json!({
                "event": "match", "choice": found.choice, "channel": found.channel.to_string(),
                "check": &*found.check, "action": found.action, "mode": found.mode,
                "start": found.span.start, "end": found.span.end,
            });
            if let (Some(object), Some(rule)) = (value.as_object_mut(), found.rule.as_deref()) {
                object.insert("rule".to_string(), rule.into());
            }
            value
        }
        Said::Decided(Event::Shadow(halted)) => decided("shadow", halted),
        Said::Decided(Event::Allowed(halted)) => decided("allowed", halted),
        Said::Decided(Event::Halted(halted)) => decided("halted", halted),
    }
}

fn decided(event: &str, halted: &tidegate::Halted) -> Value {
    let mut value = serde_json::to_value(halted).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("event".to_string(), event.into());
    }
    value
}

fn scored_value(request: &Request, scored: &Result<Scored, ScoreError>) -> Value {
    let mut value = json!({
        "event": "scored", "choice": request.choice, "channel": request.channel.to_string(),
        "check": &*request.check, "index": request.index,
        "start": request.span.start, "end": request.span.end,
    });
    let Some(object) = value.as_object_mut() else { return value };
    match scored {
        Ok(Scored { score, evidence }) => {
            // what is no number is no JSON
            object.insert("score".to_string(), json!(score));
            object.extend(evidence.iter().map(|it| ("evidence".to_string(), evidence_value(it))));
        }
        Err(error) => {
            object.insert("error".to_string(), error.to_string().into());
        }
    }
    value
}
