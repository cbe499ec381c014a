"""Animals and figures; they face -y."""
import math

from .builder import X90, Y90, Builder, turn
from .registry import ANY, UPRIGHT, category

EYES = {"eyes": "black"}


@category("fish", ("orange", *ANY), {"fins": ("same", "yellow", "red", "blue"), "stripes": ("same", "white", "black")}, EYES, syn=("goldfish",), words=("long", "short", "tall"))
def fish(b: Builder):
    l, h = 0.3 * b.w, 0.19 * b.h
    b.group().ell("main", (-0.05, 0, 0), (l, 0.11, h))
    for x in (-0.12, 0.05):
        b.box("stripes", (x, 0, 0), (0.065, 1, 1), 0, op="paint", bound=False)
    b.group().roof("fins", (l + 0.06, 0, 0), 0.34, 0.2, 0.06, rot=turn("y", -90))
    b.ell("fins", (-0.02, 0, h), (0.13, 0.035, 0.1))
    b.ell("fins", (0.0, 0, -h), (0.085, 0.035, 0.075))
    for s in (-1, 1):
        b.ball("eyes", (-0.05 - l * 0.66, s * 0.065, 0.045), 0.038)


@category("shark", ("gray", "blue", "navy", "turquoise"), {"belly": ("white",), "fins": ("same", "black")}, EYES, words=("long", "short"))
def shark(b: Builder):
    l = 0.42 * b.d
    b.group().ell("main", (0, 0, 0), (0.12, l, 0.13))
    b.box("belly", (0, 0, -0.13), (1, 2, 0.14), 0, op="paint", bound=False)
    b.group().roof("fins", (0, 0.0, 0.17), 0.22, 0.2, 0.06, rot=turn("z", 90))
    b.roof("fins", (0, l + 0.05, 0.1), 0.16, 0.28, 0.06, rot=turn("x", -35) @ turn("z", 90))
    b.roof("fins", (0, l + 0.03, -0.06), 0.12, 0.18, 0.06, rot=turn("x", -145) @ turn("z", 90))
    for s in (-1, 1):
        b.box("fins", (s * 0.19, -0.04, -0.06), (0.26, 0.13, 0.055), 0.02, rot=turn("y", s * 20) @ turn("z", s * -25))
        b.ball("eyes", (s * 0.068, -l * 0.72, 0.045), 0.034)


@category("whale", ("blue", "navy", "gray", "black", "turquoise"), {"belly": ("white", "beige"), "tail": ("same",)}, EYES, words=("long", "short", "big"))
def whale(b: Builder):
    l = 0.34 * b.d
    b.group().ell("main", (0, -0.08, 0.02), (0.22, l, 0.2))
    b.cap("main", (0, l * 0.5, 0.04), (0, l + 0.06, 0.13), 0.06, k=0.08)
    b.box("belly", (0, 0, -0.17), (1, 2, 0.2), 0, op="paint", bound=False)
    b.group()
    for s in (-1, 1):
        b.ell("tail", (s * 0.12, l + 0.12, 0.17), (0.14, 0.08, 0.036), rot=turn("z", s * 25))
        b.ell("main", (s * 0.22, -0.1, -0.08), (0.13, 0.075, 0.04), rot=turn("y", s * 30))
        b.ball("eyes", (s * 0.165, -0.08 - l * 0.6, 0.03), 0.036)


@category("bird", ("yellow", "blue", "red", *ANY), {"wings": ("same", "white", "black", "blue"), "beak": ("orange", "yellow")}, {**EYES, "legs": "orange"}, syn=("songbird",), words=("tall", "short", "long"))
def bird(b: Builder):
    b.ell("main", (0, 0.02, 0.3), (0.17 * b.w, 0.24 * b.d, 0.18 * b.h), rot=turn("x", -20))
    b.ball("main", (0, -0.17, 0.49 * b.h), 0.135, k=0.05)
    b.cyl("beak", (0, -0.33, 0.48 * b.h), 0.055, 0.13, r2=0.01, rot=X90)
    b.box("main", (0, 0.29, 0.27), (0.13, 0.22, 0.055), 0.015, rot=turn("x", -25))
    for s in (-1, 1):
        b.ell("wings", (s * 0.155 * b.w, 0.05, 0.31), (0.05, 0.19, 0.11), rot=turn("x", -25))
        b.ball("eyes", (s * 0.095, -0.25, 0.53 * b.h), 0.034)
        b.rod("legs", (s * 0.075, -0.01, 0.0), (s * 0.07, 0.01, 0.17), 0.03)
        b.box("legs", (s * 0.075, -0.05, 0.02), (0.075, 0.13, 0.05), 0.015)


@category("duck", ("yellow", "white", "brown", "green", "pink", "blue"), {"beak": ("orange", "yellow"), "wings": ("same", "white")}, EYES, syn=("rubber duck",), words=("tall", "short", "big"))
def duck(b: Builder):
    b.ell("main", (0, 0.04, 0.22), (0.23 * b.w, 0.33, 0.2))
    b.ball("main", (0, -0.18, 0.52 * b.h), 0.17, k=0.06)
    b.ell("main", (0, 0.33, 0.32), (0.09, 0.13, 0.08), rot=turn("x", 40), k=0.05)
    b.ell("beak", (0, -0.37, 0.49 * b.h), (0.085, 0.1, 0.038))
    for s in (-1, 1):
        b.ell("wings", (s * 0.215 * b.w, 0.07, 0.25), (0.055, 0.19, 0.11), rot=turn("x", 12))
        b.ball("eyes", (s * 0.085, -0.31, 0.57 * b.h), 0.036)


@category("penguin", ("black", "navy", "blue", "gray", "purple", "pink"), {"belly": ("white",), "beak": ("orange", "yellow")}, {**EYES, "feet": "orange"}, words=("tall", "short", "wide"))
def penguin(b: Builder):
    h = 0.3 * b.h
    b.ell("main", (0, 0, h + 0.04), (0.22 * b.w, 0.2, h + 0.02))
    b.ball("main", (0, -0.01, 2 * h + 0.07), 0.16, k=0.05)
    b.ell("belly", (0, -0.07, h + 0.02), (0.165 * b.w, 0.16, h * 0.85))
    b.cyl("beak", (0, -0.19, 2 * h + 0.05), 0.05, 0.11, r2=0.01, rot=X90)
    for s in (-1, 1):
        b.ell("main", (s * 0.24 * b.w, 0, h + 0.06), (0.045, 0.085, 0.2), rot=turn("y", -s * 18))
        b.ell("feet", (s * 0.1, -0.09, 0.035), (0.08, 0.13, 0.04))
        b.ball("eyes", (s * 0.068, -0.13, 2 * h + 0.12), 0.034)


@category("owl", ("brown", "gray", "white", "orange", "purple", "beige"), {"wings": ("same", "black", "maroon"), "belly": ("beige", "white")}, {"eyes": "yellow", "pupils": "black", "beak": "orange"}, words=("tall", "short", "wide"))
def owl(b: Builder):
    h = 0.28 * b.h
    b.ell("main", (0, 0, h), (0.24 * b.w, 0.2, h))
    b.ell("main", (0, 0, 2 * h - 0.02), (0.22 * b.w, 0.19, 0.18), k=0.04)
    b.ell("belly", (0, -0.07, h - 0.02), (0.15 * b.w, 0.15, h * 0.75))
    b.cyl("beak", (0, -0.2, 2 * h - 0.07), 0.045, 0.1, r2=0.012, rot=turn("x", 120))
    for s in (-1, 1):
        b.ell("wings", (s * 0.235 * b.w, 0.03, h), (0.06, 0.15, h * 0.78))
        b.cyl("main", (s * 0.15, 0, 2 * h + 0.15), 0.07, 0.16, r2=0.012)
        b.ball("eyes", (s * 0.095, -0.14, 2 * h + 0.01), 0.078)
        b.ball("pupils", (s * 0.095, -0.2, 2 * h + 0.01), 0.04)


def four_legs(b, w, l, top, r, part="main"):
    for x in (-1, 1):
        for y in (-1, 1):
            b.cap(part, (x * w, y * l, r), (x * w, y * l, top), r)


@category("dog", ("brown", "beige", "white", "black", "gray", "orange"), {"ears": ("same", "brown", "black"), "collar": ("red", "blue", "green")}, {"nose": "black", "eyes": "black"}, syn=("puppy",), words=("tall", "short", "long"))
def dog(b: Builder):
    h = 0.24 * b.h
    l = 0.25 * b.d
    four_legs(b, 0.1, l * 0.8, h, 0.05)
    b.ell("main", (0, 0, h + 0.06), (0.15, l + 0.08, 0.13), k=0.03)
    b.ball("main", (0, -l - 0.08, h + 0.29), 0.15, k=0.03)
    b.cyl("collar", (0, -l - 0.03, h + 0.15), 0.12, 0.06, rot=turn("x", 25))
    b.ell("main", (0, -l - 0.22, h + 0.25), (0.075, 0.1, 0.065), k=0.02)
    b.ball("nose", (0, -l - 0.32, h + 0.28), 0.036)
    b.cap("main", (0, l + 0.03, h + 0.1), (0, l + 0.13, h + 0.28), 0.036)
    for s in (-1, 1):
        b.ell("ears", (s * 0.155, -l - 0.06, h + 0.27), (0.042, 0.075, 0.13))
        b.ball("eyes", (s * 0.06, -l - 0.21, h + 0.34), 0.032)


@category("cat", ("orange", "black", "white", "gray", "brown", "beige"), {"ears": ("same", "pink", "white"), "tail": ("same", "white", "black")}, {"nose": "pink", "eyes": "green"}, syn=("kitten",), words=("tall", "short", "long"))
def cat(b: Builder):
    # Sitting, with the tail raised.
    h = b.h
    b.ell("main", (0, 0.06, 0.23 * h), (0.18 * b.w, 0.21, 0.23 * h))
    b.ell("main", (0, -0.06, 0.34 * h), (0.13, 0.12, 0.2), k=0.04)
    b.ball("main", (0, -0.1, 0.58 * h), 0.165)
    for s in (-1, 1):
        b.frust("ears", (s * 0.1, -0.08, 0.58 * h + 0.17), 4, 0.065, 0.008, 0.14, rot=turn("y", s * 14))
        b.cap("main", (s * 0.08, -0.17, 0.04), (s * 0.07, -0.13, 0.26 * h), 0.05)
        b.ball("eyes", (s * 0.065, -0.235, 0.61 * h), 0.036)
    b.ball("nose", (0, -0.26, 0.555 * h), 0.034)
    b.cap("tail", (0.02, 0.22, 0.06), (0.16, 0.3, 0.14), 0.042)
    b.cap("tail", (0.16, 0.3, 0.14), (0.2, 0.27, 0.42 * h), 0.042)


@category("rabbit", ("white", "gray", "brown", "beige", "pink", "black"), {"ears": ("same", "pink"), "tail": ("white", "same")}, {"nose": "pink", "eyes": "black"}, syn=("bunny",), words=("tall", "short", "wide"))
def rabbit(b: Builder):
    h = b.h
    b.ell("main", (0, 0.06, 0.2), (0.19 * b.w, 0.24, 0.2))
    b.ball("main", (0, -0.12, 0.42), 0.15, k=0.03)
    b.ball("tail", (0, 0.31, 0.17), 0.085)
    b.ball("nose", (0, -0.265, 0.42), 0.034)
    for s in (-1, 1):
        b.ell("ears", (s * 0.075, -0.08, 0.55 + 0.16 * h), (0.05, 0.042, 0.2 * h), rot=turn("y", s * 10))
        b.ell("main", (s * 0.11, -0.16, 0.05), (0.06, 0.12, 0.05))
        b.ball("eyes", (s * 0.075, -0.235, 0.47), 0.034)


@category("pig", ("pink", "brown", "black", "white", "orange"), {"snout": ("same", "red", "beige"), "ears": ("same",)}, EYES, syn=("piglet",), words=("tall", "short", "long", "thick"))
def pig(b: Builder):
    l = 0.26 * b.d
    four_legs(b, 0.12, l * 0.7, 0.18, 0.055)
    b.ell("main", (0, 0, 0.28), (0.2 * b.w, l + 0.06, 0.185), k=0.02)
    b.ball("main", (0, -l - 0.03, 0.34), 0.155)
    b.cyl("snout", (0, -l - 0.19, 0.32), 0.075, 0.1, rot=X90)
    b.torus("main", (0, l + 0.1, 0.34), 0.05, 0.028, rot=Y90)
    for s in (-1, 1):
        b.cyl("ears", (s * 0.1, -l - 0.03, 0.5), 0.06, 0.12, r2=0.012, rot=turn("y", s * 20))
        b.ball("eyes", (s * 0.075, -l - 0.155, 0.39), 0.032)


@category("sheep", ("white", "beige", "gray", "pink", "black"), {"face": ("black", "beige", "white"), "legs": ("black", "beige")}, {"eyes": "white"}, syn=("lamb",), words=("tall", "short", "long"))
def sheep(b: Builder):
    l = 0.2 * b.d
    four_legs(b, 0.11, l * 0.75, 0.22, 0.045, "legs")
    b.ell("main", (0, 0.03, 0.34), (0.2, l + 0.08, 0.18))
    for i in range(8):
        a = math.pi / 4 * i
        b.ball("main", (0.14 * math.sin(a), 0.03 + (l + 0.02) * math.cos(a), 0.38 + 0.05 * (i % 2)), 0.115, k=0.02)
    b.ell("face", (0, -l - 0.13, 0.42), (0.085, 0.13, 0.11), rot=turn("x", 25))
    for s in (-1, 1):
        b.ell("face", (s * 0.125, -l - 0.08, 0.46), (0.075, 0.04, 0.04))
        b.ball("eyes", (s * 0.06, -l - 0.2, 0.46), 0.03)


@category("elephant", ("gray", "blue", "pink", "purple", "white"), {"tusks": ("white", "beige"), "ears": ("same", "pink")}, EYES, words=("tall", "short", "long", "big"))
def elephant(b: Builder):
    l, h = 0.2 * b.d, 0.24 * b.h
    four_legs(b, 0.13, l * 0.75, h, 0.075)
    b.ell("main", (0, 0.05, h + 0.12), (0.21, l + 0.08, 0.2), k=0.03)
    b.ball("main", (0, -l - 0.05, h + 0.24), 0.165)
    for (p, q) in (((0, -l - 0.18, h + 0.2), (0, -l - 0.27, h)), ((0, -l - 0.27, h), (0, -l - 0.26, 0.1)), ((0, -l - 0.26, 0.1), (0, -l - 0.34, 0.05))):
        b.cap("main", p, q, 0.05)
    b.cap("main", (0, l + 0.12, h + 0.14), (0, l + 0.17, h - 0.06), 0.028)
    for s in (-1, 1):
        b.ell("ears", (s * 0.22, -l + 0.0, h + 0.25), (0.13, 0.038, 0.15), rot=turn("z", s * 20))
        b.rod("tusks", (s * 0.09, -l - 0.15, h + 0.13), (s * 0.1, -l - 0.3, h + 0.05), 0.034, 0.022)
        b.ball("eyes", (s * 0.095, -l - 0.18, h + 0.29), 0.032)


@category("giraffe", ("yellow", "orange", "beige"), {"spots": ("brown", "maroon", "orange")}, {"eyes": "black", "horns": "brown"}, words=("tall", "short"))
def giraffe(b: Builder):
    h, n = 0.36 * b.h, 0.42 * b.h
    b.group()
    four_legs(b, 0.075, 0.13, h, 0.04)
    b.ell("main", (0, 0.02, h + 0.06), (0.115, 0.22, 0.11))
    b.cap("main", (0, -0.15, h + 0.08), (0, -0.26, h + n), 0.052)
    b.ell("main", (0, -0.33, h + n + 0.02), (0.06, 0.13, 0.06), rot=turn("x", 18))
    for i in range(7):
        a = 1.9 * i
        b.ball("spots", (0.12 * math.sin(a), 0.02 + 0.2 * math.cos(0.7 * a), h + 0.06 + 0.08 * math.cos(a)), 0.062, op="paint")
    for i in range(4):
        t = (i + 0.6) / 4
        b.ball("spots", (0.05 * (-1) ** i, -0.15 - 0.11 * t, h + 0.08 + (n - 0.08) * t), 0.052, op="paint")
    b.group()
    for s in (-1, 1):
        b.rod("horns", (s * 0.035, -0.27, h + n), (s * 0.04, -0.26, h + n + 0.13), 0.026)
        b.ball("eyes", (s * 0.053, -0.34, h + n + 0.045), 0.028)


@category("turtle", ("green", "brown", "lime", "turquoise", "blue"), {"shell": ("brown", "green", "orange", "maroon")}, EYES, syn=("tortoise",), words=("long", "wide", "tall"))
def turtle(b: Builder):
    r = 0.29 * b.w
    b.group().ell("shell", (0, 0, 0.11), (r, 0.33, 0.24 * b.h), bound=True)
    b.plane((0, 0, 0.1), (0, 0, -1))
    b.low[2] = 0.0
    b.group().ell("main", (0, 0, 0.1), (r - 0.02, 0.32, 0.06))
    b.cap("main", (0, -0.25, 0.12), (0, -0.4, 0.22), 0.06)
    b.ell("main", (0, -0.42, 0.24), (0.095, 0.11, 0.085))
    b.cyl("main", (0, 0.36, 0.08), 0.045, 0.14, r2=0.012, rot=turn("x", -90))
    for s in (-1, 1):
        b.ball("eyes", (s * 0.065, -0.48, 0.275), 0.03)
        for y in (-1, 1):
            b.ell("main", (s * (r - 0.01), y * 0.22, 0.06), (0.11, 0.075, 0.06), rot=turn("z", -s * y * 35))


@category("snake", ("green", "lime", "yellow", "red", "black", "brown", "purple"), {"stripes": ("same", "yellow", "black", "red")}, EYES, words=("long", "short", "thick", "thin"))
def snake(b: Builder):
    r = max(0.05 * b.w, 0.042)
    b.group()
    pts = [(-0.34 + 0.085 * i, 0.16 * math.cos(i * 1.15), r) for i in range(9)]
    for i in range(8):
        b.cap("main", pts[i], pts[i + 1], r * (0.75 + 0.25 * min(1, i / 3)), k=0.01)
    b.cap("main", pts[8], (0.4, pts[8][1] - 0.1, 0.24), r)
    for i in range(1, 8, 2):
        b.ball("stripes", pts[i], r * 1.3, op="paint")
    b.group().ell("main", (0.4, pts[8][1] - 0.16, 0.27), (r * 1.4, 0.11, r * 1.15))
    for s in (-1, 1):
        b.ball("eyes", (0.4 + s * 0.05, pts[8][1] - 0.21, 0.3), 0.03)


@category("spider", ("black", "brown", "red", "purple", "gray"), {"legs": ("same", "black", "orange")}, {"eyes": "white"}, words=("wide", "big", "tall"))
def spider(b: Builder):
    b.ell("main", (0, 0.16, 0.24), (0.17, 0.2, 0.16))
    b.ball("main", (0, -0.08, 0.22), 0.12)
    for s in (-1, 1):
        for i in range(4):
            a = math.radians(-48 + 32 * i)
            knee = (s * 0.26 * b.w * math.cos(a), -0.06 + 0.24 * math.sin(a), 0.36 * b.h)
            foot = (s * 0.45 * b.w * math.cos(a), -0.06 + 0.45 * math.sin(a), 0.03)
            b.cap("legs", (s * 0.06, -0.06, 0.2), knee, 0.03)
            b.cap("legs", knee, foot, 0.03)
        b.ball("eyes", (s * 0.05, -0.18, 0.27), 0.032)


@category("butterfly", ANY, {"spots": ("same", "white", "yellow", "black"), "body": ("black", "brown")}, words=("wide", "tall"))
def butterfly(b: Builder):
    # Wings in the xz plane, seen from the front.
    b.group()
    for s in (-1, 1):
        b.ell("main", (s * 0.23 * b.w, 0, 0.14), (0.24 * b.w, 0.035, 0.19), rot=turn("y", -s * 30))
        b.ell("main", (s * 0.18 * b.w, 0, -0.17), (0.18 * b.w, 0.035, 0.15), rot=turn("y", s * 30))
        b.cyl("spots", (s * 0.27 * b.w, 0, 0.18), 0.09, 0.2, rot=X90, op="paint")
        b.cyl("spots", (s * 0.2 * b.w, 0, -0.19), 0.065, 0.2, rot=X90, op="paint")
    b.group().cap("body", (0, -0.01, -0.2), (0, -0.01, 0.2), 0.05)
    b.ball("body", (0, -0.01, 0.25), 0.065)
    for s in (-1, 1):
        b.rod("body", (0, -0.01, 0.27), (s * 0.1, -0.01, 0.4), 0.026)


@category("teddy bear", ("brown", "beige", "white", "pink", "black", "blue", "purple"), {"belly": ("beige", "white", "same"), "bow": ("red", "blue", "green")}, {"eyes": "black", "nose": "black"}, syn=("teddy", "bear"), words=("tall", "short", "thick"))
def teddy(b: Builder):
    h = b.h
    b.ell("main", (0, 0, 0.28 * h), (0.2 * b.w, 0.17, 0.22 * h))
    b.ball("main", (0, -0.02, 0.61 * h), 0.19, k=0.02)
    b.ell("belly", (0, -0.09, 0.28 * h), (0.13 * b.w, 0.1, 0.15 * h))
    b.ell("belly", (0, -0.18, 0.57 * h), (0.085, 0.06, 0.065))
    b.ball("nose", (0, -0.235, 0.59 * h), 0.034)
    b.box("bow", (0, -0.17, 0.435 * h), (0.2, 0.065, 0.08), 0.02)
    for s in (-1, 1):
        b.ball("main", (s * 0.15, -0.01, 0.61 * h + 0.16), 0.075)
        b.ball("eyes", (s * 0.07, -0.19, 0.64 * h), 0.034)
        b.cap("main", (s * 0.18 * b.w, -0.02, 0.38 * h), (s * 0.3 * b.w, -0.08, 0.24 * h), 0.075)
        b.cap("main", (s * 0.13 * b.w, -0.03, 0.1), (s * 0.17 * b.w, -0.24, 0.09), 0.088)


@category("robot", ("gray", "silver", *ANY), {"eyes": ("blue", "red", "yellow", "lime"), "arms": ("same", "black", "metal")}, {"panel": "black", "antenna": "red"}, syn=("android",), words=UPRIGHT, materials=("metal", "golden", "silver", "copper"))
def robot(b: Builder):
    w, h = 0.34 * b.w, 0.34 * b.h
    legs = 0.24 * b.h
    b.box("main", (0, 0, legs + h / 2), (w, 0.22, h), 0.02)
    b.box("panel", (0, -0.1, legs + h * 0.55), (w * 0.5, 0.05, h * 0.35), 0.01)
    b.cyl("arms", (0, 0, legs + h + 0.02), 0.06, 0.08)
    b.box("main", (0, 0, legs + h + 0.16), (w * 0.8, 0.22, 0.22), 0.02)
    b.cyl("arms", (0, 0, legs + h + 0.31), 0.026, 0.1)
    b.ball("antenna", (0, 0, legs + h + 0.38), 0.045)
    for s in (-1, 1):
        b.cyl("eyes", (s * w * 0.2, -0.11, legs + h + 0.18), 0.045, 0.06, rot=X90)
        b.cap("arms", (s * (w / 2 + 0.05), 0, legs + h - 0.05), (s * (w / 2 + 0.07), -0.03, legs + h * 0.2), 0.045)
        b.box("arms", (s * (w / 2 + 0.07), -0.04, legs + h * 0.1), (0.11, 0.11, 0.1), 0.02)
        b.box("arms", (s * w * 0.26, 0, legs / 2), (0.1, 0.12, legs + 0.03), 0.01)
        b.box("main", (s * w * 0.26, -0.04, 0.035), (0.13, 0.22, 0.07), 0.015)


@category("snowman", ("white",), {"hat": ("black", "blue", "red", "purple"), "scarf": ("red", "green", "blue", "orange")}, {"buttons": "black", "nose": "orange", "arms": "brown"}, words=("tall", "short", "thick", "thin"))
def snowman(b: Builder):
    h = b.h
    b.ball("main", (0, 0, 0.2), 0.22 * b.w)
    b.ball("main", (0, 0, 0.45 * h), 0.17 * b.w)
    z = 0.67 * h
    b.ball("main", (0, 0, z), 0.13)
    b.torus("scarf", (0, 0, z - 0.11), 0.105, 0.042)
    b.cyl("hat", (0, 0, z + 0.11), 0.17, 0.055)
    b.cyl("hat", (0, 0, z + 0.2), 0.11, 0.18)
    b.rod("nose", (0, -0.1, z), (0, -0.26, z - 0.02), 0.038, 0.012)
    for s in (-1, 1):
        b.ball("buttons", (s * 0.05, -0.12, z + 0.045), 0.028)
        b.rod("arms", (s * 0.13, 0, 0.47 * h), (s * 0.36, -0.03, 0.58 * h), 0.028)
    for i in range(2):
        b.ball("buttons", (0, -0.165 * b.w, 0.41 * h + 0.09 * i), 0.032)


@category("ghost", ("white", "glass", "gray", "purple", "pink", "lime"), {"eyes": ("black", "red", "blue")}, words=("tall", "short", "wide", "thin"))
def ghost(b: Builder):
    r, h = 0.26 * b.w, 0.46 * b.h
    b.cyl("main", (0, 0, h / 2 + 0.08), r * 1.12, h, r2=r, round=0.01)
    b.ell("main", (0, 0, h + 0.07), (r, r, 0.26))
    for i in range(8):
        a = math.pi / 4 * (i + 0.5)
        b.ball("main", (r * 0.86 * math.cos(a), r * 0.86 * math.sin(a), 0.08), 0.085)
    for s in (-1, 1):
        b.ell("eyes", (s * 0.095, -r * 0.9, h + 0.07), (0.05, 0.06, 0.075))
        b.cap("main", (s * r * 0.9, -0.03, h * 0.75), (s * (r + 0.1), -0.14, h * 0.78), 0.06)
    b.ell("eyes", (0, -r * 1.0, h - 0.1), (0.045, 0.055, 0.06))


@category("skull", ("white", "beige", "golden", "gray"), {"eyes": ("black", "red", "blue")}, words=("tall", "wide"), materials=("golden", "stone", "glass"))
def skull(b: Builder):
    b.ell("main", (0, 0.04, 0.48), (0.27 * b.w, 0.32, 0.27 * b.h))
    b.box("main", (0, -0.13, 0.22), (0.27, 0.24, 0.24), 0.05, k=0.06)
    for s in (-1, 1):
        b.ball("eyes", (s * 0.115, -0.25, 0.43), 0.085)
    b.frust("eyes", (0, -0.25, 0.3), 4, 0.05, 0.012, 0.1)
    for i in range(3):
        b.box("eyes", ((i - 1) * 0.075, -0.24, 0.14), (0.024, 0.04, 0.11), 0.002)
