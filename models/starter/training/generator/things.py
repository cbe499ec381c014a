"""Things to wear, to play, and the rest."""
import math

from .builder import X90, Y90, Builder, turn
from .registry import ANY, METAL, UPRIGHT, category

GEMS = ("red", "blue", "green", "purple", "white")


@category("crown", ("golden", "silver", *ANY), {"gems": GEMS, "cap": ("red", "purple", "blue")}, words=("tall", "wide", "short"), materials=("golden", "silver", "copper"))
def crown(b: Builder):
    r, h = 0.36 * b.w, 0.3 * b.h
    b.cyl("main", (0, 0, h / 2), r, h)
    b.cyl("main", (0, 0, h / 2), r - 0.06, h + 0.1, op="cut", bound=False)
    n = 8
    b.group()
    for i in range(n):
        a = 2 * math.pi * (i + 0.5) / n
        x, y = (r - 0.03) * math.sin(a), -(r - 0.03) * math.cos(a)
        m = turn("z", math.degrees(a))
        b.roof("main", (x, y, h + 0.09 * b.h), 0.24 * b.w, 0.2 * b.h, 0.062, rot=m)
        b.ball("gems" if i % 2 else "main", (x, y, h + 0.2 * b.h), 0.045)
        if i % 2 == 0:
            b.ball("gems", (r * math.sin(a), -r * math.cos(a), h * 0.45), 0.055)
    b.ell("cap", (0, 0, h * 0.5), (r - 0.07, r - 0.07, h * 0.75))


@category("ring", ("golden", "silver", *ANY), {"gem": ("glass", *GEMS)}, syn=("diamond ring",), words=("thick", "thin", "wide"), materials=("golden", "silver", "copper"))
def ring(b: Builder):
    r = 0.28
    b.torus("main", (0, 0, r), r, max(0.05 * b.w, 0.042), rot=X90)
    b.cyl("main", (0, 0, 2 * r + 0.06), 0.06, 0.08, r2=0.1)
    b.frust("gem", (0, 0, 2 * r + 0.13), 8, 0.03, 0.14, 0.15)
    b.frust("gem", (0, 0, 2 * r + 0.23), 8, 0.14, 0.085, 0.062)


@category("gem", ("blue", "red", "green", "purple", "pink", "turquoise", "glass", "yellow", "orange", "white"), {"top": ("same", "white", "glass")}, syn=("diamond", "jewel", "gemstone"), words=("tall", "wide", "short"), materials=("glass",))
def gem(b: Builder):
    r, n = 0.4 * b.w, b.pick([6, 8])
    b.frust("main", (0, 0, 0.22 * b.h), n, 0.01, r, 0.44 * b.h, r=0.002)
    b.frust("top", (0, 0, 0.44 * b.h + 0.085), n, r, r * 0.58, 0.18, r=0.002)


@category("book", ANY, {"pages": ("white", "beige"), "spine": ("same", "golden", "black")}, words=("thick", "thin", "tall", "wide"))
def book(b: Builder):
    w, h, t = 0.56 * b.w, 0.78 * b.h, 0.2 * max(b.d, 0.8)
    for s in (-1, 1):
        b.box("main", (0, s * (t / 2 + 0.02), h / 2), (w, 0.058, h), 0.006)
    b.box("spine", (-w / 2, 0, h / 2), (0.06, t + 0.095, h), 0.02)
    b.box("pages", (-0.015, 0, h / 2), (w - 0.07, t, h - 0.06), 0.003)
    b.box("spine", (0.02, -t / 2 - 0.045, h * 0.62), (w * 0.55, 0.03, h * 0.16), 0.002)


@category("open book", ("brown", *ANY), {"pages": ("white", "beige")}, words=("wide", "tall", "thick"))
def open_book(b: Builder):
    for s in (-1, 1):
        m = turn("y", -s * 14)
        b.box("main", m @ [s * 0.24 * b.w, 0, 0], (0.48 * b.w, 0.62 * b.h, 0.055), 0.005, rot=m)
        b.box("pages", m @ [s * 0.22 * b.w, 0, 0.06], (0.42 * b.w, 0.56 * b.h, 0.09), 0.02, rot=m)


@category("scroll", ("beige", "white", "yellow"), {"rods": ("brown", "golden", "wooden", "red")}, syn=("parchment",), words=("tall", "wide", "short", "narrow"))
def scroll(b: Builder):
    w, h = 0.5 * b.w, 0.62 * b.h
    b.box("main", (0, 0, h / 2), (w, 0.058, h), 0.004)
    for z in (0, 1):
        b.rod("main", (-w / 2, -0.03, z * h), (w / 2, -0.03, z * h), 0.075)
        b.rod("rods", (-w / 2 - 0.12, -0.03, z * h), (w / 2 + 0.12, -0.03, z * h), 0.04)
    for i in range(3):
        b.box("rods", (0, -0.03, h * (0.3 + 0.2 * i)), (w * 0.66, 0.035, 0.045), 0.002)


@category("guitar", ("wooden", "orange", *ANY), {"neck": ("brown", "black", "wooden")}, {"hole": "black", "bridge": "black"}, syn=("acoustic guitar",), words=("tall", "wide", "short"), materials=("wooden",))
def guitar(b: Builder):
    w = 0.22 * b.w
    b.cyl("main", (0, 0, 0.21), w, 0.13, rot=X90, round=0.02)
    b.cyl("main", (0, 0, 0.44), w * 0.76, 0.13, rot=X90, round=0.02, k=0.05)
    l = 0.4 * b.h
    b.box("neck", (0, -0.05, 0.5 + l / 2), (0.075, 0.062, l + 0.1), 0.01)
    b.box("neck", (0, -0.04, 0.5 + l + 0.06), (0.13, 0.062, 0.16), 0.015)
    b.cyl("hole", (0, -0.06, 0.38), 0.075, 0.04, rot=X90)
    b.box("bridge", (0, -0.07, 0.17), (0.18, 0.05, 0.055), 0.005)


@category("drum", ANY, {"rims": ("golden", "white", "black", "silver"), "skin": ("white", "beige"), "sticks": ("wooden", "brown")}, words=("tall", "short", "wide"))
def drum(b: Builder):
    r, h = 0.34 * b.w, 0.42 * b.h
    b.cyl("main", (0, 0, h / 2), r, h)
    b.cyl("skin", (0, 0, h), r - 0.02, 0.05)
    for z in (0.06, h - 0.02):
        b.cyl("rims", (0, 0, z), r + 0.03, 0.085)
    b.cyl("skin", (0, 0, h + 0.015), r - 0.03, 0.035)
    for s in (-1, 1):
        b.cap("sticks", (s * 0.24, -0.16, h + 0.055), (-s * 0.14, 0.2, h + 0.075 + 0.03 * (s + 1)), 0.032)


@category("trumpet", ("golden", "silver", *ANY), {"valves": ("same", "silver", "white")}, syn=("horn",), words=("long", "short", "wide"), materials=("golden", "silver", "copper"))
def trumpet(b: Builder):
    b.rod("main", (-0.42, 0, 0.1), (0.16, 0, 0.1), 0.034)
    b.rod("main", (0.14, 0, 0.1), (0.44, 0, 0.1), 0.035, 0.17 * b.w)
    b.rod("main", (-0.44, 0, 0.1), (-0.38, 0, 0.1), 0.062, 0.04)
    b.torus("main", (0.08, 0, 0.0), 0.1, 0.032, rot=X90 @ turn("z", -90), angle=92)
    b.torus("main", (-0.2, 0, 0.0), 0.1, 0.032, rot=X90 @ turn("z", 90), angle=92)
    b.rod("main", (-0.2, 0, -0.1), (0.08, 0, -0.1), 0.032)
    for i in range(3):
        b.rod("valves", (-0.15 + 0.09 * i, 0, -0.1), (-0.15 + 0.09 * i, 0, 0.22 * b.h), 0.034)


@category("bell", ("golden", "silver", *ANY), {"clapper": ("same", "black", "brown"), "handle": ("same", "wooden", "black")}, words=("tall", "wide", "short"), materials=("golden", "silver", "copper"))
def bell(b: Builder):
    r, h = 0.32 * b.w, 0.5 * b.h
    b.cyl("main", (0, 0, h * 0.12), r, h * 0.24, r2=r * 0.75)
    b.cyl("main", (0, 0, h * 0.5), r * 0.76, h * 0.6, r2=r * 0.5, k=0.03)
    b.ell("main", (0, 0, h * 0.78), (r * 0.5, r * 0.5, 0.12))
    b.torus("handle", (0, 0, h + 0.08), 0.075, 0.034, rot=X90)
    b.ball("clapper", (0, 0, -0.01), 0.085)


@category("helmet", ("silver", "gray", *ANY), {"crest": ("red", "blue", "golden", "black"), "visor": ("black", "same", "gray")}, syn=("knight helmet",), words=("tall", "wide", "short"), materials=("golden", "silver", "metal"))
def helmet(b: Builder):
    r = 0.28 * b.w
    b.group().cyl("main", (0, 0, 0.15), r, 0.32)
    b.ell("main", (0, 0, 0.3), (r, r, 0.26 * b.h))
    b.box("visor", (0, -0.3, 0.28), (0.46 * b.w, 0.4, 0.065), 0, op="paint", bound=False)
    b.box("visor", (0, -0.3, 0.14), (0.06, 0.4, 0.28), 0, op="paint", bound=False)
    b.group().cyl("main", (0, 0, 0.03), r + 0.04, 0.065)
    z = 0.3 + 0.26 * b.h
    b.cap("crest", (0, -0.12, z + 0.02), (0, 0.2, z - 0.02), 0.055)
    b.cap("crest", (0, 0.2, z - 0.02), (0, 0.33, z - 0.28), 0.055)


@category("boot", ("brown", "black", *ANY), {"sole": ("black", "white", "beige"), "cuff": ("same", "white", "red")}, syn=("shoe", "wellington boot"), words=("tall", "short", "wide"))
def boot(b: Builder):
    h = 0.46 * b.h
    b.box("sole", (0, -0.08, 0.035), (0.23 * b.w, 0.58, 0.07), 0.02)
    b.ell("main", (0, -0.17, 0.12), (0.13 * b.w, 0.22, 0.13))
    b.cyl("main", (0, 0.09, 0.06 + h / 2), 0.115 * b.w, h, r2=0.13 * b.w, k=0.05)
    b.cyl("cuff", (0, 0.09, h + 0.04), 0.15 * b.w, 0.1)
    b.cyl("main", (0, 0.09, h + 0.05), 0.09 * b.w, 0.26, op="cut", bound=False)
    b.box("sole", (0, 0.15, 0.03), (0.2 * b.w, 0.14, 0.075), 0.01)


@category("hat", ("black", "brown", *ANY), {"band": ("red", "white", "golden", "black")}, variants=("pointy",), syn=("top hat",), words=("tall", "wide", "short"))
def hat(b: Builder):
    r, h = 0.24 * b.w, 0.42 * b.h
    b.cyl("main", (0, 0, 0.035), r + 0.18, 0.068, round=0.02)
    if b.says("pointy", 0.3):
        b.cyl("main", (0, 0, 0.03 + 0.33 * b.h), r, 0.66 * b.h, r2=0.012)
        b.cyl("band", (0, 0, 0.11), r * 0.98, 0.1, r2=r * 0.84)
        return
    b.cyl("main", (0, 0, h / 2 + 0.04), r * 0.95, h, r2=r)
    b.cyl("band", (0, 0, 0.12), r + 0.015, 0.11)


@category("backpack", ANY, {"pocket": ("same", "black", "yellow", "blue"), "straps": ("black", "brown")}, syn=("rucksack", "school bag"), words=("tall", "wide", "short"))
def backpack(b: Builder):
    w, h = 0.48 * b.w, 0.6 * b.h
    b.box("main", (0, 0, h / 2), (w, 0.28, h), 0.1)
    b.box("pocket", (0, -0.15, h * 0.3), (w * 0.72, 0.16, h * 0.42), 0.05)
    b.torus("straps", (0, 0.02, h + 0.02), 0.075, 0.032, rot=X90)
    for s in (-1, 1):
        b.torus("straps", (s * w * 0.28, 0.13, h * 0.5), h * 0.3, 0.036, rot=Y90 @ turn("z", 0), angle=100)


@category("suitcase", ("brown", *ANY), {"handle": ("black", "same", "golden"), "corners": ("golden", "black", "same")}, syn=("luggage",), words=("tall", "wide", "thick", "thin"))
def suitcase(b: Builder):
    w, h = 0.72 * b.w, 0.5 * b.h
    b.box("main", (0, 0, h / 2), (w, 0.22 * max(b.d, 0.8), h), 0.035)
    for s in (-1, 1):
        b.rod("handle", (s * 0.11, 0, h - 0.02), (s * 0.11, 0, h + 0.1), 0.034)
        b.box("corners", (s * w * 0.3, 0, h / 2), (0.075, 0.22 * max(b.d, 0.8) + 0.035, h + 0.035), 0.01)
    b.rod("handle", (-0.13, 0, h + 0.1), (0.13, 0, h + 0.1), 0.036)


@category("camera", ("black", "gray", *ANY), {"lens": ("silver", "black", "glass"), "button": ("red", "silver")}, {"glass": "blue"}, words=("wide", "tall", "short"))
def camera(b: Builder):
    w, h = 0.72 * b.w, 0.42 * b.h
    b.box("main", (0, 0, h / 2), (w, 0.22, h), 0.03)
    b.box("main", (0, 0, h + 0.04), (0.26, 0.2, 0.13), 0.02)
    b.cyl("lens", (0, -0.18, h / 2), 0.17, 0.2, rot=X90)
    b.cyl("glass", (0, -0.27, h / 2), 0.115, 0.055, rot=X90)
    b.cyl("button", (w * 0.34, 0, h + 0.03), 0.055, 0.09)


@category("laptop", ("gray", "silver", "black", *ANY), {"screen": ("blue", "glass", "black", "white"), "keyboard": ("black", "white")}, syn=("computer", "notebook computer"), words=("wide", "tall", "thick"))
def laptop(b: Builder):
    w, d, h = 0.76 * b.w, 0.5, 0.5 * b.h
    b.box("main", (0, -0.05, 0.035), (w, d, 0.07), 0.01)
    b.box("keyboard", (0, -0.02, 0.062), (w * 0.84, d * 0.5, 0.04), 0.003)
    m = turn("x", -14)
    b.box("main", m @ [0, 0, h / 2] + [0, d / 2 - 0.07, 0.03], (w, 0.07, h), 0.01, rot=m)
    b.box("screen", m @ [0, -0.03, h / 2 + 0.015] + [0, d / 2 - 0.07, 0.03], (w - 0.11, 0.04, h - 0.11), 0.003, rot=m)


@category("phone", ("black", "white", *ANY), {"screen": ("blue", "glass", "gray", "white")}, syn=("smartphone", "mobile phone"), words=("tall", "wide", "thick"))
def phone(b: Builder):
    w, h = 0.42 * b.w, 0.84 * b.h
    b.box("main", (0, 0, 0), (w, 0.09 * max(b.d, 0.85), h), 0.03)
    b.box("screen", (0, -0.04, 0.02), (w - 0.09, 0.05, h - 0.19), 0.003)
    b.cyl("screen", (0, -0.04, -h / 2 + 0.055), 0.032, 0.045, rot=X90)


@category("balloon", ANY, {"string": ("white", "black", "yellow")}, words=("tall", "wide", "long"))
def balloon(b: Builder):
    r = 0.26 * b.w
    b.ell("main", (0, 0, 0.62), (r, r, 0.31 * b.h))
    z = 0.62 - 0.31 * b.h
    b.cyl("main", (0, 0, z - 0.01), 0.065, 0.09, r2=0.03)
    b.rod("string", (0, 0, z - 0.42), (0, 0, z), 0.028)


@category("ball", ANY, {"stripes": ("white", "yellow", "black", "blue")}, syn=("beach ball",), words=("big",))
def ball(b: Builder):
    b.ball("main", (0, 0, 0), 0.4)
    for i in range(3):
        m = turn("z", 60 * i + 30)
        b.box("stripes", (0, 0, 0), (0.16, 2, 2), 0, rot=m, op="paint", bound=False)
    b.group()


@category("dice", ("white", "red", *ANY), {"dots": ("black", "white")}, syn=("die",), words=("big",))
def dice(b: Builder):
    s = 0.66
    b.box("main", (0, 0, 0), (s, s, s), 0.075)
    q = 0.18
    for x, z in ((-q, -q), (q, q), (0, 0), (-q, q), (q, -q)):
        b.ball("dots", (x, -s / 2 - 0.03, z), 0.085, op="paint")
    b.ball("dots", (0, 0, s / 2 + 0.03), 0.11, op="paint")
    for y, z in ((-q, -q), (0, 0), (q, q)):
        b.ball("dots", (s / 2 + 0.03, y, z), 0.085, op="paint")
        b.ball("dots", (-s / 2 - 0.03, y, z), 0.085, op="paint")
    b.group()


@category("chess pawn", ("white", "black", "brown", "beige", *ANY), {"base": ("same", "golden", "black")}, syn=("pawn",), words=UPRIGHT, materials=("wooden", "glass", "stone", "golden"))
def pawn(b: Builder):
    r, h = 0.24 * b.w, 0.46 * b.h
    b.cyl("base", (0, 0, 0.05), r, 0.1, round=0.03)
    b.cyl("main", (0, 0, 0.08 + h / 2), r * 0.72, h, r2=0.075)
    b.cyl("main", (0, 0, h + 0.07), 0.14, 0.06, round=0.02)
    b.ball("main", (0, 0, h + 0.21), 0.145 * b.w)


@category("chess rook", ("white", "black", "brown", *ANY), {"base": ("same", "golden", "black")}, syn=("rook",), words=UPRIGHT, materials=("wooden", "glass", "stone"))
def rook(b: Builder):
    r, h = 0.25 * b.w, 0.5 * b.h
    b.cyl("base", (0, 0, 0.06), r + 0.05, 0.12, round=0.03)
    b.cyl("main", (0, 0, 0.1 + h / 2), r * 0.85, h, r2=r * 0.68)
    b.group().cyl("main", (0, 0, h + 0.19), r, 0.24)
    b.cyl("main", (0, 0, h + 0.27), r - 0.075, 0.2, op="cut", bound=False)
    for i in range(3):
        b.box("main", (0, 0, h + 0.29), (0.09, 1, 0.13), 0, rot=turn("z", 60 * i), op="cut", bound=False)
    b.group()


@category("hourglass", ("wooden", "golden", *ANY), {"sand": ("yellow", "beige", "orange", "pink")}, {"bulb": "glass"}, syn=("sand timer",), words=("tall", "wide", "short"), materials=("wooden", "golden"))
def hourglass(b: Builder):
    r, h = 0.25 * b.w, 0.72 * b.h
    for z in (0, h):
        b.cyl("main", (0, 0, z), r, 0.085, round=0.02)
    b.cyl("bulb", (0, 0, h * 0.74), 0.045, h * 0.5, r2=r * 0.74)
    b.cyl("sand", (0, 0, h * 0.26), r * 0.74, h * 0.5, r2=0.045)
    for i in range(3):
        a = 2.0944 * i + 0.5
        b.rod("main", (r * 0.82 * math.cos(a), r * 0.82 * math.sin(a), 0), (r * 0.82 * math.cos(a), r * 0.82 * math.sin(a), h), 0.034)


@category("star", ("yellow", "golden", *ANY), {"center": ("same", "white", "orange", "red")}, words=("thick", "thin", "wide", "tall"), materials=("golden", "silver", "glass", "wooden"))
def star(b: Builder):
    b.group().star("main", (0, 0, 0), 5, 0.46, 0.2, 0.17 * b.w)
    b.cyl("center", (0, 0, 0), 0.13, 1.0, rot=X90, op="paint", bound=False)
    b.group()


@category("heart", ("red", "pink", *ANY), {"arrow": ("golden", "black", "brown", "white")}, words=("thick", "thin", "big"), materials=("golden", "glass", "stone"))
def heart(b: Builder):
    b.heart("main", (0, 0, 0), 0.72, 0.2 * b.w)
    if b.chance(0.6) or b.word == "arrow":
        m = [0.43, 0, 0.3]
        b.rod("arrow", (-0.42, 0, -0.3), (0.42, 0, 0.3), 0.034)
        b.cyl("arrow", (0.44, 0, 0.315), 0.09, 0.13, r2=0.01, rot=turn("y", 54))


@category("moon", ("yellow", "white", "gray", "beige"), {"craters": ("gray", "beige", "orange")}, syn=("crescent moon",), words=("thick", "thin"))
def moon(b: Builder):
    r = 0.44
    b.group().cyl("main", (0, 0, 0), r, 0.18 * b.w, rot=X90, round=0.03)
    b.cyl("main", (0.22, 0, 0.06), r * 0.78, 1.0, rot=X90, op="cut", bound=False)
    for x, z, s in ((-0.32, 0.0, 0.06), (-0.24, -0.24, 0.075), (-0.26, 0.24, 0.05)):
        b.cyl("craters", (x, 0, z), s, 1.0, rot=X90, op="paint", bound=False)
    b.group()


@category("planet", ("orange", "blue", *ANY), {"ring": ("yellow", "white", "gray", "pink")}, syn=("saturn",), words=("wide", "big"))
def planet(b: Builder):
    m = turn("y", 18)
    b.ball("main", (0, 0, 0), 0.28)
    b.group().cyl("ring", (0, 0, 0), 0.46 * min(b.w, 1.2), 0.062, rot=m)
    b.cyl("ring", (0, 0, 0), 0.34, 0.3, rot=m, op="cut", bound=False)
    b.group().box("ring", (0, 0, 0), (0.7, 0.06, 0.058), 0.0, rot=m)


@category("bomb", ("black", "gray", "red", "blue", "pink"), {"fuse": ("brown", "beige", "white")}, {"spark": "orange"}, words=("big",), materials=("metal", "golden"))
def bomb(b: Builder):
    b.ball("main", (0, 0, 0), 0.34)
    m = turn("y", 28)
    b.cyl("main", m @ [0, 0, 0.34], 0.1, 0.13, rot=m)
    b.cap("fuse", m @ [0, 0, 0.38], m @ [0.02, 0, 0.52], 0.032)
    b.cap("fuse", m @ [0.02, 0, 0.52], m @ [0.11, 0, 0.58], 0.032)
    b.star("spark", m @ [0.15, 0, 0.6], 6, 0.1, 0.045, 0.07)


@category("cannon", ("black", "gray", *METAL, "golden", "brown"), {"wheels": ("brown", "wooden", "red", "black")}, words=("long", "short", "thick"), materials=("metal", "golden", "copper"))
def cannon(b: Builder):
    r = 0.12 * b.w
    l = 0.3 * b.d
    b.group().rod("main", (0, l, 0.26), (0, -l - 0.12, 0.38), r + 0.03, r)
    b.rod("main", (0, -l - 0.06, 0.37), (0, -l - 0.16, 0.39), r + 0.035)
    b.ball("main", (0, l, 0.26), r + 0.03)
    b.rod("main", (0, -l, 0.365), (0, -l - 0.4, 0.44), r * 0.55, op="cut", bound=False)
    b.group().ball("main", (0, l + r + 0.05, 0.25), 0.05)
    for s in (-1, 1):
        b.torus("wheels", (s * (r + 0.1), 0.06, 0.2), 0.165, 0.036, rot=Y90)
        for a in (0, 90):
            b.box("wheels", (s * (r + 0.1), 0.06, 0.2), (0.055, 0.32, 0.055), 0.005, rot=turn("x", a + 45))
    b.rod("wheels", (-r - 0.14, 0.06, 0.2), (r + 0.14, 0.06, 0.2), 0.045)
    b.box("wheels", (0, 0.24, 0.13), (0.12, 0.42, 0.09), 0.01, rot=turn("x", -20))
