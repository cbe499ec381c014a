"""Writes parity cases of the trained repository, in the format of the TRELLIS reference cases, from these PyTorch modules.

usage: python make_cases.py [--repository ..] [--target ../parity/cases]
Float32 on the CPU. They belong to the weights: run this again whenever the repository is exported anew. Voxel sets are
crops of a sampled object and samplings are short, so that all files together stay near 2 MB.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from networks import layers
from networks.decoders import window_pair
from networks.reference_time import timestep_features
from networks.repository import load_repository, load_text_encoder
from networks.slat_flow import SLatTables
from sampling import euler, time_points
from tokenizer import Tokenizer

LIMIT = 2_100_000
# Guided and unguided steps, whatever the pipeline's own settings; its own count would only make the files larger.
STEPS, STRENGTH, INTERVAL = 4, 1.0, [0.6, 1.0]
LATENT_VOXELS, GAUSSIAN_VOXELS, MESH_VOXELS = 72, 48, 6
PROMPTS = ["a red chair with black legs", "a tall wooden treasure chest with golden bands", "a flurbic dragon mug", ""]


def with_batch_column(coords):
    return torch.cat([coords.new_zeros(len(coords), 1), coords], 1).int()


def crop(coords, count):
    """The `count` voxels nearest to the first one: compact, and across window borders."""
    centre = coords[len(coords) // 2]
    order = torch.argsort(((coords - centre) ** 2).sum(1), stable=True)[:count]
    return coords[torch.sort(order).values]


@torch.no_grad()
def make(repository: Path, target: Path) -> int:
    torch.manual_seed(0)
    layers.timestep_features = timestep_features
    args, models = load_repository(repository)
    text = load_text_encoder(repository / args["text_cond_model"])
    tokenizer = Tokenizer(json.loads((repository / args["text_cond_model"] / "tokenizer.json").read_text()))
    target.mkdir(parents=True, exist_ok=True)

    def write(name, tensors, **meta):
        tensors = {k: (torch.as_tensor(v)).contiguous() for k, v in tensors.items()}
        save_file(tensors, target / f"{name}.safetensors", metadata={k: json.dumps(v) for k, v in meta.items()})

    ids = torch.from_numpy(tokenizer.batch(PROMPTS).astype(np.int64))
    states = text(ids)
    write("text_encoder", {"input_ids": ids.int(), "last_hidden_state": states}, prompts=PROMPTS,
          tokens=[tokenizer.fast.encode(p).tokens for p in PROMPTS])
    cond, none = states[:1], states[3:4]

    flow = models["sparse_structure_flow_model"]
    x, t, taps = torch.randn(1, 8, 8, 8, 8), torch.tensor([700.0]), {}
    out = flow(x, t, cond, taps)
    last = f"h_block{len(flow.blocks) - 1}"
    write("ss_flow", {"x": x, "t": t, "cond": cond, "t_freq": timestep_features(t), "t_emb": taps["t_emb"],
                      last: taps[last], "out": out}, t=0.7, patch_size=flow.patch_size, model_channels=flow.channels)

    def sample(model, params, noise, *extra):
        rows = {"steps": [], "x0": [], "guided": []}
        sigma = 1e-5

        def velocity(x, t, guided):
            tt = torch.tensor([1000 * t], dtype=torch.float32)
            return model(x, tt, cond, *extra), model(x, tt, none, *extra) if guided else None

        def note(x, t, v, guided):
            rows["x0"].append((1 - sigma) * x - (sigma + (1 - sigma) * t) * v)
            rows["guided"].append(int(guided))
            rows["steps"].append(x)

        final = euler(velocity, noise, params["steps"], params["cfg_strength"], params["rescale_t"], params["cfg_interval"], note)
        rows["steps"] = torch.cat([*rows["steps"][1:], final])
        rows["t_seq"] = torch.tensor(time_points(params["steps"], params["rescale_t"]), dtype=torch.float64)
        rows["guided"] = torch.tensor(rows["guided"], dtype=torch.int32)
        rows["x0"] = torch.cat(rows["x0"])
        return final, rows

    short = {"steps": STEPS, "cfg_strength": STRENGTH, "cfg_interval": INTERVAL}
    params = args["sparse_structure_sampler"]["params"] | short
    noise = torch.randn(1, 8, 8, 8, 8)
    z, rows = sample(flow, params, noise)
    logits = models["sparse_structure_decoder"](z)
    coords = (logits[0, 0] > 0).nonzero()
    write("ss_sample", {"noise": noise, "cond": cond, "neg_cond": none, **rows, "z_s": z, "logits": logits,
                        "coords": with_batch_column(coords)}, params=params, min_abs_logit=float(logits.abs().min()))
    if len(coords) < 300:
        print(f"warning: only {len(coords)} voxels sampled; a ball stands in for them")
        grid = torch.stack(torch.meshgrid(*[torch.arange(32)] * 3, indexing="ij"), -1).view(-1, 3)
        coords = grid[((grid.float() - 15.5).norm(dim=1) - 9).abs() < 0.9]

    voxels = crop(coords, LATENT_VOXELS)
    tables = SLatTables(voxels[None], torch.ones(1, len(voxels), dtype=torch.bool), 32)
    slat_flow, x, taps = models["slat_flow_model"], torch.randn(1, len(voxels), 8), {}
    out = slat_flow(x, t, cond, tables, taps)
    params = args["slat_sampler"]["params"] | short
    slat_norm, rows = sample(slat_flow, params, x, tables)
    norm = args["slat_normalization"]
    slat = slat_norm[0] * torch.tensor(norm["std"]) + torch.tensor(norm["mean"])
    rows.pop("x0"), rows.pop("guided")
    blocks = {k: v.reshape(-1, v.shape[-1]) for k, v in taps.items()}
    write("slat_flow", {"coords": with_batch_column(voxels), "x": x[0], "t": t, "cond": cond, "neg_cond": none,
                        **blocks, "coarse_coords": with_batch_column(tables.pool.coords[0]), "out": out[0], **rows,
                        "slat_norm": slat_norm[0], "slat": slat}, t=0.7, params=params, normalization=norm)

    def decoder_case(count):
        index = crop(torch.cat([voxels, torch.arange(len(voxels))[:, None]], 1), count)
        c, s = index[:, :3], slat[index[:, 3]]
        return c, s, window_pair(c[None], torch.ones(1, len(c), dtype=torch.bool))

    c, s, windows = decoder_case(GAUSSIAN_VOXELS)
    gs, taps = models["slat_decoder_gs"], {}
    h = gs(s[None], c[None], windows, taps)[0]
    raw, active = gs.split(h), gs.activate(h)
    centre = (c[:, None] + 0.5) / 32
    case = {"_xyz": (centre + active["offset"] / 32).reshape(-1, 3), "_features_dc": raw["_features_dc"].reshape(-1, 1, 3),
                 "_scaling": raw["_scaling"].reshape(-1, 3), "_rotation": raw["_rotation"].reshape(-1, 4),
                 "_opacity": raw["_opacity"].reshape(-1, 1), "get_xyz": (centre + active["offset"] / 32).reshape(-1, 3) - 0.5,
                 "get_scaling": active["scale"].reshape(-1, 3), "get_rotation": active["rotation"].reshape(-1, 4),
                 "get_opacity": active["opacity_logit"].sigmoid().reshape(-1, 1)}
    for i, w in enumerate(windows):
        case[f"win{i}"], case[f"win{i}_len"] = w.label.int(), w.lengths.int()
    write("gs_decoder", {"coords": with_batch_column(c), "slat": s, **taps, "h": h, **case,
                         "offset_perturbation": gs.offset_perturbation}, window_size=8, representation_config=gs.rep)

    c, s, windows = decoder_case(MESH_VOXELS)
    taps = {}
    feats = models["slat_decoder_mesh"](s[None], c[None], windows, None, taps)[0]
    child = torch.tensor([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
    up = (c[:, None] * 2 + child).reshape(-1, 3)
    fine = (up[:, None] * 2 + child).reshape(-1, 3)
    write("mesh_decoder", {"coords": with_batch_column(c), "slat": s, **taps, "feats": feats,
                           "up_coords": with_batch_column(up), "out_coords": with_batch_column(fine)}, grid_res=128)
    return sum(p.stat().st_size for p in target.glob("*.safetensors"))


if __name__ == "__main__":
    here = Path(__file__).resolve().parents[1]
    p = argparse.ArgumentParser()
    p.add_argument("--repository", type=Path, default=here)
    p.add_argument("--target", type=Path, default=here / "parity" / "cases")
    a = p.parse_args()
    size = make(a.repository, a.target)
    print(f"{size} bytes of cases in {a.target}")
    if size > LIMIT:
        raise SystemExit(f"the cases are larger than {LIMIT} bytes")
