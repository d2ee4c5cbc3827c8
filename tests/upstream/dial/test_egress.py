"""An outbound proxy: which handshake it gets, and what not reaching it is."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    TimeoutError,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from streamr.boundaries import Egress
from streamr.errors import Fault
from streamr.upstream.dial.egress import through
from streamr.upstream.dial.tls import TLSError
from tests.upstream.dial.tunnels import FakeEndpoint, Real

NAME = "api.themoviedb.org"


def proxy(scheme: str, user: str | None = None) -> Egress:
    return Egress("one", scheme, "proxy.example", 1, user, user and "secret")


class Through(SynchronousTestCase):
    """through."""

    def connect(self, egress: Egress) -> FakeEndpoint:
        endpoint = FakeEndpoint()
        made = through(egress, endpoint, NAME, 443)
        self.assertTrue(verifyObject(IStreamClientEndpoint, made))
        self.opening: Deferred[Any] = made.connect(Factory.forProtocol(Real))
        return endpoint

    def told(self) -> str:
        return str(self.failureResultOf(self.opening, Fault).value)

    def test_each_scheme_has_its_handshake(self):
        for scheme, begins in (
            ("http", b"CONNECT api.themoviedb.org:443 "),
            ("https", b"CONNECT api.themoviedb.org:443 "),
            ("socks5", b"\x05\x01\x00"),
        ):
            endpoint = self.connect(proxy(scheme))
            endpoint.made()
            self.assertTrue(endpoint.transport.value().startswith(begins))

    def test_user_and_password_go_to_the_proxy(self):
        for scheme, said in (
            ("http", b"Basic YW5uYTpzZWNyZXQ="),
            ("https", b"Basic YW5uYTpzZWNyZXQ="),
            ("socks5", b"\x01\x04anna\x06secret"),
        ):
            endpoint = self.connect(proxy(scheme, "anna"))
            endpoint.made()
            if scheme == "socks5":
                endpoint.protocol.dataReceived(b"\x05\x02")
            self.assertIn(said, endpoint.transport.value())

    def test_a_proxy_that_cannot_be_reached_says_why(self):
        for reason, told in (
            (ConnectionRefusedError(), "connection_refused"),
            (TimeoutError(), "connection_timeout"),
            (DNSLookupError(), "dns_error: no address for the name"),
            (
                ConnectError(errno.EHOSTUNREACH),
                "destination_ip_unroutable: EHOSTUNREACH",
            ),
            (Fault("tls_reset", "after 9 bytes"), "tls_reset: after 9 bytes"),
        ):
            self.connect(proxy("http")).result.errback(reason)
            self.assertEqual(self.told(), f"egress_unreachable: {told}")

    def test_so_does_one_whose_tls_handshake_fails(self):
        refused = TLSError([("SSL routines", "", "certificate verify failed")])
        for reason, told in (
            (ConnectionLost(), "connection_terminated: reset"),
            (ConnectionDone(), "connection_terminated: closed"),
            (refused, "tls_certificate_error: certificate verify failed"),
        ):
            self.connect(proxy("https")).made().connectionLost(Failure(reason))
            self.assertEqual(self.told(), f"egress_unreachable: {told}")

    def test_what_this_machine_lacks_is_not_the_proxys_fault(self):
        self.connect(proxy("http")).result.errback(ConnectError(errno.EMFILE))
        self.assertEqual(self.told(), "sockets_exhausted: EMFILE")

    def test_what_the_proxy_answers_stays_what_it_is(self):
        self.connect(proxy("http")).made().dataReceived(b"HTTP/1.1 403 No\r\n\r\n")
        self.assertEqual(self.told(), "egress_denied: status 403")

    def test_cancelling_stays_cancelling(self):
        for connected in (False, True):
            endpoint = self.connect(proxy("socks5"))
            if connected:
                endpoint.made()
            self.opening.cancel()
            self.failureResultOf(self.opening, CancelledError)
            self.assertEqual(endpoint.cancelled, not connected)
            self.assertEqual(endpoint.transport.aborted, connected)
