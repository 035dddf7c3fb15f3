//! The halt rule behind a C ABI.
//!
//! A rule is made with [`tg_kernel_new`], takes one score a token with
//! [`tg_kernel_push`], which answers with a number, and is let go with
//! [`tg_kernel_free`]. No text crosses but the reason of a halt and the message
//! of an error, and no pointer is taken.
//!
//! | bits of a decision | mean |
//! | --- | --- |
//! | 0 to 7 | 0 pass, 1 warn, 2 this score halts, 3 halted before, 254 broken, 255 no such rule |
//! | 8 to 15 | what halted: 1 `invalid_score`, 2 `hard_limit`, 3 `window_avg`, 4 `downward_trend` |
//!
//! Built with the feature `module` for `wasm32-unknown-unknown`, this is the
//! module `tidegate-kernel.wasm`, which imports nothing.
//!
//! # What it does not do
//!
//! It gates no text: that is `tidegate-capi`. A number that is no score stands in
//! [`tg_kernel_value`] and not in the reason's text, which says `invalid_score`:
//! code that prints floats would be larger than all the rest.
#![no_std]
#![allow(unsafe_code, reason = "symbols of a C ABI have fixed names")]

extern crate alloc;

mod handles;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use spin::{Mutex, MutexGuard};
use tidegate_kernel::{Code, Decision, HaltConfig, HaltRule, Reason, Trend};

pub use handles::{HANDLES_MAX, Handles};

static RULES: Mutex<Handles<HaltRule>> = Mutex::new(Handles::new());
/// The text that was asked for last.
static TEXT: Mutex<String> = Mutex::new(String::new());

/// There is no such rule.
pub const TG_KERNEL_NO_RULE: u32 = 255;
/// An earlier call of this module trapped; no later one works.
pub const TG_KERNEL_BROKEN: u32 = 254;

/// What a lock holds. Of a module on its own, whose only thread is here, a lock
/// that is taken was left behind by a call that trapped: `None`.
fn lock<T>(of: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    if cfg!(feature = "module") { of.try_lock() } else { Some(of.lock()) }
}

/// Asks a rule, if it is there.
fn ask<R>(rule: u32, question: impl FnOnce(&mut HaltRule) -> Option<R>) -> Option<R> {
    question(lock(&RULES)?.get_mut(rule)?)
}

/// Makes a rule. Limits are scores from 0 to 1; `trend` is 0 for `endpoint` and 1
/// for `slope`. Gives its handle, or 0 if a field is out of range or there is no
/// room: then [`tg_kernel_text`] says which and why.
#[unsafe(no_mangle)]
pub extern "C" fn tg_kernel_new(
    hard_limit: f64,
    soft_limit: f64,
    window_size: u32,
    window_threshold: f64,
    trend_window: u32,
    trend_threshold: f64,
    trend: u32,
) -> u32 {
    let trend = match trend {
        0 => Trend::Endpoint,
        1 => Trend::Slope,
        _ => return refuse("trend", "0 (`endpoint`) or 1 (`slope`)"),
    };
    let config = HaltConfig {
        hard_limit,
        soft_limit,
        window_size,
        window_threshold,
        trend_window,
        trend_threshold,
        trend,
    };
    if let Err(error) = config.validate() {
        return refuse(error.field(), error.range());
    }
    // a rule takes its memory at once or not at all: to ask first is to be refused
    // where to take it would trap
    let scores = 2 * window_size.max(trend_window) as usize;
    if Vec::<u32>::new().try_reserve_exact(scores).is_err() {
        return say(format_args!("there is no memory for another rule"));
    }
    let rule = HaltRule::new(&config).ok();
    let inserted = lock(&RULES).zip(rule).and_then(|(mut rules, rule)| rules.insert(rule).ok());
    inserted.unwrap_or_else(|| say(format_args!("there is no room for another rule")))
}

fn refuse(field: &str, range: &str) -> u32 {
    say(format_args!("`{field}` is out of range: expected {range}"))
}

/// Notes a text; 0.
fn say(text: core::fmt::Arguments<'_>) -> u32 {
    if let Some(mut kept) = lock(&TEXT) {
        kept.clear();
        // writing to a string does not fail
        let _ = kept.write_fmt(text);
    }
    0
}

/// Takes the score of the next token; the decision as a number. Its lowest eight
/// bits: 0 pass, 1 warn, 2 this score halts, 3 halted before, 254 broken, 255 no such
/// rule. The next eight, what halted: 1 `invalid_score`, 2 `hard_limit`, 3
/// `window_avg`, 4 `downward_trend`.
#[unsafe(no_mangle)]
pub extern "C" fn tg_kernel_push(rule: u32, score: f64) -> u32 {
    match lock(&RULES) {
        Some(mut rules) => match rules.get_mut(rule) {
            Some(rule) => pack(rule.push(score)),
            None => TG_KERNEL_NO_RULE,
        },
        None => TG_KERNEL_BROKEN,
    }
}

fn pack(decision: Decision) -> u32 {
    match decision {
        Decision::Pass => 0,
        Decision::Warn => 1,
        Decision::Halt(code) => 2 | number(code) << 8,
        Decision::Latched(code) => 3 | number(code) << 8,
    }
}

fn number(code: Code) -> u32 {
    match code {
        Code::InvalidScore => 1,
        Code::HardLimit => 2,
        Code::WindowAvg => 3,
        Code::DownwardTrend => 4,
    }
}

/// The number of the score that halted, from 0; -1 if none did or there is no such
/// rule. Whole, and exact below 2^53.
#[unsafe(no_mangle)]
pub extern "C" fn tg_kernel_halt_index(rule: u32) -> f64 {
    ask(rule, |rule| rule.halt().map(|halt| halt.index as f64)).unwrap_or(-1.0)
}

/// What was measured when it halted: the number that was no score, the score, the
/// mean or the drop; NaN if nothing halted or there is no such rule.
#[unsafe(no_mangle)]
pub extern "C" fn tg_kernel_value(rule: u32) -> f64 {
    match ask(rule, |rule| rule.halt().map(|halt| halt.reason)) {
        Some(Reason::InvalidScore(score)) => score.value(),
        Some(Reason::Limit { value, .. }) => value.to_f64(),
        None => f64::NAN,
    }
}

/// Writes why the rule halted, such as `hard_limit (0.3000 < 0.5)`, for
/// [`tg_kernel_text`] and [`tg_kernel_text_len`]; empty if it did not. The number of
/// bytes.
#[unsafe(no_mangle)]
pub extern "C" fn tg_kernel_reason(rule: u32) -> usize {
    match ask(rule, |rule| rule.halt().map(|halt| halt.reason)) {
        // in the words of `Reason`, whose own would bring code for floats
        Some(Reason::Limit { code, value, limit }) => {
            let name = code.as_str();
            let sign = if code == Code::DownwardTrend { '>' } else { '<' };
            say(format_args!("{name} ({value} {sign} {limit})"))
        }
        Some(reason) => say(format_args!("{}", reason.code().as_str())),
        None => say(format_args!("")),
    };
    tg_kernel_text_len()
}

/// Where the text that was last asked for stands, in UTF-8. It stays until the
/// next call of this module.
#[unsafe(no_mangle)]
pub extern "C" fn tg_kernel_text() -> *const u8 {
    lock(&TEXT).map_or(core::ptr::null(), |text| text.as_ptr())
}

/// How long it is, in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn tg_kernel_text_len() -> usize {
    lock(&TEXT).map_or(0, |text| text.len())
}

/// Lets a rule go: 1, or 0 if there is no such rule.
#[unsafe(no_mangle)]
pub extern "C" fn tg_kernel_free(rule: u32) -> u32 {
    u32::from(lock(&RULES).is_some_and(|mut rules| rules.remove(rule).is_some()))
}

#[cfg(feature = "module")]
mod module {
    use lol_alloc::{AssumeSingleThreaded, FreeListAllocator};

    // the module has one thread: WebAssembly's threads are another target
    #[global_allocator]
    static ALLOCATOR: AssumeSingleThreaded<FreeListAllocator> =
        unsafe { AssumeSingleThreaded::new(FreeListAllocator::new()) };

    /// Nothing here panics; if it does, the module traps and every later call with
    /// it.
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        core::arch::wasm32::unreachable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        TEXT.lock().clone()
    }

    fn new(hard_limit: f64, window_size: u32, trend: u32) -> u32 {
        tg_kernel_new(hard_limit, 0.6, window_size, 0.55, 5, 0.15, trend)
    }

    // one test: the text is the module's
    #[test]
    fn decisions_reasons_and_refusals() {
        let rule = new(0.5, 10, 0);
        assert_ne!(rule, 0);
        assert_eq!((tg_kernel_push(rule, 0.9), tg_kernel_push(rule, 0.59)), (0, 1));
        assert_eq!((tg_kernel_halt_index(rule), tg_kernel_reason(rule)), (-1.0, 0));
        assert!(tg_kernel_value(rule).is_nan());
        assert_eq!(tg_kernel_push(rule, 0.3), 2 | 2 << 8);
        assert_eq!(tg_kernel_push(rule, 1.0), 3 | 2 << 8);
        assert_eq!((tg_kernel_halt_index(rule), tg_kernel_value(rule)), (2.0, 0.3));
        assert_eq!(tg_kernel_reason(rule), 25);
        assert_eq!(text(), "hard_limit (0.3000 < 0.5)");
        assert_eq!((tg_kernel_free(rule), tg_kernel_free(rule)), (1, 0));
        assert_eq!(tg_kernel_push(rule, 1.0), TG_KERNEL_NO_RULE);
        assert_eq!((tg_kernel_reason(rule), tg_kernel_halt_index(rule)), (0, -1.0));

        for (score, bits) in [(f64::NAN, 0x7ff8_0000_0000_0000), (1.5, 1.5f64.to_bits())] {
            let rule = new(0.5, 10, 0);
            assert_eq!(tg_kernel_push(rule, score), 2 | 1 << 8);
            tg_kernel_reason(rule);
            assert_eq!((text().as_str(), tg_kernel_value(rule).to_bits()), ("invalid_score", bits));
        }

        let falling = new(0.0, 4096, 1);
        let decisions = [0.9, 0.8, 0.7, 0.6, 0.5].map(|score| tg_kernel_push(falling, score));
        assert_eq!(decisions, [0, 0, 0, 0, 2 | 4 << 8]);
        tg_kernel_reason(falling);
        assert_eq!(text(), "downward_trend (0.4000 > 0.15)");

        let refused =
            |rule: u32, expected: &str| assert_eq!((rule, text().as_str()), (0, expected));
        refused(new(f64::NAN, 10, 0), "`hard_limit` is out of range: expected from 0 to 1");
        refused(new(0.5, 0, 0), "`window_size` is out of range: expected from 1 to 4096");
        refused(new(0.5, u32::MAX, 0), "`window_size` is out of range: expected from 1 to 4096");
        refused(new(0.5, 10, 2), "`trend` is out of range: expected 0 (`endpoint`) or 1 (`slope`)");
    }
}
