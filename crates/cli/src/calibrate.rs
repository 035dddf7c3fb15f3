//! `tidegate calibrate`: a limit, and the weights of a blend, that keep false
//! halts rare.

use std::io::{self, Write};

use serde_json::json;
use tidegate::{
    BlendPolicy, BlendWeights, Calibration, HaltCheck, Mode, OnFinding, Policy, Score, ScorePolicy,
    Source, Unit,
};
use tidegate_score::stats::{Intervals, RESAMPLES, Sample, Samples, folds};
use tidegate_score::{Logistic, logit};

use crate::args::{self, Format};
use crate::data::{self, Data};
use crate::eval::{figure, figures, shown};
use crate::input::BadInput;
use crate::judge::{Judge, Subject};
use crate::whole_file::WholeFile;
use crate::{Failure, Outcome, curve, fragment};

/// How strongly weights are drawn to 0, against the log-loss of one answer.
const L2: f64 = 1.0;
/// How often the claims that decide are chosen again as weights are learnt.
const ROUNDS_MAX: usize = 5;

/// What is kept of an answer.
struct Answer {
    is_right: bool,
    group: usize,
    claims: Vec<Claim>,
}

/// The scores of a claim, one for each input, and what the policy makes of it.
struct Claim {
    scores: Vec<f64>,
    does: OnFinding,
}

/// How the score of a claim is made of its inputs.
enum Model {
    Alone,
    Blend(Logistic),
}

/// A limit, and how well it does.
struct Found {
    model: Model,
    limit: f64,
    /// Whether there were enough right answers to keep to the target.
    is_told: bool,
    /// Answers as they were judged while they were not used to find the limit.
    pooled: Samples,
    intervals: Intervals,
    /// All answers by what was found on all.
    all: Samples,
}

pub(crate) fn calibrate(args: &args::Calibrate) -> Result<Outcome, Failure> {
    if !(0.0..=1.0).contains(&args.false_halts) {
        let what =
            format!("`--false-halts` is `{}`: expected a share from 0 to 1", args.false_halts);
        return Err(BadInput::Usage(what).into());
    }
    for written in args.output.iter().chain(&args.data.plot) {
        let is_data = written
            .canonicalize()
            .is_ok_and(|path| args.data.data.canonicalize().is_ok_and(|data| data == path));
        if is_data {
            let what = "these are the data: they would be overwritten";
            return Err(BadInput::file(written, what).into());
        }
    }
    let output = args.output.as_deref().map(WholeFile::new).transpose()?;
    let plot = args.data.plot.as_deref().map(WholeFile::new).transpose()?;
    let subject = Subject::new(args.data.policy.as_deref())?;
    let inputs = inputs(&subject.check, &args.blend)?;
    let (answers, data) = read(args, &inputs, &subject)?;
    let found = find(args, &answers, &data)?;

    let policy = policy(args, &subject, &inputs, &found, &data);
    let text = format!("{}{}", comments(args, &found), fragment::toml(&policy));
    if let Some(plot) = plot {
        plot.write(&curve::draw(&found.pooled, found.limit)?)?;
    }
    let is_kept = output.is_some();
    if let Some(output) = output {
        output.write(&text)?;
    }
    tell(args, &found)?;
    let mut out = io::stdout().lock();
    match args.data.format {
        Format::Json => {
            let counts = found.pooled.counts();
            let Intervals { auc, balanced_accuracy, false_halts, recall } = found.intervals;
            let report = json!({
                "rows": data.rows, "right": counts.right, "wrong": counts.wrong,
                "groups": found.pooled.groups(), "data_digest": data.digest,
                "folds": args.folds, "seed": args.data.seed,
                "target": args.false_halts, "target_is_told": found.is_told,
                "hard_limit": found.limit,
                "auc": figure(found.pooled.auc(), auc),
                "balanced_accuracy": figure(counts.balanced_accuracy(), balanced_accuracy),
                "false_halts": figure(counts.false_halts(), false_halts),
                "recall": figure(counts.recall(), recall),
                "policy": text,
            });
            writeln!(out, "{report}")?;
        }
        Format::Text if !is_kept => out.write_all(text.as_bytes())?,
        Format::Text => {}
    }
    Ok(Outcome::Clean)
}

/// The checks that give the scores: the policy's own, or one for each score of
/// the blend, by name.
fn inputs(check: &HaltCheck, blend: &[String]) -> Result<Vec<(String, HaltCheck)>, BadInput> {
    if blend.is_empty() {
        return Ok(vec![(check.score.from.as_str().to_string(), check.clone())]);
    }
    let mut names: Vec<&str> = blend.iter().map(|name| name.trim()).collect();
    // in the order in which a blend sums
    names.sort_unstable();
    names.dedup();
    let input = |name: &str| {
        let weights = weights(&[(name.to_string(), 1.0)]);
        let Some(input) = weights.inputs().next() else {
            return Err(BadInput::Usage(format!("`--blend`: there is no score `{name}`")));
        };
        let measure = (input.source == Source::Logprob).then_some(input.measure);
        let mut score = ScorePolicy {
            from: input.source,
            at: Some(Unit::Claim),
            blend: None,
            measure,
            ..check.score.clone()
        };
        if input.source != Source::Facts {
            // only the finding of the facts counts in a blend
            score.on_contradicted = Some(OnFinding::Score);
            score.on_unsupported = Some(OnFinding::Score);
        }
        Ok((name.to_string(), HaltCheck { score, ..check.clone() }))
    };
    names.into_iter().map(input).collect()
}

fn weights(named: &[(String, f64)]) -> BlendWeights {
    let of = |name: &str| named.iter().find(|(known, _)| known == name).map(|(_, weight)| *weight);
    BlendWeights {
        facts: of("facts"),
        embed: of("embed"),
        nli: of("nli"),
        host: of("host"),
        logprob_mean: of("logprob.mean"),
        logprob_min: of("logprob.min"),
        logprob_entropy: of("logprob.entropy"),
    }
}

fn read(
    args: &args::Calibrate,
    inputs: &[(String, HaltCheck)],
    subject: &Subject,
) -> Result<(Vec<Answer>, Data), BadInput> {
    let facts = args.data.facts.as_deref();
    let judges = inputs.iter().map(|(_, check)| Judge::new(check, subject, facts));
    let mut judges: Vec<Judge> = judges.collect::<Result<_, _>>()?;
    let mut answers = Vec::new();
    let path = &args.data.data;
    let needs_facts = judges.iter().any(Judge::needs_facts);
    let data = data::read(&args.data, needs_facts, &mut |example| {
        let fault = |what| BadInput::file(path, format!("line {}: {what}", example.line));
        let mut claims: Vec<Claim> = Vec::new();
        for judge in &mut judges {
            let judged = judge.judge(&example).map_err(fault)?;
            for (number, scored) in judged.claims.into_iter().enumerate() {
                match claims.get_mut(number) {
                    Some(claim) => {
                        claim.scores.push(scored.score);
                        claim.does = stricter(claim.does, scored.does);
                    }
                    None => claims.push(Claim { scores: vec![scored.score], does: scored.does }),
                }
            }
        }
        answers.push(Answer { is_right: example.is_right, group: 0, claims });
        Ok(())
    })?;
    for (answer, group) in answers.iter_mut().zip(&data.groups) {
        answer.group = *group;
    }
    for (is_right, others) in [(true, "wrong"), (false, "right")] {
        if !answers.iter().any(|answer| answer.is_right == is_right) {
            let what = format!("all answers are {others}: there is nothing to tell apart");
            return Err(BadInput::file(path, what));
        }
    }
    let groups = answers.iter().map(|answer| answer.group).max().map_or(0, |last| last + 1);
    if groups < args.folds as usize {
        return Err(BadInput::file(
            path,
            format!(
                "the rows hang together in {groups} groups, by shared facts or answers: too few \
                 for {} folds; give `--columns group=…` or fewer `--folds`",
                args.folds
            ),
        ));
    }
    Ok((answers, data))
}

/// What a blend does with a claim of which two inputs say different things: one
/// without a score makes it fail.
fn stricter(a: OnFinding, b: OnFinding) -> OnFinding {
    match (a, b) {
        (OnFinding::Halt, _) | (_, OnFinding::Halt) => OnFinding::Halt,
        (OnFinding::Allow, _) | (_, OnFinding::Allow) => OnFinding::Allow,
        (OnFinding::Score, OnFinding::Score) => OnFinding::Score,
    }
}

fn find(args: &args::Calibrate, answers: &[Answer], data: &Data) -> Result<Found, BadInput> {
    let has_blend = !args.blend.is_empty();
    let learn = |chosen: &[&Answer]| -> Option<(Model, f64, bool)> {
        let model = match has_blend {
            true => Model::Blend(learn_weights(chosen)?),
            false => Model::Alone,
        };
        let samples = chosen.iter().map(|answer| model.sample(answer, 0.0)).collect();
        let (limit, is_told) = Samples::new(samples).limit_for(args.false_halts)?;
        Some((model, limit, is_told))
    };
    let path = &args.data.data;
    let groups = data.groups.iter().max().map_or(0, |last| last + 1);
    let parts = folds(groups, args.folds as usize, args.data.seed);
    let part_of = |answer: &Answer| parts.get(answer.group).copied().unwrap_or_default();
    let mut pooled = Vec::with_capacity(answers.len());
    for part in 0..args.folds as usize {
        let (test, train): (Vec<&Answer>, Vec<&Answer>) =
            answers.iter().partition(|answer| part_of(answer) == part);
        let (model, limit, _) = learn(&train).ok_or_else(|| {
            let what = "a part of the data has answers of one kind: give fewer `--folds`";
            BadInput::file(path, what)
        })?;
        // weights differ from part to part, and the scores with them
        let comparable = if has_blend { part } else { 0 };
        let sample = |answer: &&Answer| Sample { part: comparable, ..model.sample(answer, limit) };
        pooled.extend(test.iter().map(sample));
    }
    let all: Vec<&Answer> = answers.iter().collect();
    let (model, limit, is_told) =
        learn(&all).ok_or_else(|| BadInput::file(path, "no weights could be learnt"))?;
    let all = Samples::new(all.iter().map(|answer| model.sample(answer, limit)).collect());
    let pooled = Samples::new(pooled);
    let intervals = pooled.intervals(RESAMPLES, args.data.seed);
    Ok(Found { model, limit, is_told, pooled, intervals, all })
}

/// Weights by which right answers score higher. Labels are of answers and scores
/// of claims, so an answer is learnt by the claim that decides it, the one with
/// the least score by the weights so far; the first are all alike.
fn learn_weights(answers: &[&Answer]) -> Option<Logistic> {
    let width = answers.iter().flat_map(|answer| &answer.claims).next()?.scores.len();
    let mut model = Logistic { bias: 0.0, weights: vec![1.0; width] };
    let mut chosen: Vec<Vec<f64>> = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let decides = |answer: &&&Answer| {
            let held = answer.claims.iter().filter(|claim| claim.does == OnFinding::Score);
            let logits = held.map(|claim| logits(&claim.scores));
            logits.min_by(|a, b| model.predict(a).total_cmp(&model.predict(b)))
        };
        let rows = answers.iter().filter_map(|answer| Some((decides(&answer)?, answer.is_right)));
        let (next, labels): (Vec<Vec<f64>>, Vec<bool>) = rows.unzip();
        if next == chosen {
            break;
        }
        model = Logistic::fit(&next, &labels, L2)?;
        chosen = next;
    }
    Some(model)
}

fn logits(scores: &[f64]) -> Vec<f64> {
    scores.iter().map(|score| logit(*score)).collect()
}

impl Model {
    /// How the answer fares by this model and limit, as the gate has it.
    fn sample(&self, answer: &Answer, limit: f64) -> Sample {
        let mut least = 1.0f64;
        let mut is_halted = false;
        for claim in &answer.claims {
            let score = match (claim.does, self) {
                (OnFinding::Allow, _) => continue,
                (OnFinding::Halt, _) => {
                    is_halted = true;
                    0.0
                }
                (OnFinding::Score, Model::Alone) => {
                    claim.scores.first().copied().unwrap_or_default()
                }
                (OnFinding::Score, Model::Blend(blend)) => blend.predict(&logits(&claim.scores)),
            };
            least = least.min(Score::from_f64(score).map_or(0.0, Score::to_f64));
        }
        Sample {
            score: least,
            is_right: answer.is_right,
            is_halted: is_halted || least < limit,
            group: answer.group,
            part: 0,
        }
    }
}

fn policy(
    args: &args::Calibrate,
    subject: &Subject,
    inputs: &[(String, HaltCheck)],
    found: &Found,
    data: &Data,
) -> Policy {
    let counts = found.pooled.counts();
    let figure = |figure: Option<f64>| figure.unwrap_or_default();
    let auc = found.intervals.auc;
    let calibration = Calibration {
        data_digest: data.digest.clone(),
        rows: data.rows,
        folds: args.folds,
        seed: args.data.seed,
        auc: figure(found.pooled.auc()),
        auc_low: figure(auc.map(|auc| auc.low)),
        auc_high: figure(auc.map(|auc| auc.high)),
        balanced_accuracy: figure(counts.balanced_accuracy()),
        false_halts: figure(counts.false_halts()),
        recall: figure(counts.recall()),
    };
    let check = &subject.check;
    let mut score = check.score.clone();
    if let Model::Blend(blend) = &found.model {
        let names = inputs.iter().map(|(name, _)| name.clone());
        let named: Vec<(String, f64)> = names.zip(blend.weights.iter().copied()).collect();
        score.from = Source::Blend;
        score.at = None;
        score.measure = None;
        score.blend = Some(BlendPolicy { bias: blend.bias, weights: weights(&named) });
    }
    let check = HaltCheck {
        mode: Mode::Enforce,
        score,
        hard_limit: found.limit,
        soft_limit: found.limit,
        // one limit was found: the others are off
        window_threshold: 0.0,
        trend_threshold: Some(1.0),
        calibration: Some(calibration),
        ..check.clone()
    };
    let models = subject.models.seen_from(args.output.as_deref());
    Policy { halt: vec![check], models, limits: subject.limits, ..Policy::default() }
}

fn comments(args: &args::Calibrate, found: &Found) -> String {
    let counts = found.pooled.counts();
    let mut lines = vec![
        format!(
            "Found by `tidegate calibrate` on {} right and {} wrong answers.",
            counts.right, counts.wrong
        ),
        format!("The target: at most {} of right answers halted.", args.false_halts),
    ];
    lines.extend(notes(args, found));
    lines.push(format!("Measured on answers that were not used to find it, {} folds:", args.folds));
    lines
        .extend(measured(found).map(|(name, value)| format!("  {:<20}{value}", name.trim_start())));
    lines.iter().map(|line| format!("# {line}\n")).collect()
}

fn measured(found: &Found) -> impl Iterator<Item = (&'static str, String)> {
    let auc = ("auc", found.pooled.auc(), found.intervals.auc);
    let rest = figures(&found.pooled.counts(), &found.intervals);
    let rows = std::iter::once(auc).chain(rest);
    rows.map(|(name, value, interval)| (name, shown(value, interval)))
}

/// What the user should know of the target.
fn notes(args: &args::Calibrate, found: &Found) -> Vec<String> {
    let mut notes = Vec::new();
    let all = found.all.counts();
    if !found.is_told {
        notes.push(format!(
            "The target cannot be told from 0 with {} right answers: the limit halts none of them.",
            all.right
        ));
    }
    if all.false_halts().is_some_and(|share| share > args.false_halts) {
        notes.push(
            "More than that are halted by findings and missing scores, which no limit changes."
                .to_string(),
        );
    }
    notes
}

fn tell(args: &args::Calibrate, found: &Found) -> io::Result<()> {
    let mut err = io::stderr().lock();
    let recall = found.pooled.counts().recall().unwrap_or_default();
    for note in notes(args, found) {
        writeln!(err, "note: {note}")?;
    }
    for (name, value) in measured(found) {
        writeln!(err, "{:<20}{value}", name.trim_start())?;
    }
    writeln!(
        err,
        "a limit of {} leaves a recall of {recall:.4}: so many of the wrong answers are halted",
        found.limit
    )
}
