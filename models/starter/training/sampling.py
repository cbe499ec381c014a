"""The pipeline in PyTorch, as TRELLIS runs it: used to evaluate during training and to write parity cases."""
from __future__ import annotations

import torch

from loop import half_precision
from networks.decoders import window_pair
from networks.slat_flow import SLatTables
from voxelise import RES


def time_points(steps: int, rescale: float) -> list[float]:
    # In the order of numpy's linspace, as upstream: a bound of the guidance interval is met or missed alike.
    t = [1 + i * (-1 / steps) for i in range(steps)] + [0.0]
    return [rescale * v / (1 + (rescale - 1) * v) for v in t]


def euler(velocity, x, steps, strength, rescale=3.0, interval=(0.0, 1.0), note=None):
    """velocity(x, t, guided) -> (cond, uncond or None). Guided velocity (1 + s) cond - s uncond, Euler steps."""
    ts = time_points(steps, rescale)
    for t, following in zip(ts, ts[1:]):
        guided = strength != 0 and interval[0] <= t <= interval[1]
        v, u = velocity(x, t, guided)
        if guided:
            v = (1 + strength) * v - strength * u
        if note is not None:
            note(x, t, v, guided)
        x = x - (t - following) * v
    return x


class Sampler:
    def __init__(self, text, structure_flow, structure_decoder, slat_flow, empty, device):
        self.text, self.structure_flow, self.decoder, self.slat_flow = text, structure_flow, structure_decoder, slat_flow
        self.device = torch.device(device)
        self.empty = torch.tensor([empty], dtype=torch.long, device=self.device)

    @torch.no_grad()
    def condition(self, ids):
        with half_precision(self.device):
            return self.text(ids.long()).float(), self.text(self.empty).float()

    def _velocity(self, flow, cond, none, *tables):
        def velocity(x, t, guided):
            tt = torch.full((len(x),), 1000 * t, device=self.device)
            with half_precision(self.device):
                v = flow(x, tt, cond, *tables).float()
                u = flow(x, tt, none.expand(len(x), -1, -1), *tables).float() if guided else None
            return v, u

        return velocity

    @torch.no_grad()
    def structure(self, cond, none, steps=12, strength=1.0, generator=None):
        """-> occupancy logits [B, 32, 32, 32]."""
        x = torch.randn(len(cond), 8, 8, 8, 8, device=self.device, generator=generator)
        z = euler(self._velocity(self.structure_flow, cond, none), x, steps, strength)
        with half_precision(self.device):
            return self.decoder(z).float()[:, 0]

    @torch.no_grad()
    def latent(self, occ, cond, none, steps=12, strength=1.0, generator=None):
        """occ bool [B, 32, 32, 32] -> slat [B, N, 8], coords [B, N, 3], mask [B, N]."""
        coords, mask = pad_coords(occ)
        tables = SLatTables(coords, mask, RES, 8)
        x = torch.randn(*mask.shape, 8, device=self.device, generator=generator) * mask[..., None]
        x = euler(self._velocity(self.slat_flow, cond, none, tables), x, steps, strength)
        return x * mask[..., None], coords, mask


def pad_coords(occ):
    # An empty object gets one voxel in the middle, so that no table is empty.
    middle = torch.full((1, 3), RES // 2, device=occ.device)
    lists = [o.nonzero() if o.any() else middle for o in occ]
    n = max(1, max(len(c) for c in lists))
    n = -(-n // 16) * 16
    coords = torch.zeros(len(occ), n, 3, dtype=torch.long, device=occ.device)
    mask = torch.zeros(len(occ), n, dtype=torch.bool, device=occ.device)
    for i, c in enumerate(lists):
        coords[i, : len(c)], mask[i, : len(c)] = c, True
    return coords, mask


@torch.no_grad()
def surface_cells(decoder, slat, coords, mask):
    """The fine cells that the surface crosses, per object: (position [K, 3], rgb [K, 3], normal [K, 3])."""
    with half_precision(slat.device):
        feats = decoder(slat, coords, window_pair(coords, mask), mask).float()
    feats = feats.view(*mask.shape, 64, 101)
    sdf = feats[..., :8] - 1 / 128
    crossing = (sdf.amin(-1) < 0) & (sdf.amax(-1) >= 0) & mask[..., None]
    child = torch.tensor([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], device=slat.device)
    cell = (2 * child[:, None] + child[None]).view(64, 3)
    out = []
    for b in range(len(mask)):
        v, c = crossing[b].nonzero(as_tuple=True)
        position = (coords[b, v] * 4 + cell[c] + 0.5) / 128 - 0.5
        # Corners near the surface say most about what is seen there.
        w = torch.softmax(-sdf[b, v, c].abs() * 6, -1)[..., None]
        attrs = (torch.sigmoid(feats[b, v, c, 53:].view(-1, 8, 6)) * w).sum(1)
        out.append((position, attrs[:, :3], attrs[:, 3:] * 2 - 1))
    return out
