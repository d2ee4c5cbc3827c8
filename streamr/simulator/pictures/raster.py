"""Pixels: spans of ink with soft edges on rows of red, green and blue.

A shape is what it covers of each quarter of a row, exactly to the left and the right.
Its rows become runs of pixels that are covered alike: most of a shape is one slice.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import ceil
from typing import NamedTuple

# Rows are looked at in so many lines each.
LINES = 4
# A pixel that is covered wholly has this much of the ink.
FULL = 128
HALF, SHIFT = FULL // 2, 7
# Runs shorter than this are blended byte by byte, longer ones by a table.
SHORT = 4

Span = tuple[float, float]
NONE: list[Span] = []


class Ink(NamedTuple):
    """A colour, how dense it lies, and whether it darkens what it lies on."""

    colour: bytes
    opacity: float = 1.0
    multiply: bool = False


@lru_cache(8192)  # a picture has a few colours, each at a hundred densities
def table(colour: int, density: int, multiply: bool) -> bytes:
    """What each value of a channel becomes under an ink."""
    kept = FULL - density
    if multiply:
        return bytes(
            (below * kept + below * colour // 255 * density) // FULL
            for below in range(256)
        )
    first = colour * density + HALF
    return bytes([(below * kept + first) // FULL for below in range(256)])


class Cover(dict[int, list[Span]]):
    """What a shape covers: from where to where on each line."""

    def __init__(self, height: int) -> None:
        """Nothing yet, of so many rows."""
        self.end = height * LINES

    def lines(self, top: float, bottom: float) -> range:
        """The lines whose middles are between two heights, as far as there are rows."""
        first, last = ceil(top * LINES - 0.5), ceil(bottom * LINES - 0.5)
        return range(max(0, first), min(self.end, last))

    def add(self, line: int, left: float, right: float) -> None:
        """Cover a span of a line."""
        spans = self.get(line)
        if spans is None:
            self[line] = [(left, right)]
        else:
            spans.append((left, right))


class Raster:
    """Rows of pixels, each behind the number of its filter, as PNG has it: none."""

    def __init__(self, width: int, height: int) -> None:
        """All black."""
        self.width, self.height = width, height
        self.stride = 3 * width + 1
        self.data = bytearray(self.stride * height)

    def rows(self, count: int) -> Iterator[bytes]:
        """The rows in pieces of so many."""
        step = count * self.stride
        for begin in range(0, len(self.data), step):
            yield bytes(self.data[begin : begin + step])

    def run(self, y: int, left: int, right: int, density: int, ink: Ink) -> None:
        """Lay ink on some pixels of a row."""
        begin, end = y * self.stride + 1 + 3 * left, y * self.stride + 1 + 3 * right
        colour, _, multiply = ink
        data = self.data
        if density >= FULL and not multiply:
            data[begin:end] = colour * (right - left)
        elif right - left < SHORT and not multiply:
            red, green, blue = colour
            for at in range(begin, end, 3):
                data[at] += ((red - data[at]) * density + HALF) >> SHIFT
                data[at + 1] += ((green - data[at + 1]) * density + HALF) >> SHIFT
                data[at + 2] += ((blue - data[at + 2]) * density + HALF) >> SHIFT
        else:
            for channel, value in enumerate(colour):
                places = slice(begin + channel, end, 3)
                data[places] = data[places].translate(table(value, density, multiply))

    def fill(self, cover: Cover, ink: Ink) -> None:
        """Lay ink on a shape."""
        if not cover:
            return
        for y in range(min(cover) // LINES, max(cover) // LINES + 1):
            spans: list[Span] = []
            for line in range(y * LINES, y * LINES + LINES):
                found = cover.get(line, NONE)
                spans += found if len(found) < 2 else joined(found)
            self.row(y, spans, FULL / LINES, ink)

    def box(
        self, left: float, top: float, right: float, bottom: float, ink: Ink
    ) -> None:
        """Lay ink on a rectangle."""
        top, bottom = max(0.0, top), min(float(self.height), bottom)
        for y in range(int(top), min(self.height, int(bottom) + 1)):
            share = min(bottom, y + 1) - max(top, y)
            if share > 0:
                self.row(y, [(left, right)], FULL * share, ink)

    def row(self, y: int, spans: list[Span], share: float, ink: Ink) -> None:
        """Lay ink on one row: each span brings its share of density, and half of what
        it covers half."""
        changes: dict[int, float] = {}
        get, width = changes.get, self.width
        for left, right in spans:
            if left < 0:
                left = 0.0
            if right > width:
                right = width
            if left < right:
                begin, end = int(left), int(right)
                soft, hard = (left - begin) * share, (right - end) * share
                changes[begin] = get(begin, 0.0) + share - soft
                changes[begin + 1] = get(begin + 1, 0.0) + soft
                changes[end] = get(end, 0.0) - share + hard
                changes[end + 1] = get(end + 1, 0.0) - hard
        density, left, opacity = 0.0, 0, ink.opacity
        for right in sorted(changes):
            level = int(density * opacity + 0.5)
            if level > 0:
                self.run(y, left, right, level, ink)
            density += changes[right]
            left = right


def joined(spans: list[Span]) -> list[Span]:
    """Spans that may overlap as ones that do not."""
    rows = sorted(spans)
    found = [rows[0]]
    for left, right in rows[1:]:
        if left > found[-1][1]:
            found.append((left, right))
        elif right > found[-1][1]:
            found[-1] = (found[-1][0], right)
    return found
