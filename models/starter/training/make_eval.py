"""Writes the data that the TypeScript evaluation reads: held-out captions, reference occupancies, fresh true objects.

usage: python make_eval.py [--target ../eval]
- captions.json: records {caption, category, colour, material, parts, words, one_component}; never trained on.
- references.bin.gz, references.json: occupancies 32^3 for the judge; fresh.bin.gz, fresh.json: others, for its ceiling.
  One object is 4096 bytes: bit i (least significant first) of byte j is voxel 8 j + i, index (x * 32 + y) * 32 + z.
- truths.bin.gz: the true object of each caption, one byte a voxel of 32^3 in the same order: 0 no voxel, 1 main colour,
  2 + i the i-th named part, 255 anything else.
- palette.json: colour and material names -> sRGB bytes.
"""
from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import numpy as np
import torch

from evaluate import true_occupancy
from generator import field, sample
from generator.palette import COLOURS, IDS, MATERIALS
from voxelise import RES, ROWS, Evaluator, voxelise

OTHER = 255


KEYS = ("caption", "category", "colour", "material", "parts", "words", "one_component")


def held_out_objects(count: int, seed: int) -> list:
    """Objects of held-out captions, categories in turn, every second one with a coloured part where it has one."""
    order = np.random.default_rng(seed).permutation(sample.NAMES)
    return [sample.draw(seed, i, evaluation=True, category=str(order[i % len(order)]), two_colours=i % 2 == 0, captions=0)
            for i in range(count)]


def labelled(objects: list, device: str, batch: int) -> np.ndarray:
    """uint8 [n, 32, 32, 32]: which of its caption's colours each occupied voxel has."""
    out, evaluate = np.zeros((len(objects), RES, RES, RES), dtype=np.uint8), Evaluator(False)
    for first in range(0, len(objects), batch):
        part = objects[first : first + batch]
        tables = torch.from_numpy(field.pad_tables([o.table for o in part], ROWS)).to(device)
        colours = torch.zeros(len(part), 16, dtype=torch.uint8)
        for i, o in enumerate(part):
            colours[i, : len(o.colours)] = torch.from_numpy(o.colours)
        oi, coords, sdf, ids, active = voxelise(tables, colours.to(device), evaluate)
        seen = torch.gather(ids, 1, sdf.float().abs().argmin(1, keepdim=True))[:, 0]
        oi, coords, seen = (v[active].cpu().numpy() for v in (oi, coords, seen))
        for i, o in enumerate(part):
            label = np.full(256, OTHER, dtype=np.uint8)
            for k, colour in enumerate(o.record["parts"].values()):
                label[IDS[colour]] = 2 + k
            main = o.record["colour"] or o.record["material"]
            if main:
                label[IDS[main]] = 1
            x, y, z = coords[oi == i].T
            out[first + i, x, y, z] = label[seen[oi == i]]
    return out


def write_objects(target: Path, name: str, seed: int, per_category: int, evaluation: bool, device: str) -> None:
    objects = [sample.draw(seed, i * 1000 + k, evaluation=evaluation, category=c, captions=0)
               for i, c in enumerate(sample.NAMES) for k in range(per_category)]
    occ = true_occupancy(objects, device, 16 if device != "cpu" else 2).cpu().numpy()
    bits = np.packbits(occ.reshape(len(occ), -1), axis=1, bitorder="little")
    (target / f"{name}.bin.gz").write_bytes(gzip.compress(bits.tobytes(), 9, mtime=0))
    index = {"resolution": 32, "bytes_per_object": 4096, "categories": [o.record["category"] for o in objects]}
    if evaluation:
        index["captions"] = [o.record["caption"] for o in objects]
    (target / f"{name}.json").write_text(json.dumps(index, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--target", type=Path, default=Path(__file__).resolve().parents[1] / "eval")
    p.add_argument("--captions", type=int, default=2 * len(sample.NAMES))
    p.add_argument("--references", type=int, default=24)
    p.add_argument("--fresh", type=int, default=4)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a = p.parse_args()
    a.target.mkdir(parents=True, exist_ok=True)
    objects = held_out_objects(a.captions, 5001)
    rows = [{k: o.record[k] for k in KEYS} for o in objects]
    (a.target / "captions.json").write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    palette = {"colours": {k: list(v) for k, v in COLOURS.items()}, "materials": {k: list(v) for k, v in MATERIALS.items()}}
    (a.target / "palette.json").write_text(json.dumps(palette, indent=1) + "\n")
    truths = labelled(objects, a.device, 16 if a.device != "cpu" else 2)
    (a.target / "truths.bin.gz").write_bytes(gzip.compress(truths.tobytes(), 9, mtime=0))
    write_objects(a.target, "references", 5002, a.references, False, a.device)
    write_objects(a.target, "fresh", 5003, a.fresh, True, a.device)
    two = sum(1 for r in rows if r["colour"] and r["parts"])
    print(f"{len(rows)} captions, {two} with two colours; {sum(f.stat().st_size for f in a.target.iterdir())} bytes")
