"""Colours part by part on the development captions, as the shipped pipeline samples (8 steps, structures unguided), for
several strengths of guidance on the structured latent: what a run's `evaluation.txt` does not look at.

usage: python evaluate_parts.py --out out --report REPORT.txt [--device ...] [--captions 170] [--strengths 1 2 3]
"""
from __future__ import annotations

import argparse
import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from export import STEPS, STRUCTURE_CFG
from make_eval import held_out_objects
from part_colours import judge
from sampling import Sampler, surface_cells
from voxelise import RES
from workspace import Workspace

TRUTHS = Path(__file__).resolve().parents[1] / "eval" / "development-truths.bin.gz"
SEED, ALL = 6001, 340


def two_coloured(count: int) -> list[tuple[int, dict]]:
    """Places and records of development captions that name two colours, spread over the categories."""
    records = [(i, o.record) for i, o in enumerate(held_out_objects(ALL, SEED))]
    fit = [(i, r) for i, r in records if r["colour"] and r["parts"]]
    return fit if count >= len(fit) else [fit[i * len(fit) // count] for i in range(count)]


@torch.no_grad()
def run(ws: Workspace, count: int, strengths: list[float], report: Path, batch: int) -> None:
    dev, lines = ws.device, []
    truths = np.frombuffer(gzip.decompress(TRUTHS.read_bytes()), np.uint8).reshape(ALL, RES, RES, RES)
    sampler = Sampler(ws.load("text_encoder"), ws.load("sparse_structure_flow_model"), ws.load("sparse_structure_decoder"),
                      ws.load("slat_flow_model"), ws.tokenizer.encode(""), dev)
    mesh, cases = ws.load("slat_decoder_mesh"), two_coloured(count)
    for strength in strengths:
        right, missed = 0, []
        # The same noise under each strength.
        generator = torch.Generator(dev).manual_seed(1)
        for first in range(0, len(cases), batch):
            part = cases[first : first + batch]
            ids = torch.from_numpy(ws.tokenizer.batch([r["caption"] for _, r in part])).to(dev)
            cond, none = sampler.condition(ids)
            occ = sampler.structure(cond, none, STEPS, STRUCTURE_CFG, generator) > 0
            slat = sampler.latent(occ, cond, none, STEPS, strength, generator)
            for (i, record), (position, rgb, _) in zip(part, surface_cells(mesh, *slat)):
                truth = torch.from_numpy(truths[i].copy()).to(dev)
                good, found = judge(position, rgb, truth, record)
                right += good
                missed += [f"{record['category']} {p}: {found[p] or 'nothing'} for {c}"
                           for p, c in record["parts"].items() if found[p] != c]
        lines.append(f"latent cfg {strength:g}: both colours part by part {right / len(cases):.3f} of {len(cases)}")
        print(lines[-1], flush=True)
        if strength == strengths[0]:
            worst = Counter(m.split(":")[0] for m in missed).most_common()
            lines += [f"  {m}" for m in missed] + ["  most missed: " + "; ".join(f"{k} x{n}" for k, n in worst if n > 1)]
        report.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--out", type=Path, default=Path("out"))
    p.add_argument("--size", default="starter")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--captions", type=int, default=170)
    p.add_argument("--strengths", type=float, nargs="+", default=[1.0, 2.0, 3.0])
    p.add_argument("--batch", type=int, default=15)
    p.add_argument("--report", type=Path, required=True)
    a = p.parse_args()
    run(Workspace(a.out, a.size, a.device), a.captions, a.strengths, a.report, a.batch)
