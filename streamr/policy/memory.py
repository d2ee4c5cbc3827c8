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
    `at` is wall-clock seconds: it outlives a restart. `told` says that all of it is
    another node's word."""

    good: float = 0.0
    bad: float = 0.0
    ms: float = 0.0
    worked: bool = False
    at: float = 0.0
    told: bool = False


# A node's word counts for less than one good attempt: the first failure outweighs it.
WORD = 0.5
# Who tells others of a route has seen that much good of it.
WORTH_TELLING = 1.0


def word(ms: float, now: float) -> Remembered:
    """What is remembered of a route that works for another node on this network."""
    return Remembered(good=WORD, ms=ms, worked=True, at=now, told=True)


def is_worth_telling(known: Remembered, now: float) -> bool:
    """True when it has worked here, and not long ago. A word of others is not: it would
    go round for ever."""
    return is_proven(known, now) and known.good * _left(known, now) >= WORTH_TELLING


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
