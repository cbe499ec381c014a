"""Colours and materials by name, as sRGB bytes. The index in NAMES is the colour id used everywhere."""
from __future__ import annotations

import numpy as np

COLOURS = {
    "red": (205, 35, 35), "orange": (240, 125, 25), "yellow": (247, 218, 50), "green": (45, 150, 60),
    "lime": (155, 225, 60), "turquoise": (40, 190, 185), "blue": (40, 85, 210), "navy": (22, 32, 95),
    "purple": (125, 45, 170), "pink": (245, 140, 185), "brown": (108, 64, 34), "beige": (224, 203, 165),
    "black": (28, 28, 32), "gray": (122, 124, 130), "white": (243, 243, 240), "maroon": (112, 18, 40),
}
MATERIALS = {
    "wooden": (163, 110, 62), "golden": (214, 168, 42), "silver": (190, 197, 207), "stone": (146, 140, 122),
    "metal": (82, 92, 106), "glass": (170, 222, 236), "copper": (190, 100, 62),
}
PALETTE = {**COLOURS, **MATERIALS}
NAMES = list(PALETTE)
IDS = {name: i for i, name in enumerate(NAMES)}
RGB = np.array(list(PALETTE.values()), dtype=np.float32) / 255.0

COLOUR_WORDS = {"gray": ["gray", "grey"], "turquoise": ["turquoise", "cyan", "teal"], "purple": ["purple", "violet"],
                "beige": ["beige", "cream"], "maroon": ["maroon", "burgundy"], "navy": ["navy", "navy blue"],
                "lime": ["lime", "lime green"]}
MATERIAL_WORDS = {"wooden": ["wooden", "wood"], "golden": ["golden", "gold"], "silver": ["silver"],
                  "stone": ["stone", "rock"], "metal": ["metal", "iron", "steel"], "glass": ["glass", "crystal"],
                  "copper": ["copper", "bronze"]}
