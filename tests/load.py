"""Callers that ask all the time, while something happens to what they ask."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.processes import PATIENCE, wait_until

CALLERS = 8
PATHS = [f"/3/movie/{number}" for number in (550, 680, 13, 120, 278, 424, 497, 122)]


@dataclass
class Load:
    """Callers that ask all the time, each on a connection of its own."""

    url: str
    paths: Sequence[str] = tuple(PATHS)
    seen: Counter[str] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)

    def ask(self, number: int) -> None:
        place = urlsplit(self.url).netloc
        connection = http.client.HTTPConnection(place, timeout=PATIENCE)
        while not self.stopping.is_set():
            try:
                connection.request("GET", self.paths[number % len(self.paths)])
                answer = connection.getresponse()
                answer.read()
                self.seen[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.seen[repr(error)] += 1
                connection.close()
            number += 1
        connection.close()

    def more(self, count: int = 200) -> None:
        """Wait until so many more were answered."""
        wanted = self.seen.total() + count
        wait_until(lambda: self.seen.total() >= wanted)


@contextmanager
def load(url: str, paths: Sequence[str] = tuple(PATHS)) -> Iterator[Load]:
    """They ask until the block ends."""
    made = Load(url, paths)
    threads = [
        threading.Thread(target=made.ask, args=(number,)) for number in range(CALLERS)
    ]
    for each in threads:
        each.start()
    try:
        yield made
    finally:
        made.stopping.set()
        for each in threads:
            each.join(PATIENCE)
