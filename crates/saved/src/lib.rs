//! What saved facts, text rules and compiled policies are written in.
//!
//! Numbers are LEB128, below 2^63. A text or a run of bytes has its length before it, a list how
//! many entries it has, an option a 1 if it is there, else a 0. Other numbers are their bits in
//! eight bytes, little-endian. Nothing says what comes next: who reads knows what was written.
//!
//! ```
//! use tidegate_saved::{Reader, Writer, sealed, unsealed};
//!
//! let mut to = Writer::default();
//! to.text("opens at");
//! to.list(&[9, 17], |to, hour| to.number(*hour));
//! let file = sealed(b"hours 1\n", &to.into_bytes());
//!
//! let mut from = Reader::new(unsealed(b"hours 1\n", &file)?);
//! assert_eq!(from.text()?, "opens at");
//! assert_eq!(from.list(1, |from| from.number())?, [9, 17]);
//! from.end()?;
//! assert_eq!(unsealed(b"hours 1\n", &file[1..]).unwrap_err().to_string(), "it begins otherwise");
//! # Ok::<(), tidegate_saved::Damaged>(())
//! ```
//!
//! Reading takes no more memory than what it makes of entries that are there, and cannot panic.
//!
//! # What it does not do
//!
//! It is no format for others to read, and the seal is against damage: whoever changes bytes on
//! purpose can make it right again.
#![no_std]

extern crate alloc;

use alloc::vec::Vec;
use core::fmt;

/// Bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged(pub &'static str);

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Damaged {}

const CUT_OFF: Damaged = Damaged("it is cut off");

/// A file: what it is and its CRC-32 (four bytes, little-endian) before its content.
#[must_use]
pub fn sealed(name: &[u8], content: &[u8]) -> Vec<u8> {
    [name, &crc32fast::hash(content).to_le_bytes(), content].concat()
}

/// The content of a file of this name.
///
/// # Errors
/// When it has another name, or the content is not the one that was sealed.
pub fn unsealed<'a>(name: &[u8], file: &'a [u8]) -> Result<&'a [u8], Damaged> {
    let rest = file.strip_prefix(name).ok_or(Damaged("it begins otherwise"))?;
    let (sum, content) = rest.split_first_chunk().ok_or(CUT_OFF)?;
    match crc32fast::hash(content) == u32::from_le_bytes(*sum) {
        true => Ok(content),
        false => Err(Damaged("its checksum differs")),
    }
}

/// Writes bytes.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Writes a number; those from 2^63 on cannot be read again.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Writes a number with a fraction.
    pub fn float(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_bits().to_le_bytes());
    }

    /// Writes bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Writes a text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes whether there is something, and it.
    pub fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Writer, &T)) {
        self.number(u64::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// Writes how many there are, and each.
    pub fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Writer, &T)) {
        self.number(values.len() as u64);
        for value in values {
            write(self, value);
        }
    }
}

/// Reads what a [`Writer`] wrote.
///
/// # Errors
/// Each function: when the bytes end before, or are not what was asked for.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

#[allow(clippy::missing_errors_doc, reason = "said once, above")]
impl<'a> Reader<'a> {
    /// Reads these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// A number.
    pub fn number(&mut self) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(CUT_OFF)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damaged("a number is too long"))
    }

    /// A number of 32 bits.
    pub fn number32(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.number()?).map_err(|_| Damaged("a number is too large"))
    }

    /// A number below this; if it is not, what is wrong then.
    pub fn below(&mut self, end: usize, wrong: Damaged) -> Result<usize, Damaged> {
        let number = usize::try_from(self.number()?).map_err(|_| wrong)?;
        if number < end { Ok(number) } else { Err(wrong) }
    }

    /// How many entries follow, each of so many bytes at least.
    pub fn count(&mut self, bytes_min: usize) -> Result<usize, Damaged> {
        let count = usize::try_from(self.number()?).map_err(|_| CUT_OFF)?;
        if count.saturating_mul(bytes_min) > self.0.len() { Err(CUT_OFF) } else { Ok(count) }
    }

    /// A number with a fraction.
    pub fn float(&mut self) -> Result<f64, Damaged> {
        let (bits, rest) = self.0.split_first_chunk().ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(f64::from_bits(u64::from_le_bytes(*bits)))
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let len = usize::try_from(self.number()?).map_err(|_| CUT_OFF)?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A text.
    pub fn text(&mut self) -> Result<&'a str, Damaged> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Damaged("a text is not UTF-8"))
    }

    /// What may be there.
    pub fn option<T, E: From<Damaged>>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        match self.number()? {
            0 => Ok(None),
            _ => read(self).map(Some),
        }
    }

    /// A list whose entries have so many bytes at least, which is more than none.
    pub fn list<T, E: From<Damaged>>(
        &mut self,
        bytes_min: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let count = self.count(bytes_min.max(1))?;
        (0..count).map(|_| read(self)).collect()
    }

    /// There is nothing more.
    pub fn end(&self) -> Result<(), Damaged> {
        if self.0.is_empty() { Ok(()) } else { Err(Damaged("there is more behind its end")) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn all_that_is_written_is_read() {
        let numbers = [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), (1 << 63) - 1];
        let mut to = Writer::default();
        to.list(&numbers, |to, number| to.number(*number));
        to.float(-0.0);
        to.option(Some(&"Grüße"), |to, text| to.text(text));
        to.option(None::<&u64>, |to, number| to.number(*number));
        to.bytes(&[0xff, 0]);
        let bytes = to.into_bytes();
        let read = |bytes: &[u8]| {
            let mut from = Reader::new(bytes);
            let numbers = from.list(1, Reader::number)?;
            let float = from.float()?.to_bits();
            let text = from.option(|from| from.text().map(alloc::string::String::from))?;
            let none = from.option(Reader::number)?;
            let last = from.bytes()?.to_vec();
            from.end().map(|()| (numbers, float, text, none, last))
        };
        let expected =
            (numbers.to_vec(), (-0.0f64).to_bits(), Some("Grüße".into()), None, [0xff, 0].to_vec());
        assert_eq!(read(&bytes), Ok(expected));
        for len in 0..bytes.len() {
            assert_eq!(read(&bytes[..len]), Err(CUT_OFF), "{len}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(read(&longer), Err(Damaged("there is more behind its end")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let number = |bytes: &[u8]| Reader::new(bytes).number();
        assert_eq!(number(&[0xff; 8]), Err(CUT_OFF));
        assert_eq!(number(&[0xff; 9]), Err(Damaged("a number is too long")));
        let mut to = Writer::default();
        to.number(1 << 32);
        let bytes = to.into_bytes();
        assert_eq!(Reader::new(&bytes).number32(), Err(Damaged("a number is too large")));
        assert_eq!(Reader::new(&bytes).count(1), Err(CUT_OFF));
        assert_eq!(Reader::new(&bytes).bytes(), Err(CUT_OFF));
        let wrong = Damaged("there is no such thing");
        assert_eq!(Reader::new(&[3]).below(3, wrong), Err(wrong));
        assert_eq!(Reader::new(&[2, 0xc3, 0x28]).text(), Err(Damaged("a text is not UTF-8")));
    }
}
