//! The trace: enough to give every verdict again (P8), and no text.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_kernel::Channel;
use tidegate_score::{ClaimEnd, Finding};

use crate::checks::TextRule;
use crate::ledger::{Input, Ledger, Matched, Outcome};
use crate::policy::{Policy, PolicyError, TextAction};
use crate::text::{Findings, HaltCause, Note, TextHalt};
use crate::verdict::Halted;
use crate::words::{Answer, answer, channel_name, finding_opt};

/// The version of the trace's format that this program writes and reads.
pub const TRACE_VERSION: u32 = 1;

/// One line of a trace.
///
/// A trace is JSON Lines: first a [`Record::Trace`], then what came in and what
/// was decided, in order. It holds lengths, scores and verdicts and never a
/// character of the text, only what a scorer or the wire said of a failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// The head: which format, and the policy that decided.
    Trace {
        /// [`TRACE_VERSION`].
        version: u32,
        /// The policy, whole.
        policy: Box<Policy>,
    },
    /// In: so much text came on a channel.
    Delta {
        /// The choice.
        choice: u32,
        /// The channel.
        #[serde(with = "channel_name")]
        channel: Channel,
        /// How much, in bytes of UTF-8.
        bytes: u64,
        /// The claims that ended with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        claims: Vec<ClaimRecord>,
        /// In so many of the last bytes so far a claim may end that is found
        /// later.
        #[serde(default, skip_serializing_if = "is_zero")]
        unsettled: u64,
        /// What text rules found with it, if there are any on the channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<TextRecord>,
    },
    /// In: a claim was scored.
    Score {
        /// The choice.
        choice: u32,
        /// The channel.
        #[serde(with = "channel_name")]
        channel: Channel,
        /// The check that asked.
        check: String,
        /// The number of the claim.
        claim: u64,
        /// The score in 1e-9, with the finding if there is one, or what came in
        /// its place.
        #[serde(with = "answer")]
        score: Answer,
    },
    /// In: a token was scored.
    Token {
        /// The choice.
        choice: u32,
        /// The channel.
        #[serde(with = "channel_name")]
        channel: Channel,
        /// The check that judges it.
        check: String,
        /// Where it ends, in bytes.
        end: u64,
        /// The score in 1e-9, or what came in its place.
        #[serde(with = "answer")]
        score: Answer,
    },
    /// In: something was wrong with the stream itself.
    Fault {
        /// What, in one word.
        code: String,
        /// What, in more.
        detail: String,
    },
    /// In: a choice ended.
    Finish {
        /// The choice.
        choice: u32,
    },
    /// Decided: so much more may leave.
    Release {
        /// The choice.
        choice: u32,
        /// The channel.
        #[serde(with = "channel_name")]
        channel: Channel,
        /// How much, in bytes of UTF-8.
        bytes: u64,
    },
    /// Decided: a token or claim passed with a score below the soft limit.
    Warn {
        /// The choice.
        choice: u32,
        /// The channel.
        #[serde(with = "channel_name")]
        channel: Channel,
        /// The check.
        check: String,
        /// The number of the token or claim.
        index: u64,
        /// What the facts say to the claim, if its scorer said so.
        #[serde(with = "finding_opt", default, skip_serializing_if = "Option::is_none")]
        finding: Option<Finding>,
    },
    /// Decided: a text rule matched, and what it does to the match was done.
    Match {
        /// The choice.
        choice: u32,
        /// The channel.
        #[serde(with = "channel_name")]
        channel: Channel,
        /// The check.
        check: String,
        /// The rule's name in the library, if it is from there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// What the check does, or, in shadow mode, would do to a match.
        action: TextAction,
        /// Where the match begins in the channel's text, in bytes.
        start: u64,
        /// Where it ends.
        end: u64,
    },
    /// Decided by a check in shadow mode: it would have halted.
    Shadow(Halted),
    /// Decided: something went wrong that the policy allows.
    Allowed(Halted),
    /// Decided: a choice is halted.
    Halt(Halted),
}

/// A claim that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRecord {
    /// Where it ends in the channel's text, in bytes.
    pub end: u64,
    /// Whether there is nothing in it to be true or false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blank: bool,
}

/// What text rules found: places and lengths, in bytes of the channel's text,
/// and never the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextRecord {
    /// How far the rules that decide let text go.
    pub cleared: u64,
    /// Matches, and what rules let go of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<FoundRecord>,
    /// A rule lets nothing more pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<TextHaltRecord>,
}

/// What a text rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundRecord {
    /// The check.
    pub check: String,
    /// The rule's name in the library, if it is from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where it begins.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// How far the text was read to know it.
    pub known: u64,
    /// For a rule that held too much and let it go: how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<u64>,
}

/// Why a text rule lets nothing more pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextHaltRecord {
    /// The check.
    pub check: String,
    /// The rule's name in the library, if it is from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `match`, `hold_overflow` or `long_scalar`.
    pub code: String,
    /// Where the text ends.
    pub start: u64,
    /// How far the text was read to know it.
    pub known: u64,
    /// For `hold_overflow`: how much was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<u64>,
}

/// How checks and rules are called.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    checks: Vec<Arc<str>>,
    rules: Arc<[TextRule]>,
}

impl Names {
    pub(crate) fn of(ledger: &Ledger) -> Names {
        let checks = ledger.checks().iter().map(|check| check.name.as_str().into()).collect();
        Names { checks, rules: ledger.text().clone() }
    }

    pub(crate) fn check(&self, number: usize) -> Arc<str> {
        self.checks.get(number).cloned().unwrap_or_default()
    }

    pub(crate) fn check_number(&self, name: &str) -> Option<usize> {
        self.checks.iter().position(|check| **check == *name)
    }

    fn rule(&self, number: usize) -> (String, Option<String>) {
        let rule = self.rules.get(number);
        let check = rule.map(|rule| rule.check.to_string()).unwrap_or_default();
        (check, rule.and_then(|rule| rule.name.as_deref()).map(str::to_string))
    }

    fn rule_number(&self, check: &str, name: Option<&str>) -> Result<usize, String> {
        let mut rules = self.rules.iter();
        let number = rules.position(|rule| *rule.check == *check && rule.name.as_deref() == name);
        number.ok_or_else(|| match name {
            Some(name) => format!("the policy has no running check `{check}` with a rule `{name}`"),
            None => format!("the policy has no running check `{check}`"),
        })
    }
}

impl TextRecord {
    fn new(findings: &Findings, names: &Names) -> TextRecord {
        let found = |note: &Note| {
            let (check, rule) = names.rule(note.rule);
            let Note { start, end, known, held, .. } = *note;
            FoundRecord { check, rule, start, end, known, held }
        };
        let halt = |halt: &TextHalt| {
            let (check, rule) = names.rule(halt.rule);
            let (code, held) = (halt.cause.code().to_string(), halt.cause.held());
            TextHaltRecord { check, rule, code, start: halt.start, known: halt.known, held }
        };
        TextRecord {
            cleared: findings.cleared,
            found: findings.notes.iter().map(found).collect(),
            halt: findings.halt.as_ref().map(halt),
        }
    }

    fn to_findings(&self, names: &Names) -> Result<Findings, String> {
        let note = |found: &FoundRecord| {
            let rule = names.rule_number(&found.check, found.rule.as_deref())?;
            let FoundRecord { start, end, known, held, .. } = *found;
            if start > end || held.is_none() && end > known {
                return Err(format!("no match is from {start} to {end}, known at {known}"));
            }
            Ok(Note { known, end, start, rule, held })
        };
        let halt = |halt: &TextHaltRecord| {
            let rule = names.rule_number(&halt.check, halt.rule.as_deref())?;
            let cause = HaltCause::of(&halt.code, halt.held)
                .ok_or_else(|| format!("`{}` is no reason of a text rule", halt.code))?;
            let decides = names.rules.get(rule).is_some_and(TextRule::decides);
            if !decides || halt.start > halt.known {
                let TextHaltRecord { check, start, known, .. } = halt;
                return Err(format!("`{check}` cannot halt at {start}, known at {known}"));
            }
            Ok(TextHalt { rule, start: halt.start, known: halt.known, cause })
        };
        Ok(Findings {
            cleared: self.cleared,
            notes: self.found.iter().map(note).collect::<Result<_, String>>()?,
            halt: self.halt.as_ref().map(halt).transpose()?,
        })
    }
}

impl From<ClaimEnd> for ClaimRecord {
    fn from(ClaimEnd { at, blank }: ClaimEnd) -> Self {
        ClaimRecord { end: at, blank }
    }
}

impl From<ClaimRecord> for ClaimEnd {
    fn from(ClaimRecord { end, blank }: ClaimRecord) -> Self {
        ClaimEnd { at: end, blank }
    }
}

fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

impl Record {
    /// The head of the trace of a run under this policy.
    #[must_use]
    pub fn head(policy: &Policy) -> Record {
        Record::Trace { version: TRACE_VERSION, policy: Box::new(policy.clone()) }
    }

    /// The record as a line of JSON, without the line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // no map with keys that are no strings, no custom impl that fails
        serde_json::to_string(self).unwrap_or_default()
    }

    /// [`Record::to_json`] and a line end, written behind what is there.
    pub fn write_line(&self, to: &mut Vec<u8>) {
        // as above
        let _ = serde_json::to_writer(&mut *to, self);
        to.push(b'\n');
    }

    pub(crate) fn of_input(input: &Input, names: &Names) -> Record {
        let name = |check: &usize| names.check(*check).to_string();
        match input.clone() {
            Input::Delta { choice, channel, bytes, claims, unsettled, findings } => {
                let claims = claims.into_iter().map(ClaimRecord::from).collect();
                let text = findings.map(|findings| TextRecord::new(&findings, names));
                Record::Delta { choice, channel, bytes, claims, unsettled, text }
            }
            Input::Score { choice, channel, check, claim, answer } => {
                Record::Score { choice, channel, check: name(&check), claim, score: answer }
            }
            Input::Token { choice, channel, check, end, answer } => {
                Record::Token { choice, channel, check: name(&check), end, score: answer }
            }
            Input::Fault { code, detail } => Record::Fault { code, detail },
            Input::Finish { choice } => Record::Finish { choice },
        }
    }

    /// The record of a decision; `None` for what a trace leaves out: questions,
    /// and passes that say no more than their score did.
    pub(crate) fn of_outcome(outcome: &Outcome, names: &Names) -> Option<Record> {
        match outcome {
            Outcome::Release { choice, channel, span } => {
                let bytes = span.end - span.start;
                Some(Record::Release { choice: *choice, channel: *channel, bytes })
            }
            Outcome::Matched(Matched { choice, channel, rule: number, start, end }) => {
                let (check, rule) = names.rule(*number);
                Some(Record::Match {
                    choice: *choice,
                    channel: *channel,
                    check,
                    rule,
                    action: names.rules.get(*number).map(|rule| rule.action).unwrap_or_default(),
                    start: *start,
                    end: *end,
                })
            }
            Outcome::Judged(judged) if judged.warn => Some(Record::Warn {
                choice: judged.choice,
                channel: judged.channel,
                check: names.check(judged.check).to_string(),
                index: judged.index,
                finding: judged.finding,
            }),
            Outcome::Judged(_) | Outcome::Ask { .. } => None,
            Outcome::Shadow(halted) => Some(Record::Shadow(halted.clone())),
            Outcome::Allowed(halted) => Some(Record::Allowed(halted.clone())),
            Outcome::Halt(halted) => Some(Record::Halt(halted.clone())),
        }
    }

    /// The input that the record stands for; `None` if it is the head or a
    /// decision.
    fn to_input(&self, names: &Names) -> Result<Option<Input>, String> {
        let number = |name: &String| {
            let number = names.check_number(name);
            number.ok_or_else(|| format!("the policy has no running check `{name}`"))
        };
        Ok(Some(match self.clone() {
            Record::Delta { choice, channel, bytes, claims, unsettled, text } => {
                let claims = claims.into_iter().map(ClaimEnd::from).collect();
                let findings = text.map(|text| text.to_findings(names)).transpose()?;
                Input::Delta { choice, channel, bytes, claims, unsettled, findings }
            }
            Record::Score { choice, channel, check, claim, score } => {
                Input::Score { choice, channel, check: number(&check)?, claim, answer: score }
            }
            Record::Token { choice, channel, check, end, score } => {
                Input::Token { choice, channel, check: number(&check)?, end, answer: score }
            }
            Record::Fault { code, detail } => Input::Fault { code, detail },
            Record::Finish { choice } => Input::Finish { choice },
            _ => return Ok(None),
        }))
    }
}

/// Decides a trace again, line by line, and holds what it decides against what
/// the trace says was decided.
///
/// ```
/// # use tidegate::{Channel, Format, Gate, Policy, Record, Replay};
/// # let policy = Policy::parse("version = 1\n[[halt]]", Format::Toml)?;
/// # let mut gate = Gate::new(&policy)?;
/// # gate.record();
/// # let mut trace = vec![Record::head(&policy)];
/// # trace.extend_from_slice(gate.push(0, Channel::Content, "An answer").records());
/// # trace.extend_from_slice(gate.finish(0).records());
/// # let lines: Vec<String> = trace.iter().map(Record::to_json).collect();
/// let mut replay = Replay::new();
/// for line in &lines {
///     replay.line(line)?;
/// }
/// let halts = replay.finish()?;
/// assert_eq!(halts.first().map(|halt| halt.code.as_str()), Some("missing_score"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Replay {
    line: u64,
    running: Option<Running>,
    halts: Vec<Halted>,
}

#[derive(Debug)]
struct Running {
    ledger: Ledger,
    names: Names,
    /// Decided here and not yet read.
    expected: VecDeque<Record>,
    outcomes: Vec<Outcome>,
}

impl Replay {
    /// A replay before its first line.
    #[must_use]
    pub fn new() -> Replay {
        Replay::default()
    }

    /// Takes the next line of the trace. Blank lines do not count.
    ///
    /// # Errors
    /// When the line is no record, the first is no head, or the line states a
    /// decision that is not the one made here.
    pub fn line(&mut self, line: &str) -> Result<(), ReplayError> {
        self.line += 1;
        if line.trim().is_empty() {
            return Ok(());
        }
        let line_number = self.line;
        let bad = |why| ReplayError { line: line_number, kind: Kind::Unreadable, why };
        let differs = |why| ReplayError { line: line_number, kind: Kind::Differs, why };
        let record: Record = serde_json::from_str(line).map_err(|error| bad(error.to_string()))?;
        let Some(running) = &mut self.running else {
            let Record::Trace { version, policy } = record else {
                return Err(
                    bad("a trace begins with its head, `\"record\":\"trace\"`".to_string()),
                );
            };
            if version != TRACE_VERSION {
                return Err(bad(format!(
                    "the trace is of version `{version}`: this program reads 1"
                )));
            }
            let running = Running::new(&policy).map_err(|error| bad(error.to_string()))?;
            self.running = Some(running);
            return Ok(());
        };
        if let Some(input) = record.to_input(&running.names).map_err(bad)? {
            running.settled().map_err(differs)?;
            running.apply(input);
            return Ok(());
        }
        if matches!(record, Record::Trace { .. }) {
            return Err(bad("a second head: replay one trace at a time".to_string()));
        }
        match running.expected.pop_front() {
            Some(expected) if expected == record => {
                if let Record::Halt(halted) = record {
                    self.halts.push(halted);
                }
                Ok(())
            }
            Some(expected) => Err(differs(format!("decided here: {}", expected.to_json()))),
            None => Err(differs("decided here: nothing".to_string())),
        }
    }

    /// The trace has ended. What it halted, in order.
    ///
    /// # Errors
    /// When the trace was empty, or something was decided here after its last
    /// line.
    pub fn finish(self) -> Result<Vec<Halted>, ReplayError> {
        let line = self.line;
        match &self.running {
            None => {
                let why = "the trace is empty".to_string();
                Err(ReplayError { line, kind: Kind::Unreadable, why })
            }
            Some(running) => match running.settled() {
                Ok(()) => Ok(self.halts),
                Err(why) => Err(ReplayError { line, kind: Kind::Differs, why }),
            },
        }
    }
}

impl Running {
    fn new(policy: &Policy) -> Result<Running, PolicyError> {
        let ledger = Ledger::for_replay(policy)?;
        let names = Names::of(&ledger);
        Ok(Running { ledger, names, expected: VecDeque::new(), outcomes: Vec::new() })
    }

    fn apply(&mut self, input: Input) {
        self.ledger.apply(input, &mut self.outcomes);
        let decided = self.outcomes.drain(..);
        self.expected.extend(decided.filter_map(|o| Record::of_outcome(&o, &self.names)));
    }

    /// Whether all that was decided here was also read.
    fn settled(&self) -> Result<(), String> {
        match self.expected.front() {
            None => Ok(()),
            Some(record) => Err(format!("the trace lacks {}", record.to_json())),
        }
    }
}

/// A trace cannot be replayed, or gives another verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayError {
    line: u64,
    kind: Kind,
    why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unreadable,
    Differs,
}

impl ReplayError {
    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Whether the trace was read and its decisions are not those made here; if
    /// not, it could not be read.
    #[must_use]
    pub fn is_difference(&self) -> bool {
        self.kind == Kind::Differs
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Unreadable => "not a record of a trace",
            Kind::Differs => "the replay differs",
        };
        write!(f, "line {}: {what}: {}", self.line, self.why)
    }
}

impl std::error::Error for ReplayError {}
