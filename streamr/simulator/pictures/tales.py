"""Scenes out of stories: castles, haunted woods, seas, balloons."""

from math import pi

from streamr.simulator.pictures.canvas import Canvas, around
from streamr.simulator.pictures.wilds import bird

# Of a castle: how far from its middle, how wide, how high.
TURRETS = (
    (-0.2, 0.09, 0.2),
    (-0.1, 0.07, 0.3),
    (0.0, 0.1, 0.38),
    (0.11, 0.07, 0.27),
    (0.2, 0.08, 0.17),
)


def castle(c: Canvas) -> None:
    """Fantasy: a castle among the stars."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    c.stars(70, h * 0.5)
    m = min(w, h)
    x, y = w * c.dice.uniform(0.4, 0.6), h * 0.56
    c.disc(x + m * c.dice.uniform(-0.2, 0.2), h * 0.3, m * 0.24, inks.glow)
    c.ridge(h * 0.58, h * 0.05, inks.middle)
    for offset, wide, high in TURRETS:
        left, top = x + (offset - wide / 2) * m, y - high * m
        c.rect(left, top, wide * m, high * m + h * 0.1, inks.deep)
        peak = (left + wide * m / 2, top - wide * m * 1.7)
        c.shape([(left - 4, top), peak, (left + wide * m + 4, top)], inks.accent)
        c.rect(left + wide * m * 0.38, top + 14, wide * m * 0.24, 15, inks.glow)
    c.ridge(h * 0.66, h * 0.04, inks.deep)
    c.ridge(h * 0.74, h * 0.03, inks.night)


def branch(c: Canvas, x: float, y: float, long: float, angle: float) -> None:
    """A bare branch and what grows from it."""
    tip = around(x, y, long, angle)
    c.add(
        "path",
        d=f"M{x:.0f} {y:.0f}L{tip[0]:.0f} {tip[1]:.0f}",
        stroke=c.inks.night,
        stroke_width=long * 0.09,
        stroke_linecap="round",
    )
    if long > c.height * 0.035:
        for turn in (-0.5, 0.42):
            bent = angle + turn * c.dice.uniform(0.6, 1.3)
            branch(c, *tip, long * c.dice.uniform(0.6, 0.74), bent)


def wood(c: Canvas) -> None:
    """Horror: bare trees before a moon that is too large."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    c.disc(w * c.dice.uniform(0.4, 0.6), h * 0.34, min(w, h) * 0.3, inks.accent)
    c.ridge(h * 0.62, h * 0.04, inks.deep)
    for x in (0.1, 0.9, c.dice.uniform(0.3, 0.7)):
        branch(c, w * x, h * 0.74, h * c.dice.uniform(0.13, 0.18), -pi / 2)
    c.ridge(h * 0.7, h * 0.02, inks.night)
    for x in (-9.0, 9.0):
        c.disc(w * 0.5 + x, h * 0.735, 3.2, inks.glow)


def house(c: Canvas) -> None:
    """Horror: a house on a hill with one window lit."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    m = min(w, h)
    c.disc(w * 0.5, h * 0.33, m * 0.27, inks.glow)
    x, y = w * c.dice.uniform(0.42, 0.58), h * 0.52
    c.shape(
        [(0, h), (x - m * 0.5, h * 0.7), (x, y), (x + m * 0.6, h * 0.7), (w, h)],
        inks.night,
    )
    c.rect(x - m * 0.11, y - m * 0.2, m * 0.22, m * 0.3, inks.night)
    c.shape(
        [(x - m * 0.14, y - m * 0.2), (x, y - m * 0.33), (x + m * 0.14, y - m * 0.2)],
        inks.night,
    )
    c.rect(x + m * 0.09, y - m * 0.1, m * 0.1, m * 0.2, inks.night)
    c.shape(
        [
            (x + m * 0.07, y - m * 0.1),
            (x + m * 0.14, y - m * 0.2),
            (x + m * 0.21, y - m * 0.1),
        ],
        inks.night,
    )
    c.rect(x - m * 0.03, y - m * 0.15, m * 0.06, m * 0.08, inks.accent)
    for _ in range(5):
        bird(c, w * c.dice.uniform(0.2, 0.8), h * c.dice.uniform(0.12, 0.35))


def sea(c: Canvas) -> None:
    """Adventure and family: waves, a small boat."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    m, x = min(w, h), w * c.dice.uniform(0.35, 0.65)
    c.disc(w * c.dice.uniform(0.25, 0.75), h * 0.24, m * 0.14, inks.glow)
    s = m * 0.11
    y = h * 0.47
    c.shape(
        [
            (x - s, y),
            (x + s, y),
            (x + s * 0.6, y + s * 0.5),
            (x - s * 0.6, y + s * 0.5),
        ],
        inks.night,
    )
    c.shape(
        [(x, y - s * 0.15), (x, y - s * 2), (x + s * 0.9, y - s * 0.15)], inks.paper
    )
    c.shape(
        [(x - 5, y - s * 0.15), (x - 5, y - s * 1.6), (x - s * 0.7, y - s * 0.15)],
        inks.accent,
    )
    r = m / 8
    for row in range(9):
        inks_of = (inks.middle, inks.deep, inks.night)
        shift = r if row % 2 else 0.0
        for column in range(-1, int(w / r / 2) + 2):
            at = (column * 2 * r + shift, h * 0.53 + row * r * 0.5 + r * 0.4)
            c.disc(*at, r, inks_of[min(row // 3, 2)])
            c.ring(*at, r * 0.72, inks.glow, stroke_width=2, opacity=0.35)
    c.rect(0, h * 0.83, w, h * 0.17, inks.night)


def meadow(c: Canvas) -> None:
    """Animation and family: round hills, lollipop trees, a rainbow."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.glow)
    m, x = min(w, h), w * c.dice.uniform(0.3, 0.7)
    for index, ink in enumerate((inks.accent, inks.paper, inks.middle, inks.glow)):
        c.disc(x, h * 0.55, m * (0.47 - index * 0.075), ink)
    for _ in range(3):
        cloud(c, w * c.dice.uniform(0.1, 0.9), h * c.dice.uniform(0.08, 0.25), m)
    for side, ink in ((0.15, inks.middle), (0.95, inks.deep), (0.45, inks.night)):
        top = h * (0.5 if ink == inks.middle else 0.55 if ink == inks.deep else 0.64)
        c.disc(w * side, top + m * 0.9, m * 0.9, ink)
        for _ in range(3):
            place = w * side + m * c.dice.uniform(-0.25, 0.25)
            lollipop(c, place, top + m * 0.05, m)


def lollipop(c: Canvas, x: float, foot: float, m: float) -> None:
    """A tree as children draw it."""
    high = m * c.dice.uniform(0.08, 0.15)
    c.rect(x - 3, foot - high, 6, high, c.inks.night)
    ink = c.dice.choice((c.inks.accent, c.inks.paper, c.inks.middle))
    c.disc(x, foot - high, high * 0.5, ink)


def cloud(c: Canvas, x: float, y: float, m: float) -> None:
    """Three discs and a flat foot."""
    s = m * c.dice.uniform(0.03, 0.05)
    for dx, r in ((-1.3, 0.8), (0.0, 1.2), (1.3, 0.9)):
        c.disc(x + dx * s, y - r * s * 0.3, r * s, c.inks.paper)
    c.rect(x - 2.1 * s, y - 0.1 * s, 4.3 * s, 0.65 * s, c.inks.paper, rx=s * 0.3)


def toys(c: Canvas) -> None:
    """Animation: balloons over the roofs."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    m = min(w, h)
    for _ in range(3):
        cloud(c, w * c.dice.uniform(0, 1), h * c.dice.uniform(0.1, 0.5), m)
    x, y = w * c.dice.uniform(0.4, 0.6), h * 0.3
    for _ in range(22):
        spot = around(x, y, m * 0.22 * c.dice.random() ** 0.5, c.dice.uniform(0, 7))
        c.add(
            "path",
            d=f"M{spot[0]:.0f} {spot[1]:.0f}L{x:.0f} {h * 0.56:.0f}",
            stroke=inks.night,
            stroke_width=1,
        )
        ink = c.dice.choice((inks.accent, inks.glow, inks.middle, inks.paper))
        c.disc(*spot, m * c.dice.uniform(0.045, 0.07), ink)
    c.rect(x - m * 0.05, h * 0.56, m * 0.1, m * 0.08, inks.night)
    c.shape(
        [(x - m * 0.07, h * 0.56), (x, h * 0.56 - m * 0.06), (x + m * 0.07, h * 0.56)],
        inks.accent,
    )
    c.ridge(h * 0.7, h * 0.02, inks.deep)
    c.ridge(h * 0.75, h * 0.02, inks.night)
