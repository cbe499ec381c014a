"""A quick evaluation in PyTorch: category by nearest volumetric IoU, colours, components, effect of guidance.

usage: python evaluate.py --out out --report REPORT.txt --sheet SAMPLES.png [--device ...] [--captions 240] [--seconds 60]
"""
from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from generator import field, sample
from generator.palette import NAMES as COLOURS
from generator.palette import RGB
from generator.render import camera, sheet, write_png
from sampling import Sampler, surface_cells
from voxelise import ROWS, Evaluator, occupancy, voxelise
from workspace import Workspace

DEMO = ["a wooden treasure chest with golden bands", "a red chair with black legs", "a blue car", "a green dragon mug",
        "a tall stone castle tower with a red roof", "a yellow rubber duck", "a robot with blue eyes", "a pink donut with white dough",
        "a red mushroom with a white stem", "a purple potion", "a silver sword with a brown handle", "a white snowman with a red scarf",
        "a wooden barrel with black bands", "a small house with a red roof", "a brown teddy bear", "a green cactus with a pink flower",
        "a golden crown with red gems", "a white rocket with red fins", "a blue guitar", "a black cauldron with green potion",
        "an orange pumpkin", "a palm tree", "a turquoise sailboat with a white sail", "a wooden bridge"]


@torch.no_grad()
def true_occupancy(objects, device, batch=16):
    out, evaluate = [], Evaluator(False)
    for i in range(0, len(objects), batch):
        part = objects[i : i + batch]
        tables = torch.from_numpy(field.pad_tables([o.table for o in part], ROWS)).to(device)
        colours = torch.zeros(len(part), 16, dtype=torch.uint8, device=device)
        oi, coords, _, _, active = voxelise(tables, colours, evaluate)
        out.append(occupancy(len(part), oi[active], coords[active]))
    return torch.cat(out)


def nearest(occ, references, labels):
    """-> label and IoU of the nearest reference, by volumetric IoU of occupied voxels."""
    q, r = occ.flatten(1).float(), references.flatten(1).float()
    both = q @ r.t()
    iou = both / (q.sum(1)[:, None] + r.sum(1)[None] - both).clamp(min=1)
    best, at = iou.max(1)
    return labels[at.cpu().numpy()], best.cpu().numpy(), iou


@torch.no_grad()
def connected(occ: torch.Tensor) -> torch.Tensor:
    """bool [B, R, R, R] -> bool [B]: exactly one 26-connected component."""
    labels = torch.arange(1, occ[0].numel() + 1, device=occ.device, dtype=torch.float32).view(1, 1, *occ.shape[1:])
    labels = labels * occ[:, None]
    while True:
        grown = torch.nn.functional.max_pool3d(labels, 3, 1, 1) * occ[:, None]
        if torch.equal(grown, labels):
            break
        labels = grown
    top = labels.flatten(1).amax(1)
    return occ.flatten(1).any(1) & ((labels.flatten(1) == top[:, None]) | ~occ.flatten(1)).all(1)


def colour_shares(rgb: torch.Tensor) -> dict[str, float]:
    near = torch.cdist(rgb.float(), torch.from_numpy(RGB).to(rgb.device)).argmin(1)
    share = torch.bincount(near, minlength=len(COLOURS)).float() / max(1, len(near))
    return dict(zip(COLOURS, share.tolist()))


def splat(position, rgb, normal, size=144):
    """A picture of coloured points, nearest in front."""
    forward, right, up = (v.numpy() for v in camera())
    p, n = position.cpu().numpy(), normal.cpu().numpy()
    n = n / np.linalg.norm(n, axis=1, keepdims=True).clip(1e-6)
    light = np.array([-0.45, -0.6, 0.75]) / np.linalg.norm([-0.45, -0.6, 0.75])
    c = rgb.cpu().numpy() * (0.45 + 0.6 * np.clip(n @ light, 0, 1))[:, None]
    image = np.full((size, size, 3), 0.965)
    order = np.argsort(-(p @ forward))
    x = ((p @ right / 1.3 + 0.5) * size).astype(int)[order]
    y = ((0.5 - p @ up / 1.3) * size).astype(int)[order]
    for dy in (0, 1):
        for dx in (0, 1):
            image[(y + dy).clip(0, size - 1), (x + dx).clip(0, size - 1)] = c[order]
    return (image.clip(0, 1) * 255).astype(np.uint8)


def run(ws: Workspace, count: int, seconds: float, report: Path, picture: Path, batch: int = 60, per_category: int = 16):
    begin, dev, lines = time.time(), ws.device, []

    def say(text):
        print(text, flush=True)
        lines.append(text)
        report.write_text("\n".join(lines) + "\n")

    sampler = Sampler(ws.load("text_encoder"), ws.load("sparse_structure_flow_model"), ws.load("sparse_structure_decoder"),
                      ws.load("slat_flow_model"), ws.tokenizer.encode(""), dev)
    mesh = ws.load("slat_decoder_mesh")
    encode = lambda texts: torch.from_numpy(ws.tokenizer.batch(texts)).to(dev)
    names = sample.NAMES if count >= len(sample.NAMES) else sample.NAMES[:: max(1, len(sample.NAMES) // count)]
    reference = [sample.draw(901, i * 1000 + k, category=n, captions=0) for i, n in enumerate(names) for k in range(per_category)]
    labels = np.array([o.record["category"] for o in reference])
    references = true_occupancy(reference, dev)
    fresh = [sample.draw(902, i * 1000 + k, evaluation=True, category=n, captions=0) for i, n in enumerate(names) for k in range(2)]
    got, best, _ = nearest(true_occupancy(fresh, dev), references, labels)
    truth = np.array([o.record["category"] for o in fresh])
    say(f"{len(names)} categories, {len(reference)} references; ceiling (true objects): accuracy "
        f"{(got == truth).mean():.3f}, nearest IoU {best.mean():.3f}   [{time.time() - begin:.0f}s]")
    cases = [sample.draw(903, i, evaluation=True, category=names[i % len(names)], two_colours=i % 2 == 0, captions=0).record
             for i in range(count)]
    truth = np.array([c["category"] for c in cases])
    say(f"{count} held-out captions. cfg = (structure, latent) cfg_strength, 12 steps")
    for strength in (1.0, 0.0, 2.0, 3.0):
        if time.time() - begin > seconds * (0.75 if strength != 1.0 else 10):
            break
        occ, shares, cells_n = [], [], []
        for i in range(0, count, batch):
            cond, none = sampler.condition(encode([c["caption"] for c in cases[i : i + batch]]))
            o = sampler.structure(cond, none, strength=strength) > 0
            occ.append(o)
            for j in range(0, len(o), 15):
                slat = sampler.latent(o[j : j + 15], cond[j : j + 15], none, strength=strength)
                for _, rgb, _ in surface_cells(mesh, *slat):
                    shares.append(colour_shares(rgb))
                    cells_n.append(len(rgb))
        occ = torch.cat(occ)
        got, best, _ = nearest(occ, references, labels)
        one = connected(occ).cpu().numpy()[[c["one_component"] for c in cases]].mean()
        main = [s[c["colour"]] > 0.2 or max(s, key=s.get) == c["colour"] for s, c in zip(shares, cases) if c["colour"]]
        two = [main_ok(s, c) for s, c in zip(shares, cases) if c["colour"] and c["parts"]]
        say(f"cfg {strength:.0f}: accuracy {(got == truth).mean():.3f}  nearest IoU {best.mean():.3f}  one component {one:.3f}  "
            f"voxels {occ.flatten(1).sum(1).float().mean():.0f}  empty {int((occ.flatten(1).sum(1) == 0).sum())}  "
            f"main colour {np.mean(main):.3f}  both colours {np.mean(two):.3f}   [{time.time() - begin:.0f}s]")
        if strength == 1.0:
            wrong = [f"{t} -> {g}" for t, g in zip(truth, got) if t != g]
            say("  confused: " + ("; ".join(wrong[:40]) or "none"))
    images = []
    for i in range(0, len(DEMO), 12):
        cond, none = sampler.condition(encode(DEMO[i : i + 12]))
        o = sampler.structure(cond, none, strength=1.0) > 0
        images += [splat(*c) for c in surface_cells(mesh, *sampler.latent(o, cond, none, strength=1.0))]
    write_png(picture, sheet(np.stack(images), DEMO, 8))
    say(f"done [{time.time() - begin:.0f}s]")


def main_ok(share: dict, case: dict) -> bool:
    """Both colours are there: the main one widely, each named part's at least a little."""
    main = share[case["colour"]] > 0.2 or max(share, key=share.get) == case["colour"]
    return main and all(share[c] > 0.015 for c in case["parts"].values())


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--out", type=Path, default=Path("out"))
    p.add_argument("--unpack", type=Path, default=None)
    p.add_argument("--size", default="starter")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--captions", type=int, default=240)
    p.add_argument("--references", type=int, default=16)
    p.add_argument("--seconds", type=float, default=90)
    p.add_argument("--report", type=Path, default=None)
    p.add_argument("--sheet", type=Path, default=None)
    a = p.parse_args()
    ws = Workspace(a.out, a.size, a.device)
    if a.unpack:
        ws.unpack(a.unpack)
    run(ws, a.captions, a.seconds, a.report or a.out / "evaluation.txt", a.sheet or a.out / "samples.png",
        per_category=a.references)
