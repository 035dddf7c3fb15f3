// The cases in workerd, the runtime of Cloudflare's Workers: WebAssembly comes as compiled modules,
// because no code may be compiled there at run time.
import * as tidegate from "./dist/index.js";
import * as kernel from "./dist/kernel.js";
import module from "./dist/tidegate.wasm";
import kernelModule from "./dist/tidegate-kernel.wasm";
import { runHost } from "./test/host/run.js";
import cases from "./cases.json";

export default {
  async fetch(request) {
    try {
      if (new URL(request.url).pathname === "/load") {
        load();
        return new Response("loaded");
      }
      return Response.json(await runHost(tidegate, kernel, cases, load));
    } catch (error) {
      return new Response(String(error?.stack ?? error), { status: 500 });
    }
  },
};

function load() {
  tidegate.initSync(module);
  kernel.initSync(kernelModule);
}
