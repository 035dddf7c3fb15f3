//! The policy: which checks run and what they do.

mod calibration;
mod score;
mod text;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_kernel::{Channel, HaltConfig, Trend};

pub use self::calibration::Calibration;
pub use self::score::{
    BlendInput, BlendPolicy, BlendWeights, EmbedModel, MeasureKind, ModelLabel, Models, NliModel,
    OnFinding, ScorePolicy, Source, Unit,
};
pub(crate) use self::text::{CheckRule, part_of};
pub use self::text::{ChecksumKind, OnOverflow, TextAction, TextCheck};
use crate::checks::Checks;
use crate::document::{Document, DocumentError, Format, line_column};

/// The version of the policy's format that this program reads.
pub const POLICY_VERSION: u32 = 1;

/// What is checked on a stream, and what follows.
///
/// Read one from TOML, YAML or JSON with [`Policy::parse`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Tidegate policy")]
pub struct Policy {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// Halt rules: each watches the scores of some channels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub halt: Vec<HaltCheck>,
    /// Text rules: text that is kept from being shown, or noted. Where several
    /// rules match at one place, the earlier wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub text: Vec<TextCheck>,
    /// The models that scores come from.
    #[serde(default, skip_serializing_if = "Models::is_empty")]
    pub models: Models,
    /// What happens when the stream itself is not as it should be.
    #[serde(default)]
    pub stream: StreamPolicy,
    /// Bounds on what a stream can make the program keep.
    #[serde(default)]
    pub limits: Limits,
}

impl Default for Policy {
    /// No checks: all text is released.
    fn default() -> Self {
        Policy {
            version: POLICY_VERSION,
            halt: Vec::new(),
            text: Vec::new(),
            models: Models::default(),
            stream: StreamPolicy::default(),
            limits: Limits::default(),
        }
    }
}

/// A check that halts a channel whose scores are too low.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = describe_older_fields)]
pub struct HaltCheck {
    /// The name by which verdicts call the check; no two checks share one.
    #[serde(default = "default_name")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_.-]+$"))]
    pub name: String,
    /// Whether the check runs, and whether it decides.
    #[serde(default)]
    pub mode: Mode,
    /// The channels it watches.
    #[serde(default = "default_channels")]
    #[schemars(length(min = 1))]
    pub channels: Vec<ChannelKind>,
    /// Where its scores come from, and when.
    #[serde(default)]
    pub score: ScorePolicy,
    /// A score below it halts.
    #[serde(default = "defaults::hard_limit")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub hard_limit: f64,
    /// A score below it warns and never halts.
    #[serde(default = "defaults::soft_limit")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub soft_limit: f64,
    /// How many of the last scores the mean is taken over.
    #[serde(default = "defaults::window_size")]
    #[schemars(range(min = 1, max = 4096))]
    pub window_size: u32,
    /// A mean below it halts.
    #[serde(default = "defaults::window_threshold")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub window_threshold: f64,
    /// How many of the last scores the drop is taken over.
    #[serde(default = "defaults::trend_window")]
    #[schemars(range(min = 2, max = 4096))]
    pub trend_window: u32,
    /// A drop above it halts; more than 0. The default is 0.15 for tokens and 1,
    /// which no drop is above, for claims: that one claim holds less well than
    /// those before it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub trend_threshold: Option<f64>,
    /// How the drop is measured.
    #[serde(default)]
    pub trend: TrendKind,
    /// How the limits were found. A record: it changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// Whether a check runs, and whether it decides.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Does not run.
    Off,
    /// Decides and records, and changes nothing.
    Shadow,
    /// Decides.
    #[default]
    Enforce,
}

/// The channels a check watches; `tool` stands for every tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// The answer itself.
    Content,
    /// What the model says to itself.
    Reasoning,
    /// The model's refusal to answer.
    Refusal,
    /// The arguments of every tool call.
    Tool,
}

impl ChannelKind {
    /// Whether this kind has the channel in it.
    #[must_use]
    pub fn contains(self, channel: Channel) -> bool {
        match channel {
            Channel::Content => self == ChannelKind::Content,
            Channel::Reasoning => self == ChannelKind::Reasoning,
            Channel::Refusal => self == ChannelKind::Refusal,
            Channel::Tool(_) => self == ChannelKind::Tool,
        }
    }
}

/// How the trend check measures the drop over its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrendKind {
    /// The first score of the window minus the last.
    #[default]
    Endpoint,
    /// The least-squares slope times minus (n - 1).
    Slope,
}

/// What something that went wrong does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It halts the stream.
    #[default]
    Halt,
    /// It is recorded, and the text may leave.
    Allow,
}

/// What happens when the stream itself is not as it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamPolicy {
    /// What an event that cannot be read, an error of the provider or text
    /// after the end does. With `allow` it is recorded and left out.
    #[serde(default)]
    pub on_fault: OnError,
}

/// Bounds on what a stream can make the program keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Answers to one request. More are a fault. Default 128; each costs its
    /// channels.
    #[serde(default = "defaults::choices_max")]
    #[schemars(range(min = 1, max = 4096))]
    pub choices_max: u32,
    /// Tool calls in one answer. More are a fault. Default 128; each costs a
    /// channel.
    #[serde(default = "defaults::tools_max")]
    #[schemars(range(min = 1, max = 4096))]
    pub tools_max: u32,
    /// Bytes of one event's data. A larger one is dropped and a fault. Default
    /// 8 MiB, kept while the event arrives.
    #[serde(default = "defaults::event_bytes_max")]
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub event_bytes_max: u32,
    /// Bytes held back on one channel. When more wait as the next text comes,
    /// the check they wait for has failed. Default 64 KiB.
    #[serde(default = "defaults::hold_bytes_max")]
    #[schemars(range(min = 16, max = 1_073_741_824))]
    pub hold_bytes_max: u32,
    /// Bytes of one claim; a longer one is cut. Default 1 KiB.
    #[serde(default = "defaults::claim_bytes_max")]
    #[schemars(range(min = 16, max = 1_048_576))]
    pub claim_bytes_max: u32,
    /// Bytes of one automaton: of one text rule, or of all that run together on
    /// a channel. Default 32 MiB, for all streams together.
    #[serde(default = "defaults::automaton_bytes_max")]
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub automaton_bytes_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            choices_max: defaults::choices_max(),
            tools_max: defaults::tools_max(),
            event_bytes_max: defaults::event_bytes_max(),
            hold_bytes_max: defaults::hold_bytes_max(),
            claim_bytes_max: defaults::claim_bytes_max(),
            automaton_bytes_max: defaults::automaton_bytes_max(),
        }
    }
}

/// Fields that older configurations carry in their halt rule for scorers of
/// their own. They are accepted so that such a configuration loads.
const OLDER_FIELDS: [&str; 6] = [
    "coherence_threshold",
    "w_logic",
    "w_fact",
    "history_window",
    "deadline_ms",
    "logit_entropy_limit",
];

fn describe_older_fields(schema: &mut schemars::Schema) {
    let properties = schema.get_mut("properties").and_then(|value| value.as_object_mut());
    let Some(properties) = properties else { return };
    for field in OLDER_FIELDS {
        let description = "Accepted for older configurations; has no effect.";
        let value = serde_json::json!({ "description": description, "deprecated": true });
        properties.insert(field.to_string(), value);
    }
}

impl Default for HaltCheck {
    fn default() -> Self {
        HaltCheck {
            name: default_name(),
            mode: Mode::default(),
            channels: default_channels(),
            score: ScorePolicy::default(),
            hard_limit: defaults::hard_limit(),
            soft_limit: defaults::soft_limit(),
            window_size: defaults::window_size(),
            window_threshold: defaults::window_threshold(),
            trend_window: defaults::trend_window(),
            trend_threshold: None,
            trend: TrendKind::default(),
            calibration: None,
        }
    }
}

fn default_name() -> String {
    "halt".to_string()
}

fn default_channels() -> Vec<ChannelKind> {
    vec![ChannelKind::Content]
}

impl HaltCheck {
    /// The check's limits, as the kernel takes them, the defaults filled in.
    #[must_use]
    pub fn config(&self) -> HaltConfig {
        HaltConfig {
            hard_limit: self.hard_limit,
            soft_limit: self.soft_limit,
            window_size: self.window_size,
            window_threshold: self.window_threshold,
            trend_window: self.trend_window,
            trend_threshold: self.trend_threshold.unwrap_or(match self.score.unit() {
                Unit::Token => HaltConfig::default().trend_threshold,
                Unit::Claim => 1.0,
            }),
            trend: match self.trend {
                TrendKind::Endpoint => Trend::Endpoint,
                TrendKind::Slope => Trend::Slope,
            },
        }
    }

    fn find_fault(&self, number: &str, models: &Models) -> Result<(), Fault> {
        let name = &self.name;
        let fault = |field, message| Fault::new(["halt", number, field], message);
        if self.channels.is_empty() {
            let message = format!("the check `{name}` watches no channel");
            return Err(fault("channels", message).help("to switch it off, say `mode = \"off\"`"));
        }
        if let Err(error) = self.config().validate() {
            return Err(fault(error.field(), error.to_string()));
        }
        self.score.find_fault(name, number, models)?;
        match &self.calibration {
            Some(calibration) => calibration.find_fault(number),
            None => Ok(()),
        }
    }

    /// Whether the check watches this channel.
    #[must_use]
    pub fn watches(&self, channel: Channel) -> bool {
        self.channels.iter().any(|kind| kind.contains(channel))
    }
}

/// What serde fills in for absent fields.
mod defaults {
    use tidegate_kernel::HaltConfig;

    macro_rules! of_the_kernel {
        ($($field:ident: $type:ty),*) => {
            $(pub(super) fn $field() -> $type {
                HaltConfig::default().$field
            })*
        };
    }
    of_the_kernel!(hard_limit: f64, soft_limit: f64, window_size: u32, window_threshold: f64,
        trend_window: u32);

    pub(super) fn choices_max() -> u32 {
        128
    }

    pub(super) fn tools_max() -> u32 {
        128
    }

    pub(super) fn event_bytes_max() -> u32 {
        8 << 20
    }

    pub(super) fn hold_bytes_max() -> u32 {
        64 << 10
    }

    pub(super) fn claim_bytes_max() -> u32 {
        1 << 10
    }

    pub(super) fn automaton_bytes_max() -> u32 {
        tidegate_text::AUTOMATON_BYTES_MAX as u32
    }
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// When the text is not in that format, when a field is unknown, missing, of
    /// a wrong type or out of range, and when two checks share a name. Nothing
    /// of a policy with an error is used.
    pub fn parse(text: &str, format: Format) -> Result<Policy, PolicyError> {
        Self::parse_with_notices(text, format).map(|(policy, _)| policy)
    }

    /// [`Policy::parse`], with what a reader of the policy should know though
    /// it is no error.
    ///
    /// # Errors
    /// Those of [`Policy::parse`].
    pub fn parse_with_notices(
        text: &str,
        format: Format,
    ) -> Result<(Policy, Vec<Notice>), PolicyError> {
        let (checks, notices) = Checks::parse_with_notices(text, format)?;
        Ok((checks.policy().clone(), notices))
    }

    /// Reads a policy and makes it ready.
    pub(crate) fn make(text: &str, format: Format) -> Result<(Checks, Vec<Notice>), PolicyError> {
        let read = || {
            let mut document = Document::parse(text, format)?;
            let mut notices = drop_older_fields(&mut document);
            let policy: Policy = document.read()?;
            let checks = policy.find_fault().and_then(|()| Checks::compile(&policy));
            let checks = checks.map_err(|fault| fault.placed_in(&document))?;
            notices.extend(policy.notices());
            notices.extend(checks.notices());
            Ok((checks, notices))
        };
        read().map_err(|error| PolicyError::placed(error, text))
    }

    /// Whether every field is in range, for a policy that was not parsed.
    ///
    /// # Errors
    /// The first fault, without a place.
    pub fn validate(&self) -> Result<(), PolicyError> {
        self.find_fault().map_err(Fault::without_place)
    }

    /// The JSON Schema of policies, generated from these types.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Policy).to_value()
    }

    pub(crate) fn find_fault(&self) -> Result<(), Fault> {
        if self.version != POLICY_VERSION {
            let message = format!("`version` is `{}`: this program reads 1", self.version);
            return Err(Fault::new(["version"], message));
        }
        for (field, value, min, max) in self.limits.ranges() {
            if !(min..=max).contains(&value) {
                let message =
                    format!("`{field}` is `{value}`: expected a whole number from {min} to {max}");
                return Err(Fault::new(["limits", field], message));
            }
        }
        let Limits { hold_bytes_max, claim_bytes_max, .. } = self.limits;
        if hold_bytes_max < claim_bytes_max {
            let message = format!(
                "`hold_bytes_max` is `{hold_bytes_max}`: less than one claim, `claim_bytes_max` is `{claim_bytes_max}`",
            );
            return Err(Fault::new(["limits", "hold_bytes_max"], message));
        }
        self.models.find_fault()?;
        self.find_fault_of_names()?;
        for (number, check) in self.halt.iter().enumerate() {
            check.find_fault(&number.to_string(), &self.models)?;
        }
        for (number, check) in self.text.iter().enumerate() {
            check.find_fault(&number.to_string(), &self.limits)?;
        }
        Ok(())
    }

    /// Verdicts call checks by their names.
    fn find_fault_of_names(&self) -> Result<(), Fault> {
        let halt = self.halt.iter().map(|check| &check.name).enumerate();
        let text = self.text.iter().map(|check| &check.name).enumerate();
        let named = halt.map(|(number, name)| ("halt", number, name));
        let named = named.chain(text.map(|(number, name)| ("text", number, name)));
        let mut known = BTreeSet::new();
        for (kind, number, name) in named {
            let fault = |message| Fault::new([kind, &number.to_string(), "name"], message);
            if !is_name(name) {
                let message = format!("`{}` cannot name a check", shorten(name));
                let help =
                    "a name has 1 to 64 letters, digits, `_`, `-` or `.`, and is not `stream`";
                return Err(fault(message).help(help));
            }
            if !known.insert(name) {
                let message = format!("two checks are named `{name}`");
                return Err(fault(message).help("give this one a `name` of its own"));
            }
        }
        Ok(())
    }

    fn notices(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        let enforces = |mode| mode == Mode::Enforce;
        let changes = |check: &TextCheck| check.action != TextAction::Flag;
        if !self.halt.iter().any(|check| enforces(check.mode))
            && !self.text.iter().any(|check| enforces(check.mode) && changes(check))
        {
            let message = "no check enforces: all text will be released";
            notices.push(Notice { message: message.to_string() });
        }
        notices
    }

    /// The halt checks that run, in the order of the policy.
    pub(crate) fn running(&self) -> Arc<[HaltCheck]> {
        self.halt.iter().filter(|check| check.mode != Mode::Off).cloned().collect()
    }
}

impl Limits {
    /// Every field with the range that its schema states.
    fn ranges(&self) -> [(&'static str, u32, u32, u32); 6] {
        [
            ("choices_max", self.choices_max, 1, 4096),
            ("tools_max", self.tools_max, 1, 4096),
            ("event_bytes_max", self.event_bytes_max, 1024, 1 << 30),
            ("hold_bytes_max", self.hold_bytes_max, 16, 1 << 30),
            ("claim_bytes_max", self.claim_bytes_max, 16, 1 << 20),
            ("automaton_bytes_max", self.automaton_bytes_max, 1024, 1 << 30),
        ]
    }
}

fn drop_older_fields(document: &mut Document) -> Vec<Notice> {
    let mut notices = Vec::new();
    for field in OLDER_FIELDS {
        if document.remove_from_each("halt", field) {
            let message =
                format!("`{field}` is a scorer's field of older configurations: it has no effect");
            notices.push(Notice { message });
        }
    }
    notices
}

/// `stream` is how verdicts call what is wrong with the stream itself.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed) && name != "stream"
}

pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

/// A field whose value cannot be used, by its path.
pub(crate) struct Fault {
    path: Vec<String>,
    message: String,
    help: Option<String>,
}

impl Fault {
    pub(crate) fn new<const N: usize>(path: [&str; N], message: String) -> Fault {
        Fault { path: path.map(str::to_string).to_vec(), message, help: None }
    }

    pub(crate) fn help(self, help: &str) -> Fault {
        Fault { help: Some(help.to_string()), ..self }
    }

    pub(crate) fn without_place(self) -> PolicyError {
        PolicyError { message: self.message, help: self.help, place: None }
    }

    fn placed_in(self, document: &Document) -> DocumentError {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        DocumentError::new(self.message, document.span_of(&path), self.help)
    }
}

/// Something a reader of the policy should know, though it is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub(crate) message: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A policy cannot be used. If it was parsed, the error knows the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    message: String,
    help: Option<String>,
    place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    span: Range<usize>,
    line: usize,
    column: usize,
}

impl PolicyError {
    fn placed(error: DocumentError, text: &str) -> PolicyError {
        let span = error.span();
        let (line, column) = line_column(text, span.start);
        PolicyError {
            message: error.message().to_string(),
            help: error.help().map(str::to_string),
            place: Some(Place { span, line, column }),
        }
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where, in bytes of the text.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.place.as_ref().map(|place| place.span.clone())
    }

    /// The line and the column, in characters, both from 1.
    #[must_use]
    pub fn line_column(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }

    /// What to do about it, where that can be said.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// With line and column, from 1, and without the help:
/// ``3:1: unknown field `hard_limt` ``.
impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column, .. }) = &self.place {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for PolicyError {}
