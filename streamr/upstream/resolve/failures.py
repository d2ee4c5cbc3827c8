"""Why a lookup has failed: one kind of exception, whatever the resolver and transport.

Whoever looks names up (`cache.py`, the doctor) reads the class and the words, and the
system's error number where there is one.
"""

from __future__ import annotations

import socket

from twisted.internet import defer, error

from streamr.errors import Fault
from streamr.upstream.dial.tls import CertificateRefused, TLSError


class LookupFailed(OSError):
    """A name could not be looked up. `errno` is the system's number, if it gave one."""

    def __init__(self, words: str, number: int | None = None) -> None:
        super().__init__(number, words)
        self.words = words

    def __str__(self) -> str:
        return self.words


class NoSuchName(LookupFailed):
    """The resolver says that there is no such name (RFC 2308: NXDOMAIN)."""


class Refused(LookupFailed):
    """The resolver does not want to answer us (REFUSED, or an HTTP status 4xx)."""


class ServerFailed(LookupFailed):
    """The resolver cannot answer (SERVFAIL), or what it says is no answer."""


class Silent(LookupFailed):
    """There was no answer within the deadline."""


class Unreachable(LookupFailed):
    """There is no connection to the resolver, or it ended."""


class Unverified(LookupFailed):
    """The resolver's certificate is not acceptable for its name."""


# How getaddrinfo(3) says that there is no such name. EAI_NODATA (no address of any
# family) is not in every C library.
_UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def lookup_failure(problem: BaseException) -> LookupFailed | None:
    """What an exception from a socket, from TLS or from the system's resolver means for
    the lookup; None for one that is no failure of a lookup."""
    match problem:
        case LookupFailed():
            return problem
        case Fault():
            return _of_a_route(problem)
        case CertificateRefused():
            return Unverified(str(problem))
        case TLSError():
            return Unreachable(f"the TLS handshake failed: {_openssl(problem)}")
        case UnicodeError():
            return NoSuchName("it is not a valid host name")
        case defer.TimeoutError() | error.TimeoutError():
            return Silent("there was no answer")
        case socket.gaierror():
            return _of_the_system(problem)
        case error.DNSLookupError():
            return Unreachable("there is no address for the resolver's own name")
        case OSError():
            return Unreachable(problem.strerror or str(problem), problem.errno)
    return _of_a_connection(problem)


def _of_a_route(problem: Fault) -> LookupFailed:
    """What the dialer says of its connection to the resolver."""
    cause, detail = problem.cause, problem.detail
    if cause.name == "tls_certificate_error":
        return Unverified(detail)
    words = f"{cause.meaning} ({detail})" if detail else cause.meaning
    return Silent(words) if cause.slow else Unreachable(words)


def _of_the_system(problem: socket.gaierror) -> LookupFailed:
    """The numbers of getaddrinfo are others than the system's, so they stay here."""
    words = problem.strerror or str(problem)
    return NoSuchName(words) if problem.errno in _UNKNOWN else ServerFailed(words)


def _of_a_connection(problem: BaseException) -> LookupFailed | None:
    match problem:
        case error.ConnectionRefusedError():
            return Unreachable("it refuses the connection")
        case error.ConnectError():
            return Unreachable(str(problem), problem.osError)
        case error.CannotListenError():
            return Unreachable(str(problem), getattr(problem.socketError, "errno", 0))
        case error.ConnectionClosed():
            return Unreachable("it closed the connection")
    return None


def _openssl(problem: Exception) -> str:
    """OpenSSL's error queue in words."""
    entries = problem.args[0] if problem.args else ()
    return "; ".join(str(entry[-1]) for entry in entries) or "the connection ended"
