//! Which examples hang together.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// Joins examples that share a key, and those that share one with them, and so
/// on (union-find).
#[derive(Default)]
pub(crate) struct Groups {
    above: Vec<usize>,
    /// The first example with each key, by the key's hash: keys are as long as
    /// facts are.
    known: HashMap<[u8; 32], usize>,
}

impl Groups {
    /// The number of a new example with these keys.
    pub(crate) fn add(&mut self, keys: &[(char, &str)]) -> usize {
        let number = self.above.len();
        self.above.push(number);
        for (kind, text) in keys {
            let mut hash = Sha256::new();
            hash.update(kind.to_string());
            hash.update(text);
            let first = *self.known.entry(hash.finalize().into()).or_insert(number);
            self.join(first, number);
        }
        number
    }

    pub(crate) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.top(a), self.top(b));
        // the lesser number stays on top, so that the order of joins is nothing
        if let Some(above) = self.above.get_mut(a.max(b)) {
            *above = a.min(b);
        }
    }

    /// The group of each example, numbered from 0.
    pub(crate) fn numbers(mut self) -> Vec<usize> {
        let tops: Vec<usize> = (0..self.above.len()).map(|number| self.top(number)).collect();
        let mut known = tops.clone();
        known.sort_unstable();
        known.dedup();
        tops.iter().map(|top| known.binary_search(top).unwrap_or_default()).collect()
    }

    fn top(&mut self, number: usize) -> usize {
        let above = |of: usize, all: &[usize]| all.get(of).copied().unwrap_or(of);
        let mut at = number;
        loop {
            let next = above(at, &self.above);
            if next == at {
                return at;
            }
            // halves the way for whoever comes next
            let far = above(next, &self.above);
            if let Some(slot) = self.above.get_mut(at) {
                *slot = far;
            }
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_that_share_a_key_hang_together() {
        let mut groups = Groups::default();
        for keys in [
            [('f', "a"), ('a', "x")],
            [('f', "b"), ('a', "y")],
            [('f', "c"), ('a', "z")],
            [('f', "c"), ('a', "x")],
            // the same word in another column is another key
            [('f', "y"), ('a', "b")],
        ] {
            groups.add(&keys);
        }
        let lonely = groups.add(&[]);
        groups.join(lonely, 1);
        assert_eq!(groups.numbers(), [0, 1, 0, 0, 2, 1]);
    }
}
