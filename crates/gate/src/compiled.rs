//! A compiled policy: made ready and kept as bytes. What runs it needs no reader of
//! policies and makes no automata.
//!
//! ```text
//! "tidegate compiled policy 1\n", a seal, then
//! policy:  as JSON, for the head of traces
//! limits:  in the order of `Limits`; what a fault of the stream does
//! halt:    count, each check that runs, in the order of its fields
//! text:    count, each rule that runs: check, its name in the library, what it does
//! sets:    count, each: its rules (count, numbers), their automata (`Rules::to_bytes`)
//! scans:   for each kind of channel the sets that enforce and that watch, from 1; 0 for none
//! ```
//!
//! All as `tidegate-saved` has it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tidegate_saved::{Damaged, Reader, Writer, sealed, unsealed};
use tidegate_text::Rules;

use crate::checks::{Checks, Scanned, Scans, Shared, TextRule};
use crate::policy::{
    BlendPolicy, BlendWeights, ChannelKind, HaltCheck, Limits, MeasureKind, Mode, OnError,
    OnFinding, ScorePolicy, Source, TextAction, TrendKind, Unit,
};

const MAGIC: &[u8] = b"tidegate compiled policy 1\n";

/// Bytes are no compiled policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledPolicyError(Damaged);

impl fmt::Display for CompiledPolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is no compiled policy: {}", self.0)
    }
}

impl std::error::Error for CompiledPolicyError {}

impl Checks {
    /// The policy compiled: as bytes, for [`Checks::from_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Shared { limits, on_fault, halt, text, scans, .. } = &*self.shared;
        let mut to = Writer::default();
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
        write_choice(&mut to, on_fault, &ON_ERROR);
        to.list(halt, write_halt);
        to.list(text, write_rule);
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
        sealed(MAGIC, &to.into_bytes())
    }

    /// A policy that [`Checks::to_bytes`] compiled. It decides the same, and no expression
    /// is read and no automaton made: it loads in milliseconds at most.
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
        read(bytes).map_err(CompiledPolicyError)
    }
}

fn read(bytes: &[u8]) -> Result<Checks, Damaged> {
    let mut from = Reader::new(unsealed(MAGIC, bytes)?);
    let json = from.text()?;
    let limits = Limits {
        choices_max: from.number32()?,
        tools_max: from.number32()?,
        event_bytes_max: from.number32()?,
        hold_bytes_max: from.number32()?,
        claim_bytes_max: from.number32()?,
        automaton_bytes_max: from.number32()?,
    };
    let on_fault = read_choice(&mut from, &ON_ERROR)?;
    let halt = from.list(1, read_halt)?;
    let text = from.list(1, read_rule)?;
    if halt.iter().any(|check| check.config().validate().is_err()) {
        return Err(Damaged("a halt check cannot be used"));
    }
    let sets = from.list(1, |from| {
        let number = |from: &mut Reader<'_>| from.below(text.len(), NO_RULE);
        let numbers: Vec<usize> = from.list(1, number)?;
        let rules = Rules::from_bytes(from.bytes()?, AUTOMATA_BYTES_MAX)?;
        Ok::<_, Damaged>(Scanned { rules: Arc::new(rules), numbers: numbers.into() })
    })?;
    let mut scans: [Scans; 4] = Default::default();
    for Scans { enforcing, shadow } in &mut scans {
        for slot in [enforcing, shadow] {
            // from 1: 0 is none
            let set = from.below(sets.len() + 1, Damaged("a set of rules is not there"))?;
            *slot = set.checked_sub(1).and_then(|set| sets.get(set)).cloned();
        }
    }
    from.end()?;
    let (json, policy) = (OnceLock::from(json.to_string()), OnceLock::new());
    let (halt, text) = (halt.into(), text.into());
    let shared = Shared { limits, on_fault, halt, text, scans, policy, json };
    Ok(Checks { shared: Arc::new(shared) })
}

/// The most that the automata of a compiled policy may take: 1 GiB, as in policies.
const AUTOMATA_BYTES_MAX: usize = 1 << 30;

const NO_RULE: Damaged = Damaged("a rule is not there");

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

/// Which of these it is.
fn write_choice<T: PartialEq>(to: &mut Writer, value: &T, all: &[T]) {
    to.number(all.iter().position(|one| one == value).unwrap_or(all.len()) as u64);
}

fn read_choice<T: Copy>(from: &mut Reader<'_>, all: &[T]) -> Result<T, Damaged> {
    let number = from.number()? as usize;
    all.get(number).copied().ok_or(Damaged("a word is not known"))
}

fn write_channels(to: &mut Writer, channels: &[ChannelKind]) {
    to.list(channels, |to, channel| write_choice(to, channel, &CHANNELS));
}

fn read_channels(from: &mut Reader<'_>) -> Result<Vec<ChannelKind>, Damaged> {
    from.list(1, |from| read_choice(from, &CHANNELS))
}

fn write_halt(to: &mut Writer, check: &HaltCheck) {
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
    to.text(name);
    write_choice(to, mode, &MODES);
    write_channels(to, channels);
    write_score(to, score);
    to.float(*hard_limit);
    to.float(*soft_limit);
    to.number(u64::from(*window_size));
    to.float(*window_threshold);
    to.number(u64::from(*trend_window));
    to.option(trend_threshold.as_ref(), |to, threshold| to.float(*threshold));
    write_choice(to, trend, &TRENDS);
}

fn read_halt(from: &mut Reader<'_>) -> Result<HaltCheck, Damaged> {
    Ok(HaltCheck {
        name: from.text()?.to_string(),
        mode: read_choice(from, &MODES)?,
        channels: read_channels(from)?,
        score: read_score(from)?,
        hard_limit: from.float()?,
        soft_limit: from.float()?,
        window_size: from.number32()?,
        window_threshold: from.float()?,
        trend_window: from.number32()?,
        trend_threshold: from.option(Reader::float)?,
        trend: read_choice(from, &TRENDS)?,
        calibration: None,
    })
}

fn write_score(to: &mut Writer, score: &ScorePolicy) {
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
    write_choice(to, from, &SOURCES);
    to.option(at.as_ref(), |to, at| write_choice(to, at, &UNITS));
    to.number(u64::from(*hold));
    write_choice(to, on_error, &ON_ERROR);
    to.option(on_contradicted.as_ref(), |to, on| write_choice(to, on, &ON_FINDING));
    to.option(on_unsupported.as_ref(), |to, on| write_choice(to, on, &ON_FINDING));
    to.number(u64::from(*deadline_ms));
    write_choice(to, on_late, &ON_ERROR);
    to.option(measure.as_ref(), |to, measure| write_choice(to, measure, &MEASURES));
    to.option(blend.as_ref(), |to, BlendPolicy { bias, weights }| {
        to.float(*bias);
        let BlendWeights { facts, embed, nli, host, logprob_mean, logprob_min, logprob_entropy } =
            weights;
        for weight in [facts, embed, nli, host, logprob_mean, logprob_min, logprob_entropy] {
            to.option(weight.as_ref(), |to, weight| to.float(*weight));
        }
    });
}

fn read_score(from: &mut Reader<'_>) -> Result<ScorePolicy, Damaged> {
    Ok(ScorePolicy {
        from: read_choice(from, &SOURCES)?,
        at: from.option(|from| read_choice(from, &UNITS))?,
        hold: from.number()? != 0,
        on_error: read_choice(from, &ON_ERROR)?,
        on_contradicted: from.option(|from| read_choice(from, &ON_FINDING))?,
        on_unsupported: from.option(|from| read_choice(from, &ON_FINDING))?,
        deadline_ms: from.number32()?,
        on_late: read_choice(from, &ON_ERROR)?,
        measure: from.option(|from| read_choice(from, &MEASURES))?,
        blend: from.option(|from| {
            Ok::<_, Damaged>(BlendPolicy {
                bias: from.float()?,
                weights: BlendWeights {
                    facts: from.option(Reader::float)?,
                    embed: from.option(Reader::float)?,
                    nli: from.option(Reader::float)?,
                    host: from.option(Reader::float)?,
                    logprob_mean: from.option(Reader::float)?,
                    logprob_min: from.option(Reader::float)?,
                    logprob_entropy: from.option(Reader::float)?,
                },
            })
        })?,
    })
}

fn write_rule(to: &mut Writer, rule: &TextRule) {
    let TextRule { check, name, action, mode, hold_bytes_max, channels } = rule;
    to.text(check);
    to.option(name.as_ref(), |to, name| to.text(name));
    write_choice(to, action, &ACTIONS);
    write_choice(to, mode, &MODES);
    to.number(u64::from(*hold_bytes_max));
    write_channels(to, channels);
}

fn read_rule(from: &mut Reader<'_>) -> Result<TextRule, Damaged> {
    Ok(TextRule {
        check: from.text()?.into(),
        name: from.option(|from| from.text().map(Arc::from))?,
        action: read_choice(from, &ACTIONS)?,
        mode: read_choice(from, &MODES)?,
        hold_bytes_max: from.number32()?,
        channels: read_channels(from)?,
    })
}
