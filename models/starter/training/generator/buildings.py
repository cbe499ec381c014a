"""Buildings and street furniture."""
import math

from .builder import X90, Y90, Builder, turn
from .registry import ANY, METAL, STONES, UPRIGHT, WOOD, category

WALLS = ("white", "beige", "stone", "brown", "yellow", "red", "blue", "pink", "gray", "orange", "turquoise", "green")


@category("house", WALLS, {"roof": ("red", "brown", "maroon", "navy", "black"), "door": ("brown", "blue", "red", "green")}, {"window": "glass"}, syn=("cottage", "home"), materials=("wooden", "stone"))
def house(b: Builder):
    w, d, h = 0.62 * b.w, 0.56 * b.d, 0.4 * b.h
    r = 0.3 * b.h * b.u(0.85, 1.15)
    b.box("main", (0, 0, h / 2), (w, d, h))
    b.roof("main", (0, 0, h + r / 2 - 0.04), w, r, d)
    t = math.degrees(math.atan2(r, w / 2))
    for x in (-1, 1):
        n = 0.5 * math.hypot(r, w / 2) + 0.06
        b.box("roof", (x * (w / 4 + 0.03), 0, h + r / 2 + 0.02 - 0.02), (2 * n, d + 0.12, 0.065), rot=turn("y", x * t))
    b.box("door", (0, -d / 2, h * 0.3), (0.14, 0.06, h * 0.6), 0.01)
    for x in (-1, 1):
        b.box("window", (x * w * 0.31, -d / 2, h * 0.55), (0.12, 0.05, 0.13), 0.005)
    if b.chance(0.5):
        b.box("main", (w * 0.28, d * 0.2, h + r * 0.65), (0.1, 0.1, 0.34 * b.h))


@category("castle tower", STONES + WALLS[:1] + ("red", "blue", "purple"), {"roof": ("red", "blue", "purple", "brown", "green"), "door": ("brown", "wooden")}, {"window": "black"}, syn=("tower",), materials=("stone",))
def castle_tower(b: Builder):
    r, h = 0.22 * b.w, 0.62 * b.h
    b.cyl("main", (0, 0, h / 2), r * 1.1, h, r2=r)
    b.cyl("main", (0, 0, h + 0.02), r + 0.06, 0.12)
    n = 8
    for i in range(n):
        a = 2 * math.pi * i / n
        b.box("main", ((r + 0.025) * math.sin(a), (r + 0.025) * math.cos(a), h + 0.11), (0.09, 0.075, 0.12), rot=turn("z", -math.degrees(a)))
    b.cyl("roof", (0, 0, h + 0.22), r * 0.92, 0.36 * b.h, r2=0.0)
    b.cyl("roof", (0, 0, h + 0.06), r * 0.85, 0.1)
    b.group().box("door", (0, -r * 1.06, 0.1), (0.13, 0.1, 0.2))
    b.cyl("door", (0, -r * 1.06, 0.2), 0.065, 0.1, rot=X90)
    b.box("window", (0, -r * 1.01, h * 0.65), (0.065, 0.07, 0.13))


@category("bridge", (*STONES, *WOOD, *ANY), {"railing": ("same", "white", "brown", "red")}, words=("long", "wide", "tall", "short"), materials=("stone", "wooden", "metal"))
def bridge(b: Builder):
    # The road runs along x over an arch.
    l, w = 0.95 * b.w, 0.32
    big, t = 0.75 * l, 0.1
    rise = 0.2 * b.h
    radius = (l * l / 4 + rise * rise) / (2 * rise)
    b.group().cyl("main", (0, 0, rise - radius), radius, w, rot=X90, bound=False)
    b.box("main", (0, 0, rise / 2 - 0.12), (l, w + 0.1, rise + 0.28), 0.0, op="inter")
    b.cyl("main", (0, 0, -0.27 * b.h), l * 0.36, w + 0.2, rot=X90, op="cut")
    b.low, b.high = b.low.clip(max=[-l / 2, -w / 2, -0.26]), b.high.clip(min=[l / 2, w / 2, rise])
    for y in (-1, 1):
        b.group().cyl("railing", (0, y * w / 2, rise - radius + 0.14), radius, 0.06, rot=X90, bound=False)
        b.cyl("railing", (0, y * w / 2, rise - radius + 0.14), radius - 0.06, 0.2, rot=X90, op="cut")
        b.box("railing", (0, y * w / 2, rise / 2 + 0.1), (l, 0.3, rise + 0.5), 0.0, op="inter")
        b.group()
        for i in range(7):
            x = (i - 3) / 3 * (l / 2 - 0.035)
            z = math.sqrt(radius**2 - x * x) - radius + rise
            b.box("railing", (x, y * w / 2, z + 0.05), (0.06, 0.06, 0.2))


@category("fence", ("white", *WOOD, *ANY), {"rails": ("same", "brown", "white")}, words=("tall", "short", "wide"), materials=("wooden", "metal"))
def fence(b: Builder):
    n, h, l = b.pick([5, 6]), 0.5 * b.h, 0.95
    w = 0.1
    for i in range(n):
        x = (i / (n - 1) - 0.5) * (l - w)
        b.box("main", (x, 0, h / 2), (w, 0.06, h))
        b.roof("main", (x, 0, h + 0.035), w, 0.085, 0.06, r=0.003)
    for z in (0.28, 0.75):
        b.box("rails", (0, 0.045, h * z), (l, 0.06, 0.08))


@category("well", STONES, {"roof": ("brown", "red", "maroon"), "posts": ("brown", "wooden")}, {"bucket": "wooden"}, words=("tall", "short", "wide"), materials=("stone",))
def well(b: Builder):
    r, h, top = 0.28 * b.w, 0.28 * b.h, 0.66 * b.h
    b.cyl("main", (0, 0, h / 2), r, h, round=0.02)
    b.cyl("main", (0, 0, h / 2 + 0.08), r - 0.08, h, op="cut")
    b.group()
    for x in (-1, 1):
        b.box("posts", (x * (r - 0.035), 0, top / 2), (0.07, 0.075, top))
    b.rod("posts", (-r, 0, top * 0.72), (r, 0, top * 0.72), 0.035)
    b.roof("roof", (0, 0, top + 0.08), 0.5, 0.2, 2 * r + 0.14, rot=turn("z", 90))
    b.cyl("bucket", (0, 0, top * 0.53), 0.06, 0.12, r2=0.075)
    b.cyl("posts", (0, 0, top * 0.63), 0.025, 0.2)


@category("tent", ANY, {"door": ("black", "white", "yellow", "brown"), "poles": ("brown", "wooden")}, syn=("camping tent",), words=("wide", "tall", "short", "long"))
def tent(b: Builder):
    w, h, l = 0.8 * b.w, 0.56 * b.h, 0.72 * b.d
    b.roof("main", (0, 0, h / 2), w, h, l)
    b.roof("door", (0, -l / 2 + 0.02, h * 0.34), w * 0.4, h * 0.68, 0.07)
    for y in (-1, 1):
        b.rod("poles", (0, y * l / 2, 0), (0, y * l / 2, h + 0.06), 0.028)


@category("street lamp", ("black", *METAL, *ANY), {"light": ("yellow", "white", "orange")}, syn=("lamp post", "lantern post"), words=("tall", "short", "thick", "thin"))
def street_lamp(b: Builder):
    h, r = 0.72 * b.h, 0.038 * b.w
    b.cyl("main", (0, 0, 0.04), 0.12, 0.08, r2=0.09)
    b.cyl("main", (0, 0, h / 2), max(r, 0.032), h)
    if b.chance(0.6):
        b.frust("light", (0, 0, h + 0.09), 6, 0.065, 0.1, 0.18)
        b.frust("main", (0, 0, h + 0.21), 6, 0.13, 0.02, 0.1)
        b.cyl("main", (0, 0, h), 0.08, 0.06)
    else:
        b.torus("main", (0.16, 0, h), 0.16, 0.034, rot=X90 @ turn("z", 0), angle=90)
        b.cyl("main", (0.32, 0, h - 0.03), 0.1, 0.1, r2=0.045)
        b.ball("light", (0.32, 0, h - 0.1), 0.075)


@category("traffic cone", ("orange", "red", "yellow", "green", "blue", "pink"), {"stripes": ("white", "black"), "base": ("same", "black")}, syn=("road cone", "safety cone"))
def traffic_cone(b: Builder):
    r, h = 0.24 * b.w, 0.7 * b.h
    b.box("base", (0, 0, 0.035), (2 * r + 0.14, 2 * r + 0.14, 0.07), 0.015)
    b.group().cyl("main", (0, 0, h / 2 + 0.04), r, h, r2=0.045)
    for z in (0.38, 0.68):
        b.box("stripes", (0, 0, h * z), (1, 1, h * 0.13), 0, op="paint")


@category("fire hydrant", ("red", "yellow", "blue", "orange", "green", "white"), {"caps": ("same", "silver", "yellow", "white")}, syn=("hydrant",))
def hydrant(b: Builder):
    r, h = 0.15 * b.w, 0.55 * b.h
    b.cyl("main", (0, 0, 0.035), r + 0.075, 0.07)
    b.cyl("main", (0, 0, h / 2), r, h)
    b.cyl("main", (0, 0, h), r + 0.05, 0.07)
    b.dome("main", (0, 0, h + 0.02), (r, r, 0.16))
    b.cyl("caps", (0, 0, h + 0.19), 0.045, 0.08)
    b.rod("caps", (-r - 0.12, 0, h * 0.68), (r + 0.12, 0, h * 0.68), 0.065)
    b.rod("caps", (0, -r - 0.12, h * 0.6), (0, 0, h * 0.6), 0.085)


@category("windmill", WALLS, {"blades": ("white", "brown", "wooden"), "roof": ("brown", "red", "navy")}, {"door": "brown"}, words=("tall", "short", "wide"))
def windmill(b: Builder):
    h = 0.6 * b.h
    b.frust("main", (0, 0.05, h / 2), 8, 0.22 * b.w, 0.14 * b.w, h)
    b.cyl("roof", (0, 0.05, h + 0.08), 0.17 * b.w, 0.2, r2=0.02)
    b.rod("blades", (0, 0, h - 0.04), (0, -0.2, h - 0.04), 0.045)
    a = b.u(0, 90)
    for i in range(4):
        m = turn("y", a + 90 * i)
        b.box("blades", m @ [0.045, 0, 0.2] + [0, -0.17, h - 0.04], (0.1, 0.055, 0.36), 0.006, rot=m)
    b.box("door", (0, 0.05 - 0.21 * b.w, 0.1), (0.11, 0.07, 0.2))


@category("igloo", ("white", "glass", "blue"), {"door": ("black", "blue", "gray")}, words=("wide", "tall", "short"))
def igloo(b: Builder):
    r, h = 0.42 * b.w, 0.42 * b.h
    b.dome("main", (0, 0.08, 0), (r, r, h))
    b.group().cyl("main", (0, -r * 0.8, 0), 0.19, 0.4, rot=X90, bound=False)
    b.cyl("door", (0, -r * 0.8 - 0.16, 0), 0.125, 0.2, rot=X90, op="paint")
    b.plane((0, 0, 0), (0, 0, -1))
    b.low = b.low.clip(max=[0, -r * 0.8 - 0.2, 0])


@category("pyramid", ("beige", "yellow", "golden", "stone", *ANY), {"top": ("same", "golden", "white")}, words=("tall", "short", "wide"), materials=("stone", "golden", "glass"))
def pyramid(b: Builder):
    r, h = 0.45 * b.w, 0.6 * b.h
    b.group().frust("main", (0, 0, h / 2), 4, r, 0.0, h)
    b.box("top", (0, 0, h), (1, 1, h * 0.44), 0, op="paint")


@category("lighthouse", ("white", "red", "yellow", "blue", "beige"), {"stripes": ("red", "black", "blue"), "roof": ("red", "black", "green")}, {"light": "yellow"}, words=("tall", "short", "thick", "thin"))
def lighthouse(b: Builder):
    r, h = 0.19 * b.w, 0.66 * b.h
    b.group().cyl("main", (0, 0, h / 2), r, h, r2=r * 0.65)
    for z in (0.25, 0.65):
        b.box("stripes", (0, 0, h * z), (1, 1, h * 0.18), 0, op="paint")
    b.group().cyl("main", (0, 0, h), r * 0.65 + 0.07, 0.06)
    b.cyl("light", (0, 0, h + 0.08), r * 0.5, 0.14)
    b.cyl("roof", (0, 0, h + 0.2), r * 0.65 + 0.02, 0.13, r2=0.02)


@category("church", WALLS, {"roof": ("brown", "red", "navy", "maroon"), "door": ("brown", "black", "red")}, {"cross": "golden"}, words=("tall", "short", "long"))
def church(b: Builder):
    w, d, h = 0.36 * b.w, 0.6 * b.d, 0.32 * b.h
    b.box("main", (0, 0.1, h / 2), (w, d, h))
    b.roof("roof", (0, 0.1, h + 0.1), w + 0.08, 0.2, d + 0.06)
    y = 0.1 - d / 2
    b.box("main", (0, y, 0.27 * b.h), (0.22, 0.22, 0.54 * b.h))
    b.frust("roof", (0, y, 0.54 * b.h + 0.12), 4, 0.14, 0.01, 0.25)
    b.box("cross", (0, y, 0.54 * b.h + 0.3), (0.055, 0.055, 0.2))
    b.box("cross", (0, y, 0.54 * b.h + 0.32), (0.14, 0.055, 0.055))
    b.box("door", (0, y - 0.11, 0.1), (0.12, 0.06, 0.2))


@category("barn", ("red", "brown", "white", "wooden", "blue"), {"roof": ("gray", "brown", "black", "white"), "door": ("white", "brown")}, words=("wide", "long", "tall", "short"))
def barn(b: Builder):
    w, d, h = 0.55 * b.w, 0.7 * b.d, 0.34 * b.h
    b.box("main", (0, 0, h / 2), (w, d, h))
    b.frust("roof", (0, 0, h + 0.06), 4, 0.1, 0.1, 0.1, bound=False)
    b.rows.pop()
    for x in (-1, 1):
        b.box("roof", (x * w * 0.42, 0, h + 0.07), (0.25, d + 0.08, 0.065), rot=turn("y", x * 60))
        b.box("roof", (x * w * 0.17, 0, h + 0.2), (w * 0.5, d + 0.08, 0.065), rot=turn("y", x * 24))
    b.box("main", (0, 0, h + 0.06), (w * 0.84, d, 0.18))
    b.roof("main", (0, 0, h + 0.18), w * 0.7, 0.12, d)
    b.box("door", (0, -d / 2, h * 0.42), (w * 0.42, 0.06, h * 0.8))


@category("mailbox", ("red", "blue", *ANY), {"post": ("wooden", "brown", "black", "white"), "flag": ("red", "yellow")}, syn=("letterbox",), words=("tall", "short", "long"))
def mailbox(b: Builder):
    l, h = 0.44 * b.d, 0.5 * b.h
    b.box("post", (0, 0.04, h / 2), (0.085, 0.085, h))
    b.group().box("main", (0, 0, h + 0.06), (0.26, l, 0.14), 0.01)
    b.cyl("main", (0, 0, h + 0.13), 0.13, l, rot=X90)
    b.box("flag", (0.15, -0.02, h + 0.2), (0.055, 0.055, 0.2))
    b.box("flag", (0.15, 0.03, h + 0.28), (0.055, 0.13, 0.08))


@category("fountain", STONES + ("white",), {"water": ("blue", "turquoise", "glass")}, words=("tall", "short", "wide"), materials=("stone", "golden"))
def fountain(b: Builder):
    r, h = 0.42 * b.w, 0.6 * b.h
    b.cyl("main", (0, 0, 0.08), r, 0.16, round=0.02)
    b.cyl("main", (0, 0, 0.17), r - 0.07, 0.14, op="cut")
    b.group().cyl("water", (0, 0, 0.07), r - 0.05, 0.1)
    b.cyl("main", (0, 0, h * 0.45), 0.06, h * 0.9)
    b.cyl("main", (0, 0, h * 0.6), 0.07, 0.1, r2=0.22 * b.w)
    b.cyl("water", (0, 0, h * 0.6 + 0.05), 0.19 * b.w, 0.05)
    b.cyl("main", (0, 0, h * 0.9), 0.05, 0.07, r2=0.12)
    b.ball("water", (0, 0, h * 0.9 + 0.09), 0.085)


@category("skyscraper", ("gray", "blue", "glass", "navy", "white", "black", "turquoise"), {"windows": ("glass", "yellow", "navy", "white")}, syn=("office building", "high-rise"), words=("tall", "short", "wide", "narrow"))
def skyscraper(b: Builder):
    w, h = 0.34 * b.w, 0.8 * b.h
    b.group().box("main", (0, 0, h / 2), (w, w, h), 0.004)
    b.box("main", (0, 0, h + 0.03), (w * 0.6, w * 0.6, 0.12), 0.004)
    n = 6
    for i in range(n):
        b.box("windows", (0, 0, h * (i + 0.75) / (n + 0.3)), (w * 0.76, 1, h / n * 0.42), 0, op="paint", bound=False)
        b.box("windows", (0, 0, h * (i + 0.75) / (n + 0.3)), (1, w * 0.76, h / n * 0.42), 0, op="paint", bound=False)
    b.group().rod("main", (0, 0, h), (0, 0, h + 0.24), 0.03)


@category("traffic light", ("black", "yellow", "gray", "green"), {"pole": ("gray", "black", "metal")}, {"r": "red", "y": "yellow", "g": "green"}, words=("tall", "short"))
def traffic_light(b: Builder):
    h = 0.42 * b.h
    b.cyl("pole", (0, 0, 0.03), 0.12, 0.06)
    b.cyl("pole", (0, 0, h / 2), 0.045, h + 0.06)
    b.box("main", (0, 0, h + 0.24), (0.22, 0.17, 0.52), 0.02)
    for part, z in (("r", 0.4), ("y", 0.24), ("g", 0.08)):
        b.cyl(part, (0, -0.09, h + z), 0.068, 0.06, rot=X90)


@category("sign post", ("wooden", "brown", "white", *ANY), {"post": ("brown", "wooden", "gray")}, syn=("signpost", "wooden sign"), words=("tall", "short", "wide"), materials=("wooden",))
def sign_post(b: Builder):
    h, w = 0.66 * b.h, 0.5 * b.w
    b.box("post", (0, 0.05, h / 2), (0.08, 0.08, h))
    for i, z in enumerate((0.86, 0.6)):
        s = 1 if i == 0 else -1
        b.box("main", (s * 0.05, 0, h * z), (w, 0.065, 0.13))
        b.box("main", (s * (0.05 + w / 2), 0, h * z), (0.092, 0.065, 0.092), rot=turn("y", 45))


@category("gravestone", ("gray", "stone", "black", "white"), {"base": ("same", "brown", "green")}, syn=("tombstone",), words=UPRIGHT, materials=("stone",))
def gravestone(b: Builder):
    w, h = 0.44 * b.w, 0.45 * b.h
    b.box("main", (0, 0, h / 2 + 0.05), (w, 0.14, h), 0.01)
    b.cyl("main", (0, 0, h + 0.05), w / 2, 0.14, rot=X90)
    b.box("base", (0, 0, 0.05), (w + 0.18, 0.28, 0.1), 0.01)
    b.box("base", (0, -0.065, h * 0.85), (0.055, 0.04, 0.24), 0.004)
    b.box("base", (0, -0.065, h * 0.92), (0.18, 0.04, 0.055), 0.004)
