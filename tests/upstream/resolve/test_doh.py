"""One connection of DNS over HTTPS, in memory."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.resolve.doh import DoHChannel
from streamr.upstream.resolve.failures import ServerFailed
from streamr.upstream.resolve.http_wire import MEDIA_TYPE
from streamr.upstream.resolve.kept import NotAsked
from tests.upstream.resolve.test_http_wire import PLACE
from tests.upstream.resolve.test_kept import OTHER, QUERY, Transport


class OneChannel(SynchronousTestCase):
    def agreed(self, protocol: bytes | None = b"http/1.1") -> None:
        """The handshake is over, and TLS has agreed on this protocol."""
        self.channel = DoHChannel(PLACE, Clock(), 30.0)
        self.transport = Transport()
        self.transport.negotiatedProtocol = protocol  # type: ignore[attr-defined]
        self.channel.makeConnection(self.transport)

    def message(
        self, query: dns.Query = QUERY, number: int = 0, answer: int = 1
    ) -> bytes:
        reply = dns.Message(number, answer=answer)
        reply.queries = [query]
        return reply.toStr()

    def says(self, body: bytes, *fields: str) -> None:
        head = (
            "HTTP/1.1 200 OK",
            f"Content-Type: {MEDIA_TYPE}",
            f"Content-Length: {len(body)}",
            *fields,
        )
        self.channel.dataReceived("\r\n".join([*head, "", ""]).encode() + body)

    def test_it_speaks_what_tls_has_agreed_on(self) -> None:
        for protocol, begins in (
            (b"h2", b"PRI * HTTP/2.0"),
            (b"http/1.1", b"POST "),
            (None, b"POST "),
        ):
            self.agreed(protocol)
            self.channel.ask(QUERY)
            self.assertTrue(self.transport.value().startswith(begins), protocol)

    def test_a_question_has_the_number_0(self) -> None:
        self.agreed()
        self.channel.ask(QUERY)
        body = self.transport.value().partition(b"\r\n\r\n")[2]
        message = dns.Message()
        message.fromStr(body)
        self.assertEqual((message.id, message.queries), (0, [QUERY]))

    def test_an_answer_has_to_be_one_to_the_question(self) -> None:
        self.agreed()
        for body in (
            self.message(OTHER),
            self.message(number=1),
            self.message(answer=0),
            b"no DNS",
        ):
            asked = self.channel.ask(QUERY)
            self.says(body)
            self.failureResultOf(asked, ServerFailed)
        asked = self.channel.ask(QUERY)
        self.says(self.message())
        self.assertEqual(self.successResultOf(asked).queries, [QUERY])
        self.assertTrue(self.channel.usable)

    def test_what_was_not_read_may_be_asked_elsewhere(self) -> None:
        self.agreed()
        first, second = self.channel.ask(QUERY), self.channel.ask(OTHER)
        self.says(self.message(), "Connection: close")
        self.successResultOf(first)
        self.failureResultOf(second, NotAsked)
        self.assertFalse(self.channel.usable)
        self.assertEqual(self.transport.closed, ["politely"])

    def test_an_answer_that_nobody_waits_for_is_passed_over(self) -> None:
        self.agreed()
        late, asked = self.channel.ask(QUERY), self.channel.ask(OTHER)
        late.cancel()
        self.failureResultOf(late, CancelledError)
        self.says(self.message())
        self.assertNoResult(asked)
        self.says(self.message(OTHER))
        self.successResultOf(asked)
        self.assertFalse(self.channel.usable)
        self.assertEqual(self.transport.closed, ["politely"])

    def test_a_server_that_says_goodbye_is_left_when_nothing_is_open(self) -> None:
        self.agreed(b"h2")
        # GOAWAY (RFC 9113, 6.8), after the server's SETTINGS
        self.channel.dataReceived(bytes(3) + b"\4" + bytes(5))
        self.assertTrue(self.channel.usable)
        self.channel.dataReceived(b"\0\0\x08\x07\0" + bytes(4) + bytes(8))
        self.assertFalse(self.channel.usable)
        self.assertEqual(self.transport.closed, ["politely"])

    def test_one_that_takes_no_question_is_closed(self) -> None:
        self.agreed(b"h2")
        # SETTINGS with MAX_CONCURRENT_STREAMS 0 (RFC 9113, 6.5)
        settings = b"\0\0\6\4\0" + bytes(4) + b"\0\3" + bytes(4)
        self.channel.dataReceived(settings)
        self.assertRaises(ServerFailed, self.channel.ask, QUERY)
        self.assertFalse(self.channel.usable)
        self.assertEqual(self.transport.closed, ["politely"])

    def test_what_the_server_sends_is_acknowledged(self) -> None:
        self.agreed(b"h2")
        self.transport.clear()
        self.channel.dataReceived(bytes(3) + b"\4" + bytes(5))
        self.assertEqual(self.transport.value(), bytes(3) + b"\4\1" + bytes(4))

    def test_who_does_not_speak_http_is_left(self) -> None:
        self.agreed()
        asked = self.channel.ask(QUERY)
        self.channel.dataReceived(b"\0\0\0\r\n\r\n")
        self.failureResultOf(asked, ServerFailed)
        self.assertEqual(self.transport.closed, ["at once"])

    def test_its_end_is_told_to_those_who_wait(self) -> None:
        self.agreed()
        asked = self.channel.ask(QUERY)
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(asked, ConnectionDone)
        self.assertFalse(self.channel.usable)
