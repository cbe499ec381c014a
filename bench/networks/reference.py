"""The PyTorch side of the comparison: models/starter/training/networks on the same weights and inputs.

    python reference.py make FOLDER NAME      config on stdin -> FOLDER/NAME.json, .safetensors, .case.safetensors
    python reference.py serve FOLDER NAME N   answers lines on stdin: `run` with the seconds it took, `peak` with memory
"""
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "models" / "starter" / "training"))
from networks import decoders, repository, slat_flow  # noqa: E402


def resident_megabytes(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def shell(count: int, resolution: int) -> torch.Tensor:
    """The `count` voxels nearest to a sphere's surface, in row-major order."""
    axis = torch.arange(resolution)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    distance = ((grid.float() + 0.5 - resolution / 2).norm(dim=1) - 0.4 * resolution).abs()
    chosen = torch.sort(torch.argsort(distance, stable=True)[:count]).values
    return grid[chosen]


def is_text(config: dict) -> bool:
    return config["name"] == "CLIPTextModel"


def make_inputs(config: dict, voxels: int, latent: int, g: torch.Generator) -> dict:
    args, name = config["args"], config["name"]
    if is_text(config):
        return {"ids": torch.randint(0, args["vocab_size"], (1, args["max_position_embeddings"]), generator=g, dtype=torch.int32)}
    if name == "SparseStructureDecoder":
        return {"z": torch.randn(1, args["latent_channels"], latent, latent, latent, generator=g)}
    inputs = {"t": torch.tensor([700.0]), "cond": torch.randn(1, 77, args.get("cond_channels", 1), generator=g)}
    if name == "SparseStructureFlowModel":
        return inputs | {"x": torch.randn(1, args["in_channels"], *[args["resolution"]] * 3, generator=g)}
    coords = shell(voxels, args["resolution"]).int()
    channels = args.get("in_channels") or args["latent_channels"]
    return inputs | {"voxels": coords, "x": torch.randn(coords.shape[0], channels, generator=g)}


def forward(config: dict, model: torch.nn.Module, inputs: dict, state: dict) -> torch.Tensor:
    """Index tables of the flow model belong to a job, not to a step: they are made once. Decoders run once a job."""
    name = config["name"]
    if is_text(config):
        return model(inputs["ids"].long())
    if name == "SparseStructureDecoder":
        return model(inputs["z"])
    if name == "SparseStructureFlowModel":
        return model(inputs["x"], inputs["t"], inputs["cond"])
    coords = inputs["voxels"].long()[None]
    mask = torch.ones(coords.shape[:2], dtype=torch.bool)
    if name == "SLatFlowModel":
        if "tables" not in state:
            state["tables"] = slat_flow.SLatTables(coords, mask, config["args"]["resolution"])
        return model(inputs["x"][None], inputs["t"], inputs["cond"], state["tables"])
    return model(inputs["x"][None], coords, decoders.window_pair(coords, mask))


def build(config: dict) -> torch.nn.Module:
    from networks import text

    return text.CLIPTextModel(**config["args"]) if is_text(config) else repository.build(config)


def randomise(model: torch.nn.Module, g: torch.Generator) -> None:
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=g)
        near_one = name.endswith("gamma") or (name.endswith("weight") and p.dim() == 1)
        embedding = "embedding" in name
        inputs = p[0].numel() if p.dim() > 1 and not embedding else 1
        p.data = 1 + 0.1 * noise if near_one else noise * (inputs**-0.5 if p.dim() > 1 else 0.1)


@torch.inference_mode()
def make(folder: Path, name: str) -> None:
    request = json.load(sys.stdin)
    config = {"name": request["network"], "args": request["args"]}
    g = torch.Generator().manual_seed(1)
    model = build(config).eval()
    randomise(model, g)
    repository.save_weights(model.state_dict(), folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(config["args"] if is_text(config) else config))
    (folder / f"{name}.request.json").write_text(json.dumps(request))
    # The expected output comes from the weights as they are stored.
    model.load_state_dict({k: v.float() for k, v in load_file(folder / f"{name}.safetensors").items()})
    inputs = make_inputs(config, request.get("voxels", 0), request["latent"], g)
    out = forward(config, model, inputs, {})
    save_file({**inputs, "expected": out.contiguous()}, folder / f"{name}.case.safetensors")


@torch.inference_mode()
def serve(folder: Path, name: str, threads: int) -> None:
    torch.set_num_threads(threads)
    baseline = resident_megabytes("VmRSS")
    request = json.loads((folder / f"{name}.request.json").read_text())
    config = {"name": request["network"], "args": request["args"]}
    inputs = load_file(folder / f"{name}.case.safetensors")
    del inputs["expected"]
    started = time.perf_counter()
    model = build(config).eval()
    # Tensor by tensor into place, so that the file and the model are never both in memory.
    from safetensors import safe_open

    with safe_open(folder / f"{name}.safetensors", framework="pt") as file:
        state = dict(model.named_parameters()) | dict(model.named_buffers())
        for key in file.keys():
            state[key].data.copy_(file.get_tensor(key))
    answer({"opened": time.perf_counter() - started, "baseline": baseline, "torch": torch.__version__})
    kept: dict = {}
    for line in sys.stdin:
        if line.strip() == "run":
            cpu, started = time.process_time(), time.perf_counter()
            forward(config, model, inputs, kept)
            answer({"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu})
        else:
            answer({"peak": resident_megabytes("VmHWM")})


def answer(value: dict) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    verb, where, what, *rest = sys.argv[1:]
    if verb == "make":
        make(Path(where), what)
    else:
        serve(Path(where), what, int(rest[0]))
