//! How long a model takes, on one thread.
//!
//! ```text
//! cargo run --release -p tidegate-model --example time -- FOLDER
//! ```
//!
//! The folder has a sentence model. Texts of some lengths are embedded; for each
//! the median and the least of the rounds is printed, in milliseconds a text.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "an example")]

use std::path::Path;
use std::time::Instant;

use tidegate_model::{Embedder, ModelFiles, ModelLimits};

const ROUNDS: usize = 30;
const WORDS: [&str; 10] =
    ["the", "museum", "opens", "at", "nine", "and", "tickets", "cost", "twelve", "euros"];

fn main() {
    let folder = std::env::args().nth(1).expect("the folder of a model");
    let read = |name| std::fs::read(Path::new(&folder).join(name)).expect("a file of the model");
    let (config, tokenizer) = (read("config.json"), read("tokenizer.json"));
    let weights = read("model.safetensors");
    let started = Instant::now();
    let files = ModelFiles { config: &config, tokenizer: &tokenizer, weights: &weights };
    let embedder = Embedder::load(files, ModelLimits::default()).expect("a sentence model");
    println!("load: {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    println!("{:>5} {:>6} {:>9} {:>9}", "words", "texts", "median ms", "least ms");
    for (words, texts) in [(6, 1), (20, 1), (30, 1), (20, 16), (126, 1)] {
        let text: Vec<&str> = WORDS.iter().copied().cycle().take(words).collect();
        let text = text.join(" ");
        let batch = vec![text.as_str(); texts];
        let mut times: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let started = Instant::now();
                let embeddings = embedder.embed(&batch).expect("finite vectors");
                assert_eq!(embeddings[0].tokens.len(), words, "a piece for each word");
                started.elapsed().as_secs_f64() * 1e3 / texts as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{words:>5} {texts:>6} {:>9.2} {:>9.2}", times[ROUNDS / 2], times[0]);
    }
}
