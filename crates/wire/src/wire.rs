use crate::decoder::Decoder;
use crate::framer::{Frame, Framer, Framing};
use crate::item::{Delta, Item};
use crate::limits::Limits;
use tidegate_kernel::Channel;

/// Reads a provider's stream: bytes in, in any cut, items out.
///
/// The items are the same for every cut of the bytes; only plain text comes in
/// the pieces in which it came.
#[derive(Debug)]
pub struct Wire {
    framer: Framer,
    decoder: Decoder,
}

impl Wire {
    /// A reader at the start of a stream.
    #[must_use]
    pub fn new(framing: Framing, limits: Limits) -> Wire {
        Wire { framer: Framer::new(framing, &limits), decoder: Decoder::new(limits) }
    }

    /// Takes the next bytes and hands on what they say.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl FnMut(Item<'_>)) {
        let decoder = &mut self.decoder;
        self.framer.push(bytes, &mut |frame| hand_on(decoder, frame, sink));
    }

    /// The bytes have ended.
    pub fn finish(&mut self, sink: &mut impl FnMut(Item<'_>)) {
        let decoder = &mut self.decoder;
        self.framer.finish(&mut |frame| hand_on(decoder, frame, sink));
    }
}

fn hand_on(decoder: &mut Decoder, frame: Frame<'_>, sink: &mut impl FnMut(Item<'_>)) {
    match frame {
        Frame::Event { name, data, event, offset, cut } => {
            decoder.decode(name, data, event, offset, cut, sink);
        }
        Frame::Text(text) => {
            let channel = Channel::Content;
            sink(Item::Delta(Delta { choice: 0, channel, text, logprobs: &[] }));
        }
        Frame::Fault(fault) => sink(Item::Fault(fault)),
    }
}
