//! A policy made ready to run: its text rules as automata.

use std::sync::{Arc, OnceLock};

use tidegate_kernel::Channel;
use tidegate_text::{Action, Hold, Rule, Rules, unbounded_part};

use crate::document::Format;
use crate::driver::Driver;
use crate::gate::Gate;
use crate::policy::{
    ChannelKind, CheckRule, Fault, HaltCheck, Limits, Mode, Notice, OnError, OnOverflow, Policy,
    PolicyError, TextAction, part_of,
};
use crate::trace::TRACE_VERSION;

/// A policy made ready to run.
///
/// Making the automata of text rules takes milliseconds; a gate made from them
/// takes none. Make this once for a policy and a [`Gate`] or [`Driver`] from it
/// for each response. A clone shares the automata.
///
/// ```
/// use tidegate::{Channel, Checks, Format, Policy};
///
/// let policy = Policy::parse(
///     r#"
///     version = 1
///     [[text]]
///     use = ["secrets"]
///     action = "mask"
///     "#,
///     Format::Toml,
/// )?;
/// let checks = Checks::new(&policy)?;
/// for _response in 0..3 {
///     let mut gate = checks.gate();
///     gate.push(0, Channel::Content, "An answer");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checks {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) on_fault: OnError,
    /// The halt checks that run.
    pub(crate) halt: Arc<[HaltCheck]>,
    /// The rules of the text checks that run.
    pub(crate) text: Arc<[TextRule]>,
    /// By the kind of channel.
    pub(crate) scans: [Scans; 4],
    /// The policy as it was read, or as it is in `json`.
    pub(crate) policy: OnceLock<Policy>,
    /// The policy as it was kept, or as it is in `policy`. One of them is there.
    pub(crate) json: OnceLock<String>,
}

/// A rule of a text check, as verdicts speak of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextRule {
    pub(crate) check: Arc<str>,
    /// Its name in the library, if it is from there.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) action: TextAction,
    pub(crate) mode: Mode,
    pub(crate) hold_bytes_max: u32,
    pub(crate) channels: Vec<ChannelKind>,
}

impl TextRule {
    pub(crate) fn watches(&self, channel: Channel) -> bool {
        self.channels.iter().any(|kind| kind.contains(channel))
    }

    /// Whether text is held, masked or halted for it.
    pub(crate) fn decides(&self) -> bool {
        self.mode == Mode::Enforce && self.action != TextAction::Flag
    }
}

/// What text of a channel is scanned for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scans {
    /// Rules that have a say, or flag.
    pub(crate) enforcing: Option<Scanned>,
    /// Rules that would.
    pub(crate) shadow: Option<Scanned>,
}

#[derive(Clone, Debug)]
pub(crate) struct Scanned {
    pub(crate) rules: Arc<Rules>,
    /// Which of all rules these are.
    pub(crate) numbers: Arc<[usize]>,
}

const KINDS: [ChannelKind; 4] =
    [ChannelKind::Content, ChannelKind::Reasoning, ChannelKind::Refusal, ChannelKind::Tool];

/// The rules of all text checks that run, each with the number of its check.
fn running(policy: &Policy) -> impl Iterator<Item = (usize, CheckRule)> {
    let running = policy.text.iter().enumerate().filter(|(_, check)| check.mode != Mode::Off);
    running.flat_map(|(number, check)| {
        check.rules(&policy.limits).into_iter().map(move |rule| (number, rule))
    })
}

/// The rules of the text checks that run, in order.
pub(crate) fn text_rules(policy: &Policy) -> Arc<[TextRule]> {
    let described = running(policy).filter_map(|(number, CheckRule { name, rule })| {
        let check = policy.text.get(number)?;
        Some(TextRule {
            check: check.name.as_str().into(),
            name: name.map(Arc::from),
            action: check.action,
            mode: check.mode,
            hold_bytes_max: rule.hold_bytes_max,
            channels: check.channels.clone(),
        })
    });
    described.collect()
}

impl Checks {
    /// Makes a policy ready.
    ///
    /// # Errors
    /// When a field of the policy is out of range or a text rule cannot be used,
    /// which is so of no parsed policy.
    pub fn new(policy: &Policy) -> Result<Checks, PolicyError> {
        policy.find_fault().and_then(|()| Checks::compile(policy)).map_err(Fault::without_place)
    }

    /// Reads a policy and makes it ready in one, with what a reader of the policy
    /// should know though it is no error.
    ///
    /// # Errors
    /// Those of [`Policy::parse`].
    pub fn parse_with_notices(
        text: &str,
        format: Format,
    ) -> Result<(Checks, Vec<Notice>), PolicyError> {
        Policy::make(text, format)
    }

    /// A gate for one response.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate::with(self)
    }

    /// A driver for one response, with a scorer for logprobs and none else.
    #[must_use]
    pub fn driver(&self) -> Driver {
        Driver::with(self)
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        let Shared { policy, json, .. } = &*self.shared;
        // what was kept was written here
        let read = || json.get().and_then(|json| serde_json::from_str(json).ok());
        policy.get_or_init(|| read().unwrap_or_default())
    }

    /// The policy as JSON, as it is in the head of a trace.
    #[must_use]
    pub fn policy_json(&self) -> &str {
        let Shared { policy, json, .. } = &*self.shared;
        // it has no map with keys that are no strings
        let write = || policy.get().and_then(|policy| serde_json::to_string(policy).ok());
        json.get_or_init(|| write().unwrap_or_default())
    }

    /// The halt checks that run.
    #[must_use]
    pub fn halt(&self) -> &[HaltCheck] {
        &self.shared.halt
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// The head of the trace of a run under the policy, as [`Record::head`] writes it: a
    /// line with its end, written behind what is there.
    ///
    /// [`Record::head`]: crate::Record::head
    pub fn write_trace_head(&self, to: &mut Vec<u8>) {
        let policy = self.policy_json();
        let head =
            format!("{{\"record\":\"trace\",\"version\":{TRACE_VERSION},\"policy\":{policy}}}\n");
        to.extend_from_slice(head.as_bytes());
    }

    /// What text of the channel is scanned for.
    pub(crate) fn scans(&self, channel: Channel) -> &Scans {
        let [content, reasoning, refusal, tool] = &self.shared.scans;
        match channel {
            Channel::Content => content,
            Channel::Reasoning => reasoning,
            Channel::Refusal => refusal,
            Channel::Tool(_) => tool,
        }
    }

    /// Makes the automata of a policy that has no other fault.
    pub(crate) fn compile(policy: &Policy) -> Result<Checks, Fault> {
        let rules: Vec<(usize, CheckRule)> = running(policy).collect();
        let mut known: Vec<Scanned> = Vec::new();
        let mut scanned = |kind: ChannelKind, mode: Mode| {
            let is_wanted = |number: &usize| {
                let check = rules.get(*number).and_then(|(check, _)| policy.text.get(*check));
                check.is_some_and(|check| check.mode == mode && check.channels.contains(&kind))
            };
            let numbers: Arc<[usize]> = (0..rules.len()).filter(is_wanted).collect();
            if numbers.is_empty() {
                return Ok(None);
            }
            if let Some(same) = known.iter().find(|scanned| scanned.numbers == numbers) {
                return Ok(Some(same.clone()));
            }
            let made = make(policy, &rules, &numbers, mode)?;
            let scanned = Scanned { rules: Arc::new(made), numbers };
            known.push(scanned.clone());
            Ok(Some(scanned))
        };
        let mut scans: [Scans; 4] = Default::default();
        for (scans, kind) in scans.iter_mut().zip(KINDS) {
            scans.enforcing = scanned(kind, Mode::Enforce)?;
            scans.shadow = scanned(kind, Mode::Shadow)?;
        }
        let (halt, text) = (policy.running(), text_rules(policy));
        let (limits, on_fault) = (policy.limits, policy.stream.on_fault);
        let (policy, json) = (OnceLock::from(policy.clone()), OnceLock::new());
        let shared = Shared { limits, on_fault, halt, text, scans, policy, json };
        Ok(Checks { shared: Arc::new(shared) })
    }

    /// Rules that can hold more than they may.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        let policy = self.policy();
        let mut notices = Vec::new();
        let mut noted = vec![false; self.shared.text.len()];
        let rules: Vec<(usize, CheckRule)> = running(policy).collect();
        for scanned in self.shared.scans.iter().filter_map(|scans| scans.enforcing.as_ref()) {
            for (number, hold) in scanned.numbers.iter().zip(scanned.rules.holds()) {
                let (Some(told), Some(rule)) = (noted.get_mut(*number), rules.get(*number)) else {
                    continue;
                };
                if !std::mem::replace(told, true) {
                    notices.extend(notice(policy, rule, *hold));
                }
            }
        }
        notices
    }
}

fn make(
    policy: &Policy,
    rules: &[(usize, CheckRule)],
    numbers: &[usize],
    mode: Mode,
) -> Result<Rules, Fault> {
    let chosen = || numbers.iter().filter_map(|number| rules.get(*number));
    let chosen_rules: Vec<Rule> = chosen()
        .map(|(_, CheckRule { rule, .. })| match mode {
            // what has no say takes no text from the others
            Mode::Shadow => Rule { action: Action::Flag, ..rule.clone() },
            Mode::Enforce | Mode::Off => rule.clone(),
        })
        .collect();
    Rules::new(&chosen_rules, policy.limits.automaton_bytes_max as usize).map_err(|error| {
        let (check, rule) =
            chosen().nth(error.rule()).map_or((0, None), |(check, rule)| (*check, rule.name));
        match policy.text.get(check) {
            Some(found) => found.fault_of_rule(&check.to_string(), rule, &error),
            None => Fault::new(["text"], error.to_string()),
        }
    })
}

fn notice(
    policy: &Policy,
    (check, CheckRule { name, rule }): &(usize, CheckRule),
    hold: Hold,
) -> Option<Notice> {
    let check = policy.text.get(*check)?;
    let max = rule.hold_bytes_max;
    let how_much = match hold {
        _ if rule.action == Action::Flag => return None,
        Hold::Bytes(bytes) if bytes <= max as usize => return None,
        Hold::Bytes(bytes) => format!("up to {bytes} bytes"),
        Hold::Unbounded => {
            let part = unbounded_part(rule, policy.limits.automaton_bytes_max as usize);
            let part = match (&check.regex, part) {
                (Some(regex), Some(part)) => part_of(regex, &part),
                _ => String::new(),
            };
            format!("text without bound{part}")
        }
    };
    let what = match check.on_overflow {
        OnOverflow::Halt => "halts",
        OnOverflow::Release => "lets it go",
    };
    let rule = name.map(|name| format!(", rule `{name}`,")).unwrap_or_default();
    let message = format!(
        "the check `{}`{rule} can hold back {how_much} while it is open whether it matches: past {max} bytes it {what}",
        check.name
    );
    Some(Notice { message })
}
