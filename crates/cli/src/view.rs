//! What a run shows, and to whom.

use std::io::{self, IsTerminal};

use tidegate::{Halted, Release, ReleasedToken, TextMatch, Unit};
use tidegate_score::Evidence;

/// Where what happens is shown.
pub(crate) trait View {
    /// Text, and those of its tokens that end in it and came with logprobs.
    fn release(&mut self, release: &Release<'_>, tokens: &[&ReleasedToken]) -> io::Result<()>;
    fn matched(&mut self, matched: &TextMatch) -> io::Result<()>;
    fn scored(&mut self, scored: &Judged<'_>) -> io::Result<()>;
    fn decided(&mut self, decision: &Decision<'_>) -> io::Result<()>;
    fn end(&mut self, summary: &Summary) -> io::Result<()>;
}

/// A token or claim that passed.
pub(crate) struct Judged<'a> {
    pub(crate) passed: &'a tidegate::Passed,
    pub(crate) evidence: Option<&'a Evidence>,
}

/// A halt, or what is not one by the policy's word.
pub(crate) struct Decision<'a> {
    /// `halt`, `shadow` or `allowed`.
    pub(crate) kind: &'static str,
    pub(crate) halted: &'a Halted,
    /// What the check judges, if it is a check of the policy.
    pub(crate) unit: Option<Unit>,
    /// The token or claim in question.
    pub(crate) text: Option<&'a str>,
    pub(crate) evidence: Option<&'a Evidence>,
    /// Bytes that had come and will not leave.
    pub(crate) withheld_bytes: u64,
}

#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) halts: u64,
    pub(crate) released_bytes: u64,
    pub(crate) scores: u64,
    pub(crate) warnings: u64,
    /// Claims that the facts contradict, or do not speak to, and that passed.
    pub(crate) contradicted: u64,
    pub(crate) unsupported: u64,
    /// Matches of text rules that mask or flag.
    pub(crate) matches: u64,
    pub(crate) scores_left: usize,
}

/// Whether people watch: released text and what is said of it go to the same
/// terminal.
pub(crate) fn is_watched() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}
