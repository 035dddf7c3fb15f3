//! The driver: a gate and the scorers that answer it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use tidegate_kernel::Channel;
use tidegate_score::{Claim, LogprobScorer, ScoreError, Scored, Scorer, TokenStat, probability};
use tidegate_wire::TokenLogprob;

use crate::checks::Checks;
use crate::gate::{Event, Gate, Request, Step, UnknownRequest};
use crate::policy::{HaltCheck, Limits, MeasureKind, Policy, PolicyError, Source, Unit};
use crate::tokens::{ReleasedToken, Tokens};
use crate::verdict::Verdict;
use crate::words::Answer;

/// Drives a [`Gate`]: pushes text and answers its requests at once, with the
/// scorers it was given.
///
/// Scorers that would keep the text waiting are left to whoever drives the
/// driver: after [`Driver::defer`] the claims of a source are handed out by
/// [`Driver::next_request`] and answered by [`Driver::resolve`], in any order and
/// while more text is pushed. The verdicts are the same.
///
/// ```
/// use tidegate::{Channel, Driver, Format, Policy, Source};
/// use tidegate_ground::Facts;
/// use tidegate_score::FactsScorer;
///
/// let policy = Policy::parse(
///     r#"
///     version = 1
///     [[halt]]
///     name = "facts"
///     score = { from = "facts" }
///     "#,
///     Format::Toml,
/// )?;
/// let facts = Facts::from_text("The museum opens at 9 and closes at 5.")?;
/// let mut driver = Driver::new(&policy)?;
/// driver.set_scorer(Source::Facts, FactsScorer::new(facts));
/// driver.ready()?;
///
/// let mut shown = String::new();
/// for delta in ["The museum ope", "ns at 9. It clos", "es at 4. Tickets", " are free."] {
///     driver.push(0, Channel::Content, delta, &[], &mut |turn| {
///         shown.extend(turn.step.releases().map(|release| release.text));
///     });
/// }
/// driver.finish(&mut |turn| {
///     shown.extend(turn.step.releases().map(|release| release.text));
/// });
/// assert_eq!(shown, "The museum opens at 9.");
/// let verdict = driver.verdict(0);
/// let halted = verdict.halted().expect("it closes at 5");
/// assert_eq!((halted.check.as_str(), halted.code.as_str()), ("facts", "hard_limit"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Driver {
    gate: Gate,
    scorers: BTreeMap<Source, Box<dyn Scorer + Send>>,
    /// Sources whose claims are handed out.
    deferred: BTreeSet<Source>,
    /// Claims that were not handed out yet.
    waiting: VecDeque<Request>,
    /// Claims that were handed out and not answered.
    handed: BTreeMap<u64, Request>,
    /// The gate may have taken back some of them.
    is_stale: bool,
    /// The running checks' sources, with the name of the first that has it.
    needed: BTreeMap<Source, String>,
    checks: Arc<[HaltCheck]>,
    /// Whether a check judges claims by their logprobs.
    logprobs_of_claims: bool,
    tapes: BTreeMap<(u32, Channel), Tape>,
    tape_tokens_max: usize,
    tokens: Tokens,
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("gate", &self.gate).finish_non_exhaustive()
    }
}

/// The logprobs of a channel's latest tokens, by where the tokens begin.
#[derive(Debug, Default)]
struct Tape {
    at: u64,
    tokens: VecDeque<(u64, TokenStat)>,
}

/// One turn of the driver: what the gate did, and why it was called.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What the gate did.
    pub step: &'a Step,
    /// What the gate was told.
    pub cause: Cause<'a>,
    /// The tokens whose text left with the step, for whoever forwards logprobs;
    /// empty if the stream has none.
    pub tokens: &'a [ReleasedToken],
}

/// What the gate was told.
#[derive(Clone, Copy, Debug)]
pub enum Cause<'a> {
    /// Text came.
    Delta {
        /// The choice.
        choice: u32,
        /// The channel.
        channel: Channel,
        /// The text.
        text: &'a str,
    },
    /// A token of the text that came last on the channel was scored.
    Token,
    /// A claim was scored.
    Claim {
        /// The claim.
        request: &'a Request,
        /// Its score and evidence.
        scored: &'a Result<Scored, ScoreError>,
    },
    /// Something is wrong with the stream itself.
    Fault,
    /// The stream has ended.
    Finish,
}

impl Driver {
    /// A driver at the start of a response, with a scorer for logprobs and none
    /// else. [`Checks::driver`] makes many from one policy.
    ///
    /// # Errors
    /// Those of [`Checks::new`].
    pub fn new(policy: &Policy) -> Result<Driver, PolicyError> {
        Ok(Checks::new(policy)?.driver())
    }

    pub(crate) fn with(made: &Checks) -> Driver {
        let checks = made.shared.halt.clone();
        let mut needed = BTreeMap::new();
        for check in checks.iter() {
            needed.entry(check.score.from).or_insert_with(|| check.name.clone());
        }
        Driver {
            gate: made.gate(),
            scorers: BTreeMap::new(),
            deferred: BTreeSet::new(),
            waiting: VecDeque::new(),
            handed: BTreeMap::new(),
            is_stale: false,
            needed,
            logprobs_of_claims: checks.iter().any(takes_logprobs_of_claims),
            checks,
            tapes: BTreeMap::new(),
            tape_tokens_max: made.limits().hold_bytes_max as usize,
            tokens: Tokens::new(made.limits().hold_bytes_max as usize),
        }
    }

    /// The limits of the policy.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.gate.limits()
    }

    /// From here on every step carries its records for a trace.
    pub fn record(&mut self) {
        self.gate.record();
    }

    /// Who answers for this source from here on. Logprobs have their scorer
    /// without it.
    pub fn set_scorer(&mut self, source: Source, scorer: impl Scorer + Send + 'static) {
        self.scorers.insert(source, Box::new(scorer));
    }

    /// From here on the claims of this source are handed out by
    /// [`Driver::next_request`]. Of tokens, those that the host scores wait for
    /// [`Driver::push_token`]; the others are scored as they come all the same.
    pub fn defer(&mut self, source: Source) {
        self.deferred.insert(source);
    }

    /// Whether every check that runs has its scorer or is deferred. Without one,
    /// its every score is missing.
    ///
    /// # Errors
    /// The first check that has none.
    pub fn ready(&self) -> Result<(), NoScorer> {
        let has = |source: &Source| {
            *source == Source::Logprob
                || self.scorers.contains_key(source)
                || self.deferred.contains(source)
        };
        match self.needed.iter().find(|(source, _)| !has(source)) {
            Some((source, check)) => Err(NoScorer { check: check.clone(), source: *source }),
            None => Ok(()),
        }
    }

    /// Whether a choice that came was halted.
    #[must_use]
    pub fn is_halted(&self, choice: u32) -> bool {
        self.gate.is_halted(choice)
    }

    /// What is decided of a choice so far.
    #[must_use]
    pub fn verdict(&self, choice: u32) -> Verdict {
        self.gate.verdict(choice)
    }

    /// Takes the next piece of a channel's text. To checks that judge tokens by
    /// the host's scores it is one token; `tokens` are its tokens as the stream
    /// gives them, with their logprobs, or empty.
    pub fn push(
        &mut self,
        choice: u32,
        channel: Channel,
        text: &str,
        tokens: &[TokenLogprob],
        on_turn: &mut impl FnMut(Turn<'_>),
    ) {
        // what a halted choice still says is nobody's business
        if text.is_empty() || self.gate.is_halted(choice) {
            return;
        }
        if self.logprobs_of_claims {
            let tape = self.tapes.entry((choice, channel)).or_default();
            tape.append(text.len() as u64, tokens, self.tape_tokens_max);
        }
        self.tokens.append((choice, channel), text.len() as u64, tokens);
        let step = self.gate.push(choice, channel, text);
        self.is_stale |= may_withdraw(step);
        let cause = Cause::Delta { choice, channel, text };
        on_turn(Turn { step, cause, tokens: self.tokens.follow(step) });
        self.score_tokens(choice, channel, text.len() as u64, tokens, on_turn);
        self.answer(on_turn);
    }

    /// Whether a check judges the tokens of the channel by scores of the source.
    pub(crate) fn scores_tokens(&self, source: Source, channel: Channel) -> bool {
        self.checks.iter().any(|check| {
            check.score.from == source
                && check.score.unit() == Unit::Token
                && check.watches(channel)
        })
    }

    /// Something is wrong with the stream itself; see [`Gate::fault`].
    pub fn fault(&mut self, code: &str, detail: &str, on_turn: &mut impl FnMut(Turn<'_>)) {
        let step = self.gate.fault(code, detail);
        self.is_stale |= may_withdraw(step);
        on_turn(Turn { step, cause: Cause::Fault, tokens: self.tokens.follow(step) });
    }

    /// The host's score of the next token, of so many bytes of text that was
    /// pushed, where the host's scores are deferred; see [`Gate::push_token`].
    pub fn push_token(
        &mut self,
        choice: u32,
        channel: Channel,
        bytes: u64,
        answer: impl Into<Answer>,
        on_turn: &mut impl FnMut(Turn<'_>),
    ) {
        let step = self.gate.push_token(choice, channel, Source::Host, bytes, answer);
        self.is_stale |= may_withdraw(step);
        on_turn(Turn { step, cause: Cause::Token, tokens: self.tokens.follow(step) });
    }

    /// How many bytes of a channel's text are held back now.
    #[must_use]
    pub fn held_bytes(&self, choice: u32, channel: Channel) -> u64 {
        self.gate.held_bytes(choice, channel)
    }

    /// One choice has ended.
    pub fn finish_choice(&mut self, choice: u32, on_turn: &mut impl FnMut(Turn<'_>)) {
        let step = self.gate.finish(choice);
        self.is_stale |= may_withdraw(step);
        on_turn(Turn { step, cause: Cause::Finish, tokens: self.tokens.follow(step) });
        self.answer(on_turn);
    }

    /// The stream has ended.
    pub fn finish(&mut self, on_turn: &mut impl FnMut(Turn<'_>)) {
        let (tokens, is_stale) = (&mut self.tokens, &mut self.is_stale);
        self.gate.finish_all(|step| {
            *is_stale |= may_withdraw(step);
            on_turn(Turn { step, cause: Cause::Finish, tokens: tokens.follow(step) });
        });
        self.answer(on_turn);
    }

    fn score_tokens(
        &mut self,
        choice: u32,
        channel: Channel,
        bytes: u64,
        tokens: &[TokenLogprob],
        on_turn: &mut impl FnMut(Turn<'_>),
    ) {
        let host =
            self.scores_tokens(Source::Host, channel) && !self.deferred.contains(&Source::Host);
        let of_logprobs = |check: &&HaltCheck| {
            check.score.from == Source::Logprob
                && check.score.unit() == Unit::Token
                && check.watches(channel)
        };
        let measures = self.checks.iter().filter(of_logprobs).map(|check| check.score.measure());
        let measures: BTreeSet<MeasureKind> = measures.collect();
        let mut score = |source, bytes, answer: Result<f64, ScoreError>| {
            let gate = &mut self.gate;
            let step = gate.push_token_for(choice, channel, source, bytes, answer.into());
            self.is_stale |= may_withdraw(step);
            on_turn(Turn { step, cause: Cause::Token, tokens: self.tokens.follow(step) });
        };
        if host {
            let scored = match self.scorers.get_mut(&Source::Host) {
                Some(scorer) => scorer.score(&Claim::new("")),
                None => Err(ScoreError::Missing),
            };
            score((Source::Host, None), bytes, scored.map(|scored| scored.score));
        }
        for measure in measures {
            let source = (Source::Logprob, Some(measure));
            if tokens.is_empty() {
                score(source, bytes, Err(ScoreError::Missing));
            }
            for token in tokens {
                let exponent = match measure {
                    MeasureKind::Mean | MeasureKind::Min => Some(token.logprob),
                    MeasureKind::Entropy => token.entropy.map(|entropy| -entropy),
                };
                let answer = exponent.map(probability).ok_or(ScoreError::Missing);
                score(source, token.bytes as u64, answer);
            }
        }
    }

    /// Answers what the gate asks, or keeps it to be handed out.
    fn answer(&mut self, on_turn: &mut impl FnMut(Turn<'_>)) {
        while let Some(mut request) = self.gate.next_request() {
            let check = self.checks.iter().find(|check| *check.name == *request.check);
            let tape = self.tapes.get_mut(&(request.choice, request.channel));
            if let (Some(tape), true) = (tape, check.is_some_and(takes_logprobs_of_claims)) {
                request.tokens = tape.read(&request);
            }
            if self.deferred.contains(&request.source) {
                self.waiting.push_back(request);
                continue;
            }
            let claim = Claim { text: &request.text, tokens: &request.tokens };
            let scored = match (self.scorers.get_mut(&request.source), check) {
                (Some(scorer), _) => scorer.score(&claim),
                (None, Some(check)) if request.source == Source::Logprob => {
                    LogprobScorer::new(check.score.measure().into()).score(&claim)
                }
                _ => Err(ScoreError::Missing),
            };
            self.judge(&request, &scored, on_turn);
        }
        self.forget_withdrawn();
    }

    fn judge(
        &mut self,
        request: &Request,
        scored: &Result<Scored, ScoreError>,
        on_turn: &mut impl FnMut(Turn<'_>),
    ) {
        // the number is the gate's own
        let Ok(step) = self.gate.resolve(request.id, scored) else { return };
        self.is_stale |= may_withdraw(step);
        let cause = Cause::Claim { request, scored };
        on_turn(Turn { step, cause, tokens: self.tokens.follow(step) });
    }

    /// The next claim of a deferred source, if there is one.
    pub fn next_request(&mut self) -> Option<Request> {
        self.forget_withdrawn();
        let request = self.waiting.pop_front()?;
        self.handed.insert(request.id, request.clone());
        Some(request)
    }

    /// The claim that was handed out with this number, if it was not answered.
    #[must_use]
    pub fn handed(&self, id: u64) -> Option<&Request> {
        self.handed.get(&id)
    }

    /// Whether an answer to this request is still waited for: it was asked and
    /// not answered, and nothing halted what it is about.
    #[must_use]
    pub fn awaits(&self, id: u64) -> bool {
        self.gate.awaits(id)
    }

    /// Answers a claim that was handed out. Answers may come in any order; claims
    /// are judged in the order of the text. The first answer stands: another one,
    /// or one that is not waited for any more, changes nothing and makes no turn.
    ///
    /// # Errors
    /// When no request had that number.
    pub fn resolve(
        &mut self,
        id: u64,
        scored: Result<Scored, ScoreError>,
        on_turn: &mut impl FnMut(Turn<'_>),
    ) -> Result<(), UnknownRequest> {
        self.forget_withdrawn();
        match self.handed.remove(&id) {
            Some(request) => self.judge(&request, &scored, on_turn),
            None if self.gate.has_asked(id) => {}
            None => return Err(UnknownRequest { id }),
        }
        Ok(())
    }

    fn forget_withdrawn(&mut self) {
        if std::mem::take(&mut self.is_stale) {
            let gate = &self.gate;
            self.waiting.retain(|request| gate.awaits(request.id));
            self.handed.retain(|id, _| gate.awaits(*id));
        }
    }
}

/// Whether the gate may have taken back requests with the step.
fn may_withdraw(step: &Step) -> bool {
    step.events().iter().any(|event| match event {
        Event::Halted(_) | Event::Shadow(_) => true,
        Event::Allowed(halted) => halted.code == "hold_overflow",
        Event::Passed(_) | Event::Matched(_) => false,
    })
}

fn takes_logprobs_of_claims(check: &HaltCheck) -> bool {
    check.score.takes(Source::Logprob) && check.score.unit() == Unit::Claim
}

impl Tape {
    /// Notes the tokens of the next so many bytes. Of a check that asks no
    /// more, only the latest are kept.
    fn append(&mut self, bytes: u64, tokens: &[TokenLogprob], tokens_max: usize) {
        let mut start = self.at;
        self.at += bytes;
        for token in tokens {
            if self.tokens.len() >= tokens_max {
                self.tokens.pop_front();
            }
            let TokenLogprob { logprob, entropy, .. } = *token;
            self.tokens.push_back((start.min(self.at), TokenStat { logprob, entropy }));
            start = start.saturating_add(token.bytes as u64);
        }
    }

    /// The tokens that begin in the claim. Several checks may
    /// ask for the same claim, so what begins before it goes and it stays.
    fn read(&mut self, request: &Request) -> Vec<TokenStat> {
        while self.tokens.front().is_some_and(|(start, _)| *start < request.span.start) {
            self.tokens.pop_front();
        }
        let inside = self.tokens.iter().take_while(|(start, _)| *start < request.span.end);
        inside.map(|(_, token)| *token).collect()
    }
}

/// A check takes its scores from a source that has no scorer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoScorer {
    check: String,
    source: Source,
}

impl NoScorer {
    /// The check.
    #[must_use]
    pub fn check(&self) -> &str {
        &self.check
    }

    /// Where it takes its scores from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }
}

impl fmt::Display for NoScorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (check, source) = (&self.check, self.source.as_str());
        write!(f, "the check `{check}` takes its scores from `{source}`, and there is none")
    }
}

impl std::error::Error for NoScorer {}
