"""Two questions for a name, whatever carries them, and what their answers come to."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.resolve.failures import NoSuchName, ServerFailed, Silent
from streamr.upstream.resolve.question import RESOLUTION_DELAY, find_by, question, read
from tests.upstream.resolve.servers import NAME, V6


class Messages(SynchronousTestCase):
    def test_a_question_asks_for_recursion(self) -> None:
        data = question(dns.Query(NAME, dns.A, dns.IN), 258)
        self.assertEqual(data[:12], bytes([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]))

    def test_what_is_no_message_is_none(self) -> None:
        # a name that points at itself (RFC 1035, 4.1.4)
        loop = bytes([0, 0, 128, 0, 0, 1, 0, 0, 0, 0, 0, 0, 192, 12, 0, 1, 0, 1])
        for data in (b"", b"short", loop):
            self.assertIsNone(read(data), data)


class Finding(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: dict[int, Deferred[dns.Message]] = {}
        self.finding = find_by(self.ask, self.clock, 3.0)(NAME)

    def ask(self, query: dns.Query) -> Deferred[dns.Message]:
        self.asked[query.type] = Deferred()
        return self.asked[query.type]

    def says(self, kind: int, code: int, *records: dns.IEncodableRecord) -> None:
        message = dns.Message(answer=1, rCode=code)
        message.answers = [dns.RRHeader(NAME, e.TYPE, payload=e) for e in records]
        self.asked[kind].callback(message)

    def test_each_code_is_told_in_words(self) -> None:
        for code, kind, words in (
            (dns.ENAME, NoSuchName, "NXDOMAIN"),
            (dns.ESERVER, ServerFailed, "SERVFAIL"),
            (dns.EFORMAT, ServerFailed, "error 1"),
        ):
            self.setUp()
            self.says(dns.A, code)
            self.says(dns.AAAA, code)
            problem = self.failureResultOf(self.finding, kind).value
            self.assertIn(words, str(problem))

    def test_a_family_that_is_silent_costs_a_moment_and_not_the_answer(self) -> None:
        self.says(dns.AAAA, dns.OK, dns.Record_AAAA(V6[1]))
        self.clock.advance(RESOLUTION_DELAY - 0.01)
        self.assertNoResult(self.finding)
        self.clock.advance(0.02)
        self.assertEqual(self.successResultOf(self.finding), [V6])

    def test_a_family_without_addresses_hurries_nobody(self) -> None:
        self.says(dns.AAAA, dns.OK)
        self.clock.advance(RESOLUTION_DELAY + 0.1)
        self.assertNoResult(self.finding)

    def test_silence_is_one_of_the_kinds(self) -> None:
        self.clock.advance(3.1)
        self.failureResultOf(self.finding, Silent)

    def test_who_cancels_ends_both_questions(self) -> None:
        self.finding.cancel()
        self.failureResultOf(self.finding, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_broken_is_told_as_it_is(self) -> None:
        for each in self.asked.values():
            each.errback(RuntimeError("broken"))
        self.failureResultOf(self.finding, RuntimeError)
