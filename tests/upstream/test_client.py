"""One try, in memory: names, limits of time, and what cancelling does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.boundaries import Budget
from streamr.errors import Fault
from streamr.upstream.client import Client, Reply
from streamr.upstream.resolve.pins import PinnedResolver

BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=8.0)
URL = "http://api.test.invalid/3/movie/550"


@implementer(IHostResolution)
class Resolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """A lookup in a thread cannot be stopped either."""


@implementer(IHostnameResolver)
class FakeResolver:
    """Answers when the test says so; remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.finish: Callable[[], None] = lambda: None
        self.addresses: list[Any] | None = [IPv4Address("TCP", "192.0.2.1", 80)]

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        self.asked.append((hostName, addressTypes))
        resolution = Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)

        def finish() -> None:
            for address in self.addresses or ():
                resolutionReceiver.addressResolved(address)
            resolutionReceiver.resolutionComplete()

        self.finish = finish
        if self.addresses is not None:
            finish()
        return resolution


class ClientCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.resolver = FakeResolver()
        self.client = Client(self.reactor, self.resolver, None)

    def get(self) -> Deferred[Reply]:
        return self.client.get(URL, {}, BUDGET, fresh=False)

    def connect(self) -> tuple[Any, StringTransport]:
        """TCP stands: the protocol that reads, and the transport it writes to."""
        factory = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        transport = AbortableTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def cause(self, asking: Deferred[Reply]) -> str:
        fault = self.failureResultOf(asking, Fault).value
        return str(fault.cause.name)

    def no_timer_is_left(self) -> None:
        self.assertEqual(
            [each for each in self.reactor.getDelayedCalls() if each.active()], []
        )


class AbortableTransport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Names(ClientCase):
    def test_the_fake_resolver_is_one(self) -> None:
        verifyObject(IHostnameResolver, FakeResolver())
        verifyObject(IHostnameResolver, PinnedResolver(self.resolver, {}, "auto"))

    def test_a_name_without_addresses_is_a_dns_error(self) -> None:
        self.resolver.addresses = []
        self.assertEqual(self.cause(self.get()), "dns_error")
        self.no_timer_is_left()

    def test_a_silent_resolver_is_a_dns_timeout(self) -> None:
        self.resolver.addresses = None
        asking = self.get()
        self.reactor.advance(1.1)
        self.assertNoResult(asking)
        self.reactor.advance(0.2)
        self.assertEqual(self.cause(asking), "dns_timeout")

    def test_a_late_answer_of_the_resolver_changes_nothing(self) -> None:
        self.resolver.addresses = None
        asking = self.get()
        self.reactor.advance(1.3)
        self.assertEqual(self.cause(asking), "dns_timeout")
        self.resolver.addresses = [IPv4Address("TCP", "192.0.2.1", 80)]
        self.resolver.finish()
        self.assertEqual(self.reactor.tcpClients, [])

    def test_leaving_during_the_lookup_is_no_name_error(self) -> None:
        self.resolver.addresses = None
        asking = self.get()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.no_timer_is_left()


class Pins(ClientCase):
    def resolve(self, pins: dict[str, Any], family: str = "auto") -> PinnedResolver:
        resolver = PinnedResolver(self.resolver, pins, family)
        self.client = Client(self.reactor, resolver, None)
        return resolver

    def test_a_pin_sends_the_bytes_elsewhere_without_asking(self) -> None:
        self.resolve({"api.test.invalid": (("127.0.0.1", 8443),)})
        self.get()
        host, port = self.reactor.tcpClients[-1][:2]
        self.assertEqual((host, port), ("127.0.0.1", 8443))
        self.assertEqual(self.resolver.asked, [])

    def test_a_pin_without_a_port_keeps_the_urls_port(self) -> None:
        self.resolve({"api.test.invalid": (("127.0.0.1", None),)})
        self.get()
        self.assertEqual(self.reactor.tcpClients[-1][1], 80)

    def test_other_names_are_resolved(self) -> None:
        self.resolve({"other.test.invalid": (("127.0.0.1", 1),)})
        self.get()
        self.assertEqual(self.resolver.asked, [("api.test.invalid", None)])

    def test_the_family_is_asked_of_the_resolver(self) -> None:
        for family, kind in (("ipv4", IPv4Address), ("ipv6", IPv6Address)):
            self.resolve({}, family)
            self.get()
            self.assertEqual(self.resolver.asked[-1][1], (kind,))


class Phases(ClientCase):
    def test_no_answer_to_tcp_is_a_connection_timeout(self) -> None:
        asking = self.get()
        self.reactor.advance(1.3)
        self.assertEqual(self.cause(asking), "connection_timeout")

    def test_silence_after_the_request_is_a_response_timeout(self) -> None:
        asking = self.get()
        self.reactor.advance(1.0)
        _, transport = self.connect()
        self.assertIn(b"GET /3/movie/550 HTTP/1.1\r\n", transport.value())
        self.reactor.advance(2.9)
        self.assertNoResult(asking)
        self.reactor.advance(0.2)
        self.assertEqual(self.cause(asking), "http_response_timeout")
        self.assertTrue(transport.aborted)

    def test_a_reply_comes_with_its_head_and_body(self) -> None:
        asking = self.get()
        protocol, _ = self.connect()
        protocol.dataReceived(
            b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n"
            b"Content-Type: application/json\r\nRetry-After: 7\r\n\r\n{}"
        )
        reply = self.successResultOf(asking)
        self.assertEqual((reply.head.status, reply.body), (429, b"{}"))
        self.assertEqual(reply.head.retry_after, "7")
        self.assertTrue(reply.certain)

    def test_a_list_is_read_to_its_end_on_however_many_lines_it_came(self) -> None:
        # RFC 9110, 5.3: a CDN adds its own line, and the no-store may be the last word
        for lines in (
            b"Cache-Control: public, max-age=300\r\nCache-Control: no-store\r\n",
            b"Cache-Control: " + b"x=1, " * 60 + b"no-store\r\n",
        ):
            asking = self.get()
            protocol, _ = self.connect()
            protocol.dataReceived(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n"
                b"Vary: Origin\r\nVary: *\r\n" + lines + b"\r\n{}"
            )
            head = self.successResultOf(asking).head
            self.assertEqual(str(head.cache_control).split(", ")[-1], "no-store")
            self.assertEqual(head.vary, "Origin, *")

    def test_a_stalled_body_closes_the_connection(self) -> None:
        asking = self.get()
        protocol, transport = self.connect()
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        self.reactor.advance(2.1)
        self.assertEqual(self.cause(asking), "http_response_timeout")
        self.assertTrue(transport.aborted)

    def test_leaving_closes_the_connection_in_every_phase(self) -> None:
        for head in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n{"):
            asking = self.get()
            protocol, transport = self.connect()
            if head:
                protocol.dataReceived(head)
            asking.cancel()
            self.failureResultOf(asking, CancelledError)
            self.assertTrue(transport.aborted, head)

    def test_a_redirect_is_not_followed(self) -> None:
        asking = self.get()
        protocol, _ = self.connect()
        protocol.dataReceived(
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
            b"Location: http://portal.test.invalid/\r\n\r\n"
        )
        self.assertEqual(self.successResultOf(asking).head.status, 302)
        self.assertEqual(len(self.reactor.tcpClients), 1)


class KeptAlive(ClientCase):
    def answered(self) -> tuple[Any, StringTransport]:
        """A first request that leaves its connection in the pool."""
        asking = self.get()
        protocol, transport = self.connect()
        self.ok(protocol)
        self.successResultOf(asking)
        transport.clear()
        return protocol, transport

    def ok(self, protocol: Any) -> None:
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def test_the_next_request_uses_the_connection_again(self) -> None:
        protocol, transport = self.answered()
        asking = self.get()
        self.assertIn(b"GET /3/movie/550", transport.value())
        self.ok(protocol)
        self.successResultOf(asking)
        self.assertEqual(len(self.reactor.tcpClients), 1)

    def test_a_fresh_request_does_not(self) -> None:
        self.answered()
        self.client.get(URL, {}, BUDGET, fresh=True)
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_time_is_kept_on_a_connection_used_again(self) -> None:
        _, transport = self.answered()
        asking = self.get()
        self.reactor.advance(3.1)
        self.assertEqual(self.cause(asking), "http_response_timeout")
        self.assertTrue(transport.aborted)

    def test_a_stalled_body_on_a_connection_used_again_is_closed(self) -> None:
        protocol, transport = self.answered()
        asking = self.get()
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        self.reactor.advance(2.1)
        self.assertEqual(self.cause(asking), "http_response_timeout")
        self.assertTrue(transport.aborted)

    def test_no_cookie_is_kept(self) -> None:
        asking = self.get()
        protocol, transport = self.connect()
        protocol.dataReceived(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}"
        )
        self.successResultOf(asking)
        transport.clear()
        self.get()
        self.assertNotIn(b"ookie", transport.value())
