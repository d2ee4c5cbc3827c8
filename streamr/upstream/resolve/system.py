"""The system's resolver, in threads of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from streamr.upstream.resolve.failures import ServerFailed
from streamr.upstream.resolve.question import as_lookup_failure

# A handful of names, each asked once at a time: more are a storm, and each is a thread.
MOST_AT_ONCE = 8


# Finds the (family, address) pairs of a name, blocking; raises OSError.
Lookup = Callable[[str], Sequence[tuple[int, str]]]


class Lookups:
    """Runs lookups in daemon threads, at most `MOST_AT_ONCE`: a silent resolver holds
    nobody up, the end of the process neither."""

    def __init__(self, reactor: IReactorFromThreads, lookup: Lookup) -> None:
        self._reactor = reactor
        self._lookup = lookup
        self._running = 0

    def find(self, name: str) -> Deferred[list[tuple[int, str]]]:
        """The addresses of a name; fails with LookupFailed. Who cancels it ends the
        waiting, and not the thread."""
        result: Deferred[list[tuple[int, str]]] = Deferred()
        if self._running >= MOST_AT_ONCE:
            result.errback(ServerFailed("too many lookups are waiting"))
            return result
        thread = threading.Thread(target=self._work, args=(name, result), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # of a container's limit on processes each thread is one
            result.errback(ServerFailed("this machine starts no further thread"))
            return result
        # it can only end in the reactor's next turn
        self._running += 1
        return result.addErrback(as_lookup_failure)

    def _work(self, name: str, result: Deferred[list[tuple[int, str]]]) -> None:
        try:
            found = self._lookup(name)
        except (OSError, UnicodeError) as error:
            self._reactor.callFromThread(self._ended, result.errback, Failure(error))
        else:
            self._reactor.callFromThread(self._ended, result.callback, found)

    def _ended(self, tell: Callable[[Any], None], outcome: Any) -> None:
        self._running -= 1
        tell(outcome)


def system_lookup(name: str) -> list[tuple[int, str]]:
    """The system's addresses of a name, in its order (blocking). Raises OSError."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    pairs = [
        (family, str(address[0]))
        for family, _, _, _, address in found
        if family in (socket.AF_INET, socket.AF_INET6)
    ]
    return list(dict.fromkeys(pairs))
