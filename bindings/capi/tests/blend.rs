//! Blends: the host is asked for the parts that are not scored here, and what it says is blended
//! as everywhere.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]
#![allow(unsafe_code, reason = "reads what the C ABI gives")]

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate_capi::*;
use tidegate_ground::Facts;
use tidegate_score::{Blend, BlendScorer, Claim, FactsScorer, HostScores, Scorer};

const POLICY: &str = "version = 1\n[models.embed]\npath = \"m\"\n[[halt]]\nname = \"b\"\n\
    score = { from = \"blend\", hold = true, blend = { bias = -0.2, weights = { facts = 1.1, embed = 0.4, host = 0.3 } } }\n";
const FACTS: &str = "The last ferry sails at 21:30.\n";
const TEXT: &str = "The last ferry sails at 21:30. It is blue. Bring a coat. ";
/// As `tg_request` numbers sources.
const HOST: u32 = 0;
const EMBED: u32 = 3;

fn text_of(bytes: tg_bytes) -> String {
    if bytes.len == 0 {
        return String::new();
    }
    // SAFETY: a call gave it, and nothing was called since
    let bytes = unsafe { std::slice::from_raw_parts(bytes.data, bytes.len) };
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn gate(policy: &str) -> u32 {
    let policy = tg_policy_new(policy.as_ptr(), policy.len(), 0);
    let facts = tg_facts_new();
    let (data, len) = (FACTS.as_ptr(), FACTS.len());
    assert_eq!(tg_facts_add(facts, data, 0, data, len, 0), 0);
    let gate = tg_gate_new(policy, facts, TG_RECORD);
    assert_ne!(gate, 0);
    gate
}

fn push(gate: u32, choice: u32) {
    assert_eq!(tg_gate_push(gate, choice, 0, TEXT.as_ptr(), TEXT.len()) & 0xff, 0);
    assert_eq!(tg_gate_finish(gate, choice) & 0xff, 0);
}

/// A part that is asked for: number, source, choice, claim.
type Part = (u32, u32, u32, u64);

fn parts(gate: u32) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut out = std::mem::MaybeUninit::<tg_request>::uninit();
    while tg_gate_request(gate, out.as_mut_ptr()) == 0 {
        // SAFETY: the call wrote it
        let it = unsafe { out.assume_init() };
        assert!(TEXT[it.start as usize..it.end as usize].contains(&text_of(it.text)));
        parts.push((it.id, it.source, it.choice, it.index));
    }
    parts
}

fn events(gate: u32) -> Vec<Value> {
    let mut out = tg_bytes::of(b"");
    assert_eq!(tg_gate_events(gate, &raw mut out), 0);
    serde_json::from_str(&text_of(out)).unwrap()
}

/// What the host says of a part.
fn score(source: u32, claim: u64) -> f64 {
    let of_claim = [0.9, 0.75, 0.6][claim as usize];
    if source == HOST { of_claim } else { of_claim - 0.05 }
}

/// What all claims come to when they are asked natively.
fn native() -> Vec<f64> {
    let weights = [("facts", 1.1), ("embed", 0.4), ("host", 0.3)];
    let weights: BTreeMap<String, f64> = weights.map(|(name, w)| (name.to_string(), w)).into();
    let mut scorer = BlendScorer::new(Blend { bias: -0.2, weights });
    scorer.set_scorer("facts", Box::new(FactsScorer::new(Facts::from_text(FACTS).unwrap())));
    for (name, source) in [("embed", EMBED), ("host", HOST)] {
        let scores = (0..3).map(|claim| score(source, claim)).collect();
        scorer.set_scorer(name, Box::new(HostScores::new(scores)));
    }
    let claims = ["The last ferry sails at 21:30.", "It is blue.", "Bring a coat."];
    claims.map(|claim| scorer.score(&Claim::new(claim)).unwrap().score).to_vec()
}

#[test]
fn parts_that_come_in_any_order_come_to_the_same() {
    let orders: [fn(&mut Vec<Part>); 4] = [
        |_| (),
        |parts| parts.reverse(),
        |parts| parts.sort_by_key(|(_, source, ..)| *source),
        |parts| parts.sort_by_key(|(id, _, _, claim)| (claim % 2, std::cmp::Reverse(*id))),
    ];
    let mut traces = Vec::new();
    for order in orders {
        let gate = gate(POLICY);
        push(gate, 0);
        let mut asked = parts(gate);
        let sources = |of: u32| asked.iter().filter(|(_, source, ..)| *source == of).count();
        assert_eq!((asked.len(), sources(HOST), sources(EMBED)), (6, 3, 3));
        order(&mut asked);
        let mut scored: BTreeMap<u64, f64> = BTreeMap::new();
        for (id, source, _, claim) in &asked {
            assert_eq!(tg_gate_resolve(gate, *id, score(*source, *claim)) & 0xff, 0);
            for event in events(gate).iter().filter(|event| event["event"] == "scored") {
                let score = event["score"].as_f64().unwrap();
                scored.insert(event["index"].as_u64().unwrap(), score);
            }
            // another answer changes nothing
            assert_eq!(tg_gate_resolve(gate, *id, 0.0) & !TG_WANTS_SCORES, 0);
        }
        assert_eq!(scored.into_values().collect::<Vec<_>>(), native());
        let mut out = tg_bytes::of(b"");
        assert_eq!(tg_gate_trace(gate, &raw mut out), 0);
        let trace = text_of(out);
        let mut halts = tg_bytes::of(b"");
        assert_eq!(tg_replay(trace.as_ptr(), trace.len(), &raw mut halts), 0);
        let mut verdict = tg_bytes::of(b"");
        assert_eq!(tg_gate_verdict(gate, 0, &raw mut verdict), 0);
        traces.push((text_of(halts), text_of(verdict)));
        assert_eq!(tg_gate_resolve(gate, u32::MAX, 0.5), tg_status::TG_UNKNOWN_REQUEST as u32);
        tg_drop(gate);
    }
    traces.dedup();
    assert_eq!(traces.len(), 1, "{traces:?}");
}

#[test]
fn a_part_that_does_not_come_is_named() {
    let check = |answer: &dyn Fn(u32, u32) -> u32, code: &str, reason: &str| {
        let gate = gate(POLICY);
        push(gate, 0);
        let mut halted = Value::Null;
        for (id, source, ..) in parts(gate) {
            let outcome = match source {
                EMBED => answer(gate, id),
                _ => tg_gate_resolve(gate, id, 0.9),
            };
            assert_eq!(outcome & 0xff, 0);
            let of_halt = |event: &&Value| event["event"] == "halted";
            halted = events(gate).iter().find(of_halt).cloned().unwrap_or(halted);
        }
        assert_eq!((&halted["code"], &halted["index"]), (&code.into(), &0.into()), "{halted}");
        assert!(halted["reason"].as_str().unwrap().contains(reason), "{halted}");
        tg_drop(gate);
    };
    let error =
        |number| move |gate, id| tg_gate_resolve_error(gate, id, number, b"gone".as_ptr(), 4);
    check(&error(0), "missing_score", "`embed`");
    check(&error(1), "scorer_error", "`embed`: gone");
    check(&error(2), "late_score", "late_score");
    check(&|gate, id| tg_gate_resolve(gate, id, 1.5), "scorer_error", "`embed` gave `1.5`");
}

#[test]
fn parts_that_nobody_waits_for_are_not_asked_for() {
    let gate = gate(POLICY);
    push(gate, 1);
    push(gate, 0);
    let asked = parts(gate);
    assert_eq!(asked.len(), 12);
    let of = |choice: u32| asked.iter().filter(move |(_, _, of, _)| *of == choice);
    let outcomes: Vec<u32> = of(1).map(|(id, ..)| tg_gate_resolve(gate, *id, 0.0)).collect();
    // the first claim has both its parts: its choice is halted, and the rest is not waited for
    assert_eq!(outcomes[0] & TG_HALTED, 0);
    assert_eq!(outcomes[1] & TG_HALTED, TG_HALTED);
    assert!(outcomes[2..].iter().all(|outcome| outcome & 0xff == 0));
    for (id, source, _, claim) in of(0) {
        let outcome = tg_gate_resolve(gate, *id, score(*source, *claim));
        assert_eq!(outcome & (0xff | TG_HALTED), 0);
    }
    // and what was not handed out yet is taken back
    push(gate, 2);
    let mut out = std::mem::MaybeUninit::<tg_request>::uninit();
    for _ in 0..2 {
        assert_eq!(tg_gate_request(gate, out.as_mut_ptr()), 0);
        // SAFETY: the call wrote it
        tg_gate_resolve(gate, unsafe { out.assume_init() }.id, 0.0);
    }
    assert_eq!(parts(gate), []);
    tg_drop(gate);
}
