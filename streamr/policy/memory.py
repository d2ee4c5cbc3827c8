"""What a route has shown on a network, decayed over a week. Pure.

Memory is a hint, never a verdict: it says where to begin. A route counts as proven
while most of what is remembered is good and the last attempt was; the first
contradiction drops it behind those of which nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY = 24 * 3600.0
# What is remembered halves in this time: after a week a sixteenth of it is left.
HALF_LIFE = 1.75 * DAY
# Below this nothing is remembered: a good answer of a week ago is just above it.
LEAST = 0.06
# Most of what is remembered has to be good.
SHARE = 0.8
# How much the last latency counts in what is usual (RFC 6298 smooths by an eighth).
SMOOTHING = 0.125


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of one route: how many attempts were good and bad, both
    decayed; how long a good one takes (`ms`, smoothed); whether the last was good.
    `at` is wall-clock seconds: it outlives a restart."""

    good: float = 0.0
    bad: float = 0.0
    ms: float = 0.0
    worked: bool = False
    at: float = 0.0


def noted(before: Remembered, ms: float | None, now: float) -> Remembered:
    """What is remembered after an attempt; `ms` is None for one that failed."""
    left = _left(before, now)
    good, bad = before.good * left, before.bad * left
    if ms is None:
        return Remembered(good, bad + 1, before.ms, False, now)
    usual = before.ms + SMOOTHING * (ms - before.ms) if before.ms else ms
    return Remembered(good + 1, bad, usual, True, now)


def is_proven(known: Remembered, now: float) -> bool:
    """True when it is worth beginning with this route."""
    left = _left(known, now)
    good, bad = known.good * left, known.bad * left
    return known.worked and good >= LEAST and good >= SHARE * (good + bad)


def _left(known: Remembered, now: float) -> float:
    # a wall clock that was set back makes nothing more certain
    return float(0.5 ** (max(0.0, now - known.at) / HALF_LIFE))
