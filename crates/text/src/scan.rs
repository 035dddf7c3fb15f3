//! One scan: the rules of a set over the text of a stream.
//!
//! The crate's documentation has the argument for why this holds back what it
//! must and nothing more.

use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use crate::automaton::{Before, DEAD, Effect, NONE, NOTHING, RuleNumber, State};
use crate::rule::OnOverflow;
use crate::rules::{Deed, SHARED_BIT, Set, group_bit};

/// What a scan finds, in the order of the text. Offsets are in bytes from its
/// beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Text up to here is part of no match.
    Pass { to: u64 },
    /// This text is part of a match of this rule, or of another that does the
    /// same.
    Cover { from: u64, to: u64, rule: RuleNumber, begins: bool },
    /// A match, after its text was covered. To know it, text up to `known` was
    /// read.
    Match { rule: RuleNumber, start: u64, end: u64, known: u64 },
    /// A rule that halts is sure to match here, or one holds too much. Nothing
    /// more is found.
    Halt { rule: RuleNumber, start: u64, known: u64, overflow: Option<u64> },
    /// A rule held too much and let it go.
    Overflow { rule: RuleNumber, start: u64, known: u64, held: u64 },
}

#[derive(Debug)]
pub(crate) struct Scan {
    /// Where it reads.
    at: u64,
    /// How far it ever read: it goes back to look behind a match again.
    known: u64,
    /// Where what is not reported yet begins.
    settled: u64,
    /// The text from `settled` on, and what stands before it.
    kept: Vec<u8>,
    before: Before,
    /// Matches that may have begun, in the order of their starts.
    threads: Vec<Thread>,
    /// Where threads are next looked through for equal ones.
    crowd: usize,
    /// A thread is sure of a match: what begins later is looked at when its end
    /// is known.
    closed: bool,
    /// The first thread's match is sure, and whether its cover was reported.
    within: bool,
    begun: bool,
    /// Groups whose match at this start failed its checksum.
    barred: (u64, Vec<usize>),
    /// Where each group begins anew that let go of what it held.
    resume: Vec<u64>,
    /// What was let go and is not reported yet.
    let_gone: Vec<LetGone>,
    is_stopped: bool,
}

#[derive(Clone, Copy, Debug)]
struct LetGone {
    group: usize,
    rule: RuleNumber,
    start: u64,
    known: u64,
    held: u64,
}

/// A group's automaton, some bytes behind a start.
#[derive(Clone, Copy, Debug)]
struct Thread {
    start: u64,
    state: u32,
    group: usize,
    /// The match so far: its rule, or `NONE`, and its end.
    rule: RuleNumber,
    end: u64,
    /// What it matches can change no more.
    is_resolved: bool,
    /// How many bytes it held when these were too many.
    overflow: Option<u64>,
}

/// What the buffer of open text may take in bytes, unless more is open: one
/// large delta does not make it large for good.
pub(crate) const KEPT_CAPACITY: usize = 64 << 10;

/// The number of threads up to which each is compared with a new one.
const FEW: usize = 8;

impl Scan {
    pub(crate) fn new() -> Scan {
        Scan {
            at: 0,
            known: 0,
            settled: 0,
            kept: Vec::new(),
            before: Before::Nothing,
            threads: Vec::new(),
            crowd: FEW,
            closed: false,
            within: false,
            begun: false,
            barred: (0, Vec::new()),
            resume: Vec::new(),
            let_gone: Vec::new(),
            is_stopped: false,
        }
    }

    /// Where what is not reported yet begins.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// Bytes this takes on the heap, without the text that is held.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.threads.capacity() * size_of::<Thread>()
            + self.barred.1.capacity() * size_of::<usize>()
            + self.resume.capacity() * size_of::<u64>()
    }

    /// Takes the next text.
    pub(crate) fn push(&mut self, set: &Set, text: &[u8], out: &mut Vec<Found>) {
        if self.is_stopped {
            return;
        }
        let base = self.settled;
        if self.kept.is_empty() {
            self.run(set, text, base, out);
            self.report(set, out);
            let rest = text.get(to_usize(self.settled - base)..).unwrap_or_default();
            self.look_back(text, base);
            self.kept.extend_from_slice(rest);
        } else {
            let mut kept = mem::take(&mut self.kept);
            kept.extend_from_slice(text);
            self.run(set, &kept, base, out);
            self.report(set, out);
            self.look_back(&kept, base);
            kept.drain(..to_usize(self.settled - base).min(kept.len()));
            if kept.capacity() > KEPT_CAPACITY && kept.len() < KEPT_CAPACITY {
                kept.shrink_to(KEPT_CAPACITY);
            }
            self.kept = kept;
        }
    }

    /// The text has ended.
    pub(crate) fn finish(&mut self, set: &Set, out: &mut Vec<Found>) {
        let kept = mem::take(&mut self.kept);
        let base = self.settled;
        while !self.is_stopped && !self.threads.is_empty() {
            for thread in &mut self.threads {
                let at_end = state_of(set, thread).at_end;
                if !thread.is_resolved && at_end != NONE {
                    (thread.rule, thread.end) = (at_end, self.at);
                }
                thread.is_resolved = true;
            }
            self.threads.retain(Thread::may_count);
            self.settle(set, &kept, base, out);
            self.run(set, &kept, base, out);
        }
        self.report(set, out);
        self.is_stopped = true;
    }

    /// Notes what stands before the text that is not settled.
    fn look_back(&mut self, window: &[u8], base: u64) {
        let settled = to_usize(self.settled - base);
        if let Some(byte) = settled.checked_sub(1).and_then(|last| window.get(last)) {
            self.before = Before::of(*byte);
        }
    }

    /// What stands before a place in the window, which begins at `base`.
    fn before(&self, window: &[u8], base: u64, at: u64) -> Before {
        let last = to_usize(at - base).checked_sub(1);
        last.and_then(|last| window.get(last)).map_or(self.before, |byte| Before::of(*byte))
    }

    /// Reads on to the end of the window.
    fn run(&mut self, set: &Set, window: &[u8], base: u64, out: &mut Vec<Found>) {
        let mut before = self.before(window, base, self.at);
        while !self.is_stopped
            && let Some(rest) = window.get(to_usize(self.at - base)..)
            && let Some(byte) = rest.first().copied()
        {
            let cruised = self.cruise(set, rest, &mut before);
            if cruised > 0 {
                self.at += cruised as u64;
                self.known = self.known.max(self.at);
                continue;
            }
            let at = self.at;
            let is_noted = self.step(set, before, byte);
            if !is_noted {
                before = Before::of(byte);
                continue;
            }
            self.settle(set, window, base, out);
            before = match self.at == at + 1 {
                true => Before::of(byte),
                false => self.before(window, base, self.at),
            };
        }
    }

    /// Reads on where there is at most one thread and nothing to say of it, as
    /// [`Scan::step`] would. How many bytes.
    fn cruise(&mut self, set: &Set, rest: &[u8], before: &mut Before) -> usize {
        let mut only = match self.threads.as_slice() {
            [] => None,
            [thread] if thread.rule == NONE => Some(*thread),
            _ => return 0,
        };
        let may_begin = self.resume.is_empty() && self.barred.0 != self.at;
        let mut cruised = rest.len();
        for (number, byte) in rest.iter().enumerate() {
            let live = set.live(*before, *byte);
            if let Some(thread) = &mut only {
                let Some(group) = set.groups.get(thread.group) else { break };
                let state = group.automaton.next(thread.state, *byte);
                let at = self.at + number as u64;
                let is_full = group
                    .limit
                    .is_some_and(|limit| at + 1 - thread.start > u64::from(limit.hold_bytes_max));
                if live != 0 || is_full || state != DEAD && !group.automaton.is_quiet(state) {
                    cruised = number;
                    break;
                }
                thread.state = state;
                if state == DEAD {
                    only = None;
                }
            } else if live != 0 {
                // one group alone, and none that shares its bit
                let number_of_group = live.trailing_zeros() as usize;
                let is_alone = live & (live - 1) == 0 && number_of_group < SHARED_BIT;
                let group = set.groups.get(number_of_group).filter(|_| is_alone && may_begin);
                let begun = group.map(|group| {
                    let automaton = &group.automaton;
                    let state = automaton.next(automaton.start(*before), *byte);
                    (state, automaton.is_quiet(state) && group.limit.is_none())
                });
                let Some((state, true)) = begun else {
                    cruised = number;
                    break;
                };
                only = Some(Thread::new(self.at + number as u64, state, number_of_group));
            }
            *before = Before::of(*byte);
        }
        self.threads.clear();
        self.threads.extend(only);
        cruised
    }

    /// Reads one byte. Whether there is something to settle.
    fn step(&mut self, set: &Set, before: Before, byte: u8) -> bool {
        let at = self.at;
        let fresh = self.threads.len();
        if !self.closed {
            self.spawn(set, before, byte);
        }
        self.at += 1;
        self.known = self.known.max(self.at);
        // what stands in the way of a match may go without a word
        let mut is_noted = self.closed;
        let (mut died, mut is_over) = (false, false);
        for thread in &mut self.threads {
            let Some(group) = set.groups.get(thread.group) else { continue };
            if thread.is_resolved {
                continue;
            }
            thread.state = group.automaton.next(thread.state, byte);
            if thread.state == DEAD && thread.rule == NONE {
                thread.is_resolved = true;
                died = true;
                continue;
            }
            let is_quiet = group.automaton.is_quiet(thread.state) && thread.rule == NONE;
            if is_quiet && group.limit.is_none() {
                continue;
            }
            let state = group.automaton.state(thread.state);
            if state.ended != NONE {
                (thread.rule, thread.end) = (state.ended, at);
            }
            if state.ends != NONE {
                (thread.rule, thread.end) = (state.ends, at + 1);
            }
            thread.is_resolved = state.is_done();
            is_noted |= !is_quiet;
            if let Some(limit) = group.limit
                && !thread.is_resolved
            {
                let held = at + 1 - thread.open_from(set, state, at + 1);
                if held > u64::from(limit.hold_bytes_max) {
                    thread.overflow = Some(held);
                    thread.is_resolved = true;
                    (is_noted, is_over) = (true, true);
                }
            }
        }
        if is_over {
            self.let_go(set);
        }
        if is_noted || died {
            self.threads.retain(Thread::may_count);
        }
        if self.threads.len() > fresh {
            self.merge();
        }
        is_noted
    }

    /// Begins threads at a byte.
    fn spawn(&mut self, set: &Set, before: Before, byte: u8) {
        let live = set.live(before, byte);
        if live == 0 {
            return;
        }
        let begin = (live.trailing_zeros() as usize).min(set.groups.len());
        for (number, group) in set.groups.iter().enumerate().skip(begin) {
            let is_barred = self.barred.0 == self.at && self.barred.1.contains(&number);
            let is_paused = self.resume.get(number).is_some_and(|from| self.at < *from);
            if live & group_bit(number) == 0 || is_barred || is_paused {
                continue;
            }
            self.threads.push(Thread::new(self.at, group.automaton.start(before), number));
        }
    }

    /// Groups that hold too much and let go: they begin anew behind this byte.
    fn let_go(&mut self, set: &Set) {
        for number in 0..self.threads.len() {
            let Some(thread) = self.threads.get(number).copied() else { return };
            let limit = set.groups.get(thread.group).and_then(|group| group.limit);
            let releases = limit.is_some_and(|limit| limit.on_overflow == OnOverflow::Release);
            let Some(held) = thread.overflow.filter(|_| releases) else { continue };
            let start = if thread.rule == NONE { thread.start } else { thread.end };
            let rule = first_rule(set, &thread);
            let (group, known) = (thread.group, self.known);
            self.let_gone.push(LetGone { group, rule, start, known, held });
            if self.resume.len() < set.groups.len() {
                self.resume = vec![0; set.groups.len()];
            }
            if let Some(from) = self.resume.get_mut(thread.group) {
                *from = self.at;
            }
            for other in &mut self.threads {
                if other.group == thread.group {
                    // a match that has ended stands
                    other.overflow = None;
                    other.is_resolved = true;
                }
            }
        }
    }

    /// Of threads of one group in one state and without a match, all but the
    /// first can go: they will fail with it, or not be needed.
    fn merge(&mut self) {
        let is_same = |a: &Thread, b: &Thread| {
            a.state == b.state && a.group == b.group && a.rule == NONE && b.rule == NONE
        };
        if self.threads.len() <= FEW {
            self.crowd = FEW;
            let Some(last) = self.threads.last() else { return };
            let (start, count) = (last.start, self.threads.len());
            for number in (1..count).rev() {
                let Some((earlier, [thread, ..])) = self.threads.split_at_checked(number) else {
                    return;
                };
                if thread.start < start {
                    return;
                }
                if !thread.is_resolved && earlier.iter().any(|other| is_same(other, thread)) {
                    self.threads.remove(number);
                }
            }
        } else if self.threads.len() > self.crowd {
            let mut order: Vec<usize> = (0..self.threads.len()).collect();
            let key = |number: &usize| {
                self.threads.get(*number).map(|thread| (thread.group, thread.state, thread.rule))
            };
            order.sort_by_key(key);
            let mut is_copy = vec![false; self.threads.len()];
            for pair in order.windows(2) {
                if let [a, b] = *pair
                    && let (Some(first), Some(second)) = (self.threads.get(a), self.threads.get(b))
                    && is_same(first, second)
                    && !second.is_resolved
                    && let Some(is_copy) = is_copy.get_mut(b)
                {
                    *is_copy = true;
                }
            }
            let mut copies = is_copy.iter();
            self.threads.retain(|_| copies.next() != Some(&true));
            self.crowd = FEW.max(self.threads.len() * 2);
        }
    }

    /// Decides what can be decided of the first threads.
    fn settle(&mut self, set: &Set, window: &[u8], base: u64, out: &mut Vec<Found>) {
        while let Some(first) = self.threads.first()
            && !self.is_stopped
        {
            let start = first.start;
            let count = self.threads.iter().take_while(|thread| thread.start == start).count();
            if let Some(failed) = self.failed(set, window, base, count) {
                let group = self.threads.remove(failed).group;
                if !self.within {
                    self.bar(start, group);
                    return;
                }
                continue;
            }
            let front = self.threads.get(..count).unwrap_or_default();
            let resolved = front.iter().filter(|thread| thread.is_resolved);
            let best = resolved.min_by_key(|thread| first_rule(set, thread)).copied();
            let rival = |best: &Thread| {
                let rule = first_rule(set, best);
                let mut open = front.iter().filter(|thread| !thread.is_resolved);
                open.any(|thread| first_rule(set, thread) < rule)
            };
            match best {
                Some(best) if !rival(&best) => {
                    self.accept(set, best, out);
                    return;
                }
                _ if !self.within && self.is_sure(set, count) => self.enter(set, count, out),
                _ => break,
            }
        }
        let closes = |thread: &Thread| {
            thread.rule != NONE || !state_of(set, thread).lapses || thread.overflow.is_some()
        };
        // what begins behind a match is looked at when it is known where it ends
        if let Some(thread) = self.threads.iter().find(|thread| closes(thread)) {
            let start = thread.start;
            self.threads.retain(|thread| thread.start <= start);
            self.closed = true;
        } else {
            self.closed = false;
        }
    }

    /// The first of the front threads whose match is known and fails its
    /// checksum.
    fn failed(&self, set: &Set, window: &[u8], base: u64, count: usize) -> Option<usize> {
        self.threads.iter().take(count).position(|thread| {
            let checksum = set.groups.get(thread.group).and_then(|group| group.checksum);
            checksum.filter(|_| thread.is_resolved && thread.rule != NONE).is_some_and(|checksum| {
                let matched = thread
                    .start
                    .checked_sub(base)
                    .and_then(|start| window.get(to_usize(start)..to_usize(thread.end - base)))
                    .and_then(|matched| core::str::from_utf8(matched).ok());
                // within a cover the text is gone, and the thread cannot win
                !matched.is_some_and(|matched| checksum.holds(matched))
            })
        })
    }

    /// Looks again from this start on, without a group.
    fn bar(&mut self, start: u64, group: usize) {
        if self.barred.0 != start || self.barred.1.is_empty() {
            self.barred.0 = start;
            self.barred.1.clear();
        }
        self.barred.1.push(group);
        // groups that let go since then stay so, and have said it
        self.rewind(start);
    }

    fn rewind(&mut self, to: u64) {
        self.threads.clear();
        self.at = to;
        (self.closed, self.within, self.begun) = (false, false, false);
    }

    /// Whether a match begins here whatever comes, and does the same whichever
    /// rule it is.
    fn is_sure(&self, set: &Set, count: usize) -> bool {
        let front = self.threads.get(..count).unwrap_or_default();
        let Some(last) = last_contender(set, front) else { return false };
        let mut effect = Effect::Nothing;
        for thread in front {
            if first_rule(set, thread) <= last {
                effect = effect.and(effect_of(set, thread));
            }
        }
        matches!(effect, Effect::One(_))
    }

    /// A match is sure to begin at the first thread's start.
    fn enter(&mut self, set: &Set, count: usize, out: &mut Vec<Found>) {
        self.threads.truncate(count);
        let last = last_contender(set, &self.threads).unwrap_or(NONE);
        self.threads.retain(|thread| first_rule(set, thread) <= last);
        self.within = true;
        self.closed = true;
        let (Some(first), rule) = (self.threads.first(), self.front_rule(set)) else { return };
        if set.rules.get(usize::from(rule)).is_some_and(|rule| matches!(rule.deed, Deed::Halt)) {
            let start = first.start;
            self.stop(rule, start, None, out);
        }
    }

    fn stop(&mut self, rule: RuleNumber, start: u64, overflow: Option<u64>, out: &mut Vec<Found>) {
        self.pass(start, out);
        out.push(Found::Halt { rule, start, known: self.known, overflow });
        self.is_stopped = true;
    }

    fn pass(&mut self, to: u64, out: &mut Vec<Found>) {
        for gone in self.let_gone.extract_if(.., |gone| gone.start < to) {
            let LetGone { rule, start, known, held, .. } = gone;
            out.push(Found::Overflow { rule, start, known, held });
        }
        if to > self.settled {
            out.push(Found::Pass { to });
            self.settled = to;
        }
    }

    /// The first rule that may match at the first thread's start.
    fn front_rule(&self, set: &Set) -> RuleNumber {
        let Some(first) = self.threads.first() else { return NONE };
        let front = self.threads.iter().take_while(|thread| thread.start == first.start);
        front.map(|thread| first_rule(set, thread)).min().unwrap_or(NONE)
    }

    /// The match at the first start is known.
    fn accept(&mut self, set: &Set, best: Thread, out: &mut Vec<Found>) {
        let Thread { start, end, rule, .. } = best;
        if rule == NONE {
            // nothing matched yet when too much was held
            self.stop(first_rule(set, &best), start, best.overflow, out);
            return;
        }
        let is_halt = |deed: &Deed| matches!(deed, Deed::Halt);
        if set.rules.get(usize::from(rule)).is_some_and(|rule| is_halt(&rule.deed)) {
            self.stop(rule, start, None, out);
            return;
        }
        if !self.begun {
            self.pass(start, out);
        }
        let from = self.settled;
        out.push(Found::Cover { from, to: end, rule, begins: !self.begun });
        out.push(Found::Match { rule, start, end, known: self.known });
        self.settled = end;
        if best.overflow.is_some() {
            let rule = first_rule(set, &best);
            self.stop(rule, end, best.overflow, out);
            return;
        }
        // what other groups let go behind the match they will again, but the group
        // that let go while this match was open does not look back
        let mut resume = mem::take(&mut self.resume);
        let mut let_gone = mem::take(&mut self.let_gone);
        if resume.get(best.group).is_some_and(|from| *from > end) {
            let others = resume.iter_mut().enumerate().filter(|(group, _)| *group != best.group);
            others.for_each(|(_, from)| *from = 0);
            let_gone.retain(|gone| gone.group == best.group);
            (self.resume, self.let_gone) = (resume, let_gone);
        }
        self.rewind(end);
    }

    /// Says how far the text is known.
    fn report(&mut self, set: &Set, out: &mut Vec<Found>) {
        if self.is_stopped {
            return;
        }
        let Some(first) = self.threads.first() else { return self.pass(self.at, out) };
        let start = first.start;
        if !self.within {
            return self.pass(start, out);
        }
        if !self.begun {
            self.pass(start, out);
        }
        let known = |thread: &Thread| {
            let may_end = thread.is_resolved || state_of(set, thread).lapses;
            if thread.rule != NONE && may_end { thread.end } else { self.at }
        };
        let to = self.threads.iter().map(known).min().unwrap_or(self.at);
        if to > self.settled {
            let rule = self.front_rule(set);
            let from = self.settled;
            out.push(Found::Cover { from, to, rule, begins: !self.begun });
            self.settled = to;
            self.begun = true;
        }
    }
}

impl Thread {
    fn new(start: u64, state: u32, group: usize) -> Thread {
        Thread { start, state, group, rule: NONE, end: 0, is_resolved: false, overflow: None }
    }

    /// Whether it has matched, or may yet, or held too much.
    fn may_count(&self) -> bool {
        !self.is_resolved || self.rule != NONE || self.overflow.is_some()
    }

    /// From where on it is open what becomes of the text.
    fn open_from(&self, set: &Set, state: &State, at: u64) -> u64 {
        match (effect_of(set, self), state.lapses) {
            (Effect::One(_), false) => at,
            (Effect::One(_), true) if self.rule != NONE => self.end,
            _ => self.start,
        }
    }
}

fn state_of<'a>(set: &'a Set, thread: &Thread) -> &'a State {
    match set.groups.get(thread.group) {
        Some(group) => group.automaton.state(thread.state),
        None => &NOTHING,
    }
}

/// Whether the thread will have a match whatever comes.
fn is_certain(set: &Set, thread: &Thread) -> bool {
    let is_checked = set.groups.get(thread.group).is_none_or(|group| group.checksum.is_some());
    let may_fail = thread.rule == NONE && state_of(set, thread).lapses;
    !is_checked && !may_fail && thread.overflow.is_none()
}

/// Of threads that begin at one place, the last rule that may win: a rule behind
/// those of a thread that is certain cannot.
fn last_contender(set: &Set, threads: &[Thread]) -> Option<RuleNumber> {
    let certain = threads.iter().filter(|thread| is_certain(set, thread));
    certain.map(|thread| last_rule(set, thread)).min()
}

/// The first rule that the thread may yet match.
fn first_rule(set: &Set, thread: &Thread) -> RuleNumber {
    let future = state_of(set, thread).future.first;
    if thread.is_resolved && thread.overflow.is_none() {
        return thread.rule;
    }
    future.min(thread.rule)
}

fn last_rule(set: &Set, thread: &Thread) -> RuleNumber {
    let future = state_of(set, thread).future.last;
    if thread.rule == NONE { future } else { future.max(thread.rule) }
}

/// What the thread does, if it matches.
fn effect_of(set: &Set, thread: &Thread) -> Effect {
    let state = state_of(set, thread);
    let matched = match set.effects.get(usize::from(thread.rule)) {
        Some(effect) if thread.is_resolved || state.lapses => Effect::One(*effect),
        _ => Effect::Nothing,
    };
    if thread.is_resolved { matched } else { matched.and(state.future.effect) }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
