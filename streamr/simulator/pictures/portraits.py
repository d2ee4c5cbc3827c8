"""Busts for people whose photograph is not ours to show.

They look like nobody: the colours are a poster's, and chance cuts hair and collar.
"""

from streamr.simulator.pictures.canvas import Canvas


def portrait(c: Canvas) -> None:
    """Head and shoulders before a disc."""
    w, h, inks, dice = c.width, c.height, c.inks, c.dice
    ground, disc = dice.sample((inks.deep, inks.middle, inks.accent, inks.glow), 2)
    c.fill(ground)
    x, y, r = w / 2, h * 0.44, w * 0.2
    c.disc(x + dice.uniform(-30, 30), y, w * 0.43, disc)
    long = dice.random() < 0.45
    if long:
        fall = r * dice.uniform(1.6, 2.6)
        c.rect(x - r * 1.2, y - r * 0.5, r * 2.4, fall, inks.night, rx=r * 0.9)
    coats = (inks.deep, inks.middle, inks.accent)
    coat = dice.choice([one for one in coats if one not in (ground, disc)])
    shoulders(c, x, coat)
    c.rect(x - r * 0.4, y + r * 0.7, r * 0.8, r * 1.1, inks.paper, rx=r * 0.38)
    c.rect(x - r * 0.4, y + r * 0.95, r * 0.8, r * 0.3, inks.night, opacity=0.18)
    c.add("ellipse", cx=x, cy=y, rx=r, ry=r * 1.25, fill=inks.paper)
    crown(c, x, y, r, long)
    collar(c, x)


def shoulders(c: Canvas, x: float, coat: str) -> None:
    """From the neck to the foot of the sheet."""
    w, h = c.width, c.height
    c.path(
        f"M{x - w * 0.4:.0f} {h:.0f}C{x - w * 0.4:.0f} {h * 0.72:.0f} "
        f"{x - w * 0.18:.0f} {h * 0.68:.0f} {x:.0f} {h * 0.68:.0f}"
        f"S{x + w * 0.4:.0f} {h * 0.72:.0f} {x + w * 0.4:.0f} {h:.0f}z",
        coat,
    )


def crown(c: Canvas, x: float, y: float, r: float, long: bool) -> None:
    """The hair above the face, parted left, right or not at all."""
    part = c.dice.choice((-0.45, 0.0, 0.45)) * r
    rise, low = r * c.dice.uniform(1.85, 2.15), y - r * c.dice.uniform(0.1, 0.35)
    side = r * (1.2 if long else 1.08)
    left, right = f"{x - side:.0f} {low + r * 0.3:.0f}", f"{x + side:.0f}"
    c.path(
        f"M{left}C{x - side:.0f} {y - rise:.0f} {right} {y - rise:.0f} "
        f"{right} {low + r * 0.3:.0f}"
        f"Q{x + r * 0.9:.0f} {low - r * 0.35:.0f} {x + part:.0f} {low - r * 0.5:.0f}"
        f"Q{x - r * 0.9:.0f} {low - r * 0.35:.0f} {left}z",
        c.inks.night,
    )


def collar(c: Canvas, x: float) -> None:
    """Two points or a round neck."""
    w, h, ink = c.width, c.height, c.inks.glow
    top = h * 0.685
    if c.dice.random() < 0.6:
        for side in (-w, w):
            edge = [(x + side * 0.12, top), (x + side * 0.05, top - 8)]
            c.shape([(x, h * 0.84), *edge], ink)
        return
    d = f"M{x - w * 0.12:.0f} {top:.0f}Q{x:.0f} {h * 0.79:.0f} "
    c.path(f"{d}{x + w * 0.12:.0f} {top:.0f}", "none", stroke=ink, stroke_width=9)
