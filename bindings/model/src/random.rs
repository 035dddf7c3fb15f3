//! Where seeds come from in a module that imports nothing.
//!
//! The tokenizer's hash tables are seeded by the crate `getrandom`, which is told to
//! ask here (`--cfg getrandom_backend="custom"`, in `js/build.mjs`). Nothing here is
//! drawn by chance otherwise, and the same call gives the same bits.

/// Fills the bytes with a sequence that is always the same, as the tables of Rust's
/// own library are seeded on this target. Keys are pieces of the model's vocabulary
/// and words of at most one text, so that colliding ones would cost little.
// SAFETY: the name that `getrandom` calls; its caller lends `len` bytes at `to`
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(
    to: *mut u8,
    len: usize,
) -> Result<(), getrandom::Error> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for at in 0..len {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // SAFETY: `at` is below the length that was lent
        unsafe { to.add(at).write((state >> 32) as u8) };
    }
    Ok(())
}
