"""The fast lane of pictures: a stored one, for a plain request for all of it.

request line ─► the picture's path, the head of its answer ─┐
header block ─► nothing that changes the answer (plain.py) ─┼─► head, pieces of the file
the store ────► the file, opened and checked ───────────────┘

Only what stands in front of the file is quick here: the file is found, checked and read
as the long way does it, for every request, and every request counts for its caller. The
answer is the same, byte for byte (tests/web/api/test_picturelane.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from streamr.boundaries import Exchange, Hit, Outcome, PictureHead
from streamr.fields import names
from streamr.gateway.pictures import Pictures
from streamr.tmdb import images
from streamr.web.api.cors import Cors
from streamr.web.api.ids import RequestIds, is_sane
from streamr.web.api.pictures import PREFIX, whole_fields
from streamr.web.api.plain import PlainBlocks, all_of
from streamr.web.hosts import Hosts
from streamr.web.server.channel import Channel
from streamr.web.server.response import (
    NOSNIFF,
    DateField,
    field_lines,
    status_line,
)
from streamr.web.server.stream import StreamWriter

# Pictures whose heads are kept: 1.3 kB each (measured with tracemalloc).
REMEMBERED = 1024
# No longer path names a picture.
_LINE = re.compile(
    rb"GET (?:%b)?%b([!-~]{1,200}) HTTP/1\.1"
    % (PREFIX.encode(), images.PICTURES.encode())
)


class _Known:
    """A picture as it is answered in one second."""

    __slots__ = ("begin", "end", "head", "hit", "ttl")

    def __init__(self, head: PictureHead, hit: Hit) -> None:
        self.head = head
        self.hit = hit
        self.begin = b""
        self.end = b"Content-Length: %d\r\nDate: " % (head.length or 0)
        self.ttl: int | None = None


class PictureLane:
    """Begins what it can (web.server.channel.PictureLane)."""

    def __init__(
        self,
        server: str,
        pictures: Pictures,
        told: Callable[[Hit, str], object],
        cors: Cors,
        ids: RequestIds,
        date: DateField,
        *,
        worded: Callable[[Exchange], str] = lambda _exchange: "",
        masked: Callable[[str], str] = str,
        more: Sequence[tuple[str, str]] = (),
        hosts: Hosts | None = None,
        admits: Callable[[str, str], bool] | None = None,
    ) -> None:
        """`more` are fields of every picture; the others are those of FastLane."""
        self._server = server
        self._pictures = pictures
        self._told = told
        self._ids = ids
        self._date = date
        self._worded = worded
        self._masked = masked
        self._more = tuple(more)
        self._admits = admits
        self._blocks = PlainBlocks(cors, hosts)
        self._middle = field_lines(cors.vary) + f"{names.REQUEST_ID}: ".encode()
        self._known: dict[bytes, _Known] = {}

    def __len__(self) -> int:
        """How many pictures' heads it keeps."""
        return len(self._known)

    def clear(self) -> None:
        """Make all heads anew."""
        self._known.clear()

    def begin(self, head: bytes, channel: Channel) -> bool:
        """Begin to answer a checked head; False when it has to go the long way."""
        line, _, block = head.partition(b"\r\n")
        known = self._known.get(line)
        key = _key_in(line) if known is None else known.head.key
        if key is None or not self._pictures.knows(key):
            return False
        asked, found = self._blocks.asked(block)
        if asked is None or asked.wants.none_match:
            return False
        # who is told no here is told so on the long way; only a file that is gone
        # although the index has it makes a request count twice
        said = all_of(found, b"x-forwarded-for") if found else ""
        if self._admits is not None and not self._admits(channel.peer, said):
            return False
        reader = self._pictures.stored(key)
        if reader is None:
            return False
        shown = self._shown(line, reader.head)
        given = all_of(found, b"x-request-id") if found else ""
        if given and is_sane(given):
            request_id, named = given, self._masked(given)
        else:
            request_id = named = self._ids()
        self._told(shown.hit, named)
        told = (shown.begin, asked.cors, self._middle, request_id.encode(), _NOSNIFF)
        begins = b"".join((*told, shown.end, self._date(), b"\r\n\r\n"))
        StreamWriter(channel, channel, reader, reader.head.length, begins).begin()
        return True

    def _shown(self, line: bytes, head: PictureHead) -> _Known:
        """The picture as it is answered now."""
        outcome = self._pictures.hit(head)
        ttl = None if outcome.cache is None else outcome.cache.ttl
        known = self._known.get(line)
        if known is None or known.head != head:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            exchange = self._exchange(line, outcome)
            known = _Known(head, Hit(exchange, self._worded(exchange)))
            self._known[line] = known
        if known.ttl != ttl:
            exchange = self._exchange(line, outcome)
            fields = whole_fields(exchange, head, self._more)
            known.begin = status_line("HTTP/1.1", 200) + field_lines(fields)
            known.ttl = ttl
        return known

    def _exchange(self, line: bytes, outcome: Outcome) -> Exchange:
        return Exchange(
            server=self._server,
            request_id="",
            method="GET",
            target=line.split(b" ")[1].decode("ascii"),
            status=200,
            ms=0,
            template=images.TEMPLATE,
            outcome=outcome,
        )


_NOSNIFF = b"\r\n" + field_lines([NOSNIFF])


def _key_in(line: bytes) -> str | None:
    """The path by which the picture that a request line names is stored; None when it
    has to be looked at closer."""
    match = _LINE.fullmatch(line)
    name = None if match is None else images.picture_name(match[1].decode("ascii"))
    return None if name is None else name.path
