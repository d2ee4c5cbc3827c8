"""A host by its addresses: TCP and TLS at each of them, and what is learned."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionAborted, ConnectionLost, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from streamr.boundaries import Budget
from streamr.errors import Fault
from streamr.upstream.dial.addresses import AddressesEndpoint, HostAddresses
from streamr.upstream.dial.dialer import Dialer
from streamr.upstream.dial.race import Rules
from streamr.upstream.dial.tap import TapEndpoint, Trace
from streamr.upstream.line import HostLine
from streamr.upstream.resolve.book import AddressBook, no_lie
from streamr.upstream.resolve.pins import PinnedResolver, Pins
from tests.upstream.dial.test_race import Real, Transport
from tests.upstream.test_client import FakeResolver

NAME = "api.test.invalid"
V4, OTHER, V6 = "198.51.100.1", "198.51.100.2", "2001:db8:1::6"
BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=8.0)


def address(text: str) -> Any:
    kind = IPv6Address if ":" in text else IPv4Address
    return kind("TCP", text, 443)


class AddressesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.pins: Pins = {}
        self.reactor: Any = MemoryReactorClock()
        self.resolver = FakeResolver()
        self.resolver.addresses = [address(V6), address(V4)]
        self.book = AddressBook(self.reactor, no_lie)

    def connect(
        self,
        host: str = NAME,
        *,
        secure: bool = True,
        line: HostLine | None = None,
    ) -> Deferred[Any]:
        self.trace = Trace(self.reactor, BUDGET, line)
        pinned = PinnedResolver(self.resolver, self.pins, "auto")
        addresses = HostAddresses(pinned, self.book, "system", "auto")
        self.endpoint = AddressesEndpoint(
            host,
            443,
            addresses,
            self.reactor,
            self.reactor,
            lambda tcp, leg: TapEndpoint(tcp, leg, secure=secure),
            self.trace,
            Rules(secure, 1, lambda: 0.05, 0.25),
        )
        won = self.endpoint.connect(Factory.forProtocol(Real))
        self.trace.start(won.cancel)
        return won

    @property
    def tried(self) -> list[str]:
        return [each[0] for each in self.reactor.tcpClients]

    def stands(self, number: int = -1) -> Any:
        """TCP stands: the tap, whose wrapped protocol is the racer."""
        tap = self.reactor.tcpClients[number][2].buildProtocol(None)
        tap.makeConnection(Transport())
        return tap

    def secure(self, tap: Any) -> None:
        tap._wrappedProtocol.wrappedProtocol.handshakeCompleted()

    def reset(self, tap: Any) -> None:
        tap.connectionLost(Failure(ConnectionLost()))


class Tried(AddressesCase):
    def test_it_is_an_endpoint(self) -> None:
        self.connect()
        verifyObject(IStreamClientEndpoint, self.endpoint)

    def test_a_reset_in_tls_goes_on_to_the_next_address(self) -> None:
        won = self.connect()
        self.reset(self.stands())
        self.assertEqual(self.tried, [V6, V4])
        self.secure(self.stands())
        self.assertIsInstance(self.successResultOf(won), Real)
        # what worked is the first the next time
        self.connect()
        self.assertEqual(self.tried[2:], [V4])

    def test_one_that_is_silent_in_tls_gets_the_next_beside_it(self) -> None:
        won = self.connect()
        self.stands()
        self.reactor.advance(0.06)
        # each handshake is a burden to a slow line
        self.assertEqual(self.tried, [V6])
        self.reactor.advance(0.2)
        self.assertEqual(self.tried, [V6, V4])
        self.secure(self.stands())
        self.successResultOf(won)

    def test_the_evidence_of_each_is_kept(self) -> None:
        won = self.connect()
        self.reset(self.stands())
        self.reactor.advance(1.3)
        failed = self.failureResultOf(won)
        self.assertNotIsInstance(failed.value, Fault)
        told = {
            leg.address: leg.fault.cause.name
            for leg in self.trace.legs
            if leg.fault is not None
        }
        self.assertEqual(told, {V6: "tls_reset", V4: "connection_timeout"})
        self.assertEqual(
            {each.address: each.cause for each in self.book.facts(NAME)}, told
        )

    def test_a_caller_who_leaves_speaks_against_no_address(self) -> None:
        won = self.connect()
        self.stands()
        won.cancel()
        self.failureResultOf(won, CancelledError)
        self.assertEqual({each.cause for each in self.book.facts(NAME)}, {None})

    def test_a_host_without_addresses_is_none(self) -> None:
        self.resolver.addresses = []
        self.failureResultOf(self.connect(), DNSLookupError)

    def test_an_answer_that_led_nowhere_is_doubted(self) -> None:
        won = self.connect()
        for _ in range(2):
            self.reset(self.stands())
        self.failureResultOf(won, Fault)
        self.assertEqual(self.resolver.doubted, [NAME])

    def test_silence_on_a_line_that_we_keep_busy_doubts_nothing(self) -> None:
        for busy in (False, True):
            self.setUp()
            self.connect().addErrback(lambda _failure: None)
            while not self.trace.timed_out:
                self.reactor.advance(0.5)
                if busy:
                    self.trace.line.timed_out(self.reactor.seconds())
            self.assertEqual(self.resolver.doubted, [] if busy else [NAME])

    def test_one_that_waits_for_its_turn_to_begin_with_tls_is_closed(self) -> None:
        for leaves in (False, True):
            self.setUp()
            won = self.connect()
            other = self.trace.line.greet(self.reactor.seconds(), None)
            tap = self.stands()
            if leaves:
                won.cancel()
            else:
                self.reactor.advance(8.0)
            won.addErrback(lambda _failure: None)
            self.assertTrue(tap.transport.aborted)
            tap.connectionLost(Failure(ConnectionAborted()))
            other.over()
            self.trace.stop()
            self.assertEqual(
                [each for each in self.reactor.getDelayedCalls() if each.active()], []
            )

    def test_an_address_that_another_attempt_asks_is_not_asked_as_well(self) -> None:
        self.resolver.addresses = [address(V4)]
        line = HostLine(self.reactor, 15)
        for _ in range(2):
            self.connect(line=line).addErrback(lambda _failure: None)
        self.assertEqual(self.tried, [V4])
        self.stands(0)
        self.assertEqual(self.tried, [V4, V4])

    def test_on_a_line_that_we_keep_busy_the_next_one_waits_longer(self) -> None:
        for busy, tried in ((False, [V6, V4]), (True, [V6])):
            self.setUp()
            trace = Trace(self.reactor, BUDGET)
            if busy:
                trace.line.timed_out(self.reactor.seconds())
            found = HostAddresses(
                PinnedResolver(self.resolver, {}, "auto"), self.book, "system", "auto"
            )
            dialer = Dialer(self.reactor, found, None)
            made = dialer.endpoint(NAME, 443, trace, secure=False, at_once=1)
            made.connect(Factory.forProtocol(Real)).addErrback(lambda _failure: None)
            self.reactor.advance(0.5)
            self.assertEqual(self.tried, tried)

    def test_one_that_led_somewhere_is_not(self) -> None:
        won = self.connect()
        self.secure(self.stands())
        self.successResultOf(won)
        self.assertEqual(self.resolver.doubted, [])

    def test_a_verified_address_stands_before_a_lie(self) -> None:
        self.book.verified(NAME, OTHER)
        self.connect()
        self.assertEqual(self.tried, [OTHER])

    def test_tcp_alone_verifies_nothing(self) -> None:
        won = self.connect(secure=False)
        self.stands()
        self.successResultOf(won)
        self.assertEqual({each.verified_at for each in self.book.facts(NAME)}, {None})


class Fixed(AddressesCase):
    """A pin, and an address in place of a name, are obeyed as they stand."""

    def test_nothing_is_added_and_nothing_learned(self) -> None:
        for host in (NAME, "198.51.100.9"):
            self.setUp()
            self.pins = {NAME: ((V4, 8443),)}
            self.resolver.addresses = [address("198.51.100.9")]
            self.book.verified(NAME, OTHER)
            won = self.connect(host)
            self.reset(self.stands())
            self.failureResultOf(won, Fault)
            self.assertNotIn(OTHER, self.tried)
            self.assertEqual(self.resolver.doubted, [], host)
            self.assertEqual([each.address for each in self.book.facts(host)][1:], [])
