"""The engine is there or not, and nobody waits for it: without a socket."""

from __future__ import annotations

import hiredis
from twisted.internet.defer import Deferred, fail
from twisted.internet.defer import TimeoutError as DeferTimeout
from twisted.internet.error import (
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TimeoutError,
)
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.shared.engine import (
    AGAIN,
    BUDGET,
    CONNECTING,
    GRACE,
    MOST_GIVEN_UP,
    MOST_WAITING,
    Engine,
)
from streamr.shared.wire import MISSING, Wire, in_words

HELLO = (("HELLO", "3"), ("SELECT", 1))
SUBSCRIBED = b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
GREETED = b"%1\r\n$5\r\nproto\r\n:3\r\n"


class Transport(StringTransport):
    """Notes that it was aborted, and tells its protocol, as a socket does."""

    aborted = False

    def abortConnection(self) -> None:
        if not self.aborted:
            self.aborted = True
            self.protocol.connectionLost(Failure(ConnectionDone()))


@implementer(IStreamClientEndpoint)
class Endpoint:
    """Connects when the test says so."""

    def __init__(self) -> None:
        self.tries = 0
        self.waiting: list[tuple[IProtocolFactory, Deferred[Wire]]] = []
        self.dead = False

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Wire]:
        self.tries += 1
        if self.dead:
            return fail(ConnectError(string="refused"))
        waiting: Deferred[Wire] = Deferred()
        self.waiting.append((protocolFactory, waiting))
        return waiting

    def accept(self) -> Wire:
        factory, waiting = self.waiting.pop()
        wire = factory.buildProtocol(None)
        assert isinstance(wire, Wire)
        transport = Transport()
        transport.protocol = wire
        wire.makeConnection(transport)
        waiting.callback(wire)
        return wire


class Engines(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.endpoint = Clock(), Endpoint()
        self.pushed: list[bytes] = []
        self.changes: list[tuple[bool, str]] = []
        self.engine = Engine(
            self.endpoint,
            HELLO,
            "news",
            self.clock,
            self.pushed.append,
            lambda up, why: self.changes.append((up, why)),
        )
        self.engine.start()
        self.addCleanup(self.engine.stop)

    def greet(self) -> Wire:
        wire = self.endpoint.accept()
        wire.dataReceived(GREETED + b"+OK\r\n")
        wire.dataReceived(SUBSCRIBED)
        self.sent(wire)
        return wire

    def sent(self, wire: Wire) -> bytes:
        """What was written since the last look."""
        transport = wire.transport
        assert isinstance(transport, Transport)
        value = transport.value()
        transport.clear()
        return value

    def ended(self, wire: Wire) -> bool:
        assert isinstance(wire.transport, Transport)
        return wire.transport.aborted

    def test_the_fake_is_what_it_stands_for(self) -> None:
        verifyObject(IStreamClientEndpoint, self.endpoint)

    def test_without_a_connection_a_call_is_over_at_once(self) -> None:
        self.assertIs(self.successResultOf(self.engine.ask("GET", "a")), MISSING)
        self.assertFalse(self.engine.up)

    def test_it_counts_once_it_was_greeted(self) -> None:
        wire = self.endpoint.accept()
        self.assertEqual(self.sent(wire), hiredis.pack_command(("HELLO", "3")))
        self.assertIs(self.successResultOf(self.engine.ask("GET", "a")), MISSING)
        wire.dataReceived(GREETED)
        self.assertEqual(self.sent(wire), hiredis.pack_command(("SELECT", 1)))
        self.assertFalse(self.engine.up)
        wire.dataReceived(b"+OK\r\n")
        self.assertFalse(self.engine.up)
        self.assertEqual(self.sent(wire), hiredis.pack_command(("SUBSCRIBE", "news")))
        wire.dataReceived(SUBSCRIBED)
        self.assertTrue(self.engine.up)
        self.assertEqual(self.changes, [(True, "")])

    def test_a_stopped_engine_that_accepts_does_not_count(self) -> None:
        wire = self.endpoint.accept()
        self.clock.advance(CONNECTING)
        self.assertTrue(self.ended(wire))
        self.assertFalse(self.engine.up)
        self.assertEqual([up for up, _ in self.changes], [False])
        self.clock.advance(AGAIN)
        self.assertEqual(self.endpoint.tries, 2)

    def test_why_there_is_none_is_said_in_our_own_words(self) -> None:
        for error, words in (
            (ConnectionRefusedError(111, "refused"), "nothing listens there"),
            (DNSLookupError("no such name"), "its name cannot be resolved"),
            (TimeoutError(), "it did not answer in time"),
            (DeferTimeout(0.35), "it did not answer in time"),
            (NoRouteError(113, "x"), "there is no route to it"),
            (ConnectionDone(), "it has closed the connection"),
            (ConnectionLost(), "the connection was lost"),
            (ValueError("it refuses 'HELLO': ERR"), "it refuses 'HELLO': ERR"),
            (ValueError(), "ValueError"),
        ):
            self.assertEqual(in_words(Failure(error)), words)

    def test_one_that_refuses_the_greeting_says_why(self) -> None:
        wire = self.endpoint.accept()
        wire.dataReceived(b"-WRONGPASS invalid\r\n")
        self.assertTrue(self.ended(wire))
        self.assertIn("WRONGPASS", self.changes[0][1])

    def test_one_that_refuses_the_channel_mixes_up_no_replies(self) -> None:
        """As an access list may: the refusal is nobody else's reply."""
        wire = self.endpoint.accept()
        wire.dataReceived(GREETED + b"+OK\r\n-NOPERM no channel\r\n")
        self.assertEqual(self.changes, [(False, "it refuses 'SUBSCRIBE': NOPERM")])
        self.assertTrue(self.ended(wire))

    def test_one_that_repeats_the_password_is_not_repeated(self) -> None:
        """As Redis 5 does, which knows no HELLO."""
        wire = self.endpoint.accept()
        wire.dataReceived(
            b"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' "
            b"'default' 'canary-password'\r\n"
        )
        [(up, why)] = self.changes
        self.assertEqual((up, why), (False, "it refuses 'HELLO': ERR"))

    def test_what_it_says_in_no_order_ends_the_connection(self) -> None:
        for said in (b"%1\r\n*1\r\n+a\r\n+b\r\n", b">0\r\n"):
            wire = self.greet()
            wire.dataReceived(said)
            self.assertTrue(self.ended(wire), said)
            self.clock.advance(AGAIN)

    def test_a_reply_goes_to_whoever_asked(self) -> None:
        wire = self.greet()
        first, second = self.engine.ask("GET", "a"), self.engine.ask("GET", b"b")
        self.assertEqual(
            self.sent(wire),
            hiredis.pack_command(("GET", "a")) + hiredis.pack_command(("GET", b"b")),
        )
        wire.dataReceived(b"$1\r\nx\r\n_\r")
        self.assertEqual(self.successResultOf(first), b"x")
        self.assertNoResult(second)
        wire.dataReceived(b"\n")
        self.assertIsNone(self.successResultOf(second))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_refusal_is_missing_and_remembered(self) -> None:
        wire = self.greet()
        asked = self.engine.ask("SET", "a", "b")
        wire.dataReceived(b"-NOPERM no permissions\r\n")
        self.assertIs(self.successResultOf(asked), MISSING)
        self.assertEqual(self.engine.refused, "NOPERM no permissions")
        self.assertTrue(self.engine.up)

    def test_a_slow_reply_is_given_up_and_takes_nobody_elses_place(self) -> None:
        wire = self.greet()
        slow = self.engine.ask("GET", "slow")
        self.clock.advance(BUDGET)
        self.assertNoResult(slow)
        self.clock.advance(GRACE)
        self.assertIs(self.successResultOf(slow), MISSING)
        other = self.engine.ask("GET", "other")
        wire.dataReceived(b"$4\r\nlate\r\n$5\r\nother\r\n")
        self.assertEqual(self.successResultOf(other), b"other")

    def test_a_reply_in_the_grace_counts(self) -> None:
        """Our own reactor was late, and not the engine."""
        wire = self.greet()
        asked = self.engine.ask("GET", "a")
        self.clock.advance(BUDGET)
        wire.dataReceived(b"$1\r\nx\r\n")
        self.assertEqual(self.successResultOf(asked), b"x")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_five_in_a_row_end_the_connection(self) -> None:
        wire = self.greet()
        for number in range(MOST_GIVEN_UP):
            self.assertEqual(self.ended(wire), number > MOST_GIVEN_UP)
            self.engine.ask("GET", "a")
            self.clock.advance(BUDGET)
            self.clock.advance(GRACE)
        self.assertTrue(self.ended(wire))
        self.assertEqual([up for up, _ in self.changes], [True, False])
        self.assertFalse(self.engine.up)
        self.clock.advance(AGAIN)
        self.greet()
        self.assertTrue(self.engine.up)

    def test_one_that_was_in_time_begins_the_row_anew(self) -> None:
        wire = self.greet()
        for _ in range(3):
            for _ in range(MOST_GIVEN_UP - 1):
                self.engine.ask("GET", "a")
                self.clock.advance(BUDGET)
                self.clock.advance(GRACE)
            good = self.engine.ask("GET", "b")
            wire.dataReceived(b"$1\r\nx\r\n" * MOST_GIVEN_UP)
            self.assertEqual(self.successResultOf(good), b"x")
        self.assertFalse(self.ended(wire))

    def test_more_than_may_wait_are_over_at_once(self) -> None:
        wire = self.greet()
        waiting = [self.engine.ask("GET", "a") for _ in range(MOST_WAITING)]
        self.sent(wire)
        self.assertIs(self.successResultOf(self.engine.ask("GET", "b")), MISSING)
        self.assertEqual(self.sent(wire), b"")
        wire.dataReceived(b"_\r\n" * MOST_WAITING)
        self.assertEqual([self.successResultOf(w) for w in waiting], [None] * 512)

    def test_those_who_wait_when_it_is_lost_are_over_at_once(self) -> None:
        wire = self.greet()
        asked = self.engine.ask("GET", "a")
        wire.connectionLost(Failure(ConnectionDone()))
        self.assertIs(self.successResultOf(asked), MISSING)
        self.assertEqual(self.changes[-1][0], False)
        self.assertEqual(
            [each.getTime() for each in self.clock.getDelayedCalls()], [AGAIN]
        )

    def test_whoever_leaves_leaves_no_timer_and_takes_no_reply(self) -> None:
        wire = self.greet()
        gone, stays = self.engine.ask("GET", "a"), self.engine.ask("GET", "b")
        gone.addErrback(lambda _cancelled: None)
        gone.cancel()
        wire.dataReceived(b"$1\r\na\r\n$1\r\nb\r\n")
        self.assertEqual(self.successResultOf(stays), b"b")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_published_comes_between_the_replies(self) -> None:
        wire = self.greet()
        asked = self.engine.ask("GET", "a")
        wire.dataReceived(
            b">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n$1\r\nx\r\n"
        )
        self.assertEqual(self.pushed, [b"hi"])
        self.assertEqual(self.successResultOf(asked), b"x")

    def test_what_is_no_resp_ends_the_connection(self) -> None:
        for said in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+nobody asked\r\n"):
            wire = self.greet()
            wire.dataReceived(said)
            self.assertTrue(self.ended(wire))
            self.clock.advance(AGAIN)

    def test_it_is_looked_for_again_and_again(self) -> None:
        self.endpoint.dead = True
        self.endpoint.waiting.pop()[1].errback(ConnectError(string="refused"))
        for number in range(2, 12):
            self.clock.advance(AGAIN)
            self.assertEqual(self.endpoint.tries, number)
        self.endpoint.dead = False
        self.clock.advance(AGAIN)
        self.greet()
        self.assertEqual(self.changes[-1], (True, ""))

    def test_nothing_is_left_when_it_stops(self) -> None:
        wire = self.greet()
        asked = self.engine.ask("GET", "a")
        self.sent(wire)
        self.engine.stop("ZREM", "nodes", "me")
        self.assertIs(self.successResultOf(asked), MISSING)
        self.assertEqual(self.sent(wire), hiredis.pack_command(("ZREM", "nodes", "me")))
        assert isinstance(wire.transport, Transport)
        self.assertTrue(wire.transport.disconnecting)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nor_while_it_is_being_looked_for(self) -> None:
        self.engine.stop()
        self.clock.advance(10 * AGAIN)
        self.assertEqual(self.endpoint.tries, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
