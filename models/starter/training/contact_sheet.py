"""Draws a contact sheet of the generator. usage: python contact_sheet.py OUT.png [--size 112] [--columns 16] [--seed 7]"""
from __future__ import annotations

import argparse

import numpy as np
import torch

from generator import field, render, sample

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--columns", type=int, default=16)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--each", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = args.only or sample.NAMES
    objects = [sample.draw(args.seed, i * 100 + k, category=n) for i, n in enumerate(names) for k in range(args.each)]
    images = []
    for i in range(0, len(objects), 8):
        part = objects[i : i + 8]
        colours = np.zeros((len(part), 16), dtype=np.uint8)
        for j, o in enumerate(part):
            colours[j, : len(o.colours)] = o.colours
        tables = torch.from_numpy(field.pad_tables([o.table for o in part]))
        images.append(render.render_fields(tables.to(args.device), torch.from_numpy(colours).to(args.device), args.size))
    labels = [o.record["category"] for o in objects]
    render.write_png(args.out, render.sheet(np.concatenate(images), labels, args.columns))
