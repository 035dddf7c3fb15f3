//! What the C ABIs share: the frame around every call, handles, memory that is
//! lent, and why a call failed.
//!
//! A library that is built on this one has [`tg_alloc`], [`tg_dealloc`] and
//! [`tg_error`] among its functions. Each keeps objects of its own kinds in a
//! static [`Objects`].
#![allow(unsafe_code, reason = "symbols of a C ABI have fixed names")]
#![allow(non_camel_case_types, reason = "names in C are written so")]

mod call;
mod evidence;
mod failure;
pub mod memory;

pub use call::{Objects, call, call_for_handle};
pub use evidence::evidence_value;
pub use failure::{Failure, tg_status};
pub use memory::{TG_BYTES_MAX, tg_bytes};

use failure::tg_status::*;

/// What a call gives that is done.
pub const OK: u32 = TG_OK as u32;
/// What a call gives that has nothing to give.
pub const NONE: u32 = TG_NONE as u32;

/// Memory for a caller's bytes, aligned to 16; null if there is none or `len` is 0
/// or above `TG_BYTES_MAX`. Natively a caller may as well use memory of its own.
#[unsafe(no_mangle)]
pub extern "C" fn tg_alloc(len: usize) -> *mut u8 {
    let mut given = std::ptr::null_mut();
    call(|| {
        given = memory::lend(len)?;
        Ok(OK)
    });
    given
}

/// Takes back what [`tg_alloc`] gave; `TG_BAD_POINTER` if it gave no such thing, or
/// it was taken back.
#[unsafe(no_mangle)]
pub extern "C" fn tg_dealloc(data: *mut u8) -> u32 {
    call(|| memory::take_back(data).map(|()| OK))
}

/// Why the last failed call of this thread failed, as JSON: `code`, `message`, and
/// where they are known `help`, `line`, `column` and `offset`. The text stays until the
/// next call of this thread that fails.
#[unsafe(no_mangle)]
pub extern "C" fn tg_error(out: *mut tg_bytes) -> u32 {
    // no call like the others: it must work when nothing else does
    let written = match call::last_words() {
        Some(words) => memory::write(out, tg_bytes::of(words.as_bytes())),
        None => failure::with_last(|last| memory::write(out, tg_bytes::of(last.as_bytes()))),
    };
    written.map_or(TG_BAD_POINTER as u32, |()| OK)
}
