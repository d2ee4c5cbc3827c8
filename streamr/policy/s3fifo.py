"""What leaves a full cache: S3-FIFO (Yang et al., "FIFO queues are all you need for
cache eviction", SOSP 2023).

A new key enters a small queue; only one that is asked for again while it is there, or
that was there before (the ghosts), reaches the main queue. So a flood of keys that are
asked for once passes through the small queue and leaves the main one untouched.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# The share for newcomers; the paper finds 10 % good over all its traces.
SMALL_SHARE = 0.1
# How often an entry can be spared when it reaches the end of the main queue.
MOST_SPARED = 3
# As many ghosts as there are entries in the main queue (the paper), but where that has
# only begun to fill a newcomer has to have a chance to return.
LEAST_GHOSTS = 100


class _Entry(Generic[V]):
    __slots__ = ("asked", "size", "value")

    def __init__(self, value: V, size: int) -> None:
        self.value = value
        self.size = size
        self.asked = 0


class Queues(Generic[K, V]):
    """Values by their keys, bounded by bytes and by number.

    Whatever makes it larger returns the keys that had to leave for that.
    """

    def __init__(self, most_bytes: int, most_entries: int) -> None:
        self.most_bytes = most_bytes
        self.most_entries = most_entries
        self.bytes = 0
        self._small: OrderedDict[K, _Entry[V]] = OrderedDict()
        self._main: OrderedDict[K, _Entry[V]] = OrderedDict()
        self._ghosts: OrderedDict[K, None] = OrderedDict()
        self._small_bytes = 0

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def __iter__(self) -> Iterator[tuple[K, V]]:
        """All of them, and any may be dropped meanwhile."""
        for queue in (self._main, self._small):
            for key, entry in list(queue.items()):
                yield key, entry.value

    def ask(self, key: K) -> V | None:
        """The value of this key, which has been asked for."""
        entry = self._main.get(key) or self._small.get(key)
        if entry is None:
            return None
        entry.asked = min(entry.asked + 1, MOST_SPARED)
        return entry.value

    def peek(self, key: K) -> V | None:
        """The value of this key; looking does not count as asking."""
        entry = self._main.get(key) or self._small.get(key)
        return entry.value if entry is not None else None

    def put(self, key: K, value: V, size: int, *, proven: bool = False) -> list[K]:
        """Keep a value of so many bytes. What is `proven` has been asked for again
        before. One that is larger than everything leaves at once."""
        entry = _Entry(value, size)
        known = self._main.get(key) or self._small.get(key)
        main = proven or key in self._main or key in self._ghosts
        if known is not None:
            entry.asked = known.asked
            self.drop(key)
        if size > self.most_bytes:
            return [key]
        self._ghosts.pop(key, None)
        (self._main if main else self._small)[key] = entry
        self.bytes += size
        self._small_bytes += 0 if main else size
        return self._shrink()

    def change(self, key: K, value: V, size: int) -> list[K]:
        """Keep another value in the same place, if there is one of this key. It may
        make others leave, or itself."""
        entry = self._main.get(key) or self._small.get(key)
        if entry is None:
            return []
        entry.value = value
        return self._grow(key, entry, size - entry.size)

    def mark(self, key: K, value: V) -> None:
        """Keep another value of the same size, if there is one of this key."""
        entry = self._main.get(key) or self._small.get(key)
        if entry is not None:
            entry.value = value

    def grow(self, key: K, size: int) -> list[K]:
        """So many bytes more are kept with this key, as long as it is there."""
        entry = self._main.get(key) or self._small.get(key)
        return [] if entry is None else self._grow(key, entry, size)

    def drop(self, key: K) -> V | None:
        """Forget this key; the value that it had."""
        entry = self._main.pop(key, None)
        if entry is None:
            entry = self._small.pop(key, None)
            self._small_bytes -= entry.size if entry is not None else 0
        if entry is None:
            return None
        self.bytes -= entry.size
        return entry.value

    def _grow(self, key: K, entry: _Entry[V], size: int) -> list[K]:
        entry.size += size
        self.bytes += size
        self._small_bytes += size if key in self._small else 0
        return self._shrink()

    def _shrink(self) -> list[K]:
        left: list[K] = []
        while self.bytes > self.most_bytes or len(self) > self.most_entries:
            over = self._small_bytes > self.most_bytes * SMALL_SHARE
            crowded = len(self._small) > self.most_entries * SMALL_SHARE
            if self._small and (over or crowded or not self._main):
                left += self._leave_small()
            else:
                left += self._leave_main()
        return left

    def _leave_small(self) -> list[K]:
        """The oldest newcomer is promoted when it was asked for, or becomes a ghost."""
        key, entry = self._small.popitem(last=False)
        self._small_bytes -= entry.size
        if entry.asked:
            entry.asked = 0
            self._main[key] = entry
            return []
        self.bytes -= entry.size
        self._ghosts[key] = None
        while len(self._ghosts) > max(len(self._main), LEAST_GHOSTS):
            self._ghosts.popitem(last=False)
        return [key]

    def _leave_main(self) -> list[K]:
        """The oldest of the main queue is spared as often as it was asked for."""
        key, entry = self._main.popitem(last=False)
        if entry.asked:
            entry.asked -= 1
            self._main[key] = entry
            return []
        self.bytes -= entry.size
        return [key]
