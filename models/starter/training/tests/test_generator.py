"""The generator: deterministic, inside the cube, both evaluators alike, captions that mean what the record says."""
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from generator import field, sample  # noqa: E402
from generator.captions import vocabulary  # noqa: E402
from generator.palette import COLOUR_WORDS, IDS, MATERIAL_WORDS, PALETTE  # noqa: E402
from generator.registry import CATEGORIES  # noqa: E402

ASKED = """treasure chest, chair, table, lamp, mug, bottle, sword, shield, axe, key, barrel, crate, house, castle tower,
tree, pine tree, mushroom, cactus, flower pot, car, truck, boat, rocket, airplane, robot, teddy bear, fish, bird, snowman,
crown, ring, gem, book, candle, clock, guitar, drum, hammer, spoon, bowl, vase, bench, bed, sofa, shelf, door, window,
bridge, fence, well, tent, street lamp, traffic cone, fire hydrant, anvil, cauldron, potion, scroll, helmet, boot, hat"""


def test_has_the_categories_that_people_ask_for():
    assert not {n.strip() for n in ASKED.replace("\n", " ").split(",")} - set(CATEGORIES)
    assert len(CATEGORIES) >= 120


def test_same_seed_same_object():
    a, b, c = sample.draw(3, 17), sample.draw(3, 17), sample.draw(3, 18)
    assert a.record == b.record and np.array_equal(a.table, b.table) and np.array_equal(a.colours, b.colours)
    assert a.record != c.record


@pytest.mark.parametrize("name", sample.NAMES)
def test_object_is_whole_and_inside_the_cube(name):
    for k in range(3):
        o = sample.draw(5, k, category=name)
        assert len(o.table) <= 24 and np.isfinite(o.table).all() and len(o.colours) <= 16
        g = np.linspace(-0.499, 0.499, 24)
        points = np.stack(np.meshgrid(g, g, g, indexing="ij"), -1).reshape(-1, 3)
        d, part = field.evaluate_numpy(o.table, points)
        edge = np.abs(points).max(1) > 0.49
        assert (d[edge] > 0).all(), f"{o.record['caption']} leaves the cube"
        assert d.min() < 0 and part.max() < len(o.colours)


def test_both_evaluators_agree_and_distances_do_not_overshoot():
    rng = np.random.default_rng(0)
    objects = [sample.draw(9, i) for i in range(24)]
    points = rng.uniform(-0.5, 0.5, (400, 3))
    tables = torch.from_numpy(field.pad_tables([o.table for o in objects], 24))
    d, part = field.evaluate_torch(tables, torch.from_numpy(points).float().expand(len(objects), -1, -1))
    step = rng.normal(size=points.shape)
    step *= 0.004 / np.linalg.norm(step, axis=1, keepdims=True)
    for i, o in enumerate(objects):
        dn, pn = field.evaluate_numpy(o.table, points)
        assert np.abs(dn - d[i].numpy()).max() < 2e-5 and (pn == part[i].numpy()).mean() > 0.99
        near = np.abs(dn) < 0.03
        slope = np.abs(field.evaluate_numpy(o.table, points + step)[0] - dn)[near] / 0.004
        assert slope.size == 0 or np.percentile(slope, 98) < 1.6


def test_caption_says_what_the_record_says():
    for i in range(300):
        o = sample.draw(21, i, captions=3)
        r, c = o.record, CATEGORIES[o.record["category"]]
        for text in [r["caption"], *r["captions"]]:
            assert any(n in text for n in (c.name, *c.synonyms)), text
            for colour in filter(None, [r["colour"], *r["parts"].values()]):
                words = COLOUR_WORDS.get(colour) or MATERIAL_WORDS.get(colour) or [colour]
                assert any(w in text for w in words), (colour, text)
            assert all(part in text for part in r["parts"]), text
        if r["colour"]:
            assert r["colours"]["main"] == r["colour"] if "main" in r["colours"] else True
        assert set(o.colours) <= set(IDS.values())


def test_held_out_combinations_are_never_drawn_for_training():
    for i in range(400):
        assert not sample.held_out(spec_of(sample.draw(1, i)))
        assert sample.held_out(spec_of(sample.draw(1, i, evaluation=True)))


def spec_of(o):
    r = o.record
    return {**r, "colour": None if r["material"] else r["colour"]}


def test_palette_is_told_apart():
    rgb = np.array(list(PALETTE.values()), float)
    gap = np.linalg.norm(rgb[:, None] - rgb[None], axis=-1) + 1e9 * np.eye(len(rgb))
    assert gap.min() > 28


def test_every_known_word_is_one_token_and_unknown_words_are_not():
    from tokenizer import Tokenizer

    tokenizer = Tokenizer()
    for word in vocabulary():
        if word.isalpha():
            assert len(tokenizer.fast.encode(word).ids) == 3, word
    assert len(tokenizer.fast.encode("flurbic").ids) > 3
    ids = tokenizer.encode("A RED chair")
    assert len(ids) == 77 and ids == tokenizer.encode("a red  chair") and ids[5:] == [tokenizer.end] * 72
    assert len(tokenizer.encode("red " * 200)) == 77 and tokenizer.encode("red " * 200)[-1] == tokenizer.end
