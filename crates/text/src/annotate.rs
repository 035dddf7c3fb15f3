//! What may still come of each state of an automaton.

use alloc::vec;
use alloc::vec::Vec;

use crate::automaton::{Automaton, DEAD, Effect, Future, NONE, NOTHING, RuleNumber, State};
use crate::utf8::Phase;

/// An automaton of which no more is known than where matches end. Its first state is
/// the dead one.
pub(crate) struct Raw {
    /// The class of each byte.
    pub(crate) classes: [u8; 256],
    /// The number of classes.
    pub(crate) stride: usize,
    /// By state and class, the number of the state one byte on.
    pub(crate) next: Vec<u32>,
    /// For each state its `ended` and its `at_end`; see [`State`].
    pub(crate) matches: Vec<(RuleNumber, RuleNumber)>,
    /// The states where a match begins.
    pub(crate) starts: [u32; 5],
}

/// An automaton is not one of whole characters, or its dead state is not dead.
#[derive(Debug)]
pub(crate) struct Unsound;

impl Raw {
    /// The automaton with what may come of its states, the states in order: the dead
    /// one, those of which there is something to say, the quiet ones.
    pub(crate) fn annotate(&self, effects: &[u16]) -> Result<Automaton, Unsound> {
        let graph = Graph::of(self)?;
        let states = graph.look_ahead(self.matches.iter().copied(), effects);
        self.in_order(&states).ok_or(Unsound)
    }

    fn row(&self, number: usize) -> &[u32] {
        self.next.get(number * self.stride..(number + 1) * self.stride).unwrap_or_default()
    }

    fn in_order(&self, states: &[State]) -> Option<Automaton> {
        let is_dead = |state: &State| {
            state.is_done() && state.ended == NONE && state.ends == NONE && state.lapses
        };
        let is_sure = |state: &State| !state.lapses && state.future.effect != Effect::Several;
        let speaks = |state: &State| {
            state.is_done() || state.ended != NONE || state.ends != NONE || is_sure(state)
        };
        let mut order: Vec<usize> = Vec::with_capacity(states.len());
        let numbered = || states.iter().enumerate().filter(|(_, state)| !is_dead(state));
        order.extend(numbered().filter(|(_, state)| speaks(state)).map(|(number, _)| number));
        let quiet = order.len() + 1;
        order.extend(numbered().filter(|(_, state)| !speaks(state)).map(|(number, _)| number));
        // states that are not in the order are dead
        let mut place = vec![DEAD; states.len()];
        for (at, number) in order.iter().enumerate() {
            *place.get_mut(*number)? = u32::try_from((at + 1).checked_mul(self.stride)?).ok()?;
        }
        let placed = |number: u32| place.get(number as usize).copied().unwrap_or(DEAD);
        let mut next = vec![DEAD; self.stride];
        let mut in_order = vec![NOTHING];
        for number in order {
            next.extend(self.row(number).iter().map(|follower| placed(*follower)));
            in_order.push(*states.get(number)?);
        }
        Some(Automaton {
            classes: self.classes,
            stride: self.stride,
            next,
            states: in_order,
            starts: self.starts.map(placed),
            quiet: u32::try_from(quiet.checked_mul(self.stride)?).ok()?,
        })
    }
}

/// The states and the ways between them along such bytes as may follow in UTF-8.
struct Graph {
    /// The numbers of the states one byte on, each once, of all states.
    followers: Vec<u32>,
    /// Where in `followers` those of each state end.
    ends: Vec<usize>,
    /// How far into a character the text is in each state; `None` where no text leads.
    phases: Vec<Option<Phase>>,
}

impl Graph {
    fn of(raw: &Raw) -> Result<Graph, Unsound> {
        let is_dead = |number: usize| raw.row(number).iter().all(|follower| *follower == DEAD);
        let in_range = |class: &u8| usize::from(*class) < raw.stride;
        if !raw.classes.iter().all(in_range)
            || !is_dead(0)
            || raw.matches.first() != Some(&(NONE, NONE))
        {
            return Err(Unsound);
        }
        let mut phases: Vec<Option<Phase>> = vec![None; raw.matches.len()];
        *phases.first_mut().ok_or(Unsound)? = Some(Phase::Boundary);
        let mut found: Vec<(u32, Phase)> = Vec::new();
        // a state of which more can come knows how far into a character it is, since
        // expressions match whole characters only
        let mut find = |number: u32, phase: Phase, found: &mut Vec<(u32, Phase)>| {
            let known = phases.get_mut(number as usize).ok_or(Unsound)?;
            match known {
                None => {
                    *known = Some(phase);
                    found.push((number, phase));
                    Ok(())
                }
                Some(known) if *known == phase || is_dead(number as usize) => Ok(()),
                Some(_) => Err(Unsound),
            }
        };
        for start in raw.starts {
            find(start, Phase::Boundary, &mut found)?;
        }
        let mut steps = Steps::default();
        let mut of_states: Vec<Vec<u32>> = vec![Vec::new(); raw.matches.len()];
        let mut at = 0;
        while let Some((number, phase)) = found.get(at).copied() {
            at += 1;
            let Some(followers) = of_states.get_mut(number as usize) else { continue };
            for (follower, phases) in raw.row(number as usize).iter().zip(steps.from(phase, raw)) {
                if *follower != DEAD {
                    for phase in phases {
                        find(*follower, *phase, &mut found)?;
                    }
                }
                if !phases.is_empty() && followers.last() != Some(follower) {
                    followers.push(*follower);
                }
            }
            followers.sort_unstable();
            followers.dedup();
        }
        let mut graph = Graph { followers: Vec::new(), ends: Vec::new(), phases };
        for followers in &of_states {
            graph.followers.extend(followers);
            graph.ends.push(graph.followers.len());
        }
        Ok(graph)
    }

    fn followers(&self, number: usize) -> &[u32] {
        let end_of = |number: usize| self.ends.get(number).copied().unwrap_or(0);
        let begin = number.checked_sub(1).map_or(0, end_of);
        self.followers.get(begin..end_of(number)).unwrap_or_default()
    }

    /// What may come, as the least fixed point of what one byte leads to.
    fn look_ahead(
        &self,
        matches: impl Iterator<Item = (RuleNumber, RuleNumber)>,
        effects: &[u16],
    ) -> Vec<State> {
        let only = |rule: RuleNumber| match effects.get(usize::from(rule)) {
            Some(effect) => Future { first: rule, last: rule, effect: Effect::One(*effect) },
            None => Future::NOTHING,
        };
        let initial = |((ended, at_end), phase): (_, &Option<Phase>)| match phase {
            // no text leads there
            None => NOTHING,
            Some(phase) => {
                let lapses = *phase == Phase::Boundary && at_end == NONE;
                State { ended, at_end, future: only(at_end), lapses, ..NOTHING }
            }
        };
        let mut states: Vec<State> = matches.zip(&self.phases).map(initial).collect();
        let mut changed = true;
        while changed {
            changed = false;
            // most edges lead to states that were found later
            for number in (0..states.len()).rev() {
                let Some(old) = states.get(number).copied() else { continue };
                let mut state = old;
                for follower in self.followers(number) {
                    let Some(follower) = states.get(*follower as usize) else { continue };
                    state.future = state.future.and(follower.future);
                    if follower.ended == NONE {
                        state.lapses |= follower.lapses;
                    } else if follower.lapses {
                        state.future = state.future.and(only(follower.ended));
                    }
                }
                if state != old {
                    changed = true;
                    if let Some(slot) = states.get_mut(number) {
                        *slot = state;
                    }
                }
            }
        }
        // a match up to here that needs no look at what follows is known now
        let ends: Vec<(RuleNumber, Future)> = (0..states.len())
            .map(|number| {
                let at_end = states.get(number).map_or(NONE, |state| state.at_end);
                let mut future = Future::NOTHING;
                for follower in self.followers(number) {
                    let Some(follower) = states.get(*follower as usize) else { continue };
                    if at_end == NONE || follower.ended != at_end {
                        return (NONE, Future::NOTHING);
                    }
                    future = future.and(follower.future);
                }
                (at_end, future)
            })
            .collect();
        for (state, (rule, future)) in states.iter_mut().zip(ends) {
            if rule != NONE {
                *state = State { ends: rule, future, lapses: true, ..*state };
            }
        }
        states
    }
}

/// How the bytes of each class lead on within characters.
#[derive(Default)]
struct Steps {
    known: Vec<(Phase, Vec<Vec<Phase>>)>,
}

impl Steps {
    /// By class, the different phases one byte on; none if no byte of the class may follow.
    fn from(&mut self, phase: Phase, raw: &Raw) -> &[Vec<Phase>] {
        let known = self.known.iter().position(|(known, _)| *known == phase);
        let at = known.unwrap_or_else(|| {
            let mut by_class: Vec<Vec<Phase>> = vec![Vec::new(); raw.stride];
            for (byte, class) in (0u8..=255).zip(raw.classes) {
                if let (Some(next), Some(phases)) =
                    (phase.next(byte), by_class.get_mut(usize::from(class)))
                    && !phases.contains(&next)
                {
                    phases.push(next);
                }
            }
            self.known.push((phase, by_class));
            self.known.len() - 1
        });
        self.known.get(at).map_or(&[], |(_, by_class)| by_class)
    }
}
