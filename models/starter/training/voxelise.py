"""Fields to training data, on any device: active voxels of the 32^3 grid with 5^3 samples of distance and colour.

Distances are in fine cells (1/128 of the cube), clipped to +-4; colours are palette ids.
"""
from __future__ import annotations

import torch

from generator import field

RES, CELL = 32, 1 / 128
ROWS = 24
NEAR = 0.75


class Evaluator:
    """evaluate(tables, points), its inner step compiled where that works; falls back to the plain one and says so."""

    def __init__(self, use_compile: bool):
        self.step = torch.compile(field.step_torch, dynamic=True) if use_compile else field.step_torch
        self.compiled = use_compile

    def __call__(self, tables, points):
        # Rows that no object of the batch uses are left out.
        tables = tables[:, : int((tables[..., 0] >= 0).sum(1).max())].contiguous()
        try:
            return field.evaluate_torch(tables, points, self.step)
        except Exception as error:
            if not self.compiled or isinstance(error, torch.OutOfMemoryError):
                raise
            print(f"compiled field evaluation failed ({type(error).__name__}: {str(error)[:200]}); plain from here on", flush=True)
            self.__init__(False)
            return field.evaluate_torch(tables, points, self.step)


def centres(device):
    i = torch.arange(RES, device=device)
    grid = torch.stack(torch.meshgrid(i, i, i, indexing="ij"), -1).view(-1, 3)
    return grid, (grid + 0.5) / RES - 0.5


def sample_offsets(device):
    k = torch.arange(5, device=device)
    return torch.stack(torch.meshgrid(k, k, k, indexing="ij"), -1).view(-1, 3) * CELL


@torch.no_grad()
def voxelise(tables: torch.Tensor, colours: torch.Tensor, evaluate, chunk: int = 32768):
    """tables [B, P, 23], colours [B, parts] -> object [V], coords uint8 [V, 3], sdf half [V, 125], colour uint8
    [V, 125], active bool [V]: all candidate voxels near the surface, the active ones marked."""
    dev, b = tables.device, tables.shape[0]
    grid, points = centres(dev)
    d, _ = evaluate(tables, points.expand(b, -1, -1))
    # A sample lies at most half a diagonal from the centre; fields are underestimates, hence little slack.
    candidate = d.abs() < (3**0.5 / 2 / RES + NEAR * CELL) * 1.05
    # Objects differ in size severalfold: candidates in one flat list, each with its object's table, leave no padding.
    owner, cell = candidate.nonzero(as_tuple=True)
    offsets = sample_offsets(dev)
    out = []
    for start in range(0, len(owner), chunk):
        oi, at = owner[start : start + chunk], grid[cell[start : start + chunk]]
        d, part = evaluate(tables[oi], (at.float() / RES - 0.5)[:, None] + offsets)
        d, ids = d / CELL, torch.gather(colours[oi], 1, part.long())
        low, high = d.amin(-1), d.amax(-1)
        active = ((low < 0) & (high >= 0)) | (d.abs().amin(-1) < NEAR)
        out.append((oi, at.to(torch.uint8), d.clamp(-4, 4).half(), ids, active))
    return tuple(torch.cat(v) for v in zip(*out))


def occupancy(b: int, oi: torch.Tensor, coords: torch.Tensor) -> torch.Tensor:
    """-> bool [b, 32, 32, 32]."""
    occ = torch.zeros(b, RES, RES, RES, dtype=torch.bool, device=coords.device)
    c = coords.long()
    occ[oi, c[:, 0], c[:, 1], c[:, 2]] = True
    return occ


def disturb(oi, active, b: int, generator=None):
    """Which candidates to keep so that decoders meet imperfect occupancy: half of the objects exactly as they are,
    the others with a few voxels too many and too few."""
    dev = oi.device
    level = torch.rand(b, device=dev, generator=generator)
    extra = torch.where(level > 0.5, (level - 0.5) * 0.3, 0.0)[oi]
    missing = torch.where(level > 0.5, (level - 0.5) * 0.03, 0.0)[oi]
    u = torch.rand(len(oi), device=dev, generator=generator)
    return (active & (u >= missing)) | (~active & (u < extra))
