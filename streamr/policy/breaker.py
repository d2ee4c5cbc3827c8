"""The circuit breaker of one route, as a table.

    state      event                                        next state
    closed     good                                         closed, the row begins anew
    closed     bad, the fifth in a row                      open
    closed     bad, half of at least 20 within 10 s         open
    closed     bad, otherwise                               closed
    open       its pause is over, a probe begins            half-open
    half-open  good                                         closed
    half-open  bad                                          open, twice the pause
    open       good (a last resort, or a straggler)         closed
    open       bad (a straggler)                            open, unchanged

Bad are faults of connection, TLS, integrity and 5xx, and an attempt that a hedge
overtook before its first byte: else a black hole would never open it. Answers of TMDB,
4xx too, are good. Values are frozen; `now` is monotonic seconds, `chance` a random
number in [0, 1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

# Envoy's outlier detection (consecutive_5xx) ejects after 5; so do most libraries.
TRIP_IN_ROW = 5
TRIP_LEAST = 20
TRIP_SHARE = 0.5
WINDOW = 10.0
# A probe costs TMDB one small request: soon at first, then rarely.
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
# Pauses vary by a fifth, so that several daemons do not probe in step.
JITTER = 0.2


class BreakerState(StrEnum):
    """The three states of every circuit breaker (Nygard, "Release It!")."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of one route. `recent` holds (second, good, bad) of the window."""

    state: BreakerState = BreakerState.CLOSED
    in_row: int = 0
    recent: tuple[tuple[int, int, int], ...] = ()
    pause: float = 0.0
    until: float = 0.0

    @property
    def closed(self) -> bool:
        """True when callers are sent over this route."""
        return self.state is BreakerState.CLOSED


def after(breaker: Breaker, good: bool, now: float, chance: float) -> Breaker:
    """The breaker after an attempt that was good or bad."""
    if good:
        recent = _counted(breaker.recent, True, now) if breaker.closed else ()
        return Breaker(recent=recent)
    if breaker.state is BreakerState.HALF_OPEN:
        return _opened(min(breaker.pause * 2, LONGEST_PAUSE), now, chance)
    if breaker.state is BreakerState.OPEN:
        return breaker
    recent = _counted(breaker.recent, False, now)
    counted = replace(breaker, in_row=breaker.in_row + 1, recent=recent)
    return _opened(FIRST_PAUSE, now, chance) if _trips(counted) else counted


def due(breaker: Breaker, now: float) -> bool:
    """True when a probe should begin: open, and its pause is over."""
    return breaker.state is BreakerState.OPEN and now >= breaker.until


def probing(breaker: Breaker) -> Breaker:
    """The breaker while its one probe is under way."""
    return replace(breaker, state=BreakerState.HALF_OPEN)


def postponed(breaker: Breaker, now: float, chance: float) -> Breaker:
    """The breaker after a probe that said nothing: open, with the same pause again."""
    if breaker.state is not BreakerState.HALF_OPEN:
        return breaker
    return _opened(breaker.pause, now, chance)


def _opened(pause: float, now: float, chance: float) -> Breaker:
    varied = pause * (1 + JITTER * (2 * chance - 1))
    return Breaker(BreakerState.OPEN, pause=pause, until=now + varied)


def _trips(breaker: Breaker) -> bool:
    good = sum(each[1] for each in breaker.recent)
    bad = sum(each[2] for each in breaker.recent)
    many = good + bad >= TRIP_LEAST and bad >= TRIP_SHARE * (good + bad)
    return breaker.in_row >= TRIP_IN_ROW or many


def _counted(
    recent: tuple[tuple[int, int, int], ...], good: bool, now: float
) -> tuple[tuple[int, int, int], ...]:
    second = int(now)
    kept = tuple(each for each in recent if each[0] > now - WINDOW)
    if kept and kept[-1][0] == second:
        _, goods, bads = kept[-1]
        return (*kept[:-1], (second, goods + good, bads + (not good)))
    return (*kept, (second, int(good), int(not good)))
