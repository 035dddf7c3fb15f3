//! A push allocates nothing, whatever the window, and nor does reading a halt.
#![allow(unsafe_code, reason = "an allocator that counts can only be written with it")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tidegate_kernel::{HaltConfig, HaltRule, Trend, WINDOW_MAX};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator unchanged
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_in(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn only_construction_allocates() {
    for window in [2, 10, WINDOW_MAX] {
        for trend in [Trend::Endpoint, Trend::Slope] {
            let config = HaltConfig {
                window_size: window,
                trend_window: window,
                trend,
                ..HaltConfig::default()
            };
            let mut rule = None;
            let built = allocations_in(|| rule = Some(HaltRule::new(&config).unwrap()));
            assert_eq!(built, 1, "the ring, and the counter counts");
            let mut rule = rule.unwrap();
            let pushed = allocations_in(|| {
                for i in 0..20_000u32 {
                    rule.push(0.8 + f64::from(i % 7) / 100.0);
                }
                assert!(rule.halt().is_none());
                rule.push(f64::NAN);
                rule.push(0.9);
                assert!(rule.halt().is_some());
            });
            assert_eq!(pushed, 0, "window {window}, {trend:?}");
        }
    }
}
