//! Learns the weights of the facts scorer's features.
//!
//! ```text
//! facts-weights            figures by cross-validation
//! facts-weights --write    and writes the weights into crates/score
//! facts-weights --model F  with the sentence model in folder F beside it, in a
//!                          build with the feature `models`
//! ```
//!
//! From `fever-symmetric/dev.jsonl` in `TIDEGATE_DATA` or `../shared/data`: claims,
//! each with its evidence and whether that bears it out. Rows that share a claim
//! or an evidence are one group. Seed, folds and penalty are the constants below;
//! nothing else is chosen. The same data give the same file.
//!
//! Exit codes: 0, or 2 if the data cannot be read.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tidegate_score::stats::{Sample, Samples, folds};
use tidegate_score::{Logistic, feature_names, features};

/// The penalty on weights of scaled features.
const L2: f64 = 10.0;
const FOLDS: usize = 5;
/// The cross-validation is done with each of these seeds.
const SEEDS: std::ops::Range<u64> = 1..6;
/// Decimals of a weight as written.
const DECIMALS: usize = 4;

struct Data {
    /// Claims with their evidence.
    texts: Vec<(String, String)>,
    rows: Vec<Vec<f64>>,
    labels: Vec<bool>,
    groups: Vec<usize>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = std::env::var_os("TIDEGATE_DATA").map(PathBuf::from);
    let path =
        folder.unwrap_or_else(|| root.join("../shared/data")).join("fever-symmetric/dev.jsonl");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let data = read(&text)?;
    let groups = data.groups.iter().max().map_or(0, |last| last + 1);
    println!("{} rows in {groups} groups", data.rows.len());
    validate("facts", &data, &|train| {
        let fit = fit(&data, train)?;
        Ok(Box::new(move |values: &[f64]| fit.predict(values)))
    })?;
    if let Some(folder) = after("--model") {
        return with_model(&folder, data);
    }
    let fit = fit(&data, |_| true)?;
    let text = rust(&fit);
    if std::env::args().any(|arg| arg == "--write") {
        let path = root.join("crates/score/src/facts/weights.rs");
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    } else {
        println!("{text}");
    }
    Ok(())
}

/// Which rows are learned from.
type Training<'a> = &'a dyn Fn(usize) -> bool;
type Predict = Box<dyn Fn(&[f64]) -> f64>;

/// Cross-validates what is learned from the rows that are in, and prints.
fn validate(
    name: &str,
    data: &Data,
    learn: &dyn Fn(Training<'_>) -> Result<Predict, String>,
) -> Result<(), String> {
    let groups = data.groups.iter().max().map_or(0, |last| last + 1);
    for seed in SEEDS {
        let parts = folds(groups, FOLDS, seed);
        let part_of = |row: usize| {
            let group = data.groups.get(row)?;
            parts.get(*group).copied()
        };
        let mut samples = Vec::new();
        for part in 0..FOLDS {
            let predict = learn(&|row| part_of(row) != Some(part))?;
            for (row, values) in data.rows.iter().enumerate() {
                if part_of(row) != Some(part) {
                    continue;
                }
                let score = predict(values);
                samples.push(Sample {
                    score,
                    is_right: data.labels.get(row).copied().unwrap_or_default(),
                    is_halted: score < 0.5,
                    group: data.groups.get(row).copied().unwrap_or_default(),
                    part,
                });
            }
        }
        let samples = Samples::new(samples);
        let halted = samples.counts();
        let percent = |share: Option<f64>| 100.0 * share.unwrap_or(f64::NAN);
        let (limit, _) = samples.limit_for(0.02).unwrap_or_default();
        println!(
            "{name}, seed {seed}: AUC {:.3}, balanced accuracy at 0.5 {:.3}, recall at 2 % false \
             halts {:.0} %",
            samples.auc().unwrap_or(f64::NAN),
            halted.balanced_accuracy().unwrap_or(f64::NAN),
            percent(samples.counts_at(limit).recall()),
        );
    }
    Ok(())
}

/// The word behind a flag.
fn after(flag: &str) -> Option<PathBuf> {
    std::env::args_os().skip_while(|arg| arg != flag).nth(1).map(PathBuf::from)
}

#[cfg(not(feature = "models"))]
fn with_model(_folder: &Path, _data: Data) -> Result<(), String> {
    Err("this build has no sentence models: build with --features models".to_string())
}

/// Learns the weights of the embed scorer, and says what a blend of it and the
/// facts scorer is worth when all is learned on the same rows.
#[cfg(feature = "models")]
fn with_model(folder: &Path, mut data: Data) -> Result<(), String> {
    use std::sync::Arc;
    use tidegate_ground::Facts;
    use tidegate_model::{EmbedScorer, Embedder, ModelFiles, ModelLimits};
    use tidegate_score::logit;

    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let (config, tokenizer) = (read("config.json")?, read("tokenizer.json")?);
    let weights = read("model.safetensors")?;
    let files = ModelFiles { config: &config, tokenizer: &tokenizer, weights: &weights };
    let embedder = Embedder::load(files, ModelLimits::default()).map_err(|e| e.to_string())?;
    let embedder = Arc::new(embedder);
    for ((claim, evidence), row) in data.texts.iter().zip(&mut data.rows) {
        let facts = Facts::from_text(evidence).map_err(|error| error.to_string())?;
        let mut scorer = EmbedScorer::new(Arc::new(facts), embedder.clone());
        let compared = scorer.compare(claim).map_err(|error| error.to_string())?;
        row.extend(compared.map_or([0.0; 3], |(_, numbers, _)| numbers));
    }
    // the facts' features, then the model's three numbers
    let facts_count = feature_names().len();
    let part = |rows: &[Vec<f64>], is_model: bool| -> Vec<Vec<f64>> {
        let cut = |row: &Vec<f64>| {
            let (facts, model) = row.split_at(facts_count.min(row.len()));
            if is_model { model.to_vec() } else { facts.to_vec() }
        };
        rows.iter().map(cut).collect()
    };
    let rows_of = |train: &dyn Fn(usize) -> bool| -> (Vec<Vec<f64>>, Vec<bool>) {
        let all = data.rows.iter().zip(&data.labels).enumerate();
        let rows = all.filter(|(row, _)| train(*row));
        rows.map(|(_, (values, label))| (values.clone(), *label)).unzip()
    };
    let learn = |rows: &[Vec<f64>], labels: &[bool]| {
        Logistic::fit(rows, labels, L2).ok_or_else(|| "the rows cannot be fitted".to_string())
    };
    validate("embed", &data, &|train| {
        let (rows, labels) = rows_of(train);
        let fit = learn(&part(&rows, true), &labels)?;
        Ok(Box::new(move |values| fit.predict(values.get(facts_count..).unwrap_or_default())))
    })?;
    validate("blend of both", &data, &|train| {
        let (rows, labels) = rows_of(train);
        let facts = learn(&part(&rows, false), &labels)?;
        let model = learn(&part(&rows, true), &labels)?;
        let inputs = move |values: &[f64]| {
            let (of_facts, of_model) = values.split_at(facts_count.min(values.len()));
            vec![logit(facts.predict(of_facts)), logit(model.predict(of_model))]
        };
        let blended: Vec<Vec<f64>> = rows.iter().map(|row| inputs(row)).collect();
        let blend = learn(&blended, &labels)?;
        Ok(Box::new(move |values| blend.predict(&inputs(values))))
    })?;
    let fit = learn(&part(&data.rows, true), &data.labels)?;
    println!("bias {:.DECIMALS$}, weights {:.DECIMALS$?}", fit.bias, fit.weights);
    Ok(())
}

fn fit(data: &Data, is_in: impl Fn(usize) -> bool) -> Result<Logistic, String> {
    let rows = data.rows.iter().enumerate().filter(|(row, _)| is_in(*row));
    let rows: Vec<Vec<f64>> = rows.map(|(_, values)| values.clone()).collect();
    let labels = data.labels.iter().enumerate().filter(|(row, _)| is_in(*row));
    let labels: Vec<bool> = labels.map(|(_, label)| *label).collect();
    Logistic::fit(&rows, &labels, L2).ok_or_else(|| "the rows cannot be fitted".to_string())
}

fn read(text: &str) -> Result<Data, String> {
    let mut data =
        Data { texts: Vec::new(), rows: Vec::new(), labels: Vec::new(), groups: Vec::new() };
    let mut texts: HashMap<String, usize> = HashMap::new();
    // the group that each group has become part of
    let mut parents: Vec<usize> = Vec::new();
    let mut of_row = Vec::new();
    for (line, entry) in (1..).zip(text.lines()) {
        let row: serde_json::Value =
            serde_json::from_str(entry).map_err(|error| format!("line {line}: {error}"))?;
        let field = |name: &str| {
            let value = row.get(name).and_then(serde_json::Value::as_str);
            value.ok_or_else(|| format!("line {line}: there is no `{name}`"))
        };
        let (claim, evidence) = (field("claim")?, field("evidence")?);
        data.labels.push(match field("label")? {
            "SUPPORTS" => true,
            "REFUTES" => false,
            other => return Err(format!("line {line}: `{other}` is no label")),
        });
        data.texts.push((claim.to_string(), evidence.to_string()));
        data.rows.push(features(claim, &[evidence]));
        let mut group = |key: String| {
            *texts.entry(key).or_insert_with(|| {
                parents.push(parents.len());
                parents.len() - 1
            })
        };
        let (a, b) = (
            group(format!("claim {}", claim.to_lowercase())),
            group(format!("evidence {evidence}")),
        );
        let (a, b) = (root_of(&parents, a), root_of(&parents, b));
        if let Some(parent) = parents.get_mut(b) {
            *parent = a;
        }
        of_row.push(a);
    }
    let mut numbers: HashMap<usize, usize> = HashMap::new();
    for group in of_row {
        let next = numbers.len();
        data.groups.push(*numbers.entry(root_of(&parents, group)).or_insert(next));
    }
    Ok(data)
}

fn root_of(parents: &[usize], mut group: usize) -> usize {
    while let Some(parent) = parents.get(group).filter(|parent| **parent != group) {
        group = *parent;
    }
    group
}

/// The file of the weights.
fn rust(fit: &Logistic) -> String {
    let mut text = String::from(
        "//! The weights of the features, written by `cargo run --release -p tidegate-bench --bin\n\
         //! facts-weights -- --write`, which says from what; not by hand.\n\n\
         use super::features::COUNT;\n\n",
    );
    // to a String, writing cannot fail
    let _ = writeln!(text, "const BIAS: f64 = {:.DECIMALS$};\n", fit.bias);
    let _ = writeln!(text, "const WEIGHTS: &[f64] = &[");
    for (name, weight) in feature_names().iter().zip(&fit.weights) {
        let _ = writeln!(text, "    {weight:.DECIMALS$}, // {name}");
    }
    text.push_str(
        "];\n\n/// The estimate of the probability that the claim is borne out.\n\
         pub(super) fn score(features: &[f64; COUNT]) -> f64 {\n    \
         let weighted = features.iter().zip(WEIGHTS).map(|(feature, weight)| feature * weight);\n    \
         let sum: f64 = weighted.sum();\n    \
         1.0 / (1.0 + libm::exp(-(BIAS + sum)))\n}\n\n\
         #[cfg(test)]\nmod tests {\n    \
         #[test]\n    fn each_feature_has_its_weight() {\n        \
         assert_eq!(super::WEIGHTS.len(), super::COUNT);\n    }\n}\n",
    );
    text
}
