"""How sure a rate is that was seen in a few tries. Pure."""

from __future__ import annotations

import math

# How sure the printed bounds are; they too hold whenever one stops.
CONFIDENCE = 0.99


def bounds(failed: int, tries: int) -> tuple[float, float]:
    """Between which rates the true failure rate lies, with CONFIDENCE, whenever one
    stopped: a confidence sequence from the uniform mixture (Robbins 1970)."""
    if tries == 0:
        return 0.0, 1.0
    ok = tries - failed
    mixture = math.lgamma(failed + 1) + math.lgamma(ok + 1) - math.lgamma(tries + 2)
    needed = mixture + math.log(1 - CONFIDENCE)

    def inside(rate: float) -> bool:
        return _log_power(rate, failed) + _log_power(1 - rate, ok) >= needed

    best = failed / tries
    return _edge(inside, best, 0.0), _edge(inside, best, 1.0)


def _log_power(base: float, exponent: int) -> float:
    if exponent == 0:
        return 0.0
    return exponent * math.log(base) if base > 0 else -math.inf


def _edge(inside: object, good: float, end: float) -> float:
    """The last rate from `good` towards `end` that is inside."""
    assert callable(inside)
    if inside(end):
        return end
    bad = end
    for _ in range(40):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if inside(middle) else (good, middle)
    return good
