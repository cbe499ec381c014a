"""Makes `resume/` from what is committed: the shipped networks, and the two encoders that only training needs.

usage: python resume_packs.py [--target resume]                     a later run goes on from there (train.py --unpack resume)
       python resume_packs.py --keep-encoders RUN                   takes encoders.safetensors from a run's pack files
"""
from __future__ import annotations

import argparse
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sizes import FILES
from workspace import PACKS

HERE = Path(__file__).resolve().parent
ENCODERS = HERE / "encoders.safetensors"
ONLY_TRAINING = ("structure_encoder/", "latent_encoder/")


def keep_encoders(run: Path) -> None:
    """float16 weights of the encoders and the steps that every stage has seen -> encoders.safetensors"""
    with safe_open(run / "pack-rest.safetensors", "pt") as f:
        save_file({k: f.get_tensor(k) for k in f.keys() if k.startswith(ONLY_TRAINING)}, ENCODERS, metadata=f.metadata())


def make_packs(target: Path) -> None:
    repository = HERE.parent
    weights = load_file(ENCODERS)
    for role, file in FILES.items():
        weights |= {f"{role}/{k}": v for k, v in load_file(repository / "ckpts" / f"{file}.safetensors").items()}
    weights |= {f"text_encoder/{k}": v for k, v in load_file(repository / "text_encoder" / "model.safetensors").items()}
    with safe_open(ENCODERS, "pt") as f:
        metadata = f.metadata()
    target.mkdir(parents=True, exist_ok=True)
    for file, names in PACKS.items():
        part = {k: v for k, v in weights.items() if k.split("/", 1)[0] in names}
        save_file(part, target / f"{file}.safetensors", metadata=metadata)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--target", type=Path, default=HERE / "resume")
    p.add_argument("--keep-encoders", type=Path, default=None)
    a = p.parse_args()
    if a.keep_encoders:
        keep_encoders(a.keep_encoders)
    else:
        make_packs(a.target)
