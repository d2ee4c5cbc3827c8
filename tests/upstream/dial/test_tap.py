"""The trace of one attempt: which silence ends it, and how long it has."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Budget
from streamr.errors import Phase
from streamr.upstream.dial.tap import Tap, TapFactory, Trace
from streamr.upstream.line import HostLine

BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=5.0)
ADDRESS = IPv4Address("TCP", "192.0.2.1", 443)


class TraceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1024.0)
        self.line = HostLine(self.clock, 15)
        self.ended_at: list[float] = []
        self.trace = Trace(self.clock, BUDGET, self.line, until=1024.0 + 8.0)
        self.trace.start(
            lambda: self.ended_at.append(self.clock.seconds() - self.trace.began)
        )

    def connect(self) -> Tap:
        """TCP stands, and TLS begins."""
        made = TapFactory(Factory.forProtocol(Protocol), self.trace, secure=True)
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
