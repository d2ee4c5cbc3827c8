"""How many questions may wait for TMDB at once; one too many is turned away at once.

A pace of 35 requests a second answers no crowd, and the work on those who wait in vain
would hold up everybody else (measured: 3,000 cold callers and a silent TMDB took the
reactor 20 s, and answers from the cache waited for up to 660 ms).
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.boundaries import Outcome
from streamr.errors import FLOOD, too_many_waiting

_log = Logger()

# As many as may wait at one host (upstream.ratelimit): those behind them would wait in
# vain. Callers who share a flight count once.
MOST_OPEN = 200
# A flood is told so often (seconds), with how many it was.
TELL_EVERY = 10.0


class Admission:
    """Lets so many questions through."""

    def __init__(self, clock: IReactorTime, most: int = MOST_OPEN) -> None:
        self._clock = clock
        self._most = most
        self._open = 0
        self._turned_away = 0
        self._told_at: float | None = None

    def run(self, ask: Callable[[], Deferred[Outcome]]) -> Deferred[Outcome]:
        """What comes of a question, or that there are too many."""
        if self._open >= self._most:
            self._tell()
            return succeed(Outcome(fault=too_many_waiting(final=True)))
        self._open += 1
        return maybeDeferred(ask).addBoth(self._done)

    def _done(self, result: Outcome | Failure) -> Outcome | Failure:
        self._open -= 1
        fault = result.fault if isinstance(result, Outcome) else None
        if fault is not None and fault.cause.name == FLOOD:  # it has waited in vain
            self._tell()
        return result

    def _tell(self) -> None:
        """One line for a flood: a line for each of them would be one, too."""
        self._turned_away += 1
        now = self._clock.seconds()
        if self._told_at is None or now - self._told_at >= TELL_EVERY:
            self._told_at = now
            _log.warn(
                "more requests wait for TMDB than it could answer in time: "
                "{count} answered with 429 so far",
                count=self._turned_away,
                code="turned-away",
            )
