"""The training objectives of each stage. Every class is called with a batch size and returns (loss, metrics)."""
from __future__ import annotations

import torch
import torch.nn.functional as F

from data import Voxels, bucketed
from generator.palette import RGB
from loop import half_precision
from networks.decoders import window_pair
from networks.slat_flow import SLatTables
from voxelise import CELL, RES


class StructureObjective:
    """Occupancy autoencoder: binary cross entropy + Dice, latent noise instead of KL."""

    def __init__(self, occ, encoder, decoder, noise=0.2):
        self.occ, self.encoder, self.decoder, self.noise = occ, encoder, decoder, noise

    def __call__(self, batch):
        occ = self.occ[torch.randint(len(self.occ), (batch,), device=self.occ.device)]
        with half_precision(occ.device):
            z = self.encoder(occ)
            level = torch.rand(batch, 1, 1, 1, 1, device=z.device) * 2 * self.noise
            logits = self.decoder(z + level * torch.randn_like(z))[:, 0].float()
        target = occ.float()
        # In doubt a voxel too many is better than a hole.
        bce = F.binary_cross_entropy_with_logits(logits, target, pos_weight=torch.tensor(1.5, device=z.device))
        p = torch.sigmoid(logits)
        dims = (1, 2, 3)
        dice = 1 - ((2 * (p * target).sum(dims) + 1) / (p.sum(dims) + target.sum(dims) + 1)).mean()
        with torch.no_grad():
            hard = logits > 0
            iou = ((hard & occ).sum(dims).float() / (hard | occ).sum(dims).clamp(min=1)).mean()
        return bce * 4 + dice, {"bce": bce, "dice": dice, "iou": iou}


class LatentObjective:
    """Per-voxel autoencoder; the batch counts voxels."""

    def __init__(self, voxels: Voxels, model, noise=0.2):
        self.voxels, self.model, self.noise = voxels, model, noise

    def __call__(self, batch):
        rows = torch.randint(len(self.voxels.coords), (batch,), device=self.voxels.coords.device)
        sdf, ids = (v[rows] for v in self.voxels.values)
        with half_precision(rows.device):
            return self.model.loss(sdf, ids, self.noise)


# Index of the corner samples of a voxel's 4^3 cells among its 5^3 samples; cells in the order of two subdivisions
# (child of child, z fastest), corners x fastest as FlexiCubes has them.
def _corner_samples():
    rows = []
    for first in range(8):
        for second in range(8):
            cell = [2 * (first >> s & 1) + (second >> s & 1) for s in (2, 1, 0)]
            rows.append([((cell[0] + (c & 1)) * 5 + cell[1] + (c >> 1 & 1)) * 5 + cell[2] + (c >> 2) for c in range(8)])
    return torch.tensor(rows)


def sample_normals(sdf: torch.Tensor) -> torch.Tensor:
    """sdf [V, 125] -> unit gradients [V, 125, 3]."""
    d = sdf.float().view(-1, 5, 5, 5)
    g = torch.stack(torch.gradient(d, dim=(1, 2, 3)), -1).view(-1, 125, 3)
    return F.normalize(g, dim=-1, eps=1e-4)


class DecoderInput:
    """Batches for both decoders: rows, padded latents with some noise, coordinates, windows."""

    def __init__(self, voxels: Voxels, encoder, noise):
        self.voxels, self.encoder, self.noise = voxels, encoder, noise
        self.batches, self.batch = None, None

    def draw(self, batch):
        if batch != self.batch:
            self.batches, self.batch = bucketed(self.voxels, batch), batch
        rows, mask = self.voxels.padded(next(self.batches), 256 if self.voxels.coords.is_cuda else 64)
        sdf, ids = (v[rows[mask]] for v in self.voxels.values)
        with torch.no_grad():
            z = self.encoder(sdf, ids)
        level = torch.zeros(mask.shape, device=z.device) + torch.rand(len(mask), 1, device=z.device) * self.noise
        z = z + level[mask][:, None] * torch.randn_like(z)
        slat = torch.zeros(*mask.shape, 8, device=z.device)
        slat[mask] = z
        coords = torch.where(mask[..., None], self.voxels.coords[rows], 0)
        return sdf, ids, slat, coords, mask


class MeshObjective:
    """Corner distances, colours and normals of the cells around the surface."""

    def __init__(self, voxels, encoder, decoder, noise=0.25, most_cells=300_000):
        self.input, self.decoder, self.most_cells = DecoderInput(voxels, encoder, noise), decoder, most_cells
        self.corners = _corner_samples().to(voxels.coords.device)
        self.palette = torch.from_numpy(RGB).to(voxels.coords.device)

    def __call__(self, batch):
        sdf, ids, slat, coords, mask = self.input.draw(batch)
        with half_precision(slat.device):
            feats = self.decoder(slat, coords, window_pair(coords, mask), mask)
        feats = feats.view(*mask.shape, 64, 101)[mask].float()
        target = (sdf.float()[:, self.corners] / 3).clamp(-1, 1)
        # FlexiCubes adds -1/res (one fine cell) to what the network says.
        gap = (feats[..., :8] - CELL - target).abs()
        near = target.abs() < 0.5
        shape = (gap * torch.where(near, 4.0, 1.0)).mean()
        voxel, cell = near.any(-1).nonzero(as_tuple=True)
        if len(voxel) > self.most_cells:
            some = torch.randint(len(voxel), (self.most_cells,), device=voxel.device)
            voxel, cell = voxel[some], cell[some]
        at = self.corners[cell]
        rgb = self.palette[torch.gather(ids[voxel], 1, at).long()]
        normals = torch.gather(sample_normals(sdf)[voxel], 1, at[..., None].expand(-1, -1, 3)) * 0.5 + 0.5
        said = torch.sigmoid(feats[voxel, cell][:, 53:].view(-1, 8, 6))
        colour = (said[..., :3] - rgb).abs().mean()
        normal = (said[..., 3:] - normals).abs().mean()
        with torch.no_grad():
            wrong = ((feats[..., :8] - CELL < 0) != (target < 0))[near].float().mean()
            cells = (gap[near] * 3).mean()
        return shape + 3 * colour + 0.7 * normal, {"sdf_cells": cells, "sign": wrong, "colour": colour, "normal": normal}


class GaussianObjective:
    """Each Gaussian's start point is projected onto the surface and becomes a thin disc there."""

    def __init__(self, voxels, encoder, decoder, noise=0.25, tangential=0.3, thin=0.07):
        self.input, self.decoder = DecoderInput(voxels, encoder, noise), decoder
        dev = voxels.coords.device
        self.palette = torch.from_numpy(RGB).to(dev)
        self.scale = torch.tensor([tangential, tangential, thin], device=dev) / RES
        start = torch.tanh(decoder.offset_perturbation.float()).to(dev) * 0.5 * decoder.rep["voxel_size"]
        self.start, self.reach = start, 0.5 * decoder.rep["voxel_size"] * 0.98
        inside = start.clamp(-0.499, 0.499)
        u = (inside + 0.5) * 4
        low, frac = u.floor().long(), u - u.floor()
        weights = torch.zeros(len(start), 125, device=dev)
        for c in range(8):
            o = torch.tensor([c >> 2 & 1, c >> 1 & 1, c & 1], device=dev)
            w = torch.where(o.bool(), frac, 1 - frac).prod(-1)
            i = low + o
            weights[torch.arange(len(start), device=dev), (i[:, 0] * 5 + i[:, 1]) * 5 + i[:, 2]] += w
        self.weights, self.beyond = weights, start - inside

    def targets(self, sdf, ids):
        """-> offset [V, G, 3] (voxels from the centre), rgb, quaternion (w, x, y, z), present [V, G, 1]."""
        d = sdf.float() @ self.weights.t() / 4
        n = F.normalize(torch.einsum("gk,vkc->vgc", self.weights, sample_normals(sdf)), dim=-1, eps=1e-4)
        d = d + (n * self.beyond).sum(-1)
        offset = self.start - d[..., None] * n
        present = (offset.abs().amax(-1, keepdim=True) < self.reach) & (d.abs() < 0.95)[..., None]
        offset = offset.clamp(-self.reach, self.reach)
        k = ((offset + 0.5) * 4).round().clamp(0, 4).long()
        rgb = self.palette[torch.gather(ids, 1, (k[..., 0] * 5 + k[..., 1]) * 5 + k[..., 2]).long()]
        # A disc looks the same from both sides: flip those that face down, away from the pole of the shortest arc.
        m = torch.where(n[..., 2:] < -0.7, -n, n)
        q = F.normalize(torch.stack([1 + m[..., 2], -m[..., 1], m[..., 0], torch.zeros_like(d)], -1), dim=-1)
        return offset, rgb, q, present

    def __call__(self, batch):
        sdf, ids, slat, coords, mask = self.input.draw(batch)
        with half_precision(slat.device):
            raw = self.decoder(slat, coords, window_pair(coords, mask))
        got = {k: v[mask] for k, v in self.decoder.activate(raw).items()}
        offset, rgb, q, present = self.targets(sdf, ids)
        w = present.float()
        total = w.sum().clamp(min=1)
        mean = lambda v: (v * w).sum() / total
        place = mean((got["offset"] - offset).abs().mean(-1, keepdim=True))
        colour = mean((got["colour"] - rgb).abs().mean(-1, keepdim=True))
        turn = mean(1 - (got["rotation"] * q).sum(-1, keepdim=True) ** 2)
        size = mean((got["scale"] / self.scale).log().abs().mean(-1, keepdim=True))
        opacity = F.binary_cross_entropy_with_logits(got["opacity_logit"], w)
        loss = 4 * place + 3 * colour + turn + 0.3 * size + 0.3 * opacity
        return loss, {"place": place, "colour": colour, "turn": turn, "size": size, "opacity": opacity}


class FlowObjective:
    """Conditional flow matching of both flows with the shared text encoder."""

    def __init__(self, tokens, z, voxels: Voxels, text, structure_flow, slat_flow, empty, slat_share=0.375, drop=0.1,
                 sigma_min=1e-5, rare=False):
        """rare: voxels of the object's rarer colours count for more (`data.rarity`)."""
        self.tokens, self.z, self.voxels, self.text = tokens, z, voxels, text
        self.structure_flow, self.slat_flow = structure_flow, slat_flow
        self.empty = torch.tensor(empty, dtype=torch.long, device=z.device)
        self.share, self.drop, self.sigma_min = slat_share, drop, sigma_min
        self.rare = rare
        self.batches, self.batch = None, None

    def condition(self, index):
        choice = torch.randint(self.tokens.shape[1], (len(index),), device=index.device)
        ids = self.tokens[index, choice].long()
        dropped = torch.rand(len(index), 1, device=index.device) < self.drop
        return self.text(torch.where(dropped, self.empty, ids))

    def noisy(self, x):
        shape = (len(x), *[1] * (x.dim() - 1))
        t = torch.sigmoid(torch.randn(len(x), device=x.device) + 1)
        eps = torch.randn_like(x)
        tt, s = t.view(shape), self.sigma_min
        return (1 - tt) * x + (s + (1 - s) * tt) * eps, (1 - s) * eps - x, 1000 * t

    def __call__(self, batch):
        metrics = {"structure": self.structure_loss(batch), **self.slat_losses(max(1, int(batch * self.share)))}
        return metrics["structure"] + metrics["slat_rare" if self.rare else "slat"], metrics

    def structure_loss(self, batch):
        device = self.z.device
        index = torch.randint(len(self.z), (batch,), device=device)
        x_t, v, t = self.noisy(self.z[index].float())
        with half_precision(device):
            out = self.structure_flow(x_t, t, self.condition(index))
        return F.mse_loss(out.float(), v)

    def slat_losses(self, batch):
        device = self.z.device
        if batch != self.batch:
            self.batches, self.batch = bucketed(self.voxels, batch), batch
        index = next(self.batches)
        rows, mask = self.voxels.padded(index, 256 if device.type == "cuda" else 16)
        x = torch.where(mask[..., None], self.voxels.values[0][rows].float(), 0)
        coords = torch.where(mask[..., None], self.voxels.coords[rows], 0)
        x_t, v, t = self.noisy(x)
        tables = SLatTables(coords, mask, RES, 64 if device.type == "cuda" else 8)
        # One kind of call for the compiler: always masked.
        tables.key_mask = tables.pool.mask
        with half_precision(device):
            out = self.slat_flow(x_t, t, self.condition(index), tables)
        # Every object counts the same, whatever its number of voxels.
        error = ((out.float() - v) ** 2).mean(-1) * mask
        weight = self.voxels.values[1][rows].float()
        of_object = lambda e: (e.sum(1) / mask.sum(1)).mean()
        return {"slat": of_object(error), "slat_rare": of_object(error * weight)}
