"""Scenes in towns and houses: windows, stairs, stages."""

from streamr.simulator.pictures.canvas import Canvas


def towers(c: Canvas) -> None:
    """Crime: a town at night with a few lights on."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    c.disc(w * c.dice.uniform(0.25, 0.75), h * 0.27, min(w, h) * 0.2, inks.glow)
    for layer, (ink, top) in enumerate(
        ((inks.middle, 0.34), (inks.deep, 0.43), (inks.night, 0.53))
    ):
        x = -c.dice.uniform(0, 40)
        while x < w:
            wide = c.dice.uniform(0.09, 0.17) * min(w, h)
            y = h * (top + c.dice.uniform(-0.09, 0.09))
            c.rect(x, y, wide, h - y, ink)
            if layer == 2:
                windows(c, x, y, wide)
            x += wide + c.dice.choice((0.0, 0.0, 6.0))


def windows(c: Canvas, x: float, y: float, wide: float) -> None:
    """The lights of one tower."""
    columns = max(2, int(wide / 18))
    step = wide / columns
    for row in range(int(c.height * 0.3 / 20)):
        for column in range(columns):
            if c.dice.random() < 0.3:
                at = (x + column * step + step * 0.25, y + 14 + row * 20)
                c.rect(*at, step * 0.5, 9, c.inks.glow, opacity=0.85)


def keyhole(c: Canvas) -> None:
    """Mystery: light through a keyhole, and an eye or a figure behind it."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.night)
    x, y, r = w / 2, h * 0.32, min(w, h) * 0.23
    for index in range(6):
        c.ring(x, y + r * 0.6, r * (3.3 - index * 0.3), inks.deep, stroke_width=2)
    c.shape(
        [
            (x - r * 0.45, y),
            (x + r * 0.45, y),
            (x + r * 1.05, y + r * 2.3),
            (x - r * 1.05, y + r * 2.3),
        ],
        inks.glow,
    )
    c.disc(x, y, r, inks.glow)
    c.disc(x, y + r * 0.1, r * 0.55, inks.accent, opacity=0.9)
    c.figure(x, y + r * 2.3, r * 1.5, inks.night)


def blinds(c: Canvas) -> None:
    """Crime: somebody behind a blind."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.accent)
    m, x = min(w, h), w * c.dice.uniform(0.36, 0.64)
    c.disc(x, h * 0.33, m * 0.33, inks.glow)
    s = m * 0.2
    c.add("ellipse", cx=x, cy=h * 0.34, rx=s * 0.62, ry=s * 0.82, fill=inks.night)
    c.rect(x - s * 0.66, h * 0.34 - s * 1.2, s * 1.32, s * 0.8, inks.night, rx=s * 0.3)
    c.add(
        "ellipse",
        cx=x,
        cy=h * 0.34 - s * 0.42,
        rx=s * 1.25,
        ry=s * 0.2,
        fill=inks.night,
    )
    c.path(
        f"M{x - s * 1.9:.0f} {h:.0f}C{x - s * 1.9:.0f} {h * 0.34 + s * 1.4:.0f} "
        f"{x - s * 0.6:.0f} {h * 0.34 + s * 1.1:.0f} {x:.0f} {h * 0.34 + s * 0.3:.0f}"
        f"C{x + s * 0.6:.0f} {h * 0.34 + s * 1.1:.0f} "
        f"{x + s * 1.9:.0f} {h * 0.34 + s * 1.4:.0f} {x + s * 1.9:.0f} {h:.0f}z",
        inks.night,
    )
    for index in range(15):
        c.rect(0, h * index * 0.056, w, h * 0.019, inks.deep)


def pane(c: Canvas) -> None:
    """Drama: a window, its light on the floor, one person."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.deep)
    m, left = min(w, h), c.dice.random() < 0.5
    x = w * (0.24 if left else 0.5)
    wide, high, y = m * 0.38, h * 0.33, h * 0.12
    c.rect(x, y, wide, high, inks.glow)
    c.rect(x + wide / 2 - 4, y, 8, high, inks.deep)
    c.rect(x, y + high * 0.42, wide, 8, inks.deep)
    c.rect(0, h * 0.58, w, h * 0.42, inks.night)
    slant = m * (0.3 if left else -0.3)
    c.shape(
        [
            (x, h * 0.58),
            (x + wide, h * 0.58),
            (x + wide + slant, h * 0.8),
            (x + slant, h * 0.8),
        ],
        inks.accent,
        opacity=0.85,
    )
    c.figure(x + wide / 2, h * 0.6, h * 0.27, inks.night)


def stairs(c: Canvas) -> None:
    """Drama: steps that lead up to an open door."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.middle)
    count = 9
    wide, high = w / count, h * 0.52 / count
    mirrored = c.dice.random() < 0.5
    for index in range(count):
        x = (count - 1 - index if mirrored else index) * wide
        top = h * 0.72 - (index + 1) * high
        c.rect(x, top, wide + 1, h - top, inks.night if index % 2 else inks.deep)
    x = wide * 0.5 if mirrored else w - wide * 0.5
    top = h * 0.72 - count * high
    c.rect(x - wide * 0.5, top - h * 0.16, wide, h * 0.16, inks.glow)
    step = c.dice.randint(3, 5)
    x = (count - 0.5 - step if mirrored else step + 0.5) * wide
    c.figure(x, h * 0.72 - (step + 1) * high, h * 0.14, inks.paper)
    c.disc(w * (0.7 if mirrored else 0.3), h * 0.16, min(w, h) * 0.1, inks.accent)


def stage(c: Canvas) -> None:
    """Comedy: two curtains, a spotlight, and whoever is in it."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.deep)
    x = w * c.dice.uniform(0.4, 0.6)
    m = min(w, h)
    c.shape(
        [
            (x - m * 0.04, 0),
            (x + m * 0.04, 0),
            (x + m * 0.3, h * 0.66),
            (x - m * 0.3, h * 0.66),
        ],
        inks.glow,
        opacity=0.9,
    )
    c.add("ellipse", cx=x, cy=h * 0.66, rx=m * 0.3, ry=m * 0.06, fill=inks.paper)
    c.figure(x, h * 0.665, h * 0.26, inks.night)
    folds = 5
    for index in range(folds):
        ink = inks.accent if index % 2 else inks.middle
        wide = w * 0.24 / folds
        c.rect(index * wide, 0, wide + 1, h, ink)
        c.rect(w - (index + 1) * wide, 0, wide + 1, h, ink)


def arches(c: Canvas) -> None:
    """History: arch behind arch, and a light at the end."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.night)
    count = 6
    for index in range(count):
        part = 1 - index / (count + 0.6)
        wide, top = w * 0.47 * part, h * (0.06 + index * 0.047)
        foot = h * (0.86 - index * 0.035)
        ink = (inks.deep, inks.middle, inks.accent)[index % 3]
        ink = inks.glow if index == count - 1 else ink
        left, right, bend = w / 2 - wide, w / 2 + wide, top + wide
        d = f"M{left:.1f} {foot:.1f}V{bend:.1f}"
        d += f"A{wide:.1f} {wide:.1f} 0 0 1 {right:.1f} {bend:.1f}V{foot:.1f}z"
        c.path(d, ink)
    c.figure(w / 2, h * 0.685, h * 0.13, inks.night)
