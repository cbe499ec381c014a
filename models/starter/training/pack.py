"""Packs the finished stages into a few float16 files. usage: python pack.py --out out --results FOLDER [--size starter]"""
from __future__ import annotations

import argparse
from pathlib import Path

from workspace import Workspace

if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--out", type=Path, default=Path("out"))
    p.add_argument("--results", type=Path, required=True)
    p.add_argument("--size", default="starter")
    a = p.parse_args()
    Workspace(a.out, a.size, "cpu").pack(a.results)
    for path in sorted(a.results.glob("pack-*")):
        print(f"{path.name} {path.stat().st_size} bytes")
