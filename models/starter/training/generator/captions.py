"""From a specification to words: templates, synonyms, filler and unknown words."""
from __future__ import annotations

import numpy as np

from .palette import COLOUR_WORDS, COLOURS, MATERIAL_WORDS
from .registry import CATEGORIES, SHAPE_SYNONYMS

TEMPLATES = ["a {x}", "a {x}", "{x}", "the {x}", "one {x}", "a 3d model of a {x}", "3d {x}", "please make a {x}",
             "i want a {x}", "generate a {x}", "an image of a {x}", "a cute {x}", "a nice {x}", "create a {x}",
             "make me a {x}", "a beautiful {x}", "a simple {x}", "a low poly {x}", "a stylized {x}", "a cartoon {x}",
             "{x} for a game", "a game asset of a {x}", "a detailed {x}", "a {x} on white background", "a single {x}"]
FILLER = sorted({w for t in TEMPLATES for w in t.replace("{x}", "").split()} | set(
    "and with that has have having is are in of on its their of made from the an some very really isolated object "
    "render style fantasy medieval modern old new fancy pretty cool lovely realistic toy shiny plain painted colored "
    "coloured textured bright dark light , .".split()))
JOINS = ["{x} with {ps}", "{x} with {ps}", "{x} with {ps}", "{x} that has {ps}", "{x} having {ps}", "{x} and {ps}"]
# Letters that make words outside any vocabulary, so that unknown words are seen in training and mean nothing.
SYLLABLES = "ba re ki lo mu tra sne vel dor zin qua plo fi gra sho wen dak ryt hol jex pim nus".split()


def article(text: str) -> str:
    return ("an " if text[0] in "aeiou" else "a ") + text


def unknown_word(rng: np.random.Generator) -> str:
    return "".join(SYLLABLES[int(i)] for i in rng.integers(0, len(SYLLABLES), int(rng.integers(2, 4))))


def spoken(name: str, rng: np.random.Generator, plain: bool) -> str:
    options = COLOUR_WORDS.get(name) or MATERIAL_WORDS.get(name) or [name]
    return options[0] if plain else options[int(rng.integers(len(options)))]


def caption(spec: dict, rng: np.random.Generator, plain: bool = False) -> str:
    """`spec` holds category, colour, material, words, parts (only what is to be said). plain: one canonical wording."""
    pick = lambda options: options[int(rng.integers(len(options)))]
    category = CATEGORIES[spec["category"]]
    name = category.name if plain or not category.synonyms or rng.random() < 0.65 else pick(category.synonyms)
    words = []
    for word in spec["words"]:
        options = SHAPE_SYNONYMS.get(word, [word])
        words.append(options[0] if plain else pick(options))
    if spec["material"]:
        words.append(spoken(spec["material"], rng, plain))
    if spec["colour"]:
        words.append(spoken(spec["colour"], rng, plain))
    if not plain and len(words) > 1 and rng.random() < 0.15:
        words.reverse()
    if not plain and rng.random() < 0.05:
        words.insert(int(rng.integers(len(words) + 1)), unknown_word(rng))
    text = " ".join([*words, name])
    if spec["parts"]:
        said = []
        for part, colour in spec["parts"].items():
            phrase = f"{spoken(colour, rng, plain)} {part}"
            if not part.endswith("s") and part not in ("water", "fire", "glass") and rng.random() < 0.7:
                phrase = article(phrase)
            said.append(phrase)
        text = (JOINS[0] if plain else pick(JOINS)).format(x=text, ps=" and ".join(said))
    if plain:
        return article(text)
    text = pick(TEMPLATES).format(x=text)
    return text.replace(" a a", " an a").replace(" a e", " an e").replace(" a i", " an i").replace(" a o", " an o")


def vocabulary() -> list[str]:
    """Every known word, sorted."""
    words = set(FILLER)
    for c in CATEGORIES.values():
        for text in (c.name, *c.synonyms, *c.variants, *c.words, *c.parts):
            words.update(text.replace("-", " - ").split())
    for table in (COLOUR_WORDS, MATERIAL_WORDS, SHAPE_SYNONYMS):
        for options in table.values():
            words.update(w for o in options for w in o.replace("-", " - ").split())
    words.update(COLOURS)
    words.update("a an the red".split())
    return sorted(words)
