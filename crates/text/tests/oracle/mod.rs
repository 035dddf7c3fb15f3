//! What rules do to a whole text, by the plain `regex` crate and in the words of
//! the definition: scan left to right, without overlaps, earlier rules win ties.

#![allow(dead_code, reason = "each test uses a part")]

use std::sync::Arc;

use regex::Regex;
use tidegate_text::{Action, Edit, Filter, Pattern, Rule, Rules, View};

pub(crate) struct Oracle {
    rules: Vec<(Regex, Rule)>,
}

/// What becomes of a whole text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) text: String,
    /// The rule and the span of each match that masks, and of the one that
    /// halts, in order.
    pub(crate) rejected: Vec<(usize, usize, usize)>,
    pub(crate) halted: Option<(usize, usize)>,
    /// The rule and the span of each match that flags.
    pub(crate) flagged: Vec<(usize, usize, usize)>,
}

impl Oracle {
    pub(crate) fn new(rules: &[Rule]) -> Oracle {
        let regex = |rule: &Rule| match &rule.pattern {
            Pattern::Regex(expression) => Regex::new(expression).unwrap(),
            Pattern::Literals { literals, ignore_case } => {
                let mut literals = literals.clone();
                literals.sort_by_key(|text| std::cmp::Reverse(text.chars().count()));
                let literals: Vec<String> =
                    literals.iter().map(|text| regex::escape(text)).collect();
                let case = if *ignore_case { "(?i)" } else { "" };
                Regex::new(&format!("{case}(?:{})", literals.join("|"))).unwrap()
            }
        };
        Oracle { rules: rules.iter().map(|rule| (regex(rule), rule.clone())).collect() }
    }

    pub(crate) fn whole(&self, text: &str) -> Whole {
        let mut whole = Whole::default();
        let mut at = 0;
        let decides = |action: &Action| *action != Action::Flag;
        let mut next = vec![Next::Unknown; self.rules.len()];
        while let Some((number, start, end)) = self.first(text, at, &mut next, decides) {
            whole.rejected.push((number, start, end));
            whole.text.push_str(&text[at..start]);
            match &self.rules[number].1.action {
                Action::Mask(with) => whole.text.push_str(with),
                Action::Halt => {
                    whole.halted = Some((number, start));
                    break;
                }
                Action::Flag => unreachable!("these do not decide"),
            }
            at = end;
        }
        if whole.halted.is_none() {
            whole.text.push_str(&text[at..]);
        }
        let mut at = 0;
        let flags = |action: &Action| *action == Action::Flag;
        let mut next = vec![Next::Unknown; self.rules.len()];
        while let Some((number, start, end)) = self.first(text, at, &mut next, flags) {
            whole.flagged.push((number, start, end));
            at = end;
        }
        whole
    }

    /// The first match from a place on, of rules with such an action; `next` is
    /// what is known of each rule's.
    fn first(
        &self,
        text: &str,
        from: usize,
        next: &mut [Next],
        of: impl Fn(&Action) -> bool,
    ) -> Option<(usize, usize, usize)> {
        let mut first: Option<(usize, usize, usize)> = None;
        for ((number, (regex, rule)), next) in self.rules.iter().enumerate().zip(next) {
            if !of(&rule.action) {
                continue;
            }
            let mut at = from;
            while next.is_before(from) {
                let Some(found) = regex.find_at(text, at) else {
                    *next = Next::Never;
                    break;
                };
                // one that fails its checksum is none, and the next place is tried
                let holds = rule.checksum.is_none_or(|checksum| checksum.holds(found.as_str()));
                if holds {
                    *next = Next::At(found.start(), found.end());
                } else {
                    at = found.start()
                        + text[found.start()..].chars().next().map_or(1, char::len_utf8);
                }
            }
            if let Next::At(start, end) = *next
                && first.is_none_or(|(_, earlier, _)| start < earlier)
            {
                first = Some((number, start, end));
            }
        }
        first
    }
}

/// The next match of a rule.
#[derive(Clone, Copy)]
enum Next {
    Unknown,
    Never,
    At(usize, usize),
}

impl Next {
    fn is_before(&self, place: usize) -> bool {
        match self {
            Next::Unknown => true,
            Next::Never => false,
            Next::At(start, _) => *start < place,
        }
    }
}

/// What came of a text that was put through in pieces.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Run {
    pub(crate) shown: String,
    /// What was kept of the text, as spans.
    pub(crate) kept: Vec<(usize, usize)>,
    pub(crate) matches: Vec<(usize, usize, usize)>,
    pub(crate) halted: Option<(usize, usize)>,
    /// After each piece: how much had come, how much had left, what was held.
    pub(crate) steps: Vec<(usize, usize, usize)>,
}

impl Run {
    pub(crate) fn new<'a>(
        rules: &Arc<Rules>,
        view: View,
        pieces: impl Iterator<Item = &'a str>,
    ) -> Run {
        let mut run = Run::default();
        let mut filter = Filter::new(rules.clone(), view);
        let (mut came, mut told) = (0, 0);
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            let left = filter.push(piece, &mut |edit| run.note(edit, &mut told)).to_string();
            run.shown.push_str(&left);
            came += piece.len();
            run.steps.push((came, run.shown.len(), filter.held_bytes()));
        }
        let left = filter.finish(&mut |edit| run.note(edit, &mut told)).to_string();
        run.shown.push_str(&left);
        run.matches.sort_by_key(|(rule, start, end)| (*start, *end, *rule));
        run
    }

    fn note(&mut self, edit: &Edit, told: &mut usize) {
        match edit {
            Edit::Keep { to } => {
                self.kept.push((*told, *to as usize));
                *told = *to as usize;
            }
            Edit::Replace { to, .. } => *told = *to as usize,
            Edit::Match { rule, start, end, .. } => {
                self.matches.push((*rule, *start as usize, *end as usize));
            }
            Edit::Halt { rule, start, .. } => self.halted = Some((*rule, *start as usize)),
            Edit::Overflow { .. } => {}
        }
    }

    /// No character of a span that is rejected was kept, and none behind a halt.
    pub(crate) fn assert_no_leak(&self, whole: &Whole, cut: &str) {
        let end = whole.halted.map_or(usize::MAX, |(_, start)| start);
        let mut rejected = whole.rejected.iter().peekable();
        for (from, to) in &self.kept {
            assert!(*to <= end, "{cut}: {from}..{to} is behind the halt at {end}");
            while rejected.next_if(|(_, _, end)| end <= from).is_some() {}
            let Some((rule, start, end)) = rejected.peek() else { continue };
            assert!(to <= start, "{cut}: {from}..{to} leaks of rule {rule} at {start}..{end}");
        }
    }

    /// What came out is what comes of the whole text.
    pub(crate) fn assert_equal(&self, whole: &Whole, cut: &str) {
        assert_eq!(self.shown, whole.text, "{cut}");
        assert_eq!(self.halted, whole.halted, "{cut}");
        let mut expect: Vec<_> = whole.rejected.clone();
        expect.truncate(whole.rejected.len() - usize::from(whole.halted.is_some()));
        let end = whole.halted.map_or(usize::MAX, |(_, start)| start);
        expect.extend(whole.flagged.iter().filter(|(.., to)| *to <= end));
        expect.sort_by_key(|(rule, start, end)| (*start, *end, *rule));
        // behind a halt no more is read, so a flag may have been seen there or not
        let matches = self.matches.iter().filter(|(.., to)| *to <= end);
        if whole.halted.is_none() {
            assert_eq!(matches.copied().collect::<Vec<_>>(), expect, "{cut}");
        } else {
            assert!(matches.copied().all(|found| expect.contains(&found)), "{cut}");
        }
    }

    /// After each piece as much had left as after the same text in the finest
    /// pieces: what is held depends on the text alone.
    pub(crate) fn assert_progress(&self, finest: &Run, cut: &str) {
        for step in &self.steps {
            let at = finest.steps.partition_point(|(came, ..)| came < &step.0);
            assert_eq!(Some(step), finest.steps.get(at), "{cut}");
        }
    }
}

/// Pseudo-random numbers, the same in every run: Marsaglia's xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// A text in pieces of up to so many bytes.
    pub(crate) fn pieces<'a>(&mut self, mut text: &'a str, most: usize) -> Vec<&'a str> {
        let mut pieces = Vec::new();
        while !text.is_empty() {
            let at = text.ceil_char_boundary((1 + self.below(most)).min(text.len()));
            let (piece, rest) = text.split_at(at);
            pieces.push(piece);
            text = rest;
        }
        pieces
    }
}

pub(crate) fn characters(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()])
}

/// How many cuts a text is put through in.
#[derive(Clone, Copy)]
pub(crate) struct Cuts {
    /// In two pieces: at every place, or spread over the text.
    pub(crate) two_way_most: usize,
    pub(crate) random: usize,
}

impl Cuts {
    pub(crate) const ALL: Cuts = Cuts { two_way_most: usize::MAX, random: 200 };
}

/// Puts a text through whole, one character at a time, in two pieces and in
/// random ones; each run with the three assertions.
pub(crate) fn check_cuts(rules: &Arc<Rules>, oracle: &Oracle, text: &str, cuts: Cuts) {
    let whole = oracle.whole(text);
    check_runs(rules, View::Plain, text, cuts, &|run, cut| {
        run.assert_no_leak(&whole, cut);
        run.assert_equal(&whole, cut);
    });
}

/// The same for a text whose outcome `check` knows.
pub(crate) fn check_runs(
    rules: &Arc<Rules>,
    view: View,
    text: &str,
    cuts: Cuts,
    check: &dyn Fn(&Run, &str),
) {
    let finest = Run::new(rules, view, characters(text));
    let all = |pieces: &[&str], cut: &str| {
        let run = Run::new(rules, view, pieces.iter().copied());
        check(&run, cut);
        run.assert_progress(&finest, cut);
    };
    check(&finest, "one character at a time");
    all(&[text], "whole");
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    for at in places.iter().step_by(places.len().div_ceil(cuts.two_way_most).max(1)) {
        let (head, tail) = text.split_at(*at);
        all(&[head, tail], &format!("cut at {at}"));
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for number in 0..cuts.random {
        let most = [3, 8, 40, 300][number % 4];
        all(&random.pieces(text, most), &format!("random cut {number}"));
    }
}
