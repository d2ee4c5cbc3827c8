"""Several observers where one is told; one that breaks does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from streamr.boundaries import Exchange, Hit
from streamr.errors import Attempt
from streamr.eventloop import Turns
from streamr.interfaces import Observer

_log = Logger()

# How long is told in one turn of the reactor, in seconds; an exchange takes 0.1 ms.
TELLING = 0.001
# How long hits are gathered (seconds), and how many: one by one, each line of the log
# would cost a system call.
GATHERING = 0.05
MOST_GATHERED = 512


class Fan:
    """Tells each exchange to several observers (interfaces.Observer).

    In the reactor's next turn: answers go out first. Hits are told together, a moment
    later.
    """

    def __init__(self, observers: Sequence[Observer], clock: IReactorTime) -> None:
        self._observers = tuple(observers)
        self._clock = clock
        self._turns = Turns(clock, TELLING)
        self._hits: list[tuple[Hit, str]] = []
        self._timer: IDelayedCall | None = None

    def tried(self, server: str, attempt: Attempt) -> None:
        """Tell everybody of a try, when the answers under way are out."""
        self._tell_all(lambda observer: observer.tried(server, attempt))

    def note(self, exchange: Exchange) -> None:
        """Tell everybody of an exchange, when the answers under way are out."""
        self._line_up()
        self._tell_all(lambda observer: observer.note(exchange))

    def hits(self, hits: Sequence[tuple[Hit, str]]) -> None:
        """Tell everybody of hits."""
        self._now(lambda observer: observer.hits(hits))

    def hit(self, hit: Hit, request_id: str) -> None:
        """Tell everybody of one hit, with those of the same moment."""
        self._hits.append((hit, request_id))
        if self._timer is None:
            self._timer = self._clock.callLater(GATHERING, self.settle)
        elif len(self._hits) >= MOST_GATHERED:
            self.settle()

    def settle(self) -> None:
        """Tell at once of what was put off: somebody looks, or the daemon stops."""
        self._line_up()
        self._turns.run_out()

    def _line_up(self) -> None:
        """The hits so far are told next, behind what came before them."""
        if self._timer is None:
            return
        if self._timer.active():
            self._timer.cancel()
        self._timer = None
        hits, self._hits = self._hits, []
        self._turns.later(partial(self.hits, hits))

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
