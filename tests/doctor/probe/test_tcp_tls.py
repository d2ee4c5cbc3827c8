"""Handshakes of the doctor, over a reactor in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.evidence import Handshake
from streamr.doctor.probe.tcp_tls import MOST_AT_ONCE, Prober, policies
from tests.doctor.scenes import DIRECT, HERE

LIMIT = 2.5


class Leaving(StringTransport):
    """A transport that can be left at once."""

    def abortConnection(self) -> None:
        self.abort_requested = True


class Handshakes(SynchronousTestCase):
    """How many at once, and how long."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.prober = Prober(self.reactor, policies(None), LIMIT, LIMIT)

    def shake(self) -> Deferred[Handshake]:
        return Deferred.fromCoroutine(self.prober.shake(DIRECT, "classic", HERE))

    def connected(self) -> Any:
        """The protocol of the newest connection, after its ClientHello."""
        factory = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(Leaving())
        return protocol

    def test_no_more_run_than_the_line_carries(self) -> None:
        for at_once in (1, 3, MOST_AT_ONCE):
            self.setUp()
            self.prober.pace(at_once)
            waiting = [self.shake() for _ in range(2 * MOST_AT_ONCE)]
            self.assertEqual(at_once, len(self.reactor.tcpClients))
            self.reactor.advance(LIMIT)
            self.assertEqual(2 * at_once, len(self.reactor.tcpClients))
            for each in waiting:
                each.addErrback(lambda _left: None)
                each.cancel()

    def test_silence_ends_at_the_limit(self) -> None:
        waiting = self.shake()
        self.connected()
        self.reactor.advance(LIMIT)
        found = self.successResultOf(waiting)
        self.assertEqual(("tls_timeout", 0), (found.cause, found.size))

    def test_what_has_begun_to_come_has_as_much_time_again(self) -> None:
        waiting = self.shake()
        protocol = self.connected()
        protocol.dataReceived(b"\x16\x03\x03")
        self.reactor.advance(1.0)
        protocol.dataReceived(b"\x00")
        self.reactor.advance(LIMIT - 1.0)
        self.assertNoResult(waiting)
        self.reactor.advance(LIMIT)
        found = self.successResultOf(waiting)
        self.assertEqual("tls_timeout", found.cause)
        self.assertEqual((4, 1, 1000), (found.size, found.waited, found.waited_ms))
        self.assertEqual([], self.reactor.getDelayedCalls())
