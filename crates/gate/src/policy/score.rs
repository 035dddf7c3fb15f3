use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_score::{Blend, Finding, Measure, ScoreError};

use super::{Fault, OnError};

/// Where a check's scores come from, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScorePolicy {
    /// Who gives the scores.
    #[serde(default)]
    pub from: Source,
    /// What is scored. The default is `token` for `host` and `logprob` and
    /// `claim` for the others, which score nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Unit>,
    /// Whether a claim is held until it is scored. If not, a claim leaves as it
    /// comes and only the next one waits: a wrong claim is seen, nothing after it.
    #[serde(default = "defaults::hold")]
    pub hold: bool,
    /// What a missing score, one that is no number from 0 to 1, or a scorer
    /// that fails does.
    #[serde(default)]
    pub on_error: OnError,
    /// What a claim does that the facts contradict, if the scorer finds it so.
    /// For claims only; the default is `score`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_contradicted: Option<OnFinding>,
    /// What a claim does that the facts do not speak to, if the scorer finds it
    /// so. For claims only; the default is `allow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unsupported: Option<OnFinding>,
    /// How long a claim may wait for its score, in milliseconds from when it was
    /// asked for. Default 5000. Whoever drives the gate has the clock.
    #[serde(default = "defaults::deadline_ms")]
    #[schemars(range(min = 1, max = 600_000))]
    pub deadline_ms: u32,
    /// What a score that has not come by then does.
    #[serde(default)]
    pub on_late: OnError,
    /// What is made of logprobs. For `logprob` only; the default is `mean`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<MeasureKind>,
    /// What is blended, and how. For `blend`, and needed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blend: Option<BlendPolicy>,
}

impl Default for ScorePolicy {
    fn default() -> Self {
        ScorePolicy {
            from: Source::default(),
            at: None,
            hold: defaults::hold(),
            on_error: OnError::default(),
            on_contradicted: None,
            on_unsupported: None,
            deadline_ms: defaults::deadline_ms(),
            on_late: OnError::default(),
            measure: None,
            blend: None,
        }
    }
}

mod defaults {
    pub(super) fn hold() -> bool {
        true
    }

    pub(super) fn deadline_ms() -> u32 {
        5000
    }
}

impl ScorePolicy {
    /// What is scored, the default filled in.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self.at {
            Some(unit) => unit,
            None if self.from.scores_tokens() => Unit::Token,
            None => Unit::Claim,
        }
    }

    /// What an answer with this finding does, the defaults filled in. One
    /// without a finding, or whose claim is supported, goes by its score, and so
    /// does every token.
    #[must_use]
    pub fn on_finding(&self, finding: Option<Finding>) -> OnFinding {
        match finding {
            _ if self.unit() == Unit::Token => OnFinding::Score,
            None | Some(Finding::Supported) => OnFinding::Score,
            Some(Finding::Contradicted) => self.on_contradicted.unwrap_or(OnFinding::Score),
            Some(Finding::Unsupported) => self.on_unsupported.unwrap_or(OnFinding::Allow),
        }
    }

    /// What it does that there is no score, for this reason.
    #[must_use]
    pub fn on_score_error(&self, error: &ScoreError) -> OnError {
        match error {
            ScoreError::Late => self.on_late,
            _ => self.on_error,
        }
    }

    /// What is made of logprobs, the default filled in.
    #[must_use]
    pub fn measure(&self) -> MeasureKind {
        self.measure.unwrap_or_default()
    }

    pub(super) fn find_fault(
        &self,
        name: &str,
        number: &str,
        models: &Models,
    ) -> Result<(), Fault> {
        let fault = |field, message| Fault::new(["halt", number, "score", field], message);
        let source = self.from.as_str();
        let tokens = self.unit() == Unit::Token;
        if !self.from.scores_tokens() && tokens {
            let message = format!("`{source}` scores claims, not tokens");
            return Err(fault("at", message).help("leave `at` out, or say `at = \"claim\"`"));
        }
        if !self.hold && tokens {
            let message = "`hold` cannot be false for tokens".to_string();
            let help = "a token leaves when its score is known; to show text before, score claims";
            return Err(fault("hold", message).help(help));
        }
        for (field, given) in
            [("on_contradicted", self.on_contradicted), ("on_unsupported", self.on_unsupported)]
        {
            if given.is_some() && tokens {
                let message = format!("`{field}` is for claims, and this check scores tokens");
                return Err(fault(field, message).help("leave it out, or say `at = \"claim\"`"));
            }
        }
        if !(1..=600_000).contains(&self.deadline_ms) {
            let message = format!(
                "`deadline_ms` is `{}`: expected a whole number from 1 to 600000",
                self.deadline_ms
            );
            return Err(fault("deadline_ms", message));
        }
        if self.measure.is_some() && self.from != Source::Logprob {
            let message = format!("`measure` is for `logprob`, and the scores are from `{source}`");
            return Err(fault("measure", message));
        }
        match (&self.blend, self.from) {
            (None, Source::Blend) => {
                let message = format!("the check `{name}` does not say what it blends");
                let help = "say `blend = { bias = 0.0, weights = { facts = 1.0 } }`";
                return Err(fault("from", message).help(help));
            }
            (Some(blend), Source::Blend) => blend.find_fault(number)?,
            (Some(_), _) => {
                let message = format!("`blend` is for `blend`, and the scores are from `{source}`");
                return Err(fault("blend", message).help("say `from = \"blend\"`"));
            }
            (None, _) => {}
        }
        for model in [Source::Embed, Source::Nli] {
            if self.takes(model) && !models.has(model) {
                let model = model.as_str();
                let message = format!(
                    "the check `{name}` takes its scores from `{model}`, and there is no `[models.{model}]`"
                );
                let help = format!("say `[models.{model}]` and `path = \"…\"`, the model's folder");
                return Err(fault("from", message).help(&help));
            }
        }
        Ok(())
    }

    /// Whether the scores are from this source, or are blended of such.
    #[must_use]
    pub fn takes(&self, source: Source) -> bool {
        let mut inputs = self.blend.iter().flat_map(|blend| blend.weights.inputs());
        self.from == source || inputs.any(|input| input.source == source)
    }
}

/// Who gives the scores.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The program that drives the gate.
    #[default]
    Host,
    /// The stream's own logprobs.
    Logprob,
    /// A comparison with facts.
    Facts,
    /// A comparison with facts by a model of sentences, `models.embed`.
    Embed,
    /// What a model of inference, `models.nli`, says of the claim and the facts.
    Nli,
    /// Several of the others, weighted.
    Blend,
}

impl Source {
    /// The name used in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Host => "host",
            Source::Logprob => "logprob",
            Source::Facts => "facts",
            Source::Embed => "embed",
            Source::Nli => "nli",
            Source::Blend => "blend",
        }
    }

    /// Whether it can score tokens, and does unless the policy says `claim`.
    fn scores_tokens(self) -> bool {
        matches!(self, Source::Host | Source::Logprob)
    }
}

/// What is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Each token, as whoever scores it cuts the text.
    Token,
    /// Each claim: a sentence or line, found in the text.
    Claim,
}

/// What a finding does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFinding {
    /// The claim's score is held to the limits, like any other.
    Score,
    /// It halts the stream, whatever the score.
    Halt,
    /// The claim passes, whatever the score, and is recorded. The limits never
    /// see its score, so that it is in no mean and no drop and does not warn.
    Allow,
}

/// What is made of the logprobs of a claim's tokens.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MeasureKind {
    /// The geometric mean of the tokens' probabilities; of one token, its
    /// probability.
    #[default]
    Mean,
    /// The least of the tokens' probabilities; of one token, its probability.
    Min,
    /// exp(-H), where H is the mean of the entropies, in nats, of the
    /// alternatives that the stream lists for each token; it must list two or
    /// more.
    Entropy,
}

impl From<MeasureKind> for Measure {
    fn from(measure: MeasureKind) -> Self {
        match measure {
            MeasureKind::Mean => Measure::Mean,
            MeasureKind::Min => Measure::Min,
            MeasureKind::Entropy => Measure::Entropy,
        }
    }
}

/// How several scores become one: logistic(bias + Σ weight · logit(score)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlendPolicy {
    /// What is added to the sum.
    #[serde(default)]
    #[schemars(range(min = -1000.0, max = 1000.0))]
    pub bias: f64,
    /// What is blended: at least one score, with its weight.
    pub weights: BlendWeights,
}

/// The weight of each score of a blend; what has none is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlendWeights {
    /// Of the comparison with facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1000.0, max = 1000.0))]
    pub facts: Option<f64>,
    /// Of the comparison by `models.embed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1000.0, max = 1000.0))]
    pub embed: Option<f64>,
    /// Of what `models.nli` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1000.0, max = 1000.0))]
    pub nli: Option<f64>,
    /// Of the score that the program gives that drives the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1000.0, max = 1000.0))]
    pub host: Option<f64>,
    /// Of the geometric mean of the tokens' probabilities.
    #[serde(rename = "logprob.mean", default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1000.0, max = 1000.0))]
    pub logprob_mean: Option<f64>,
    /// Of the least of the tokens' probabilities.
    #[serde(rename = "logprob.min", default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1000.0, max = 1000.0))]
    pub logprob_min: Option<f64>,
    /// Of the tokens' entropies.
    #[serde(rename = "logprob.entropy", default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1000.0, max = 1000.0))]
    pub logprob_entropy: Option<f64>,
}

/// One score of a blend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlendInput {
    /// The name used in policies.
    pub name: &'static str,
    /// Who gives it.
    pub source: Source,
    /// What is made of logprobs, for a score that is made of them.
    pub measure: MeasureKind,
    /// Its weight.
    pub weight: f64,
}

impl BlendWeights {
    /// The scores that are blended.
    pub fn inputs(&self) -> impl Iterator<Item = BlendInput> + use<> {
        use MeasureKind::{Entropy, Mean, Min};
        let inputs = [
            ("facts", Source::Facts, Mean, self.facts),
            ("embed", Source::Embed, Mean, self.embed),
            ("nli", Source::Nli, Mean, self.nli),
            ("host", Source::Host, Mean, self.host),
            ("logprob.mean", Source::Logprob, Mean, self.logprob_mean),
            ("logprob.min", Source::Logprob, Min, self.logprob_min),
            ("logprob.entropy", Source::Logprob, Entropy, self.logprob_entropy),
        ];
        inputs.into_iter().filter_map(|(name, source, measure, weight)| {
            Some(BlendInput { name, source, measure, weight: weight? })
        })
    }
}

impl BlendPolicy {
    /// The blend, as the scorer takes it.
    #[must_use]
    pub fn blend(&self) -> Blend {
        let weights = self.weights.inputs();
        let weights = weights.map(|input| (input.name.to_string(), input.weight)).collect();
        Blend { bias: self.bias, weights }
    }

    fn find_fault(&self, number: &str) -> Result<(), Fault> {
        let in_range = |value: &f64| (-1000.0..=1000.0).contains(value);
        let message = |field: &str, value: f64| {
            format!("`{field}` is `{value}`: expected a number from -1000 to 1000")
        };
        if !in_range(&self.bias) {
            let path = ["halt", number, "score", "blend", "bias"];
            return Err(Fault::new(path, message("bias", self.bias)));
        }
        let path = ["halt", number, "score", "blend", "weights"];
        if self.weights.inputs().next().is_none() {
            return Err(Fault::new(path, "a blend of no scores".to_string()));
        }
        let bad = self.weights.inputs().find(|input| !in_range(&input.weight));
        bad.map_or(Ok(()), |BlendInput { name, weight, .. }| {
            let [halt, number, score, blend, weights] = path;
            let path = [halt, number, score, blend, weights, name];
            Err(Fault::new(path, message(name, weight)))
        })
    }
}

/// The models that scores come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// A model of sentences, for checks that score by `embed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embed: Option<EmbedModel>,
    /// A model of inference, for checks that score by `nli`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nli: Option<NliModel>,
}

/// A model of sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbedModel {
    /// The folder with its `config.json`, `tokenizer.json` and
    /// `model.safetensors`; relative to the policy's own folder.
    #[schemars(length(min = 1))]
    pub path: String,
}

/// A model that says whether one text follows from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NliModel {
    /// The folder with its `config.json`, `tokenizer.json` and
    /// `model.safetensors`; relative to the policy's own folder.
    #[schemars(length(min = 1))]
    pub path: String,
    /// What its outputs mean, in order, for a model that does not say so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 3))]
    pub labels: Option<Vec<ModelLabel>>,
}

/// What an output of a model of inference means.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ModelLabel {
    /// The claim follows from the passage.
    Entailment,
    /// It neither follows from it nor contradicts it.
    Neutral,
    /// It contradicts it.
    Contradiction,
    /// It does not follow from it.
    NotEntailment,
}

impl ModelLabel {
    /// The name used in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ModelLabel::Entailment => "entailment",
            ModelLabel::Neutral => "neutral",
            ModelLabel::Contradiction => "contradiction",
            ModelLabel::NotEntailment => "not_entailment",
        }
    }
}

impl Models {
    pub(super) fn is_empty(&self) -> bool {
        *self == Models::default()
    }

    fn has(&self, source: Source) -> bool {
        match source {
            Source::Embed => self.embed.is_some(),
            Source::Nli => self.nli.is_some(),
            _ => false,
        }
    }

    pub(super) fn find_fault(&self) -> Result<(), Fault> {
        let embed = self.embed.iter().map(|model| ("embed", &model.path));
        let nli = self.nli.iter().map(|model| ("nli", &model.path));
        for (model, path) in embed.chain(nli) {
            if path.is_empty() {
                let message = "`path` names no folder".to_string();
                return Err(Fault::new(["models", model, "path"], message));
            }
        }
        let Some(labels) = self.nli.as_ref().and_then(|model| model.labels.as_ref()) else {
            return Ok(());
        };
        let fault = |message| Err(Fault::new(["models", "nli", "labels"], message));
        let known: BTreeSet<&ModelLabel> = labels.iter().collect();
        if !(2..=3).contains(&labels.len()) {
            return fault(format!("`labels` has {} names: expected 2 or 3", labels.len()));
        }
        if known.len() < labels.len() {
            return fault("`labels` has a name twice".to_string());
        }
        if !known.contains(&ModelLabel::Entailment) {
            return fault("`labels` lacks `entailment`".to_string());
        }
        Ok(())
    }
}
