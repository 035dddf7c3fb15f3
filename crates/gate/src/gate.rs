//! The gate: text in, released text and verdicts out.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use tidegate_kernel::{Channel, Score};
use tidegate_score::{Finding, Segmenter, TokenStat};

use crate::checks::Checks;
use crate::ledger::{Input, Judged, Ledger, Matched, Outcome};
use crate::policy::{Limits, MeasureKind, Mode, Policy, PolicyError, Source, TextAction, Unit};
use crate::text::{Piece, TextRules};
use crate::trace::{Names, Record};
use crate::verdict::{Halted, Verdict};
use crate::words::Answer;

/// Decides what of one response may leave.
///
/// It does no I/O. Text is pushed in; each call answers with a [`Step`]: what
/// may leave now and what was decided. Scores it cannot know it asks for with
/// [`Gate::next_request`], and whoever drives it answers with
/// [`Gate::resolve`]. [`Driver`](crate::Driver) does that with the scorers of
/// this project.
///
/// Each choice is a stream of its own: a halt shuts all its channels for good,
/// and no other choice.
#[derive(Debug)]
pub struct Gate {
    checks: Checks,
    ledger: Ledger,
    names: Names,
    /// Boxed: a map keeps room for eleven, and most responses have one or two.
    texts: BTreeMap<(u32, Channel), Box<Text>>,
    requests: VecDeque<Request>,
    /// Requests that were handed out and not answered.
    asked: BTreeMap<u64, Asked>,
    next_request: u64,
    tracing: bool,
    step: Step,
    /// Kept to be used again; empty between calls.
    outcomes: Vec<Outcome>,
}

/// The text of one channel that is still needed.
#[derive(Debug)]
struct Text {
    /// What may yet be released, or is part of a claim that is still open.
    kept: String,
    /// Where `kept` begins in the channel's text, in bytes.
    base: u64,
    released: u64,
    /// Finds claims, if a check wants them.
    segmenter: Option<Segmenter>,
    /// Finds what text rules match, if there are any.
    rules: Option<TextRules>,
    /// Where the next token of each source begins, in bytes.
    tokens: BTreeMap<(Source, Option<MeasureKind>), u64>,
}

/// What the buffer of a channel may take in bytes while it is empty.
const KEPT_CAPACITY: usize = 64 << 10;

#[derive(Clone, Copy, Debug)]
struct Asked {
    choice: u32,
    channel: Channel,
    check: usize,
    claim: u64,
}

/// A claim that wants a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What to name in [`Gate::resolve`].
    pub id: u64,
    /// The choice.
    pub choice: u32,
    /// The channel.
    pub channel: Channel,
    /// The check that asks.
    pub check: Arc<str>,
    /// Who is to give the score.
    pub source: Source,
    /// The number of the claim, from 0.
    pub index: u64,
    /// Where the claim stands in the channel's text, in bytes.
    pub span: Range<u64>,
    /// The claim.
    pub text: String,
    /// How sure the model was of its tokens; empty from the gate, which does not
    /// know. A [`Driver`](crate::Driver) knows, and says so to checks that ask.
    pub tokens: Vec<TokenStat>,
    /// How long the claim may wait for its score from now on, in milliseconds. The
    /// gate has no clock: whoever drives it answers
    /// [`ScoreError::Late`](tidegate_score::ScoreError::Late) then.
    pub deadline_ms: u32,
}

/// What one call to the gate led to.
#[derive(Debug, Default)]
pub struct Step {
    text: String,
    releases: Vec<Released>,
    events: Vec<Event>,
    records: Vec<Record>,
}

/// A release, its text a range of the step's.
#[derive(Debug)]
struct Released {
    choice: u32,
    channel: Channel,
    text: Range<usize>,
    span: Range<u64>,
    is_masked: bool,
}

/// Text that may leave now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release<'a> {
    /// The choice.
    pub choice: u32,
    /// The channel.
    pub channel: Channel,
    /// The text, never empty and never ending inside a character.
    pub text: &'a str,
    /// The part of the channel's text, in bytes, that this is or stands for.
    /// Spans come in order; what lies between two of them, or behind the last
    /// when more is released, was masked and nothing stands for it.
    pub span: Range<u64>,
    /// Whether this stands for text that a rule masked. The mask of a long match
    /// may leave before all of it has come: its span is then the part that was
    /// known.
    pub is_masked: bool,
}

/// Something the gate decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A token or claim was judged and passed.
    Passed(Passed),
    /// A text rule matched: it masked, flagged, or, in shadow mode, would have
    /// masked. (One that halts is in `Halted` or `Shadow`.)
    Matched(TextMatch),
    /// A check in shadow mode would have halted here.
    Shadow(Halted),
    /// Something went wrong that the policy allows.
    Allowed(Halted),
    /// A choice was halted.
    Halted(Halted),
}

/// A token or claim that was judged and passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The choice.
    pub choice: u32,
    /// The channel.
    pub channel: Channel,
    /// The check that judged.
    pub check: Arc<str>,
    /// The number of the token or claim, from 0.
    pub index: u64,
    /// Where it ends in the channel's text, in bytes.
    pub end: u64,
    /// Its score.
    pub score: Score,
    /// What the facts say to the claim, if its scorer said so.
    pub finding: Option<Finding>,
    /// Whether the score is below the soft limit. One that the policy lets pass
    /// for its finding is held to no limit.
    pub warn: bool,
}

/// What a text rule matched, without the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextMatch {
    /// The choice.
    pub choice: u32,
    /// The channel.
    pub channel: Channel,
    /// The check whose rule it is.
    pub check: Arc<str>,
    /// The rule's name in the library, if it is from there.
    pub rule: Option<Arc<str>>,
    /// What the check does to a match.
    pub action: TextAction,
    /// Whether the check enforces or is in shadow mode.
    pub mode: Mode,
    /// Where the match stands in the channel's text, in bytes.
    pub span: Range<u64>,
}

impl Step {
    /// What may leave now, in the order in which it may.
    pub fn releases(&self) -> impl Iterator<Item = Release<'_>> {
        self.releases.iter().map(|released| Release {
            choice: released.choice,
            channel: released.channel,
            text: self.text.get(released.text.clone()).unwrap_or_default(),
            span: released.span.clone(),
            is_masked: released.is_masked,
        })
    }

    /// What was decided, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What belongs into the trace, in order; empty unless
    /// [`Gate::record`] was called.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    fn clear(&mut self) {
        self.text.clear();
        self.releases.clear();
        self.events.clear();
        self.records.clear();
    }

    fn release(
        &mut self,
        (choice, channel): (u32, Channel),
        text: &str,
        span: Range<u64>,
        is_masked: bool,
    ) {
        let start = self.text.len();
        self.text.push_str(text);
        let text = start..self.text.len();
        self.releases.push(Released { choice, channel, text, span, is_masked });
    }
}

impl Gate {
    /// A gate at the start of a response. [`Checks::gate`] makes many from one
    /// policy.
    ///
    /// # Errors
    /// Those of [`Checks::new`].
    pub fn new(policy: &Policy) -> Result<Gate, PolicyError> {
        Ok(Checks::new(policy)?.gate())
    }

    /// The limits of the policy.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.checks.limits()
    }

    pub(crate) fn with(checks: &Checks) -> Gate {
        let ledger = Ledger::new(checks);
        Gate {
            names: Names::of(&ledger),
            ledger,
            checks: checks.clone(),
            texts: BTreeMap::new(),
            requests: VecDeque::new(),
            asked: BTreeMap::new(),
            next_request: 0,
            tracing: false,
            step: Step::default(),
            outcomes: Vec::new(),
        }
    }

    /// From here on every [`Step`] carries its records for a trace.
    pub fn record(&mut self) {
        self.tracing = true;
    }

    /// What is decided of a choice so far.
    #[must_use]
    pub fn verdict(&self, choice: u32) -> Verdict {
        self.ledger.verdict(choice)
    }

    /// Whether a choice that came was halted.
    #[must_use]
    pub fn is_halted(&self, choice: u32) -> bool {
        self.ledger.is_shut(choice)
    }

    /// How many bytes of a channel's text are held back now.
    #[must_use]
    pub fn held_bytes(&self, choice: u32, channel: Channel) -> u64 {
        let held = |text: &Text| text.base + text.kept.len() as u64 - text.released;
        self.texts.get(&(choice, channel)).map_or(0, |text| held(text))
    }

    /// Takes the next piece of a channel's text.
    pub fn push(&mut self, choice: u32, channel: Channel, text: &str) -> &Step {
        self.step.clear();
        if text.is_empty() || self.ledger.is_shut(choice) {
            return &self.step;
        }
        let bytes = text.len() as u64;
        let key = (choice, channel);
        if !self.ledger.watches(channel) {
            let (claims, unsettled, findings) = (Vec::new(), 0, None);
            self.apply(Input::Delta { choice, channel, bytes, claims, unsettled, findings });
            self.follow(text);
            return &self.step;
        }
        let mut fresh = None;
        let entry = match self.texts.get_mut(&key) {
            Some(entry) => entry,
            None => fresh.insert(Box::new(self.new_text(channel))),
        };
        let (mut claims, mut unsettled) = (Vec::new(), 0);
        if let Some(segmenter) = &mut entry.segmenter {
            segmenter.push(text, &mut |end| claims.push(end));
            unsettled = segmenter.unsettled();
        }
        let findings = entry.rules.as_mut().map(|rules| rules.push(text));
        if self.apply(Input::Delta { choice, channel, bytes, claims, unsettled, findings }) {
            match fresh {
                Some(mut entry) => {
                    entry.kept.push_str(text);
                    self.texts.insert(key, entry);
                }
                None => {
                    if let Some(entry) = self.texts.get_mut(&key) {
                        entry.kept.push_str(text);
                    }
                }
            }
        }
        self.follow("");
        self.forget(choice, channel);
        &self.step
    }

    /// Scores the next token, of so many bytes, for all checks that judge
    /// tokens by this source on the channel.
    ///
    /// The text must have been pushed; bytes beyond it do not count. A token
    /// that ends inside a character leaves that character to the next one.
    pub fn push_token(
        &mut self,
        choice: u32,
        channel: Channel,
        source: Source,
        bytes: u64,
        answer: impl Into<Answer>,
    ) -> &Step {
        self.push_token_for(choice, channel, (source, None), bytes, answer.into())
    }

    /// [`Gate::push_token`] only for the checks that take this measure of
    /// logprobs, if one is named.
    pub(crate) fn push_token_for(
        &mut self,
        choice: u32,
        channel: Channel,
        (source, measure): (Source, Option<MeasureKind>),
        bytes: u64,
        answer: Answer,
    ) -> &Step {
        self.step.clear();
        let Some(entry) = self.texts.get_mut(&(choice, channel)) else { return &self.step };
        let total = entry.base + entry.kept.len() as u64;
        let at = entry.tokens.entry((source, measure)).or_insert(0);
        *at = at.saturating_add(bytes).min(total);
        let inside = usize::try_from(at.saturating_sub(entry.base)).unwrap_or(usize::MAX);
        let end = match at.checked_sub(entry.base) {
            Some(_) => entry.base + entry.kept.floor_char_boundary(inside) as u64,
            // of a check that holds nothing, the text may have left
            None => *at,
        };
        let checks = self.ledger.checks().clone();
        for (check, _) in checks.iter().enumerate().filter(|(_, check)| {
            check.score.unit() == Unit::Token
                && check.score.from == source
                && measure.is_none_or(|measure| check.score.measure() == measure)
                && check.watches(channel)
        }) {
            let answer = answer.clone();
            self.apply(Input::Token { choice, channel, check, end, answer });
            self.follow("");
        }
        self.forget(choice, channel);
        &self.step
    }

    /// The next claim that wants a score, if there is one.
    pub fn next_request(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// Whether an answer to this request is still waited for: it was asked and
    /// not answered, and nothing halted what it is about.
    #[must_use]
    pub fn awaits(&self, id: u64) -> bool {
        self.asked.contains_key(&id)
    }

    pub(crate) fn has_asked(&self, id: u64) -> bool {
        id < self.next_request
    }

    /// Answers a request. Answers may come in any order; claims are judged in
    /// the order of the text. The first answer stands, and an answer that no
    /// halted choice needs any more changes nothing.
    ///
    /// # Errors
    /// When no request had that number.
    pub fn resolve(&mut self, id: u64, answer: impl Into<Answer>) -> Result<&Step, UnknownRequest> {
        self.step.clear();
        if !self.has_asked(id) {
            return Err(UnknownRequest { id });
        }
        if let Some(Asked { choice, channel, check, claim }) = self.asked.remove(&id) {
            let answer = answer.into();
            self.apply(Input::Score { choice, channel, check, claim, answer });
            self.follow("");
            self.forget(choice, channel);
        }
        Ok(&self.step)
    }

    /// Something is wrong with the stream itself: `code` names it in one word,
    /// such as `invalid_json`, `detail` says more. The policy says what it does.
    pub fn fault(&mut self, code: &str, detail: &str) -> &Step {
        self.step.clear();
        self.apply(Input::Fault { code: code.to_string(), detail: detail.to_string() });
        self.follow("");
        &self.step
    }

    /// A choice has ended. Its last claims are asked for; when they are
    /// answered, all that may ever leave has left. Text that comes later is a
    /// fault.
    pub fn finish(&mut self, choice: u32) -> &Step {
        self.step.clear();
        if self.ledger.is_shut(choice) {
            return &self.step;
        }
        let channels: Vec<Channel> = self.channels(choice).collect();
        for channel in &channels {
            let Some(entry) = self.texts.get_mut(&(choice, *channel)) else { continue };
            let mut claims = Vec::new();
            if let Some(segmenter) = &mut entry.segmenter {
                segmenter.finish(&mut |end| claims.push(end));
            }
            let findings = entry.rules.as_mut().map(TextRules::finish);
            if !claims.is_empty() || findings.is_some() {
                let (channel, bytes, unsettled) = (*channel, 0, 0);
                self.apply(Input::Delta { choice, channel, bytes, claims, unsettled, findings });
                self.follow("");
            }
        }
        self.apply(Input::Finish { choice });
        self.follow("");
        for channel in channels {
            self.forget(choice, channel);
        }
        &self.step
    }

    /// [`Gate::finish`] for every choice that has text: the stream has ended.
    pub fn finish_all(&mut self, mut on_step: impl FnMut(&Step)) {
        for choice in self.ledger.choices() {
            on_step(self.finish(choice));
        }
    }

    fn channels(&self, choice: u32) -> impl Iterator<Item = Channel> {
        let all = (choice, Channel::Content)..=(choice, Channel::Tool(u32::MAX));
        self.texts.range(all).map(|((_, channel), _)| *channel)
    }

    /// Puts one input to the ledger. Whether it took in the text, of a delta.
    fn apply(&mut self, input: Input) -> bool {
        if self.tracing {
            self.step.records.push(Record::of_input(&input, &self.names));
        }
        self.ledger.apply(input, &mut self.outcomes)
    }

    fn new_text(&self, channel: Channel) -> Text {
        let mut watching = self.ledger.checks().iter().filter(|check| check.watches(channel));
        let claims = watching.any(|check| check.score.unit() == Unit::Claim);
        let claim_bytes_max = u64::from(self.limits().claim_bytes_max);
        let segmenter = claims.then(|| Segmenter::new(claim_bytes_max));
        Text::new(segmenter, TextRules::new(self.checks.scans(channel), channel))
    }

    /// Does what the ledger decided. `unwatched` is the text of a delta that no
    /// check watches, which leaves as it came.
    fn follow(&mut self, unwatched: &str) {
        let mut outcomes = std::mem::take(&mut self.outcomes);
        for outcome in outcomes.drain(..) {
            if self.tracing
                && let Some(record) = Record::of_outcome(&outcome, &self.names)
            {
                self.step.records.push(record);
            }
            match outcome {
                Outcome::Release { choice, channel, span } => {
                    let (step, key) = (&mut self.step, (choice, channel));
                    match self.texts.get_mut(&key) {
                        Some(entry) => entry.release(span, key, step),
                        None => step.release(key, unwatched, span, false),
                    }
                }
                Outcome::Matched(matched) => {
                    let matched = self.text_match(matched);
                    self.step.events.extend(matched.map(Event::Matched));
                }
                Outcome::Ask { choice, channel, check, claim, span } => {
                    self.ask(Asked { choice, channel, check, claim }, span);
                }
                Outcome::Judged(judged) => {
                    let check = self.names.check(judged.check);
                    self.step.events.push(Event::Passed(judged.passed(check)));
                }
                Outcome::Shadow(halted) => {
                    // it has nothing more to decide on this channel
                    self.withdraw_of(&halted);
                    self.step.events.push(Event::Shadow(halted));
                }
                Outcome::Allowed(halted) => {
                    if halted.code == "hold_overflow" {
                        self.withdraw_of(&halted);
                    }
                    self.step.events.push(Event::Allowed(halted));
                }
                Outcome::Halt(halted) => {
                    let choice = halted.choice;
                    self.texts.retain(|(of, _), _| *of != choice);
                    self.withdraw(|request| request.choice == choice);
                    self.step.events.push(Event::Halted(halted));
                }
            }
        }
        self.outcomes = outcomes;
    }

    fn text_match(&self, matched: Matched) -> Option<TextMatch> {
        let Matched { choice, channel, rule, start, end } = matched;
        let rule = self.ledger.text().get(rule)?;
        Some(TextMatch {
            choice,
            channel,
            check: rule.check.clone(),
            rule: rule.name.clone(),
            action: rule.action,
            mode: rule.mode,
            span: start..end,
        })
    }

    /// Hands a claim out to be scored.
    fn ask(&mut self, asked: Asked, span: Range<u64>) {
        let Asked { choice, channel, check: number, claim } = asked;
        let Some(entry) = self.texts.get(&(choice, channel)) else { return };
        let Some(check) = self.ledger.checks().get(number) else { return };
        let id = self.next_request;
        self.next_request += 1;
        self.asked.insert(id, asked);
        self.requests.push_back(Request {
            id,
            choice,
            channel,
            check: self.names.check(number),
            source: check.score.from,
            index: claim,
            text: entry.slice(&span).to_string(),
            span,
            tokens: Vec::new(),
            deadline_ms: check.score.deadline_ms,
        });
    }

    /// Takes back what a check asked on the channel where it has let go.
    fn withdraw_of(&mut self, halted: &Halted) {
        let check = self.names.check_number(&halted.check);
        self.withdraw(|asked| {
            Some(asked.check) == check
                && asked.choice == halted.choice
                && Some(asked.channel) == halted.channel
        });
    }

    /// Takes back requests whose answers nobody waits for any more.
    fn withdraw(&mut self, of: impl Fn(&Asked) -> bool) {
        let asked = &mut self.asked;
        asked.retain(|_, request| !of(request));
        self.requests.retain(|request| asked.contains_key(&request.id));
    }

    /// Lets go of text that is released and part of no open claim.
    fn forget(&mut self, choice: u32, channel: Channel) {
        if let Some(entry) = self.texts.get_mut(&(choice, channel)) {
            entry.forget();
        }
    }
}

impl Text {
    fn new(segmenter: Option<Segmenter>, rules: Option<TextRules>) -> Text {
        let tokens = BTreeMap::new();
        Text { kept: String::new(), base: 0, released: 0, segmenter, rules, tokens }
    }

    fn slice(&self, span: &Range<u64>) -> &str {
        let start = span.start.saturating_sub(self.base) as usize;
        let end = span.end.saturating_sub(self.base) as usize;
        self.kept.get(start..end).unwrap_or_default()
    }

    /// Releases a stretch of the text, as text rules have it.
    fn release(&mut self, span: Range<u64>, key: (u32, Channel), step: &mut Step) {
        self.released = span.end;
        let Some(mut rules) = self.rules.take() else {
            step.release(key, self.slice(&span), span, false);
            return;
        };
        rules.release(span, &mut |piece| match piece {
            Piece::Kept(span) => step.release(key, self.slice(&span), span, false),
            Piece::Replaced(span, with) => step.release(key, &with, span, true),
        });
        self.rules = Some(rules);
    }

    fn forget(&mut self) {
        let open = self.segmenter.as_ref().map_or(u64::MAX, Segmenter::open_claim);
        let needed = self.released.min(open);
        let done = needed.saturating_sub(self.base) as usize;
        if done == self.kept.len() {
            self.kept.clear();
            // one large delta does not make it large for good
            self.kept.shrink_to(KEPT_CAPACITY);
        } else if done > 0 {
            self.kept.drain(..done);
        }
        self.base = self.base.max(needed);
    }
}

impl Judged {
    fn passed(self, check: Arc<str>) -> Passed {
        let Judged { choice, channel, index, end, score, finding, warn, .. } = self;
        Passed { choice, channel, check, index, end, score, finding, warn }
    }
}

/// No request had this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRequest {
    pub(crate) id: u64,
}

impl fmt::Display for UnknownRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there was no request `{}`", self.id)
    }
}

impl std::error::Error for UnknownRequest {}
