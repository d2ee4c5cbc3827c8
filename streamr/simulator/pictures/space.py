"""Scenes far from here: planets, orbits, plains of lines."""

from math import pi

from streamr.simulator.pictures.canvas import Canvas, around


def planet(c: Canvas) -> None:
    """Science fiction: a world with a ring, and somebody small before it."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.night)
    c.stars(90, h)
    x, y, r = w * c.dice.uniform(0.3, 0.7), h * 0.36, min(w, h) * 0.33
    tilt = f"rotate({c.dice.randint(-28, 28)} {x:.0f} {y:.0f})"
    ring = {"fill": "none", "stroke": inks.glow, "transform": tilt}
    c.add("ellipse", cx=x, cy=y, rx=r * 1.65, ry=r * 0.34, stroke_width=7, **ring)
    c.disc(x, y, r, "url(#ball)")
    half = f"M{x - r * 1.65:.1f} {y:.1f}A{r * 1.65:.1f} {r * 0.34:.1f} 0 0 0"
    half += f" {x + r * 1.65:.1f} {y:.1f}"
    c.add("path", d=half, stroke_width=7, **ring)
    c.disc(w * c.dice.uniform(0.1, 0.9), h * 0.09, r * 0.14, inks.middle)
    c.disc(w / 2, h * 0.72 + w * 1.3, w * 1.3, inks.deep)
    c.figure(w * c.dice.uniform(0.3, 0.7), h * 0.735, h * 0.06, inks.paper)


def orbit(c: Canvas) -> None:
    """Science fiction: a bright eye of rings in the dark."""
    w, h, inks = c.width, c.height, c.inks
    c.fill(inks.night)
    c.stars(60, h)
    x, y, r = w / 2, h * 0.38, min(w, h) * 0.4
    for index in range(7):
        ink = (inks.deep, inks.middle, inks.accent, inks.glow)[index % 4]
        c.ring(x, y, r * (1 - index * 0.11), ink, stroke_width=3 + index * 1.5)
        place = around(x, y, r * (1 - index * 0.11), c.dice.uniform(0, 2 * pi))
        c.disc(*place, 4 + index, inks.paper)
    c.disc(x, y, r * 0.2, inks.glow)


def grid(c: Canvas) -> None:
    """Science fiction: a plain of lines, and a sun in slices."""
    w, h, inks = c.width, c.height, c.inks
    c.sky()
    c.stars(50, h * 0.4)
    x, y, r = w / 2, h * 0.5, min(w, h) * c.dice.uniform(0.27, 0.33)
    c.disc(x, y - r * 0.35, r, inks.glow)
    for index in range(6):
        c.rect(
            x - r,
            y - r * (0.1 + index * 0.16),
            r * 2,
            3 + (5 - index) * 1.6,
            inks.accent,
        )
    c.rect(0, y + h * 0.02, w, h, inks.night)
    for index in range(15):
        reach = (index - 7) / 7
        near, far = x + reach * w * 3, x + reach * w * 0.55
        d = f"M{far:.0f} {y + h * 0.02:.0f}L{near:.0f} {h:.0f}"
        c.add("path", d=d, stroke=inks.middle, stroke_width=2)
    for index in range(8):
        c.rect(0, y + h * (0.02 + 0.006 * index * (index + 1)), w, 2, inks.middle)
