//! Puts a text through rules in a given cut, and says what must hold of that:
//! [`Setup::no_leak`], [`Setup::equality`], [`Setup::progress`].
//!
//! Used by the tests of this crate and of the gate, and by the fuzz target.
#![allow(dead_code, reason = "not every user needs all of it")]

use std::ops::Range;
use std::sync::Arc;

use tidegate_text::{AUTOMATON_BYTES_MAX, Action, Edit, Filter, Hold, Rule, Rules, View};

use crate::oracle::{Oracle, Whole};

/// Rules, ready for many runs.
pub(crate) struct Setup {
    pub(crate) rules: Vec<Rule>,
    pub(crate) oracle: Oracle,
    compiled: Arc<Rules>,
    /// Those that flag, alone.
    flagging: Arc<Rules>,
    flagging_numbers: Vec<usize>,
    /// What all rules that decide may hold, in bytes.
    hold_bytes_max: usize,
}

/// What came of a text in one cut.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// What left, push by push; the last is what left at the end.
    pub(crate) increments: Vec<String>,
    /// Stretches of the text that left as they are.
    pub(crate) kept: Vec<Range<usize>>,
    /// After each push.
    pub(crate) points: Vec<Point>,
    /// What was told of rules that decide, and of rules that flag. No keeps and
    /// replacements: these come in pieces.
    pub(crate) decided: Vec<Edit>,
    pub(crate) flagged: Vec<Edit>,
    /// What the filter held when the text had ended.
    pub(crate) held_at_end: usize,
}

/// How far things are when so much of the text was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) seen: usize,
    /// How many bytes have left.
    pub(crate) released: usize,
    /// Up to where it is known what becomes of the text.
    pub(crate) settled: usize,
    pub(crate) held: usize,
}

impl Run {
    pub(crate) fn text(&self) -> String {
        self.increments.concat()
    }

    /// Where the text was halted and how far it was read to know it.
    pub(crate) fn halt(&self) -> Option<(usize, usize)> {
        self.decided.iter().find_map(|edit| match edit {
            Edit::Halt { start, known, .. } => Some((*start as usize, *known as usize)),
            _ => None,
        })
    }

    /// Matches of rules that flag, such as are told in every cut: what was read
    /// behind the place where a halt was known is told in some cuts only.
    fn flags(&self) -> Vec<&Edit> {
        let known_max = self.halt().map_or(u64::MAX, |(_, known)| known as u64);
        let is_told = |edit: &&Edit| match edit {
            Edit::Match { known, .. } | Edit::Overflow { known, .. } => *known <= known_max,
            _ => true,
        };
        self.flagged.iter().filter(is_told).collect()
    }
}

/// Runs one filter over the pieces.
pub(crate) fn run(rules: &Arc<Rules>, given: &[Rule], view: View, pieces: &[&str]) -> Run {
    let text = pieces.concat();
    let mut filter = Filter::new(rules.clone(), view);
    let mut run = Run::default();
    let (mut seen, mut settled, mut released) = (0, 0, 0);
    for piece in pieces.iter().map(Some).chain([None]) {
        seen += piece.map_or(0, |piece| piece.len());
        let mut made = String::new();
        let mut is_over = run.halt().is_some();
        let mut on_edit = |edit: &Edit| {
            let flags = |rule: usize| given[rule].action == Action::Flag;
            match edit {
                Edit::Keep { to } | Edit::Replace { to, .. } => {
                    let to = *to as usize;
                    assert!(!is_over, "an edit after the halt");
                    assert!(settled < to && to <= seen, "an edit of {settled}..{to}, {seen} seen");
                    match edit {
                        Edit::Replace { with, .. } => made.push_str(with),
                        _ => {
                            made.push_str(&text[settled..to]);
                            match run.kept.last_mut() {
                                Some(last) if last.end == settled => last.end = to,
                                _ => run.kept.push(settled..to),
                            }
                        }
                    }
                    settled = to;
                }
                Edit::Match { rule, start, end, known } => {
                    assert!(start < end && end <= known && *known as usize <= seen, "{edit:?}");
                    let list = if flags(*rule) { &mut run.flagged } else { &mut run.decided };
                    list.push(edit.clone());
                }
                Edit::Overflow { rule, known, .. } => {
                    assert!(*known as usize <= seen, "{edit:?}");
                    let list = if flags(*rule) { &mut run.flagged } else { &mut run.decided };
                    list.push(edit.clone());
                }
                Edit::Halt { start, known, .. } => {
                    assert!(!is_over, "a second halt");
                    assert_eq!(*start as usize, settled, "all before the halt is settled");
                    assert!(*known as usize <= seen, "{edit:?}");
                    run.decided.push(edit.clone());
                    is_over = true;
                }
            }
        };
        let increment = match piece {
            Some(piece) => filter.push(piece, &mut on_edit).to_string(),
            None => filter.finish(&mut on_edit).to_string(),
        };
        assert_eq!(increment, made, "what left is what the edits say");
        released += increment.len();
        run.increments.push(increment);
        let held = filter.held_bytes();
        match piece {
            Some(_) => run.points.push(Point { seen, released, settled, held }),
            None => run.held_at_end = held,
        }
    }
    run
}

/// The pieces between the cuts.
pub(crate) fn pieces<'a>(text: &'a str, cuts: &[usize]) -> Vec<&'a str> {
    let ends = cuts.iter().copied().chain([text.len()]);
    let mut at = 0;
    ends.map(|end| &text[std::mem::replace(&mut at, end)..end]).collect()
}

/// Where a text can be cut: between characters.
pub(crate) fn boundaries(text: &str) -> Vec<usize> {
    text.char_indices().map(|(at, _)| at).skip(1).collect()
}

/// Random numbers, the same ones for the same seed.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    /// Less than `end`, or 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize).checked_rem(end).unwrap_or(0)
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// A few cuts or many; now and then twice the same, which is an empty piece.
    pub(crate) fn cuts(&mut self, text: &str) -> Vec<usize> {
        let places = boundaries(text);
        if places.is_empty() {
            return Vec::new();
        }
        let count = 1 + self.below(places.len().min(1 << (1 + self.below(7))));
        let mut cuts: Vec<usize> = (0..count).map(|_| *self.pick(&places)).collect();
        cuts.sort_unstable();
        cuts
    }
}

impl Setup {
    pub(crate) fn new(rules: Vec<Rule>) -> Setup {
        Setup::try_new(rules).unwrap()
    }

    pub(crate) fn try_new(rules: Vec<Rule>) -> Result<Setup, tidegate_text::RuleError> {
        let compiled = Arc::new(Rules::new(&rules, AUTOMATON_BYTES_MAX)?);
        let numbers = 0..rules.len();
        let flagging_numbers: Vec<usize> =
            numbers.filter(|number| rules[*number].action == Action::Flag).collect();
        let flagging: Vec<Rule> =
            flagging_numbers.iter().map(|number| rules[*number].clone()).collect();
        let flagging = Arc::new(Rules::new(&flagging, AUTOMATON_BYTES_MAX)?);
        let holds = compiled.holds().iter().zip(&rules);
        let hold = |(hold, rule): (&Hold, &Rule)| match hold {
            _ if rule.action == Action::Flag => 0,
            Hold::Bytes(bytes) => (*bytes).min(rule.hold_bytes_max as usize),
            Hold::Unbounded => rule.hold_bytes_max as usize,
        };
        let hold_bytes_max = holds.map(hold).max().unwrap_or(0);
        let oracle = Oracle::new(&rules);
        Ok(Setup { rules, oracle, compiled, flagging, flagging_numbers, hold_bytes_max })
    }

    pub(crate) fn run(&self, view: View, text: &str, cuts: &[usize]) -> Run {
        run(&self.compiled, &self.rules, view, &pieces(text, cuts))
    }

    /// One character at a time: what other cuts are compared with.
    pub(crate) fn finest(&self, view: View, text: &str) -> Run {
        self.run(view, text, &boundaries(text))
    }

    /// All two-way cuts, one character at a time, and seeded random cuts.
    pub(crate) fn each_cut(&self, view: View, text: &str, seeds: u64, mut on_run: impl FnMut(&Run)) {
        on_run(&self.run(view, text, &[]));
        on_run(&self.finest(view, text));
        for cut in boundaries(text) {
            on_run(&self.run(view, text, &[cut]));
        }
        for seed in 0..seeds {
            on_run(&self.run(view, text, &Seeded(seed).cuts(text)));
        }
    }

    /// No increment has a byte of a span that is rejected, nor its text.
    pub(crate) fn no_leak(&self, text: &str, whole: &Whole, run: &Run) {
        let end = |(rule, _, end): &(usize, usize, usize)| match self.rules[*rule].action {
            // nothing behind a halt leaves either
            Action::Halt => text.len(),
            _ => *end,
        };
        for rejected in &whole.rejected {
            let span = rejected.1..end(rejected);
            for kept in &run.kept {
                let is_apart = kept.end <= span.start || span.end <= kept.start;
                assert!(is_apart, "no_leak: {kept:?} of the rejected {span:?} left: {text:?}");
            }
            let secret = &text[rejected.1..rejected.2];
            if whole.text.contains(secret) {
                // it also stands where it may
                continue;
            }
            for increment in &run.increments {
                assert!(!increment.contains(secret), "no_leak: {secret:?} in {increment:?}");
            }
        }
    }

    /// What left in all is what the rules make of the whole text, and what was
    /// told is what they find there.
    pub(crate) fn equality(&self, text: &str, whole: &Whole, run: &Run, finest: &Run) {
        assert_eq!(run.text(), whole.text, "equality: of {text:?}");
        let mut found = Vec::new();
        for edit in &run.decided {
            match edit {
                Edit::Match { rule, start, end, .. } => {
                    found.push((*rule, *start as usize, Some(*end as usize)));
                }
                Edit::Halt { rule, start, .. } => found.push((*rule, *start as usize, None)),
                other => assert!(false, "equality: {other:?} in {text:?}"),
            }
        }
        let end = |rule: usize, end| (self.rules[rule].action != Action::Halt).then_some(end);
        let rejected = whole.rejected.iter();
        let expected: Vec<_> =
            rejected.map(|(rule, start, to)| (*rule, *start, end(*rule, *to))).collect();
        assert_eq!(found, expected, "equality: matches in {text:?}");
        // what rules that flag find does not depend on the others
        let alone: Vec<Rule> =
            self.flagging_numbers.iter().map(|number| self.rules[*number].clone()).collect();
        let alone = self::run(&self.flagging, &alone, View::Plain, &[text]);
        let (mut all, mut told) = (Vec::new(), Vec::new());
        for edit in &alone.flagged {
            if let Edit::Match { rule, start, end, known } = edit {
                let rule = self.flagging_numbers[*rule];
                all.push((rule, *start as usize, *end as usize));
                if run.halt().is_none_or(|(_, halted)| *known as usize <= halted) {
                    told.push(Edit::Match { rule, start: *start, end: *end, known: *known });
                }
            }
        }
        assert_eq!(all, whole.flagged, "equality: flags in {text:?}");
        assert_eq!(run.flags(), told.iter().collect::<Vec<_>>(), "equality: flags in {text:?}");
        self.same(text, run, finest);
    }

    /// What was told is the same in this cut and in the finest.
    pub(crate) fn same(&self, text: &str, run: &Run, finest: &Run) {
        assert_eq!(run.text(), finest.text(), "equality: {text:?} cut otherwise");
        assert_eq!(run.decided, finest.decided, "equality: told of {text:?} cut otherwise");
        assert_eq!(run.flags(), finest.flags(), "equality: flags of {text:?} cut otherwise");
        let ends = |run: &Run| run.kept.clone();
        assert_eq!(ends(run), ends(finest), "equality: what is kept of {text:?} cut otherwise");
    }

    /// What is held after a piece depends on the text up to there alone, is what
    /// was not settled, and is no more than the rules can hold.
    pub(crate) fn progress(&self, text: &str, run: &Run, finest: &Run) {
        self.progress_up_to(self.hold_bytes_max, text, run, finest);
    }

    pub(crate) fn progress_up_to(&self, held_max: usize, text: &str, run: &Run, finest: &Run) {
        let halted = run.halt().map_or(usize::MAX, |(_, known)| known);
        let mut at = finest.points.iter();
        for point in &run.points {
            if point.seen > 0 {
                let expected = loop {
                    match at.as_slice().first() {
                        Some(next) if next.seen < point.seen => at.next(),
                        next => break next,
                    };
                };
                let expected = expected.map(|point| (point.seen, point.released, point.settled));
                let is = (point.seen, point.released, point.settled);
                assert_eq!(Some(is), expected, "progress: in {text:?}");
            }
            if point.seen < halted {
                assert_eq!(point.held, point.seen - point.settled, "progress: held in {text:?}");
                assert!(point.held <= held_max, "progress: {point:?} holds too much of {text:?}");
            }
        }
        assert_eq!(run.held_at_end, 0, "progress: held at the end of {text:?}");
    }

    pub(crate) fn check(&self, text: &str, whole: &Whole, run: &Run, finest: &Run) {
        self.no_leak(text, whole, run);
        self.equality(text, whole, run, finest);
        self.progress(text, run, finest);
    }
}
