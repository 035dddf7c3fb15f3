// The package as npm packs it, in a small app, through three bundlers, run in Chromium.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openBrowser } from "./browser.js";
import { serve } from "./server.js";

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const js = dirname(here);

/** A folder with the app, and the packed package in its `node_modules`. */
async function makeApp() {
  const app = await mkdtemp(join(tmpdir(), "tidegate-app-"));
  await cp(join(here, "bundled"), app, { recursive: true });
  const { stdout } = await run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", app], { cwd: js });
  await run("tar", ["-xzf", join(app, stdout.trim().split("\n").at(-1)), "-C", app]);
  await mkdir(join(app, "node_modules"));
  await rename(join(app, "package"), join(app, "node_modules/tidegate"));
  await writeFile(join(app, "package.json"), '{ "type": "module" }');
  return app;
}

/** Bundlers by name: from the folder `app` to the folder `out` in it, whose `app.js` is the page's script. */
const bundlers = {
  async vite(app, out) {
    const { build, version } = await import("vite");
    await writeFile(join(app, "index.html"), '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/app.js"></script>');
    await build({
      root: app, logLevel: "error", configFile: false,
      build: { outDir: out, emptyOutDir: true, target: "esnext" }, worker: { format: "es" },
    });
    return version;
  },
  async webpack(app, out) {
    const { default: webpack } = await import("webpack");
    const stats = await promisify(webpack)({
      mode: "production", context: app, entry: "./app.js", target: "web",
      output: { path: join(app, out), filename: "app.js", publicPath: "auto", clean: true },
      performance: false,
    });
    assert.deepEqual(stats.toJson().errors.map(({ message }) => message), []);
    assert.deepEqual(stats.toJson().warnings.map(({ message }) => message), []);
    return webpack.version;
  },
  async esbuild(app, out) {
    const { build, version } = await import("esbuild");
    const { warnings } = await build({
      absWorkingDir: app, bundle: true, format: "esm", minify: true, outdir: out, logLevel: "silent",
      entryPoints: { app: "app-esbuild.js", worker: "tidegate/worker-entry" },
      loader: { ".wasm": "file" },
    });
    assert.deepEqual(warnings, []);
    return version;
  },
};

for (const [name, bundle] of Object.entries(bundlers)) {
  test(`a small app through ${name}, run in Chromium`, { timeout: 120_000 }, async (t) => {
    const app = await makeApp();
    t.after(() => rm(app, { recursive: true, force: true }));
    const out = `out-${name}`;
    const version = await bundle(app, out);
    const files = await readdir(join(app, out), { recursive: true });
    if (!files.includes("index.html")) {
      await writeFile(join(app, out, "index.html"),
        '<!doctype html><link rel="icon" href="data:,"><script type="module" src="app.js"></script>');
    }
    // one copy of the module, as a file of its own
    assert.equal(files.filter((file) => file.endsWith(".wasm")).length, 1, files.join(" "));

    const server = await serve({ folder: join(app, out) });
    t.after(() => server.close());
    const browser = await openBrowser();
    t.after(() => browser.close());
    const page = await browser.context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("response", (response) => { if (!response.ok()) errors.push(`${response.status()} ${response.url()}`); });
    await page.goto(`${server.url}/index.html`);
    await page.waitForFunction(() => globalThis.result, null, { timeout: 20_000 }).catch((error) => errors.push(String(error)));
    assert.deepEqual(errors, []);
    assert.deepEqual(await page.evaluate("result"), { here: "write to ***!", there: "write to ***!" });
    const size = await Promise.all(files.filter((file) => file.endsWith(".js")).map(async (file) => (await stat(join(app, out, file))).size));
    t.diagnostic(`${name} ${version}: ${size.reduce((sum, bytes) => sum + bytes, 0)} bytes of JavaScript`);
  });
}
