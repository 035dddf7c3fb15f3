//! An automaton that knows its future.
//!
//! The automaton itself is made by `regex-automata`: anchored, leftmost-first,
//! over all expressions of a group at once. Here each of its states is given
//! what may still come of it ([`State`]), which is what a stream needs and a
//! search of a whole text does not.

use alloc::vec;
use alloc::vec::Vec;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;

use crate::utf8::Phase;

/// A rule's number among the rules of its scan.
pub(crate) type RuleNumber = u16;

/// No rule.
pub(crate) const NONE: RuleNumber = RuleNumber::MAX;

/// The state from which nothing can come.
pub(crate) const DEAD: u32 = 0;

/// What stands before a start, as far as an expression can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    LineFeed,
    CarriageReturn,
    Word,
    Other,
}

impl Before {
    pub(crate) const ALL: [Before; 5] =
        [Before::Nothing, Before::LineFeed, Before::CarriageReturn, Before::Word, Before::Other];

    #[expect(clippy::indexing_slicing, reason = "a byte is less than 256")]
    #[inline]
    pub(crate) fn of(byte: u8) -> Before {
        const TABLE: [Before; 256] = {
            let mut table = [Before::Other; 256];
            let mut byte = 0;
            while byte < 256 {
                table[byte] = Before::classify(byte as u8);
                byte += 1;
            }
            table
        };
        TABLE[usize::from(byte)]
    }

    const fn classify(byte: u8) -> Before {
        match byte {
            b'\n' => Before::LineFeed,
            b'\r' => Before::CarriageReturn,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' => Before::Word,
            _ => Before::Other,
        }
    }

    /// Some byte of this kind.
    fn example(self) -> Option<u8> {
        match self {
            Before::Nothing => None,
            Before::LineFeed => Some(b'\n'),
            Before::CarriageReturn => Some(b'\r'),
            Before::Word => Some(b'a'),
            Before::Other => Some(b' '),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Automaton {
    /// The class of each byte.
    pub(crate) classes: [u8; 256],
    /// The number of classes.
    pub(crate) stride: usize,
    /// By state (a multiple of the stride) and class. States of which there is
    /// something to say come first.
    pub(crate) next: Vec<u32>,
    pub(crate) states: Vec<State>,
    /// Where a match begins, by [`Before`].
    pub(crate) starts: [u32; 5],
    /// From here on states are quiet: nothing to say of them.
    pub(crate) quiet: u32,
}

/// What is known in a state, some bytes behind a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The rule that matched up to before the last byte: a look at what stands
    /// behind a match was needed.
    pub(crate) ended: RuleNumber,
    /// The rule that matches up to here, whatever comes.
    pub(crate) ends: RuleNumber,
    /// The rule that matches up to here if the text ends here.
    pub(crate) at_end: RuleNumber,
    /// The rules that may yet match, in place of what matched up to here.
    pub(crate) future: Future,
    /// Whether it may also be that none of these matches.
    pub(crate) lapses: bool,
}

/// Which rules may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Future {
    /// The first and the last in order; `NONE` and 0 if there is none.
    pub(crate) first: RuleNumber,
    pub(crate) last: RuleNumber,
    /// What all of them do, if it is the same.
    pub(crate) effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing may match.
    Nothing,
    /// All do the same.
    One(u16),
    Several,
}

impl Effect {
    pub(crate) fn and(self, other: Effect) -> Effect {
        match (self, other) {
            (Effect::Nothing, effect) | (effect, Effect::Nothing) => effect,
            (Effect::One(a), Effect::One(b)) if a == b => self,
            _ => Effect::Several,
        }
    }
}

impl Future {
    const NOTHING: Future = Future { first: NONE, last: 0, effect: Effect::Nothing };

    pub(crate) fn is_nothing(self) -> bool {
        self.effect == Effect::Nothing
    }

    fn and(self, other: Future) -> Future {
        Future {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            effect: self.effect.and(other.effect),
        }
    }
}

impl State {
    /// Nothing more can match.
    pub(crate) fn is_done(&self) -> bool {
        self.future.is_nothing()
    }
}

/// The automaton would be too large.
#[derive(Debug)]
pub(crate) struct TooLarge;

impl Automaton {
    /// The automaton of these expressions, as the rules of these numbers, each
    /// with the effect of its number.
    pub(crate) fn new(
        expressions: &[&Hir],
        rules: &[RuleNumber],
        effects: &[u16],
        bytes_max: usize,
    ) -> Result<Automaton, TooLarge> {
        let dfa = build(expressions, bytes_max).ok_or(TooLarge)?;
        Annotator::new(&dfa, rules, effects).ok_or(TooLarge)?.automaton(&dfa).ok_or(TooLarge)
    }

    #[expect(clippy::indexing_slicing, reason = "a byte is less than 256")]
    #[inline]
    pub(crate) fn next(&self, state: u32, byte: u8) -> u32 {
        let class = usize::from(self.classes[usize::from(byte)]);
        self.next.get(state as usize + class).copied().unwrap_or(DEAD)
    }

    #[inline]
    pub(crate) fn is_quiet(&self, state: u32) -> bool {
        state >= self.quiet
    }

    #[expect(clippy::indexing_slicing, reason = "there are five kinds")]
    pub(crate) fn start(&self, before: Before) -> u32 {
        self.starts[before as usize]
    }

    /// Whether there is any text with a match.
    pub(crate) fn can_match(&self) -> bool {
        let mut starts = Before::ALL.into_iter().map(|before| self.state(self.start(before)));
        starts.any(|start| !start.is_done())
    }

    pub(crate) fn state(&self, state: u32) -> &State {
        self.states.get(state as usize / self.stride).unwrap_or(&NOTHING)
    }

    /// How many bytes the automaton takes.
    pub(crate) fn bytes(&self) -> usize {
        self.next.len() * size_of::<u32>() + self.states.len() * size_of::<State>()
    }

    /// How many states it has.
    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// The numbers of the states one byte on.
    pub(crate) fn followers(&self, state: u32) -> &[u32] {
        let row = state as usize;
        self.next.get(row..row + self.stride).unwrap_or_default()
    }

    pub(crate) fn number(&self, state: u32) -> usize {
        state as usize / self.stride
    }
}

/// What is known where nothing can come.
pub(crate) const NOTHING: State =
    State { ended: NONE, ends: NONE, at_end: NONE, future: Future::NOTHING, lapses: true };

/// Making an automaton may take so many times the memory of the automaton, for
/// a moment.
const DETERMINIZE_TIMES: usize = 4;

fn build(expressions: &[&Hir], bytes_max: usize) -> Option<dense::DFA<Vec<u32>>> {
    let nfa = thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .which_captures(thompson::WhichCaptures::None)
                .nfa_size_limit(Some(bytes_max)),
        )
        .build_many_from_hir(expressions)
        .ok()?;
    dense::Builder::new()
        .configure(
            dense::Config::new()
                .start_kind(StartKind::Anchored)
                .match_kind(MatchKind::LeftmostFirst)
                .accelerate(false)
                .dfa_size_limit(Some(bytes_max))
                .determinize_size_limit(Some(bytes_max.saturating_mul(DETERMINIZE_TIMES))),
        )
        .build_from_nfa(&nfa)
        .ok()
}

/// The states of an automaton that can be reached, and what is known of each.
struct Annotator<'a> {
    /// The automaton's own numbers, in the order in which they were reached.
    found: Vec<StateID>,
    /// Rows of positions in `found`.
    next: Vec<u32>,
    /// By state and class, whether a byte of the class may follow in UTF-8.
    may_follow: Vec<bool>,
    /// Whether the text may end in each state.
    may_end: Vec<bool>,
    stride: usize,
    starts: [u32; 5],
    states: Vec<State>,
    effects: &'a [u16],
}

/// Not found yet.
const UNKNOWN: u32 = u32::MAX;

impl<'a> Annotator<'a> {
    fn new(
        dfa: &dense::DFA<Vec<u32>>,
        rules: &[RuleNumber],
        effects: &'a [u16],
    ) -> Option<Annotator<'a>> {
        let mut position: Vec<u32> = Vec::new();
        let mut found: Vec<StateID> = Vec::new();
        let mut phases: Vec<Phase> = Vec::new();
        // a state that is not dead knows how far into a character it is, since
        // expressions match whole characters only
        let mut place = |id: StateID, phase, found: &mut Vec<StateID>, phases: &mut Vec<Phase>| {
            let own = id.as_usize() >> dfa.stride2();
            if own >= position.len() {
                position.resize(own + 1, UNKNOWN);
            }
            let known = position.get_mut(own)?;
            if *known == UNKNOWN {
                *known = u32::try_from(found.len()).ok()?;
                found.push(id);
                phases.push(phase);
            }
            Some(*known)
        };
        let mut starts = [0; 5];
        for (start, before) in starts.iter_mut().zip(Before::ALL) {
            let config = start::Config::new().anchored(Anchored::Yes);
            // no automaton here quits: Unicode word boundaries are refused
            let id = dfa.start_state(&config.look_behind(before.example())).ok()?;
            *start = place(id, Phase::Boundary, &mut found, &mut phases)?;
        }
        let classes = dfa.byte_classes();
        let stride = classes.alphabet_len() - 1;
        let mut members: Vec<Vec<u8>> = vec![Vec::new(); stride];
        for byte in 0u8..=255 {
            members.get_mut(usize::from(classes.get(byte)))?.push(byte);
        }
        let (mut next, mut states) = (Vec::new(), Vec::new());
        let (mut may_follow, mut may_end) = (Vec::new(), Vec::new());
        let rule = |id: StateID| match dfa.is_match_state(id) {
            true => rules.get(dfa.match_pattern(id, 0).as_usize()).copied().unwrap_or(NONE),
            false => NONE,
        };
        let mut at = 0;
        while let Some(id) = found.get(at).copied() {
            let phase = phases.get(at).copied()?;
            may_end.push(phase == Phase::Boundary);
            for bytes in &members {
                let follower = dfa.next_state(id, *bytes.first()?);
                let phase = bytes.iter().find_map(|byte| phase.next(*byte));
                may_follow.push(phase.is_some());
                let phase = phase.unwrap_or(Phase::Boundary);
                next.push(place(follower, phase, &mut found, &mut phases)?);
            }
            let (ended, at_end) = (rule(id), rule(dfa.next_eoi_state(id)));
            states.push(State { ended, at_end, ..NOTHING });
            at += 1;
        }
        Some(Annotator { found, next, may_follow, may_end, stride, starts, states, effects })
    }

    /// The states one byte of a text on.
    fn followers(&self, state: usize) -> impl Iterator<Item = &State> {
        let row = state * self.stride..(state + 1) * self.stride;
        let next = self.next.get(row.clone()).unwrap_or_default().iter();
        let may_follow = self.may_follow.get(row).unwrap_or_default();
        let follow = |(next, may_follow): (&u32, &bool)| {
            self.states.get(*next as usize).filter(|_| *may_follow)
        };
        next.zip(may_follow).filter_map(follow)
    }

    fn only(&self, rule: RuleNumber) -> Future {
        match self.effects.get(usize::from(rule)) {
            Some(effect) => Future { first: rule, last: rule, effect: Effect::One(*effect) },
            None => Future::NOTHING,
        }
    }

    /// What may come, as the least fixed point of what one byte leads to.
    fn look_ahead(&mut self) {
        for (state, may_end) in self.states.iter_mut().zip(&self.may_end) {
            state.lapses = *may_end && state.at_end == NONE;
        }
        let mut changed = true;
        while changed {
            changed = false;
            // most edges lead to states that were found later
            for number in (0..self.states.len()).rev() {
                let Some(old) = self.states.get(number).copied() else { continue };
                let mut state = State { future: self.only(old.at_end), ..old };
                for follower in self.followers(number) {
                    state.future = state.future.and(follower.future);
                    if follower.ended == NONE {
                        state.lapses |= follower.lapses;
                    } else if follower.lapses {
                        state.future = state.future.and(self.only(follower.ended));
                    }
                }
                if state != old {
                    changed = true;
                    if let Some(slot) = self.states.get_mut(number) {
                        *slot = state;
                    }
                }
            }
        }
        // a match up to here that needs no look at what follows is known now
        let ends: Vec<(RuleNumber, Future)> = (0..self.states.len())
            .map(|number| {
                let at_end = self.states.get(number).map_or(NONE, |state| state.at_end);
                let mut future = Future::NOTHING;
                for follower in self.followers(number) {
                    if at_end == NONE || follower.ended != at_end {
                        return (NONE, Future::NOTHING);
                    }
                    future = future.and(follower.future);
                }
                (at_end, future)
            })
            .collect();
        for (state, (rule, future)) in self.states.iter_mut().zip(ends) {
            if rule != NONE {
                *state = State { ends: rule, future, lapses: true, ..*state };
            }
        }
    }

    /// The automaton with its states in order: the dead one, those of which
    /// there is something to say, the quiet ones.
    fn automaton(mut self, dfa: &dense::DFA<Vec<u32>>) -> Option<Automaton> {
        self.look_ahead();
        let is_dead = |state: &State| {
            state.is_done() && state.ended == NONE && state.ends == NONE && state.lapses
        };
        let is_sure = |state: &State| !state.lapses && state.future.effect != Effect::Several;
        let speaks = |state: &State| {
            state.is_done() || state.ended != NONE || state.ends != NONE || is_sure(state)
        };
        let mut order: Vec<usize> = Vec::with_capacity(self.found.len());
        let numbered = || self.states.iter().enumerate().filter(|(_, state)| !is_dead(state));
        order.extend(numbered().filter(|(_, state)| speaks(state)).map(|(number, _)| number));
        let quiet = order.len() + 1;
        order.extend(numbered().filter(|(_, state)| !speaks(state)).map(|(number, _)| number));
        // states that are not in the order are dead
        let mut place = vec![DEAD; self.found.len()];
        for (at, number) in order.iter().enumerate() {
            *place.get_mut(*number)? = u32::try_from((at + 1).checked_mul(self.stride)?).ok()?;
        }
        let placed = |number: usize| place.get(number).copied().unwrap_or(DEAD);
        let mut next = vec![DEAD; self.stride];
        let mut states = vec![NOTHING];
        for number in order {
            let row = self.next.get(number * self.stride..(number + 1) * self.stride)?;
            next.extend(row.iter().map(|follower| placed(*follower as usize)));
            states.push(*self.states.get(number)?);
        }
        let mut classes = [0; 256];
        for (byte, class) in (0u8..=255).zip(&mut classes) {
            *class = dfa.byte_classes().get(byte);
        }
        Some(Automaton {
            classes,
            stride: self.stride,
            next,
            states,
            starts: self.starts.map(|start| placed(start as usize)),
            quiet: u32::try_from(quiet.checked_mul(self.stride)?).ok()?,
        })
    }
}
