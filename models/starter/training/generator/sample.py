"""Drawing objects: a seed gives a specification, a caption, a table of primitives and the colours of its parts."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

# They register the categories; what is drawn from a seed depends on their order.
from . import buildings, furniture, plants, living, objects, things, food, vehicles  # noqa: F401 isort:skip
from .builder import Builder
from .captions import caption
from .focus import Focus
from .palette import COLOURS, IDS
from .registry import ANY, CATEGORIES, STRETCH

NAMES = sorted(CATEGORIES)
COLOUR_LIST = list(COLOURS)
HELD_OUT = 0.08


def combination(spec: dict) -> str:
    parts = ",".join(f"{k}={v}" for k, v in sorted(spec["parts"].items()))
    return "|".join([spec["category"], spec["colour"] or "", spec["material"] or "", parts, ",".join(spec["words"])])


def held_out(spec: dict) -> bool:
    """True for combinations kept for evaluation: they name a colour or material and something more."""
    said = sum([bool(spec["colour"] or spec["material"]), bool(spec["words"]), len(spec["parts"])])
    if said < 2:
        return False
    digest = hashlib.sha256(combination(spec).encode()).digest()
    return int.from_bytes(digest[:4], "little") < HELD_OUT * 2**32


def draw_spec(rng: np.random.Generator, category: str | None = None, two_colours: bool | None = None,
              size_word: float = 0.3, second_part: float = 0.15) -> dict:
    """What a caption will say. two_colours True/False forces a coloured part to be said or not; size_word, second_part:
    chances of a word of size, and of a second part among captions that name one."""
    pick = lambda options: options[int(rng.integers(len(options)))]
    c = CATEGORIES[category or pick(NAMES)]
    spec = {"category": c.name, "colour": None, "material": None, "words": [], "parts": {}}
    roll = rng.random()
    if c.materials and roll < 0.22:
        spec["material"] = pick(c.materials)
    elif roll < 0.86:
        # Named colours go beyond the natural ones: any colour may be asked for.
        spec["colour"] = pick(COLOUR_LIST) if rng.random() < 0.8 else pick([n for n in c.main if n in COLOURS] or COLOUR_LIST)
    sizes = [*c.words, "tiny", "big"] if "big" not in c.words else [*c.words, "tiny"]
    if rng.random() < size_word:
        spec["words"].append(pick(sizes))
    if c.variants and rng.random() < 0.35:
        spec["words"].append(pick(c.variants))
    if two_colours and not (spec["colour"] or spec["material"]):
        spec["colour"] = pick(COLOUR_LIST)
    want = rng.random() < 0.55 if two_colours is None else two_colours
    if want and c.parts:
        for part in rng.permutation(list(c.parts))[: 1 if rng.random() < 1 - second_part else 2]:
            colour = pick(COLOUR_LIST) if rng.random() < 0.75 else pick([n for n in c.parts[part] if n != "same"] or COLOUR_LIST)
            # Nobody says a red chair with red legs.
            if colour not in (spec["colour"], spec["material"]):
                spec["parts"][str(part)] = colour
    return spec


@dataclass
class Object:
    record: dict
    table: np.ndarray
    colours: np.ndarray  # palette id per part, uint8


def build(spec: dict, rng: np.random.Generator) -> Object:
    """An object that obeys `spec`; what the spec leaves open is drawn from what is natural."""
    c = CATEGORIES[spec["category"]]
    w, d, h = (float(rng.uniform(0.93, 1.07)) for _ in range(3))
    extent = float(rng.uniform(0.8, 0.92))
    for word in spec["words"]:
        if word in STRETCH:
            sx, sy, sz = STRETCH[word]
            w, d, h = w * sx, d * sy, h * sz
        if word == "tiny":
            extent = float(rng.uniform(0.58, 0.66))
        if word == "big":
            extent = 0.94
    variant = next((v for v in spec["words"] if v in c.variants), None)
    stretched = next((v for v in spec["words"] if v in STRETCH and v not in c.variants), None)
    builder = Builder(rng, w, d, h, variant or stretched)
    c.build(builder)
    pick = lambda options: options[int(rng.integers(len(options)))]
    main = spec["material"] or spec["colour"] or pick(c.main)
    chosen = {"main": main}
    for part, options in c.parts.items():
        colour = spec["parts"].get(part) or pick(options)
        chosen[part] = main if colour == "same" else colour
    for part, colour in c.fixed.items():
        chosen[part] = colour
    missing = [p for p in builder.parts if p not in chosen]
    if missing:
        raise ValueError(f"{c.name}: no colour for part {missing}")
    colours = np.array([IDS[chosen[p]] for p in builder.parts], dtype=np.uint8)
    record = {
        "category": c.name, "colour": spec["colour"] or spec["material"], "material": spec["material"],
        "parts": dict(spec["parts"]), "words": list(spec["words"]), "one_component": c.one,
        "colours": {p: chosen[p] for p in builder.parts},
    }
    return Object(record, builder.table(extent), colours)


def draw(seed: int, index: int, evaluation: bool = False, category: str | None = None, two_colours=None, captions: int = 1,
         focus: Focus | None = None) -> Object:
    """Object number `index` of the stream `seed`; never of a held-out combination unless `evaluation` (then always).
    focus: what a training draws more often; its captions name no part that the object lacks."""
    rng = np.random.default_rng([seed, index, 1 if evaluation else 0])
    chances = {}
    if focus:
        category, two_colours = focus.choose(seed, index)
        chances = {"size_word": focus.size_word, "second_part": focus.second_part}
    while True:
        spec = draw_spec(rng, category, two_colours, **chances)
        if held_out(spec) != evaluation or (two_colours and CATEGORIES[spec["category"]].parts and not spec["parts"]):
            continue
        obj = build(spec, rng)
        # A few forms lack a part (not every heart has an arrow): a caption that names it all the same teaches to leave
        # named parts out.
        if not focus or all(part in obj.record["colours"] for part in spec["parts"]):
            break
    obj.record["caption"] = caption(spec, rng, plain=evaluation)
    obj.record["captions"] = [caption(spec, rng) for _ in range(captions)] if captions else []
    return obj
