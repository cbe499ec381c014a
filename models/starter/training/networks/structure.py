"""The occupancy networks: convolutional decoder and flow model on the dense 8^3 latent."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import ModulatedCrossBlock, TimestepEmbedder, init_transformer, position_embedding


class ChannelLayerNorm(nn.Module):
    """Layer norm over the channel axis of [B, C, X, Y, Z]; statistics along axis 1 avoid a permutation."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x32 = x.float()
        var, mean = torch.var_mean(x32, dim=1, keepdim=True, unbiased=False)
        shape = (1, -1, 1, 1, 1)
        y = (x32 - mean) * torch.rsqrt(var + 1e-5) * self.weight.view(shape) + self.bias.view(shape)
        return y.to(x.dtype)


class ResBlock3d(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.norm1 = ChannelLayerNorm(channels)
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm2 = ChannelLayerNorm(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(h)))


def pixel_shuffle_3d(x: torch.Tensor) -> torch.Tensor:
    """[B, 8C, X, Y, Z] -> [B, C, 2X, 2Y, 2Z], channel c*8 + dx*4 + dy*2 + dz."""
    b, c, n, _, _ = x.shape
    x = x.view(b, c // 8, 2, 2, 2, n, n, n).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(b, c // 8, 2 * n, 2 * n, 2 * n)


class UpsampleBlock3d(nn.Module):
    def __init__(self, channels: int, out_channels: int):
        super().__init__()
        self.conv = nn.Conv3d(channels, out_channels * 8, 3, padding=1)

    def forward(self, x):
        return pixel_shuffle_3d(self.conv(x))


class SparseStructureDecoder(nn.Module):
    """Occupancy latent [B, 8, R, R, R] -> logits [B, 1, sR, sR, sR]."""

    def __init__(self, out_channels, latent_channels, num_res_blocks, channels, num_res_blocks_middle=2, use_fp16=False):
        super().__init__()
        self.input_layer = nn.Conv3d(latent_channels, channels[0], 3, padding=1)
        self.middle_block = nn.Sequential(*[ResBlock3d(channels[0]) for _ in range(num_res_blocks_middle)])
        self.blocks = nn.ModuleList()
        for i, ch in enumerate(channels):
            self.blocks.extend(ResBlock3d(ch) for _ in range(num_res_blocks))
            if i + 1 < len(channels):
                self.blocks.append(UpsampleBlock3d(ch, channels[i + 1]))
        self.out_layer = nn.Sequential(
            ChannelLayerNorm(channels[-1]), nn.SiLU(), nn.Conv3d(channels[-1], out_channels, 3, padding=1)
        )

    def forward(self, z):
        h = self.middle_block(self.input_layer(z))
        for block in self.blocks:
            h = block(h)
        return self.out_layer(h)


class SparseStructureFlowModel(nn.Module):
    """Velocity of the occupancy latent: (x [B, 8, R, R, R], 1000 t [B], cond [B, 77, D]) -> like x."""

    def __init__(self, resolution, in_channels, model_channels, cond_channels, out_channels, num_blocks, num_heads,
                 mlp_ratio=4, patch_size=1, pe_mode="ape", share_mod=False, qk_rms_norm=False,
                 qk_rms_norm_cross=False, use_fp16=False):
        super().__init__()
        assert pe_mode == "ape"
        self.resolution, self.patch_size, self.share_mod = resolution, patch_size, share_mod
        self.in_channels, self.out_channels, self.channels = in_channels, out_channels, model_channels
        self.t_embedder = TimestepEmbedder(model_channels)
        if share_mod:
            self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(model_channels, 6 * model_channels))
        n = resolution // patch_size
        grid = torch.stack(torch.meshgrid(*[torch.arange(n)] * 3, indexing="ij"), dim=-1).reshape(-1, 3)
        self.register_buffer("pos_emb", position_embedding(grid, model_channels))
        self.input_layer = nn.Linear(in_channels * patch_size**3, model_channels)
        self.blocks = nn.ModuleList(
            ModulatedCrossBlock(model_channels, cond_channels, num_heads, mlp_ratio, qk_rms_norm, qk_rms_norm_cross,
                                share_mod) for _ in range(num_blocks)
        )
        self.out_layer = nn.Linear(model_channels, out_channels * patch_size**3)
        init_transformer(self)

    def patchify(self, x):
        b, c, p, n = x.shape[0], x.shape[1], self.patch_size, self.resolution // self.patch_size
        x = x.view(b, c, n, p, n, p, n, p).permute(0, 2, 4, 6, 1, 3, 5, 7)
        return x.reshape(b, n**3, c * p**3)

    def unpatchify(self, h):
        b, p, n, c = h.shape[0], self.patch_size, self.resolution // self.patch_size, self.out_channels
        h = h.view(b, n, n, n, c, p, p, p).permute(0, 4, 1, 5, 2, 6, 3, 7)
        return h.reshape(b, c, n * p, n * p, n * p)

    def forward(self, x, t, cond, taps=None):
        h = self.input_layer(self.patchify(x)) + self.pos_emb[None]
        mod = self.t_embedder(t)
        if taps is not None:
            taps["t_emb"], taps["h_pos"] = mod, h
        if self.share_mod:
            mod = self.adaLN_modulation(mod)
        for i, block in enumerate(self.blocks):
            h = block(h, mod, cond)
            if taps is not None:
                taps[f"h_block{i}"] = h
        h = F.layer_norm(h, h.shape[-1:])
        return self.unpatchify(self.out_layer(h))
