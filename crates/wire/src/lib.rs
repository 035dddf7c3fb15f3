//! lib
mod decoder;
mod dialect;
mod fault;
mod field;
mod framer;
mod item;
mod limits;
mod voice;
mod wire;

pub use decoder::Decoder;
pub use fault::{Fault, FaultCode};
pub use framer::{Frame, Framer, Framing};
pub use item::{Delta, Dialect, Event, Final, Item, TokenLogprob};
pub use limits::Limits;
pub use wire::Wire;
