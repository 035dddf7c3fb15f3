use core::fmt;

/// Nanos in one: a score of 1.0 is stored as this many units of 1e-9.
pub const NANOS_PER_ONE: u32 = 1_000_000_000;

/// A coherence score in \[0, 1\], kept as an integer number of 1e-9.
///
/// A float `x` is stored as `floor(x * 1e9 + 0.5)`. From there on every
/// decision is integer arithmetic, so it is the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Score(u32);

impl Score {
    /// The score nearest to `value`.
    ///
    /// # Errors
    /// When `value` is not finite or lies outside \[0, 1\]. Both zeros are in.
    #[inline]
    pub fn from_f64(value: f64) -> Result<Score, InvalidScore> {
        // no NaN is in a range
        if (0.0..=1.0).contains(&value) {
            Ok(Score((value * f64::from(NANOS_PER_ONE) + 0.5) as u32))
        } else {
            Err(InvalidScore::new(value))
        }
    }

    /// The score of so many 1e-9; `None` above one.
    #[inline]
    #[must_use]
    pub const fn from_nanos(nanos: u32) -> Option<Score> {
        if nanos <= NANOS_PER_ONE { Some(Score(nanos)) } else { None }
    }

    /// How many 1e-9 this score is, from 0 to 1 000 000 000.
    #[inline]
    #[must_use]
    pub const fn nanos(self) -> u32 {
        self.0
    }

    /// The score as a float, for display; no decision uses it.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        f64::from(self.0) / f64::from(NANOS_PER_ONE)
    }
}

/// As short as it can be without losing a nano: `0.5`, `0.55`, `1`.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut fraction) = (self.0 / NANOS_PER_ONE, self.0 % NANOS_PER_ONE);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let mut digits = 9;
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{whole}.{fraction:0digits$}")
    }
}

/// A number that is no score: not finite, or outside \[0, 1\].
///
/// All NaNs are equal here, whatever their payload, because engines differ in
/// the payloads they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvalidScore {
    bits: u64,
}

impl InvalidScore {
    const fn new(value: f64) -> InvalidScore {
        let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
        InvalidScore { bits }
    }

    /// The number that was given.
    #[must_use]
    pub const fn value(self) -> f64 {
        f64::from_bits(self.bits)
    }
}

/// The number as it stands in a reason text: `NaN`, `inf`, `-0.5`, `1.5`, `1e300`.
impl fmt::Display for InvalidScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value();
        let size = value.abs();
        let plain = !value.is_finite() || (1e-9..1e9).contains(&size);
        if plain { write!(f, "{value}") } else { write!(f, "{value:e}") }
    }
}

impl core::error::Error for InvalidScore {}
