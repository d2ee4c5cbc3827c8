"""The codings of stored responses: made when they are first asked for, then kept.

TMDB sends gzip, and most callers take that as it came, so brotli made of every answer
was 0.3 ms for nobody (docs/facts/performance.md, "Compressing a list page").
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.boundaries import StoredResponse
from streamr.interfaces import Store
from streamr.policy import representation

_log = Logger()

# Runs a function off the reactor.
Threads = Callable[[Callable[[], bytes]], "Deferred[bytes]"]


class Codings:
    """Adds codings to the responses of a store."""

    def __init__(self, store: Store, threads: Threads) -> None:
        self._store = store
        self._threads = threads
        self._making: set[tuple[str, str]] = set()

    def coded(self, stored: StoredResponse, taken: frozenset[str]) -> StoredResponse:
        """The response with the best of the codings that a caller takes.

        What would hold up the reactor is made in a thread, for the next caller: this
        one gets what there is already.
        """
        coding = representation.best(taken)
        if coding is None or representation.has(stored, coding):
            return stored
        current = self._current(stored)
        if current is not None and representation.has(current, coding):
            return current
        if representation.heavy(stored.body):
            self._make_later(stored, coding)
            return stored
        made = representation.encoded(stored.body, coding)
        self._keep(stored, coding, made)
        return representation.with_coding(stored, coding, made)

    def _current(self, stored: StoredResponse) -> StoredResponse | None:
        """What the store has for the key, when it is still the same body."""
        found = self._store.peek(stored.key)
        return found if found is not None and found.body is stored.body else None

    def _keep(self, stored: StoredResponse, coding: str, made: bytes) -> None:
        current = self._current(stored)
        if current is not None:
            self._store.recode(representation.with_coding(current, coding, made))

    def _make_later(self, stored: StoredResponse, coding: str) -> None:
        making = (stored.key, coding)
        if making in self._making:
            return
        self._making.add(making)
        work = partial(representation.encoded, stored.body, coding)
        waiting = self._threads(work).addBoth(self._made, making)
        waiting.addCallback(partial(self._keep, stored, coding)).addErrback(_broke)

    def _made(
        self, result: bytes | Failure, making: tuple[str, str]
    ) -> bytes | Failure:
        self._making.discard(making)
        return result


def _broke(failure: Failure) -> None:
    """Nobody waits for it: callers are served in another coding."""
    _log.failure("A coding could not be made", failure=failure, code="coding-broke")
