"""The certificate authority of the door: made on this machine, for four names of
TMDB's, and for nothing else.

Whoever trusts it gives away only those names: what it may sign for is a critical part
of its certificate (RFC 5280, 4.2.1.10). Names below the four cannot be kept out, other
kinds of names can. Addresses are excluded. Mail addresses and URIs are permitted at a
host that cannot exist (RFC 2606), because OpenSSL takes an empty constraint on them for
a host without a name. And no subject may have a name at all: OpenSSL does not hold a
common name with a star against the constraints, and curl and Node.js believe one when
there is nothing else (docs/apps.md, "What a stolen key is good for").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from streamr.net.doors import NAMES, ORGANISATION
from streamr.web.server.certificates import EARLIER, Identity

# Clients are told to trust it by hand, so it has to outlive many of them.
AUTHORITY_DAYS = 3650
# A leaf that is stolen is of use for a month, and only to who is on the path.
LEAF_DAYS = 30
# A new one is made so long before: a clock that is a week ahead still finds one valid.
RENEWED_BEFORE = timedelta(days=10)
_NOWHERE = "invalid"
_SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


class BrokenAuthority(ValueError):
    """The files are no authority of a door; the text says why."""


@dataclass(frozen=True, slots=True)
class DoorAuthority:
    """Who signs for the door."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def ends(self) -> datetime:
        """When nobody trusts it any more."""
        return self.certificate.not_valid_after_utc

    def leaf(self, now: datetime) -> Identity:
        """A new key and a certificate for all names of the door."""
        key = ec.generate_private_key(ec.SECP256R1())
        ends = min(now + timedelta(days=LEAF_DAYS), self.ends)
        names = x509.SubjectAlternativeName([x509.DNSName(each) for each in NAMES])
        issuer = self.certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        )
        known_by = x509.AuthorityKeyIdentifier
        certificate = (
            _builder(key, now, ends)
            .subject_name(x509.Name([]))
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(_SERVER, critical=False)
            # critical, because the subject is empty (RFC 5280, 4.2.1.6)
            .add_extension(names, critical=True)
            .add_extension(
                known_by.from_issuer_subject_key_identifier(issuer.value),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        return Identity((certificate, self.certificate), key)


def new_authority(now: datetime, machine: str) -> tuple[bytes, bytes]:
    """A new authority's certificate and key, in PEM. `machine` tells people which of
    several it is."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(
                NameOID.COMMON_NAME, f"{ORGANISATION} on {machine}"[:64]
            ),
        ]
    )
    certificate = (
        _builder(key, now, now + timedelta(days=AUTHORITY_DAYS))
        .subject_name(name)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(_SERVER, critical=False)
        .add_extension(_constraints(), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), private


def read_authority(certificate: bytes, key: bytes) -> DoorAuthority:
    """The authority in these files. Raises BrokenAuthority for what `new_authority`
    has not made, such as one that may sign for other names, too."""
    try:
        shown = x509.load_pem_x509_certificate(certificate)
        private = load_pem_private_key(key, None)
    except (TypeError, ValueError) as error:
        raise BrokenAuthority("they hold no certificate and key") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or (
        private.public_key() != shown.public_key()
    ):
        raise BrokenAuthority("the key is not that of the certificate")
    try:
        found = shown.extensions.get_extension_for_class(x509.NameConstraints)
        shown.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound as error:
        raise BrokenAuthority("the certificate is not limited to TMDB's names") from (
            error
        )
    if found.value != _constraints() or not found.critical:
        raise BrokenAuthority("the certificate is limited to other names than TMDB's")
    if not _is_ours(shown):
        raise BrokenAuthority("streamr door init has not made the certificate")
    return DoorAuthority(shown, private)


def _is_ours(shown: x509.Certificate) -> bool:
    """True for an authority that streamr itself would know as a door's."""
    named = shown.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    try:
        basic = shown.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return basic.value.ca and [each.value for each in named] == [ORGANISATION]


def _builder(
    key: ec.EllipticCurvePrivateKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(ends)
    )


def _constraints() -> x509.NameConstraints:
    return x509.NameConstraints(
        permitted_subtrees=[
            *(x509.DNSName(each) for each in NAMES),
            x509.RFC822Name(_NOWHERE),
            x509.UniformResourceIdentifier(_NOWHERE),
        ],
        excluded_subtrees=[
            x509.IPAddress(IPv4Network("0.0.0.0/0")),
            x509.IPAddress(IPv6Network("::/0")),
            x509.DirectoryName(x509.Name([])),
        ],
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """An authority signs certificates, and nothing else; a leaf signs handshakes."""
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
