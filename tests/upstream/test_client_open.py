"""A response whose body is still to come: when it is there, and what is left of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from streamr.boundaries import Validators
from streamr.errors import Fault
from streamr.upstream.client import opened
from streamr.upstream.head import ResponseHead
from streamr.upstream.stream import StreamedBody
from tests.follower import Follower
from tests.upstream.test_client import BUDGET, URL, ClientCase

Opened = Deferred[tuple[ResponseHead, StreamedBody]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"


class OpenCase(ClientCase):
    """A client that is asked for something whose first four bytes are enough."""

    def setUp(self) -> None:
        super().setUp()
        self.follower = Follower()

    def open(self, headers: dict[str, str] | None = None) -> Opened:
        return self.client.open(
            URL,
            headers or {},
            BUDGET,
            lambda first: len(first) >= 4,
            new_connection=False,
            progress=self.follower,
        )

    def connect(self) -> tuple[Any, Any]:
        return super().connect()

    def came(self, opening: Opened) -> tuple[ResponseHead, StreamedBody]:
        head, body = self.successResultOf(opening)
        return head, body

    def taken(self, body: StreamedBody) -> tuple[list[bytes], list[Fault | None]]:
        pieces: list[bytes] = []
        ends: list[Fault | None] = []
        body.deliver(pieces.append, ends.append)
        return pieces, ends

    def no_timer_is_left(self) -> None:
        """But for the pool's own, which an idle connection has."""
        self.client.close()
        super().no_timer_is_left()

    def is_used_again(self) -> bool:
        """Whether the next request goes over the connection that is there."""
        before = len(self.reactor.tcpClients)
        asking = self.open()
        asking.addErrback(lambda failure: failure.trap(CancelledError))
        used = len(self.reactor.tcpClients) == before
        asking.cancel()
        return used


class Opening(OpenCase):
    """The first bytes of a body make the answer."""

    def test_it_is_there_when_its_first_bytes_are_enough(self) -> None:
        opening = self.open({"Range": "bytes=5-"})
        protocol, transport = self.connect()
        self.assertIn(b"\r\nRange: bytes=5-\r\n", transport.value())
        protocol.dataReceived(OK)
        self.assertEqual(self.follower.steps, ["first byte"])
        self.assertNoResult(opening)
        protocol.dataReceived(b"abcd")
        head, body = self.came(opening)
        self.assertEqual((head.status, head.length, body.first), (200, 8, b"abcd"))

    def test_what_comes_later_goes_to_who_takes_it(self) -> None:
        opening = self.open()
        protocol, _ = self.connect()
        protocol.dataReceived(OK + b"abcd")
        pieces, ends = self.taken(self.came(opening)[1])
        protocol.dataReceived(b"efgh")
        self.assertEqual((pieces, ends), ([b"abcd", b"efgh"], [None]))
        self.assertTrue(self.is_used_again())

    def test_one_that_is_cut_is_told_as_ever(self) -> None:
        for ended in (ConnectionLost(), ConnectionDone()):
            self.setUp()
            opening = self.open()
            protocol, _ = self.connect()
            protocol.dataReceived(OK + b"abcd")
            _, ends = self.taken(self.came(opening)[1])
            protocol.connectionLost(Failure(ended))
            (fault,) = ends
            assert fault is not None
            self.assertEqual(fault.cause.name, "http_response_incomplete")
            self.no_timer_is_left()

    def test_a_body_without_a_length_ends_with_its_connection(self) -> None:
        opening = self.open()
        protocol, _ = self.connect()
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\n\r\nabcd")
        _, ends = self.taken(self.came(opening)[1])
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(ends, [None])

    def test_it_may_take_as_long_as_it_comes(self) -> None:
        opening = self.open()
        protocol, _ = self.connect()
        protocol.dataReceived(OK + b"abcd")
        pieces, ends = self.taken(self.came(opening)[1])
        for _ in range(3):
            self.reactor.advance(BUDGET.idle - 0.1)
            protocol.dataReceived(b"e")
        self.reactor.advance(BUDGET.idle - 0.1)
        self.assertGreater(3 * BUDGET.idle, BUDGET.body)
        protocol.dataReceived(b"f")
        self.assertEqual((len(pieces), ends), (5, [None]))

    def test_a_stall_in_its_middle_closes_the_connection(self) -> None:
        opening = self.open()
        protocol, transport = self.connect()
        protocol.dataReceived(OK + b"abcd")
        _, ends = self.taken(self.came(opening)[1])
        self.reactor.advance(BUDGET.idle)
        (fault,) = ends
        assert fault is not None
        self.assertEqual(fault.cause.name, "http_response_timeout")
        self.assertTrue(transport.aborted)
        self.no_timer_is_left()

    def test_who_closes_it_closes_the_connection(self) -> None:
        opening = self.open()
        protocol, transport = self.connect()
        protocol.dataReceived(OK + b"abcd")
        self.came(opening)[1].close()
        self.assertTrue(transport.aborted)
        self.no_timer_is_left()
        self.assertFalse(self.is_used_again())


class Leaving(OpenCase):
    """Who leaves, or waits in vain, leaves nothing behind."""

    def left(self, opening: Opened) -> None:
        opening.cancel()
        self.failureResultOf(opening, CancelledError)
        self.no_timer_is_left()

    def test_before_the_connection_stands(self) -> None:
        self.left(self.open())

    def test_before_the_head(self) -> None:
        opening = self.open()
        _, transport = self.connect()
        self.left(opening)
        self.assertTrue(transport.aborted)

    def test_between_the_head_and_enough_of_the_body(self) -> None:
        opening = self.open()
        protocol, transport = self.connect()
        protocol.dataReceived(OK + b"ab")
        self.left(opening)
        self.assertTrue(transport.aborted)

    def test_a_head_that_does_not_come_is_a_fault_as_ever(self) -> None:
        opening = self.open()
        self.connect()
        self.reactor.advance(BUDGET.first_byte)
        fault = self.failureResultOf(opening, Fault).value
        self.assertEqual(fault.cause.name, "http_response_timeout")
        self.no_timer_is_left()

    def test_a_body_that_stalls_at_its_beginning_is_one_too(self) -> None:
        opening = self.open()
        protocol, transport = self.connect()
        protocol.dataReceived(OK + b"ab")
        self.reactor.advance(BUDGET.idle)
        fault = self.failureResultOf(opening, Fault).value
        self.assertEqual(fault.cause.name, "http_response_timeout")
        self.assertTrue(transport.aborted)
        self.no_timer_is_left()

    def test_one_that_ends_at_its_beginning_has_ended(self) -> None:
        opening = self.open()
        protocol, _ = self.connect()
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
        _, body = self.came(opening)
        self.assertTrue(body.over)
        self.assertEqual(body.first, b"ab")
        self.assertTrue(self.is_used_again())


class Errors(OpenCase):
    """Of what is no picture the head is the answer."""

    def head_of(self, status: str, body: bytes) -> tuple[Any, Any, StreamedBody]:
        opening = self.open()
        protocol, transport = self.connect()
        length = f"Content-Length: {len(body)}"
        protocol.dataReceived(f"HTTP/1.1 {status}\r\n{length}\r\n\r\n".encode())
        head, dropped = self.came(opening)
        self.assertEqual(head.status, int(status[:3]))
        return protocol, transport, dropped

    def test_its_body_is_read_so_that_the_connection_can_be_used_again(self) -> None:
        for status in ("404 Not Found", "301 Moved", "503 Busy", "416 No", "204 No"):
            self.setUp()
            protocol, _, dropped = self.head_of(status, b"abcdef")
            if status[:3] != "204":
                protocol.dataReceived(b"abcdef")
            self.assertTrue(dropped.over)
            self.assertTrue(self.is_used_again(), status)
            self.no_timer_is_left()

    def test_it_is_not_waited_for(self) -> None:
        protocol, transport, dropped = self.head_of("404 Not Found", b"abcdef")
        protocol.dataReceived(b"abc")
        self.assertFalse(dropped.over)
        self.reactor.advance(BUDGET.idle)
        self.assertTrue(transport.aborted)
        self.no_timer_is_left()


class Heads(OpenCase):
    """What is read out of a head."""

    def head(self, *fields: str, status: int = 200) -> Any:
        opening = self.open()
        protocol, _ = self.connect()
        lines = "".join(f"{each}\r\n" for each in fields)
        protocol.dataReceived(f"HTTP/1.1 {status} OK\r\n{lines}\r\nabcd".encode())
        return opened(*self.came(opening))

    def test_all_that_a_picture_is_known_by(self) -> None:
        answer = self.head(
            "Content-Type: image/png",
            "Content-Length: 90",
            'ETag: "v1"',
            "Last-Modified: Mon",
            "Age: 70",
            "Date: Tue",
            "Retry-After: 7",
            "Proxy-Status: p",
        )
        self.assertEqual(answer.status, 200)
        self.assertEqual((answer.content_type, answer.length), ("image/png", 90))
        self.assertEqual(answer.validators, Validators('"v1"', "Mon"))
        self.assertEqual((answer.age, answer.date), (70, "Tue"))
        self.assertEqual((answer.retry_after, answer.proxy_status), ("7", "p"))
        self.assertEqual((answer.body, answer.begins), (b"", 0))
        self.assertEqual(answer.incoming.first, b"abcd")

    def test_what_is_not_there_is_empty(self) -> None:
        answer = self.head()
        self.assertEqual((answer.content_type, answer.length), ("", None))
        self.assertEqual((answer.validators, answer.age), (None, 0))

    def test_chunks_have_no_length(self) -> None:
        opening = self.open()
        protocol, _ = self.connect()
        protocol.dataReceived(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n"
        )
        self.assertIsNone(opened(*self.came(opening)).length)
