"""The fault table in memory: what is raised or answered, and the one Fault that it is.

Over real sockets it is test_fault_table_sockets.py. What can be had from Twisted
and OpenSSL themselves is had from them, so that their words are theirs.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import (
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)

from streamr.boundaries import Budget
from streamr.errors import Fault, Phase
from streamr.simulator.hosts.certificates import Authority
from streamr.upstream.classify import classify, silence
from streamr.upstream.dial.tap import Tap, TapFactory, Trace
from streamr.upstream.dial.tls import CertificateRefused, TLSError
from streamr.web.server.authority import new_authority

BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=8.0)
ADDRESS = IPv4Address("TCP", "192.0.2.1", 443)
RESET = error.ConnectionLost()
FIN = error.ConnectionDone()
# The head of a TLS record that holds a handshake, and what a block page begins with.
RECORD = b"\x16\x03\x03\x00\x05"
PAGE = b"HTTP/1.1 403 Forbidden\r\n\r\n"
# The phases in which there is a connection.
CONNECTED = (Phase.TLS, Phase.REQUEST, Phase.BODY)
FILM = b'{"id":550,"title":"Fight Club"}'
HTML = b"<!DOCTYPE html><p>secret</p>"
ERROR = b'{"success":false,"status_code":34,"status_message":"Not found."}'


def trace(
    phase: Phase,
    *,
    came: bytes = b"",
    sent: bytes = b"",
    ended: Exception | None = None,
) -> Trace:
    """The trace of an attempt that came as far as a phase, and what its tap saw."""
    made = Trace(Clock(), BUDGET)
    if phase is Phase.RESOLVE:
        return made
    made.resolved()
    if phase is Phase.CONNECT:
        return made
    connection(made, came, sent, ended)
    if phase is not Phase.TLS:
        made.requested()
    if phase is Phase.BODY:
        made.answered()
    assert made.phase is phase
    return made


def connection(made: Trace, came: bytes, sent: bytes, ended: Exception | None) -> None:
    """TCP stands, bytes pass, and perhaps it ends."""
    above = Factory.forProtocol(Protocol)
    tap = TapFactory(above, made, secure=True).buildProtocol(ADDRESS)
    assert isinstance(tap, Tap)
    tap.makeConnection(StringTransport())
    tap.write(sent)
    tap.dataReceived(came)
    if ended is not None:
        tap.connectionLost(Failure(ended))


def without_tap(phase: Phase) -> Trace:
    """The trace of an attempt whose connection was never seen."""
    made = Trace(Clock(), BUDGET)
    made.phase = phase
    return made


def timed_out(phase: Phase) -> Trace:
    """The trace of an attempt whose time was up in a phase."""
    clock = Clock()
    made = Trace(clock, BUDGET)
    made.start(lambda: None)
    if phase is not Phase.RESOLVE:
        made.resolved()
    if phase in CONNECTED:
        connection(made, b"", b"", None)
    if phase in (Phase.REQUEST, Phase.BODY):
        made.requested()
    clock.advance(BUDGET.total)
    if phase is Phase.BODY:
        made.answered()
    assert made.phase is phase and made.timed_out
    return made


def never_received(*reasons: Exception) -> Exception:
    """What Twisted makes of a connection that ends before the head."""
    return ResponseNeverReceived([Failure(each) for each in reasons])


def failed(*reasons: Exception) -> Exception:
    """What Twisted makes of one that ends within the head or the body."""
    return ResponseFailed([Failure(each) for each in reasons])


def openssl(*reasons: str) -> Exception:
    """OpenSSL's queue of errors, as pyOpenSSL raises it."""
    return TLSError([("SSL routines", "", each) for each in reasons])


def said_by_openssl(data: bytes) -> Exception:
    """What OpenSSL raises when these bytes answer its hello."""
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    client.set_connect_state()
    try:
        client.do_handshake()
    except SSL.WantReadError:
        client.bio_write(data)
    try:
        client.do_handshake()
    except SSL.Error as raised:
        return raised
    raise AssertionError(f"OpenSSL takes {data!r}")


def alert(number: int) -> bytes:
    """A fatal alert (RFC 8446, 6)."""
    return b"\x15\x03\x03\x00\x02\x02" + bytes([number])


def connect_error(number: int) -> Exception:
    """What Twisted makes of a `connect` that fails."""
    made: Exception = error.getConnectError(OSError(number, "text"))
    return made


def refused_certificate() -> CertificateRefused:
    certificate = crypto.X509.from_cryptography(Authority("portal").certificate)
    return CertificateRefused("the issuer is not trusted", 20, certificate)


class FaultCase(SynchronousTestCase):
    def fault(self, raised: Exception, seen: Trace) -> Fault:
        return classify(Failure(raised), seen)

    def cause(self, raised: Exception, seen: Trace) -> str:
        return self.fault(raised, seen).cause.name

    def holds(self, rows: Iterable[tuple[Exception, Trace, str]]) -> None:
        """Each of the exceptions, in its trace, is a fault of this cause."""
        for raised, seen, cause in rows:
            case = (raised, getattr(raised, "reasons", ()), seen.phase)
            self.assertEqual(self.cause(raised, seen), cause, case)


class Follows(FaultCase):
    """What follows from each row: next route? same route again? slow? status?"""

    def test_of_each_cause_that_is_raised(self) -> None:
        tls = trace(Phase.TLS)
        asked = trace(Phase.REQUEST)
        body = trace(Phase.BODY)
        for raised, seen, follows in (
            (error.ConnectionRefusedError(), trace(Phase.CONNECT), (1, 1, 0, 502)),
            (error.TimeoutError(), trace(Phase.CONNECT), (1, 0, 1, 504)),
            (error.NoRouteError(), trace(Phase.CONNECT), (1, 0, 0, 502)),
            (error.DNSLookupError(), trace(Phase.RESOLVE), (1, 1, 0, 502)),
            (never_received(RESET), tls, (1, 1, 0, 502)),
            (never_received(FIN), tls, (1, 1, 0, 502)),
            (said_by_openssl(alert(40)), tls, (1, 0, 0, 502)),
            (said_by_openssl(alert(70)), tls, (1, 0, 0, 502)),
            (said_by_openssl(PAGE), tls, (1, 0, 0, 502)),
            (never_received(refused_certificate()), tls, (1, 0, 0, 502)),
            (never_received(RESET), asked, (1, 1, 0, 502)),
            (failed(ValueError()), asked, (1, 0, 0, 502)),
            (failed(RESET), body, (1, 1, 0, 502)),
            (CancelledError(), timed_out(Phase.RESOLVE), (1, 1, 1, 504)),
            (CancelledError(), timed_out(Phase.CONNECT), (1, 0, 1, 504)),
            (CancelledError(), timed_out(Phase.TLS), (1, 0, 1, 504)),
            (CancelledError(), timed_out(Phase.REQUEST), (1, 1, 1, 504)),
            (CancelledError(), timed_out(Phase.BODY), (1, 1, 1, 504)),
        ):
            cause = self.fault(raised, seen).cause
            found = (cause.next_route, cause.same_route, cause.slow, cause.status)
            self.assertEqual(found, follows, (raised, cause.name))


class Egresses(FaultCase):
    """Behind an outbound proxy."""

    def test_time_that_is_up_in_its_handshake_is_the_proxys(self) -> None:
        seen = timed_out(Phase.CONNECT)
        leg = seen.leg("", egress="office")
        self.assertEqual(silence(leg).cause.name, "egress_timeout")
        # one that speaks HTTP waits for more when it is greeted in SOCKS5
        self.assertIn("another kind (HTTP, SOCKS5)", silence(leg).detail)
        leg.tap = trace(Phase.TLS).tap
        self.assertEqual(silence(leg).cause.name, "connection_timeout")

    def test_a_fault_of_the_tunnel_stays_what_it_is(self) -> None:
        for raised in (Fault("egress_denied"), never_received(Fault("egress_denied"))):
            self.assertEqual(self.cause(raised, trace(Phase.CONNECT)), "egress_denied")


class Names(FaultCase):
    """Before there is a connection."""

    def test_a_name_without_addresses(self) -> None:
        fault = self.fault(error.DNSLookupError("no results"), trace(Phase.RESOLVE))
        self.assertEqual(fault.cause.name, "dns_error")
        self.assertEqual(fault.detail, "no address for the name")

    def test_a_name_that_cannot_be_written_is_no_name(self) -> None:
        encoding = UnicodeEncodeError("idna", "ä" * 64, 0, 64, "label too long")
        for raised in (encoding, UnicodeError("label empty")):
            self.assertEqual(self.cause(raised, trace(Phase.RESOLVE)), "dns_error")

    def test_each_way_in_which_a_connect_fails(self) -> None:
        for number, cause in (
            (errno.ECONNREFUSED, "connection_refused"),
            (errno.ETIMEDOUT, "connection_timeout"),
            (errno.ENETUNREACH, "destination_ip_unroutable"),
            (errno.EHOSTUNREACH, "destination_ip_unroutable"),
            (errno.EADDRNOTAVAIL, "destination_ip_unroutable"),
            (errno.ECONNRESET, "connection_terminated"),
            (errno.ENETDOWN, "destination_ip_unroutable"),
            (errno.EACCES, "destination_ip_prohibited"),
            (errno.EPERM, "destination_ip_prohibited"),
            (errno.EMFILE, "sockets_exhausted"),
            (errno.ENFILE, "sockets_exhausted"),
            (errno.ENOBUFS, "sockets_exhausted"),
            (errno.ENOMEM, "sockets_exhausted"),
            (errno.EAFNOSUPPORT, "connection_refused"),
        ):
            found = self.cause(connect_error(number), trace(Phase.CONNECT))
            self.assertEqual(found, cause, errno.errorcode[number])

    def test_every_number_for_no_way_is_told_though_twisted_has_no_name_for_it(
        self,
    ) -> None:
        for name in ("ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL"):
            raised = error.ConnectError(getattr(errno, name), "text")
            fault = self.fault(raised, trace(Phase.CONNECT))
            self.assertEqual(fault.cause.name, "destination_ip_unroutable", name)
            self.assertEqual(fault.detail, name)

    def test_a_failed_connect_without_a_number_is_told_in_few_words(self) -> None:
        fault = self.fault(error.ConnectError(string="x" * 99), trace(Phase.CONNECT))
        self.assertEqual(fault.cause.name, "connection_refused")
        self.assertEqual(len(fault.detail), 80)
        self.assertIn("An error occurred while connecting", fault.detail)

    def test_both_of_twisteds_words_for_no_answer_to_tcp(self) -> None:
        for raised in (error.TimeoutError(), error.TCPTimedOutError()):
            found = self.cause(raised, trace(Phase.CONNECT))
            self.assertEqual(found, "connection_timeout", raised)


class Time(FaultCase):
    """Time was up: the phase alone counts, whatever is raised then."""

    def test_where_our_own_load_was_in_the_way_it_blames_no_route(self) -> None:
        for own_load in (False, True):
            for phase in (Phase.CONNECT, Phase.TLS, Phase.REQUEST):
                made = timed_out(phase)
                made.own_load = own_load
                fault = self.fault(CancelledError(), made)
                self.assertEqual(fault.counts, not own_load, phase)
            leg = Trace(Clock(), BUDGET)
            leg.own_load = own_load
            fault = silence(leg.leg("", egress="office"))
            self.assertEqual(fault.own_load, own_load)

    def test_each_phase_has_its_cause(self) -> None:
        for phase, cause in (
            (Phase.RESOLVE, "dns_timeout"),
            (Phase.CONNECT, "connection_timeout"),
            (Phase.TLS, "tls_timeout"),
            (Phase.REQUEST, "http_response_timeout"),
            (Phase.BODY, "http_response_timeout"),
        ):
            for raised in (
                CancelledError(),
                error.ConnectingCancelledError(ADDRESS),
                error.DNSLookupError(),
                never_received(CancelledError()),
                failed(CancelledError(), RESET),
            ):
                fault = self.fault(raised, timed_out(phase))
                self.assertEqual(fault.cause.name, cause, (phase, raised))
                self.assertEqual(fault.detail, f"silent in phase {phase.value}")

    def test_a_fault_that_was_found_before_stays_the_fault(self) -> None:
        found = Fault("http_response_body_size")
        self.assertIs(self.fault(found, timed_out(Phase.REQUEST)), found)


class Handshake(FaultCase):
    """While TLS is agreed upon."""

    def test_reset_or_fin_is_what_the_tap_has_seen_not_what_is_raised(self) -> None:
        for seen, cause in ((RESET, "tls_reset"), (FIN, "tls_closed")):
            for raised in (RESET, FIN, error.ConnectionAborted(), TLSError([])):
                found = self.cause(never_received(raised), trace(Phase.TLS, ended=seen))
                self.assertEqual(found, cause, (seen, raised))

    def test_before_the_tap_knows_what_is_raised_counts(self) -> None:
        for seen in (trace(Phase.TLS), without_tap(Phase.TLS)):
            self.holds(
                (
                    (never_received(RESET), seen, "tls_reset"),
                    (never_received(error.ConnectionAborted()), seen, "tls_reset"),
                    (never_received(FIN), seen, "tls_closed"),
                    (TLSError(), seen, "tls_reset"),
                    (TLSError([]), seen, "tls_reset"),
                )
            )

    def test_the_detail_says_how_much_of_the_hello_was_out(self) -> None:
        for seen, size in (
            (trace(Phase.TLS, sent=b"x" * 1568), 1568),
            (without_tap(Phase.TLS), 0),
        ):
            fault = self.fault(never_received(RESET), seen)
            self.assertEqual(fault.detail, f"after {size} bytes of hello")

    def test_alerts(self) -> None:
        # 70 protocol_version is the one that another profile may heal by its version
        for number in (
            10,
            20,
            22,
            40,
            42,
            45,
            46,
            47,
            48,
            49,
            50,
            51,
            71,
            80,
            109,
            # of these OpenSSL's text does not say that they are alerts: unsupported
            # extension, certificate unobtainable, unrecognized name, bad status
            110,
            111,
            112,
            113,
            120,
        ):
            raised = never_received(said_by_openssl(alert(number)))
            found = self.cause(raised, trace(Phase.TLS, came=alert(number)))
            self.assertEqual(found, "tls_alert_received", number)

    def test_no_version_in_common(self) -> None:
        came = alert(70)
        for raised in (
            said_by_openssl(came),
            openssl("unsupported protocol"),
            openssl("unsupported protocol", "tls alert internal error"),
        ):
            found = self.cause(never_received(raised), trace(Phase.TLS, came=came))
            self.assertEqual(found, "tls_protocol_error", raised)

    def test_records_that_make_no_sense(self) -> None:
        for came in (RECORD + b"hello", b"\x17\x03\x03\x00\x05hello"):
            fault = self.fault(said_by_openssl(came), trace(Phase.TLS, came=came))
            self.assertEqual(fault.cause.name, "tls_protocol_error", came)
            self.assertEqual(fault.detail, "unexpected message")

    def test_what_is_no_tls_is_known_by_openssls_words(self) -> None:
        wrong = b"\x16\x02\x00\x00\x05hello"
        for raised in (said_by_openssl(wrong), openssl("packet length too long")):
            found = self.cause(never_received(raised), trace(Phase.TLS, came=wrong))
            self.assertEqual(found, "tls_not_tls", raised)
            self.assertEqual(self.cause(raised, without_tap(Phase.TLS)), "tls_not_tls")

    def test_what_is_no_tls_is_known_by_its_first_byte(self) -> None:
        for first, cause in (
            (0x00, "tls_not_tls"),
            (0x13, "tls_not_tls"),
            (0x14, "tls_protocol_error"),
            (0x15, "tls_alert_received"),
            (0x16, "tls_protocol_error"),
            (0x17, "tls_protocol_error"),
            (0x18, "tls_not_tls"),
            (ord("H"), "tls_not_tls"),
            (0xFF, "tls_not_tls"),
        ):
            seen = trace(Phase.TLS, came=bytes([first]) + b"\x16 and more")
            found = self.cause(openssl("record layer failure"), seen)
            self.assertEqual(found, cause, hex(first))

    def test_without_a_byte_or_a_tap_nothing_says_that_it_is_no_tls(self) -> None:
        for seen in (trace(Phase.TLS), without_tap(Phase.TLS)):
            found = self.cause(openssl("record layer failure"), seen)
            self.assertEqual(found, "tls_protocol_error")

    def test_a_block_page_is_told_from_other_bytes(self) -> None:
        page = "plain HTTP: a block page or a portal"
        other = "bytes that are not TLS"
        for came, detail in (
            (PAGE, page),
            (b"<html>blocked</html>", page),
            (b"SSH-2.0-x\r\n", other),
            (b"\0" * 20, other),
        ):
            fault = self.fault(said_by_openssl(came), trace(Phase.TLS, came=came))
            self.assertEqual((fault.cause.name, fault.detail), ("tls_not_tls", detail))
        fault = self.fault(openssl("wrong version number"), without_tap(Phase.TLS))
        self.assertEqual(fault.detail, other)

    def test_a_door_in_tmdbs_place_is_a_loop(self) -> None:
        pem, _ = new_authority(datetime.now(UTC), "here")
        shown = crypto.X509.from_cryptography(x509.load_pem_x509_certificate(pem))
        refused = CertificateRefused("the address leads to a door", None, shown)
        fault = self.fault(never_received(refused), trace(Phase.TLS))
        self.assertEqual(fault.cause.name, "proxy_loop_detected")
        self.assertIn("the address leads to a door", fault.detail)

    def test_a_refused_certificate_is_told_in_its_own_words(self) -> None:
        refused = refused_certificate()
        for raised in (
            refused,
            never_received(refused),
            never_received(refused, RESET),
        ):
            fault = self.fault(raised, trace(Phase.TLS))
            self.assertEqual(fault.cause.name, "tls_certificate_error")
            self.assertEqual(fault.detail, str(refused))

    def test_openssls_own_refusal_of_a_certificate_is_one_whatever_it_comes_with(
        self,
    ) -> None:
        raised = openssl("certificate verify failed", "sslv3 alert protocol version")
        for seen in (trace(Phase.TLS), trace(Phase.TLS, came=PAGE)):
            fault = self.fault(never_received(raised), seen)
            self.assertEqual(fault.cause.name, "tls_certificate_error")
            self.assertEqual(
                fault.detail, "certificate verify failed; sslv3 alert protocol version"
            )

    def test_every_error_of_the_queue_is_read_in_whatever_case(self) -> None:
        raised = openssl("record layer failure", "TLSv1 ALERT internal error")
        self.assertEqual(self.cause(raised, trace(Phase.TLS)), "tls_alert_received")


class Request(FaultCase):
    """When the request is out: TLS that breaks now is a connection that broke."""

    def test_tls_that_breaks_after_the_handshake(self) -> None:
        for phase in (Phase.REQUEST, Phase.BODY):
            raised = openssl("decryption failed or bad record mac")
            fault = self.fault(failed(raised), trace(phase, came=RECORD))
            self.assertEqual(fault.cause.name, "connection_terminated", phase)
            self.assertEqual(fault.detail, "decryption failed or bad record mac")

    def test_a_connection_that_ends_without_an_answer(self) -> None:
        for ended, detail in ((RESET, "reset"), (FIN, "closed")):
            for raised in (never_received(RESET), failed(RESET), RESET, FIN):
                fault = self.fault(raised, trace(Phase.REQUEST, ended=ended))
                self.assertEqual(fault.cause.name, "connection_terminated")
                self.assertEqual(fault.detail, detail, (ended, raised))

    def test_one_that_ends_after_bytes_of_another_protocol(self) -> None:
        for came, cause in (
            (b"\x05\xff", "http_protocol_error"),
            (b"SSH-2.0", "http_protocol_error"),
            (b"HT", "connection_terminated"),
            (b"HTTP/1.1 200", "connection_terminated"),
            (RECORD, "connection_terminated"),
        ):
            seen = trace(Phase.REQUEST, came=came, ended=FIN)
            self.assertEqual(self.cause(never_received(FIN), seen), cause, came)

    def test_a_request_that_could_not_be_sent_whole(self) -> None:
        raised = RequestTransmissionFailed([Failure(RESET)])
        seen = trace(Phase.REQUEST)
        self.assertEqual(self.cause(raised, seen), "connection_terminated")

    def test_a_body_that_is_cut(self) -> None:
        for ended, detail in ((RESET, "reset"), (FIN, "closed")):
            long = trace(Phase.BODY, came=b"x" * 20_000, ended=ended)
            for raised in (RESET, FIN, error.ConnectionAborted(), failed(FIN)):
                fault = self.fault(raised, long)
                self.assertEqual(fault.cause.name, "http_response_incomplete")
                self.assertEqual(fault.detail, detail, (ended, raised))


class Wrapped(FaultCase):
    """What is inside of Twisted's wrappers counts, the innermost first."""

    def test_the_innermost_reason_is_the_first(self) -> None:
        deep = failed(never_received(ValueError()), RESET)
        self.assertEqual(self.cause(deep, trace(Phase.BODY)), "http_protocol_error")
        other = failed(RESET, ValueError())
        self.assertEqual(
            self.cause(other, trace(Phase.BODY)), "http_response_incomplete"
        )

    def test_a_reason_that_says_nothing_is_passed_by(self) -> None:
        raised = never_received(KeyError(), CancelledError(), RESET)
        self.assertEqual(self.cause(raised, trace(Phase.TLS)), "tls_reset")

    def test_a_fault_among_the_reasons_is_the_fault(self) -> None:
        found = Fault("proxy_internal_error", "https without a TLS profile")
        raised = failed(never_received(found), RESET)
        self.assertIs(self.fault(raised, trace(Phase.BODY)), found)

    def test_what_is_no_failure_among_the_reasons_is_passed_by(self) -> None:
        raised = ResponseFailed([RESET, "text", Failure(ValueError())])
        self.assertEqual(self.cause(raised, trace(Phase.BODY)), "http_protocol_error")

    def test_what_no_row_fits_is_an_error_of_our_own_and_logged(self) -> None:
        for raised in (KeyError("secret"), never_received(KeyError("secret"))):
            fault = self.fault(raised, trace(Phase.REQUEST))
            self.assertEqual(fault.cause.name, "proxy_internal_error")
            self.assertEqual(fault.detail, f"unexpected {type(raised).__name__}")
            self.assertEqual(len(self.flushLoggedErrors(type(raised))), 1)
