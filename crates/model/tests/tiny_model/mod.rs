//! The small models of `tests/tiny`, which `tests/reference.py` makes: their
//! weights are made from the tensors' names, here as there.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::collections::BTreeMap;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::Value;
use tidegate_model::ModelFiles;

pub(crate) const FAMILIES: [&str; 3] = ["bert", "roberta", "distilbert"];

/// A model that a test may change before it is loaded.
#[derive(Clone)]
pub(crate) struct Tiny {
    pub(crate) config: Value,
    pub(crate) tokenizer: Value,
    pub(crate) tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    pub(crate) expect: Vec<Value>,
}

impl Tiny {
    pub(crate) fn new(family: &str) -> Tiny {
        let [config, tokenizer, shapes, expect] = match family {
            "bert" => [
                include_str!("../tiny/bert/config.json"),
                include_str!("../tiny/bert/tokenizer.json"),
                include_str!("../tiny/bert/shapes.json"),
                include_str!("../tiny/bert/expect.json"),
            ],
            "roberta" => [
                include_str!("../tiny/roberta/config.json"),
                include_str!("../tiny/roberta/tokenizer.json"),
                include_str!("../tiny/roberta/shapes.json"),
                include_str!("../tiny/roberta/expect.json"),
            ],
            "distilbert" => [
                include_str!("../tiny/distilbert/config.json"),
                include_str!("../tiny/distilbert/tokenizer.json"),
                include_str!("../tiny/distilbert/shapes.json"),
                include_str!("../tiny/distilbert/expect.json"),
            ],
            other => panic!("no model `{other}`"),
        };
        let shapes: BTreeMap<String, Vec<usize>> = serde_json::from_str(shapes).unwrap();
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let numbers = weight(&name, shape.iter().product());
            (name, (shape, numbers))
        };
        Tiny {
            config: serde_json::from_str(config).unwrap(),
            tokenizer: serde_json::from_str(tokenizer).unwrap(),
            tensors: shapes.into_iter().map(tensor).collect(),
            expect: serde_json::from_str(expect).unwrap(),
        }
    }

    pub(crate) fn weights(&self) -> Vec<u8> {
        self.weights_as(Dtype::F32, |number| number.to_le_bytes().to_vec())
    }

    pub(crate) fn weights_as(&self, dtype: Dtype, bytes: impl Fn(f32) -> Vec<u8>) -> Vec<u8> {
        let data: Vec<(&String, &Vec<usize>, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, (shape, numbers))| {
                (name, shape, numbers.iter().flat_map(|number| bytes(*number)).collect())
            })
            .collect();
        let views = data.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(dtype, shape.to_vec(), bytes).unwrap())
        });
        safetensors::serialize(views, None).unwrap()
    }

    /// Hands its files to `load`.
    pub(crate) fn with<T>(&self, weights: Vec<u8>, load: impl FnOnce(ModelFiles<'_>) -> T) -> T {
        let config = self.config.to_string();
        let tokenizer = self.tokenizer.to_string();
        let (config, tokenizer) = (config.as_bytes(), tokenizer.as_bytes());
        load(ModelFiles { config, tokenizer, weights: &weights })
    }
}

fn weight(name: &str, count: usize) -> Vec<f32> {
    let mut state = 0x811c_9dc5_u32;
    for byte in name.bytes() {
        state = (state ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let one = name.to_lowercase().replace('_', "").ends_with("layernorm.weight");
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let small = (f64::from(state) / 4_294_967_296.0 - 0.5) * 0.75;
            (small + if one { 1.0 } else { 0.0 }) as f32
        })
        .collect()
}
