//! The gate behind a C ABI.
//!
//! Native hosts link the static or shared library and include `tidegate.h`; hosts
//! of WebAssembly load `tidegate.wasm`, which imports nothing, and call the same
//! functions.
//!
//! | to | call |
//! | --- | --- |
//! | know what this build can do | [`tg_abi_version`], [`tg_version`], [`tg_capabilities`] |
//! | lay down bytes for a call, in WebAssembly | [`tg_alloc`], [`tg_dealloc`] |
//! | make a policy ready, once | [`tg_policy_new`], [`tg_policy_notices`], [`tg_policy_json`] |
//! | keep a policy that was made ready | [`tg_policy_save`], [`tg_policy_load`] |
//! | read facts | [`tg_facts_new`], [`tg_facts_add`], [`tg_facts_save`], [`tg_facts_load`] |
//! | gate a response | [`tg_gate_new`], [`tg_gate_push`], [`tg_gate_finish`] |
//! | gate a provider's bytes | [`tg_gate_push_bytes`] |
//! | give scores | [`tg_gate_push_token`], [`tg_gate_request`], [`tg_gate_resolve`] |
//! | take what may leave | [`tg_gate_step`] |
//! | know what was decided and why | [`tg_gate_events`], [`tg_gate_verdict`] |
//! | keep a trace and decide it again | [`tg_gate_trace`], [`tg_replay`] |
//! | let an object go | [`tg_drop`] |
//! | know why a call failed | [`tg_error`] |
//! | the halt rule alone | `tg_kernel_new` and its kin, of `tidegate-kernel-capi` |
//!
//! # Handles
//!
//! Policies, facts and gates are numbers. A number whose object was let go stands
//! for nothing, for good: a call on it fails with `TG_BAD_HANDLE`. At most 1 048 575
//! live at once. A gate keeps what it needs of its policy and facts; they may go
//! before it.
//!
//! # What calls give
//!
//! The lowest eight bits of what a call gives are a [`tg_status`]; the others, of
//! calls on gates, say what came of it: `TG_HALTED`, `TG_RELEASED`, `TG_DECIDED`,
//! `TG_WANTS_SCORES`, `TG_WARNED`. Calls that make an object give its handle, 0 if
//! they fail. Text that a call gives out is this library's, in UTF-8 without an end
//! mark, and stays until the next call on the same object.
//!
//! # What it is safe against
//!
//! Handles, lengths, UTF-8 and numbers are looked at before they are used, and
//! pointers as far as one can: null, alignment, and in WebAssembly the end of the
//! memory. Natively, that a pointer points at what it should is the caller's word.
//! Calls may come from any thread; two at once on one object fail with `TG_BUSY`. A
//! panic would be a bug: natively it is caught, and its object is broken; in
//! WebAssembly it is a trap, and every later call fails with `TG_BROKEN` and says
//! what happened.
//!
//! # What it does not do
//!
//! It runs no sentence models and keeps no deadlines: claims for `embed`, `nli` and
//! `host` are handed out with theirs, and whoever drives the gate answers. Of a blend
//! it scores facts and logprobs itself; each other part is a request of its own.
#![allow(unsafe_code, reason = "symbols of a C ABI have fixed names")]
#![allow(non_camel_case_types, reason = "names in C are written so")]

mod blend;
mod gate;
mod object;
mod stream;

use std::ffi::c_char;
use std::sync::Arc;

use serde_json::Value;
use tidegate::{Answer, Checks, TokenLogprob};
use tidegate_ground::{Facts, FactsFormat, FactsLimits};
use tidegate_score::{Evidence, ScoreError, Scored};

pub use gate::{
    TG_DECIDED, TG_HALTED, TG_RELEASED, TG_TRACE_BYTES_MAX, TG_WANTS_SCORES, TG_WARNED, tg_release,
    tg_request, tg_step, tg_token,
};
pub use tidegate_abi::{TG_BYTES_MAX, tg_alloc, tg_bytes, tg_dealloc, tg_error, tg_status};
pub use tidegate_kernel_capi as kernel;

use gate::{Gate, channel_of, finding_of};
use object::{FactsBox, OBJECTS, Object, Policy};
use tidegate_abi::tg_status::*;
use tidegate_abi::{Failure, NONE, OK, call, call_for_handle, memory};

/// The version of the functions and structures here. Another one is another ABI.
pub const TG_ABI_VERSION: u32 = 1;

/// [`tg_capabilities`]: built with SIMD.
pub const TG_CAN_SIMD: u32 = 1;
/// Reads policies in TOML, YAML and JSON.
pub const TG_CAN_POLICIES: u32 = 2;
/// Reads providers' streams: [`tg_gate_push_bytes`].
pub const TG_CAN_WIRE: u32 = 4;
/// Runs text rules.
pub const TG_CAN_TEXT: u32 = 8;
/// Scores claims by facts.
pub const TG_CAN_FACTS: u32 = 16;
/// Reads facts from Markdown, CSV and JSON Lines.
pub const TG_CAN_FORMATS: u32 = 32;

/// [`tg_gate_new`]: keep records for [`tg_gate_trace`].
pub const TG_RECORD: u32 = 1;
/// [`tg_gate_finish`]: every choice.
pub const TG_ALL_CHOICES: u32 = u32::MAX;

/// `TG_ABI_VERSION` of the library.
#[unsafe(no_mangle)]
pub extern "C" fn tg_abi_version() -> u32 {
    TG_ABI_VERSION
}

/// The version of the library, as a text that ends with a zero.
#[unsafe(no_mangle)]
pub extern "C" fn tg_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// What this build can do: bits `TG_CAN_…`.
#[unsafe(no_mangle)]
pub extern "C" fn tg_capabilities() -> u32 {
    let can = |has, bit| if has { bit } else { 0 };
    can(cfg!(target_feature = "simd128"), TG_CAN_SIMD)
        | can(cfg!(feature = "policies"), TG_CAN_POLICIES)
        | can(cfg!(feature = "wire"), TG_CAN_WIRE)
        | TG_CAN_TEXT
        | TG_CAN_FACTS
        | can(cfg!(feature = "formats"), TG_CAN_FORMATS)
}

/// Makes a policy ready. `format` is 0 for TOML, 1 for YAML, 2 for JSON. The handle of
/// the policy, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn tg_policy_new(text: *const u8, len: usize, format: u32) -> u32 {
    call_for_handle(|| OBJECTS.keep(Object::Policy(policy(memory::text(text, len)?, format)?)))
}

#[cfg(feature = "policies")]
fn policy(text: &str, format: u32) -> Result<Policy, Failure> {
    let format = match format {
        0 => tidegate::Format::Toml,
        1 => tidegate::Format::Yaml,
        2 => tidegate::Format::Json,
        _ => {
            let message = format_args!("a format of policies is {format}: 0 TOML, 1 YAML, 2 JSON");
            return Err(Failure::new(TG_BAD_ARGUMENT, message));
        }
    };
    let (checks, notices) = Checks::parse_with_notices(text, format).map_err(|error| {
        let mut failure = Failure::new(TG_BAD_POLICY, error.message());
        if let Some(help) = error.help() {
            failure = failure.with("help", help);
        }
        if let Some((line, column)) = error.line_column() {
            failure = failure.with("line", line).with("column", column);
        }
        failure
    })?;
    let notices = notices.iter().map(ToString::to_string).collect();
    Ok(Policy { checks, notices, out: Vec::new() })
}

#[cfg(not(feature = "policies"))]
fn policy(_: &str, _: u32) -> Result<Policy, Failure> {
    let message = "this build reads no policies as people write them";
    let help = "make the policy ready with `tidegate compile` or another build, and load it";
    Err(Failure::new(TG_LACKS, message).with("help", help))
}

/// A policy that [`tg_policy_save`] or `tidegate compile` made ready. It is ready at once.
/// The handle, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn tg_policy_load(data: *const u8, len: usize) -> u32 {
    call_for_handle(|| {
        let checks = Checks::from_bytes(memory::bytes(data, len)?);
        let checks = checks.map_err(|error| Failure::new(TG_BAD_POLICY, error))?;
        OBJECTS.keep(Object::Policy(Policy { checks, notices: Vec::new(), out: Vec::new() }))
    })
}

/// The policy made ready, as bytes for [`tg_policy_load`].
#[unsafe(no_mangle)]
pub extern "C" fn tg_policy_save(policy: u32, out: *mut tg_bytes) -> u32 {
    call(|| {
        OBJECTS.with(policy, |object| {
            let policy = object.policy()?;
            policy.out = policy.checks.to_bytes();
            memory::write(out, tg_bytes::of(&policy.out)).map(|()| OK)
        })
    })
}

/// What a reader of the policy should know though it is no error: a list of texts in
/// JSON.
#[unsafe(no_mangle)]
pub extern "C" fn tg_policy_notices(policy: u32, out: *mut tg_bytes) -> u32 {
    call(|| {
        OBJECTS.with(policy, |object| {
            let policy = object.policy()?;
            policy.out = Value::from(policy.notices.clone()).to_string().into_bytes();
            memory::write(out, tg_bytes::of(&policy.out)).map(|()| OK)
        })
    })
}

/// The policy with its defaults filled in, as JSON.
#[unsafe(no_mangle)]
pub extern "C" fn tg_policy_json(policy: u32, out: *mut tg_bytes) -> u32 {
    call(|| {
        OBJECTS.with(policy, |object| {
            let policy = object.policy()?;
            policy.out = policy.checks.policy_json().as_bytes().to_vec();
            memory::write(out, tg_bytes::of(&policy.out)).map(|()| OK)
        })
    })
}

/// No facts yet: the handle of a store for [`tg_facts_add`], or 0.
#[unsafe(no_mangle)]
pub extern "C" fn tg_facts_new() -> u32 {
    call_for_handle(|| OBJECTS.keep(Object::Facts(FactsBox::default())))
}

/// Facts that [`tg_facts_save`] or `tidegate facts` wrote. The handle, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn tg_facts_load(data: *const u8, len: usize) -> u32 {
    call_for_handle(|| {
        let bytes = memory::bytes(data, len)?;
        let facts = Facts::from_bytes_within(bytes, FactsLimits::default());
        let facts = facts.map_err(|error| Failure::new(TG_BAD_FACTS, error))?;
        OBJECTS.keep(Object::Facts(FactsBox { facts: Arc::new(facts), out: Vec::new() }))
    })
}

/// Adds facts under the name of their source. `format` is 0 for text, 1 for
/// Markdown, 2 for CSV, 3 for JSON Lines.
#[unsafe(no_mangle)]
pub extern "C" fn tg_facts_add(
    facts: u32,
    source: *const u8,
    source_len: usize,
    data: *const u8,
    len: usize,
    format: u32,
) -> u32 {
    call(|| {
        let format = match format {
            0 => FactsFormat::Text,
            1..=3 if !cfg!(feature = "formats") => {
                let message = "this build reads plain text and saved facts only";
                let help = "save the facts with `tidegate facts` or another build, and load them";
                return Err(Failure::new(TG_LACKS, message).with("help", help));
            }
            1 => FactsFormat::Markdown,
            2 => FactsFormat::Csv,
            3 => FactsFormat::JsonLines,
            _ => {
                let message = format_args!("a format of facts is {format}: from 0 to 3");
                return Err(Failure::new(TG_BAD_ARGUMENT, message));
            }
        };
        let (source, bytes) = (memory::text(source, source_len)?, memory::bytes(data, len)?);
        OBJECTS.with(facts, |object| {
            // gates made before keep the facts that they were given
            let mut more = Facts::clone(&object.facts()?.facts);
            more.read(format, source, bytes).map_err(|error| Failure::new(TG_BAD_FACTS, error))?;
            object.facts()?.facts = Arc::new(more);
            Ok(OK)
        })
    })
}

/// How many passages there are; 0 for a handle that stands for no facts.
#[unsafe(no_mangle)]
pub extern "C" fn tg_facts_len(facts: u32) -> usize {
    let mut len = 0;
    call(|| {
        OBJECTS.with(facts, |object| {
            len = object.facts()?.facts.len();
            Ok(OK)
        })
    });
    len
}

/// The facts as bytes, for [`tg_facts_load`].
#[unsafe(no_mangle)]
pub extern "C" fn tg_facts_save(facts: u32, out: *mut tg_bytes) -> u32 {
    call(|| {
        OBJECTS.with(facts, |object| {
            let facts = object.facts()?;
            facts.out = facts.facts.to_bytes();
            memory::write(out, tg_bytes::of(&facts.out)).map(|()| OK)
        })
    })
}

/// A gate for one response under a policy. `facts` is their handle, or 0 for none;
/// `flags` are `TG_RECORD` or 0. The handle, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_new(policy: u32, facts: u32, flags: u32) -> u32 {
    call_for_handle(|| {
        if flags & !TG_RECORD != 0 {
            let message = format_args!("flags are {flags}: 0 or `TG_RECORD`");
            return Err(Failure::new(TG_BAD_ARGUMENT, message));
        }
        let checks = OBJECTS.with(policy, |object| Ok(object.policy()?.checks.clone()))?;
        let facts = match facts {
            0 => None,
            facts => Some(OBJECTS.with(facts, |object| Ok(object.facts()?.facts.clone()))?),
        };
        let gate = Gate::new(&checks, facts.as_ref(), flags & TG_RECORD != 0)?;
        OBJECTS.keep(Object::Gate(Box::new(gate)))
    })
}

/// Takes the next piece of a channel's text: 0 content, 1 reasoning, 2 refusal, 3 + i
/// the tool i. What came of it, and whether the choice is halted.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_push(
    gate: u32,
    choice: u32,
    channel: u32,
    text: *const u8,
    len: usize,
) -> u32 {
    call(|| {
        let text = memory::text(text, len)?;
        OBJECTS.with(gate, |object| object.gate()?.push(choice, channel_of(channel), text, &[]))
    })
}

/// [`tg_gate_push`] with the text's tokens and their logprobs. They must be as long
/// as the text.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_push_tokens(
    gate: u32,
    choice: u32,
    channel: u32,
    text: *const u8,
    len: usize,
    tokens: *const tg_token,
    tokens_len: usize,
) -> u32 {
    call(|| {
        let text = memory::text(text, len)?;
        let tokens = memory::list(tokens, tokens_len)?;
        let all = tokens.iter().fold(0u64, |all, token| all.saturating_add(token.bytes));
        if all != text.len() as u64 {
            let message = format_args!("the tokens have {all} bytes, the text {}", text.len());
            return Err(Failure::new(TG_BAD_ARGUMENT, message));
        }
        let token = |token: &tg_token| TokenLogprob {
            bytes: token.bytes as usize,
            logprob: token.logprob,
            entropy: Some(token.entropy).filter(|entropy| !entropy.is_nan()),
        };
        let tokens: Vec<TokenLogprob> = tokens.iter().map(token).collect();
        OBJECTS.with(gate, |object| object.gate()?.push(choice, channel_of(channel), text, &tokens))
    })
}

/// The host's score of the next token, of so many bytes of text that was pushed. No
/// text crosses: what came of it is the number that is given.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_push_token(
    gate: u32,
    choice: u32,
    channel: u32,
    bytes: u32,
    score: f64,
) -> u32 {
    call(|| {
        OBJECTS.with(gate, |object| {
            let (channel, answer) = (channel_of(channel), Answer::from(score));
            object.gate()?.push_token(choice, channel, u64::from(bytes), answer)
        })
    })
}

/// There is no score of the next token: `error` as in [`tg_gate_resolve_error`].
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_push_token_error(
    gate: u32,
    choice: u32,
    channel: u32,
    bytes: u32,
    error: u32,
) -> u32 {
    call(|| {
        let answer = Answer::Error(score_error(error, String::new())?);
        OBJECTS.with(gate, |object| {
            object.gate()?.push_token(choice, channel_of(channel), u64::from(bytes), answer)
        })
    })
}

/// Takes the next bytes of a provider's stream, cut anywhere: Server-Sent Events, JSON
/// Lines or plain text, in any format that the project knows.
#[cfg(feature = "wire")]
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_push_bytes(gate: u32, data: *const u8, len: usize) -> u32 {
    call(|| {
        let bytes = memory::bytes(data, len)?;
        OBJECTS.with(gate, |object| object.gate()?.push_bytes(bytes))
    })
}

/// Something is wrong with the stream itself: `code` names it in a word, `detail` says
/// more.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_fault(
    gate: u32,
    code: *const u8,
    code_len: usize,
    detail: *const u8,
    detail_len: usize,
) -> u32 {
    call(|| {
        let (code, detail) = (memory::text(code, code_len)?, memory::text(detail, detail_len)?);
        OBJECTS.with(gate, |object| object.gate()?.fault(code, detail))
    })
}

/// A choice has ended, or with `TG_ALL_CHOICES` the stream has. When its last claims are
/// scored, all that may ever leave has left.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_finish(gate: u32, choice: u32) -> u32 {
    call(|| {
        let choice = (choice != TG_ALL_CHOICES).then_some(choice);
        OBJECTS.with(gate, |object| object.gate()?.finish(choice))
    })
}

/// Takes the next claim that wants a score; `TG_NONE` if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_request(gate: u32, out: *mut tg_request) -> u32 {
    call(|| {
        memory::writable(out)?;
        OBJECTS.with(gate, |object| match object.gate()?.request()? {
            Some(request) => memory::write(out, request).map(|()| OK),
            None => Ok(NONE),
        })
    })
}

/// Answers a claim with a score from 0 to 1. A second answer changes nothing.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_resolve(gate: u32, id: u32, score: f64) -> u32 {
    tg_gate_resolve_found(gate, id, score, 0)
}

/// Answers a claim with a score and what the facts say to it: 0 nothing, 1 supported, 2
/// unsupported, 3 contradicted.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_resolve_found(gate: u32, id: u32, score: f64, finding: u32) -> u32 {
    call(|| {
        let evidence = finding_of(finding)?.map(|finding| Evidence {
            finding,
            mismatch: None,
            passage: None,
            text: String::new(),
            unmatched: Vec::new(),
        });
        let scored = Scored { score, evidence };
        OBJECTS.with(gate, |object| object.gate()?.resolve(id, Ok(scored)))
    })
}

/// Says that there is no score of a claim: `error` is 0 if there is none to be had, 1 if
/// its scorer failed (`why` says how), 2 if it did not come by its deadline.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_resolve_error(
    gate: u32,
    id: u32,
    error: u32,
    why: *const u8,
    why_len: usize,
) -> u32 {
    call(|| {
        let error = score_error(error, memory::text(why, why_len)?.to_string())?;
        OBJECTS.with(gate, |object| object.gate()?.resolve(id, Err(error)))
    })
}

fn score_error(error: u32, why: String) -> Result<ScoreError, Failure> {
    match error {
        0 => Ok(ScoreError::Missing),
        1 => Ok(ScoreError::Failed(why)),
        2 => Ok(ScoreError::Late),
        _ => {
            let message = format_args!("an error of a score is {error}: from 0 to 2");
            Err(Failure::new(TG_BAD_ARGUMENT, message))
        }
    }
}

/// Where the step of a gate stands; null if there is no such gate. What is there is
/// written anew by each call on the gate that is done, and stays at its address as long
/// as the gate lives. After a call that failed, what is there is old.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_step(gate: u32) -> *const tg_step {
    let mut step = std::ptr::null();
    call(|| {
        OBJECTS.with(gate, |object| {
            step = object.gate()?.step();
            Ok(OK)
        })
    });
    step
}

/// What was decided in the last call, in order: a list in JSON. Its entries have an
/// `event`: `scored`, `passed`, `match`, `shadow`, `allowed` or `halted`.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_events(gate: u32, out: *mut tg_bytes) -> u32 {
    call(|| OBJECTS.with(gate, |object| memory::write(out, object.gate()?.events()).map(|()| OK)))
}

/// What is decided of a choice so far, in JSON: `null`, or why and where it was halted.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_verdict(gate: u32, choice: u32, out: *mut tg_bytes) -> u32 {
    call(|| {
        OBJECTS.with(gate, |object| memory::write(out, object.gate()?.verdict(choice)).map(|()| OK))
    })
}

/// How many bytes of a channel are held back now; 0 for a handle that stands for no gate.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_held(gate: u32, choice: u32, channel: u32) -> usize {
    let mut held = 0;
    call(|| {
        OBJECTS.with(gate, |object| {
            let driver = object.gate()?.stream.driver();
            held = driver.held_bytes(choice, channel_of(channel)) as usize;
            Ok(OK)
        })
    });
    held
}

/// The records since the last call of this function, one JSON object a line.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_trace(gate: u32, out: *mut tg_bytes) -> u32 {
    call(|| {
        memory::writable(out)?;
        OBJECTS.with(gate, |object| memory::write(out, object.gate()?.take_trace()?).map(|()| OK))
    })
}

/// Decides a trace again. Its halts, as a list in JSON, are this thread's until its next
/// replay. `TG_REPLAY_DIFFERS` if something else is decided, and `tg_error` has the line.
#[unsafe(no_mangle)]
pub extern "C" fn tg_replay(trace: *const u8, len: usize, out: *mut tg_bytes) -> u32 {
    thread_local! {
        static HALTS: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
    }
    call(|| {
        memory::writable(out)?;
        let halts = replay(memory::text(trace, len)?)?;
        HALTS.with_borrow_mut(|kept| {
            *kept = halts;
            memory::write(out, tg_bytes::of(kept.as_bytes())).map(|()| OK)
        })
    })
}

#[cfg(feature = "policies")]
fn replay(trace: &str) -> Result<String, Failure> {
    let mut replay = tidegate::Replay::new();
    let failed = |error: tidegate::ReplayError| {
        let status = if error.is_difference() { TG_REPLAY_DIFFERS } else { TG_BAD_TRACE };
        Failure::new(status, &error).with("line", error.line())
    };
    for line in trace.lines() {
        replay.line(line).map_err(failed)?;
    }
    let halts = replay.finish().map_err(failed)?;
    serde_json::to_string(&halts).map_err(|error| Failure::new(TG_BAD_TRACE, error))
}

#[cfg(not(feature = "policies"))]
fn replay(_: &str) -> Result<String, Failure> {
    // a trace has its policy as JSON
    Err(Failure::new(TG_LACKS, "this build reads no policies, and so no traces"))
}

/// Lets a policy, facts or a gate go.
#[unsafe(no_mangle)]
pub extern "C" fn tg_drop(handle: u32) -> u32 {
    call(|| OBJECTS.let_go(handle))
}
