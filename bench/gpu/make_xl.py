"""Random models of TRELLIS-text-xlarge's shape, as a whole repository in the published layout, and their inputs.

    python make_xl.py FOLDER [small]    FOLDER/model: a whole repository; FOLDER/inputs.safetensors
"""
import json
import math
import shutil
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "starter" / "training"))
from networks import repository, text  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def configs(small: bool) -> dict:
    """Of microsoft/TRELLIS, `configs/generation/` and `configs/vae/`; small ones of the same make for rehearsals."""
    width, blocks, heads = (96, 2, 3) if small else (1280, 28, 16)
    cond = 64 if small else 768
    flow = {"in_channels": 8, "out_channels": 8, "model_channels": width, "cond_channels": cond, "num_blocks": blocks,
            "num_heads": heads, "mlp_ratio": 4, "pe_mode": "ape", "qk_rms_norm": True, "use_fp16": True}
    decoder = {"resolution": 64, "model_channels": 128 if small else 768, "latent_channels": 8,
               "num_blocks": 2 if small else 12, "num_heads": 4 if small else 12, "mlp_ratio": 4, "attn_mode": "swin",
               "window_size": 8, "use_fp16": True}
    return {
        "ss_flow": ("SparseStructureFlowModel", {**flow, "resolution": 16, "patch_size": 1}),
        "slat_flow": ("SLatFlowModel", {**flow, "resolution": 64, "patch_size": 2, "num_io_res_blocks": 3 if not small else 2,
                                        "io_block_channels": [32 if small else 256]}),
        "ss_dec": ("SparseStructureDecoder", {"out_channels": 1, "latent_channels": 8, "num_res_blocks": 2,
                                              "num_res_blocks_middle": 2, "channels": [32, 16, 8] if small else [512, 128, 32],
                                              "use_fp16": True}),
        "slat_dec_mesh": ("SLatMeshDecoder", {**decoder, "model_channels": 256 if small else 768,
                                              "representation_config": {"use_color": True}}),
        "slat_dec_gs": ("SLatGaussianDecoder", {**decoder, "representation_config": {
            "lr": {"_xyz": 1.0, "_features_dc": 1.0, "_opacity": 1.0, "_scaling": 1.0, "_rotation": 0.1},
            "perturb_offset": True, "voxel_size": 1.5, "num_gaussians": 8 if small else 32, "2d_filter_kernel_size": 0.1,
            "3d_filter_kernel_size": 9e-4, "scaling_bias": 4e-3, "opacity_bias": 0.1, "scaling_activation": "softplus"}}),
    }


def clip_config(tokenizer: Path, small: bool) -> dict:
    config = json.loads((tokenizer / "config.json").read_text())
    if not small:
        config |= {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12}
    return config


def shell(count: int, resolution: int) -> torch.Tensor:
    """`count` voxels of a sphere's surface, less than two thick, in row-major order."""
    axis = torch.arange(resolution)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    radius = min(30.0, math.sqrt(count / (4 * math.pi * 1.7)))
    distance = ((grid.float() + 0.5 - resolution / 2).norm(dim=1) - radius).abs()
    return grid[torch.sort(torch.argsort(distance, stable=True)[:count]).values].int()


def randomise(model: torch.nn.Module, g: torch.Generator) -> None:
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=g, device=p.device)
        near_one = name.endswith("gamma") or (name.endswith("weight") and p.dim() == 1)
        inputs = p[0].numel() if p.dim() > 1 and "embedding" not in name else 1
        p.data = 1 + 0.1 * noise if near_one else noise * (inputs**-0.5 if p.dim() > 1 else 0.1)


def plant_shape(role: str, model: torch.nn.Module) -> None:
    """Biases that make random decoders give a solid shape, so that a whole job has something to finish: the occupied
    voxels are the outermost ones of the grid, 64^3 - 62^3, and cells end where they do. The arithmetic is untouched."""
    if role == "ss_dec":
        for name, p in model.named_parameters():
            if name.endswith("conv2.weight") or name.endswith("conv2.bias"):
                p.data.zero_()
        model.input_layer.weight.data.zero_()
        ups = [m for n, m in model.named_modules() if n.startswith("blocks.") and n.endswith(".conv")]
        for conv in ups:
            conv.weight.data.zero_()
            channels = conv.bias.shape[0] // 8
            spread = torch.linspace(-1, 1, channels, device=conv.bias.device)
            spread[0] = 2
            conv.bias.data = spread.repeat_interleave(8)
        norm, out = model.out_layer[0], model.out_layer[2]
        norm.weight.data.fill_(1)
        norm.bias.data.zero_()
        # The first channel of the last norm is the same everywhere: the taps inside the grid are counted.
        spread = ups[-1].bias.data.view(-1, 8)[:, 0].float()
        first = F.silu((spread[0] - spread.mean()) / torch.sqrt(spread.var(unbiased=False) + 1e-5))
        out.weight.data.zero_()
        out.weight.data[0, 0].fill_(-1)
        out.bias.data.fill_(float(22 * first))
    if role == "slat_dec_mesh":
        model.out_layer.weight.data *= 0.02
        model.out_layer.bias.data *= 0.02
        # By the corners of a cell, 0 to 3 of whose coordinates are 1: below 0 where eight cells meet, above 0 where the
        # low faces of cells end the shape. That makes three outer walls and three inner ones.
        corner = torch.tensor([1.2 - bin(i).count("1") for i in range(8)], device=model.out_layer.bias.device)
        model.out_layer.bias.data[:8] = corner


def make(folder: Path, small: bool) -> None:
    started = time.perf_counter()
    model_folder = folder / "model"
    g = torch.Generator(DEVICE).manual_seed(1)
    tokenizer = ROOT / "models" / "trellis-tiny" / "text_encoder"
    (model_folder / "ckpts").mkdir(parents=True, exist_ok=True)
    roles = {}
    for role, (name, args) in configs(small).items():
        with torch.device(DEVICE):
            model = repository.build({"name": name, "args": args})
        randomise(model, g)
        plant_shape(role, model)
        repository.save_weights(model.state_dict(), model_folder / "ckpts" / f"{role}.safetensors")
        (model_folder / "ckpts" / f"{role}.json").write_text(json.dumps({"name": name, "args": args}))
        roles[role] = f"ckpts/{role}"
        print(f"{role}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters, {time.perf_counter() - started:.1f} s")
        del model
    encoder = model_folder / "text_encoder"
    encoder.mkdir(exist_ok=True)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer / file, encoder / file)
    clip = clip_config(tokenizer, small)
    with torch.device(DEVICE):
        model = text.CLIPTextModel(**clip)
    randomise(model, g)
    repository.save_weights(model.state_dict(), encoder / "model.safetensors")
    (encoder / "config.json").write_text(json.dumps(clip))
    sampler = {"name": "FlowEulerGuidanceIntervalSampler", "args": {"sigma_min": 1e-5},
               "params": {"steps": 25, "cfg_strength": 7.5, "cfg_interval": [0.5, 1.0], "rescale_t": 3.0}}
    (model_folder / "pipeline.json").write_text(json.dumps({"name": "TrellisTextTo3DPipeline", "args": {
        "models": {"sparse_structure_decoder": roles["ss_dec"], "sparse_structure_flow_model": roles["ss_flow"],
                   "slat_decoder_gs": roles["slat_dec_gs"], "slat_decoder_mesh": roles["slat_dec_mesh"],
                   "slat_flow_model": roles["slat_flow"]},
        "sparse_structure_sampler": sampler, "slat_sampler": sampler,
        "slat_normalization": {"mean": [0.0] * 8, "std": [1.0] * 8}, "text_cond_model": "text_encoder"}}))
    r = torch.Generator().manual_seed(2)
    args = configs(small)["ss_flow"][1]
    inputs = {"cond": torch.randn(1, 77, args["cond_channels"], generator=r),
              "ss.x": torch.randn(1, 8, 16, 16, 16, generator=r)}
    for count in VOXELS(small):
        inputs[f"voxels.{count}"] = shell(count, 64)
        inputs[f"x.{count}"] = torch.randn(count, 8, generator=r)
    save_file(inputs, folder / "inputs.safetensors")
    print(f"made in {time.perf_counter() - started:.1f} s")


def VOXELS(small: bool) -> list[int]:
    return [500, 1000, 2000] if small else [5000, 10000, 20000]


if __name__ == "__main__":
    make(Path(sys.argv[1]), "small" in sys.argv[2:])
