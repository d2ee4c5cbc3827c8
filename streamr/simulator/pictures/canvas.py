"""What pictures are drawn with: inks, a sheet to draw on, and dice of their own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import cos, sin
from random import Random
from typing import Any, NamedTuple

Point = tuple[float, float]
# Of a gradient: where, which colour, how dense.
Stop = tuple[float, str, float]
# The centre and the radius of the gradient of a ball, in parts of the ball's box.
BALL = (0.3, 0.25, 0.9)


class CanvasMark(NamedTuple):
    """One thing drawn: an element of SVG and its attributes, before they are text."""

    tag: str
    attributes: dict[str, Any]


class Inks(NamedTuple):
    """Six colours that go together, from the darkest to the lightest."""

    night: str
    deep: str
    middle: str
    accent: str
    glow: str
    paper: str


@dataclass(frozen=True, slots=True)
class Canvas:
    """A sheet of `width` times `height`. What is drawn later lies above."""

    width: float
    height: float
    inks: Inks
    dice: Random
    marks: list[CanvasMark] = field(default_factory=list)

    @property
    def gradients(self) -> dict[str, tuple[Stop, ...]]:
        """The gradients from above to below that a fill may name: `url(#sky)`."""
        night, _, middle, accent, glow, _ = self.inks
        top = night if self.dark else middle
        return {
            "sky": ((0, top, 1), (0.6, accent, 1), (1, glow, 1)),
            "fade": ((0.42, night, 0), (0.66, night, 0.78), (1, night, 0.97)),
        }

    @property
    def ball(self) -> tuple[Stop, ...]:
        """The gradient from the light to the shade of `url(#ball)`."""
        inks = self.inks
        return ((0, inks.glow, 1), (0.45, inks.accent, 1), (1, inks.deep, 1))

    @property
    def dark(self) -> bool:
        """Half of the skies begin at night."""
        return Random(str(self.inks)).random() < 0.5

    def add(self, tag: str, **attributes: object) -> None:
        """Draw one element."""
        self.marks.append(CanvasMark(tag, attributes))

    def fill(self, colour: str) -> None:
        """Cover the whole sheet."""
        self.rect(0, 0, self.width, self.height, colour)

    def rect(
        self, x: float, y: float, wide: float, high: float, fill: str, **more: object
    ) -> None:
        """A rectangle."""
        self.add("rect", x=x, y=y, width=wide, height=high, fill=fill, **more)

    def disc(self, x: float, y: float, r: float, fill: str, **more: object) -> None:
        """A filled circle."""
        self.add("circle", cx=x, cy=y, r=r, fill=fill, **more)

    def ring(self, x: float, y: float, r: float, ink: str, **more: object) -> None:
        """The line of a circle."""
        self.add("circle", cx=x, cy=y, r=r, fill="none", stroke=ink, **more)

    def shape(self, points: Sequence[Point], fill: str, **more: object) -> None:
        """A polygon."""
        self.add("polygon", points=tuple(points), fill=fill, **more)

    def path(self, d: str, fill: str, **more: object) -> None:
        """A path, its numbers as they are."""
        self.add("path", d=d, fill=fill, **more)

    def sky(self) -> None:
        """The ground of most scenes: a gradient from above."""
        self.fill("url(#sky)")

    def stars(self, count: int, until: float) -> None:
        """Small lights above the height `until`."""
        for _ in range(count):
            x, y = self.dice.uniform(0, self.width), self.dice.uniform(0, until)
            r = self.dice.choice((0.8, 1.0, 1.3, 2.0))
            self.disc(x, y, r, self.inks.paper, opacity=self.dice.uniform(0.3, 1))

    def figure(self, x: float, foot: float, high: float, ink: str) -> None:
        """Somebody, seen from afar, standing at `foot`."""
        head, wide = high * 0.13, high * 0.15
        self.disc(x, foot - high + head, head, ink)
        top = foot - high * 0.72
        self.shape(
            [
                (x - wide, top),
                (x + wide, top),
                (x + wide * 0.8, foot - high * 0.35),
                (x + wide * 0.75, foot),
                (x + wide * 0.15, foot),
                (x, foot - high * 0.34),
                (x - wide * 0.15, foot),
                (x - wide * 0.75, foot),
                (x - wide * 0.8, foot - high * 0.35),
            ],
            ink,
        )

    def ridge(self, y: float, rough: float, fill: str, **more: object) -> None:
        """A line of hills at about the height `y`, down to the foot of the sheet."""
        heights = [y + self.dice.uniform(-rough, rough) for _ in range(2)]
        while len(heights) < 65:
            rough *= 0.55
            heights = halved(heights, rough, self.dice)
        step = self.width / (len(heights) - 1)
        line = [(index * step, height) for index, height in enumerate(heights)]
        foot = [(self.width, self.height), (0.0, self.height)]
        self.shape([*line, *foot], fill, **more)


def halved(heights: list[float], rough: float, dice: Random) -> list[float]:
    """The line with a point between each two, moved a little up or down."""
    made = [heights[0]]
    for left, right in pairwise(heights):
        made += [(left + right) / 2 + dice.uniform(-rough, rough) * 2, right]
    return made


def around(x: float, y: float, r: float, angle: float) -> Point:
    """The point at an angle (radians) on a circle."""
    return x + r * cos(angle), y + r * sin(angle)


def shown(value: object) -> str:
    """A number in few digits, text as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
