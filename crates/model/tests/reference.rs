//! The small models against PyTorch and against a pass in f64 written out here.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod tiny_model;

use safetensors::Dtype;
use serde_json::json;
use tidegate_model::{CrossEncoder, Embedder, Label, ModelLimits, similarity};
use tiny_model::{FAMILIES, Tiny};

fn cross_encoder(tiny: &Tiny) -> CrossEncoder {
    tiny.with(tiny.weights(), |files| CrossEncoder::load(files, None, ModelLimits::default()))
        .unwrap()
}

fn embedder(tiny: &Tiny, limits: ModelLimits) -> Embedder {
    tiny.with(tiny.weights(), |files| Embedder::load(files, limits)).unwrap()
}

fn floats(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn near(found: &[f32], expect: &[f64], what: &str) {
    let close = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs() < 2e-6;
    let all = found.len() >= expect.len() && found.iter().zip(expect).all(close);
    assert!(all, "{what}: {found:?} {expect:?}");
}

#[test]
fn as_pytorch_says() {
    for family in FAMILIES {
        let tiny = Tiny::new(family);
        let (cross, embedder) = (cross_encoder(&tiny), embedder(&tiny, ModelLimits::default()));
        for case in &tiny.expect {
            let (passage, claim) =
                (case["passage"].as_str().unwrap(), case["claim"].as_str().unwrap());
            let what = format!("{family}: {passage} | {claim}");
            let classes = cross.classify(&[(passage, claim)]).unwrap();
            near(&classes[0], &floats(&case["classes"]), &what);
            assert_eq!(classes[0].len(), cross.labels().len());
            let embedding = &embedder.embed(&[claim]).unwrap()[0];
            near(&embedding.sentence, &floats(&case["sentence"]), &what);
            let spans: Vec<[usize; 2]> =
                embedding.spans.iter().map(|span| [span.start, span.end]).collect();
            assert_eq!(json!(spans), case["spans"], "{what}");
            assert_eq!(embedding.tokens.len(), spans.len());
        }
    }
}

/// A matrix as rows.
type Rows = Vec<Vec<f64>>;

/// What BERT's pass comes to, written down from its papers, number by number.
struct Plain<'a>(&'a Tiny);

impl Plain<'_> {
    fn row(&self, name: &str, row: usize, width: usize) -> Vec<f64> {
        let numbers = &self.0.tensors[name].1;
        numbers[row * width..(row + 1) * width].iter().map(|x| f64::from(*x)).collect()
    }

    fn linear(&self, name: &str, x: &Rows) -> Rows {
        let (shape, _) = &self.0.tensors[&format!("{name}.weight")];
        let bias = self.row(&format!("{name}.bias"), 0, shape[0]);
        let out = |x: &Vec<f64>| {
            (0..shape[0])
                .map(|n| bias[n] + dot(&self.row(&format!("{name}.weight"), n, shape[1]), x))
                .collect()
        };
        x.iter().map(out).collect()
    }

    fn norm(&self, name: &str, x: &Rows, scale: &str) -> Rows {
        let width = x[0].len();
        let weight = self.row(&format!("{name}.{scale}"), 0, width);
        let shift = if scale == "gamma" { "beta" } else { "bias" };
        let bias = self.row(&format!("{name}.{shift}"), 0, width);
        let one = |x: &Vec<f64>| {
            let mean = x.iter().sum::<f64>() / width as f64;
            let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / width as f64;
            (0..width)
                .map(|n| (x[n] - mean) / (variance + 1e-5).sqrt() * weight[n] + bias[n])
                .collect()
        };
        x.iter().map(one).collect()
    }

    fn classify(&self, ids: &[usize], kinds: &[usize], activation: &str, scale: &str) -> Vec<f64> {
        let at = "bert.embeddings";
        let mut x: Rows = Vec::new();
        for (position, (id, kind)) in ids.iter().zip(kinds).enumerate() {
            let word = self.row(&format!("{at}.word_embeddings.weight"), *id, 32);
            let place = self.row(&format!("{at}.position_embeddings.weight"), position, 32);
            let kind = self.row(&format!("{at}.token_type_embeddings.weight"), *kind, 32);
            x.push((0..32).map(|n| word[n] + place[n] + kind[n]).collect());
        }
        x = self.norm(&format!("{at}.LayerNorm"), &x, scale);
        for layer in 0..2 {
            let part = |name: &str| format!("bert.encoder.layer.{layer}.{name}");
            let query = self.linear(&part("attention.self.query"), &x);
            let key = self.linear(&part("attention.self.key"), &x);
            let value = self.linear(&part("attention.self.value"), &x);
            let mut context = vec![vec![0.0; 32]; x.len()];
            for head in 0..4 {
                let span = head * 8..head * 8 + 8;
                for (query, context) in query.iter().zip(&mut context) {
                    let asks = key
                        .iter()
                        .map(|key| dot(&query[span.clone()], &key[span.clone()]) / f64::sqrt(8.0));
                    let shares = softmax(asks.collect());
                    for n in span.clone() {
                        context[n] =
                            shares.iter().zip(&value).map(|(share, value)| share * value[n]).sum();
                    }
                }
            }
            x = add(&x, &self.linear(&part("attention.output.dense"), &context));
            x = self.norm(&part("attention.output.LayerNorm"), &x, scale);
            let mut wide = self.linear(&part("intermediate.dense"), &x);
            for x in wide.iter_mut().flatten() {
                *x = match activation {
                    "gelu" => 0.5 * *x * (1.0 + libm::erf(*x / f64::sqrt(2.0))),
                    "gelu_new" => {
                        let inner = x.powi(3) * 0.044_715 + *x;
                        0.5 * *x * (1.0 + (inner * f64::sqrt(2.0 / std::f64::consts::PI)).tanh())
                    }
                    _ => x.max(0.0),
                };
            }
            x = add(&x, &self.linear(&part("output.dense"), &wide));
            x = self.norm(&part("output.LayerNorm"), &x, scale);
        }
        let mut pooled = self.linear("bert.pooler.dense", &vec![x[0].clone()]);
        pooled[0].iter_mut().for_each(|x| *x = x.tanh());
        softmax(self.linear("classifier", &pooled).remove(0))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(a: &Rows, b: &Rows) -> Rows {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
}

fn softmax(x: Vec<f64>) -> Vec<f64> {
    let sum: f64 = x.iter().map(|x| x.exp()).sum();
    x.iter().map(|x| x.exp() / sum).collect()
}

#[test]
fn as_a_pass_in_f64_says() {
    let vocabulary = Tiny::new("bert").tokenizer["model"]["vocab"].clone();
    let id = |word: &str| vocabulary[word].as_u64().unwrap() as usize;
    // 1 to 60 words, and three special tokens with them
    for (words, claim_words) in [(0, 1), (1, 1), (7, 3), (20, 13), (41, 20)] {
        let all: Vec<&str> =
            ["museum", "nine", "a", "is", "7", "not"].iter().copied().cycle().take(61).collect();
        let (passage, claim) = (&all[..words], &all[all.len() - claim_words..]);
        let mut ids = vec![id("[CLS]")];
        ids.extend(passage.iter().map(|word| id(word)));
        ids.push(id("[SEP]"));
        let mut kinds = vec![0; ids.len()];
        ids.extend(claim.iter().map(|word| id(word)));
        ids.push(id("[SEP]"));
        kinds.resize(ids.len(), 1);
        let texts = [(passage.join(" "), claim.join(" "))];
        for activation in ["gelu", "gelu_new", "relu"] {
            let mut tiny = Tiny::new("bert");
            tiny.config["hidden_act"] = json!(activation);
            let expect = Plain(&tiny).classify(&ids, &kinds, activation, "weight");
            let pairs = [(texts[0].0.as_str(), texts[0].1.as_str())];
            let found = cross_encoder(&tiny).classify(&pairs).unwrap();
            near(&found[0], &expect, &format!("{words} {claim_words} {activation}"));

            // the names of tensors that old programs wrote
            let renamed = tiny.tensors.iter().map(|(name, tensor)| {
                let name = name
                    .replace("LayerNorm.weight", "LayerNorm.gamma")
                    .replace("LayerNorm.bias", "LayerNorm.beta");
                (name, tensor.clone())
            });
            tiny.tensors = renamed.collect();
            assert_eq!(Plain(&tiny).classify(&ids, &kinds, activation, "gamma"), expect);
            assert_eq!(cross_encoder(&tiny).classify(&pairs).unwrap(), found);
        }
    }
}

#[test]
fn weights_of_16_bits_are_the_nearest_numbers() {
    let mut tiny = Tiny::new("bert");
    for (_, numbers) in tiny.tensors.values_mut() {
        for number in numbers {
            // what both formats hold exactly
            *number = (*number * 64.0).round() / 64.0;
        }
    }
    let pairs = [("The museum opens at nine.", "It is closed.")];
    let expect = cross_encoder(&tiny).classify(&pairs).unwrap();
    let brain = |number: f32| number.to_le_bytes()[2..].to_vec();
    let half = |number: f32| {
        let bits = number.to_bits();
        let (sign, exponent) = ((bits >> 16 & 0x8000) as u16, bits >> 23 & 255);
        let magnitude =
            if exponent == 0 { 0 } else { ((exponent - 112) << 10 | (bits >> 13 & 1023)) as u16 };
        (sign | magnitude).to_le_bytes().to_vec()
    };
    for weights in [tiny.weights_as(Dtype::BF16, brain), tiny.weights_as(Dtype::F16, half)] {
        let model = tiny
            .with(weights, |files| CrossEncoder::load(files, None, ModelLimits::default()))
            .unwrap();
        assert_eq!(model.classify(&pairs).unwrap(), expect);
    }
}

#[test]
fn labels_are_read_and_can_be_named() {
    use Label::{Contradiction, Entailment, Neutral, NotEntailment};
    let check = |family: &str, names: Option<&[&str]>, expect: &[Label]| {
        let tiny = Tiny::new(family);
        let names: Option<Vec<String>> =
            names.map(|names| names.iter().map(ToString::to_string).collect());
        let model = tiny.with(tiny.weights(), |files| {
            CrossEncoder::load(files, names.as_deref(), ModelLimits::default())
        });
        assert_eq!(model.unwrap().labels(), expect);
    };
    check("bert", None, &[Contradiction, Entailment, Neutral]);
    check("roberta", None, &[Entailment, NotEntailment]);
    check(
        "bert",
        Some(&["Entailment", "NEUTRAL", "contradiction"]),
        &[Entailment, Neutral, Contradiction],
    );
    check("roberta", Some(&["not entailment", "entailment"]), &[NotEntailment, Entailment]);
    check("roberta", Some(&["Contradiction", "entailment"]), &[Contradiction, Entailment]);
}

#[test]
fn batches_change_nothing() {
    let words = ["museum", "nine", "closed", "not", "x", "."];
    let texts: Vec<String> =
        (0..40).map(|n| words.iter().cycle().skip(n).take(n).copied().collect()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let pairs: Vec<(&str, &str)> = texts
        .iter()
        .copied()
        .zip(texts.iter().rev().copied().map(|text| &text[..text.len() / 3]))
        .collect();
    for family in FAMILIES {
        let tiny = Tiny::new(family);
        let cross = cross_encoder(&tiny);
        let one = embedder(&tiny, ModelLimits { batch_max: 1, ..ModelLimits::default() });
        let many = embedder(&tiny, ModelLimits::default());
        let together = many.embed(&texts).unwrap();
        assert_eq!(together, many.embed(&texts).unwrap(), "the same again");
        for (text, embedding) in texts.iter().zip(&together) {
            let alone = &one.embed(&[text]).unwrap()[0];
            assert_eq!(alone.spans, embedding.spans);
            assert!(similarity(alone, embedding) > 1.0 - 1e-6, "{family}: {text}");
            for (a, b) in alone.tokens.iter().flatten().zip(embedding.tokens.iter().flatten()) {
                assert!((a - b).abs() < 1e-5, "{family}: {text}");
            }
        }
        let together = cross.classify(&pairs).unwrap();
        for (pair, classes) in pairs.iter().zip(&together) {
            let alone: Vec<f64> =
                cross.classify(&[*pair]).unwrap()[0].iter().map(|x| f64::from(*x)).collect();
            near(classes, &alone, family);
            assert!((classes.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }
    assert!(cross_encoder(&Tiny::new("bert")).classify(&[]).unwrap().is_empty());
}

#[test]
fn passages_are_cut_and_claims_are_not() {
    let tiny = Tiny::new("bert");
    // 64 positions, of which the special tokens take three and the claim four
    let cross = cross_encoder(&tiny);
    let passage = "nine ".repeat(57);
    let expect = cross.classify(&[(&passage, "at ten.")]).unwrap();
    let longer = format!("{passage} the museum is closed");
    assert_ne!(cross.classify(&[(&passage[5..], "at ten.")]).unwrap(), expect);
    let longest = format!("{passage}{}", "closed. ".repeat(10_000));
    for passage in [&longer, &longest] {
        let (a, b) = (cross.classify(&[(passage, "at ten .")]).unwrap(), &expect);
        // the claim has one piece less than there is room for
        assert_ne!(a, *b);
        assert_eq!(
            cross.classify(&[(passage, "is at ten .")]).unwrap(),
            cross.classify(&[(&longer, "is at ten .")]).unwrap()
        );
    }
    for claim in ["ten ".repeat(62), "ten ".repeat(100_000), " ".repeat(100_000)] {
        let error = cross.classify(&[("The museum", &claim)]).unwrap_err();
        assert!(error.is_too_long(), "{error}");
    }
    assert!(cross.classify(&[("The museum", &"ten ".repeat(61))]).is_ok());

    // of a long text an embedder reads the beginning
    let embedder = embedder(&tiny, ModelLimits { tokens_max: 10, ..ModelLimits::default() });
    let eight = embedder.embed(&[&"nine ".repeat(8)]).unwrap();
    assert_eq!(eight[0].tokens.len(), 8);
    for long in ["nine ".repeat(9), "nine ".repeat(100_000), "é".repeat(100_001)] {
        let found = embedder.embed(&[&long]).unwrap();
        assert!(found[0].spans.iter().all(|span| long.get(span.clone()).is_some()));
        assert_eq!(found == eight, long.starts_with('n'));
    }
}

#[test]
fn spans_are_bytes_and_special_tokens_are_not_taken_from_text() {
    let embedder = embedder(&Tiny::new("bert"), ModelLimits::default());
    let check = |text: &str, expect: &[&str]| {
        let embedding = &embedder.embed(&[text]).unwrap()[0];
        let pieces: Vec<&str> = embedding.spans.iter().map(|span| &text[span.clone()]).collect();
        assert_eq!(pieces, expect);
        assert_eq!(embedding.tokens.len(), expect.len());
    };
    check("", &[]);
    check(" \n", &[]);
    check("Museum nïne ab", &["Museum", "nïne", "a", "b"]);
    check("東京 b", &["東", "京", "b"]);
    check("[SEP] a", &["[", "S", "E", "P", "]", "a"]);
}
