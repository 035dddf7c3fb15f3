//! The modules of WebAssembly in wasmtime. One program, so that each module is compiled
//! once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod cases;
mod example;
mod memory;
mod modules;
