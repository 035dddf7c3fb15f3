// A real Chromium for tests. `CHROMIUM` says where it is; default /usr/bin/chromium (Debian).
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const PATH = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/**
 * A browser with a profile of its own, which `close` deletes; with `profile` that one, which stays.
 *
 * @returns {Promise<{ context: import("playwright-core").BrowserContext, version: string, close(): Promise<void> }>}
 */
export async function openBrowser({ profile } = {}) {
  if (!existsSync(PATH)) {
    throw new Error(`no Chromium at ${PATH}: install it (Debian: chromium) or say CHROMIUM=path`);
  }
  const folder = profile ?? (await mkdtemp(join(tmpdir(), "tidegate-chromium-")));
  const context = await chromium.launchPersistentContext(folder, { executablePath: PATH, args: ARGS });
  return {
    context,
    version: context.browser()?.version() ?? (await versionOf(context)),
    async close() {
      await context.close();
      if (!profile) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function versionOf(context) {
  const page = await context.newPage();
  const agent = await page.evaluate(() => navigator.userAgent);
  await page.close();
  return /Chrome\/([\d.]+)/.exec(agent)?.[1] ?? "?";
}
