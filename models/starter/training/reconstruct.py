"""Looks at the autoencoders alone: true objects through encoder and decoders; figures and a sheet (true above decoded).

usage: python reconstruct.py --out out --report REPORT.txt --sheet SHEET.png [--device ...] [--objects 48]
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from data import Voxels
from evaluate import splat
from generator import field, sample
from generator.render import render_fields, sheet, write_png
from objectives import GaussianObjective, MeshObjective
from sampling import surface_cells
from voxelise import ROWS, Evaluator, occupancy, voxelise
from workspace import Workspace


@torch.no_grad()
def run(ws: Workspace, count: int, report: Path, picture: Path) -> None:
    dev = ws.device
    objects = [sample.draw(777, i, captions=0) for i in range(count)]
    structure, decoder = ws.load("structure_encoder"), ws.load("sparse_structure_decoder")
    latent, mesh, gaussian = ws.load("latent_encoder"), ws.load("slat_decoder_mesh"), ws.load("slat_decoder_gs")
    evaluate, tiles, lines, iou, part_sum = Evaluator(False), [], [], [], {}
    for i in range(0, count, 8):
        part = objects[i : i + 8]
        tables = torch.from_numpy(field.pad_tables([o.table for o in part], ROWS)).to(dev)
        colours = torch.zeros(len(part), 16, dtype=torch.uint8)
        for j, o in enumerate(part):
            colours[j, : len(o.colours)] = torch.from_numpy(o.colours)
        colours = colours.to(dev)
        oi, coords, sdf, ids, active = voxelise(tables, colours, evaluate)
        occ = occupancy(len(part), oi[active], coords[active])
        back = decoder(structure(occ))[:, 0] > 0
        iou += ((back & occ).flatten(1).sum(1) / (back | occ).flatten(1).sum(1)).tolist()
        sizes = torch.bincount(oi[active], minlength=len(part))
        start = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        voxels = Voxels(start, coords[active], (sdf[active], ids[active]))
        for kind, objective in (("mesh", MeshObjective(voxels, latent, mesh, noise=0.0)),
                                ("gaussian", GaussianObjective(voxels, latent, gaussian, noise=0.0))):
            for k, v in objective(len(part))[1].items():
                part_sum.setdefault(f"{kind} {k}", []).append(float(v))
        if len(tiles) < 16:
            rows, mask = voxels.padded(torch.arange(len(part), device=dev))
            slat = torch.zeros(*mask.shape, 8, device=dev)
            slat[mask] = latent(voxels.values[0][rows[mask]], voxels.values[1][rows[mask]])
            tiles += [*render_fields(tables, colours, 144)]
            tiles += [splat(*c) for c in surface_cells(mesh, slat, voxels.coords[rows].long(), mask)]
    lines.append(f"occupancy IoU {np.mean(iou):.4f} (10th percentile {np.percentile(iou, 10):.4f}) over {count} objects")
    lines += [f"{k} {np.mean(v):.4f}" for k, v in part_sum.items()]
    report.write_text("\n".join(lines) + "\n")
    print("\n".join(lines), flush=True)
    write_png(picture, sheet(np.stack(tiles), None, 8))


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--out", type=Path, default=Path("out"))
    p.add_argument("--size", default="starter")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--objects", type=int, default=48)
    p.add_argument("--report", type=Path, required=True)
    p.add_argument("--sheet", type=Path, required=True)
    a = p.parse_args()
    run(Workspace(a.out, a.size, a.device), a.objects, a.report, a.sheet)
