// Scorers over HTTP in workerd: asks the services that the request names.
import * as tidegate from "./dist/index.js";
import { remoteScorer } from "./dist/remote.js";
import module from "./dist/tidegate.wasm";
import { runRemote } from "./test/host/remote.js";

tidegate.initSync(module);

export default {
  async fetch(request) {
    try {
      const { searchParams } = new URL(request.url);
      return Response.json(await runRemote(tidegate, remoteScorer, searchParams.get("service"), searchParams.get("nobody")));
    } catch (error) {
      return new Response(String(error?.stack ?? error), { status: 500 });
    }
  },
};
