"""Makes tests/tiny: small models of each family, and what PyTorch says of them.

    pip install torch transformers tokenizers
    python3 crates/model/tests/reference.py

The weights are not in the files: each number follows from its tensor's name (see
`weight`), so that the tests make the same ones.
"""
import json
import math
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer

HERE = Path(__file__).parent / "tiny"
WORDS = ["the", "museum", "opens", "at", "nine", "ten", "is", "closed", "on", "monday", "not", "."]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
PAIRS = [
    ["The museum opens at nine.", "The museum opens at ten."],
    ["The museum is closed on Monday.", "Closed"],
    ["Ünknown 東 wörds", "a1 b2"],
    ["", "The museum is not closed."],
]


def weight(name, count):
    """Numbers from a linear congruence that begins with FNV-1a of the name."""
    state = 0x811C9DC5
    for byte in name.encode():
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    one = name.lower().replace("_", "").endswith("layernorm.weight")
    numbers = []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        numbers.append((1.0 if one else 0.0) + (state / 2**32 - 0.5) * 0.75)
    return numbers


def tokenizer(special, template_pair, types):
    pad, unk, cls, sep = special
    vocabulary = list(special) + WORDS + list(LETTERS) + ["##" + letter for letter in LETTERS]
    numbers = {piece: number for number, piece in enumerate(vocabulary)}
    token = lambda piece: {"SpecialToken": {"id": piece, "type_id": 0}}
    text = lambda name, kind: {"Sequence": {"id": name, "type_id": kind}}
    pair = [token(cls), text("A", 0)] + [token(sep)] * template_pair
    pair += [text("B", types - 1), {"SpecialToken": {"id": sep, "type_id": types - 1}}]
    return len(vocabulary), {
        "version": "1.0",
        # the file's own wish to cut and pad, which is not to be followed
        "truncation": {"max_length": 6, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {
            "strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": None,
            "pad_id": numbers[pad], "pad_type_id": 0, "pad_token": pad,
        },
        "added_tokens": [
            {"id": numbers[piece], "content": piece, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False, "special": True} for piece in special
        ],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
            "strip_accents": None, "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [token(cls), text("A", 0), token(sep)],
            "pair": pair,
            "special_tokens": {
                piece: {"id": piece, "ids": [numbers[piece]], "tokens": [piece]} for piece in (cls, sep)
            },
        },
        "decoder": None,
        "model": {
            "type": "WordPiece", "unk_token": unk, "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": numbers,
        },
    }


def make(family, config, special, template_pair, types, labels):
    vocabulary, tokens = tokenizer(special, template_pair, types)
    config = config | {
        "model_type": family, "vocab_size": vocabulary, "max_position_embeddings": 64,
        "id2label": dict(enumerate(labels)), "label2id": {label: n for n, label in enumerate(labels)},
    }
    folder = HERE / family
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(tokens, ensure_ascii=False) + "\n")
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")

    tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens.no_truncation()
    tokens.no_padding()
    model = transformers.AutoModelForSequenceClassification.from_config(
        transformers.AutoConfig.from_pretrained(folder)
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            numbers = weight(name, parameter.numel())
            parameter.copy_(torch.tensor(numbers, dtype=torch.float64).reshape(parameter.shape))
    model = model.double().eval()
    expect = []
    for passage, claim in PAIRS:
        with torch.no_grad():
            pair = tokens.encode(passage, claim)
            kinds = {} if family == "distilbert" else {"token_type_ids": torch.tensor([pair.type_ids])}
            logits = model(torch.tensor([pair.ids]), **kinds).logits
            single = tokens.encode(claim)
            sentence = model.base_model(torch.tensor([single.ids])).last_hidden_state[0].mean(0)
        expect.append({
            "passage": passage,
            "claim": claim,
            "classes": torch.softmax(logits[0], 0).tolist(),
            "sentence": (sentence / sentence.norm()).tolist()[:8],
            "pieces": single.tokens[1:-1],
            "spans": single.offsets[1:-1],
        })
    (folder / "expect.json").write_text(json.dumps(expect, indent=1, ensure_ascii=False) + "\n")
    parameters = {name: list(parameter.shape) for name, parameter in model.named_parameters()}
    (folder / "shapes.json").write_text(json.dumps(parameters, indent=1) + "\n")


def main():
    shape = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 64, "layer_norm_eps": 1e-5,
    }
    bert = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    three = ["contradiction", "ENTAILMENT", "Neutral"]
    make("bert", shape | {"hidden_act": "gelu", "type_vocab_size": 2}, bert, 1, 2, three)
    roberta = ["<pad>", "<unk>", "<s>", "</s>"]
    make(
        "roberta",
        shape | {"hidden_act": "gelu_new", "type_vocab_size": 1, "pad_token_id": 0},
        roberta, 2, 1, ["entailment", "not_entailment"],
    )
    make(
        "distilbert",
        {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "activation": "gelu"},
        bert, 1, 1, three,
    )


main()
