//! Rules as bytes, their automata made: what reads them needs no expressions.
//!
//! ```text
//! rules:     set of those that decide, set of those that flag, holds
//! holds:     count, each: 0 unbounded, else bytes + 1
//! set:       rules, groups
//! rules:     count, each: number, deed (0 halt, 1 flag, 2 mask: length, bytes)
//! groups:    count, each: checksum, limit (0, or 1: bytes, what follows), automaton
//! automaton: stride, classes, states, rows, starts
//! classes:   runs that make 256: length, class
//! states:    count, each: the rule that `ended`, the rule `at_end`: 0 for none, else + 1
//! rows:      for each state runs that make the stride: length, follower
//! ```
//!
//! Numbers are LEB128. What may come of a state is not kept: it is found again, and so
//! it is right whatever was read.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::Checksum;
use crate::annotate::Raw;
use crate::automaton::{Automaton, Before, DEAD, NONE, RuleNumber, State};
use crate::hold::Hold;
use crate::rule::OnOverflow;
use crate::rules::{Deed, Group, Limit, Replacement, Rules, Set, SetRule, effects};

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
    for rule in &set.rules {
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
    write(to, automaton.states.len());
    for state in &automaton.states {
        write_rule(to, state.ended);
        write_rule(to, state.at_end);
    }
    let number = |state: &u32| automaton.number(*state);
    for row in automaton.next.chunks(automaton.stride) {
        write_runs(to, row, number);
    }
    for start in &automaton.starts {
        write(to, number(start));
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
        let mut rules = Vec::new();
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
        }
        let effects = effects(&rules);
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
            let automaton = self.automaton(&effects)?;
            groups.push(Group { automaton, checksum, limit });
        }
        Ok(Set::of(groups, rules, effects))
    }

    fn automaton(&mut self, effects: &[u16]) -> Result<Automaton, SavedError> {
        let stride = self.below(257, SavedError("there are more classes than bytes"))?;
        let mut classes = [0; 256];
        let mut at = 0;
        self.runs(256, stride, &SavedError("a class is not there"), |len, class| {
            for slot in classes.iter_mut().skip(at).take(len) {
                *slot = class as u8;
            }
            at += len;
        })?;
        let count = self.count()?;
        let bytes = (stride * size_of::<u32>() + size_of::<State>()).checked_mul(count);
        let bytes = bytes.filter(|bytes| *bytes <= self.automata_bytes_left).ok_or(TOO_LARGE)?;
        self.automata_bytes_left -= bytes;
        let mut matches = Vec::with_capacity(count);
        for _ in 0..count {
            matches.push((self.rule(effects.len())?, self.rule(effects.len())?));
        }
        let mut next = vec![DEAD; count * stride];
        let mut at = 0;
        for _ in 0..count {
            self.runs(stride, count, &NO_STATE, |len, follower| {
                for slot in next.iter_mut().skip(at).take(len) {
                    *slot = follower as u32;
                }
                at += len;
            })?;
        }
        let mut starts = [DEAD; 5];
        for start in &mut starts {
            *start = self.below(count, NO_STATE)? as u32;
        }
        let raw = Raw { classes, stride, next, matches, starts };
        let automaton =
            raw.annotate(effects).map_err(|_| SavedError("an automaton is none of text"))?;
        if automaton.matches_nothing() {
            return Err(SavedError("a rule matches the empty text"));
        }
        Ok(automaton)
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
