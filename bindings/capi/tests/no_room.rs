//! Handles run out: the call that asks for one more fails, and all others go on.
//! A test of its own: the room is that of the whole process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

use tidegate_capi::kernel::{HANDLES_MAX, tg_kernel_free, tg_kernel_new, tg_kernel_push};
use tidegate_capi::{tg_bytes, tg_drop, tg_error, tg_facts_len, tg_facts_new, tg_status};

#[test]
#[allow(unsafe_code, reason = "what calls give out is read by pointer")]
fn there_is_room_for_so_many() {
    let handles: Vec<u32> = (0..HANDLES_MAX).map(|_| tg_facts_new()).collect();
    assert!(handles.iter().all(|handle| *handle != 0));
    assert_eq!(tg_facts_new(), 0);
    let mut error = tg_bytes { data: std::ptr::null(), len: 0 };
    assert_eq!(tg_error(&raw mut error), tg_status::TG_OK as u32);
    // SAFETY: it stays until the next failed call
    let error = unsafe { std::slice::from_raw_parts(error.data, error.len) };
    assert!(String::from_utf8_lossy(error).contains("\"code\":\"no_room\""));
    assert_eq!(tg_drop(handles[0]), tg_status::TG_OK as u32);
    let again = tg_facts_new();
    assert!(again != 0 && again != handles[0]);
    assert_eq!(tg_facts_len(again), 0);
    for handle in handles.iter().skip(1).chain([&again]) {
        assert_eq!(tg_drop(*handle), tg_status::TG_OK as u32);
    }

    let new = || tg_kernel_new(0.5, 0.6, 1, 0.5, 2, 0.15, 0);
    let rules: Vec<u32> = (0..HANDLES_MAX).map(|_| new()).collect();
    assert!(rules.iter().all(|rule| *rule != 0));
    assert_eq!(new(), 0);
    assert_eq!(tg_kernel_push(rules[7], 0.9), 0);
    for rule in rules {
        assert_eq!(tg_kernel_free(rule), 1);
    }
}
