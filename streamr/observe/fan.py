"""Several observers where one is told; one that breaks does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from streamr.boundaries import Exchange, Hit
from streamr.errors import Attempt
from streamr.eventloop import Turns
from streamr.interfaces import Observer

_log = Logger()

# How long is told in one turn of the reactor, in seconds; an exchange takes 0.1 ms.
TELLING = 0.001


class Fan:
    """Tells each exchange to several observers (interfaces.Observer).

    In the reactor's next turn: answers go out first.
    """

    def __init__(self, observers: Sequence[Observer], clock: IReactorTime) -> None:
        self._observers = tuple(observers)
        self._turns = Turns(clock, TELLING)

    def tried(self, server: str, attempt: Attempt) -> None:
        """Tell everybody of a try, when the answers under way are out."""
        self._tell_all(lambda observer: observer.tried(server, attempt))

    def note(self, exchange: Exchange) -> None:
        """Tell everybody of an exchange, when the answers under way are out."""
        self._tell_all(lambda observer: observer.note(exchange))

    def hits(self, hits: Sequence[tuple[Hit, str]]) -> None:
        """Tell everybody of hits, whose answers are out already."""
        self._now(lambda observer: observer.hits(hits))

    def _tell_all(self, tell: Callable[[Observer], None]) -> None:
        self._turns.later(partial(self._now, tell))

    def _now(self, tell: Callable[[Observer], None]) -> None:
        """Whoever fails is named in the log, and the others are told all the same."""
        for observer in self._observers:
            try:
                tell(observer)
            except Exception:
                _log.failure(
                    "{observer} broke",
                    observer=type(observer).__name__,
                    code="observer-broke",
                )
