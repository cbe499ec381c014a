"""The table of categories: a recipe, its names, which parts a caption may colour, and natural colours."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from .builder import Builder

ANY = ("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "brown", "black", "gray", "white")
WOOD = ("wooden", "brown", "beige")
METAL = ("silver", "metal", "gray", "golden")
STONES = ("stone", "gray", "beige")

# How the shape words of every category stretch x, y, z.
STRETCH = {
    "tall": (0.8, 0.8, 1.3), "short": (1.1, 1.1, 0.72), "wide": (1.35, 1.05, 0.9), "narrow": (0.72, 0.95, 1.05),
    "long": (1.0, 1.4, 0.9), "thick": (1.2, 1.2, 0.9), "thin": (0.75, 0.75, 1.1), "flat": (1.15, 1.15, 0.65),
}
SHAPE_SYNONYMS = {"tall": ["tall", "high"], "short": ["short", "low"], "wide": ["wide", "broad"],
                  "narrow": ["narrow", "slim"], "tiny": ["tiny", "small", "little", "mini"],
                  "big": ["big", "large", "huge", "giant"], "round": ["round", "circular"], "square": ["square"],
                  "thick": ["thick", "chunky", "fat"], "thin": ["thin", "slender"]}
UPRIGHT = ("tall", "short", "wide", "narrow")
LENGTHY = ("long", "short", "wide")


@dataclass
class Category:
    name: str
    build: Callable[[Builder], None]
    main: tuple[str, ...]
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)
    synonyms: tuple[str, ...] = ()
    words: tuple[str, ...] = UPRIGHT
    variants: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    one: bool = True


CATEGORIES: dict[str, Category] = {}


def category(name, main=ANY, parts=None, fixed=None, syn=(), words=UPRIGHT, variants=(), materials=(), one=True):
    def register(build):
        CATEGORIES[name] = Category(name, build, tuple(main), parts or {}, fixed or {}, tuple(syn), tuple(words),
                                    tuple(variants), tuple(materials), one)
        return build

    return register
