"""One request head, checked before anything reads it, and the body behind it.

What breaks a rule (`rules.py`) is refused, and so is whatever comes behind it. What
passes is handed on without its framing: bodies are thrown away here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from streamr.web.server.rules import (
    FIELD,
    FIELDS,
    LINE,
    MOST_HEAD,
    MOST_TARGET,
    REQUEST_LINE,
    UNFINISHED,
    Block,
    HeadRefused,
    judge,
)

END = b"\r\n\r\n"
# A client sends the same fields again and again, and asks for the same pages. Request
# lines and header blocks are remembered with what is handed on of them: 6 MB at most.
REMEMBERED = 1024
LONG_LINE = 512
LONG_BLOCK = 2048

_ORIGIN = re.compile(rb"\r\norigin:[ \t]*([!-~]{1,200})[ \t]*\r\n", re.IGNORECASE)
_RAW = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A checked head.

    `handed_on` is the head without what frames a body; `body` is how many bytes of it
    follow, -1 for a chunked one; with one that `closes` the answer is the last.
    """

    handed_on: bytes
    body: int
    closes: bool


def find_end(data: bytes | bytearray) -> int:
    """Where the head at the beginning of `data` ends; -1 when more has to come.

    Raises HeadRefused as soon as what is there can become no head.
    """
    end = data.find(END, 0, MOST_HEAD + len(END))
    if end >= 0:
        return end + len(END)
    judge(UNFINISHED, bytes(data[: MOST_HEAD + 1]))
    return -1


def origin_in(data: bytes | bytearray) -> str | None:
    """The web origin that the head at the beginning of `data` names, also one that is
    refused."""
    end = data.find(END, 0, MOST_HEAD)
    found = _ORIGIN.search(data, 0, end + 2 if end >= 0 else MOST_HEAD)
    return found[1].decode("ascii") if found else None


def read_head(data: bytes) -> RequestHead:
    """The head in `data`, which ends with an empty line. Raises HeadRefused."""
    line, _, block = data.partition(b"\r\n")
    read_line = _known_line if len(line) <= LONG_LINE else _request_line
    first, version = read_line(line)
    read_fields = _known_fields if len(block) <= LONG_BLOCK else _read_fields
    fields = read_fields(block, version)
    if fields.refused is not None:
        raise HeadRefused(*fields.refused)
    return RequestHead(first + fields.kept, fields.body, fields.closes)


def _request_line(line: bytes) -> tuple[bytes, int]:
    """The line that is handed on, and its minor version. Raises HeadRefused."""
    match = LINE.fullmatch(line)
    if match is None:
        raise HeadRefused(400, "the request line is not METHOD TARGET HTTP/1.1")  # 3
    judge(REQUEST_LINE, match)
    # browsers encode them, command lines do not; TMDB is asked for the same
    target = _RAW.sub(lambda byte: b"%%%02X" % byte[0][0], match["target"])
    if len(target) > MOST_TARGET:
        raise HeadRefused(414, f"the request target is longer than {MOST_TARGET} bytes")
    # 9110, 2.5: a later minor version is read as the one that is known
    version = min(int(match["minor"]), 1)
    return b"%b %b HTTP/1.%d\r\n" % (match["method"], target, version), version


_known_line = lru_cache(REMEMBERED)(_request_line)


@dataclass(frozen=True, slots=True)
class _Fields:
    """What the fields of a head say; `refused` is a status and a problem."""

    kept: bytes = b""
    body: int = 0
    closes: bool = False
    refused: tuple[int, str] | None = None


def _read_fields(block: bytes, version: int) -> _Fields:
    """The verdict on a header block."""
    try:
        return _checked(block, version)
    except HeadRefused as refused:
        return _Fields(refused=(refused.status, refused.problem))


_known_fields = lru_cache(REMEMBERED)(_read_fields)


def _checked(block: bytes, version: int) -> _Fields:
    lines = block[: -len(END)].split(b"\r\n") if len(block) > len(END) else []
    fields = [_field(each) for each in lines]
    named: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        named.setdefault(name.lower(), []).append(value)
    told = Block(len(fields), named, version)
    judge(FIELDS, told)
    kept = (
        b"%b: %b\r\n" % field for field in fields if field[0].lower() not in _FRAMING
    )
    # 9112, 9.3: an older version closes, and whoever says so in any place of the list
    closes = version == 0 or b"close" in told.words(b"connection")
    return _Fields(b"".join(kept) + b"\r\n", told.body, closes)


# What frames a body, or speaks of this connection only.
_FRAMING = frozenset(
    {b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"connection"}
)


def _field(line: bytes) -> tuple[bytes, bytes]:
    match = FIELD.fullmatch(line)
    if match is None:  # 5.1, 5.2: no blank before the colon, no folding
        raise HeadRefused(400, "a header line is not NAME: VALUE")
    return match[1], match[2].strip(b" \t")


class Body:
    """A body that is thrown away: so many bytes, or one chunk that is the last."""

    def __init__(self, size: int) -> None:
        """`size` is RequestHead.body."""
        self._left = size
        self.over = size == 0

    def read(self, data: bytes | bytearray) -> int:
        """How many bytes at the beginning of `data` belong to it. Raises HeadRefused.

        Of chunks only an empty body is taken: nobody sends a GET with more.
        """
        if self.over:
            return 0
        if self._left < 0:
            return self._read_chunks(data)
        read = min(self._left, len(data))
        self._left -= read
        self.over = self._left == 0
        return read

    def _read_chunks(self, data: bytes | bytearray) -> int:
        start = bytes(data[: len(LAST_CHUNK)])
        if not LAST_CHUNK.startswith(start):
            if _SIZE.match(start):
                raise HeadRefused(413, "no body in chunks is taken here")
            raise HeadRefused(400, "the first chunk is neither empty nor the last")
        self.over = start == LAST_CHUNK
        return len(LAST_CHUNK) if self.over else 0


# 9112, 7.1: the chunk that ends a body, without an extension or a trailer.
LAST_CHUNK = b"0\r\n\r\n"
_SIZE = re.compile(rb"[1-9A-Fa-f]")
