"""Building blocks shared by the dense and the sparse networks.

All sequences are padded batches [B, L, C]; a boolean mask [B, L] marks the rows that exist (None: all do).
"""
from __future__ import annotations

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def timestep_features(t: torch.Tensor, dim: int = 256) -> torch.Tensor:
    """Sinusoidal time features [B, dim]: cosines, then sines; float32 throughout."""
    half = dim // 2
    freqs = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32, device=t.device) / half)
    args = t.float()[:, None] * freqs[None]
    return torch.cat([torch.cos(args), torch.sin(args)], dim=-1)


class TimestepEmbedder(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(256, channels), nn.SiLU(), nn.Linear(channels, channels))

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        return self.mlp(timestep_features(t))


def position_embedding(coords: torch.Tensor, channels: int) -> torch.Tensor:
    """Absolute position features [..., channels] of integer coordinates [..., 3]."""
    k = channels // 3 // 2
    freqs = 1.0 / (10000 ** (torch.arange(k, dtype=torch.float32, device=coords.device) / k))
    args = coords.float().unsqueeze(-1) * freqs
    out = torch.cat([torch.sin(args), torch.cos(args)], dim=-1).flatten(-2)
    return F.pad(out, (0, channels - out.shape[-1]))


class MultiHeadRMSNorm(nn.Module):
    def __init__(self, heads: int, dim: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(heads, dim))
        self.scale = dim**0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (F.normalize(x.float(), dim=-1) * self.gamma * self.scale).to(x.dtype)


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Softmax attention of [B, L, H, D] tensors; `mask` [B, Lk] is True where a key exists."""
    bias = None if mask is None else mask[:, None, None, :]
    out = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=bias)
    return out.transpose(1, 2)


class SelfAttention(nn.Module):
    def __init__(self, channels: int, heads: int, qk_rms_norm: bool = False):
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(channels, 3 * channels)
        self.to_out = nn.Linear(channels, channels)
        if qk_rms_norm:
            self.q_rms_norm = MultiHeadRMSNorm(heads, channels // heads)
            self.k_rms_norm = MultiHeadRMSNorm(heads, channels // heads)
        self.qk_rms_norm = qk_rms_norm

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        b, length, c = x.shape
        q, k, v = self.to_qkv(x).view(b, length, 3, self.heads, -1).unbind(2)
        if self.qk_rms_norm:
            q, k = self.q_rms_norm(q), self.k_rms_norm(k)
        return self.to_out(attend(q, k, v, mask).reshape(b, length, c))


class CrossAttention(nn.Module):
    def __init__(self, channels: int, cond_channels: int, heads: int, qk_rms_norm: bool = False):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels)
        self.to_kv = nn.Linear(cond_channels, 2 * channels)
        self.to_out = nn.Linear(channels, channels)
        if qk_rms_norm:
            self.q_rms_norm = MultiHeadRMSNorm(heads, channels // heads)
            self.k_rms_norm = MultiHeadRMSNorm(heads, channels // heads)
        self.qk_rms_norm = qk_rms_norm

    def forward(self, x: torch.Tensor, cond: torch.Tensor) -> torch.Tensor:
        b, length, c = x.shape
        q = self.to_q(x).view(b, length, self.heads, -1)
        k, v = self.to_kv(cond).view(b, cond.shape[1], 2, self.heads, -1).unbind(2)
        if self.qk_rms_norm:
            q, k = self.q_rms_norm(q), self.k_rms_norm(k)
        return self.to_out(attend(q, k, v).reshape(b, length, c))


class FeedForward(nn.Module):
    def __init__(self, channels: int, ratio: float):
        super().__init__()
        hidden = int(channels * ratio)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mlp(x)


class ModulatedCrossBlock(nn.Module):
    """Transformer block with adaptive layer norm around self attention and MLP, plain cross attention between."""

    def __init__(self, channels, cond_channels, heads, mlp_ratio, qk_rms_norm, qk_rms_norm_cross, share_mod):
        super().__init__()
        self.channels = channels
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.self_attn = SelfAttention(channels, heads, qk_rms_norm)
        self.cross_attn = CrossAttention(channels, cond_channels, heads, qk_rms_norm_cross)
        self.mlp = FeedForward(channels, mlp_ratio)
        self.share_mod = share_mod
        if not share_mod:
            self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(channels, 6 * channels))

    def forward(self, x, mod, cond, mask=None):
        if not self.share_mod:
            mod = self.adaLN_modulation(mod)
        shift1, scale1, gate1, shift2, scale2, gate2 = mod.unsqueeze(1).chunk(6, dim=-1)
        h = F.layer_norm(x, (self.channels,), eps=1e-6) * (1 + scale1) + shift1
        x = x + self.self_attn(h, mask) * gate1
        x = x + self.cross_attn(self.norm2(x), cond)
        h = F.layer_norm(x, (self.channels,), eps=1e-6) * (1 + scale2) + shift2
        return x + self.mlp(h) * gate2


def init_transformer(model: nn.Module) -> None:
    """Xavier for linear layers; gates and output layer at zero, so that every block starts as the identity."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    for name, module in model.named_modules():
        if name.endswith("t_embedder.mlp.0") or name.endswith("t_embedder.mlp.2"):
            nn.init.normal_(module.weight, std=0.02)
        if name.endswith("adaLN_modulation.1") or name == "out_layer":
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
