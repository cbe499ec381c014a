"""Vehicles; they face -y."""
import math

from .builder import X90, Y90, Builder, turn
from .registry import ANY, METAL, WOOD, category

DARK = {"wheels": ("black", "gray")}
LONG = ("long", "short", "wide", "tall")


def wheel(b: Builder, x, y, r, t=0.09, part="wheels"):
    b.cyl(part, (x, y, r), r, t, rot=Y90, round=0.015)


@category("car", ANY, {**DARK, "windows": ("glass", "blue")}, {"lights": "yellow"}, syn=("automobile",), words=LONG)
def car(b: Builder):
    w, l, h = 0.42 * b.w, 0.9 * b.d, 0.2 * b.h
    b.box("main", (0, 0, 0.08 + h / 2), (w, l, h), 0.04)
    b.box("windows", (0, 0.06, 0.08 + h + 0.07), (w * 0.86, l * 0.5, 0.16), 0.03)
    b.box("main", (0, 0.06, 0.08 + h + 0.14), (w * 0.86, l * 0.44, 0.055), 0.02)
    for x in (-1, 1):
        for y in (-1, 1):
            wheel(b, x * w / 2, y * l * 0.3, 0.1)
        b.ball("lights", (x * w * 0.32, -l / 2, 0.08 + h * 0.55), 0.045)


@category("truck", ANY, {**DARK, "cargo": ("white", "gray", "brown", "wooden", "blue")}, {"windows": "glass", "lights": "yellow"}, syn=("lorry",), words=LONG)
def truck(b: Builder):
    w, l, h = 0.38 * b.w, 0.95 * b.d, 0.42 * b.h
    b.box("cargo", (0, l * 0.14, 0.13 + h / 2), (w, l * 0.68, h), 0.01)
    b.box("main", (0, -l * 0.34, 0.1 + h * 0.38), (w * 0.96, l * 0.28, h * 0.72), 0.03)
    b.box("windows", (0, -l * 0.46, 0.1 + h * 0.54), (w * 0.78, 0.07, h * 0.26), 0.01)
    b.box("main", (0, 0, 0.12), (w * 0.8, l * 0.9, 0.08))
    for x in (-1, 1):
        for y in (-0.33, 0.12, 0.34):
            wheel(b, x * w * 0.46, y * l, 0.095)
        b.ball("lights", (x * w * 0.34, -l * 0.48, 0.2), 0.045)


@category("bus", ("yellow", "red", *ANY), {**DARK, "windows": ("glass", "blue", "black")}, {"lights": "white"}, words=LONG)
def bus(b: Builder):
    w, l, h = 0.32 * b.w, 0.95 * b.d, 0.36 * b.h
    b.group().box("main", (0, 0, 0.08 + h / 2), (w, l, h), 0.03)
    n = 5
    for i in range(n):
        b.box("windows", (0, (i - n / 2 + 0.5) * l / n * 0.94, 0.08 + h * 0.66), (1, l / n * 0.7, h * 0.32), 0, op="paint")
    b.box("windows", (0, -l / 2, 0.08 + h * 0.62), (w * 0.8, 0.1, h * 0.4), 0, op="paint")
    b.group()
    for x in (-1, 1):
        for y in (-1, 1):
            wheel(b, x * (w / 2 - 0.01), y * l * 0.32, 0.09)
        b.ball("lights", (x * w * 0.32, -l / 2, 0.08 + h * 0.2), 0.04)


@category("train", ANY, {**DARK, "chimney": ("black", "golden", "same"), "cabin": ("same", "black", "red")}, {"window": "glass"}, syn=("locomotive", "steam train"), words=("long", "short", "tall"))
def train(b: Builder):
    l = 0.85 * b.d
    b.box("wheels", (0, 0, 0.13), (0.3, l, 0.07))
    b.cyl("main", (0, -l * 0.14, 0.29), 0.14, l * 0.66, rot=X90, round=0.02)
    b.box("cabin", (0, l * 0.3, 0.33), (0.34, l * 0.32, 0.36 * b.h), 0.01)
    b.box("cabin", (0, l * 0.3, 0.33 + 0.19 * b.h), (0.42, l * 0.4, 0.06), 0.01)
    b.box("window", (0, l * 0.3, 0.4), (0.37, l * 0.16, 0.12), 0.01)
    b.cyl("chimney", (0, -l * 0.36, 0.48), 0.05, 0.22 * b.h, r2=0.075)
    b.ball("chimney", (0, -l * 0.05, 0.43), 0.065)
    b.roof("wheels", (0, -l * 0.5, 0.08), 0.3, 0.16, 0.16)
    for x in (-1, 1):
        for y in (-0.32, -0.05, 0.3):
            wheel(b, x * 0.15, y * l, 0.105, 0.07)


@category("boat", (*WOOD, *ANY), {"inside": ("same", "wooden", "beige"), "oars": ("wooden", "brown")}, syn=("rowboat",), words=("long", "short", "wide"), materials=("wooden",))
def boat(b: Builder):
    w, l, h = 0.24 * b.w, 0.48 * b.d, 0.26 * b.h
    b.group().ell("main", (0, 0, h), (w, l, h), bound=False)
    b.plane((0, 0, h), (0, 0, 1))
    b.ell("inside", (0, 0, h + 0.02), (w - 0.06, l - 0.07, h - 0.06), op="cut")
    b.low, b.high = b.low.clip(max=[-w, -l, 0]), b.high.clip(min=[w, l, h])
    b.group()
    for y in (-0.35, 0.2):
        b.box("inside", (0, y * l, h - 0.05), (2 * w * 0.86, 0.1, 0.055))
    for x in (-1, 1):
        b.rod("oars", (x * w * 0.7, -0.02, h), (x * (w + 0.22), 0.1, h - 0.16), 0.03)
        b.ell("oars", (x * (w + 0.22), 0.1, h - 0.16), (0.05, 0.04, 0.09))


@category("sailboat", (*WOOD, *ANY), {"sail": ("white", "beige", "red", "yellow")}, {"mast": "brown"}, syn=("sailing boat", "sailing ship"), words=("tall", "short", "long"))
def sailboat(b: Builder):
    w, l, h = 0.2 * b.w, 0.42 * b.d, 0.22
    b.group().ell("main", (0, 0, h), (w, l, h), bound=False)
    b.plane((0, 0, h), (0, 0, 1))
    b.low, b.high = b.low.clip(max=[-w, -l, 0]), b.high.clip(min=[w, l, h])
    t = 0.66 * b.h
    b.group().rod("mast", (0, -0.04, h - 0.08), (0, -0.04, h + t), 0.028)
    # Two triangles in the yz plane, cut from a ridge.
    b.group().roof("sail", (0, -0.02, h + 0.05 + t * 0.44), 0.72, t * 0.86, 0.06, rot=turn("z", 90), bound=True)
    b.plane((0, -0.02, 0), (0, -1, 0))
    b.group().roof("sail", (0, -0.06, h + 0.05 + t * 0.34), 0.5, t * 0.66, 0.06, rot=turn("z", 90), bound=True)
    b.plane((0, -0.06, 0), (0, 1, 0))
    b.group()


@category("ship", ("white", "navy", "red", *ANY), {"funnels": ("red", "orange", "black", "yellow"), "deck": ("white", "wooden", "beige")}, syn=("steamship", "cruise ship"), words=("long", "short", "tall"))
def ship(b: Builder):
    w, l, h = 0.15 * b.w, 0.46 * b.d, 0.17
    b.group().box("main", (0, 0.05, h / 2), (2 * w, 2 * l - 0.2, h), 0.02)
    b.frust("main", (0, -l + 0.13, h / 2), 4, w * 0.6, w * 0.72, h, rot=turn("z", 45))
    b.group().box("deck", (0, 0.06, h + 0.05), (1.6 * w, 1.3 * l, 0.13), 0.01)
    b.box("deck", (0, 0.1, h + 0.15), (1.3 * w, 0.95 * l, 0.12), 0.01)
    for y in (-0.1, 0.12, 0.34):
        b.cyl("funnels", (0, y * 1.9 * l * 0.5 + 0.05, h + 0.2 + 0.1 * b.h), 0.055, 0.24 * b.h, rot=turn("x", -10))


@category("rocket", ("white", *ANY), {"fins": ("red", "blue", "orange", "black"), "nose": ("same", "red", "blue", "yellow")}, {"window": "glass", "fire": "orange"}, syn=("spaceship", "space rocket"), words=("tall", "short", "thick", "thin"), materials=("metal", "golden", "silver"))
def rocket(b: Builder):
    r, h = 0.15 * b.w, 0.52 * b.h
    b.cyl("main", (0, 0, 0.12 + h / 2), r * 0.85, h, r2=r)
    b.group().ell("nose", (0, 0, 0.12 + h - 0.01), (r, r, 0.28), bound=False)
    b.plane((0, 0, 0.12 + h - 0.02), (0, 0, -1))
    b.high = b.high.clip(min=[0, 0, 0.39 + h])
    b.group()
    for i in range(4):
        m = turn("z", 45 + 90 * i)
        b.box("fins", m @ [r + 0.03, 0, 0.16], (0.16, 0.06, 0.2), 0.01, rot=m)
        b.box("fins", m @ [r + 0.085, 0, 0.06], (0.065, 0.06, 0.14), 0.01, rot=m)
    b.cyl("fire", (0, 0, 0.08), 0.05, 0.12, r2=0.1)
    b.cyl("window", (0, -r, 0.12 + h * 0.72), 0.07, 0.06, rot=X90)


@category("airplane", ("white", *ANY), {"wings": ("same", "gray", "red", "blue"), "tail": ("same", "red", "blue")}, {"windows": "glass"}, syn=("plane", "aeroplane", "aircraft"), words=("long", "short", "wide"))
def airplane(b: Builder):
    l, s = 0.46 * b.d, 0.46 * b.w
    b.ell("main", (0, 0, 0.18), (0.095, l, 0.095))
    b.cap("main", (0, -l * 0.6, 0.18), (0, l * 0.5, 0.18), 0.09)
    for x in (-1, 1):
        b.box("wings", (x * s * 0.52, 0.02, 0.17), (s, 0.19, 0.055), 0.02, rot=turn("z", x * -12))
        b.box("tail", (x * 0.12, l * 0.88, 0.2), (0.24, 0.1, 0.055), 0.015)
        b.cap("tail", (x * s * 0.45, -0.12, 0.12), (x * s * 0.45, 0.0, 0.12), 0.048)
    b.box("tail", (0, l * 0.88, 0.3), (0.055, 0.12, 0.24), 0.015, rot=turn("x", -18))
    b.box("windows", (0, -l * 0.8, 0.24), (0.12, 0.11, 0.055), 0.02, rot=turn("x", 30))


@category("helicopter", ANY, {"rotor": ("black", "gray", "white"), "tail": ("same", "yellow", "black")}, {"windows": "glass", "skids": "black"}, syn=("chopper",), words=("long", "short", "tall"))
def helicopter(b: Builder):
    l = 0.42 * b.d
    b.ell("main", (0, -0.12, 0.24), (0.17 * b.w, 0.25, 0.17))
    b.ell("windows", (0, -0.26, 0.27), (0.13 * b.w, 0.14, 0.11))
    b.rod("tail", (0, 0.0, 0.27), (0, l, 0.31), 0.07, 0.04)
    b.box("tail", (0, l, 0.37), (0.055, 0.1, 0.22), 0.015)
    b.cyl("rotor", (0, -0.1, 0.44), 0.035, 0.16)
    a = b.u(20, 70)
    for t in (a, a + 90):
        b.box("rotor", (0, -0.1, 0.52), (0.9, 0.085, 0.055), 0.012, rot=turn("z", t))
    for x in (-1, 1):
        b.rod("skids", (x * 0.16, -0.36, 0.03), (x * 0.16, 0.14, 0.03), 0.03)
        for y in (-0.22, 0.0):
            b.rod("skids", (x * 0.16, y, 0.03), (x * 0.08, y, 0.16), 0.03)


@category("submarine", ("yellow", *ANY), {"propeller": ("golden", "silver", "black"), "tower": ("same", "red", "gray")}, {"windows": "glass"}, words=("long", "short"))
def submarine(b: Builder):
    l, r = 0.32 * b.d, 0.17 * b.w
    b.cap("main", (0, -l + 0.05, r), (0, l - 0.1, r), r)
    b.cyl("tower", (0, -0.05, 2 * r + 0.04), 0.09, 0.16)
    b.rod("tower", (0, -0.05, 2 * r), (0, -0.05, 2 * r + 0.24), 0.028)
    b.rod("tower", (0, -0.03, 2 * r + 0.23), (0, -0.14, 2 * r + 0.23), 0.03)
    for a in (0, 90):
        b.box("propeller", (0, l + r - 0.05, r), (0.3, 0.055, 0.08), 0.015, rot=turn("y", a + 45))
    for x in (-1, 1):
        for y in (-0.6, -0.1, 0.4):
            b.ball("windows", (x * (r - 0.015), y * l, r + 0.03), 0.055)


@category("ufo", ("silver", "gray", *ANY), {"dome": ("glass", "lime", "blue"), "lights": ("yellow", "red", "lime")}, syn=("flying saucer",), words=("wide", "tall"), materials=("silver", "metal"))
def ufo(b: Builder):
    r, h = 0.46 * b.w, 0.12 * b.h
    b.ell("main", (0, 0, 0), (r, r, h))
    b.ell("dome", (0, 0, h * 0.6), (r * 0.42, r * 0.42, 0.2 * b.h))
    for i in range(8):
        a = math.pi * (i + 0.5) / 4
        b.ball("lights", (r * 0.8 * math.cos(a), r * 0.8 * math.sin(a), 0.01), 0.07)
    b.cyl("main", (0, 0, -h), 0.16, 0.08, r2=0.2)


@category("tank", ("green", "brown", "gray", "beige", "blue", "pink"), {"tracks": ("black", "gray"), "turret": ("same", "green", "brown")}, words=("long", "short", "wide"))
def tank(b: Builder):
    w, l = 0.44 * b.w, 0.66 * b.d
    b.box("main", (0, 0.05, 0.19), (w, l, 0.16), 0.02)
    b.cyl("turret", (0, 0.08, 0.32), 0.17, 0.15 * b.h, r2=0.13)
    b.rod("turret", (0, 0.0, 0.33), (0, -0.5, 0.36), 0.038)
    for x in (-1, 1):
        b.group().box("tracks", (x * w * 0.48, 0.05, 0.12), (0.12, l + 0.06, 0.2), 0.09)
    b.group()


@category("hot air balloon", ANY, {"stripes": ("white", "yellow", "red", "blue"), "basket": ("brown", "wooden", "beige")}, syn=("air balloon",), words=("tall", "short"))
def hot_air_balloon(b: Builder):
    r = 0.36 * b.w
    b.group().ell("main", (0, 0, 0.6), (r, r, 0.36 * b.h), bound=True)
    b.cyl("main", (0, 0, 0.34), 0.1, 0.3, r2=r * 0.82)
    for i in range(3):
        b.box("stripes", (0, 0, 0.6), (0.1, 2, 1.4), 0, rot=turn("z", 60 * i), op="paint", bound=False)
    b.group().box("basket", (0, 0, 0.05), (0.18, 0.18, 0.13), 0.015)
    for x in (-1, 1):
        for y in (-1, 1):
            b.rod("basket", (x * 0.065, y * 0.065, 0.08), (x * 0.07, y * 0.07, 0.24), 0.024)


@category("wagon", (*WOOD, *ANY), {"wheels": ("brown", "black", "wooden")}, syn=("cart",), words=("long", "short", "tall"), materials=("wooden",))
def wagon(b: Builder):
    w, l = 0.36 * b.w, 0.62 * b.d
    b.group().box("main", (0, 0.05, 0.28), (w, l, 0.24), 0.01)
    b.box("main", (0, 0.05, 0.34), (w - 0.12, l - 0.12, 0.24), 0.005, op="cut")
    b.group().rod("main", (0, -l * 0.4, 0.2), (0, -l / 2 - 0.22, 0.26), 0.035)
    for x in (-1, 1):
        for y in (-0.25, 0.38):
            b.torus("wheels", (x * (w / 2 + 0.035), y * l, 0.14), 0.11, 0.034, rot=Y90)
            b.box("wheels", (x * (w / 2 + 0.035), y * l, 0.14), (0.055, 0.2, 0.055), 0.005)
            b.box("wheels", (x * (w / 2 + 0.035), y * l, 0.14), (0.055, 0.055, 0.2), 0.005)
            b.rod("wheels", (0, y * l, 0.14), (x * (w / 2 + 0.04), y * l, 0.14), 0.035)


@category("wheel", ("black", *WOOD, *ANY), {"spokes": ("silver", "wooden", "same", "golden")}, syn=("cartwheel",), words=("thick", "thin"), materials=("wooden", "metal", "golden"))
def wheel_thing(b: Builder):
    r, t = 0.4, 0.06 * b.w
    b.torus("main", (0, 0, 0), r, max(t, 0.045), rot=X90)
    b.cyl("spokes", (0, 0, 0), 0.1, 0.14, rot=X90)
    n = b.pick([3, 4])
    for i in range(n):
        b.box("spokes", (0, 0, 0), (2 * r, 0.06, 0.065), 0.01, rot=turn("y", 180 * i / n))


@category("skateboard", ANY, {"wheels": ("white", "black", "yellow", "red")}, words=("long", "short", "wide"))
def skateboard(b: Builder):
    w, l = 0.25 * b.w, 0.62 * b.d
    b.box("main", (0, 0, 0.16), (w, l, 0.058), 0.02)
    for y in (-1, 1):
        b.box("main", (0, y * (l / 2 + 0.08), 0.195), (w, 0.22, 0.058), 0.02, rot=turn("x", y * 24))
        b.rod("wheels", (-w / 2, y * l * 0.36, 0.075), (w / 2, y * l * 0.36, 0.075), 0.035)
        b.box("wheels", (0, y * l * 0.36, 0.11), (0.1, 0.1, 0.08))
        for x in (-1, 1):
            b.cyl("wheels", (x * w * 0.42, y * l * 0.36, 0.07), 0.07, 0.08, rot=Y90)
