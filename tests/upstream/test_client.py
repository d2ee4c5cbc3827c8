"""One try, in memory: names, limits of time, and what cancelling does."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.boundaries import Answer, Budget, Validators
from streamr.errors import Fault
from streamr.upstream.classify import JSON
from streamr.upstream.client import Client
from streamr.upstream.connection import Connection
from streamr.upstream.dial import addresses
from streamr.upstream.dial.dialer import Dialer
from streamr.upstream.dial.tls import MODERN, ProfilePolicy
from streamr.upstream.resolve.book import AddressBook
from streamr.upstream.resolve.pins import PinnedResolver
from streamr.upstream.url import split
from tests.follower import Follower
from tests.support import head
from tests.upstream.dial.test_race import Granting

BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=8.0)
URL = "http://api.test.invalid/3/movie/550"
SECURE_URL = "https://api.test.invalid/3/movie/550"
# Made once: a context with the platform's roots costs some ten milliseconds.
POLICY = ProfilePolicy(MODERN)


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
        self.doubted: list[str] = []
        self.finish: Callable[[], None] = lambda: None
        self.addresses: list[Any] | None = [IPv4Address("TCP", "192.0.2.1", 80)]

    def doubt(self, host: str) -> None:
        self.doubted.append(host)

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


def client_over(
    reactor: Any,
    resolver: Any,
    policy: ProfilePolicy | None,
    places: Any = None,
    family: str = "auto",
    **more: Any,
) -> Client:
    """A client that looks names up in a resolver, pinned or not."""
    if not isinstance(resolver, PinnedResolver):
        resolver = PinnedResolver(resolver, {}, family)
    looked_up = addresses.HostAddresses(
        resolver, AddressBook(reactor), "system", family
    )
    return Client(reactor, Dialer(reactor, looked_up, policy), places, **more)


class ClientCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.resolver = FakeResolver()
        self.client = client_over(self.reactor, self.resolver, None)

    def get(self) -> Deferred[Answer]:
        return self.client.get(
            URL, {}, BUDGET, new_connection=False, progress=Follower()
        )

    def connect(self) -> tuple[Any, StringTransport]:
        """TCP stands: the protocol that reads, and the transport it writes to."""
        factory = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        transport = AbortableTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def cause(self, asking: Deferred[Answer]) -> str:
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

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Twisted's HTTP asks for it over TLS, too."""


class TLSCase(ClientCase):
    """A client that has a TLS profile and may race connections."""

    def setUp(self) -> None:
        super().setUp()
        self.fast(1024.0)

    def fast(self, now: float) -> None:
        """A new client, at a given time."""
        self.reactor = MemoryReactorClock()
        self.reactor.advance(now)
        self.places = Granting()
        self.client = client_over(self.reactor, self.resolver, POLICY, self.places)

    def get_secure(self) -> Deferred[Answer]:
        return self.client.get(
            SECURE_URL, {}, BUDGET, new_connection=False, progress=Follower()
        )

    def lost(self, ended: Exception) -> None:
        """A handshake that ends so."""
        asking = self.get_secure()
        count = 1 + (15 - self.places.free)
        for _, _, factory, _, _ in self.reactor.tcpClients[-count:]:
            protocol = factory.buildProtocol(None)
            protocol.makeConnection(AbortableTransport())
            protocol.connectionLost(Failure(ended))
        self.failureResultOf(asking, Fault)

    def good(self) -> None:
        """A request that ends well; which connection carried it makes no odds."""
        asking = self.client.get(
            URL, {}, BUDGET, new_connection=True, progress=Follower()
        )
        protocol, _ = self.connect()
        protocol.dataReceived(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
        )
        self.successResultOf(asking)

    def connections(self, url: str = SECURE_URL) -> int:
        """How many connections the next request begins; it is left again."""
        before = len(self.reactor.tcpClients)
        asking = self.client.get(
            url, {}, BUDGET, new_connection=True, progress=Follower()
        )
        begun = len(self.reactor.tcpClients) - before
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        return begun


class Held(TLSCase):
    """A connection that stands, and waits for its turn to begin with TLS."""

    def waits(self, *, fresh: bool = False) -> tuple[Deferred[Answer], Any]:
        """A request on such a connection, and its transport."""
        asking = self.client.get(
            SECURE_URL, {}, BUDGET, new_connection=fresh, progress=Follower()
        )
        # a hello of the same route is on its way
        self.client.line.greet(self.reactor.seconds(), self.client)
        _, transport = self.connect()
        return asking, transport

    def idle(self) -> Any:
        """Another connection of the client becomes idle."""
        origin, pool = split(SECURE_URL)[0], self.client._pool
        made = Connection(origin.key, pool.put, pool.forget)
        made.makeConnection(AbortableTransport())
        pool.put(made)
        return made

    def test_one_that_becomes_idle_is_used_instead(self) -> None:
        asking, transport = self.waits()
        idle = self.idle()
        self.assertIn(b"GET ", idle.transport.value())
        self.assertTrue(transport.aborted)
        idle.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        self.assertEqual(self.successResultOf(asking).body, b"{}")

    def test_so_is_one_that_has_become_idle_meanwhile(self) -> None:
        asking = self.get_secure()
        idle = self.idle()
        self.assertEqual(idle.transport.value(), b"")
        self.client.line.greet(self.reactor.seconds(), self.client)
        _, transport = self.connect()
        self.reactor.advance(0)
        self.assertIn(b"GET ", idle.transport.value())
        self.assertTrue(transport.aborted)
        idle.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        self.assertEqual(self.successResultOf(asking).body, b"{}")

    def test_but_not_by_a_fresh_request(self) -> None:
        _, transport = self.waits(fresh=True)
        self.assertEqual(self.idle().transport.value(), b"")
        self.assertFalse(transport.aborted)

    def test_nor_by_one_that_only_waits_for_the_other_side(self) -> None:
        self.get_secure()
        self.assertEqual(self.idle().transport.value(), b"")
        self.connect()
        self.assertEqual(self.idle().transport.value(), b"")

    def test_who_leaves_takes_none(self) -> None:
        asking, _ = self.waits()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual(self.idle().transport.value(), b"")


class Racing(TLSCase):
    """Connections are raced where handshakes are reset at random, and only there."""

    def test_without_evidence_one_connects_alone(self) -> None:
        for now in (0.0, 1.0, 59.0, 60.0, 61.0, 1e6):
            self.fast(now)
            self.assertEqual(self.connections(), 1, now)

    def test_good_answers_or_resets_alone_are_no_evidence(self) -> None:
        self.good()
        self.assertEqual(self.connections(), 1)
        self.fast(1024.0)
        self.lost(ConnectionLost())
        self.assertEqual(self.connections(), 1)

    def test_a_reset_or_a_fin_beside_a_good_answer_is(self) -> None:
        for ended in (ConnectionLost(), ConnectionDone()):
            for first in (True, False):
                self.fast(0.0)
                if first:
                    self.good()
                self.lost(ended)
                if not first:
                    self.good()
                self.assertEqual(self.connections(), 3, (ended, first))
                self.assertEqual(self.places.free, 15)

    def test_another_fault_is_not(self) -> None:
        self.good()
        asking = self.get_secure()
        self.reactor.advance(1.3)
        self.assertEqual(self.cause(asking), "connection_timeout")
        asking = self.get()
        protocol, _ = self.connect()
        protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.cause(asking), "connection_terminated")
        self.assertEqual(self.connections(), 1)

    def test_the_evidence_holds_for_a_minute_from_the_older_of_the_two(self) -> None:
        for older, younger in ((self.good, self.reset), (self.reset, self.good)):
            self.fast(1024.0)
            older()
            self.reactor.advance(30.0)
            younger()
            self.reactor.advance(30.0 - 1 / 64)
            self.assertEqual(self.connections(), 3)
            self.reactor.advance(1 / 64)
            self.assertEqual(self.connections(), 1)

    def reset(self) -> None:
        self.lost(ConnectionLost())

    def test_without_tls_there_is_no_race(self) -> None:
        self.good()
        self.reset()
        self.assertEqual(self.connections(URL), 1)

    def test_who_was_given_no_places_never_races(self) -> None:
        self.client = client_over(self.reactor, self.resolver, POLICY)
        self.good()
        self.reset()
        self.assertEqual(self.connections(), 1)

    def test_a_race_takes_no_more_places_than_there_are(self) -> None:
        self.good()
        self.reset()
        self.places.free = 1
        self.assertEqual(self.connections(), 2)


class Secure(TLSCase):
    """https goes over the profile, or nowhere."""

    def test_the_first_bytes_are_a_hello(self) -> None:
        self.get_secure().addErrback(lambda _failure: None)
        self.assertEqual(self.reactor.tcpClients[-1][1], 443)
        _, transport = self.connect()
        self.assertEqual(transport.value()[:2], b"\x16\x03")
        self.assertIn(b"api.test.invalid", transport.value())
        self.assertNotIn(b"GET", transport.value())

    def test_each_end_of_a_handshake_has_its_cause(self) -> None:
        for come, ended, cause in (
            (b"", ConnectionLost(), "tls_reset"),
            (b"", ConnectionDone(), "tls_closed"),
            (b"HTTP/1.1 403 Forbidden\r\n\r\n", None, "tls_not_tls"),
            (b"\x15\x03\x03\x00\x02\x02\x28", None, "tls_alert_received"),
            (b"\x15\x03\x03\x00\x02\x02\x46", None, "tls_protocol_error"),
        ):
            asking = self.get_secure()
            protocol, _ = self.connect()
            if come:
                protocol.dataReceived(come)
            protocol.connectionLost(Failure(ended or ConnectionDone()))
            self.assertEqual(self.cause(asking), cause, (come, ended))

    def test_silence_in_the_handshake_counts_from_the_last_that_was_heard(
        self,
    ) -> None:
        asking = self.get_secure()
        self.reactor.advance(1.0)
        protocol, transport = self.connect()
        self.reactor.advance(1.1)
        # the beginning of a record of TLS
        protocol.dataReceived(b"\x16\x03\x03\x01")
        self.reactor.advance(1.2 - 1 / 64)
        self.assertNoResult(asking)
        self.reactor.advance(1 / 64)
        self.assertEqual(self.cause(asking), "tls_timeout")
        self.assertTrue(transport.aborted)

    def test_a_handshake_that_drips_ends_with_the_share_of_its_time(self) -> None:
        asking = self.get_secure()
        protocol, transport = self.connect()
        protocol.dataReceived(b"\x16\x03\x03\x10\x00")
        for _ in range(100):
            self.reactor.advance(0.125)
            if not transport.aborted:
                protocol.dataReceived(b"\x00")
        self.assertEqual(self.cause(asking), "tls_timeout")
        self.assertLessEqual(self.reactor.seconds(), 1024.0 + 100 * 0.125)

    def test_without_a_profile_nothing_leaves(self) -> None:
        self.client = client_over(self.reactor, self.resolver, None)
        asking = maybeDeferred(self.get_secure)
        self.assertEqual(self.cause(asking), "proxy_internal_error")
        self.assertEqual(self.reactor.tcpClients, [])


class Addresses(ClientCase):
    """Where the bytes of one name may go."""

    def test_the_next_address_is_tried_a_twentieth_of_a_second_later(self) -> None:
        self.resolver.addresses = [
            IPv4Address("TCP", "192.0.2.1", 80),
            IPv4Address("TCP", "192.0.2.2", 80),
        ]
        self.get()
        self.reactor.advance(0.05 - 1 / 1024)
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.reactor.advance(1 / 1024)
        tried = [each[0] for each in self.reactor.tcpClients]
        self.assertEqual(tried, ["192.0.2.1", "192.0.2.2"])


class Asking(ClientCase):
    """What leaves, and who hears of what comes."""

    def test_the_headers_go_out_as_they_were_given(self) -> None:
        given = {"Accept": "application/json", "X-Request-Id": "req-1"}
        self.client.get(
            f"{URL}?a=b%20c", given, BUDGET, new_connection=False, progress=Follower()
        )
        _, transport = self.connect()
        line, *lines = transport.value().rstrip().decode().split("\r\n")
        self.assertEqual(line, "GET /3/movie/550?a=b%20c HTTP/1.1")
        sent = [tuple(each.split(": ", 1)) for each in lines]
        names = [name.lower() for name, _ in sent]
        self.assertEqual(len(names), len(set(names)))
        for name, value in given.items():
            self.assertIn((name, value), sent)
        self.assertIn(("Host", "api.test.invalid"), sent)
        self.assertIn(("Accept-Encoding", "gzip"), sent)
        self.assertLessEqual(
            set(names),
            {"accept", "x-request-id", "host", "accept-encoding", "connection"},
        )

    def test_the_first_sign_of_life_is_the_head_and_it_is_told_once(self) -> None:
        follower = Follower(self.reactor.seconds)
        heard = follower.heard_at
        self.client.get(URL, {}, BUDGET, new_connection=False, progress=follower)
        protocol, _ = self.connect()
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n")
        self.assertEqual(heard, [])
        self.reactor.advance(0.5)
        protocol.dataReceived(b"\r\n")
        self.assertEqual(heard, [0.5])
        protocol.dataReceived(b"{")
        protocol.dataReceived(b"}  ")
        self.assertEqual(heard, [0.5])

    def test_a_body_may_take_longer_than_the_first_byte(self) -> None:
        asking = self.get()
        protocol, _ = self.connect()
        self.reactor.advance(2.9)
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{")
        self.reactor.advance(1.9)
        protocol.dataReceived(b" ")
        self.reactor.advance(1.9)
        protocol.dataReceived(b"}")
        self.assertEqual(self.successResultOf(asking).body, b"{ }")


class Fields(ClientCase):
    """What is read of a head."""

    def reply(self, *lines: bytes, body: bytes = b"{}") -> Answer:
        asking = self.answered(*lines, body=body)
        reply: Answer = self.successResultOf(asking)
        return reply

    def answered(self, *lines: bytes, body: bytes) -> Deferred[Answer]:
        asking = self.client.get(
            URL, {}, BUDGET, new_connection=True, progress=Follower()
        )
        protocol, _ = self.connect()
        length = b"Content-Length: %d" % len(body)
        came = b"\r\n".join((b"HTTP/1.1 200 OK", length, *lines))
        protocol.dataReceived(came + b"\r\n\r\n" + body)
        return asking

    def test_a_bare_head(self) -> None:
        self.assertEqual(self.reply(), replace(head(200, JSON), body=b"{}"))

    def test_each_field_finds_its_place(self) -> None:
        came = self.reply(
            b"content-type: application/json",
            b"cache-control: max-age=9",
            b"retry-after: 7",
            b"proxy-status: a;ms=1",
            b"proxy-status: b;ms=2",
            b"age: 42",
            b"date: Mon, 02 Jan 2023 00:00:00 GMT",
            b"expires: Mon, 02 Jan 2023 00:01:00 GMT",
            b"vary: Origin",
            b'etag: W/"x"',
            b"last-modified: Sun, 01 Jan 2023 00:00:00 GMT",
        )
        self.assertEqual(
            replace(came, body=b""),
            head(
                200,
                content_type="application/json",
                cache_control="max-age=9",
                retry_after="7",
                proxy_status="a;ms=1, b;ms=2",
                age=42.0,
                date="Mon, 02 Jan 2023 00:00:00 GMT",
                expires="Mon, 02 Jan 2023 00:01:00 GMT",
                vary="Origin",
                etag='W/"x"',
                last_modified="Sun, 01 Jan 2023 00:00:00 GMT",
            ),
        )

    def test_the_first_of_two_lines_counts_where_there_may_be_one(self) -> None:
        came = self.reply(b"Retry-After: 7", b"Retry-After: 9")
        self.assertEqual(came.retry_after, "7")

    def test_one_value_is_read_as_far_as_two_hundred_characters(self) -> None:
        for size, kept in ((199, 199), (200, 200), (201, 200)):
            came = self.reply(b"ETag: " + b"x" * size)
            self.assertEqual(came.validators, Validators("x" * kept, None), size)

    def test_an_age_that_makes_no_sense_is_none(self) -> None:
        for field, age in (
            (b"0", 0),
            (b"7", 7),
            (b"999999999", 999_999_999),
            (b"1000000000", 0),
            (b"-1", 0),
            (b"1.5", 0),
            (b"nan", 0),
            (b"1e3", 0),
            (b"", 0),
            (b"7, 9", 0),
        ):
            self.assertEqual(self.reply(b"Age: " + field).age, age, field)

    def test_gzip_is_opened_and_kept_as_it_came(self) -> None:
        came = gzip.compress(b'{"id":550}')
        reply = self.reply(b"Content-Encoding: gzip", body=came)
        self.assertEqual((reply.body, reply.gzipped), (b'{"id":550}', came))

    def test_broken_gzip_is_a_fault_not_an_empty_body(self) -> None:
        came = gzip.compress(b'{"id":550}')[:-4]
        asking = self.answered(b"Content-Encoding: gzip", body=came)
        self.assertEqual(self.cause(asking), "http_response_content_coding")

    def test_two_codings_are_read_together(self) -> None:
        body = gzip.compress(b"{}")
        for lines in (
            (b"Content-Encoding: gzip", b"Content-Encoding: br"),
            (b"Content-Encoding: br",),
        ):
            asking = self.answered(*lines, body=body)
            self.assertEqual(self.cause(asking), "http_response_content_coding", lines)

    def test_a_body_without_a_length_has_no_certain_end(self) -> None:
        asking = self.get()
        protocol, _ = self.connect()
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n{}")
        self.assertNoResult(asking)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(self.successResultOf(asking).certain)


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
        self.client = client_over(self.reactor, resolver, None)
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
        self.assertEqual((reply.status, reply.body), (429, b"{}"))
        self.assertEqual(reply.retry_after, "7")
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
            came = self.successResultOf(asking)
            self.assertEqual(str(came.cache_control).split(", ")[-1], "no-store")
            self.assertEqual(came.vary, "Origin, *")

    def test_a_stalled_body_closes_the_connection(self) -> None:
        asking = self.get()
        protocol, transport = self.connect()
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        self.reactor.advance(2.1)
        self.assertEqual(self.cause(asking), "http_response_timeout")
        self.assertTrue(transport.aborted)

    def test_leaving_closes_the_connection_in_every_phase(self) -> None:
        for came in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n{"):
            asking = self.get()
            protocol, transport = self.connect()
            if came:
                protocol.dataReceived(came)
            asking.cancel()
            self.failureResultOf(asking, CancelledError)
            self.assertTrue(transport.aborted, came)

    def test_a_redirect_is_not_followed(self) -> None:
        asking = self.get()
        protocol, _ = self.connect()
        protocol.dataReceived(
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
            b"Location: http://portal.test.invalid/\r\n\r\n"
        )
        self.assertEqual(self.successResultOf(asking).status, 302)
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
        self.client.get(URL, {}, BUDGET, new_connection=True, progress=Follower())
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_as_many_are_kept_as_may_be_in_use_at_once(self) -> None:
        self.client = client_over(self.reactor, self.resolver, None, most_idle=9)
        protocols: list[Any] = []
        for _ in range(2):
            asked = [self.get() for _ in range(9)]
            for protocol in protocols or self._all_connected(protocols):
                self.ok(protocol)
            for each in asked:
                self.successResultOf(each)
        self.assertEqual(len(self.reactor.tcpClients), 9)

    def _all_connected(self, protocols: list[Any]) -> list[Any]:
        for _host, _port, factory, *_rest in self.reactor.tcpClients:
            protocols.append(factory.buildProtocol(None))
            protocols[-1].makeConnection(AbortableTransport())
        return protocols

    def test_closing_the_client_closes_what_is_idle(self) -> None:
        protocol, transport = self.answered()
        closing = self.client.close()
        self.assertNoResult(closing)
        self.assertTrue(transport.disconnecting)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(closing)

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


class Cost(ClientCase):
    """What a request does, so that its price cannot rise unnoticed."""

    # Functions that are entered, Twisted's and treq's too, between the question and
    # its answer over a connection that was kept; 504 with Twisted's own HTTP client.
    MOST_CALLS = 255

    def test_python_calls_of_a_request(self) -> None:
        asking = self.get()
        protocol, _ = self.connect()
        body = gzip.compress(b"{}")
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body) + (
            b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
            b'Cache-Control: public, max-age=300\r\nETag: W/"x"\r\n'
            b"Date: Mon, 02 Jan 2023 00:00:00 GMT\r\nVary: Accept-Encoding\r\n\r\n"
        )
        protocol.dataReceived(raw + body)
        self.successResultOf(asking)
        calls: list[str] = []

        def count(frame: Any, event: str, _argument: Any) -> None:
            if event == "call":
                calls.append(frame.f_code.co_qualname)

        sys.setprofile(count)
        try:
            asking = self.get()
            protocol.dataReceived(raw + body)
        finally:
            sys.setprofile(None)
        self.successResultOf(asking)
        sys.stdout.write(f"{len(calls)} Python calls ... ")
        self.assertLessEqual(len(calls), self.MOST_CALLS, calls)
