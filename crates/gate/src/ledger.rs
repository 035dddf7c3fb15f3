//! Who may release what, in numbers only: offsets, scores, halts.
//!
//! The ledger never sees a character of text. All that decides comes in as
//! [`Input`] and all that is decided goes out as [`Outcome`], so that a trace,
//! which holds just these, gives the same verdicts again (P8).
//!
//! # How a release is found
//!
//! On each channel every enforcing check has a *bound*: how far it lets text
//! go. What is released is the least of the bounds. A check whose rule has
//! halted has its bound fixed for good. The stream is halted as soon as it is
//! sure that no other check holds an earlier halt: when every other check of
//! the channel is past that bound or has halted too. So the halt that counts is
//! the first in the text, not the first to be computed, and cannot depend on
//! how the text was cut or which scorer was quicker (P2).
//!
//! Text rules have one bound together, which comes with the text. What they
//! found is told when nothing can be halted any more before the place up to
//! which text was read to know it: so what is told does not depend on the cuts.
//! The end of the text is behind all of its places: what only the end made sure
//! is told when all text was let go, or with a halt that only the end made sure
//! too, for any other may come before the end is known, or after it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use tidegate_kernel::{Channel, Decision, HaltRule, Score};
use tidegate_score::{ClaimEnd, Finding, ScoreError};

use crate::checks::{Checks, Shared, TextRule, text_rules};
use crate::policy::{
    HaltCheck, Limits, Mode, OnError, OnFinding, Policy, PolicyError, TextAction, Unit,
};
use crate::text::{Findings, Note};
use crate::verdict::{Halted, Verdict, value_and_limit};
use crate::words::Answer;

/// What is wrong with the stream itself goes by this name in verdicts.
pub(crate) const STREAM: &str = "stream";

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// So much text came, and with it these claims ended and text rules found
    /// this, if there are any. In the last `unsettled` bytes of all text so far
    /// a claim may end that is found later.
    Delta {
        choice: u32,
        channel: Channel,
        bytes: u64,
        claims: Vec<ClaimEnd>,
        unsettled: u64,
        findings: Option<Findings>,
    },
    /// The answer to an [`Outcome::Ask`].
    Score { choice: u32, channel: Channel, check: usize, claim: u64, answer: Answer },
    /// The next token of a check that judges tokens, and its score.
    Token { choice: u32, channel: Channel, check: usize, end: u64, answer: Answer },
    /// Something is wrong with the stream itself.
    Fault { code: String, detail: String },
    /// A choice has ended.
    Finish { choice: u32 },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// This stretch of the channel's text may leave.
    Release { choice: u32, channel: Channel, span: Range<u64> },
    /// This claim wants a score.
    Ask { choice: u32, channel: Channel, check: usize, claim: u64, span: Range<u64> },
    /// A token or claim was judged and passed.
    Judged(Judged),
    /// A text rule matched, and what it does to the match was done.
    Matched(Matched),
    /// A check that has no say would have halted here.
    Shadow(Halted),
    /// Something went wrong that the policy allows.
    Allowed(Halted),
    /// A choice is halted.
    Halt(Halted),
}

/// A token or claim passed a check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) choice: u32,
    pub(crate) channel: Channel,
    pub(crate) check: usize,
    pub(crate) index: u64,
    pub(crate) end: u64,
    pub(crate) score: Score,
    pub(crate) finding: Option<Finding>,
    /// The score was held to the limits and is below the soft one.
    pub(crate) warn: bool,
}

/// A text rule matched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Matched {
    pub(crate) choice: u32,
    pub(crate) channel: Channel,
    /// Which of all text rules that run.
    pub(crate) rule: usize,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    checks: Arc<[HaltCheck]>,
    text: Arc<[TextRule]>,
    /// The rule of each check, fresh.
    rules: Vec<HaltRule>,
    limits: Limits,
    on_fault: OnError,
    choices: BTreeMap<u32, Choice>,
    /// Faults of deltas that were reported, with their choice.
    noted: BTreeSet<(&'static str, u32)>,
    /// A fault of the stream shuts choices that have not come yet as well.
    shut: Option<Halted>,
}

#[derive(Debug, Default)]
struct Choice {
    halted: Option<Box<Halted>>,
    finished: bool,
    lanes: BTreeMap<Channel, Lane>,
}

/// One channel of one choice.
#[derive(Debug)]
struct Lane {
    /// Bytes that came, and how far it is known where claims end.
    total: u64,
    settled: u64,
    /// Bytes that left.
    released: u64,
    /// Claims that were found, the blank ones not counted.
    claims: u64,
    /// Where the last claim that was found ends.
    claimed: u64,
    watchers: Vec<Watcher>,
    text: TextLane,
}

/// The text rules of one channel.
#[derive(Debug)]
struct TextLane {
    /// How far they let text go.
    cleared: u64,
    /// Why they let nothing more pass.
    stuck: Option<Box<Stuck>>,
    /// What was found and is not told yet, in order.
    notes: VecDeque<Found>,
    /// Checks without a say that would have halted.
    shadowed: Vec<Arc<str>>,
}

/// One check on one channel.
#[derive(Debug)]
struct Watcher {
    check: usize,
    rule: HaltRule,
    /// How far the text is judged, or needs no judgement.
    cleared: u64,
    /// Claims that are not judged yet, first to last.
    waiting: VecDeque<Waiting>,
    /// The number of the next token.
    tokens: u64,
    /// Why it lets nothing more pass.
    stuck: Option<Box<Stuck>>,
}

/// Why a check or the text rules let nothing more pass.
#[derive(Debug)]
struct Stuck {
    halted: Halted,
    /// Only the end of the text made it sure.
    by_end: bool,
}

/// What a text rule found; what only the end of the text made sure comes last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    by_end: bool,
    note: Note,
}

#[derive(Debug)]
struct Waiting {
    /// The claim's number; `None` for a blank one, which needs no score.
    claim: Option<u64>,
    end: u64,
    /// Only the end of the text made it sure that the claim ends here.
    by_end: bool,
    answer: Option<Answer>,
}

/// One token or claim before its judge.
#[derive(Clone, Copy)]
struct Judging {
    choice: u32,
    channel: Channel,
    index: u64,
    start: u64,
    end: u64,
    by_end: bool,
}

impl Ledger {
    pub(crate) fn new(checks: &Checks) -> Ledger {
        let Shared { limits, on_fault, halt, text, .. } = &*checks.shared;
        Ledger::of(*limits, *on_fault, halt.clone(), text.clone())
    }

    /// A ledger for a replay, which sees no text and needs no automata.
    ///
    /// # Errors
    /// When a field of the policy is out of range.
    pub(crate) fn for_replay(policy: &Policy) -> Result<Ledger, PolicyError> {
        policy.validate()?;
        let (limits, on_fault) = (policy.limits, policy.stream.on_fault);
        Ok(Ledger::of(limits, on_fault, policy.running(), text_rules(policy)))
    }

    fn of(
        limits: Limits,
        on_fault: OnError,
        checks: Arc<[HaltCheck]>,
        text: Arc<[TextRule]>,
    ) -> Ledger {
        // the limits were looked at with the policy
        let rule = |check: &HaltCheck| HaltRule::new(&check.config()).ok();
        Ledger {
            rules: checks.iter().filter_map(rule).collect(),
            checks,
            text,
            limits,
            on_fault,
            choices: BTreeMap::new(),
            noted: BTreeSet::new(),
            shut: None,
        }
    }

    /// Whether any check watches the channel.
    pub(crate) fn watches(&self, channel: Channel) -> bool {
        self.checks.iter().any(|check| check.watches(channel))
            || self.text.iter().any(|rule| rule.watches(channel))
    }

    /// The text rules that run, in the order of the policy.
    pub(crate) fn text(&self) -> &Arc<[TextRule]> {
        &self.text
    }

    /// The checks that run, in the order of the policy; `check` in inputs and
    /// outcomes counts in it.
    pub(crate) fn checks(&self) -> &Arc<[HaltCheck]> {
        &self.checks
    }

    pub(crate) fn verdict(&self, choice: u32) -> Verdict {
        let halted = match self.choices.get(&choice) {
            Some(choice) => choice.halted.clone(),
            None => self.shut.as_ref().map(|shut| Box::new(Halted { choice, ..shut.clone() })),
        };
        halted.map_or(Verdict::Open, Verdict::Halted)
    }

    /// Whether the choice came and was halted, so that its text is moot.
    pub(crate) fn is_shut(&self, choice: u32) -> bool {
        self.choices.get(&choice).is_some_and(|choice| choice.halted.is_some())
    }

    /// The choices that came.
    pub(crate) fn choices(&self) -> Vec<u32> {
        self.choices.keys().copied().collect()
    }

    /// Takes one input and appends what follows from it; for a delta, says
    /// whether its text was taken in. An input that no open choice waits for
    /// changes nothing.
    pub(crate) fn apply(&mut self, input: Input, out: &mut Vec<Outcome>) -> bool {
        match input {
            Input::Delta { choice, channel, bytes, claims, unsettled, findings } => {
                let found = (&claims[..], unsettled);
                return self.delta((choice, channel), bytes, found, findings, out);
            }
            Input::Score { choice, channel, check, claim, answer } => {
                self.on_lane(choice, channel, out, |lane, checks, out| {
                    lane.score(checks, (choice, channel), check, claim, answer, out);
                });
            }
            Input::Token { choice, channel, check, end, answer } => {
                self.on_lane(choice, channel, out, |lane, checks, out| {
                    lane.token(checks, (choice, channel), (check, end, false), answer, out);
                });
            }
            Input::Fault { code, detail } => self.fault(&code, &detail, out),
            Input::Finish { choice } => self.finish(choice, out),
        }
        false
    }

    fn delta(
        &mut self,
        (number, channel): At,
        bytes: u64,
        (claims, unsettled): (&[ClaimEnd], u64),
        findings: Option<Findings>,
        out: &mut Vec<Outcome>,
    ) -> bool {
        if !self.choices.contains_key(&number) {
            if self.choices.len() >= self.limits.choices_max as usize {
                let detail =
                    format!("choice {number} is one more than {}", self.limits.choices_max);
                self.fault_once("too_many_choices", 0, &detail, out);
                return false;
            }
            let mut choice = Choice::default();
            if let Some(shut) = &self.shut {
                let halted = Halted { choice: number, ..shut.clone() };
                out.push(Outcome::Halt(halted.clone()));
                choice.halted = Some(Box::new(halted));
            }
            self.choices.insert(number, choice);
        }
        let Some(choice) = self.choices.get_mut(&number) else { return false };
        if choice.halted.is_some() {
            return false;
        }
        if choice.finished {
            let detail = format!("text on {channel} of choice {number}");
            self.fault_once("delta_after_finish", number, &detail, out);
            return false;
        }
        if !choice.lanes.contains_key(&channel) {
            let is_tool = |channel: &Channel| matches!(channel, Channel::Tool(_));
            let tools = choice.lanes.keys().filter(|channel| is_tool(channel)).count();
            if is_tool(&channel) && tools >= self.limits.tools_max as usize {
                let detail = format!("{channel} is one more than {}", self.limits.tools_max);
                self.fault_once("too_many_tools", number, &detail, out);
                return false;
            }
            let decides = |rule: &TextRule| rule.decides() && rule.watches(channel);
            let is_decided = self.text.iter().any(decides);
            let lane = Lane::new(&self.checks, &self.rules, channel, is_decided);
            choice.lanes.insert(channel, lane);
        }
        let Some(lane) = choice.lanes.get_mut(&channel) else { return false };
        lane.refuse_overflow(&self.checks, (number, channel), self.limits.hold_bytes_max, out);
        // more than can be counted comes from no stream, only from a forged trace
        lane.total = lane.total.saturating_add(bytes);
        lane.settled = lane.total.saturating_sub(unsettled).max(lane.settled);
        let by_end = bytes == 0;
        for claim in claims {
            lane.claim(&self.checks, (number, channel), *claim, by_end, out);
        }
        if let Some(findings) = findings {
            lane.text.take(&self.text, (number, channel), findings, by_end);
        }
        choice.settle(&self.checks, &self.text, (number, channel), out);
        true
    }

    /// Does something to a lane that is open and then settles it.
    fn on_lane(
        &mut self,
        number: u32,
        channel: Channel,
        out: &mut Vec<Outcome>,
        work: impl FnOnce(&mut Lane, &[HaltCheck], &mut Vec<Outcome>),
    ) {
        let Some(choice) = self.choices.get_mut(&number) else { return };
        let Some(lane) = choice.lanes.get_mut(&channel) else { return };
        work(lane, &self.checks, out);
        choice.settle(&self.checks, &self.text, (number, channel), out);
    }

    fn finish(&mut self, number: u32, out: &mut Vec<Outcome>) {
        let Some(choice) = self.choices.get_mut(&number) else { return };
        if choice.finished || choice.halted.is_some() {
            return;
        }
        choice.finished = true;
        let channels: Vec<Channel> = choice.lanes.keys().copied().collect();
        for channel in channels {
            // a halt on an earlier channel has closed the later ones
            let Some(lane) = choice.lanes.get_mut(&channel) else { return };
            lane.finish(&self.checks, (number, channel), out);
            choice.settle(&self.checks, &self.text, (number, channel), out);
        }
    }

    /// A fault that every further delta would repeat: how many there are
    /// depends on how the text was cut.
    fn fault_once(
        &mut self,
        code: &'static str,
        choice: u32,
        detail: &str,
        out: &mut Vec<Outcome>,
    ) {
        if self.noted.insert((code, choice)) {
            self.fault(code, detail, out);
        }
    }

    fn fault(&mut self, code: &str, detail: &str, out: &mut Vec<Outcome>) {
        let halted = Halted {
            check: STREAM.to_string(),
            code: code.to_string(),
            rule: None,
            choice: 0,
            channel: None,
            index: None,
            start: None,
            end: None,
            finding: None,
            value: None,
            limit: None,
            reason: format!("{code} ({detail})"),
        };
        if self.on_fault == OnError::Allow {
            out.push(Outcome::Allowed(halted));
            return;
        }
        if self.shut.is_some() {
            return;
        }
        if self.choices.is_empty() {
            self.choices.insert(0, Choice::default());
        }
        for (number, choice) in &mut self.choices {
            if choice.halted.is_none() {
                choice.halt(Halted { choice: *number, ..halted.clone() }, out);
            }
        }
        self.shut = Some(halted);
    }
}

impl Choice {
    /// Releases what the checks of a channel agree on, tells what text rules
    /// found there, and halts if the first of the halts is known.
    fn settle(
        &mut self,
        checks: &[HaltCheck],
        text: &[TextRule],
        (choice, channel): At,
        out: &mut Vec<Outcome>,
    ) {
        let Some(lane) = self.lanes.get_mut(&channel) else { return };
        let bound = lane.bound(checks);
        if bound > lane.released {
            out.push(Outcome::Release { choice, channel, span: lane.released..bound });
            lane.released = bound;
        }
        // no halt can come before what is released, and at the end of all text only one by the end
        while let Some(found) = lane.text.notes.pop_front_if(|found| found.note.known <= bound) {
            lane.text.tell(text, (choice, channel), found.note, out);
        }
        let at_its_end = self.finished && bound == lane.total;
        let enforcing = || lane.watchers.iter().filter(|watcher| watcher.enforces(checks));
        let decided = |watcher: &Watcher| {
            watcher.stuck.is_some()
                || watcher.bound(checks, lane.total, lane.settled) > bound
                || at_its_end && watcher.waiting.is_empty()
        };
        let rules = &lane.text;
        let is_decided = rules.stuck.is_some() || rules.cleared > bound || at_its_end;
        let of_check = enforcing().find_map(|watcher| {
            watcher
                .stuck
                .as_ref()
                .filter(|_| watcher.bound(checks, lane.total, lane.settled) == bound)
        });
        let of_rule = rules.stuck.as_ref().filter(|_| rules.cleared == bound);
        if let Some(Stuck { halted, by_end }) = of_check.or(of_rule).map(|stuck| &**stuck)
            && enforcing().all(decided)
            && is_decided
        {
            let (halted, by_end) = (halted.clone(), *by_end);
            let known = halted.end.unwrap_or(bound);
            let notes = std::mem::take(&mut lane.text.notes).into_iter();
            for Found { note, .. } in notes.filter(|found| by_end || !found.by_end) {
                if note.end <= bound && note.known <= known {
                    lane.text.tell(text, (choice, channel), note, out);
                }
            }
            self.halt(halted, out);
        }
    }

    fn halt(&mut self, halted: Halted, out: &mut Vec<Outcome>) {
        self.lanes.clear();
        self.halted = Some(Box::new(halted.clone()));
        out.push(Outcome::Halt(halted));
    }
}

type At = (u32, Channel);

impl Lane {
    fn new(checks: &[HaltCheck], rules: &[HaltRule], channel: Channel, is_decided: bool) -> Lane {
        let numbered = checks.iter().zip(rules).enumerate();
        let watching = numbered.filter(|(_, (check, _))| check.watches(channel));
        let watchers = watching.map(|(number, (_, rule))| Watcher::new(number, rule.clone()));
        let watchers = watchers.collect();
        let text = TextLane::new(is_decided);
        Lane { total: 0, settled: 0, released: 0, claims: 0, claimed: 0, watchers, text }
    }

    fn bound(&self, checks: &[HaltCheck]) -> u64 {
        let enforcing = self.watchers.iter().filter(|watcher| watcher.enforces(checks));
        let bounds = enforcing.map(|watcher| watcher.bound(checks, self.total, self.settled));
        bounds.min().unwrap_or(self.total).min(self.text.cleared).min(self.total)
    }

    /// Fails the checks that keep back more than they may. Looked at before new
    /// text is added, so that the size of one delta does not matter: whoever
    /// gives the scores has had the chance to answer for all earlier text.
    fn refuse_overflow(
        &mut self,
        checks: &[HaltCheck],
        (choice, channel): At,
        hold_bytes_max: u32,
        out: &mut Vec<Outcome>,
    ) {
        let bound = self.bound(checks);
        for watcher in &mut self.watchers {
            let Some(check) = checks.get(watcher.check) else { continue };
            // a check without a say holds no text, but its questions wait too
            let is_shadow = check.mode == Mode::Shadow;
            let start = if is_shadow { watcher.cleared } else { bound };
            let held = self.total - start;
            let holds = is_shadow || watcher.bound(checks, self.total, self.settled) == bound;
            if held <= u64::from(hold_bytes_max) || !holds || watcher.stuck.is_some() {
                continue;
            }
            let halted = Halted {
                check: check.name.clone(),
                code: "hold_overflow".to_string(),
                rule: None,
                choice,
                channel: Some(channel),
                index: Some(watcher.next_index(self.claims)),
                start: Some(start),
                end: Some(self.total),
                finding: None,
                value: Some(held as f64),
                limit: Some(f64::from(hold_bytes_max)),
                reason: format!("hold_overflow ({held} > {hold_bytes_max} bytes)"),
            };
            match check.score.on_error {
                OnError::Halt => watcher.stick(check, start, (halted, false), out),
                OnError::Allow => {
                    watcher.waiting.clear();
                    watcher.cleared = self.total;
                    out.push(Outcome::Allowed(halted));
                }
            }
        }
    }

    fn claim(
        &mut self,
        checks: &[HaltCheck],
        (choice, channel): At,
        found: ClaimEnd,
        by_end: bool,
        out: &mut Vec<Outcome>,
    ) {
        let start = self.claimed;
        let end = found.at.clamp(start, self.total.max(start));
        self.claimed = end;
        let claim = (!found.blank).then_some(self.claims);
        self.claims += u64::from(!found.blank);
        for watcher in &mut self.watchers {
            let judges_claims =
                checks.get(watcher.check).is_some_and(|check| check.score.unit() == Unit::Claim);
            if !judges_claims || watcher.stuck.is_some() {
                continue;
            }
            watcher.waiting.push_back(Waiting { claim, end, by_end, answer: None });
            if let Some(claim) = claim {
                let (check, span) = (watcher.check, start..end);
                out.push(Outcome::Ask { choice, channel, check, claim, span });
            }
            watcher.judge_waiting(checks, (choice, channel), out);
        }
    }

    fn score(
        &mut self,
        checks: &[HaltCheck],
        at: At,
        check: usize,
        claim: u64,
        answer: Answer,
        out: &mut Vec<Outcome>,
    ) {
        let watcher = self.watchers.iter_mut().find(|watcher| watcher.check == check);
        let Some(watcher) = watcher else { return };
        let asked = watcher
            .waiting
            .iter_mut()
            .find(|waiting| waiting.claim == Some(claim) && waiting.answer.is_none());
        if let Some(waiting) = asked {
            waiting.answer = Some(answer);
            watcher.judge_waiting(checks, at, out);
        }
    }

    fn token(
        &mut self,
        checks: &[HaltCheck],
        (choice, channel): At,
        (check, end, by_end): (usize, u64, bool),
        answer: Answer,
        out: &mut Vec<Outcome>,
    ) {
        let watcher = self.watchers.iter_mut().find(|watcher| watcher.check == check);
        let Some(watcher) = watcher else { return };
        if watcher.stuck.is_some() {
            return;
        }
        let start = watcher.cleared;
        let (index, end) = (watcher.tokens, end.clamp(start, self.total.max(start)));
        watcher.tokens += 1;
        watcher.judge(checks, Judging { choice, channel, index, start, end, by_end }, answer, out);
    }

    /// What was not scored by now never will be.
    fn finish(&mut self, checks: &[HaltCheck], at: At, out: &mut Vec<Outcome>) {
        let missing = || Answer::Error(ScoreError::Missing);
        if self.claimed < self.total {
            // the text's last claim was not reported: it counts as unscored
            let end = self.total;
            let claim = Some(self.claims);
            for watcher in &mut self.watchers {
                let unit = checks.get(watcher.check).map(|check| check.score.unit());
                if unit == Some(Unit::Claim) && watcher.stuck.is_none() {
                    let answer = Some(missing());
                    watcher.waiting.push_back(Waiting { claim, end, by_end: true, answer });
                    watcher.judge_waiting(checks, at, out);
                }
            }
        }
        for number in 0..self.watchers.len() {
            let Some(watcher) = self.watchers.get(number) else { continue };
            let unit = checks.get(watcher.check).map(|check| check.score.unit());
            if unit == Some(Unit::Token) && watcher.cleared < self.total {
                self.token(checks, at, (watcher.check, self.total, true), missing(), out);
            }
        }
    }
}

impl TextLane {
    fn new(is_decided: bool) -> TextLane {
        // without a rule that decides, all text may go
        let cleared = if is_decided { 0 } else { u64::MAX };
        TextLane { cleared, stuck: None, notes: VecDeque::new(), shadowed: Vec::new() }
    }

    /// Takes what rules found in new text, or when there was no more.
    fn take(
        &mut self,
        rules: &[TextRule],
        (choice, channel): At,
        findings: Findings,
        by_end: bool,
    ) {
        if self.cleared < u64::MAX {
            self.cleared = findings.cleared.max(self.cleared);
        }
        if !findings.notes.is_empty() {
            self.notes.extend(findings.notes.into_iter().map(|note| Found { by_end, note }));
            // each scan finds in an order of its own
            self.notes.make_contiguous().sort_unstable();
        }
        if let Some(halt) = findings.halt
            && let Some(rule) = rules.get(halt.rule)
        {
            let span = halt.start..halt.known;
            let (code, held) = (halt.cause.code(), halt.cause.held());
            let halted = rule.halted(code, (choice, channel), span, held);
            self.stuck = Some(Box::new(Stuck { halted, by_end }));
            self.cleared = halt.start;
        }
    }

    /// Tells what was found.
    fn tell(
        &mut self,
        rules: &[TextRule],
        (choice, channel): At,
        note: Note,
        out: &mut Vec<Outcome>,
    ) {
        let Note { rule: number, start, end, held, known } = note;
        let Some(rule) = rules.get(number) else { return };
        let halts = rule.mode == Mode::Shadow && rule.action == TextAction::Halt;
        if held.is_some() {
            let halted = rule.halted("hold_overflow", (choice, channel), start..end, held);
            out.push(Outcome::Allowed(halted));
        } else if !halts {
            out.push(Outcome::Matched(Matched { choice, channel, rule: number, start, end }));
        } else if !self.shadowed.contains(&rule.check) {
            // it would have halted once
            self.shadowed.push(rule.check.clone());
            let halted = rule.halted("match", (choice, channel), start..known, None);
            out.push(Outcome::Shadow(halted));
        }
    }
}

impl TextRule {
    fn halted(
        &self,
        code: &str,
        (choice, channel): At,
        span: Range<u64>,
        held: Option<u64>,
    ) -> Halted {
        let limit = u64::from(self.hold_bytes_max);
        let what = match (held, self.name.as_deref()) {
            (Some(held), _) if held > limit => format!("{code} ({held} > {limit} bytes)"),
            // text rules give up on what they had to read again too often
            (Some(held), _) => format!("{code} ({held} bytes, read again too often)"),
            (None, Some(name)) => format!("{code} ({name})"),
            (None, None) => code.to_string(),
        };
        Halted {
            check: self.check.to_string(),
            code: code.to_string(),
            rule: self.name.as_deref().map(str::to_string),
            choice,
            channel: Some(channel),
            index: None,
            start: Some(span.start),
            end: Some(span.end),
            finding: None,
            value: held.map(|held| held as f64),
            limit: held.filter(|held| *held > limit).map(|_| limit as f64),
            reason: what,
        }
    }
}

impl Watcher {
    fn new(check: usize, rule: HaltRule) -> Watcher {
        Watcher { check, rule, cleared: 0, waiting: VecDeque::new(), tokens: 0, stuck: None }
    }

    fn enforces(&self, checks: &[HaltCheck]) -> bool {
        checks.get(self.check).is_some_and(|check| check.mode == Mode::Enforce)
    }

    /// How far the check lets text go.
    fn bound(&self, checks: &[HaltCheck], total: u64, settled: u64) -> u64 {
        let Some(check) = checks.get(self.check) else { return self.cleared };
        if check.score.hold || self.stuck.is_some() {
            return self.cleared;
        }
        // a claim that is found later must find its text where a longer delta,
        // in which it is found at once, would have left it
        let open = if check.score.unit() == Unit::Claim { settled } else { total };
        self.waiting.front().map_or(open, |waiting| waiting.end)
    }

    /// The number of the first token or claim that is not judged.
    fn next_index(&self, claims: u64) -> u64 {
        let waiting = self.waiting.iter().find_map(|waiting| waiting.claim);
        waiting.unwrap_or(if self.tokens > 0 { self.tokens } else { claims })
    }

    fn judge_waiting(
        &mut self,
        checks: &[HaltCheck],
        (choice, channel): At,
        out: &mut Vec<Outcome>,
    ) {
        while self.stuck.is_none()
            && let Some(front) = self.waiting.front_mut()
        {
            let (end, start, by_end) = (front.end, self.cleared, front.by_end);
            match (front.claim, front.answer.take()) {
                (None, _) => self.cleared = end.max(start),
                (Some(index), Some(answer)) => {
                    let judging = Judging { choice, channel, index, start, end, by_end };
                    self.judge(checks, judging, answer, out);
                }
                (Some(_), None) => return,
            }
            self.waiting.pop_front();
        }
    }

    fn judge(&mut self, checks: &[HaltCheck], at: Judging, answer: Answer, out: &mut Vec<Outcome>) {
        let Some(check) = checks.get(self.check) else { return };
        let (number, finding) = match answer {
            Answer::Number { score, finding } => (Ok(score), finding),
            Answer::Error(error) => (Err(error), None),
        };
        let halted = |code: &str, value, limit, reason| Halted {
            check: check.name.clone(),
            code: code.to_string(),
            rule: None,
            choice: at.choice,
            channel: Some(at.channel),
            index: Some(at.index),
            start: Some(at.start),
            end: Some(at.end),
            finding,
            value,
            limit,
            reason,
        };
        let on_finding = check.score.on_finding(finding);
        if let (OnFinding::Halt, Some(finding), Ok(score)) = (on_finding, finding, &number) {
            // whatever the score, also one that is none
            let code = finding.as_str();
            let (value, shown) = match score {
                Ok(score) => (Some(score.to_f64()), score.to_string()),
                Err(invalid) => (None, invalid.to_string()),
            };
            let halted = halted(code, value, None, format!("{code} (score {shown})"));
            self.stick(check, at.end, (halted, at.by_end), out);
            return;
        }
        // that there is no score, or none that is one, and may be let pass
        let allowed = match &number {
            Err(error) => {
                let code = error.code();
                let halted = halted(code, None, None, format!("{code} ({error})"));
                if check.score.on_score_error(error) == OnError::Halt {
                    self.stick(check, at.end, (halted, at.by_end), out);
                    return;
                }
                Some(halted)
            }
            Ok(Err(invalid)) if check.score.on_error == OnError::Allow => {
                let reason = format!("invalid_score ({invalid})");
                Some(halted("invalid_score", None, None, reason))
            }
            Ok(_) => None,
        };
        if let Some(halted) = allowed {
            out.push(Outcome::Allowed(halted));
            self.cleared = at.end;
            return;
        }
        let Ok(score) = number else { return };
        // what the policy lets pass is not held to the limits
        let is_held = on_finding != OnFinding::Allow || score.is_err();
        let decision = if is_held { self.rule.push_score(score) } else { Decision::Pass };
        match (score, self.rule.halt()) {
            (Ok(score), None) => {
                self.cleared = at.end;
                out.push(Outcome::Judged(Judged {
                    choice: at.choice,
                    channel: at.channel,
                    check: self.check,
                    index: at.index,
                    end: at.end,
                    score,
                    finding,
                    warn: decision == Decision::Warn,
                }));
            }
            (_, halt) => {
                // an invalid score always halts the rule
                let Some(halt) = halt else { return };
                let (value, limit) = value_and_limit(&halt.reason);
                let code = halt.reason.code().as_str();
                let halted = halted(code, value, limit, halt.reason.to_string());
                self.stick(check, at.end, (halted, at.by_end), out);
            }
        }
    }

    /// From here on the check lets nothing pass, or would not.
    fn stick(
        &mut self,
        check: &HaltCheck,
        end: u64,
        (halted, by_end): (Halted, bool),
        out: &mut Vec<Outcome>,
    ) {
        if check.mode == Mode::Shadow {
            out.push(Outcome::Shadow(halted.clone()));
        }
        if !check.score.hold {
            // what halts was shown as it came
            self.cleared = end;
        }
        self.waiting.clear();
        self.stuck = Some(Box::new(Stuck { halted, by_end }));
    }
}
