"""Nothing is kept for more than 180 days, also what nobody asks for any more."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from streamr.interfaces import Memory
from streamr.policy.freshness import HOUR, MOST_KEPT

# How often the store is looked through (seconds): a few milliseconds of work.
LOOK_EVERY = HOUR


class Aging:
    """Purges what reaches the outer bound; the disk behind the memory follows."""

    def __init__(self, memory: Memory, clock: IReactorTime) -> None:
        self._memory = memory
        self._clock = clock
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Look through the store, again and again, from now on."""
        self._timer = self._clock.callLater(LOOK_EVERY, self.start)
        # what would pass the bound before the next look goes now
        oldest = self._clock.seconds() + LOOK_EVERY - MOST_KEPT
        self._memory.purge(lambda each: each.stored_at < oldest)

    def stop(self) -> None:
        """Leave no timer."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
