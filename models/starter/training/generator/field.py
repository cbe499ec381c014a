"""The signed distance field of a table of primitives, in NumPy (one object) and torch (a batch): one set of formulas.

A row of the table: type, op, group, part, k, centre[3], rotation[9] (world = R local), params[6]; 23 numbers.
Rows are folded in order. A row with group = 1 closes the current group (union into the whole) and opens a new one.
Distances are exact or slight underestimates (Lipschitz constant about 1), negative inside; units: the cube has side 1.
"""
from __future__ import annotations

import math

import numpy as np
import torch

WIDTH = 23
BOX, ELLIPSOID, CONE, CAPSULE, TORUS, STAR, FRUSTUM, ROOF, PLANE, HEART = range(10)
ADD, CUT, INTERSECT, PAINT = range(4)
FAR = 9.0


class _Torch:
    sqrt, abs, sign, atan2, cos, sin, round = torch.sqrt, torch.abs, torch.sign, torch.atan2, torch.cos, torch.sin, torch.round
    where = torch.where
    maximum = staticmethod(lambda a, b: torch.clamp(a, min=b) if not torch.is_tensor(b) else torch.maximum(a, b))
    minimum = staticmethod(lambda a, b: torch.clamp(a, max=b) if not torch.is_tensor(b) else torch.minimum(a, b))


def _box2(xp, qx, qy):
    """Distance to the quadrant q <= 0."""
    return xp.sqrt(xp.maximum(qx, 0.0) ** 2 + xp.maximum(qy, 0.0) ** 2) + xp.minimum(xp.maximum(qx, qy), 0.0)


def _segment(xp, px, py, ax, ay, bx, by):
    """Distance of 2-D points to a segment."""
    ex, ey = bx - ax, by - ay
    wx, wy = px - ax, py - ay
    t = xp.minimum(xp.maximum((wx * ex + wy * ey) / (ex * ex + ey * ey + 1e-12), 0.0), 1.0)
    return xp.sqrt((wx - ex * t) ** 2 + (wy - ey * t) ** 2)


def primitive(xp, kind, x, y, z, p):
    """Distance at local coordinates; p are six parameters, broadcastable. The last one rounds edges."""
    if kind == BOX:
        r = p[5]
        qx, qy, qz = xp.abs(x) - p[0] + r, xp.abs(y) - p[1] + r, xp.abs(z) - p[2] + r
        out = xp.sqrt(xp.maximum(qx, 0.0) ** 2 + xp.maximum(qy, 0.0) ** 2 + xp.maximum(qz, 0.0) ** 2)
        return out + xp.minimum(xp.maximum(qx, xp.maximum(qy, qz)), 0.0) - r
    if kind == ELLIPSOID:
        k0 = xp.sqrt((x / p[0]) ** 2 + (y / p[1]) ** 2 + (z / p[2]) ** 2)
        k1 = xp.sqrt((x / p[0] ** 2) ** 2 + (y / p[1] ** 2) ** 2 + (z / p[2] ** 2) ** 2)
        return k0 * (k0 - 1.0) / xp.maximum(k1, 1e-6)
    if kind == CONE:
        # Radius p0 at z = -p2, p1 at z = +p2 (rounded by p5, sizes kept).
        r1, r2, h = xp.maximum(p[0] - p[5], 1e-4), xp.maximum(p[1] - p[5], 1e-4), p[2] - p[5]
        rho = xp.sqrt(x * x + y * y)
        slope = (r2 - r1) / (2 * h)
        side = (rho - (r1 + r2) * 0.5 - slope * z) / xp.sqrt(1 + slope * slope)
        inside = xp.maximum(side, xp.abs(z) - h)
        edge = _segment(xp, rho, z, r1, -h, r2, h)
        cap_r = xp.where(z < 0, r1 + 0 * z, r2 + 0 * z)
        cap = xp.sqrt(xp.maximum(rho - cap_r, 0.0) ** 2 + (xp.abs(z) - h) ** 2)
        return xp.where(inside <= 0, xp.maximum(inside, -xp.minimum(edge, cap)), xp.minimum(edge, cap)) - p[5]
    if kind == CAPSULE:
        zz = xp.maximum(xp.abs(z) - p[1], 0.0)
        return xp.sqrt(x * x + y * y + zz * zz) - p[0]
    if kind == TORUS:
        # Arc of half-angle p2 about +y, radius p0, tube p1, in the xy plane.
        ax = xp.abs(x)
        s, c = xp.sin(p[2]), xp.cos(p[2])
        rho = xp.sqrt(ax * ax + y * y)
        k = xp.where(c * ax > s * y, ax * s + y * c, rho)
        return xp.sqrt(xp.maximum(x * x + y * y + z * z + p[0] ** 2 - 2 * p[0] * k, 0.0)) - p[1]
    if kind == STAR:
        # n = p0 points, outer radius p1, inner radius p2, half thickness p3; one point towards +y.
        an = math.pi / p[0]
        angle = xp.atan2(x, y)
        folded = xp.abs(angle - xp.round(angle / (2 * an)) * 2 * an)
        rho = xp.sqrt(x * x + y * y)
        u, v = rho * xp.sin(folded), rho * xp.cos(folded)
        bx, by = p[2] * xp.sin(an), p[2] * xp.cos(an)
        edge = _segment(xp, u, v, 0.0 * bx, p[1], bx, by)
        d2 = edge * xp.sign(u * (by - p[1]) * -1.0 + (v - p[1]) * bx)
        return _box2(xp, d2 + p[5], xp.abs(z) - p[3] + p[5]) - p[5]
    if kind == FRUSTUM:
        # n = p0 sides (a flat one towards -y when n is even), apothem p1 at z = -p3, p2 at z = +p3.
        an = math.pi / p[0]
        angle = xp.atan2(x, -y)
        folded = angle - xp.round(angle / (2 * an)) * 2 * an
        v = xp.sqrt(x * x + y * y) * xp.cos(folded)
        slope = (p[2] - p[1]) / (2 * p[3])
        side = (v - (p[1] + p[2]) * 0.5 - slope * z) / xp.sqrt(1 + slope * slope)
        return _box2(xp, side + p[5], xp.abs(z) - p[3] + p[5]) - p[5]
    if kind == ROOF:
        # Isosceles triangle in xz: half base p0 at z = -p1, apex at z = +p1; half length p2 along y.
        ax = xp.abs(x)
        slope = p[0] / (2 * p[1])
        d2 = xp.maximum((ax - p[0] * 0.5 + slope * z) / xp.sqrt(1 + slope * slope), -p[1] - z)
        return _box2(xp, d2 + p[5], xp.abs(y) - p[2] + p[5]) - p[5]
    if kind == PLANE:
        return z
    if kind == HEART:
        # Heart of scale p0 in xz, half thickness p1 along y.
        ax, az = xp.abs(x) / p[0], z / p[0] + 0.5
        top = xp.sqrt((ax - 0.25) ** 2 + (az - 0.75) ** 2) - math.sqrt(2) / 4
        m = 0.5 * xp.maximum(ax + az, 0.0)
        low = xp.minimum(xp.sqrt(ax**2 + (az - 1.0) ** 2), xp.sqrt((ax - m) ** 2 + (az - m) ** 2))
        d2 = xp.where(ax + az > 1.0, top, low * xp.sign(ax - az)) * p[0]
        return _box2(xp, d2 + p[5], xp.abs(y) - p[1] + p[5]) - p[5]
    raise ValueError(f"no primitive of type {kind}")


def _step(xp, state, row, d, zero):
    """One row into the fold. state: (whole, whole_part, group, group_part); row: (op, group, part, k)."""
    whole, whole_part, group, group_part = state
    op, start, part, k = row
    opening = start > 0.5
    take = opening & (group < whole)
    whole_part = xp.where(take, group_part, whole_part)
    whole = xp.where(take, group, whole)
    group = xp.where(opening, FAR + zero, group)
    add, cut, both, paint = op == ADD, op == CUT, op == INTERSECT, op == PAINT
    kk = xp.maximum(k, 1e-5)
    h = xp.minimum(xp.maximum(0.5 + 0.5 * (group - d) / kk, 0.0), 1.0)
    union = group + (d - group) * h - kk * h * (1 - h)
    group_part = xp.where((add & (d < group)) | (paint & (d < 0)), part + zero, group_part)
    group = xp.where(add, union, xp.where(cut, xp.maximum(group, -d), xp.where(both, xp.maximum(group, d), group)))
    return whole, whole_part, group, group_part


def _close(xp, state):
    whole, whole_part, group, group_part = state
    nearer = group < whole
    return xp.where(nearer, group, whole), xp.where(nearer, group_part, whole_part)


def evaluate_numpy(table: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """table [P, 23], points [n, 3] -> signed distance [n], part [n]; float64."""
    table = table.astype(np.float64)

    def distance(i):
        row = table[i]
        q = (points - row[5:8]) @ row[8:17].reshape(3, 3)
        return primitive(np, int(row[0]), q[:, 0], q[:, 1], q[:, 2], row[17:23])

    zero = np.zeros(len(points))
    state = (zero + FAR, zero, zero + FAR, zero)
    with np.errstate(all="ignore"):
        for i in range(len(table)):
            state = _step(np, state, tuple(table[i, 1:5]), distance(i), zero)
    d, part = _close(np, state)
    return d, part.astype(np.int64)


def _primitive_rows(kind: int, row: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """row [M, 23], points [M, n, 3] -> distance [M, n] to primitives of one type."""
    x, y, z = (points - row[:, None, 5:8]).unbind(-1)
    r = row[:, 8:17]
    local = [x * r[:, j, None] + y * r[:, 3 + j, None] + z * r[:, 6 + j, None] for j in range(3)]
    return primitive(_Torch, kind, *local, [row[:, 17 + j, None] for j in range(6)])


def step_torch(whole, whole_part, group, group_part, row, d):
    """One row [B, 23] of every object into the fold; the others [B, n]."""
    return _step(_Torch, (whole, whole_part, group, group_part), [row[:, 1 + j, None] for j in range(4)], d, torch.zeros_like(d))


def evaluate_torch(tables, points, step=step_torch):
    """tables [B, P, 23] (unused rows have type -1), points [B, n, 3] -> distance [B, n], part [B, n] (uint8)."""
    b, rows, _ = tables.shape
    kinds = tables[..., 0].long()
    dist = torch.full((rows, b, points.shape[1]), FAR, device=points.device)
    for kind in torch.unique(kinds).tolist():
        if kind >= 0:
            bi, ri = (kinds == kind).nonzero(as_tuple=True)
            dist[ri, bi] = _primitive_rows(kind, tables[bi, ri], points[bi])
    zero = torch.zeros_like(dist[0])
    state = (zero + FAR, zero, zero + FAR, zero)
    for i in range(rows):
        state = step(*state, tables[:, i], dist[i])
    d, part = _close(_Torch, state)
    return d, part.to(torch.uint8)


def pad_tables(tables: list[np.ndarray], rows: int | None = None) -> np.ndarray:
    """Tables of different length -> [B, P, 23]; unused rows add nothing."""
    rows = rows or max(len(t) for t in tables)
    out = np.zeros((len(tables), rows, WIDTH), dtype=np.float32)
    out[..., 0] = -1
    for i, t in enumerate(tables):
        out[i, : len(t)] = t
    return out
