//! The scorers that are too slow to wait for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tidegate::{HaltCheck, MeasureKind, Mode, Policy, Source};
use tidegate_ground::Facts;
use tidegate_score::{
    BlendScorer, Claim, FactsScorer, HostScores, LogprobScorer, ScoreError, Scored, Scorer,
};

use crate::input::BadInput;
use crate::models::Loaded;

/// What scorers are made of.
pub(crate) struct Materials<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) models: &'a Loaded,
    pub(crate) facts: Option<&'a Arc<Facts>>,
    pub(crate) scores: Option<&'a Column>,
}

/// A scorer that gets a thread of its own, and the checks it answers.
pub(crate) struct Slow {
    pub(crate) checks: Vec<String>,
    pub(crate) scorer: Box<dyn Scorer + Send>,
}

/// Sources whose scorers are slow.
pub(crate) const SLOW: [Source; 3] = [Source::Embed, Source::Nli, Source::Blend];

/// The scorers of all checks that run and take their scores from a slow source:
/// one for each model and one for each blend.
pub(crate) fn slow_scorers(materials: &Materials<'_>) -> Result<Vec<Slow>, BadInput> {
    let mut made: BTreeMap<(Source, Option<&str>), Slow> = BTreeMap::new();
    let checks = materials.policy.halt.iter();
    let runs = |check: &&HaltCheck| check.mode != Mode::Off && SLOW.contains(&check.score.from);
    for check in checks.filter(runs) {
        let source = check.score.from;
        let blend = (source == Source::Blend).then_some(check.name.as_str());
        if let Some(slow) = made.get_mut(&(source, blend)) {
            slow.checks.push(check.name.clone());
            continue;
        }
        let scorer = slow_scorer(source, check, materials)?;
        made.insert((source, blend), Slow { checks: vec![check.name.clone()], scorer });
    }
    Ok(made.into_values().collect())
}

fn slow_scorer(
    source: Source,
    check: &HaltCheck,
    materials: &Materials<'_>,
) -> Result<Box<dyn Scorer + Send>, BadInput> {
    let Some(blend) = check.score.blend.as_ref().filter(|_| source == Source::Blend) else {
        return input(source, MeasureKind::default(), check, materials);
    };
    let mut scorer = BlendScorer::new(blend.blend());
    for part in blend.weights.inputs() {
        scorer.set_scorer(part.name, input(part.source, part.measure, check, materials)?);
    }
    Ok(Box::new(scorer))
}

/// The scorer of one source, alone or as an input of a blend.
fn input(
    source: Source,
    measure: MeasureKind,
    check: &HaltCheck,
    materials: &Materials<'_>,
) -> Result<Box<dyn Scorer + Send>, BadInput> {
    let lacking = |flag: &str| {
        let (name, source) = (&check.name, source.as_str());
        BadInput::Usage(format!(
            "the check `{name}` takes its scores from `{source}`, and there is none: give {flag}"
        ))
    };
    Ok(match source {
        Source::Facts => {
            let facts = materials.facts.ok_or_else(|| lacking("--facts"))?;
            Box::new(FactsScorer::new(facts.clone()))
        }
        Source::Host => Box::new(materials.scores.ok_or_else(|| lacking("--scores"))?.clone()),
        Source::Logprob => Box::new(LogprobScorer::new(measure.into())),
        Source::Embed | Source::Nli | Source::Blend => {
            materials.models.runs(source, &check.name)?;
            let facts = materials.facts.ok_or_else(|| lacking("--facts"))?;
            materials.models.scorer(source, facts.clone())?
        }
    })
}

/// A column of scores that several scorers can share, and that can be asked, at
/// the end, what is left of it.
#[derive(Clone)]
pub(crate) struct Column(Arc<Mutex<HostScores>>);

impl Column {
    pub(crate) fn new(scores: HostScores) -> Column {
        Column(Arc::new(Mutex::new(scores)))
    }

    pub(crate) fn remaining(&self) -> usize {
        self.0.lock().map_or(0, |scores| scores.remaining())
    }
}

impl Scorer for Column {
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        match self.0.lock() {
            Ok(mut scores) => scores.score(claim),
            Err(_) => Err(ScoreError::Failed("the thread that read the scores died".to_string())),
        }
    }
}
