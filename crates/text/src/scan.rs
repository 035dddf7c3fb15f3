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
    /// Bytes that it read again.
    read_again: u64,
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
    rule: RuleNumber,
    /// Where what it held begins, and where it would have matched.
    start: u64,
    match_start: u64,
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

/// How much may be read again: so many bytes, and so many times what was read.
/// Ordinary rules stay far below. One that looks far ahead behind each of many
/// matches would take time in the square of what it may hold.
const READ_AGAIN_BYTES: u64 = 1 << 20;
const READ_AGAIN_TIMES: u64 = 512;

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
            read_again: 0,
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
            self.tell_passed(out);
            if !is_noted {
                before = Before::of(byte);
                continue;
            }
            self.settle(set, window, base, out);
            self.tell_passed(out);
            before = match self.at == at + 1 {
                true => Before::of(byte),
                false => self.before(window, base, self.at),
            };
        }
    }

    /// Reads on where there is at most one thread and nothing to say of it, as
    /// [`Scan::step`] would. How many bytes.
    fn cruise(&mut self, set: &Set, rest: &[u8], before: &mut Before) -> usize {
        if !self.let_gone.is_empty() {
            // it is told at the byte with which it is sure
            return 0;
        }
        let mut only = match self.threads.as_slice() {
            [] => None,
            [thread] if thread.rule == NONE => Some(*thread),
            _ => return 0,
        };
        let may_begin = self.resume.is_empty() && self.barred.0 != self.at;
        let mut cruised = rest.len();
        for (number, byte) in rest.iter().enumerate() {
            let at = self.at + number as u64;
            let mut after = only;
            if let Some(thread) = &mut after {
                let Some(group) = set.groups.get(thread.group) else { break };
                thread.state = group.automaton.next(thread.state, *byte);
                let is_full = group
                    .limit
                    .is_some_and(|limit| at + 1 - thread.start > u64::from(limit.hold_bytes_max));
                if thread.state == DEAD {
                    after = None;
                } else if is_full || !group.automaton.is_quiet(thread.state) {
                    cruised = number;
                    break;
                }
            }
            let live = set.live(*before, *byte);
            if live != 0 {
                let next = rest.get(number + 1).copied();
                let begun = match may_begin {
                    true => begin(set, live, *before, *byte, next, after.as_ref()),
                    false => Begun::Many,
                };
                match begun {
                    Begun::Nothing => {}
                    Begun::One { group, state } if after.is_none() => {
                        after = Some(Thread::new(at, state, group));
                    }
                    Begun::One { .. } | Begun::Many => {
                        cruised = number;
                        break;
                    }
                }
            }
            only = after;
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
        let (mut died, mut is_limited) = (false, false);
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
            is_limited |= group.limit.is_some();
        }
        if is_limited && self.overflow(set) {
            self.let_go(set);
            is_noted = true;
        }
        if is_noted || died {
            self.threads.retain(Thread::may_count);
        }
        if self.threads.len() > fresh {
            self.merge();
        }
        is_noted
    }

    /// Resolves the threads that hold too much. Whether there are any.
    fn overflow(&mut self, set: &Set) -> bool {
        let mut is_over = false;
        for number in 0..self.threads.len() {
            let Some(thread) = self.threads.get(number).filter(|it| !it.is_resolved) else {
                continue;
            };
            let Some(limit) = set.groups.get(thread.group).and_then(|group| group.limit) else {
                continue;
            };
            let held = self.at - self.open_from(set, thread);
            if held > u64::from(limit.hold_bytes_max)
                && let Some(thread) = self.threads.get_mut(number)
            {
                thread.overflow = Some(held);
                thread.is_resolved = true;
                is_over = true;
            }
        }
        is_over
    }

    /// From where on it is open, for a thread, what becomes of the text.
    fn open_from(&self, set: &Set, thread: &Thread) -> u64 {
        let lapses = state_of(set, thread).lapses;
        match effect_of(set, thread) {
            _ if is_checked(set, thread) => thread.start,
            Effect::One(_) if !lapses => self.at,
            Effect::One(_) if thread.rule != NONE => thread.end,
            // another is sure to match where this one may
            _ if self.within => self.sure_end(set),
            _ => thread.start,
        }
    }

    /// Where the match at the first start ends at the least, if it is sure.
    fn sure_end(&self, set: &Set) -> u64 {
        let end = |thread: &Thread| {
            let may_end = thread.is_resolved || state_of(set, thread).lapses;
            if thread.rule != NONE && may_end { thread.end } else { self.at }
        };
        self.threads.iter().map(end).min().unwrap_or(self.at)
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
            let rule = first_rule(set, &thread);
            let (start, match_start) = (self.at - held, thread.start);
            self.let_gone.push(LetGone { rule, start, match_start, held });
            if self.resume.len() < set.groups.len() {
                self.resume = vec![0; set.groups.len()];
            }
            if let Some(from) = self.resume.get_mut(thread.group) {
                *from = self.at;
            }
            let is_checked = is_checked(set, &thread);
            for other in self.threads.iter_mut().filter(|other| other.group == thread.group) {
                other.overflow = None;
                other.is_resolved = true;
                if is_checked {
                    // it is not known what it would have matched
                    other.rule = NONE;
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
            if self.within {
                self.drop_losers(set);
            }
            let count = self.threads.iter().take_while(|thread| thread.start == start).count();
            let failed = self.failed(set, window, base, count);
            if !failed.is_empty() {
                self.bar(set, start, &failed, out);
                return;
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

    /// The groups of the front threads whose match is known and fails its
    /// checksum.
    fn failed(&self, set: &Set, window: &[u8], base: u64, count: usize) -> Vec<usize> {
        let fails = |thread: &&Thread| {
            let checksum = set.groups.get(thread.group).and_then(|group| group.checksum);
            let is_known = thread.is_resolved && thread.rule != NONE && thread.overflow.is_none();
            checksum.filter(|_| is_known).is_some_and(|checksum| {
                let matched = to_usize(thread.start - base)..to_usize(thread.end - base);
                let matched = window.get(matched).and_then(|text| core::str::from_utf8(text).ok());
                !matched.is_some_and(|matched| checksum.holds(matched))
            })
        };
        let front = self.threads.iter().take(count);
        front.filter(fails).map(|thread| thread.group).collect()
    }

    /// Looks again from this start on, without some groups.
    fn bar(&mut self, set: &Set, start: u64, groups: &[usize], out: &mut Vec<Found>) {
        if self.barred.0 != start || self.barred.1.is_empty() {
            self.barred.0 = start;
            self.barred.1.clear();
        }
        self.barred.1.extend_from_slice(groups);
        // groups that let go since then stay so, and have said it
        let first = self.threads.first().copied();
        if self.may_read_again(start) {
            self.rewind(start);
        } else if let Some(thread) = first {
            self.give_up(set, &thread, start, out);
        }
    }

    /// Whether the text from here on may be read again: not more often than is
    /// in proportion to what was read at all.
    fn may_read_again(&mut self, from: u64) -> bool {
        self.read_again += self.at - from;
        self.read_again <= READ_AGAIN_BYTES + READ_AGAIN_TIMES * self.known
    }

    /// A rule makes too much be read again and again: as if it held too much,
    /// and nobody has looked at what it holds.
    fn give_up(&mut self, set: &Set, thread: &Thread, from: u64, out: &mut Vec<Found>) {
        let held = self.at - from;
        let rule = first_rule(set, thread);
        if !set.only_flags() {
            self.stop(rule, from, Some(held), out);
            return;
        }
        let known = self.known;
        out.push(Found::Overflow { rule, start: from, known, held });
        let at = self.at;
        self.rewind(at);
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
        for thread in front.iter().filter(|thread| first_rule(set, thread) <= last) {
            // what is covered is gone, and a checksum wants to see it
            if is_checked(set, thread) || thread.overflow.is_some() {
                return false;
            }
            effect = effect.and(effect_of(set, thread));
        }
        matches!(effect, Effect::One(_))
    }

    /// A match is sure to begin at the first thread's start.
    fn enter(&mut self, set: &Set, count: usize, out: &mut Vec<Found>) {
        self.threads.truncate(count);
        self.drop_losers(set);
        self.within = true;
        self.closed = true;
        let (Some(first), rule) = (self.threads.first(), self.front_rule(set)) else { return };
        if set.rules.get(usize::from(rule)).is_some_and(|rule| matches!(rule.deed, Deed::Halt)) {
            let start = first.start;
            self.stop(rule, start, None, out);
        }
    }

    /// Drops the threads that cannot win any more at the first start.
    fn drop_losers(&mut self, set: &Set) {
        let last = last_contender(set, &self.threads).unwrap_or(NONE);
        self.threads.retain(|thread| first_rule(set, thread) <= last);
    }

    fn stop(&mut self, rule: RuleNumber, start: u64, overflow: Option<u64>, out: &mut Vec<Found>) {
        self.pass(start, out);
        if overflow.is_none() {
            // it would have come before this one, which halts for want of it
            self.tell_let_go(|gone| gone.would_win(start, rule), out);
        }
        out.push(Found::Halt { rule, start, known: self.known, overflow });
        self.is_stopped = true;
    }

    /// Tells what was let go where no match may have begun: none can hide it any more.
    fn tell_passed(&mut self, out: &mut Vec<Found>) {
        if !self.let_gone.is_empty() {
            let to = self.threads.first().map_or(self.at, |first| first.start);
            self.tell_let_go(|gone| gone.start < to, out);
        }
    }

    fn tell_let_go(&mut self, is_told: impl Fn(&LetGone) -> bool, out: &mut Vec<Found>) {
        let known = self.known;
        for gone in self.let_gone.extract_if(.., |gone| is_told(gone)) {
            let LetGone { rule, start, held, .. } = gone;
            out.push(Found::Overflow { rule, start, known, held });
        }
    }

    fn pass(&mut self, to: u64, out: &mut Vec<Found>) {
        self.tell_let_go(|gone| gone.start < to, out);
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
        // of one that held too much it is not known whether another of its rules would win
        let is_open = is_checked(set, &best) || first_rule(set, &best) < rule;
        if rule == NONE || best.overflow.is_some() && is_open {
            self.stop_full(set, &best, out);
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
        // a rule that let go does not look back, whatever matched before; what it let
        // go is not worth a word if it is masked and the rule would not have won
        self.let_gone.retain(|gone| gone.would_win(start, rule) || gone.start + gone.held > end);
        if self.may_read_again(end) {
            self.rewind(end);
        } else {
            self.give_up(set, &best, end, out);
        }
    }

    /// Too much is held of what has not matched: the text ends before it.
    fn stop_full(&mut self, set: &Set, thread: &Thread, out: &mut Vec<Found>) {
        let mut at = thread.start;
        if self.within {
            // what is sure stands
            self.report(set, out);
            at = self.settled;
            let ended = self.threads.iter().filter(|it| it.is_resolved && it.rule != NONE);
            if let Some(Thread { rule, start, end, .. }) = ended.min_by_key(|thread| thread.rule) {
                let (rule, start, end, known) = (*rule, *start, *end, self.known);
                out.push(Found::Match { rule, start, end, known });
            }
        }
        self.stop(first_rule(set, thread), at, thread.overflow, out);
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
        let to = self.sure_end(set);
        if to > self.settled {
            let rule = self.front_rule(set);
            let from = self.settled;
            out.push(Found::Cover { from, to, rule, begins: !self.begun });
            self.settled = to;
            self.begun = true;
        }
    }
}

impl LetGone {
    /// Whether it would have come before a match of this rule here.
    fn would_win(&self, start: u64, rule: RuleNumber) -> bool {
        (self.match_start, self.rule) < (start, rule)
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
}

/// What begins at a byte and lasts.
enum Begun {
    Nothing,
    /// A thread of which there is nothing to say.
    One {
        group: usize,
        state: u32,
    },
    /// More than that.
    Many,
}

/// What begins at a byte, without what would end with the next, or is in the
/// state of the thread that is there.
fn begin(
    set: &Set,
    mut live: u64,
    before: Before,
    byte: u8,
    next: Option<u8>,
    other: Option<&Thread>,
) -> Begun {
    let mut begun = Begun::Nothing;
    while live != 0 {
        let number = live.trailing_zeros() as usize;
        live &= live - 1;
        let Some(group) = set.groups.get(number).filter(|_| number < SHARED_BIT) else {
            return Begun::Many;
        };
        let automaton = &group.automaton;
        let state = automaton.next(automaton.start(before), byte);
        if group.limit.is_some() || !automaton.is_quiet(state) {
            return Begun::Many;
        }
        let ends = next.is_some_and(|next| automaton.next(state, next) == DEAD);
        let is_there = other.is_some_and(|other| other.group == number && other.state == state);
        if !ends && !is_there {
            if !matches!(begun, Begun::Nothing) {
                return Begun::Many;
            }
            begun = Begun::One { group: number, state };
        }
    }
    begun
}

fn state_of<'a>(set: &'a Set, thread: &Thread) -> &'a State {
    match set.groups.get(thread.group) {
        Some(group) => group.automaton.state(thread.state),
        None => &NOTHING,
    }
}

/// Whether the thread will have a match whatever comes.
fn is_certain(set: &Set, thread: &Thread) -> bool {
    let may_fail = thread.rule == NONE && state_of(set, thread).lapses;
    !is_checked(set, thread) && !may_fail && thread.overflow.is_none()
}

fn is_checked(set: &Set, thread: &Thread) -> bool {
    set.groups.get(thread.group).is_none_or(|group| group.checksum.is_some())
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
