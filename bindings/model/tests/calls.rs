//! The calls of the C ABI, with a small model and with what is none.
#![allow(unsafe_code, reason = "bytes that the library gives are read")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../../../crates/model/tests/tiny_model/mod.rs"]
mod tiny_model;

use std::ptr::null;

use serde_json::Value;
use tidegate_model_capi::*;
use tiny_model::Tiny;

fn out() -> tg_bytes {
    tg_bytes { data: null(), len: 0 }
}

fn read(bytes: tg_bytes) -> Vec<u8> {
    // SAFETY: the library says that so many bytes are there
    unsafe { std::slice::from_raw_parts(bytes.data, bytes.len) }.to_vec()
}

/// The code and message of the last failure.
#[track_caller]
fn failure() -> (String, String) {
    let mut bytes = out();
    assert_eq!(tg_error(&mut bytes), 0);
    let error: Value = serde_json::from_slice(&read(bytes)).unwrap();
    let text = |name: &str| error[name].as_str().unwrap().to_string();
    (text("code"), text("message"))
}

fn load(config: &[u8], tokenizer: &[u8], weights: &[u8]) -> u32 {
    tg_model_load(
        config.as_ptr(),
        config.len(),
        tokenizer.as_ptr(),
        tokenizer.len(),
        weights.as_ptr(),
        weights.len(),
    )
}

fn tiny() -> u32 {
    let tiny = Tiny::new("bert");
    let (config, tokenizer) = (tiny.config.to_string(), tiny.tokenizer.to_string());
    load(config.as_bytes(), tokenizer.as_bytes(), &tiny.weights())
}

const FACTS: &str = "the cat sat on the mat.\nthe dog ran home.";
const CLAIM: &str = "the cat sat";

#[test]
fn vectors_and_scores() {
    let model = tiny();
    assert_ne!(model, 0, "{:?}", failure());
    let mut bytes = out();
    assert_eq!(tg_model_embed(model, CLAIM.as_ptr(), CLAIM.len(), &mut bytes), 0);
    let vector: Vec<f32> =
        read(bytes).as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let length: f32 = vector.iter().map(|x| x * x).sum();
    assert!((length - 1.0).abs() < 1e-5, "{vector:?}");

    let scorer = tg_model_scorer(model, FACTS.as_ptr(), FACTS.len(), 0);
    let saved = tidegate_ground::Facts::from_text(FACTS).unwrap().to_bytes();
    let same = tg_model_scorer(model, saved.as_ptr(), saved.len(), 4);
    assert_eq!(tg_model_drop(model), 0, "scorers keep what they need");
    let scored = [scorer, same].map(|scorer| {
        assert_eq!(tg_model_score(scorer, CLAIM.as_ptr(), CLAIM.len(), &mut bytes), 0);
        serde_json::from_slice::<Value>(&read(bytes)).unwrap()
    });
    assert_eq!(scored[0], scored[1]);
    let score = scored[0]["score"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&score), "{scored:?}");
    assert_eq!(scored[0]["evidence"]["text"], "the cat sat on the mat.");
    assert_eq!(scored[0]["evidence"]["passage"], 0);
    for scorer in [scorer, same] {
        assert_eq!(tg_model_drop(scorer), 0);
        assert_eq!(tg_model_drop(scorer), TG_BAD_HANDLE);
    }
}

const TG_BAD_HANDLE: u32 = tg_status::TG_BAD_HANDLE as u32;

#[test]
fn what_is_wrong_has_a_name() {
    let model = tiny();
    let mut bytes = out();
    for (config, tokenizer, weights, message) in [
        ("", "{}", "", "`config.json` cannot be read"),
        ("{}", "{}", "GGUF", "`model_type` in `config.json`"),
    ] {
        assert_eq!(load(config.as_bytes(), tokenizer.as_bytes(), weights.as_bytes()), 0);
        let (code, said) = failure();
        assert_eq!(code, "bad_model");
        assert!(said.contains(message), "{said}");
    }
    let tiny = Tiny::new("bert");
    let (config, tokenizer) = (tiny.config.to_string(), tiny.tokenizer.to_string());
    assert_eq!(load(config.as_bytes(), tokenizer.as_bytes(), b"<html>"), 0);
    assert!(failure().1.contains("the weights are a web page"), "{:?}", failure());
    assert_eq!(load(config.as_bytes(), b"{}", &tiny.weights()), 0);
    assert!(failure().1.contains("tokenizer.json"), "{:?}", failure());

    assert_eq!(tg_model_scorer(model, FACTS.as_ptr(), FACTS.len(), 5), 0);
    assert_eq!(failure().0, "bad_argument");
    assert_eq!(tg_model_scorer(model, FACTS.as_ptr(), FACTS.len(), 4), 0);
    assert_eq!(failure().0, "bad_facts");
    assert_eq!(tg_model_scorer(model + 1, FACTS.as_ptr(), FACTS.len(), 0), 0);
    assert_eq!(failure().0, "bad_handle");
    assert_eq!(tg_model_score(model, CLAIM.as_ptr(), CLAIM.len(), &mut bytes), TG_BAD_HANDLE);
    assert_eq!(failure(), ("bad_handle".into(), "the handle is not of a scorer".into()));
    let scorer = tg_model_scorer(model, FACTS.as_ptr(), FACTS.len(), 0);
    assert_eq!(tg_model_embed(scorer, CLAIM.as_ptr(), CLAIM.len(), &mut bytes), TG_BAD_HANDLE);
    let bad_text = tg_status::TG_BAD_TEXT as u32;
    assert_eq!(tg_model_embed(model, [0xff].as_ptr(), 1, &mut bytes), bad_text);
    let bad_pointer = tg_status::TG_BAD_POINTER as u32;
    assert_eq!(tg_model_embed(model, null(), 1, &mut bytes), bad_pointer);
    assert_eq!(tg_model_embed(model, CLAIM.as_ptr(), 1, std::ptr::null_mut()), bad_pointer);
    for handle in [model, scorer] {
        assert_eq!(tg_model_drop(handle), 0);
    }
}
