//! Text rules on streams that never leak.
//!
//! A rule looks for text, by a regular expression or a list of literals, and
//! says what a match does: it *halts* the text, is *masked*, or is *flagged*.
//! The text comes in pieces, cut anywhere. What comes out is what would have
//! come out had the rules been run on the whole text, as early as that can be
//! known and never one character sooner.
//!
//! ```
//! use std::sync::Arc;
//! use tidegate_text::{AUTOMATON_BYTES_MAX, Action, Filter, Rule, Rules, View};
//!
//! let rule = Rule {
//!     action: Action::Mask("[key]".to_string()),
//!     ..Rule::regex("sk-[a-z0-9]{8,}")
//! };
//! let rules = Arc::new(Rules::new(&[rule], AUTOMATON_BYTES_MAX)?);
//! let mut filter = Filter::new(rules, View::Plain);
//! let mut shown = Vec::new();
//! for delta in ["My task is: s", "k-12", "3456", "78xyz", "!"] {
//!     shown.push(filter.push(delta, &mut |_| ()).to_string());
//! }
//! // `s` may begin a key; eight characters make one for sure, and the mask
//! // stands for all that follows of it
//! assert_eq!(shown, ["My task is: ", "", "", "[key]", "!"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Overview
//!
//! | to | use |
//! | --- | --- |
//! | say what to look for | [`Rule`], or the named ones of [`library`] |
//! | make rules ready, once for all streams | [`Rules`] |
//! | put text through: text in, text out | [`Filter`] |
//! | know what becomes of text that you keep | [`Editor`], [`Edit`] |
//! | read the arguments of tools, which are JSON | [`View::Json`] |
//! | keep rules that are ready, and have them again without their expressions | [`Rules::to_bytes`], [`Rules::from_bytes`] |
//! | know what a rule can hold back | [`Rules::holds`], [`unbounded_part`] |
//!
//! # What becomes of a whole text
//!
//! The text is scanned from left to right. At each place the rules that halt or
//! mask are tried in order. A rule matches there as its expression does in the
//! `regex` crate, leftmost-first: of the ways to match at that place it takes
//! the one that stands first in the expression. If the rule has a checksum, the
//! matched text must hold it, or the rule does not match at that place. The
//! first rule that matches wins. A mask puts its replacement in the place of
//! the match, and the scan goes on behind it; a halt ends the text before the
//! match. Rules that flag are scanned for on their own, in the same way, and
//! change nothing: were they to take text from the others, to watch for
//! something would be to let something else leak.
//!
//! # What is held back, and why it is neither more nor less
//!
//! Say the text so far is *T*, and everything before *p* is settled: either it
//! left, or it is part of a match that has ended. Take the places from *p* on,
//! one by one. For a place *s* and a rule, the automaton of the rule, anchored
//! at *s*, has read *T* from *s* on and is in a state *q*. An automaton that
//! prefers as the expression does (leftmost-first) has dropped, once something
//! matched, all that is less preferred: so as long as it goes on, what matches
//! next takes the place of what matched before. What the rule does at *s* is
//! therefore the last match on the automaton's way, and what it *may* do is
//! known from *q* alone: the rules whose matches can still be reached, and
//! whether it is possible to reach none. Both are found when the rules are made
//! ready, as least fixed points over the automaton's edges, along such bytes as
//! may follow in UTF-8, with the text allowed to end between any two characters.
//!
//! * If no rule may match at *s*, whatever comes, *s* is settled: its character
//!   leaves, unless it is held by an earlier place.
//! * If it is sure that a rule matches at *s*, and all that may win do the same,
//!   that is done at once: the text halts, or the replacement leaves. The text
//!   from *s* up to where the match ends at the least is settled with it, which
//!   for an open end, such as that of `sk-[a-z]{20,}`, is all of *T*.
//! * Else there is a continuation for which the text from *s* on leaves as it is
//!   and one for which it does not, or one with another replacement: nothing
//!   from *s* on may leave, and nothing does.
//!
//! So what has left is the longest beginning that the outputs of all
//! continuations share. One exception is on purpose: a replacement leaves whole
//! and when it is known. Where the outputs agree by chance, because a
//! replacement begins like the text that it stands for or like another
//! replacement, that part waits with the rest.
//!
//! Where more than one place is open, it is enough to follow them side by side.
//! Two places of one automaton in the same state, neither with a match so far,
//! have the same future: if the earlier one fails, so will the later, and if it
//! matches, the scan begins anew behind the match. So the later one is dropped,
//! and there are never more open places than the automaton has states.
//!
//! A checksum is looked at when it is known what the expression matches. Until
//! then the text is held from the start as if it would hold, though for some
//! beginnings no continuation has the right sum, and though another rule may be
//! sure to do the same there.
//!
//! A rule that may hold without bound, such as `a.*b`, is cut off at
//! [`Rule::hold_bytes_max`]: the text halts before what is held, or what is held
//! is let go and the rule begins anew behind it ([`OnOverflow`]). Both depend on
//! the text alone. What is let go is no leak by the rule's own word.
//!
//! Behind a match the scan begins anew, and what was read ahead of its end is
//! read again. Rules that look far ahead behind many matches would make that
//! the square of what they may hold; past 512 times what was read and 1 MiB the
//! text halts there, as if too much were held.
//!
//! # What an expression may have
//!
//! The syntax of the `regex` crate, with Unicode classes and case folding, ASCII
//! word boundaries, and the anchors of texts and lines. `^` is the beginning of
//! the stream's text and `$` its end: a match that wants it is held until the
//! text has ended or goes on. Unicode word boundaries are refused: an automaton
//! sees one byte behind a match and such a boundary wants a character. So are
//! expressions that match the empty text.
//!
//! # What it does not do
//!
//! It does no I/O, needs no standard library, and cannot panic. It does not
//! normalise: two ways to write one character are two texts. It does not decode
//! Base64 or percent-encoding. It knows no dictionary: a name or an address in
//! prose is none of its business.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod annotate;
mod automaton;
mod build;
mod checksum;
mod edit;
mod filter;
mod hold;
mod json;
pub mod library;
mod rule;
mod rules;
mod save;
mod scan;
mod syntax;
mod utf8;

pub use checksum::Checksum;
pub use edit::{Cause, Edit, Editor, View};
pub use filter::Filter;
pub use hold::Hold;
pub use json::SCALAR_BYTES_MAX;
pub use rule::{Action, CHECKED_BYTES_MAX, HOLD_BYTES_MAX, OnOverflow, Pattern, Rule, RuleError};
pub use rules::{AUTOMATON_BYTES_MAX, Rules, unbounded_part};
pub use tidegate_saved::Damaged;
