"""The structured-latent flow model: sparse residual blocks down to half the grid, full attention, and back."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import ModulatedCrossBlock, TimestepEmbedder, init_transformer, position_embedding
from .sparse import Pooling, SparseConv3d, neighbour_table


class SLatTables:
    """Everything that depends on the voxels alone. coords [B, N, 3], mask [B, N]."""

    def __init__(self, coords, mask, resolution, multiple=1):
        self.pool = Pooling(coords, mask, resolution, multiple)
        self.fine = neighbour_table(coords, mask, resolution)
        self.coarse = neighbour_table(self.pool.coords, self.pool.mask, resolution // 2)
        # Without padding there is nothing to mask, and attention may take its fastest path.
        self.key_mask = None if bool(self.pool.mask.all()) else self.pool.mask


class SparseResBlock3d(nn.Module):
    def __init__(self, channels, emb_channels, out_channels, resample=None):
        super().__init__()
        self.resample = resample
        self.out_channels = out_channels
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.conv1 = SparseConv3d(channels, out_channels)
        self.conv2 = SparseConv3d(out_channels, out_channels, zero=True)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, 2 * out_channels))
        self.skip_connection = nn.Linear(channels, out_channels) if channels != out_channels else nn.Identity()

    def forward(self, x, emb, tables: SLatTables, batch: int):
        """x [B*N, C] on the grid the block starts from."""
        if self.resample == "down":
            x = tables.pool.down(x)
        elif self.resample == "up":
            x = tables.pool.up(x)
        table = tables.fine if x.shape[0] == tables.fine.shape[0] and self.resample != "down" else tables.coarse
        scale, shift = self.emb_layers(emb).unsqueeze(1).chunk(2, dim=-1)
        h = self.conv1(F.silu(self.norm1(x)), table)
        h = F.layer_norm(h, (self.out_channels,), eps=1e-6).view(batch, -1, self.out_channels) * (1 + scale) + shift
        h = self.conv2(F.silu(h).flatten(0, 1), table)
        return h + self.skip_connection(x)


class SLatFlowModel(nn.Module):
    """Velocity of the structured latent: (x [B, N, 8], 1000 t [B], cond [B, 77, D], tables) -> like x."""

    def __init__(self, resolution, in_channels, model_channels, cond_channels, out_channels, num_blocks, num_heads,
                 mlp_ratio=4, patch_size=2, num_io_res_blocks=2, io_block_channels=(64,), pe_mode="ape",
                 qk_rms_norm=False, use_fp16=False):
        super().__init__()
        assert pe_mode == "ape" and patch_size == 2 and len(io_block_channels) == 1
        (io,) = io_block_channels
        self.resolution, self.channels, self.io = resolution, model_channels, io
        self.t_embedder = TimestepEmbedder(model_channels)
        self.input_layer = nn.Linear(in_channels, io)
        plain = num_io_res_blocks - 1
        self.input_blocks = nn.ModuleList(
            [SparseResBlock3d(io, model_channels, io) for _ in range(plain)]
            + [SparseResBlock3d(io, model_channels, model_channels, resample="down")]
        )
        self.blocks = nn.ModuleList(
            ModulatedCrossBlock(model_channels, cond_channels, num_heads, mlp_ratio, qk_rms_norm, False, False)
            for _ in range(num_blocks)
        )
        self.out_blocks = nn.ModuleList(
            [SparseResBlock3d(2 * model_channels, model_channels, io, resample="up")]
            + [SparseResBlock3d(2 * io, model_channels, io) for _ in range(plain)]
        )
        self.out_layer = nn.Linear(io, out_channels)
        init_transformer(self)

    def forward(self, x, t, cond, tables: SLatTables, taps=None):
        batch, n, _ = x.shape
        emb = self.t_embedder(t)
        h = self.input_layer(x).flatten(0, 1)
        note = (lambda name, value: taps.__setitem__(name, value)) if taps is not None else (lambda name, value: None)
        note("h_in", h)
        skips = []
        for i, block in enumerate(self.input_blocks):
            h = block(h, emb, tables, batch)
            note(f"input_blocks.{i}", h)
            skips.append(h)
        h = h.view(batch, -1, self.channels) + position_embedding(tables.pool.coords, self.channels)
        note("h_pos", h.flatten(0, 1))
        for i, block in enumerate(self.blocks):
            h = block(h, emb, cond, tables.key_mask)
            note(f"blocks.{i}", h.flatten(0, 1))
        h = h.flatten(0, 1)
        for i, block in enumerate(self.out_blocks):
            h = block(torch.cat([h, skips.pop()], dim=-1), emb, tables, batch)
            note(f"out_blocks.{i}", h)
        h = F.layer_norm(h, (self.io,))
        return self.out_layer(h).view(batch, n, -1)
