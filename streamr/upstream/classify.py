"""The one fault classifier: every foreign failure becomes one Fault with a named cause.

The table it follows is in docs/facts/tls.md, "What treq raises"; each row is a test in
tests/upstream/. It reads three things only: what was raised, the attempt's trace, and
(for answers) the status and the body.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Protocol

from twisted.internet import error
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.errors import Fault, Phase
from streamr.upstream.dial.tap import Leg, Tap
from streamr.upstream.dial.tls import CertificateRefused, TLSError

_log = Logger()

JSON = "application/json;charset=utf-8"

_TIMEOUTS = {
    Phase.RESOLVE: "dns_timeout",
    Phase.CONNECT: "connection_timeout",
    Phase.TLS: "tls_timeout",
    Phase.REQUEST: "http_response_timeout",
    Phase.BODY: "http_response_timeout",
}
# What the system's error numbers say of an address or of this machine (connect(2),
# socket(2)); a local firewall gives EPERM, a route of the kind "prohibit" EACCES.
_NUMBERS = {
    errno.ENETDOWN: "destination_ip_unroutable",
    errno.ENETUNREACH: "destination_ip_unroutable",
    errno.EHOSTUNREACH: "destination_ip_unroutable",
    errno.EADDRNOTAVAIL: "destination_ip_unroutable",
    errno.EPERM: "destination_ip_prohibited",
    errno.EACCES: "destination_ip_prohibited",
    errno.EMFILE: "sockets_exhausted",
    errno.ENFILE: "sockets_exhausted",
    errno.ENOBUFS: "sockets_exhausted",
    errno.ENOMEM: "sockets_exhausted",
}
_HTML = (b"<", b"HTTP/")


class AttemptEvidence(Protocol):
    """What is read of an attempt's trace, or of one leg of it."""

    @property
    def phase(self) -> Phase: ...
    @property
    def timed_out(self) -> bool: ...
    @property
    def own_load(self) -> bool: ...
    @property
    def tap(self) -> Tap | None: ...
    @property
    def legs(self) -> Sequence[Leg]: ...


def classify(failure: Failure, trace: AttemptEvidence) -> Fault:
    """The Fault behind a failed attempt."""
    if isinstance(failure.value, Fault):
        return failure.value
    if trace.timed_out:
        connecting = trace.phase in (Phase.CONNECT, Phase.TLS)
        told = most_telling(trace.legs) if connecting else None
        return told or silence(trace)
    for reason in _reasons(failure):
        fault = _by_type(reason, trace)
        if fault is not None:
            return fault
    _log.failure("No row of the fault table fits", failure=failure, code="no-row")
    return Fault("proxy_internal_error", f"unexpected {type(failure.value).__name__}")


def silence(trace: AttemptEvidence) -> Fault:
    """The Fault of an attempt, or of one leg of it, for which the time is up."""
    if isinstance(trace, Leg) and trace.egress and trace.tap is None:
        # one that speaks HTTP waits for the rest of what SOCKS5 says, and is silent
        told = "no tunnel yet: it is slow, or a proxy of another kind (HTTP, SOCKS5)"
        return Fault("egress_timeout", told, own_load=trace.own_load)
    told = f"silent in phase {trace.phase}"
    return Fault(_TIMEOUTS[trace.phase], told, own_load=trace.own_load)


def most_telling(legs: Sequence[Leg]) -> Fault | None:
    """The one Fault for the legs of an attempt that all failed; None without any.

    It is that of the leg that came the furthest, and rather of one that was answered:
    what comes back speaks of somebody on the path, silence of nobody.
    """
    faults = [each.fault for each in legs if each.fault is not None]

    def rank(fault: Fault) -> tuple[int, bool]:
        return fault.cause.phase.step, not fault.cause.slow

    return max(faults, key=rank, default=None)


def _reasons(failure: Failure) -> list[BaseException]:
    """The failure itself and what Twisted's HTTP client wrapped in it, innermost first.

    ResponseNeverReceived, ResponseFailed and RequestTransmissionFailed keep what really
    happened in `reasons`.
    """
    found: list[BaseException] = []
    for inner in getattr(failure.value, "reasons", None) or ():
        if isinstance(inner, Failure):
            found.extend(_reasons(inner))
    return [*found, failure.value] if failure.value is not None else found


def _by_type(value: BaseException, trace: AttemptEvidence) -> Fault | None:
    """The Fault for one exception, or None when it says nothing by itself."""
    match value:
        case Fault():
            return value
        case CertificateRefused(is_door=True):
            return Fault("proxy_loop_detected", str(value))
        case CertificateRefused():
            return Fault("tls_certificate_error", str(value))
        case TLSError():
            return _tls(value, trace)
        case error.DNSLookupError():
            return Fault("dns_error", "no address for the name")
        case error.ConnectionRefusedError():
            return Fault("connection_refused")
        case error.TimeoutError() | error.TCPTimedOutError():
            return Fault("connection_timeout")
        case error.NoRouteError():
            return Fault("destination_ip_unroutable")
        case error.ConnectError():
            return _connect(value)
        case (
            error.ConnectionLost() | error.ConnectionDone() | error.ConnectionAborted()
        ):
            return _lost(value, trace)
        case UnicodeError():
            return Fault("dns_error", "the name is not a valid host name")
        case ValueError():
            return Fault("http_protocol_error", "the head cannot be parsed")
    return None


def cause_of_number(number: int | None) -> str | None:
    """The cause that one of the system's error numbers stands for, if any does."""
    return None if number is None else _NUMBERS.get(number)


def _connect(value: error.ConnectError) -> Fault:
    number = value.osError
    cause = cause_of_number(number)
    if cause is not None and number is not None:
        return Fault(cause, errno.errorcode[number])
    if number == errno.ECONNRESET:
        return Fault("connection_terminated", "reset while connecting")
    return Fault("connection_refused", str(value)[:80])


def _tls(value: Exception, trace: AttemptEvidence) -> Fault:
    """OpenSSL's error queue, read for what it says of the other side."""
    if not value.args or not value.args[0]:
        return _lost(error.ConnectionLost(), trace)
    text = "; ".join(str(entry[-1]) for entry in value.args[0])
    low = text.lower()
    if "certificate verify failed" in low:
        return Fault("tls_certificate_error", text)
    if _not_tls(trace) or "wrong version number" in low or "packet length" in low:
        return Fault("tls_not_tls", _first_bytes(trace))
    if "protocol version" in low or "unsupported protocol" in low:
        return Fault("tls_protocol_error", text)
    if "alert" in low or _alert(trace):
        return Fault("tls_alert_received", text)
    if trace.phase in (Phase.REQUEST, Phase.BODY):
        return Fault("connection_terminated", text)
    return Fault("tls_protocol_error", text)


def _lost(value: BaseException, trace: AttemptEvidence) -> Fault:
    """The connection ended: in which phase, and by reset or by FIN, the tap knows."""
    ended = trace.tap.ended if trace.tap is not None else None
    polite = isinstance(ended or value, error.ConnectionDone)
    if trace.phase is Phase.TLS:
        return Fault(
            "tls_closed" if polite else "tls_reset",
            f"after {trace.tap.bytes_out if trace.tap else 0} bytes of hello",
        )
    if trace.phase is Phase.BODY:
        return Fault("http_response_incomplete", "closed" if polite else "reset")
    if trace.phase is Phase.REQUEST and _not_http(trace):
        return Fault("http_protocol_error", "the answer is not HTTP")
    return Fault("connection_terminated", "closed" if polite else "reset")


def _not_tls(trace: AttemptEvidence) -> bool:
    """TLS records begin with 0x14-0x17; a block page begins with text."""
    first = trace.tap.first_bytes if trace.tap is not None else b""
    return bool(first) and not 0x14 <= first[0] <= 0x17


def _not_http(trace: AttemptEvidence) -> bool:
    """True for bytes over plain TCP that begin no answer of HTTP, such as SOCKS5's."""
    first = trace.tap.first_bytes if trace.tap is not None else b""
    return _not_tls(trace) and not b"HTTP/".startswith(first[:5])


def _alert(trace: AttemptEvidence) -> bool:
    """The first record was an alert (RFC 8446, 5.1). OpenSSL's text names it, and does
    not always say what it is: "tlsv1 unrecognized name"."""
    first = trace.tap.first_bytes if trace.tap is not None else b""
    return trace.phase is Phase.TLS and first[:1] == b"\x15"


def _first_bytes(trace: AttemptEvidence) -> str:
    first = trace.tap.first_bytes if trace.tap is not None else b""
    if first.startswith(_HTML):
        return "plain HTTP: a block page or a portal"
    return "bytes that are not TLS"
