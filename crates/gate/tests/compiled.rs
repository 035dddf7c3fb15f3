//! Compiled policies: the same verdicts, and no bytes that make a gate fail.
//! All contract cases are run with compiled policies too: `fixtures.rs`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::LazyLock;

use proptest::prelude::*;
use tidegate::{Channel, Checks, Format, Policy};
use tidegate_saved::{sealed, unsealed};

const POLICY: &str = r#"
version = 1
[[halt]]
name = "tokens"
hard_limit = 0.1
[[halt]]
name = "claims"
mode = "shadow"
channels = ["content", "tool"]
soft_limit = 0.7
window_size = 3
window_threshold = 0.45
trend_window = 9
trend_threshold = 0.2
trend = "slope"
[halt.score]
from = "blend"
at = "claim"
hold = false
on_error = "allow"
on_late = "halt"
deadline_ms = 70
on_contradicted = "halt"
on_unsupported = "allow"
[halt.score.blend]
bias = -1.5
weights = { facts = 2.0, embed = 2.1, nli = 2.2, host = 2.3, "logprob.mean" = 2.4, "logprob.min" = 2.5, "logprob.entropy" = 2.6 }
[[halt]]
name = "unsure"
score = { from = "logprob", measure = "entropy", on_late = "allow" }
[[text]]
name = "keys"
use = ["openai_key"]
action = "mask"
[[text]]
name = "words"
literals = ["forbidden", "東京"]
ignore_case = true
channels = ["content"]
action = "halt"
[[text]]
name = "trial"
regex = '\{\{.*\}\}'
mode = "shadow"
action = "mask"
[models.embed]
path = "embed"
[models.nli]
path = "nli"
[limits]
choices_max = 11
tools_max = 12
event_bytes_max = 13000
hold_bytes_max = 14000
claim_bytes_max = 1500
automaton_bytes_max = 16000000
"#;

const TEXT: &str = "Dear Anna, {{ name }} the key is sk-abcdefghijklmnopqrst; 東 is not forbidden.";

fn checks() -> Checks {
    Checks::new(&Policy::parse(POLICY, Format::Toml).unwrap()).unwrap()
}

/// All that a gate does with the text in pieces of so many characters.
fn run(checks: &Checks, piece: usize) -> String {
    let mut gate = checks.gate();
    gate.record();
    let mut did = String::new();
    for channel in [Channel::Content, Channel::Tool(0)] {
        for piece in TEXT.chars().collect::<Vec<_>>().chunks(piece) {
            let piece: String = piece.iter().collect();
            did += &format!("{:?}\n", gate.push(0, channel, &piece));
        }
    }
    did + &format!("{:?}", gate.finish(0))
}

/// As [`Checks::to_bytes`] begins.
const NAME: &[u8] = b"tidegate compiled policy 1\n";

#[test]
fn it_is_the_same_policy() {
    let checks = checks();
    let compiled = Checks::from_bytes(&checks.to_bytes()).unwrap();
    assert_eq!(compiled.policy(), checks.policy());
    assert_eq!(compiled.halt(), checks.halt());
    assert_eq!(compiled.limits(), checks.limits());
    for piece in [1, 5, 1000] {
        assert_eq!(run(&compiled, piece), run(&checks, piece));
    }
}

#[test]
fn what_is_no_compiled_policy_says_so() {
    let bytes = checks().to_bytes();
    let error = |bytes: &[u8]| Checks::from_bytes(bytes).unwrap_err().to_string();
    assert_eq!(error(b""), "this is no compiled policy: it begins otherwise");
    assert_eq!(error(POLICY.as_bytes()), "this is no compiled policy: it begins otherwise");
    let content = unsealed(NAME, &bytes).unwrap();
    let later = sealed(b"tidegate compiled policy 2\n", content);
    assert_eq!(error(&later), "this is no compiled policy: it begins otherwise");
    assert_eq!(error(&bytes[..NAME.len() + 3]), "this is no compiled policy: it is cut off");
    assert_eq!(
        error(&bytes[..bytes.len() - 1]),
        "this is no compiled policy: its checksum differs"
    );
    let longer = sealed(NAME, &[content, b"\0"].concat());
    assert_eq!(error(&longer), "this is no compiled policy: there is more behind its end");
    // a limit above 1
    let limit = 0.1f64.to_bits().to_le_bytes();
    let at = content.windows(8).position(|bytes| bytes == limit).unwrap();
    let mut forged = content.to_vec();
    forged[at..at + 8].copy_from_slice(&2f64.to_bits().to_le_bytes());
    assert_eq!(
        error(&sealed(NAME, &forged)),
        "this is no compiled policy: a halt check cannot be used"
    );
    // which of the sets of rules it is, for the last channel
    let mut forged = content.to_vec();
    *forged.last_mut().unwrap() = 100;
    assert_eq!(
        error(&sealed(NAME, &forged)),
        "this is no compiled policy: a set of rules is not there"
    );
    for len in 0..content.len() {
        assert!(Checks::from_bytes(&sealed(NAME, &content[..len])).is_err(), "{len}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes that were changed, with a checksum that is right again, are refused or make a gate
    /// that comes to an end.
    #[test]
    fn changed_bytes_fail_nothing(changes in prop::collection::vec((0.0f64..1.0, any::<u8>()), 1..4)) {
        static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| checks().to_bytes());
        let mut content = unsealed(NAME, &BYTES).unwrap().to_vec();
        let len = content.len() as f64;
        for (place, byte) in changes {
            content[(place * len) as usize] = byte;
        }
        let bytes = sealed(NAME, &content);
        if let Ok(checks) = Checks::from_bytes(&bytes) {
            run(&checks, 7);
        }
    }
}
