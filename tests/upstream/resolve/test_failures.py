"""Every failure of a lookup is told as one of a few kinds."""

from __future__ import annotations

import errno
import socket

import trustme
from cryptography.x509 import load_pem_x509_certificate
from OpenSSL import SSL, crypto
from twisted.internet import defer, error
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Fault
from streamr.upstream.dial.tls import CertificateRefused
from streamr.upstream.resolve.failures import (
    LookupFailed,
    NoSuchName,
    ServerFailed,
    Silent,
    Unreachable,
    Unverified,
    lookup_failure,
)


def refused() -> CertificateRefused:
    pem = trustme.CA().issue_cert("other.invalid").cert_chain_pems[0].bytes()
    certificate = crypto.X509.from_cryptography(load_pem_x509_certificate(pem))
    return CertificateRefused("it is for other.invalid", None, certificate)


class Kinds(SynchronousTestCase):
    def test_each_exception_of_the_libraries_has_its_kind(self) -> None:
        # what pyOpenSSL raises has its own queue of errors as its argument
        alert = SSL.Error([("SSL routines", "", "tlsv1 alert protocol version")])
        problems: list[tuple[BaseException, type[LookupFailed], str]] = [
            (socket.gaierror(socket.EAI_NONAME, "unknown"), NoSuchName, "unknown"),
            (socket.gaierror(socket.EAI_AGAIN, "later"), ServerFailed, "later"),
            (UnicodeError("label too long"), NoSuchName, "not a valid host name"),
            (defer.TimeoutError(), Silent, "no answer"),
            (error.TimeoutError(), Silent, "no answer"),
            (error.ConnectionRefusedError(), Unreachable, "refuses"),
            (error.ConnectionLost(), Unreachable, "closed"),
            (error.ConnectionDone(), Unreachable, "closed"),
            (error.DNSLookupError(), Unreachable, "resolver's own name"),
            (alert, Unreachable, "alert protocol version"),
            (SSL.Error(), Unreachable, "the connection ended"),
            (refused(), Unverified, "other.invalid"),
            (Silent("for 3 s"), Silent, "for 3 s"),
            (Fault("tls_certificate_error", "it is x's"), Unverified, "it is x's"),
            (Fault("tls_timeout"), Silent, "no answer in the TLS handshake"),
            (Fault("connection_timeout"), Silent, "no answer to the TCP handshake"),
            (Fault("tls_reset", "after 517 bytes"), Unreachable, "after 517 bytes"),
            (Fault("connection_refused"), Unreachable, "refuse"),
        ]
        for problem, kind, words in problems:
            found = lookup_failure(problem)
            self.assertIs(type(found), kind, problem)
            self.assertIn(words, str(found))
            assert found is not None
            self.assertIsNone(found.errno, problem)

    def test_the_system_s_number_is_kept(self) -> None:
        full = OSError(errno.EMFILE, "too many open files")
        for problem in (
            OSError(errno.EMFILE, "too many"),
            error.ConnectError(errno.EMFILE, "too many"),
            error.CannotListenError("", 0, full),
        ):
            found = lookup_failure(problem)
            assert isinstance(found, Unreachable)
            self.assertEqual(found.errno, errno.EMFILE)
            self.assertIn("too many", str(found))

    def test_what_is_no_failure_of_a_lookup_stays_what_it_is(self) -> None:
        for problem in (RuntimeError(), KeyError("x"), defer.CancelledError()):
            self.assertIsNone(lookup_failure(problem))
