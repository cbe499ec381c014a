"""Tools, weapons, vessels and containers."""
import math
from .builder import X90, Y90, Builder, turn
from .registry import ANY, METAL, UPRIGHT, WOOD, category

BLADE = ("silver", "gray", "golden", "blue", "black", "red", "turquoise")
GRIP = ("brown", "wooden", "black", "red")


@category("treasure chest", (*WOOD, *ANY), {"bands": ("golden", "silver", "black", "metal"), "lock": ("golden", "silver")}, syn=("chest",), words=("wide", "long", "tall", "short"), materials=("wooden", "golden", "metal", "stone"))
def chest(b: Builder):
    w, d, h = 0.76 * b.w, 0.46 * b.d, 0.3 * b.h
    b.group().box("main", (0, 0, h / 2), (w, d, h), 0.01)
    b.cyl("main", (0, 0, h), d / 2, w, rot=Y90)
    b.group()
    for x in (-0.3, 0.3):
        b.box("bands", (x * w, 0, h / 2), (0.085, d + 0.05, h + 0.01), 0.01)
        b.group().cyl("bands", (x * w, 0, h), d / 2 + 0.025, 0.085, rot=Y90)
        b.group()
    b.box("lock", (0, -d / 2 - 0.01, h - 0.02), (0.13, 0.075, 0.14), 0.01)
    b.group().box("bands", (0, 0, h), (w + 0.03, d + 0.03, 0.055), 0.005)


@category("mug", ANY, {"handle": ("same", "black", "white", "yellow")}, syn=("cup", "coffee cup"), materials=("golden", "wooden", "glass", "metal"))
def mug(b: Builder):
    r, h = 0.29 * b.w, 0.58 * b.h
    b.cyl("main", (0, 0, h / 2), r, h, round=0.02)
    b.cyl("main", (0, 0, h / 2 + 0.07), r - 0.06, h, op="cut")
    b.group().torus("handle", (r - 0.01, 0, h / 2), min(0.17, h * 0.33), 0.042, rot=X90 @ turn("z", -90), angle=105)


@category("bottle", ("green", "glass", *ANY), {"cap": ("same", "red", "black", "white"), "label": ("white", "yellow", "beige", "red")}, materials=("glass", "golden"))
def bottle(b: Builder):
    r, h = 0.17 * b.w, 0.5 * b.h
    b.cyl("main", (0, 0, h / 2), r, h, round=0.03)
    b.cyl("main", (0, 0, h + 0.06), r * 0.97, 0.16, r2=0.065)
    b.cyl("main", (0, 0, h + 0.2), 0.065, 0.18)
    b.cyl("cap", (0, 0, h + 0.31), 0.075, 0.1)
    b.cyl("label", (0, 0, h * 0.5), r + 0.01, h * 0.45)


@category("sword", BLADE, {"handle": GRIP, "guard": ("golden", "silver", "black")}, words=("long", "short", "wide", "thin"), materials=("golden", "silver", "wooden", "metal", "glass", "copper"))
def sword(b: Builder):
    long = {"long": 0.78, "short": 0.46}.get(b.word or "", 0.62) * b.u(0.95, 1.05) * (1.15 if b.h > 1.1 else 1) * (1.15 if b.d > 1.2 else 1)
    w = 0.1 * b.w
    b.group().box("main", (0, 0, 0.26 + long / 2), (w, 0.06, long), 0.02)
    b.frust("main", (0, 0, 0.26 + long + 0.05), 4, w * 0.5, 0.01, 0.12, bound=False)
    b.box("main", (0, 0, 0.3 + long / 2), (1, 0.062, 2), 0, op="inter")
    b.high = b.high.clip(min=[0, 0, 0.37 + long])
    b.group().box("guard", (0, 0, 0.25), (0.32 * b.w, 0.085, 0.07), 0.02)
    b.cyl("handle", (0, 0, 0.14), 0.04, 0.2)
    b.ball("guard", (0, 0, 0.03), 0.058)


@category("dagger", BLADE, {"handle": GRIP, "guard": ("golden", "silver", "same")}, syn=("knife",), words=("long", "wide", "thin"), materials=("golden", "silver", "metal", "glass"))
def dagger(b: Builder):
    h = 0.34 * b.h
    w = 0.16 * b.w
    b.group().roof("main", (0, 0, 0.3 + h / 2), w, h, 0.065)
    b.box("main", (0, 0, 0.34), (w, 0.065, 0.1))
    b.group().box("guard", (0, 0, 0.28), (0.27, 0.1, 0.065), 0.02)
    b.cyl("handle", (0, 0, 0.14), 0.055, 0.27)
    b.ball("guard", (0, 0, 0.01), 0.068)


@category("shield", ANY, {"rim": ("golden", "silver", "black", "brown"), "emblem": ("golden", "white", "red", "yellow")}, variants=("round",), words=("tall", "wide", "short"), materials=("wooden", "golden", "metal", "silver"))
def shield(b: Builder):
    if b.says("round", 0.35):
        r = 0.42 * b.w
        b.cyl("main", (0, 0, 0), r, 0.1, rot=X90, round=0.02)
        b.torus("rim", (0, 0, 0), r, 0.045, rot=X90)
        b.ell("emblem", (0, -0.05, 0), (0.13, 0.075, 0.13))
        return
    w, h = 0.33 * b.w, 0.42 * b.h

    def outline(part, w, h, depth, y):
        b.group().box(part, (0, y, 0.1 * h), (2 * w, depth, 0.9 * h), 0.01)
        b.ell(part, (0, y, -0.2 * h), (w, 0.8, 0.95 * h), bound=False)
        b.box(part, (0, y, -0.2), (2 * w, depth, 4 * h), 0.0, op="inter")
        b.low = b.low.clip(max=[-w, -0.05, -1.15 * h])
        b.plane((0, 0, 0.55 * h), (0, 0, 1))

    outline("rim", w, h, 0.085, 0.01)
    outline("main", w - 0.055, h - 0.055, 0.12, 0.0)
    b.group().box("emblem", (0, -0.055, 0.0), (0.075, 0.06, h * 0.85), 0.01)
    b.box("emblem", (0, -0.055, 0.1), (w, 0.06, 0.075), 0.01)


@category("axe", ("silver", *METAL, *ANY), {"handle": ("wooden", "brown", "black")}, syn=("hatchet",), words=("tall", "short", "wide", "big"), materials=("golden", "metal", "stone", "copper"))
def axe(b: Builder):
    h = 0.84 * b.h
    b.cyl("handle", (0, 0, h / 2), 0.04, h)
    z = h - 0.17
    b.group().cyl("main", (-0.02, 0, z), 0.25 * b.w, 0.075, rot=X90, bound=False)
    b.box("main", (0.25, 0, z), (0.5, 0.3, 0.34), 0, op="inter")
    b.cyl("main", (0.13, 0, z + 0.27), 0.16, 0.2, rot=X90, op="cut")
    b.cyl("main", (0.13, 0, z - 0.27), 0.16, 0.2, rot=X90, op="cut")
    b.high = b.high.clip(min=[0.24 * b.w, 0.04, z])
    b.group().box("main", (-0.02, 0, z), (0.17, 0.11, 0.16), 0.01)


@category("hammer", (*METAL, *ANY), {"handle": ("wooden", "brown", "black", "red")}, syn=("mallet",), words=("tall", "short", "big"), materials=("wooden", "golden", "metal", "stone"))
def hammer(b: Builder):
    h = 0.74 * b.h
    b.cyl("handle", (0, 0, h / 2), 0.045, h)
    b.box("main", (0, 0, h), (0.5 * b.w, 0.18, 0.19), 0.025)


@category("pickaxe", (*METAL, *ANY), {"handle": ("wooden", "brown", "black")}, syn=("pick",), words=("tall", "short", "wide"), materials=("golden", "metal", "stone"))
def pickaxe(b: Builder):
    h = 0.8 * b.h
    b.cyl("handle", (0, 0, h / 2), 0.042, h + 0.05)
    r = 0.4
    b.group().torus("main", (0, 0, h - r), r, 0.05, rot=X90, angle=52 * min(b.w, 1.2))
    b.box("main", (0, 0, h), (0.13, 0.12, 0.13), 0.015)
    b.group()


@category("shovel", (*METAL, *ANY), {"handle": ("wooden", "brown", "red", "black")}, syn=("spade",), words=("tall", "short", "wide"), materials=("metal", "golden"))
def shovel(b: Builder):
    h = 0.62 * b.h
    b.rod("handle", (0, 0, 0.24), (0, 0, 0.3 + h), 0.036)
    b.rod("handle", (-0.1, 0, 0.3 + h), (0.1, 0, 0.3 + h), 0.038)
    b.box("main", (0, 0, 0.24), (0.27 * b.w, 0.06, 0.2), 0.015)
    b.roof("main", (0, 0, 0.075), 0.27 * b.w, 0.15, 0.06, rot=turn("y", 180))
    b.cyl("main", (0, 0, 0.36), 0.052, 0.13)


@category("key", ("golden", "silver", *ANY), {"head": ("same", "red", "blue", "silver")}, words=("long", "short", "thick", "thin"), materials=("golden", "silver", "metal", "copper"))
def key(b: Builder):
    l = 0.46 * b.h * (1.2 if b.d > 1.2 else 1)
    r = 0.15 * b.w
    b.rod("main", (0, 0, 0), (0, 0, l + 0.02), 0.042)
    b.torus("head", (0, 0, l + r), r, 0.046, rot=X90)
    b.box("main", (0.09, 0, 0.04), (0.17, 0.062, 0.065), 0.005)
    b.box("main", (0.075, 0, 0.16), (0.13, 0.062, 0.065), 0.005)


@category("padlock", ("golden", *METAL, *ANY), {"shackle": ("silver", "metal", "gray"), "keyhole": ("black",)}, syn=("lock",), words=("tall", "wide", "short"), materials=("golden", "silver", "metal"))
def padlock(b: Builder):
    w, h = 0.52 * b.w, 0.4 * b.h
    b.box("main", (0, 0, h / 2), (w, 0.22, h), 0.03)
    r = w * 0.32
    b.torus("shackle", (0, 0, h + 0.1), r, 0.052, rot=X90, angle=90)
    for s in (-1, 1):
        b.rod("shackle", (s * r, 0, h - 0.06), (s * r, 0, h + 0.11), 0.052)
    b.cyl("keyhole", (0, -0.1, h * 0.58), 0.058, 0.06, rot=X90)
    b.box("keyhole", (0, -0.1, h * 0.4), (0.055, 0.06, 0.17), 0.005)


@category("barrel", (*WOOD, *ANY), {"bands": ("gray", "metal", "black", "golden")}, syn=("keg", "cask"), materials=("wooden", "metal"))
def barrel(b: Builder):
    r, h = 0.3 * b.w, 0.76 * b.h
    b.group().ell("main", (0, 0, h / 2), (r, r, h * 0.85), bound=False)
    b.box("main", (0, 0, h / 2), (2 * r, 2 * r, h), 0.0, op="inter")
    b.low, b.high = b.low.clip(max=[-r, -r, 0]), b.high.clip(min=[r, r, h])
    for z in (0.18, 0.82):
        b.group().cyl("bands", (0, 0, h * z), r * 0.955, 0.075)
    b.group().cyl("bands", (0, 0, h), r * 0.6, 0.02)


@category("crate", (*WOOD, *ANY), {"frame": ("same", "brown", "beige", "metal")}, syn=("box", "wooden box"), words=("tall", "wide", "long", "short"), materials=("wooden", "metal"))
def crate(b: Builder):
    s = 0.6
    w, d, h = s * b.w, s * b.d, s * b.h
    b.box("main", (0, 0, h / 2), (w - 0.04, d - 0.04, h - 0.04))
    t = 0.085
    for x in (-1, 1):
        for y in (-1, 1):
            b.box("frame", (x * (w - t) / 2, y * (d - t) / 2, h / 2), (t, t, h))
        for z in (0, 1):
            b.box("frame", (x * (w - t) / 2, 0, t / 2 + z * (h - t)), (t, d, t))
            b.box("frame", (0, x * (d - t) / 2, t / 2 + z * (h - t)), (w, t, t))
    a = math.degrees(math.atan2(h, w))
    b.box("frame", (0, 0, h / 2), (math.hypot(w, h) - 0.14, d, 0.07), rot=turn("y", -a))


@category("gift box", ANY, {"ribbon": ("red", "golden", "white", "yellow", "green")}, syn=("present", "gift"), words=("tall", "wide", "short"))
def gift(b: Builder):
    w, h = 0.56 * b.w, 0.46 * b.h
    b.box("main", (0, 0, h / 2), (w, w, h), 0.01)
    b.box("main", (0, 0, h), (w + 0.06, w + 0.06, 0.11), 0.01)
    b.box("ribbon", (0, 0, h / 2 + 0.03), (0.11, w + 0.09, h + 0.09), 0.005)
    b.box("ribbon", (0, 0, h / 2 + 0.03), (w + 0.09, 0.11, h + 0.09), 0.005)
    for s in (-1, 1):
        b.torus("ribbon", (s * 0.1, 0, h + 0.14), 0.085, 0.036, rot=X90)


@category("bucket", ("gray", "silver", *ANY), {"handle": ("same", "black", "golden")}, syn=("pail",), materials=("wooden", "metal", "silver", "golden"))
def bucket(b: Builder):
    r, h = 0.26 * b.w, 0.5 * b.h
    b.cyl("main", (0, 0, h / 2), r * 0.78, h, r2=r + 0.02)
    b.cyl("main", (0, 0, h / 2 + 0.08), r * 0.7, h, r2=r - 0.03, op="cut")
    b.group().torus("handle", (0, 0, h - 0.02), r + 0.01, 0.03, rot=X90, angle=95)


@category("basket", ("beige", *WOOD, *ANY), {"handle": ("same", "brown", "white")}, words=("wide", "tall", "short", "long"))
def basket(b: Builder):
    r, h = 0.36 * b.w, 0.32 * b.h
    b.cyl("main", (0, 0, h / 2), r * 0.8, h, r2=r)
    b.cyl("main", (0, 0, h / 2 + 0.08), r * 0.72, h, r2=r - 0.06, op="cut")
    b.group().torus("main", (0, 0, h), r - 0.02, 0.045)
    b.torus("main", (0, 0, h * 0.45), r * 0.87, 0.036)
    b.torus("handle", (0, 0, h), r - 0.02, 0.036, rot=X90, angle=90)


@category("bowl", ANY, {"rim": ("same", "white", "golden", "blue")}, words=("wide", "tall", "short"), materials=("wooden", "golden", "glass", "silver"))
def bowl(b: Builder):
    r, h = 0.42 * b.w, 0.32 * b.h
    b.group().ell("main", (0, 0, h + 0.04), (r, r, h), bound=False)
    b.ell("main", (0, 0, h + 0.06), (r - 0.06, r - 0.06, h - 0.04), op="cut")
    b.plane((0, 0, h + 0.04), (0, 0, 1))
    b.low, b.high = b.low.clip(max=[-r, -r, 0]), b.high.clip(min=[r, r, h + 0.04])
    b.group().cyl("main", (0, 0, 0.045), r * 0.45, 0.09)
    b.torus("rim", (0, 0, h + 0.03), r - 0.028, 0.034)


@category("vase", ("blue", *ANY), {"stripe": ("same", "white", "golden", "yellow")}, syn=("urn",), materials=("golden", "glass", "stone"))
def vase(b: Builder):
    r, h = 0.24 * b.w, 0.6 * b.h
    b.group().cyl("main", (0, 0, 0.03), r * 0.55, 0.07)
    b.ell("main", (0, 0, h * 0.42), (r, r, h * 0.42))
    b.cyl("main", (0, 0, h * 0.85), r * 0.45, h * 0.35, k=0.04)
    b.cyl("main", (0, 0, h * 1.05), r * 0.45, h * 0.12, r2=r * 0.75)
    b.box("stripe", (0, 0, h * 0.42), (1, 1, h * 0.17), 0, op="paint", bound=False)
    b.cyl("main", (0, 0, h), r * 0.27, h * 0.5, op="cut", bound=False)
    b.group()


@category("flower pot", ("orange", "brown", *ANY), {"plant": ("green", "lime"), "flowers": ("red", "pink", "yellow", "white", "purple")}, syn=("potted plant", "plant pot"), words=("tall", "short", "wide"))
def flower_pot(b: Builder):
    r, h = 0.23 * b.w, 0.32 * b.h
    b.cyl("main", (0, 0, h / 2), r * 0.72, h, r2=r)
    b.cyl("main", (0, 0, h), r + 0.04, 0.09, round=0.015)
    for i in range(3):
        a = 2.1 * i + 0.4
        x, y, z = 0.16 * math.cos(a), 0.16 * math.sin(a), h + 0.28 + 0.07 * (i % 2)
        b.rod("plant", (x * 0.3, y * 0.3, h), (x, y, z), 0.028)
        b.ell("plant", (x * 1.25, y * 1.25, h + 0.14), (0.13, 0.06, 0.04), rot=turn("z", math.degrees(a)) @ turn("y", -25))
        b.ball("flowers", (x, y, z), 0.095)


@category("teapot", ANY, {"lid": ("same", "white", "golden"), "spout": ("same", "white", "black")}, words=("tall", "wide", "short"), materials=("golden", "silver", "copper"))
def teapot(b: Builder):
    r, h = 0.26 * b.w, 0.24 * b.h
    b.ell("main", (0, 0, h), (r, 0.26, h))
    b.cyl("main", (0, 0, 0.03), r * 0.6, 0.07)
    b.ell("lid", (0, 0, 2 * h - 0.05), (r * 0.55, 0.14, 0.075))
    b.ball("lid", (0, 0, 2 * h + 0.05), 0.05)
    b.rod("spout", (-r * 0.7, 0, h * 0.8), (-r - 0.18, 0, h * 1.75), 0.075, 0.042)
    b.torus("main", (r + 0.0, 0, h * 1.05), 0.14, 0.036, rot=X90 @ turn("z", -90), angle=105)


@category("cauldron", ("black", "gray", "metal", "navy", "brown"), {"potion": ("green", "lime", "purple", "blue", "red")}, syn=("witch cauldron",), words=("wide", "tall", "short"), materials=("metal", "golden", "copper"))
def cauldron(b: Builder):
    r = 0.34 * b.w
    h = 0.32 * b.h
    b.group().ell("main", (0, 0, h + 0.06), (r, r, h))
    b.plane((0, 0, 1.7 * h + 0.02), (0, 0, 1))
    b.group().cyl("potion", (0, 0, 1.7 * h - 0.01), r * 0.75, 0.08)
    b.torus("main", (0, 0, 1.7 * h + 0.03), r * 0.8, 0.055)
    for i in range(3):
        a = 2.0944 * i + 0.5
        b.rod("main", (r * 0.5 * math.cos(a), r * 0.5 * math.sin(a), 0.14), (r * 0.65 * math.cos(a), r * 0.65 * math.sin(a), 0), 0.05)
    b.ball("potion", (0.08, -0.05, 1.7 * h + 0.05), 0.07)
    b.ball("potion", (-0.1, 0.04, 1.7 * h + 0.04), 0.055)
    for s in (-1, 1):
        b.torus("main", (s * (r + 0.01), 0, h * 1.25), 0.075, 0.03, rot=X90)


@category("potion", ("red", "blue", "green", "purple", "pink", "yellow", "lime", "turquoise", "orange"), {"cork": ("brown", "wooden", "beige"), "neck": ("glass", "same")}, syn=("potion bottle", "flask"), words=("tall", "wide", "short"))
def potion(b: Builder):
    r = 0.29 * b.w
    b.group().ell("main", (0, 0, r * b.h), (r, r, r * b.h))
    b.plane((0, 0, 0.035), (0, 0, -1))
    z = 2 * r * b.h
    b.group().cyl("neck", (0, 0, z + 0.05), 0.09, 0.22)
    b.torus("neck", (0, 0, z + 0.15), 0.095, 0.036)
    b.cyl("cork", (0, 0, z + 0.22), 0.062, 0.14, r2=0.075)


@category("goblet", ("golden", "silver", *ANY), {"gem": ("red", "blue", "green"), "base": ("same", "silver", "black")}, syn=("chalice",), words=UPRIGHT, materials=("golden", "silver", "glass", "wooden"))
def goblet(b: Builder):
    r, h = 0.2 * b.w, 0.7 * b.h
    b.cyl("base", (0, 0, 0.03), r * 0.9, 0.06, round=0.02)
    b.cyl("base", (0, 0, h * 0.25), 0.045, h * 0.45)
    b.group().ell("main", (0, 0, h * 0.78), (r, r, h * 0.36), bound=True)
    b.plane((0, 0, h), (0, 0, 1))
    b.high[2] = h
    b.cyl("main", (0, 0, h), r - 0.05, h * 0.4, op="cut", bound=False)
    b.group().ball("gem", (0, -r * 0.98, h * 0.75), 0.05)


@category("trophy", ("golden", "silver", "copper"), {"base": ("black", "brown", "wooden", "white")}, syn=("trophy cup",), words=("tall", "short", "wide"), materials=("golden", "silver", "copper", "glass"))
def trophy(b: Builder):
    r, h = 0.2 * b.w, 0.72 * b.h
    b.box("base", (0, 0, 0.08), (0.34, 0.34, 0.16), 0.01)
    b.cyl("main", (0, 0, h * 0.33), 0.05, h * 0.35)
    b.cyl("main", (0, 0, h * 0.22), 0.12, 0.06)
    b.group().cyl("main", (0, 0, h * 0.76), 0.1, h * 0.44, r2=r + 0.03)
    b.cyl("main", (0, 0, h * 0.98), r - 0.04, h * 0.3, op="cut", bound=False)
    b.group()
    for s in (-1, 1):
        b.torus("main", (s * (r - 0.01), 0, h * 0.8), 0.12, 0.034, rot=X90 @ turn("z", -90 * s), angle=110)


@category("spoon", ("silver", *METAL, *ANY), {"handle": ("same", "wooden", "black", "red")}, words=("long", "short", "wide"), materials=("wooden", "silver", "golden"))
def spoon(b: Builder):
    l = 0.58 * b.h * (1.2 if b.d > 1.2 else 1)
    w = 0.14 * b.w
    b.group().ell("main", (0, 0.0, l + 0.14), (w, 0.07, 0.19))
    b.ell("main", (0, -0.07, l + 0.14), (w - 0.035, 0.075, 0.15), op="cut")
    b.group().box("handle", (0, 0.02, l / 2), (0.075, 0.06, l + 0.02), 0.02)


@category("fork", ("silver", *METAL, *ANY), {"handle": ("same", "wooden", "black", "red")}, words=("long", "short", "wide"), materials=("wooden", "silver", "golden"))
def fork(b: Builder):
    l = 0.48 * b.h * (1.2 if b.d > 1.2 else 1)
    w = 0.25 * b.w
    b.box("handle", (0, 0, l / 2), (0.075, 0.062, l + 0.02), 0.02)
    b.box("main", (0, 0, l + 0.04), (w, 0.062, 0.1), 0.02)
    for i in range(3):
        b.box("main", ((i - 1) * (w - 0.062) / 2, 0, l + 0.2), (0.062, 0.06, 0.27), 0.015)


@category("pencil", ("yellow", *ANY), {"eraser": ("pink", "red", "white")}, {"wood": "beige", "tip": "black", "band": "silver"}, words=("long", "short", "thick"))
def pencil(b: Builder):
    r, h = 0.075 * b.w, 0.6 * b.h * (1.2 if b.d > 1.2 else 1)
    b.frust("main", (0, 0, 0.2 + h / 2), 6, r, r, h)
    b.group().cyl("wood", (0, 0, 0.12), 0.012, 0.2, r2=r * 1.08)
    b.box("tip", (0, 0, 0.02), (1, 1, 0.12), 0, op="paint", bound=False)
    b.group().cyl("band", (0, 0, 0.2 + h + 0.03), r * 1.08, 0.08)
    b.cyl("eraser", (0, 0, 0.2 + h + 0.1), r, 0.1, round=0.02)


@category("paintbrush", ("wooden", *ANY), {"bristles": ("red", "blue", "green", "black", "beige")}, {"band": "silver"}, syn=("brush",), words=("long", "short", "wide"), materials=("wooden",))
def paintbrush(b: Builder):
    h = 0.5 * b.h
    b.cyl("main", (0, 0, h / 2), 0.036, h, r2=0.062)
    b.box("band", (0, 0, h + 0.04), (0.17 * b.w, 0.1, 0.14), 0.01)
    b.box("bristles", (0, 0, h + 0.2), (0.16 * b.w, 0.085, 0.24), 0.03)


@category("broom", ("yellow", "beige", *ANY), {"handle": ("wooden", "brown", "red", "black")}, syn=("broomstick",), words=("tall", "short", "wide"))
def broom(b: Builder):
    h = 0.66 * b.h
    b.cyl("handle", (0, 0, 0.24 + h / 2), 0.034, h)
    b.frust("main", (0, 0, 0.14), 4, 0.17 * b.w, 0.065, 0.28, r=0.01)
    b.cyl("handle", (0, 0, 0.28), 0.075, 0.06)


@category("anvil", ("gray", "black", "metal", "silver", "golden", "copper"), {"base": ("same", "wooden", "brown")}, words=("long", "wide", "tall", "short"), materials=("metal", "golden", "stone"))
def anvil(b: Builder):
    w = 0.46 * b.w
    b.box("base", (0, 0, 0.05), (0.5, 0.32, 0.1), 0.015)
    b.box("main", (0, 0, 0.2 * b.h), (0.25, 0.18, 0.28 * b.h), 0.02)
    b.box("main", (0.05, 0, 0.34 * b.h + 0.05), (w, 0.26, 0.16), 0.015)
    b.rod("main", (0.05 - w / 2 + 0.02, 0, 0.34 * b.h + 0.07), (-w / 2 - 0.2, 0, 0.34 * b.h + 0.09), 0.09, 0.02)


@category("anchor", ("gray", "navy", *METAL, *ANY), {"ring": ("same", "golden", "silver")}, words=("tall", "short", "wide"), materials=("metal", "golden", "silver"))
def anchor(b: Builder):
    h = 0.66 * b.h
    r = 0.3 * b.w
    b.rod("main", (0, 0, 0.04), (0, 0, h), 0.046)
    b.torus("ring", (0, 0, h + 0.08), 0.085, 0.036, rot=X90)
    b.rod("main", (-0.2, 0, h - 0.1), (0.2, 0, h - 0.1), 0.042)
    b.torus("main", (0, 0, 0.05 + r), r, 0.048, rot=X90 @ turn("z", 180), angle=82)
    for s in (-1, 1):
        b.frust("main", (s * r, 0, 0.05 + r + 0.03), 4, 0.1, 0.008, 0.15)


@category("magnet", ("red", "blue", "black", "green"), {"tips": ("silver", "white")}, syn=("horseshoe magnet",), words=("tall", "wide", "short"))
def magnet(b: Builder):
    r, h = 0.26 * b.w, 0.3 * b.h
    t = 0.085
    b.group().torus("main", (0, 0, 0), r, t, rot=X90 @ turn("z", 180), angle=90)
    for s in (-1, 1):
        b.rod("main", (s * r, 0, -0.01), (s * r, 0, h), t, round=0.01)
        b.box("tips", (s * r, 0, h), (0.3, 0.3, 0.26), 0, op="paint", bound=False)


@category("lantern", ("black", "golden", *ANY), {"light": ("yellow", "orange", "white")}, words=("tall", "short", "wide"), materials=("golden", "metal", "copper"))
def lantern(b: Builder):
    w, h = 0.32 * b.w, 0.4 * b.h
    b.box("main", (0, 0, 0.04), (w + 0.1, w + 0.1, 0.08), 0.015)
    b.box("light", (0, 0, 0.06 + h / 2), (w * 0.78, w * 0.78, h), 0.01)
    for x in (-1, 1):
        for y in (-1, 1):
            b.box("main", (x * w * 0.45, y * w * 0.45, 0.06 + h / 2), (0.06, 0.06, h))
    b.frust("main", (0, 0, h + 0.12), 4, w / 2 + 0.06, 0.06, 0.16)
    b.torus("main", (0, 0, h + 0.28), 0.095, 0.032, rot=X90)


@category("magic wand", ("black", "purple", "brown", "white", "pink", "blue"), {"star": ("yellow", "golden", "pink", "white")}, syn=("wand",), words=("long", "short", "thick"))
def wand(b: Builder):
    h = 0.6 * b.h
    b.rod("main", (0, 0, 0), (0, 0, h), 0.04 * max(b.w, 0.85))
    b.star("star", (0, 0, h + 0.13), 5, 0.21, 0.095, 0.085)

