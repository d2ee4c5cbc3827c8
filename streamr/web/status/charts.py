"""Charts of the last hour and heartbeats, as inline SVG that stretches. Pure.

No text stands inside: it would be stretched, too. One unit is one minute or one beat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from streamr.web.status import words
from streamr.web.status.shape import Minute, ShownRoute

# The drawings' heights in units; the style sheet gives them their size.
HEIGHT = 100.0
# Errors stand below the line, in this share of the height.
BELOW = 25.0
# The order of the stack, from the line up, and where each stands in `answers`.
STACK = (("cache", 0), ("stale", 1), ("direct", 2), ("proxy", 3))
# A bar leaves a gap to its neighbour, and can be seen however low it is.
BAR, LEAST_BAR = 0.8, 2.0
# Times a power of ten these are round numbers.
ROUND = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
# From this share on a beat's attempts have failed rather than not.
HALF = 0.5

Minutes = Sequence[Minute]


def answers(minutes: Minutes) -> str:
    """Answers a minute by where they came from; errors hang below the line."""
    scale = (HEIGHT - BELOW) / ceiling(most_answers(minutes))
    bars = Bars()
    for number, minute in enumerate(minutes):
        y = HEIGHT - BELOW
        for name, column in STACK:
            height = minute.answers[column] * scale
            y -= height
            bars.add(name, number, y, height)
        if minute.error:
            below = max(LEAST_BAR, min(BELOW, minute.error * scale))
            bars.add("error", number, HEIGHT - BELOW, below)
    drawn = bars.drawn() + _axis(HEIGHT - BELOW, len(minutes))
    return _svg(_answers_told(minutes), len(minutes), drawn)


def times(minutes: Minutes) -> str:
    """From the middle answer's time to that of the slowest of twenty."""
    top = ceiling(most_time(minutes))
    bars = Bars()
    for number, minute in enumerate(minutes):
        if minute.p50_ms is None or minute.p95_ms is None:
            continue
        low, high = minute.p50_ms / top * HEIGHT, minute.p95_ms / top * HEIGHT
        low = max(low, LEAST_BAR)
        bars.add("p95", number, HEIGHT - high, high - low)
        bars.add("p50", number, HEIGHT - low, low)
    drawn = bars.drawn() + _axis(HEIGHT, len(minutes))
    return _svg(_times_told(minutes), len(minutes), drawn)


def beats(route: ShownRoute) -> str:
    """One bar for each ten seconds: what attempts did, and open breakers."""
    bars = Bars()
    for number, (good, bad, was_open) in enumerate(route["beats"]):
        if was_open:
            bars.add("open", number, 0, HEIGHT)
        if good or bad:
            share = bad / (good + bad)
            name = "bad" if share > HALF else "mixed" if bad else "good"
            bars.add(name, number, 15, 70)
        elif not was_open:
            bars.add("quiet", number, 45, 10)
    return _svg(_beats_told(route), len(route["beats"]), bars.drawn(), "beats")


class Bars:
    """Bars of a drawing; those of one kind are one path, which keeps events small."""

    def __init__(self) -> None:
        self._paths: dict[str, list[str]] = {}

    def add(self, name: str, number: int, y: float, height: float) -> None:
        """One more bar, in the column of this number."""
        if height > 0:
            x = number + (1 - BAR) / 2
            path = f"M{x:.1f} {y:.1f}h{BAR}v{height:.1f}h-{BAR}z"
            self._paths.setdefault(name, []).append(path)

    def drawn(self) -> str:
        """All of them."""
        return "".join(
            f'<path class="{name}" d="{"".join(paths)}"/>'
            for name, paths in self._paths.items()
        )


def most_answers(minutes: Minutes) -> int:
    """The most answers of one minute."""
    return max((sum(each.answers) for each in minutes), default=0)


def most_time(minutes: Minutes) -> float:
    """The longest of the minutes' slowest times."""
    return max((each.p95_ms or 0.0 for each in minutes), default=0.0)


def ceiling(value: float) -> float:
    """The round number at the top of a scale."""
    if value <= 10:
        return 10.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in ROUND if step * power >= value)


def _svg(told: str, columns: int, inner: str, kind: str = "chart") -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {columns} {HEIGHT:g}" role="img" '
        f'aria-label="{told}" preserveAspectRatio="none">{inner}</svg>'
    )


def _axis(y: float, columns: int) -> str:
    return (
        f'<path class="axis" d="M0 {y:g}H{columns}" '
        'vector-effect="non-scaling-stroke"/>'
    )


def _answers_told(minutes: Minutes) -> str:
    counts = [
        f"{sum(m.answers[place] for m in minutes)} {name}" for name, place in STACK
    ]
    errors = sum(minute.error for minute in minutes)
    return f"Answers in the last hour: {', '.join(counts)}; {errors} errors"


def _times_told(minutes: Minutes) -> str:
    asked = [minute for minute in minutes if minute.p50_ms is not None]
    if not asked:
        return "No answers in the last hour"
    return (
        f"Slowest minute of the last hour: 95 % within "
        f"{words.duration(most_time(asked))}; now half within "
        f"{words.duration(asked[-1].p50_ms)}"
    )


def _beats_told(route: ShownRoute) -> str:
    good = sum(each[0] for each in route["beats"])
    bad = sum(each[1] for each in route["beats"])
    opened = sum(each[2] for each in route["beats"])
    told = f"Last ten minutes: {good} attempts good, {bad} failed"
    return f"{told}; the breaker was open for {opened * 10} s" if opened else told
