//! The example itself: it prints what `gate.c` prints.

use std::process::Command;

use crate::modules::{gate_path, kernel_path};

#[test]
fn says_what_it_says_in_c() {
    let ran = Command::new(env!("CARGO_BIN_EXE_tidegate-wasmtime-host"))
        .args([gate_path(), kernel_path()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let expected = include_str!("../../../../bindings/capi/examples/gate.expected");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), expected);
    for measured in
        ["an instance of the gate: ", "an instance of the halt rule: ", "a push to the halt rule: "]
    {
        assert!(said.contains(measured), "{said}");
    }
}

#[test]
fn modules_import_nothing() {
    for module in [crate::modules::gate_module(), crate::modules::kernel_module()] {
        assert_eq!(module.imports().count(), 0);
    }
}
