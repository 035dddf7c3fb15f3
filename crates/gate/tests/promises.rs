//! The promises P1, P2, P4 and P8 on random streams, cuts and policies.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate::{
    Answer, Channel, ChannelKind, Event, Gate, HaltCheck, Halted, Mode, OnError, OnFinding,
    OnOverflow, Passed, Policy, Record, Replay, Request, Score, ScorePolicy, Source, Step,
    TextAction, TextCheck, Unit,
};
use tidegate_score::{Finding, ScoreError, Segmenter};

/// What one channel of one choice says: tokens with their scores.
#[derive(Clone, Debug)]
struct Speech {
    choice: u32,
    channel: Channel,
    tokens: Vec<(String, Option<f64>)>,
}

/// A gate and what came of it, driven by a host that scores claims by their text,
/// so that the score is the same in every cut and order.
struct Run {
    gate: Gate,
    seen: Seen,
    pushed: BTreeMap<(u32, Channel), String>,
    /// Claims that were asked for and not answered.
    asked: Vec<Request>,
    salt: u64,
}

/// What came of a run.
#[derive(Default)]
struct Seen {
    released: BTreeMap<(u32, Channel), String>,
    halts: Vec<Halted>,
    /// What text rules matched, or would have halted, or let go.
    found: Vec<Event>,
    /// What passed, by choice, channel and check.
    passed: BTreeMap<(u32, Channel, String), Vec<Passed>>,
    trace: Vec<Record>,
}

fn claim_score(text: &str, salt: u64) -> Answer {
    let hash = text.bytes().fold(salt, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(5)
    });
    let finding = match hash / 40 % 8 {
        0 => Some(Finding::Contradicted),
        1 | 2 => Some(Finding::Unsupported),
        3 | 4 => Some(Finding::Supported),
        _ => None,
    };
    let number = |score| Answer::Number { score: Score::from_f64(score), finding };
    match hash % 40 {
        0 => Answer::Error(ScoreError::Missing),
        1 => number(f64::NAN),
        2 => Answer::Error(ScoreError::Late),
        rest => number(0.45 + rest as f64 / 75.0),
    }
}

impl Seen {
    fn note(&mut self, step: &Step) {
        for release in step.releases() {
            assert!(!release.text.is_empty(), "an empty release");
            assert!(
                self.halts.iter().all(|halt| halt.choice != release.choice),
                "P1: a release after the halt"
            );
            let key = (release.choice, release.channel);
            self.released.entry(key).or_default().push_str(release.text);
        }
        for event in step.events() {
            match event {
                Event::Halted(halted) => self.halts.push(halted.clone()),
                Event::Matched(_) => self.found.push(event.clone()),
                Event::Shadow(halted) | Event::Allowed(halted)
                    if halted.check.starts_with("text") =>
                {
                    self.found.push(event.clone());
                }
                Event::Passed(passed) => {
                    let key = (passed.choice, passed.channel, passed.check.to_string());
                    self.passed.entry(key).or_default().push(passed.clone());
                }
                _ => {}
            }
        }
        self.trace.extend_from_slice(step.records());
    }

    /// What passed on choices that were not halted: of one that was, it depends on
    /// how soon the halt was known.
    fn passed_whole(&self) -> BTreeMap<&(u32, Channel, String), &Vec<Passed>> {
        let is_halted = |choice: u32| self.halts.iter().any(|halted| halted.choice == choice);
        self.passed.iter().filter(|((choice, ..), _)| !is_halted(*choice)).collect()
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

impl Run {
    fn new(policy: &Policy, salt: u64) -> Run {
        let mut gate = Gate::new(policy).unwrap();
        gate.record();
        let seen = Seen { trace: vec![Record::head(policy)], ..Seen::default() };
        Run { gate, seen, pushed: BTreeMap::new(), asked: Vec::new(), salt }
    }

    fn push(&mut self, choice: u32, channel: Channel, text: &str) {
        self.pushed.entry((choice, channel)).or_default().push_str(text);
        self.seen.note(self.gate.push(choice, channel, text));
    }

    fn token(&mut self, choice: u32, channel: Channel, bytes: u64, score: Option<f64>) {
        let score = score.ok_or(ScoreError::Missing);
        let step = self.gate.push_token(choice, channel, Source::Logprob, bytes, score);
        self.seen.note(step);
    }

    /// Answers claims in the order of the seed until so many are left.
    fn answer(&mut self, left: usize, seed: usize) {
        while let Some(request) = self.gate.next_request() {
            let (choice, channel) = (request.choice, request.channel);
            let span = request.span.start as usize..request.span.end as usize;
            assert_eq!(request.text, self.pushed[&(choice, channel)][span]);
            self.asked.push(request);
        }
        while self.asked.len() > left {
            let request = self.asked.remove(seed % self.asked.len());
            let answer = claim_score(&request.text, self.salt);
            self.seen.note(self.gate.resolve(request.id, answer).unwrap());
        }
    }

    fn finish(&mut self, seed: usize) {
        self.gate.finish_all(|step| self.seen.note(step));
        self.answer(0, seed);
    }
}

/// How many claims may wait for their scores, and a seed for the order in which
/// they get them.
type Flight = (usize, usize);
const AT_ONCE: Flight = (0, 0);

/// Runs the speeches with their text cut at the given places (in characters;
/// wrapping around), each token scored as soon as all its text was pushed.
fn run(
    policy: &Policy,
    speeches: &[Speech],
    cuts: &[usize],
    salt: u64,
    (in_flight, seed): Flight,
) -> Run {
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
            run.answer(in_flight, seed);
        }
    }
    run.finish(seed);
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
    let on_late = prop_oneof![Just(OnError::Halt), Just(OnError::Allow)];
    let on_finding = || {
        prop::option::of(prop_oneof![
            Just(OnFinding::Score),
            Just(OnFinding::Halt),
            Just(OnFinding::Allow),
        ])
    };
    let on = (on_error, on_late, on_finding(), on_finding());
    let score = (any::<bool>(), any::<bool>(), on).prop_map(|(claims, hold, on)| {
        let (on_error, on_late, on_contradicted, on_unsupported) = on;
        if claims {
            ScorePolicy {
                at: Some(Unit::Claim),
                hold,
                on_error,
                on_late,
                on_contradicted,
                on_unsupported,
                ..ScorePolicy::default()
            }
        } else {
            ScorePolicy { from: Source::Logprob, on_error, ..ScorePolicy::default() }
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
        let whole = run(&policy, &speeches, &[usize::MAX], salt, AT_ONCE);
        let characters = run(&policy, &speeches, &[1], salt, AT_ONCE);
        let random = run(&policy, &speeches, &cuts, salt, AT_ONCE);
        for other in [&characters, &random] {
            prop_assert_eq!(&whole.seen.released, &other.seen.released);
            prop_assert_eq!(&whole.seen.halts, &other.seen.halts);
            prop_assert_eq!(&whole.seen.found, &other.seen.found);
            prop_assert_eq!(whole.seen.passed_whole(), other.seen.passed_whole());
        }
        for run in [&whole, &characters, &random] {
            run.seen.assert_replays();
            let masks = policy.text.iter().any(|check| check.action == TextAction::Mask);
            for (key, released) in run.seen.released.iter().filter(|_| !masks) {
                prop_assert!(run.pushed[key].starts_with(released.as_str()));
            }
        }
    }

    /// P2 for the order in which scores come and how late they do. On one channel:
    /// what waits on one holds no other up.
    #[test]
    fn the_order_of_answers_changes_nothing(
        policy in policy(),
        mut speeches in speeches(),
        cuts in prop::collection::vec(1usize..9, 1..20),
        salt in any::<u64>(),
        flight in (1usize..6, 0usize..60),
    ) {
        for speech in &mut speeches {
            speech.channel = Channel::Content;
        }
        let at_once = run(&policy, &speeches, &cuts, salt, AT_ONCE);
        let late = run(&policy, &speeches, &cuts, salt, flight);
        late.seen.assert_replays();
        prop_assert_eq!(&at_once.seen.released, &late.seen.released);
        prop_assert_eq!(at_once.seen.passed_whole(), late.seen.passed_whole());
        // one choice may halt before another or after it
        for choice in 0..2 {
            let of_choice = |seen: &Seen| {
                let halts = seen.halts.iter().filter(|halted| halted.choice == choice);
                let found = seen.found.iter().filter(|event| match event {
                    Event::Matched(found) => found.choice == choice,
                    Event::Shadow(halted) | Event::Allowed(halted) => halted.choice == choice,
                    _ => false,
                });
                (halts.cloned().collect::<Vec<_>>(), found.cloned().collect::<Vec<_>>())
            };
            prop_assert_eq!(of_choice(&at_once.seen), of_choice(&late.seen));
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
                prop_assert_eq!(run.seen.released.get(&(*choice, *channel)).map_or("", |s| s),
                    run.pushed[&(*choice, *channel)].as_str());
                run.answer(0, 0);
            }
        }
        prop_assert!(run.seen.halts.is_empty());
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

/// All orders of so many things.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let shorter = orders(n - 1);
    let put = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, n - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..n).map(move |at| put(order, at))).collect()
}

/// Four claims in flight: answers in every order give the same releases and
/// verdicts, and after each answer what is held is the claims from the first on
/// that has no score yet (without a hold, from behind it), and nothing more.
#[test]
fn answers_in_any_order_give_the_same() {
    const TEXT: &str = "One. Two. Three. Four.";
    const ENDS: [usize; 4] = [4, 9, 16, 22];
    let check = |hold: bool, scores: [f64; 4], expect: &str, halted: Option<u64>| {
        for order in orders(4) {
            let score = ScorePolicy { at: Some(Unit::Claim), hold, ..ScorePolicy::default() };
            let check = HaltCheck { score, ..HaltCheck::default() };
            let policy = Policy { halt: vec![check], ..Policy::default() };
            let mut gate = Gate::new(&policy).unwrap();
            let mut seen = Seen::default();
            seen.note(gate.push(0, Channel::Content, TEXT));
            gate.finish_all(|step| seen.note(step));
            let mut missing: Vec<usize> = (0..4).collect();
            for claim in &order {
                // the first claim that holds the text, or is shown without a hold
                let first = missing.first().map_or(TEXT.len(), |first| match hold {
                    true => first.checked_sub(1).map_or(0, |before| ENDS[before]),
                    false => ENDS[*first],
                });
                if seen.halts.is_empty() {
                    let released = seen.released.get(&(0, Channel::Content));
                    assert_eq!(released.map_or("", |text| text), &TEXT[..first], "{order:?}");
                }
                seen.note(gate.resolve(*claim as u64, scores[*claim]).unwrap());
                missing.retain(|other| other != claim);
            }
            let halts: Vec<_> = seen.halts.iter().map(|halt| halt.index.unwrap()).collect();
            assert_eq!(halts, Vec::from_iter(halted), "{order:?}");
            let released = seen.released.get(&(0, Channel::Content));
            assert_eq!(released.map_or("", |text| text), expect, "{order:?}");
        }
    };
    assert_eq!(orders(4).len(), 24);
    for hold in [true, false] {
        check(hold, [0.9, 0.8, 0.9, 0.8], TEXT, None);
        let shown = |claims: usize| &TEXT[..ENDS[claims - 1]];
        let behind = usize::from(!hold);
        check(hold, [0.9, 0.8, 0.3, 0.9], shown(2 + behind), Some(2));
        check(hold, [0.9, 0.4, 0.3, 0.1], shown(1 + behind), Some(1));
        check(hold, [0.9, f64::NAN, 0.3, 0.1], shown(1 + behind), Some(1));
        check(hold, [0.6, 0.8, 0.9, 0.2], shown(3 + behind), Some(3));
    }
}

/// The first answer stands: a later one, also after the text went on, changes
/// nothing.
#[test]
fn a_second_answer_changes_nothing() {
    let score = ScorePolicy { at: Some(Unit::Claim), ..ScorePolicy::default() };
    let check = HaltCheck { score, ..HaltCheck::default() };
    let mut gate = Gate::new(&Policy { halt: vec![check], ..Policy::default() }).unwrap();
    gate.push(0, Channel::Content, "One. Two. Thr");
    assert!(gate.awaits(0) && gate.awaits(1) && !gate.awaits(2));
    let late = Answer::Error(ScoreError::Late);
    gate.resolve(1, late).unwrap();
    for score in [0.9, 0.1] {
        let step = gate.resolve(1, score).unwrap();
        assert!(step.events().is_empty() && step.releases().next().is_none());
    }
    assert!(!gate.awaits(1));
    let step = gate.resolve(0, 0.9).unwrap();
    assert_eq!(step.releases().map(|release| release.text).collect::<String>(), "One.");
    assert_eq!(gate.verdict(0).halted().unwrap().code, "late_score");
    assert_eq!(gate.resolve(2, 0.9).unwrap_err().to_string(), "there was no request `2`");
}

/// A check of claims by the host and one of tokens, beside text rules that flag.
fn flagging(hold: bool, expressions: &[&str]) -> Policy {
    let claims = ScorePolicy { at: Some(Unit::Claim), hold, ..ScorePolicy::default() };
    let tokens = ScorePolicy { from: Source::Logprob, ..ScorePolicy::default() };
    let halt = [("claims", claims), ("tokens", tokens)].map(|(name, score)| HaltCheck {
        name: name.to_string(),
        score,
        ..HaltCheck::default()
    });
    let text = expressions.iter().enumerate().map(|(number, regex)| TextCheck {
        name: format!("text{number}"),
        regex: Some((*regex).to_string()),
        action: TextAction::Flag,
        ..TextCheck::default()
    });
    Policy { halt: halt.to_vec(), text: text.collect(), ..Policy::default() }
}

/// What text rules matched in the text when its two claims get these scores, at
/// once or after the end; its tokens are one to a claim.
fn matched(policy: &Policy, claims: [&str; 2], tokens: [f64; 2], scores: [f64; 2]) -> Vec<String> {
    let [at_once, late] = [true, false].map(|is_at_once| {
        let (mut gate, mut seen) = (Gate::new(policy).unwrap(), Seen::default());
        let answer = |gate: &mut Gate, seen: &mut Seen| {
            while let Some(request) = gate.next_request() {
                let score = scores[usize::from(request.span.start > 0)];
                seen.note(gate.resolve(request.id, score).unwrap());
            }
        };
        for (claim, score) in claims.iter().zip(tokens) {
            let (channel, bytes) = (Channel::Content, claim.len() as u64);
            seen.note(gate.push(0, channel, claim));
            seen.note(gate.push_token(0, channel, Source::Logprob, bytes, score));
            if is_at_once {
                answer(&mut gate, &mut seen);
            }
        }
        gate.finish_all(|step| seen.note(step));
        answer(&mut gate, &mut seen);
        assert_eq!(seen.halts.len(), usize::from([tokens, scores].concat().contains(&0.1)));
        let text = claims.concat();
        let found = seen.found.iter().map(|event| match event {
            Event::Matched(found) => {
                text[found.span.start as usize..found.span.end as usize].into()
            }
            other => unreachable!("{other:?}"),
        });
        found.collect::<Vec<String>>()
    });
    assert_eq!(at_once, late);
    at_once
}

/// A match that only the end of the text makes sure is not told with a halt that
/// comes before the end, also if the halt waits for a score that comes after it.
#[test]
fn a_match_by_the_end_is_not_told_with_an_earlier_halt() {
    for hold in [true, false] {
        let policy = flagging(hold, &["a.*1"]);
        let matched = |tokens, scores| matched(&policy, ["ba1. ", "b. "], tokens, scores);
        assert_eq!(matched([0.9, 0.1], [0.9, 0.9]), [""; 0]);
        // only the end makes it sure that the claim ends there
        assert_eq!(matched([0.9, 0.9], [0.9, 0.1]), ["a1"]);
        assert_eq!(matched([0.9, 0.9], [0.9, 0.9]), ["a1"]);
    }
}

/// That a token has no score is known by the end too.
#[test]
fn a_match_by_the_end_is_told_with_a_halt_by_the_end() {
    let mut policy = flagging(true, &["a.*1"]);
    policy.halt.remove(0);
    let (mut gate, mut seen) = (Gate::new(&policy).unwrap(), Seen::default());
    seen.note(gate.push(0, Channel::Content, "ba1. b"));
    seen.note(gate.push_token(0, Channel::Content, Source::Logprob, 5, 0.9));
    gate.finish_all(|step| seen.note(step));
    assert_eq!(seen.halts[0].code, "missing_score");
    assert!(matches!(&seen.found[..], [Event::Matched(found)] if found.span == (1..3)));
}

/// A match in released text is told with the halt, also if one that was known
/// before it is not, for its text was held back.
#[test]
fn a_match_in_what_is_held_hides_no_other() {
    let mut policy = flagging(true, &["cd", "ab.{0,7}z|ab"]);
    // rules in shadow mode are read apart
    policy.text[0].mode = Mode::Shadow;
    let matched = |scores| matched(&policy, ["ab. ", "cd ef gh ij. "], [0.9, 0.9], scores);
    assert_eq!(matched([0.9, 0.1]), ["ab"]);
    assert_eq!(matched([0.9, 0.9]), ["cd", "ab"]);
}
