//! From what scans find to what becomes of the text.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use crate::automaton::RuleNumber;
use crate::json::{AtomKind, Json};
use crate::rules::{Deed, Replacement, Rules, Set};
use crate::scan::{Found, Scan};

/// What becomes of a text, in its order. Offsets are in bytes from the text's
/// beginning; `rule` counts in the list that [`Rules::new`] was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Text up to here stays.
    Keep {
        /// Where it ends.
        to: u64,
    },
    /// Text up to here goes, and this, which may be empty, comes in its place.
    Replace {
        /// Where it ends.
        to: u64,
        /// What comes in its place.
        with: Arc<str>,
    },
    /// A rule has matched. Its mask may have come before, as soon as it was
    /// sure. A rule that flags says so when its match is known, be that before
    /// or after what becomes of the text.
    Match {
        /// The rule.
        rule: usize,
        /// Where the match begins.
        start: u64,
        /// Where it ends.
        end: u64,
        /// How far the text was read to know it, however the text was cut.
        known: u64,
    },
    /// A rule held too much and let it go.
    Overflow {
        /// The rule.
        rule: usize,
        /// Where what it held begins.
        start: u64,
        /// How far the text was read to know it.
        known: u64,
        /// How much it held, in bytes.
        held: u64,
    },
    /// The text ends here; no more edits come.
    Halt {
        /// The rule.
        rule: usize,
        /// Where the text ends: the match begins.
        start: u64,
        /// How far the text was read to know it; for [`Cause::LongScalar`], where
        /// the text ends.
        known: u64,
        /// Why.
        cause: Cause,
    },
}

/// Why a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The rule is sure to match.
    Match,
    /// The rule held back so many bytes and may not.
    Overflow {
        /// How much, in bytes.
        held: u64,
    },
    /// The match is to be masked and lies in a number or word of JSON that is
    /// longer than [`SCALAR_BYTES_MAX`](crate::SCALAR_BYTES_MAX).
    LongScalar,
}

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// As it stands.
    Plain,
    /// As JSON, if its first character is `{`, `[` or `"`: rules see strings
    /// without their escapes, and what is masked stays JSON. Else as it stands.
    /// White space before that character always stays.
    Json,
}

/// Text is read in pieces of so many bytes, so that what is found in a large one
/// takes little memory at a time.
const PIECE_BYTES: usize = 4096;

/// What is kept of the room for what was found in a piece.
const FOUND_KEPT: usize = 64;

/// Decides what becomes of one text, as it comes.
///
/// It keeps of the text what is still open, to look at it again, and does not
/// give it out: whoever calls it keeps the text and follows the edits.
/// [`Filter`](crate::Filter) does that.
#[derive(Debug)]
pub struct Editor {
    rules: Arc<Rules>,
    scans: Scans,
    /// For texts that are read as JSON.
    json: Option<JsonEdits>,
    is_over: bool,
}

#[derive(Debug)]
struct Scans {
    deciding: Scan,
    flagging: Scan,
    decided: Vec<Found>,
    flagged: Vec<Found>,
}

impl Editor {
    /// An editor at the beginning of a text.
    #[must_use]
    pub fn new(rules: Arc<Rules>, view: View) -> Editor {
        let (decided, flagged) = (Vec::new(), Vec::new());
        let scans = Scans { deciding: Scan::new(), flagging: Scan::new(), decided, flagged };
        let json = (view == View::Json).then(JsonEdits::new);
        Editor { rules, scans, json, is_over: false }
    }

    /// Bytes of memory it takes beside the text that is held, the rules not
    /// counted, which streams share.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let Scans { deciding, flagging, decided, flagged } = &self.scans;
        let json = self.json.as_ref().map_or(0, |edits| edits.json.heap_bytes());
        size_of::<Editor>()
            + deciding.heap_bytes()
            + flagging.heap_bytes()
            + (decided.capacity() + flagged.capacity()) * size_of::<Found>()
            + json
    }

    /// Whether the text was halted or has ended: no more edits come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes the next piece of the text.
    pub fn push(&mut self, text: &str, on_edit: &mut impl FnMut(Edit)) {
        if self.is_over {
            return;
        }
        let mut rest = text;
        while !rest.is_empty() && !self.is_over {
            let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
            rest = behind;
            self.read(piece, on_edit);
        }
    }

    fn read(&mut self, piece: &str, on_edit: &mut impl FnMut(Edit)) {
        let Editor { rules, scans, json, .. } = self;
        self.is_over = match json {
            None => {
                scans.push(rules, piece);
                scans.tell(rules, on_edit)
            }
            Some(edits) => {
                edits.json.push(piece, &mut |view| scans.push(rules, view));
                edits.tell(rules, scans, on_edit)
            }
        };
    }

    /// The text has ended.
    pub fn finish(&mut self, on_edit: &mut impl FnMut(Edit)) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        let Editor { rules, scans, json, .. } = self;
        match json {
            None => {
                scans.finish(rules);
                scans.tell(rules, on_edit);
            }
            Some(edits) => {
                edits.json.finish(&mut |view| scans.push(rules, view));
                scans.finish(rules);
                edits.tell(rules, scans, on_edit);
            }
        }
    }
}

impl Scans {
    #[inline]
    fn push(&mut self, rules: &Rules, view: &str) {
        self.deciding.push(&rules.deciding, view.as_bytes(), &mut self.decided);
        if !rules.flagging.is_empty() {
            self.flagging.push(&rules.flagging, view.as_bytes(), &mut self.flagged);
        }
    }

    fn finish(&mut self, rules: &Rules) {
        self.deciding.finish(&rules.deciding, &mut self.decided);
        self.flagging.finish(&rules.flagging, &mut self.flagged);
    }

    /// The edits of text that is seen as it stands. Whether it was halted.
    fn tell(&mut self, rules: &Rules, on_edit: &mut impl FnMut(Edit)) -> bool {
        let mut is_halted = false;
        for found in self.decided.drain(..) {
            match found {
                Found::Pass { to } => on_edit(Edit::Keep { to }),
                Found::Cover { to, rule, begins, .. } => {
                    let with = replacement(&rules.deciding, rule).filter(|_| begins);
                    let with = with.map_or_else(Arc::default, |with| with.plain.clone());
                    on_edit(Edit::Replace { to, with });
                }
                other => {
                    is_halted |= matches!(other, Found::Halt { .. });
                    tell_rest(&rules.deciding, other, &|at| at, &|at| at, on_edit);
                }
            }
        }
        for found in self.flagged.drain(..) {
            tell_rest(&rules.flagging, found, &|at| at, &|at| at, on_edit);
        }
        self.decided.shrink_to(FOUND_KEPT);
        self.flagged.shrink_to(FOUND_KEPT);
        is_halted
    }
}

fn replacement(set: &Set, rule: RuleNumber) -> Option<&Replacement> {
    match &set.rules.get(usize::from(rule))?.deed {
        Deed::Mask(replacement) => Some(replacement),
        Deed::Halt | Deed::Flag => None,
    }
}

/// The edits that change no text, with their places in the text.
fn tell_rest(
    set: &Set,
    found: Found,
    raw_start: &impl Fn(u64) -> u64,
    raw_end: &impl Fn(u64) -> u64,
    on_edit: &mut impl FnMut(Edit),
) {
    let number = |rule: RuleNumber| set.rules.get(usize::from(rule)).map_or(0, |rule| rule.number);
    match found {
        Found::Pass { .. } | Found::Cover { .. } => {}
        Found::Match { rule, start, end, known } => {
            let (start, end, known) = (raw_start(start), raw_end(end), raw_end(known));
            on_edit(Edit::Match { rule: number(rule), start, end, known });
        }
        Found::Overflow { rule, start, known, held } => {
            let (rule, start, known) = (number(rule), raw_start(start), raw_end(known));
            on_edit(Edit::Overflow { rule, start, known, held });
        }
        Found::Halt { rule, start, known, overflow } => {
            let (rule, start, known) = (number(rule), raw_start(start), raw_end(known));
            let cause = overflow.map_or(Cause::Match, |held| Cause::Overflow { held });
            on_edit(Edit::Halt { rule, start, known, cause });
        }
    }
}

/// The edits of JSON.
#[derive(Debug)]
struct JsonEdits {
    json: Json,
    /// How far edits were found, in what rules see.
    at: u64,
    /// How far they were told, in the text.
    told: u64,
    /// Whether what stands for the present match was told.
    is_shown: bool,
    /// Where the latest match of each scan begins in the text.
    decided_start: u64,
    flagged_start: u64,
}

/// A halt: the rule, where, how far was read to know it, and why.
type Halt = (RuleNumber, u64, u64, Cause);

impl JsonEdits {
    fn new() -> JsonEdits {
        JsonEdits {
            json: Json::new(),
            at: 0,
            told: 0,
            is_shown: false,
            decided_start: 0,
            flagged_start: 0,
        }
    }

    /// Whether the text was halted.
    fn tell(&mut self, rules: &Rules, scans: &mut Scans, on_edit: &mut impl FnMut(Edit)) -> bool {
        let set = &rules.deciding;
        let mut halt = None;
        let mut decided = mem::take(&mut scans.decided);
        for found in decided.drain(..) {
            if halt.is_some() {
                break;
            }
            match found {
                Found::Pass { to } => halt = self.walk(to, None, on_edit),
                Found::Cover { from, to, rule, begins } => {
                    if begins {
                        self.is_shown = false;
                        self.decided_start = self.json.raw_start(from);
                    }
                    let mask = replacement(set, rule).map(|with| (rule, with));
                    halt = self.walk(to, mask, on_edit);
                }
                Found::Halt { rule, start, known, overflow } => {
                    let (start, known) = (self.json.raw_start(start), self.json.raw_end(known));
                    let cause = overflow.map_or(Cause::Match, |held| Cause::Overflow { held });
                    halt = Some((rule, start, known, cause));
                    self.keep(start, on_edit);
                }
                other => self.tell_rest(set, other, self.decided_start, on_edit),
            }
        }
        decided.shrink_to(FOUND_KEPT);
        scans.decided = decided;
        for found in scans.flagged.drain(..) {
            if let Found::Cover { from, begins: true, .. } = found {
                self.flagged_start = self.json.raw_start(from);
            }
            self.tell_rest(&rules.flagging, found, self.flagged_start, on_edit);
        }
        scans.flagged.shrink_to(FOUND_KEPT);
        if let Some((rule, start, known, cause)) = halt {
            let rule = set.rules.get(usize::from(rule)).map_or(0, |rule| rule.number);
            on_edit(Edit::Halt { rule, start, known, cause });
            return true;
        }
        let flagged = match rules.flagging.is_empty() {
            true => u64::MAX,
            false => scans.flagging.settled(),
        };
        self.json.forget(self.at.min(flagged));
        false
    }

    /// `start` is where the match began in the text: it may be long forgotten.
    fn tell_rest(&self, set: &Set, found: Found, start: u64, on_edit: &mut impl FnMut(Edit)) {
        let is_match = matches!(found, Found::Match { .. });
        let raw_start = |at| if is_match { start } else { self.json.raw_start(at) };
        tell_rest(set, found, &raw_start, &|at| self.json.raw_end(at), on_edit);
    }

    fn keep(&mut self, to: u64, on_edit: &mut impl FnMut(Edit)) {
        if to > self.told {
            on_edit(Edit::Keep { to });
            self.told = to;
        }
    }

    fn replace(&mut self, to: u64, with: Arc<str>, on_edit: &mut impl FnMut(Edit)) {
        if to > self.told {
            on_edit(Edit::Replace { to, with });
            self.told = to;
        }
    }

    /// Tells what becomes of what rules see up to here, piece by piece.
    fn walk(
        &mut self,
        to: u64,
        mask: Option<(RuleNumber, &Replacement)>,
        on_edit: &mut impl FnMut(Edit),
    ) -> Option<Halt> {
        while self.at < to
            && let Some(atom) = self.json.atom_at(self.at)
        {
            let (from, end) = (self.at, to.min(atom.view_end));
            self.at = end;
            let raw_end = self.json.raw_end(end);
            match (atom.kind, mask) {
                (AtomKind::Structure | AtomKind::LongScalar, None) | (AtomKind::Structure, _) => {
                    self.keep(raw_end, on_edit);
                }
                (AtomKind::Text | AtomKind::Escape { .. }, None) => self.keep(raw_end, on_edit),
                (AtomKind::Text | AtomKind::Escape { .. }, Some((_, with))) => {
                    let with = match mem::replace(&mut self.is_shown, true) {
                        true => Arc::default(),
                        false if self.json.is_plain() => with.plain.clone(),
                        false => with.escaped.clone(),
                    };
                    self.replace(raw_end, with, on_edit);
                }
                // a scalar leaves whole, or is masked whole
                (AtomKind::Scalar, None) if end < atom.view_end => {}
                (AtomKind::Scalar, None) => self.keep(atom.raw_end, on_edit),
                // of a scalar that an earlier match has masked nothing is left
                (AtomKind::Scalar, Some(_)) if atom.raw_end <= self.told => {}
                (AtomKind::Scalar, Some((_, with))) => {
                    let with = match mem::replace(&mut self.is_shown, true) {
                        true => "null".into(),
                        false => with.quoted.clone(),
                    };
                    self.replace(atom.raw_end, with, on_edit);
                }
                (AtomKind::LongScalar, Some((rule, _))) => {
                    let start = self.json.raw_start(from);
                    self.keep(start, on_edit);
                    return Some((rule, start, start, Cause::LongScalar));
                }
            }
        }
        None
    }
}
