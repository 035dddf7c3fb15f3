//! The driver with scorers that answer later.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use tidegate::{
    Cause, Channel, Driver, Event, Format, Framing, Policy, Request, Source, StreamDriver,
    TokenLogprob, Turn,
};
use tidegate_ground::Facts;
use tidegate_score::{FactsScorer, ScoreError, Scored};

const POLICY: &str = r#"
    version = 1
    [models]
    embed.path = "model"
    [[halt]]
    name = "facts"
    score = { from = "facts" }
    [[halt]]
    name = "model"
    score = { from = "embed", deadline_ms = 70 }
    [[halt]]
    name = "blend"
    score = { from = "blend", blend.weights = { facts = 1.0, "logprob.min" = 1.0 } }
"#;

fn driver() -> Driver {
    let policy = Policy::parse(POLICY, Format::Toml).unwrap();
    let mut driver = Driver::new(&policy).unwrap();
    let facts = Facts::from_text("The museum opens at 9.\nIt closes at 5.").unwrap();
    driver.set_scorer(Source::Facts, FactsScorer::new(facts));
    driver.defer(Source::Embed);
    driver.defer(Source::Blend);
    driver.ready().unwrap();
    driver
}

fn score(score: f64) -> Result<Scored, ScoreError> {
    Ok(Scored { score, evidence: None })
}

#[derive(Default)]
struct Seen {
    text: String,
    /// What passed and what halted, in order.
    decided: Vec<String>,
    /// Requests of the turns that an answer caused.
    answered: Vec<(String, u64)>,
}

impl Seen {
    fn note(&mut self, turn: Turn<'_>) {
        self.text.extend(turn.step.releases().map(|release| release.text));
        for event in turn.step.events() {
            match event {
                Event::Passed(passed) => {
                    self.decided.push(format!("{} {}", passed.check, passed.index));
                }
                Event::Halted(halted) => {
                    let index = halted.index.unwrap_or_default();
                    self.decided.push(format!("{} {index} {}", halted.check, halted.code));
                }
                other => self.decided.push(format!("{other:?}")),
            }
        }
        if let Cause::Claim { request, .. } = turn.cause {
            self.answered.push((request.check.to_string(), request.index));
        }
    }
}

fn push(driver: &mut Driver, text: &str, seen: &mut Seen) {
    let token = |text: &str, logprob| TokenLogprob { bytes: text.len(), logprob, entropy: None };
    let half = text.floor_char_boundary(text.len() / 2);
    let (head, tail) = text.split_at(half);
    let tokens = [token(head, -0.5), token(tail, -0.25)];
    driver.push(0, Channel::Content, text, &tokens, &mut |turn| seen.note(turn));
}

fn handed_out(driver: &mut Driver) -> Vec<Request> {
    std::iter::from_fn(|| driver.next_request()).collect()
}

#[test]
fn claims_of_deferred_sources_are_handed_out_and_answered_in_any_order() {
    let mut driver = driver();
    let mut seen = Seen::default();
    push(&mut driver, "The museum opens at 9.", &mut seen);
    push(&mut driver, " It closes at five. Ti", &mut seen);
    // the facts answered at once; nothing leaves before all have
    assert_eq!((seen.text.as_str(), seen.decided.join(", ").as_str()), ("", "facts 0, facts 1"));
    let first = handed_out(&mut driver);
    push(&mut driver, "ckets. ", &mut seen);
    driver.finish(&mut |turn| seen.note(turn));
    let mut requests = first;
    requests.extend(handed_out(&mut driver));
    let asked: Vec<_> = requests
        .iter()
        .map(|request| (&*request.check, request.index, request.tokens.len(), request.deadline_ms))
        .collect();
    assert_eq!(
        asked,
        [
            // the logprobs of its tokens are known to a check that asks for them
            ("model", 0, 0, 70),
            ("blend", 0, 2, 5000),
            ("model", 1, 0, 70),
            ("blend", 1, 2, 5000),
            ("model", 2, 0, 70),
            ("blend", 2, 2, 5000),
        ]
    );
    let least = requests[1].tokens.iter().map(|token| token.logprob).fold(0.0, f64::min);
    assert_eq!(least, -0.5);
    for request in requests.iter().rev() {
        assert!(driver.awaits(request.id));
        driver.resolve(request.id, score(0.9), &mut |turn| seen.note(turn)).unwrap();
        assert!(!driver.awaits(request.id));
    }
    assert_eq!(seen.text, "The museum opens at 9. It closes at five. Tickets. ");
    assert_eq!(seen.decided.len(), 9, "{:?}", seen.decided);
    assert_eq!(seen.answered.len(), 9, "a turn for each answer: {:?}", seen.answered);
    // the first answer stood
    driver.resolve(requests[0].id, score(0.1), &mut |turn| seen.note(turn)).unwrap();
    assert_eq!(seen.answered.len(), 9);
    assert!(driver.resolve(99, score(0.9), &mut |_| ()).is_err());
}

#[test]
fn what_a_halt_makes_moot_is_taken_back() {
    let mut driver = driver();
    let mut seen = Seen::default();
    push(&mut driver, "The museum opens at 9. It closes at five. Tickets. ", &mut seen);
    let first = driver.next_request().unwrap();
    assert_eq!((&*first.check, first.index), ("model", 0));
    let blended = driver.next_request().unwrap();
    driver.resolve(first.id, Err(ScoreError::Late), &mut |turn| seen.note(turn)).unwrap();
    driver.resolve(blended.id, score(0.9), &mut |turn| seen.note(turn)).unwrap();
    assert_eq!(seen.decided.last().unwrap(), "model 0 late_score");
    assert!(driver.next_request().is_none(), "nobody waits for the others");
    assert_eq!(seen.text, "");
}

#[test]
fn a_stream_is_driven_the_same_way() {
    let mut stream = StreamDriver::new(Framing::Text, driver());
    let mut seen = Seen::default();
    stream.push(b"The museum opens at 9. It cl", &mut |turn| seen.note(turn));
    let early: Vec<Request> = std::iter::from_fn(|| stream.next_request()).collect();
    stream.push(b"oses at 5.", &mut |turn| seen.note(turn));
    stream.finish(&mut |turn| seen.note(turn));
    let late: Vec<Request> = std::iter::from_fn(|| stream.next_request()).collect();
    assert_eq!((early.len(), late.len()), (2, 2));
    for request in late.iter().chain(&early) {
        stream.resolve(request.id, score(0.9), &mut |turn| seen.note(turn)).unwrap();
    }
    assert_eq!(seen.text, "The museum opens at 9. It closes at 5.");
}

#[test]
fn a_source_is_deferred_or_has_a_scorer() {
    let policy = Policy::parse(POLICY, Format::Toml).unwrap();
    let mut driver = Driver::new(&policy).unwrap();
    let mut lacking = Vec::new();
    while let Err(error) = driver.ready() {
        lacking.push(error.to_string());
        driver.defer(error.source());
    }
    let expect = |check: &str, source: &str| {
        format!("the check `{check}` takes its scores from `{source}`, and there is none")
    };
    assert_eq!(
        lacking,
        [expect("facts", "facts"), expect("model", "embed"), expect("blend", "blend")]
    );
}
