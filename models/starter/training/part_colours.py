"""The judge of colours part by part, as bench/starter/colours.ts has it: a sample of the surface belongs to the label of
the nearest voxel of the true object, and a named colour is right when it is the commonest palette colour there."""
from __future__ import annotations

import torch

from generator.palette import NAMES, RGB
from voxelise import RES

REACH = 4.0
FIRST_PART = 2


def labels_at(position: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """position [K, 3] in the cube, truth uint8 [32, 32, 32] (labels of make_eval.py) -> labels [K], 0 out of reach."""
    voxels = truth.nonzero()
    distance = torch.cdist((position.float() + 0.5) * RES - 0.5, voxels.float())
    near, at = distance.min(1)
    x, y, z = voxels[at].T
    return torch.where(near < REACH, truth[x, y, z], 0)


def judge(position: torch.Tensor, rgb: torch.Tensor, truth: torch.Tensor, record: dict) -> tuple[bool, dict[str, str]]:
    """Samples of a surface (rgb in 0..1) against the true object -> whether the main and all named colours are where
    they belong, and the commonest colour at each named part."""
    if not len(position):
        return False, {part: "" for part in record["parts"]}
    label = labels_at(position, truth)
    nearest = torch.cdist(rgb.float(), torch.from_numpy(RGB).to(rgb.device)).argmin(1)

    def commonest(of: int) -> str:
        counts = torch.bincount(nearest[label == of], minlength=len(NAMES))
        return NAMES[int(counts.argmax())] if int(counts.sum()) else ""

    found = {part: commonest(FIRST_PART + i) for i, part in enumerate(record["parts"])}
    main = record["colour"] or record["material"]
    return commonest(1) == main and all(found[part] == colour for part, colour in record["parts"].items()), found
