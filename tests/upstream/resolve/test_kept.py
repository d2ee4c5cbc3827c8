"""One connection to a resolver: shared, kept, opened again; and its open questions."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.names import dns
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from streamr.upstream.dial.tls import TLSError
from streamr.upstream.resolve.failures import ServerFailed
from streamr.upstream.resolve.kept import (
    CLOSE_SECONDS,
    IDLE_SECONDS,
    MOST_TRIES,
    KeptOpen,
    NotAsked,
    Questions,
)

QUERY = dns.Query("api.test.invalid", dns.A, dns.IN)
OTHER = dns.Query("api.test.invalid", dns.AAAA, dns.IN)
ANSWER = dns.Message(1, answer=1)


class Line:
    """A connection whose answers the test gives."""

    def __init__(self) -> None:
        self.usable = True
        self.resting = False
        self.left = 0
        self.asked: list[Deferred[dns.Message]] = []

    def ask(self, query: dns.Query) -> Deferred[dns.Message]:
        asked: Deferred[dns.Message] = Deferred(self._leave)
        self.asked.append(asked)
        return asked

    def rest(self) -> None:
        self.resting = True

    def _leave(self, _asked: Deferred[dns.Message]) -> None:
        self.left += 1


class Keeping(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.opening: list[Deferred[Line]] = []
        self.cancelled = 0
        self.kept = KeptOpen(self.connect, self.clock, 1.0)

    def connect(self) -> Deferred[Line]:
        opening: Deferred[Line] = Deferred(self.give_up)
        self.opening.append(opening)
        return opening

    def give_up(self, _opening: Deferred[Line]) -> None:
        self.cancelled += 1

    def opened(self) -> Line:
        line = Line()
        self.opening[-1].callback(line)
        return line

    def known(self) -> Line:
        """A connection that has answered once."""
        asking = self.kept.ask(QUERY)
        line = self.opened()
        line.asked[0].callback(ANSWER)
        self.successResultOf(asking)
        return line

    def test_those_who_ask_at_once_share_what_is_opened(self) -> None:
        asking = [self.kept.ask(query) for query in (QUERY, OTHER)]
        self.assertEqual(len(self.opening), 1)
        line = self.opened()
        for each in line.asked:
            each.callback(ANSWER)
        self.assertEqual([self.successResultOf(e) for e in asking], [ANSWER] * 2)

    def test_the_next_question_goes_over_the_same(self) -> None:
        line = self.known()
        self.kept.ask(QUERY)
        self.assertEqual((len(self.opening), len(line.asked)), (1, 2))

    def test_one_that_is_of_no_use_any_more_is_replaced(self) -> None:
        line = self.known()
        line.usable = False
        self.kept.ask(QUERY)
        self.assertEqual((len(self.opening), len(line.asked)), (2, 1))

    def test_what_ends_a_kept_one_is_no_failure_of_the_question(self) -> None:
        for problem in (ConnectionDone(), ConnectionLost(), TLSError(), NotAsked()):
            line = self.known()
            asking = self.kept.ask(QUERY)
            line.usable = False
            line.asked[-1].errback(problem)
            self.opened().asked[0].callback(ANSWER)
            self.assertIs(self.successResultOf(asking), ANSWER)
            self.setUp()

    def test_a_kept_one_that_is_silent_is_left_for_a_new_one(self) -> None:
        line = self.known()
        asking = self.kept.ask(QUERY)
        self.clock.advance(0.99)
        self.assertEqual(len(self.opening), 1)
        self.clock.advance(0.02)
        self.assertEqual((len(self.opening), line.left), (2, 1))
        new = self.opened()
        self.clock.advance(60.0)
        self.assertNoResult(asking)
        new.asked[0].callback(ANSWER)
        self.assertIs(self.successResultOf(asking), ANSWER)

    def test_what_a_new_one_says_is_the_outcome(self) -> None:
        for problem in (ConnectionDone(), ServerFailed("broken")):
            asking = self.kept.ask(QUERY)
            line = self.opened()
            line.usable = False
            line.asked[0].errback(problem)
            self.failureResultOf(asking, type(problem))
            self.assertEqual(len(self.opening), 1)
            self.setUp()

    def test_an_error_in_an_answer_is_not_asked_about_again(self) -> None:
        line = self.known()
        asking = self.kept.ask(QUERY)
        line.asked[-1].errback(ServerFailed("broken"))
        self.failureResultOf(asking, ServerFailed)
        self.assertEqual(len(self.opening), 1)

    def test_a_question_that_was_not_looked_at_is_asked_again_a_few_times(self) -> None:
        asking = self.kept.ask(QUERY)
        for count in range(1, MOST_TRIES + 1):
            self.assertEqual(len(self.opening), count)
            line = self.opened()
            line.usable = False
            line.asked[0].errback(NotAsked())
        self.failureResultOf(asking, ServerFailed)
        self.assertEqual((len(self.opening), MOST_TRIES), (3, 3))

    def test_all_who_wait_learn_that_there_is_no_connection(self) -> None:
        asking = [self.kept.ask(query) for query in (QUERY, OTHER)]
        self.opening[0].errback(ConnectionRefusedError())
        for each in asking:
            self.failureResultOf(each, ConnectionRefusedError)
        self.kept.ask(QUERY)
        self.assertEqual(len(self.opening), 2)

    def test_the_last_who_leaves_ends_the_opening(self) -> None:
        first, last = self.kept.ask(QUERY), self.kept.ask(OTHER)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(self.cancelled, 0)
        last.cancel()
        self.failureResultOf(last, CancelledError)
        self.assertEqual(self.cancelled, 1)

    def test_one_that_is_opened_for_nobody_rests(self) -> None:
        def ignore(_opening: Deferred[Line]) -> None:
            """The connection stands at this very moment."""
            _opening.callback(line)

        line = Line()
        self.give_up = ignore  # type: ignore[method-assign]
        asking = self.kept.ask(QUERY)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(line.resting)
        self.kept.ask(QUERY)
        self.assertEqual(len(line.asked), 1)


class Transport(StringTransport):
    """Notes how it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed: list[str] = []

    def loseConnection(self) -> None:
        self.closed.append("politely")

    def abortConnection(self) -> None:
        self.closed.append("at once")


class Open(SynchronousTestCase):
    """The open questions of a connection, and how long it is idle."""

    def open(self, idle: float = 30.0) -> Questions:
        self.clock = Clock()
        questions = Questions(self.clock, idle)
        self.transport = Transport()
        questions.transport = self.transport
        questions.connectionMade()
        return questions

    def test_a_question_is_settled_once_with_its_result(self) -> None:
        questions = self.open()
        good, bad = questions.opened(1, QUERY), questions.opened(2, OTHER)
        self.assertEqual(questions.query(2), OTHER)
        questions.settle(1, ANSWER)
        self.assertIs(self.successResultOf(good), ANSWER)
        self.assertIsNone(questions.query(1))
        questions.settle(2, ServerFailed("broken"))
        self.failureResultOf(bad, ServerFailed)

    def test_it_is_closed_when_it_has_been_idle_for_so_long(self) -> None:
        self.assertEqual((IDLE_SECONDS, CLOSE_SECONDS), (30.0, 3.0))
        questions = self.open()
        for number in (1, 2):
            asked = questions.opened(number, QUERY)
            self.clock.advance(100.0)
            questions.settle(number, ANSWER)
            self.successResultOf(asked)
            self.clock.advance(29.9)
            self.assertEqual(self.transport.closed, [])
            self.assertTrue(questions.usable)
        self.clock.advance(0.2)
        self.assertEqual(self.transport.closed, ["politely"])
        self.assertFalse(questions.usable)
        self.clock.advance(CLOSE_SECONDS)
        self.assertEqual(self.transport.closed, ["politely", "at once"])

    def test_without_idle_time_it_is_closed_after_the_last_answer(self) -> None:
        questions = self.open(0)
        asked = [questions.opened(1, QUERY), questions.opened(2, OTHER)]
        questions.settle(2, ANSWER)
        self.assertEqual(self.transport.closed, [])
        questions.settle(1, ANSWER)
        self.assertEqual(self.transport.closed, ["politely"])
        for each in asked:
            self.successResultOf(each)

    def test_one_that_is_being_closed_is_given_its_time(self) -> None:
        questions = self.open(0)
        questions.rest()
        questions.rest()
        self.assertEqual(self.transport.closed, ["politely"])

    def test_its_end_ends_the_questions_and_the_timers(self) -> None:
        questions = self.open()
        first = questions.opened(1, QUERY)
        questions.settle(1, ANSWER)
        self.successResultOf(first)
        questions.fail(Failure(ConnectionDone()))
        self.assertFalse(questions.usable)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        questions = self.open()
        asked = [questions.opened(number, QUERY) for number in (1, 2)]
        questions.fail(Failure(ConnectionLost()))
        for each in asked:
            self.failureResultOf(each, ConnectionLost)

    def test_after_one_who_left_it_takes_no_further_question(self) -> None:
        questions = self.open()
        left, stays = questions.opened(1, QUERY), questions.opened(2, OTHER)
        left.cancel()
        self.failureResultOf(left, CancelledError)
        self.assertFalse(questions.usable)
        self.assertEqual(self.transport.closed, [])
        questions.settle(2, ANSWER)
        self.assertIs(self.successResultOf(stays), ANSWER)
        self.assertEqual(self.transport.closed, ["politely"])

    def test_when_the_last_one_leaves_it_is_closed_at_once(self) -> None:
        questions = self.open()
        left = questions.opened(1, QUERY)
        left.cancel()
        self.failureResultOf(left, CancelledError)
        self.assertEqual(self.transport.closed, ["at once"])

    def test_small_writes_do_not_wait(self) -> None:
        delays: list[Any] = []
        questions = Questions(Clock(), 0)
        transport = Transport()
        transport.setTcpNoDelay = delays.append  # type: ignore[attr-defined]
        alsoProvides(transport, ITCPTransport)
        questions.transport = transport
        questions.connectionMade()
        self.assertEqual(delays, [True])
