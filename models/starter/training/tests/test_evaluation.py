"""What the evaluation is held against: its captions stay, parts are told apart by name, rare colours weigh more."""
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import make_eval  # noqa: E402
from data import rarity  # noqa: E402
from generator import sample  # noqa: E402
from generator.focus import WEAKEST  # noqa: E402
from generator.palette import RGB  # noqa: E402
from part_colours import judge  # noqa: E402
from voxelise import RES  # noqa: E402

EVAL = Path(__file__).resolve().parents[2] / "eval"


@pytest.mark.parametrize("name, seed", [("captions", 5001), ("development", 6001)])
def test_committed_captions_are_what_the_seed_draws(name, seed):
    committed = json.loads((EVAL / f"{name}.json").read_text())
    drawn = make_eval.held_out_objects(len(committed), seed)
    assert [{k: o.record[k] for k in make_eval.KEYS} for o in drawn] == committed


def test_development_captions_with_two_colours_are_others():
    held_out, development = (json.loads((EVAL / f"{n}.json").read_text()) for n in ("captions", "development"))
    two_colours = {r["caption"] for r in development if r["colour"] and r["parts"]}
    assert len(two_colours) > 150 and not two_colours & {r["caption"] for r in held_out}


def two_parts_of_one_colour():
    objects = (sample.draw(77, i, category="helicopter", two_colours=True) for i in range(400))
    return next(o for o in objects if len(o.record["parts"]) == 2 and len(set(o.record["parts"].values())) == 1)


def test_parts_of_the_same_colour_have_labels_of_their_own():
    o = two_parts_of_one_colour()
    labels = dict(zip(o.record["colours"], make_eval.labels(o)))
    assert [labels[part] for part in o.record["parts"]] == [2, 3]


def test_judge_calls_the_true_object_right_and_a_repainted_part_wrong():
    o = two_parts_of_one_colour()
    truth = torch.from_numpy(make_eval.seen([o], make_eval.labels, "cpu", 1)[0])
    ids = torch.from_numpy(make_eval.seen([o], lambda each: (each.colours + 1).tolist(), "cpu", 1)[0])
    voxels = truth.nonzero()
    x, y, z = voxels.T
    position, rgb = (voxels + 0.5) / RES - 0.5, torch.from_numpy(RGB)[ids[x, y, z].long() - 1]
    right, found = judge(position, rgb, truth, o.record)
    assert right and found == o.record["parts"]
    first = next(iter(o.record["parts"]))
    other = "white" if found[first] != "white" else "black"
    repainted = torch.where((truth[x, y, z] == 2)[:, None], torch.from_numpy(RGB)[list(sample.IDS).index(other)], rgb)
    right, found = judge(position, repainted, truth, o.record)
    assert not right and found[first] == other


def test_rare_colours_weigh_more_and_an_object_as_much_as_before():
    owner = torch.tensor([0] * 100 + [1] * 50)
    colour = torch.tensor([1] * 98 + [2] * 2 + [3] * 50, dtype=torch.uint8)
    weight = rarity(owner, torch.zeros(150, 125), colour[:, None].expand(-1, 125), 2)
    assert weight[owner == 0].mean() == pytest.approx(1) and weight[99] > 3 * weight[0]
    assert torch.allclose(weight[owner == 1], torch.ones(50))


def test_focus_keeps_out_what_is_held_out_and_names_only_parts_that_are_there():
    records = [sample.draw(31, i, focus=WEAKEST).record for i in range(400)]
    assert set(WEAKEST.categories) <= set(sample.NAMES)
    share = np.mean([r["category"] in WEAKEST.categories for r in records])
    assert share > 1.5 * len(WEAKEST.categories) / len(sample.NAMES)
    for r in records:
        assert not sample.held_out({**r, "colour": None if r["material"] else r["colour"]})
        assert set(r["parts"]) <= set(r["colours"]), r["caption"]
