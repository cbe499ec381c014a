"""Where the state of a training lives, and how its networks are made, stored, packed and restored."""
from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from encoders import LatentEncoder, StructureEncoder
from networks import CLIPTextModel
from networks.repository import build
from sizes import sizes
from tokenizer import Tokenizer

NETWORKS = ("structure_encoder", "sparse_structure_decoder", "latent_encoder", "slat_decoder_mesh", "slat_decoder_gs",
            "text_encoder", "sparse_structure_flow_model", "slat_flow_model")
STAGES = {
    "structure": ("structure_encoder", "sparse_structure_decoder"),
    "latent": ("latent_encoder",),
    "mesh": ("slat_decoder_mesh",),
    "gaussian": ("slat_decoder_gs",),
    "flows": ("text_encoder", "sparse_structure_flow_model", "slat_flow_model"),
}
# Packed files stay under 16 MiB each.
PACKS = {
    "pack-structure-flow": ("sparse_structure_flow_model",),
    "pack-slat-flow": ("slat_flow_model",),
    "pack-rest": ("structure_encoder", "sparse_structure_decoder", "latent_encoder", "slat_decoder_mesh",
                  "slat_decoder_gs", "text_encoder"),
}


class Workspace:
    def __init__(self, folder: Path, size: str, device: str):
        self.folder, self.size, self.device = folder, size, torch.device(device)
        self.tokenizer = Tokenizer()
        self.config = sizes(size, self.tokenizer.size, self.tokenizer.end)
        self.curves = folder / "curves.csv"

    def make(self, name: str) -> torch.nn.Module:
        config = self.config[name]
        if name == "structure_encoder":
            model = StructureEncoder(**config)
        elif name == "latent_encoder":
            model = LatentEncoder(**config)
        elif name == "text_encoder":
            model = CLIPTextModel(**config)
        else:
            model = build(config)
        return model.to(self.device)

    def state(self, stage: str) -> Path:
        return self.folder / "state" / f"{stage}.pt"

    def weights(self, name: str) -> dict[str, torch.Tensor]:
        """EMA weights of a network, from the stage's checkpoint."""
        stage = next(s for s, names in STAGES.items() if name in names)
        path = self.state(stage)
        if not path.exists():
            raise SystemExit(f"{path} does not exist: train stage '{stage}' first, or unpack an earlier run")
        return torch.load(path, map_location=self.device, weights_only=True)["ema"][name]

    def load(self, name: str) -> torch.nn.Module:
        model = self.make(name)
        model.load_state_dict(self.weights(name))
        return model.eval()

    def has(self, stage: str) -> bool:
        return self.state(stage).exists()

    def pack(self, target: Path) -> None:
        """float16 weights of all finished stages in few files: enough to export, and to resume from."""
        target.mkdir(parents=True, exist_ok=True)
        steps = {}
        for file, names in PACKS.items():
            out = {}
            for name in names:
                stage = next(s for s, members in STAGES.items() if name in members)
                if not self.has(stage):
                    continue
                saved = torch.load(self.state(stage), map_location="cpu", weights_only=True)
                steps[stage] = saved["steps"]
                for k, v in saved["ema"][name].items():
                    narrow = v.is_floating_point() and "standardise" not in k
                    out[f"{name}/{k}"] = (v.half() if narrow else v).contiguous()
            if out:
                save_file(out, target / f"{file}.safetensors", metadata={"steps": json.dumps(steps), "size": self.size})

    def unpack(self, source: Path) -> None:
        """Restores the checkpoints of a packed run, without optimiser state; existing ones are left alone."""
        from safetensors import safe_open

        found, steps = {}, {}
        for path in sorted(source.glob("pack-*.safetensors")):
            with safe_open(path, "pt") as f:
                steps.update(json.loads(f.metadata()["steps"]))
            for key, value in load_file(path).items():
                name, k = key.split("/", 1)
                found.setdefault(name, {})[k] = value.float() if value.dtype == torch.float16 else value
        for stage, names in STAGES.items():
            if all(n in found for n in names) and not self.has(stage):
                ema = {n: found[n] for n in names}
                self.state(stage).parent.mkdir(parents=True, exist_ok=True)
                torch.save({"weights": ema, "ema": ema, "steps": steps.get(stage, 0), "optimiser": None}, self.state(stage))
                print(f"unpacked stage {stage} ({steps.get(stage, 0)} steps)", flush=True)
