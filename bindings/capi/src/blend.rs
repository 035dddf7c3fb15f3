//! Blends: what is scored here is scored at once, for the rest the host is asked part by part.

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
    checks: Vec<BlendCheck>,
    /// In the order in which they were asked for.
    open: Vec<Open>,
    parts: u32,
}

struct BlendCheck {
    name: String,
    blend: Blend,
    here: Vec<(&'static str, Box<dyn Scorer + Send>)>,
    there: Vec<(&'static str, Source)>,
}

/// A claim some of whose parts are missing.
struct Open {
    request: Request,
    here: Vec<Answer>,
    /// The number of the first part that the host is asked for; the others follow it.
    first: u32,
    there: Vec<Option<Answer>>,
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
                blends.checks.push(BlendCheck::new(check, blend, facts)?);
            }
        }
        Ok(blends)
    }

    /// Begins to score a claim, if its check has a blend, or there are too many claims.
    pub(crate) fn begin(&mut self, request: &Request) -> Option<Blended> {
        let failed = |why: &str| Some(Blended::Scored(Err(ScoreError::Failed(why.to_string()))));
        if request.id >= u64::from(PARTS) {
            return failed("a gate asks for at most 2^31 scores");
        }
        let check = self.checks.iter_mut().find(|check| *check.name == *request.check)?;
        let claim = Claim { text: &request.text, tokens: &request.tokens };
        let here: Vec<Answer> =
            check.here.iter_mut().map(|(_, scorer)| scorer.score(&claim)).collect();
        let first = PARTS + self.parts;
        let open = Open { request: request.clone(), here, first, there: Vec::new() };
        if check.there.is_empty() {
            return Some(Blended::Scored(check.blended(open)));
        }
        let count = check.there.len() as u32;
        let Some(parts) = self.parts.checked_add(count).filter(|parts| *parts < PARTS) else {
            return failed("a gate asks for at most 2^31 parts of blends");
        };
        self.parts = parts;
        let numbered = check.there.iter().zip(first..);
        let ask = |(&(_, source), id)| Request { id: u64::from(id), source, ..request.clone() };
        let asks = numbered.map(ask).collect();
        self.open.push(Open { there: vec![None; check.there.len()], ..open });
        Some(Blended::Asks(asks))
    }

    /// Whether a part was ever asked for.
    pub(crate) fn has_asked(&self, part: u32) -> bool {
        part.checked_sub(PARTS).is_some_and(|number| number < self.parts)
    }

    /// Where the claim is that a part is for, and which of its parts it is, while its answer is
    /// waited for.
    fn find(&self, part: u32) -> Option<(usize, usize)> {
        let at = self.open.partition_point(|open| open.first <= part).checked_sub(1)?;
        let open = self.open.get(at)?;
        let number = (part - open.first) as usize;
        matches!(open.there.get(number), Some(None)).then_some((at, number))
    }

    /// The claim's request that a part is for, while its answer is waited for.
    pub(crate) fn claim_of(&self, part: u32) -> Option<u64> {
        let (at, _) = self.find(part)?;
        self.open.get(at).map(|open| open.request.id)
    }

    /// Takes a part. With the last one, the claim's request and its score.
    pub(crate) fn take(&mut self, part: u32, answer: Answer) -> Option<(u64, Answer)> {
        let (at, number) = self.find(part)?;
        let there = &mut self.open.get_mut(at)?.there;
        *there.get_mut(number)? = Some(answer);
        if there.iter().any(Option::is_none) {
            return None;
        }
        let open = self.open.remove(at);
        let check = self.checks.iter().find(|check| *check.name == *open.request.check)?;
        Some((open.request.id, check.blended(open)))
    }

    /// Forgets claims that nobody waits for.
    pub(crate) fn forget(&mut self, is_awaited: impl Fn(u64) -> bool) {
        self.open.retain(|open| is_awaited(open.request.id));
    }
}

impl BlendCheck {
    fn new(
        check: &HaltCheck,
        blend: &BlendPolicy,
        facts: Option<&Arc<Facts>>,
    ) -> Result<BlendCheck, Failure> {
        let (name, blend_of) = (check.name.clone(), blend.blend());
        let (here, there) = (Vec::new(), Vec::new());
        let mut made = BlendCheck { name, blend: blend_of, here, there };
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

    fn blended(&self, open: Open) -> Answer {
        let Open { request, here, there, .. } = open;
        let mut scorer = BlendScorer::new(self.blend.clone());
        let here = self.here.iter().map(|(name, _)| *name).zip(here.into_iter().map(Some));
        let there = self.there.iter().map(|(name, _)| *name).zip(there);
        for (name, answer) in here.chain(there) {
            scorer.set_scorer(name, Box::new(Given(answer)));
        }
        scorer.score(&Claim { text: &request.text, tokens: &request.tokens })
    }
}

/// An answer that was given.
struct Given(Option<Answer>);

impl Scorer for Given {
    fn score(&mut self, _: &Claim<'_>) -> Answer {
        self.0.take().unwrap_or(Err(ScoreError::Missing))
    }
}
