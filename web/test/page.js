// A real browser on the built page, served under a path. Every test asks for a fresh profile.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../serve.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
/** Not the root, so that an absolute address would be seen. */
const PATH = "/some/where/";

let browser;
let server;
export let origin;

export async function start() {
  assert.ok(existsSync(fileURLToPath(new URL("../dist/index.html", import.meta.url))), "web/dist is missing: npm run build --prefix web");
  assert.ok(existsSync(CHROMIUM), `no Chromium at ${CHROMIUM}: install it, or name one in CHROMIUM`);
  await serveAgain(0);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

export async function stop() {
  await browser?.close();
  await stopServer();
}

/** Stops the server, with all its connections: the page is on its own. */
export async function stopServer() {
  if (!server) return;
  const closed = new Promise((resolve) => { server.close(resolve); });
  server.closeAllConnections();
  await closed;
  server = undefined;
}

/** On the port it had, so that the page is the same origin. */
export async function serveAgain(port = Number(new URL(origin).port)) {
  server = await serve(port, PATH);
  origin = `http://localhost:${server.address().port}`;
}

/** Opens the page in a context of its own, runs `act`, and holds the page to what holds always: no error, and no
 *  request to anywhere else. `before` runs before the page does, `watch` is told of every request; with `blocked`
 *  the test itself tries other addresses. */
export async function withPage(act, { before, watch, blocked = false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, acceptDownloads: true, ...options });
  const elsewhere = [];
  const wrong = [];
  context.on("request", (request) => {
    watch?.(request);
    if (!/^(blob:|data:)/.test(request.url()) && new URL(request.url()).origin !== origin) elsewhere.push(request.url());
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error") wrong.push(message.text()); });
  if (before) await page.addInitScript(before);
  try {
    await page.goto(origin + PATH);
    await settled(page);
    await act(page, context);
    if (!blocked) assert.deepEqual([elsewhere, wrong], [[], []], "requests to elsewhere, errors in the page");
  } finally {
    await context.close();
  }
}

/** When all that was typed has been run. */
export async function settled(page) {
  await page.waitForTimeout(200); // typing is waited for 150 ms
  await page.waitForSelector("#outputs[aria-busy=false]");
}

export const released = (page) => page.locator("#released").evaluate((node) => node.textContent);
export const verdict = (page) => page.locator("#verdict").innerText().then((text) => text.replace(/\s+/g, " "));

export async function example(page, id) {
  await page.selectOption("#example", id);
  await settled(page);
}

/** Cuts the answer into deltas of so many characters. */
export async function cutInto(page, size) {
  await page.selectOption("#cut", "characters");
  await page.fill("#cut-size", String(size));
  await settled(page);
}
