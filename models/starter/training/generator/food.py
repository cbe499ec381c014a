"""Things to eat."""
import math

from .builder import X90, Builder, turn
from .registry import ANY, category


@category("apple", ("red", "green", "yellow", "golden", "lime", "pink"), {"leaf": ("green", "lime"), "stem": ("brown",)}, words=("tall", "wide", "big"), materials=("golden", "glass"))
def apple(b: Builder):
    b.group().ell("main", (0, 0, 0.3), (0.36 * b.w, 0.36, 0.32 * b.h))
    z = 0.3 + 0.32 * b.h
    b.ell("main", (0, 0, z + 0.05), (0.13, 0.13, 0.14), op="cut", bound=False)
    b.group().rod("stem", (0, 0, z - 0.13), (0.04, 0, z + 0.13), 0.034)
    b.ell("leaf", (0.15, 0, z + 0.08), (0.14, 0.065, 0.042), rot=turn("y", -22))


@category("pear", ("lime", "green", "yellow", "red", "golden"), {"leaf": ("green", "lime"), "stem": ("brown",)}, words=("tall", "wide", "short"))
def pear(b: Builder):
    b.ell("main", (0, 0, 0.26), (0.28 * b.w, 0.28, 0.27))
    b.ell("main", (0, 0, 0.5 * b.h + 0.02), (0.16, 0.16, 0.22), k=0.12)
    z = 0.5 * b.h + 0.22
    b.rod("stem", (0, 0, z - 0.03), (0.03, 0, z + 0.14), 0.034)
    b.ell("leaf", (0.13, 0, z + 0.07), (0.13, 0.065, 0.042), rot=turn("y", -22))


@category("banana", ("yellow", "lime", "green", "brown"), {"tips": ("brown", "black", "green")}, words=("long", "thick", "thin"))
def banana(b: Builder):
    b.group().torus("main", (0, 0, 0.36), 0.4, 0.085 * max(b.w, 0.85), rot=X90 @ turn("z", 180), angle=56)
    for s in (-1, 1):
        a = math.radians(56)
        b.ball("tips", (s * 0.4 * math.sin(a), 0, 0.36 - 0.4 * math.cos(a)), 0.12, op="paint")
    p = (0.4 * math.sin(a) + 0.015, 0, 0.36 - 0.4 * math.cos(a) + 0.05)
    b.group().rod("tips", p, (p[0] + 0.06, 0, p[2] + 0.11), 0.045)


@category("carrot", ("orange", "purple", "yellow", "red"), {"leaves": ("green", "lime")}, words=("long", "thick", "thin", "short"))
def carrot(b: Builder):
    h = 0.58 * b.h
    b.cyl("main", (0, 0, h / 2), 0.03, h, r2=0.14 * b.w, round=0.03)
    b.ell("main", (0, 0, h - 0.02), (0.13 * b.w, 0.13 * b.w, 0.065))
    for i in range(5):
        a = 72 * i
        m = turn("z", a) @ turn("y", 26 if i else 0)
        b.ell("leaves", m @ [0, 0, 0.13] + [0, 0, h], (0.05, 0.05, 0.17), rot=m)


@category("pumpkin", ("orange", "white", "green", "yellow", "purple"), {"face": ("black", "yellow", "same"), "stem": ("brown", "green")}, syn=("jack-o-lantern",), words=("tall", "wide", "short", "big"))
def pumpkin(b: Builder):
    b.group()
    for i in range(8):
        a = math.pi / 4 * i
        b.ell("main", (0.15 * b.w * math.cos(a), 0.15 * math.sin(a), 0), (0.25 * b.w, 0.25, 0.29 * b.h), k=0.01)
    for s in (-1, 1):
        b.roof("face", (s * 0.14, -0.4, 0.09), 0.15, 0.13, 0.5, op="paint", bound=False)
    b.box("face", (0, -0.4, -0.11), (0.3, 0.5, 0.085), 0, op="paint", bound=False)
    b.group().rod("stem", (0, 0, 0.2 * b.h), (0.03, 0, 0.3 * b.h + 0.12), 0.062, 0.045)


@category("donut", ("pink", "brown", "white", "blue", "yellow", "purple"), {"dough": ("beige", "brown", "orange"), "sprinkles": ("white", "yellow", "red", "lime")}, syn=("doughnut",), words=("thick", "thin", "big"))
def donut(b: Builder):
    t = 0.135 * max(b.w, 0.85)
    m = turn("x", 55)
    b.group().torus("dough", (0, 0, 0), 0.28, t, rot=m)
    b.box("main", m @ [0, 0, 0.14], (2, 2, 0.26), 0, rot=m, op="paint", bound=False)
    for i in range(9):
        a = 0.7 * i
        q = 0.28 + 0.055 * (-1) ** i
        b.ball("sprinkles", m @ [q * math.cos(a), q * math.sin(a), t * 0.93], 0.042, op="paint", bound=False)
    b.group()


@category("ice cream", ("pink", "white", "brown", "green", "yellow", "blue", "purple"), {"cone": ("beige", "orange", "brown"), "cherry": ("red",)}, syn=("ice cream cone",), words=("tall", "short", "big", "wide"))
def ice_cream(b: Builder):
    h, r = 0.46 * b.h, 0.2 * b.w
    b.cyl("cone", (0, 0, h / 2), 0.02, h, r2=r)
    b.torus("cone", (0, 0, h), r * 0.92, 0.036)
    b.ball("main", (0, 0, h + 0.13), r + 0.02)
    if b.chance(0.5):
        b.ball("main", (0, 0, h + 0.13 + r * 1.2), r * 0.85)
        b.ball("cherry", (0, 0, h + 0.15 + r * 2.1), 0.065)
    else:
        b.ball("cherry", (0, 0, h + 0.17 + r), 0.07)


@category("cake", ("white", "pink", "brown", "yellow", "blue", "purple"), {"icing": ("white", "pink", "brown", "red"), "candles": ("red", "blue", "yellow", "white")}, {"flames": "orange"}, syn=("birthday cake",), words=("tall", "wide", "short"))
def cake(b: Builder):
    r, h = 0.38 * b.w, 0.28 * b.h
    b.cyl("main", (0, 0, h / 2), r, h, round=0.02)
    b.cyl("icing", (0, 0, h), r + 0.025, 0.1, round=0.03)
    n = b.pick([3, 4, 5])
    for i in range(n):
        a = 2 * math.pi * i / n + 0.4
        x, y = r * 0.55 * math.cos(a), r * 0.55 * math.sin(a)
        b.cyl("candles", (x, y, h + 0.13), 0.034, 0.2)
        b.ell("flames", (x, y, h + 0.26), (0.036, 0.036, 0.058))


@category("cupcake", ("pink", "white", "brown", "yellow", "blue", "green", "purple"), {"cup": ("beige", "brown", "blue", "red"), "cherry": ("red",)}, syn=("muffin",), words=("tall", "wide", "short"))
def cupcake(b: Builder):
    r, h = 0.24 * b.w, 0.28 * b.h
    b.frust("cup", (0, 0, h / 2), 12, r * 0.74, r, h)
    for i, wide in enumerate((1.12, 0.86, 0.55)):
        b.ell("main", (0, 0, h + 0.02 + 0.1 * i), (r * wide, r * wide, 0.11))
    b.ball("cherry", (0, 0, h + 0.36), 0.075)


@category("burger", ("orange", "beige", "brown"), {"lettuce": ("green", "lime"), "cheese": ("yellow", "orange"), "patty": ("brown", "maroon")}, syn=("hamburger", "cheeseburger"), words=("tall", "wide", "short"))
def burger(b: Builder):
    r = 0.37 * b.w
    k = b.h
    b.cyl("main", (0, 0, 0.065 * k), r * 0.95, 0.13 * k, round=0.04)
    b.cyl("patty", (0, 0, 0.17 * k), r, 0.12 * k, round=0.03)
    b.box("cheese", (0, 0, 0.245 * k), (r * 1.62, r * 1.62, 0.055), 0.01, rot=turn("z", 25))
    b.cyl("lettuce", (0, 0, 0.29 * k), r + 0.045, 0.062, round=0.02)
    b.dome("main", (0, 0, 0.3 * k), (r * 0.98, r * 0.98, 0.25 * k))


@category("lollipop", ("red", *ANY), {"stick": ("white", "beige"), "swirl": ("white", "yellow", "same")}, words=("tall", "short", "big"))
def lollipop(b: Builder):
    r = 0.26 * b.w
    b.rod("stick", (0, 0, 0), (0, 0, 0.52 * b.h), 0.034)
    b.group().cyl("main", (0, 0, 0.5 * b.h + r), r, 0.11, rot=X90, round=0.03)
    b.torus("swirl", (0, 0, 0.5 * b.h + r), r * 0.58, 0.05, rot=X90, op="paint", bound=False)
    b.torus("swirl", (0, -0.06, 0.5 * b.h + r), r * 0.58, 0.05, rot=X90, op="paint", bound=False)
    b.torus("swirl", (0, 0.06, 0.5 * b.h + r), r * 0.58, 0.05, rot=X90, op="paint", bound=False)
    b.group()


@category("watermelon", ("red", "pink", "yellow"), {"rind": ("green", "lime"), "seeds": ("black", "brown")}, syn=("watermelon slice",), words=("thick", "thin", "big"))
def watermelon(b: Builder):
    r, t = 0.44, 0.2 * b.w
    b.group().cyl("rind", (0, 0, 0.2), r, t, rot=X90)
    b.cyl("main", (0, 0, 0.2), r - 0.075, 1, rot=X90, op="paint", bound=False)
    for x, z in ((-0.2, 0.07), (0, -0.08), (0.2, 0.07), (-0.08, 0.1), (0.1, 0.08)):
        b.ell("seeds", (x, 0, z), (0.034, 1, 0.045), op="paint", bound=False)
    b.plane((0, 0, 0.2), (0, 0, 1))
    b.high[2] = 0.2
    b.group()


@category("cheese", ("yellow", "orange", "beige"), {"holes": ("orange", "beige", "yellow")}, syn=("cheese wedge",), words=("tall", "wide", "thick", "thin"))
def cheese(b: Builder):
    h = 0.36 * b.h
    m = turn("y", 0)
    b.group().roof("main", (0, 0, 0), 0.66 * b.w, 0.84, h, rot=X90 @ turn("z", 0))
    for x, y, z in ((-0.16, 0.2, 0.2), (0.16, 0.1, 0.18), (0.0, 0.25, 0.2), (0.2, 0.3, -0.02), (-0.2, 0.1, 0.0), (0.08, -0.1, 0.1)):
        b.ball("holes", (x * b.w, -y, z * h / 0.36), 0.085, op="cut")
    b.group()
