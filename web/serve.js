// Serves web/dist on this machine only, for trying it out and for the tests. Any static server does.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json",
};

/** Serves the page under `path`; resolves to the server once it listens. Port 0 is any. */
export function serve(port = 0, path = "/") {
  const root = fileURLToPath(new URL("dist", import.meta.url));
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const name = pathname === path ? "index.html" : pathname.startsWith(path) ? normalize(pathname.slice(path.length)) : "";
    const type = TYPES[extname(name)];
    try {
      if (!type || name.startsWith("..")) throw new Error("not a file of the page");
      const body = await readFile(join(root, name));
      response.writeHead(200, { "content-type": type, "cache-control": "no-cache" }).end(body);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await serve(Number(process.argv[2] ?? 8123));
  console.log(`http://localhost:${server.address().port}/`);
}
