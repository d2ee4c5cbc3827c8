"""Pictures that are no longer there, counted by why; damage is told as well."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from streamr.store.pictures.space import reason

_log = Logger()

# A disk that fails damages many files: one line a minute tells how many (seconds).
COMPLAIN_EVERY = 60.0


class Losses:
    """Counted since the start. May be told from any thread."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._complained_at: float | None = None
        self._untold = 0
        self.damaged = 0
        self.expired = 0
        self.evicted = 0

    def damage(self, error: OSError) -> None:
        """A file was not what had been written."""
        self.damaged += 1
        self._untold += 1
        now, last = self._clock.seconds(), self._complained_at
        if last is None or now - last >= COMPLAIN_EVERY:
            self._complained_at = now
            count, self._untold = self._untold, 0
            _log.warn(
                "Damaged pictures are dropped from the cache: {count} ({why})",
                count=count,
                why=reason(error),
                code="picture-damaged",
            )
