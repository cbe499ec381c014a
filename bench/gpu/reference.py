"""The PyTorch side on the GPU: the networks that make_xl.py makes, in eager PyTorch with scaled_dot_product_attention in
float16.

    python reference.py time FOLDER OUT.json   times and memory, and how far FOLDER/ours/*.safetensors lie from it
    python reference.py rates OUT.json         what the machine's matrix units and memory do at best

The flow models are written from TRELLIS' architecture: torso in float16, norms of queries and keys in float32, layer
norms on float16 tensors (PyTorch's kernel computes in float32 inside, which is faster than TRELLIS' own casts).
"""
import json
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "starter" / "training"))
from networks import decoders, repository, slat_flow  # noqa: E402
from networks.layers import position_embedding, timestep_features  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
HALF = torch.float16 if DEVICE == "cuda" else torch.float32


# --- the flow models, eager ---


class Weights:
    def __init__(self, path: Path, dtype: torch.dtype):
        self.raw, self.dtype, self.made = load_file(path, device=DEVICE), dtype, {}

    def __call__(self, key: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        want = dtype or self.dtype
        if (key, want) not in self.made:
            self.made[key, want] = self.raw[key].to(want)
        return self.made[key, want]

    def linear(self, x: torch.Tensor, key: str) -> torch.Tensor:
        return F.linear(x, self(f"{key}.weight", x.dtype), self(f"{key}.bias", x.dtype))


def rms(x, gamma):
    return (F.normalize(x.float(), dim=-1) * gamma * gamma.shape[-1] ** 0.5).to(x.dtype)


def sdpa(q, k, v):
    return F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2)


def block(w: Weights, key: str, x, mod, cond, heads: int):
    c = x.shape[-1]
    b, n, d = x.shape[0], x.shape[1], c // heads
    shift1, scale1, gate1, shift2, scale2, gate2 = w.linear(F.silu(mod), f"{key}.adaLN_modulation.1").unsqueeze(1).chunk(6, -1)
    h = F.layer_norm(x, (c,), eps=1e-6) * (1 + scale1) + shift1
    q, k, v = w.linear(h, f"{key}.self_attn.to_qkv").view(b, n, 3, heads, d).unbind(2)
    q = rms(q, w(f"{key}.self_attn.q_rms_norm.gamma", torch.float32))
    k = rms(k, w(f"{key}.self_attn.k_rms_norm.gamma", torch.float32))
    x = x + w.linear(sdpa(q, k, v).reshape(b, n, c), f"{key}.self_attn.to_out") * gate1
    h = F.layer_norm(x, (c,), w(f"{key}.norm2.weight"), w(f"{key}.norm2.bias"), 1e-6)
    q = w.linear(h, f"{key}.cross_attn.to_q").view(b, n, heads, d)
    k, v = w.linear(cond, f"{key}.cross_attn.to_kv").view(b, -1, 2, heads, d).unbind(2)
    x = x + w.linear(sdpa(q, k, v).reshape(b, n, c), f"{key}.cross_attn.to_out")
    h = F.layer_norm(x, (c,), eps=1e-6) * (1 + scale2) + shift2
    h = w.linear(F.gelu(w.linear(h, f"{key}.mlp.mlp.0"), approximate="tanh"), f"{key}.mlp.mlp.2")
    return x + h * gate2


def time_embedding(w: Weights, t: torch.Tensor) -> torch.Tensor:
    return w.linear(F.silu(w.linear(timestep_features(t), "t_embedder.mlp.0")), "t_embedder.mlp.2").to(w.dtype)


def structure_flow(w: Weights, args: dict, x, t, cond):
    c = args["model_channels"]
    h = w.linear(x.flatten(2).transpose(1, 2), "input_layer") + w("pos_emb", torch.float32)
    h, mod, cond = h.to(w.dtype), time_embedding(w, t), cond.to(w.dtype)
    for i in range(args["num_blocks"]):
        h = block(w, f"blocks.{i}", h, mod, cond, args["num_heads"])
    out = w.linear(F.layer_norm(h.float(), (c,), eps=1e-5), "out_layer")
    return out.transpose(1, 2).reshape(x.shape)


def conv(w: Weights, key: str, x, table):
    padded = torch.cat([x, x.new_zeros(1, x.shape[1])])
    weight = w(f"{key}.conv.weight", x.dtype).flatten(1)
    return F.linear(padded[table].flatten(1), weight, w(f"{key}.conv.bias", x.dtype))


def res_block(w: Weights, key: str, x, mod, table, outputs: int):
    c = x.shape[1]
    h = F.silu(F.layer_norm(x, (c,), w(f"{key}.norm1.weight"), w(f"{key}.norm1.bias"), 1e-6))
    h = conv(w, f"{key}.conv1", h, table)
    scale, shift = w.linear(F.silu(mod), f"{key}.emb_layers.1").chunk(2, -1)
    h = conv(w, f"{key}.conv2", F.silu(F.layer_norm(h, (outputs,), eps=1e-6) * (1 + scale) + shift), table)
    return h + (x if c == outputs else w.linear(x, f"{key}.skip_connection"))


def latent_flow(w: Weights, args: dict, x, t, cond, tables):
    c, (io,) = args["model_channels"], args["io_block_channels"]
    levels = args["num_io_res_blocks"]
    mod, cond = time_embedding(w, t), cond.to(w.dtype)
    h, skips = w.linear(x, "input_layer").to(w.dtype), []
    for i in range(levels):
        last = i == levels - 1
        if last:
            h = tables.pool.down(h)
        h = res_block(w, f"input_blocks.{i}", h, mod, tables.coarse if last else tables.fine, c if last else io)
        skips.append(h)
    h = (h.float() + position_embedding(tables.pool.coords[0], c)).to(w.dtype)[None]
    for i in range(args["num_blocks"]):
        h = block(w, f"blocks.{i}", h, mod, cond, args["num_heads"])
    h = h[0]
    for i in range(levels):
        h = torch.cat([h, skips.pop()], -1)
        if i == 0:
            h = tables.pool.up(h)
        h = res_block(w, f"out_blocks.{i}", h, mod, tables.fine, io)
    return w.linear(F.layer_norm(h.float(), (io,), eps=1e-5), "out_layer")


# --- measuring ---


def sync() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def timed(run, repeats: int = 20, warm: int = 3) -> dict:
    """Milliseconds per call, host clock with the device waited for; peak of the allocator in MB."""
    for _ in range(warm):
        out = run()
    sync()
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
    samples = []
    for _ in range(repeats):
        started = time.perf_counter()
        out = run()
        sync()
        samples.append((time.perf_counter() - started) * 1e3)
    peak = torch.cuda.max_memory_allocated() / 2**20 if DEVICE == "cuda" else 0
    return {"ms": statistics.median(samples), "least": min(samples), "most": max(samples), "peak_mb": peak, "out": out}


def block_operations(n: int, args: dict) -> float:
    c, cond, text_tokens = args["model_channels"], args["cond_channels"], 77
    linear = (4 + 2 + 2 * args["mlp_ratio"]) * c * c * n + 2 * cond * c * text_tokens + 6 * c * c
    attention = 2 * n * n * c + 2 * n * text_tokens * c
    return 2.0 * (linear + attention)


def operations(which: str, args: dict, n: int, coarse: int) -> float:
    """Multiplications and additions of one evaluation, convolutions over all 27 taps."""
    if which == "ss_flow":
        return args["num_blocks"] * block_operations(n, args)
    (io,), c, levels = args["io_block_channels"], args["model_channels"], args["num_io_res_blocks"]
    total = args["num_blocks"] * block_operations(coarse, args)
    for i in range(levels):
        last = i == levels - 1
        rows, outputs = (coarse, c) if last else (n, io)
        total += 2.0 * rows * 27 * outputs * (io + outputs)
        total += 2.0 * n * 27 * io * ((2 * c if i == 0 else 2 * io) + io)
    return total


def difference(folder: Path, name: str, out: torch.Tensor) -> dict:
    """Of our result from `out`, each as a share of the root mean square of `out`."""
    path = folder / "ours" / f"{name}.safetensors"
    if not path.exists():
        return {}
    with safe_open(path, "pt") as file:
        ours = file.get_tensor("out").double().flatten()
    return apart(ours, out)


def apart(a: torch.Tensor, b: torch.Tensor) -> dict:
    a, b = a.double().cpu().flatten(), b.double().cpu().flatten()
    size = b.square().mean().sqrt()
    return {"rms": float((a - b).square().mean().sqrt() / size), "max": float((a - b).abs().max() / size)}


@torch.inference_mode()
def time_all(folder: Path, out_path: Path) -> None:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    inputs = {k: v.to(DEVICE) for k, v in load_file(folder / "inputs.safetensors").items()}
    ckpts, t = folder / "model" / "ckpts", torch.tensor([700.0], device=DEVICE)
    rows: dict = {"torch": torch.__version__, "device": torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu"}
    counts = sorted(int(k.split(".")[1]) for k in inputs if k.startswith("voxels."))

    def note(name: str, half: dict, full: torch.Tensor | None, **more) -> None:
        out = half.pop("out")
        row = {**half, **more, "ours_from_torch_half": difference(folder, name, out)}
        if full is not None:
            row |= {"torch_half_from_float32": apart(out, full), "ours_from_float32": difference(folder, name, full),
                    "ours32_from_float32": difference(folder, f"{name}.float32", full)}
        rows[name] = row
        out_path.write_text(json.dumps(rows, indent=1))
        print(name, json.dumps(row), flush=True)

    def flows(role: str, cases) -> None:
        args = json.loads((ckpts / f"{role}.json").read_text())["args"]
        results = {}
        for dtype in (HALF, torch.float32):
            w = Weights(ckpts / f"{role}.safetensors", dtype)
            for name, run, n, coarse in cases(args):
                if dtype == HALF and name not in results:
                    results[name] = timed(lambda: run(w)) | {"tokens": coarse, "operations": operations(role, args, n, coarse)}
                    # Kept off the device, out of the next figures' way.
                    results[name]["out"] = results[name]["out"].float().cpu()
                    print(name, results[name]["ms"], flush=True)
                else:
                    half = results[name]
                    more = {k: half.pop(k) for k in ("tokens", "operations")}
                    note(name, half, run(w).float().cpu(), **more)
                if dtype == torch.float32 and HALF == torch.float32:
                    continue
            del w
            if DEVICE == "cuda":
                torch.cuda.empty_cache()
        if HALF == torch.float32:
            for name, half in results.items():
                if name not in rows:
                    note(name, half, None)

    def structure_cases(args):
        x, cond = inputs["ss.x"], inputs["cond"]
        yield "ss_flow", lambda w: structure_flow(w, args, x, t, cond), 4096, 4096
        # Both velocities of a guided step as one batch, which TRELLIS itself evaluates one behind the other.
        both = lambda v: v.repeat(2, *[1] * (v.dim() - 1))  # noqa: E731
        yield "ss_flow.guided", lambda w: structure_flow(w, args, both(x), both(t), both(cond)), 4096, 4096

    def latent_cases(args):
        for count in counts:
            coords = inputs[f"voxels.{count}"].long()[None]
            tables = slat_flow.SLatTables(coords, torch.ones(1, count, dtype=torch.bool, device=DEVICE), args["resolution"])
            tables.fine, tables.coarse = tables.fine.long(), tables.coarse.long()
            x = inputs[f"x.{count}"]
            yield (f"slat_flow.{count}", lambda w, x=x, tables=tables: latent_flow(w, args, x, t, inputs["cond"], tables),
                   count, int(tables.coarse.shape[0]))

    attempt(lambda: flows("ss_flow", structure_cases))
    attempt(lambda: flows("slat_flow", latent_cases))
    attempt(lambda: decoder_rows(ckpts, inputs, counts[-1], note))


def decoder_rows(ckpts: Path, inputs: dict, count: int, note) -> None:
    """Our own training networks under autocast: their index tables are part of a run, as they are of ours."""
    cast = lambda: torch.autocast(DEVICE, torch.float16, enabled=DEVICE == "cuda")  # noqa: E731
    voxels, slat = inputs[f"voxels.{count}"].long()[None], inputs[f"x.{count}"][None]
    mask = torch.ones(1, count, dtype=torch.bool, device=DEVICE)
    for role in ("ss_dec", "slat_dec_mesh", "slat_dec_gs"):
        with torch.device(DEVICE):
            model = repository.build(json.loads((ckpts / f"{role}.json").read_text())).eval()
        model.load_state_dict({k: v.float() for k, v in load_file(ckpts / f"{role}.safetensors", device=DEVICE).items()})

        def run(model=model, role=role):
            if role == "ss_dec":
                return model(inputs["ss.x"])
            return model(slat, voxels, decoders.window_pair(voxels, mask))[0]

        with cast():
            half = timed(run, 5, 2)
        half["out"] = half["out"].float().cpu()
        note(role, half, run().float().cpu())
        del model
        if DEVICE == "cuda":
            torch.cuda.empty_cache()


def attempt(step) -> None:
    try:
        step()
    except Exception as error:  # the others still count
        print(f"FAILED: {type(error).__name__}: {error}", flush=True)


@torch.inference_mode()
def rates(out_path: Path) -> None:
    """Products of matrices as the networks have them and at their best, attention, and a copy."""
    rows = {}
    shapes = [(8192, 8192, 8192), (20000, 27 * 256, 256)]
    # Of one evaluation of the structure flow, and of both that a guided step takes.
    shapes += [(rows, *layer) for rows in (4096, 8192) for layer in ((1280, 3840), (1280, 1280), (1280, 5120), (5120, 1280))]
    for m, k, n in shapes if DEVICE == "cuda" else [(512, 512, 512)]:
        a, b = torch.randn(m, k, device=DEVICE, dtype=HALF), torch.randn(n, k, device=DEVICE, dtype=HALF)
        many = 10

        def run():
            for _ in range(many):
                out = F.linear(a, b)
            return out

        rows[f"matmul {m}x{k}x{n}"] = {"tflops": 2e-9 * m * k * n * many / timed(run, 20)["ms"]}
    for batch, n in ((1, 4096), (2, 4096), (1, 6000)) if DEVICE == "cuda" else ((1, 256),):
        q = torch.randn(batch, n, 16, 80, device=DEVICE, dtype=HALF)

        def attend():
            for _ in range(10):
                out = sdpa(q, q, q)
            return out

        name = f"sdpa {n} tokens 16x80" if batch == 1 else f"sdpa {batch} x {n} tokens 16x80"
        rows[name] = {"tflops": 4e-9 * batch * n * n * 1280 * 10 / timed(attend, 20)["ms"]}
    source = torch.randn(2**28 if DEVICE == "cuda" else 2**20, device=DEVICE)
    target = torch.empty_like(source)
    rows["copy"] = {"gb_per_s": 2e-6 * source.numel() * 4 / timed(lambda: target.copy_(source), 20)["ms"]}
    out_path.write_text(json.dumps(rows, indent=1))
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "time":
        time_all(Path(rest[0]), Path(rest[1]))
    else:
        rates(Path(rest[0]))
