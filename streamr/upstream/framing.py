"""Where the body of a response ends (RFC 9112, 6.3 and 7.1). Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import Protocol

from streamr.errors import Fault
from streamr.upstream.head import MOST_HEAD, ResponseHead

# They have no body, whatever they say of one (RFC 9112, 6.3).
BODILESS = (204, 304)
# A chunk's size and its extensions, of which none is in use.
MOST_LINE = 1024
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_TRAILERS = re.compile(rb"(?:[^\r\n]+\r?\n)*\r?\n")


class _Step(Enum):
    """What is next in a body in chunks."""

    SIZE = "size"
    DATA = "data"
    LINE_END = "the end of the line behind it"
    TRAILERS = "trailers"


class FramedBody(Protocol):
    """Tells a body's bytes from its framing.

    When it is `over`, `rest` is what came behind it; `open_ended` is one that ends with
    the connection, so that nobody can tell whether it is whole.
    """

    over: bool
    rest: bytes
    open_ended: bool

    def take(self, data: bytes) -> bytes:
        """The body's own bytes in what came. Raises Fault."""


def body_of(head: ResponseHead) -> FramedBody:
    """How the body behind a head is framed. Raises Fault."""
    if head.status in BODILESS:
        return CountedBody(0)
    if head.chunked:
        return ChunkedBody()
    length = head.length
    return OpenEndedBody() if length is None else CountedBody(length)


class CountedBody:
    """A body whose length was announced."""

    open_ended = False

    def __init__(self, length: int) -> None:
        self._left = length
        self.over = length == 0
        self.rest = b""

    def take(self, data: bytes) -> bytes:
        """All of it, up to the length."""
        if len(data) > self._left:
            data, self.rest = data[: self._left], data[self._left :]
        self._left -= len(data)
        self.over = self._left == 0
        return data


class OpenEndedBody:
    """A body that ends with its connection."""

    open_ended = True
    over = False
    rest = b""

    def take(self, data: bytes) -> bytes:
        """All of it."""
        return data


class ChunkedBody:
    """A body in chunks: a size, so many bytes, a line's end; after an empty chunk
    trailers, which nobody asked for, and an empty line."""

    open_ended = False

    def __init__(self) -> None:
        self.over = False
        self.rest = b""
        self._came = b""
        self._at = 0
        self._left = 0
        self._step = _Step.SIZE

    def take(self, data: bytes) -> bytes:
        """What the chunks hold, as far as it is there."""
        self._came += data
        self._at = 0
        pieces: list[bytes] = []
        while not self.over and (piece := self._next()) is not None:
            pieces.append(piece)
        self._came = self._came[self._at :]
        if self.over:
            self.rest, self._came = self._came, b""
        return b"".join(pieces)

    def _next(self) -> bytes | None:
        """What the next step brings; None while it has not come."""
        match self._step:
            case _Step.SIZE:
                return self._size()
            case _Step.DATA:
                return self._data()
            case _Step.LINE_END:
                return self._line_end()
            case _Step.TRAILERS:
                return self._trailers()

    def _size(self) -> bytes | None:
        whole_line = self._came.find(b"\n", self._at) >= 0
        size = self._found(_SIZE, 0 if whole_line else MOST_LINE)
        if size is None:
            return None
        self._left = int(size[1], 16)
        self._step = _Step.DATA if self._left else _Step.TRAILERS
        return b""

    def _data(self) -> bytes | None:
        piece = self._came[self._at : self._at + self._left]
        self._at += len(piece)
        self._left -= len(piece)
        if not self._left:
            self._step = _Step.LINE_END
        return piece or None

    def _line_end(self) -> bytes | None:
        if self._found(_LINE_END, len(b"\r\n")) is None:
            return None
        self._step = _Step.SIZE
        return b""

    def _trailers(self) -> bytes | None:
        self.over = self._found(_TRAILERS, MOST_HEAD) is not None
        return b"" if self.over else None

    def _found(self, pattern: re.Pattern[bytes], most: int) -> re.Match[bytes] | None:
        """What has to come next, in so many bytes; None while it has not come."""
        found = pattern.match(self._came, self._at)
        if found is not None:
            self._at = found.end()
        elif len(self._came) - self._at >= most:
            raise Fault("http_protocol_error", "the chunks cannot be parsed")
        return found
