"""Kills a process that stores pictures, again and again, and looks what it has left.

    python -m tests.store.pictures.killed FOLDER TIMES

Prints as JSON how many times that was amid a download, how many pictures it had told
to be whole, how many of those are lost, how many that are served are not what was
written, and how many files are left of downloads in the end.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from twisted.internet.task import Clock

from streamr.store.pictures.files import PictureStore
from streamr.store.pictures.space import MB
from tests.store.pictures.support import NOW, head, read

# Downloads that are under way at once, and the pieces in which each comes.
AT_ONCE = 5
PIECES = 40


def store_in(folder: Path) -> PictureStore:
    """The store of a process that has just begun."""
    store = PictureStore(folder, 1024 * MB, Clock(), lambda: NOW)
    store.load()
    return store


def body_of(key: str) -> bytes:
    """What a picture of this key holds."""
    return key.encode() * 50 * PIECES


class Downloading:
    """One picture, which comes piece by piece."""

    def __init__(self, store: PictureStore, key: str) -> None:
        new = store.begin(head(key))
        assert new is not None
        self._key, self._new = key, new
        self._pieces = 0

    def is_whole(self) -> bool:
        """Take one more piece; whether it was the last."""
        assert self._new.write(body_of(self._key)[: len(body_of(self._key)) // PIECES])
        self._pieces += 1
        return self._pieces == PIECES

    def finish(self) -> None:
        """Keep it, and tell so."""
        picture = self._new.finish()
        assert picture is not None
        picture.close()
        self._new.close()
        # whoever reads this line may rely on it
        os.write(1, f"{self._key}\n".encode())


def write_forever(folder: Path, attempt: int) -> None:
    """Download picture after picture, until somebody ends it. At every moment some are
    under way: the next one begins before the last one is kept."""
    store = store_in(folder)
    keys = (f"/t/p/w{attempt}/{number}.jpg" for number in itertools.count())
    running = [Downloading(store, next(keys)) for _ in range(AT_ONCE)]
    while True:
        for place, each in enumerate(running):
            if each.is_whole():
                running[place] = Downloading(store, next(keys))
                each.finish()


def killed_after(folder: Path, attempt: int) -> Iterator[str]:
    """The keys that a process has told of before it was killed, amid a download."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.dup2(writing, 1)
            os.close(reading)
            write_forever(folder, attempt)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as told:
        # each time at another point of a round
        for _ in range(1 + attempt):
            yield told.readline().strip()
        os.kill(child, signal.SIGKILL)
        # a line that was cut was not told
        yield from (line.strip() for line in told if line.endswith("\n"))
    os.waitpid(child, 0)


def main(folder: Path, times: int) -> dict[str, int]:
    """What came of it."""
    whole: list[str] = []
    counts = dict.fromkeys(("amid", "whole", "lost", "torn", "left"), 0)
    for attempt in range(times):
        whole += killed_after(folder, attempt)
        counts["amid"] += any((folder / "tmp").iterdir())
    store = store_in(folder)
    for key in whole:
        picture = store.find(key)
        counts["lost"] += picture is None
        if picture is not None:
            counts["torn"] += read(picture) != body_of(key)
            picture.close()
    counts["whole"] = len(whole)
    counts["left"] = len(list((folder / "tmp").iterdir()))
    return counts


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
