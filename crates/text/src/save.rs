//! Rules as bytes, their automata made: what reads them needs no expressions.
//!
//! ```text
//! rules:     set of those that decide, set of those that flag, holds
//! holds:     count, each: 0 unbounded, else bytes + 1
//! set:       rules, groups
//! rules:     count, each: number, deed (0 halt, 1 flag, 2 mask: length, bytes), effect
//! groups:    count, each: checksum, limit (0, or 1: bytes, what follows), automaton
//! automaton: stride, classes, kinds of states, states, starts, first quiet state, rows
//! classes:   runs that make 256: length, class
//! kinds:     count, each: the five parts of `State`
//! states:    count, each: its kind
//! rows:      for each state runs that make the stride: length, follower
//! ```
//!
//! Numbers are LEB128.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::Checksum;
use crate::automaton::{Automaton, Before, DEAD, Effect, Future, NONE, RuleNumber, State};
use crate::hold::Hold;
use crate::rule::OnOverflow;
use crate::rules::{Deed, Group, Limit, Replacement, Rules, Set, SetRule};

/// Bytes are no rules that [`Rules::to_bytes`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedError(&'static str);

impl fmt::Display for SavedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for SavedError {}

impl Rules {
    /// The rules as bytes, for [`Rules::from_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Vec::new();
        write_set(&mut to, &self.deciding);
        write_set(&mut to, &self.flagging);
        write(&mut to, self.holds.len());
        for hold in &self.holds {
            match hold {
                Hold::Unbounded => write(&mut to, 0),
                Hold::Bytes(bytes) => write(&mut to, bytes.saturating_add(1)),
            }
        }
        to
    }

    /// The rules that [`Rules::to_bytes`] made bytes of, if their automata take at most so
    /// many bytes in all.
    ///
    /// Whoever gives the bytes says what the rules find, as whoever writes a policy
    /// does: they are looked at for what could make a scan fail, and not for sense.
    ///
    /// # Errors
    /// When the bytes are no such rules, or the automata are larger.
    pub fn from_bytes(bytes: &[u8], automata_bytes_max: usize) -> Result<Rules, SavedError> {
        let mut from = From { rest: bytes, automata_bytes_left: automata_bytes_max };
        let deciding = from.set()?;
        let flagging = from.set()?;
        let mut holds = Vec::new();
        for _ in 0..from.count()? {
            holds.push(match from.number()?.checked_sub(1) {
                None => Hold::Unbounded,
                Some(bytes) => Hold::Bytes(bytes),
            });
        }
        match from.rest {
            [] => Ok(Rules { deciding, flagging, holds }),
            _ => Err(SavedError("there is more than the rules")),
        }
    }
}

fn write(to: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A rule's number, or that there is none.
fn write_rule(to: &mut Vec<u8>, rule: RuleNumber) {
    write(to, if rule == NONE { 0 } else { usize::from(rule) + 1 });
}

/// Runs of one value.
fn write_runs<T: PartialEq>(to: &mut Vec<u8>, values: &[T], number: impl Fn(&T) -> usize) {
    for run in values.chunk_by(|a, b| a == b) {
        write(to, run.len());
        write(to, run.first().map_or(0, &number));
    }
}

fn write_set(to: &mut Vec<u8>, set: &Set) {
    write(to, set.rules.len());
    for (rule, effect) in set.rules.iter().zip(&set.effects) {
        write(to, rule.number);
        match &rule.deed {
            Deed::Halt => write(to, 0),
            Deed::Flag => write(to, 1),
            Deed::Mask(with) => {
                write(to, 2);
                write(to, with.plain.len());
                to.extend_from_slice(with.plain.as_bytes());
            }
        }
        write(to, usize::from(*effect));
    }
    write(to, set.groups.len());
    for Group { automaton, checksum, limit } in &set.groups {
        write(
            to,
            match checksum {
                None => 0,
                Some(Checksum::Luhn) => 1,
                Some(Checksum::Mod97) => 2,
            },
        );
        match limit {
            None => write(to, 0),
            Some(Limit { hold_bytes_max, on_overflow }) => {
                write(to, 1);
                write(to, *hold_bytes_max as usize);
                write(to, usize::from(*on_overflow == OnOverflow::Release));
            }
        }
        write_automaton(to, automaton);
    }
}

fn write_automaton(to: &mut Vec<u8>, automaton: &Automaton) {
    write(to, automaton.stride);
    write_runs(to, &automaton.classes, |class| usize::from(*class));
    let mut kinds: Vec<State> = Vec::new();
    let mut of_states = Vec::with_capacity(automaton.states.len());
    for state in &automaton.states {
        let known = kinds.iter().rposition(|kind| kind == state);
        of_states.push(known.unwrap_or_else(|| {
            kinds.push(*state);
            kinds.len() - 1
        }));
    }
    write(to, kinds.len());
    for State { ended, ends, at_end, future, lapses } in &kinds {
        for rule in [*ended, *ends, *at_end] {
            write_rule(to, rule);
        }
        match future.effect {
            Effect::Nothing => write(to, 0),
            Effect::Several => write(to, 1),
            Effect::One(effect) => write(to, 2 + usize::from(effect)),
        }
        if !future.is_nothing() {
            write_rule(to, future.first);
            write_rule(to, future.last);
        }
        write(to, usize::from(*lapses));
    }
    write(to, of_states.len());
    for kind in of_states {
        write(to, kind);
    }
    let number = |state: &u32| automaton.number(*state);
    for start in &automaton.starts {
        write(to, number(start));
    }
    write(to, number(&automaton.quiet));
    for row in automaton.next.chunks(automaton.stride) {
        write_runs(to, row, number);
    }
}

const CUT_OFF: SavedError = SavedError("the rules are cut off");
const TOO_LARGE: SavedError = SavedError("the automata of the rules are too large");
const NO_RULE: SavedError = SavedError("a rule is not there");
const NO_STATE: SavedError = SavedError("a state is not there");

struct From<'a> {
    rest: &'a [u8],
    automata_bytes_left: usize,
}

impl From<'_> {
    fn number(&mut self) -> Result<usize, SavedError> {
        let mut number = 0u64;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(CUT_OFF)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(number).map_err(|_| TOO_LARGE);
            }
        }
        Err(SavedError("a number is too long"))
    }

    /// How many of something follow that take at least a byte each.
    fn count(&mut self) -> Result<usize, SavedError> {
        let count = self.number()?;
        if count > self.rest.len() { Err(CUT_OFF) } else { Ok(count) }
    }

    fn bytes(&mut self) -> Result<&[u8], SavedError> {
        let len = self.number()?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A number below this.
    fn below(&mut self, end: usize, error: SavedError) -> Result<usize, SavedError> {
        let number = self.number()?;
        if number < end { Ok(number) } else { Err(error) }
    }

    /// A rule of so many, or none.
    fn rule(&mut self, rules: usize) -> Result<RuleNumber, SavedError> {
        match self.below(rules + 1, NO_RULE)?.checked_sub(1) {
            None => Ok(NONE),
            Some(rule) => RuleNumber::try_from(rule).map_err(|_| NO_RULE),
        }
    }

    /// Runs that make so many values, each below an end.
    fn runs(
        &mut self,
        values: usize,
        end: usize,
        error: &SavedError,
        mut on_run: impl FnMut(usize, usize),
    ) -> Result<(), SavedError> {
        let mut left = values;
        while left > 0 {
            let len = self.below(left + 1, SavedError("a run is too long"))?;
            if len == 0 {
                return Err(SavedError("a run is empty"));
            }
            on_run(len, self.below(end, error.clone())?);
            left -= len;
        }
        Ok(())
    }

    fn set(&mut self) -> Result<Set, SavedError> {
        let count = self.count()?;
        if count >= usize::from(NONE) {
            return Err(NO_RULE);
        }
        let (mut rules, mut effects) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let number = self.number()?;
            let deed = match self.number()? {
                0 => Deed::Halt,
                1 => Deed::Flag,
                2 => {
                    let text = core::str::from_utf8(self.bytes()?);
                    let text = text.map_err(|_| SavedError("a replacement is not text"))?;
                    Deed::Mask(Replacement::new(text))
                }
                _ => return Err(SavedError("a rule does what is not known")),
            };
            rules.push(SetRule { number, deed });
            let effect = u16::try_from(self.number()?);
            effects.push(effect.map_err(|_| SavedError("an effect is not there"))?);
        }
        let mut groups = Vec::new();
        for _ in 0..self.count()? {
            let checksum = match self.number()? {
                0 => None,
                1 => Some(Checksum::Luhn),
                2 => Some(Checksum::Mod97),
                _ => return Err(SavedError("a checksum is not known")),
            };
            let limit = match self.number()? {
                0 => None,
                _ => {
                    let hold_bytes_max = u32::try_from(self.number()?).map_err(|_| TOO_LARGE)?;
                    let on_overflow = match self.number()? {
                        0 => OnOverflow::Halt,
                        _ => OnOverflow::Release,
                    };
                    Some(Limit { hold_bytes_max, on_overflow })
                }
            };
            let automaton = self.automaton(count)?;
            groups.push(Group { automaton, checksum, limit });
        }
        Ok(Set::of(groups, rules, effects))
    }

    fn automaton(&mut self, rules: usize) -> Result<Automaton, SavedError> {
        let stride = self.below(257, SavedError("there are more classes than bytes"))?;
        let mut classes = [0; 256];
        let mut at = 0;
        self.runs(256, stride, &SavedError("a class is not there"), |len, class| {
            for slot in classes.iter_mut().skip(at).take(len) {
                *slot = class as u8;
            }
            at += len;
        })?;
        let mut kinds = Vec::new();
        for _ in 0..self.count()? {
            kinds.push(self.kind(rules)?);
        }
        let count = self.count()?;
        let bytes = (stride * size_of::<u32>() + size_of::<State>()).checked_mul(count);
        let bytes = bytes.filter(|bytes| *bytes <= self.automata_bytes_left).ok_or(TOO_LARGE)?;
        self.automata_bytes_left -= bytes;
        let mut states = Vec::with_capacity(count);
        for _ in 0..count {
            let kind = self.below(kinds.len(), NO_STATE)?;
            states.push(*kinds.get(kind).ok_or(NO_STATE)?);
        }
        let mut starts = [DEAD; 5];
        for start in &mut starts {
            *start = (self.below(count, NO_STATE)? * stride) as u32;
        }
        let quiet = (self.below(count + 1, NO_STATE)? * stride) as u32;
        let mut next = vec![DEAD; count * stride];
        let mut at = 0;
        for _ in 0..count {
            self.runs(stride, count, &NO_STATE, |len, follower| {
                for slot in next.iter_mut().skip(at).take(len) {
                    *slot = (follower * stride) as u32;
                }
                at += len;
            })?;
        }
        let automaton = Automaton { classes, stride, next, states, starts, quiet };
        if automaton.matches_nothing() {
            return Err(SavedError("a rule matches the empty text"));
        }
        Ok(automaton)
    }

    fn kind(&mut self, rules: usize) -> Result<State, SavedError> {
        let (ended, ends, at_end) = (self.rule(rules)?, self.rule(rules)?, self.rule(rules)?);
        let effect = match self.number()? {
            0 => Effect::Nothing,
            1 => Effect::Several,
            effect => Effect::One(u16::try_from(effect - 2).map_err(|_| NO_RULE)?),
        };
        let (first, last) = match effect {
            Effect::Nothing => (NONE, 0),
            _ => (self.rule(rules)?, self.rule(rules)?),
        };
        let lapses = self.number()? != 0;
        Ok(State { ended, ends, at_end, future: Future { first, last, effect }, lapses })
    }
}

impl Automaton {
    /// Whether the empty text matches somewhere: a scan would not get on.
    fn matches_nothing(&self) -> bool {
        Before::ALL.into_iter().any(|before| {
            let start = self.start(before);
            let state = self.state(start);
            let ended = |follower: &u32| self.state(*follower).ended != NONE;
            state.ended != NONE
                || state.ends != NONE
                || state.at_end != NONE
                || self.followers(start).iter().any(ended)
        })
    }
}
