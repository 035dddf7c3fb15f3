// The file to start a Worker with: `new Worker(new URL("tidegate/worker-entry", import.meta.url), { type: "module" })`.
import { serveGates } from "./serve.js";

serveGates();
