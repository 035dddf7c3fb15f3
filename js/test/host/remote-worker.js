// Scorers over HTTP in workerd: asks the service that the request names.
import * as tidegate from "./dist/index.js";
import { remoteScorer } from "./dist/remote.js";
import module from "./dist/tidegate.wasm";
import { runRemote } from "./test/host/remote.js";

tidegate.initSync(module);

export default {
  async fetch(request) {
    try {
      const service = new URL(request.url).searchParams.get("service");
      return Response.json(await runRemote(tidegate, remoteScorer, service));
    } catch (error) {
      return new Response(String(error?.stack ?? error), { status: 500 });
    }
  },
};
