"""Trains the starter model, stage by stage or all at once. Every stage is timed, resumable and ends annealed.

usage: python train.py STAGE [STAGE ...] --minutes M [M ...] [--device cuda|cpu] [--size starter|tiny] [--out out]
stages: structure, latent, mesh, gaussian, flows, or: decoders (the first four), all
"""
from __future__ import annotations

import argparse
import os
import threading
import time
from pathlib import Path

import torch

from data import Voxels, build_decoder_set, build_flow_set
from generator.focus import WEAKEST
from loop import save_atomically, train
from objectives import FlowObjective, GaussianObjective, LatentObjective, MeshObjective, StructureObjective
from workspace import Workspace

SHARES = {"structure": 0.25, "latent": 0.12, "mesh": 0.33, "gaussian": 0.30}


def arguments(argv=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("stages", nargs="+", choices=[*SHARES, "flows", "decoders", "all"])
    p.add_argument("--minutes", type=float, required=True, help="wall-clock minutes for everything named, data included")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--size", default="starter", choices=["starter", "tiny"])
    p.add_argument("--out", type=Path, default=Path("out"))
    p.add_argument("--unpack", type=Path, default=None, help="folder of a packed run to go on from")
    p.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    p.add_argument("--compile", action=argparse.BooleanOptionalAction, default=None, help="torch.compile (default: on CUDA)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--objects", type=int, default=None, help="objects for the decoders")
    p.add_argument("--flow-objects", type=int, default=None, help="objects for the flows")
    p.add_argument("--data-batch", type=int, default=None)
    p.add_argument("--batch-structure", type=int, default=None)
    p.add_argument("--batch-latent", type=int, default=None)
    p.add_argument("--batch-decoder", type=int, default=None)
    p.add_argument("--batch-flow", type=int, default=None)
    p.add_argument("--lr-flow", type=float, default=1e-3)
    p.add_argument("--flow-flat", type=float, default=0.45, help="share of the flow minutes before the rate falls")
    p.add_argument("--flow-all-of", type=float, default=0.22, help="share of the flow minutes that data may take")
    p.add_argument("--focus", action="store_true",
                   help="the flows see more of what the evaluation found weakest: generator/focus.py, rare colours weigh more")
    p.add_argument("--fresh-optimiser", action="store_true", help="forget optimiser state (a new warm-up)")
    a = p.parse_args(argv)
    cuda = a.device.startswith("cuda")
    a.compile = cuda if a.compile is None else a.compile
    for name, gpu, cpu in (("objects", 30000, 1500), ("flow_objects", 90000, 4000), ("data_batch", 64, 2),
                           ("batch_structure", 256, 16), ("batch_latent", 131072, 8192), ("batch_decoder", 16, 1),
                           ("batch_flow", 512, 16)):
        if getattr(a, name) is None:
            setattr(a, name, gpu if cuda else cpu)
    return a


def train_decoders(a, ws: Workspace, stages: list[str], deadline: float) -> None:
    begin = time.time()
    occ, voxels = build_decoder_set(a.seed, a.objects, min(a.objects, 12000), a.workers, ws.device, a.data_batch,
                                    a.compile, 0.16 * (deadline - begin))
    share = sum(SHARES[s] for s in stages)
    for i, stage in enumerate(stages):
        left = deadline - time.time()
        seconds = max(1.0, left * SHARES[stage] / sum(SHARES[s] for s in stages[i:]) - 2)
        common = {"seconds": seconds, "state": ws.state(stage), "curves": ws.curves}
        if stage == "structure":
            m = {n: ws.make(n) for n in ("structure_encoder", "sparse_structure_decoder")}
            train(stage, m, StructureObjective(occ, *m.values()), lr=2e-3, batch=a.batch_structure, **common)
        elif stage == "latent":
            m = {"latent_encoder": ws.make("latent_encoder")}
            train(stage, m, LatentObjective(voxels, *m.values()), lr=2e-3, batch=a.batch_latent, **common)
        else:
            encoder = ws.load("latent_encoder")
            name = {"mesh": "slat_decoder_mesh", "gaussian": "slat_decoder_gs"}[stage]
            objective = MeshObjective if stage == "mesh" else GaussianObjective
            m = {name: ws.make(name)}
            train(stage, m, objective(voxels, encoder, m[name]), lr=1.5e-3, batch=a.batch_decoder, **common)


def train_flows(a, ws: Workspace, deadline: float) -> None:
    begin = time.time()
    structure, decoder = ws.load("structure_encoder"), ws.load("sparse_structure_decoder")
    latent = ws.load("latent_encoder")
    cache = ws.folder / "state" / ("flow-data-focus.pt" if a.focus else "flow-data.pt")
    if cache.exists():
        tokens, z, voxels = torch.load(cache, map_location="cpu", weights_only=False)
        tokens, z = tokens.to(ws.device), z.to(ws.device)
        voxels = Voxels(voxels.start.to(ws.device), voxels.coords.to(ws.device), tuple(v.to(ws.device) for v in voxels.values))
        print(f"[data] {len(z)} objects from the cache", flush=True)
    else:
        tokens, z, voxels = build_flow_set(a.seed + 1000, a.flow_objects, a.workers, ws.device, a.data_batch, a.compile,
                                           a.flow_all_of * (deadline - begin), structure, decoder, latent,
                                           focus=WEAKEST if a.focus else None)
        # For a later continuation; written beside the training, as it is a few gigabytes.
        on_host = (tokens.cpu(), z.cpu(), Voxels(voxels.start.cpu(), voxels.coords.cpu(), tuple(v.cpu() for v in voxels.values)))
        writer = threading.Thread(target=save_atomically, args=(on_host, cache))
        writer.start()
    m = {n: ws.make(n) for n in ("text_encoder", "sparse_structure_flow_model", "slat_flow_model")}
    if a.compile:
        compile_blocks(m)
    objective = FlowObjective(tokens, z, voxels, *m.values(), ws.tokenizer.encode(""), rare=a.focus)
    if a.fresh_optimiser and ws.has("flows"):
        saved = torch.load(ws.state("flows"), weights_only=True)
        torch.save({**saved, "optimiser": None}, ws.state("flows"))
    train("flows", m, objective, seconds=max(1.0, deadline - time.time() - 4), lr=a.lr_flow, batch=a.batch_flow,
          state=ws.state("flows"), curves=ws.curves, ema=0.9985 if ws.device.type == "cuda" else 0.995, warmup=150, flat=a.flow_flat)


def compile_blocks(modules: dict) -> None:
    """Compiles the transformer blocks (dense, alike, where the time goes); anything that fails runs uncompiled."""
    import torch._dynamo

    torch._dynamo.config.suppress_errors = True
    torch._dynamo.config.cache_size_limit = 64
    for name, model in modules.items():
        for block in getattr(model, "blocks", []):
            block.compile(dynamic=True if name == "slat_flow_model" else None)


def tame_shapes(device: str) -> None:
    """Sparse batches bring a new shape with nearly every step. cuDNN's attention compiles a plan for each of them and
    the allocator asks the driver each time: both made the first hundreds of steps ten times slower than the rest."""
    if not device.startswith("cuda"):
        return
    torch.backends.cuda.enable_cudnn_sdp(False)
    # Taken once and given back to the caching allocator, which then cuts every later block from it.
    free, _ = torch.cuda.mem_get_info()
    torch.empty(int(free * 0.7), dtype=torch.uint8, device=device)


def main(argv=None) -> None:
    a = arguments(argv)
    begin = time.time()
    torch.manual_seed(a.seed + int(begin) % 100000)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    tame_shapes(a.device)
    ws = Workspace(a.out, a.size, a.device)
    if a.unpack:
        ws.unpack(a.unpack)
    wanted = [*SHARES, "flows"] if "all" in a.stages else []
    wanted += [s for s in SHARES if "decoders" in a.stages or s in a.stages if s not in wanted]
    flows = "flows" in wanted or "flows" in a.stages
    decoders = [s for s in wanted if s in SHARES]
    end = begin + 60 * a.minutes
    if decoders:
        train_decoders(a, ws, decoders, end if not flows else begin + 0.5 * (end - begin))
    if flows:
        train_flows(a, ws, end)
    print(f"finished in {time.time() - begin:.0f}s", flush=True)


if __name__ == "__main__":
    main()
