//! What a sentence model says of texts, natively, for comparison with other builds.
//!
//! ```text
//! cargo run -p tidegate-model --example embed -- FOLDER FACTS < texts
//! ```
//!
//! The folder has a sentence model, FACTS is a file of plain text. For each line of
//! the input one line of JSON: the text's `vector`, and its `score` and `finding` as
//! a claim that is held against the facts.
#![allow(clippy::expect_used, reason = "an example")]

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tidegate_ground::Facts;
use tidegate_model::{EmbedScorer, Embedder, ModelFiles, ModelLimits};
use tidegate_score::{Claim, Scorer};

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().expect("the folder of a model");
    let facts = std::fs::read_to_string(args.next().expect("a file of facts")).expect("facts");
    let read = |name| std::fs::read(Path::new(&folder).join(name)).expect("a file of the model");
    let (config, tokenizer) = (read("config.json"), read("tokenizer.json"));
    let weights = read("model.safetensors");
    let files = ModelFiles { config: &config, tokenizer: &tokenizer, weights: &weights };
    let embedder = Embedder::load(files, ModelLimits::default()).expect("a sentence model");
    let embedder = Arc::new(embedder);
    let facts = Arc::new(Facts::from_text(&facts).expect("facts"));
    let mut scorer = EmbedScorer::new(facts, embedder.clone());
    for text in std::io::stdin().lock().lines() {
        let text = text.expect("a line");
        let embedding = embedder.embed(&[&text]).expect("finite vectors").pop().expect("one");
        let scored = scorer.score(&Claim::new(&text)).expect("a score");
        let finding = scored.finding().map(|finding| finding.as_str());
        let (vector, score) = (embedding.sentence, scored.score);
        println!("{}", json!({ "vector": vector, "score": score, "finding": finding }));
    }
}
