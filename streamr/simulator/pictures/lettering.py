"""Titles set in type: lines of even length, as large as the sheet allows.

No font can be relied on, so each line is told its width (textLength): a picture looks
the same with every family that a system has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from streamr.simulator.pictures.canvas import Canvas

GROTESQUE = "'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif"
SERIF = "Georgia,'Times New Roman','Liberation Serif','DejaVu Serif',serif"
NARROW = set("IJ.,:;'!()|·1-")
WIDE = set("MWÆŒ@—")
# How high a capital is, in ems.
CAPITAL = 0.74
# Lines of a title beyond this become too small to read on a wall of films.
MOST_LINES = 5


@dataclass(frozen=True, slots=True)
class Face:
    """A way to set a title. `spread` is the space between letters, in ems."""

    family: str
    weight: int
    spread: float = 0.0
    slant: bool = False
    largest: float = 84.0


FACES = {
    "heavy": Face(GROTESQUE, 900, -0.01),
    "fast": Face(GROTESQUE, 900, -0.02, slant=True),
    "wide": Face(GROTESQUE, 400, 0.22, largest=60.0),
    "book": Face(SERIF, 700, 0.02, largest=76.0),
    "fine": Face(SERIF, 400, 0.09, largest=66.0),
}
SMALL = Face(GROTESQUE, 400, 0.2, largest=15.0)


@lru_cache(4096)  # a long title is broken in hundreds of ways, of the same few lines
def ems(text: str, face: Face) -> float:
    """The width of a line of capitals in ems, about."""
    wide = sum(map(cell, text))
    return max(0.4, wide + face.spread * (len(text) - 1))


def cell(letter: str) -> float:
    """The width of one letter in ems, about."""
    if letter == " ":
        return 0.28
    return 0.32 if letter in NARROW else 0.92 if letter in WIDE else 0.68


def broken(words: list[str], count: int) -> Iterator[list[str]]:
    """Every way to break the words into so many lines."""
    if count == 1:
        yield [" ".join(words)]
        return
    for first in range(1, len(words) - count + 2):
        for rest in broken(words[first:], count - 1):
            yield [" ".join(words[:first]), *rest]


@dataclass(frozen=True, slots=True)
class Typesetting:
    """The lines of a title and the size of the type."""

    lines: list[str]
    size: float
    face: Face

    @property
    def leading(self) -> float:
        """From one line to the next."""
        return self.size * (1.02 if self.face.weight >= 700 else 1.16)

    @property
    def height(self) -> float:
        """All lines together."""
        return self.leading * (len(self.lines) - 1) + self.size * CAPITAL


def fitted(text: str, face: Face, wide: float, high: float) -> Typesetting:
    """The setting with the largest type within these bounds."""
    words = text.upper().split()
    best: Typesetting | None = None
    for lines in broken_all(words):
        longest = max(ems(line, face) for line in lines)
        size = min(face.largest, wide / longest, high / (1.05 * len(lines)))
        if best is None or size > best.size * 1.04:
            best = Typesetting(lines, size, face)
    return best or Typesetting([text], face.largest, face)


def broken_all(words: list[str]) -> Iterable[list[str]]:
    """Every way to break the words into a few lines, fewest first."""
    for count in range(1, min(MOST_LINES, len(words)) + 1):
        yield from broken(words, count)


def lettered(c: Canvas, setting: Typesetting, x: float, top: float, ink: str) -> None:
    """The lines, each about `x`, the first one's capitals beginning at `top`."""
    for index, words in enumerate(setting.lines):
        y = top + setting.size * CAPITAL + index * setting.leading
        line(c, words, setting.face, setting.size, x, y, ink)


def line(
    c: Canvas, words: str, face: Face, size: float, x: float, y: float, ink: str
) -> None:
    """One line about `x` that stands on `y`."""
    long = ems(words, face) * size
    c.add("text", words=words, face=face, size=size, long=long, x=x, y=y, fill=ink)
