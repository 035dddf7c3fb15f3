// Makes what is published: the tarball, its checksums and its SBOM, in `target/npm`. The tarball is
// packed twice (both must be the same), listed file by file, and tried in an empty folder, offline.
//
//     npm run package

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const out = join(root, "target/npm");
const capture = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function pack(to) {
  const [packed] = JSON.parse(capture("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", to], here));
  return packed;
}

/** What is linked into the modules, and under which licence, as CycloneDX 1.6. */
function sbom(name, version) {
  const crates = new Map();
  const metadata = JSON.parse(capture("cargo", ["metadata", "--format-version", "1", "--filter-platform", "wasm32-unknown-unknown"], root));
  const byId = new Map(metadata.packages.map((it) => [it.id, it]));
  const nodes = new Map(metadata.resolve.nodes.map((it) => [it.id, it]));
  const visit = (id) => {
    if (crates.has(id)) return;
    crates.set(id, byId.get(id));
    for (const { pkg, dep_kinds } of nodes.get(id).deps) {
      if (dep_kinds.some(({ kind }) => kind === null)) visit(pkg);
    }
  };
  for (const it of metadata.packages) if (/^tidegate-(capi|kernel-capi|model-capi)$/.test(it.name)) visit(it.id);
  const components = [...crates.values()]
    .sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version))
    .map((it) => ({
      type: "library",
      name: it.name,
      version: it.version,
      licenses: [{ expression: it.license }],
      ...(it.source === null ? {} : { purl: `pkg:cargo/${it.name}@${it.version}` }),
    }));
  for (const { name: crate, licenses } of components) {
    if (!licenses[0].expression) throw new Error(`the crate ${crate} names no licence`);
  }
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: { type: "library", name, version, purl: `pkg:npm/${name}@${version}` } },
    components,
  };
}

/** Installs the tarball in an empty folder without a network and runs what a user runs first. */
function smoke(tarball) {
  const folder = mkdtempSync(join(tmpdir(), "tidegate-smoke-"));
  try {
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
    capture("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], folder);
    if (readdirSync(join(folder, "node_modules")).filter((it) => !it.startsWith(".")).join() !== "tidegate") {
      throw new Error("the package brings others with it");
    }
    writeFileSync(
      join(folder, "smoke.js"),
      `import { Gate, init } from "tidegate";
       import initKernel, { WasmStreamingKernel } from "tidegate/kernel";
       for (const name of Object.keys((await import("tidegate/package.json", { with: { type: "json" } })).default.exports)) {
         const entry = import.meta.resolve("tidegate" + name.slice(1));
         (await import("node:fs")).accessSync(new URL(entry));
       }
       await init();
       await initKernel();
       const gate = new Gate('version = 1\\n[[halt]]\\nscore.from = "facts"\\n', { facts: "The museum opens at 9." });
       const shown = gate.push("The museum opens at 9. It opens at 7.").text + gate.finish().text;
       const kernel = new WasmStreamingKernel("{}");
       console.log(JSON.stringify([shown, gate.verdict().halted.code, kernel.process_token("a", 0.1).halt_reason]));`,
    );
    const said = capture(process.execPath, ["--no-warnings", "smoke.js"], folder).trim();
    const expected = '["The museum opens at 9.","hard_limit","hard_limit (0.1000 < 0.5)"]';
    if (said !== expected) throw new Error(`the packed package says ${said}, not ${expected}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "again"), { recursive: true });
const packed = pack(out);
const tarball = join(out, packed.filename);
const again = readFileSync(join(out, "again", pack(join(out, "again")).filename));
rmSync(join(out, "again"), { recursive: true });
if (sha256(readFileSync(tarball)) !== sha256(again)) throw new Error("packed twice, the tarballs differ");
for (const { path, size } of packed.files) console.log(`${String(size).padStart(9)}  ${path}`);
console.log(`${String(packed.size).padStart(9)}  ${packed.filename}, unpacked ${packed.unpackedSize}`);
smoke(tarball);
console.log("smoke test: passed, in an empty folder, offline");

const bom = sbom(packed.name, packed.version);
writeFileSync(join(out, `${packed.name}-${packed.version}.cdx.json`), `${JSON.stringify(bom, null, 2)}\n`);
console.log(`SBOM: ${bom.components.length} crates`);
for (const name of readdirSync(join(here, "dist"))) {
  if (name.endsWith(".wasm")) cpSync(join(here, "dist", name), join(out, name));
}
const sums = readdirSync(out).map((name) => `${sha256(readFileSync(join(out, name)))}  ${name}\n`);
writeFileSync(join(out, "SHA256SUMS"), sums.join(""));
process.stdout.write(sums.join(""));
