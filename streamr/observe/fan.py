"""Several observers where one is told; one that breaks does not stop the others."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from streamr.boundaries import Exchange, Observer

_log = Logger()


class Fan:
    """Tells each exchange to several observers (boundaries.Observer)."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def note(self, exchange: Exchange) -> None:
        """Tell everybody. Whoever fails is named in the log; the answer goes out."""
        for observer in self._observers:
            try:
                observer.note(exchange)
            except Exception:
                _log.failure("{observer} broke", observer=type(observer).__name__)
