// What the page does, in a real browser.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { cutInto, example, origin, released, serveAgain, settled, start, stop, stopServer, verdict, withPage } from "./page.js";

const examplesFolder = new URL("../../examples/", import.meta.url);
/** The content of an example's stream, read without Tidegate. */
async function content(name) {
  const lines = (await readFile(new URL(name, examplesFolder), "utf8")).split("\n");
  return lines.filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)).choices[0]?.delta.content ?? "").join("");
}

before(start);
after(stop);

const BEFORE_THE_HALT = "The first ferry sails at 6:30 and a crossing takes 40 minutes. An adult ticket costs 12 euros. Children under 6 travel free.";

test("a wrong answer halts at the wrong claim, and what left is exactly what was before it", () => withPage(async (page) => {
  const answer = await content("wrong.sse");
  assert.equal(await page.inputValue("#answer"), answer);
  for (const cut of ["recorded", "words", 1, 3, 17, 999]) {
    if (typeof cut === "number") await cutInto(page, cut);
    else { await page.selectOption("#cut", cut); await settled(page); }
    assert.equal(await released(page), BEFORE_THE_HALT, `cut: ${cut}`);
    assert.match(await verdict(page), /^Halted by facts at claim 4: hard_limit \(0\.\d{4} < 0\.5\)$/, `cut: ${cut}`);
  }
  assert.ok(answer.startsWith(BEFORE_THE_HALT));
  const claim = page.locator("#claims [data-outcome=halted]");
  assert.equal(await claim.locator(".claim-text").innerText(), "The last ferry sails at 23:30, so there is no hurry.");
  assert.match(await claim.locator("blockquote").innerText(), /the last ferry sails at 21:30/);
  assert.match(await claim.locator(".why").innerText(), /mismatch: number.*23:30/s);
  assert.match(await page.locator(".graph").first().getAttribute("aria-label"), /halts at claim 4/);
  assert.equal(await page.locator(".graph .dot.halted").count(), 1);
}));

test("a right answer leaves whole", () => withPage(async (page) => {
  await example(page, "right");
  assert.equal(await released(page), await content("right.sse"));
  assert.match(await verdict(page), /^Open to the end/);
  assert.equal(await page.locator("#held").innerText(), "");
}));

test("step by step only what is open is held, and a way back is a new run", () => withPage(async (page) => {
  await page.click("#restart");
  await settled(page);
  assert.equal(await released(page), "");
  const answer = await page.inputValue("#answer");
  let shown = "";
  for (let step = 0; step < 200; step += 1) {
    await page.click("#step");
    await page.waitForSelector("#outputs[aria-busy=false]");
    const now = await released(page);
    assert.ok(now.startsWith(shown), "what was shown stays");
    shown = now;
    if ((await verdict(page)).startsWith("Halted")) break;
    assert.ok(answer.startsWith(now + await page.locator("#held").evaluate((node) => node.textContent)), "released and held are the answer so far");
  }
  assert.equal(shown, BEFORE_THE_HALT);
  await page.locator("#position").fill("20");
  await settled(page);
  assert.match(await verdict(page), /^Open/);
  assert.equal(await released(page), BEFORE_THE_HALT.slice(0, 62));
  await page.click("#end");
  await settled(page);
  assert.equal(await released(page), BEFORE_THE_HALT);
}));

test("played, it comes to the same", () => withPage(async (page) => {
  await page.locator("#speed").fill("80");
  await page.click("#play");
  await page.waitForSelector("#play:text-is('Pause')");
  await page.waitForSelector("#verdict.halted");
  assert.equal(await released(page), BEFORE_THE_HALT);
  assert.equal(await page.innerText("#play"), "Play");
}));

// ---- secrets -----------------------------------------------------------------

/** Keeps every state the document was in: all text and all attributes, at every mutation. What stands in a form field is
 *  no part of it: that is where the answer is typed. */
const collect = () => {
  window.states = new Set();
  const keep = () => window.states.add(document.documentElement.outerHTML);
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver((records) => {
      keep();
      // also what was there between two states
      for (const record of records) for (const node of [...record.addedNodes, ...record.removedNodes]) window.states.add(node.textContent);
    }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
  });
};
const seen = (page, secret) => page.evaluate((text) => [...window.states].some((state) => state.includes(text)), secret);

test("a secret is never in the document, however it is cut", () => withPage(async (page) => {
  await example(page, "secrets");
  const secrets = ["ghp_", "Ab3dEf6", "Zx4Z", "7Cd0", "4111", "1111", "bob.hook", "hook@", "ferry.example", "+49", "5550"];
  const answer = await page.inputValue("#answer");
  const whole = "Of course! Write to [redacted] or call [redacted]. The booking was paid with [redacted], and the deploy token is [redacted]. Bring ID. Safe travels!";
  for (const secret of secrets) assert.ok(answer.includes(secret), secret);
  for (const size of [0, 1, 3, 500]) {
    if (size > 0) await cutInto(page, size);
    await page.click("#restart");
    await settled(page);
    const deltas = Number(await page.locator("#position").getAttribute("max"));
    for (let at = 1; at <= deltas; at += 1) {
      await page.click("#step");
      await page.waitForSelector("#outputs[aria-busy=false]");
    }
    assert.equal(await released(page), whole, `cut into ${size}`);
    assert.equal(await page.locator("#released mark.masked").count(), 4);
  }
  const states = await page.evaluate(() => window.states.size);
  assert.ok(states > 200, `the observer saw ${states} states`);
  assert.ok(await seen(page, "the deploy token is "), "it sees what is released");
  assert.ok(await seen(page, "•"), "it sees what is held, veiled");
  for (const secret of secrets) assert.equal(await seen(page, secret), false, secret);
  assert.match(await page.locator("#notes").innerText(), /masked\s+secrets \/ github_token/);
}, { before: collect }));

test("a secret inside a claim is in no evidence either", () => withPage(async (page) => {
  await example(page, "both");
  for (const size of [1, 5]) {
    await cutInto(page, size);
    await page.click("#restart");
    await settled(page);
    const deltas = Number(await page.locator("#position").getAttribute("max"));
    for (let at = 1; at <= deltas; at += 1) {
      await page.click("#step");
      await page.waitForSelector("#outputs[aria-busy=false]");
    }
  }
  assert.match(await verdict(page), /^Halted by facts/);
  assert.match(await page.locator("#claims").innerText(), /\[redacted\]/);
  // what the rules have cleared is shown, though the claim is withheld
  assert.equal(await page.locator("#claims [data-outcome=halted] .claim-text").innerText(), "The ferry also sails on Sunday.");
  for (const secret of ["bob.hook", "hook@", "@ferry", "ferry.example"]) assert.equal(await seen(page, secret), false, secret);
}, { before: collect }));

test("held text is shown to who asks for it", () => withPage(async (page) => {
  await example(page, "secrets");
  await cutInto(page, 1);
  await page.locator("#position").fill("24"); // within the address
  await settled(page);
  assert.match(await page.locator("#held").innerText(), /^•+$/);
  await page.selectOption("#held-mode", "shown");
  await settled(page);
  assert.match(await page.locator("#held").innerText(), /^bob/);
}));

test("what must not be promised halts before its first character", () => withPage(async (page) => {
  await example(page, "promise");
  assert.equal(await released(page), "I am sorry that the 9:10 did not sail. We would like to help. ");
  assert.match(await verdict(page), /^Halted by promises/);
}));

// ---- inputs ------------------------------------------------------------------

test("a policy's error is shown at its line, and mended it runs", () => withPage(async (page) => {
  const policy = await page.inputValue("#policy");
  const line = policy.split("\n").findIndex((each) => each.startsWith("hard_limit")) + 1;
  await page.fill("#policy", policy.replace("hard_limit", "hard_limitt"));
  await settled(page);
  const error = page.locator("#policy-error");
  assert.match(await error.innerText(), new RegExp(`Line ${line}, column 1`));
  assert.match(await error.innerText(), /unknown field `hard_limitt`/);
  assert.match(await error.innerText(), /did you mean `hard_limit`\?/);
  assert.equal(await page.locator("#policy-lines .wrong").innerText(), String(line));
  assert.equal(await page.locator("#policy").getAttribute("aria-invalid"), "true");
  assert.match(await verdict(page), new RegExp(`^Not run.*line ${line}`));
  assert.equal(await released(page), "", "no output of other inputs is left");
  await error.getByRole("button").click();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "policy");
  assert.equal(await page.locator("#policy").evaluate((field) => field.value.slice(0, field.selectionStart).split("\n").length), line);
  await page.fill("#policy", policy);
  await settled(page);
  assert.equal(await error.isVisible(), false);
  assert.equal(await page.locator("#policy").getAttribute("aria-invalid"), null);
  assert.equal(await released(page), BEFORE_THE_HALT);
}));

test("errors have their place in every format, also where the syntax is wrong", () => withPage(async (page) => {
  const wrong = [
    ["toml", "version = 1\n\n[[halt]\n", 3], ["yaml", "version: 1\nhalt:\n  - nam: x\n", 3], ["json", '{\n  "version": 1,\n  "hult": []\n}', 3],
    ["toml", "version = 1\n[[text]]\nregex = '(('\n", 3],
  ];
  for (const [format, policy, line] of wrong) {
    await page.selectOption("#policy-format", format);
    await page.fill("#policy", policy);
    await settled(page);
    assert.match(await page.locator("#policy-error").innerText(), new RegExp(`^Line ${line}\\b`), policy);
  }
}));

test("facts that are edited change the verdict", () => withPage(async (page) => {
  const facts = await page.inputValue("#facts");
  await page.fill("#facts", facts.replace("21:30", "23:30").replace("Cars are not carried.", "Cars are carried for 30 euros."));
  await settled(page);
  assert.match(await verdict(page), /^Open to the end/);
  assert.equal(await released(page), await page.inputValue("#answer"));
  await page.fill("#facts", facts);
  await settled(page);
  assert.equal(await released(page), BEFORE_THE_HALT);
}));

test("scores of the host decide tokens, and a bad one is named with its line", () => withPage(async (page) => {
  await example(page, "tokens");
  assert.match(await verdict(page), /^Halted by tokens at token 37: hard_limit \(0\.4400 < 0\.5\)$/);
  assert.equal(await released(page), (await content("wrong.sse")).slice(0, 151));
  assert.equal(await page.locator(".graph").count(), 2);
  await page.fill("#scores", "0.9\nhigh\n");
  await settled(page);
  assert.match(await page.locator("#scores-error").innerText(), /Line 2.*`high` is no number/s);
  await page.fill("#scores", "0.9\nnan\n");
  await settled(page);
  assert.match(await verdict(page), /invalid_score \(NaN\)/);
}));

test("scores of the host decide claims, in the order of the text", () => withPage(async (page) => {
  await page.fill("#policy", 'version = 1\n[[halt]]\nname = "mine"\nscore = { from = "host", at = "claim" }\n');
  await page.fill("#answer", "One is odd. Two is even. Three is even.");
  await page.locator("#host-panel summary").click();
  await page.fill("#scores", "0.9\n0.8\n0.2\n");
  await settled(page);
  assert.equal(await released(page), "One is odd. Two is even.");
  assert.match(await verdict(page), /^Halted by mine at claim 3: hard_limit \(0\.2000 < 0\.5\)$/);
  await page.fill("#scores", "0.9\n");
  await settled(page);
  assert.equal(await released(page), "One is odd.");
  assert.match(await verdict(page), /^Halted by mine at claim 2: missing_score/);
}));

test("facts that cannot be read, and facts that are missing, are named", () => withPage(async (page) => {
  await page.selectOption("#facts-format", "jsonl");
  await settled(page);
  assert.ok((await page.locator("#facts-error").innerText()).length > 10);
  assert.match(await verdict(page), /^Not run the facts have an error/);
  await page.selectOption("#facts-format", "markdown");
  await settled(page);
  assert.equal(await released(page), BEFORE_THE_HALT);
  await page.fill("#facts", "");
  await settled(page);
  assert.match(await verdict(page), /^Not run/);
  assert.match(await page.locator("#policy-error, #facts-error").filter({ visible: true }).innerText(), /facts/);
}));

test("any text is an answer: empty, in other scripts, with half a character", () => withPage(async (page) => {
  await example(page, "secrets");
  for (const answer of ["", " \n", "Ein Ä, ein 🚢 und e\u0301n. Schreib an bo@ferry.example!", "a\ud83d b"]) {
    await page.fill("#answer", answer);
    for (const size of [1, 2]) {
      await cutInto(page, size);
      assert.match(await verdict(page), /^Open to the end/);
      const expected = answer.replace("\ud83d", "\ufffd");
      if (!answer.includes("@")) assert.equal(await released(page), expected);
      else assert.match(await released(page), /^Ein Ä, ein 🚢 und e\u0301n\. Schreib an \[redacted\]!$/);
    }
  }
}));

test("a long answer stays quick", () => withPage(async (page) => {
  await page.fill("#answer", "A crossing takes 40 minutes. ".repeat(2000));
  await cutInto(page, 4);
  assert.equal((await released(page)).length, 58_000);
  const slow = await page.evaluate(async () => {
    const outputs = document.getElementById("outputs");
    const times = [];
    for (let step = 0; step < 5; step += 1) {
      const began = performance.now();
      document.getElementById(step === 0 ? "restart" : "end").click();
      await new Promise((resolve) => { const look = () => outputs.getAttribute("aria-busy") === "false" ? resolve() : setTimeout(look, 0); look(); });
      times.push(performance.now() - began);
    }
    return Math.max(...times);
  });
  assert.ok(slow < 10_000, `${slow} ms`); // for 14500 deltas and 2000 claims
}));

test("shadow mode records and changes nothing", () => withPage(async (page) => {
  await example(page, "shadow");
  assert.equal(await released(page), await content("wrong.sse"));
  assert.match(await verdict(page), /^Open to the end shadow mode: facts would have halted/);
  assert.ok(await page.locator("#claims [data-outcome=shadow]").count() >= 1);
}));

test("a recorded stream can be opened", () => withPage(async (page) => {
  await page.setInputFiles("#open-answer", fileURLToPath(new URL("right.sse", examplesFolder)));
  await settled(page);
  assert.equal(await page.inputValue("#answer"), await content("right.sse"));
  assert.equal(await page.inputValue("#cut"), "recorded");
  assert.match(await verdict(page), /^Open to the end/);
  await page.setInputFiles("#open-answer", fileURLToPath(new URL("leak.sse", examplesFolder)));
  await settled(page);
  assert.match(await page.locator("#answer-hint").innerText(), /1 other channel is not shown/);
}));

test("a trace is saved, has no text, and replays; a changed one does not", () => withPage(async (page) => {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click("#save-trace")]);
  const path = await file.path();
  const trace = await readFile(path, "utf8");
  assert.ok(trace.split("\n").length > 20);
  assert.ok(!trace.includes("ferry"));
  await page.setInputFiles("#open-trace", { name: "kept.jsonl", mimeType: "application/x-ndjson", buffer: Buffer.from(trace) });
  await page.waitForSelector("#replay.good");
  assert.match(await page.innerText("#replay"), /Replayed kept\.jsonl: \d+ records, the same verdict: halted by facts hard_limit/);
  const changed = trace.replace(/"score":(\{"score":)?38\d{7}/, (found) => found.replace(/38\d{7}/, "910000000"));
  assert.notEqual(changed, trace);
  await page.setInputFiles("#open-trace", { name: "changed.jsonl", mimeType: "application/x-ndjson", buffer: Buffer.from(changed) });
  await page.waitForSelector("#replay.bad");
  assert.match(await page.innerText("#replay"), /Does not replay changed\.jsonl: line \d+/);
}));

// ---- as an app ---------------------------------------------------------------

test("what was edited is there after a reload, until it is forgotten", () => withPage(async (page) => {
  await page.fill("#answer", "A crossing takes 40 minutes. A crossing takes 90 minutes.");
  await cutInto(page, 6);
  await page.selectOption("#theme", "dark");
  await settled(page);
  await page.reload();
  await settled(page);
  assert.equal(await page.inputValue("#answer"), "A crossing takes 40 minutes. A crossing takes 90 minutes.");
  assert.equal(await page.inputValue("#cut-size"), "6");
  assert.equal(await page.inputValue("#example"), "own");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  assert.equal(await released(page), "A crossing takes 40 minutes.");
  await page.click("#forget");
  await settled(page);
  await page.reload();
  await settled(page);
  assert.equal(await released(page), BEFORE_THE_HALT);
}));

test("after one visit it works without the server", () => withPage(async (page, context) => {
  await page.waitForFunction(() => document.getElementById("offline")?.textContent === "Works offline.");
  const { errors, data } = await (await context.newCDPSession(page)).send("Page.getAppManifest");
  assert.deepEqual(errors, []);
  assert.equal(JSON.parse(data).short_name, "Tidegate");
  await stopServer();
  try {
    await assert.rejects(fetch(origin), "the server is gone");
    await page.reload();
    await settled(page);
    assert.equal(await released(page), BEFORE_THE_HALT);
    await example(page, "right");
    assert.match(await verdict(page), /^Open to the end/);
  } finally {
    await serveAgain();
  }
}));

test("no request goes elsewhere, and none could", async () => {
  let hits = 0;
  const other = createServer((_, response) => { hits += 1; response.end(); });
  await new Promise((resolve) => { other.listen(0, "127.0.0.1", resolve); });
  const address = `http://localhost:${other.address().port}/`;
  const urls = [];
  try {
    await withPage(async (page) => {
      await page.waitForFunction(() => document.getElementById("offline")?.textContent === "Works offline.");
      for (const id of ["secrets", "tokens", "both"]) await example(page, id);
      await page.reload();
      await settled(page);
      // what withPage watches has the Worker's and the Service Worker's requests too
      assert.ok(urls.some((url) => url.endsWith("/tidegate.wasm")), urls.join(" "));
      assert.ok(urls.every((url) => url.startsWith(origin)), urls.join(" "));
    }, { watch: (request) => urls.push(request.url()) });
    // the page's own policy closes every other address, whoever asks
    await withPage(async (page) => {
      await page.evaluate(async (address) => {
        const violated = (directive) => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", (event) => { if (event.effectiveDirective === directive) resolve(undefined); });
        });
        const all = Promise.all(["connect-src", "img-src", "script-src-elem", "style-src-elem", "frame-src"].map(violated));
        fetch(address).catch(() => {});
        navigator.sendBeacon(address, "x");
        for (const [tag, attribute] of [["img", "src"], ["script", "src"], ["iframe", "src"]]) {
          const node = document.createElement(tag);
          node[attribute] = address;
          document.body.append(node);
        }
        document.body.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: address }));
        await all;
      }, address);
    }, { blocked: true });
    assert.equal(hits, 0);
  } finally {
    other.closeAllConnections();
    await new Promise((resolve) => { other.close(resolve); });
  }
});
