"""Tells of the proxy's certificate while it runs, and not only at the next start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from streamr.app.warnings import ending

_log = Logger(namespace="streamr")

# How often it is looked at (seconds): the notice comes two weeks ahead, once a day.
LOOK_EVERY = 24 * 3600.0


class EndingWatch:
    """Looks at when a certificate ends: `ends` gives it as it is now."""

    def __init__(
        self,
        ends: Callable[[], datetime],
        clock: IReactorTime,
        wall: Callable[[], float],
    ) -> None:
        """`wall` is the wall clock, in seconds since the epoch."""
        self._ends = ends
        self._clock = clock
        self._wall = wall
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Look now, and each day."""
        self._timer = self._clock.callLater(LOOK_EVERY, self.start)
        now = datetime.fromtimestamp(self._wall(), UTC)
        for notice in ending(self._ends(), now):
            _log.warn("{notice}", notice=notice.text, code=notice.code)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
