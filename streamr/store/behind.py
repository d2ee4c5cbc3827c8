"""Writing behind: what the memory store takes in goes to disk soon, in a thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.boundaries import StoredResponse
from streamr.store.disk import DiskStore
from streamr.store.memory import MemoryStore

T = TypeVar("T")
# Runs a function in the one thread of the disk.
InThread = Callable[..., "Deferred[Any]"]

_log = Logger()

# What a crash can cost; a power cut may cost what the system had not yet synced.
WRITE_EVERY = 0.25
# A disk that is full says so once a minute, not with every answer.
COMPLAIN_EVERY = 60.0
# While the disk does not take anything, no more than this is held back for it.
MOST_WAITING = 5000


class WriteBehind:
    """Connects a memory store with a disk store."""

    def __init__(
        self,
        memory: MemoryStore,
        disk: DiskStore,
        clock: IReactorTime,
        in_thread: InThread,
    ) -> None:
        self._memory = memory
        self._disk = disk
        self._clock = clock
        self._in_thread = in_thread
        self._waiting: dict[str, StoredResponse | None] = {}
        self._timer: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None
        self._complained_at: float | None = None

    def fill(self) -> None:
        """Read the disk into memory now, and write behind from now on.

        It blocks, on purpose: the servers do not listen yet.
        """
        try:
            # oldest first, so that the newest are the last to leave again
            for response in reversed(self._disk.load()):
                self._memory.fill(response.key, response)
        except (sqlite3.Error, OSError) as error:
            self._complain(error)
        self._memory.on_put = self._put
        self._memory.on_drop = self._drop

    def flush(self) -> Deferred[None]:
        """Write what waits, and close the file."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        done = self._writing or self._write()
        return done.addCallback(lambda _: self._write()).addCallback(
            lambda _: self._in_thread(self._disk.close)
        )

    def _put(self, response: StoredResponse) -> None:
        self._waiting[response.key] = response
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._soon()

    def _drop(self, keys: list[str]) -> None:
        for key in keys:
            self._waiting[key] = None
        self._soon()

    def _soon(self) -> None:
        if self._timer is None and self._writing is None:
            self._timer = self._clock.callLater(WRITE_EVERY, self._write)

    def _write(self) -> Deferred[None]:
        """Hand all that waits to the thread."""
        self._timer = None
        batch, self._waiting = self._waiting, {}
        kept = [response for response in batch.values() if response is not None]
        dropped = [key for key, response in batch.items() if response is None]
        writing: Deferred[None] = self._in_thread(self._disk.write, kept, dropped)
        self._writing = writing
        writing.addErrback(self._failed)
        return writing.addCallback(self._written)

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        failure.trap(sqlite3.Error, OSError)
        self._complain(error)

    def _written(self, _result: None) -> None:
        self._writing = None
        if self._waiting:
            self._soon()

    def _complain(self, error: BaseException | None) -> None:
        now = self._clock.seconds()
        last = self._complained_at
        if last is None or now - last >= COMPLAIN_EVERY:
            self._complained_at = now
            _log.warn(
                "The disk store fails ({error}); answers go on from memory",
                error=str(error),
            )
