"""The circuit breaker of one route, as a table.

    state      event                                        next state
    closed     good                                         closed, the row begins anew
    closed     bad, the fifth in a row                      open
    closed     bad, half of at least 20 within 10 s         open
    closed     doubtful, the fifth failure in a row         closed, and in doubt
    closed     bad or doubtful, otherwise                   closed
    in doubt   good                                         closed, the row begins anew
    in doubt   the probe is good                            closed, trusted for 5 s
    in doubt   the probe is bad                             open
    trusted    doubtful                                     unchanged
    open       its pause is over, a probe begins            half-open
    half-open  good                                         closed
    half-open  bad                                          open, twice the pause
    half-open  doubtful                                     unchanged
    open       good (a last resort, or a straggler)         closed
    open       bad (a straggler)                            open, unchanged

Bad are faults of connection and TLS, and silence or a cut (an attempt that a hedge
overtook before its first byte, too: else a black hole would never open it) of a
resource that has not failed in this row yet. Doubtful is a whole answer that cannot be
used, and silence or a cut of the same resource again: that may be one title on which
TMDB fails, and closing the route would fail all others. So a probe of something else
decides, at once; meanwhile callers take this route last. Answers of TMDB, 4xx too, are
good. Values are frozen; `now` is monotonic seconds, `chance` a random number in [0, 1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from streamr.errors import Blame

# Envoy's outlier detection (consecutive_5xx) ejects after 5; so do most libraries.
TRIP_IN_ROW = 5
TRIP_LEAST = 20
TRIP_SHARE = 0.5
WINDOW = 10.0
# A probe costs TMDB one small request: soon at first, then rarely. With its jitter the
# longest pause is 45 s, so that a route that works again is used within a minute
# (docs/facts/routes.md, "How soon a fault is over").
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 37.5
# Pauses vary by a fifth, so that several daemons do not probe in step.
JITTER = 0.2
# After a good probe what answers may have caused is believed to be the resource's own:
# one probe in this time is what a failing resource costs at most.
TRUST = 5.0


class BreakerState(StrEnum):
    """The three states of every circuit breaker (Nygard, "Release It!")."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of one route. `recent` holds (second, good, bad) of the window.

    `in_row` counts the bad of this row, `doubts` the doubtful, and `failing` holds the
    resources of both. `until` is when a probe is due: of one that is open, or that is
    `doubted`; of one that is `trusted` it is when that ends.
    """

    state: BreakerState = BreakerState.CLOSED
    in_row: int = 0
    recent: tuple[tuple[int, int, int], ...] = ()
    pause: float = 0.0
    until: float = 0.0
    doubts: int = 0
    failing: frozenset[str] = frozenset()
    doubted: bool = False
    trusted: bool = False

    @property
    def closed(self) -> bool:
        """True when callers are sent over this route."""
        return self.state is BreakerState.CLOSED

    @property
    def sure(self) -> bool:
        """True when it is closed, and not in doubt."""
        return self.closed and not self.doubted


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure that counts: what it may speak against, and of which resource."""

    blame: Blame = Blame.ROUTE
    resource: str = ""


def succeeded(breaker: Breaker, now: float) -> Breaker:
    """The breaker after an answer."""
    recent = _counted(breaker.recent, True, now) if breaker.closed else ()
    kept = breaker.trusted and breaker.closed
    return Breaker(recent=recent, trusted=kept, until=breaker.until if kept else 0.0)


def failed(breaker: Breaker, failure: Failed, now: float, chance: float) -> Breaker:
    """The breaker after an attempt that a caller's request made."""
    doubtful = failure.blame is Blame.RESOURCE or (
        failure.blame is Blame.EITHER and failure.resource in breaker.failing
    )
    if breaker.state is BreakerState.OPEN:
        return breaker
    if not breaker.closed:
        return breaker if doubtful else probed_bad(breaker, now, chance)
    trusted = breaker.trusted and now < breaker.until
    if doubtful and (trusted or breaker.doubted):
        return breaker
    if doubtful:
        counted = replace(breaker, doubts=breaker.doubts + 1)
    else:
        recent = _counted(breaker.recent, False, now)
        counted = replace(breaker, in_row=breaker.in_row + 1, recent=recent)
    counted = replace(counted, failing=breaker.failing | {failure.resource})
    if not doubtful and _trips(counted):
        return _opened(FIRST_PAUSE, now, chance)
    if not breaker.doubted and counted.in_row + counted.doubts >= TRIP_IN_ROW:
        return replace(counted, doubted=True, trusted=False, until=now)
    return counted


def due(breaker: Breaker, now: float) -> bool:
    """True when a probe should begin: open, and its pause is over, or in doubt."""
    waits = breaker.doubted or breaker.state is BreakerState.OPEN
    return waits and now >= breaker.until


def probing(breaker: Breaker) -> Breaker:
    """The breaker while its one probe is under way; one in doubt stays closed."""
    if breaker.closed:
        return breaker
    return replace(breaker, state=BreakerState.HALF_OPEN)


def probed_good(breaker: Breaker, now: float) -> Breaker:
    """The breaker after a good probe."""
    if breaker.doubted:
        return Breaker(trusted=True, until=now + TRUST)
    return succeeded(breaker, now)


def probed_bad(breaker: Breaker, now: float, chance: float) -> Breaker:
    """The breaker after a bad probe."""
    if breaker.state is BreakerState.HALF_OPEN:
        return _opened(min(breaker.pause * 2, LONGEST_PAUSE), now, chance)
    return _opened(FIRST_PAUSE, now, chance) if breaker.doubted else breaker


def postponed(breaker: Breaker, now: float, chance: float) -> Breaker:
    """The breaker after a probe that said nothing: it is due after a pause again."""
    if breaker.doubted:
        return replace(breaker, until=now + _varied(FIRST_PAUSE, chance))
    if breaker.state is not BreakerState.HALF_OPEN:
        return breaker
    return _opened(breaker.pause, now, chance)


def hurried(breaker: Breaker, now: float) -> Breaker:
    """The breaker when there is news: what is not closed is probed now, as after a
    first failure."""
    if breaker.closed:
        return breaker
    return Breaker(BreakerState.OPEN, pause=FIRST_PAUSE, until=now)


def _opened(pause: float, now: float, chance: float) -> Breaker:
    until = now + _varied(pause, chance)
    return Breaker(BreakerState.OPEN, pause=pause, until=until)


def _varied(pause: float, chance: float) -> float:
    return pause * (1 + JITTER * (2 * chance - 1))


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
