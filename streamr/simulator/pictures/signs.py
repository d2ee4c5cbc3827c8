"""Scenes of signs and figures: rays, rings, tiles, emblems."""

from math import pi

from streamr.simulator.pictures.canvas import Canvas, around


def target(c: Canvas) -> None:
    """Thriller: rings that close in on somebody."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.accent)
    x, y, most = w * c.dice.uniform(0.38, 0.62), h * 0.4, max(w, h) * 0.75
    count = c.dice.randint(7, 10)
    for index in range(count):
        ink = inks.night if index % 2 == 0 else inks.accent
        drift = index * c.dice.uniform(-2, 2)
        c.disc(x + drift, y + drift, most * (1 - index / count) ** 1.25, ink)
    c.disc(x, y, min(w, h) * 0.12, inks.paper)
    c.figure(x, y + min(w, h) * 0.1, min(w, h) * 0.18, inks.night)


def maze(c: Canvas) -> None:
    """Thriller: a way in, and walls."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.night)
    x, y, m = w / 2, h * 0.37, min(w, h)
    step = m * 0.055
    wall = {"fill": "none", "stroke_width": step * 0.4}
    for index in range(8):
        r, gap = step * (1.3 + index), c.dice.uniform(0, 2 * pi)
        ink = (inks.glow, inks.accent, inks.middle)[index // 3]
        (a, b), (p, q) = around(x, y, r, gap), around(x, y, r, gap - 0.55)
        d = f"M{a:.1f} {b:.1f}A{r:.1f} {r:.1f} 0 1 1 {p:.1f} {q:.1f}"
        c.add("path", d=d, stroke=ink, **wall)
        (a, b), (p, q) = around(x, y, r, gap + 3), around(x, y, r + step, gap + 3)
        c.add("path", d=f"M{a:.1f} {b:.1f}L{p:.1f} {q:.1f}", stroke=ink, **wall)
    c.disc(*around(x, y, step * 7.8, c.dice.uniform(0, 7)), step * 0.36, inks.paper)
    c.disc(x, y, step * 0.5, inks.accent)


def burst(c: Canvas) -> None:
    """Action: rays from one point, and somebody who walks away from it."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.accent)
    x, y, far = w * c.dice.uniform(0.35, 0.65), h * 0.42, w + h
    count, turn = c.dice.choice((14, 18, 22)), c.dice.uniform(0, 1)
    for index in range(count):
        angle = 2 * pi * index / count + turn
        points = [
            (x, y),
            around(x, y, far, angle),
            around(x, y, far, angle + pi / count),
        ]
        c.shape(points, inks.glow if index % 3 else inks.middle, opacity=0.55)
    c.disc(x, y, min(w, h) * 0.21, inks.glow)
    c.disc(x, y, min(w, h) * 0.15, inks.paper)
    c.ridge(h * 0.66, h * 0.03, inks.deep)
    c.figure(x, h * 0.7, h * 0.3, inks.night)
    c.ridge(h * 0.72, h * 0.015, inks.night)


def slash(c: Canvas) -> None:
    """Action: diagonals at speed."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.night)
    for _ in range(16):
        y, high = h * c.dice.uniform(-0.3, 0.95), h * c.dice.uniform(0.006, 0.07)
        ink = c.dice.choice((inks.deep, inks.middle, inks.accent, inks.glow))
        c.shape(
            [
                (0, y + w * 0.45),
                (w, y - w * 0.1),
                (w, y + high - w * 0.1),
                (0, y + high + w * 0.45),
            ],
            ink,
        )
    c.disc(w * c.dice.uniform(0.3, 0.7), h * 0.32, min(w, h) * 0.2, inks.paper)
    c.shape([(0, h * 0.62), (w, h * 0.44), (w, h * 0.5), (0, h * 0.7)], inks.accent)


def emblem(c: Canvas) -> None:
    """Action: a sign that somebody might wear."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.deep)
    m = min(w, h)
    x, y, r = w / 2, h * 0.35, m * 0.36
    for index in range(9):
        c.ring(
            x, y, r * (1.25 + index * 0.16), inks.middle, stroke_width=1.5, opacity=0.5
        )
    colours = [inks.accent, inks.paper, inks.night, inks.glow]
    kind, sides = c.dice.randrange(4), c.dice.choice((3, 4, 5, 6))
    if kind == 0:
        for index, ink in enumerate((*colours[:2], inks.accent, inks.night)):
            c.disc(x, y, r * (1 - index * 0.21), ink)
        star(c, x, y, r * 0.33, 5, inks.paper)
    elif kind == 1:
        c.shape(
            [around(x, y, r * 1.05, 2 * pi * n / sides - pi / 2) for n in range(sides)],
            inks.accent,
        )
        c.shape(
            [around(x, y, r * 0.84, 2 * pi * n / sides - pi / 2) for n in range(sides)],
            inks.night,
        )
        star(c, x, y, r * 0.42, c.dice.choice((4, 6, 8)), inks.glow)
    elif kind == 2:
        c.disc(x, y, r, inks.accent)
        bolt = [
            (0.15, -0.8),
            (-0.45, 0.12),
            (-0.05, 0.12),
            (-0.2, 0.8),
            (0.45, -0.2),
            (0.05, -0.2),
        ]
        c.shape([(x + dx * r, y + dy * r) for dx, dy in bolt], inks.paper)
    else:
        c.disc(x, y, r, inks.night)
        for index, ink in enumerate((inks.accent, inks.glow, inks.paper)):
            s = r * (0.78 - index * 0.26)
            c.shape(
                [
                    (x, y - s * 1.05),
                    (x + s, y + s * 0.75),
                    (x, y + s * 0.3),
                    (x - s, y + s * 0.75),
                ],
                ink,
            )


def star(c: Canvas, x: float, y: float, r: float, points: int, ink: str) -> None:
    """A star with so many points."""
    inner = r * (0.42 if points > 4 else 0.3)
    line = [
        around(x, y, inner if index % 2 else r, pi * index / points - pi / 2)
        for index in range(points * 2)
    ]
    c.shape(line, ink)


def tiles(c: Canvas) -> None:
    """Comedy: a floor of half and quarter circles."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.paper)
    s = min(w, h) / (4 if w < h else 5)
    colours = (inks.accent, inks.middle, inks.glow, inks.deep, inks.night)
    for row in range(int(h / s) + 1):
        for column in range(int(w / s) + 1):
            x, y = column * s, row * s
            back, front = c.dice.sample(colours, 2)
            c.rect(x, y, s + 0.5, s + 0.5, back)
            tile(c, x, y, s, front)


def tile(c: Canvas, x: float, y: float, s: float, ink: str) -> None:
    """One tile's figure."""
    kind = c.dice.randrange(5)
    if kind == 0:
        c.disc(x + s / 2, y + s / 2, s * 0.36, ink)
    elif kind == 1:
        c.path(
            f"M{x:.1f} {y:.1f}h{s:.1f}a{s / 2:.1f} {s / 2:.1f} 0 0 1 {-s:.1f} 0z", ink
        )
    elif kind == 2:
        c.path(f"M{x:.1f} {y:.1f}h{s:.1f}a{s:.1f} {s:.1f} 0 0 1 {-s:.1f} {s:.1f}z", ink)
    elif kind == 3:
        c.path(
            f"M{x:.1f} {y + s:.1f}v{-s:.1f}a{s:.1f} {s:.1f} 0 0 1 {s:.1f} {s:.1f}z", ink
        )
    else:
        c.shape([(x, y + s), (x + s, y + s), (x + s / 2, y)], ink)


def discs(c: Canvas) -> None:
    """Romance: two discs that share a part."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.paper)
    m, y = min(w, h), h * 0.35
    apart = m * c.dice.uniform(0.13, 0.19)
    blend = "mix-blend-mode:multiply"
    c.disc(w / 2 - apart, y - m * 0.03, m * 0.28, inks.accent, style=blend)
    c.disc(w / 2 + apart, y + m * 0.03, m * 0.28, inks.glow, style=blend)
    for index in range(6):
        c.rect(w * 0.08, y + m * (0.36 + index * 0.022), w * 0.84, 2, inks.middle)
    for side in (-1, 1):
        c.figure(w / 2 + side * m * 0.05, y + m * 0.36, m * 0.16, inks.night)


def record(c: Canvas) -> None:
    """Music: a record, and bars that dance."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.accent)
    m = min(w, h)
    x, y, r = w / 2, h * 0.35, m * 0.38
    c.disc(x, y, r, inks.night)
    for index in range(8):
        c.ring(x, y, r * (0.93 - index * 0.07), inks.middle, stroke_width=1.5)
    c.disc(x, y, r * 0.34, inks.glow)
    c.disc(x, y, r * 0.05, inks.night)
    for index in range(12):
        high = h * c.dice.uniform(0.03, 0.16)
        c.rect(
            w * (0.06 + index * 0.075), h * 0.74 - high, w * 0.045, high + h, inks.deep
        )
