//! `release/wasm_release_plan.toml` says what the build makes and CI runs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    version: u32,
    phases: Vec<Phase>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Phase {
    id: String,
    status: String,
    goal: String,
    gates: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    id: String,
    runtime: String,
    build_target: String,
    priority: u32,
    artefacts: Vec<String>,
    test: String,
    ci: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn plan() -> Plan {
    toml::from_str(&read("release/wasm_release_plan.toml")).unwrap()
}

#[test]
fn phases_come_in_order_and_their_gates_exist() {
    let plan = plan();
    assert_eq!(plan.version, 1);
    let ids: Vec<&str> = plan.phases.iter().map(|phase| phase.id.as_str()).collect();
    assert_eq!(ids, ["p0-local-artefact", "p1-package-publish", "p2-edge-scoring-bridge"]);
    for Phase { id, status, goal, gates } in &plan.phases {
        assert!(["planned", "active", "done"].contains(&status.as_str()), "{id}: {status}");
        assert!(!goal.is_empty() && !gates.is_empty(), "{id}");
        for gate in gates {
            let (path, _) = gate.split_once(": ").unwrap_or_else(|| panic!("{id}: `{gate}`"));
            assert!(root().join(path).exists(), "{id}: there is no {path}");
        }
    }
}

#[test]
fn targets_are_built_and_run_in_ci() {
    let (plan, ci, build) = (plan(), read(".ci/run"), read("js/build.mjs"));
    let budget: serde_json::Value = serde_json::from_str(&read("js/budget.json")).unwrap();
    let package: serde_json::Value = serde_json::from_str(&read("js/package.json")).unwrap();
    let toolchain = read("rust-toolchain.toml");
    let ids: BTreeSet<&str> = plan.targets.iter().map(|target| target.id.as_str()).collect();
    let expected =
        ["browser-worker", "node-edge", "service-worker", "wasmtime-host", "worker-runtime"];
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), expected);
    for target in &plan.targets {
        let Target { id, runtime, build_target, priority, artefacts, test, ci: step } = target;
        assert!(!runtime.is_empty() && (1..=3).contains(priority), "{id}");
        let known = ci.contains(build_target) || toolchain.contains(build_target);
        assert!(known && build.contains(build_target), "{id}: {build_target} is not built");
        for artefact in artefacts {
            assert!(build.contains(artefact), "{id}: js/build.mjs makes no {artefact}");
            assert!(budget.get(artefact).is_some(), "{id}: {artefact} has no budget");
            let export = format!("./{artefact}");
            let exports = package.get("exports").unwrap();
            assert!(exports.get(&export).is_some(), "{id}: the package has no {export}");
        }
        assert!(root().join(test).is_file(), "{id}: there is no {test}");
        assert!(ci.contains(step.as_str()), "{id}: CI does not run `{step}`");
    }
}
