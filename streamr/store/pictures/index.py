"""Which pictures there are, how much they take, and who leaves when it is too much.

One entry a file, found again at the start by listing the folders. It may be wrong, as
another process may share the folder: what counts is what a file says when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from streamr.policy.s3fifo import Queues
from streamr.store.pictures.folder import FoundFile

# What a file takes on the disk is a multiple of this (bytes): so it is with most file
# systems, ext4 and XFS among them.
BLOCK = 4096
# However small they are: so many take 41 MB of memory, 10,000 take 4.
MOST_PICTURES = 100_000
# How many are entered while nobody else can ask: below a millisecond.
AT_ONCE = 256


class PictureIndex:
    """Names, with True for those whose body is known to be right. For any thread.

    `remove` takes a picture off the disk that has to leave.
    """

    def __init__(self, most_bytes: int, remove: Callable[[bytes], object]) -> None:
        self._kept: Queues[bytes, bool] = Queues(most_bytes, MOST_PICTURES)
        self._remove = remove
        # held while the index is changed, and never while the disk is asked
        self._lock = Lock()
        self._round: list[bytes] = []

    @property
    def total(self) -> int:
        """How many bytes the files take on the disk."""
        return self._kept.bytes

    @property
    def most(self) -> int:
        """How many they may take."""
        return self._kept.most_bytes

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, name: bytes) -> bool:
        with self._lock:
            return self._kept.peek(name) is not None

    def add(self, name: bytes, size: int, *, right: bool) -> None:
        """There is a new file of this size."""
        with self._lock:
            left = self._kept.put(name, right, taken(size))
        self._leave(left)

    def find(self, files: Sequence[FoundFile]) -> None:
        """These were there at the start: what outlasted a process was mostly asked for
        again, so that newcomers leave before it."""
        for first in range(0, len(files), AT_ONCE):
            left: list[bytes] = []
            with self._lock:
                for each in files[first : first + AT_ONCE]:
                    if self._kept.peek(each.name) is None:
                        size = taken(each.size)
                        left += self._kept.put(each.name, False, size, proven=True)
            self._leave(left)

    def ask(self, name: bytes, size: int) -> bool:
        """It was asked for, and has this size. Whether its body is right, as far as is
        known; one that nobody knew of has come from another process."""
        with self._lock:
            right = self._kept.ask(name)
        if right is None:
            self.add(name, size, right=False)
        return right or False

    def mark_right(self, name: bytes) -> None:
        """Its body was compared with its digest."""
        with self._lock:
            self._kept.mark(name, True)

    def forget(self, name: bytes) -> None:
        """There is no such file any more."""
        with self._lock:
            self._kept.drop(name)

    def next_name(self) -> bytes | None:
        """One after the other, each once a round; None when there are none."""
        with self._lock:
            if not self._round:
                self._round = [name for name, _ in self._kept]
            return self._round.pop() if self._round else None

    def _leave(self, names: list[bytes]) -> None:
        for name in names:
            self._remove(name)


def taken(size: int) -> int:
    """What a file of this size takes on the disk (bytes)."""
    return -(-size // BLOCK) * BLOCK
