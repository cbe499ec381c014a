"""Sparse voxel tensors as padded batches: index tables, gather-only convolutions, pooling, windows.

Rows of a padded batch [B, N, C] are addressed flat (b*N + i); the index B*N stands for "no voxel" and reads zero.
Every backward pass is a gather too: scatter-adds with atomics are slow and not reproducible.
"""
from __future__ import annotations

import torch
import torch.nn as nn

OFFSETS = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]


def compute_dtype(x: torch.Tensor) -> torch.dtype:
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def with_zero_row(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, x.new_zeros(1, x.shape[1])])


def neighbour_table(coords: torch.Tensor, mask: torch.Tensor, resolution: int) -> torch.Tensor:
    """Rows of the 27 neighbours (x slowest) of every voxel: coords [B, N, 3], mask [B, N] -> int [B*N, 27]."""
    b, n, _ = coords.shape
    side = resolution + 2
    base = torch.arange(b, device=coords.device)[:, None] * side**3
    c = coords.long() + 1
    flat = base + (c[..., 0] * side + c[..., 1]) * side + c[..., 2]
    grid = torch.full((b * side**3 + 1,), b * n, dtype=torch.int32, device=coords.device)
    # Padding rows all write to the spare last slot, which no neighbour refers to.
    target = torch.where(mask, flat, b * side**3)
    grid[target.reshape(-1)] = torch.arange(b * n, dtype=torch.int32, device=coords.device)
    shift = torch.tensor([(x * side + y) * side + z for x, y, z in OFFSETS], device=coords.device)
    table = grid[(flat.reshape(-1, 1) + shift).clamp_(0, b * side**3 - 1)]
    return torch.where(mask.reshape(-1, 1), table, b * n)


def _chunks(idx: torch.Tensor, channels: int) -> range:
    """Row ranges whose gathered columns stay near 2^29 numbers, so that no single buffer grows out of hand."""
    return range(0, max(1, idx.shape[0]), max(1024, 2**29 // (idx.shape[1] * channels)))


def _gather_matmul(x: torch.Tensor, idx: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
    padded, steps = with_zero_row(x), _chunks(idx, x.shape[1])
    return torch.cat([padded[idx[i : i + steps.step]].flatten(1) @ m for i in steps])


class GatherMatmul(torch.autograd.Function):
    """y = gather(x, idx) @ m, with dx = gather(dy, idx_back) @ m_back. Rows per parent may be grouped:
    x [P*gi, C], idx [P, K] of x's rows, m [K*C, go*Co] -> y [P*go, Co]."""

    @staticmethod
    def forward(ctx, x, m, m_back, idx, idx_back, out_group):
        ctx.save_for_backward(x, m_back, idx, idx_back)
        return _gather_matmul(x, idx, m).view(idx.shape[0] * out_group, -1)

    @staticmethod
    def backward(ctx, dy):
        x, m_back, idx, idx_back = ctx.saved_tensors
        dx = dm = None
        dy = dy.to(x.dtype)
        if ctx.needs_input_grad[0]:
            dx = _gather_matmul(dy, idx_back, m_back).view(x.shape)
        if ctx.needs_input_grad[1]:
            padded, steps, grouped = with_zero_row(x), _chunks(idx, x.shape[1]), dy.reshape(idx.shape[0], -1)
            # Sums over many rows at least in float32; a double stays one.
            wide = torch.promote_types(x.dtype, torch.float32)
            for i in steps:
                part = padded[idx[i : i + steps.step]].flatten(1).t() @ grouped[i : i + steps.step]
                dm = part.to(wide) if dm is None else dm + part.to(wide)
            dm = dm.to(x.dtype)
        return dx, dm, None, None, None, None


class SparseConv3d(nn.Module):
    """3^3 convolution at active sites; weight [out, 3, 3, 3, in] under the name `conv`, as spconv stores it."""

    def __init__(self, cin: int, cout: int, kernel: int = 3, zero: bool = False):
        super().__init__()
        self.conv = nn.Module()
        self.conv.weight = nn.Parameter(torch.zeros(cout, kernel, kernel, kernel, cin))
        self.conv.bias = nn.Parameter(torch.zeros(cout))
        if not zero:
            nn.init.normal_(self.conv.weight, std=(kernel**3 * cin) ** -0.5)

    def forward(self, x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """x [B*N, Cin] -> [B*N, Cout]."""
        dt = compute_dtype(x)
        w = self.conv.weight.flatten(1, 3)
        m = w.permute(1, 2, 0).flatten(0, 1).to(dt)
        m_back = w.detach().flip(1).permute(1, 0, 2).flatten(0, 1).to(dt)
        return GatherMatmul.apply(x.to(dt), m, m_back, table, table, 1) + self.conv.bias.to(dt)


def _block_maps():
    """Constant maps between a parent's 2^3 children and their surroundings.

    Returns for each child (8) and kernel offset (27): parent offset (0..26) and child (0..7) it falls on,
    and the slot (0..63) within the 4^3 children around a parent.
    """
    parent, child, slot = [], [], []
    for cx, cy, cz in [(i >> 2 & 1, i >> 1 & 1, i & 1) for i in range(8)]:
        for ox, oy, oz in OFFSETS:
            p = [c + o for c, o in ((cx, ox), (cy, oy), (cz, oz))]
            q = [v // 2 + 1 for v in p]
            parent.append((q[0] * 3 + q[1]) * 3 + q[2])
            child.append((p[0] % 2 * 2 + p[1] % 2) * 2 + p[2] % 2)
            slot.append(((p[0] + 1) * 4 + p[1] + 1) * 4 + p[2] + 1)
    return (torch.tensor(v).view(8, 27) for v in (parent, child, slot))


PARENT, CHILD, SLOT = _block_maps()


def child_table(table: torch.Tensor) -> torch.Tensor:
    """Neighbour table of the voxels' children: int [P, 27] -> [8P, 27] (rows parent-major)."""
    none, rows = table.shape[0], table[:, PARENT.to(table.device)]
    out = torch.where(rows == none, none * 8, rows * 8 + CHILD.to(table.device).to(table.dtype))
    return out.flatten(0, 1)


def surrounding_children(table: torch.Tensor) -> torch.Tensor:
    """The 4^3 children around every parent: int [P, 27] -> [P, 64]."""
    parent, child = torch.empty(64, dtype=torch.long), torch.empty(64, dtype=torch.long)
    parent[SLOT.reshape(-1)], child[SLOT.reshape(-1)] = PARENT.reshape(-1), CHILD.reshape(-1)
    none, rows = table.shape[0], table[:, parent.to(table.device)]
    return torch.where(rows == none, none * 8, rows * 8 + child.to(table.device).to(table.dtype))


def _spread(w: torch.Tensor, index: torch.Tensor, slots: int) -> torch.Tensor:
    """w [out, 27, in] placed by index [8, 27] -> [slots, in, 8, out]; equal slots add up."""
    one_hot = torch.nn.functional.one_hot(index.to(w.device), slots).to(w.dtype)
    return torch.einsum("oki,cks->sico", w, one_hot)


class SubdividedConv3d(SparseConv3d):
    """The convolution of a freshly subdivided tensor (children are copies): parents [P, C] -> children [8P, C']."""

    def forward(self, x, table, children):
        dt = compute_dtype(x)
        w = self.conv.weight.flatten(1, 3)
        spread = _spread(w, PARENT, 27)
        m = spread.flatten(2).flatten(0, 1).to(dt)
        # dx[p] sums over the children around p: child c of parent offset k received spread[26 - k][., c, .].
        with torch.no_grad():
            parent, child = torch.empty(64, dtype=torch.long), torch.empty(64, dtype=torch.long)
            parent[SLOT.reshape(-1)], child[SLOT.reshape(-1)] = PARENT.reshape(-1), CHILD.reshape(-1)
            m_back = spread.permute(0, 2, 3, 1)[26 - parent, child].flatten(0, 1).to(dt)
        return GatherMatmul.apply(x.to(dt), m, m_back, table, children, 8) + self.conv.bias.to(dt)


class ChildConv3d(SparseConv3d):
    """The same convolution as SparseConv3d, worked per parent: children [8P, C] -> [8P, C']."""

    def forward(self, x, children):
        dt = compute_dtype(x)
        w = self.conv.weight.flatten(1, 3)
        m = _spread(w, SLOT, 64).flatten(2).flatten(0, 1).to(dt)
        m_back = _spread(w.detach().flip(1).permute(2, 1, 0), SLOT, 64).flatten(2).flatten(0, 1).to(dt)
        return GatherMatmul.apply(x.to(dt), m, m_back, children, children, 8) + self.conv.bias.to(dt)


class GatherRows(torch.autograd.Function):
    """y[j] = x[index[j]] (zero for "no voxel") where `inverse` says for each row of x in which rows of y it went:
    inverse [rows, K]; the backward pass sums those."""

    @staticmethod
    def forward(ctx, x, index, inverse):
        ctx.save_for_backward(inverse)
        return with_zero_row(x)[index]

    @staticmethod
    def backward(ctx, dy):
        (inverse,) = ctx.saved_tensors
        return with_zero_row(dy)[inverse].sum(1) if inverse.dim() == 2 else with_zero_row(dy)[inverse], None, None


class SumRows(torch.autograd.Function):
    """y[j] = sum over K of x[members[j, k]]; each row of x belongs to exactly one j = owner."""

    @staticmethod
    def forward(ctx, x, members, owner):
        ctx.save_for_backward(owner)
        return with_zero_row(x)[members].sum(1)

    @staticmethod
    def backward(ctx, dy):
        return with_zero_row(dy)[ctx.saved_tensors[0]], None, None


class Pooling:
    """Halving of the grid. coords [B, M, 3], mask [B, M] of the coarse voxels; owner [B*N] the coarse row of a fine
    one, members [B*M, 8] the fine rows of a coarse one, count [B*M] their number."""

    def __init__(self, coords: torch.Tensor, mask: torch.Tensor, resolution: int, multiple: int = 1):
        b, n, _ = coords.shape
        half, dev = resolution // 2, coords.device
        c = coords.long()
        key = ((c[..., 0] // 2) * half + c[..., 1] // 2) * half + c[..., 2] // 2
        key = torch.where(mask, key, half**3)
        seen = torch.zeros(b, half**3 + 1, dtype=torch.bool, device=dev)
        seen.scatter_(1, key, torch.ones_like(mask))
        seen = seen[:, :-1]
        m = int(seen.sum(1).max())
        m = -(-m // multiple) * multiple
        rank = torch.where(seen, seen.long().cumsum(1) - 1, 0)
        bi, ki = seen.nonzero(as_tuple=True)
        row = rank[bi, ki]
        self.coords = torch.zeros(b, m, 3, dtype=coords.dtype, device=dev)
        self.coords[bi, row] = torch.stack([ki // half**2, ki // half % half, ki % half], -1).to(coords.dtype)
        self.mask = torch.zeros(b, m, dtype=torch.bool, device=dev)
        self.mask[bi, row] = True
        rank = torch.cat([rank, rank.new_zeros(b, 1)], 1)
        owner = torch.gather(rank, 1, key) + torch.arange(b, device=dev)[:, None] * m
        self.owner = torch.where(mask, owner, b * m).reshape(-1)
        slot = (c[..., 0] % 2 * 2 + c[..., 1] % 2) * 2 + c[..., 2] % 2
        members = torch.full((b * m + 1, 8), b * n, dtype=torch.long, device=dev)
        members[self.owner, slot.reshape(-1)] = torch.arange(b * n, device=dev)
        self.members = members[:-1]
        self.count = (self.members < b * n).sum(1)

    def down(self, x: torch.Tensor) -> torch.Tensor:
        """Pooled features: sum / (n + 1), as TRELLIS' scatter-mean counts its initial zero."""
        return SumRows.apply(x, self.members, self.owner) / (self.count + 1).to(x.dtype)[:, None]

    def up(self, x: torch.Tensor) -> torch.Tensor:
        return GatherRows.apply(x, self.owner, self.members)


class Windows:
    """Voxels of a padded batch packed by attention window, windows of similar size together.

    buckets: (first slot, windows, length, mask [windows, length]); slots [S] row of each slot; place [B*N] slot of a row.
    """

    SIZES = (16, 32, 64, 128, 256, 512)

    def __init__(self, coords: torch.Tensor, mask: torch.Tensor, shift: int, window: int = 8):
        b, n, _ = coords.shape
        dev, side = coords.device, 64
        w = (coords.long() + shift) // window
        key = ((torch.arange(b, device=dev)[:, None] * side + w[..., 0]) * side + w[..., 1]) * side + w[..., 2]
        rows = mask.reshape(-1).nonzero().squeeze(1)
        key = key.reshape(-1)[rows]
        _, label, length = torch.unique(key, return_inverse=True, return_counts=True)
        order = torch.argsort(label, stable=True)
        start = length.cumsum(0) - length
        within = torch.empty_like(label)
        within[order] = torch.arange(len(rows), device=dev) - start[label[order]]
        self.label, self.lengths = label, length
        place = torch.full((b * n,), -1, dtype=torch.long, device=dev)
        slots, self.buckets, first, low = [], [], 0, 0
        for size in self.SIZES:
            chosen = (length > low) & (length <= size)
            count = int(chosen.sum())
            low = size
            if not count:
                continue
            number = torch.where(chosen, chosen.long().cumsum(0) - 1, -1)[label]
            inside = number >= 0
            table = torch.full((count * size,), b * n, dtype=torch.long, device=dev)
            at = number[inside] * size + within[inside]
            table[at] = rows[inside]
            place[rows[inside]] = at + first
            slots.append(table)
            self.buckets.append((first, count, size, (table < b * n).view(count, size)))
            first += count * size
        self.slots = torch.cat(slots)
        self.place = torch.where(place < 0, first, place)

    def pack(self, x):
        return GatherRows.apply(x, self.slots, self.place)

    def unpack(self, x):
        return GatherRows.apply(x, self.place, self.slots)
