"""The trace of one attempt: which silence ends it, and how long it has."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Budget
from streamr.errors import Phase
from streamr.upstream.dial.tap import Leg, Tap, TapFactory, Trace
from streamr.upstream.line import HELLO, HostLine
from tests.follower import Follower

BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=5.0)
ADDRESS = IPv4Address("TCP", "192.0.2.1", 443)


class Above(Protocol):
    """What is above a tap notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def connectionMade(self) -> None:
        self.told.append("begun")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.told.append("ended")


class Broken(Protocol):
    """It cannot begin."""

    def connectionMade(self) -> None:
        raise ZeroDivisionError


class Closing(StringTransport):
    aborted = 0

    def abortConnection(self) -> None:
        self.aborted += 1


class TraceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1024.0)
        self.line = HostLine(self.clock, 15)
        self.ended_at: list[float] = []
        self.follower = Follower()
        self.trace = Trace(
            self.clock, BUDGET, self.line, until=1024.0 + 8.0, progress=self.follower
        )
        self.trace.start(
            lambda: self.ended_at.append(self.clock.seconds() - self.trace.began)
        )

    def connect(self, began: float | None = None) -> Any:
        """TCP stands, which was asked for then, and TLS begins."""
        leg: Leg | Trace = self.trace
        if began is not None:
            leg = self.trace.leg("192.0.2.1")
            leg.began = began
        made = TapFactory(Factory.forProtocol(Above), leg, secure=True)
        tap = made.buildProtocol(ADDRESS)
        assert isinstance(tap, Tap)
        tap.makeConnection(StringTransport())
        return tap

    def pass_by(self, seconds: float, *, others: bool = False) -> None:
        """Time passes; the bytes of `others` trickle in."""
        for _ in range(round(seconds * 8)):
            self.clock.advance(1 / 8)
            if others:
                self.line.moved()


class Silence(TraceCase):
    def test_each_step_of_a_connection_begins_it_anew(self) -> None:
        self.pass_by(1.0)
        self.trace.resolved()
        self.pass_by(0.5)
        tap = self.connect()
        self.pass_by(0.25)
        tap.dataReceived(b"\x16")
        self.pass_by(1.125)
        self.assertEqual(self.ended_at, [])
        self.pass_by(0.125)
        self.assertEqual(len(self.ended_at), 1)
        self.assertTrue(self.trace.timed_out)
        self.assertFalse(self.trace.own_load)

    def test_bytes_without_end_end_with_the_share(self) -> None:
        self.trace.resolved()
        tap = self.connect()
        for _ in range(100):
            self.pass_by(0.125)
            tap.dataReceived(b"\x16")
        self.assertEqual(self.ended_at, [5.0])

    def test_the_bytes_of_an_answer_belong_to_the_collector(self) -> None:
        self.trace.resolved()
        tap = self.connect()
        self.trace.requested()
        self.pass_by(2.0)
        tap.dataReceived(b"x")
        self.pass_by(1.0)
        self.assertEqual(self.ended_at, [3.0])


class OurLoad(TraceCase):
    """Other bytes of ours are in the way."""

    def test_the_silence_is_waited_out_as_long_as_the_share_lasts(self) -> None:
        self.trace.resolved()
        self.pass_by(10.0, others=True)
        self.assertEqual(self.ended_at, [5.0])
        self.assertTrue(self.trace.own_load)

    def test_on_a_connection_that_was_heard_of_until_the_deadline(self) -> None:
        self.trace.resolved()
        tap = self.connect()
        tap.dataReceived(b"\x16")
        self.pass_by(10.0, others=True)
        self.assertEqual(self.ended_at, [8.0])
        self.assertTrue(self.trace.own_load)

    def test_on_a_busy_line_silence_may_last_longer_and_blames_nobody(self) -> None:
        self.line.timed_out(self.clock.seconds() - 1.0)
        self.trace.resolved()
        self.connect()
        self.pass_by(2.875)
        self.assertEqual(self.ended_at, [])
        self.pass_by(0.125)
        self.assertEqual(self.ended_at, [3.0])
        self.assertTrue(self.trace.own_load)

    def test_it_tells_the_line_which_carries_fewer_then(self) -> None:
        for _ in range(8):
            self.line.begun(object())
        for _ in range(4):
            self.line.secured(self.clock.seconds(), object())
        before = self.line.places
        self.trace.resolved()
        self.pass_by(6.0, others=True)
        self.assertEqual(self.line.places, before // 2)


class OneHelloAtATime(TraceCase):
    """TLS begins when the line has room for a ClientHello."""

    def setUp(self) -> None:
        super().setUp()
        self.trace.resolved()
        self.other = self.line.greet(self.clock.seconds(), None)

    def test_it_begins_when_the_one_before_is_over(self) -> None:
        tap = self.connect()
        self.assertFalse(tap.wrappedProtocol.connected)
        self.other.over()
        self.assertTrue(tap.wrappedProtocol.connected)
        self.assertIs(self.trace.phase, Phase.TLS)

    def test_waiting_is_no_silence_of_the_host(self) -> None:
        self.pass_by(0.125)
        self.line.connected(self.clock.seconds())
        tap = self.connect(began=self.clock.seconds() - 0.5)
        for _ in range(4):
            self.pass_by(0.75)
            self.line.moved()
            self.other.heard()
        self.assertEqual(self.ended_at, [])
        self.assertFalse(tap.wrappedProtocol.connected)
        self.pass_by(5.0, others=True)
        self.assertEqual(self.ended_at, [5.0])
        self.assertTrue(self.trace.own_load)

    def test_one_that_ends_meanwhile_tells_what_is_above(self) -> None:
        tap = self.connect()
        above = tap.wrappedProtocol
        tap.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(above.told, ["begun", "ended"])
        self.other.over()
        self.assertEqual(above.told, ["begun", "ended"])

    def test_one_that_has_ended_excuses_no_silence_of_the_next(self) -> None:
        self.connect().connectionLost(Failure(ConnectionLost()))
        self.pass_by(1.25)
        self.assertEqual(self.ended_at, [1.25])

    def test_each_hello_is_over_when_tls_stands_or_the_connection_ends(self) -> None:
        self.other.over()
        for ends in (False, True):
            tap = self.connect()
            self.assertEqual(len(self.line.access.openings.unanswered(HELLO)), 1)
            if ends:
                tap.connectionLost(Failure(ConnectionLost()))
            else:
                tap.greeted()
            self.assertEqual(self.line.access.openings.unanswered(HELLO), [])

    def test_what_comes_in_the_handshake_is_a_sign_of_life(self) -> None:
        self.other.over()
        tap = self.connect()
        self.pass_by(0.25)
        tap.dataReceived(b"\x16")
        self.assertEqual(self.follower.steps, ["alive"])
        sent = self.line.access.openings.unanswered(HELLO)
        self.assertEqual(sent, [self.clock.seconds()])

    def test_what_cannot_begin_closes_its_connection(self) -> None:
        made = TapFactory(Factory.forProtocol(Broken), self.trace, secure=True)
        tap, transport = made.buildProtocol(ADDRESS), Closing()
        assert isinstance(tap, Tap)
        tap.makeConnection(transport)
        self.assertEqual(transport.aborted, 0)
        self.other.over()
        self.assertEqual(transport.aborted, 1)
        self.assertIsInstance(tap.ended, ZeroDivisionError)


class Learning(TraceCase):
    """The line learns from each step."""

    def test_of_the_connection_the_handshake_and_the_first_byte(self) -> None:
        self.pass_by(0.5)
        self.trace.resolved()
        self.pass_by(0.25)
        self.connect()
        self.assertEqual(self.line.patience, 5 * 0.25)
        self.pass_by(0.25)
        self.trace.requested()
        self.assertEqual(self.line.places, 3)
        self.assertIs(self.trace.phase, Phase.REQUEST)
        self.trace.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_is_over_is_not_under_way(self) -> None:
        for _ in range(20):
            self.line.secured(self.clock.seconds(), object())
        self.assertEqual(self.line.places, 3)
        self.trace.stop()
        self.line.secured(self.clock.seconds(), object())
        self.assertEqual(self.line.places, 3)
