"""Writes the data that the TypeScript evaluation reads: held-out captions, reference occupancies, fresh true objects.

usage: python make_eval.py [--target ../eval] [--only captions development references fresh]
- captions.json: records {caption, category, colour, material, parts, words, one_component}; never trained on.
- truths.bin.gz: the true object of each caption, one byte a voxel of 32^3, index (x * 32 + y) * 32 + z: 0 no voxel,
  1 main colour, 2 + i the i-th named part, 255 anything else.
- twins.bin.gz: another true object of each caption, 0 no voxel, 1 + i the i-th colour of palette.json; how the judge of
  colours takes it is what can be expected of a model.
- development.json, development-truths.bin.gz: other held-out captions, on which settings are chosen.
- references.bin.gz, references.json: occupancies 32^3 for the judge; fresh.bin.gz, fresh.json: others, for its ceiling.
  One object is 4096 bytes: bit i (least significant first) of byte j is voxel 8 j + i, in the same order.
- palette.json: colour and material names -> sRGB bytes.
What a seed draws here stays the same from one version to the next, so that their tables compare.
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
from generator.palette import COLOURS, MATERIALS
from voxelise import RES, ROWS, Evaluator, voxelise

MAIN, OTHER = 1, 255
WHAT = ("captions", "development", "references", "fresh")
KEYS = ("caption", "category", "colour", "material", "parts", "words", "one_component")


def held_out_objects(count: int, seed: int) -> list:
    """Objects of held-out captions, categories in turn, every second one with a coloured part where it has one."""
    order = np.random.default_rng(seed).permutation(sample.NAMES)
    return [sample.draw(seed, i, evaluation=True, category=str(order[i % len(order)]), two_colours=i % 2 == 0, captions=0)
            for i in range(count)]


def labels(o: sample.Object) -> list[int]:
    """Of each part: its place among those that the caption names, or whether it has the main colour."""
    r = o.record
    main, named = r["colour"] or r["material"], list(r["parts"])
    return [2 + named.index(part) if part in named else MAIN if main and colour == main else OTHER
            for part, colour in r["colours"].items()]


def twin(o: sample.Object, rng: np.random.Generator) -> sample.Object:
    """Another object of the same caption."""
    r = o.record
    return sample.build({**r, "colour": None if r["material"] else r["colour"]}, rng)


def seen(objects: list, bytes_of, device: str, batch: int) -> np.ndarray:
    """uint8 [n, 32, 32, 32]: 0 where no voxel is, else the byte of the part whose surface is nearest in the voxel.

    bytes_of(object) -> a byte for each of its parts"""
    out, evaluate = np.zeros((len(objects), RES, RES, RES), dtype=np.uint8), Evaluator(False)
    for first in range(0, len(objects), batch):
        part = objects[first : first + batch]
        tables = torch.from_numpy(field.pad_tables([o.table for o in part], ROWS)).to(device)
        ids = torch.zeros(len(part), 16, dtype=torch.uint8)
        for i, o in enumerate(part):
            ids[i, : len(o.colours)] = torch.tensor(bytes_of(o), dtype=torch.uint8)
        oi, coords, sdf, near, active = voxelise(tables, ids.to(device), evaluate)
        values = torch.gather(near, 1, sdf.float().abs().argmin(1, keepdim=True))[:, 0]
        oi, coords, values = (v[active].cpu().numpy() for v in (oi, coords, values))
        x, y, z = coords.T
        out[first + oi, x, y, z] = values
    return out


def write_voxels(path: Path, voxels: np.ndarray) -> None:
    path.write_bytes(gzip.compress(voxels.tobytes(), 9, mtime=0))


def write_captions(target: Path, name: str, truths: str, count: int, seed: int, device: str) -> list:
    objects, batch = held_out_objects(count, seed), 16 if device != "cpu" else 2
    rows = [{k: o.record[k] for k in KEYS} for o in objects]
    (target / f"{name}.json").write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    write_voxels(target / f"{truths}.bin.gz", seen(objects, labels, device, batch))
    two = sum(1 for r in rows if r["colour"] and r["parts"])
    print(f"{name}: {len(rows)} captions, {two} with two colours", flush=True)
    return objects


def write_twins(target: Path, objects: list, seed: int, device: str) -> None:
    twins = [twin(o, np.random.default_rng([seed, i])) for i, o in enumerate(objects)]
    write_voxels(target / "twins.bin.gz", seen(twins, lambda o: (o.colours + 1).tolist(), device, 16 if device != "cpu" else 2))


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
    p.add_argument("--only", nargs="+", choices=WHAT, default=WHAT)
    p.add_argument("--captions", type=int, default=2 * len(sample.NAMES))
    p.add_argument("--references", type=int, default=24)
    p.add_argument("--fresh", type=int, default=4)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a = p.parse_args()
    a.target.mkdir(parents=True, exist_ok=True)
    palette = {"colours": {k: list(v) for k, v in COLOURS.items()}, "materials": {k: list(v) for k, v in MATERIALS.items()}}
    (a.target / "palette.json").write_text(json.dumps(palette, indent=1) + "\n")
    if "captions" in a.only:
        write_twins(a.target, write_captions(a.target, "captions", "truths", a.captions, 5001, a.device), 5004, a.device)
    if "development" in a.only:
        write_captions(a.target, "development", "development-truths", a.captions, 6001, a.device)
    if "references" in a.only:
        write_objects(a.target, "references", 5002, a.references, False, a.device)
    if "fresh" in a.only:
        write_objects(a.target, "fresh", 5003, a.fresh, True, a.device)
    print(f"{sum(f.stat().st_size for f in a.target.iterdir())} bytes in {a.target}")
