"""A tunnel: one handshake, then the very transport is the real protocol's."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    NoProtocol,
)
from twisted.internet.interfaces import IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from streamr.errors import Fault
from streamr.upstream.dial.tunnel import (
    MOST_BYTES,
    Ask,
    Handshake,
    TunnelEndpoint,
)
from tests.properties import examples
from tests.upstream.dial.tunnels import FakeEndpoint, Real, Spoken, split


def greeting() -> Handshake:
    """Two steps: three bytes, then a line."""
    if (yield Ask(b"hello", 3)) != b"yes":
        raise Fault("egress_denied", "it said no")
    name = yield Ask(b"who?", b"\r\n")
    assert name == b"me\r\n"


class Handshakes(SynchronousTestCase):
    """What passes before the tunnel is open."""

    def test_each_step_is_said_when_the_one_before_was_answered(self):
        spoken = Spoken(greeting())
        self.assertEqual(spoken.said, b"hello")
        spoken.says(b"ye")
        self.assertEqual(spoken.said, b"hello")
        spoken.says(b"s")
        self.assertEqual(spoken.said, b"hellowho?")
        self.assertIsNone(spoken.real)
        spoken.says(b"me\r")
        self.assertIsNone(spoken.real)
        spoken.says(b"\n")
        self.assertIsInstance(spoken.real, Real)

    @examples()
    @given(st.sets(st.integers(0, 12)))
    def test_the_answer_may_come_in_any_pieces(self, cuts: set[int]):
        spoken = Spoken(greeting(), split(b"yesme\r\nrest!", cuts))
        self.assertEqual(spoken.said, b"hellowho?")
        self.assertEqual(spoken.real.got, b"rest!")

    def test_a_proxy_that_speaks_first_is_heard(self):
        endpoint = FakeEndpoint()
        opening = TunnelEndpoint(endpoint, greeting).connect(Factory.forProtocol(Real))
        tunnel = endpoint._factory.buildProtocol(None)
        tunnel.makeConnection(endpoint.transport)
        tunnel.dataReceived(b"yesme\r\n")
        endpoint.result.callback(tunnel)
        self.assertIsInstance(self.successResultOf(opening), Real)

    def test_a_handshake_that_asks_nothing_opens_the_tunnel_at_once(self):
        def nothing() -> Handshake:
            yield from ()

        self.assertIsInstance(Spoken(nothing()).real, Real)

    def test_a_refusal_closes_the_connection_and_is_the_fault(self):
        spoken = Spoken(greeting(), [b"no!", b"more"])
        self.assertEqual(spoken.told, ("egress_denied", "it said no"))
        self.assertTrue(spoken.endpoint.transport.aborted)
        self.assertIsNone(spoken.real)

    def test_a_refusal_is_told_once_also_when_the_connection_ends_then(self):
        spoken = Spoken(greeting(), [b"no!"])
        spoken.proxy.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(spoken.told, ("egress_denied", "it said no"))

    def test_an_answer_without_end_is_refused(self):
        for size in (1, 1000, MOST_BYTES + 1):
            chunks = [b"yes", *[b"x" * size] * (MOST_BYTES // size + 1)]
            spoken = Spoken(greeting(), chunks)
            self.assertEqual(
                spoken.told,
                ("egress_protocol_error", "an answer of more than 16384 bytes"),
            )
            self.assertTrue(spoken.endpoint.transport.aborted)

    def test_the_first_answer_may_be_up_to_a_mark_and_as_large_as_the_limit(self):
        def line() -> Handshake:
            self.line = yield Ask(b"", b"\n")

        for said in (b"\n", b"x" * (MOST_BYTES - 1) + b"\n"):
            self.assertIsNotNone(Spoken(line(), [said]).real)
            self.assertEqual(self.line, said)

    def test_a_mark_may_be_the_very_next_byte(self):
        def lines() -> Handshake:
            self.lines = []
            for wanted in (b"\n", 1, b"\n"):
                self.lines.append((yield Ask(b"", wanted)))

        self.assertIsNotNone(Spoken(lines(), [b"\nx\n"]).real)
        self.assertEqual(self.lines, [b"\n", b"x", b"\n"])
        endpoint = FakeEndpoint()
        TunnelEndpoint(endpoint, lines).connect(Factory.forProtocol(Real))
        tunnel = endpoint._factory.buildProtocol(None)
        tunnel.makeConnection(endpoint.transport)
        tunnel.dataReceived(b"\nx\n")
        endpoint.result.callback(tunnel)
        self.assertEqual(self.lines, [b"\n", b"x", b"\n"])

    def test_an_end_mark_beyond_the_limit_is_too_late(self):
        spoken = Spoken(greeting(), [b"yes" + b"x" * MOST_BYTES + b"\r\n"])
        self.assertEqual(spoken.told[0], "egress_protocol_error")

    def test_the_limit_is_on_the_handshake_and_not_on_what_follows(self):
        spoken = Spoken(greeting(), [b"yesme\r\n" + b"x" * 2 * MOST_BYTES])
        self.assertEqual(len(spoken.real.got), 2 * MOST_BYTES)


class Ends(SynchronousTestCase):
    """How a connection to the proxy ends before the tunnel is open."""

    def connect(self, *, secure: bool = False) -> FakeEndpoint:
        endpoint = FakeEndpoint()
        self.opening: Deferred[Any] = TunnelEndpoint(
            endpoint, greeting, secure=secure
        ).connect(Factory.forProtocol(Real))
        return endpoint

    def told(self) -> str:
        return str(self.failureResultOf(self.opening, Fault).value)

    def test_an_end_says_how_and_how_far_the_answer_had_come(self):
        for reason, said, told in (
            (ConnectionLost(), b"", "reset, no answer"),
            (ConnectionDone(), b"", "closed, no answer"),
            (ConnectionDone(), b"yesm", "closed, after 4 bytes of an answer"),
        ):
            proxy = self.connect().made()
            proxy.dataReceived(said)
            proxy.connectionLost(Failure(reason))
            self.assertEqual(self.told(), f"egress_closed: {told}")

    def test_an_end_of_plain_tcp_is_the_proxys(self):
        spoken = Spoken(greeting())
        spoken.proxy.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(spoken.told, ("egress_closed", "reset, no answer"))

    def test_an_end_in_the_tls_handshake_is_no_answer_of_the_proxy(self):
        self.connect(secure=True).made().connectionLost(Failure(ConnectionLost()))
        self.failureResultOf(self.opening, ConnectionLost)

    def test_an_end_after_the_tls_handshake_is_one(self):
        proxy = self.connect(secure=True).made()
        self.assertTrue(verifyObject(IHandshakeListener, proxy))
        proxy.handshakeCompleted()
        proxy.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.told(), "egress_closed: reset, no answer")

    def test_what_the_endpoint_fails_with_is_handed_on(self):
        endpoint = self.connect()
        endpoint.result.errback(ConnectionRefusedError())
        self.failureResultOf(self.opening, ConnectionRefusedError)

    def test_a_connection_that_the_endpoint_did_not_choose_tells_nobody(self):
        endpoint = self.connect()
        other = endpoint._factory.buildProtocol(None)
        other.makeConnection(endpoint.transport)
        other.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(endpoint.transport.value(), b"")
        endpoint.made().dataReceived(b"yesme\r\n")
        self.successResultOf(self.opening)

    def test_one_that_had_ended_when_it_was_chosen_is_told(self):
        endpoint = self.connect()
        tunnel = endpoint._factory.buildProtocol(None)
        tunnel.makeConnection(endpoint.transport)
        tunnel.connectionLost(Failure(ConnectionLost()))
        endpoint.result.callback(tunnel)
        self.assertEqual(self.told(), "egress_closed: reset, no answer")

    def test_a_factory_without_a_protocol_closes_the_connection(self):
        class Without(Factory):
            def buildProtocol(self, addr: object) -> None:
                return None

        endpoint = FakeEndpoint()
        opening = TunnelEndpoint(endpoint, greeting).connect(Without())
        endpoint.made().dataReceived(b"yesme\r\n")
        self.failureResultOf(opening, NoProtocol)
        self.assertTrue(endpoint.transport.aborted)

    def test_cancelling_gives_up_the_connection_to_the_proxy(self):
        endpoint = self.connect()
        self.opening.cancel()
        self.failureResultOf(self.opening, CancelledError)
        self.assertTrue(endpoint.cancelled)

    def test_cancelling_closes_a_connection_in_its_handshake_at_once(self):
        endpoint = self.connect()
        proxy = endpoint.made()
        proxy.dataReceived(b"y")
        self.opening.cancel()
        self.failureResultOf(self.opening, CancelledError)
        self.assertTrue(endpoint.transport.aborted)
        proxy.dataReceived(b"es")
        proxy.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(endpoint.transport.value(), b"hello")


class Open(SynchronousTestCase):
    """What passes when the tunnel is open."""

    def setUp(self) -> None:
        self.spoken = Spoken(greeting(), [b"yesme\r\n"])

    def test_the_real_protocol_has_the_very_transport(self):
        self.assertIs(self.spoken.real.transport, self.spoken.endpoint.transport)

    def test_bytes_go_on_to_the_real_protocol(self):
        self.spoken.says(b"yes")
        self.assertEqual(self.spoken.real.got, b"yes")

    def test_the_end_goes_on_to_the_real_protocol(self):
        reason = Failure(ConnectionDone())
        self.spoken.proxy.connectionLost(reason)
        self.assertEqual(self.spoken.real.lost_for, [reason])

    def test_it_is_an_endpoint(self):
        endpoint = TunnelEndpoint(FakeEndpoint(), greeting)
        self.assertTrue(verifyObject(IStreamClientEndpoint, endpoint))
