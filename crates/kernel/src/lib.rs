//! The halt rule of Tidegate.
#![no_std]
mod channel;
pub use channel::{Channel, ParseChannelError};
