//! Files that are not what they should be are errors that say so, and never a
//! panic.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod tiny_model;

use safetensors::Dtype;
use serde_json::{Value, json};
use tidegate_model::{CrossEncoder, Embedder, ModelError, ModelFiles, ModelLimits};
use tiny_model::{FAMILIES, Tiny};

/// What comes of loading and running it, both ways; no panic in any case.
fn run(tiny: &Tiny, weights: Vec<u8>) -> Result<(), ModelError> {
    let config = tiny.config.to_string();
    run_files(config.as_bytes(), tiny.tokenizer.to_string().as_bytes(), weights)
}

fn run_files(config: &[u8], tokenizer: &[u8], weights: Vec<u8>) -> Result<(), ModelError> {
    let limits = ModelLimits::default();
    let files = ModelFiles { config, tokenizer, weights: &weights };
    let embedder = Embedder::load(files, limits);
    let texts = ["", "The museum opens at nine.", "é [SEP] \u{0} 東 \u{fe0f}x", &"ab ".repeat(99)];
    let embedded = embedder.and_then(|embedder| embedder.embed(&texts));
    for (embedding, text) in embedded.iter().flatten().zip(texts) {
        let length: f32 = embedding.sentence.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5);
        assert_eq!(embedding.tokens.len(), embedding.spans.len());
        for span in &embedding.spans {
            assert!(text.get(span.clone()).is_some(), "{span:?} of {text:?}");
        }
    }
    let cross = CrossEncoder::load(files, None, limits)?;
    for text in texts {
        for classes in cross.classify(&[(text, "is at ten"), ("", text)]).into_iter().flatten() {
            assert!((classes.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }
    embedded.map(|_| ())
}

#[track_caller]
fn check(tiny: &Tiny, expect: &str) -> ModelError {
    check_weights(tiny, tiny.weights(), expect)
}

#[track_caller]
fn check_weights(tiny: &Tiny, weights: Vec<u8>, expect: &str) -> ModelError {
    let error = run(tiny, weights).unwrap_err();
    assert!(error.to_string().contains(expect), "{error}\nexpected: {expect}");
    error
}

#[test]
fn weights_of_another_kind() {
    let tiny = Tiny::new("bert");
    for (bytes, expect) in [
        (&b""[..], "are empty"),
        (b"GGUF\x03\0\0\0\x24\x01\0\0\0\0\0\0", "GGUF"),
        (b"\x08\x07\x12\x07pytorch\x1a\x051.13.1", "ONNX"),
        (b"PK\x03\x04\0\0\0\0\0\0\0\0archive/data.pkl", "zip"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02", "pickle"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "web page"),
        (b"\n <html>404</html>", "web page"),
        (b"{\"error\": \"not found\"}", "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 90868376\n", "LFS"),
        (b"abc", "no whole safetensors file"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff", "header"),
        (b"\x02\0\0\0\0\0\0\0{}", "no tensor"),
        (b"\x02\0\0\0\0\0\0\0{}and more", "no whole safetensors file"),
    ] {
        check_weights(&tiny, bytes.to_vec(), expect);
    }
}

#[test]
fn weights_that_are_cut_or_lie() {
    let tiny = Tiny::new("bert");
    let whole = tiny.weights();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for end in (1..header + 40).chain([whole.len() / 2, whole.len() - 1]) {
        assert!(run(&tiny, whole[..end].to_vec()).is_err(), "cut at {end}");
    }
    let with = |text: Value| {
        let text = text.to_string();
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.bytes().chain([0; 64]));
        bytes
    };
    let huge = 1_u64 << 62;
    for (shape, offsets) in [
        (json!([huge, 32]), json!([0, 64])),
        (json!([4, 4]), json!([0, 128])),
        (json!([4, 4]), json!([64, 0])),
        (json!([0]), json!([huge, huge])),
        (json!([huge, huge]), json!([0, huge])),
        (json!([-1]), json!([0, 64])),
    ] {
        let name = "bert.embeddings.word_embeddings.weight";
        let lie = with(json!({name: {"dtype": "F32", "shape": shape, "data_offsets": offsets}}));
        check_weights(&tiny, lie, "the weights");
    }
    // damage in the header; elsewhere it is another number
    for at in 0..header {
        for flip in [1, 0x20, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            let _ = run(&tiny, bytes);
        }
    }
}

#[test]
fn every_tensor_is_needed_in_its_shape() {
    for family in FAMILIES {
        let tiny = Tiny::new(family);
        assert_eq!(run(&tiny, tiny.weights()), Ok(()));
        for name in tiny.tensors.keys() {
            let mut without = tiny.clone();
            without.tensors.remove(name);
            check(&without, &format!("`{}`", name.replace("gamma", "weight")));

            let mut other = tiny.clone();
            let (shape, _) = other.tensors.get_mut(name).unwrap();
            shape.push(1);
            let error = check(&other, &format!("`{name}` has the shape"));
            assert!(!error.is_unsupported());
            let (shape, _) = other.tensors.get_mut(name).unwrap();
            shape.pop();
            shape[0] += 1;
            let row: usize = shape[1..].iter().product();
            other.tensors.get_mut(name).unwrap().1.extend(vec![0.0; row]);
            // with one class more the names of the classes do not fit
            assert!(run(&other, other.weights()).is_err(), "{name}");
        }
        let wide = tiny.weights_as(Dtype::F64, |number| f64::from(number).to_le_bytes().to_vec());
        check_weights(&tiny, wide, "is of `F64`");
    }
}

#[test]
fn numbers_that_are_none() {
    for family in FAMILIES {
        for (part, number) in [
            ("word_embeddings", f32::NAN),
            ("word_embeddings", f32::INFINITY),
            ("lin2.bias", f32::NAN),
            ("output.dense.weight", f32::NEG_INFINITY),
            ("lin1.weight", f32::NAN),
            ("intermediate.dense.bias", f32::NAN),
        ] {
            let mut tiny = Tiny::new(family);
            let mut hit = false;
            for (name, (_, numbers)) in &mut tiny.tensors {
                if name.contains(part) {
                    numbers.fill(number);
                    hit = true;
                }
            }
            if hit {
                assert!(check(&tiny, "not finite").is_not_finite(), "{family} {part}");
            }
        }
        let mut tiny = Tiny::new(family);
        for (_, numbers) in tiny.tensors.values_mut() {
            numbers.fill(0.0);
        }
        // everything is the same to it, and points nowhere
        assert!(check(&tiny, "not finite").is_not_finite());
    }
}

#[test]
fn configs() {
    for family in FAMILIES {
        let tiny = Tiny::new(family);
        let fields: Vec<String> = tiny.config.as_object().unwrap().keys().cloned().collect();
        let optional = ["activation", "hidden_act", "layer_norm_eps", "label2id", "pad_token_id"];
        for field in &fields {
            let mut other = tiny.clone();
            other.config.as_object_mut().unwrap().remove(field);
            match field.as_str() {
                "id2label" => assert!(check(&other, "0 labels").is_labels()),
                field if optional.contains(&field) => {
                    let _ = run(&other, other.weights());
                }
                field => drop(check(&other, &format!("`{field}` in `config.json` is missing"))),
            }
            for value in [
                json!(0),
                json!(-1),
                json!(1.5),
                json!(3),
                json!(1 << 24),
                json!(u64::MAX),
                json!(1e300),
                json!("x"),
                json!(null),
                json!([]),
                json!({"0": "x", "2": "y"}),
            ] {
                let mut other = tiny.clone();
                other.config[field] = value.clone();
                let outcome = run(&other, other.weights());
                let takes_some = optional.contains(&field.as_str());
                assert!(outcome.is_err() || takes_some, "{field}: {value}");
            }
        }
    }
    let with = |field: &str, value: Value, expect: &str| {
        let mut tiny = Tiny::new("bert");
        tiny.config[field] = value;
        check(&tiny, expect)
    };
    let error = with("model_type", json!("deberta-v2"), "known are `bert`, `roberta`");
    assert!(error.is_unsupported() && error.to_string().contains("`deberta-v2`"));
    assert!(with("hidden_act", json!("swish"), "the activation `swish`").is_unsupported());
    let relative = json!("relative_key");
    assert!(with("position_embedding_type", relative, "`relative_key`").is_unsupported());
    with("num_attention_heads", json!(5), "does not divide");
    with("num_hidden_layers", json!(3), "`bert.encoder.layer.2.");
    let tiny = Tiny::new("bert");
    let deep = "[".repeat(100_000);
    for config in ["", "<html>", "[]", "3", &deep, "{\"model_type\": 3}"] {
        let tokenizer = tiny.tokenizer.to_string();
        let error = run_files(config.as_bytes(), tokenizer.as_bytes(), tiny.weights());
        assert!(error.unwrap_err().to_string().contains("`config.json`"), "{config:.20}");
    }
    let long = vec![b' '; (1 << 20) + 1];
    assert!(run_files(&long, b"{}", Vec::new()).unwrap_err().is_too_large());
}

#[test]
fn labels() {
    let check = |names: &[&str], expect: &str| {
        let mut tiny = Tiny::new("bert");
        let numbered = names.iter().enumerate();
        tiny.config["id2label"] =
            numbered.map(|(class, name)| (class.to_string(), json!(name))).collect();
        let error = check(&tiny, expect);
        assert!(error.is_labels() && error.to_string().contains("in the policy"), "{error}");
    };
    check(&["LABEL_0", "LABEL_1", "LABEL_2"], "`LABEL_0`");
    check(&["entailment", "neutral"], "2 labels for a model of 3 classes");
    check(&["entailment", "neutral", "contradiction", "x"], "4 labels for a model of 3 classes");
    check(&["entailment", "neutral", "Neutral"], "`neutral` stands twice");
    check(&["entailment", "neutral", "not_entailment"], "neither");
}

#[test]
fn limits() {
    let tiny = Tiny::new("bert");
    let load = |limits| tiny.with(tiny.weights(), |files| Embedder::load(files, limits));
    let default = ModelLimits::default();
    let bytes = tiny.weights().len();
    let error = load(ModelLimits { weights_bytes_max: bytes - 1, ..default }).unwrap_err();
    assert!(error.is_too_large(), "{error}");
    assert!(load(ModelLimits { weights_bytes_max: bytes, ..default }).is_ok());
    for tokens_max in [0, 1] {
        let error = load(ModelLimits { tokens_max, ..default }).unwrap_err();
        assert!(error.to_string().contains("2 special tokens"), "{error}");
    }
    let embedder = load(ModelLimits { tokens_max: usize::MAX, batch_max: 0, ..default }).unwrap();
    let embeddings = embedder.embed(&["nine", &"nine ".repeat(1000)]).unwrap();
    assert_eq!(embeddings[1].tokens.len(), 62, "as many as there are positions");
    assert!(load(ModelLimits { tokens_max: 2, ..default }).unwrap().embed(&["nine"]).is_ok());
}

/// A map in which `A` becomes `a` and nothing else changes, in base64.
fn charsmap() -> String {
    let mut units = [0_u32; 256];
    units[0] = 1 << 10;
    units[0x40] = 2 << 10 | 1 << 8 | 0x41;
    units[0x42] = 1 << 31;
    let mut bytes = 1024_u32.to_le_bytes().to_vec();
    bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    bytes.extend(b"a\0");
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_eq!(bytes.len() % 3, 1, "what is left over is one byte");
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(digits[(bits >> (18 - 6 * at) & 63) as usize] as char);
        }
    }
    text + "=="
}

/// Tokenizers of the kinds that models come with, for the small BERT.
fn tokenizers() -> Vec<Value> {
    let mut bytes = json!({"<s>": 0, "</s>": 2, "a": 3, "b": 4, "ab": 5, "Ġ": 6, "Ã": 7, "©": 8});
    for (number, letter) in ('c'..='z').enumerate() {
        bytes[letter.to_string()] = json!(number + 10);
    }
    let special = |content: &str, id: u32| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true})
    };
    let bpe = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
        "added_tokens": [special("<s>", 0), special("</s>", 2)],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
            "use_regex": true},
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
            "trim_offsets": true, "add_prefix_space": false},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
            "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null,
            "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": false,
            "byte_fallback": false, "vocab": bytes, "merges": ["a b"]},
    });
    let mut unigram = bpe.clone();
    unigram["normalizer"] = json!({"type": "Sequence", "normalizers": [
        {"type": "Precompiled", "precompiled_charsmap": charsmap()},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]});
    unigram["pre_tokenizer"] = json!({"type": "Metaspace", "replacement": "▁",
        "prepend_scheme": "always", "split": true});
    unigram["post_processor"] = Tiny::new("roberta").tokenizer["post_processor"].clone();
    unigram["post_processor"]["special_tokens"]["<s>"]["ids"] = json!([0]);
    unigram["post_processor"]["special_tokens"]["</s>"]["ids"] = json!([2]);
    unigram["decoder"] = json!(null);
    unigram["model"] = json!({"type": "Unigram", "unk_id": 3, "byte_fallback": false, "vocab":
        [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["▁", -2.0], ["a", -3.0],
         ["▁museum", -4.0], ["e", -5.0]]});
    vec![Tiny::new("bert").tokenizer, bpe, unigram]
}

#[test]
fn tokenizers_of_all_kinds_are_taken() {
    for tokenizer in tokenizers() {
        let tiny = Tiny { tokenizer, ..Tiny::new("bert") };
        assert_eq!(run(&tiny, tiny.weights()), Ok(()), "{}", tiny.tokenizer["model"]["type"]);
    }
}

#[test]
fn tokenizers_that_do_not_fit() {
    let with = |pointer: &str, value: Value, expect: &str| {
        let mut tiny = Tiny::new("bert");
        *tiny.tokenizer.pointer_mut(pointer).unwrap() = value;
        check(&tiny, expect)
    };
    let rows = Tiny::new("bert").config["vocab_size"].as_u64().unwrap();
    with("/model/vocab/museum", json!(rows), "two models");
    with("/added_tokens/0/content", json!("<new>"), "two models");
    with("/post_processor/special_tokens/[CLS]/ids", json!([rows]), "no row");
    with("/post_processor/special_tokens/[CLS]/ids", json!([u32::MAX]), "no row");
    with("/post_processor/single/0/SpecialToken/type_id", json!(2), "no row");
    with("/post_processor", Value::Null, "no special token");
    with("/model", json!({"type": "Unknown"}), "`tokenizer.json`");
    let second = json!({"Sequence": {"id": "B", "type_id": 0}});
    with("/post_processor/single/1", second, "its template");
    with("/post_processor/single/0/SpecialToken/id", json!("[NO]"), "its template");
    let map = json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"});
    with("/normalizer", map, "`precompiled_charsmap`");
    let mut tiny = Tiny::new("bert");
    tiny.tokenizer = tokenizers().swap_remove(1);
    tiny.tokenizer["model"]["dropout"] = json!(0.1);
    check(&tiny, "`dropout`");
    for (merges, prefix) in [
        (json!([["a", "b"], ["ab", "a"]]), ""),
        (json!([["a", "x"]]), ""),
        (json!(["a b c"]), ""),
        (json!([["a", "b"]]), "##"),
        (json!([[1]]), ""),
    ] {
        tiny.tokenizer = tokenizers().swap_remove(1);
        tiny.tokenizer["model"]["merges"] = merges;
        tiny.tokenizer["model"]["continuing_subword_prefix"] = json!(prefix);
        check(&tiny, "`merges`");
    }
    for text in ["", "{}", "[]", "<html>", "null", "{\"version\": \"1.0\"}", &"[".repeat(100_000)] {
        let config = tiny.config.to_string();
        let error = run_files(config.as_bytes(), text.as_bytes(), tiny.weights()).unwrap_err();
        assert!(error.to_string().contains("`tokenizer.json`"), "{error}");
    }
}

#[test]
fn any_text_is_cut_into_pieces() {
    let characters: Vec<char> =
        "aAb1 \n\t'[]#.▁Ġ\u{0}\u{ad}\u{200b}\u{200d}\u{301}\u{e000}\u{fe0f}\u{fffd}éßİﬁ東ㅋ한👍👩🇩🇪ﷺ"
            .chars()
            .collect();
    let mut state = 1_u32;
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for tokenizer in tokenizers() {
        let tiny = Tiny { tokenizer, ..Tiny::new("bert") };
        let limits = ModelLimits { tokens_max: 12, ..ModelLimits::default() };
        let embedder = tiny.with(tiny.weights(), |files| Embedder::load(files, limits)).unwrap();
        for _ in 0..3000 {
            let length = next(14);
            let text: String = (0..length).map(|_| characters[next(characters.len())]).collect();
            let embedding = &embedder.embed(&[&text]).unwrap()[0];
            assert!(
                embedding.spans.iter().all(|span| text.get(span.clone()).is_some()),
                "{text:?}"
            );
        }
    }
}

/// All places in a document.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_string());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, &format!("{at}/{key}"), all);
            }
        }
        Value::Array(list) => {
            for (number, value) in list.iter().enumerate() {
                pointers(value, &format!("{at}/{number}"), all);
            }
        }
        _ => {}
    }
}

#[test]
fn damaged_tokenizers_do_not_panic() {
    for tokenizer in tokenizers() {
        let tiny = Tiny { tokenizer, ..Tiny::new("bert") };
        let weights = tiny.weights();
        let mut all = Vec::new();
        pointers(&tiny.tokenizer, "", &mut all);
        for pointer in &all {
            for value in [
                json!(null),
                json!(true),
                json!(0),
                json!(-1),
                json!(4_000_000_000_u32),
                json!(1e300),
                json!(""),
                json!("é"),
                json!([]),
                json!({}),
            ] {
                let mut other = tiny.clone();
                *other.tokenizer.pointer_mut(pointer).unwrap() = value.clone();
                let outcome = std::panic::catch_unwind(|| run(&other, weights.clone()));
                assert!(outcome.is_ok(), "panic: {pointer} is {value}");
            }
        }
    }
}
