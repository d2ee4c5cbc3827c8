"""Where main keeps its answers: memory, the disk behind it, and their thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from streamr.app.state import file_name
from streamr.config.settings import Settings
from streamr.interfaces import Reactor
from streamr.policy.freshness import state
from streamr.store.expiry import Aging
from streamr.store.memory import MemoryStore
from streamr.store.sqlite import DiskStore
from streamr.store.writebehind import WriteBehind
from streamr.tmdb.tags import Purge

_log = Logger()
T = TypeVar("T")

# A list page takes some 14 kB with gzip, and 3 more with brotli; smaller answers let
# more entries in.
ENTRIES_PER_MB = 250


# What is told of a store that there is not.
NOTHING_STORED: Mapping[str, object] = {
    "entries": 0,
    "bytes": 0,
    "most_bytes": 0,
    "by_class": {},
    "by_state": {},
}


class Storage:
    """The store of main's gateway and all that belongs to it."""

    def __init__(
        self,
        settings: Settings,
        reactor: Reactor,
        wall: Callable[[], float],
        directory: Path | None,
    ) -> None:
        """Without a directory nothing outlives the process."""
        self._reactor = reactor
        # one thread: SQLite and heavy compression take turns
        self._threads = ThreadPool(0, 1, "streamr-store")
        entries = settings.cache_mb * ENTRIES_PER_MB
        self.memory = MemoryStore(settings.cache_mb * 1024 * 1024, entries)
        self._aging = Aging(self.memory, reactor)
        self._behind: WriteBehind | None = None
        if directory is not None:
            disk = DiskStore(
                directory / file_name(settings), entries, reactor.seconds, wall
            )
            self._behind = WriteBehind(self.memory, disk, reactor, self.in_thread)

    def start(self) -> None:
        """Fill the memory from the disk."""
        self._threads.start()
        if self._behind is not None:
            self._behind.fill()
            _log.info("{count} answers read from disk", count=len(self.memory))
        self._aging.start()

    async def stop(self) -> None:
        """Write what waits to be written."""
        self._aging.stop()
        if self._behind is not None:
            await self._behind.flush()
        self._threads.stop()

    def stats(self) -> dict[str, object]:
        """What is stored, for `streamr cache stats`."""
        now = self._reactor.seconds()
        classes: dict[str, int] = {}
        states: dict[str, int] = {}
        for response in self.memory:
            classes[response.kind] = classes.get(response.kind, 0) + 1
            name = state(response, now).name.lower()
            states[name] = states.get(name, 0) + 1
        return {
            "entries": len(self.memory),
            "bytes": self.memory.bytes,
            "most_bytes": self.memory.most_bytes,
            "by_class": classes,
            "by_state": states,
        }

    def purge(self, what: Purge) -> int:
        """Drop what is named; how many answers that was."""
        return self.memory.purge(what.unwanted)

    def in_thread(self, work: Callable[..., T], *args: object) -> Deferred[T]:
        """Run work off the reactor, after what was handed in before."""
        return deferToThreadPool(self._reactor, self._threads, work, *args)
