"""Time features to the last bit of the reference data.

Those were made by torch 1.13, whose vectorised `exp` is SLEEF's `expf` (1.0 ULP); later versions of torch round some
frequencies otherwise, and one unit in the last place of a frequency moves a feature by 3e-5. Espalier follows the
reference data. For training it makes no difference; cases that are compared at 6e-7 need it.
"""
from __future__ import annotations

import math

import numpy as np
import torch

LN2_HIGH, LN2_LOW = np.float32(0.693145751953125), np.float32(1.428606765330187e-6)
POLYNOMIAL = np.array([0.00019852761761285365, 0.0013930435525253415, 0.008333360776305199, 0.041666485369205475,
                       0.1666666716337204, 0.5], dtype=np.float32)


def fma(a, b, c):
    """Rounded once: the product of two float32 is exact in float64."""
    return (np.asarray(a, np.float64) * np.asarray(b, np.float64) + np.asarray(c, np.float64)).astype(np.float32)


def sleef_exp(x: np.ndarray) -> np.ndarray:
    """exp of float32 in [-80, 80]: reduction by ln 2 in two parts, a polynomial of degree 6 (Shibata & Petrogalli 2020)."""
    power = np.rint(x * np.float32(math.log2(math.e))).astype(np.float32)
    rest = fma(power, -LN2_LOW, fma(power, -LN2_HIGH, x))
    total = np.zeros_like(x)
    for coefficient in POLYNOMIAL:
        total = fma(total, rest, coefficient)
    tail = fma(rest * rest, total, rest)
    return np.ldexp(np.float32(1) + tail, power.astype(np.int32)).astype(np.float32)


def timestep_features(t: torch.Tensor, dim: int = 256) -> torch.Tensor:
    """As `layers.timestep_features`, on the CPU: t [B] -> [B, dim] float32, cosines, then sines."""
    half = dim // 2
    rates = np.float32(-math.log(10000)) * np.arange(half, dtype=np.float32) / np.float32(half)
    args = t.float()[:, None] * torch.from_numpy(sleef_exp(rates))[None]
    return torch.cat([torch.cos(args), torch.sin(args)], dim=-1)
