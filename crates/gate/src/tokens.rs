//! Tokens and their logprobs, kept in step with the text that leaves.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use tidegate_kernel::Channel;
use tidegate_wire::TokenLogprob;

use crate::gate::{Event, Release, Step};

/// A token of the stream whose text has left as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleasedToken {
    /// The choice.
    pub choice: u32,
    /// The channel.
    pub channel: Channel,
    /// The token's number among those of the channel that came with a logprob,
    /// from 0. Numbers that are left out are of tokens that were masked.
    pub index: u64,
    /// Where the token stands in the channel's text, in bytes.
    pub span: Range<u64>,
    /// The natural logarithm of its probability.
    pub logprob: f64,
}

/// Tokens that wait for their text to leave.
///
/// A token leaves with the last of its text. One that is masked, wholly or in
/// part, never does: what a provider says of it would tell what was masked.
#[derive(Debug)]
pub(crate) struct Tokens {
    tokens_max: usize,
    /// Whether the stream has said anything of its tokens.
    has_any: bool,
    queues: BTreeMap<(u32, Channel), Queue>,
    released: Vec<ReleasedToken>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Where the next token begins, and its number.
    at: u64,
    index: u64,
    waiting: VecDeque<Waiting>,
    /// Up to where text has left, and since where as it came.
    left: u64,
    kept_since: u64,
}

#[derive(Debug)]
struct Waiting {
    index: u64,
    span: Range<u64>,
    logprob: f64,
}

impl Tokens {
    /// For as many tokens on a channel as may wait; of more, the first are lost.
    pub(crate) fn new(tokens_max: usize) -> Tokens {
        Tokens { tokens_max, has_any: false, queues: BTreeMap::new(), released: Vec::new() }
    }

    /// Notes the tokens of the next so many bytes of a channel's text.
    pub(crate) fn append(&mut self, key: (u32, Channel), bytes: u64, tokens: &[TokenLogprob]) {
        self.has_any |= !tokens.is_empty();
        let queue = self.queues.entry(key).or_default();
        let mut start = queue.at;
        queue.at += bytes;
        for token in tokens {
            let end = start.saturating_add(token.bytes as u64).min(queue.at);
            if queue.waiting.len() >= self.tokens_max {
                queue.waiting.pop_front();
            }
            let (index, logprob) = (queue.index, token.logprob);
            queue.waiting.push_back(Waiting { index, span: start..end, logprob });
            queue.index += 1;
            start = end;
        }
    }

    /// The tokens whose text leaves with a step, in order.
    pub(crate) fn follow(&mut self, step: &Step) -> &[ReleasedToken] {
        self.released.clear();
        if !self.has_any {
            return &self.released;
        }
        for release in step.releases() {
            if let Some(queue) = self.queues.get_mut(&(release.choice, release.channel)) {
                queue.release(&release, &mut self.released);
            }
        }
        for event in step.events() {
            if let Event::Halted(halted) = event {
                self.queues.retain(|(choice, _), _| *choice != halted.choice);
            }
        }
        &self.released
    }
}

impl Queue {
    fn release(&mut self, release: &Release<'_>, out: &mut Vec<ReleasedToken>) {
        let Release { choice, channel, ref span, is_masked, .. } = *release;
        if is_masked {
            self.kept_since = span.end;
        } else if span.start != self.left {
            // between two releases lies what was masked by nothing
            self.kept_since = span.start;
        }
        self.left = span.end;
        while let Some(first) = self.waiting.pop_front_if(|token| token.span.end <= span.end) {
            let Waiting { index, span, logprob } = first;
            if span.start >= self.kept_since {
                out.push(ReleasedToken { choice, channel, index, span, logprob });
            }
        }
    }
}
