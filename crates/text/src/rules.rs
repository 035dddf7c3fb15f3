//! Rules, made ready to scan.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use regex_syntax::hir::Hir;

use crate::Checksum;
use crate::automaton::{Automaton, Before, DEAD, RuleNumber};
use crate::hold::{Hold, longest};
use crate::rule::{Action, CHECKED_BYTES_MAX, Kind, OnOverflow, Pattern, Rule, RuleError};
use crate::syntax;

/// The default bound on the size of an automaton: 32 MiB.
pub const AUTOMATON_BYTES_MAX: usize = 32 << 20;

/// Rules, made ready to scan. One is enough for any number of streams.
#[derive(Debug)]
pub struct Rules {
    /// The rules that halt and mask.
    pub(crate) deciding: Set,
    /// The rules that only flag: what they match is not taken from the others.
    pub(crate) flagging: Set,
    pub(crate) holds: Vec<Hold>,
}

/// Rules that are scanned for together.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) groups: Vec<Group>,
    /// By the rules' numbers in the set.
    pub(crate) rules: Vec<SetRule>,
    /// What each rule does, as a number: masks with one replacement do the same.
    pub(crate) effects: Vec<u16>,
    /// Which groups have a live start at a byte, by [`Before`] and the byte: a
    /// bit for each group, the last for all that have none of their own.
    live: Box<[[u64; 256]; 5]>,
}

#[derive(Debug)]
pub(crate) struct SetRule {
    /// The number in the list that was given.
    pub(crate) number: usize,
    pub(crate) deed: Deed,
}

/// What is done to a match.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Halt,
    Mask(Replacement),
    Flag,
}

/// What stands for a match, in text, in a string of JSON and as a value of
/// JSON.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    pub(crate) plain: Arc<str>,
    pub(crate) escaped: Arc<str>,
    pub(crate) quoted: Arc<str>,
}

/// Rules with one automaton.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) automaton: Automaton,
    /// Such a rule has its group to itself.
    pub(crate) checksum: Option<Checksum>,
    /// For rules that could hold more than they may.
    pub(crate) limit: Option<Limit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) hold_bytes_max: u32,
    pub(crate) on_overflow: OnOverflow,
}

/// What rules must share to share an automaton.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kin {
    Free,
    Limited(Limit),
    /// A rule of its own: its checksum, or what it lets go, is not that of others.
    Alone(usize),
}

impl Rules {
    /// Makes rules ready. Earlier rules win where several match at one place.
    /// No automaton, of one rule or of several together, may take more than
    /// `automaton_bytes_max` bytes; [`AUTOMATON_BYTES_MAX`] is the default.
    ///
    /// # Errors
    /// The first rule that cannot be used: its expression cannot be read, can
    /// match nothing or the empty text, has a Unicode word boundary, or makes
    /// too large an automaton; a literal is empty; with a checksum, when a match
    /// can be longer than [`CHECKED_BYTES_MAX`].
    pub fn new(rules: &[Rule], automaton_bytes_max: usize) -> Result<Rules, RuleError> {
        if rules.len() > usize::from(RuleNumber::MAX) - 1 {
            return Err(RuleError::new(0, Kind::TooMany));
        }
        let mut holds = Vec::with_capacity(rules.len());
        let (mut deciding, mut flagging) = (Vec::new(), Vec::new());
        for (number, rule) in rules.iter().enumerate() {
            let at = |kind| RuleError::new(number, kind);
            let hir = syntax::read(&rule.pattern).map_err(at)?;
            let alone = Automaton::new(&[&hir], &[0], &[0], automaton_bytes_max)
                .map_err(|_| at(Kind::TooLarge { bytes_max: automaton_bytes_max }))?;
            if !alone.can_match() {
                return Err(at(Kind::NeverMatches));
            }
            let hold = longest(&alone, rule.checksum.is_some());
            holds.push(hold);
            if rule.checksum.is_some() {
                match hir.properties().maximum_len() {
                    None => {
                        let part = unbounded_part(rule, automaton_bytes_max);
                        return Err(at(Kind::Unbounded { part }));
                    }
                    Some(bytes) if bytes > CHECKED_BYTES_MAX as usize => {
                        return Err(at(Kind::TooLong { bytes }));
                    }
                    Some(_) => {}
                }
            }
            let overflows = match hold {
                Hold::Unbounded => true,
                Hold::Bytes(bytes) => bytes > rule.hold_bytes_max as usize,
            };
            let on_overflow = match rule.action {
                // it changes nothing, this neither
                Action::Flag => OnOverflow::Release,
                Action::Halt | Action::Mask(_) => rule.on_overflow,
            };
            let limit = Limit { hold_bytes_max: rule.hold_bytes_max, on_overflow };
            let kin = match rule.checksum {
                Some(_) => Kin::Alone(number),
                None if overflows && on_overflow == OnOverflow::Release => Kin::Alone(number),
                None if overflows => Kin::Limited(limit),
                None => Kin::Free,
            };
            let limit = overflows.then_some(limit);
            let ready = Ready { number, rule, hir, kin, limit };
            match rule.action {
                Action::Flag => flagging.push(ready),
                Action::Halt | Action::Mask(_) => deciding.push(ready),
            }
        }
        Ok(Rules {
            deciding: Set::new(&deciding, automaton_bytes_max)?,
            flagging: Set::new(&flagging, automaton_bytes_max)?,
            holds,
        })
    }

    /// How many bytes each rule can hold back, in their order, were it not for
    /// its bound.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// How many bytes the automata take.
    #[must_use]
    pub fn automaton_bytes(&self) -> usize {
        let groups = self.deciding.groups.iter().chain(&self.flagging.groups);
        groups.map(|group| group.automaton.bytes()).sum()
    }

    /// How many states the automata have.
    #[must_use]
    pub fn automaton_states(&self) -> usize {
        let groups = self.deciding.groups.iter().chain(&self.flagging.groups);
        groups.map(|group| group.automaton.len()).sum()
    }
}

/// The part of a rule's expression for which it holds text without bound, in
/// bytes; `None` if it does not, or for no part alone.
#[must_use]
pub fn unbounded_part(rule: &Rule, automaton_bytes_max: usize) -> Option<Range<usize>> {
    let Pattern::Regex(expression) = &rule.pattern else { return None };
    syntax::unbounded_part(expression, |hir| {
        let automaton = Automaton::new(&[hir], &[0], &[0], automaton_bytes_max);
        automaton.is_ok_and(|alone| longest(&alone, rule.checksum.is_some()) == Hold::Unbounded)
    })
}

/// A rule on its way into a set.
struct Ready<'a> {
    number: usize,
    rule: &'a Rule,
    hir: Hir,
    kin: Kin,
    limit: Option<Limit>,
}

impl Set {
    fn new(ready: &[Ready<'_>], bytes_max: usize) -> Result<Set, RuleError> {
        let set_rule =
            |it: &Ready<'_>| SetRule { number: it.number, deed: Deed::of(&it.rule.action) };
        let rules: Vec<SetRule> = ready.iter().map(set_rule).collect();
        let effects = effects(&rules);
        let mut kins: Vec<Kin> = Vec::new();
        for ready in ready {
            if !kins.contains(&ready.kin) {
                kins.push(ready.kin);
            }
        }
        let mut groups = Vec::new();
        for kin in kins {
            let of_kin = |(_, ready): &(usize, &Ready<'_>)| ready.kin == kin;
            let members: Vec<usize> =
                ready.iter().enumerate().filter(of_kin).map(|(at, _)| at).collect();
            let first = members.first().and_then(|at| ready.get(*at));
            let (number, rule, limit) = match first {
                Some(first) => (first.number, first.rule, first.limit),
                None => continue,
            };
            let mut numbers = Vec::new();
            for at in &members {
                numbers.push(RuleNumber::try_from(*at).unwrap_or(RuleNumber::MAX));
            }
            let hirs: Vec<&Hir> =
                members.iter().filter_map(|at| ready.get(*at)).map(|ready| &ready.hir).collect();
            let too_large = |_| RuleError::new(number, Kind::TooLarge { bytes_max });
            let automaton =
                Automaton::new(&hirs, &numbers, &effects, bytes_max).map_err(too_large)?;
            groups.push(Group { automaton, checksum: rule.checksum, limit });
        }
        Ok(Set::of(groups, rules, effects))
    }

    pub(crate) fn of(groups: Vec<Group>, rules: Vec<SetRule>, effects: Vec<u16>) -> Set {
        let live = live(&groups);
        Set { groups, rules, effects, live }
    }

    /// The groups that have a live start at the byte.
    #[expect(
        clippy::indexing_slicing,
        reason = "there are five kinds, and a byte is less than 256"
    )]
    #[inline]
    pub(crate) fn live(&self, before: Before, byte: u8) -> u64 {
        self.live[before as usize][usize::from(byte)]
    }

    /// Whether nothing it finds changes the text.
    pub(crate) fn only_flags(&self) -> bool {
        self.rules.iter().all(|rule| matches!(rule.deed, Deed::Flag))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// The number of what each rule does: masks with one replacement do the same.
pub(crate) fn effects(rules: &[SetRule]) -> Vec<u16> {
    let mut known: Vec<&Deed> = Vec::new();
    let mut effects = Vec::with_capacity(rules.len());
    for SetRule { deed, .. } in rules {
        let same = known.iter().position(|known| known.is_same(deed));
        let number = same.unwrap_or_else(|| {
            known.push(deed);
            known.len() - 1
        });
        effects.push(u16::try_from(number).unwrap_or(u16::MAX));
    }
    effects
}

fn live(groups: &[Group]) -> Box<[[u64; 256]; 5]> {
    let mut live = Box::new([[0; 256]; 5]);
    for (row, before) in live.iter_mut().zip(Before::ALL) {
        for (byte, bits) in (0u8..=255).zip(row.iter_mut()) {
            for (number, Group { automaton, .. }) in groups.iter().enumerate() {
                if automaton.next(automaton.start(before), byte) != DEAD {
                    *bits |= group_bit(number);
                }
            }
        }
    }
    live
}

/// The bit that all groups share which have none of their own.
pub(crate) const SHARED_BIT: usize = 63;

/// The bit of a group.
pub(crate) fn group_bit(number: usize) -> u64 {
    1 << number.min(SHARED_BIT)
}

impl Deed {
    fn is_same(&self, other: &Deed) -> bool {
        match (self, other) {
            (Deed::Mask(with), Deed::Mask(other)) => with.plain == other.plain,
            (Deed::Flag, Deed::Flag) => true,
            // each halt is one of its own
            _ => false,
        }
    }

    fn of(action: &Action) -> Deed {
        match action {
            Action::Halt => Deed::Halt,
            Action::Flag => Deed::Flag,
            Action::Mask(text) => Deed::Mask(Replacement::new(text)),
        }
    }
}

impl Replacement {
    pub(crate) fn new(text: &str) -> Replacement {
        let escaped = escape(text);
        Replacement {
            plain: text.into(),
            quoted: format!("\"{escaped}\"").into(),
            escaped: escaped.into(),
        }
    }
}

/// As RFC 8259, section 7, wants it in a string.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\0'..='\x1f' => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => escaped.push(c),
        }
    }
    escaped
}
