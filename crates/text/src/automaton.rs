//! An automaton that knows its future.
//!
//! The automaton itself is made by `regex-automata` (`build.rs`): anchored,
//! leftmost-first, over all expressions of a group at once. Each of its states is
//! given what may still come of it (`annotate.rs`), which is what a stream needs
//! and a search of a whole text does not.

use alloc::vec::Vec;

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
    pub(crate) fn example(self) -> Option<u8> {
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
    pub(crate) const NOTHING: Future = Future { first: NONE, last: 0, effect: Effect::Nothing };

    pub(crate) fn is_nothing(self) -> bool {
        self.effect == Effect::Nothing
    }

    pub(crate) fn and(self, other: Future) -> Future {
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

impl Automaton {
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
