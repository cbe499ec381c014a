"""Checks that the networks here are TRELLIS': they load the tiny reference repository strictly and reproduce its cases.

usage: python check_goldens.py [goldens folder]
"""
from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from networks.decoders import window_pair
from networks.repository import load_repository
from networks.slat_flow import SLatTables

DEFAULT = Path(__file__).resolve().parents[3] / "packages/trellis/test/goldens"
TOLERANCE = 1e-4


def compare(case: str, expected: dict, taps: dict) -> float:
    worst = 0.0
    for key, value in taps.items():
        want = expected[key]
        if want.numel() != value.numel():
            raise AssertionError(f"{case}: {key} has shape {tuple(value.shape)}, expected {tuple(want.shape)}")
        diff = (value.reshape(want.shape).double() - want.double()).abs().max().item()
        worst = max(worst, diff)
        print(f"  {case:12s} {key:20s} {diff:.2e}")
    return worst


@torch.no_grad()
def check(folder: Path) -> float:
    _, models = load_repository(folder / "trellis-tiny")
    read = lambda name: load_file(folder / "cases" / f"{name}.safetensors")
    worst = 0.0

    c, taps = read("ss_flow"), {}
    taps["out"] = models["sparse_structure_flow_model"](c["x"], c["t"], c["cond"], taps)
    worst = max(worst, compare("ss_flow", c, taps))

    c = read("ss_sample")
    logits = models["sparse_structure_decoder"](c["z_s"])
    worst = max(worst, compare("ss_sample", c, {"logits": logits}))

    c, taps = read("slat_flow"), {}
    coords = c["coords"][None, :, 1:]
    tables = SLatTables(coords, torch.ones(coords.shape[:2], dtype=torch.bool), 32)
    assert torch.equal(tables.pool.coords[0].int(), c["coarse_coords"][:, 1:]), "order of the coarse voxels"
    taps["out"] = models["slat_flow_model"](c["x"][None], c["t"], c["cond"], tables, taps)
    worst = max(worst, compare("slat_flow", c, taps))

    c, taps = read("gs_decoder"), {}
    coords = c["coords"][None, :, 1:]
    windows = window_pair(coords, torch.ones(coords.shape[:2], dtype=torch.bool))
    assert torch.equal(windows[0].label.int(), c["win0"]) and torch.equal(windows[1].label.int(), c["win1"]), "windows"
    gs = models["slat_decoder_gs"]
    taps["h"] = gs(c["slat"][None], coords, windows, taps)
    active = gs.activate(taps["h"])
    taps["get_xyz"] = (coords[0, :, None] + 0.5 + active["offset"][0]).reshape(-1, 3) / 32 - 0.5
    taps["get_scaling"] = active["scale"].reshape(-1, 3)
    taps["get_rotation"] = active["rotation"].reshape(-1, 4)
    taps["get_opacity"] = active["opacity_logit"].sigmoid().reshape(-1, 1)
    worst = max(worst, compare("gs_decoder", c, taps))

    c, taps = read("mesh_decoder"), {}
    coords = c["coords"][None, :, 1:]
    windows = window_pair(coords, torch.ones(coords.shape[:2], dtype=torch.bool))
    taps["feats"] = models["slat_decoder_mesh"](c["slat"][None], coords, windows, None, taps)
    worst = max(worst, compare("mesh_decoder", c, taps))
    return worst


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    worst = check(folder)
    print(f"worst difference {worst:.2e} (tolerance {TOLERANCE:.0e})")
    sys.exit(0 if worst < TOLERANCE else 1)
