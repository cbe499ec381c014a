"""A CLIP-style tokenizer in which every known word is one token and anything else falls apart into pieces.

usage: python tokenizer.py TEXT_ENCODER_FOLDER   (writes tokenizer.json, tokenizer_config.json, vocabulary.txt)
"""
from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from generator import sample  # noqa: F401 (registers the categories)
from generator.captions import vocabulary

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77
PATTERN = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in CLIP's order."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in keep]
    return [chr(b) for b in keep] + [chr(256 + i) for i in range(len(rest))]


def merge_once(pieces: list[str], rank: dict[tuple[str, str], int]) -> list[str] | None:
    pairs = [(rank[p], p) for p in zip(pieces, pieces[1:]) if p in rank]
    if not pairs:
        return None
    a, b = min(pairs)[1]
    out, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and pieces[i] == a and pieces[i + 1] == b:
            out.append(a + b)
            i += 2
        else:
            out.append(pieces[i])
            i += 1
    return out


def word_pieces(word: str, rank: dict[tuple[str, str], int]) -> list[str]:
    pieces = [*word[:-1], word[-1] + "</w>"]
    while (merged := merge_once(pieces, rank)) is not None:
        pieces = merged
    return pieces


def build_merges(words: list[str]) -> list[tuple[str, str]]:
    """Merges that make each word one token. A word's own merges come after all earlier ones, so earlier words keep
    their derivation: greedy merging by rank never reaches the later merges before it is done with them."""
    rank: dict[tuple[str, str], int] = {}
    for word in sorted(words, key=lambda w: (len(w), w)):
        pieces = word_pieces(word, rank)
        while len(pieces) > 1:
            rank.setdefault((pieces[0], pieces[1]), len(rank))
            pieces = word_pieces(word, rank)
    return list(rank)


def tokenizer_json() -> dict:
    words = [w for w in vocabulary() if w.isalpha() and w.isascii()]
    merges = build_merges(words)
    alphabet = byte_alphabet()
    tokens = alphabet + [c + "</w>" for c in alphabet]
    seen = set(tokens)
    for a, b in merges:
        if a + b not in seen:
            tokens.append(a + b)
            seen.add(a + b)
    tokens += [START, END]
    ids = {t: i for i, t in enumerate(tokens)}
    special = lambda t: {"id": ids[t], "content": t, "single_word": False, "lstrip": False, "rstrip": False,
                         "normalized": t == START, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [special(START), special(END)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Removed", "invert": True}, byte_level]},
        "post_processor": {"type": "RobertaProcessing", "sep": [END, ids[END]], "cls": [START, ids[START]],
                           "trim_offsets": False, "add_prefix_space": False},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": END, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "</w>", "fuse_unk": False, "byte_fallback": False, "vocab": ids,
                  "merges": [f"{a} {b}" for a, b in merges]},
    }


class Tokenizer:
    """text -> ids [77], padded with the end token as CLIP does."""

    def __init__(self, spec: dict | None = None):
        from tokenizers import Tokenizer as Fast

        self.spec = spec or tokenizer_json()
        self.fast = Fast.from_str(json.dumps(self.spec))
        self.end = self.spec["model"]["vocab"][END]
        self.size = len(self.spec["model"]["vocab"])

    def encode(self, text: str) -> list[int]:
        ids = self.fast.encode(text).ids
        if len(ids) > LENGTH:
            ids = ids[: LENGTH - 1] + [self.end]
        return ids + [self.end] * (LENGTH - len(ids))

    def batch(self, texts: list[str]) -> np.ndarray:
        return np.array([self.encode(t) for t in texts], dtype=np.int16)


def write_tokenizer(folder: Path) -> None:
    spec = tokenizer_json()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(spec, ensure_ascii=False, separators=(",", ":")) + "\n")
    config = {"tokenizer_class": "CLIPTokenizer", "bos_token": START, "eos_token": END, "pad_token": END,
              "unk_token": END, "model_max_length": LENGTH, "do_lower_case": True, "add_prefix_space": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "vocabulary.txt").write_text("\n".join(vocabulary()) + "\n")


if __name__ == "__main__":
    write_tokenizer(Path(sys.argv[1]))
