//! A compiled policy: made ready and kept as bytes. What runs it needs no reader of
//! policies and makes no automata.
//!
//! ```text
//! "tidegate compiled policy 1\n", the CRC-32 of what follows (4 bytes, little-endian), then
//! policy:  as JSON, for the head of traces
//! limits:  in the order of `Limits`; what a fault of the stream does
//! halt:    count, each check that runs, in the order of its fields
//! text:    count, each rule that runs: check, its name in the library, what it does
//! sets:    count, each: its rules (count, numbers), their automata (`Rules::to_bytes`)
//! scans:   for each kind of channel the sets that enforce and that watch, from 1; 0 for none
//! ```
//!
//! Numbers are LEB128, other numbers their bits in eight bytes; a text or a list of bytes
//! has its length before it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tidegate_text::Rules;

use crate::checks::{Checks, Scanned, Scans, Shared, TextRule};
use crate::policy::{
    BlendPolicy, BlendWeights, ChannelKind, HaltCheck, Limits, MeasureKind, Mode, OnError,
    OnFinding, ScorePolicy, Source, TextAction, TrendKind, Unit,
};

const MAGIC: &[u8] = b"tidegate compiled policy 1\n";

/// Bytes are no compiled policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledPolicyError(String);

impl fmt::Display for CompiledPolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is no compiled policy: {}", self.0)
    }
}

impl std::error::Error for CompiledPolicyError {}

fn bad(why: impl Into<String>) -> CompiledPolicyError {
    CompiledPolicyError(why.into())
}

impl Checks {
    /// The policy compiled: as bytes, for [`Checks::from_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Shared { limits, on_fault, halt, text, scans, .. } = &*self.shared;
        let mut to = To(Vec::new());
        to.text(self.policy_json());
        let Limits {
            choices_max,
            tools_max,
            event_bytes_max,
            hold_bytes_max,
            claim_bytes_max,
            automaton_bytes_max,
        } = *limits;
        for limit in [
            choices_max,
            tools_max,
            event_bytes_max,
            hold_bytes_max,
            claim_bytes_max,
            automaton_bytes_max,
        ] {
            to.number(u64::from(limit));
        }
        to.choice(on_fault, &ON_ERROR);
        to.list(halt, To::halt);
        to.list(text, To::rule);
        let mut sets: Vec<&Scanned> = Vec::new();
        let mut of_kinds = Vec::new();
        for scanned in scans.iter().flat_map(|Scans { enforcing, shadow }| [enforcing, shadow]) {
            of_kinds.push(scanned.as_ref().map_or(0, |scanned| {
                let same = |known: &&Scanned| Arc::ptr_eq(&known.rules, &scanned.rules);
                sets.iter().position(same).unwrap_or_else(|| {
                    sets.push(scanned);
                    sets.len() - 1
                }) + 1
            }));
        }
        to.list(&sets, |to, Scanned { rules, numbers }| {
            to.list(numbers, |to, number| to.number(*number as u64));
            to.bytes(&rules.to_bytes());
        });
        for set in of_kinds {
            to.number(set as u64);
        }
        let sum = crc32fast::hash(&to.0).to_le_bytes();
        [MAGIC, &sum, &to.0].concat()
    }

    /// A policy that [`Checks::to_bytes`] compiled. It decides the same, and no expression
    /// is read and no automaton made: loading takes as long as copying it.
    ///
    /// Whoever gives the bytes says what is decided, as whoever writes a policy does. The
    /// bytes are looked at for what could make a gate fail, and not for sense.
    ///
    /// ```
    /// use tidegate::{Checks, Format, Policy};
    ///
    /// let policy = Policy::parse(
    ///     "version = 1\n[[text]]\nregex = 'sk-[a-z]{20,}'\naction = \"mask\"",
    ///     Format::Toml,
    /// )?;
    /// let compiled = Checks::new(&policy)?.to_bytes();
    /// let checks = Checks::from_bytes(&compiled)?;
    /// assert_eq!(checks.policy(), &policy);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the bytes are no compiled policy, one of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Checks, CompiledPolicyError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| bad("it begins otherwise"))?;
        let (sum, body) = rest.split_first_chunk().ok_or_else(cut_off)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(bad("its checksum differs"));
        }
        let mut from = From(body);
        let json = from.text()?;
        let limits = Limits {
            choices_max: from.count32()?,
            tools_max: from.count32()?,
            event_bytes_max: from.count32()?,
            hold_bytes_max: from.count32()?,
            claim_bytes_max: from.count32()?,
            automaton_bytes_max: from.count32()?,
        };
        let on_fault = from.choice(&ON_ERROR)?;
        let halt: Vec<HaltCheck> = from.list(From::halt)?;
        let text: Vec<TextRule> = from.list(From::rule)?;
        for check in &halt {
            check.config().validate().map_err(|error| bad(error.to_string()))?;
        }
        let sets = from.list(|from| {
            let numbers: Vec<usize> = from.list(|from| Ok(from.number()? as usize))?;
            if numbers.iter().any(|number| *number >= text.len()) {
                return Err(bad("a rule is not there"));
            }
            let rules = Rules::from_bytes(from.bytes()?, AUTOMATA_BYTES_MAX);
            let rules = rules.map_err(|error| bad(error.to_string()))?;
            Ok(Scanned { rules: Arc::new(rules), numbers: numbers.into() })
        })?;
        let mut scans: [Scans; 4] = Default::default();
        for Scans { enforcing, shadow } in &mut scans {
            for slot in [enforcing, shadow] {
                *slot = match (from.number()? as usize).checked_sub(1) {
                    None => None,
                    Some(set) => {
                        Some(sets.get(set).cloned().ok_or_else(|| bad("a set is not there"))?)
                    }
                };
            }
        }
        if !from.0.is_empty() {
            return Err(bad("there is more behind it"));
        }
        let (json, policy) = (OnceLock::from(json.to_string()), OnceLock::new());
        let (halt, text) = (halt.into(), text.into());
        let shared = Shared { limits, on_fault, halt, text, scans, policy, json };
        Ok(Checks { shared: Arc::new(shared) })
    }
}

/// The most that the automata of a compiled policy may take: 1 GiB, as in policies.
const AUTOMATA_BYTES_MAX: usize = 1 << 30;

const ON_ERROR: [OnError; 2] = [OnError::Halt, OnError::Allow];
const MODES: [Mode; 3] = [Mode::Off, Mode::Shadow, Mode::Enforce];
const CHANNELS: [ChannelKind; 4] =
    [ChannelKind::Content, ChannelKind::Reasoning, ChannelKind::Refusal, ChannelKind::Tool];
const SOURCES: [Source; 6] =
    [Source::Host, Source::Logprob, Source::Facts, Source::Embed, Source::Nli, Source::Blend];
const UNITS: [Unit; 2] = [Unit::Token, Unit::Claim];
const ON_FINDING: [OnFinding; 3] = [OnFinding::Score, OnFinding::Halt, OnFinding::Allow];
const MEASURES: [MeasureKind; 3] = [MeasureKind::Mean, MeasureKind::Min, MeasureKind::Entropy];
const TRENDS: [TrendKind; 2] = [TrendKind::Endpoint, TrendKind::Slope];
const ACTIONS: [TextAction; 3] = [TextAction::Halt, TextAction::Mask, TextAction::Flag];

struct To(Vec<u8>);

impl To {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn float(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_bits().to_le_bytes());
    }

    /// Which of these it is.
    fn choice<T: PartialEq>(&mut self, value: &T, all: &[T]) {
        self.number(all.iter().position(|one| one == value).unwrap_or(all.len()) as u64);
    }

    fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut To, &T)) {
        self.number(u64::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, values: &[T], write: impl Fn(&mut To, &T)) {
        self.number(values.len() as u64);
        for value in values {
            write(self, value);
        }
    }

    fn halt(&mut self, check: &HaltCheck) {
        let HaltCheck {
            name,
            mode,
            channels,
            score,
            hard_limit,
            soft_limit,
            window_size,
            window_threshold,
            trend_window,
            trend_threshold,
            trend,
            // how the limits were found decides nothing
            calibration: _,
        } = check;
        self.text(name);
        self.choice(mode, &MODES);
        self.list(channels, |to, channel| to.choice(channel, &CHANNELS));
        self.score(score);
        self.float(*hard_limit);
        self.float(*soft_limit);
        self.number(u64::from(*window_size));
        self.float(*window_threshold);
        self.number(u64::from(*trend_window));
        self.option(trend_threshold.as_ref(), |to, threshold| to.float(*threshold));
        self.choice(trend, &TRENDS);
    }

    fn score(&mut self, score: &ScorePolicy) {
        let ScorePolicy {
            from,
            at,
            hold,
            on_error,
            on_contradicted,
            on_unsupported,
            deadline_ms,
            on_late,
            measure,
            blend,
        } = score;
        self.choice(from, &SOURCES);
        self.option(at.as_ref(), |to, at| to.choice(at, &UNITS));
        self.number(u64::from(*hold));
        self.choice(on_error, &ON_ERROR);
        self.option(on_contradicted.as_ref(), |to, on| to.choice(on, &ON_FINDING));
        self.option(on_unsupported.as_ref(), |to, on| to.choice(on, &ON_FINDING));
        self.number(u64::from(*deadline_ms));
        self.choice(on_late, &ON_ERROR);
        self.option(measure.as_ref(), |to, measure| to.choice(measure, &MEASURES));
        self.option(blend.as_ref(), |to, BlendPolicy { bias, weights }| {
            to.float(*bias);
            let BlendWeights {
                facts,
                embed,
                nli,
                host,
                logprob_mean,
                logprob_min,
                logprob_entropy,
            } = weights;
            for weight in [facts, embed, nli, host, logprob_mean, logprob_min, logprob_entropy] {
                to.option(weight.as_ref(), |to, weight| to.float(*weight));
            }
        });
    }

    fn rule(&mut self, rule: &TextRule) {
        let TextRule { check, name, action, mode, hold_bytes_max, channels } = rule;
        self.text(check);
        self.option(name.as_ref(), |to, name| to.text(name));
        self.choice(action, &ACTIONS);
        self.choice(mode, &MODES);
        self.number(u64::from(*hold_bytes_max));
        self.list(channels, |to, channel| to.choice(channel, &CHANNELS));
    }
}

fn cut_off() -> CompiledPolicyError {
    bad("it is cut off")
}

struct From<'a>(&'a [u8]);

impl<'a> From<'a> {
    fn number(&mut self) -> Result<u64, CompiledPolicyError> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(cut_off)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(bad("a number is too long"))
    }

    fn count32(&mut self) -> Result<u32, CompiledPolicyError> {
        u32::try_from(self.number()?).map_err(|_| bad("a number is too large"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], CompiledPolicyError> {
        let len = usize::try_from(self.number()?).map_err(|_| cut_off())?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn text(&mut self) -> Result<&'a str, CompiledPolicyError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| bad("a text is not UTF-8"))
    }

    fn float(&mut self) -> Result<f64, CompiledPolicyError> {
        let (bits, rest) = self.0.split_first_chunk().ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(f64::from_bits(u64::from_le_bytes(*bits)))
    }

    fn choice<T: Copy>(&mut self, all: &[T]) -> Result<T, CompiledPolicyError> {
        let number = self.number()?;
        all.get(number as usize).copied().ok_or_else(|| bad("a word is not known"))
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CompiledPolicyError>,
    ) -> Result<Option<T>, CompiledPolicyError> {
        match self.number()? {
            0 => Ok(None),
            _ => read(self).map(Some),
        }
    }

    fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, CompiledPolicyError>,
    ) -> Result<Vec<T>, CompiledPolicyError> {
        let count = self.number()?;
        // each takes a byte at least
        if count > self.0.len() as u64 {
            return Err(cut_off());
        }
        (0..count).map(|_| read(self)).collect()
    }

    fn channels(&mut self) -> Result<Vec<ChannelKind>, CompiledPolicyError> {
        self.list(|from| from.choice(&CHANNELS))
    }

    fn halt(&mut self) -> Result<HaltCheck, CompiledPolicyError> {
        Ok(HaltCheck {
            name: self.text()?.to_string(),
            mode: self.choice(&MODES)?,
            channels: self.channels()?,
            score: self.score()?,
            hard_limit: self.float()?,
            soft_limit: self.float()?,
            window_size: self.count32()?,
            window_threshold: self.float()?,
            trend_window: self.count32()?,
            trend_threshold: self.option(From::float)?,
            trend: self.choice(&TRENDS)?,
            calibration: None,
        })
    }

    fn score(&mut self) -> Result<ScorePolicy, CompiledPolicyError> {
        Ok(ScorePolicy {
            from: self.choice(&SOURCES)?,
            at: self.option(|from| from.choice(&UNITS))?,
            hold: self.number()? != 0,
            on_error: self.choice(&ON_ERROR)?,
            on_contradicted: self.option(|from| from.choice(&ON_FINDING))?,
            on_unsupported: self.option(|from| from.choice(&ON_FINDING))?,
            deadline_ms: self.count32()?,
            on_late: self.choice(&ON_ERROR)?,
            measure: self.option(|from| from.choice(&MEASURES))?,
            blend: self.option(|from| {
                Ok(BlendPolicy {
                    bias: from.float()?,
                    weights: BlendWeights {
                        facts: from.option(From::float)?,
                        embed: from.option(From::float)?,
                        nli: from.option(From::float)?,
                        host: from.option(From::float)?,
                        logprob_mean: from.option(From::float)?,
                        logprob_min: from.option(From::float)?,
                        logprob_entropy: from.option(From::float)?,
                    },
                })
            })?,
        })
    }

    fn rule(&mut self) -> Result<TextRule, CompiledPolicyError> {
        Ok(TextRule {
            check: self.text()?.into(),
            name: self.option(|from| Ok(from.text()?.into()))?,
            action: self.choice(&ACTIONS)?,
            mode: self.choice(&MODES)?,
            hold_bytes_max: self.count32()?,
            channels: self.channels()?,
        })
    }
}
