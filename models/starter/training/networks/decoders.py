"""The structured-latent decoders: 3D Gaussians, and cells for FlexiCubes."""
from __future__ import annotations

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import FeedForward, position_embedding
from .sparse import ChildConv3d, SparseConv3d, SubdividedConv3d, Windows, child_table, compute_dtype, neighbour_table
from .sparse import surrounding_children


class WindowAttention(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(channels, 3 * channels)
        self.to_out = nn.Linear(channels, channels)

    def forward(self, x, windows: Windows):
        """x [B*N, C]."""
        c = x.shape[1]
        packed = windows.pack(self.to_qkv(x))
        parts = []
        for first, count, size, mask in windows.buckets:
            qkv = packed[first : first + count * size].view(count, size, 3, self.heads, c // self.heads)
            q, k, v = (a.transpose(1, 2) for a in qkv.unbind(2))
            # A padding query sees the same keys as the others, so no softmax row is ever empty.
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
            parts.append(out.transpose(1, 2).reshape(count * size, c))
        return self.to_out(windows.unpack(torch.cat(parts)))


class WindowBlock(nn.Module):
    def __init__(self, channels, heads, mlp_ratio):
        super().__init__()
        self.channels = channels
        self.attn = WindowAttention(channels, heads)
        self.mlp = FeedForward(channels, mlp_ratio)

    def forward(self, x, windows):
        x = x + self.attn(F.layer_norm(x, (self.channels,), eps=1e-6), windows)
        return x + self.mlp(F.layer_norm(x, (self.channels,), eps=1e-6))


class WindowTransformer(nn.Module):
    def __init__(self, resolution, latent_channels, model_channels, num_blocks, num_heads, mlp_ratio, window_size,
                 attn_mode="swin", pe_mode="ape", use_fp16=False, representation_config=None, num_head_channels=64):
        super().__init__()
        assert attn_mode == "swin" and pe_mode == "ape" and window_size == 8
        self.resolution, self.channels = resolution, model_channels
        heads = num_heads or model_channels // num_head_channels
        self.input_layer = nn.Linear(latent_channels, model_channels)
        self.blocks = nn.ModuleList(WindowBlock(model_channels, heads, mlp_ratio) for _ in range(num_blocks))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def trunk(self, slat, coords, windows, taps=None):
        """slat [B, N, 8] -> [B*N, C]."""
        h = (self.input_layer(slat) + position_embedding(coords, self.channels)).flatten(0, 1)
        for i, block in enumerate(self.blocks):
            h = block(h, windows[i % 2])
            if taps is not None:
                taps[f"blocks.{i}"] = h
        return h


def window_pair(coords, mask):
    return Windows(coords, mask, 0), Windows(coords, mask, 4)


def hammersley(i: int, n: int) -> list[float]:
    def radical(base: int) -> float:
        value, f, k = 0.0, 1.0 / base, i
        while k:
            value, k, f = value + f * (k % base), k // base, f / base
        return value

    return [i / n, radical(2), radical(3)]


class SLatGaussianDecoder(WindowTransformer):
    """Structured latent -> raw Gaussian channels [B, N, 14 G]."""

    def __init__(self, resolution, model_channels, latent_channels, num_blocks, num_heads=None, mlp_ratio=4,
                 window_size=8, representation_config=None, **kwargs):
        super().__init__(resolution, latent_channels, model_channels, num_blocks, num_heads, mlp_ratio, window_size, **kwargs)
        self.rep = representation_config
        g = self.rep["num_gaussians"]
        points = torch.tensor([hammersley(i, g) for i in range(g)]).float() * 2 - 1
        self.register_buffer("offset_perturbation", torch.atanh(points / self.rep["voxel_size"]))
        self.out_layer = nn.Linear(model_channels, 14 * g)
        nn.init.zeros_(self.out_layer.weight)
        nn.init.zeros_(self.out_layer.bias)

    def forward(self, slat, coords, windows, taps=None):
        h = self.trunk(slat, coords, windows, taps)
        h = F.layer_norm(h, (self.channels,))
        return self.out_layer(h).view(*slat.shape[:2], -1)

    def split(self, raw):
        """raw [..., 14 G] -> named channels [..., G, n], `lr` applied; `_xyz` is the voxel-relative raw offset."""
        g, lead, out, at = self.rep["num_gaussians"], raw.shape[:-1], {}, 0
        for name, width in (("_xyz", 3), ("_features_dc", 3), ("_scaling", 3), ("_rotation", 4), ("_opacity", 1)):
            out[name] = raw[..., at : at + g * width].reshape(*lead, g, width) * self.rep["lr"][name]
            at += g * width
        return out

    def activate(self, raw):
        """Activated Gaussians: offset from the voxel's centre in voxels, colour, scale (world), rotation, opacity."""
        p, rep = self.split(raw.float()), self.rep
        offset = torch.tanh(p["_xyz"] + self.offset_perturbation) * 0.5 * rep["voxel_size"]
        bias = rep["scaling_bias"] + math.log(-math.expm1(-rep["scaling_bias"]))
        scale = torch.sqrt(F.softplus(p["_scaling"] + bias) ** 2 + rep["3d_filter_kernel_size"] ** 2)
        rotation = F.normalize(p["_rotation"] + torch.tensor([1.0, 0, 0, 0], device=raw.device), dim=-1)
        logit = math.log(rep["opacity_bias"] / (1 - rep["opacity_bias"]))
        return {"offset": offset, "colour": 0.5 + 0.28209479177387814 * p["_features_dc"], "scale": scale,
                "rotation": rotation, "opacity_logit": p["_opacity"] + logit}


class GroupNorm32(nn.Module):
    """32 groups, statistics over all voxels of one object: x [B*N, C], mask [B, N] or None."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x, batch, mask):
        c = x.shape[1]
        v = x.view(batch, -1, 32, c // 32)
        if mask is None:
            var, mean = torch.var_mean(v.float(), dim=(1, 3), keepdim=True, unbiased=False)
        else:
            m = mask[:, :, None, None].to(v.dtype)
            count = mask.sum(1)[:, None, None, None].float() * (c // 32)
            mean = (v * m).sum(dim=(1, 3), keepdim=True, dtype=torch.float32) / count
            var = (((v - mean) * m) ** 2).sum(dim=(1, 3), keepdim=True, dtype=torch.float32) / count
        y = (v - mean) * torch.rsqrt(var + 1e-5)
        y = y.flatten(2) * self.weight + self.bias
        return y.to(x.dtype).view(-1, c)


class SubdivideBlock(nn.Module):
    """SparseSubdivideBlock3d: each voxel becomes eight."""

    def __init__(self, channels, out_channels):
        super().__init__()
        self.act_layers = nn.ModuleList([GroupNorm32(channels)])
        self.out_layers = nn.ModuleList([
            SubdividedConv3d(channels, out_channels), GroupNorm32(out_channels), nn.SiLU(),
            ChildConv3d(out_channels, out_channels, zero=True),
        ])
        self.skip_connection = SparseConv3d(channels, out_channels, kernel=1)

    def forward(self, x, table, batch, mask):
        """x [P, C], table [P, 27], mask [B, P/B] -> [8P, C']."""
        children = surrounding_children(table)
        h = self.out_layers[0](F.silu(self.act_layers[0](x, batch, mask)), table, children)
        # spconv reads the stored [out, 1, 1, 1, in] memory of a kernel-1 convolution as [in, out].
        w = self.skip_connection.conv.weight
        dt = compute_dtype(x)
        skip = x.to(dt) @ w.reshape(x.shape[1], -1).to(dt) + self.skip_connection.conv.bias.to(dt)
        child_mask = None if mask is None else mask.repeat_interleave(8, dim=1)
        h = self.out_layers[3](F.silu(self.out_layers[1](h, batch, child_mask)), children)
        return (h.view(-1, 8, h.shape[1]) + skip[:, None]).flatten(0, 1)


class SLatMeshDecoder(WindowTransformer):
    """Structured latent -> cell features [B, 64 N, 101] on the grid of four times the resolution."""

    def __init__(self, resolution, model_channels, latent_channels, num_blocks, num_heads=None, mlp_ratio=4,
                 window_size=8, representation_config=None, **kwargs):
        super().__init__(resolution, latent_channels, model_channels, num_blocks, num_heads, mlp_ratio, window_size, **kwargs)
        c = model_channels
        self.upsample = nn.ModuleList([SubdivideBlock(c, c // 4), SubdivideBlock(c // 4, c // 8)])
        colour = representation_config["use_color"]
        self.out_layer = nn.Linear(c // 8, 8 + 24 + 21 + (48 if colour else 0))
        nn.init.zeros_(self.out_layer.weight)
        nn.init.zeros_(self.out_layer.bias)

    def forward(self, slat, coords, windows, mask=None, taps=None):
        b, n, _ = slat.shape
        full = torch.ones(b, n, dtype=torch.bool, device=slat.device) if mask is None else mask
        table = neighbour_table(coords, full, self.resolution)
        h = self.trunk(slat, coords, windows, taps)
        h = self.upsample[0](h, table, b, mask)
        if taps is not None:
            taps["upsample.0"] = h
        h = self.upsample[1](h, child_table(table), b, None if mask is None else mask.repeat_interleave(8, dim=1))
        if taps is not None:
            taps["upsample.1"] = h
        return self.out_layer(h).view(b, n * 64, -1)
