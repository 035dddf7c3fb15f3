//! Handles: numbers that stand for objects and tell when theirs is gone.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Bits of a handle that say where its object is; the others say which of the
/// objects that were there.
const INDEX_BITS: u32 = 20;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;

/// How many objects may live at once: 1 048 575.
pub const HANDLES_MAX: usize = INDEX_MASK as usize;

/// A place is given up after so many objects: a handle never comes back.
const GENERATIONS: u32 = 1 << (u32::BITS - INDEX_BITS);

/// Objects by their handles. A handle is never 0, and one whose object is gone
/// stands for nothing, for good: in all, 4 294 million objects can be had.
#[derive(Debug)]
pub struct Handles<T> {
    slots: Vec<Slot<T>>,
    /// Places that may be used again, the longest empty first.
    free: VecDeque<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    object: Option<T>,
}

impl<T> Handles<T> {
    /// No objects.
    #[must_use]
    pub const fn new() -> Handles<T> {
        Handles { slots: Vec::new(), free: VecDeque::new() }
    }

    /// Keeps an object; gives its handle, or the object back if there are too
    /// many or there is no memory for one more.
    pub fn insert(&mut self, object: T) -> Result<u32, T> {
        if let Some(index) = self.free.pop_front()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            slot.object = Some(object);
            return Ok(handle(index, slot.generation));
        }
        if self.slots.len() >= HANDLES_MAX
            || self.slots.try_reserve(1).is_err()
            // so that a place can be given back without asking for memory
            || self.free.try_reserve(self.slots.len() + 1).is_err()
        {
            return Err(object);
        }
        let index = self.slots.len() as u32;
        self.slots.push(Slot { generation: 0, object: Some(object) });
        Ok(handle(index, 0))
    }

    /// The object of a handle.
    #[inline]
    pub fn get_mut(&mut self, of: u32) -> Option<&mut T> {
        let (index, generation) = place(of)?;
        let slot = self.slots.get_mut(index as usize)?;
        if slot.generation == generation { slot.object.as_mut() } else { None }
    }

    /// Takes the object of a handle out; the handle stands for nothing from then
    /// on.
    pub fn remove(&mut self, of: u32) -> Option<T> {
        let (index, generation) = place(of)?;
        let slot = self.slots.get_mut(index as usize)?;
        if slot.generation != generation {
            return None;
        }
        let object = slot.object.take()?;
        slot.generation += 1;
        if slot.generation < GENERATIONS {
            self.free.push_back(index);
        }
        Some(object)
    }
}

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Handles::new()
    }
}

fn handle(index: u32, generation: u32) -> u32 {
    generation << INDEX_BITS | (index + 1)
}

#[inline]
fn place(handle: u32) -> Option<(u32, u32)> {
    Some(((handle & INDEX_MASK).checked_sub(1)?, handle >> INDEX_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_never_comes_back() {
        let mut handles = Handles::new();
        let mut seen = alloc::collections::BTreeSet::new();
        for number in 0..10_000u32 {
            let handle = handles.insert(number).unwrap();
            assert!(handle != 0 && seen.insert(handle), "{handle}");
            assert_eq!(handles.get_mut(handle), Some(&mut number.clone()));
            assert_eq!(handles.remove(handle), Some(number));
            assert_eq!(handles.get_mut(handle), None);
            assert_eq!(handles.remove(handle), None);
        }
        // places were used again and given up at their last generation
        assert_eq!(handles.slots.len(), 3);
        for stale in [0, u32::MAX, INDEX_MASK, 1 << INDEX_BITS] {
            assert_eq!(handles.get_mut(stale), None, "{stale}");
        }
    }

    #[test]
    fn handles_of_others_stay() {
        let mut handles = Handles::new();
        let kept = handles.insert('a').unwrap();
        let gone = handles.insert('b').unwrap();
        assert_eq!(handles.remove(gone), Some('b'));
        let new = handles.insert('c').unwrap();
        assert_ne!(new, gone);
        assert_eq!(handles.get_mut(gone), None);
        assert_eq!(handles.get_mut(kept), Some(&mut 'a'));
        assert_eq!(handles.get_mut(new), Some(&mut 'c'));
    }
}
