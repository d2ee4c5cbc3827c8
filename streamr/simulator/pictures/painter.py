"""Draws a canvas's marks on pixels."""

import re
from collections.abc import Callable, Generator, Sequence
from math import ceil, sqrt
from typing import Any

from streamr.simulator.pictures.canvas import BALL, Canvas, Point, Stop
from streamr.simulator.pictures.letters import write
from streamr.simulator.pictures.outlines import (
    around,
    ellipse,
    lines,
    polygon,
    ring,
    stroke,
    turned,
)
from streamr.simulator.pictures.raster import FULL, Cover, Ink, Raster
from streamr.simulator.pictures.sizes import Frame

NUMBER = re.compile(r"-?[0-9.]+")
# Into how many steps the shades of a ball are taken apart.
SHADES = 48
Attributes = dict[str, Any]


def paint(c: Canvas, raster: Raster, frame: Frame) -> Generator[None, None, None]:
    """Draw everything; pauses after each mark."""
    brush = Brush(c, raster, frame)
    for tag, attributes in c.marks:
        brush.draw[tag](attributes)
        yield


def rgb(colour: str) -> bytes:
    """#rrggbb as three bytes."""
    return bytes.fromhex(colour.removeprefix("#"))


def shade(stops: Sequence[Stop], at: float) -> Ink:
    """The ink of a gradient at a place from 0 to 1."""
    before = stops[0]
    for stop in stops:
        if stop[0] >= at:
            wide = stop[0] - before[0]
            part = (at - before[0]) / wide if wide else 1.0
            pairs = zip(rgb(before[1]), rgb(stop[1]), strict=True)
            colour = bytes(round(a + (b - a) * part) for a, b in pairs)
            return Ink(colour, before[2] + (stop[2] - before[2]) * part)
        before = stop
    return Ink(rgb(before[1]), before[2])


class Brush:
    """Knows the sheet and the pixels, and how each kind of mark goes from one to the
    other."""

    def __init__(self, c: Canvas, raster: Raster, frame: Frame) -> None:
        self.canvas, self.raster, self.frame = c, raster, frame
        self.draw: dict[str, Callable[[Attributes], None]] = {
            "rect": self.rect,
            "circle": self.circle,
            "ellipse": self.oval,
            "polygon": self.shape,
            "path": self.path,
            "text": self.text,
        }

    def place(self, x: float, y: float) -> Point:
        """Where a point of the sheet is among the pixels."""
        scale = self.frame.scale
        return x * scale - self.frame.left, y * scale - self.frame.top

    def ink(self, given: Attributes, name: str = "fill") -> Ink:
        """The ink of a mark."""
        multiply = "multiply" in given.get("style", "")
        return Ink(rgb(given[name]), given.get("opacity", 1.0), multiply)

    def rect(self, given: Attributes) -> None:
        """An upright rectangle, its corners round or not."""
        if given["fill"].startswith("url"):
            self.gradient(self.canvas.gradients[given["fill"][5:-1]])
            return
        x, y, wide, high = (given[name] for name in ("x", "y", "width", "height"))
        (a, b), (p, q) = self.place(x, y), self.place(x + wide, y + high)
        r = min(given.get("rx", 0.0), wide / 2, high / 2) * self.frame.scale
        if r < 0.5:
            self.raster.box(a, b, p, q, self.ink(given))
            return
        cover = Cover(self.raster.height)
        corners = [(a, b), (p, b), (p, q), (a, q)]
        polygon(cover, around(corners, r))
        self.raster.fill(cover, self.ink(given))

    def gradient(self, stops: Sequence[Stop]) -> None:
        """The whole sheet, row by row."""
        high = self.canvas.height * self.frame.scale
        for y in range(self.raster.height):
            ink = shade(stops, (y + 0.5 + self.frame.top) / high)
            density = round(ink.opacity * FULL)
            if density:
                self.raster.run(y, 0, self.raster.width, density, ink)

    def circle(self, given: Attributes) -> None:
        """A disc, or its line."""
        (x, y), r = self.place(given["cx"], given["cy"]), given["r"] * self.frame.scale
        if given["fill"] == "url(#ball)":
            self.ball(x, y, r)
            return
        cover = Cover(self.raster.height)
        if given["fill"] == "none":
            ring(cover, x, y, r, given["stroke_width"] * self.frame.scale)
            self.raster.fill(cover, self.ink(given, "stroke"))
        else:
            ellipse(cover, x, y, r, r)
            self.raster.fill(cover, self.ink(given))

    def ball(self, x: float, y: float, r: float) -> None:
        """A disc that is lit from one side: ever smaller discs about the light."""
        stops = self.canvas.ball
        cover = Cover(self.raster.height)
        ellipse(cover, x, y, r, r)
        self.raster.fill(cover, shade(stops, 1.0))
        light, over = x - r + 2 * r * BALL[0], y - r + 2 * r * BALL[1]
        for step in range(SHADES):
            part = 1 - step / SHADES
            ink, reach = shade(stops, part - 0.5 / SHADES), 2 * r * BALL[2] * part
            for row in range(
                max(0, ceil(y - r), ceil(over - reach)),
                min(self.raster.height, ceil(y + r), ceil(over + reach)),
            ):
                wide = sqrt(max(0.0, r * r - (row + 0.5 - y) ** 2))
                lit = sqrt(max(0.0, reach * reach - (row + 0.5 - over) ** 2))
                left = max(0, ceil(x - wide), ceil(light - lit))
                right = min(self.raster.width, int(x + wide), int(light + lit))
                if left < right:
                    self.raster.run(row, left, right, FULL, ink)

    def oval(self, given: Attributes) -> None:
        """An ellipse, or the line of one that may be turned."""
        x, y, rx, ry = (given[name] for name in ("cx", "cy", "rx", "ry"))
        if given["fill"] == "none":
            halves = f"A{rx} {ry} 0 0 1 {x + rx} {y}A{rx} {ry} 0 0 1 {x - rx} {y}"
            self.path({**given, "d": f"M{x - rx} {y}{halves}"})
            return
        cover = Cover(self.raster.height)
        scale = self.frame.scale
        ellipse(cover, *self.place(x, y), rx * scale, ry * scale)
        self.raster.fill(cover, self.ink(given))

    def shape(self, given: Attributes) -> None:
        """A polygon."""
        cover = Cover(self.raster.height)
        polygon(cover, [self.place(x, y) for x, y in given["points"]])
        self.raster.fill(cover, self.ink(given))

    def path(self, given: Attributes) -> None:
        """A path: what it goes around, its line, or both."""
        turn = [float(each) for each in NUMBER.findall(given.get("transform", ""))]
        found = list(lines(given["d"]))
        if turn:
            found = [turned(line, turn[0], turn[1], turn[2]) for line in found]
        found = [[self.place(x, y) for x, y in line] for line in found]
        if given.get("fill", "none") != "none":
            cover = Cover(self.raster.height)
            for line in found:
                polygon(cover, line)
            self.raster.fill(cover, self.ink(given))
        if "stroke" in given:
            cover = Cover(self.raster.height)
            thick = given["stroke_width"] * self.frame.scale
            for line in found:
                stroke(cover, line, thick, "stroke_linecap" in given)
            self.raster.fill(cover, self.ink(given, "stroke"))

    def text(self, given: Attributes) -> None:
        """A line of type about a place."""
        cover = Cover(self.raster.height)
        x, y = self.place(given["x"], given["y"])
        scale = self.frame.scale
        left, size = x - given["long"] * scale / 2, given["size"] * scale
        write(cover, given["words"], given["face"], left, y, size)
        self.raster.fill(cover, self.ink(given))
