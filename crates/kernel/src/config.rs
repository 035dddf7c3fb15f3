use core::fmt;

use crate::score::{NANOS_PER_ONE, Score};

/// How the trend check measures the drop over its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trend {
    /// The first score of the window minus the last.
    #[default]
    Endpoint,
    /// The least-squares slope over the window times −(n − 1): the drop of the
    /// fitted line from its first point to its last.
    Slope,
}

/// What the halt rule compares with. All limits are scores in \[0, 1\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HaltConfig {
    /// A score below it halts. Default 0.5, range 0 to 1.
    pub hard_limit: f64,
    /// A score below it warns and never halts. Default 0.6, range 0 to 1.
    pub soft_limit: f64,
    /// How many of the last scores the mean is taken over. Default 10 scores,
    /// range 1 to 4096; costs 4 bytes each.
    pub window_size: u32,
    /// A mean below it halts. Default 0.55, range 0 to 1.
    pub window_threshold: f64,
    /// How many of the last scores the drop is taken over. Default 5 scores,
    /// range 2 to 4096; costs 4 bytes each, shared with the window.
    pub trend_window: u32,
    /// A drop above it halts. Default 0.15, range above 0 to 1.
    pub trend_threshold: f64,
    /// How the drop is measured. Default [`Trend::Endpoint`].
    pub trend: Trend,
}

impl Default for HaltConfig {
    fn default() -> Self {
        HaltConfig {
            hard_limit: 0.5,
            soft_limit: 0.6,
            window_size: 10,
            window_threshold: 0.55,
            trend_window: 5,
            trend_threshold: 0.15,
            trend: Trend::Endpoint,
        }
    }
}

/// The largest window, in scores.
pub const WINDOW_MAX: u32 = 4096;

/// The limits of a configuration as the rule stores them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) hard: Score,
    pub(crate) soft: Score,
    pub(crate) window: Score,
    pub(crate) trend: Score,
}

impl HaltConfig {
    /// Whether every field lies in its range.
    ///
    /// # Errors
    /// The first field, in the order of the struct, that does not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.limits().map(drop)
    }

    pub(crate) fn limits(&self) -> Result<Limits, ConfigError> {
        let limits = Limits {
            hard: unit("hard_limit", self.hard_limit)?,
            soft: unit("soft_limit", self.soft_limit)?,
            window: unit("window_threshold", self.window_threshold)?,
            trend: unit("trend_threshold", self.trend_threshold)?,
        };
        if self.trend_threshold == 0.0 {
            let value = Value::Number(self.trend_threshold);
            return Err(ConfigError {
                field: "trend_threshold",
                value,
                range: "above 0 and up to 1",
            });
        }
        window("window_size", self.window_size, 1, "from 1 to 4096")?;
        window("trend_window", self.trend_window, 2, "from 2 to 4096")?;
        Ok(limits)
    }
}

fn unit(field: &'static str, value: f64) -> Result<Score, ConfigError> {
    let range = if field == "trend_threshold" { "above 0 and up to 1" } else { "from 0 to 1" };
    Score::from_f64(value).map_err(|_| ConfigError { field, value: Value::Number(value), range })
}

fn window(
    field: &'static str,
    value: u32,
    min: u32,
    range: &'static str,
) -> Result<(), ConfigError> {
    if (min..=WINDOW_MAX).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError { field, value: Value::Count(value), range })
    }
}

/// A field of a [`HaltConfig`] lies outside its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigError {
    field: &'static str,
    value: Value,
    range: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Number(f64),
    Count(u32),
}

impl ConfigError {
    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The range it must lie in, in words: `from 0 to 1`.
    #[must_use]
    pub fn range(&self) -> &'static str {
        self.range
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigError { field, value, range } = self;
        match value {
            Value::Number(x) => write!(f, "`{field}` is `{x}`: expected a number {range}"),
            Value::Count(n) => {
                write!(f, "`{field}` is `{n}`: expected a whole number {range}")
            }
        }
    }
}

impl core::error::Error for ConfigError {}

const _: () = assert!(
    // the slope check's largest product, 6 (n - 1) n * 1e9, twice over, fits an i64
    12 * (WINDOW_MAX as u64) * (WINDOW_MAX as u64) * (NANOS_PER_ONE as u64) < i64::MAX as u64
);
