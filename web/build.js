// Builds the page into web/dist: relative addresses only, so that it works under any path.
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("dist");
const wasm = here("node_modules/tidegate/dist/tidegate.wasm");
if (!existsSync(wasm)) {
  console.error("tidegate is not built: js/dist/tidegate.wasm is missing. Build the package first (js/README.md).");
  process.exit(2);
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out);

const common = {
  bundle: true, minify: true, format: "esm", target: "es2022", outdir: out, entryNames: "[name]", logLevel: "warning", legalComments: "none",
  external: ["node:*"], // the package reads files in Node; no browser gets there
  loader: { ".md": "text", ".toml": "text", ".yaml": "text", ".scores": "text", ".sse": "text" },
};
// `import.meta.url` stays: the Worker and the module lie beside the page's script
await build({ ...common, entryPoints: [here("src/main.ts"), here("src/worker.ts"), here("style.css")] });
for (const file of ["index.html", "icon.svg", "icon-maskable.svg", "manifest.webmanifest"]) copyFileSync(here(file), join(out, file));
copyFileSync(wasm, join(out, "tidegate.wasm"));

const files = readdirSync(out).sort();
const digest = createHash("sha256");
for (const file of files) digest.update(file).update(readFileSync(join(out, file)));
await build({
  ...common, entryPoints: [here("src/sw.ts")], format: "iife",
  define: {
    VERSION: JSON.stringify(digest.digest("hex").slice(0, 16)),
    // the folder itself is what a navigation asks for
    FILES: JSON.stringify(["./", ...files.filter((file) => file !== "index.html")]),
  },
});
for (const file of readdirSync(out).sort()) console.log(`${file.padEnd(22)} ${String(statSync(join(out, file)).size).padStart(9)} B`);
