//! Sentence models behind a C ABI: a module of WebAssembly of its own,
//! `tidegate-model.wasm`, which imports nothing and which only those load who score
//! by vectors.
//!
//! | to | call |
//! | --- | --- |
//! | know what this build is | [`tg_model_abi_version`], [`tg_model_simd`] |
//! | lay down bytes for a call | [`tg_alloc`], [`tg_dealloc`] |
//! | read a model | [`tg_model_load`] |
//! | turn a text into a vector | [`tg_model_embed`] |
//! | hold claims against facts | [`tg_model_scorer`], [`tg_model_score`] |
//! | let a model or a scorer go | [`tg_model_drop`] |
//! | know why a call failed | [`tg_error`] |
//!
//! Calls give a [`tg_status`]; those that make an object give its handle, 0 if they
//! fail. Handles, pointers, lengths and text are looked at as in `tidegate-capi`, and
//! after a trap every call fails with `TG_BROKEN`. What a call gives out stays until
//! the next call on the same object.
//!
//! # What it does not do
//!
//! It keeps no deadlines and decides nothing: the gate is another module. It runs on
//! the thread that calls it, some 50 ms for a sentence. It runs no cross-encoders.
#![allow(unsafe_code, reason = "symbols of a C ABI have fixed names")]

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod random;

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_abi::tg_status::*;
use tidegate_abi::{Failure, OK, Objects, call, call_for_handle, evidence_value, memory};
use tidegate_ground::{Facts, FactsFormat, FactsLimits};
use tidegate_model::{EmbedScorer, Embedder, ModelError, ModelFiles, ModelLimits};
use tidegate_score::{Claim, ScoreError, Scorer};

pub use tidegate_abi::{TG_BYTES_MAX, tg_alloc, tg_bytes, tg_dealloc, tg_error, tg_status};

/// The version of the functions here. Another one is another ABI.
pub const TG_MODEL_ABI_VERSION: u32 = 1;

static OBJECTS: Objects<Object> = Objects::new();

enum Object {
    Model(Model),
    Scorer(Box<Held>),
}

/// A model, and the vector that was asked for last.
struct Model {
    embedder: Arc<Embedder>,
    vector: Vec<f32>,
}

/// Facts that claims are held against, and what the last claim came to.
struct Held {
    scorer: EmbedScorer,
    out: String,
}

impl Object {
    fn model(&mut self) -> Result<&mut Model, Failure> {
        match self {
            Object::Model(model) => Ok(model),
            Object::Scorer(_) => Err(Failure::new(TG_BAD_HANDLE, "the handle is not of a model")),
        }
    }

    fn scorer(&mut self) -> Result<&mut Held, Failure> {
        match self {
            Object::Scorer(held) => Ok(held),
            Object::Model(_) => Err(Failure::new(TG_BAD_HANDLE, "the handle is not of a scorer")),
        }
    }
}

/// `TG_MODEL_ABI_VERSION` of the library.
#[unsafe(no_mangle)]
pub extern "C" fn tg_model_abi_version() -> u32 {
    TG_MODEL_ABI_VERSION
}

/// 1 if this is built with WebAssembly's SIMD, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn tg_model_simd() -> u32 {
    u32::from(cfg!(target_feature = "simd128"))
}

/// Reads a sentence model from its files `config.json`, `tokenizer.json` and
/// `model.safetensors`, whose bytes may go afterwards. The handle, or 0: then
/// `tg_error` says `bad_model` and which file is wrong in what, or `no_memory`.
#[unsafe(no_mangle)]
pub extern "C" fn tg_model_load(
    config: *const u8,
    config_len: usize,
    tokenizer: *const u8,
    tokenizer_len: usize,
    weights: *const u8,
    weights_len: usize,
) -> u32 {
    call_for_handle(|| {
        let config = memory::bytes(config, config_len)?;
        let tokenizer = memory::bytes(tokenizer, tokenizer_len)?;
        let weights = memory::bytes(weights, weights_len)?;
        // the model's copy: to ask first is to be refused where to take it would trap
        if Vec::<u8>::new().try_reserve_exact(weights.len()).is_err() {
            let message = format_args!("there is no memory for {weights_len} bytes of weights");
            return Err(Failure::new(TG_NO_MEMORY, message));
        }
        let files = ModelFiles { config, tokenizer, weights };
        let embedder = Embedder::load(files, ModelLimits::default()).map_err(bad_model)?;
        OBJECTS.keep(Object::Model(Model { embedder: Arc::new(embedder), vector: Vec::new() }))
    })
}

fn bad_model(error: ModelError) -> Failure {
    Failure::new(TG_BAD_MODEL, error)
}

/// The vector of a text, of length 1: its numbers as 32-bit floats, aligned to 4.
/// Of a text that is longer than the model reads, the beginning counts.
#[unsafe(no_mangle)]
pub extern "C" fn tg_model_embed(
    model: u32,
    text: *const u8,
    len: usize,
    out: *mut tg_bytes,
) -> u32 {
    call(|| {
        let text = memory::text(text, len)?;
        OBJECTS.with(model, |object| {
            let model = object.model()?;
            let embedding = model.embedder.embed(&[text]).map_err(bad_model)?.pop();
            model.vector = embedding.map(|embedding| embedding.sentence).unwrap_or_default();
            let (data, len) = (model.vector.as_ptr(), size_of_val(model.vector.as_slice()));
            memory::write(out, tg_bytes { data: data.cast(), len }).map(|()| OK)
        })
    })
}

/// Makes a scorer that holds claims against facts. `format` is 0 for text, 1 for
/// Markdown, 2 for CSV, 3 for JSON Lines, and 4 for facts that `tg_facts_save` or
/// `tidegate facts` wrote. The handle, or 0. The model may go before it.
#[unsafe(no_mangle)]
pub extern "C" fn tg_model_scorer(
    model: u32,
    facts: *const u8,
    facts_len: usize,
    format: u32,
) -> u32 {
    call_for_handle(|| {
        let facts = read_facts(memory::bytes(facts, facts_len)?, format)?;
        let embedder = OBJECTS.with(model, |object| Ok(object.model()?.embedder.clone()))?;
        let scorer = EmbedScorer::new(Arc::new(facts), embedder);
        OBJECTS.keep(Object::Scorer(Box::new(Held { scorer, out: String::new() })))
    })
}

fn read_facts(bytes: &[u8], format: u32) -> Result<Facts, Failure> {
    let format = match format {
        0 => FactsFormat::Text,
        1 => FactsFormat::Markdown,
        2 => FactsFormat::Csv,
        3 => FactsFormat::JsonLines,
        4 => {
            let facts = Facts::from_bytes_within(bytes, FactsLimits::default());
            return facts.map_err(|error| Failure::new(TG_BAD_FACTS, error));
        }
        _ => {
            let message = format_args!("a format of facts is {format}: from 0 to 4");
            return Err(Failure::new(TG_BAD_ARGUMENT, message));
        }
    };
    let mut facts = Facts::default();
    facts.read(format, "facts", bytes).map_err(|error| Failure::new(TG_BAD_FACTS, error))?;
    Ok(facts)
}

/// Holds a claim against the facts of a scorer: an object in JSON with its `score`
/// from 0 to 1, the `finding` and the `evidence`.
#[unsafe(no_mangle)]
pub extern "C" fn tg_model_score(
    scorer: u32,
    claim: *const u8,
    len: usize,
    out: *mut tg_bytes,
) -> u32 {
    call(|| {
        let claim = memory::text(claim, len)?;
        OBJECTS.with(scorer, |object| {
            let held = object.scorer()?;
            let scored = held.scorer.score(&Claim::new(claim)).map_err(no_score)?;
            let finding = scored.finding().map_or(Value::Null, |finding| finding.as_str().into());
            let evidence = scored.evidence.as_ref().map_or(Value::Null, evidence_value);
            let value = json!({ "score": scored.score, "finding": finding, "evidence": evidence });
            held.out = value.to_string();
            memory::write(out, tg_bytes::of(held.out.as_bytes())).map(|()| OK)
        })
    })
}

fn no_score(error: ScoreError) -> Failure {
    Failure::new(TG_BAD_MODEL, error)
}

/// Lets a model or a scorer go.
#[unsafe(no_mangle)]
pub extern "C" fn tg_model_drop(handle: u32) -> u32 {
    call(|| OBJECTS.let_go(handle))
}
