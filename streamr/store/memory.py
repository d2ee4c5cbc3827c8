"""The memory store: bounded by bytes and by entries, and not to be flooded.

It follows S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
SOSP 2023): a new key enters a small queue; only one that is asked for again while it is
there, or that was there before (the ghosts), reaches the main queue. So a flood of keys
that are asked for once passes through the small queue and leaves the hot pages alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from streamr.boundaries import StoredResponse
from streamr.interfaces import Memory

# What a response takes beside its bodies: objects, keys, queue entries (measured with
# tracemalloc: 1.3 kB).
OVERHEAD = 1400
# S3-FIFO's share for newcomers; the paper finds 10 % good over all its traces.
SMALL_SHARE = 0.1
# How often an entry can be spared when it reaches the end of the main queue.
MOST_SPARED = 3


class _Entry:
    __slots__ = ("asked", "response", "size")

    def __init__(self, response: StoredResponse) -> None:
        self.response = response
        self.size = size_of(response)
        self.asked = 0


def size_of(response: StoredResponse) -> int:
    """The bytes that a response takes."""
    bodies = (response.body, response.gzipped, response.brotli)
    return OVERHEAD + len(response.key) + sum(len(body) for body in bodies if body)


class MemoryStore:
    """Stored responses by their keys; `get` answers at once."""

    def __init__(self, most_bytes: int, most_entries: int) -> None:
        self.most_bytes = most_bytes
        self.most_entries = most_entries
        self.bytes = 0
        self._small: OrderedDict[str, _Entry] = OrderedDict()
        self._main: OrderedDict[str, _Entry] = OrderedDict()
        self._ghosts: OrderedDict[str, None] = OrderedDict()
        self._small_bytes = 0
        self._put_listeners: list[Callable[[StoredResponse], object]] = []
        self._drop_listeners: list[Callable[[Sequence[str]], object]] = []

    def subscribe(
        self,
        put: Callable[[StoredResponse], object] = lambda _response: None,
        dropped: Callable[[Sequence[str]], object] = lambda _keys: None,
    ) -> None:
        """Tell of each response that is put, and of the keys that are dropped."""
        self._put_listeners.append(put)
        self._drop_listeners.append(dropped)

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def get(self, key: str) -> StoredResponse | None:
        """The stored response of this key."""
        entry = self._main.get(key) or self._small.get(key)
        if entry is None:
            return None
        entry.asked = min(entry.asked + 1, MOST_SPARED)
        return entry.response

    def peek(self, key: str) -> StoredResponse | None:
        """The stored response of this key; looking does not count as asking."""
        entry = self._main.get(key) or self._small.get(key)
        return entry.response if entry is not None else None

    def put(self, key: str, response: StoredResponse) -> None:
        """Keep a response. One that is too large for the whole store is not kept."""
        self.fill(key, response)
        for listener in self._put_listeners:
            listener(response)

    def fill(self, key: str, response: StoredResponse) -> None:
        """Keep a response that came from the disk: nobody else is told."""
        entry = _Entry(response)
        if entry.size > self.most_bytes:
            self._drop(key)
            return
        known = self._main.get(key) or self._small.get(key)
        if known is not None:
            entry.asked = known.asked
            in_main = key in self._main
            self._drop(key)
            self._add(key, entry, main=in_main)
        else:
            self._add(key, entry, main=key in self._ghosts)
            self._ghosts.pop(key, None)
        self._shrink()

    def charge(self, key: str, size: int) -> None:
        """So many bytes more are kept beside this response, as long as it is."""
        entry = self._main.get(key) or self._small.get(key)
        if entry is None:
            return
        entry.size += size
        self.bytes += size
        self._small_bytes += size if key in self._small else 0
        self._shrink()

    def recode(self, response: StoredResponse) -> None:
        """Keep a response that differs from the one of its key in its codings only, in
        the same place. It may make others leave, or itself."""
        entry = self._main.get(response.key) or self._small.get(response.key)
        if entry is None:
            return
        size = size_of(response)
        more, entry.response, entry.size = size - entry.size, response, size
        self.bytes += more
        self._small_bytes += more if response.key in self._small else 0
        for listener in self._put_listeners:
            listener(response)
        self._shrink()

    def purge(self, unwanted: Callable[[StoredResponse], bool]) -> int:
        """Drop what is unwanted; how many those were."""
        keys = [each.key for each in self if unwanted(each)]
        for key in keys:
            self._drop(key)
        self._tell_dropped(keys)
        return len(keys)

    def __iter__(self) -> Iterator[StoredResponse]:
        for queue in (self._main, self._small):
            for entry in list(queue.values()):
                yield entry.response

    def _add(self, key: str, entry: _Entry, *, main: bool) -> None:
        (self._main if main else self._small)[key] = entry
        self.bytes += entry.size
        self._small_bytes += 0 if main else entry.size

    def _drop(self, key: str) -> None:
        entry = self._main.pop(key, None)
        if entry is None:
            entry = self._small.pop(key, None)
            self._small_bytes -= entry.size if entry is not None else 0
        self.bytes -= entry.size if entry is not None else 0

    def _shrink(self) -> None:
        while self.bytes > self.most_bytes or len(self) > self.most_entries:
            over = self._small_bytes > self.most_bytes * SMALL_SHARE
            crowded = len(self._small) > self.most_entries * SMALL_SHARE
            if self._small and (over or crowded or not self._main):
                self._leave_small()
            else:
                self._leave_main()

    def _leave_small(self) -> None:
        """The oldest newcomer is promoted when it was asked for, or becomes a ghost."""
        key, entry = self._small.popitem(last=False)
        self._small_bytes -= entry.size
        if entry.asked:
            entry.asked = 0
            self._main[key] = entry
            return
        self.bytes -= entry.size
        self._tell_dropped([key])
        self._ghosts[key] = None
        while len(self._ghosts) > max(len(self._main), 100):
            self._ghosts.popitem(last=False)

    def _leave_main(self) -> None:
        """The oldest of the main queue is spared as often as it was asked for."""
        key, entry = self._main.popitem(last=False)
        if entry.asked:
            entry.asked -= 1
            self._main[key] = entry
        else:
            self.bytes -= entry.size
            self._tell_dropped([key])

    def _tell_dropped(self, keys: Sequence[str]) -> None:
        for listener in self._drop_listeners:
            listener(keys)


_conforms: type[Memory] = MemoryStore
