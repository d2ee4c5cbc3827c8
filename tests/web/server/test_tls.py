"""A server behind TLS: what it shows, what it speaks, and how its connections end.

Python's own ssl is the caller, in memory: an independent reader of the same protocol.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from OpenSSL import SSL, crypto
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from streamr.errors import SettingsError
from streamr.net.doors import NAMES
from streamr.net.keypins import first_certificate, pin_of
from streamr.web.api.surface import Surface
from streamr.web.page import Page
from streamr.web.router import Row
from streamr.web.server.authority import (
    LEAF_DAYS,
    RENEWED_BEFORE,
    new_authority,
    read_authority,
)
from streamr.web.server.certificates import self_signed
from streamr.web.server.channel import (
    HEAD_SECONDS,
    IDLE_SECONDS,
    LINGER_SECONDS,
    PIECE,
    QUIET_SECONDS,
    WRITE_SECONDS,
)
from streamr.web.server.limits import MOST_TOLD, Limits
from streamr.web.server.site import LOOK_EVERY
from streamr.web.server.tls import DoorTLS, ServerTLS, over
from tests.web.api.test_resource import ANSWER, SurfaceCase, Transport

HEALTH = b"GET /api/health HTTP/1.1\r\nHost: a\r\n\r\n"
WAITS = b"GET /3/movie/550 HTTP/1.1\r\nHost: a\r\n\r\n"
HUGE = b"y" * (20 * PIECE)


def trusting(pem: bytes, *protocols: str) -> ssl.SSLContext:
    """A caller that trusts one certificate, and offers these protocols above TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=pem.decode())
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


class TCP(Transport):
    """A connection of TCP's, as far as TLS asks for more than a plain one has."""

    producer: Any

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled


class Caller:
    """One connection to the server, whose bytes the test carries to and fro."""

    def __init__(
        self,
        case: Case,
        context: ssl.SSLContext,
        peer: str,
        session: Any = None,
        name: str | None = None,
    ) -> None:
        self.transport = TCP(peerAddress=IPv4Address("TCP", peer, 40000))
        self.server: Any = case.secure.buildProtocol(self.transport.getPeer())
        self.clock = case.clock
        self.took = 0
        self.heard = b""
        self.ended = False
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, session=session, server_hostname=name
        )
        self.server.makeConnection(self.transport)

    @property
    def channel(self) -> Any:
        return self.server.wrappedProtocol

    def shake(self) -> Caller:
        """The handshake, from its first byte to its last."""
        for _ in range(4):
            self.take()
            with contextlib.suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
            self.give()
        self.hear()
        return self

    def say(self, data: bytes) -> Caller:
        self.tls.write(data)
        self.give()
        self.hear()
        return self

    def give(self) -> None:
        """What the caller has written reaches the server."""
        data = self.outgoing.read()
        if data:
            self.server.dataReceived(data)
        self.clock.advance(0)

    def hear(self) -> None:
        """What the server has sent reaches the caller."""
        self.take()
        with contextlib.suppress(ssl.SSLWantReadError):
            while piece := self.tls.read(65536):
                self.heard += piece
            # no more comes: the server has said so
            self.ended = True

    def take(self) -> None:
        value = self.transport.value()
        self.incoming.write(value[self.took :])
        self.took = len(value)

    @property
    def statuses(self) -> list[int]:
        return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d+) ", self.heard)]


class Case(SurfaceCase):
    """Main's surface behind TLS, with a certificate that signs itself."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.cert, self.key = (Path(directory.name, each) for each in ("c", "k"))
        self.write()
        self.tls = ServerTLS(self.cert, self.key)
        super().setUp()
        self.secure: Any = over(self.tls, self.site, self.clock)

    def more_rows(self) -> list[Row]:
        return [Row("/huge", lambda _visit: Page(200, HUGE, ()))]

    def write(self) -> None:
        """A new certificate with a new key into the files."""
        certificate, key = self_signed(datetime.now(UTC))
        self.cert.write_bytes(certificate)
        self.key.write_bytes(key)

    def connected(
        self, context: ssl.SSLContext | None = None, peer: str = "192.0.2.1"
    ) -> Caller:
        found = Caller(self, context or trusting(self.cert.read_bytes()), peer)
        found.channel.site = self.site
        return found

    def wait(self, seconds: float) -> None:
        self.clock.pump([LOOK_EVERY] * int(seconds / LOOK_EVERY))


class Speaking(Case):
    """What goes over it."""

    def test_requests_are_answered_as_ever(self) -> None:
        caller = self.connected().shake().say(HEALTH + HEALTH)
        self.assertEqual(caller.statuses, [200, 200])
        caller.say(WAITS)
        self.route.succeeds(ANSWER)
        caller.hear()
        self.assertEqual(caller.statuses, [200, 200, 200])

    def test_the_callers_address_is_known(self) -> None:
        self.assertEqual(self.connected(peer="192.0.2.9").channel.peer, "192.0.2.9")

    def test_http_1_1_is_agreed_on_and_nothing_else_ever(self) -> None:
        for offered, agreed in (
            (("h2", "http/1.1"), "http/1.1"),
            (("http/1.1",), "http/1.1"),
            (("h2",), None),
            ((), None),
        ):
            context = trusting(self.cert.read_bytes(), *offered)
            caller = self.connected(context).shake().say(HEALTH)
            self.assertEqual(caller.tls.selected_alpn_protocol(), agreed)
            self.assertEqual(caller.statuses, [200])

    def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(self) -> None:
        for version, good in (
            (ssl.TLSVersion.TLSv1_3, True),
            (ssl.TLSVersion.TLSv1_2, True),
            (ssl.TLSVersion.TLSv1_1, False),
        ):
            context = trusting(self.cert.read_bytes())
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = version
            # OpenSSL by itself would not even offer what is older
            context.set_ciphers("ALL:@SECLEVEL=0")
            caller = self.connected(context)
            if good:
                self.assertEqual(caller.shake().say(HEALTH).statuses, [200])
            else:
                self.assertRaises(ssl.SSLError, caller.shake)

    def test_tls_1_2_has_ciphers_that_keep_a_secret_forward_only(self) -> None:
        for cipher in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"):
            context = trusting(self.cert.read_bytes())
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(cipher)
            self.assertRaises(ssl.SSLError, self.connected(context).shake)

    def test_no_session_is_ever_resumed(self) -> None:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting(self.cert.read_bytes())
            context.maximum_version = version
            first = self.connected(context).shake().say(HEALTH)
            again = Caller(self, context, "192.0.2.1", first.tls.session).shake()
            self.assertFalse(again.tls.session_reused, version)
            self.assertEqual(again.say(HEALTH).statuses, [200])

    def test_who_does_not_read_is_sent_a_piece_and_no_more(self) -> None:
        caller = self.connected().shake()
        write = self.full_at_once(caller)
        caller.tls.write(HEALTH.replace(b"/api/health", b"/huge") * 50)
        caller.give()
        self.assertLess(len(caller.transport.value()), 2 * PIECE)
        self.wait(WRITE_SECONDS + 1)
        self.assertTrue(caller.transport.aborted)
        self.assertGreater(write(), 0)

    def test_who_reads_gets_a_large_answer_whole(self) -> None:
        caller = self.connected().shake()
        self.full_at_once(caller)
        caller.tls.write(HEALTH.replace(b"/api/health", b"/huge"))
        caller.give()
        for _ in range(len(HUGE) // PIECE + 2):
            caller.transport.producer.resumeProducing()
        caller.hear()
        self.assertTrue(caller.heard.endswith(HUGE[-PIECE:]))

    def full_at_once(self, caller: Caller) -> Any:
        """From now on the connection below has enough after each write."""
        transport, writes = caller.transport, []
        write = transport.write

        def full(data: bytes) -> None:
            write(data)
            writes.append(data)
            transport.producer.pauseProducing()

        transport.write = full  # type: ignore[method-assign]
        return lambda: len(writes)


class Ending(Case):
    """How its connections end."""

    def test_a_handshake_has_as_long_as_a_head(self) -> None:
        caller = self.connected()
        self.wait(HEAD_SECONDS - 1)
        self.assertFalse(caller.transport.aborted)
        self.wait(2)
        self.assertTrue(caller.transport.aborted)

    def test_one_that_drips_is_not_given_longer(self) -> None:
        caller = self.connected()
        with contextlib.suppress(ssl.SSLWantReadError):
            caller.tls.do_handshake()
        hello = caller.outgoing.read()
        for at in range(int(HEAD_SECONDS) + 2):
            if not caller.transport.aborted:
                caller.server.dataReceived(hello[at : at + 1])
            self.wait(1)
        self.assertTrue(caller.transport.aborted)

    def test_behind_it_a_connection_may_be_idle_as_long_as_any(self) -> None:
        caller = self.connected().shake()
        self.wait(IDLE_SECONDS - 1)
        self.assertEqual(caller.say(HEALTH).statuses, [200])
        self.wait(IDLE_SECONDS + 1)
        caller.hear()
        self.assertTrue(caller.ended)

    def test_a_head_that_drips_is_refused_as_ever(self) -> None:
        caller = self.connected().shake().say(b"GET / HT")
        self.wait(HEAD_SECONDS + 1)
        caller.hear()
        self.assertEqual((caller.statuses, caller.ended), ([408], True))

    def test_plain_http_is_closed_without_harm(self) -> None:
        for data in (HEALTH, b"\x00" * 500, b"\x16\x03\x01\xff\xff" + b"x" * 70_000):
            caller = self.connected()
            caller.server.dataReceived(data)
            self.assertTrue(caller.transport.disconnecting, data[:9])
            caller.server.connectionLost(Failure(ConnectionDone()))
            self.assertNotIn(b"HTTP", caller.transport.value())
        self.assertEqual((self.flushLoggedErrors(), len(self.site.channels)), ([], 1))
        self.assertEqual(self.connected().shake().say(HEALTH).statuses, [200])

    def test_a_fin_is_a_leave_and_the_attempt_is_cancelled(self) -> None:
        caller = self.connected().shake().say(WAITS)
        self.assertEqual(len(self.route.sent), 1)
        caller.server.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(self.route.sent[0].cancelled)

    def test_so_is_the_end_of_tls(self) -> None:
        caller = self.connected().shake().say(WAITS)
        with contextlib.suppress(ssl.SSLWantReadError):
            caller.tls.unwrap()
        caller.give()
        self.assertTrue(caller.transport.disconnecting)
        caller.server.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(self.route.sent[0].cancelled)

    def test_a_refused_head_is_answered_and_nothing_behind_it(self) -> None:
        caller = self.connected().shake().say(b"GET / HTTP/2.0\r\n\r\n" + HEALTH)
        self.assertEqual((caller.statuses, caller.ended), ([505], True))

    def test_a_server_that_stops_ends_it(self) -> None:
        caller = self.connected().shake().say(HEALTH)
        half = self.connected()
        self.site.drain(30)
        self.wait(2)
        caller.hear()
        self.assertTrue(caller.ended)
        self.assertTrue(half.transport.aborted)

    def test_one_that_reads_no_idle_connection_holds_up_no_stop(self) -> None:
        caller = self.connected().shake().say(HEALTH)
        self.site.drain(30)
        self.wait(QUIET_SECONDS)
        self.assertFalse(caller.transport.aborted)
        self.assertTrue(caller.transport.value()[caller.took :])  # our last word
        self.wait(QUIET_SECONDS)
        self.assertTrue(caller.transport.aborted)


class Counting(Case):
    """Handshakes count as connections."""

    def changed(self, surface: Surface) -> Surface:
        return replace(surface, limits=Limits(2))

    def setUp(self) -> None:
        super().setUp()
        self.site.limits = self.surface.limits
        self.first = [self.connected() for _ in range(2)]

    def test_one_beyond_the_cap_is_told_so_when_it_can_read_it(self) -> None:
        caller = self.connected().shake()
        self.assertEqual((caller.statuses, caller.ended), ([503], True))
        self.assertEqual(self.route.sent, [])

    def test_what_it_is_told_does_not_keep_its_handshake_from_being_read(self) -> None:
        self.assertEqual(self.connected().transport.producerState, "producing")

    def test_one_that_does_not_leave_is_cut_with_and_without_a_handshake(
        self,
    ) -> None:
        for shakes in (False, True):
            caller = self.connected()
            if shakes:
                for _ in range(2):
                    with contextlib.suppress(ssl.SSLWantReadError):
                        caller.tls.do_handshake()
                    caller.give()
                    caller.take()
            self.assertFalse(caller.transport.aborted)
            self.wait(LINGER_SECONDS + 1)
            self.assertTrue(caller.transport.aborted, shakes)

    def test_a_flood_is_cut_at_once(self) -> None:
        flood = [self.connected() for _ in range(MOST_TOLD + 3)]
        self.assertEqual(3, sum(each.transport.aborted for each in flood))

    def test_those_who_are_there_are_served(self) -> None:
        self.connected()
        self.assertEqual(self.first[0].shake().say(HEALTH).statuses, [200])

    def test_a_handshake_that_failed_gives_its_place_back(self) -> None:
        self.first[0].server.dataReceived(HEALTH)
        self.first[0].server.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.connected().shake().say(HEALTH).statuses, [200])


class Renewing(Case):
    """The files are read again while it serves."""

    def test_it_keeps_twisteds_promise(self) -> None:
        verifyObject(IOpenSSLServerConnectionCreator, self.tls)

    def test_new_connections_get_the_new_certificate_old_ones_go_on(self) -> None:
        old = self.connected().shake().say(HEALTH)
        before = self.tls.pin
        self.write()
        self.tls.renew()
        new = self.connected().shake().say(HEALTH)
        self.assertEqual(new.statuses, [200])
        self.assertEqual(old.say(HEALTH).statuses, [200, 200])
        shown = new.tls.getpeercert(binary_form=True)
        assert shown is not None
        self.assertEqual(pin_of(shown), self.tls.pin)
        self.assertNotEqual(before, self.tls.pin)

    def test_the_pin_is_that_of_the_first_certificate(self) -> None:
        expected = pin_of(first_certificate(self.cert.read_bytes()))
        other, _ = self_signed(datetime.now(UTC))
        self.cert.write_bytes(self.cert.read_bytes() + other)
        self.tls.renew()
        self.assertEqual(self.tls.pin, expected)

    def test_what_stands_behind_it_leads_callers_to_its_authority(self) -> None:
        root = trustme.CA()
        leaf = root.create_child_ca().issue_cert("a.invalid")
        self.cert.write_bytes(b"".join(each.bytes() for each in leaf.cert_chain_pems))
        self.key.write_bytes(leaf.private_key_pem.bytes())
        self.tls.renew()
        caller = self.connected(trusting(root.cert_pem.bytes())).shake()
        self.assertEqual(caller.say(HEALTH).statuses, [200])

    def test_files_that_cannot_be_used_leave_what_there_was(self) -> None:
        good = self.cert.read_bytes()
        pin = self.tls.pin
        _, other = self_signed(datetime.now(UTC))
        for path, data, said in (
            (self.key, other, "is not the key of the first certificate"),
            (self.key, b"nothing", "cannot be used: it contains no PEM private key"),
            (self.key, None, "cannot be used: No such file"),
            (self.cert, b"nothing", "cannot be used: it contains no PEM certificate"),
            (self.cert, None, "cannot be used: No such file"),
        ):
            kept = path.read_bytes()
            path.unlink() if data is None else path.write_bytes(data)
            refused = self.assertRaises(SettingsError, self.tls.renew)
            name = "PROXY_TLS_KEY" if path == self.key else "PROXY_TLS_CERT"
            self.assertIn(f"{name} {str(path)!r} {said}", refused.problems[0])
            path.write_bytes(kept)
            self.assertEqual(self.tls.pin, pin)
            caller = self.connected(trusting(good)).shake().say(HEALTH)
            self.assertEqual(caller.statuses, [200])


class Door(Case):
    """The door, behind which there is the same site."""

    # the most that ten years can be moved by
    YEARS = timedelta(days=3650)

    def setUp(self) -> None:
        super().setUp()
        now = datetime.now(UTC)
        self.pem, key = new_authority(now, "here")
        self.authority = read_authority(self.pem, key)
        self.later = timedelta()
        self.now = lambda: now + self.later
        self.door = DoorTLS(self.authority, lambda: self.now().timestamp())
        self.secure = over(self.door, self.site, self.clock)

    def comes(self, name: str | None, *protocols: str) -> Caller:
        context = trusting(self.pem, *protocols)
        found = Caller(self, context, "127.0.0.1", name=name)
        found.channel.site = self.site
        return found

    def test_it_keeps_twisteds_promise(self) -> None:
        verifyObject(IOpenSSLServerConnectionCreator, self.door)

    def test_each_of_its_names_is_answered_whatever_its_letters(self) -> None:
        for name in (*NAMES, NAMES[0].upper()):
            caller = self.comes(name).shake().say(HEALTH)
            self.assertEqual(caller.statuses, [200], name)

    def test_no_name_and_any_other_is_refused_in_the_handshake(self) -> None:
        others = ("example.org", f"x.{NAMES[0]}", "tmdb.org", "localhost", "a" * 60)
        for name in (None, *others):
            with self.assertRaises(ssl.SSLError) as caught:
                self.comes(name).shake()
            self.assertIn("HANDSHAKE_FAILURE", str(caught.exception), name)
        self.assertEqual(self.notes.exchanges, [])

    def test_http_1_1_alone_is_spoken(self) -> None:
        caller = self.comes(NAMES[0], "h2", "http/1.1").shake()
        self.assertEqual(caller.tls.selected_alpn_protocol(), "http/1.1")
        caller = self.comes(NAMES[0], "h2").shake()
        self.assertIsNone(caller.tls.selected_alpn_protocol())

    def test_nothing_older_than_tls_1_2_is_spoken(self) -> None:
        context = trusting(self.pem)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(ssl.SSLError):
            Caller(self, context, "127.0.0.1", name=NAMES[0]).shake()

    def shown(self) -> int:
        """The number of the certificate that a caller sees and trusts whose clock is
        right, whenever that is."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_verify(SSL.VERIFY_PEER)
        store = context.get_cert_store()
        assert store is not None
        store.add_cert(crypto.X509.from_cryptography(self.authority.certificate))
        store.set_time(self.now())
        caller = SSL.Connection(context, None)
        caller.set_tlsext_host_name(NAMES[0].encode())
        caller.set_connect_state()
        protocol: Any = None
        server = self.door.serverConnectionForTLS(protocol)
        for end, other in ((caller, server), (server, caller), (caller, server)):
            with contextlib.suppress(SSL.WantReadError):
                end.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(end.bio_read(65536))
        found = caller.get_peer_certificate()
        assert found is not None
        return found.get_serial_number()

    def test_its_certificate_is_made_anew_in_time_without_a_restart(self) -> None:
        first = self.shown()
        renewed = timedelta(days=LEAF_DAYS) - RENEWED_BEFORE
        self.later = renewed - timedelta(seconds=1)
        self.assertEqual(self.shown(), first)
        self.later = renewed
        second = self.shown()
        self.assertNotEqual(second, first)
        self.later += timedelta(days=1)
        self.assertEqual(self.shown(), second)

    def test_when_its_authority_has_ended_it_shows_what_it_has(self) -> None:
        self.later = self.YEARS - timedelta(days=1)
        last = self.shown()
        self.later = self.YEARS + timedelta(seconds=1)
        # nobody trusts it any more, and the server goes on all the same
        with self.assertRaises(SSL.Error):
            self.shown()
        self.later -= timedelta(hours=1)
        self.assertEqual(self.shown(), last)
