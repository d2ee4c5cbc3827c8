"""TLS towards TMDB and peers: small named profiles, and who is believed.

A profile changes what the ClientHello looks like, never what is verified: every one
checks the chain against the platform's roots (plus an extra CA file) and the
certificate against the name that was asked. Only a peer may be known by a pin of its
public key in place of both. What each profile gets through was
measured (docs/facts/tls.md, "What each profile can get through");
tests/upstream/dial/test_tls.py holds the sizes of the hellos.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto
from service_identity.exceptions import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from streamr.net.doors import ORGANISATION
from streamr.net.keypins import KeyPins, pin_of

if TYPE_CHECKING:
    from twisted.protocols.tls import TLSMemoryBIOProtocol

# What OpenSSL raises inside a connection, for those who classify it.
TLSError = SSL.Error

# Which protocols are offered (RFC 7301): Twisted's client speaks no other.
HTTP_1_1 = (b"http/1.1",)
# No session is ever resumed: resumption skips every verify callback, across host names
# too (docs/facts/tls.md, "Resumed sessions"). OP_ALL pads a ClientHello of 256 to 511
# bytes, which some boxes cannot take, to 517 (RFC 7685; the same page, "Size of the
# ClientHello").
_OPTIONS = (
    SSL.OP_NO_COMPRESSION | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_ALL
)
_VERIFY = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT

# OpenSSL's verify codes that the field knows, in words.
_CODES = SSL.X509VerificationCodes
# Complaints about the peer's own certificate that a pin makes good: all about who has
# issued it. Any other, as of a date or a weak key, is none of the pin's
# (docs/facts/tls.md, "A pin in place of chain and name").
_OF_THE_ISSUER = frozenset(
    (
        _CODES.ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
        _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        _CODES.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
    )
)
_VERDICTS = {
    _CODES.ERR_CERT_NOT_YET_VALID: (
        "the certificate is not valid yet: check this machine's clock"
    ),
    _CODES.ERR_CERT_HAS_EXPIRED: (
        "the certificate has expired: check this machine's clock"
    ),
    _CODES.ERR_DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed",
    _CODES.ERR_SELF_SIGNED_CERT_IN_CHAIN: "a self-signed certificate is in the chain",
    # also where the peer has not sent what leads to a trusted one
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the issuer is not trusted",
    _CODES.ERR_INVALID_PURPOSE: "the certificate is not for a server",
}
_DOOR = (
    "the address leads to a streamr door: a hosts entry or a resolver meant for apps "
    "misleads streamr itself"
)


@dataclass(frozen=True, slots=True)
class Profile:
    """How a ClientHello looks.

    `one_group` offers P-256 alone, which leaves the post-quantum key share out and lets
    the hello fit one TCP segment.
    """

    name: str
    max_version: int | None = None
    one_group: bool = False
    ciphers: bytes | None = None


# The strongest, so it is the first.
MODERN = Profile("modern")
# Where a ClientHello that does not fit one TCP segment is reset.
CLASSIC = Profile("classic", one_group=True)
# Where TLS 1.3 does not get through.
TLS12 = Profile(
    "tls12",
    max_version=SSL.TLS1_2_VERSION,
    one_group=True,
    ciphers=b"ECDHE+AESGCM:ECDHE+CHACHA20",
)
PROFILES = {each.name: each for each in (MODERN, CLASSIC, TLS12)}


# A certificate's names as far as a line has room for them.
MOST_NAME = 120
UNNAMED = "unnamed"


def issuer_of(certificate: crypto.X509) -> str:
    """Who has issued a certificate, as RFC 4514 writes it."""
    issuer = certificate.to_cryptography().issuer
    return issuer.rfc4514_string()[:MOST_NAME] or UNNAMED


def is_of_a_door(certificate: crypto.X509) -> bool:
    """True for the authority of a streamr door, and for what one has signed."""
    issuer = certificate.to_cryptography().issuer
    named = issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return any(each.value == ORGANISATION for each in named)


class CertificateRefused(Exception):
    """The peer's certificate is not acceptable for the name that was asked.

    `code` is OpenSSL's verify code (X509_V_ERR_*), or None when the chain is sound and
    only the name is wrong; `begins` and `ends` are the days of its validity. `is_door`
    says that it is of a streamr door (streamr/net/doors.py).
    """

    def __init__(
        self, problem: str, code: int | None, certificate: crypto.X509
    ) -> None:
        self.problem = problem
        self.code = code
        shown = certificate.to_cryptography()
        self.subject = shown.subject.rfc4514_string()[:MOST_NAME] or UNNAMED
        self.begins = shown.not_valid_before_utc.date()
        self.ends = shown.not_valid_after_utc.date()
        self.issuer = issuer_of(certificate)
        self.is_door = is_of_a_door(certificate)
        super().__init__(f"{problem} (subject {self.subject}, issuer {self.issuer})")


def make_context(
    profile: Profile,
    ca_file: Path | None = None,
    alpn: tuple[bytes, ...] = HTTP_1_1,
    *,
    roots: bool = True,
) -> SSL.Context:
    """The profile's context, made once: it costs some 10 ms with the platform's roots
    (docs/facts/tls.md, "The price of a context"). `alpn` are the protocols it offers.
    Without `roots` it trusts nobody.

    Raises OpenSSL.SSL.Error when `ca_file` holds no certificate.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    if profile.max_version is not None:
        context.set_max_proto_version(profile.max_version)
    context.set_options(_OPTIONS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if profile.one_group:
        # replaces the whole list of groups, for TLS 1.3 too (docs/facts/tls.md, "One
        # group in place of all")
        context.set_tmp_ecdh(ec.SECP256R1())
    if profile.ciphers is not None:
        context.set_cipher_list(profile.ciphers)
    if alpn:
        context.set_alpn_protos(list(alpn))
    if roots:
        context.set_default_verify_paths()
    if ca_file is not None:
        context.load_verify_locations(str(ca_file))
    # The callback with the name check is set on each connection; this is the floor
    # below it, should a connection ever be made without.
    context.set_verify(_VERIFY)
    return context


@implementer(IPolicyForHTTPS)
class ProfilePolicy:
    """Gives every HTTPS connection of a route the same TLS profile."""

    def __init__(
        self,
        profile: Profile,
        ca_file: Path | None = None,
        alpn: tuple[bytes, ...] = HTTP_1_1,
        *,
        roots: bool = True,
    ) -> None:
        self._make = partial(make_context, profile, ca_file, alpn, roots=roots)
        self._context = self._make()

    def renew(self) -> None:
        """Read the trusted roots again, for new connections. Raises OpenSSL.SSL.Error,
        and then keeps those that it has."""
        self._context = self._make()

    def creatorForNetloc(self, hostname: bytes, port: int) -> Creator:
        """Twisted asks for the TLS options of one host."""
        return Creator(self._context, hostname.decode("ascii"))


class PinnedPolicy(ProfilePolicy):
    """Gives the connections to one peer, which is known by its public key."""

    def __init__(self, pins: Callable[[], KeyPins]) -> None:
        """`pins` is asked for each connection: this machine's own proxy may have got
        another key. The context trusts nobody: should a connection ever be made without
        the pin's check, it is refused."""
        super().__init__(MODERN, roots=False)
        self._pins = pins

    def creatorForNetloc(self, hostname: bytes, port: int) -> Creator:
        """Twisted asks for the TLS options of one host."""
        return Creator(self._context, hostname.decode("ascii"), pins=self._pins())


@implementer(IOpenSSLClientConnectionCreator)
class Creator:
    """Makes the verified connection to one host."""

    def __init__(
        self, context: SSL.Context, host: str, pins: KeyPins | None = None
    ) -> None:
        """With `pins` the peer is known by its key, and not by chain and name."""
        self._context = context
        self._host = host
        self._pins = pins

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """Twisted asks for the connection of one protocol."""
        connection = SSL.Connection(self._context, None)
        identity, is_name = _identity(self._host)
        if is_name:
            # RFC 6066, 3: addresses are never sent as a server name
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        verifier: _Verifier = _NameVerifier(tlsProtocol, identity)
        if self._pins is not None:
            verifier = _PinVerifier(tlsProtocol, self._pins)
        connection.set_verify(_VERIFY, verifier.verify)
        connection.set_info_callback(verifier.info)
        connection.set_connect_state()
        return connection


class _Verifier:
    """Judges one connection's certificates, and stops it when they are refused."""

    def __init__(self, protocol: TLSMemoryBIOProtocol) -> None:
        self._protocol = protocol
        self._verified = False

    def judge(self, certificate: crypto.X509, code: int, depth: int, ok: bool) -> bool:
        """True when this is the peer's own certificate and it is the right one, False
        when that is still open. Raises CertificateRefused."""
        raise NotImplementedError

    def verify(
        self,
        _connection: SSL.Connection,
        certificate: crypto.X509,
        code: int,
        depth: int,
        chain_ok: int,
    ) -> bool:
        """OpenSSL asks once per certificate, the root first, the peer's own last."""
        try:
            ok = not code and bool(chain_ok)
            self._verified |= self.judge(certificate, code, depth, ok)
        except CertificateRefused:
            # a typed error reaches the caller inside ResponseNeverReceived.reasons
            self._protocol.failVerification(Failure())
            return False
        return True

    def info(self, _connection: SSL.Connection, where: int, _code: int) -> None:
        """OpenSSL tells where the handshake is."""
        if where & SSL.SSL_CB_HANDSHAKE_DONE and not self._verified:
            # only a handshake that skipped the callback can come here
            self._protocol.failVerification(
                Failure(SSL.Error("the certificate was never verified"))
            )


class _NameVerifier(_Verifier):
    """Wants a chain that leads to a trusted root, and the name that was asked."""

    def __init__(
        self,
        protocol: TLSMemoryBIOProtocol,
        identity: DNS_ID | IPAddress_ID,
    ) -> None:
        super().__init__(protocol)
        self._identity = identity

    def judge(self, certificate: crypto.X509, code: int, depth: int, ok: bool) -> bool:
        if is_of_a_door(certificate):
            # also where the system trusts it: it would be asking itself
            raise CertificateRefused(_DOOR, code or None, certificate)
        if not ok:
            raise _refused(code, certificate)
        if depth == 0:
            self._check_name(certificate)
        return depth == 0

    def _check_name(self, certificate: crypto.X509) -> None:
        try:
            verify_service_identity(extract_patterns(certificate), [self._identity], [])
        except (VerificationError, CertificateError, ValueError) as error:
            # ValueError: its names cannot be read
            names = ", ".join(_names(certificate)) or "no name"
            raise CertificateRefused(
                f"the certificate is for {names}", None, certificate
            ) from error


class _PinVerifier(_Verifier):
    """Wants one of the pinned keys in a certificate that is good today, whoever has
    issued it and for whatever name."""

    def __init__(self, protocol: TLSMemoryBIOProtocol, pins: KeyPins) -> None:
        super().__init__(protocol)
        self._pins = pins

    def judge(self, certificate: crypto.X509, code: int, depth: int, ok: bool) -> bool:
        if depth > 0:
            return False  # what the pin stands in for
        if not ok and code not in _OF_THE_ISSUER:
            raise _refused(code, certificate)
        if pin_of(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)) not in (
            self._pins
        ):
            raise CertificateRefused(
                "its public key is not the one that is pinned", None, certificate
            )
        # OpenSSL asks on, and at last without a complaint
        return ok


def _refused(code: int, certificate: crypto.X509) -> CertificateRefused:
    problem = _VERDICTS.get(code, "the chain is not trusted")
    return CertificateRefused(problem, code, certificate)


def _identity(host: str) -> tuple[DNS_ID | IPAddress_ID, bool]:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return DNS_ID(host), True
    return IPAddress_ID(host), False


def _names(certificate: crypto.X509) -> list[str]:
    """The names of a certificate, for a person to read."""
    try:
        found = certificate.to_cryptography().extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except (ValueError, x509.ExtensionNotFound):
        return []
    return [str(each.value)[:100] for each in found.value][:5]
