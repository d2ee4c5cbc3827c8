"""From the paths of SVG to points, and from points to what a shape covers."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import acos, ceil, cos, hypot, pi, radians, sin, sqrt

from streamr.simulator.pictures.canvas import Point
from streamr.simulator.pictures.raster import LINES, Cover

WORD = re.compile(r"[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?")
# Into how many straight pieces a curve is taken apart, at the size of our sheets.
BENDS = 14
# An arc is taken apart into pieces of about so much of a turn (radians).
TURN = pi / 16


def lines(d: str) -> Iterator[list[Point]]:
    """The lines of a path, each as its points: all commands but the smooth T."""
    words = WORD.findall(d)
    at, line, command, index = (0.0, 0.0), [(0.0, 0.0)], "", 0
    while index < len(words):
        if words[index].isalpha():
            command, index = words[index], index + 1
        count, draw = COMMANDS[command.upper()]
        given = [float(word) for word in words[index : index + count]]
        index += count
        if command.islower():
            given = moved(command, given, at)
        if command in "Mm":
            if len(line) > 1:
                yield line
            line, command = [], "L" if command == "M" else "l"
        line += draw(line, at, given)
        at = line[-1]
    if len(line) > 1:
        yield line


def moved(command: str, given: list[float], at: Point) -> list[float]:
    """Relative numbers of a command as absolute ones."""
    if command in "hv":
        return [given[0] + at["hv".index(command)]]
    if command == "a":
        return [*given[:5], given[5] + at[0], given[6] + at[1]]
    return [value + at[index % 2] for index, value in enumerate(given)]


Draw = Callable[[list[Point], Point, list[float]], list[Point]]


def curve(line: list[Point], at: Point, given: list[float]) -> list[Point]:
    """A cubic Bézier curve; its second handle is where the next one may begin."""
    (a, b), (p, q, r, s, x, y) = at, given
    found = []
    for step in range(1, BENDS + 1):
        t = step / BENDS
        u = 1 - t
        f, g, h, k = u**3, 3 * u * u * t, 3 * u * t * t, t**3
        found.append((f * a + g * p + h * r + k * x, f * b + g * q + h * s + k * y))
    return found


def smooth(line: list[Point], at: Point, given: list[float]) -> list[Point]:
    """A cubic curve that goes on as the line arrives."""
    before = line[-2] if len(line) > 1 else at
    long = hypot(at[0] - before[0], at[1] - before[1]) or 1.0
    reach = hypot(given[0] - at[0], given[1] - at[1]) / 2
    handle = [at[axis] + (at[axis] - before[axis]) / long * reach for axis in (0, 1)]
    return curve(line, at, [*handle, *given])


def bow(line: list[Point], at: Point, given: list[float]) -> list[Point]:
    """A quadratic curve."""
    (a, b), (p, q, x, y) = at, given
    handles = [a + (p - a) * 2 / 3, b + (q - b) * 2 / 3]
    handles += [x + (p - x) * 2 / 3, y + (q - y) * 2 / 3]
    return curve(line, at, [*handles, x, y])


def arc(line: list[Point], at: Point, given: list[float]) -> list[Point]:
    """A part of an upright ellipse (SVG 2, B.2.4)."""
    rx, ry, _, large, sweep, x, y = given
    # in a space in which the ellipse is a circle of radius 1
    (a, b), (p, q) = (at[0] / rx, at[1] / ry), (x / rx, y / ry)
    half = hypot(p - a, q - b) / 2
    if not half:
        return [(x, y)]
    grow = max(1.0, half)
    away = sqrt(max(0.0, grow * grow - half * half)) / (2 * half)
    side = 1 if large != sweep else -1
    cx, cy = (a + p) / 2 - side * away * (q - b), (b + q) / 2 + side * away * (p - a)
    first, last = angle(a - cx, b - cy), angle(p - cx, q - cy)
    turn = (last - first) % (2 * pi) if sweep else -((first - last) % (2 * pi))
    count = ceil(abs(turn) / TURN)
    steps = [first + turn * step / count for step in range(1, count)]
    made = [((cx + grow * cos(t)) * rx, (cy + grow * sin(t)) * ry) for t in steps]
    return [*made, (x, y)]


def angle(x: float, y: float) -> float:
    """Where a point is, as seen from the origin (radians)."""
    turn = acos(max(-1.0, min(1.0, x / (hypot(x, y) or 1.0))))
    return turn if y >= 0 else -turn


COMMANDS: dict[str, tuple[int, Draw]] = {
    "M": (2, lambda line, at, given: [(given[0], given[1])]),
    "L": (2, lambda line, at, given: [(given[0], given[1])]),
    "H": (1, lambda line, at, given: [(given[0], at[1])]),
    "V": (1, lambda line, at, given: [(at[0], given[0])]),
    "Z": (0, lambda line, at, given: [line[0]]),
    "C": (6, curve),
    "S": (4, smooth),
    "Q": (4, bow),
    "A": (7, arc),
}


def around(corners: Sequence[Point], r: float) -> list[Point]:
    """A closed line along these corners that is bent before it reaches them."""
    found: list[Point] = []
    for index, (x, y) in enumerate(corners):
        ends = []
        for p, q in (corners[index - 1], corners[(index + 1) % len(corners)]):
            part = r / (hypot(p - x, q - y) or 1.0)
            ends.append((x + (p - x) * part, y + (q - y) * part))
        found += [ends[0], *bow([], ends[0], [x, y, *ends[1]])]
    return found


def turned(points: Sequence[Point], degrees: float, x: float, y: float) -> list[Point]:
    """Points turned about another one."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return [
        (x + (p - x) * c - (q - y) * s, y + (p - x) * s + (q - y) * c)
        for p, q in points
    ]


def polygon(cover: Cover, points: Sequence[Point]) -> None:
    """Add what a closed line goes around; what it goes around twice is a hole."""
    found: dict[int, list[float]] = {}
    for (a, b), (p, q) in pairwise([*points, points[0]]):
        if b > q:
            a, b, p, q = p, q, a, b
        lines = cover.lines(b, q)
        if lines:
            slope = (p - a) / (q - b)
            x = a + ((lines.start + 0.5) / LINES - b) * slope
            for line in lines:
                if line in found:
                    found[line].append(x)
                else:
                    found[line] = [x]
                x += slope / LINES
    for line, places in found.items():
        places.sort()
        for left, right in zip(places[::2], places[1::2], strict=False):
            cover.add(line, left, right)


def ellipse(cover: Cover, x: float, y: float, rx: float, ry: float) -> None:
    """Add an ellipse."""
    for line in cover.lines(y - ry, y + ry):
        high = ((line + 0.5) / LINES - y) / ry
        wide = rx * sqrt(max(0.0, 1 - high * high))
        cover.add(line, x - wide, x + wide)


def ring(cover: Cover, x: float, y: float, r: float, thick: float) -> None:
    """Add the line of a circle."""
    outer, inner = r + thick / 2, max(0.0, r - thick / 2)
    for line in cover.lines(y - outer, y + outer):
        high = ((line + 0.5) / LINES - y) ** 2
        wide, hole = sqrt(max(0.0, outer**2 - high)), sqrt(max(0.0, inner**2 - high))
        if hole:
            cover.add(line, x - wide, x - hole)
            cover.add(line, x + hole, x + wide)
        else:
            cover.add(line, x - wide, x + wide)


def stroke(cover: Cover, points: Sequence[Point], thick: float, caps: bool) -> None:
    """Add a line of some thickness, round where it bends, and at its ends if wanted."""
    half = thick / 2
    for (a, b), (p, q) in pairwise(points):
        long = hypot(p - a, q - b)
        if long:
            x, y = (b - q) / long * half, (p - a) / long * half
            polygon(
                cover, [(a + x, b + y), (p + x, q + y), (p - x, q - y), (a - x, b - y)]
            )
    for x, y in points if caps else points[1:-1]:
        if half > 0.5:
            ellipse(cover, x, y, half, half)


def pen(cover: Cover, points: Sequence[Point], across: float, down: float) -> None:
    """Add a line as a pen with an upright, rectangular point leaves it."""
    for (a, b), (p, q) in pairwise(points):
        if b > q:
            a, b, p, q = p, q, a, b
        high = q - b
        x, y = point(abs(p - a), high, across / 2, down / 2)
        slope = (p - a) / high if high else 0.0
        for line in cover.lines(b - y, q + y):
            at = (line + 0.5) / LINES
            # where the middle of the pen is when its point is on this line
            left = a + (max(at - y, b) - b) * slope
            right = a + (min(at + y, q) - b) * slope if high else p
            if left > right:
                left, right = right, left
            cover.add(line, left - x, right + x)


def point(wide: float, high: float, across: float, down: float) -> Point:
    """Half of the sides of a pen's point for a line: aslant, its corners would leave
    too broad a line. A steep line keeps its height, a flat one its length."""
    long = hypot(wide, high)
    if not long:
        return across, down
    steep, flat = high / long, wide / long
    thick = across * steep * steep + down * flat * flat
    if steep > flat:
        return max(0.0, thick - down * flat) / steep, down
    return across, max(0.0, thick - across * steep) / flat
