//! `tidegate run`: a stream through the gate.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use tidegate::{
    Cause, Channel, Checks, Driver, Event, Halted, Mode, Policy, Record, ReleasedToken, Source,
    StreamDriver, TextAction, Turn,
};
use tidegate_score::{Claim, Evidence, FactsScorer, HostScores, ScoreError, Scored, Scorer};

use crate::args::{self, Format};
use crate::input::{self, BadInput};
use crate::json::JsonView;
use crate::plot::{self, Point};
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

struct Watch<'a> {
    policy: &'a Policy,
    view: Box<dyn View>,
    trace: Option<BufWriter<File>>,
    held: BTreeMap<(u32, Channel), Held>,
    points: Vec<Point>,
    summary: Summary,
    delay: Duration,
}

pub(crate) fn run(args: &args::Run) -> Result<Outcome, Failure> {
    let (checks, notices) = input::checks(&args.policy)?;
    let policy = checks.policy();
    if args.format == Format::Text {
        let mut err = io::stderr().lock();
        for notice in notices {
            writeln!(err, "note: {notice}")?;
        }
    }
    let scores = args.scores.as_deref().map(input::scores).transpose()?;
    let scores = scores.map(|scores| Column(Rc::new(RefCell::new(scores))));
    let driver = driver(args, &checks, scores.clone())?;
    let mut stream = StreamDriver::new(args.framing.into(), policy, driver);
    let mut bytes = input::open(&args.file)?;
    let mut watch = Watch {
        policy,
        view: match args.format {
            Format::Text => Box::new(TextView::new()),
            Format::Json => Box::new(JsonView::new()),
        },
        trace: None,
        held: BTreeMap::new(),
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

    let mut buffer = vec![0; 64 << 10];
    let mut failed: io::Result<()> = Ok(());
    loop {
        let read = match bytes.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(BadInput::file(&args.file, error).into()),
        };
        let piece = buffer.get(..read).unwrap_or_default();
        stream.push(piece, &mut |turn| watch.turn(turn, &mut failed));
        std::mem::replace(&mut failed, Ok(()))?;
    }
    stream.finish(&mut |turn| watch.turn(turn, &mut failed));
    failed?;

    watch.summary.scores_left = scores.map_or(0, |scores| scores.0.borrow().remaining());
    watch.view.end(&watch.summary)?;
    if let Some(mut trace) = watch.trace {
        trace.flush()?;
    }
    if let Some(path) = &args.plot {
        plot::draw(path, policy, &watch.points).map_err(|error| BadInput::file(path, error))?;
    }
    Ok(if watch.summary.halts > 0 { Outcome::Halted } else { Outcome::Clean })
}

/// The driver with its scorers, once every check has what it needs.
fn driver(args: &args::Run, checks: &Checks, scores: Option<Column>) -> Result<Driver, BadInput> {
    let mut driver = checks.driver();
    if args.trace.is_some() {
        driver.record();
    }
    if let Some(path) = &args.facts {
        driver.set_scorer(Source::Facts, FactsScorer::new(input::facts(path)?));
    }
    if let Some(scores) = scores {
        driver.set_scorer(Source::Host, scores);
    }
    driver.ready().map_err(|error| {
        let flag = if error.source() == Source::Facts { "--facts" } else { "--scores" };
        BadInput::Usage(format!("{error}: give {flag}"))
    })?;
    Ok(driver)
}

impl Watch<'_> {
    fn turn(&mut self, turn: Turn<'_>, failed: &mut io::Result<()>) {
        if failed.is_ok() {
            *failed = self.show(turn);
        }
    }

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
        let (claim, evidence) = match cause {
            Cause::Claim { request, scored } => {
                let scored: Option<&Scored> = scored.as_ref().ok();
                (Some(request), scored.and_then(|scored| scored.evidence.as_ref()))
            }
            _ => (None, None),
        };
        for event in step.events() {
            match event {
                Event::Passed(passed) => {
                    self.summary.scores += 1;
                    self.summary.warnings += u64::from(passed.warn);
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
                Event::Shadow(halted) => self.decided("shadow", halted, claim, evidence)?,
                Event::Allowed(halted) => self.decided("allowed", halted, claim, evidence)?,
                Event::Halted(halted) => {
                    self.summary.halts += 1;
                    self.decided("halt", halted, claim, evidence)?;
                }
            }
        }
        if !self.delay.is_zero() && matches!(cause, Cause::Delta { .. }) {
            std::thread::sleep(self.delay);
        }
        Ok(())
    }

    fn decided(
        &mut self,
        kind: &'static str,
        halted: &Halted,
        claim: Option<&tidegate::Request>,
        evidence: Option<&Evidence>,
    ) -> io::Result<()> {
        if kind != "allowed" {
            // a mean or a drop is no score: only what was scored low has a point
            let score = (halted.code == "hard_limit").then_some(halted.value).flatten();
            let why = Some((kind, halted.reason.clone()));
            self.note_point(&halted.check, halted.choice, score, why);
        }
        let of_check = |check: &&tidegate::HaltCheck| check.name == halted.check;
        let check = self.policy.halt.iter().find(of_check);
        let of_choice = |(choice, _): &&(u32, Channel)| *choice == halted.choice;
        let waiting = self.held.iter().filter(|(key, _)| of_choice(key));
        let withheld_bytes = waiting.map(|(_, held)| held.text.len() as u64).sum();
        let claim = claim.filter(|claim| {
            Some(claim.index) == halted.index
                && Some(claim.channel) == halted.channel
                && *claim.check == *halted.check
        });
        let held = halted.channel.and_then(|channel| self.held.get(&(halted.choice, channel)));
        // what text rules may keep from being shown is not shown here
        let hides = halted.channel.is_some_and(|channel| self.hides(channel));
        let text = match (claim, held, halted.start, halted.end) {
            _ if hides => None,
            (Some(claim), ..) => Some(claim.text.as_str()),
            (None, Some(held), Some(start), Some(end)) if check.is_some() => held.slice(start, end),
            _ => None,
        };
        let evidence = claim.and(evidence).zip(halted.channel);
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
    fn fit_to_show(&self, evidence: &Evidence, channel: Channel) -> Evidence {
        let mut evidence = evidence.clone();
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

/// A column of scores that can be asked, at the end, what is left of it.
#[derive(Clone)]
struct Column(Rc<RefCell<HostScores>>);

impl Scorer for Column {
    fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
        self.0.borrow_mut().score(claim)
    }
}
