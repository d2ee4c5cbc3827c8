"""One request and its answer, as twisted.web hands them to the resource."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import cast

from twisted.python.failure import Failure
from twisted.web.server import Request, Site

from streamr.web.server.channel import Channel
from streamr.web.server.response import BODILESS, phrase, response_head
from streamr.web.server.transport import gather

# Refusals of a head for which its page has to be known. Behind them, too, nothing is
# read (docs/security.md).
LAST = (405, 421)


class GatewayRequest(Request):
    """One request, without a body: nothing here reads one.

    `left` says that the caller is gone and nobody reads an answer; an `endless` answer
    has no end of its own.
    """

    channel: Channel
    left = False
    endless = False

    @cached_property
    def _fields(self) -> dict[str, str]:
        """The header, by small letters: read once, and asked a dozen times."""
        return {
            name.decode("ascii", "replace").lower(): b", ".join(values).decode(
                "ascii", "replace"
            )
            for name, values in self.requestHeaders.getAllRawHeaders()
        }

    @property
    def peer(self) -> str:
        """The address at the other end, "" where it has none."""
        return self.channel.peer

    def header(self, name: str) -> str:
        """All values of a request header, as one; odd bytes are replaced."""
        return self._fields.get(name.lower(), "")

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """A whole request has come. Twisted would also read its query and its body:
        the query is the resource's to read, and there is no body."""
        self.method, self.uri, self.clientproto = command, path, version
        self.process()

    def connectionLost(self, reason: Failure) -> None:
        self.left = True
        super().connectionLost(reason)

    def process(self) -> None:
        """Hand the whole request to the one resource of the site."""
        home = self.channel.site
        self.site = cast(Site, home)
        self.render(home.resource)

    def respond(
        self, status: int, headers: Iterable[tuple[str, str]], body: bytes
    ) -> None:
        """Answer with a whole response, and send it at once.

        In one piece: by way of Twisted's Headers it takes twice as long, and those who
        wait for the same answer wait for each other.
        """
        if status in LAST:
            self.channel.persistent = False
        told = [*headers, *self._own_headers()]
        if status in BODILESS:
            body = b""
        else:
            told.append(("Content-Length", str(len(body))))
        head = response_head(self.clientproto.decode(), status, told)
        self.code, self.startedWriting = status, 1
        self.channel.send(head if self.method == b"HEAD" else head + body, self.finish)

    def begin(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Begin a response without an end; `write` adds to it."""
        self.endless = True
        self.setResponseCode(status, phrase(status).encode())
        for name, value in (*headers, *self._own_headers()):
            self.responseHeaders.addRawHeader(name, value)

    def stream(
        self, status: int, headers: Iterable[tuple[str, str]], length: int | None
    ) -> None:
        """Begin a response of so many bytes, or of all that will be written; its head
        is sent with the first of them."""
        told = list(headers)
        if length is not None:
            told.append(("Content-Length", str(length)))
        elif self.clientproto == b"HTTP/1.1":
            told.append(("Transfer-Encoding", "chunked"))
            self.chunked = 1
        else:
            self.channel.persistent = False
        head = response_head(
            self.clientproto.decode(), status, [*told, *self._own_headers()]
        )
        self.endless, self.code, self.startedWriting = True, status, 1
        gather(self.channel.transport)
        self.channel.transport.write(head)

    def _own_headers(self) -> list[tuple[str, str]]:
        """What HTTP itself wants to say."""
        headers = [("Date", self.channel.site.date().decode())]
        if not self.channel.persistent:
            headers.append(("Connection", "close"))
        return headers
