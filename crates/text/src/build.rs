//! Automata of expressions, by `regex-automata`.

use alloc::vec::Vec;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;

use crate::annotate::{Raw, Unsound};
use crate::automaton::{Automaton, Before, NONE, RuleNumber};

/// The automaton would be too large.
#[derive(Debug)]
pub(crate) struct TooLarge;

impl From<Unsound> for TooLarge {
    /// What is made of expressions is sound.
    fn from(_: Unsound) -> TooLarge {
        TooLarge
    }
}

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
        Ok(raw(&dfa, rules).ok_or(TooLarge)?.annotate(effects)?)
    }
}

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

/// The states that can be reached, in the order in which they are, the dead one first.
fn raw(dfa: &dense::DFA<Vec<u32>>, rules: &[RuleNumber]) -> Option<Raw> {
    /// Not found yet.
    const UNKNOWN: u32 = u32::MAX;
    let mut position: Vec<u32> = Vec::new();
    let mut found: Vec<StateID> = Vec::new();
    let mut place = |id: StateID, found: &mut Vec<StateID>| {
        let own = id.as_usize() >> dfa.stride2();
        if own >= position.len() {
            position.resize(own + 1, UNKNOWN);
        }
        let known = position.get_mut(own)?;
        if *known == UNKNOWN {
            *known = u32::try_from(found.len()).ok()?;
            found.push(id);
        }
        Some(*known)
    };
    // the library's own numbering: its dead state is its first
    place(StateID::ZERO, &mut found)?;
    let mut starts = [0; 5];
    for (start, before) in starts.iter_mut().zip(Before::ALL) {
        let config = start::Config::new().anchored(Anchored::Yes);
        // no automaton here quits: Unicode word boundaries are refused
        let id = dfa.start_state(&config.look_behind(before.example())).ok()?;
        *start = place(id, &mut found)?;
    }
    let mut classes = [0; 256];
    for (byte, class) in (0u8..=255).zip(&mut classes) {
        *class = dfa.byte_classes().get(byte);
    }
    // the last is that of the end
    let stride = dfa.byte_classes().alphabet_len() - 1;
    let examples: Vec<u8> = (0..stride)
        .map(|class| (0u8..=255).find(|byte| usize::from(dfa.byte_classes().get(*byte)) == class))
        .collect::<Option<_>>()?;
    let rule = |id: StateID| match dfa.is_match_state(id) {
        true => rules.get(dfa.match_pattern(id, 0).as_usize()).copied().unwrap_or(NONE),
        false => NONE,
    };
    let (mut next, mut matches) = (Vec::new(), Vec::new());
    while let Some(id) = found.get(matches.len()).copied() {
        for byte in &examples {
            next.push(place(dfa.next_state(id, *byte), &mut found)?);
        }
        matches.push((rule(id), rule(dfa.next_eoi_state(id))));
    }
    Some(Raw { classes, stride, next, matches, starts })
}
