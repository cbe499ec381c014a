"""Gather-only convolutions and pooling against dense references, forwards and backwards."""
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from networks.decoders import GroupNorm32, SubdivideBlock, WindowAttention  # noqa: E402
from networks.sparse import ChildConv3d, Pooling, SparseConv3d, SubdividedConv3d, Windows  # noqa: E402
from networks.sparse import child_table, neighbour_table, surrounding_children  # noqa: E402

R = 8


def ragged_batch(seed=0, counts=(40, 27), res=R):
    g = torch.Generator().manual_seed(seed)
    n = max(counts)
    coords, mask = torch.zeros(len(counts), n, 3, dtype=torch.uint8), torch.zeros(len(counts), n, dtype=torch.bool)
    for i, c in enumerate(counts):
        flat = torch.randperm(res**3, generator=g)[:c]
        coords[i, :c] = torch.stack([flat // res**2, flat // res % res, flat % res], -1).to(torch.uint8)
        mask[i, :c] = True
    return coords, mask


def dense_conv(conv, x, coords, mask, res):
    """The same convolution by torch's dense one, read at the active voxels."""
    b, n = mask.shape
    grid = torch.zeros(b, res, res, res, x.shape[-1], dtype=x.dtype)
    c, bi = coords.long(), torch.arange(b)[:, None].expand(b, n)
    grid = grid.index_put((bi[mask], c[mask][:, 0], c[mask][:, 1], c[mask][:, 2]), x.view(b, n, -1)[mask])
    out = F.conv3d(grid.permute(0, 4, 1, 2, 3), conv.conv.weight.permute(0, 4, 1, 2, 3), conv.conv.bias, padding=1)
    return out.permute(0, 2, 3, 4, 1)[bi[mask], c[mask][:, 0], c[mask][:, 1], c[mask][:, 2]]


def assert_same(make, inputs):
    """Values and gradients of two computations of the same inputs."""
    results = []
    for f in make:
        leaves = [i.detach().clone().requires_grad_() for i in inputs]
        y = f(*leaves)
        y.square().sum().backward()
        results.append((y.detach(), [i.grad for i in leaves]))
    assert torch.allclose(results[0][0], results[1][0], atol=1e-9)
    for a, b in zip(results[0][1], results[1][1]):
        assert torch.allclose(a, b, atol=1e-9)


def test_sparse_convolution_equals_dense():
    coords, mask = ragged_batch()
    conv = SparseConv3d(5, 7).double()
    table = neighbour_table(coords, mask, R)
    x = torch.randn(mask.numel(), 5, dtype=torch.double) * mask.reshape(-1, 1)

    w = conv.conv.weight.detach().clone()
    del conv.conv.weight
    conv.conv.weight = w
    keep = mask.reshape(-1)

    def sparse(x, w):
        conv.conv.weight = w
        return conv(x * keep[:, None], table)[keep]

    def dense(x, w):
        conv.conv.weight = w
        return dense_conv(conv, x * keep[:, None], coords, mask, R)

    assert_same([sparse, dense], [x, w])


def test_subdivided_and_child_convolutions_equal_plain_ones_on_children():
    coords, mask = ragged_batch(1)
    parents = neighbour_table(coords, mask, R)
    kids, around = child_table(parents), surrounding_children(parents)
    keep = mask.reshape(-1).repeat_interleave(8)
    for kind, per_parent in ((SubdividedConv3d, True), (ChildConv3d, False)):
        conv = kind(3, 4).double()
        w = conv.conv.weight.detach().clone()
        del conv.conv.weight
        x = torch.randn(mask.numel() * (1 if per_parent else 8), 3, dtype=torch.double)
        gate = mask.reshape(-1, 1) if per_parent else keep[:, None]

        def fast(x, w, conv=conv, gate=gate, per_parent=per_parent):
            conv.conv.weight = w
            args = (parents, around) if per_parent else (around,)
            return conv(x * gate, *args)[keep]

        def plain(x, w, conv=conv, gate=gate, per_parent=per_parent):
            conv.conv.weight = w
            x = (x * gate).repeat_interleave(8, 0) if per_parent else x * gate
            return SparseConv3d.forward(conv, x, kids)[keep]

        assert_same([fast, plain], [x, w])


def test_pooling_counts_the_zero_and_copies_back():
    coords, mask = ragged_batch(2)
    pool = Pooling(coords, mask, R)
    x = torch.randn(mask.numel(), 3, dtype=torch.double, requires_grad=True)
    down = pool.down(x)
    for b in range(2):
        c = coords[b][mask[b]].long() // 2
        for row in range(int(pool.mask[b].sum())):
            at = (c == pool.coords[b, row].long()).all(-1)
            expected = x.view(2, -1, 3)[b][mask[b]][at].sum(0) / (at.sum() + 1)
            assert torch.allclose(down.view(2, -1, 3)[b, row], expected)
    assert torch.autograd.gradcheck(lambda v: pool.up(pool.down(v))[mask.reshape(-1)], (x,))


def test_padding_changes_nothing():
    """A batch of two equals the objects one by one: windows, group norm, subdivision."""
    torch.manual_seed(0)
    coords, mask = ragged_batch(3)
    attention, block = WindowAttention(64, 4), SubdivideBlock(64, 32)
    torch.nn.init.normal_(block.out_layers[3].conv.weight, std=0.1)
    torch.nn.init.normal_(block.skip_connection.conv.weight, std=0.1)
    norm = GroupNorm32(64)
    x = torch.randn(*mask.shape, 64)
    together = attention(x.flatten(0, 1), Windows(coords, mask, 4)).view(2, -1, 64)
    normed = norm(x.flatten(0, 1), 2, mask).view(2, -1, 64)
    fine = block(x.flatten(0, 1), neighbour_table(coords, mask, R), 2, mask).view(2, -1, 8, 32)
    for b in range(2):
        c, m = coords[b : b + 1, mask[b]], mask[b : b + 1, mask[b]]
        alone = x[b, mask[b]]
        assert torch.allclose(together[b, mask[b]], attention(alone, Windows(c, m, 4)), atol=1e-5)
        assert torch.allclose(normed[b, mask[b]], norm(alone, 1, None), atol=1e-5)
        own = block(alone, neighbour_table(c, m, R), 1, None).view(-1, 8, 32)
        assert torch.allclose(fine[b, mask[b]], own, atol=1e-4)
