//! A module whose memory is at its end: what can be refused is refused, and what dies
//! says so for good.

use tidegate_wasmtime_host::{Failure, Kernel, RuleConfig, TG_ALL_CHOICES, TG_BROKEN, Tidegate};

use crate::modules::{engine, gate_module, kernel_module};

/// Enough to begin with, and soon at its end.
const MEMORY_BYTES_MAX: usize = 8 << 20;

fn tidegate() -> Tidegate {
    Tidegate::new(engine(), gate_module(), MEMORY_BYTES_MAX).unwrap()
}

fn why(tidegate: &mut Tidegate) -> String {
    let error = tidegate.failure(0);
    error.downcast_ref::<Failure>().expect("an error of the module").why.clone()
}

#[test]
fn memory_that_there_is_not_is_refused() {
    let mut tidegate = tidegate();
    let policy = tidegate.policy("version = 1\n", 0).unwrap();
    let gate = tidegate.made("tg_gate_new", (policy, 0u32, 0u32)).unwrap();
    for len in [16 << 20, 1 << 30] {
        let data: u32 = tidegate.call("tg_alloc", len as u32).unwrap();
        assert_eq!(data, 0);
        let why = why(&mut tidegate);
        assert!(why.contains("\"no_memory\""), "{why}");
    }
    // that of a pointer outside the memory, too
    let outside = tidegate.memory_size() as u32;
    for (at, len) in [(outside, 1u32), (outside - 1, 2), (u32::MAX, 1), (16, u32::MAX >> 2)] {
        let given: u32 = tidegate.call("tg_gate_push", (gate, 0u32, 0u32, at, len)).unwrap();
        assert_eq!(given, 3, "{at} {len}: {}", why(&mut tidegate));
    }
    for out in [outside, outside - 4, !3] {
        let given: u32 = tidegate.call("tg_gate_verdict", (gate, 0u32, out)).unwrap();
        assert_eq!(given, 3, "{out}: {}", why(&mut tidegate));
    }
    // all goes on
    tidegate.push(gate, 0, 0, "on").unwrap();
    assert_eq!(tidegate.releases(gate).unwrap()[0].text, "on");
}

/// Uses the memory up, down to pieces of so many bytes.
fn fill(tidegate: &mut Tidegate, down_to: u32) {
    let mut len = 1 << 20;
    while len >= down_to {
        while tidegate.call::<u32, u32>("tg_alloc", len).unwrap() != 0 {}
        len /= 2;
    }
}

/// Each function of the module, with arguments that are good but for the handle.
fn every_call_is_broken(tidegate: &mut Tidegate, handles: [u32; 2]) {
    for _ in 0..3 {
        for handle in handles.into_iter().chain([0, 99]) {
            let status = |given: u32| assert_eq!(given & 0xff, TG_BROKEN);
            status(tidegate.call("tg_gate_push", (handle, 0u32, 0u32, 0u32, 0u32)).unwrap());
            status(tidegate.call("tg_gate_push_token", (handle, 0u32, 0u32, 1u32, 0.9)).unwrap());
            status(tidegate.call("tg_gate_push_bytes", (handle, 0u32, 0u32)).unwrap());
            status(tidegate.call("tg_gate_finish", (handle, TG_ALL_CHOICES)).unwrap());
            status(tidegate.call("tg_gate_resolve", (handle, 0u32, 0.9)).unwrap());
            status(tidegate.call("tg_gate_request", (handle, 16u32)).unwrap());
            status(tidegate.call("tg_gate_verdict", (handle, 0u32, 16u32)).unwrap());
            status(tidegate.call("tg_gate_trace", (handle, 16u32)).unwrap());
            status(tidegate.call("tg_policy_json", (handle, 16u32)).unwrap());
            status(tidegate.call("tg_facts_save", (handle, 16u32)).unwrap());
            status(tidegate.call("tg_replay", (0u32, 0u32, 16u32)).unwrap());
            status(tidegate.call("tg_drop", handle).unwrap());
            status(tidegate.call("tg_dealloc", handle).unwrap());
            let nothing = |given: u32| assert_eq!(given, 0);
            nothing(tidegate.call("tg_policy_new", (0u32, 0u32, 0u32)).unwrap());
            nothing(tidegate.call("tg_facts_new", ()).unwrap());
            nothing(tidegate.call("tg_gate_new", (handle, 0u32, 0u32)).unwrap());
            nothing(tidegate.call("tg_alloc", 16u32).unwrap());
            nothing(tidegate.call("tg_gate_step", handle).unwrap());
            nothing(tidegate.call("tg_gate_held", (handle, 0u32, 0u32)).unwrap());
            nothing(tidegate.call("tg_facts_len", handle).unwrap());
            let why = why(tidegate);
            assert!(why.contains("\"broken\"") && why.contains("out of memory"), "{why}");
        }
    }
}

/// A call that wants more memory than there is traps; no later one says that all is well.
#[test]
fn a_push_that_dies() {
    for left in [64 << 10, 16] {
        let mut tidegate = tidegate();
        // held until it is scored: what is pushed stays
        let text = "version = 1\n[limits]\nhold_bytes_max = 16777216\n[[halt]]\nname = \"a\"\nscore = { from = \"host\", at = \"token\" }\n";
        let policy = tidegate.policy(text, 0).unwrap();
        let gate = tidegate.made("tg_gate_new", (policy, 0u32, 0u32)).unwrap();
        let delta = "word ".repeat(2000);
        tidegate.push(gate, 0, 0, &delta).unwrap();
        fill(&mut tidegate, left);
        let refused = why(&mut tidegate);
        assert!(refused.contains("\"no_memory\""), "{refused}");
        let died = (0..5000).find_map(|_| tidegate.push(gate, 0, 0, &delta).err());
        let died = died.expect("a push that finds no memory");
        assert!(died.downcast_ref::<Failure>().is_none(), "{died}");
        every_call_is_broken(&mut tidegate, [policy, gate]);
        // another instance knows nothing of it
        let mut other = self::tidegate();
        assert!(other.policy("version = 1\n", 0).is_ok());
    }
}

/// The halt rule refuses one more rule where there is no memory for it, to the last byte.
#[test]
fn a_rule_that_there_is_no_memory_for() {
    let mut kernel = Kernel::new(engine(), kernel_module(), 2 << 20).unwrap();
    for window_size in [4096, 64, 1] {
        let config = RuleConfig { window_size, trend_window: 2, ..RuleConfig::default() };
        let mut made = Vec::new();
        let refused = loop {
            match kernel.rule(&config) {
                Ok(rule) => made.push(rule),
                Err(error) => break error,
            }
        };
        let refused: &Failure = refused.downcast_ref().unwrap_or_else(|| panic!("{refused:?}"));
        assert!(refused.why.starts_with("there is no "), "{}", refused.why);
        for rule in made {
            assert_eq!(kernel.push(rule, 0.1).unwrap(), 2 | 2 << 8);
        }
    }
}
