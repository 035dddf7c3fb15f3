//! A store as one file.
//!
//! ```text
//! "tidegate facts 1\n", a seal (both as `tidegate-saved` has it), then
//! names:    count, each: length, bytes
//! passages: next number, count, each: number − the last, source, heading, line,
//!           length, bytes
//! stems:    count, each: length, bytes, passages, each: number − the last, count
//! ```
//!
//! Deleted passages are left out; numbers stay.

use tidegate_saved::{Damaged, Reader, Writer, sealed, unsealed};

use crate::error::{FactsError, Fault};
use crate::facts::{Facts, FactsLimits, Stored};
use crate::index::Postings;

const MAGIC: &[u8] = b"tidegate facts 1\n";

impl Facts {
    /// The store as one file, index included.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.list(&self.names.all, |to, name| to.text(name));
        to.number(self.passages.len() as u64);
        to.number(self.len() as u64);
        let mut last = 0;
        for (number, stored) in (0..).zip(&self.passages) {
            let Some(stored) = stored else { continue };
            to.number(number - last);
            last = number;
            for value in [stored.source, stored.heading, stored.line] {
                to.number(u64::from(value));
            }
            to.text(&stored.text);
        }
        let mut stems: Vec<(&str, u32)> =
            self.index.numbers.iter().map(|(stem, number)| (&**stem, *number)).collect();
        // the same store gives the same bytes
        stems.sort_unstable();
        let postings = |number: u32| self.index.stems.get(number as usize);
        stems.retain(|(_, number)| postings(*number).is_some_and(|postings| postings.live > 0));
        to.number(stems.len() as u64);
        for (stem, number) in stems {
            let Some(postings) = postings(number) else { continue };
            to.text(stem);
            to.number(u64::from(postings.live));
            let mut last = 0;
            for (passage, count) in postings.passages.iter().zip(&postings.counts) {
                if self.passages.get(*passage as usize).is_some_and(Option::is_some) {
                    to.number(u64::from(passage - last));
                    to.number(u64::from(*count));
                    last = *passage;
                }
            }
        }
        sealed(MAGIC, &to.into_bytes())
    }

    /// The store that [`Facts::to_bytes`] made a file of, under the default limits.
    ///
    /// # Errors
    /// When the bytes are no such file or a damaged one, and when a limit is met.
    pub fn from_bytes(bytes: &[u8]) -> Result<Facts, FactsError> {
        Facts::from_bytes_within(bytes, FactsLimits::default())
    }

    /// The store that [`Facts::to_bytes`] made a file of.
    ///
    /// # Errors
    /// When the bytes are no such file or a damaged one, and when a limit is met.
    pub fn from_bytes_within(bytes: &[u8], limits: FactsLimits) -> Result<Facts, FactsError> {
        let mut from = Reader::new(unsealed(MAGIC, bytes)?);
        let mut facts = Facts::with_limits(limits);
        for _ in 0..from.count(1)? {
            facts.names.number(from.text()?);
        }
        let names = facts.names.all.len() as u64;
        let numbers = from.number()?;
        let count = from.count(5)? as u64;
        if numbers > u64::from(u32::MAX) || count > numbers {
            return Err(damaged("there are more passages than numbers"));
        }
        if count > u64::from(limits.passages_max) {
            return Err(FactsError(Fault::TooMany { passages_max: limits.passages_max }));
        }
        // numbers of deleted passages take a place each
        if numbers > 64 * (count + (1 << 20)) {
            return Err(damaged("it has too few passages for its numbers"));
        }
        facts.passages.resize_with(numbers as usize, || None);
        let mut number = 0_u64;
        for entry in 0..count {
            let step = from.number()?;
            number = number.checked_add(step).ok_or_else(|| damaged("a number overflows"))?;
            let (source, heading, line) = (from.number()?, from.number()?, from.number()?);
            let text = from.text()?;
            if source >= names || heading >= names || line > u64::from(u32::MAX) {
                return Err(damaged("a passage has a name that is not there"));
            }
            let slot = facts.passages.get_mut(number as usize);
            let slot = slot.filter(|_| entry == 0 || step > 0);
            let slot = slot.ok_or_else(|| damaged("a passage is out of order"))?;
            facts.bytes += text.len() as u64;
            let (source, heading, line) = (source as u32, heading as u32, line as u32);
            *slot = Some(Stored { text: text.into(), source, heading, line });
        }
        if facts.bytes > limits.bytes_max {
            let (bytes, bytes_max) = (facts.bytes, limits.bytes_max);
            return Err(FactsError(Fault::TooLarge { bytes, bytes_max }));
        }
        facts.index.lengths = facts.passages.iter().map(|_| 0).collect();
        for _ in 0..from.count(3)? {
            let stem = from.text()?;
            let postings = read_postings(&mut from, &facts.passages, &mut facts.index.lengths)?;
            let number = facts.index.stems.len() as u32;
            if facts.index.numbers.insert(stem.into(), number).is_some() {
                return Err(damaged("a stem is there twice"));
            }
            facts.index.stems.push(postings);
        }
        from.end()?;
        for (length, stored) in facts.index.lengths.iter_mut().zip(&facts.passages) {
            if stored.is_some() {
                *length = (*length).max(1);
                facts.index.total += u64::from(*length);
            }
        }
        let lengths = facts.index.lengths.iter().copied().filter(|length| *length > 0);
        facts.index.shortest = lengths.min().unwrap_or(0);
        facts.index.live = count as u32;
        Ok(facts)
    }
}

fn read_postings(
    from: &mut Reader<'_>,
    passages: &[Option<Stored>],
    lengths: &mut [u32],
) -> Result<Postings, FactsError> {
    let mut postings = Postings::default();
    let mut passage = 0_u64;
    for entry in 0..from.count(2)? {
        let step = from.number()?;
        passage = passage.checked_add(step).ok_or_else(|| damaged("a number overflows"))?;
        let count = u16::try_from(from.number()?).unwrap_or(0);
        let at = passage as usize;
        let is_there = passages.get(at).is_some_and(Option::is_some);
        if !is_there || count == 0 || entry > 0 && step == 0 {
            return Err(damaged("a stem is where no passage is"));
        }
        if let Some(length) = lengths.get_mut(at) {
            *length = length.saturating_add(u32::from(count));
        }
        postings.push(passage as u32, count);
    }
    if postings.live == 0 {
        return Err(damaged("a stem is nowhere"));
    }
    Ok(postings)
}

fn damaged(what: &'static str) -> FactsError {
    FactsError(Fault::Saved(what))
}

impl From<Damaged> for FactsError {
    fn from(Damaged(what): Damaged) -> FactsError {
        damaged(what)
    }
}
