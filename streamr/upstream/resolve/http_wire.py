"""DNS over HTTPS on the wire, without a socket: HTTP/2 and HTTP/1.1 for one resolver.

Both take questions and bytes and give bytes and replies. HTTP/2 is what resolvers speak
(RFC 8484, 5.2 recommends it, and some take nothing else); Twisted has no client for it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h11
from h2.config import H2Configuration

from streamr.upstream.resolve.failures import Refused, ServerFailed

MEDIA_TYPE = "application/dns-message"
# A DNS message has a length of 16 bits wherever it is sent over a stream.
MOST_BYTES = 65535


@dataclass(frozen=True, slots=True)
class DNSResource:
    """Where questions are sent: the authority and the path of the resolver's URL."""

    authority: str
    path: str


@dataclass(slots=True)
class Reply:
    """A response as far as it has come."""

    number: int
    status: int = 0
    media_type: str = ""
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    # the server did not look at the question, which may be asked again elsewhere
    unread: bool = False
    problem: str = ""

    def message(self) -> bytes:
        """The DNS message in it. Raises LookupFailed."""
        if self.problem:
            raise ServerFailed(self.problem)
        if 400 <= self.status < 500:
            raise Refused(f"it refuses with HTTP status {self.status}")
        if self.status != 200:
            raise ServerFailed(f"it answers with HTTP status {self.status}")
        if self.media_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
            raise ServerFailed(f"its HTTP response is not {MEDIA_TYPE}")
        if len(self.body) > MOST_BYTES:
            raise ServerFailed(f"its answer is longer than {MOST_BYTES} bytes")
        return bytes(self.body)

    def add(self, data: bytes) -> None:
        """Take a piece of the body; of one that is too long only what shows it."""
        self.body += data[: MOST_BYTES + 1 - len(self.body)]

    @property
    def too_long(self) -> bool:
        """True once the body is longer than a message can be."""
        return len(self.body) > MOST_BYTES


class Wire(Protocol):
    """One HTTP connection to a resolver."""

    def ask(self, message: bytes) -> int:
        """Send a question; returns its number. Raises LookupFailed."""

    def receive(self, data: bytes) -> list[Reply]:
        """Take bytes; returns the replies that are complete, or will never be. Raises
        LookupFailed when the other side does not speak the protocol."""

    def outgoing(self) -> bytes:
        """What is to be written now."""

    @property
    def open(self) -> bool:
        """True while it takes further questions."""


class Http2:
    """HTTP/2 (RFC 9113): questions next to each other."""

    def __init__(self, place: DNSResource) -> None:
        self._place = place
        # what h2 checks of our own header fields cannot go wrong
        config = H2Configuration(client_side=True, header_encoding="utf-8")
        self._h2 = h2.connection.H2Connection(config)
        self._h2.initiate_connection()
        self._replies: dict[int, Reply] = {}
        self.open = True

    def ask(self, message: bytes) -> int:
        """Send a question as a stream of its own."""
        try:
            number = self._h2.get_next_available_stream_id()
            fields = [
                (":method", "POST"),
                (":scheme", "https"),
                (":authority", self._place.authority),
                (":path", self._place.path),
                *_fields(message),
            ]
            self._h2.send_headers(number, fields)
            self._h2.send_data(number, message, end_stream=True)
        except h2.exceptions.H2Error as problem:
            self.open = False
            raise ServerFailed(f"HTTP/2 with it fails: {problem}") from problem
        self._replies[number] = Reply(number)
        return number

    def receive(self, data: bytes) -> list[Reply]:
        """Take bytes; returns what is complete."""
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except (h2.exceptions.H2Error, ValueError) as problem:
            # ValueError: a status that is no number, or a field that is no text
            self.open = False
            raise ServerFailed(f"what it sends is not HTTP/2: {problem}") from problem
        ended = [each for each in self._replies.values() if each.ended]
        for each in ended:
            del self._replies[each.number]
        return ended

    def outgoing(self) -> bytes:
        """What is to be written now, acknowledgements included."""
        return self._h2.data_to_send()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self._terminated(event.last_stream_id or 0)
        reply = self._replies.get(getattr(event, "stream_id", None) or 0)
        if reply is None:
            return
        match event:
            case h2.events.ResponseReceived():
                headers = {str(name): str(value) for name, value in event.headers or ()}
                reply.status = int(headers.get(":status", 0))
                reply.media_type = headers.get("content-type", "")
            case h2.events.DataReceived():
                reply.add(event.data or b"")
                self._h2.acknowledge_received_data(
                    event.flow_controlled_length or 0, reply.number
                )
                if reply.too_long:
                    self._h2.reset_stream(reply.number, h2.errors.ErrorCodes.CANCEL)
                    reply.ended = True
            case h2.events.StreamEnded():
                reply.ended = True
            case h2.events.StreamReset():
                reply.ended = True
                refused = event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM
                reply.unread = refused
                reply.problem = "it broke its HTTP response off"

    def _terminated(self, last: int) -> None:
        """GOAWAY (RFC 9113, 6.8): later questions were not looked at."""
        self.open = False
        for each in self._replies.values():
            if each.number > last:
                each.ended = each.unread = True


class Http1:
    """HTTP/1.1 (RFC 9112): one question after the other."""

    def __init__(self, place: DNSResource) -> None:
        self._place = place
        self._h11 = h11.Connection(h11.CLIENT)
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._reply: Reply | None = None
        self._out = b""
        self._last = 0
        self.open = True

    def ask(self, message: bytes) -> int:
        """Send a question, when those before it have been answered."""
        self._last += 1
        self._waiting.append((self._last, message))
        self._next()
        return self._last

    def receive(self, data: bytes) -> list[Reply]:
        """Take bytes; returns what is complete."""
        ended = []
        try:
            self._h11.receive_data(data)
            while (reply := self._read()) is not None:
                ended.append(reply)
                self._next()
            if not self.open:
                ended += [Reply(n, unread=True) for n, _ in self._waiting]
                self._waiting.clear()
        except h11.RemoteProtocolError as problem:
            self.open = False
            raise ServerFailed(f"what it sends is not HTTP/1.1: {problem}") from problem
        return ended

    def outgoing(self) -> bytes:
        """What is to be written now."""
        out, self._out = self._out, b""
        return out

    def _next(self) -> None:
        if self._reply is not None or not self._waiting or not self.open:
            return
        number, message = self._waiting.popleft()
        self._reply = Reply(number)
        fields = [("host", self._place.authority), *_fields(message)]
        request = h11.Request(method="POST", target=self._place.path, headers=fields)
        for event in (request, h11.Data(message), h11.EndOfMessage()):
            self._out += self._h11.send(event) or b""

    def _read(self) -> Reply | None:
        """The reply that has just been completed, if one has."""
        while self._reply is not None:
            event = self._h11.next_event()
            match event:
                case h11.Response():
                    self._reply.status = event.status_code
                    headers = dict(iter(event.headers))
                    kind = headers.get(b"content-type", b"")
                    self._reply.media_type = kind.decode("latin-1")
                case h11.Data():
                    self._reply.add(bytes(event.data))
                    if self._reply.too_long:
                        return self._taken()
                case h11.EndOfMessage():
                    return self._taken()
                case h11.InformationalResponse():
                    pass
                case _:
                    return None
        return None

    def _taken(self) -> Reply:
        reply, self._reply = self._reply, None
        assert reply is not None
        if self._h11.our_state is self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
        else:
            # one side has said that it closes, or has not ended its message
            self.open = False
        return reply


def _fields(message: bytes) -> list[tuple[str, str]]:
    return [
        ("accept", MEDIA_TYPE),
        ("content-type", MEDIA_TYPE),
        ("content-length", str(len(message))),
    ]
