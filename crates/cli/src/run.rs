//! `tidegate run`: a stream through the gate.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidegate::{
    Cause, Channel, Checks, Driver, Event, HaltCheck, Halted, Mode, Policy, Record, ReleasedToken,
    ScorePolicy, Source, StreamDriver, TextAction, Turn,
};
use tidegate_score::{Evidence, FactsScorer, Finding};

use crate::args::{self, Format};
use crate::flight::{self, Stopped};
use crate::input::{self, BadInput};
use crate::json::JsonView;
use crate::models::Loaded;
use crate::plot::{self, Point};
use crate::scorers::{Column, Materials, SLOW, Slow, slow_scorers};
use crate::text::TextView;
use crate::view::{Decision, Judged, Summary, View};
use crate::{Failure, Outcome};

/// Points kept for the plot; a picture cannot show more.
const POINTS_MAX: usize = 20_000;

/// Text that came on a channel and has not left.
#[derive(Default)]
struct Held {
    /// Where it begins in the channel's text, in bytes.
    start: u64,
    text: String,
}

/// A claim that was scored, until it is judged.
struct Answered {
    text: String,
    evidence: Option<Evidence>,
}

/// A claim, by choice, channel, check and number.
type Claimed = (u32, Channel, String, u64);

struct Watch<'a> {
    policy: &'a Policy,
    view: Box<dyn View>,
    trace: Option<BufWriter<File>>,
    held: BTreeMap<(u32, Channel), Held>,
    /// Claims are judged in the order of the text, and scored in any.
    answered: BTreeMap<Claimed, Answered>,
    points: Vec<Point>,
    summary: Summary,
    delay: Duration,
}

pub(crate) fn run(args: &args::Run) -> Result<Outcome, Failure> {
    let (checks, notices) = match &args.policy {
        Some(path) => input::checks(path)?,
        None => facts_alone()?,
    };
    let policy = checks.policy();
    if args.format == Format::Text {
        let mut err = io::stderr().lock();
        if args.policy.is_none() {
            writeln!(err, "note: no policy: one check compares claims with the facts")?;
        }
        for notice in notices {
            writeln!(err, "note: {notice}")?;
        }
    }
    let scores = args.scores.as_deref().map(input::scores).transpose()?.map(Column::new);
    let (driver, slow) = driver(args, &checks, scores.as_ref())?;
    let mut stream = StreamDriver::new(args.framing.into(), driver);
    let bytes = input::open(&args.file)?;
    let mut watch = Watch {
        policy,
        view: match args.format {
            Format::Text => Box::new(TextView::new()),
            Format::Json => Box::new(JsonView::new()),
        },
        trace: None,
        held: BTreeMap::new(),
        answered: BTreeMap::new(),
        points: Vec::new(),
        summary: Summary::default(),
        delay: Duration::from_millis(args.delay_ms),
    };
    if let Some(path) = &args.trace {
        let file = File::create(path).map_err(|error| BadInput::file(path, error))?;
        let mut file = BufWriter::new(file);
        writeln!(file, "{}", Record::head(policy).to_json())?;
        watch.trace = Some(file);
    }

    let driven = flight::drive(&mut stream, bytes, slow, &mut |turn| watch.show(turn));
    driven.map_err(|stopped| match stopped {
        Stopped::Input(error) => BadInput::file(&args.file, error).into(),
        Stopped::Output(error) => Failure::Output(error),
    })?;

    watch.summary.scores_left = scores.map_or(0, |scores| scores.remaining());
    watch.view.end(&watch.summary)?;
    if let Some(mut trace) = watch.trace {
        trace.flush()?;
    }
    if let Some(path) = &args.plot {
        plot::draw(path, policy, &watch.points).map_err(|error| BadInput::file(path, error))?;
    }
    Ok(if watch.summary.halts > 0 { Outcome::Halted } else { Outcome::Clean })
}

/// Without a policy: one check of the answer's claims by the facts, with the
/// defaults.
fn facts_alone() -> Result<(Checks, Vec<tidegate::Notice>), BadInput> {
    let score = ScorePolicy { from: Source::Facts, ..ScorePolicy::default() };
    let check = HaltCheck { name: "facts".to_string(), score, ..HaltCheck::default() };
    let policy = Policy { halt: vec![check], ..Policy::default() };
    let checks = Checks::new(&policy).map_err(|error| BadInput::Usage(error.to_string()))?;
    Ok((checks, Vec::new()))
}

/// The driver with its scorers and those that it defers to, once every check has
/// what it needs.
fn driver(
    args: &args::Run,
    checks: &Checks,
    scores: Option<&Column>,
) -> Result<(Driver, Vec<Slow>), BadInput> {
    let mut driver = checks.driver();
    if args.trace.is_some() {
        driver.record();
    }
    let facts = args.facts.as_deref().map(input::facts).transpose()?.map(Arc::new);
    let folder = args.policy.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let (policy, facts) = (checks.policy(), facts.as_ref());
    let models = &Loaded::new(&policy.models, folder);
    let slow = slow_scorers(&Materials { policy, models, facts, scores })?;
    for source in SLOW {
        driver.defer(source);
    }
    if let Some(facts) = facts {
        driver.set_scorer(Source::Facts, FactsScorer::new(facts.clone()));
    }
    if let Some(scores) = scores {
        driver.set_scorer(Source::Host, scores.clone());
    }
    driver.ready().map_err(|error| {
        let flag = if error.source() == Source::Facts { "--facts" } else { "--scores" };
        BadInput::Usage(format!("{error}: give {flag}"))
    })?;
    Ok((driver, slow))
}

impl Watch<'_> {
    fn show(&mut self, Turn { step, cause, tokens }: Turn<'_>) -> io::Result<()> {
        if let Some(trace) = &mut self.trace {
            for record in step.records() {
                writeln!(trace, "{}", record.to_json())?;
            }
        }
        if let Cause::Delta { choice, channel, text } = cause {
            self.held.entry((choice, channel)).or_default().text.push_str(text);
        }
        for release in step.releases() {
            if let Some(held) = self.held.get_mut(&(release.choice, release.channel)) {
                held.let_go(release.span.end);
            }
            self.summary.released_bytes += release.text.len() as u64;
            let tokens: Vec<&ReleasedToken> = tokens
                .iter()
                .filter(|token| (token.choice, token.channel) == (release.choice, release.channel))
                .filter(|token| {
                    release.span.start < token.span.end && token.span.end <= release.span.end
                })
                .collect();
            self.view.release(&release, &tokens)?;
        }
        if let Cause::Claim { request, scored } = cause {
            let evidence = scored.as_ref().ok().and_then(|scored| scored.evidence.clone());
            let answered = Answered { text: request.text.clone(), evidence };
            let check = request.check.to_string();
            let claim = (request.choice, request.channel, check, request.index);
            self.answered.insert(claim, answered);
        }
        for event in step.events() {
            match event {
                Event::Passed(passed) => {
                    let check = passed.check.to_string();
                    let claim = (passed.choice, passed.channel, check, passed.index);
                    let evidence = self.answered.remove(&claim).and_then(|claim| claim.evidence);
                    self.summary.scores += 1;
                    self.summary.warnings += u64::from(passed.warn);
                    match passed.finding {
                        Some(Finding::Contradicted) => self.summary.contradicted += 1,
                        Some(Finding::Unsupported) => self.summary.unsupported += 1,
                        Some(Finding::Supported) | None => {}
                    }
                    self.note_point(
                        &passed.check,
                        passed.choice,
                        Some(passed.score.to_f64()),
                        None,
                    );
                    let evidence =
                        evidence.map(|evidence| self.fit_to_show(evidence, passed.channel));
                    self.view.scored(&Judged { passed, evidence: evidence.as_ref() })?;
                }
                Event::Matched(matched) => {
                    self.summary.matches += 1;
                    self.view.matched(matched)?;
                }
                Event::Shadow(halted) => {
                    self.decided("shadow", halted)?;
                    self.forget_answers(halted);
                }
                Event::Allowed(halted) => {
                    self.decided("allowed", halted)?;
                    if halted.code == "hold_overflow" {
                        self.forget_answers(halted);
                    }
                }
                Event::Halted(halted) => {
                    self.summary.halts += 1;
                    self.decided("halt", halted)?;
                    self.answered.retain(|(choice, ..), _| *choice != halted.choice);
                }
            }
        }
        if !self.delay.is_zero() && matches!(cause, Cause::Delta { .. }) {
            std::thread::sleep(self.delay);
        }
        Ok(())
    }

    /// What a check has let go of on a channel is not judged any more.
    fn forget_answers(&mut self, halted: &Halted) {
        self.answered.retain(|(choice, channel, check, _), _| {
            (*choice, Some(*channel), check) != (halted.choice, halted.channel, &halted.check)
        });
    }

    fn decided(&mut self, kind: &'static str, halted: &Halted) -> io::Result<()> {
        if kind != "allowed" {
            // a mean or a drop is no score: only what was scored low has a point
            let of_one = ["hard_limit", "contradicted", "unsupported"];
            let score = halted.value.filter(|_| of_one.contains(&&*halted.code));
            let why = Some((kind, halted.reason.clone()));
            self.note_point(&halted.check, halted.choice, score, why);
        }
        let of_check = |check: &&tidegate::HaltCheck| check.name == halted.check;
        let check = self.policy.halt.iter().find(of_check);
        let of_choice = |(choice, _): &&(u32, Channel)| *choice == halted.choice;
        let waiting = self.held.iter().filter(|(key, _)| of_choice(key));
        let withheld_bytes = waiting.map(|(_, held)| held.text.len() as u64).sum();
        let claim = halted.channel.zip(halted.index).and_then(|(channel, index)| {
            self.answered.remove(&(halted.choice, channel, halted.check.clone(), index))
        });
        let held = halted.channel.and_then(|channel| self.held.get(&(halted.choice, channel)));
        // what text rules may keep from being shown is not shown here
        let hides = halted.channel.is_some_and(|channel| self.hides(channel));
        let text = match (&claim, held, halted.start, halted.end) {
            _ if hides => None,
            (Some(claim), ..) => Some(claim.text.as_str()),
            (None, Some(held), Some(start), Some(end)) if check.is_some() => held.slice(start, end),
            _ => None,
        };
        let evidence = claim.as_ref().and_then(|claim| claim.evidence.clone());
        let evidence = evidence.zip(halted.channel);
        let evidence = evidence.map(|(evidence, channel)| self.fit_to_show(evidence, channel));
        let evidence = evidence.as_ref();
        let unit = check.map(|check| check.score.unit());
        self.view.decided(&Decision { kind, halted, unit, text, evidence, withheld_bytes })
    }

    /// Whether text rules keep text of the channel from being shown.
    fn hides(&self, channel: Channel) -> bool {
        self.policy.text.iter().any(|check| {
            check.mode == Mode::Enforce
                && check.action != TextAction::Flag
                && check.watches(channel)
        })
    }

    /// The evidence, without words of a claim that may be hidden.
    fn fit_to_show(&self, mut evidence: Evidence, channel: Channel) -> Evidence {
        if self.hides(channel) {
            evidence.unmatched.clear();
        }
        evidence
    }

    fn note_point(
        &mut self,
        check: &str,
        choice: u32,
        score: Option<f64>,
        halt: Option<(&'static str, String)>,
    ) {
        if self.points.len() < POINTS_MAX {
            self.points.push(Point { check: check.to_string(), choice, score, halt });
        }
    }
}

impl Held {
    /// Text up to here has left, or was masked.
    fn let_go(&mut self, to: u64) {
        let bytes = to.saturating_sub(self.start).min(self.text.len() as u64);
        self.text.drain(..bytes as usize);
        self.start += bytes;
    }

    fn slice(&self, start: u64, end: u64) -> Option<&str> {
        let start = start.checked_sub(self.start)? as usize;
        let end = end.checked_sub(self.start)? as usize;
        self.text.get(start..end.min(self.text.len()))
    }
}
