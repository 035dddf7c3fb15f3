// The hosts that the contract cases run in, each a real one: a function for each, which says what came
// of it. `node test/hosts.js` runs all and prints the table of `docs/wasm.md`; the tests `host-*` run one.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBrowser } from "./browser.js";
import { caseFiles } from "./fixtures.js";
import { serve } from "./server.js";
import { serveWorker } from "./workerd.js";

/**
 * @typedef {import("./cases.js").Outcome} Outcome
 * @typedef {{ host: string, version: string, ms: number, cases: number, runs: number,
 *   problems: Outcome[], lacks: Outcome[], traces: Outcome[] }} Row  what `runHost` says; `ms`: how long it took to
 *   instantiate both modules
 */

const here = dirname(fileURLToPath(import.meta.url));
const js = dirname(here);
const require = createRequire(import.meta.url);

/** The file of a command that an npm package brings. */
function command(name) {
  const found = join(js, "node_modules", ".bin", name);
  if (!existsSync(found)) throw new Error(`no ${name}: \`npm install\` in js/ brings it`);
  return found;
}

/** Runs a command; its standard output. It fails with what the command said. */
async function output(file, args) {
  const child = spawn(file, args, { cwd: js, stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => { said[name] += text; });
  }
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${said.stderr}${said.stdout}`);
  return said.stdout;
}

/** What of `dist/` the gate needs: all code, the module and that of the kernel. */
async function distFiles() {
  const names = await readdir(join(js, "dist"));
  return names.filter((name) => /\.(js|wasm)$/.test(name) && !/-(edge|model)\.wasm$/.test(name));
}

/** @returns {Promise<Row>} */
export async function node() {
  const [tidegate, kernel, { runHost }] = await Promise.all([
    import("tidegate"), import("tidegate/kernel"), import("./host/run.js"),
  ]);
  const result = await runHost(tidegate, kernel, caseFiles(), async () => {
    await tidegate.init();
    await kernel.default();
  });
  return { host: "Node", version: process.versions.node, ...result };
}

/** Runs a file of `test/host/` in Deno, which may read files and no more; what it prints last, read as JSON. */
export const inDeno = (file) => printed("deno",
  ["run", "--no-remote", "--no-lock", "--node-modules-dir=manual", "--allow-read", `test/host/${file}`]);

/** The same in Bun. */
export const inBun = (file) => printed("bun", ["--no-install", `test/host/${file}`]);

const printed = async (name, args) => JSON.parse((await output(command(name), args)).trim().split("\n").at(-1));

/** @returns {Promise<Row>} */
export async function deno() {
  const version = /deno ([\d.]+)/.exec(await output(command("deno"), ["--version"]))[1];
  return { host: "Deno", version, ...(await inDeno("command.js")) };
}

/** @returns {Promise<Row>} */
export async function bun() {
  const version = (await output(command("bun"), ["--version"])).trim();
  return { host: "Bun", version, ...(await inBun("command.js")) };
}

/**
 * The cases in Node, with the small module alone.
 *
 * @param {readonly import("./cases.js").CaseFile[]} files the cases with their policies compiled
 * @returns {Promise<Row>}
 */
export async function nodeEdge(files) {
  const folder = await mkdtemp(join(tmpdir(), "tidegate-edge-"));
  try {
    const path = join(folder, "cases.json");
    await writeFile(path, JSON.stringify(files));
    const said = await output(process.execPath, [join(here, "host/edge.js"), path]);
    return { host: "Node, small module", version: process.versions.node, ...JSON.parse(said) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * @param {readonly import("./cases.js").CaseFile[]} [files]
 * @param {string} [module] the file that is `tidegate.wasm` there
 * @returns {Promise<Row>}
 */
export async function workerd(files = caseFiles(), module = "tidegate.wasm") {
  const { version } = require("workerd/package.json");
  const folder = await mkdtemp(join(tmpdir(), "tidegate-workerd-"));
  let worker;
  try {
    // what a bundler would send there, each file a module
    await cp(join(js, "dist"), join(folder, "dist"), { recursive: true });
    await cp(join(js, "dist", module), join(folder, "dist/tidegate.wasm"));
    await mkdir(join(folder, "test/host"), { recursive: true });
    for (const name of ["cases.js", "host/run.js"]) await cp(join(here, name), join(folder, "test", name));
    await cp(join(here, "host/workerd.js"), join(folder, "main.js"));
    await writeFile(join(folder, "cases.json"), JSON.stringify(files));
    const names = ["main.js", "cases.json", "test/cases.js", "test/host/run.js",
      ...(await distFiles()).map((name) => `dist/${name}`)];
    worker = await serveWorker(folder, names);
    const ask = async (path) => {
      const response = await fetch(worker.url + path);
      const text = await response.text();
      if (!response.ok) throw new Error(`workerd: ${text}\n${worker.said()}`);
      return text;
    };
    // its clock stands still while code runs: measured from here, the first request and all
    const start = performance.now();
    await ask("/load");
    const ms = performance.now() - start;
    return { host: "workerd", version, ...JSON.parse(await ask("/run")), ms };
  } finally {
    await worker?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const PAGE = "/test/host/page.html";

/** Opens the tests' page in a new Chromium and hands it to `use`. */
async function inChromium(host, use, routes = {}) {
  const server = await serve({ routes });
  let browser;
  try {
    browser = await openBrowser();
    const page = await browser.context.newPage();
    const open = async () => {
      await page.goto(server.url + PAGE);
      await page.waitForFunction(() => globalThis.ready === true);
    };
    await open();
    return { host, version: browser.version, ...(await use({ page, server, open })) };
  } finally {
    await browser?.close();
    await server.close();
  }
}

/** @returns {Promise<Row>} */
export const page = () => inChromium("Chromium, page", ({ page }) => page.evaluate("inPage()"));

/** @returns {Promise<Row>} */
export const worker = () => inChromium("Chromium, Worker", ({ page }) => page.evaluate("inWorker()"));

/**
 * The server is stopped before anything runs: the page comes from the Service Worker's cache.
 *
 * @returns {Promise<Row[]>} the cases in the Service Worker, and in the page that it serves
 */
export async function serviceWorker() {
  const dist = await distFiles();
  const files = [PAGE, ...["browser.js", "run.js", "worker.js"].map((name) => `/test/host/${name}`),
    "/test/cases.js", ...dist.map((name) => `/dist/${name}`)];
  let offline;
  const row = await inChromium("Chromium, Service Worker, offline", async ({ page, server, open }) => {
    assert.equal(await page.evaluate("install()"), "activated");
    await server.close();
    await assert.rejects(fetch(server.url), "the server is gone");
    await open();
    offline = await page.evaluate("inPage()");
    return page.evaluate("inServiceWorker()");
  }, {
    "/sw.js": new URL("./host/service-worker.js", import.meta.url),
    "/files.json": JSON.stringify(files),
  });
  return [row, { ...row, host: "Chromium, page, offline", ...offline }];
}

/** Fails with every problem, when fewer cases ran than there are files, and when others are lacking than these. */
export function assertRow(row, lacking = []) {
  const files = caseFiles().length;
  assert.ok(files >= 260, `only ${files} cases in fixtures/`);
  const problems = row.problems.map(({ name, problem }) => `${name}: ${problem}`);
  assert.equal(problems.length, 0, `${problems.length} cases fail in ${row.host}:\n${problems.join("\n")}`);
  assert.equal(row.cases, files, `${row.host} ran ${row.cases} of ${files} cases`);
  assert.deepEqual(row.lacks.map(({ name }) => name), lacking, `cases that ${row.host} cannot run`);
}

/** A line of the table: host, version, cases, runs, ms to instantiate, result. */
export const line = ({ host, version, cases, runs, ms, problems }) =>
  `| ${host} | ${version} | ${cases} | ${runs} | ${ms.toFixed(1)} | ${problems.length === 0 ? "all pass" : `${problems.length} fail`} |`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log("| host | version | cases | runs | ms to instantiate | result |\n| --- | --- | --- | --- | --- | --- |");
  for (const host of [node, page, worker, serviceWorker, workerd, deno, bun]) {
    for (const row of [await host()].flat()) {
      console.log(line(row));
      for (const { name, problem } of row.problems) console.error(`${name}: ${problem}`);
      if (row.problems.length > 0 || row.lacks.length > 0 || row.cases !== caseFiles().length) process.exitCode = 1;
    }
  }
}
