"""DNS messages over a stream, in memory."""

from __future__ import annotations

import struct

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.resolve.failures import ServerFailed
from streamr.upstream.resolve.stream import MessageStream
from tests.upstream.resolve.test_kept import OTHER, QUERY, Transport


def framed(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


class OneStream(SynchronousTestCase):
    def setUp(self) -> None:
        self.stream = MessageStream(Clock(), 30.0)
        self.transport = Transport()
        self.stream.makeConnection(self.transport)

    def written(self) -> list[dns.Message]:
        """The questions that were written."""
        data, found = self.transport.value(), []
        while data:
            [length] = struct.unpack("!H", data[:2])
            message = dns.Message()
            message.fromStr(data[2 : 2 + length])
            found.append(message)
            data = data[2 + length :]
        return found

    def reply(self, message: dns.Message, query: dns.Query) -> bytes:
        reply = dns.Message(message.id, answer=1)
        reply.queries = [query]
        return framed(reply.toStr())

    def test_answers_come_in_any_order_and_in_any_pieces(self) -> None:
        asked = [self.stream.ask(query) for query in (QUERY, OTHER)]
        first, second = self.written()
        self.assertEqual((first.queries, second.queries), ([QUERY], [OTHER]))
        self.assertNotEqual(first.id, second.id)
        self.assertTrue(first.recDes)
        for byte in self.reply(second, OTHER) + self.reply(first, QUERY):
            self.stream.dataReceived(bytes([byte]))
        results = [self.successResultOf(each) for each in asked]
        self.assertEqual([each.queries for each in results], [[QUERY], [OTHER]])

    def test_the_wrong_question_is_refused_and_the_others_go_on(self) -> None:
        wrong, right = self.stream.ask(QUERY), self.stream.ask(OTHER)
        first, second = self.written()
        self.stream.dataReceived(self.reply(first, OTHER))
        self.failureResultOf(wrong, ServerFailed)
        self.stream.dataReceived(self.reply(second, OTHER))
        self.successResultOf(right)

    def test_an_answer_that_nobody_waits_for_is_passed_over(self) -> None:
        late, asked = self.stream.ask(QUERY), self.stream.ask(OTHER)
        first, second = self.written()
        late.cancel()
        self.failureResultOf(late, CancelledError)
        self.stream.dataReceived(self.reply(first, QUERY))
        self.assertNoResult(asked)
        self.stream.dataReceived(self.reply(second, OTHER))
        self.successResultOf(asked)

    def test_what_is_not_dns_ends_the_connection(self) -> None:
        asked = [self.stream.ask(query) for query in (QUERY, OTHER)]
        self.stream.dataReceived(framed(b"not DNS"))
        for each in asked:
            self.failureResultOf(each, ServerFailed)
        self.assertEqual(self.transport.closed, ["at once"])
        self.assertFalse(self.stream.usable)

    def test_its_end_is_told_to_those_who_wait(self) -> None:
        asked = self.stream.ask(QUERY)
        self.stream.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(asked, ConnectionDone)
        self.assertFalse(self.stream.usable)
