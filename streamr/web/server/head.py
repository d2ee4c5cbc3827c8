"""One request head, checked before anything reads it.

A head that two readers could take for two different requests is refused, and so is
whatever comes behind it. The rules are those of RFC 9112 (and of RFC 9110 where it is
named); where it leaves a choice between lenient and strict, this is strict. What passes
is handed on without its framing: bodies are thrown away here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

# A request line and all fields together; nginx takes 8 kB for each line, Node 16 kB in
# all.
MOST_HEAD = 16 * 1024
# The longest sensible target is a list of twenty appended parts and forty filters.
MOST_TARGET = 8 * 1024
MOST_FIELDS = 100
# No request of ours needs a body; this leaves room for a front end's careless JSON.
MOST_BODY = 64 * 1024
END = b"\r\n\r\n"
# Header blocks whose verdict is remembered: those of a thousand clients, 16 MB at most.
REMEMBERED = 1024

# 9110, 5.6.2
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINE = re.compile(rb"(" + _TOKEN + rb") ([^ ]+) HTTP/([0-9])\.([0-9])")
# the blanks around a value are stripped afterwards: a pattern that looks for them takes
# minutes for two thousand
_FIELD = re.compile(rb"(" + _TOKEN + rb"):([^\x00-\x08\x0a-\x1f\x7f]*)")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]*)?")
_LENGTH = re.compile(rb"[0-9]{1,10}")
_CONTROL = re.compile(rb"[\x00-\x20\x7f]")
_ENCODED_CONTROL = re.compile(rb"[^?]*%(?:[01][0-9A-Fa-f]|7[Ff])")
_ORIGIN = re.compile(rb"\r\norigin:[ \t]*([!-~]{1,200})[ \t]*\r\n", re.IGNORECASE)
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_RAW = re.compile(rb"[\x80-\xff]")


class HeadRefused(Exception):
    """A head that is not taken; `problem` completes "Invalid request: ….".

    The connection cannot be used any more: what comes behind it has no sure beginning.
    """

    def __init__(self, status: int, problem: str) -> None:
        self.status = status
        self.problem = problem
        super().__init__(f"{status}: {problem}")


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
    part = bytes(data[: MOST_HEAD + 1])
    # the last CR may get its LF yet
    if _BARE.search(part.removesuffix(b"\r")):
        raise HeadRefused(
            400, "there is a CR without its LF, or an LF without its CR"
        )  # 2.2
    if len(part.partition(b"\r\n")[0]) > MOST_TARGET + 32:
        raise HeadRefused(414, "the request target is too long")  # 3
    if len(part) > MOST_HEAD:
        raise HeadRefused(431, f"the head is longer than {MOST_HEAD} bytes")  # 6585, 5
    return -1


def origin_in(data: bytes | bytearray) -> str | None:
    """The web origin that a head names, also one that is refused."""
    found = _ORIGIN.search(data, 0, MOST_HEAD)
    return found[1].decode("ascii") if found else None


def read_head(data: bytes) -> RequestHead:
    """The head in `data`, which ends with an empty line. Raises HeadRefused."""
    line, _, block = data.partition(b"\r\n")
    method, target, version = _request_line(line)
    fields = _read_fields(block, version)
    if fields.refused is not None:
        raise HeadRefused(*fields.refused)
    first = b"%b %b HTTP/1.%d\r\n" % (method, target, version)
    return RequestHead(first + fields.kept, fields.body, fields.closes)


@dataclass(frozen=True, slots=True)
class _Fields:
    """What the fields of a head say; `refused` is a status and a problem."""

    kept: bytes = b""
    body: int = 0
    closes: bool = False
    refused: tuple[int, str] | None = None


@lru_cache(REMEMBERED)
def _read_fields(block: bytes, version: int) -> _Fields:
    """The verdict on a header block. A client sends the same one again and again."""
    try:
        return _checked(block, version)
    except HeadRefused as refused:
        return _Fields(refused=(refused.status, refused.problem))


def _checked(block: bytes, version: int) -> _Fields:
    lines = block[: -len(END)].split(b"\r\n") if len(block) > len(END) else []
    fields = [_field(each) for each in lines]
    if len(fields) > MOST_FIELDS:
        raise HeadRefused(431, f"there are more than {MOST_FIELDS} header fields")
    _check_host(_values(fields, b"host"), version)
    body = _body(fields, version)
    _check_expectation(_values(fields, b"expect"), body)
    kept = (
        b"%b: %b\r\n" % field for field in fields if field[0].lower() not in _FRAMING
    )
    return _Fields(b"".join(kept) + b"\r\n", body, _closes(fields, version))


# What frames a body, or speaks of this connection only.
_FRAMING = frozenset(
    {b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"connection"}
)
Fields = Sequence[tuple[bytes, bytes]]


def _request_line(line: bytes) -> tuple[bytes, bytes, int]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise HeadRefused(400, "the request line is not METHOD TARGET HTTP/1.1")  # 3
    method, target, major, minor = match.groups()
    if major != b"1":
        raise HeadRefused(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if not target.startswith(b"/"):
        raise HeadRefused(400, "the request target has to begin with /")  # 3.2
    if len(target) > MOST_TARGET:
        raise HeadRefused(414, "the request target is too long")
    # of parameters the one is named that holds them (streamr/tmdb/parameters.py)
    if _CONTROL.search(target) or _ENCODED_CONTROL.match(target):
        raise HeadRefused(400, "the request target holds control characters")
    # browsers encode them, command lines do not; TMDB is asked for the same
    target = _RAW.sub(lambda byte: b"%%%02X" % byte[0][0], target)
    return method, target, min(int(minor), 1)


def _field(line: bytes) -> tuple[bytes, bytes]:
    match = _FIELD.fullmatch(line)
    if match is None:  # 5.1, 5.2: no blank before the colon, no folding
        raise HeadRefused(400, "a header line is not NAME: VALUE")
    return match[1], match[2].strip(b" \t")


def _values(fields: Fields, name: bytes) -> list[bytes]:
    return [value for each, value in fields if each.lower() == name]


def _check_host(hosts: Sequence[bytes], version: int) -> None:
    """3.2: exactly one, and one that a URL could have."""
    if not hosts and version == 0:
        return
    if len(hosts) != 1:
        raise HeadRefused(400, "there has to be one Host")
    if not _HOST.fullmatch(hosts[0]):
        raise HeadRefused(400, "the Host is not a name or an address with a port")


def _body(fields: Fields, version: int) -> int:
    """6.1 to 6.3: how many bytes follow; never two ways to tell."""
    lengths = _values(fields, b"content-length")
    codings = _values(fields, b"transfer-encoding")
    if codings:
        if lengths or version == 0:
            raise HeadRefused(400, "Transfer-Encoding has no place here")
        if [each.lower() for each in codings] != [b"chunked"]:
            raise HeadRefused(501, "no Transfer-Encoding but chunked is known here")
        return -1
    if not lengths:
        return 0
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise HeadRefused(400, "the Content-Length is not one number")
    if int(lengths[0]) > MOST_BODY:
        raise HeadRefused(413, f"the body is longer than {MOST_BODY} bytes")
    return int(lengths[0])


def _check_expectation(expected: Sequence[bytes], body: int) -> None:
    """9110, 10.1.1: without a body there is nothing to go on with."""
    if not expected:
        return
    if body or [each.lower() for each in expected] != [b"100-continue"]:
        raise HeadRefused(417, "no expectation is met here")


def _closes(fields: Fields, version: int) -> bool:
    """9.3: an older version closes, and whoever says so in any place of the list."""
    words = b",".join(_values(fields, b"connection")).lower().split(b",")
    return version == 0 or b"close" in [word.strip() for word in words]


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
            raise HeadRefused(413, "no body in chunks is taken here")
        self.over = start == LAST_CHUNK
        return len(LAST_CHUNK) if self.over else 0


# 7.1: the chunk that ends a body, without a trailer.
LAST_CHUNK = b"0\r\n\r\n"
