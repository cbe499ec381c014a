"""What a category's recipe works with: placing primitives by part name, and random choices."""
from __future__ import annotations

import numpy as np

from . import field

OPS = {"add": field.ADD, "cut": field.CUT, "inter": field.INTERSECT, "paint": field.PAINT}


def turn(axis: str, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    m = np.eye(3)
    m[i, i], m[i, j], m[j, i], m[j, j] = c, -s, s, c
    return m


X90, Y90 = turn("x", 90), turn("y", 90)


def along(a, b) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre, rotation taking z to b - a, and half the length."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    d = b - a
    length = np.linalg.norm(d)
    z = d / length
    x = np.cross([0, 1, 0] if abs(z[1]) < 0.9 else [1, 0, 0], z)
    x /= np.linalg.norm(x)
    return (a + b) / 2, np.stack([x, np.cross(z, x), z], axis=1), length / 2


class Builder:
    """w, d, h stretch the object along x, y, z as the shape words ask; `word` is the caption's variant word, if any."""

    def __init__(self, rng: np.random.Generator, w=1.0, d=1.0, h=1.0, word: str | None = None):
        self.rng, self.w, self.d, self.h, self.word = rng, w, d, h, word
        self.rows: list[list[float]] = []
        self.parts: list[str] = []
        self.low, self.high = np.full(3, np.inf), np.full(3, -np.inf)
        self._open = False

    # choices
    def u(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def pick(self, options):
        return options[int(self.rng.integers(len(options)))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def says(self, word: str, p: float, rivals: tuple[str, ...] = ()) -> bool:
        """True if the caption says `word`; when it says neither it nor a rival, with probability p."""
        if self.word == word:
            return True
        return False if self.word in rivals else self.chance(p)

    # rows
    def group(self):
        """What follows is cut and intersected on its own."""
        self._open = True
        return self

    def _row(self, kind, part, centre, half, rot, params, r, op, k, bound):
        if part not in self.parts:
            self.parts.append(part)
        rot = np.eye(3) if rot is None else np.asarray(rot, float)
        centre = np.asarray(centre, float)
        row = [kind, OPS[op], 1.0 if self._open else 0.0, self.parts.index(part), k, *centre, *rot.reshape(-1)]
        self._open = False
        self.rows.append(row + list(params) + [0.0] * (5 - len(params)) + [r])
        if op == "add" and bound:
            reach = np.abs(rot) @ np.asarray(half, float)
            self.low, self.high = np.minimum(self.low, centre - reach), np.maximum(self.high, centre + reach)
        return self

    def box(self, part, c, s, r=0.008, rot=None, op="add", k=0.0, bound=True):
        h = np.asarray(s, float) / 2
        return self._row(field.BOX, part, c, h, rot, h, min(r, float(h.min()) * 0.9), op, k, bound)

    def ell(self, part, c, radii, rot=None, op="add", k=0.0, bound=True):
        return self._row(field.ELLIPSOID, part, c, radii, rot, radii, 0, op, k, bound)

    def ball(self, part, c, r, op="add", k=0.0, bound=True):
        return self.ell(part, c, (r, r, r), None, op, k, bound)

    def cyl(self, part, c, r, h, r2=None, rot=None, round=0.006, op="add", k=0.0, bound=True):
        """Height h about the centre c; radius r below, r2 above."""
        r2 = r if r2 is None else r2
        big = max(r, r2)
        round = min(round, h * 0.45, max(min(r, r2), 0.012) * 0.9)
        return self._row(field.CONE, part, c, (big, big, h / 2), rot, (r, r2, h / 2), round, op, k, bound)

    def rod(self, part, a, b, r, r2=None, **kw):
        c, rot, half = along(a, b)
        return self.cyl(part, c, r, 2 * half, r2, rot=rot, **kw)

    def cap(self, part, a, b, r, op="add", k=0.0, bound=True):
        c, rot, half = along(a, b)
        return self._row(field.CAPSULE, part, c, (r, r, half + r), rot, (r, half), 0, op, k, bound)

    def torus(self, part, c, big, small, rot=None, angle=180.0, op="add", k=0.0, bound=True):
        half = (big + small, big + small, small)
        return self._row(field.TORUS, part, c, half, rot, (big, small, np.radians(angle)), 0, op, k, bound)

    def star(self, part, c, n, outer, inner, thick, rot=X90, r=0.006, op="add", k=0.0, bound=True):
        """Star or, with inner = outer * cos(pi / n), a regular polygon; standing upright, seen from the front."""
        return self._row(field.STAR, part, c, (outer, outer, thick / 2), rot, (n, outer, inner, thick / 2), r, op, k, bound)

    def frust(self, part, c, n, r1, r2, h, rot=None, r=0.006, op="add", k=0.0, bound=True):
        big = max(r1, r2) / (np.cos(np.pi / n) if n != 4 else 1.0)
        r = min(r, max(min(r1, r2), 0.0) * 0.9)
        return self._row(field.FRUSTUM, part, c, (big, big, h / 2), rot, (n, r1, r2, h / 2), r, op, k, bound)

    def roof(self, part, c, base, height, length, rot=None, r=0.006, op="add", k=0.0, bound=True):
        half = (base / 2, length / 2, height / 2)
        return self._row(field.ROOF, part, c, half, rot, (base / 2, height / 2, length / 2), r, op, k, bound)

    def heart(self, part, c, size, thick, op="add", k=0.0, bound=True):
        half = (0.62 * size, thick / 2, 0.62 * size)
        return self._row(field.HEART, part, c, half, None, (size, thick / 2), 0.01, op, k, bound)

    def plane(self, c, normal, op="inter"):
        """Keep the side that `normal` points away from (inter), or remove it (cut)."""
        n = np.asarray(normal, float)
        _, rot, _ = along((0, 0, 0), n)
        part = self.parts[-1] if self.parts else "main"
        return self._row(field.PLANE, part, c, (0, 0, 0), rot, (), 0, op, 0.0, False)

    def dome(self, part, c, radii):
        """Upper half of an ellipsoid, as a group of its own."""
        self.group().ell(part, c, radii, bound=False)
        self.low = np.minimum(self.low, np.asarray(c) - [radii[0], radii[1], 0])
        self.high = np.maximum(self.high, np.asarray(c) + np.asarray(radii))
        self.plane(c, (0, 0, -1))
        return self.group()

    def table(self, extent: float) -> np.ndarray:
        """The primitives [P, 23], centred and scaled so that the longest side is `extent`; bulky things come out a
        little smaller, since their surface, hence the number of voxels, is largest."""
        t = np.array(self.rows, dtype=np.float64)
        size = self.high - self.low
        bulk = float(np.prod(size) / size.max() ** 3)
        scale = extent * (1 - 0.28 * bulk) / float(size.max())
        middle = (self.high + self.low) / 2
        t[:, 5:8] = (t[:, 5:8] - middle) * scale
        t[:, 4] *= scale
        for row in t:
            kind = int(row[0])
            lengths = {field.TORUS: (0, 1), field.STAR: (1, 2, 3, 5), field.FRUSTUM: (1, 2, 3, 5)}.get(kind, range(6))
            for j in lengths:
                row[17 + j] *= scale
        return t.astype(np.float32)
