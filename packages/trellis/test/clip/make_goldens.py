"""Makes the CLIP goldens: two tiny random text encoders in Hugging Face's layout, and what transformers computes
with them.

    python make_goldens.py     writes goldens/ beside this file, and models/trellis-tiny/text_encoder

`goldens/text-only`   CLIPTextModel, quick_gelu, weights in float16: the form text-to-3D models come with. With its 64
                      channels it is also the text encoder of models/trellis-tiny, where it is copied to.
`goldens/two-towers`  a whole CLIPModel, gelu, weights in float32: text tower, vision tower and projections in one file.
`goldens/cases.json`  the prompts, and the number of tokens of each before truncation.
`goldens/expected.safetensors`  token ids of all prompts; last hidden states of the first few for either encoder,
                      computed in float32.
"""
import json
import shutil
from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import pre_tokenizers
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

HERE = Path(__file__).resolve().parent
OUT = HERE / "goldens"
TINY_MODEL = HERE.parents[3] / "models" / "trellis-tiny"
LENGTH = 77
START, END = "<|startoftext|>", "<|endoftext|>"

WORDS = """
a an the of with and on in made from wooden golden stone metal glass red green blue white black yellow brown purple
small tall wide round tiny large old shiny rusty mossy treasure chest chair table lamp mug bottle sword shield axe key
barrel crate house castle tower tree pine mushroom cactus flower pot car truck boat rocket plane robot teddy bear fish
bird snowman crown ring gem book candle clock guitar drum hammer spoon bowl vase bench bed sofa shelf door window bridge
fence well tent street traffic cone hydrant anvil cauldron potion scroll helmet boot hat dragon knight wizard
""".split()

# Hidden states are stored for the first HIDDEN prompts.
HIDDEN = 5
PROMPTS = [
    "A wooden treasure chest",
    "",
    "A CAFÉ table, naïve façade & Ærøskøbing's clock-tower!!",
    "a rocket 🚀🤖 with 2 wings and 128 rivets, 3.5m tall",
    " ".join(f"{WORDS[i % 31 + 20]} {WORDS[(7 * i) % 97]}," for i in range(60)),
    "<|endoftext|>",
    "before <|startoftext|> between <|EndOfText|> after",
    "<|endoftext|><|endoftext|>a chest",
    "  leading,\t tabs\n\nnew lines \u00a0 and   runs  ",
    "it's we're they've I'm you'll he'd IT'S don't o'clock",
    "ÀÉÎÕÜ àéîõü e\u0301 decomposed, İstanbul, ΟΔΟΣ Straße ŁÓDŹ",
    "日本の椅子 кресло كرسي 의자 कुर्सी",
    "one-two_three/four\\five (six) [seven] {eight} #nine @ten $11 12% ^ ~ `",
    "x" * 90,
    "a" * 1000,
    "7" * 75,
    "7" * 76,
    "chair " * 75,
    "chair " * 76,
    "½ ² Ⅷ ٣ ①",
    "👨‍👩‍👧‍👦 family, flag 🇩🇰, skin 👍🏽",
    "zero\u200bwidth joiner\u200d and soft\u00adhyphen",
    "Chest",
    ".",
    "\t",
]


def train_tokenizer() -> CLIPTokenizer:
    """Byte-level BPE laid out as CLIP's: bytes, bytes that end a word, merges, the two special tokens.

    Merges are learnt here until every word of the corpus is one token, ties broken by spelling: the trainer of
    `tokenizers` breaks them by chance."""
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    spelled = [to_bytes.pre_tokenize_str(word.lower())[0][0] for text in WORDS + PROMPTS[:4] for word in text.split()]
    corpus = [list(word[:-1]) + [word[-1] + "</w>"] for word in spelled]
    merges = []
    while counts := Counter(pair for word in corpus for pair in zip(word, word[1:])):
        pair = max(counts, key=lambda p: (counts[p], p))
        merges.append(pair)
        corpus = [merge(word, pair) for word in corpus]
    tokens = alphabet + [c + "</w>" for c in alphabet] + list(dict.fromkeys(a + b for a, b in merges)) + [START, END]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=merges, model_max_length=LENGTH)


def merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    out = []
    for part in word:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return out


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Random values everywhere, norms and biases included, so that nothing hides behind a one or a zero."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name and name.endswith("weight"):
            value = 1 + 0.2 * noise
        elif parameter.dim() == 2 and "embedding" not in name:
            value = noise * parameter.shape[1] ** -0.5
        else:
            value = 0.3 * noise
        parameter.data.copy_(value)


def text_config(tokenizer: CLIPTokenizer, channels: int, activation: str) -> dict:
    return dict(vocab_size=len(tokenizer), hidden_size=channels, intermediate_size=4 * channels, num_hidden_layers=2,
                num_attention_heads=4, max_position_embeddings=LENGTH, hidden_act=activation, layer_norm_eps=1e-5,
                projection_dim=16, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id)


def as_float16(folder: Path) -> None:
    """Weights of linear layers and embeddings to float16, as published half-precision files hold them."""
    path = folder / "model.safetensors"
    state = {k: v.half() if v.dim() == 2 else v for k, v in load_file(path).items()}
    save_file(state, path, metadata={"format": "pt"})


def main() -> None:
    torch.manual_seed(0)
    OUT.mkdir(exist_ok=True)
    tokenizer = train_tokenizer()

    text_only = CLIPTextModel(CLIPTextConfig(**text_config(tokenizer, 64, "quick_gelu"))).eval()
    randomise(text_only, 1)
    text_only.save_pretrained(OUT / "text-only")
    as_float16(OUT / "text-only")
    text_only = CLIPTextModel.from_pretrained(OUT / "text-only", dtype=torch.float32).eval()

    vision = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16)
    config = CLIPConfig(text_config=text_config(tokenizer, 32, "gelu"), vision_config=vision, projection_dim=16)
    two_towers = CLIPModel(config).eval()
    randomise(two_towers, 2)
    two_towers.save_pretrained(OUT / "two-towers")

    for name in ("text-only", "two-towers"):
        tokenizer.save_pretrained(OUT / name)
    tokenizer = CLIPTokenizer.from_pretrained(OUT / "text-only")

    ids, cases = [], []
    for prompt in PROMPTS:
        options = dict(split_special_tokens=True)  # a special token's name in a prompt is text
        encoded = tokenizer(prompt, max_length=LENGTH, padding="max_length", truncation=True, return_tensors="pt", **options)
        if "<|" not in prompt:
            usual = tokenizer(prompt, max_length=LENGTH, padding="max_length", truncation=True, return_tensors="pt")
            assert torch.equal(usual["input_ids"], encoded["input_ids"]), prompt
        whole = tokenizer(prompt, **options)["input_ids"]
        ids.append(encoded["input_ids"][0])
        cases.append({"prompt": prompt, "tokens": len(whole)})
    ids = torch.stack(ids)
    with torch.no_grad():
        hidden = text_only(input_ids=ids[:HIDDEN]).last_hidden_state
        hidden_two = two_towers.text_model(input_ids=ids[:HIDDEN]).last_hidden_state
    save_file({"ids": ids.int(), "text-only": hidden.contiguous(), "two-towers": hidden_two.contiguous()},
              OUT / "expected.safetensors")
    (OUT / "cases.json").write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")
    shutil.copytree(OUT / "text-only", TINY_MODEL / "text_encoder", dirs_exist_ok=True)


if __name__ == "__main__":
    main()
