//! Any bytes as a compiled policy.

use tidegate::{Channel, Checks};

/// The bytes get a beginning and a checksum that are right. Then they are refused by name or
/// make a gate that comes to an end, and are written as the policy that was read.
pub fn compiled(data: &[u8]) {
    let _ = Checks::from_bytes(data);
    let sealed = tidegate_saved::sealed(b"tidegate compiled policy 1\n", data);
    let checks = match Checks::from_bytes(&sealed) {
        Ok(checks) => checks,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let again = Checks::from_bytes(&checks.to_bytes()).expect("was written here");
    assert_eq!(run(&again), run(&checks));
}

fn run(checks: &Checks) -> String {
    let mut gate = checks.gate();
    gate.record();
    let mut did = String::new();
    for channel in [Channel::Content, Channel::Tool(3)] {
        for piece in ["{\"a\": \"sk-abc", "defghij 東", "京\", forbid", "den 4111 1111 1111 1111}"]
        {
            did += &format!("{:?}", gate.push(0, channel, piece));
        }
    }
    did + &format!("{:?}", gate.finish(0))
}
