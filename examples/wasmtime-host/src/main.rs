//! What `bindings/capi/examples/gate.c` does, in WebAssembly; then how long it takes to
//! make an instance and to push a score.
//!
//!     tidegate-wasmtime-host tidegate.wasm tidegate-kernel.wasm

use std::time::Instant;

use tidegate_wasmtime_host::{Kernel, RuleConfig, TG_ALL_CHOICES, TG_HALTED, TG_RECORD, Tidegate};
use wasmtime::{Engine, Module, Result, bail};

/// What an instance may have; it begins with little.
const MEMORY_BYTES_MAX: usize = 1 << 30;

const POLICY: &str = "\
version = 1
[[halt]]
name = \"facts\"
score = { from = \"facts\", hold = true, on_unsupported = \"allow\" }
";

const FACTS: &str = "\
The first ferry sails at 6:30 and the last ferry sails at 21:30.
A crossing takes 40 minutes.
An adult ticket costs 12 euros.
";

/// The answer, as a model streams it: cut anywhere.
const DELTAS: [&str; 8] = [
    "The first fer",
    "ry sails at 6:",
    "30. A cross",
    "ing takes 40 minutes.",
    " The last ferry sails at 23",
    ":30, so there is",
    " no hurry.",
    " An adult ticket costs 12 euros.",
];

fn main() -> Result<()> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [gate_path, kernel_path] = &paths[..] else {
        bail!("usage: tidegate-wasmtime-host tidegate.wasm tidegate-kernel.wasm");
    };
    let engine = Engine::default();
    let module = Module::from_file(&engine, gate_path)?;
    answer(&mut Tidegate::new(&engine, &module, MEMORY_BYTES_MAX)?)?;

    let rounds = 200;
    let started = Instant::now();
    for _ in 0..rounds {
        Tidegate::new(&engine, &module, MEMORY_BYTES_MAX)?;
    }
    let each = started.elapsed() / rounds;
    eprintln!("an instance of the gate: {each:?}");

    let module = Module::from_file(&engine, kernel_path)?;
    let started = Instant::now();
    for _ in 0..rounds {
        Kernel::new(&engine, &module, MEMORY_BYTES_MAX)?;
    }
    eprintln!("an instance of the halt rule: {:?}", started.elapsed() / rounds);
    let mut kernel = Kernel::new(&engine, &module, MEMORY_BYTES_MAX)?;
    let rule = kernel.rule(&RuleConfig::default())?;
    let pushes = 1_000_000u32;
    let started = Instant::now();
    for number in 0..pushes {
        // never the same twice, never a halt
        let decision = kernel.push(rule, 0.9 + f64::from(number % 16) * 0.005)?;
        if decision != 0 {
            bail!("decision {decision:#x}");
        }
    }
    let nanoseconds = started.elapsed().as_secs_f64() * 1e9 / f64::from(pushes);
    eprintln!("a push to the halt rule: {nanoseconds:.1} ns");
    Ok(())
}

/// Gates the answer and prints what may leave, the halt, and the halt decided again.
fn answer(tidegate: &mut Tidegate) -> Result<()> {
    let policy = tidegate.policy(POLICY, 0)?;
    let facts = tidegate.facts("ferry", FACTS)?;
    let gate = tidegate.made("tg_gate_new", (policy, facts, TG_RECORD))?;
    // it keeps what it needs of both
    tidegate.done("tg_drop", policy)?;
    tidegate.done("tg_drop", facts)?;

    for delta in DELTAS {
        let outcome = tidegate.push(gate, 0, 0, delta)?;
        show(tidegate, gate)?;
        if outcome & TG_HALTED != 0 {
            break;
        }
    }
    tidegate.done("tg_gate_finish", (gate, TG_ALL_CHOICES))?;
    show(tidegate, gate)?;
    println!("halted: {}", tidegate.text("tg_gate_verdict", (gate, 0))?);

    // what was decided can be decided again, from the records alone
    let trace = tidegate.text("tg_gate_trace", gate)?;
    println!("replayed: {}", tidegate.replay(&trace)?);
    tidegate.done("tg_drop", gate)?;
    Ok(())
}

fn show(tidegate: &mut Tidegate, gate: u32) -> Result<()> {
    for release in tidegate.releases(gate)? {
        println!("released: {}", release.text);
    }
    Ok(())
}
