"""The memory store: bounded by bytes and by entries, and not to be flooded.

Who leaves when it is full: `streamr/policy/s3fifo.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from streamr.boundaries import StoredResponse
from streamr.interfaces import Memory
from streamr.policy.s3fifo import Queues

# What a response takes beside its bodies: objects, keys, queue entries (measured with
# tracemalloc: 1.3 kB).
OVERHEAD = 1400


def size_of(response: StoredResponse) -> int:
    """The bytes that a response takes."""
    bodies = (response.body, response.gzipped, response.brotli)
    return OVERHEAD + len(response.key) + sum(len(body) for body in bodies if body)


class MemoryStore:
    """Stored responses by their keys; `get` answers at once."""

    def __init__(self, most_bytes: int, most_entries: int) -> None:
        self._kept: Queues[str, StoredResponse] = Queues(most_bytes, most_entries)
        self._put_listeners: list[Callable[[StoredResponse], object]] = []
        self._drop_listeners: list[Callable[[Sequence[str]], object]] = []
        # the stored response of a key, asked for or only looked at; the fast lane does
        # so for each hit, so that a method in between would be one call too many
        self.get = self._kept.ask
        self.peek = self._kept.peek

    @property
    def bytes(self) -> int:
        """What the responses take."""
        return self._kept.bytes

    @property
    def most_bytes(self) -> int:
        """What they may take."""
        return self._kept.most_bytes

    def subscribe(
        self,
        put: Callable[[StoredResponse], object] = lambda _response: None,
        dropped: Callable[[Sequence[str]], object] = lambda _keys: None,
    ) -> None:
        """Tell of each response that is put, and of the keys that are dropped."""
        self._put_listeners.append(put)
        self._drop_listeners.append(dropped)

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[StoredResponse]:
        return (response for _key, response in self._kept)

    def put(self, key: str, response: StoredResponse) -> None:
        """Keep a response. One that is too large for the whole store is not kept."""
        self.fill(key, response)
        self._tell_put(response)

    def fill(self, key: str, response: StoredResponse) -> None:
        """Keep a response that came from the disk: nobody else is told."""
        self._tell_dropped(self._kept.put(key, response, size_of(response)))

    def charge(self, key: str, size: int) -> None:
        """So many bytes more are kept beside this response, as long as it is."""
        self._tell_dropped(self._kept.grow(key, size))

    def recode(self, response: StoredResponse) -> None:
        """Keep a response that differs from the one of its key in its codings only, in
        the same place. It may make others leave, or itself."""
        if self._kept.peek(response.key) is None:
            return
        left = self._kept.change(response.key, response, size_of(response))
        self._tell_put(response)
        self._tell_dropped(left)

    def purge(self, unwanted: Callable[[StoredResponse], bool]) -> int:
        """Drop what is unwanted; how many those were."""
        keys = [each.key for each in self if unwanted(each)]
        for key in keys:
            self._kept.drop(key)
        self._tell_dropped(keys)
        return len(keys)

    def _tell_put(self, response: StoredResponse) -> None:
        for listener in self._put_listeners:
            listener(response)

    def _tell_dropped(self, keys: Sequence[str]) -> None:
        for listener in self._drop_listeners if keys else ():
            listener(keys)


_conforms: type[Memory] = MemoryStore
