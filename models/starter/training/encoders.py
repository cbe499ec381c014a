"""The encoders, needed for training only. Their latents are standardised by a batch norm without affine part, so the
decoders and flows see mean 0 and deviation 1 per channel; the noise that training adds takes the place of a KL term."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from generator.palette import RGB
from networks.structure import ChannelLayerNorm, ResBlock3d


class StructureEncoder(nn.Module):
    """Occupancy bool [B, 32, 32, 32] -> latent [B, 8, 8, 8, 8]."""

    def __init__(self, channels: int, blocks: int):
        super().__init__()
        self.input_layer = nn.Conv3d(64, channels, 3, padding=1)
        self.blocks = nn.Sequential(*[ResBlock3d(channels) for _ in range(blocks)])
        self.norm = ChannelLayerNorm(channels)
        self.out_layer = nn.Conv3d(channels, 8, 1)
        self.standardise = nn.BatchNorm3d(8, affine=False, momentum=0.02)

    def forward(self, occ):
        b = occ.shape[0]
        x = occ.view(b, 8, 4, 8, 4, 8, 4).permute(0, 2, 4, 6, 1, 3, 5).reshape(b, 64, 8, 8, 8)
        h = self.blocks(self.input_layer(x.to(self.input_layer.weight.dtype) - 0.06))
        return self.standardise(self.out_layer(F.silu(self.norm(h))).float())


THIRD = [x * 25 + y * 5 + z for x in (0, 2, 4) for y in (0, 2, 4) for z in (0, 2, 4)]


class LatentEncoder(nn.Module):
    """Samples of one voxel, sdf [V, 125] (fine cells) and colour ids [V, 125] -> latent [V, 8]; and a plain decoder
    with which it is trained."""

    def __init__(self, channels: int):
        super().__init__()
        c = channels
        self.register_buffer("palette", torch.from_numpy(RGB).clone(), persistent=False)
        self.encoder = nn.Sequential(nn.Linear(125 + 81, c), nn.SiLU(), nn.Linear(c, c), nn.SiLU(), nn.Linear(c, 8))
        self.standardise = nn.BatchNorm1d(8, affine=False, momentum=0.02)
        self.decoder = nn.Sequential(nn.Linear(8, c), nn.SiLU(), nn.Linear(c, c), nn.SiLU(), nn.Linear(c, 125 + 81))

    def colours(self, ids):
        return self.palette[ids[:, THIRD].long()]

    def forward(self, sdf, ids):
        d = sdf.float() / 4
        rgb = self.colours(ids)
        # Colours far from the surface are never seen; hiding them keeps the latent free for those that are.
        near = (sdf[:, THIRD].abs() < 3).unsqueeze(-1)
        rgb = torch.where(near, rgb - 0.5, torch.zeros_like(rgb)).flatten(1)
        return self.standardise(self.encoder(torch.cat([d, rgb], 1)).float())

    def loss(self, sdf, ids, noise: float):
        z = self(sdf, ids)
        out = self.decoder(z + noise * torch.randn_like(z)).float()
        d = sdf.float()
        weight = torch.where(d.abs() < 1.5, 4.0, 1.0)
        shape = ((out[:, :125] * 4 - d).abs() * weight).mean()
        near = (d[:, THIRD].abs() < 2).float().unsqueeze(-1)
        gap = (out[:, 125:].view(-1, 27, 3) + 0.5 - self.colours(ids)).abs() * near
        colour = gap.sum() / near.sum().clamp(min=1) / 3
        return shape + 6 * colour, {"sdf": shape.detach(), "colour": colour.detach()}
