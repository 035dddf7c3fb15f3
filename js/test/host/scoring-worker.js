// A Worker with a scorer of its own: slow, and it doubts claims that say "bad".
import { serveGates } from "../../dist/worker.js";

serveGates(undefined, {
  scorers: {
    host: async ({ text }) => {
      await new Promise((resolve) => setTimeout(resolve, text.includes("slow") ? 1200 : 5));
      return text.includes("bad") ? 0.1 : 0.9;
    },
  },
});
