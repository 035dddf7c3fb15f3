//! Labelled answers through the gate.

use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tidegate::{
    Channel, Checks, HaltCheck, Limits, MeasureKind, Mode, Models, OnError, OnFinding, Policy,
    Score, ScorePolicy, Source, TokenLogprob, Unit,
};
use tidegate_ground::{Facts, FactsFormat};
use tidegate_score::{BlendScorer, Claim, FactsScorer, LogprobScorer, ScoreError, Scored, Scorer};

use crate::data::Example;
use crate::input::{self, BadInput};
use crate::models::Loaded;

/// Passes answers whole through the gate of one check.
pub(crate) struct Judge {
    check: HaltCheck,
    models: Rc<Loaded>,
    /// The check with no limit that halts, for the scores of all claims.
    shadow: Checks,
    /// The check as it is.
    enforce: Checks,
    /// What is held to be true where the data have no facts, and its passages.
    facts: Arc<Facts>,
    passages: Vec<String>,
    /// The scorer that was made last: rows with the same facts often stand
    /// together.
    made: Option<(Vec<String>, Shared)>,
}

/// What the gate made of an answer.
pub(crate) struct Judged {
    /// The least of its claims' scores: 0 if a finding or a missing score halts
    /// it, 1 if no claim is held to the limits.
    pub(crate) score: f64,
    pub(crate) claims: Vec<JudgedClaim>,
    pub(crate) is_halted: bool,
    /// The number of the token with which the halt came.
    pub(crate) halted_at: Option<usize>,
    /// How many bytes left.
    pub(crate) released: u64,
}

#[derive(Clone, Copy)]
pub(crate) struct JudgedClaim {
    /// As its scorer gave it; 0 if there is none.
    pub(crate) score: f64,
    /// What the policy makes of it.
    pub(crate) does: OnFinding,
    /// How long the score took, in microseconds.
    pub(crate) micros: f64,
}

/// What is measured: a policy's one halt check that runs, and what it needs.
pub(crate) struct Subject {
    pub(crate) check: HaltCheck,
    pub(crate) limits: Limits,
    pub(crate) models: Rc<Loaded>,
}

impl Subject {
    pub(crate) fn new(path: Option<&Path>) -> Result<Subject, BadInput> {
        let Some(path) = path else {
            let score = ScorePolicy {
                from: Source::Facts,
                // data with answers that the facts do not speak to are to be measured
                on_unsupported: Some(OnFinding::Score),
                ..ScorePolicy::default()
            };
            let check = HaltCheck { name: "facts".to_string(), score, ..HaltCheck::default() };
            let models = Rc::new(Loaded::new(&Models::default(), Path::new("")));
            return Ok(Subject { check, limits: Limits::default(), models });
        };
        let (checks, _) = input::checks(path)?;
        let policy = checks.policy();
        let mut running = policy.halt.iter().filter(|check| check.mode != Mode::Off);
        let (check, others) = (running.next(), running.count());
        let fault = |what: String| Err(BadInput::file(path, what));
        match check {
            None => fault("no halt check runs: there is nothing to measure".to_string()),
            Some(_) if others > 0 => fault(format!(
                "{} halt checks run, and one is measured: switch the others off",
                others + 1
            )),
            Some(check) if check.score.unit() == Unit::Token => fault(format!(
                "the check `{}` scores tokens: say `at = \"claim\"`, labels are for answers",
                check.name
            )),
            Some(check) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                let models = Rc::new(Loaded::new(&policy.models, folder));
                Ok(Subject { check: check.clone(), limits: policy.limits, models })
            }
        }
    }
}

impl Judge {
    /// A judge by this check, whatever its mode, on its own.
    pub(crate) fn new(
        check: &HaltCheck,
        subject: &Subject,
        facts: Option<&Path>,
    ) -> Result<Judge, BadInput> {
        for source in [Source::Embed, Source::Nli] {
            if check.score.takes(source) {
                subject.models.runs(source, &check.name)?;
            }
        }
        let facts = Arc::new(facts.map(input::facts).transpose()?.unwrap_or_default());
        let passages = facts.passages().map(|passage| passage.text.to_string()).collect();
        let checks = |check: HaltCheck| {
            let (limits, models) = (subject.limits, subject.models.models().clone());
            let policy = Policy { halt: vec![check], models, limits, ..Policy::default() };
            Checks::new(&policy).map_err(|error| BadInput::Usage(error.to_string()))
        };
        let enforce = HaltCheck { mode: Mode::Enforce, ..check.clone() };
        let shadow = HaltCheck {
            mode: Mode::Shadow,
            hard_limit: 0.0,
            soft_limit: 0.0,
            window_threshold: 0.0,
            // which no drop is above
            trend_threshold: Some(1.0),
            score: ScorePolicy {
                on_contradicted: Some(OnFinding::Score),
                on_unsupported: Some(OnFinding::Score),
                on_error: OnError::Allow,
                ..check.score.clone()
            },
            ..check.clone()
        };
        Ok(Judge {
            check: check.clone(),
            models: subject.models.clone(),
            shadow: checks(shadow)?,
            enforce: checks(enforce)?,
            facts,
            passages,
            made: None,
        })
    }

    /// What an example's answer is held against.
    pub(crate) fn facts_of<'a>(&'a self, example: &'a Example) -> &'a [String] {
        example.facts.as_ref().unwrap_or(&self.passages)
    }

    /// Whether the data must have facts.
    pub(crate) fn needs_facts(&self) -> bool {
        let takes = |source| self.check.score.takes(source);
        self.facts.is_empty() && [Source::Facts, Source::Embed, Source::Nli].into_iter().any(takes)
    }

    /// # Errors
    /// What is wrong with the example's facts.
    pub(crate) fn judge(&mut self, example: &Example) -> Result<Judged, String> {
        let source = self.check.score.from;
        let answers = Answers::default();
        let timed = Timed { scorer: self.scorer(example)?, answers: answers.clone() };
        let pieces = pieces(example);
        let mut driver = self.shadow.driver();
        driver.set_scorer(source, timed);
        for (text, logprobs) in &pieces {
            driver.push(0, Channel::Content, text, logprobs, &mut |_| {});
        }
        driver.finish(&mut |_| {});

        let answers = std::mem::take(&mut *answers.lock());
        let claims: Vec<JudgedClaim> = answers
            .iter()
            .map(|(scored, micros)| {
                let (score, does) = self.effect(scored);
                JudgedClaim { score, does, micros: *micros }
            })
            .collect();
        let scores = claims.iter().filter_map(|claim| match claim.does {
            // as the gate keeps it
            OnFinding::Score => Some(Score::from_f64(claim.score).map_or(0.0, Score::to_f64)),
            OnFinding::Halt => Some(0.0),
            OnFinding::Allow => None,
        });
        let score = scores.fold(1.0, f64::min);

        // the same claims come in the same order: they need no second score
        let again =
            Again(answers.into_iter().map(|(scored, _)| scored).collect::<Vec<_>>().into_iter());
        let mut driver = self.enforce.driver();
        driver.set_scorer(source, again);
        let (mut released, mut halted_at) = (0, None);
        let mut note = |turn: tidegate::Turn<'_>| {
            released =
                turn.step.releases().map(|release| release.span.end).fold(released, u64::max);
        };
        for (number, (text, logprobs)) in pieces.iter().enumerate() {
            driver.push(0, Channel::Content, text, logprobs, &mut note);
            if driver.verdict(0).halted().is_some() {
                halted_at = Some(number);
                break;
            }
        }
        driver.finish(&mut note);
        let is_halted = driver.verdict(0).halted().is_some();
        let at_end = is_halted.then(|| pieces.len().saturating_sub(1));
        Ok(Judged { score, claims, is_halted, halted_at: halted_at.or(at_end), released })
    }

    /// The score of a claim and what the policy makes of it.
    fn effect(&self, scored: &Result<Scored, ScoreError>) -> (f64, OnFinding) {
        let policy = &self.check.score;
        match scored {
            Ok(scored) if Score::from_f64(scored.score).is_ok() => {
                (scored.score, policy.on_finding(scored.finding()))
            }
            // what is no score halts
            Ok(_) => (0.0, OnFinding::Halt),
            Err(error) => match policy.on_score_error(error) {
                OnError::Halt => (0.0, OnFinding::Halt),
                OnError::Allow => (0.0, OnFinding::Allow),
            },
        }
    }

    fn scorer(&mut self, example: &Example) -> Result<Shared, String> {
        let facts = self.facts_of(example);
        let policy = &self.check.score;
        let store = || match &example.facts {
            None => Ok(self.facts.clone()),
            Some(facts) => store(facts),
        };
        if let Some((_, made)) = self.made.as_ref().filter(|(of, _)| of[..] == *facts) {
            return Ok(made.clone());
        }
        let made: Box<dyn Scorer + Send> = match &policy.blend {
            Some(blend) => {
                let mut scorer = BlendScorer::new(blend.blend());
                for part in blend.weights.inputs() {
                    let input =
                        scorer_of(part.source, part.measure, &store, example, &self.models)?;
                    scorer.set_scorer(part.name, input);
                }
                Box::new(scorer)
            }
            None => scorer_of(policy.from, policy.measure(), &store, example, &self.models)?,
        };
        let made = Shared(Arc::new(Mutex::new(made)));
        // scores of the host belong to the row
        if !policy.takes(Source::Host) {
            self.made = Some((facts.to_vec(), made.clone()));
        }
        Ok(made)
    }
}

/// The scorer of one source.
fn scorer_of(
    source: Source,
    measure: MeasureKind,
    store: &dyn Fn() -> Result<Arc<Facts>, String>,
    example: &Example,
    models: &Loaded,
) -> Result<Box<dyn Scorer + Send>, String> {
    Ok(match source {
        Source::Facts => Box::new(FactsScorer::new(store()?)),
        Source::Host => Box::new(Given { scores: example.host.clone(), next: 0 }),
        Source::Logprob => Box::new(LogprobScorer::new(measure.into())),
        Source::Embed | Source::Nli | Source::Blend => {
            models.scorer(source, store()?).map_err(|error| error.to_string())?
        }
    })
}

/// The facts of a row.
fn store(facts: &[String]) -> Result<Arc<Facts>, String> {
    let mut store = Facts::new();
    for text in facts {
        match store.read(FactsFormat::Text, "", text.as_bytes()) {
            // a line of dashes among facts is none
            Err(error) if error.is_empty() && facts.len() > 1 => {}
            read => drop(read.map_err(|error| error.to_string())?),
        }
    }
    Ok(Arc::new(store))
}

/// The tokens of an answer, each with the space behind it; the answer whole if
/// there are none.
fn pieces(example: &Example) -> Vec<(&str, Vec<TokenLogprob>)> {
    let text = &example.answer;
    if example.tokens.is_empty() {
        return vec![(text, Vec::new())];
    }
    let mut starts: Vec<usize> = example.tokens.iter().map(|token| token.place.start).collect();
    if let Some(first) = starts.first_mut() {
        *first = 0;
    }
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    let places = example.tokens.iter().zip(starts.iter().zip(ends));
    let piece = |(token, (start, end)): (&crate::data::Token, (&usize, usize))| {
        let text = text.get(*start..end).unwrap_or_default();
        let logprob =
            token.logprob.map(|logprob| TokenLogprob { bytes: text.len(), logprob, entropy: None });
        (text, logprob.into_iter().collect())
    };
    places.map(piece).collect()
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Box<dyn Scorer + Send>>>);

/// What a scorer said and how many microseconds it took.
type Timing = (Result<Scored, ScoreError>, f64);

/// What was said, claim by claim.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<Vec<Timing>>>);

// a driver's scorers may go from thread to thread; these never do

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Box<dyn Scorer + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers {
    fn lock(&self) -> MutexGuard<'_, Vec<Timing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Timed {
    scorer: Shared,
    answers: Answers,
}

impl Scorer for Timed {
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        let start = Instant::now();
        let scored = self.scorer.lock().score(claim);
        let micros = start.elapsed().as_nanos() as f64 / 1000.0;
        self.answers.lock().push((scored.clone(), micros));
        scored
    }
}

/// Says again what was said.
struct Again(std::vec::IntoIter<Result<Scored, ScoreError>>);

impl Scorer for Again {
    fn score(&mut self, _claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        self.0.next().unwrap_or(Err(ScoreError::Missing))
    }
}

/// The scores of a row; one stands for all claims.
struct Given {
    scores: Vec<f64>,
    next: usize,
}

impl Scorer for Given {
    fn score(&mut self, _claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        let score = match &self.scores[..] {
            [one] => Some(one),
            scores => scores.get(self.next),
        };
        self.next += 1;
        let score = *score.ok_or(ScoreError::Missing)?;
        Ok(Scored { score, evidence: None })
    }
}
