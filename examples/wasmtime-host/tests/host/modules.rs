//! The modules, built from this repository and compiled.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use wasmtime::{Engine, Module};

/// A module: that of the package from the folder `TIDEGATE_MODULES`, if it is set; else built
/// as `js/build.mjs` does, without what makes it smaller.
fn build(name: &str, package: &str, args: &[&str]) -> PathBuf {
    if let Some(folder) = std::env::var_os("TIDEGATE_MODULES") {
        return Path::new(&folder).join(name);
    }
    let target = "wasm32-unknown-unknown";
    // beside what cargo built for this test
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["rustc", "--quiet", "-p", package, "--lib", "--crate-type", "cdylib"])
        .args(["--profile", "wasm", "--target", target, "--target-dir"])
        .arg(folder)
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{package} for {target} (rustup target add {target}):\n{said}");
    folder.join(target).join("wasm").join(format!("{}.wasm", package.replace('-', "_")))
}

/// `tidegate.wasm`.
pub(crate) fn gate_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| build("tidegate.wasm", "tidegate-capi", &[]))
}

/// `tidegate-kernel.wasm`.
pub(crate) fn kernel_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        build("tidegate-kernel.wasm", "tidegate-kernel-capi", &["--features", "module"])
    })
}

/// `tidegate-edge.wasm`.
fn edge_path() -> PathBuf {
    build("tidegate-edge.wasm", "tidegate-capi", &["--no-default-features"])
}

pub(crate) fn edge_module() -> Module {
    Module::from_file(engine(), edge_path()).unwrap()
}

pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(Engine::default)
}

pub(crate) fn gate_module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| Module::from_file(engine(), gate_path()).unwrap())
}

pub(crate) fn kernel_module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| Module::from_file(engine(), kernel_path()).unwrap())
}
