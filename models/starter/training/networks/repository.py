"""Reading and writing of a model repository in the published layout."""
from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from . import decoders, slat_flow, structure, text

CLASSES = {
    "SparseStructureDecoder": structure.SparseStructureDecoder,
    "SparseStructureFlowModel": structure.SparseStructureFlowModel,
    "SLatFlowModel": slat_flow.SLatFlowModel,
    "SLatGaussianDecoder": decoders.SLatGaussianDecoder,
    "SLatMeshDecoder": decoders.SLatMeshDecoder,
}


def build(config: dict) -> torch.nn.Module:
    return CLASSES[config["name"].removeprefix("Elastic")](**config["args"])


def load_model(stem: Path) -> torch.nn.Module:
    """The network of `<stem>.json` with the weights of `<stem>.safetensors`, float32; every key must match."""
    model = build(json.loads(stem.with_suffix(".json").read_text()))
    weights = {k: v.float() for k, v in load_file(stem.with_suffix(".safetensors")).items()}
    model.load_state_dict(weights, strict=True)
    return model.eval()


def load_repository(folder: Path) -> tuple[dict, dict[str, torch.nn.Module]]:
    pipeline = json.loads((folder / "pipeline.json").read_text())["args"]
    return pipeline, {role: load_model(folder / path) for role, path in pipeline["models"].items()}


def load_text_encoder(folder: Path) -> torch.nn.Module:
    model = text.CLIPTextModel(**json.loads((folder / "config.json").read_text()))
    model.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()}, strict=True)
    return model.eval()


def torso_half(name: str, value: torch.Tensor) -> torch.Tensor:
    """float16 where a published `_fp16` file has it: linear and convolution layers of the torso."""
    torso = any(name.startswith(p) or f".{p}" in name for p in (
        "blocks.", "input_blocks.", "out_blocks.", "upsample.", "middle_block.", "adaLN_modulation.", "text_model.encoder."))
    parts = name.split(".")
    norm = any("norm" in p for p in parts) or (len(parts) > 3 and parts[2:4] == ["act_layers", "0"])
    norm = norm or ("upsample" in parts and parts[2:4] == ["out_layers", "1"])
    if name.endswith("token_embedding.weight"):
        return value.half().contiguous()
    return (value.half() if torso and not norm else value.float()).contiguous()


def save_weights(model_state: dict[str, torch.Tensor], path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {k: torso_half(k, v.detach().cpu()) for k, v in model_state.items()}
    for name, value in state.items():
        if not torch.isfinite(value.float()).all():
            raise ValueError(f"{path.name}: tensor {name} does not fit float16 or is not finite")
    save_file(state, path, metadata={"format": "pt"})
    return path.stat().st_size
