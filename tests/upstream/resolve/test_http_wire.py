"""DNS over HTTP/2 and HTTP/1.1, without sockets: what is sent, what is made of it."""

from __future__ import annotations

from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.resolve.failures import Refused, ServerFailed
from streamr.upstream.resolve.http_wire import (
    MEDIA_TYPE,
    MOST_BYTES,
    DNSResource,
    Http1,
    Http2,
    Reply,
)

PLACE = DNSResource("dns.test.invalid:8443", "/dns-query")


class Replies(SynchronousTestCase):
    def test_only_a_whole_dns_message_with_status_200_is_one(self) -> None:
        good = Reply(1, 200, MEDIA_TYPE, bytearray(b"dns"))
        self.assertEqual(good.message(), b"dns")
        longest = Reply(1, 200, MEDIA_TYPE, bytearray(MOST_BYTES))
        self.assertEqual(len(longest.message()), 65535)
        spelled = Reply(1, 200, "Application/DNS-Message; x=y", bytearray(b"dns"))
        self.assertEqual(spelled.message(), b"dns")
        for reply, kind in (
            (Reply(1, 400, MEDIA_TYPE), Refused),
            (Reply(1, 429, MEDIA_TYPE), Refused),
            (Reply(1, 500, MEDIA_TYPE), ServerFailed),
            (Reply(1, 204, MEDIA_TYPE), ServerFailed),
            (Reply(1, 301, MEDIA_TYPE), ServerFailed),
            (Reply(1, 0, MEDIA_TYPE), ServerFailed),
            (Reply(1, 200, "text/html"), ServerFailed),
            (Reply(1, 200, ""), ServerFailed),
            (Reply(1, 200, MEDIA_TYPE, problem="broken off"), ServerFailed),
            (Reply(1, 200, MEDIA_TYPE, bytearray(MOST_BYTES + 1)), ServerFailed),
        ):
            self.assertRaises(kind, reply.message)

    def test_of_a_body_that_is_too_long_no_more_is_kept_than_shows_it(self) -> None:
        reply = Reply(1)
        reply.add(b"x" * MOST_BYTES)
        self.assertFalse(reply.too_long)
        for _ in range(3):
            reply.add(b"x" * MOST_BYTES)
        self.assertTrue(reply.too_long)
        self.assertEqual(len(reply.body), MOST_BYTES + 1)


class OverHttp2(SynchronousTestCase):
    """Against h2's own server end."""

    def setUp(self) -> None:
        self.wire = Http2(PLACE)
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.server = h2.connection.H2Connection(config)
        self.server.initiate_connection()

    def serve(self) -> list[Any]:
        """What the server sees of what was sent."""
        return self.server.receive_data(self.wire.outgoing())

    def take(self) -> list[Reply]:
        return self.wire.receive(self.server.data_to_send())

    def answer(self, number: int, body: bytes = b"dns", end: bool = True) -> None:
        head = [(":status", "200"), ("content-type", MEDIA_TYPE)]
        self.server.send_headers(number, head)
        self.server.send_data(number, body, end_stream=end)

    def test_a_question_is_a_post_with_the_message(self) -> None:
        self.wire.ask(b"question")
        events = self.serve()
        [head] = [e for e in events if isinstance(e, h2.events.RequestReceived)]
        self.assertEqual(
            dict(head.headers or ()),
            {
                ":method": "POST",
                ":scheme": "https",
                ":authority": "dns.test.invalid:8443",
                ":path": "/dns-query",
                "accept": MEDIA_TYPE,
                "content-type": MEDIA_TYPE,
                "content-length": "8",
            },
        )
        [data] = [e for e in events if isinstance(e, h2.events.DataReceived)]
        self.assertEqual(data.data, b"question")
        self.assertTrue(any(isinstance(e, h2.events.StreamEnded) for e in events))

    def test_questions_are_answered_next_to_each_other(self) -> None:
        first, second = self.wire.ask(b"1"), self.wire.ask(b"2")
        self.serve()
        self.answer(second, b"two")
        [reply] = self.take()
        self.assertEqual((reply.number, reply.message()), (second, b"two"))
        self.answer(first, b"on", end=False)
        self.assertEqual(self.take(), [])
        self.server.send_data(first, b"e", end_stream=True)
        [reply] = self.take()
        self.assertEqual((reply.number, reply.message()), (first, b"one"))

    def test_a_head_that_makes_no_sense_ends_the_connection(self) -> None:
        for head in (
            [(":status", "abc")],
            [(":status", "")],
            [(":status", "200"), ("content-type", b"\xff\xfe")],
            [(":status", "200"), ("x-other", b"\xff\xfe")],
        ):
            self.setUp()
            self.server.config.validate_outbound_headers = False
            number = self.wire.ask(b"?")
            self.serve()
            self.server.send_headers(number, head)
            self.assertRaises(ServerFailed, self.take)
            self.assertFalse(self.wire.open, head)

    def test_the_window_stays_open(self) -> None:
        # more than the 65,535 bytes that a connection may send unacknowledged
        for _ in range(40):
            number = self.wire.ask(b"?")
            self.serve()
            self.answer(number, b"x" * 4000)
            [reply] = self.take()
            self.assertEqual(len(reply.message()), 4000)
        self.assertTrue(self.wire.open)

    def test_a_body_that_is_too_long_is_stopped(self) -> None:
        number = self.wire.ask(b"?")
        self.serve()
        self.answer(number, b"x" * 16384, end=False)
        replies = self.take()
        for _ in range(10):
            if replies:
                break
            self.serve()
            self.server.send_data(number, b"x" * 16384)
            replies = self.take()
        self.assertRaises(ServerFailed, replies[0].message)
        resets = [e for e in self.serve() if isinstance(e, h2.events.StreamReset)]
        self.assertEqual([each.stream_id for each in resets], [number])

    def test_what_was_refused_unread_may_be_asked_again(self) -> None:
        for code, unread in (
            (h2.errors.ErrorCodes.REFUSED_STREAM, True),
            (h2.errors.ErrorCodes.INTERNAL_ERROR, False),
        ):
            number = self.wire.ask(b"?")
            self.serve()
            self.server.reset_stream(number, code)
            [reply] = self.take()
            self.assertEqual(reply.unread, unread, code)
            problem = self.assertRaises(ServerFailed, reply.message)
            self.assertIn("broke its HTTP response off", str(problem))
        self.assertTrue(self.wire.open)

    def test_a_server_that_says_goodbye_answers_what_it_has_read(self) -> None:
        first, second = self.wire.ask(b"1"), self.wire.ask(b"2")
        self.serve()
        self.answer(first)
        self.server.close_connection(last_stream_id=first)
        replies = self.take()
        self.assertEqual(
            [(each.number, each.unread) for each in replies],
            [(first, False), (second, True)],
        )
        self.assertFalse(self.wire.open)
        self.assertRaises(ServerFailed, self.wire.ask, b"3")

    def test_one_that_takes_no_question_is_left(self) -> None:
        limit = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 0}
        self.server.update_settings(limit)
        self.take()
        self.assertRaises(ServerFailed, self.wire.ask, b"?")
        self.assertFalse(self.wire.open)

    def test_what_is_not_http2_is_said(self) -> None:
        self.wire.ask(b"?")
        # WINDOW_UPDATE by nothing (RFC 9113, 6.9)
        frame = b"\0\0\4\x08\0" + bytes(8)
        self.assertRaises(ServerFailed, self.wire.receive, frame)
        self.assertFalse(self.wire.open)


class OverHttp1(SynchronousTestCase):
    def setUp(self) -> None:
        self.wire = Http1(PLACE)

    def answer(self, body: bytes, *fields: str, status: int = 200) -> bytes:
        head = [f"HTTP/1.1 {status} Said", f"Content-Type: {MEDIA_TYPE}", *fields]
        if not fields or "chunked" not in fields[0]:
            head.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*head, "", ""]).encode() + body

    def test_a_question_is_a_post_with_the_message(self) -> None:
        self.wire.ask(b"question")
        head, _, body = self.wire.outgoing().partition(b"\r\n\r\n")
        self.assertEqual(body, b"question")
        lines = head.decode().lower().split("\r\n")
        self.assertEqual(lines[0], "post /dns-query http/1.1")
        self.assertEqual(
            sorted(lines[1:]),
            [
                f"accept: {MEDIA_TYPE}",
                "content-length: 8",
                f"content-type: {MEDIA_TYPE}",
                "host: dns.test.invalid:8443",
            ],
        )

    def test_the_next_question_waits_for_the_answer(self) -> None:
        numbers = [self.wire.ask(each) for each in (b"one", b"two", b"three")]
        self.assertEqual(len(set(numbers)), 3)
        for number, asked in zip(numbers, (b"one", b"two", b"three"), strict=True):
            self.assertTrue(self.wire.outgoing().endswith(b"\r\n\r\n" + asked))
            self.assertEqual(self.wire.outgoing(), b"")
            [reply] = self.wire.receive(self.answer(asked.upper()))
            self.assertEqual((reply.number, reply.message()), (number, asked.upper()))
        self.assertTrue(self.wire.open)
        self.wire.ask(b"four")
        self.assertTrue(self.wire.outgoing().endswith(b"four"))

    def test_an_answer_may_come_in_any_pieces(self) -> None:
        self.wire.ask(b"?")
        chunked = b"3\r\ndns\r\n0\r\n\r\n"
        early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
        data = early + self.answer(chunked, "Transfer-Encoding: chunked")
        replies = [each for byte in data for each in self.wire.receive(bytes([byte]))]
        self.assertEqual([each.message() for each in replies], [b"dns"])

    def test_a_server_that_closes_leaves_the_other_questions_unread(self) -> None:
        numbers = [self.wire.ask(each) for each in (b"one", b"two", b"three")]
        replies = self.wire.receive(self.answer(b"dns", "Connection: close"))
        self.assertEqual(
            [(each.number, each.unread) for each in replies],
            [(numbers[0], False), (numbers[1], True), (numbers[2], True)],
        )
        self.assertEqual(replies[0].message(), b"dns")
        self.assertFalse(self.wire.open)

    def test_each_status_is_kept(self) -> None:
        self.wire.ask(b"?")
        [reply] = self.wire.receive(self.answer(b"", status=403))
        self.assertRaises(Refused, reply.message)
        self.assertTrue(self.wire.open)

    def test_a_body_that_is_too_long_ends_the_connection(self) -> None:
        self.wire.ask(b"?")
        data = self.answer(b"x" * (MOST_BYTES + 10))
        [reply] = self.wire.receive(data[:-5])
        self.assertRaises(ServerFailed, reply.message)
        self.assertFalse(self.wire.open)

    def test_what_is_not_http_is_said(self) -> None:
        for data in (b"\0" * 60 + b"\r\n\r\n", b"x" * 100_000):
            self.setUp()
            self.wire.ask(b"?")
            self.assertRaises(ServerFailed, self.wire.receive, data)
            self.assertFalse(self.wire.open)
