"""One training loop for every stage: a share of wall-clock time, a schedule driven by it, EMA, and care for accidents."""
from __future__ import annotations

import contextlib
import csv
import math
import os
import time
from pathlib import Path

import torch

CPU_BF16 = os.environ.get("STARTER_CPU_BF16", "0") == "1"


def half_precision(device):
    """bfloat16 autocast on a GPU; on a CPU only where asked for (it pays with AMX, not without)."""
    kind = torch.device(device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=kind == "cuda" or CPU_BF16)


class Ema:
    """Exponential moving average of parameters and buffers of named modules, float32."""

    def __init__(self, modules: dict[str, torch.nn.Module], decay: float, state: dict | None = None):
        self.modules, self.decay, self.steps = modules, decay, 0
        self.shadow = {n: {k: v.detach().clone() for k, v in m.state_dict().items()} for n, m in modules.items()}
        if state:
            for n in self.shadow:
                for k, v in state[n].items():
                    self.shadow[n][k].copy_(v)
            self.steps = 10**6
        pairs = [(self.shadow[n][k], v) for n, m in modules.items() for k, v in m.state_dict().items()]
        self.floats = [(s, v) for s, v in pairs if v.is_floating_point()]
        self.others = [(s, v) for s, v in pairs if not v.is_floating_point()]

    @torch.no_grad()
    def update(self):
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_([s for s, _ in self.floats], [v for _, v in self.floats], 1 - decay)
        for s, v in self.others:
            s.copy_(v)


def save_atomically(value, path: Path) -> None:
    """The old file stays until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(path.suffix + ".part")
    torch.save(value, part)
    os.replace(part, path)


def schedule(fraction: float, step: int, warmup: int, flat: float = 0.45, floor: float = 0.02) -> float:
    """Warm-up by steps, then flat, then cosine to `floor` at fraction 1."""
    rise = min(1.0, (step + 1) / warmup)
    if fraction < flat:
        return rise
    fall = min(1.0, (fraction - flat) / (1 - flat))
    return rise * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * fall)))


class Curve:
    def __init__(self, path: Path, stage: str):
        self.path, self.stage = path, stage
        path.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, step: int, seconds: float, rate: float, metrics: dict[str, float]):
        fresh = not self.path.exists()
        with open(self.path, "a", newline="") as f:
            writer = csv.writer(f)
            if fresh:
                writer.writerow(["stage", "step", "seconds", "learning_rate", "metric", "value"])
            for k, v in metrics.items():
                writer.writerow([self.stage, step, f"{seconds:.1f}", f"{rate:.2e}", k, f"{v:.5g}"])


def train(name, modules, losses, *, seconds, lr, batch, state: Path, curves: Path, ema=0.999, warmup=100,
          max_steps=10**9, clip=1.0, resume=True, every=10.0, flat=0.45):
    """losses(batch) -> (loss, metrics of 0-d tensors). Trains `modules` (dict) in place; at the end they hold the EMA
    weights. The checkpoint (weights, EMA, optimiser, steps) is written to `state` every two minutes and at the end."""
    params = [p for m in modules.values() for p in m.parameters() if p.requires_grad]
    device = params[0].device
    optimiser = torch.optim.AdamW(params, lr=lr, betas=(0.9, 0.99), weight_decay=0.0, fused=device.type == "cuda")
    saved, total = None, 0
    if resume and state.exists():
        saved = torch.load(state, map_location=device, weights_only=True)
        for n, m in modules.items():
            m.load_state_dict(saved["weights"][n])
        if saved.get("optimiser"):
            optimiser.load_state_dict(saved["optimiser"])
        total = saved["steps"]
        print(f"[{name}] resumes after {total} steps", flush=True)
    average = Ema(modules, ema, saved["ema"] if saved else None)
    del saved
    curve = Curve(curves, name)
    begin = last_report = last_save = time.time()
    step, skipped, window, in_window = 0, 0, {}, 0

    def checkpoint(finished=False):
        weights = average.shadow if finished else {n: m.state_dict() for n, m in modules.items()}
        save_atomically({"weights": weights, "ema": average.shadow, "steps": total + step,
                         "optimiser": optimiser.state_dict()}, state)

    for m in modules.values():
        m.train()
    while True:
        elapsed = time.time() - begin
        if (elapsed >= seconds and step > 0) or step >= max_steps:
            break
        rate = lr * schedule(max(elapsed / seconds, step / max_steps), step, warmup, flat)
        for group in optimiser.param_groups:
            group["lr"] = rate
        try:
            optimiser.zero_grad(set_to_none=True)
            loss, metrics = losses(batch)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(params, clip)
            finite = bool(torch.isfinite(norm) & torch.isfinite(loss))
        except torch.OutOfMemoryError:
            optimiser.zero_grad(set_to_none=True)
            loss = metrics = None
            torch.cuda.empty_cache()
            if batch <= 1:
                raise
            batch //= 2
            print(f"[{name}] out of memory: batch is {batch} from here on", flush=True)
            continue
        step += 1
        if finite:
            optimiser.step()
            average.update()
            for k, v in {"loss": loss, **metrics}.items():
                window[k] = window.get(k, 0) + v.detach().float()
            in_window += 1
        else:
            skipped += 1
            if skipped > 200 and skipped > step // 2:
                raise RuntimeError(f"{name}: {skipped} of {step} steps were not finite")
        now = time.time()
        if now - last_report >= every and in_window:
            values = {k: float(v) / in_window for k, v in window.items()}
            curve(total + step, now - begin, rate, values)
            text = " ".join(f"{k} {v:.4f}" for k, v in values.items())
            memory = f" mem {torch.cuda.max_memory_allocated() / 2**30:.1f}G" if device.type == "cuda" else ""
            speed = in_window / (now - last_report)
            print(f"[{name} {now - begin:6.1f}/{seconds:.0f}s] step {total + step} {text} lr {rate:.1e} {speed:.2f} steps/s "
                  f"batch {batch} skipped {skipped}{memory}", flush=True)
            window, in_window, last_report = {}, 0, now
        if now - last_save > 120:
            checkpoint()
            last_save = time.time()
    if in_window:
        values = {k: float(v) / in_window for k, v in window.items()}
        curve(total + step, time.time() - begin, rate, values)
        print(f"[{name}] done: step {total + step} " + " ".join(f"{k} {v:.4f}" for k, v in values.items()), flush=True)
    with contextlib.suppress(Exception):
        if device.type == "cuda":
            torch.cuda.synchronize()
    checkpoint(finished=True)
    for n, m in modules.items():
        m.load_state_dict(average.shadow[n])
        m.eval()
    return total + step
