//! Callers that get everything wrong: each call fails with its documented status, says
//! why, and changes nothing.
#![allow(unsafe_code, reason = "what calls give out is read by pointer")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::Value;
use tidegate_capi::kernel::*;
use tidegate_capi::tg_status::{self, *};
use tidegate_capi::*;

const STATUS: u32 = 0xff;

/// Each claim is held until the facts were asked.
const FACTS_POLICY: &str =
    "version = 1\n[[halt]]\nname = \"facts\"\nscore = { from = \"facts\", hold = true }\n";
/// Each claim is held until the host has scored it.
const HOST_POLICY: &str = "version = 1\n[[halt]]\nname = \"claims\"\nscore = { from = \"host\", at = \"claim\", hold = true }\n";
const FACTS: &str = "The last ferry sails at 21:30.\n";

fn policy(text: &str) -> u32 {
    let policy = tg_policy_new(text.as_ptr(), text.len(), 0);
    assert_ne!(policy, 0, "{}", last_error());
    policy
}

fn facts() -> u32 {
    let facts = tg_facts_new();
    assert_eq!(add(facts, FACTS.as_bytes(), 0), TG_OK as u32, "{}", last_error());
    facts
}

fn add(facts: u32, data: &[u8], format: u32) -> u32 {
    tg_facts_add(facts, b"ferry".as_ptr(), 5, data.as_ptr(), data.len(), format)
}

fn gate(policy_text: &str, flags: u32) -> u32 {
    let (policy, facts) = (policy(policy_text), facts());
    let gate = tg_gate_new(policy, facts, flags);
    assert_ne!(gate, 0, "{}", last_error());
    assert_eq!((tg_drop(policy), tg_drop(facts)), (0, 0));
    gate
}

fn push(gate: u32, text: &str) -> u32 {
    tg_gate_push(gate, 0, 0, text.as_ptr(), text.len())
}

fn read(bytes: tg_bytes) -> Vec<u8> {
    if bytes.len == 0 {
        return Vec::new();
    }
    // SAFETY: what a call gave out stays until the next one on its object
    unsafe { std::slice::from_raw_parts(bytes.data, bytes.len) }.to_vec()
}

/// What a call writes, with its status.
fn written<T>(call: impl FnOnce(*mut T) -> u32) -> Result<T, u32> {
    let mut out = MaybeUninit::uninit();
    match call(out.as_mut_ptr()) & STATUS {
        // SAFETY: calls that succeed write
        0 => Ok(unsafe { out.assume_init() }),
        status => Err(status),
    }
}

fn text(call: impl FnOnce(*mut tg_bytes) -> u32) -> String {
    let bytes = written(call).unwrap_or_else(|status| panic!("{status}: {}", last_error()));
    String::from_utf8(read(bytes)).unwrap()
}

fn last_error() -> Value {
    let error = text(|out| tg_error(out));
    if error.is_empty() { Value::Null } else { serde_json::from_str(&error).unwrap() }
}

fn released(gate: u32) -> String {
    // SAFETY: the gate lives, and nobody else calls it
    let step = unsafe { &*tg_gate_step(gate) };
    if step.releases_len == 0 {
        return String::new();
    }
    // SAFETY: as above
    let releases = unsafe { std::slice::from_raw_parts(step.releases, step.releases_len as usize) };
    releases.iter().map(|it| String::from_utf8(read(it.text)).unwrap()).collect()
}

/// The name of a status in `tg_error`.
fn name(status: tg_status) -> String {
    format!("{status:?}").strip_prefix("TG_").unwrap().to_lowercase()
}

/// The call gave this status, and `tg_error` names it and says why.
#[track_caller]
fn fails(got: u32, expected: tg_status) -> String {
    let error = last_error();
    assert_eq!(got, expected as u32, "{error}");
    assert_eq!(error["code"], *name(expected), "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.len() > 10, "{error}");
    message.to_string()
}

/// Leaves another failure behind than that which is looked for.
fn forget() {
    let failed = tg_gate_resolve_found(0, 0, 0.5, 9);
    assert_eq!(failed, TG_BAD_ARGUMENT as u32);
}

/// A call that makes an object failed so.
#[track_caller]
fn makes_none(handle: u32, expected: tg_status) -> String {
    assert_eq!(handle, 0);
    fails(expected as u32, expected)
}

/// Every call on an object that gives a status: its name, what kind it wants, and itself.
type OnObject = (&'static str, &'static str, fn(u32) -> u32);
const ON_OBJECTS: &[OnObject] = &[
    ("tg_policy_notices", "policy", |it| tg_policy_notices(it, room())),
    ("tg_policy_json", "policy", |it| tg_policy_json(it, room())),
    ("tg_policy_save", "policy", |it| tg_policy_save(it, room())),
    ("tg_facts_add", "facts", |it| add(it, b"One.", 0)),
    ("tg_facts_save", "facts", |it| tg_facts_save(it, room())),
    ("tg_gate_push", "gate", |it| push(it, "One.")),
    ("tg_gate_push_tokens", "gate", |it| tg_gate_push_tokens(it, 0, 0, null(), 0, null(), 0)),
    ("tg_gate_push_token", "gate", |it| tg_gate_push_token(it, 0, 0, 1, 0.9)),
    ("tg_gate_push_token_error", "gate", |it| tg_gate_push_token_error(it, 0, 0, 1, 0)),
    ("tg_gate_push_bytes", "gate", |it| tg_gate_push_bytes(it, b"x".as_ptr(), 1)),
    ("tg_gate_fault", "gate", |it| tg_gate_fault(it, b"x".as_ptr(), 1, null(), 0)),
    ("tg_gate_finish", "gate", |it| tg_gate_finish(it, TG_ALL_CHOICES)),
    ("tg_gate_request", "gate", |it| tg_gate_request(it, room())),
    ("tg_gate_resolve", "gate", |it| tg_gate_resolve(it, 0, 0.5)),
    ("tg_gate_resolve_found", "gate", |it| tg_gate_resolve_found(it, 0, 0.5, 1)),
    ("tg_gate_resolve_error", "gate", |it| tg_gate_resolve_error(it, 0, 0, null(), 0)),
    ("tg_gate_events", "gate", |it| tg_gate_events(it, room())),
    ("tg_gate_verdict", "gate", |it| tg_gate_verdict(it, 0, room())),
    ("tg_gate_trace", "gate", |it| tg_gate_trace(it, room())),
];

/// A place to write to, which nobody reads.
fn room<T>() -> *mut T {
    Box::leak(Box::new(MaybeUninit::<T>::uninit())).as_mut_ptr()
}

#[test]
fn handles_that_stand_for_nothing_or_for_something_else() {
    let (policy, facts, gate) = (policy(HOST_POLICY), facts(), gate(HOST_POLICY, TG_RECORD));
    let gone: Vec<u32> = (0..3).map(|_| tg_facts_new()).collect();
    for handle in &gone {
        assert_eq!(tg_drop(*handle), TG_OK as u32);
    }
    let nothing = [0, u32::MAX, 0xf_ffff, 1 << 20, 0x8000_0001].into_iter().chain(gone);
    for handle in nothing {
        for (name, _, call) in ON_OBJECTS {
            forget();
            let why = fails(call(handle), TG_BAD_HANDLE);
            assert!(why.contains(&format!("{handle} stands for nothing")), "{name}: {why}");
        }
        forget();
        fails(tg_drop(handle), TG_BAD_HANDLE);
        forget();
        makes_none(tg_gate_new(handle, 0, 0), TG_BAD_HANDLE);
        // 0 stands for no facts
        if handle != 0 {
            forget();
            makes_none(tg_gate_new(policy, handle, 0), TG_BAD_HANDLE);
        }
        let gives_nothing: [(&str, bool); 3] = [
            ("tg_facts_len", tg_facts_len(handle) == 0),
            ("tg_gate_held", tg_gate_held(handle, 0, 0) == 0),
            ("tg_gate_step", tg_gate_step(handle).is_null()),
        ];
        assert!(gives_nothing.iter().all(|(_, is_nothing)| *is_nothing), "{gives_nothing:?}");
        fails(TG_BAD_HANDLE as u32, TG_BAD_HANDLE);
    }
    for (kind, handle) in [("policy", policy), ("facts", facts), ("gate", gate)] {
        for (name, wants, call) in ON_OBJECTS.iter().filter(|(_, wants, _)| *wants != kind) {
            forget();
            let why = fails(call(handle), TG_BAD_HANDLE);
            assert!(why.contains(wants), "{name}: {why}");
        }
    }
    for other in [facts, gate] {
        makes_none(tg_gate_new(other, 0, 0), TG_BAD_HANDLE);
    }
    for other in [policy, gate] {
        makes_none(tg_gate_new(policy, other, 0), TG_BAD_HANDLE);
        assert_eq!(tg_facts_len(other), 0);
    }
    assert!(tg_gate_step(policy).is_null() && tg_gate_held(facts, 0, 0) == 0);
    // all that changed nothing
    assert_eq!(tg_facts_len(facts), 1);
    assert_eq!(text(|out| tg_gate_events(gate, out)), "[]");
    for handle in [policy, facts, gate] {
        assert_eq!(tg_drop(handle), TG_OK as u32);
    }
}

#[test]
fn pointers_and_lengths() {
    let (facts, gate) = (facts(), gate(HOST_POLICY, TG_RECORD));
    let policy = policy(HOST_POLICY);
    let bytes = [0u8; 64];
    // takes bytes: null, beyond the last address, too long
    type Takes = (&'static str, Box<dyn Fn(*const u8, usize) -> u32>);
    let status_of = |handle: u32| if handle == 0 { u32::MAX } else { TG_OK as u32 };
    let takes: Vec<Takes> = vec![
        ("tg_policy_new", Box::new(move |data, len| status_of(tg_policy_new(data, len, 0)))),
        ("tg_policy_load", Box::new(move |data, len| status_of(tg_policy_load(data, len)))),
        ("tg_facts_load", Box::new(move |data, len| status_of(tg_facts_load(data, len)))),
        (
            "tg_facts_add, source",
            Box::new(move |data, len| tg_facts_add(facts, data, len, null(), 0, 0)),
        ),
        (
            "tg_facts_add, data",
            Box::new(move |data, len| tg_facts_add(facts, null(), 0, data, len, 0)),
        ),
        ("tg_gate_push", Box::new(move |data, len| tg_gate_push(gate, 0, 0, data, len))),
        (
            "tg_gate_push_tokens",
            Box::new(move |data, len| tg_gate_push_tokens(gate, 0, 0, data, len, null(), 0)),
        ),
        ("tg_gate_push_bytes", Box::new(move |data, len| tg_gate_push_bytes(gate, data, len))),
        (
            "tg_gate_fault, code",
            Box::new(move |data, len| tg_gate_fault(gate, data, len, null(), 0)),
        ),
        (
            "tg_gate_fault, detail",
            Box::new(move |data, len| tg_gate_fault(gate, null(), 0, data, len)),
        ),
        (
            "tg_gate_resolve_error",
            Box::new(move |data, len| tg_gate_resolve_error(gate, 0, 1, data, len)),
        ),
        ("tg_replay", Box::new(|data, len| tg_replay(data, len, room()))),
    ];
    for (name, call) in &takes {
        let expect = |data, len, expected: tg_status| {
            forget();
            let status = match call(data, len) {
                u32::MAX => expected as u32,
                status => status,
            };
            let why = fails(status, expected);
            assert!(!why.is_empty(), "{name}");
        };
        expect(null(), 1, TG_BAD_POINTER);
        expect((usize::MAX - 1) as *const u8, 3, TG_BAD_POINTER);
        expect(isize::MAX as *const u8, 1, TG_BAD_POINTER);
        for len in [TG_BYTES_MAX + 1, 1 << 31, (1 << 31) + 1, 1 << 32, usize::MAX] {
            expect(bytes.as_ptr(), len, TG_BAD_LENGTH);
            expect(null(), len, TG_BAD_LENGTH);
        }
    }
    // texts, which bytes are not
    let not_text = [&[0xff][..], b"caf\xc3", b"\xed\xa0\x80", b"ok\xf8\x88\x80\x80\x80"];
    let of_bytes = ["tg_policy_load", "tg_facts_load", "tg_facts_add, data", "tg_gate_push_bytes"];
    let is_text = |name: &str| !of_bytes.contains(&name);
    for (name, call) in takes.iter().filter(|(name, _)| is_text(name)) {
        for text in not_text {
            forget();
            let status = match call(text.as_ptr(), text.len()) {
                u32::MAX => TG_BAD_TEXT as u32,
                status => status,
            };
            assert!(fails(status, TG_BAD_TEXT).contains("not UTF-8"), "{name}");
            assert_eq!(
                last_error()["offset"],
                std::str::from_utf8(text).unwrap_err().valid_up_to()
            );
        }
    }
    fails(tg_facts_add(facts, null(), 0, [0xff].as_ptr(), 1, 0), TG_BAD_FACTS);

    // writes: null, not aligned, beyond the last address
    push(gate, "One. Two. ");
    type Writes<T> = (&'static str, Box<dyn Fn(*mut T) -> u32>);
    let writes: Vec<Writes<tg_bytes>> = vec![
        ("tg_policy_notices", Box::new(move |out| tg_policy_notices(policy, out))),
        ("tg_policy_json", Box::new(move |out| tg_policy_json(policy, out))),
        ("tg_policy_save", Box::new(move |out| tg_policy_save(policy, out))),
        ("tg_facts_save", Box::new(move |out| tg_facts_save(facts, out))),
        ("tg_gate_request", Box::new(move |out| tg_gate_request(gate, out.cast()))),
        ("tg_gate_events", Box::new(move |out| tg_gate_events(gate, out))),
        ("tg_gate_verdict", Box::new(move |out| tg_gate_verdict(gate, 0, out))),
        ("tg_gate_trace", Box::new(move |out| tg_gate_trace(gate, out))),
        ("tg_replay", Box::new(|out| tg_replay(null(), 0, out))),
    ];
    let mut here = [0u64; 32];
    let address = here.as_mut_ptr() as usize;
    let end = isize::MAX as usize & !7;
    for (name, call) in &writes {
        for bad in [0, address + 1, address + 4, 8 * 3 + 2, end, usize::MAX & !7] {
            forget();
            let why = fails(call(bad as *mut tg_bytes), TG_BAD_POINTER);
            assert!(why.starts_with("a pointer is"), "{name}: {why}");
        }
    }
    forget();
    let before = last_error();
    for bad in [0, address + 1, end] {
        assert_eq!(tg_error(bad as *mut tg_bytes), TG_BAD_POINTER as u32);
    }
    assert_eq!(last_error(), before, "a failed `tg_error` leaves the error as it is");
    // nothing that could not be written was lost
    let first = written(|out| tg_gate_request(gate, out)).unwrap();
    assert_eq!((first.id, read(first.text)), (0, b"One.".to_vec()));
    let trace = text(|out| tg_gate_trace(gate, out));
    assert!(trace.starts_with("{\"record\":\"head\"") || trace.lines().count() > 1, "{trace}");
    assert_eq!(text(|out| tg_replay(trace.as_ptr(), trace.len(), out)), "[]");

    // tokens
    let token = tg_token { bytes: 4, logprob: -0.1, entropy: f64::NAN };
    let tokens = [token; 2];
    let push_tokens = |tokens: *const tg_token, len| {
        tg_gate_push_tokens(gate, 0, 0, b"One.".as_ptr(), 4, tokens, len)
    };
    fails(push_tokens(null(), 1), TG_BAD_POINTER);
    fails(push_tokens(tokens.as_ptr().wrapping_byte_add(1), 1), TG_BAD_POINTER);
    fails(push_tokens(end as *const tg_token, 1), TG_BAD_POINTER);
    for len in [TG_BYTES_MAX / size_of::<tg_token>() + 1, 1 << 31, usize::MAX] {
        fails(push_tokens(tokens.as_ptr(), len), TG_BAD_LENGTH);
    }
    fails(push_tokens(tokens.as_ptr(), 2), TG_BAD_ARGUMENT);
    let endless = [tg_token { bytes: u64::MAX, ..token }, tg_token { bytes: 5, ..token }];
    fails(push_tokens(endless.as_ptr(), 2), TG_BAD_ARGUMENT);
    assert_eq!(push_tokens(tokens.as_ptr(), 1) & STATUS, TG_OK as u32);
    for handle in [policy, facts, gate] {
        assert_eq!(tg_drop(handle), TG_OK as u32);
    }
}

#[test]
fn memory_is_taken_back_once() {
    for len in [0, TG_BYTES_MAX + 1, 1 << 31, usize::MAX] {
        forget();
        assert!(tg_alloc(len).is_null(), "{len}");
        fails(TG_BAD_LENGTH as u32, TG_BAD_LENGTH);
    }
    let data = tg_alloc(3);
    assert!(!data.is_null() && (data as usize).is_multiple_of(16));
    let mut on_stack = 0u8;
    let others = [
        null_mut(),
        data.wrapping_add(1),
        data.wrapping_sub(16),
        &raw mut on_stack,
        usize::MAX as *mut u8,
    ];
    for other in others {
        forget();
        fails(tg_dealloc(other), TG_BAD_POINTER);
    }
    assert_eq!(tg_dealloc(data), TG_OK as u32);
    forget();
    fails(tg_dealloc(data), TG_BAD_POINTER);
}

#[test]
fn numbers_that_name_nothing() {
    for format in [3, 4, 255, u32::MAX] {
        forget();
        makes_none(tg_policy_new(HOST_POLICY.as_ptr(), HOST_POLICY.len(), format), TG_BAD_ARGUMENT);
    }
    let facts = facts();
    for format in [4, 255, u32::MAX] {
        forget();
        fails(add(facts, b"One.", format), TG_BAD_ARGUMENT);
    }
    let (policy, gate) = (policy(HOST_POLICY), gate(HOST_POLICY, 0));
    for flags in [2, 3, 1 << 31, u32::MAX] {
        forget();
        makes_none(tg_gate_new(policy, 0, flags), TG_BAD_ARGUMENT);
    }
    push(gate, "One. And");
    for number in [4, 255, u32::MAX] {
        forget();
        fails(tg_gate_resolve_found(gate, 0, 0.9, number), TG_BAD_ARGUMENT);
    }
    for number in [3, 255, u32::MAX] {
        fails(tg_gate_resolve_error(gate, 0, number, null(), 0), TG_BAD_ARGUMENT);
        fails(tg_gate_push_token_error(gate, 0, 0, 1, number), TG_BAD_ARGUMENT);
    }
    for id in [1, u32::MAX] {
        forget();
        fails(tg_gate_resolve(gate, id, 0.9), TG_UNKNOWN_REQUEST);
    }
    let request = written(|out| tg_gate_request(gate, out)).unwrap();
    assert_eq!(tg_gate_request(gate, room()), TG_NONE as u32);
    assert_eq!(tg_gate_resolve(gate, request.id, 0.9) & STATUS, TG_OK as u32);
    assert_eq!(released(gate), "One.");
    assert_eq!(tg_gate_resolve(gate, request.id, 0.1), TG_OK as u32, "a second answer is none");
    assert_eq!((released(gate).as_str(), tg_gate_held(gate, 0, 0)), ("", 4));
    fails(tg_gate_trace(gate, room()), TG_BAD_ARGUMENT);
    // no number of a channel or a choice is wrong
    let unchecked = self::policy("version = 1\n");
    let free = tg_gate_new(unchecked, 0, 0);
    for (choice, channel) in [(u32::MAX - 1, u32::MAX), (0, 3), (7, u32::MAX - 1)] {
        let outcome = tg_gate_push(free, choice, channel, b"x".as_ptr(), 1);
        assert_eq!(outcome, TG_RELEASED);
        // SAFETY: the gate lives, and the call released
        let release = unsafe { &*(*tg_gate_step(free)).releases };
        assert_eq!((release.choice, release.channel), (choice, channel));
    }
    for handle in [policy, facts, gate, unchecked, free] {
        assert_eq!(tg_drop(handle), TG_OK as u32);
    }
}

/// Where several choices wait for scores, an answer tells of its own.
#[test]
fn an_answer_says_whether_its_choice_is_halted() {
    let gate = gate(HOST_POLICY, 0);
    for choice in 0..2 {
        let text = "It opens at 9. ";
        tg_gate_push(gate, choice, 0, text.as_ptr(), text.len());
        tg_gate_finish(gate, choice);
    }
    let mut of_choices = Vec::new();
    while let Ok(request) = written(|out: *mut tg_request| tg_gate_request(gate, out)) {
        of_choices.push((request.choice, request.id));
    }
    let halted = |choice: u32, score| {
        let (_, id) = *of_choices.iter().find(|(of, _)| *of == choice).unwrap();
        tg_gate_resolve(gate, id, score) & (STATUS | TG_HALTED)
    };
    assert_eq!(of_choices.len(), 2);
    assert_eq!(halted(1, 0.0), TG_HALTED);
    assert_eq!(halted(0, 1.0), TG_OK as u32);
    assert_eq!(tg_drop(gate), TG_OK as u32);
}

#[test]
fn policies_facts_and_traces_that_cannot_be_used() {
    let try_policy = |text: &str| tg_policy_new(text.as_ptr(), text.len(), 0);
    for text in ["", "version = 2\n", "version = 1\nnonsense = 3\n", "[[[", "\0"] {
        forget();
        assert_eq!(try_policy(text), 0, "{text}");
        makes_none(0, TG_BAD_POLICY);
    }
    makes_none(
        try_policy("version = 1\n\n[[halt]]\nname = \"a\"\nhard_limit = 2\n"),
        TG_BAD_POLICY,
    );
    assert_eq!(last_error()["line"], 5, "{}", last_error());
    let wants_facts = policy(FACTS_POLICY);
    forget();
    assert!(makes_none(tg_gate_new(wants_facts, 0, 0), TG_NOT_READY).contains("facts"));
    let blends = policy(
        "version = 1\n[[halt]]\nname = \"b\"\n\
         score = { from = \"blend\", blend = { weights = { facts = 1.0 } } }\n",
    );
    assert!(makes_none(tg_gate_new(blends, 0, 0), TG_NOT_READY).contains("`b` blends `facts`"));

    let kept = policy(FACTS_POLICY);
    let compiled = read(written(|out| tg_policy_save(kept, out)).unwrap());
    let loaded = tg_policy_load(compiled.as_ptr(), compiled.len());
    assert_eq!(read(written(|out| tg_policy_save(loaded, out)).unwrap()), compiled);
    assert_eq!(text(|out| tg_policy_json(loaded, out)), text(|out| tg_policy_json(kept, out)));
    for cut in 0..compiled.len() {
        makes_none(tg_policy_load(compiled.as_ptr(), cut), TG_BAD_POLICY);
    }

    let store = facts();
    let mut saved = read(written(|out| tg_facts_save(store, out)).unwrap());
    let loaded = tg_facts_load(saved.as_ptr(), saved.len());
    assert_eq!(tg_facts_len(loaded), 1);
    for cut in 0..saved.len() {
        makes_none(tg_facts_load(saved.as_ptr(), cut), TG_BAD_FACTS);
    }
    for at in 0..saved.len() {
        saved[at] ^= 0x55;
        // what can be read after all is facts
        let read = tg_facts_load(saved.as_ptr(), saved.len());
        if read == 0 {
            fails(TG_BAD_FACTS as u32, TG_BAD_FACTS);
        } else {
            assert_eq!(tg_drop(read), TG_OK as u32);
        }
        saved[at] ^= 0x55;
    }
    forget();
    fails(add(store, b"{\"text\": 3}", 3), TG_BAD_FACTS);
    assert_eq!(tg_facts_len(store), 1, "what cannot be read adds nothing");

    let gate = gate(FACTS_POLICY, TG_RECORD);
    let outcome = push(gate, "The last ferry sails at 23:30. More.");
    assert_eq!(outcome & (STATUS | TG_HALTED), TG_HALTED);
    tg_gate_finish(gate, TG_ALL_CHOICES);
    let trace = text(|out| tg_gate_trace(gate, out));
    let replay = |trace: &str| tg_replay(trace.as_ptr(), trace.len(), room());
    assert_eq!(replay(&trace), TG_OK as u32, "{}", last_error());
    for (at, _) in trace.match_indices('\n') {
        // a trace that lost its end is still one, or says that it is not
        let status = replay(&trace[..at]);
        assert!([TG_OK, TG_BAD_TRACE, TG_REPLAY_DIFFERS].map(|it| it as u32).contains(&status));
    }
    fails(replay("what is this"), TG_BAD_TRACE);
    assert_eq!(last_error()["line"], 1);
    let otherwise = trace.replace("hard_limit (", "hard_limit ( ");
    assert_ne!(otherwise, trace);
    forget();
    fails(replay(&otherwise), TG_REPLAY_DIFFERS);
    for handle in [wants_facts, blends, store, loaded, gate] {
        assert_eq!(tg_drop(handle), TG_OK as u32);
    }
}

#[test]
fn a_failed_push_changes_nothing() {
    let gate = gate("version = 1\n", TG_RECORD);
    push(gate, "kept");
    let step = tg_gate_step(gate);
    fails(tg_gate_push(gate, 0, 0, [0xff].as_ptr(), 1), TG_BAD_TEXT);
    assert_eq!((tg_gate_step(gate), released(gate).as_str()), (step, "kept"));
    push(gate, " on");
    assert_eq!((tg_gate_step(gate), released(gate).as_str()), (step, " on"));
    let trace = text(|out| tg_gate_trace(gate, out));
    assert_eq!(tg_replay(trace.as_ptr(), trace.len(), room()), TG_OK as u32);
    tg_drop(gate);
}

/// A place is used again 4096 times and then given up: no old handle comes to life.
#[test]
fn stale_handles_stay_stale() {
    let policy = policy("version = 1\n");
    let handles: Vec<u32> = (0..3 * 4096 + 7)
        .map(|_| {
            let gate = tg_gate_new(policy, 0, 0);
            assert_eq!(push(gate, "x"), TG_RELEASED);
            assert_eq!(tg_drop(gate), TG_OK as u32);
            gate
        })
        .collect();
    let living = tg_gate_new(policy, 0, 0);
    let distinct: std::collections::BTreeSet<u32> = handles.iter().copied().collect();
    assert_eq!(distinct.len(), handles.len());
    for stale in handles {
        fails(push(stale, "x"), TG_BAD_HANDLE);
        fails(tg_drop(stale), TG_BAD_HANDLE);
    }
    assert_eq!(push(living, "x"), TG_RELEASED);
    assert_eq!((tg_drop(living), tg_drop(policy)), (0, 0));
}

#[test]
fn many_gates_at_once() {
    let policy = policy(HOST_POLICY);
    let gates: Vec<u32> = (0..5000).map(|_| tg_gate_new(policy, 0, 0)).collect();
    assert_eq!(tg_drop(policy), TG_OK as u32);
    let claim = |number: usize| format!("The ferry has {number} decks.");
    for (number, gate) in gates.iter().enumerate() {
        assert_eq!(push(*gate, &(claim(number) + " And")), TG_WANTS_SCORES);
    }
    for (number, gate) in gates.iter().enumerate().rev() {
        let request = written(|out| tg_gate_request(*gate, out)).unwrap();
        assert_eq!(read(request.text), claim(number).into_bytes());
        let score = if number % 2 == 0 { 0.9 } else { 0.1 };
        let outcome = tg_gate_resolve(*gate, request.id, score);
        assert_eq!(outcome & TG_HALTED != 0, score < 0.5);
        assert_eq!(released(*gate), if score < 0.5 { String::new() } else { claim(number) });
    }
    for gate in gates {
        assert_eq!(tg_drop(gate), TG_OK as u32);
    }
}

/// Many threads on one gate: each push is taken whole, or refused.
#[test]
fn threads_on_one_gate() {
    let gate = gate(HOST_POLICY, TG_RECORD);
    let (taken, busy) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                // 60 000 bytes at most: fewer than may be held
                for _ in 0..1500 {
                    // held: no claim ends
                    match push(gate, "word ") & STATUS {
                        0 => taken.fetch_add(1, Ordering::Relaxed),
                        status => {
                            fails(status, TG_BUSY);
                            busy.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                    // SAFETY: none is needed: only whether it is null is looked at
                    let held = tg_gate_held(gate, 0, 0);
                    assert!(held.is_multiple_of(5), "{held}");
                }
            });
        }
    });
    let (taken, busy) = (taken.into_inner(), busy.into_inner());
    assert_eq!(taken + busy, 12_000);
    let released = released(gate).len();
    assert_eq!(tg_gate_held(gate, 0, 0) + released, taken * 5, "{busy} were refused");
    let trace = text(|out| tg_gate_trace(gate, out));
    assert_eq!(tg_replay(trace.as_ptr(), trace.len(), room()), TG_OK as u32, "{}", last_error());
    tg_drop(gate);
}

/// Threads with gates of their own, of one policy, one of which drops it meanwhile.
#[test]
fn threads_with_gates_of_their_own() {
    let (policy, facts) = (policy(FACTS_POLICY), facts());
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let made = || match tg_gate_new(policy, facts, TG_RECORD) {
                    0 => {
                        fails(TG_BUSY as u32, TG_BUSY);
                        std::thread::yield_now();
                        None
                    }
                    gate => Some(gate),
                };
                for _ in 0..50 {
                    let gate = std::iter::repeat_with(made).flatten().next().unwrap();
                    push(gate, "The last ferry sails at 21:30. The last fer");
                    assert_eq!(released(gate), "The last ferry sails at 21:30.");
                    let outcome = push(gate, "ry sails at 23:30. More.");
                    assert_eq!(outcome & (STATUS | TG_HALTED | TG_RELEASED), TG_HALTED);
                    let trace = text(|out| tg_gate_trace(gate, out));
                    let halts = text(|out| tg_replay(trace.as_ptr(), trace.len(), out));
                    assert!(halts.contains("contradicted"), "{halts}");
                    assert_eq!(tg_drop(gate), TG_OK as u32);
                }
            });
        }
    });
    assert_eq!((tg_drop(policy), tg_drop(facts)), (0, 0));
}

#[test]
fn a_trace_that_nobody_takes() {
    // a fault is recorded with its detail
    let gate = gate("version = 1\n[stream]\non_fault = \"allow\"\n", TG_RECORD);
    let detail = "x".repeat(1 << 20);
    let mut taken = 0;
    let full = loop {
        let status = tg_gate_fault(gate, b"x".as_ptr(), 1, detail.as_ptr(), detail.len()) & STATUS;
        if status != TG_OK as u32 {
            break status;
        }
        taken += 1;
        assert!(taken < 1000, "a trace is never full");
    };
    fails(full, TG_TRACE_FULL);
    let also: [u32; 4] = [
        tg_gate_push_token(gate, 0, 0, 1, 0.9),
        tg_gate_push_bytes(gate, b"x".as_ptr(), 1),
        tg_gate_finish(gate, 0),
        tg_gate_fault(gate, b"x".as_ptr(), 1, null(), 0),
    ];
    assert_eq!(also, [TG_TRACE_FULL as u32; 4]);
    let mut trace = text(|out| tg_gate_trace(gate, out));
    assert!(trace.len() > TG_TRACE_BYTES_MAX);
    assert_eq!(push(gate, "on") & STATUS, TG_OK as u32, "taken, it goes on");
    assert_eq!(tg_gate_finish(gate, TG_ALL_CHOICES) & STATUS, TG_OK as u32);
    trace += &text(|out| tg_gate_trace(gate, out));
    assert_eq!(tg_replay(trace.as_ptr(), trace.len(), room()), TG_OK as u32, "{}", last_error());
    tg_drop(gate);
}

// one test: the kernel's text is that of all threads
#[test]
fn the_halt_rule_alone() {
    let text = || {
        let text = tg_bytes { data: tg_kernel_text(), len: tg_kernel_text_len() };
        String::from_utf8(read(text)).unwrap()
    };
    for window in [0, 4097, u32::MAX] {
        assert_eq!(tg_kernel_new(0.5, 0.6, window, 0.5, 5, 0.15, 0), 0);
        assert!(text().starts_with("`window_size` is out of range"), "{}", text());
        assert_eq!(tg_kernel_new(0.5, 0.6, 10, 0.5, window, 0.15, 0), 0);
        assert!(text().starts_with("`trend_window` is out of range"), "{}", text());
    }
    for limit in [f64::NAN, f64::INFINITY, -0.1, 1.1] {
        for (at, field) in
            ["hard_limit", "soft_limit", "window_threshold", "trend_threshold"].iter().enumerate()
        {
            let mut limits = [0.5, 0.6, 0.5, 0.15];
            limits[at] = limit;
            let [hard, soft, window, trend] = limits;
            assert_eq!(tg_kernel_new(hard, soft, 10, window, 5, trend, 0), 0);
            assert!(text().starts_with(&format!("`{field}` is out of range")), "{}", text());
        }
    }
    for trend in [2, u32::MAX] {
        assert_eq!(tg_kernel_new(0.5, 0.6, 10, 0.5, 5, 0.15, trend), 0);
        assert!(text().starts_with("`trend` is out of range"), "{}", text());
    }
    let gone: Vec<u32> = (0..3 * 4096)
        .map(|_| {
            let rule = tg_kernel_new(0.5, 0.6, 10, 0.5, 5, 0.15, 0);
            assert_eq!((tg_kernel_push(rule, 0.9), tg_kernel_free(rule)), (0, 1));
            rule
        })
        .collect();
    let living = tg_kernel_new(0.5, 0.6, 10, 0.5, 5, 0.15, 0);
    for rule in gone.into_iter().chain([0, u32::MAX, 0xf_ffff]) {
        assert_eq!(tg_kernel_push(rule, 0.9), TG_KERNEL_NO_RULE);
        assert_eq!((tg_kernel_halt_index(rule), tg_kernel_reason(rule)), (-1.0, 0));
        assert!(tg_kernel_value(rule).is_nan() && tg_kernel_free(rule) == 0);
    }
    // many threads on one rule: each score is taken
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                for _ in 0..5000 {
                    assert_eq!(tg_kernel_push(living, 0.9), 0);
                }
            });
        }
    });
    assert_eq!(tg_kernel_push(living, f64::NAN), 2 | 1 << 8);
    assert_eq!(tg_kernel_halt_index(living), 40_000.0);
    assert_eq!(tg_kernel_free(living), 1);
}

/// Text rules, facts and the host at once, over two channels.
const ALL_POLICY: &str = r#"
version = 1
[[text]]
name = "keys"
regex = 'sk-[a-z0-9]{8}'
action = "mask"
[[text]]
name = "promise"
literals = ["we guarantee"]
action = "halt"
[[halt]]
name = "facts"
channels = ["content"]
score = { from = "facts", hold = true, on_unsupported = "allow" }
[[halt]]
name = "host"
channels = ["content", "reasoning"]
score = { from = "host", at = "claim", hold = true }
"#;

/// Made so that claims, keys and promises come about, and are cut everywhere.
fn some_text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "The last ferry sails at 21:30",
        "The last ferry sails at 23:30",
        "sk-abcdefgh",
        "sk-",
        "we guarantee",
        "we ",
        "bad",
        "é",
        "\u{1F6A2}",
        "\r\n",
        "\n\n",
        ". ",
        "! ",
        ".",
        "?",
        " ",
        "\"",
        "word",
        "1.5",
        "\0",
        "\u{202e}",
    ]);
    prop::collection::vec(word, 0..20).prop_map(|words| words.concat())
}

/// A host that knows bad claims when it sees them.
fn score_of(claim: &str) -> f64 {
    if claim.contains("bad") { 0.2 } else { 0.9 }
}

/// What left, by channel, and the verdict, when the text comes in these pieces.
fn outcome(policy: u32, facts: u32, pieces: &[(u32, &str)]) -> ([String; 2], String) {
    let gate = tg_gate_new(policy, facts, TG_RECORD);
    assert_ne!(gate, 0, "{}", last_error());
    let mut left = [String::new(), String::new()];
    let mut take = |outcome: u32| {
        assert_eq!(outcome & STATUS, 0, "{}", last_error());
        // SAFETY: the gate lives, and nobody else calls it
        let step = unsafe { &*tg_gate_step(gate) };
        for at in 0..step.releases_len as usize {
            // SAFETY: as above
            let release = unsafe { &*step.releases.add(at) };
            left[release.channel as usize] += std::str::from_utf8(&read(release.text)).unwrap();
        }
    };
    let mut answer = |outcome: u32| {
        take(outcome);
        while let Ok(request) = written(|out| tg_gate_request(gate, out)) {
            let claim = String::from_utf8(read(request.text)).unwrap();
            take(tg_gate_resolve(gate, request.id, score_of(&claim)));
        }
    };
    for (channel, piece) in pieces {
        answer(tg_gate_push(gate, 0, *channel, piece.as_ptr(), piece.len()));
    }
    answer(tg_gate_finish(gate, TG_ALL_CHOICES));
    let verdict = text(|out| tg_gate_verdict(gate, 0, out));
    let trace = text(|out| tg_gate_trace(gate, out));
    let replayed = text(|out| tg_replay(trace.as_ptr(), trace.len(), out));
    assert_eq!(replayed == "[]", verdict == "null", "{replayed} {verdict}");
    assert_eq!(tg_drop(gate), TG_OK as u32);
    (left, verdict)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// P2: what leaves is the same however the text is cut.
    #[test]
    fn cuts_change_nothing(
        texts in prop::collection::vec((0u32..2, some_text()), 1..4),
        cuts in prop::collection::vec(0usize..400, 0..12),
    ) {
        let (policy, facts) = (policy(ALL_POLICY), facts());
        let whole: Vec<(u32, &str)> = texts.iter().map(|(channel, text)| (*channel, text.as_str())).collect();
        let expected = outcome(policy, facts, &whole);
        let mut pieces = Vec::new();
        for (channel, text) in &texts {
            let mut at: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut % (text.len() + 1))).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            pieces.extend(at.windows(2).map(|ends| (*channel, &text[ends[0]..ends[1]])));
        }
        prop_assert_eq!(&outcome(policy, facts, &pieces), &expected);
        let characters: Vec<(u32, &str)> = texts.iter()
            .flat_map(|(channel, text)| text.char_indices().map(|(at, char)| (*channel, &text[at..at + char.len_utf8()])))
            .collect();
        prop_assert_eq!(&outcome(policy, facts, &characters), &expected);
        prop_assert!(!expected.0.concat().contains("sk-abcdefgh"));
        tg_drop(policy);
        tg_drop(facts);
    }

    /// Any calls in any order: a documented status, and never a crash.
    #[test]
    fn calls_in_any_order(calls in prop::collection::vec(
        (0u8..30, 0usize..8, 0u32..6, any::<u32>(), any::<f64>(), prop::collection::vec(any::<u8>(), 0..40), some_text()),
        1..60,
    )) {
        let mut handles = vec![0, u32::MAX, policy(ALL_POLICY), facts(), gate(ALL_POLICY, TG_RECORD),
            gate("version = 1\n[[halt]]\nname = \"a\"\nscore = { from = \"host\", at = \"token\" }\n", 0),
            gate(HOST_POLICY, TG_RECORD)];
        for (kind, at, small, number, float, bytes, text) in &calls {
            let it = handles[at % handles.len()];
            let (data, len) = if number % 4 == 0 { (bytes.as_ptr(), bytes.len()) } else { (text.as_ptr(), text.len()) };
            let token = tg_token { bytes: u64::from(*small), logprob: *float, entropy: *float };
            let all = tg_token { bytes: len as u64 - u64::from(*small).min(len as u64), ..token };
            let first = tg_token { bytes: u64::from(*small).min(len as u64), ..token };
            let tokens = [first, all];
            let given = match kind {
                0 => tg_policy_notices(it, room()),
                1 => tg_policy_json(it, room()),
                2 => tg_facts_add(it, data, len.min(3), data, len, *small),
                3 => tg_facts_save(it, room()),
                4..8 => tg_gate_push(it, *small / 3, *small % 4, data, len),
                8..10 => tg_gate_push_tokens(it, 0, *small % 2, data, len, tokens.as_ptr(), 2),
                10 => tg_gate_push_token(it, 0, 0, *small, float.abs() % 1.0),
                11 => tg_gate_push_token(it, *small, *number, *number, *float),
                12 => tg_gate_push_token_error(it, 0, 0, *small, *small),
                13 | 14 => tg_gate_push_bytes(it, data, len),
                15 => tg_gate_fault(it, data, len, data, len),
                16 => tg_gate_finish(it, if *small == 0 { TG_ALL_CHOICES } else { small - 1 }),
                17..20 => tg_gate_request(it, room()),
                20..22 => tg_gate_resolve(it, *small, 0.9),
                22 => tg_gate_resolve_found(it, *small, *float, *small),
                23 => tg_gate_resolve_error(it, *small, *small, data, len),
                24 => tg_gate_events(it, room()),
                25 => tg_gate_verdict(it, *small, room()),
                26 => tg_gate_trace(it, room()),
                27 => tg_replay(data, len, room()),
                28 => {
                    handles.push(tg_gate_new(it, handles[(at + 1) % handles.len()], *small % 2));
                    TG_OK as u32
                }
                _ => tg_drop(it),
            };
            let status = given & STATUS;
            prop_assert!(status < TG_BROKEN as u32 && given >> 13 == 0, "{kind}: {given:#x} {}", last_error());
            if status > TG_NONE as u32 {
                prop_assert!(!last_error()["message"].as_str().unwrap().is_empty());
            }
        }
        for handle in handles {
            tg_drop(handle);
        }
    }
}
