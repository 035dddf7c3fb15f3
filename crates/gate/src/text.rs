//! Text rules on one channel of one choice: what they find goes to the ledger,
//! what they put in the place of text stays here.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use tidegate_kernel::Channel;
use tidegate_text::{Cause, Edit, Editor, View};

use crate::checks::{Scanned, Scans};

/// What text rules found in the text that came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Findings {
    /// How far the rules that decide let text go.
    pub(crate) cleared: u64,
    /// What was found, in no order.
    pub(crate) notes: Vec<Note>,
    /// Why nothing more will go.
    pub(crate) halt: Option<TextHalt>,
}

/// Something a rule found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Note {
    /// How far the text was read to know it.
    pub(crate) known: u64,
    pub(crate) end: u64,
    pub(crate) start: u64,
    /// Which of all text rules that run.
    pub(crate) rule: usize,
    /// For a rule that let go of what it held: how much that was.
    pub(crate) held: Option<u64>,
}

/// A rule lets nothing more pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextHalt {
    pub(crate) rule: usize,
    pub(crate) start: u64,
    pub(crate) known: u64,
    pub(crate) cause: HaltCause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HaltCause {
    Match,
    Overflow { held: u64 },
    LongScalar,
}

impl HaltCause {
    /// The name used in verdicts and traces.
    pub(crate) fn code(self) -> &'static str {
        match self {
            HaltCause::Match => "match",
            HaltCause::Overflow { .. } => "hold_overflow",
            HaltCause::LongScalar => "long_scalar",
        }
    }

    /// How much was held when it was too much.
    pub(crate) fn held(self) -> Option<u64> {
        match self {
            HaltCause::Overflow { held } => Some(held),
            HaltCause::Match | HaltCause::LongScalar => None,
        }
    }

    pub(crate) fn of(code: &str, held: Option<u64>) -> Option<HaltCause> {
        match (code, held) {
            ("match", None) => Some(HaltCause::Match),
            ("hold_overflow", Some(held)) => Some(HaltCause::Overflow { held }),
            ("long_scalar", None) => Some(HaltCause::LongScalar),
            _ => None,
        }
    }
}

/// The text rules of one channel at work.
#[derive(Debug)]
pub(crate) struct TextRules {
    enforcing: Option<(Editor, Arc<[usize]>)>,
    shadow: Option<(Editor, Arc<[usize]>)>,
    /// Text that is replaced and was not released yet.
    replaced: VecDeque<Replaced>,
    /// How far it is known what becomes of the text.
    cleared: u64,
    findings: Findings,
}

/// Text and what comes in its place.
#[derive(Debug)]
struct Replaced {
    span: Range<u64>,
    with: Arc<str>,
}

/// A piece of text that is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it came.
    Kept(Range<u64>),
    /// What comes in the place of text.
    Replaced(Range<u64>, Arc<str>),
}

impl TextRules {
    /// The rules for a channel; `None` if there are none.
    pub(crate) fn new(scans: &Scans, channel: Channel) -> Option<TextRules> {
        let view = match channel {
            Channel::Tool(_) => View::Json,
            Channel::Content | Channel::Reasoning | Channel::Refusal => View::Plain,
        };
        let editor = |scanned: &Option<Scanned>| {
            let Scanned { rules, numbers } = scanned.as_ref()?;
            Some((Editor::new(rules.clone(), view), numbers.clone()))
        };
        let (enforcing, shadow) = (editor(&scans.enforcing), editor(&scans.shadow));
        (enforcing.is_some() || shadow.is_some()).then(|| TextRules {
            enforcing,
            shadow,
            replaced: VecDeque::new(),
            cleared: 0,
            findings: Findings::default(),
        })
    }

    pub(crate) fn push(&mut self, text: &str) -> Findings {
        self.read(Some(text))
    }

    pub(crate) fn finish(&mut self) -> Findings {
        self.read(None)
    }

    /// Reads the next text, or its end.
    fn read(&mut self, text: Option<&str>) -> Findings {
        let TextRules { enforcing, shadow, replaced, cleared, findings } = self;
        if let Some((editor, numbers)) = enforcing {
            read(editor, text, &mut |edit| match edit {
                Edit::Keep { to } => *cleared = to,
                Edit::Replace { to, with } => {
                    replaced.push_back(Replaced { span: *cleared..to, with });
                    *cleared = to;
                }
                other => findings.note(numbers, other),
            });
        }
        if let Some((editor, numbers)) = shadow {
            read(editor, text, &mut |edit| findings.note(numbers, edit));
        }
        findings.cleared = *cleared;
        std::mem::take(findings)
    }

    /// The pieces that are released with this stretch of the channel's text.
    pub(crate) fn release(&mut self, span: Range<u64>, on_piece: &mut impl FnMut(Piece)) {
        let mut at = span.start;
        while at < span.end {
            let Some(first) = self.replaced.front_mut().filter(|it| it.span.start < span.end)
            else {
                on_piece(Piece::Kept(at..span.end));
                return;
            };
            if first.span.start > at {
                on_piece(Piece::Kept(at..first.span.start));
            }
            at = first.span.end.min(span.end);
            let with = std::mem::take(&mut first.with);
            if !with.is_empty() {
                on_piece(Piece::Replaced(first.span.start..at, with));
            }
            if first.span.end <= span.end {
                self.replaced.pop_front();
            } else {
                first.span.start = at;
            }
        }
    }
}

fn read(editor: &mut Editor, text: Option<&str>, on_edit: &mut impl FnMut(Edit)) {
    match text {
        Some(text) => editor.push(text, on_edit),
        None => editor.finish(on_edit),
    }
}

impl Findings {
    fn note(&mut self, numbers: &[usize], edit: Edit) {
        let number = |rule: usize| numbers.get(rule).copied().unwrap_or(usize::MAX);
        match edit {
            // of a shadow rule: it changes nothing
            Edit::Keep { .. } | Edit::Replace { .. } => {}
            Edit::Match { rule, start, end, known } => {
                self.notes.push(Note { known, end, start, rule: number(rule), held: None });
            }
            Edit::Overflow { rule, start, known, held } => {
                let (end, held) = (start + held, Some(held));
                self.notes.push(Note { known, end, start, rule: number(rule), held });
            }
            Edit::Halt { rule, start, known, cause } => {
                let cause = match cause {
                    Cause::Match => HaltCause::Match,
                    Cause::Overflow { held } => HaltCause::Overflow { held },
                    Cause::LongScalar => HaltCause::LongScalar,
                };
                self.halt = Some(TextHalt { rule: number(rule), start, known, cause });
            }
        }
    }
}
