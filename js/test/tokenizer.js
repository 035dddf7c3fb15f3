// A real tokenizer of transformers.js, and tokens as its `generate` would feed them to a streamer.
import { setTimeout as sleep } from "node:timers/promises";
import { PreTrainedTokenizer } from "@huggingface/transformers";

/** A byte-level BPE without merges, made here as no model can be fetched: each byte is a token, so that words and characters are cut everywhere. */
export function byteTokenizer() {
  const printable = [[33, 126], [161, 172], [174, 255]].flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
  let next = 256;
  const characters = Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable.includes(byte) ? byte : next++));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const end = { id: 256, content: "<|end|>", single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const model = { type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false,
    vocab: Object.fromEntries([...characters, "<|end|>"].map((character, id) => [character, id])), merges: [] };
  return new PreTrainedTokenizer(
    { version: "1.0", truncation: null, padding: null, added_tokens: [end], normalizer: null, pre_tokenizer: byteLevel, post_processor: null, decoder: byteLevel, model },
    { tokenizer_class: "GPT2Tokenizer", eos_token: "<|end|>", model_max_length: 4096, clean_up_tokenization_spaces: false },
  );
}

/** Feeds a streamer as `generate` does: the prompt first, then token by token until it is interrupted. How many tokens it took. */
export async function generate(tokenizer, streamer, text, stopping) {
  streamer.put([tokenizer.encode("When?").map(BigInt)]);
  let count = 0;
  for (const id of [...tokenizer.encode(text), 256]) {
    streamer.put([[BigInt(id)]]);
    count += 1;
    // `generate` asks its criteria after each token, and gives way while the model runs
    await sleep(0);
    if (stopping?.interrupted) break;
  }
  streamer.end();
  return count;
}
