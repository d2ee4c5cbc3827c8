"""Scenes in the open: hills, roads, shores, weather."""

from streamr.simulator.pictures.canvas import Canvas, around


def bird(c: Canvas, x: float, y: float) -> None:
    """Two strokes in the sky."""
    s = c.dice.uniform(8, 16)
    d = f"M{x - s:.0f} {y - s / 3:.0f}Q{x - s / 2:.0f} {y - s / 2:.0f} {x:.0f} {y:.0f}"
    d += f"Q{x + s / 2:.0f} {y - s / 2:.0f} {x + s:.0f} {y - s / 3:.0f}"
    c.add("path", d=d, fill="none", stroke=c.inks.night, stroke_width=2.5)


def ranges(c: Canvas) -> None:
    """Adventure: ridge behind ridge, and a sun to walk towards."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    x = w * c.dice.uniform(0.3, 0.7)
    c.disc(x, h * 0.33, min(w, h) * 0.19, inks.glow)
    for y, ink, shade in (
        (0.44, inks.accent, 0.75),
        (0.52, inks.middle, 1),
        (0.6, inks.deep, 1),
        (0.7, inks.night, 1),
    ):
        c.ridge(h * y, h * 0.075, ink, opacity=shade)
    for _ in range(4):
        bird(c, w * c.dice.uniform(0.1, 0.9), h * c.dice.uniform(0.1, 0.26))


def road(c: Canvas) -> None:
    """Adventure: a road that winds to the hills."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    side = c.dice.choice((-1, 1))
    x = w * (0.5 + side * 0.06)
    c.disc(x - side * w * 0.16, h * 0.27, min(w, h) * 0.13, inks.glow)
    c.ridge(h * 0.42, h * 0.06, inks.middle)
    c.rect(0, h * 0.5, w, h * 0.5, inks.deep)
    c.ridge(h * 0.5, h * 0.012, inks.deep)
    turn = side * w
    c.path(
        f"M{x - 3:.0f} {h * 0.5:.0f}"
        f"C{x + turn * 0.35:.0f} {h * 0.55:.0f} {x - turn * 0.5:.0f} {h * 0.6:.0f} "
        f"{w * 0.2:.0f} {h:.0f}L{w * 0.8:.0f} {h:.0f}"
        f"C{x - turn * 0.22:.0f} {h * 0.61:.0f} {x + turn * 0.5:.0f} {h * 0.56:.0f} "
        f"{x + 3:.0f} {h * 0.5:.0f}z",
        inks.glow,
    )
    for _ in range(9):
        at = w * c.dice.choice((c.dice.uniform(0, 0.2), c.dice.uniform(0.8, 1)))
        fir(c, at, h * c.dice.uniform(0.52, 0.7), h * c.dice.uniform(0.06, 0.12))


def fir(c: Canvas, x: float, foot: float, high: float) -> None:
    """A fir in three layers."""
    for index in range(3):
        top, wide = foot - high * (1 - index * 0.25), high * (0.2 + index * 0.07)
        c.shape(
            [(x, top), (x + wide, top + high * 0.45), (x - wide, top + high * 0.45)],
            c.inks.night,
        )


def dunes(c: Canvas) -> None:
    """Adventure: long dunes, and a row of travellers."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.glow)
    m, x = min(w, h), w * c.dice.uniform(0.25, 0.75)
    c.disc(x, h * 0.26, m * 0.17, inks.paper)
    c.disc(x + m * 0.24, h * 0.16, m * 0.05, inks.accent)
    foot = h * c.dice.uniform(0.43, 0.48)
    for index, ink in enumerate((inks.accent, inks.middle, inks.deep, inks.night)):
        y, lean = foot + index * h * 0.075, h * c.dice.uniform(-0.09, 0.09)
        d = f"M0 {y + lean:.0f}C{w * 0.3:.0f} {y - h * 0.1:.0f} "
        d += f"{w * 0.6:.0f} {y + h * 0.1:.0f} {w:.0f} {y - lean:.0f}V{h:.0f}H0z"
        c.path(d, ink)
        if index == 1:
            for step in range(c.dice.randint(1, 4)):
                at = w * (0.42 + step * 0.045)
                c.figure(at, y + h * 0.016, h * 0.06, inks.night)


def mesas(c: Canvas) -> None:
    """Western: flat mountains, a low sun, somebody who waits."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.glow)
    sun = min(w, h) * 0.34
    c.disc(w / 2, h * 0.5, sun, inks.paper)
    for x, wide, high in ((0.02, 0.36, 0.17), (0.7, 0.4, 0.24), (0.33, 0.2, 0.07)):
        left, top = w * x, h * (0.6 - high)
        c.shape(
            [
                (left, top),
                (left + w * wide, top),
                (left + w * wide * 1.12, h * 0.6),
                (left - w * wide * 0.12, h * 0.6),
            ],
            inks.accent,
        )
    c.rect(0, h * 0.6, w, h * 0.4, inks.deep)
    c.shape(
        [(w * 0.3, h), (w * 0.47, h * 0.6), (w * 0.53, h * 0.6), (w * 0.7, h)],
        inks.middle,
    )
    c.figure(w * 0.5, h * 0.68, h * 0.17, inks.night)
    c.rect(w * 0.5 - h * 0.042, h * 0.528, h * 0.084, h * 0.008, inks.night)


def shore(c: Canvas) -> None:
    """Romance: the sun goes into the sea, and two people look."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    m, x = min(w, h), w * c.dice.uniform(0.4, 0.6)
    c.disc(x, h * 0.46, m * 0.27, inks.glow)
    c.rect(0, h * 0.46, w, h, inks.deep)
    for index in range(9):
        wide = m * (0.5 - index * 0.035) * c.dice.uniform(0.7, 1.1)
        c.rect(x - wide / 2, h * (0.475 + index * 0.021), wide, 5, inks.glow, rx=2.5)
    c.ridge(h * 0.68, h * 0.015, inks.night)
    for side in (-1, 1):
        c.figure(x + side * m * 0.045, h * 0.685, h * 0.12, inks.night)


def tree(c: Canvas) -> None:
    """Drama: one tree in a wide field, and weather."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    m, x = min(w, h), w * c.dice.uniform(0.35, 0.65)
    c.disc(w - x, h * 0.2, m * 0.1, inks.glow)
    for _ in range(26):
        spot = around(
            x, h * 0.36, m * 0.2 * c.dice.random() ** 0.5, c.dice.uniform(0, 7)
        )
        ink = c.dice.choice((inks.accent, inks.accent, inks.glow, inks.middle))
        c.disc(*spot, m * c.dice.uniform(0.05, 0.09), ink, opacity=0.9)
    c.shape(
        [
            (x - m * 0.02, h * 0.64),
            (x - m * 0.008, h * 0.36),
            (x + m * 0.008, h * 0.36),
            (x + m * 0.02, h * 0.64),
        ],
        inks.night,
    )
    c.ridge(h * 0.63, h * 0.012, inks.deep)
    c.figure(x + m * 0.2, h * 0.65, h * 0.09, inks.night)
    c.ridge(h * 0.69, h * 0.012, inks.night)


def banner(c: Canvas) -> None:
    """War: a torn sky over a field, and a row of small figures."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    for index in range(5):
        c.ridge(h * (0.14 + index * 0.08), h * 0.035, inks.accent, opacity=0.16)
    c.disc(w * 0.5, h * 0.52, min(w, h) * 0.3, inks.glow)
    c.ridge(h * 0.6, h * 0.02, inks.deep)
    for index in range(7):
        x = w * (0.16 + index * 0.115) + c.dice.uniform(-8, 8)
        c.figure(x, h * 0.655, h * c.dice.uniform(0.09, 0.12), inks.night)
    c.ridge(h * 0.65, h * 0.012, inks.night)
