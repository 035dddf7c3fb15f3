//! Pointers from outside: looked at before they are followed, here and nowhere
//! else.
#![allow(unsafe_code, reason = "pointers of callers are followed here")]
#![allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "what a pointer must be is the contract of every call of a C ABI"
)]

use std::alloc::{Layout, alloc, dealloc};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

use crate::failure::Failure;
use crate::failure::tg_status::*;

/// The most bytes that one call takes: 1 GiB.
pub const TG_BYTES_MAX: usize = 1 << 30;

/// Bytes that this library keeps and the caller reads.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tg_bytes {
    /// Where they are; null if there are none.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

impl tg_bytes {
    /// Of bytes that stay where they are until the next call on their object.
    #[must_use]
    pub fn of(bytes: &[u8]) -> tg_bytes {
        let data = if bytes.is_empty() { std::ptr::null() } else { bytes.as_ptr() };
        tg_bytes { data, len: bytes.len() }
    }
}

/// A caller's bytes, which must stay as they are while the call lasts.
pub fn bytes<'a>(data: *const u8, len: usize) -> Result<&'a [u8], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    if len > TG_BYTES_MAX {
        let message = format_args!("a length is {len} bytes: at most {TG_BYTES_MAX}");
        return Err(Failure::new(TG_BAD_LENGTH, message));
    }
    check(data as usize, len, 1)?;
    // SAFETY: not null, within the memory, not longer than an object may be; that
    // it is the caller's to lend is the contract of the call
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// A caller's text.
pub fn text<'a>(data: *const u8, len: usize) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes(data, len)?).map_err(|error| {
        let at = error.valid_up_to();
        Failure::new(TG_BAD_TEXT, format_args!("the text is not UTF-8 at byte {at}"))
            .with("offset", at)
    })
}

/// A list of the caller's.
pub fn list<'a, T: Copy>(data: *const T, len: usize) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    let size = len.checked_mul(size_of::<T>()).filter(|size| *size <= TG_BYTES_MAX);
    let size = size.ok_or_else(|| {
        Failure::new(TG_BAD_LENGTH, format_args!("a list of {len} entries is too long"))
    })?;
    check(data as usize, size, align_of::<T>())?;
    // SAFETY: as for bytes, and aligned; every pattern of bits is a `T`
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// Whether a place of the caller's can be written to: asked first where what is to be
/// written is taken from somewhere.
pub fn writable<T>(to: *mut T) -> Result<(), Failure> {
    check(to as usize, size_of::<T>(), align_of::<T>())
}

/// Writes to a place of the caller's.
pub fn write<T>(to: *mut T, value: T) -> Result<(), Failure> {
    writable(to)?;
    // SAFETY: not null, aligned and within the memory; that it may be written to is
    // the contract of the call
    unsafe { &mut *to.cast::<MaybeUninit<T>>() }.write(value);
    Ok(())
}

fn check(address: usize, len: usize, align: usize) -> Result<(), Failure> {
    let bad = |why| Err(Failure::new(TG_BAD_POINTER, format_args!("a pointer is {why}")));
    if address == 0 {
        return bad("null");
    }
    if !address.is_multiple_of(align) {
        return bad("not aligned");
    }
    match address.checked_add(len) {
        Some(end) if end <= memory_end() => Ok(()),
        _ => bad("outside the memory"),
    }
}

#[cfg(target_arch = "wasm32")]
fn memory_end() -> usize {
    core::arch::wasm32::memory_size(0).saturating_mul(64 << 10)
}

#[cfg(not(target_arch = "wasm32"))]
fn memory_end() -> usize {
    // no object is larger; which addresses are the caller's, only the caller knows
    isize::MAX as usize
}

/// Memory that callers asked for, by its address. No address is of a caller's choosing,
/// so it may be hashed without a key.
type Lent = HashMap<usize, usize, BuildHasherDefault<DefaultHasher>>;
static LENT: Mutex<Lent> = Mutex::new(HashMap::with_hasher(BuildHasherDefault::new()));

/// Memory for a caller's bytes.
pub(crate) fn lend(len: usize) -> Result<*mut u8, Failure> {
    if len == 0 || len > TG_BYTES_MAX {
        let message = format_args!("a length is {len} bytes: from 1 to {TG_BYTES_MAX}");
        return Err(Failure::new(TG_BAD_LENGTH, message));
    }
    let layout = Layout::from_size_align(len, 16).map_err(|_| Failure::no_memory())?;
    let mut lent = LENT.lock().unwrap_or_else(PoisonError::into_inner);
    // to remember it takes memory as well: what can be refused may not die
    lent.try_reserve(1).map_err(|_| Failure::no_memory())?;
    // SAFETY: the layout has a size
    let data = unsafe { alloc(layout) };
    if data.is_null() {
        return Err(Failure::no_memory());
    }
    lent.insert(data as usize, len);
    Ok(data)
}

/// Takes memory back.
pub(crate) fn take_back(data: *mut u8) -> Result<(), Failure> {
    let lent = LENT.lock().unwrap_or_else(PoisonError::into_inner).remove(&(data as usize));
    let unknown = || Failure::new(TG_BAD_POINTER, "this memory was not given by `tg_alloc`");
    let layout = Layout::from_size_align(lent.ok_or_else(unknown)?, 16).map_err(|_| unknown())?;
    // SAFETY: it was given by `alloc` with this layout, and is given back once
    unsafe { dealloc(data, layout) };
    Ok(())
}
