// workerd, the runtime of Cloudflare's Workers, as npm brings it, for tests.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(new URL("../node_modules/.bin/workerd", import.meta.url));

/**
 * Serves a Worker on a free port of this machine. It may ask servers of this machine.
 *
 * @param {string} folder where its files are; the configuration is written there
 * @param {readonly string[]} names its files, each a module; the first has the handlers
 * @returns {Promise<{ url: string, said(): string, close(): Promise<void> }>} `said` is what it wrote
 *   to its log so far
 */
export async function serveWorker(folder, names) {
  if (!existsSync(COMMAND)) throw new Error("no workerd: `npm install` in js/ brings it");
  const kinds = { ".js": "esModule", ".json": "json", ".wasm": "wasm", ".tgp": "data" };
  const kind = (name) => kinds[extname(name)];
  const config = join(folder, "config.capnp");
  await writeFile(config, `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      compatibilityDate = "2026-01-01",
      modules = [
${names.map((name) => `        (name = ${JSON.stringify(name)}, ${kind(name)} = embed ${JSON.stringify(name)}),`).join("\n")}
      ],
    )),
    (name = "internet", network = (allow = ["local", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`);
  const child = spawn(COMMAND, ["serve", "--control-fd=3", config], { stdio: ["ignore", "pipe", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => { said += text; });
  }
  const port = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`workerd ended with ${code}: ${said}`)));
    createInterface({ input: child.stdio[3] }).on("line", (line) => {
      const event = JSON.parse(line);
      if (event.event === "listen") resolve(event.port);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    said: () => said,
    async close() {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, "close");
    },
  };
}
