//! A driver for a provider's bytes.

use tidegate_kernel::Channel;
use tidegate_score::{ScoreError, Scored};
use tidegate_wire::{Delta, Framing, Item, Limits, Wire};

use crate::driver::{Driver, Turn};
use crate::gate::{Request, UnknownRequest};
use crate::policy::Source;

/// A longer word of plain text, in bytes, counts as several.
const WORD_BYTES_MAX: usize = 256;

/// Reads a provider's stream and puts its text to a [`Driver`].
///
/// What the wire finds wrong goes to the gate as a fault. A choice is finished
/// when the bytes have ended, not when the provider says so, because some
/// streams carry a second answer behind the first.
///
/// To checks that judge tokens by the host's scores, a delta is a token. Plain
/// text has no deltas: there, a word with the white space before it is one.
#[derive(Debug)]
pub struct StreamDriver {
    wire: Wire,
    driver: Driver,
    plain: Plain,
}

impl StreamDriver {
    /// Reads bytes in this framing, under the limits of the policy that the
    /// driver runs.
    #[must_use]
    pub fn new(framing: Framing, driver: Driver) -> StreamDriver {
        let of_policy = driver.limits();
        let limits = Limits {
            event_bytes_max: of_policy.event_bytes_max as usize,
            choices_max: of_policy.choices_max,
            tools_max: of_policy.tools_max,
        };
        StreamDriver { wire: Wire::new(framing, limits), driver, plain: Plain::default() }
    }

    /// The driver, to ask for verdicts.
    #[must_use]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// The driver, for text that comes without a stream around it.
    pub fn driver_mut(&mut self) -> &mut Driver {
        &mut self.driver
    }

    /// The next claim of a deferred source; see [`Driver::next_request`].
    pub fn next_request(&mut self) -> Option<Request> {
        self.driver.next_request()
    }

    /// Answers a claim that was handed out; see [`Driver::resolve`].
    ///
    /// # Errors
    /// When no request had that number.
    pub fn resolve(
        &mut self,
        id: u64,
        scored: Result<Scored, ScoreError>,
        on_turn: &mut impl FnMut(Turn<'_>),
    ) -> Result<(), UnknownRequest> {
        self.driver.resolve(id, scored, on_turn)
    }

    /// Takes the next bytes, cut anywhere.
    pub fn push(&mut self, bytes: &[u8], on_turn: &mut impl FnMut(Turn<'_>)) {
        let (driver, plain) = (&mut self.driver, &mut self.plain);
        self.wire.push(bytes, &mut |item| drive(driver, plain, item, on_turn));
    }

    /// The bytes have ended.
    pub fn finish(&mut self, on_turn: &mut impl FnMut(Turn<'_>)) {
        let (driver, plain) = (&mut self.driver, &mut self.plain);
        self.wire.finish(&mut |item| drive(driver, plain, item, on_turn));
        plain.end(&mut |word| driver.push(0, Channel::Content, word, &[], on_turn));
        driver.finish(on_turn);
    }
}

fn drive(
    driver: &mut Driver,
    plain: &mut Plain,
    item: Item<'_>,
    on_turn: &mut impl FnMut(Turn<'_>),
) {
    match item {
        Item::Event(_) => plain.is_over = true,
        Item::Delta(Delta { choice, channel, text, logprobs, .. }) => {
            if plain.is_over || !driver.scores_tokens(Source::Host, channel) {
                driver.push(choice, channel, text, logprobs, on_turn);
            } else {
                plain.cut(text, &mut |word| driver.push(choice, channel, word, &[], on_turn));
            }
        }
        Item::Fault(fault) => driver.fault(fault.code.as_str(), &fault.detail, on_turn),
        // repeated text was compared by the wire; the rest carries no text
        _ => {}
    }
}

/// Cuts plain text into words, the same ones however it came.
#[derive(Debug, Default)]
struct Plain {
    /// There are events, so the text is not plain.
    is_over: bool,
    word: String,
    /// Whether the word has more than white space.
    is_word: bool,
}

impl Plain {
    fn cut(&mut self, text: &str, on_word: &mut impl FnMut(&str)) {
        for c in text.chars() {
            if self.is_word && c.is_whitespace() || self.word.len() >= WORD_BYTES_MAX {
                self.end(on_word);
            }
            self.word.push(c);
            self.is_word |= !c.is_whitespace();
        }
    }

    fn end(&mut self, on_word: &mut impl FnMut(&str)) {
        if !self.word.is_empty() {
            on_word(&self.word);
        }
        self.word.clear();
        self.is_word = false;
    }
}
