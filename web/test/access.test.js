// Whether everyone can use it: keyboard, axe, narrow and zoomed pages, motion; and pictures to look at.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { example, released, settled, start, stop, verdict, withPage } from "./page.js";

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = fileURLToPath(new URL("../screenshots/", import.meta.url));

before(async () => {
  await mkdir(shots, { recursive: true });
  await start();
});
after(stop);

async function axe(page, where) {
  await page.evaluate(axeSource);
  const { violations, passes } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
  assert.deepEqual(found, [], where);
  assert.ok(passes.length > 20, `axe ran: ${passes.length} rules passed`);
}

/** The states worth looking at. */
const states = {
  halted: async () => {},
  passed: (page) => example(page, "right"),
  masked: (page) => example(page, "secrets"),
  held: async (page) => { await example(page, "both"); await page.locator("#position").fill("23"); await settled(page); },
  veiled: async (page) => { await example(page, "secrets"); await page.locator("#position").fill("4"); await settled(page); },
  tokens: (page) => example(page, "tokens"),
  replayed: async (page) => {
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("#save-trace")]);
    await page.setInputFiles("#open-trace", { name: "trace.jsonl", mimeType: "application/x-ndjson", buffer: await readFile(await file.path()) });
    await page.waitForSelector("#replay.good");
  },
  shadow: (page) => example(page, "shadow"),
  error: async (page) => {
    await page.locator("#policy-panel").evaluate((panel) => { panel.open = true; }); // closed on narrow pages
    await page.fill("#policy", (await page.inputValue("#policy")).replace("hard_limit", "hard_limitt"));
    await settled(page);
  },
};
const looks = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  narrow: { colorScheme: "light", viewport: { width: 360, height: 740 } },
  // what a browser at 200 % makes of a screen of 1280 by 800
  zoomed: { colorScheme: "dark", viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 },
};

for (const [look, options] of Object.entries(looks)) {
  test(`axe finds nothing, and nothing sticks out: ${look}`, async () => {
    for (const [state, bring] of Object.entries(states)) {
      await withPage(async (page) => {
        await bring(page);
        await page.evaluate(() => scrollTo(0, 0));
        await page.screenshot({ path: `${shots}${state}-${look}.png`, fullPage: true });
        await axe(page, `${state}, ${look}`);
        const { scroll, width } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, width: innerWidth }));
        assert.ok(scroll <= width, `${state}, ${look}: the page is ${scroll} wide in ${width}`);
      }, options);
    }
  });
}

test("the switch of the theme wins over the system", () => withPage(async (page) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.selectOption("#theme", "dark");
  await page.waitForTimeout(300); // colours change softly
  const dark = await ground();
  assert.notEqual(dark, light);
  await axe(page, "dark by the switch");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.selectOption("#theme", "light");
  await page.waitForTimeout(300);
  assert.equal(await ground(), light);
  await axe(page, "light by the switch");
}, { colorScheme: "light" }));

test("all of it by keyboard", () => withPage(async (page) => {
  const id = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.className || document.activeElement?.tagName);
  const tabTo = async (wanted) => {
    for (let presses = 0; presses < 60; presses += 1) {
      if (await id() === wanted) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`no way to #${wanted} by Tab`);
  };
  await page.keyboard.press("Tab");
  assert.equal(await id(), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await id(), "verdict", "the way past the inputs");
  await page.reload();
  await settled(page);
  await tabTo("example");
  await page.keyboard.press("ArrowDown"); // the next example
  await settled(page);
  assert.match(await verdict(page), /^Open to the end/);
  await tabTo("restart");
  await page.keyboard.press("Enter");
  await settled(page);
  assert.equal(await released(page), "");
  await tabTo("end");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  assert.equal(await id(), "step");
  await page.keyboard.press("Space");
  await settled(page);
  assert.match(await page.innerText("#position-out"), /^1 of/);
  await tabTo("position");
  await page.keyboard.press("End");
  await settled(page);
  assert.match(await verdict(page), /^Open to the end/);
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  await settled(page);
  assert.match(await page.innerText("#position-out"), /^1 of/);
  await tabTo("answer");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("The ferry sails on Sunday. Bicycles travel free.");
  await settled(page);
  await tabTo("policy"); // no field keeps the Tab key to itself
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("x");
  await settled(page);
  assert.match(await verdict(page), /^Not run.*line 1/);
  await page.keyboard.press("Tab");
  assert.equal(await id(), "goto", "the place of the error is the next stop");
  await page.keyboard.press("Enter");
  assert.equal(await id(), "policy");
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Delete");
  await settled(page);
  assert.doesNotMatch(await verdict(page), /^Not run/);
  await tabTo("save-trace");
  const [file] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  assert.equal(file.suggestedFilename(), "trace.jsonl");
  await tabTo("open-trace");
  await tabTo("forget");
}));

test("where the focus is can be seen on every stop", () => withPage(async (page) => {
  const stops = new Set();
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const node = document.activeElement;
      if (!node || node === document.body) return undefined;
      const around = node.closest(".editor, .file") ?? node;
      const { outlineStyle, outlineWidth } = getComputedStyle(around);
      return { name: node.id || node.className || node.tagName, seen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
    });
    if (!stop) break;
    assert.ok(stop.seen, `${stop.name} shows no focus`);
    stops.add(stop.name);
  }
  assert.ok(stops.size >= 18, [...stops].join(" "));
}));

test("the live region speaks when it is over, not at every delta", () => withPage(async (page) => {
  await page.waitForFunction(() => document.getElementById("announce")?.textContent !== "");
  await page.evaluate(() => {
    window.said = [];
    new MutationObserver(() => window.said.push(document.getElementById("announce").textContent)).observe(document.getElementById("announce"), { childList: true, characterData: true, subtree: true });
  });
  await example(page, "right");
  await page.click("#restart");
  await page.locator("#speed").fill("80");
  await page.click("#play");
  await page.waitForSelector("#verdict.ended");
  await page.waitForTimeout(1000);
  const said = await page.evaluate(() => window.said);
  assert.ok(said.length <= 3, said.join(" | "));
  assert.match(said.at(-1), /^Open to the end/);
}));

test("no motion for those who want none", () => withPage(async (page) => {
  const moving = await page.evaluate(() => [...document.querySelectorAll("*")].filter((node) => {
    const style = getComputedStyle(node);
    return parseFloat(style.transitionDuration) > 0 || style.animationName !== "none";
  }).length);
  assert.equal(moving, 0);
}, { reducedMotion: "reduce" }));
