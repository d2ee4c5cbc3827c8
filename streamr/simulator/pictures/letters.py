"""Writes a line of type: the pen of a face follows the lines of each letter."""

from typing import NamedTuple

from streamr.simulator.pictures.canvas import Point
from streamr.simulator.pictures.glyphs import glyph, stems
from streamr.simulator.pictures.lettering import CAPITAL, SERIF, Face, cell
from streamr.simulator.pictures.outlines import pen
from streamr.simulator.pictures.raster import Cover

# What is left free of a letter's cell, in ems, and how far a fast letter leans.
FREE, LEAN = 0.1, 0.22


class Pen(NamedTuple):
    """How broad lines are down and across, in ems, and how far serifs reach."""

    upright: float
    level: float
    serif: float = 0.0


PENS = {
    (False, True): Pen(0.185, 0.15),
    (False, False): Pen(0.085, 0.075),
    (True, True): Pen(0.16, 0.065, 0.06),
    (True, False): Pen(0.085, 0.036, 0.06),
}


def pen_of(face: Face) -> Pen:
    """The pen that writes a face."""
    return PENS[face.family == SERIF, face.weight >= 700]


def write(
    cover: Cover, words: str, face: Face, x: float, foot: float, size: float
) -> None:
    """Add a line of capitals that begins at `x` and stands on `foot`."""
    for letter in words:
        wide = cell(letter)
        stand(cover, letter, face, (x, foot), size)
        x += (wide + face.spread) * size


def stand(cover: Cover, letter: str, face: Face, at: Point, size: float) -> None:
    """Add one letter."""
    nib, strokes = pen_of(face), glyph(letter)
    across, down = nib.upright * size, nib.level * size
    wide = (cell(letter) - FREE) * size - across
    high = CAPITAL * size - down
    left, top = at[0] + FREE / 2 * size + across / 2, at[1] - high - down / 2

    def place(u: float, v: float) -> Point:
        lean = (1 - v) * high * LEAN - high * LEAN / 2 if face.slant else 0.0
        return left + u * max(wide, 0.0) + lean, top + v * high

    for stroke in strokes:
        pen(cover, [place(u, v) for u, v in stroke], across, down)
    if nib.serif:
        reach = nib.serif * size
        for u, v in stems(strokes):
            x, y = place(u, v)
            pen(cover, [(x - reach, y), (x + reach, y)], across, down)
