//! A store as one file.
//!
//! ```text
//! "tidegate facts 1\n", CRC-32 of what follows (4 bytes, little-endian), then
//! names:    count, each: length, bytes
//! passages: next number, count, each: number − the last, source, heading, line,
//!           length, bytes
//! stems:    count, each: length, bytes, passages, each: number − the last, count
//! ```
//!
//! Numbers are LEB128. Deleted passages are left out; numbers stay.

use crate::error::{FactsError, Fault};
use crate::facts::{Facts, FactsLimits, Stored};
use crate::index::Postings;

const MAGIC: &[u8] = b"tidegate facts 1\n";

impl Facts {
    /// The store as one file, index included.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(self.bytes as usize * 2 + 64);
        to.extend_from_slice(MAGIC);
        to.extend_from_slice(&[0; 4]);
        write(&mut to, self.names.all.len() as u64);
        for name in &self.names.all {
            write_text(&mut to, name);
        }
        write(&mut to, self.passages.len() as u64);
        write(&mut to, self.len() as u64);
        let mut last = 0;
        for (number, stored) in (0..).zip(&self.passages) {
            let Some(stored) = stored else { continue };
            write(&mut to, number - last);
            last = number;
            for value in [stored.source, stored.heading, stored.line] {
                write(&mut to, u64::from(value));
            }
            write_text(&mut to, &stored.text);
        }
        let mut stems: Vec<(&str, u32)> =
            self.index.numbers.iter().map(|(stem, number)| (&**stem, *number)).collect();
        // the same store gives the same bytes
        stems.sort_unstable();
        let postings = |number: u32| self.index.stems.get(number as usize);
        stems.retain(|(_, number)| postings(*number).is_some_and(|postings| postings.live > 0));
        write(&mut to, stems.len() as u64);
        for (stem, number) in stems {
            let Some(postings) = postings(number) else { continue };
            write_text(&mut to, stem);
            write(&mut to, u64::from(postings.live));
            let mut last = 0;
            for (passage, count) in postings.passages.iter().zip(&postings.counts) {
                if self.passages.get(*passage as usize).is_some_and(Option::is_some) {
                    write(&mut to, u64::from(passage - last));
                    write(&mut to, u64::from(*count));
                    last = *passage;
                }
            }
        }
        let body = MAGIC.len() + 4;
        let sum = crc32fast::hash(to.get(body..).unwrap_or_default());
        if let Some(place) = to.get_mut(MAGIC.len()..body) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
        to
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
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("it begins otherwise"))?;
        let (sum, body) = rest.split_first_chunk::<4>().ok_or_else(|| damaged("it is cut off"))?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(damaged("its checksum differs"));
        }
        let mut from = From(body);
        let mut facts = Facts::with_limits(limits);
        for _ in 0..from.count(1)? {
            facts.names.number(from.text()?);
        }
        let names = facts.names.all.len() as u64;
        let numbers = from.number()?;
        let count = from.count(5)?;
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
        if !from.0.is_empty() {
            return Err(damaged("there is more behind its end"));
        }
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
    from: &mut From<'_>,
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

fn write(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn write_text(to: &mut Vec<u8>, text: &str) {
    write(to, text.len() as u64);
    to.extend_from_slice(text.as_bytes());
}

/// What is still to be read.
struct From<'a>(&'a [u8]);

impl<'a> From<'a> {
    fn number(&mut self) -> Result<u64, FactsError> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(|| damaged("it is cut off"))?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(damaged("a number is too long"))
    }

    /// A number of entries, of which each takes so many bytes at least.
    fn count(&mut self, bytes_min: u64) -> Result<u64, FactsError> {
        let count = self.number()?;
        if count.saturating_mul(bytes_min) > self.0.len() as u64 {
            return Err(damaged("it is cut off"));
        }
        Ok(count)
    }

    fn text(&mut self) -> Result<&'a str, FactsError> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        let (text, rest) =
            self.0.split_at_checked(length).ok_or_else(|| damaged("it is cut off"))?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| damaged("a text is not UTF-8"))
    }
}
