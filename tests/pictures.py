"""Pictures in memory: where they are kept, and how one comes."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone

from streamr.boundaries import (
    Answer,
    PictureHead,
    PictureStats,
    Validators,
)
from streamr.errors import Fault
from streamr.interfaces import NewPicture, PictureFile, PictureFiles, PictureReader
from streamr.upstream.line import HostLine
from streamr.upstream.stream import StreamedBody

IDLE = 2.0
ETAG = '"v1"'


@lru_cache
def jpeg(size: int) -> bytes:
    """So many bytes that begin and end as a JPEG, and of which no two places agree for
    long."""
    inside = array("I", range(size // 4 + 1)).tobytes()
    return b"\xff\xd8\xff\xe0" + inside[: size - 6] + b"\xff\xd9"


class Coming:
    """The body of an answer, as an upstream connection brings it."""

    def __init__(self, clock: Clock) -> None:
        self.transport = StringTransport()
        self.aborted = 0
        self.body = StreamedBody(
            clock,
            IDLE,
            HostLine(clock, 15),
            self._abort,
            lambda _first: True,
            lambda _failure: Fault("connection_terminated"),
        )
        self.body.begun.addErrback(lambda failure: failure.trap(Fault))
        self.body.makeConnection(self.transport)

    def _abort(self) -> None:
        self.aborted += 1

    def comes(self, data: bytes) -> None:
        self.body.dataReceived(data)

    def ends(self) -> None:
        self.body.connectionLost(Failure(ResponseDone()))

    def is_cut(self) -> None:
        self.body.connectionLost(Failure(ConnectionLost()))

    @property
    def paused(self) -> bool:
        return self.transport.producerState == "paused"

    @property
    def is_left(self) -> bool:
        """Whether nothing more is taken of it."""
        return self.body.over

    def answer(
        self, length: int | None, etag: str | None = ETAG, **more: Any
    ) -> Answer:
        """The answer that it is the body of."""
        validators = None if etag is None else Validators(etag, None)
        answer = Answer(200, b"", None, "image/jpeg", validators=validators)
        return replace(answer, incoming=self.body, length=length, **more)


class ReadAll:
    """A reader's user, who takes all that there is, as soon as it is there."""

    def __init__(self, reader: PictureReader, size: int = 1 << 20) -> None:
        self.reader = reader
        self.data = b""
        self.end: str | None = None
        self._size = size
        self.go_on()

    def go_on(self) -> None:
        while self.end is None:
            try:
                data = self.reader.read(self._size)
            except Fault as fault:
                self.end = fault.cause.name
                return
            if data is None:
                self.end = "whole"
            elif data:
                self.data += data
            else:
                self.reader.wait(self.go_on)
                return


class MemoryFile:
    """A whole picture, open."""

    def __init__(self, head: PictureHead, body: bytes) -> None:
        self.head = head
        self.closed = 0
        self.broken = False
        self._body = body

    def read(self, offset: int, size: int) -> bytes:
        if self.broken:
            raise OSError(5, "Input/output error")
        return self._body[offset : offset + size]

    def close(self) -> None:
        self.closed += 1


class MemoryNew:
    """A picture that is being downloaded."""

    def __init__(self, files: MemoryPictures, head: PictureHead) -> None:
        self.closed = False
        self.broken = False
        self._files = files
        self._head = head
        self._body = b""
        self._kept = self._refused = False

    @property
    def size(self) -> int:
        return len(self._body)

    def write(self, data: bytes) -> bool:
        grown = self.size + len(data)
        if grown > self._files.most_each or grown > self._files.room:
            self._refused = True
        if not self._refused:
            self._body += data
        return not self._refused

    def read(self, offset: int, size: int) -> bytes:
        if self.broken:
            raise OSError(5, "Input/output error")
        return self._body[offset : offset + size]

    def finish(self) -> PictureFile | None:
        announced = self.size if self._head.length is None else self._head.length
        if self._refused or not 0 < self.size == announced:
            return None
        self._kept = True
        return self._files.keep(replace(self._head, length=self.size), self._body)

    def abandon(self) -> None:
        self._refused = True

    def close(self) -> None:
        self.closed = True
        if not self._kept:
            self.abandon()


class MemoryPictures:
    """Where pictures are kept (verified in tests/gateway/test_pictures.py).

    `room` is how many bytes of one the disk takes, `most_each` how many one may have.
    """

    def __init__(self, most_bytes: int = 1 << 30) -> None:
        self.most_bytes = most_bytes
        self.most_each = self.room = 1 << 30
        self.kept: dict[str, tuple[PictureHead, bytes]] = {}
        self.opened: list[MemoryFile] = []
        self.begun: list[MemoryNew] = []

    @property
    def bytes(self) -> int:
        return sum(len(body) for _, body in self.kept.values())

    def __len__(self) -> int:
        return len(self.kept)

    def load(self) -> None:
        """All is there."""

    def keep(self, head: PictureHead, body: bytes) -> MemoryFile:
        self.kept[head.key] = head, body
        return self._open(head, body)

    def _open(self, head: PictureHead, body: bytes) -> MemoryFile:
        self.opened.append(MemoryFile(head, body))
        return self.opened[-1]

    def find(self, key: str) -> PictureFile | None:
        return self._open(*self.kept[key]) if key in self.kept else None

    def knows(self, key: str) -> bool:
        return key in self.kept

    def begin(self, head: PictureHead) -> NewPicture | None:
        if not self.most_bytes or (head.length or 0) > self.most_each:
            return None
        self.begun.append(MemoryNew(self, head))
        return self.begun[-1]

    def purge(self, unwanted: Callable[[str], bool] | None = None) -> int:
        gone = [key for key in self.kept if unwanted is None or unwanted(key)]
        for key in gone:
            del self.kept[key]
        return len(gone)

    def scrub(self, now: float) -> int:
        return 0

    def stats(self) -> PictureStats:
        return PictureStats(len(self), self.bytes, self.most_bytes)

    @property
    def all_closed(self) -> bool:
        """Whether everything that was open has been closed."""
        return all(each.closed for each in [*self.opened, *self.begun])


class Supplies:
    """Where the rest of a picture comes from (Download's `Supply`)."""

    def __init__(self) -> None:
        self.cuts: list[tuple[str, int]] = []
        self.asked: list[Any] = []
        self.rests: list[Deferred[Any]] = []
        self.cancelled = 0

    def cut(self, fault: Fault, size: int) -> None:
        self.cuts.append((fault.cause.name, size))

    def rest(self, part: Any) -> Deferred[Any]:
        self.asked.append(part)
        self.rests.append(Deferred(self._leave))
        return self.rests[-1]

    def _leave(self, _rest: object) -> None:
        self.cancelled += 1


_files: type[PictureFiles] = MemoryPictures
