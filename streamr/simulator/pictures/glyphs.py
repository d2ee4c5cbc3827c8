"""Capitals, figures and signs, as lines in a box that is one wide and one high."""

import unicodedata
from functools import lru_cache
from itertools import pairwise

from streamr.simulator.pictures.canvas import Point
from streamr.simulator.pictures.outlines import lines

ROUND = "M.5 0A.5 .5 0 0 1 .5 1A.5 .5 0 0 1 .5 0"
BOWL = "M0 1V0H.6A.4 .27 0 0 1 .6 .54H0"
GLYPHS = {
    "A": "M0 1L.5 0L1 1M.2 .66H.8",
    "B": "M0 0V1H.58A.4 .27 0 0 0 .58 .47H0M0 0H.54A.36 .235 0 0 1 .54 .47",
    "C": "M.92 .2A.5 .5 0 1 0 .92 .8",
    "D": "M0 0V1H.45A.55 .5 0 0 0 .45 0H0",
    "E": "M1 0H0V1H1M0 .48H.84",
    "F": "M1 0H0V1M0 .48H.84",
    "G": "M.92 .2A.5 .5 0 1 0 .96 .7V.54H.58",
    "H": "M0 0V1M1 0V1M0 .48H1",
    "I": "M.5 0V1",
    "J": "M.86 0V.66A.43 .34 0 0 1 0 .66",
    "K": "M0 0V1M1 0L0 .62M.34 .4L1 1",
    "L": "M0 0V1H1",
    "M": "M0 1V0L.5 .8L1 0V1",
    "N": "M0 1V0L1 1V0",
    "O": ROUND,
    "P": BOWL,
    "Q": f"{ROUND}M.6 .7L1 1.08",
    "R": f"{BOWL}M.46 .54L1 1",
    "S": "M.94 .2C.84 .02 .64 0 .5 0C.2 0 .05 .12 .05 .26C.05 .6 .97 .4 .97 .73"
    "C.97 .9 .8 1 .5 1C.3 1 .12 .95 .02 .79",
    "T": "M0 0H1M.5 0V1",
    "U": "M0 0V.62A.5 .38 0 0 0 1 .62V0",
    "V": "M0 0L.5 1L1 0",
    "W": "M0 0L.26 1L.5 .2L.74 1L1 0",
    "X": "M0 0L1 1M1 0L0 1",
    "Y": "M0 0L.5 .52L1 0M.5 .52V1",
    "Z": "M0 0H1L0 1H1",
    "0": "M.5 0A.45 .5 0 0 1 .5 1A.45 .5 0 0 1 .5 0",
    "1": "M.1 .2L.55 0V1",
    "2": "M.06 .25C.1 .08 .28 0 .5 0C.8 0 .94 .14 .94 .3C.94 .52 .5 .68 .04 1H1",
    "3": "M.05 .17C.15 .04 .32 0 .5 0C.78 0 .9 .12 .9 .24C.9 .4 .72 .47 .4 .47"
    "C.78 .47 .96 .58 .96 .74C.96 .9 .8 1 .5 1C.28 1 .12 .95 .02 .82",
    "4": "M.74 1V0L0 .7H1",
    "5": "M.9 0H.16L.1 .44C.22 .38 .36 .36 .5 .36C.8 .36 .95 .5 .95 .68"
    "C.95 .88 .78 1 .48 1C.28 1 .12 .95 .02 .84",
    "6": "M.85 .04C.35 .06 .03 .3 .03 .66A.47 .34 0 1 0 .5 .32A.47 .34 0 0 0 .03 .66",
    "7": "M0 0H1L.35 1",
    "8": "M.5 0A.4 .235 0 0 1 .5 .47A.4 .235 0 0 1 .5 0"
    "M.5 .47A.47 .265 0 0 1 .5 1A.47 .265 0 0 1 .5 .47",
    "9": "M.15 .96C.65 .94 .97 .7 .97 .34A.47 .34 0 1 0 .5 .68A.47 .34 0 0 0 .97 .34",
    "&": "M1 1L.26 .32C.1 .14 .2 0 .42 0C.66 0 .72 .2 .5 .36L.18 .55"
    "C-.06 .72 .02 1 .4 1C.7 1 .92 .8 .95 .55",
    "!": "M.5 0V.66M.5 1V1",
    "?": "M.06 .22C.1 .06 .28 0 .48 0C.78 0 .92 .13 .92 .27C.92 .46 .5 .44 .5 .68"
    "M.5 1V1",
    "'": "M.5 0V.24",
    "(": "M.8 -.1C.2 .2 .2 .8 .8 1.1",
    ")": "M.2 -.1C.8 .2 .8 .8 .2 1.1",
    "+": "M.5 .24V.84M.1 .54H.9",
    ",": "M.5 1L.3 1.18",
    "-": "M.1 .55H.9",
    ".": "M.5 1V1",
    ":": "M.5 .34V.34M.5 1V1",
    "·": "M.5 .5V.5",
    # the accents that stand above a letter, by their own names in Unicode
    "\u0300": "M.36 -.34L.56 -.2",
    "\u0301": "M.44 -.2L.64 -.34",
    "\u0302": "M.3 -.2L.5 -.34L.7 -.2",
    "\u0304": "M.24 -.26H.76",
    "\u0308": "M.28 -.26V-.26M.72 -.26V-.26",
}


@lru_cache(256)
def glyph(letter: str) -> list[list[Point]]:
    """The lines of a letter and of its accent; none for what cannot be written."""
    parts = unicodedata.normalize("NFD", letter)
    return [line for part in parts for line in lines(GLYPHS.get(part, ""))]


def stems(strokes: list[list[Point]]) -> list[Point]:
    """Where serifs belong: at top and foot of upright lines, and of others that end
    there and meet none."""
    found: dict[Point, None] = {}
    for line in strokes:
        for index, (before, after) in enumerate(pairwise(line)):
            wide, high = after[0] - before[0], after[1] - before[1]
            first, last = index == 0, index == len(line) - 2
            for point, free in ((before, first), (after, last)):
                stands = abs(high) > abs(wide) and (free or not wide)
                if stands and point[1] in (0.0, 1.0):
                    found[point] = None
    return list(found)
