//! The driver: a gate and the scorers that answer it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use tidegate_kernel::Channel;
use tidegate_score::{Claim, LogprobScorer, ScoreError, Scored, Scorer, probability};
use tidegate_wire::TokenLogprob;

use crate::checks::Checks;
use crate::gate::{Gate, Request, Step};
use crate::policy::{HaltCheck, Policy, PolicyError, Source, Unit};
use crate::tokens::{ReleasedToken, Tokens};
use crate::verdict::Verdict;

/// Drives a [`Gate`]: pushes text and answers its requests at once, with the
/// scorers it was given.
///
/// ```
/// use tidegate::{Channel, Driver, Format, Policy, Source};
/// use tidegate_score::{Facts, FactsScorer};
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
/// let facts = Facts::parse("The museum opens at 9 and closes at 5.")?;
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
    scorers: BTreeMap<Source, Box<dyn Scorer>>,
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
    tokens: VecDeque<(u64, f64)>,
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
        let mut scorers: BTreeMap<Source, Box<dyn Scorer>> = BTreeMap::new();
        scorers.insert(Source::Logprob, Box::new(LogprobScorer));
        Driver {
            gate: made.gate(),
            scorers,
            needed,
            logprobs_of_claims: checks.iter().any(|check| {
                check.score.from == Source::Logprob && check.score.unit() == Unit::Claim
            }),
            checks,
            tapes: BTreeMap::new(),
            tape_tokens_max: made.policy().limits.hold_bytes_max as usize,
            tokens: Tokens::new(made.policy().limits.hold_bytes_max as usize),
        }
    }

    /// From here on every step carries its records for a trace.
    pub fn record(&mut self) {
        self.gate.record();
    }

    /// Who answers for this source from here on.
    pub fn set_scorer(&mut self, source: Source, scorer: impl Scorer + 'static) {
        self.scorers.insert(source, Box::new(scorer));
    }

    /// Whether every check that runs has its scorer. Without one, its every
    /// score is missing.
    ///
    /// # Errors
    /// The first check that has none.
    pub fn ready(&self) -> Result<(), NoScorer> {
        let lacking = self.needed.iter().find(|(source, _)| !self.scorers.contains_key(source));
        match lacking {
            Some((source, check)) => Err(NoScorer { check: check.clone(), source: *source }),
            None => Ok(()),
        }
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
        on_turn(Turn { step, cause: Cause::Fault, tokens: self.tokens.follow(step) });
    }

    /// The stream has ended.
    pub fn finish(&mut self, on_turn: &mut impl FnMut(Turn<'_>)) {
        let tokens = &mut self.tokens;
        self.gate.finish_all(|step| {
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
        let host = self.scores_tokens(Source::Host, channel);
        let logprob = self.scores_tokens(Source::Logprob, channel);
        let mut score = |source, bytes, answer: Result<f64, ScoreError>| {
            let step = self.gate.push_token(choice, channel, source, bytes, answer);
            on_turn(Turn { step, cause: Cause::Token, tokens: self.tokens.follow(step) });
        };
        if host {
            let scored = match self.scorers.get_mut(&Source::Host) {
                Some(scorer) => scorer.score(&Claim::new("")),
                None => Err(ScoreError::Missing),
            };
            score(Source::Host, bytes, scored.map(|scored| scored.score));
        }
        if logprob && tokens.is_empty() {
            score(Source::Logprob, bytes, Err(ScoreError::Missing));
        } else if logprob {
            for token in tokens {
                score(Source::Logprob, token.bytes as u64, Ok(probability(token.logprob)));
            }
        }
    }

    fn answer(&mut self, on_turn: &mut impl FnMut(Turn<'_>)) {
        while let Some(request) = self.gate.next_request() {
            let logprobs = match self.tapes.get_mut(&(request.choice, request.channel)) {
                Some(tape) if request.source == Source::Logprob => tape.read(&request),
                _ => Vec::new(),
            };
            let claim = Claim { text: &request.text, logprobs: &logprobs };
            let scored = match self.scorers.get_mut(&request.source) {
                Some(scorer) => scorer.score(&claim),
                None => Err(ScoreError::Missing),
            };
            let answer = scored.as_ref().map(|scored| scored.score).map_err(ScoreError::clone);
            // the number is the gate's own
            if let Ok(step) = self.gate.resolve(request.id, answer) {
                let cause = Cause::Claim { request: &request, scored: &scored };
                on_turn(Turn { step, cause, tokens: self.tokens.follow(step) });
            }
        }
    }
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
            self.tokens.push_back((start.min(self.at), token.logprob));
            start = start.saturating_add(token.bytes as u64);
        }
    }

    /// The logprobs of the tokens that begin in the claim. Several checks may
    /// ask for the same claim, so what begins before it goes and it stays.
    fn read(&mut self, request: &Request) -> Vec<f64> {
        while self.tokens.front().is_some_and(|(start, _)| *start < request.span.start) {
            self.tokens.pop_front();
        }
        let inside = self.tokens.iter().take_while(|(start, _)| *start < request.span.end);
        inside.map(|(_, logprob)| *logprob).collect()
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
