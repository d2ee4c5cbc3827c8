"""The reactor's lag: how late its timers are, which is how long it was kept busy."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

# Often enough to meet a stall of half a second, too rarely to cost anything.
EVERY = 0.5


class LoopLag:
    """Looks at the clock twice a second, and tells how late it came to look."""

    def __init__(self, clock: IReactorTime, late: Callable[[float], None]) -> None:
        """`late` is told the lag of each look, in seconds."""
        self._clock = clock
        self._late = late
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Look, again and again, from now on."""
        due = self._clock.seconds() + EVERY
        self._timer = self._clock.callLater(EVERY, self._look, due)

    def stop(self) -> None:
        """Leave no timer."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _look(self, due: float) -> None:
        self._late(max(0.0, self._clock.seconds() - due))
        self.start()
