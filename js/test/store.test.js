import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { openBrowser } from "./browser.js";
import { serve } from "./server.js";

const server = await serve();
test.after(() => server.close());

/** Opens the tests' page, with the package and the store at hand as `tidegate` and `openStore`. */
async function openPage(browser) {
  const page = await browser.context.newPage();
  const load = async () => {
    await page.evaluate(async () => {
      globalThis.tidegate = await import("/dist/index.js");
      await tidegate.init();
      globalThis.openStore = (await import("/dist/store.js")).openStore;
      globalThis.refused = (promise) => promise.then(() => "nothing was thrown", (error) => error.name === "TidegateError" ? error.code : String(error));
    });
  };
  await page.goto(`${server.url}/test/host/page.html`);
  await load();
  return { page, reload: async () => { await page.reload(); await load(); } };
}

async function inPage(t, run) {
  const browser = await openBrowser();
  t.after(() => browser.close());
  const opened = await openPage(browser);
  return run(opened.page, browser);
}

const write = async () => {
  const facts = new tidegate.Facts("The bridge opened in 1932. It is 1149 metres long.");
  const gate = new tidegate.Gate({ version: 1, halt: [{ name: "facts", score: { from: "facts" } }] }, { facts, record: true });
  gate.push("The bridge opened in 1932. It is 900 metres long.");
  gate.finish();
  const { halted } = gate.verdict();
  const store = await openStore();
  await store.saveTrace("answer", gate.trace());
  await store.saveFacts("bridge", facts);
  store.close();
  return { halted, size: facts.size };
};

const read = async () => {
  const store = await openStore();
  const facts = await store.loadFacts("bridge");
  const gate = new tidegate.Gate({ version: 1, halt: [{ name: "facts", score: { from: "facts" } }] }, { facts });
  gate.push("It is 900 metres long.");
  gate.finish();
  const result = {
    halts: tidegate.replay(await store.loadTrace("answer")),
    traces: (await store.traces()).map(({ id }) => id),
    facts: await store.facts(),
    size: facts.size,
    open: gate.verdict().open,
  };
  store.close();
  return result;
};

test("traces and facts outlive the page and the browser", { timeout: 60_000 }, async (t) => {
  const profile = await mkdtemp(join(tmpdir(), "tidegate-profile-"));
  const browsers = [];
  t.after(async () => {
    for (const browser of browsers) await browser.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  const open = async () => {
    const browser = await openBrowser({ profile });
    browsers.push(browser);
    return browser;
  };
  const check = ({ halts, ...rest }, { halted, size }) => {
    assert.deepEqual(halts, [halted]);
    assert.deepEqual(rest, { traces: ["answer"], facts: ["bridge"], size, open: false });
  };
  let written;
  {
    const browser = await open();
    const { page, reload } = await openPage(browser);
    written = await page.evaluate(write);
    assert.equal(written.halted.check, "facts");
    await reload();
    check(await page.evaluate(read), written);
    await browser.close();
  }
  const browser = await open();
  check(await (await openPage(browser)).page.evaluate(read), written);
});

test("traces stay within their bound, the oldest go", { timeout: 60_000 }, (t) => inPage(t, async (page) => {
  const result = await page.evaluate(async () => {
    const store = await openStore("bound", { trace_bytes_max: 100 });
    const ids = async () => (await store.traces()).map(({ id, bytes }) => `${id} ${bytes}`);
    const gone = [];
    for (const id of ["a", "b", "c"]) gone.push(await store.saveTrace(id, "x".repeat(30)));
    const three = await ids();
    gone.push(await store.saveTrace("a", "é".repeat(20))); // 40 bytes, in its own place: the newest now
    const replaced = await ids();
    gone.push(await store.saveTrace("d", "x".repeat(31)));
    const fourth = await ids();
    const large = await refused(store.saveTrace("e", "x".repeat(101)));
    const kept = await ids();
    gone.push(await store.saveTrace("f", "x".repeat(100)));
    const result = {
      gone, three, replaced, fourth, large, kept, last: await ids(),
      lost: [await store.loadTrace("b"), await store.loadTrace("a")].map((trace) => trace ?? null),
      deleted: [await store.deleteTrace("f"), await store.deleteTrace("f"), await store.deleteFacts("none")],
      empty: await ids(),
    };
    store.close();
    return result;
  });
  assert.deepEqual(result, {
    gone: [[], [], [], [], ["b", "c"], ["a", "d"]],
    three: ["a 30", "b 30", "c 30"],
    replaced: ["b 30", "c 30", "a 40"],
    fourth: ["a 40", "d 31"],
    large: "too_large",
    kept: ["a 40", "d 31"],
    last: ["f 100"],
    lost: [null, null],
    deleted: [true, false, false],
    empty: [],
  });
}));

test("a host without room is `quota`, and what was there stays", { timeout: 60_000 }, (t) => inPage(t, async (page, browser) => {
  const session = await browser.context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: server.url, quotaSize: 1_000_000 });
  const result = await page.evaluate(async () => {
    const store = await openStore("quota");
    await store.saveTrace("small", "one");
    // Chromium packs what it stores: not the same letter over and over
    let large = "";
    while (large.length < 4_000_000) large += Math.random();
    return [
      await refused(store.saveTrace("large", large)),
      await store.loadTrace("small"),
      (await store.traces()).length,
    ];
  });
  assert.deepEqual(result, ["quota", "one", 1]);
}));

test("what is in the way is named", { timeout: 60_000 }, (t) => inPage(t, async (page) => {
  const result = await page.evaluate(async () => {
    const result = {};
    const raw = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

    const closed = await openStore("closed");
    closed.close();
    result.closed = await refused(closed.traces());

    const deleted = await openStore("deleted");
    await raw(indexedDB.deleteDatabase("deleted"));
    result.deleted = await refused(deleted.saveTrace("a", "b"));

    const holder = await raw(indexedDB.open("held", 1)); // takes no notice of others
    const deletion = raw(indexedDB.deleteDatabase("held"));
    result.blocked = await refused(openStore("held", { open_ms_max: 200 }));
    holder.close();
    await deletion;
    const after = await openStore("held");
    result.after = (await after.traces()).length;

    (await raw(indexedDB.open("newer", 1000))).close();
    result.newer = await refused(openStore("newer"));

    // a real transaction, aborted under way
    const aborted = await openStore("aborted");
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (...args) {
      const made = transaction.apply(this, args);
      setTimeout(() => made.abort(), 0);
      made.objectStore("traces").put("y".repeat(4_000_000), "filler");
      return made;
    };
    result.aborted = await refused(aborted.saveTrace("a", "x".repeat(20_000_000)));
    IDBDatabase.prototype.transaction = transaction;
    result.nothing = (await aborted.traces()).length + ((await aborted.loadTrace("a")) ?? "").length;

    result.bytes = await refused(openStore("x", { trace_bytes_max: -1 }));
    result.id = await refused(aborted.saveTrace(undefined, "x"));
    result.trace = await refused(aborted.saveTrace("x"));
    return result;
  });
  assert.deepEqual(result, {
    closed: "closed", deleted: "closed", blocked: "blocked", after: 0, newer: "newer", aborted: "aborted", nothing: 0,
    bytes: "bad_argument", id: "bad_argument", trace: "bad_argument",
  });
}));

test("a host without IndexedDB is `lacks`", async () => {
  const { openStore } = await import("tidegate/store");
  await assert.rejects(openStore(), { name: "TidegateError", code: "lacks" });
});
