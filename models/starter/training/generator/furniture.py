"""Furniture and other things of a room."""
from .builder import X90, Y90, Builder, turn
from .registry import ANY, METAL, UPRIGHT, WOOD, category

SOLID = ("wooden", "metal", "golden", "stone", "glass")


@category("chair", (*WOOD, *ANY), {"legs": ("same", "brown", "black", "metal")}, materials=("wooden", "metal", "golden"))
def chair(b: Builder):
    w, d, seat, back = 0.5 * b.w * b.u(0.9, 1.1), 0.48 * b.d, 0.42 * b.h * b.u(0.9, 1.1), 0.52 * b.h * b.u(0.85, 1.1)
    t = b.u(0.06, 0.08)
    b.box("main", (0, 0, seat), (w, d, t), 0.015)
    b.box("main", (0, d / 2 - t / 2, seat + back / 2), (w, t, back), 0.015)
    for x in (-1, 1):
        for y in (-1, 1):
            b.box("legs", (x * (w - t) / 2, y * (d - t) / 2, seat / 2 - 0.01), (t, t, seat), 0.01)


@category("stool", (*WOOD, *ANY), {"legs": ("same", "brown", "black", "metal")}, variants=("round", "square"), materials=SOLID)
def stool(b: Builder):
    w, h, t = 0.42 * b.w, 0.55 * b.h * b.u(0.9, 1.15), b.u(0.08, 0.11)
    if b.says("square", 0.3, ("round",)):
        b.box("main", (0, 0, h), (w, w, t), 0.02)
    else:
        b.cyl("main", (0, 0, h), w / 2, t, round=0.02)
    s = w * 0.28
    for x in (-1, 1):
        for y in (-1, 1):
            b.rod("legs", (x * s * 1.5, y * s * 1.5, 0), (x * s, y * s, h), 0.035)


@category("table", (*WOOD, *ANY), {"legs": ("same", "brown", "black", "white")}, syn=("desk",), variants=("round", "square"), materials=SOLID)
def table(b: Builder):
    w, d, h, t = 0.85 * b.w, 0.62 * b.d, 0.5 * b.h * b.u(0.9, 1.1), b.u(0.065, 0.085)
    if b.says("round", 0.3, ("square",)):
        r = (w + d) / 4
        b.cyl("main", (0, 0, h), r, t)
        s = r * 0.62
        spots = [(x * s, y * s) for x in (-1, 1) for y in (-1, 1)]
    else:
        if b.word == "square":
            d = w
        b.box("main", (0, 0, h), (w, d, t), 0.012)
        spots = [(x * (w / 2 - 0.06), y * (d / 2 - 0.06)) for x in (-1, 1) for y in (-1, 1)]
    g = b.u(0.06, 0.09)
    for x, y in spots:
        b.box("legs", (x, y, h / 2), (g, g, h), 0.01)


@category("lamp", ANY, {"base": ("golden", "black", "brown", "white")}, syn=("table lamp", "desk lamp"), materials=("golden", "silver"))
def lamp(b: Builder):
    r, h = 0.3 * b.w * b.u(0.9, 1.1), 0.85 * b.h
    s = b.u(0.34, 0.42) * h
    b.cyl("base", (0, 0, 0.035), r * 0.72, 0.07, round=0.02)
    b.cyl("base", (0, 0, h / 2 - s / 4), 0.035, h - s / 2)
    b.cyl("main", (0, 0, h - s / 2), r, s, r2=r * b.u(0.45, 0.65))


@category("bench", (*WOOD, *ANY), {"legs": ("black", "gray", "same")}, words=("wide", "tall", "short"), materials=("wooden", "stone", "metal"))
def bench(b: Builder):
    w, d, h = 0.95 * b.w, 0.34, 0.3 * b.h
    b.box("main", (0, 0, h), (w, d, 0.065))
    b.box("main", (0, d / 2, h + 0.2 * b.h), (w, 0.06, 0.17))
    for x in (-1, 1):
        b.box("legs", (x * w * 0.38, 0, h / 2), (0.075, d * 0.9, h))
        b.box("legs", (x * w * 0.38, d / 2 + 0.01, h + 0.11 * b.h), (0.075, 0.06, 0.3 * b.h))


@category("bed", ANY, {"frame": ("wooden", "brown", "white", "black"), "pillow": ("white", "beige")}, words=("wide", "narrow", "long", "short"))
def bed(b: Builder):
    w, l, h = 0.6 * b.w, 0.9 * b.d, 0.2 * b.h
    b.box("frame", (0, 0, h), (w, l, 0.09))
    b.box("frame", (0, l / 2, h * 1.5 + 0.06), (w + 0.03, 0.065, h * 2.2 + 0.14))
    b.box("frame", (0, -l / 2, h + 0.02), (w + 0.03, 0.065, h + 0.1))
    b.box("main", (0, -0.03, h + 0.1), (w * 0.97, l * 0.93, 0.14), 0.04)
    b.box("pillow", (0, l * 0.35, h + 0.19), (w * 0.7, l * 0.2, 0.1), 0.045)
    for x in (-1, 1):
        for y in (-1, 1):
            b.box("frame", (x * (w / 2 - 0.02), y * (l / 2 - 0.01), h / 2), (0.07, 0.07, h * 1.1))


@category("sofa", ANY, {"cushions": ("same", "white", "beige", "yellow")}, {"feet": "black"}, syn=("couch",), words=("wide", "narrow", "tall", "short"))
def sofa(b: Builder):
    w, d, h = 0.9 * b.w, 0.45 * b.d, 0.2 * b.h
    b.box("main", (0, 0, h / 2 + 0.04), (w, d, h), 0.03)
    b.box("main", (0, d / 2 - 0.06, h + 0.12), (w, 0.14, 0.36 * b.h), 0.05)
    for x in (-1, 1):
        b.box("main", (x * (w / 2 - 0.06), 0, h + 0.03), (0.13, d, 0.26 * b.h), 0.05)
        b.box("cushions", (x * w * 0.185, -0.05, h + 0.07), (w * 0.355, d * 0.72, 0.1), 0.035)
        for y in (-1, 1):
            b.box("feet", (x * w * 0.4, y * d * 0.36, 0.03), (0.07, 0.07, 0.08))


@category("armchair", ANY, {"cushion": ("same", "white", "beige", "red")}, words=UPRIGHT)
def armchair(b: Builder):
    w, d, h = 0.58 * b.w, 0.5 * b.d, 0.24 * b.h
    b.box("main", (0, 0, h / 2 + 0.03), (w, d, h), 0.03)
    b.box("main", (0, d / 2 - 0.07, h + 0.2 * b.h), (w, 0.15, 0.5 * b.h), 0.06)
    for x in (-1, 1):
        b.box("main", (x * (w / 2 - 0.06), -0.01, h + 0.05), (0.14, d, 0.3 * b.h), 0.06)
    b.box("cushion", (0, -0.05, h + 0.07), (w - 0.24, d * 0.8, 0.12), 0.04)


@category("shelf", (*WOOD, *ANY), {"books": ("red", "blue", "green", "yellow")}, syn=("bookshelf", "bookcase"), materials=("wooden", "metal"))
def shelf(b: Builder):
    w, d, h, t = 0.55 * b.w, 0.24, 0.9 * b.h, 0.055
    for x in (-1, 1):
        b.box("main", (x * (w - t) / 2, 0, h / 2), (t, d, h))
    n = b.pick([3, 4])
    for i in range(n + 1):
        b.box("main", (0, 0, t / 2 + i * (h - t) / n), (w, d, t))
    b.box("main", (0, d / 2 - 0.028, h / 2), (w, 0.055, h))
    for i in range(n):
        side = b.pick([-1, 1])
        bh, bw = (h / n - t) * b.u(0.6, 0.8), w * b.u(0.3, 0.6)
        b.box("books", (side * (w / 2 - t - bw / 2), 0.01, t / 2 + i * (h - t) / n + bh / 2 + t / 4), (bw, d * 0.75, bh), 0.004)


@category("cabinet", (*WOOD, *ANY), {"doors": ("same", "white", "beige")}, {"knob": "golden"}, syn=("cupboard", "wardrobe"), materials=("wooden", "metal"))
def cabinet(b: Builder):
    w, d, h = 0.56 * b.w, 0.34 * b.d, 0.8 * b.h
    b.box("main", (0, 0, h / 2 + 0.05), (w, d, h), 0.012)
    for x in (-1, 1):
        b.box("doors", (x * w * 0.235, -d / 2, h / 2 + 0.05), (w * 0.42, 0.055, h * 0.86), 0.01)
        b.ball("knob", (x * w * 0.09, -d / 2 - 0.045, h / 2 + 0.05), 0.03)
        for y in (-1, 1):
            b.box("main", (x * (w / 2 - 0.04), y * (d / 2 - 0.04), 0.04), (0.07, 0.07, 0.1))


@category("dresser", (*WOOD, *ANY), {"drawers": ("same", "white", "beige")}, {"knob": "golden"}, syn=("chest of drawers",), materials=("wooden",))
def dresser(b: Builder):
    w, d, h = 0.72 * b.w, 0.34 * b.d, 0.56 * b.h
    b.box("main", (0, 0, h / 2 + 0.05), (w, d, h), 0.012)
    b.box("main", (0, 0, h + 0.06), (w + 0.06, d + 0.05, 0.055))
    for i in range(3):
        z = 0.05 + h * (i + 0.5) / 3
        b.box("drawers", (0, -d / 2, z), (w * 0.9, 0.055, h / 3 - 0.04), 0.01)
        for x in (-1, 1):
            b.ball("knob", (x * w * 0.22, -d / 2 - 0.04, z), 0.03)
    for x in (-1, 1):
        for y in (-1, 1):
            b.box("main", (x * (w / 2 - 0.04), y * (d / 2 - 0.04), 0.03), (0.07, 0.07, 0.1))


@category("door", (*WOOD, *ANY), {"frame": ("white", "brown", "stone", "same"), "knob": ("golden", "silver")}, materials=("wooden", "metal"))
def door(b: Builder):
    w, h, t = 0.44 * b.w, 0.88 * b.h, 0.08
    b.box("main", (0, 0, h / 2), (w, t, h))
    b.box("frame", (0, 0, h + 0.03), (w + 0.15, 0.13, 0.075))
    for x in (-1, 1):
        b.box("frame", (x * (w / 2 + 0.035), 0, h / 2), (0.075, 0.13, h))
        for z in (0.27, 0.73):
            b.box("main", (0, -t / 2, h * z), (w * 0.68, 0.05, h * 0.34), 0.01)
    b.ball("knob", (w * 0.38, -t / 2 - 0.05, h * 0.5), 0.042)


@category("window", (*WOOD, *ANY), {"glass": ("glass", "blue")}, variants=("round", "arched"), materials=("wooden", "metal"))
def window(b: Builder):
    w, h, t = 0.6 * b.w, 0.72 * b.h, 0.085
    if b.says("round", 0.15, ("arched",)):
        r = 0.4
        b.cyl("glass", (0, 0, 0), r, 0.055, rot=X90)
        b.torus("main", (0, 0, 0), r, 0.05, rot=X90)
        b.box("main", (0, 0, 0), (2 * r, 0.075, 0.065))
        b.box("main", (0, 0, 0), (0.065, 0.075, 2 * r))
        return
    arch = b.says("arched", 0.25)
    b.box("glass", (0, 0, 0), (w, 0.055, h))
    for x in (-1, 0, 1):
        b.box("main", (x * w / 2, 0, 0), (0.07, t, h + 0.06))
    for z in (-1, 0, 1):
        b.box("main", (0, 0, z * h / 2), (w + 0.06, t, 0.07))
    b.box("main", (0, -0.03, -h / 2 - 0.03), (w + 0.16, 0.17, 0.065))
    if arch:
        b.cyl("glass", (0, 0, h / 2), w / 2, 0.055, rot=X90, bound=True)
        b.torus("main", (0, 0, h / 2), w / 2, 0.042, rot=X90, angle=90)
        b.box("main", (0, 0, h / 2 + w / 4), (0.065, t, w / 2))


@category("clock", (*ANY, "wooden", "golden"), {"face": ("white", "beige", "black")}, {"hands": "red"}, variants=("round", "square"), materials=("golden", "wooden", "silver"))
def clock(b: Builder):
    r = 0.42
    if b.says("square", 0.2, ("round",)):
        b.box("main", (0, 0, 0), (2 * r * b.w, 0.17, 2 * r * b.h), 0.02)
    else:
        b.cyl("main", (0, 0, 0), r, 0.17, rot=X90, round=0.02)
    b.cyl("face", (0, -0.075, 0), r * 0.78, 0.05, rot=X90, bound=False)
    a = b.u(-40, 70)
    b.box("hands", (0.0, -0.1, r * 0.24), (0.055, 0.05, r * 0.58), 0.01)
    m = turn("y", a)
    b.box("hands", m @ [r * 0.18, -0.1, 0], (r * 0.45, 0.05, 0.055), 0.01, rot=m)
    if b.chance(0.5):
        for x in (-1, 1):
            b.rod("main", (x * r * 0.5, 0, -r * 0.7), (x * r * 0.7, 0, -r * 1.12), 0.04)


@category("candle", ("white", "beige", "red", "yellow", "pink", "blue", "purple", "green"), {"holder": ("golden", "silver", "brown")}, {"flame": "orange", "wick": "black"})
def candle(b: Builder):
    r, h = 0.13 * b.w, 0.6 * b.h
    b.cyl("holder", (0, 0, 0.035), 0.26 * b.w, 0.07, round=0.02)
    b.cyl("holder", (0, 0, 0.08), r + 0.055, 0.1)
    b.cyl("main", (0, 0, 0.08 + h / 2), r, h, round=0.02)
    b.cyl("wick", (0, 0, h + 0.1), 0.028, 0.1)
    b.ell("flame", (0, 0, h + 0.19), (0.055, 0.055, 0.1))


@category("mirror", ("golden", "wooden", "silver", *ANY), {"glass": ("glass",)}, variants=("oval",), materials=("golden", "wooden", "silver"))
def mirror(b: Builder):
    w, h = 0.28 * b.w, 0.42 * b.h
    b.group().ell("main", (0, 0, 0), (w, 0.5, h), bound=False)
    b.box("main", (0, 0, 0), (2 * w, 0.09, 2 * h), 0.0, op="inter")
    b.low, b.high = b.low.clip(max=[-w, -0.1, -h - 0.12]), b.high.clip(min=[w, 0.1, h])
    b.group().ell("glass", (0, -0.02, 0), (w * 0.78, 0.5, h * 0.82), bound=False)
    b.box("glass", (0, -0.03, 0), (2 * w, 0.075, 2 * h), 0.0, op="inter")
    b.group().rod("main", (0, 0, -h - 0.08), (0, 0, -h + 0.08), 0.06)
    b.box("main", (0, 0, -h - 0.09), (0.32, 0.2, 0.065))


@category("bathtub", ("white", *ANY), {"feet": ("golden", "silver", "black")}, {"tap": "silver"}, words=("long", "short", "wide"), syn=("bath",))
def bathtub(b: Builder):
    w, l, h = 0.42 * b.w, 0.85 * b.d, 0.36 * b.h
    b.box("main", (0, 0, 0.08 + h / 2), (w, l, h), 0.12)
    b.box("main", (0, 0, 0.08 + h / 2 + 0.09), (w - 0.14, l - 0.14, h), 0.1, op="cut")
    b.group().rod("tap", (0, l / 2 - 0.045, h * 0.8), (0, l / 2 - 0.045, h + 0.22), 0.035)
    b.rod("tap", (0, l / 2 - 0.03, h + 0.2), (0, l / 2 - 0.2, h + 0.2), 0.035)
    for x in (-1, 1):
        for y in (-1, 1):
            b.ball("feet", (x * w * 0.36, y * l * 0.36, 0.07), 0.065)


@category("toilet", ("white", "pink", "blue", "beige", "gray", "green"), {"seat": ("same", "brown", "black")}, words=("tall", "short", "wide"))
def toilet(b: Builder):
    b.cyl("main", (0, -0.05, 0.12), 0.13, 0.24, r2=0.15)
    b.ell("main", (0, -0.1, 0.3), (0.2 * b.w, 0.27, 0.14), k=0.05)
    b.group().ell("seat", (0, -0.1, 0.36), (0.23 * b.w, 0.3, 0.2), bound=False)
    b.box("seat", (0, -0.1, 0.4), (0.6, 0.8, 0.06), 0, op="inter")
    b.ell("seat", (0, -0.12, 0.4), (0.12 * b.w, 0.18, 0.12), op="cut")
    b.group().box("main", (0, 0.23, 0.45 * b.h), (0.44 * b.w, 0.17, 0.5 * b.h), 0.03)
    b.box("main", (0, 0.23, 0.71 * b.h), (0.48 * b.w, 0.2, 0.06), 0.02)
    b.box("main", (0, 0.1, 0.2), (0.2, 0.2, 0.36), 0.03)


@category("fridge", ("white", "silver", *ANY), {"handles": ("silver", "black", "golden")}, syn=("refrigerator",))
def fridge(b: Builder):
    w, d, h = 0.42 * b.w, 0.4 * b.d, 0.88 * b.h
    b.box("main", (0, 0.03, h / 2), (w, d, h), 0.03)
    cut = h * b.u(0.6, 0.7)
    b.box("main", (0, -d / 2, cut / 2 - 0.01), (w, 0.07, cut - 0.05), 0.02)
    b.box("main", (0, -d / 2, (cut + h) / 2 + 0.01), (w, 0.07, h - cut - 0.03), 0.02)
    b.box("handles", (-w * 0.36, -d / 2 - 0.055, cut - 0.17), (0.055, 0.06, 0.2), 0.015)
    b.box("handles", (-w * 0.36, -d / 2 - 0.055, cut + 0.13), (0.055, 0.06, 0.15), 0.015)


@category("television", ("black", *ANY), {"screen": ("glass", "blue", "gray")}, syn=("tv",), words=("wide", "tall", "short"))
def television(b: Builder):
    w, h = 0.9 * b.w, 0.54 * b.h
    b.box("main", (0, 0, h / 2 + 0.14), (w, 0.09, h), 0.015)
    b.box("screen", (0, -0.035, h / 2 + 0.14), (w - 0.11, 0.06, h - 0.11), 0.005)
    b.box("main", (0, 0.01, 0.1), (0.13, 0.07, 0.16))
    b.box("main", (0, 0, 0.03), (w * 0.45, 0.24, 0.06), 0.015)


@category("piano", ("black", "white", "brown", "wooden", "red"), {"keys": ("white",)}, {"black keys": "black"}, words=("wide", "tall", "short"))
def piano(b: Builder):
    w, h = 0.85 * b.w, 0.66 * b.h
    b.box("main", (0, 0.14, h / 2), (w, 0.22, h))
    b.box("main", (0, -0.06, h * 0.48), (w, 0.34, 0.09))
    b.box("keys", (0, -0.1, h * 0.48 + 0.055), (w * 0.86, 0.2, 0.055), 0.006)
    n = 6
    for i in range(n):
        b.box("black keys", ((i + 0.5) / n * w * 0.8 - w * 0.4, -0.06, h * 0.48 + 0.08), (0.04, 0.11, 0.05), 0.005)
    for x in (-1, 1):
        b.box("main", (x * (w / 2 - 0.035), -0.19, h * 0.23), (0.07, 0.07, h * 0.46))
        b.box("main", (x * (w / 2 - 0.03), -0.05, h * 0.53), (0.06, 0.34, 0.16))


@category("ladder", (*WOOD, *ANY), {"rungs": ("same", "gray", "black")}, words=("tall", "short", "wide", "narrow"), materials=("wooden", "metal"))
def ladder(b: Builder):
    w, h, n = 0.34 * b.w, 0.92 * b.h, b.pick([5, 6])
    for x in (-1, 1):
        b.box("main", (x * w / 2, 0, h / 2), (0.065, 0.075, h))
    for i in range(n):
        b.rod("rungs", (-w / 2, 0, h * (i + 0.6) / n), (w / 2, 0, h * (i + 0.6) / n), 0.032)


@category("umbrella", ANY, {"handle": ("brown", "black", "wooden", "white")}, words=("tall", "wide"))
def umbrella(b: Builder):
    r, h = 0.46 * b.w, 0.8 * b.h
    b.group().ell("main", (0, 0, h - 0.26), (r, r, 0.3), bound=False)
    b.ell("main", (0, 0, h - 0.34), (r - 0.04, r - 0.04, 0.3), op="cut", bound=False)
    b.plane((0, 0, h - 0.26), (0, 0, -1))
    b.low, b.high = b.low.clip(max=[-r, -r, 0]), b.high.clip(min=[r, r, h + 0.04])
    b.group().rod("handle", (0, 0, 0.1), (0, 0, h + 0.08), 0.032)
    b.torus("handle", (0.09, 0, 0.1), 0.09, 0.036, rot=X90, angle=180)
    b.group()


@category("globe", ("blue", "turquoise", "white", *ANY), {"land": ("green", "beige"), "stand": ("wooden", "golden", "black")}, words=())
def globe(b: Builder):
    b.ball("main", (0, 0, 0.56), 0.32)
    for _ in range(5):
        v = b.rng.normal(size=3)
        v /= (v**2).sum() ** 0.5
        b.ball("land", (v * 0.32 + [0, 0, 0.56]), b.u(0.12, 0.2), op="paint")
    b.group().torus("stand", (0, 0, 0.56), 0.37, 0.032, rot=X90 @ turn("z", 90 - 60), angle=105)
    b.cyl("stand", (0, 0, 0.13), 0.05, 0.2)
    b.cyl("stand", (0, 0, 0.035), 0.24, 0.07, round=0.02)
    b.rod("stand", (0.0, 0, 0.2), (0, 0, 0.92), 0.03)
