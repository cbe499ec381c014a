"""Makes the goldens of the dense networks' options that the reference data do not exercise.

    python make_goldens.py     writes goldens/ beside this file

Per variant `<name>.json` (the network's config), `<name>.safetensors` (its random weights) and `<name>.case.safetensors`
(inputs and output, computed in float32 with PyTorch). The networks are those of models/starter/training/networks, which
meet the reference data; options that are not needed for training are written out here.
"""
import json
import sys
from pathlib import Path

import torch
import torch.nn as nn
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "models" / "starter" / "training"))
from networks.structure import SparseStructureDecoder, SparseStructureFlowModel  # noqa: E402

OUT = HERE / "goldens"

FLOWS = {
    # Patches of two, one modulation for all blocks, heads by their width, 32 channels of which positions fill 30.
    "flow_patches": dict(resolution=6, in_channels=3, out_channels=3, model_channels=32, cond_channels=20, num_blocks=2,
                         num_heads=None, num_head_channels=16, mlp_ratio=2.5, patch_size=2, share_mod=True),
    # Normalised self attention only; its file lacks the buffer of positions, which follow from the config.
    "flow_positions": dict(resolution=4, in_channels=4, out_channels=4, model_channels=40, cond_channels=12, num_blocks=1,
                           num_heads=5, mlp_ratio=4, patch_size=1, qk_rms_norm=True),
    # Patches of three, normalised cross attention only.
    "flow_cross": dict(resolution=6, in_channels=2, out_channels=2, model_channels=24, cond_channels=8, num_blocks=1,
                       num_heads=2, mlp_ratio=1, patch_size=3, qk_rms_norm_cross=True),
}

DECODERS = {
    # Group norm in front of the output, two channels a group; no residual blocks on the way.
    "decoder_group": dict(out_channels=1, latent_channels=4, num_res_blocks=0, channels=[4, 64], num_res_blocks_middle=1,
                          norm_type="group"),
    # One level: nothing is up-sampled. No blocks in the middle.
    "decoder_flat": dict(out_channels=2, latent_channels=3, num_res_blocks=1, channels=[6], num_res_blocks_middle=0),
}
LATENT = 3


class GroupNormDecoder(SparseStructureDecoder):
    """`norm_type` decides about the norm in front of the output alone; the residual blocks keep their layer norms."""

    def __init__(self, norm_type="layer", **config):
        super().__init__(**config)
        if norm_type == "group":
            self.out_layer[0] = nn.GroupNorm(32, config["channels"][-1])


def randomise(model: nn.Module, generator: torch.Generator) -> None:
    """Random values for every parameter, so that no zero gate hides what is behind it."""
    for name, p in model.named_parameters():
        fan_in = p[0].numel() if p.dim() > 1 and not name.endswith("gamma") else 0
        noise = torch.randn(p.shape, generator=generator)
        near_one = name.endswith("gamma") or (name.endswith("weight") and p.dim() == 1)
        p.data = 1 + 0.2 * noise if near_one else noise * (fan_in**-0.5 if fan_in else 0.2)


def write(name: str, network: str, config: dict, weights: dict, case: dict) -> None:
    (OUT / f"{name}.json").write_text(json.dumps({"name": network, "args": config}, indent=2) + "\n")
    save_file({k: v.contiguous() for k, v in weights.items()}, OUT / f"{name}.safetensors")
    save_file({k: v.contiguous() for k, v in case.items()}, OUT / f"{name}.case.safetensors")


@torch.inference_mode()
def main() -> None:
    OUT.mkdir(exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    for name, config in FLOWS.items():
        args = {k: v for k, v in config.items() if k != "num_head_channels"}
        args["num_heads"] = args["num_heads"] or config["model_channels"] // config["num_head_channels"]
        model = SparseStructureFlowModel(**args).eval()
        randomise(model, generator)
        weights = model.state_dict()
        if name == "flow_positions":
            del weights["pos_emb"]
        x = torch.randn(1, config["in_channels"], *[config["resolution"]] * 3, generator=generator)
        cond = torch.randn(1, 77, config["cond_channels"], generator=generator)
        t = torch.tensor([431.25])
        write(name, "SparseStructureFlowModel", config, weights, dict(x=x, t=t, cond=cond, out=model(x, t, cond)))
    for name, config in DECODERS.items():
        model = GroupNormDecoder(**config).eval()
        randomise(model, generator)
        z = torch.randn(1, config["latent_channels"], *[LATENT] * 3, generator=generator)
        write(name, "SparseStructureDecoder", config, model.state_dict(), dict(z=z, logits=model(z)))


if __name__ == "__main__":
    main()
