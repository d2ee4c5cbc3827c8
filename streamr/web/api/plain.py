"""Header blocks of plain requests: what each asks for, remembered.

A client sends the same fields with every request. What of them matters to an answer
that is ready is read once, and looked up from then on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamr.fields import names
from streamr.web.api import render
from streamr.web.api.cors import Cors
from streamr.web.api.render import Wants
from streamr.web.hosts import Hosts
from streamr.web.server.head import read_head
from streamr.web.server.response import VARY, field_lines
from streamr.web.server.rules import MOST_FIELDS, HeadRefused

# With one of these a request has to go the long way.
NOT_PLAIN = frozenset(
    name.lower()
    for name in (
        *("Authorization", "Range", "If-Range", "If-Modified-Since", "Upgrade"),
        *(names.FRESH, names.FAULT, names.DEADLINE, names.CDN_LOOP),
    )
)
# Fields that differ in each request of one client, and change nothing here: without
# them its header block is always the same. (A pattern that also looks for the blanks
# around a value takes minutes for two thousand.)
_PER_REQUEST = re.compile(
    rb"\r\n(x-request-id|traceparent|cf-ray|x-amzn-trace-id|x-forwarded-for|x-real-ip)"
    rb":([^\x00-\x08\x0a-\x1f\x7f]*)(?=\r\n)",
    re.IGNORECASE,
)
# Header blocks whose meaning is remembered, and how long they may be: 2 MB at most.
REMEMBERED, MOST_BLOCK = 1024, 2048

# Names and values of fields that differ in each request.
Found = Sequence[tuple[bytes, bytes]]


# What tells under which address a caller sees us.
ADDRESS = ("host", "x-forwarded-proto", "x-forwarded-prefix")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plain header block asks for; `fields` is how many it has, and `address`
    what it says in those of ADDRESS."""

    wants: Wants
    cors: bytes
    fields: int
    address: Mapping[str, str]

    def said(self, name: str) -> str:
        """A field of ADDRESS, "" where there is none."""
        return self.address.get(name, "")


class PlainBlocks:
    """Header blocks and what they ask for."""

    def __init__(self, cors: Cors, hosts: Hosts | None = None) -> None:
        """With `hosts` a request for another name than those is not plain, if data is
        for them only."""
        self._cors = cors
        self._hosts = hosts if hosts is not None and hosts.for_data else None
        self._blocks: dict[bytes, Asked | None] = {}

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._blocks)

    def asked(self, block: bytes) -> tuple[Asked | None, Found]:
        """What a header block asks for, None for one that is not plain; and the fields
        in it that differ in each request."""
        if block in self._blocks:
            return self._blocks[block], ()
        found = _PER_REQUEST.findall(b"\r\n" + block)
        cut = _PER_REQUEST.sub(b"", b"\r\n" + block)[2:] if found else block
        if cut in self._blocks:
            asked = self._blocks[cut]
        else:
            asked = self._read(cut)
            if len(cut) <= MOST_BLOCK:
                if len(self._blocks) >= REMEMBERED:
                    self._blocks.clear()
                self._blocks[cut] = asked
        if asked is not None and asked.fields + len(found) > MOST_FIELDS:
            return None, ()
        return asked, found

    def _read(self, block: bytes) -> Asked | None:
        """Whatever is refused, closes, has a body or asks for more is not plain."""
        try:
            head = read_head(b"GET / HTTP/1.1\r\n" + block)
        except HeadRefused:
            return None
        fields: dict[str, list[str]] = {}
        for each in head.handed_on.split(b"\r\n")[1:-2]:
            name, _, value = each.decode("ascii", "replace").partition(":")
            fields.setdefault(name.lower(), []).append(value.strip(" \t"))
        if head.body or head.closes or not NOT_PLAIN.isdisjoint(fields):
            return None
        told = {name: ", ".join(values) for name, values in fields.items()}
        if self._hosts is not None and not self._hosts.has(told["host"]):
            return None
        asks = told.get("cache-control") or told.get("pragma", "")
        if render.wants_new(asks):
            return None
        wants = render.wants(
            told.get("accept-encoding", ""), told.get("if-none-match", "")
        )
        cors = field_lines(
            each
            for each in self._cors.headers(told.get("origin") or None)
            if each[0] != VARY  # that is in the page, with its own
        )
        address = {name: told[name] for name in ADDRESS if name in told}
        return Asked(wants, cors, block.count(b"\r\n") - 1, address)


def all_of(found: Found, name: bytes) -> str:
    """All values of a field, as the long way reads them."""
    values = (value.strip(b" \t") for each, value in found if each.lower() == name)
    return b", ".join(values).decode("ascii", "replace")
