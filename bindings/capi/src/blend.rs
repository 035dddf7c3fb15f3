//! Blends: what is scored here is scored at once, for the rest the host is asked part by part.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate::{BlendPolicy, Checks, HaltCheck, Request, Source};
use tidegate_ground::Facts;
use tidegate_score::{
    Blend, BlendScorer, Claim, FactsScorer, LogprobScorer, ScoreError, Scored, Scorer,
};

use tidegate_abi::Failure;
use tidegate_abi::tg_status::*;

/// Numbers of requests for parts begin here; those of the gate end before.
pub(crate) const PARTS: u32 = 1 << 31;

type Answer = Result<Scored, ScoreError>;

/// The blends of a policy, and the claims whose parts are not all there.
#[derive(Default)]
pub(crate) struct Blends {
    /// By the names of their checks.
    checks: BTreeMap<String, BlendCheck>,
    /// By the claim's request.
    open: BTreeMap<u64, Open>,
    /// What was asked for: the claim's request and the name of the part.
    asked: BTreeMap<u32, (u64, &'static str)>,
    parts: u32,
}

struct BlendCheck {
    blend: Blend,
    here: Vec<(&'static str, Box<dyn Scorer + Send>)>,
    there: Vec<(&'static str, Source)>,
}

/// A claim some of whose parts are missing.
struct Open {
    request: Request,
    given: BTreeMap<&'static str, Answer>,
    missing: usize,
}

/// What became of a claim.
pub(crate) enum Blended {
    Scored(Answer),
    /// The host is asked for these.
    Asks(Vec<Request>),
}

impl Blends {
    pub(crate) fn new(checks: &Checks, facts: Option<&Arc<Facts>>) -> Result<Blends, Failure> {
        let mut blends = Blends::default();
        for check in checks.halt().iter().filter(|check| check.score.from == Source::Blend) {
            if let Some(blend) = &check.score.blend {
                blends.checks.insert(check.name.clone(), BlendCheck::new(check, blend, facts)?);
            }
        }
        Ok(blends)
    }

    /// Begins to score a claim, if its check has a blend, or there are too many claims.
    pub(crate) fn begin(&mut self, request: &Request) -> Option<Blended> {
        if request.id >= u64::from(PARTS) {
            let why = "a gate asks for at most 2^31 scores".to_string();
            return Some(Blended::Scored(Err(ScoreError::Failed(why))));
        }
        let check = self.checks.get_mut(&*request.check)?;
        let claim = Claim { text: &request.text, tokens: &request.tokens };
        let given = check.here.iter_mut().map(|(name, scorer)| (*name, scorer.score(&claim)));
        let given: BTreeMap<&'static str, Answer> = given.collect();
        if check.there.is_empty() {
            return Some(Blended::Scored(blended(&check.blend, &claim, given)));
        }
        let mut asks = Vec::new();
        for (name, source) in &check.there {
            let Some(id) = self.parts.checked_add(PARTS) else {
                let why = "a gate asks for at most 2^31 parts of blends".to_string();
                return Some(Blended::Scored(Err(ScoreError::Failed(why))));
            };
            self.parts += 1;
            self.asked.insert(id, (request.id, name));
            asks.push(Request { id: u64::from(id), source: *source, ..request.clone() });
        }
        let open = Open { request: request.clone(), given, missing: asks.len() };
        self.open.insert(request.id, open);
        Some(Blended::Asks(asks))
    }

    /// Whether a part was ever asked for.
    pub(crate) fn has_asked(&self, part: u32) -> bool {
        part.checked_sub(PARTS).is_some_and(|number| number < self.parts)
    }

    /// The claim's request that a part is for, while its answer is waited for.
    pub(crate) fn claim_of(&self, part: u32) -> Option<u64> {
        self.asked.get(&part).map(|(claim, _)| *claim)
    }

    /// Takes a part. With the last one, the claim's request and its score.
    pub(crate) fn take(&mut self, part: u32, answer: Answer) -> Option<(u64, Answer)> {
        let (id, name) = self.asked.remove(&part)?;
        let open = self.open.get_mut(&id)?;
        open.given.insert(name, answer);
        open.missing -= 1;
        if open.missing > 0 {
            return None;
        }
        let Open { request, given, .. } = self.open.remove(&id)?;
        let check = self.checks.get(&*request.check)?;
        let claim = Claim { text: &request.text, tokens: &request.tokens };
        Some((id, blended(&check.blend, &claim, given)))
    }

    /// Forgets claims that nobody waits for.
    pub(crate) fn forget(&mut self, is_awaited: impl Fn(u64) -> bool) {
        self.open.retain(|id, _| is_awaited(*id));
        self.asked.retain(|_, (id, _)| self.open.contains_key(id));
    }
}

impl BlendCheck {
    fn new(
        check: &HaltCheck,
        blend: &BlendPolicy,
        facts: Option<&Arc<Facts>>,
    ) -> Result<BlendCheck, Failure> {
        let mut made = BlendCheck { blend: blend.blend(), here: Vec::new(), there: Vec::new() };
        for part in blend.weights.inputs() {
            let scorer: Box<dyn Scorer + Send> = match (part.source, facts) {
                (Source::Logprob, _) => Box::new(LogprobScorer::new(part.measure.into())),
                (Source::Facts, Some(facts)) => Box::new(FactsScorer::new(facts.clone())),
                (Source::Facts, None) => {
                    let name = &check.name;
                    let message =
                        format_args!("the check `{name}` blends `facts`: give the gate facts");
                    return Err(Failure::new(TG_NOT_READY, message));
                }
                (source, _) => {
                    made.there.push((part.name, source));
                    continue;
                }
            };
            made.here.push((part.name, scorer));
        }
        Ok(made)
    }
}

/// An answer that was given.
struct Given(Option<Answer>);

impl Scorer for Given {
    fn score(&mut self, _: &Claim<'_>) -> Answer {
        self.0.take().unwrap_or(Err(ScoreError::Missing))
    }
}

fn blended(blend: &Blend, claim: &Claim<'_>, given: BTreeMap<&'static str, Answer>) -> Answer {
    let mut scorer = BlendScorer::new(blend.clone());
    for (name, answer) in given {
        scorer.set_scorer(name, Box::new(Given(Some(answer))));
    }
    scorer.score(claim)
}
