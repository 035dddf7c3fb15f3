//! Facts: passages of text, and those of them that speak to a claim.
//!
//! ```
//! use tidegate_ground::{Facts, FactsFormat};
//!
//! let handbook = b"# Opening hours\n\nThe museum opens at 9. It closes at 5.\n";
//! let mut facts = Facts::new();
//! assert_eq!(facts.read(FactsFormat::Markdown, "handbook.md", handbook)?, 2);
//! facts.add("memo", "Tickets", "A ticket costs 12 euros.")?;
//!
//! let hits = facts.search("What does a ticket cost?", 5);
//! let best = facts.get(hits[0].id).expect("it is there");
//! assert_eq!((best.text, best.source), ("A ticket costs 12 euros.", "memo"));
//!
//! let file = facts.to_bytes();
//! assert_eq!(Facts::from_bytes(&file)?.len(), 3);
//! # Ok::<(), tidegate_ground::FactsError>(())
//! ```
//!
//! A passage is a sentence, with the headings it stands under, a row of a table,
//! or what a row of CSV or JSON Lines gives. [`Facts::search`] ranks passages by
//! BM25 over the stems of words (Unicode's annex 29, Snowball's English stemmer)
//! and is exact: deleting and adding give the same ranks as a store that never
//! had the deleted passages.
//!
//! # What it does not do
//!
//! It opens no files: bytes come in and go out. It knows no meaning, only words;
//! what a passage says to a claim is for the scorers. Stems are of English;
//! words of other languages are compared as Unicode cuts them, lowercased.

mod error;
mod facts;
#[cfg(feature = "formats")]
mod formats;
mod index;
mod save;
mod text;

pub use error::FactsError;
pub use facts::{Facts, FactsFormat, FactsLimits, Hit, Passage, PassageId};
