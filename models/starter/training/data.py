"""Data sets: objects are drawn on all processor cores, evaluated in batches on the device, and kept there."""
from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass

import numpy as np
import torch

from loop import half_precision
from voxelise import ROWS, Evaluator, disturb, occupancy, voxelise

CAPTIONS = 6
_tokenizer = None


def draw_block(job) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(seed, first, count, focus) -> tables [n, ROWS, 23], colours [n, 16], token ids [n, CAPTIONS, 77]; runs in a worker."""
    global _tokenizer
    from generator import field, sample
    from tokenizer import Tokenizer

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    seed, first, count, focus = job
    _tokenizer = _tokenizer or Tokenizer()
    objects = [sample.draw(seed, first + i, captions=CAPTIONS, focus=focus) for i in range(count)]
    colours = np.zeros((count, 16), dtype=np.uint8)
    for i, o in enumerate(objects):
        colours[i, : len(o.colours)] = o.colours
    tokens = _tokenizer.batch([c for o in objects for c in o.record["captions"]]).reshape(count, CAPTIONS, 77)
    return field.pad_tables([o.table for o in objects], ROWS), colours, tokens


def blocks(seed: int, count: int, workers: int, focus=None, size: int = 64):
    jobs = [(seed, i, min(size, count - i), focus) for i in range(0, count, size)]
    if workers <= 1:
        yield from map(draw_block, jobs)
        return
    # "spawn": a fork after CUDA has started would break the children.
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(draw_block, jobs)


@dataclass
class Voxels:
    """Ragged voxel data: object i owns rows start[i] : start[i + 1]."""

    start: torch.Tensor
    coords: torch.Tensor
    values: tuple[torch.Tensor, ...]

    def __len__(self):
        return len(self.start) - 1

    def counts(self):
        return self.start[1:] - self.start[:-1]

    def padded(self, index: torch.Tensor, multiple: int = 64):
        """-> rows [B, N] into the flat arrays (0 where padded), mask [B, N]."""
        count = self.counts()[index]
        n = int(count.max())
        n = -(-n // multiple) * multiple
        r = torch.arange(n, device=index.device)[None]
        mask = r < count[:, None]
        return torch.where(mask, self.start[index][:, None] + r, 0), mask


def ragged(parts: list[tuple], sizes: list[torch.Tensor]) -> Voxels:
    counts = torch.cat(sizes)
    start = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    flat = [torch.cat(v) for v in zip(*parts)]
    return Voxels(start, flat[0], tuple(flat[1:]))


class Progress:
    def __init__(self, name: str, every: float = 10.0):
        self.name, self.every, self.begin = name, every, time.time()
        self.last = self.begin

    def __call__(self, text: str, force: bool = False):
        now = time.time()
        if force or now - self.last >= self.every:
            self.last = now
            print(f"[{self.name} {now - self.begin:6.1f}s] {text}", flush=True)


def batches_of_objects(seed, count, workers, device, batch, evaluate, seconds, focus=None):
    """Yields (tables, colours, tokens, voxelised) until `count` objects or the time is used up."""
    begin = time.time()
    for tables, colours, tokens in blocks(seed, count, workers, focus):
        for i in range(0, len(tables), batch):
            t = torch.from_numpy(tables[i : i + batch]).to(device, non_blocking=True)
            c = torch.from_numpy(colours[i : i + batch]).to(device, non_blocking=True)
            yield torch.from_numpy(tokens[i : i + batch]), voxelise(t, c, evaluate)
        if time.time() - begin > seconds:
            return


def build_decoder_set(seed, count, full, workers, device, batch, use_compile, seconds):
    """-> occupancy bool [n, 32, 32, 32] of all objects; Voxels (sdf, colour) of the first `full` of them."""
    say, evaluate = Progress("data"), Evaluator(use_compile)
    occ, parts, sizes, n, kept = [], [], [], 0, 0
    for tokens, (oi, coords, sdf, ids, active) in batches_of_objects(seed, count, workers, device, batch, evaluate, seconds):
        b = len(tokens)
        occ.append(occupancy(b, oi[active], coords[active]))
        if kept < full:
            keep = disturb(oi, active, b)
            parts.append((coords[keep], sdf[keep], ids[keep]))
            sizes.append(torch.bincount(oi[keep], minlength=b))
            kept += b
        n += b
        say(f"{n} objects, {int(active.sum()) / b:.0f} voxels each")
    voxels = ragged(parts, sizes)
    say(f"{n} objects, {len(voxels)} with samples, {len(voxels.coords)} voxels", force=True)
    return torch.cat(occ), voxels


def rarity(oi, sdf, ids, b: int, most: float = 4.0):
    """Weight of each voxel [V], 1 in the mean of an object: the fewer voxels of the object have its colour, the more it
    counts, as one over the square root of their share. Beaks, gems and handles are a hundredth of an object; without
    this they are a hundredth of what the flow learns."""
    colour = torch.gather(ids, 1, sdf.float().abs().argmin(1, keepdim=True))[:, 0].long()
    kinds = int(ids.max()) + 1 if len(ids) else 1
    same = torch.bincount(oi * kinds + colour, minlength=b * kinds)[oi * kinds + colour].float()
    count = torch.bincount(oi, minlength=b)
    weight = (count[oi] / same).sqrt().clamp(max=most)
    mean = torch.zeros(b, device=oi.device).index_add_(0, oi, weight) / count.clamp(min=1)
    return weight / mean[oi]


@torch.no_grad()
def build_flow_set(seed, count, workers, device, batch, use_compile, seconds, structure, decoder, latent, decoded=0.5,
                   focus=None):
    """Latents for the flows. structure/decoder: occupancy autoencoder; latent: voxel encoder. For the share `decoded`
    of the objects the voxels are what the decoder makes of a slightly noisy latent, as at generation time.
    -> tokens int16 [n, K, 77], z half [n, 8, 8, 8, 8], Voxels (latents half [V, 8], rarity half [V])"""
    say, evaluate = Progress("data"), Evaluator(use_compile)
    tokens_all, z_all, parts, sizes, n = [], [], [], [], 0
    for tokens, (oi, coords, sdf, ids, active) in batches_of_objects(seed, count, workers, device, batch, evaluate, seconds,
                                                                           focus):
        b = len(tokens)
        with half_precision(device):
            z = structure(occupancy(b, oi[active], coords[active])).float()
            level = torch.rand(b, 1, 1, 1, 1, device=z.device) * 0.35
            logits = decoder(z + level * torch.randn_like(z)).float()[:, 0]
        c = coords.long()
        seen = logits[oi, c[:, 0], c[:, 1], c[:, 2]] > 0
        # An object that decoded to almost nothing would teach the flow nothing.
        use = (torch.rand(b, device=z.device) < decoded) & (torch.bincount(oi[seen], minlength=b) > 60)
        keep = torch.where(use[oi], seen, active)
        parts.append((coords[keep], latent(sdf[keep], ids[keep]).half(), rarity(oi[keep], sdf[keep], ids[keep], b).half()))
        sizes.append(torch.bincount(oi[keep], minlength=b))
        tokens_all.append(tokens.to(device))
        z_all.append(z.half())
        n += b
        say(f"{n} objects")
    voxels = ragged(parts, sizes)
    say(f"{n} objects, {len(voxels.coords)} voxels", force=True)
    return torch.cat(tokens_all), torch.cat(z_all), voxels


def bucketed(voxels: Voxels, batch: int, limit: int = 7000, typical: int = 2500):
    """Endless index batches of objects of similar voxel count, so that padding is small; large objects come in smaller
    batches, so that none has more than batch * typical voxels."""
    counts = voxels.counts()
    usable = ((counts > 20) & (counts <= limit)).nonzero().squeeze(1)
    while True:
        order = usable[torch.randperm(len(usable), device=usable.device)]
        for part in order.split(batch * 12):
            part = part[torch.argsort(counts[part])]
            n, groups, at = counts[part].tolist(), [], 0
            while at < len(n):
                size = min(batch, len(n) - at)
                if n[at + size - 1] * size > batch * typical:
                    size = max(1, min(size, batch * typical // n[at + size - 1]))
                groups.append(part[at : at + size])
                at += size
            for g in torch.randperm(len(groups)).tolist():
                if len(groups[g]) >= max(1, batch // 3) or len(groups) == 1:
                    yield groups[g]
