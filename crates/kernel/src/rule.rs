use alloc::boxed::Box;
use alloc::vec;
use core::fmt;

use crate::config::{ConfigError, HaltConfig, Limits, Trend};
use crate::score::{InvalidScore, NANOS_PER_ONE, Score};

/// Which of the rule's checks halted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The score is not finite or lies outside \[0, 1\].
    InvalidScore,
    /// The score is below the hard limit.
    HardLimit,
    /// The mean of the window is below its threshold.
    WindowAvg,
    /// The drop over the trend window is above its threshold.
    DownwardTrend,
}

impl Code {
    /// The name used in reasons, traces and fixtures.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::InvalidScore => "invalid_score",
            Code::HardLimit => "hard_limit",
            Code::WindowAvg => "window_avg",
            Code::DownwardTrend => "downward_trend",
        }
    }
}

/// What a push decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The token may leave.
    Pass,
    /// The token may leave; its score is below the soft limit.
    Warn,
    /// This token halts the stream and may not leave; see [`HaltRule::halt`].
    Halt(Code),
    /// An earlier token halted the stream, for this reason; nothing may leave.
    Latched(Code),
}

impl Decision {
    /// Whether the token that was pushed may leave.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Decision::Pass | Decision::Warn)
    }
}

/// An exact quotient of 1e-9 units: the value a check compared.
///
/// A mean of scores is rarely a whole number of 1e-9, so it is kept as sum and
/// count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quotient {
    /// Numerator, in 1e-9.
    pub nanos: i64,
    /// Denominator, at least 1.
    pub per: u64,
}

impl Quotient {
    /// The value as a float, for display; no decision uses it.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.nanos as f64 / self.per as f64 / f64::from(NANOS_PER_ONE)
    }
}

/// Four decimals, ties away from zero.
impl fmt::Display for Quotient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // whole numbers of 1e-4, so that no code for larger integers is needed
        let unit = self.per.max(1).saturating_mul(u64::from(NANOS_PER_ONE / 10_000));
        let size = self.nanos.unsigned_abs();
        let rest = size % unit;
        let rounded = size / unit + u64::from(rest >= unit - rest);
        let sign = if self.nanos < 0 && rounded > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:04}", rounded / 10_000, rounded % 10_000)
    }
}

/// Why a stream was halted, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Halt {
    /// The position of the halting score, from 0. Its token is not released.
    pub index: u64,
    /// What halted.
    pub reason: Reason,
}

/// What a check compared when it halted. Displays as the reason text, such as
/// `hard_limit (0.3000 < 0.5)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The score is no score.
    InvalidScore(InvalidScore),
    /// A value lies on the wrong side of a limit.
    Limit {
        /// Which check; never [`Code::InvalidScore`].
        code: Code,
        /// What was measured: the score, the mean or the drop.
        value: Quotient,
        /// What it was held against.
        limit: Score,
    },
}

impl Reason {
    /// Which check halted.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Reason::InvalidScore(_) => Code::InvalidScore,
            Reason::Limit { code, .. } => *code,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.code().as_str();
        match self {
            Reason::InvalidScore(score) => write!(f, "{name} ({score})"),
            Reason::Limit { code: Code::DownwardTrend, value, limit } => {
                write!(f, "{name} ({value} > {limit})")
            }
            Reason::Limit { value, limit, .. } => write!(f, "{name} ({value} < {limit})"),
        }
    }
}

/// The halt rule over one sequence of scores: latch, hard limit, window mean,
/// trend, in this order.
///
/// A push costs the same for every window size and every length of stream, and
/// allocates nothing. There is no reset: a new stream needs a new rule.
#[derive(Clone, Debug)]
pub struct HaltRule {
    halt: Option<Halt>,
    limits: Limits,
    /// How many scores were taken.
    count: u64,
    /// The last scores, in 1e-9; its length is a power of two and no less than
    /// either window.
    ring: Box<[u32]>,
    window_size: u64,
    window_sum: u64,
    trend: Trend,
    trend_window: u64,
    /// Over the trend window, oldest first: Σ y.
    trend_sum: u64,
    /// Over the trend window, oldest first: Σ i·y.
    trend_moment: u64,
}

impl HaltRule {
    /// A rule that has seen nothing. Allocates its ring here and never again.
    ///
    /// # Errors
    /// When a field of `config` lies outside its range.
    pub fn new(config: &HaltConfig) -> Result<HaltRule, ConfigError> {
        let limits = config.limits()?;
        let ring_len = config.window_size.max(config.trend_window).next_power_of_two();
        Ok(HaltRule {
            halt: None,
            limits,
            count: 0,
            ring: vec![0; ring_len as usize].into_boxed_slice(),
            window_size: u64::from(config.window_size),
            window_sum: 0,
            trend: config.trend,
            trend_window: u64::from(config.trend_window),
            trend_sum: 0,
            trend_moment: 0,
        })
    }

    /// Takes the score of the next token and decides whether it may leave.
    #[inline]
    pub fn push(&mut self, score: f64) -> Decision {
        self.push_score(Score::from_f64(score))
    }

    /// [`HaltRule::push`] for a score that was read already, as when a trace is
    /// replayed.
    #[inline]
    pub fn push_score(&mut self, score: Result<Score, InvalidScore>) -> Decision {
        if let Some(halt) = &self.halt {
            return Decision::Latched(halt.reason.code());
        }
        let index = self.count;
        let score = match score {
            Ok(score) => score,
            Err(invalid) => return self.shut(index, Reason::InvalidScore(invalid)),
        };
        if score < self.limits.hard {
            let value = Quotient { nanos: i64::from(score.nanos()), per: 1 };
            let limit = self.limits.hard;
            return self.shut(index, Reason::Limit { code: Code::HardLimit, value, limit });
        }
        self.take(score.nanos());
        // mean < limit, multiplied out
        let window_limit = u64::from(self.limits.window.nanos()) * self.window_size;
        if self.count >= self.window_size && self.window_sum < window_limit {
            let value = Quotient { nanos: self.window_sum as i64, per: self.window_size };
            let limit = self.limits.window;
            return self.shut(index, Reason::Limit { code: Code::WindowAvg, value, limit });
        }
        if self.count >= self.trend_window {
            let value = self.drop();
            if value.nanos > i64::from(self.limits.trend.nanos()) * value.per as i64 {
                let limit = self.limits.trend;
                return self.shut(index, Reason::Limit { code: Code::DownwardTrend, value, limit });
            }
        }
        if score < self.limits.soft { Decision::Warn } else { Decision::Pass }
    }

    /// Why and where the stream was halted; `None` while it is open.
    #[inline]
    #[must_use]
    pub const fn halt(&self) -> Option<&Halt> {
        self.halt.as_ref()
    }

    #[cold]
    #[inline]
    fn shut(&mut self, index: u64, reason: Reason) -> Decision {
        self.halt = Some(Halt { index, reason });
        Decision::Halt(reason.code())
    }

    /// The score that was taken `ago` scores before the next one.
    #[inline]
    fn taken(&self, ago: u64) -> u64 {
        let mask = self.ring.len().wrapping_sub(1);
        let slot = self.count.wrapping_sub(ago) as usize & mask;
        // the slot is always there: the mask is one less than a power of two
        self.ring.get(slot).map_or(0, |&nanos| u64::from(nanos))
    }

    /// Moves both windows on by one score.
    #[inline]
    fn take(&mut self, nanos: u32) {
        let score = u64::from(nanos);
        self.window_sum += score;
        if self.count >= self.window_size {
            self.window_sum -= self.taken(self.window_size);
        }
        if self.count >= self.trend_window {
            // every score moves one place towards the front, the oldest leaves
            let oldest = self.taken(self.trend_window);
            self.trend_moment += (self.trend_window - 1) * score;
            self.trend_moment -= self.trend_sum - oldest;
            self.trend_sum += score;
            self.trend_sum -= oldest;
        } else {
            self.trend_moment += self.count * score;
            self.trend_sum += score;
        }
        let mask = self.ring.len().wrapping_sub(1);
        if let Some(slot) = self.ring.get_mut(self.count as usize & mask) {
            *slot = nanos;
        }
        self.count += 1;
    }

    /// The drop over the last `trend_window` scores, exactly.
    ///
    /// For the slope: with n scores y_0 … y_(n-1), the least-squares slope is
    /// Σ (i − (n−1)/2)·y_i / (n(n²−1)/12). Times −(n−1) that is
    /// 6·((n−1)·Σ y_i − 2·Σ i·y_i) / (n(n+1)).
    #[inline]
    fn drop(&self) -> Quotient {
        let n = self.trend_window;
        match self.trend {
            Trend::Endpoint => {
                let drop = self.taken(n) as i64 - self.taken(1) as i64;
                Quotient { nanos: drop, per: 1 }
            }
            Trend::Slope => {
                let level = ((n - 1) * self.trend_sum) as i64;
                let tilt = (2 * self.trend_moment) as i64;
                Quotient { nanos: 6 * (level - tilt), per: n * (n + 1) }
            }
        }
    }
}
