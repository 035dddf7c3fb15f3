//! How many bytes one rule can hold back.

use alloc::vec;
use alloc::vec::Vec;

use crate::automaton::{Automaton, Before, NONE};

/// What a rule holds back at most: the longest text that leaves open whether
/// it matches, or how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// So many bytes.
    Bytes(usize),
    /// There is no bound.
    Unbounded,
}

/// What is held back by the rule that has this automaton to itself.
///
/// While no match has ended, all bytes since the start are held, until the rule
/// is sure to match or sure not to. Behind a match that has ended, the bytes
/// since its end are held, as long as a longer match may take its place and
/// need not. A rule with a checksum is held from its start until it is known
/// how far it matches.
pub(crate) fn longest(automaton: &Automaton, is_checked: bool) -> Hold {
    let graph = Graph { automaton, is_checked };
    let count = automaton.len() * 2;
    let mut seen = vec![false; count];
    let mut held = vec![0; count];
    let mut arrivals = vec![0usize; count];
    let mut stack: Vec<Node> = Before::ALL.map(|before| graph.start(before)).to_vec();
    let mut nodes = Vec::new();
    while let Some(node) = stack.pop() {
        if core::mem::replace(at(&mut seen, graph.number(node)), true) {
            continue;
        }
        nodes.push(node);
        for (follower, fresh) in graph.followers(node) {
            stack.push(follower);
            match fresh {
                // a match has just ended: counted anew
                Some(bytes) => {
                    let held = at(&mut held, graph.number(follower));
                    *held = bytes.max(*held);
                }
                None if graph.is_open(node) => *at(&mut arrivals, graph.number(follower)) += 1,
                None => {}
            }
        }
    }
    // the longest path through what is open, if there is no way round in it
    nodes.retain(|node| graph.is_open(*node));
    let mut ready: Vec<Node> = nodes.clone();
    ready.retain(|node| *at(&mut arrivals, graph.number(*node)) == 0);
    let (mut done, mut longest) = (0, 0);
    while let Some(node) = ready.pop() {
        done += 1;
        let bytes = *at(&mut held, graph.number(node));
        longest = bytes.max(longest);
        for (follower, fresh) in graph.followers(node) {
            if fresh.is_some() || !graph.is_open(follower) {
                continue;
            }
            let number = graph.number(follower);
            let held = at(&mut held, number);
            *held = (bytes + 1).max(*held);
            let arrivals = at(&mut arrivals, number);
            *arrivals -= 1;
            if *arrivals == 0 {
                ready.push(follower);
            }
        }
    }
    if done < nodes.len() { Hold::Unbounded } else { Hold::Bytes(longest) }
}

/// All indices here are numbers of nodes.
#[expect(clippy::indexing_slicing, reason = "a node's number is less than twice the states")]
fn at<T>(values: &mut [T], number: usize) -> &mut T {
    &mut values[number]
}

/// A state, without and with a match behind it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    state: u32,
    has_match: bool,
}

struct Graph<'a> {
    automaton: &'a Automaton,
    is_checked: bool,
}

impl Graph<'_> {
    fn start(&self, before: Before) -> Node {
        Node { state: self.automaton.start(before), has_match: false }
    }

    fn number(&self, node: Node) -> usize {
        self.automaton.number(node.state) * 2 + usize::from(node.has_match)
    }

    /// The nodes one byte on; with what is held there, if a match ended on the
    /// way.
    fn followers(&self, node: Node) -> Vec<(Node, Option<usize>)> {
        let mut followers: Vec<(Node, Option<usize>)> = Vec::new();
        for next in self.automaton.followers(node.state) {
            let state = self.automaton.state(*next);
            let fresh = match (state.ends != NONE, state.ended != NONE) {
                _ if self.is_checked => None,
                (true, _) => Some(0),
                (false, true) => Some(1),
                (false, false) => None,
            };
            let has_match = !self.is_checked && (node.has_match || fresh.is_some());
            followers.push((Node { state: *next, has_match }, fresh));
        }
        followers.sort_unstable();
        followers.dedup();
        followers
    }

    /// Whether something is held in the node.
    fn is_open(&self, node: Node) -> bool {
        let state = self.automaton.state(node.state);
        !state.is_done() && (self.is_checked || state.lapses)
    }
}
