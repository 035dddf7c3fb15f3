//! The contract cases in `fixtures/` (see its README.md) through the modules of
//! WebAssembly; `crates/gate/tests/fixtures.rs` is the reference. The gate's own crate is
//! used here to compile policies and for nothing else.
use std::cell::RefCell;
use std::fs;
use std::path::Path;

use crate::modules::{edge_module, engine, gate_module, kernel_module};
use serde_json::{Map, Value, json};
use tidegate::{Checks, Format};
use tidegate_wasmtime_host::{Kernel, RuleConfig, TG_ALL_CHOICES, TG_RECORD, Tidegate};

/// How many cases there are. A change here is a change of the contract.
const KERNEL_CASES: usize = 54;
const GATE_CASES: usize = 183;
const STREAM_CASES: usize = 23;
/// Of the cases of the gate, those whose policy can be used and that the modules can run.
const EDGE_CASES: usize = 126;

/// Of `kernel/`, those whose mistake cannot be made in C: a number that is a text, and a
/// field that there is not.
const NOT_IN_C: [&str; 2] = ["config-type", "config-unknown"];

/// What the host of a stream must say where it scores tokens: how many bytes each has.
/// (In Rust the driver of a stream counts a delta as a token.)
const TOKENS: [(&str, &[u32]); 3] =
    [("chat-crlf", &[6, 7]), ("plain-text", &[3, 4, 7, 1]), ("scores-too-few", &[3, 4])];

/// What the module has no parts for: of a blend it scores the facts' part itself, and there are none.
const LACKS: &str = "claims-blend";

/// A very long push is one thing to try, not thousands (as in the reference).
const CUTS_MAX: usize = 200;

/// The cases of a folder by their names.
fn cases(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder);
    let mut cases: Vec<(String, Value)> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_string();
            let case = serde_json::from_str(&fs::read_to_string(&path).unwrap());
            (name.clone(), case.unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect();
    cases.sort_by(|(one, _), (other, _)| one.cmp(other));
    cases
}

/// An answer to a claim, or of a token.
#[derive(Clone, Debug)]
enum Answer {
    Score(f64),
    Found(f64, u32),
    /// By its number in the ABI.
    Error(u32),
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

/// What an entry of `scores` stands for.
fn answers(entry: &Value) -> Vec<Answer> {
    if let Some(times) = entry["repeat"].as_u64() {
        return vec![Answer::Score(number(&entry["score"])); times as usize];
    }
    if let Some(finding) = entry["finding"].as_str() {
        let findings = ["", "supported", "unsupported", "contradicted"];
        let finding = findings.iter().position(|it| *it == finding).unwrap();
        return vec![Answer::Found(number(&entry["score"]), finding as u32)];
    }
    vec![match entry.as_str() {
        Some("missing") => Answer::Error(0),
        Some("late") => Answer::Error(2),
        _ => Answer::Score(number(entry)),
    }]
}

fn all_answers(entries: &Value) -> Vec<Answer> {
    entries.as_array().into_iter().flatten().flat_map(answers).collect()
}

fn channel(name: &str) -> u32 {
    match name {
        "content" => 0,
        "reasoning" => 1,
        "refusal" => 2,
        tool => 3 + tool.strip_prefix("tool:").expect(tool).parse::<u32>().unwrap(),
    }
}

fn channel_name(number: u32) -> String {
    match number {
        0 => "content".to_string(),
        1 => "reasoning".to_string(),
        2 => "refusal".to_string(),
        tool => format!("tool:{}", tool - 3),
    }
}

thread_local! {
    /// Decides traces again, in an instance of its own.
    static REPLAYER: RefCell<Tidegate> = RefCell::new(tidegate());
}

/// A gate on its way through a case, and what came of it in the words of `expect`.
struct Run<'a> {
    tidegate: &'a mut Tidegate,
    gate: u32,
    answers: std::vec::IntoIter<Answer>,
    released: Map<String, Value>,
    /// By their kinds.
    decided: Map<String, Value>,
    passed: u64,
    warnings: u64,
    findings: Map<String, Value>,
    trace: String,
}

impl<'a> Run<'a> {
    fn new(tidegate: &'a mut Tidegate, policy: u32, case: &Value, scores: Vec<Answer>) -> Run<'a> {
        let facts = case["facts"].as_str().map(|facts| tidegate.facts("facts", facts).unwrap());
        let gate = tidegate.made("tg_gate_new", (policy, facts.unwrap_or(0), TG_RECORD)).unwrap();
        if let Some(facts) = facts {
            tidegate.done("tg_drop", facts).unwrap();
        }
        Run {
            tidegate,
            gate,
            answers: scores.into_iter(),
            released: Map::new(),
            decided: Map::new(),
            passed: 0,
            warnings: 0,
            findings: Map::new(),
            trace: String::new(),
        }
    }

    /// Notes what the last call led to.
    fn note(&mut self) {
        for release in self.tidegate.releases(self.gate).unwrap() {
            let key = format!("{} {}", release.choice, channel_name(release.channel));
            let text = self.released.entry(key).or_insert_with(|| "".into());
            *text = (text.as_str().unwrap().to_string() + &release.text).into();
        }
        let events = self.tidegate.text("tg_gate_events", self.gate).unwrap();
        let events: Vec<Map<String, Value>> = serde_json::from_str(&events).unwrap();
        for mut event in events {
            let kind = match event.remove("event").unwrap().as_str().unwrap() {
                "scored" => continue,
                "passed" => {
                    self.passed += 1;
                    self.warnings += u64::from(event["warn"] == true);
                    if let Some(finding) = event.get("finding") {
                        let count =
                            self.findings.entry(finding.as_str().unwrap()).or_insert(json!(0));
                        *count = json!(count.as_u64().unwrap() + 1);
                    }
                    continue;
                }
                "match" => "matches",
                "shadow" => "shadow",
                "allowed" => "allowed",
                "halted" => "halts",
                other => panic!("unknown event {other}"),
            };
            let list = self.decided.entry(kind).or_insert_with(|| json!([]));
            list.as_array_mut().unwrap().push(event.into());
        }
        self.trace += &self.tidegate.text("tg_gate_trace", self.gate).unwrap();
    }

    fn push(&mut self, choice: u32, channel: u32, text: &str) {
        self.tidegate.push(self.gate, choice, channel, text).unwrap();
        self.note();
    }

    fn token(&mut self, choice: u32, channel: u32, bytes: u32, answer: &Answer) {
        let (gate, tidegate) = (self.gate, &mut *self.tidegate);
        match answer {
            Answer::Score(score) => {
                tidegate.done("tg_gate_push_token", (gate, choice, channel, bytes, *score))
            }
            Answer::Error(error) => {
                tidegate.done("tg_gate_push_token_error", (gate, choice, channel, bytes, *error))
            }
            Answer::Found(..) => panic!("a token has no finding"),
        }
        .unwrap();
        self.note();
    }

    fn resolve(&mut self, id: u32, answer: &Answer) {
        let (gate, tidegate) = (self.gate, &mut *self.tidegate);
        match answer {
            Answer::Score(score) => tidegate.done("tg_gate_resolve", (gate, id, *score)),
            Answer::Found(score, finding) => {
                tidegate.done("tg_gate_resolve_found", (gate, id, *score, *finding))
            }
            Answer::Error(error) => {
                tidegate.done("tg_gate_resolve_error", (gate, id, *error, 0u32, 0u32))
            }
        }
        .unwrap();
        self.note();
    }

    /// Answers all claims that want scores.
    fn answer(&mut self) {
        while let Some(request) = self.tidegate.request(self.gate).unwrap() {
            let answer = self.answers.next().unwrap_or(Answer::Error(0));
            self.resolve(request.id, &answer);
        }
    }

    fn finish(&mut self, choice: u32) {
        self.tidegate.done("tg_gate_finish", (self.gate, choice)).unwrap();
        self.note();
    }

    /// What came of it; its trace must say the same.
    fn done(self) -> Value {
        let halts = self.decided.get("halts").cloned().unwrap_or_else(|| json!([]));
        let replayed = REPLAYER.with_borrow_mut(|it| it.replay(&self.trace).unwrap());
        let replayed: Value = serde_json::from_str(&replayed).unwrap();
        assert_eq!(replayed, halts, "replayed from its trace");
        self.tidegate.done("tg_drop", self.gate).unwrap();
        let mut result = self.decided;
        result.insert("halts".to_string(), halts);
        result.insert("released".to_string(), self.released.into());
        result.insert("passed".to_string(), self.passed.into());
        result.insert("warnings".to_string(), self.warnings.into());
        if !self.findings.is_empty() {
            result.insert("findings".to_string(), self.findings.into());
        }
        result.into()
    }
}

/// The calls of a case, with the text of each push cut by `cut`.
fn calls(
    tidegate: &mut Tidegate,
    policy: u32,
    case: &Value,
    cut: &dyn Fn(&str) -> Vec<&str>,
) -> Value {
    let mut run = Run::new(tidegate, policy, case, all_answers(&case["scores"]));
    let mut manual = false;
    for step in case["steps"].as_array().into_iter().flatten() {
        let choice = step["choice"].as_u64().unwrap_or(0) as u32;
        let channel = channel(step["channel"].as_str().unwrap_or("content"));
        if let Some(text) = step["push"].as_str() {
            for piece in cut(text) {
                run.push(choice, channel, piece);
                if !manual {
                    run.answer();
                }
            }
        } else if let Some(bytes) = step["token"].as_u64() {
            run.token(choice, channel, bytes as u32, &answers(&step["score"])[0]);
        } else if let Some(on) = step["manual"].as_bool() {
            manual = on;
        } else if let Some(id) = step["resolve"].as_u64() {
            run.resolve(id as u32, &answers(&step["score"])[0]);
        } else if let Some(code) = step["fault"].as_str() {
            let detail = step["detail"].as_str().unwrap();
            let places = run.tidegate.lay([code.as_bytes(), detail.as_bytes()]).unwrap();
            let of = (run.gate, places[0], code.len() as u32, places[1], detail.len() as u32);
            run.tidegate.done("tg_gate_fault", of).unwrap();
            run.note();
        } else if let Some(choice) = step["finish"].as_u64() {
            run.finish(choice as u32);
            if !manual {
                run.answer();
            }
        } else {
            panic!("unknown step {step}");
        }
    }
    run.done()
}

/// The bytes of a case, in these pieces.
fn stream(
    tidegate: &mut Tidegate,
    policy: u32,
    case: &Value,
    tokens: &[u32],
    pieces: &[&[u8]],
) -> Value {
    let scores = all_answers(&case["scores"]);
    let mut run = Run::new(tidegate, policy, case, scores.clone());
    for piece in pieces {
        run.tidegate.push_bytes(run.gate, piece).unwrap();
        run.note();
        run.answer();
    }
    for (at, bytes) in tokens.iter().enumerate() {
        run.token(0, 0, *bytes, scores.get(at).unwrap_or(&Answer::Error(0)));
    }
    run.finish(TG_ALL_CHOICES);
    run.answer();
    run.done()
}

/// The policy of a case; or what is wrong with it.
fn policy(tidegate: &mut Tidegate, policy: &Value) -> Result<u32, Value> {
    tidegate.policy(&policy.to_string(), 2).map_err(|error| {
        let failure: &tidegate_wasmtime_host::Failure = error.downcast_ref().expect("a failure");
        let why: Value = serde_json::from_str(&failure.why).unwrap();
        assert_eq!(why["code"], "bad_policy");
        json!({ "error": why["message"], "help": why["help"] })
    })
}

fn tidegate() -> Tidegate {
    Tidegate::new(engine(), gate_module(), 1 << 30).unwrap()
}

fn characters(text: &str) -> Vec<&str> {
    text.char_indices().map(|(at, char)| &text[at..at + char.len_utf8()]).collect()
}

#[test]
fn gate_cases() {
    let mut tidegate = tidegate();
    let cases = cases("gate");
    for (name, case) in &cases {
        let (expect, it) = (&case["expect"], &mut tidegate);
        let policy = match policy(it, &case["policy"]) {
            Ok(policy) => policy,
            Err(error) => {
                assert_eq!(&error, expect, "{name}");
                continue;
            }
        };
        if name == LACKS {
            let error = it.made("tg_gate_new", (policy, 0u32, 0u32)).unwrap_err();
            assert!(error.to_string().contains("\"not_ready\""), "{name}: {error}");
        } else {
            assert_eq!(&calls(it, policy, case, &|text| vec![text]), expect, "{name}");
            let pushes = case["steps"].as_array().into_iter().flatten();
            let pushes = pushes.filter_map(|step| Some(step["push"].as_str()?.len()));
            let longest = pushes.max().filter(|_| case["uncut"] != true).unwrap_or(0);
            if longest > 0 {
                assert_eq!(&calls(it, policy, case, &characters), expect, "{name}, by characters");
            }
            for at in 1..longest.min(CUTS_MAX) {
                assert_eq!(&cut_in_two(it, policy, case, at), expect, "{name}, cut at {at}");
            }
        }
        it.done("tg_drop", policy).unwrap();
    }
    assert_eq!(cases.len(), GATE_CASES);
}

/// The policies are compiled natively and run in the module that compiles none.
#[test]
fn gate_cases_in_the_edge_module() {
    let mut tidegate = tidegate();
    let mut edge = Tidegate::new(engine(), &edge_module(), 1 << 30).unwrap();
    let lacks = edge.policy("version = 1\n", 0).unwrap_err().to_string();
    assert!(lacks.contains("\"lacks\"") && lacks.contains("tidegate compile"), "{lacks}");
    let mut ran = 0;
    for (name, case) in &cases("gate") {
        let text = case["policy"].to_string();
        let Ok((checks, _)) = Checks::parse_with_notices(&text, Format::Json) else { continue };
        let bytes = checks.to_bytes();
        let in_full = tidegate.policy(&text, 2).unwrap();
        assert_eq!(tidegate.compiled(in_full).unwrap(), bytes, "{name}, compiled there");
        tidegate.done("tg_drop", in_full).unwrap();
        let policy = edge.load_policy(&bytes).unwrap();
        if name != LACKS {
            let got = calls(&mut edge, policy, case, &|text| vec![text]);
            assert_eq!(got, case["expect"], "{name}");
            if case["uncut"] != true {
                let got = calls(&mut edge, policy, case, &characters);
                assert_eq!(got, case["expect"], "{name}, by characters");
            }
            ran += 1;
        }
        edge.done("tg_drop", policy).unwrap();
    }
    assert_eq!(ran, EDGE_CASES);
}

fn cut_in_two(tidegate: &mut Tidegate, policy: u32, case: &Value, at: usize) -> Value {
    calls(tidegate, policy, case, &|text| {
        let (head, tail) = text.split_at(text.floor_char_boundary(at));
        vec![head, tail]
    })
}

#[test]
fn stream_cases() {
    let mut tidegate = tidegate();
    let cases = cases("stream");
    for (name, case) in &cases {
        let policy = policy(&mut tidegate, &case["policy"]).unwrap();
        let tokens = TOKENS.iter().find(|(of, _)| of == name).map_or(&[][..], |(_, tokens)| tokens);
        let bytes = case["stream"].as_str().unwrap().as_bytes();
        let mut check = |how: &str, pieces: &[&[u8]]| {
            let got = stream(&mut tidegate, policy, case, tokens, pieces);
            assert_eq!(got, case["expect"], "{name}, {how}");
        };
        check("whole", &[bytes]);
        check("byte by byte", &bytes.chunks(1).collect::<Vec<_>>());
        for at in 0..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            check(&format!("cut at {at}"), &[head, tail]);
        }
        tidegate.done("tg_drop", policy).unwrap();
    }
    assert_eq!(cases.len(), STREAM_CASES);
}

/// The halt rule by itself, and as a check of a gate.
#[test]
fn kernel_cases() {
    let (mut kernel, mut tidegate) =
        (Kernel::new(engine(), kernel_module(), 1 << 30).unwrap(), tidegate());
    let cases = cases("kernel");
    for (name, case) in &cases {
        let (config, expect) = (&case["kernel"]["config"], &case["expect"]);
        let scores: Vec<f64> = all_answers(&case["kernel"]["scores"])
            .iter()
            .map(|answer| match answer {
                Answer::Score(score) => *score,
                other => panic!("{name}: {other:?}"),
            })
            .collect();
        let mut check = json!({ "name": "kernel" });
        check.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        let policy = policy(&mut tidegate, &json!({ "version": 1, "halt": [check] }));

        if let Some(error) = expect["error"].as_str() {
            assert_eq!(policy.as_ref().unwrap_err(), expect, "{name}");
            if !NOT_IN_C.contains(&name.as_str()) {
                let why = kernel.rule(&rule(config)).unwrap_err().to_string();
                let (what, range) = error.split_once(": expected ").unwrap();
                let field = what.split('`').nth(1).unwrap();
                assert!(
                    why.starts_with(&format!("`{field}` is out of range: expected ")),
                    "{name}: {why}"
                );
                let range = range.trim_start_matches("a ").trim_start_matches("whole ");
                let range = range.trim_start_matches("number ");
                assert!(why.ends_with(range), "{name}: {why}, expected {range}");
            }
            continue;
        }

        let it = kernel.rule(&rule(config)).unwrap();
        let (mut halt, mut warnings) = (None, 0);
        for (index, score) in scores.iter().enumerate() {
            let decision = kernel.push(it, *score).unwrap();
            match decision & 0xff {
                0 => {}
                1 => warnings += 1,
                2 => {
                    assert_eq!(halt, None, "{name}");
                    halt = Some((index, decision >> 8));
                }
                3 => assert_eq!(halt.unwrap().1, decision >> 8, "{name}"),
                other => panic!("{name}: {other}"),
            }
        }
        assert_eq!(warnings, expect["warnings"], "{name}");
        let codes = ["", "invalid_score", "hard_limit", "window_avg", "downward_trend"];
        let got = halt.map(|(index, code)| (index as u64, codes[code as usize].to_string()));
        let expected = expect["halt"].as_object().map(|halt| {
            (halt["index"].as_u64().unwrap(), halt["code"].as_str().unwrap().to_string())
        });
        assert_eq!(got, expected, "{name}");
        let index: f64 = kernel.call("tg_kernel_halt_index", it).unwrap();
        assert_eq!(index, got.as_ref().map_or(-1.0, |(index, _)| *index as f64), "{name}");
        let reason = kernel.reason(it).unwrap();
        let words = expect["halt"]["reason"].as_str().unwrap_or("");
        match words.strip_prefix("invalid_score (") {
            // the number that is no score is given as a number
            Some(number) => {
                let number: f64 = number.trim_end_matches(')').parse().unwrap();
                let value: f64 = kernel.call("tg_kernel_value", it).unwrap();
                assert!(value == number || value.is_nan() && number.is_nan(), "{name}: {value}");
                assert_eq!(reason, "invalid_score", "{name}");
            }
            None => assert_eq!(reason, words, "{name}"),
        }
        assert_eq!(kernel.call::<u32, u32>("tg_kernel_free", it).unwrap(), 1);

        let policy = policy.unwrap();
        let mut run = Run::new(&mut tidegate, policy, case, Vec::new());
        for score in scores {
            run.push(0, 0, "x");
            run.token(0, 0, 1, &Answer::Score(score));
        }
        run.finish(0);
        let got = run.done();
        let halt = got["halts"].get(0).map(|halt| {
            json!({ "index": halt["index"], "code": halt["code"], "reason": halt["reason"] })
        });
        assert_eq!(
            json!({ "halt": halt, "warnings": got["warnings"] }),
            *expect,
            "{name}, by the gate"
        );
        tidegate.done("tg_drop", policy).unwrap();
    }
    assert_eq!(cases.len(), KERNEL_CASES);
}

/// A case's fields over the defaults.
fn rule(config: &Value) -> RuleConfig {
    let default = RuleConfig::default();
    let limit =
        |name: &str, default: f64| config.get(name).map_or(default, |it| it.as_f64().unwrap());
    let count = |name: &str, default: u32| {
        config.get(name).map_or(default, |it| it.as_u64().unwrap() as u32)
    };
    RuleConfig {
        hard_limit: limit("hard_limit", default.hard_limit),
        soft_limit: limit("soft_limit", default.soft_limit),
        window_size: count("window_size", default.window_size),
        window_threshold: limit("window_threshold", default.window_threshold),
        trend_window: count("trend_window", default.trend_window),
        trend_threshold: limit("trend_threshold", default.trend_threshold),
        trend: u32::from(config["trend"] == "slope"),
    }
}
