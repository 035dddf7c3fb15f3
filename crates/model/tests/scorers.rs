//! What models' classes come to as scores and findings.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod tiny_model;

use std::sync::Arc;

use tidegate_ground::Facts;
use tidegate_model::{CrossEncoder, EmbedScorer, Embedder, ModelLimits, NliScorer};
use tidegate_score::{Claim, Finding, Scorer};
use tiny_model::Tiny;

fn facts() -> Arc<Facts> {
    Arc::new(Facts::from_text("the cat sat on the mat.\nthe dog ran home.").unwrap())
}

/// A scorer whose model leans to one class, whatever it reads.
fn leaning(class: usize, labels: &[&str]) -> NliScorer {
    let mut tiny = Tiny::new("bert");
    let classes = labels.len();
    for (name, (shape, numbers)) in &mut tiny.tensors {
        if name == "classifier.bias" {
            *shape = vec![classes];
            *numbers = (0..classes).map(|at| if at == class { 50.0 } else { 0.0 }).collect();
        } else if name == "classifier.weight" {
            numbers.truncate(numbers.len() / shape.first().unwrap() * classes);
            *shape = vec![classes, numbers.len() / classes];
        }
    }
    let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
    let load = |files: tidegate_model::ModelFiles<'_>| {
        CrossEncoder::load(files, Some(&labels), ModelLimits::default())
    };
    NliScorer::new(facts(), Arc::new(tiny.with(tiny.weights(), load).unwrap()))
}

#[test]
fn classes_become_findings() {
    let three = ["contradiction", "entailment", "neutral"];
    let two = ["not_entailment", "entailment"];
    for (labels, class, finding, score) in [
        (&three[..], 0, Finding::Contradicted, 0.0),
        (&three[..], 1, Finding::Supported, 1.0),
        (&three[..], 2, Finding::Unsupported, 0.0),
        (&two[..], 0, Finding::Unsupported, 0.0),
        (&two[..], 1, Finding::Supported, 1.0),
    ] {
        let mut scorer = leaning(class, labels);
        let scored = scorer.score(&Claim::new("the cat sat.")).unwrap();
        assert_eq!(scored.finding(), Some(finding), "{labels:?} {class}");
        assert!((scored.score - score).abs() < 1e-6, "{labels:?} {class}: {}", scored.score);
        let evidence = scored.evidence.unwrap();
        assert!(evidence.passage.is_some() && evidence.text.starts_with("the "));
        // no passage has a word of it: the model is not asked
        let scored = scorer.score(&Claim::new("rockets burn kerosene")).unwrap();
        assert_eq!((scored.finding(), scored.score), (Some(Finding::Unsupported), 0.0));
    }
}

#[test]
fn vectors_become_scores_that_hang_on_the_claim_alone() {
    let tiny = Tiny::new("bert");
    let load =
        |files: tidegate_model::ModelFiles<'_>| Embedder::load(files, ModelLimits::default());
    let embedder = Arc::new(tiny.with(tiny.weights(), load).unwrap());
    let mut scorer = EmbedScorer::new(facts(), embedder.clone());
    let same = scorer.score(&Claim::new("the cat sat on the mat.")).unwrap();
    assert_eq!(same.finding(), Some(Finding::Supported), "{same:?}");
    let other = scorer.score(&Claim::new("the dog sat on the cat.")).unwrap();
    assert!(other.score < same.score, "{same:?} {other:?}");
    assert_ne!(other.finding(), Some(Finding::Contradicted));
    let again = scorer.score(&Claim::new("the dog sat on the cat.")).unwrap();
    assert_eq!(
        again,
        EmbedScorer::new(facts(), embedder).score(&Claim::new("the dog sat on the cat.")).unwrap()
    );
    let none = scorer.score(&Claim::new("kerosene")).unwrap();
    assert_eq!((none.finding(), none.score), (Some(Finding::Unsupported), 0.0));
}
