"""Pictures of fields by sphere tracing, to look at the generator and at samples; orthographic, lit from the upper left."""
from __future__ import annotations

import math

import numpy as np
import torch

from .field import evaluate_torch
from .palette import RGB


def camera(azimuth: float = 28.0, elevation: float = 24.0):
    a, e = math.radians(azimuth), math.radians(elevation)
    forward = torch.tensor([math.sin(a) * math.cos(e), math.cos(a) * math.cos(e), -math.sin(e)])
    right = torch.tensor([math.cos(a), -math.sin(a), 0.0])
    return forward, right, torch.linalg.cross(right, forward)


def rays(size: int, device="cpu", span: float = 1.3):
    forward, right, up = (v.to(device) for v in camera())
    s = (torch.arange(size, device=device) + 0.5) / size * span - span / 2
    v, u = torch.meshgrid(-s, s, indexing="ij")
    return (u[..., None] * right + v[..., None] * up).view(-1, 3) - forward, forward


def shade(normals: torch.Tensor, rgb: torch.Tensor) -> torch.Tensor:
    light = torch.nn.functional.normalize(torch.tensor([-0.45, -0.6, 0.75], device=rgb.device), dim=0)
    lambert = (normals @ light).clamp(min=0)
    return (rgb * (0.45 + 0.6 * lambert[..., None])).clamp(0, 1)


@torch.no_grad()
def render_fields(tables: torch.Tensor, colours: torch.Tensor, size: int = 96, steps: int = 48) -> np.ndarray:
    """tables [B, P, 23], colours [B, parts] palette ids -> uint8 [B, size, size, 3]."""
    b, dev = tables.shape[0], tables.device
    origin, forward = rays(size, dev)
    p = origin.expand(b, -1, -1).clone()
    for _ in range(steps):
        d, _ = evaluate_torch(tables, p)
        p = p + (d * 0.9).clamp(-0.02, 0.5)[..., None] * forward
    d, part = evaluate_torch(tables, p)
    hit = (d.abs() < 0.01) & ((p - origin) @ forward < 2.2)
    eps = 2e-3
    grad = []
    for axis in range(3):
        step = torch.zeros(3, device=dev)
        step[axis] = eps
        grad.append(evaluate_torch(tables, p + step)[0] - evaluate_torch(tables, p - step)[0])
    n = torch.nn.functional.normalize(torch.stack(grad, -1), dim=-1)
    ids = torch.gather(colours.long(), 1, part.long().clamp(max=colours.shape[1] - 1))
    image = shade(n, torch.from_numpy(RGB).to(dev)[ids])
    image = torch.where(hit[..., None], image, torch.tensor(0.965, device=dev))
    return (image.view(b, size, size, 3).cpu().numpy() * 255).round().astype(np.uint8)


def sheet(images: np.ndarray, labels: list[str] | None, columns: int) -> np.ndarray:
    """Tiles [n, s, s, 3] -> one picture; labels are drawn where Pillow is installed."""
    n, s = images.shape[0], images.shape[1]
    foot = 12 if labels else 0
    rows = -(-n // columns)
    out = np.full((rows * (s + foot), columns * s, 3), 246, dtype=np.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * (s + foot), i % columns * s
        out[y : y + s, x : x + s] = image
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        return out
    if labels:
        picture = Image.fromarray(out)
        pen = ImageDraw.Draw(picture)
        for i, text in enumerate(labels):
            pen.text((i % columns * s + 3, i // columns * (s + foot) + s - 1), text[: s // 6], fill=(60, 60, 60))
        out = np.asarray(picture)
    return out


def write_png(path, image: np.ndarray) -> None:
    import struct
    import zlib

    h, w, _ = image.shape
    raw = b"".join(b"\0" + image[y].tobytes() for y in range(h))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))
