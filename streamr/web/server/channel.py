"""One connection of a caller: one request at a time, and checked before it is one.

bytes ─► one whole head ─► a page of the fast lane        written at once
                        └► body thrown away ─► a stored picture, or
                                               twisted.web ─► answer ─► the next head

What twisted.web leaves open is closed here: a head or a body that drips for ever, a
body that is spooled to disk, over-long lines that end without a word, readers that take
nothing, and memory that grows with what is sent and not read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request
from zope.interface import implementer

from streamr.errors import Envelope, Refusal
from streamr.eventloop import Turns
from streamr.fields import names
from streamr.web.page import JSON, envelope
from streamr.web.server.head import (
    Body,
    RequestHead,
    find_end,
    origin_in,
    read_head,
)
from streamr.web.server.response import NOSNIFF, DateField, response_head
from streamr.web.server.rules import MOST_HEAD, HeadRefused
from streamr.web.server.transport import flush, gather, is_secure, peer_of

# A head, or a body, that is not complete by then (seconds) is an attack or a broken
# client; Site's own timeout does not see it (docs/facts/twisted.md, "Slow heads"). A
# TLS handshake has as long as a head: it is what comes in front of one.
HEAD_SECONDS = 10.0
BODY_SECONDS = 10.0
# A reader who takes less than one piece of an answer in this time is given up: with
# pieces of 128 kB that is 4 kB/s, slower than any modem.
WRITE_SECONDS = 30.0
PIECE = 128 * 1024
# An idle connection may stay this long; browsers and load balancers use 60-75 s.
IDLE_SECONDS = 75.0
# After a refusal what still comes is read and dropped for so long: a connection that is
# closed over unread bytes is reset, and the refusal may be lost.
LINGER_SECONDS = 2.0
# A server that stops waits so long for a request that is on its way.
QUIET_SECONDS = 1.0
# What is read ahead of an answer, so that a caller who leaves is noticed.
MOST_AHEAD = 16 * 1024
# Pages of the fast lane in one turn of the reactor: others wait for theirs.
MOST_IN_A_TURN = 64


class Lane(Protocol):
    """Who has answers ready as they are written."""

    def answer(self, head: bytes, peer: str) -> bytes | None:
        """The whole answer to a plain request; None when it has to go the long way.

        `peer` is the address at the other end of the connection.
        """


class PictureLane(Protocol):
    """Who has pictures at hand."""

    def begin(self, head: bytes, channel: Channel) -> bool:
        """Begin to answer a checked head with a picture, which a StreamWriter writes to
        the connection; False when it has to go the long way."""


class Home(Protocol):
    """What a connection asks of the site that it belongs to."""

    resource: Resource
    clock: IReactorTime
    cors: Callable[[str | None], Iterable[tuple[str, str]]]
    turns: Turns
    lane: Lane | None
    picture_lane: PictureLane | None
    date: DateField
    draining: bool

    def refused(self, status: int) -> str:
        """Something was refused with this status. Returns its request id, if any."""

    def opened(self, channel: Channel) -> None:
        """A connection is there."""

    def gone(self, channel: Channel) -> None:
        """A connection has ended."""


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class Channel(HTTPChannel):
    """One connection (see above).

    Over TLS a FIN is the caller's leave: Twisted's TLS has no connection that is closed
    on one side only.

    `due` is when its patience ends (monotonic seconds); the site looks every second.
    `peer` is the address at the other end, "" where it has none, as a UNIX socket.
    """

    # the head gate has counted already; what is handed on may be longer, encoded
    totalHeadersSize = MAX_LENGTH = 2 * MOST_HEAD

    site: Home
    transport: Any  # a TCP or UNIX connection: more than ITransport promises
    due = math.inf

    def connectionMade(self) -> None:
        super().connectionMade()
        self.peer = peer_of(self.transport)
        self._peer: IAddress = self.transport.getPeer()
        self._host: IAddress = self.transport.getHost()
        self._came = bytearray()
        self._head: RequestHead | None = None
        self._body: Body | None = None
        self._unsent = memoryview(b"")
        self._sent: Callable[[], None] | None = None
        # a request is with twisted.web, or waits for its turn to go there
        self._busy = self._queued = False
        # the caller does not take what was written; he is not read on
        self._choked = self._held = False
        # part of a request is there; the caller has said that no more comes
        self._begun = self._ended = False
        # nothing more is read as a request
        self._closing = False
        self._serving = self._sending = False
        secure = is_secure(self.transport)
        self.due = self._in(HEAD_SECONDS if secure else IDLE_SECONDS)
        self.site.opened(self)

    def handshakeCompleted(self) -> None:
        """A caller over TLS can ask now."""
        if not self._closing:
            self._rest()

    # Each request asks for the addresses, of which one costs a system call.

    def getPeer(self) -> IAddress:
        return self._peer

    def getHost(self) -> IAddress:
        return self._host

    # What comes in

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            return
        self._came += data
        self._serve()

    def _read_on(self) -> None:
        """Read on only while not much waits."""
        if len(self._came) > MOST_AHEAD and self._waits():
            if not self._closing:
                self._held = True
                self.transport.pauseProducing()
        elif self._held and not self._choked:
            self._held = False
            self.transport.resumeProducing()

    def _waits(self) -> bool:
        """True while nothing of what came can be answered."""
        return self._busy or self._queued or self._choked or self._closing

    def _serve(self) -> None:
        """Answer what came, in its order, as far as that is possible now."""
        if self._serving:
            return
        self._serving = True
        try:
            for _ in range(MOST_IN_A_TURN):
                if self._choked:
                    flush(self.transport)  # here, and not from within each other
                if self._waits():
                    break
                if not (self._came or self._head):
                    self._rest()
                    break
                if not self._take():
                    self._wait_for_more()
                    break
            else:
                self._queued, self.due = True, math.inf
                self.site.turns.later(self._next_turn)
        except HeadRefused as refused:
            self.refuse(refused.status, refused.problem)
        finally:
            self._serving = False
            flush(self.transport)
        self._read_on()

    def _next_turn(self) -> None:
        self._queued = False
        self._serve()

    def _take(self) -> bool:
        """Answer the next request, or hand it on. False when more has to come.

        Raises HeadRefused.
        """
        if self._head is None:
            while self._came[:2] == b"\r\n":  # 9112, 2.2: left over from a body
                del self._came[:2]
            end = find_end(self._came)
            if end < 0:
                return False
            raw = bytes(self._came[:end])
            lane = self.site.lane
            answer = None if lane is None else lane.answer(raw, self.peer)
            if answer is not None:
                del self._came[:end]
                self._begun, self.due = False, math.inf
                gather(self.transport)
                self.transport.write(answer)
                return True
            self._head = read_head(raw)
            self._body = Body(self._head.body)
            self._begun = False
            del self._came[:end]
        assert self._body is not None
        del self._came[: self._body.read(self._came)]
        if self._body.over:
            self._queued, self.due = True, math.inf
            self.site.turns.run(self._hand_on)
            return True
        return False

    def _hand_on(self) -> None:
        """Let twisted.web make a request of the head, and the resource answer it."""
        self._queued = False
        head, self._head, self._body = self._head, None, None
        if self._closing or head is None:
            return
        self._busy, self._begun, self.due = True, False, math.inf
        self._closes = head.closes or self.site.draining
        pictures = None if self._closes else self.site.picture_lane
        if pictures is None or not pictures.begin(head.handed_on, self):
            super().dataReceived(head.handed_on)
        if self._ended and self._is_endless():
            self.loseConnection()

    def _wait_for_more(self) -> None:
        """What came is no whole request yet, or only empty lines before one."""
        if self._ended:
            self.loseConnection()
        elif not self._head and bytes(self._came[:2]) in (b"", b"\r"):
            # empty lines are no sign of life: they do not make it stay longer
            if self.due == math.inf:
                self._rest()
        elif not self._begun:
            self._begun = True
            self.due = self._patience(BODY_SECONDS if self._head else HEAD_SECONDS)

    def _rest(self) -> None:
        """Nothing is under way."""
        self._begun = False
        self.due = self._patience(IDLE_SECONDS)
        if self._ended:
            self.loseConnection()

    def readConnectionLost(self) -> None:
        """The caller says no more. What was asked is answered; a live page ends, and a
        picture that is under way."""
        self._ended = True
        if self._is_endless() or not (self._waits() or self._sent):
            self.loseConnection()

    def _is_endless(self) -> bool:
        """True while a live page is what the caller gets, or a picture."""
        if self._busy and not self.requests:  # the picture lane has no request for it
            return True
        return any(getattr(each, "endless", False) for each in self.requests)

    def writeConnectionLost(self) -> None:
        """Our own last word: the rest of a refused connection is read and dropped."""

    def lineLengthExceeded(self, line: bytes) -> None:
        """Twisted's own limit, which nothing that was checked can reach."""
        self.loseConnection()

    # What goes out

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        return not self._closes

    def send(self, data: bytes, sent: Callable[[], None]) -> None:
        """Write an answer as fast as the caller takes it, then call `sent`."""
        if len(data) <= PIECE:
            gather(self.transport)
            self.transport.write(data)
            flush(self.transport)
            sent()
            return
        self._unsent, self._sent = memoryview(data), sent
        self._send_on()

    def finish(self) -> None:
        """The answer of the picture lane is written whole."""
        self._busy = False
        if not self.persistent:
            self.loseConnection()
        self._go_on()

    def _send_on(self) -> None:
        if self._sending or self._sent is None:
            return
        self._sending = True
        while self._unsent and not self._choked:
            piece, self._unsent = self._unsent[:PIECE], self._unsent[PIECE:]
            gather(self.transport)
            self.transport.write(bytes(piece))
            flush(self.transport)
        self._sending = False
        if not self._unsent:
            sent, self._sent = self._sent, None
            sent()

    def requestDone(self, request: Request) -> None:
        """An answer is written whole."""
        self._busy = False
        if not self.persistent:
            # nothing behind the last request is read
            self._closing = True
            self._came.clear()
        super().requestDone(request)
        self._read_on()  # Twisted has begun to read again
        self._go_on()

    def pauseProducing(self) -> None:
        """The caller does not read what was written."""
        self._choked = True
        self.due = self._in(WRITE_SECONDS)
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """What was written has gone."""
        self._choked = False
        super().resumeProducing()
        if self._busy:
            self.due = math.inf
        self._send_on()
        self._go_on()

    def _go_on(self) -> None:
        """Read and answer on, when nothing is under way any more."""
        self._read_on()  # as above
        self._serve()

    # How it ends

    def overdue(self) -> None:
        """Its patience has ended."""
        if self._closing or self._choked:
            self.due = math.inf
            self.forceAbortClient()
        elif self._begun or self._head is not None:
            self.refuse(408, "the request was not complete in time")
        else:
            self.loseConnection()
            if self.site.draining:
                # nothing was left to write; over TLS a caller that does not read its
                # idle connections would not answer our last word for ever
                self.due = min(self.due, self._in(QUIET_SECONDS))

    def drain(self) -> None:
        """The server stops: finish what is under way, and be quick about the rest."""
        if self._busy:
            self.persistent = False  # its answer says so
        elif not (self._queued or self._choked or self._closing):
            self.due = min(self.due, self._in(QUIET_SECONDS))

    def refuse(self, status: int, problem: str) -> None:
        """Answer what never became a request, and close."""
        # while a body is awaited, what came is the body
        origin = origin_in(self._head.handed_on if self._head else self._came)
        told = Refusal(status, Envelope.INPUT, f"Invalid request: {problem}.")
        self.turn_away(told, origin, self.site.refused(status))

    def turn_away(
        self, refusal: Refusal, origin: str | None = None, request_id: str = ""
    ) -> None:
        """Answer in TMDB's shape before there is a request, and close."""
        self._closing = True
        self._came.clear()
        if self._held:
            self.transport.resumeProducing()  # to be dropped
        body = envelope(refusal.status, refusal.code, refusal.message)
        headers = [
            ("Content-Type", JSON),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
            *self.site.cors(origin),
            NOSNIFF,
        ]
        if request_id:
            headers.append((names.REQUEST_ID, request_id))
        if refusal.retry_after is not None:
            headers.append(("Retry-After", str(refusal.retry_after)))
        head = response_head("HTTP/1.1", refusal.status, headers)
        if is_secure(self.transport):
            # what waits for the handshake shall not pause the reading that brings it
            self.transport.unregisterProducer()
        self.transport.write(head + body)
        self.due = self._in(LINGER_SECONDS)
        if isinstance(self.transport, FileDescriptor) and not self._ended:
            self.transport.unregisterProducer()
            self.transport.loseWriteConnection()
        else:
            super().loseConnection()

    def loseConnection(self) -> None:
        """Close when what was written has gone, which may take a piece's time."""
        self._closing = True
        self._came.clear()
        self.due = self._in(WRITE_SECONDS)
        super().loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._closing = True
        self.due = math.inf
        self._came.clear()
        self._sent = None
        self.stopProducing()  # who writes an answer, also where no request has made it
        super().connectionLost(reason)
        self.site.gone(self)

    def _in(self, seconds: float) -> float:
        return self.site.clock.seconds() + seconds

    def _patience(self, seconds: float) -> float:
        """How long more may take to come: a server that stops has not that long."""
        left = QUIET_SECONDS if self.site.draining else seconds
        return self.site.clock.seconds() + left
