// One static server for all browser tests: the package, the tests' pages, the contract cases.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { caseFiles } from "./fixtures.js";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".wasm": "application/wasm",
};
const js = fileURLToPath(new URL("..", import.meta.url));

/**
 * Serves a folder (default: `js/`) on a free port of this machine, `/cases.json`, and what `routes`
 * has: files or texts by their path.
 *
 * @param {{ folder?: string, port?: number, routes?: Record<string, URL | string> }} [options]
 * @returns {Promise<{ url: string, port: number, requests: string[], close(): Promise<void> }>}
 *   `url` ends without a slash; `requests` are the paths that were asked for
 */
export async function serve({ folder = js, port = 0, routes = {} } = {}) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    requests.push(pathname);
    try {
      const body = pathname === "/cases.json" ? JSON.stringify(caseFiles())
        : typeof routes[pathname] === "string" ? routes[pathname]
        : await readFile(routes[pathname] ?? join(folder, normalize(decodeURIComponent(pathname))));
      response.writeHead(200, {
        "content-type": TYPES[extname(pathname)] ?? "application/octet-stream",
        "cache-control": "no-store",
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://localhost:${server.address().port}`,
    port: server.address().port,
    requests,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
