"""The path of requests as it is now, as inline SVG: wide, and as a tree for phones.

main ─► direct ─────────────► TMDB
     └► proxy ─► route, route … ────┘

Colours and motion are the style sheet's; here stand places, words and class names. The
drawings are hidden from screen readers: the table below says the same in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from streamr.web.status import words
from streamr.web.status.groups import chosen
from streamr.web.status.shape import MainRoute, ShownRoute, Snapshot

# Heights and gaps in the drawing's units, which are pixels where it has its full size.
ROUTE, BEHIND, GAP, LABEL = 58, 46, 8, 22
WIDE = 1120
# Columns of the wide drawing: left edge and width.
APP, MAIN, TMDB = (0, 124), (176, 176), (1044, 76)
ROUTES, PROXY_ROUTES = (396, 240), (684, 324)
# How wide a letter of a name is on the average, rather too much than too little.
LETTER = 8.9
# The tree: its width, and how far each level stands in.
NARROW, STEP = 360, 22
# An edge is this wide without traffic; a hundred attempts a minute add three units.
LEAST_EDGE, MORE_EDGE = 1.5, 3.0


@dataclass(frozen=True, slots=True)
class Box:
    """A place in the drawing."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """The height of its middle."""
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width


def wide(snapshot: Snapshot) -> str:
    """The drawing for screens that are wide enough."""
    y = 0.0
    parts: list[str] = []
    edges: list[str] = []
    placed: list[tuple[MainRoute, Box]] = []
    for route in snapshot["routes"]:
        lines = list(_lines(route, y, PROXY_ROUTES))
        height = max(ROUTE, lines[-1].box.y + lines[-1].box.height - y if lines else 0)
        box = Box(ROUTES[0], y + (height - ROUTE) / 2, ROUTES[1], ROUTE)
        placed.append((route, box))
        for line in lines:
            at = line.box
            parts.append(_drawn(line))
            if line.route is not None:
                behind = line.route
                edges.append(_edge(behind, (box.right, box.middle), (at.x, at.middle)))
                edges.append(_edge(behind, (at.right, at.middle), (TMDB[0], at.middle)))
        y += height + 2 * GAP
    total = y - 2 * GAP
    main = Box(MAIN[0], total / 2 - 44, MAIN[1], 88)
    app = Box(APP[0], total / 2 - 31, APP[1], 62)
    for route, box in placed:
        edges.append(_edge(route, (main.right, main.middle), (box.x, box.middle)))
        if not route["proxy_routes"]:
            edges.append(_edge(route, (box.right, box.middle), (TMDB[0], box.middle)))
        parts.append(_node(route, box))
    rate = snapshot["recent"]["rate"]
    flow = "good" if rate else "idle"
    edges.append(_path(flow, rate, (app.right, app.middle), (main.x, app.middle)))
    parts += [_app(app, snapshot), _main(main, snapshot)]
    parts.append(_end(Box(TMDB[0], 0, TMDB[1], total)))
    return (
        f'<svg class="map wide" viewBox="-2 -2 {WIDE + 4} {total + 4:.0f}" '
        f'aria-hidden="true" focusable="false">{"".join(edges + parts)}</svg>'
    )


def narrow(snapshot: Snapshot) -> str:
    """The drawing for phones: a tree, from top to bottom."""
    main = Box(0, 0, NARROW, 72)
    parts = [_main(main, snapshot)]
    edges: list[str] = []
    y = main.height + 2 * GAP
    for route in snapshot["routes"]:
        box = Box(STEP, y, NARROW - STEP, ROUTE)
        edges.append(_branch(route, 10, main.height, box))
        parts.append(_node(route, box))
        y += ROUTE + GAP
        for line in _lines(route, y, (2 * STEP, NARROW - 2 * STEP)):
            if line.route is not None:
                edges.append(_branch(line.route, STEP + 10, box.y + ROUTE, line.box))
            parts.append(_drawn(line))
            y = line.box.y + line.box.height + GAP
        y += GAP
    return (
        f'<svg class="map narrow" viewBox="-2 -2 {NARROW + 4} {y - GAP:.0f}" '
        f'aria-hidden="true" focusable="false">{"".join(edges + parts)}</svg>'
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the column behind a proxy: one of its routes under this name, or words
    about several."""

    text: str
    box: Box
    route: ShownRoute | None = None


def _lines(route: MainRoute, y: float, column: tuple[int, int]) -> Iterator[Line]:
    """What stands behind a route of main's, from this height down."""
    shown = chosen(route)
    for group in shown.groups:
        if group.label:
            yield Line(group.label, Box(column[0], y, column[1], LABEL))
            y += LABEL
        for name, each in group.routes:
            yield Line(name, Box(column[0], y, column[1], BEHIND), each)
            y += BEHIND + GAP
    if shown.rest:
        yield Line(shown.rest, Box(column[0], y, column[1], LABEL))


def _drawn(line: Line) -> str:
    if line.route is not None:
        return _node(line.route, line.box, line.text)
    place = line.box
    return f'<g class="node">{_text("note", place.x + 4, place.y + 14, line.text)}</g>'


def _node(route: ShownRoute, box: Box, called: str = "") -> str:
    """A route: its name, how it is, and how many attempts a minute it takes."""
    # an open route's cause needs the room, and few attempts go there
    shown = route["rate"] and words.mood(route) != "open"
    rate = f"{route['rate']}/min" if shown else ""
    middle, name = box.middle, _fitting(called or route["route"], box)
    return (
        f'<g class="node {words.mood(route)}">{_frame(box)}'
        f"{_mark(words.mood(route), box.x + 17, middle)}"
        f"{_text('name', box.x + 34, middle - 4, name)}"
        f"{_text('note', box.x + 34, middle + 14, words.state(route))}"
        f"{_text('rate', box.right - 12, middle + 14, rate)}</g>"
    )


def _fitting(name: str, box: Box) -> str:
    """As much of a name as the box has room for; the table below has all of it."""
    most = int((box.width - 40) / LETTER)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _mark(mood: str, x: float, y: float) -> str:
    """A sign beside the colour: a disc, a ring, a broken disc, a cross."""
    if mood == "open":
        return f'<path class="mark" d="M{x - 5:.0f} {y - 5:.0f}l10 10m0 -10l-10 10"/>'
    return f'<circle class="mark" cx="{x:.0f}" cy="{y:.0f}" r="5"/>'


def _app(box: Box, snapshot: Snapshot) -> str:
    rate = snapshot["recent"]["rate"]
    return (
        f'<g class="node plain">{_frame(box)}'
        f"{_text('name', box.x + 16, box.middle - 4, 'your app')}"
        f"{_text('note', box.x + 16, box.middle + 14, f'{rate}/min')}</g>"
    )


def _main(box: Box, snapshot: Snapshot) -> str:
    cache = snapshot["cache"]
    kept = "no cache" if cache is None else f"{cache['entries']} answers kept"
    hits = snapshot["recent"]["by"]
    stored = hits["cache"] + hits["stale"]
    calls = snapshot["recent"]["calls"]
    told = f"{words.share(stored / calls)} from the cache" if calls else kept
    return (
        f'<g class="node main">{_frame(box)}'
        f"{_text('name', box.x + 16, box.middle - 14, 'main')}"
        f"{_text('note', box.x + 16, box.middle + 6, told)}"
        f"{_text('note', box.x + 16, box.middle + 24, kept if calls else '')}</g>"
    )


def _end(box: Box) -> str:
    """Where all routes lead."""
    return (
        f'<g class="node plain">{_frame(box)}'
        f'<text class="name" text-anchor="middle" x="{box.x + box.width / 2:.0f}" '
        f'y="{box.middle + 5:.0f}">TMDB</text></g>'
    )


def _frame(box: Box) -> str:
    return (
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" '
        f'height="{box.height:.0f}" rx="10"/>'
    )


def _text(kind: str, x: float, y: float, text: str) -> str:
    if not text:
        return ""
    anchor = ' text-anchor="end"' if kind == "rate" else ""
    return f'<text class="{kind}"{anchor} x="{x:.0f}" y="{y:.0f}">{escape(text)}</text>'


Point = tuple[float, float]


def _edge(route: ShownRoute, begin: Point, end: Point) -> str:
    return _path(words.mood(route), route["rate"], begin, end)


def _path(mood: str, rate: float, begin: Point, end: Point) -> str:
    """A line from one place to another; dots run along it where there is traffic."""
    (x1, y1), (x2, y2) = begin, end
    half = (x1 + x2) / 2
    curve = (
        f"M{x1:.0f} {y1:.0f}C{half:.0f} {y1:.0f} {half:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    )
    return _line(mood, rate, curve)


def _branch(route: ShownRoute, x: float, y: float, box: Box) -> str:
    """A line down and then into a box from its left."""
    return _line(
        words.mood(route),
        route["rate"],
        f"M{x:.0f} {y:.0f}V{box.middle:.0f}H{box.x:.0f}",
    )


def _line(mood: str, rate: float, curve: str) -> str:
    width = LEAST_EDGE + MORE_EDGE * min(1.0, rate / 100)
    drawn = f'<path class="edge {mood}" stroke-width="{width:.1f}" d="{curve}"/>'
    if rate and mood != "open":
        drawn += f'<path class="flow {mood}" d="{curve}"/>'
    return drawn
