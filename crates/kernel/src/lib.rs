//! The halt rule of Tidegate: given the coherence scores of a stream, one per
//! token or claim, decide at each whether it may still leave.
//!
//! ```
//! use tidegate_kernel::{Decision, HaltConfig, HaltRule};
//!
//! let mut rule = HaltRule::new(&HaltConfig::default())?;
//! assert_eq!(rule.push(0.9), Decision::Pass);
//! assert_eq!(rule.push(0.58), Decision::Warn); // below the soft limit of 0.6
//! assert!(!rule.push(0.3).is_open());
//!
//! let halt = rule.halt().expect("0.3 is below the hard limit");
//! assert_eq!(halt.index, 2);
//! assert_eq!(halt.reason.to_string(), "hard_limit (0.3000 < 0.5)");
//! // irrevocable: nothing opens it again
//! assert!(!rule.push(1.0).is_open());
//! # Ok::<(), tidegate_kernel::ConfigError>(())
//! ```
//!
//! # What it checks
//!
//! In this order, the first match wins, all comparisons are strict:
//!
//! | check | halts when | reason text |
//! | --- | --- | --- |
//! | latched | already halted | (the first reason stays) |
//! | score | not finite, or outside \[0, 1\] | `invalid_score (NaN)` |
//! | hard limit | score < `hard_limit` | `hard_limit (0.3000 < 0.5)` |
//! | window | the last `window_size` scores exist and their mean < `window_threshold` | `window_avg (0.5100 < 0.55)` |
//! | trend | the last `trend_window` scores exist and their drop > `trend_threshold` | `downward_trend (0.2000 > 0.15)` |
//!
//! The halting token is not released. [`HaltConfig`] has the fields with their
//! defaults and ranges.
//!
//! # What it promises
//!
//! - The same decision on every machine: a score becomes an integer number of
//!   1e-9 at the door, and sums, means and slopes are compared by integer
//!   arithmetic. Ten scores of 0.55 do not halt at 0.55.
//! - The same cost for every window size and every length of stream, with no
//!   allocation after construction.
//! - No panic on any input, and no `unsafe`.
//!
//! # What it does not do
//!
//! It makes no scores, holds no text and keeps no history. [`Session`] keeps
//! the history for those who want it; the `tidegate` crate holds the text.
//!
//! The crate also has [`Channel`], the one word that all rooms of the project
//! share.

#![no_std]

extern crate alloc;

mod channel;
mod config;
mod rule;
mod score;
mod session;

pub use channel::{Channel, ParseChannelError};
pub use config::{ConfigError, HaltConfig, Trend, WINDOW_MAX};
pub use rule::{Code, Decision, Halt, HaltRule, Quotient, Reason};
pub use score::{InvalidScore, NANOS_PER_ONE, Score};
pub use session::{SESSION_SCORES_MAX, Session};
