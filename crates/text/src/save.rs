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
//! All as `tidegate-saved` has it. What may come of a state is not kept: it is found again, and
//! so it is right whatever was read.

use alloc::vec;
use alloc::vec::Vec;

use tidegate_saved::{Damaged, Reader, Writer};

use crate::Checksum;
use crate::annotate::Raw;
use crate::automaton::{Automaton, Before, DEAD, NONE, RuleNumber, State};
use crate::hold::Hold;
use crate::rule::OnOverflow;
use crate::rules::{Deed, Group, Limit, Replacement, Rules, Set, SetRule, effects};

impl Rules {
    /// The rules as bytes, for [`Rules::from_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        write_set(&mut to, &self.deciding);
        write_set(&mut to, &self.flagging);
        to.list(&self.holds, |to, hold| match hold {
            Hold::Unbounded => to.number(0),
            Hold::Bytes(bytes) => to.number(bytes.saturating_add(1) as u64),
        });
        to.into_bytes()
    }

    /// The rules that [`Rules::to_bytes`] made bytes of, if their automata take at most so
    /// many bytes in all.
    ///
    /// Whoever gives the bytes says what the rules find, as whoever writes a policy
    /// does: they are looked at for what could make a scan fail, and not for sense.
    ///
    /// # Errors
    /// When the bytes are no such rules, or the automata are larger.
    pub fn from_bytes(bytes: &[u8], automata_bytes_max: usize) -> Result<Rules, Damaged> {
        let mut from =
            RulesReader { from: Reader::new(bytes), automata_bytes_left: automata_bytes_max };
        let (deciding, flagging) = (from.set()?, from.set()?);
        let mut from = from.from;
        let holds = from.list(1, |from| {
            let hold = from.below(usize::MAX, TOO_LARGE)?;
            Ok::<_, Damaged>(hold.checked_sub(1).map_or(Hold::Unbounded, Hold::Bytes))
        })?;
        from.end()?;
        Ok(Rules { deciding, flagging, holds })
    }
}

/// A rule's number, or that there is none.
fn write_rule(to: &mut Writer, rule: RuleNumber) {
    to.number(if rule == NONE { 0 } else { u64::from(rule) + 1 });
}

/// Runs of one value.
fn write_runs<T: PartialEq>(to: &mut Writer, values: &[T], number: impl Fn(&T) -> usize) {
    for run in values.chunk_by(|a, b| a == b) {
        to.number(run.len() as u64);
        to.number(run.first().map_or(0, &number) as u64);
    }
}

fn write_set(to: &mut Writer, set: &Set) {
    to.list(&set.rules, |to, rule| {
        to.number(rule.number as u64);
        match &rule.deed {
            Deed::Halt => to.number(0),
            Deed::Flag => to.number(1),
            Deed::Mask(with) => {
                to.number(2);
                to.text(&with.plain);
            }
        }
    });
    to.list(&set.groups, |to, Group { automaton, checksum, limit }| {
        to.number(match checksum {
            None => 0,
            Some(Checksum::Luhn) => 1,
            Some(Checksum::Mod97) => 2,
        });
        to.option(limit.as_ref(), |to, Limit { hold_bytes_max, on_overflow }| {
            to.number(u64::from(*hold_bytes_max));
            to.number(u64::from(*on_overflow == OnOverflow::Release));
        });
        write_automaton(to, automaton);
    });
}

fn write_automaton(to: &mut Writer, automaton: &Automaton) {
    to.number(automaton.stride as u64);
    write_runs(to, &automaton.classes, |class| usize::from(*class));
    to.list(&automaton.states, |to, state| {
        write_rule(to, state.ended);
        write_rule(to, state.at_end);
    });
    let number = |state: &u32| automaton.number(*state);
    for row in automaton.next.chunks(automaton.stride) {
        write_runs(to, row, number);
    }
    for start in &automaton.starts {
        to.number(number(start) as u64);
    }
}

const TOO_LARGE: Damaged = Damaged("the automata of the rules are too large");
const NO_RULE: Damaged = Damaged("a rule is not there");
const NO_STATE: Damaged = Damaged("a state is not there");

struct RulesReader<'a> {
    from: Reader<'a>,
    automata_bytes_left: usize,
}

impl RulesReader<'_> {
    fn set(&mut self) -> Result<Set, Damaged> {
        let rules = self.from.list(2, read_rule)?;
        if rules.len() >= usize::from(NONE) {
            return Err(NO_RULE);
        }
        let effects = effects(&rules);
        let mut groups = Vec::new();
        for _ in 0..self.from.count(1)? {
            let checksum = match self.from.number()? {
                0 => None,
                1 => Some(Checksum::Luhn),
                2 => Some(Checksum::Mod97),
                _ => return Err(Damaged("a checksum is not known")),
            };
            let limit = self.from.option(|from| {
                let hold_bytes_max = from.number32()?;
                let on_overflow = match from.number()? {
                    0 => OnOverflow::Halt,
                    _ => OnOverflow::Release,
                };
                Ok::<_, Damaged>(Limit { hold_bytes_max, on_overflow })
            })?;
            groups.push(Group { automaton: self.automaton(&effects)?, checksum, limit });
        }
        Ok(Set::of(groups, rules, effects))
    }

    fn automaton(&mut self, effects: &[u16]) -> Result<Automaton, Damaged> {
        let from = &mut self.from;
        let stride = from.below(257, Damaged("there are more classes than bytes"))?;
        let mut classes = [0; 256];
        read_runs(from, &mut classes, stride, Damaged("a class is not there"), |it| it as u8)?;
        let count = from.count(2)?;
        let bytes = (stride * size_of::<u32>() + size_of::<State>()).checked_mul(count);
        let bytes = bytes.filter(|bytes| *bytes <= self.automata_bytes_left).ok_or(TOO_LARGE)?;
        self.automata_bytes_left -= bytes;
        let mut matches = Vec::with_capacity(count);
        for _ in 0..count {
            matches.push((read_match(from, effects)?, read_match(from, effects)?));
        }
        let mut next = vec![DEAD; count * stride];
        for row in next.chunks_mut(stride.max(1)) {
            read_runs(from, row, count, NO_STATE, |it| it as u32)?;
        }
        let mut starts = [DEAD; 5];
        for start in &mut starts {
            *start = from.below(count, NO_STATE)? as u32;
        }
        let raw = Raw { classes, stride, next, matches, starts };
        let automaton =
            raw.annotate(effects).map_err(|_| Damaged("an automaton is none of text"))?;
        if automaton.matches_nothing() {
            return Err(Damaged("a rule matches the empty text"));
        }
        Ok(automaton)
    }
}

fn read_rule(from: &mut Reader<'_>) -> Result<SetRule, Damaged> {
    let number = from.below(usize::MAX, NO_RULE)?;
    let deed = match from.number()? {
        0 => Deed::Halt,
        1 => Deed::Flag,
        2 => Deed::Mask(Replacement::new(from.text()?)),
        _ => return Err(Damaged("a rule does what is not known")),
    };
    Ok(SetRule { number, deed })
}

/// One of the rules that have these effects, or none.
fn read_match(from: &mut Reader<'_>, effects: &[u16]) -> Result<RuleNumber, Damaged> {
    match from.below(effects.len() + 1, NO_RULE)?.checked_sub(1) {
        None => Ok(NONE),
        Some(rule) => RuleNumber::try_from(rule).map_err(|_| NO_RULE),
    }
}

/// Runs of numbers below an end, as the values that they stand for.
fn read_runs<T: Copy>(
    from: &mut Reader<'_>,
    mut values: &mut [T],
    end: usize,
    wrong: Damaged,
    value: impl Fn(usize) -> T,
) -> Result<(), Damaged> {
    while !values.is_empty() {
        let len = from.below(values.len() + 1, Damaged("a run is too long"))?;
        if len == 0 {
            return Err(Damaged("a run is empty"));
        }
        let (run, rest) = values.split_at_mut(len);
        run.fill(value(from.below(end, wrong)?));
        values = rest;
    }
    Ok(())
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
