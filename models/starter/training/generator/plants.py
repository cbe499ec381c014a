"""Plants."""
import math

from .builder import Builder, turn
from .registry import UPRIGHT, category

LEAF = ("green", "lime", "orange", "red", "yellow", "pink")


@category("tree", LEAF, {"trunk": ("brown", "wooden", "gray")}, syn=("oak", "oak tree"), words=UPRIGHT)
def tree(b: Builder):
    h, r = 0.42 * b.h, 0.25 * b.w
    b.cyl("trunk", (0, 0, h / 2), 0.075, h, r2=0.055)
    b.ball("main", (0, 0, h + 0.14), r)
    for i in range(4):
        a = math.pi / 2 * i + b.u(0, 1)
        b.ball("main", (r * 0.6 * math.cos(a), r * 0.6 * math.sin(a), h + b.u(0.04, 0.16)), r * b.u(0.62, 0.78), k=0.03)


@category("pine tree", ("green", "turquoise", "lime", "white", "blue"), {"trunk": ("brown", "wooden")}, syn=("pine", "fir tree", "christmas tree"), words=UPRIGHT)
def pine(b: Builder):
    h, r, n = 0.78 * b.h, 0.3 * b.w, 3
    b.cyl("trunk", (0, 0, 0.1), 0.065, 0.24)
    for i in range(n):
        s = 1 - 0.24 * i
        b.cyl("main", (0, 0, 0.18 + h * (0.2 + 0.26 * i)), r * s, h * 0.4, r2=0.012)


@category("palm tree", ("green", "lime", "yellow", "turquoise"), {"trunk": ("brown", "wooden", "beige"), "coconuts": ("brown", "orange")}, syn=("palm",), words=("tall", "short", "thin"))
def palm(b: Builder):
    h = 0.62 * b.h
    for i in range(3):
        b.cap("trunk", (0.05 * i * i / 2, 0, h * i / 3), (0.05 * (i + 1) ** 2 / 2, 0, h * (i + 1) / 3), 0.055 - 0.006 * i)
    top = 0.225
    for i in range(6):
        a = 60 * i + b.u(-8, 8)
        m = turn("z", a)
        b.ell("main", m @ [0.16, 0, 0.04] + [top, 0, h], (0.17, 0.075, 0.04), rot=m @ turn("y", -8))
        b.ell("main", m @ [0.31, 0, -0.015] + [top, 0, h], (0.11, 0.06, 0.038), rot=m @ turn("y", 42))
    for i in range(3):
        a = 2.1 * i
        b.ball("coconuts", (top + 0.075 * math.cos(a), 0.075 * math.sin(a), h - 0.045), 0.06)


@category("bush", LEAF, {"berries": ("red", "white", "pink", "purple")}, syn=("shrub",), words=("tall", "wide", "short"))
def bush(b: Builder):
    r = 0.27
    b.group().ell("main", (0, 0, 0.24 * b.h), (r * b.w, r, 0.24 * b.h))
    for i in range(5):
        a = 1.257 * i + b.u(0, 0.5)
        b.ball("main", (r * b.w * 0.75 * math.cos(a), r * 0.75 * math.sin(a), b.u(0.13, 0.22)), b.u(0.14, 0.18), k=0.03)
    for i in range(8):
        a, z = 0.8 * i, b.u(0.15, 0.4)
        b.ball("berries", (0.34 * b.w * math.cos(a) * (1 - z * 0.8), 0.34 * math.sin(a) * (1 - z * 0.8), z * b.h), 0.062, bound=False)
    b.group()


@category("mushroom", ("red", "brown", "orange", "purple", "blue", "white", "pink", "yellow"), {"stem": ("white", "beige"), "spots": ("same", "white")}, syn=("toadstool",), words=UPRIGHT)
def mushroom(b: Builder):
    r, h = 0.36 * b.w, 0.42 * b.h
    b.cyl("stem", (0, 0, h / 2), 0.13, h, r2=0.1, round=0.03)
    b.group().ell("main", (0, 0, h - 0.02), (r, r, 0.3 * b.h), bound=False)
    for i in range(7):
        a, z = 0.9 * i * 2.4, 0.12 + 0.025 * i
        s = math.sqrt(max(0, 1 - (z / 0.3) ** 2)) * r
        b.ball("spots", (s * math.cos(a), s * math.sin(a), h - 0.02 + z * b.h), 0.075, op="paint")
    b.plane((0, 0, h - 0.02), (0, 0, -1))
    b.low, b.high = b.low.clip(max=[-r, -r, 0]), b.high.clip(min=[r, r, h - 0.02 + 0.3 * b.h])
    b.group()


@category("cactus", ("green", "lime", "turquoise"), {"pot": ("orange", "brown", "white", "red"), "flower": ("pink", "red", "yellow")}, words=("tall", "short", "thick", "thin"))
def cactus(b: Builder):
    r, h = 0.085 * b.w, 0.6 * b.h
    b.cyl("pot", (0, 0, 0.11), 0.13, 0.22, r2=0.18)
    b.cap("main", (0, 0, 0.15), (0, 0, 0.22 + h), r + 0.02)
    for s, z in ((-1, 0.4), (1, 0.55)):
        x = s * (0.2 + b.u(0, 0.03))
        z *= 1.1 * h + 0.1
        z += 0.12
        b.cap("main", (0, 0, z), (x, 0, z), r * 0.75)
        b.cap("main", (x, 0, z), (x, 0, z + 0.16 * b.h), r * 0.75)
    b.ball("flower", (0, 0, 0.24 + h + r), 0.06)


@category("flower", ("red", "yellow", "pink", "purple", "white", "blue", "orange"), {"center": ("yellow", "brown", "orange"), "stem": ("green",)}, syn=("daisy", "sunflower"), words=("tall", "short", "big"))
def flower(b: Builder):
    h, n = 0.5 * b.h, b.pick([5, 6, 7])
    b.rod("stem", (0, 0.03, 0), (0, 0.03, h + 0.03), 0.034)
    m = turn("x", 72)
    for i in range(n):
        t = m @ turn("z", 360 * i / n)
        b.ell("main", t @ [0.15 * b.w, 0, 0] + [0, 0, h + 0.1], (0.12 * b.w, 0.085, 0.04), rot=t)
    b.ell("center", (0, -0.02, h + 0.1), (0.085, 0.085, 0.06), rot=m)
    for s in (-1, 1):
        b.ell("stem", (s * 0.1, 0.03, h * 0.4), (0.12, 0.05, 0.04), rot=turn("y", -s * 35))
