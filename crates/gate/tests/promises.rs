//! The promises P1, P2, P4 and P8 on random streams, cuts and policies.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate::{
    Channel, ChannelKind, Event, Gate, HaltCheck, Halted, Mode, OnError, OnOverflow, Policy,
    Record, Replay, ScorePolicy, Source, Step, TextAction, TextCheck, Unit,
};
use tidegate_score::{ScoreError, Segmenter};

/// What one channel of one choice says: tokens with their scores.
#[derive(Clone, Debug)]
struct Speech {
    choice: u32,
    channel: Channel,
    tokens: Vec<(String, Option<f64>)>,
}

/// A gate and what came of it, driven by a host that answers at once. Claims
/// are scored by their text, so that the score is the same in every cut.
struct Run {
    gate: Gate,
    released: BTreeMap<(u32, Channel), String>,
    pushed: BTreeMap<(u32, Channel), String>,
    halts: Vec<Halted>,
    /// What text rules matched, or would have halted, or let go.
    found: Vec<Event>,
    trace: Vec<Record>,
    salt: u64,
}

fn claim_score(text: &str, salt: u64) -> Result<f64, ScoreError> {
    let hash = text.bytes().fold(salt, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(5)
    });
    match hash % 40 {
        0 => Err(ScoreError::Missing),
        1 => Ok(f64::NAN),
        rest => Ok(0.45 + rest as f64 / 75.0),
    }
}

impl Run {
    fn new(policy: &Policy, salt: u64) -> Run {
        let mut gate = Gate::new(policy).unwrap();
        gate.record();
        let trace = vec![Record::head(policy)];
        let empty = BTreeMap::new;
        let (halts, found) = (vec![], vec![]);
        Run { gate, released: empty(), pushed: BTreeMap::new(), halts, found, trace, salt }
    }

    fn note(
        step: &Step,
        released: &mut BTreeMap<(u32, Channel), String>,
        halts: &mut Vec<Halted>,
        found: &mut Vec<Event>,
        trace: &mut Vec<Record>,
    ) {
        for release in step.releases() {
            assert!(!release.text.is_empty(), "an empty release");
            assert!(
                halts.iter().all(|halt| halt.choice != release.choice),
                "P1: a release after the halt"
            );
            released.entry((release.choice, release.channel)).or_default().push_str(release.text);
        }
        for event in step.events() {
            match event {
                Event::Halted(halted) => halts.push(halted.clone()),
                Event::Matched(_) => found.push(event.clone()),
                Event::Shadow(halted) | Event::Allowed(halted)
                    if halted.check.starts_with("text") =>
                {
                    found.push(event.clone());
                }
                _ => {}
            }
        }
        trace.extend_from_slice(step.records());
    }

    fn push(&mut self, choice: u32, channel: Channel, text: &str) {
        self.pushed.entry((choice, channel)).or_default().push_str(text);
        let step = self.gate.push(choice, channel, text);
        Self::note(step, &mut self.released, &mut self.halts, &mut self.found, &mut self.trace);
    }

    fn token(&mut self, choice: u32, channel: Channel, bytes: u64, score: Option<f64>) {
        let score = score.ok_or(ScoreError::Missing);
        let step = self.gate.push_token(choice, channel, Source::Logprob, bytes, score);
        Self::note(step, &mut self.released, &mut self.halts, &mut self.found, &mut self.trace);
    }

    fn answer(&mut self) {
        while let Some(request) = self.gate.next_request() {
            let (choice, channel) = (request.choice, request.channel);
            let span = request.span.start as usize..request.span.end as usize;
            assert_eq!(request.text, self.pushed[&(choice, channel)][span]);
            let score = claim_score(&request.text, self.salt);
            let step = self.gate.resolve(request.id, score).unwrap();
            Self::note(step, &mut self.released, &mut self.halts, &mut self.found, &mut self.trace);
        }
    }

    fn finish(&mut self) {
        let (released, halts) = (&mut self.released, &mut self.halts);
        let found = &mut self.found;
        self.gate.finish_all(|step| Self::note(step, released, halts, found, &mut self.trace));
        self.answer();
    }

    /// P8, and no text in the trace.
    fn assert_replays(&self) {
        let mut replay = Replay::new();
        for record in &self.trace {
            replay.line(&record.to_json()).unwrap();
        }
        assert_eq!(replay.finish().unwrap(), self.halts);
    }
}

/// Runs the speeches with their text cut at the given places (in characters;
/// wrapping around), each token scored as soon as all its text was pushed.
fn run(policy: &Policy, speeches: &[Speech], cuts: &[usize], salt: u64) -> Run {
    let mut run = Run::new(policy, salt);
    let mut cuts = cuts.iter().cycle();
    for speech in speeches {
        let Speech { choice, channel, tokens } = speech;
        let text: String = tokens.iter().map(|(text, _)| text.as_str()).collect();
        let (mut at, mut scored, mut next) = (0, 0, 0);
        while at < text.len() {
            let step = *cuts.next().unwrap();
            let rest = &text[at..];
            let end = rest.char_indices().nth(step).map_or(text.len(), |(i, _)| at + i);
            run.push(*choice, *channel, &text[at..end]);
            at = end;
            while let Some((token, score)) = tokens.get(next)
                && scored + token.len() <= at
            {
                run.token(*choice, *channel, token.len() as u64, *score);
                scored += token.len();
                next += 1;
            }
            run.answer();
        }
    }
    run.finish();
    run
}

fn text() -> impl Strategy<Value = String> {
    "[ab1é。]{0,4}( |\\. |! |\n|。|, )?"
}

fn speeches() -> impl Strategy<Value = Vec<Speech>> {
    let channel = prop_oneof![
        4 => Just(Channel::Content),
        1 => Just(Channel::Reasoning),
        1 => (0u32..2).prop_map(Channel::Tool),
    ];
    let score = prop_oneof![
        30 => (50u32..=100).prop_map(|i| Some(f64::from(i) / 100.0)),
        1 => Just(None),
        1 => Just(Some(2.0)),
    ];
    let tokens = prop::collection::vec((text(), score), 0..12);
    let speech = (0u32..2, channel, tokens).prop_map(|(choice, channel, tokens)| Speech {
        choice,
        channel,
        tokens,
    });
    prop::collection::vec(speech, 0..6)
}

fn policy() -> impl Strategy<Value = Policy> {
    let mode = prop_oneof![Just(Mode::Enforce), Just(Mode::Shadow), Just(Mode::Off)];
    let channels = prop_oneof![
        Just(vec![ChannelKind::Content]),
        Just(vec![ChannelKind::Content, ChannelKind::Reasoning, ChannelKind::Tool]),
    ];
    let on_error = prop_oneof![Just(OnError::Halt), Just(OnError::Allow)];
    let score = (any::<bool>(), any::<bool>(), on_error).prop_map(|(claims, hold, on_error)| {
        if claims {
            ScorePolicy { from: Source::Host, at: Some(Unit::Claim), hold, on_error }
        } else {
            ScorePolicy { from: Source::Logprob, at: Some(Unit::Token), hold: true, on_error }
        }
    });
    let check =
        (mode, channels, score, 1u32..5).prop_map(|(mode, channels, score, window_size)| {
            HaltCheck { mode, channels, score, window_size, ..HaltCheck::default() }
        });
    let all = (prop::collection::vec(check, 0..3), prop::collection::vec(text_check(), 0..4));
    (all, 16u32..60).prop_map(|((mut checks, mut text), claim_bytes_max)| {
        for (number, check) in checks.iter_mut().enumerate() {
            check.name = format!("check{number}");
        }
        for (number, check) in text.iter_mut().enumerate() {
            check.name = format!("text{number}");
        }
        let mut policy = Policy { halt: checks, text, ..Policy::default() };
        policy.limits.claim_bytes_max = claim_bytes_max;
        policy
    })
}

fn text_check() -> impl Strategy<Value = TextCheck> {
    let expressions = [
        "ab",
        "b+",
        "a.*1",
        "1[ab]{2,}",
        "é",
        "[aé]{2}。",
        "(?-u:\\b)a1",
        "a$",
        "^b",
        "\\. ",
        "a|ab",
        "a+b*",
        "\\p{L}{3,}",
        "b.{0,3}a",
        "1?b1",
        "(?s:.)1(?s:.)",
    ];
    let action =
        prop_oneof![Just(TextAction::Halt), Just(TextAction::Flag), Just(TextAction::Mask),];
    let mode = prop_oneof![4 => Just(Mode::Enforce), 2 => Just(Mode::Shadow), 1 => Just(Mode::Off)];
    let channels = prop_oneof![
        Just(vec![ChannelKind::Content]),
        Just(vec![ChannelKind::Content, ChannelKind::Reasoning, ChannelKind::Tool]),
    ];
    let hold_bytes_max = prop_oneof![Just(None), Just(Some(16))];
    let on_overflow = prop_oneof![Just(OnOverflow::Halt), Just(OnOverflow::Release)];
    let rest = (channels, hold_bytes_max, on_overflow);
    (prop::sample::select(expressions.to_vec()), action, mode, rest).prop_map(
        |(regex, action, mode, rest)| {
            let (channels, hold_bytes_max, on_overflow) = rest;
            let regex = Some(regex.to_string());
            let replacement = (action == TextAction::Mask).then(|| "*".to_string());
            TextCheck {
                regex,
                action,
                mode,
                channels,
                hold_bytes_max,
                on_overflow,
                replacement,
                ..TextCheck::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// P2, and by the assertions in `Run` P1; P8 on the way.
    #[test]
    fn cuts_change_nothing(
        policy in policy(),
        speeches in speeches(),
        cuts in prop::collection::vec(1usize..9, 1..20),
        salt in any::<u64>(),
    ) {
        let whole = run(&policy, &speeches, &[usize::MAX], salt);
        let characters = run(&policy, &speeches, &[1], salt);
        let random = run(&policy, &speeches, &cuts, salt);
        for other in [&characters, &random] {
            prop_assert_eq!(&whole.released, &other.released);
            prop_assert_eq!(&whole.halts, &other.halts);
            prop_assert_eq!(&whole.found, &other.found);
        }
        for run in [&whole, &characters, &random] {
            run.assert_replays();
            let masks = policy.text.iter().any(|check| check.action == TextAction::Mask);
            for (key, released) in run.released.iter().filter(|_| !masks) {
                prop_assert!(run.pushed[key].starts_with(released.as_str()));
            }
        }
    }

    /// Without a check that enforces, all text leaves at once.
    #[test]
    fn nothing_is_held_without_a_check(speeches in speeches(), mut policy in policy()) {
        for check in &mut policy.halt {
            if check.mode == Mode::Enforce {
                check.mode = Mode::Shadow;
            }
        }
        for check in &mut policy.text {
            if check.mode == Mode::Enforce && check.action != TextAction::Flag {
                check.mode = Mode::Shadow;
            }
        }
        let mut run = Run::new(&policy, 7);
        for Speech { choice, channel, tokens } in &speeches {
            for (text, _) in tokens {
                run.push(*choice, *channel, text);
                prop_assert_eq!(run.released.get(&(*choice, *channel)).map_or("", |s| s),
                    run.pushed[&(*choice, *channel)].as_str());
                run.answer();
            }
        }
        prop_assert!(run.halts.is_empty());
    }

    /// P4: with all scores in, what is held is the claim that is still open and
    /// not one character more.
    #[test]
    fn only_the_open_claim_is_held(pieces in prop::collection::vec(text(), 0..30)) {
        let score = ScorePolicy { at: Some(Unit::Claim), ..ScorePolicy::default() };
        let policy =
            Policy { halt: vec![HaltCheck { score, ..HaltCheck::default() }], ..Policy::default() };
        let mut gate = Gate::new(&policy).unwrap();
        let mut released = String::new();
        let mut segmenter = Segmenter::new(u64::from(policy.limits.claim_bytes_max));
        for piece in &pieces {
            let step = gate.push(0, Channel::Content, piece);
            released.extend(step.releases().map(|release| release.text));
            while let Some(request) = gate.next_request() {
                let step = gate.resolve(request.id, 0.9).unwrap();
                released.extend(step.releases().map(|release| release.text));
            }
            segmenter.push(piece, &mut |_| ());
            prop_assert_eq!(released.len() as u64, segmenter.open_claim());
        }
        gate.finish_all(|step| released.extend(step.releases().map(|release| release.text)));
        while let Some(request) = gate.next_request() {
            let step = gate.resolve(request.id, 0.9).unwrap();
            released.extend(step.releases().map(|release| release.text));
        }
        prop_assert_eq!(released, pieces.concat());
    }

    /// P1: whatever is called after the halt, nothing leaves, and the verdict
    /// stays.
    #[test]
    fn nothing_opens_a_halted_choice(calls in prop::collection::vec((0u8..6, any::<u64>()), 0..40)) {
        let claims = ScorePolicy { at: Some(Unit::Claim), ..ScorePolicy::default() };
        let check = HaltCheck { score: claims, ..HaltCheck::default() };
        let mut gate = Gate::new(&Policy { halt: vec![check], ..Policy::default() }).unwrap();
        gate.push(0, Channel::Content, "One. Two. Three. Fo");
        gate.push(0, Channel::Reasoning, "Thinking");
        // the third claim is asked for and the question not yet taken
        let requests: Vec<_> = std::iter::from_fn(|| gate.next_request()).take(2).collect();
        gate.resolve(requests[1].id, 0.9).unwrap();
        gate.resolve(requests[0].id, 0.1).unwrap();
        let verdict = gate.verdict(0);
        prop_assert!(verdict.halted().is_some());
        for (call, n) in calls {
            let channel = [Channel::Content, Channel::Reasoning, Channel::Tool(0)][n as usize % 3];
            let step = match call {
                0 => gate.push(0, channel, "more. "),
                1 => gate.push_token(0, channel, Source::Host, n % 9, 0.9),
                2 => gate.resolve(n % 3, 0.9).unwrap(),
                3 => gate.fault("invalid_json", "`{`"),
                4 => gate.finish(0),
                _ => {
                    prop_assert!(gate.next_request().is_none());
                    continue;
                }
            };
            prop_assert_eq!(step.releases().count(), 0);
            prop_assert_eq!(gate.verdict(0), verdict.clone());
        }
    }
}
