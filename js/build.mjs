// Builds the package: the modules of WebAssembly, their sizes against the budget, the JavaScript.
//
//     npm run build            everything
//     npm run build -- --js    the JavaScript only

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const dist = join(here, "dist");
const run = (command, args, options = {}) =>
  execFileSync(command, args, { stdio: ["ignore", "inherit", "inherit"], cwd: root, ...options });
const script = (name) => fileURLToPath(import.meta.resolve(name));

/** What rustc's target has today, and no more: engines that run one run the other. */
const FEATURES = ["bulk-memory", "mutable-globals", "multivalue", "nontrapping-float-to-int", "reference-types", "sign-ext"];

/** By name in the package: the crate it is built from, its flags and how wasm-opt is to optimise. */
const MODULES = {
  "tidegate-kernel.wasm": { crate: "tidegate-kernel-capi", args: ["--features", "module"], level: "-Oz" },
  "tidegate.wasm": { crate: "tidegate-capi", args: [], level: "-O3" },
  // opt-level "z" for it would make it 6 % smaller, and all crates be built twice
  "tidegate-edge.wasm": { crate: "tidegate-capi", args: ["--no-default-features"], level: "-Oz" },
  "tidegate-model.wasm": {
    crate: "tidegate-model-capi", args: [], level: "-O3", features: ["simd"],
    // seeds that are imported from nowhere: `bindings/model/src/random.rs`
    rustflags: ["-Ctarget-feature=+simd128", '--cfg=getrandom_backend="custom"'],
  },
};

/** Where things are on this machine is nobody's business, and would make every machine's build another one. */
function remapped() {
  const sysroot = execFileSync("rustc", ["--print", "sysroot"], { cwd: root, encoding: "utf8" }).trim();
  const homes = [
    [process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "/cargo"],
    [join(sysroot, "lib/rustlib/src/rust"), "/rust"],
    [root, "/tidegate"],
  ];
  return homes.map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
}

function buildModule(name) {
  const { crate, args, level, features = [], rustflags = [] } = MODULES[name];
  const target = "wasm32-unknown-unknown";
  // for all crates that are built in: flags behind `cargo rustc --` would be for the last one
  const env = { ...process.env, CARGO_ENCODED_RUSTFLAGS: [...remapped(), ...rustflags].join("\x1f") };
  run("cargo", ["rustc", "--quiet", "-p", crate, "--lib", "--crate-type", "cdylib", "--profile", "wasm", "--target", target, ...args], { env });
  const metadata = execFileSync("cargo", ["metadata", "--no-deps", "--format-version", "1"], { cwd: root, maxBuffer: 1 << 28 });
  const built = join(JSON.parse(metadata).target_directory, target, "wasm", `${crate.replaceAll("-", "_")}.wasm`);
  run(process.execPath, [
    join(dirname(script("binaryen")), "bin", "wasm-opt"), level, "--strip-debug", "--strip-producers",
    ...[...FEATURES, ...features].map((feature) => `--enable-${feature}`), built, "-o", join(dist, name),
  ]);
}

/** Prints sizes; whether all are within the budget. */
function checkSizes() {
  const budget = JSON.parse(readFileSync(join(here, "budget.json"), "utf8"));
  let fits = true;
  for (const [name, { bytes_max, gzip_bytes_max }] of Object.entries(budget)) {
    const bytes = statSync(join(dist, name)).size;
    const gzip = gzipSync(readFileSync(join(dist, name)), { level: 9 }).length;
    const within = bytes <= bytes_max && gzip <= gzip_bytes_max;
    fits &&= within;
    console.log(`${name}: ${bytes} bytes (at most ${bytes_max}), gzip ${gzip} (at most ${gzip_bytes_max})${within ? "" : ": TOO LARGE"}`);
  }
  return fits;
}

const only = process.argv.includes("--js");
if (!only) rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
if (!only) for (const name of Object.keys(MODULES)) buildModule(name);
run(process.execPath, [join(dirname(script("typescript")), "tsc.js"), "-p", "tsconfig.json"], { cwd: here });
if (!checkSizes()) process.exit(1);
