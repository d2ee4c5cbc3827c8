"""The simulator's own authority, and good and bad certificates for its host names.

Private keys are made at start and never leave memory; only the authority's
certificate is written to disk.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.internet.ssl import CertificateOptions

GOOD = "good"
WRONG_HOST = "cert-wrong-host"
EXPIRED = "cert-expired"
SELF_SIGNED = "cert-self-signed"
UNTRUSTED = "cert-untrusted"
PORTAL = "portal.invalid"
DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    """A fresh private key."""
    return ec.generate_private_key(ec.SECP256R1())


def subject(name: str) -> x509.Name:
    """A distinguished name with nothing but a common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """A certificate authority: its own certificate, and those it signs."""

    def __init__(self, name: str) -> None:
        """Make the key and the certificate that signs itself."""
        self.name = subject(name)
        self.key = new_key()
        self.certificate = (
            builder(self.name, self.name, self.key, first_day(), 365)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .add_extension(authority_usage(), True)
            .add_extension(identifier(self.key), False)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The certificate that clients have to trust."""
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(self, host: str, key: Key, start: datetime, days: int) -> x509.Certificate:
        """A server certificate for one host name."""
        return server(host, key, start, days, self.name, self.key)


def first_day() -> datetime:
    """Certificates begin yesterday, so that a clock a little behind is no fault."""
    return datetime.now(UTC) - DAY


def builder(
    name: x509.Name, issuer: x509.Name, key: Key, start: datetime, days: int
) -> x509.CertificateBuilder:
    """What every certificate needs."""
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + days * DAY)
    )


def authority_usage() -> x509.KeyUsage:
    """An authority signs certificates and revocation lists, nothing else."""
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def identifier(key: Key) -> x509.SubjectKeyIdentifier:
    """The key identifier that strict verifiers ask of an authority."""
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def server(
    host: str, key: Key, start: datetime, days: int, issuer: x509.Name, signer: Key
) -> x509.Certificate:
    """A server certificate for one host name, signed by somebody."""
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    public = signer.public_key()
    return (
        builder(subject(host), issuer, key, start, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        .add_extension(usage, False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False
        )
        .sign(signer, hashes.SHA256())
    )


class Vault:
    """Hands out TLS options for a host: the good certificate, or a bad one by name."""

    def __init__(self) -> None:
        """Make the trusted authority and the other one."""
        self.authority = Authority("Loopback Root")
        self.stranger = Authority("Unknown Root")

    def options(self, host: str, kind: str) -> CertificateOptions:
        """A server's TLS options with a certificate of a kind. HTTP/1.1 only."""
        key = new_key()
        # pyOpenSSL deprecates its own classes here; Twisted's annotations lag behind
        pair: dict[str, Any] = {
            "privateKey": key,
            "certificate": self.make(host, kind, key),
        }
        return CertificateOptions(**pair, acceptableProtocols=[b"http/1.1"])

    def make(self, host: str, kind: str, key: Key) -> x509.Certificate:
        """A certificate of a kind for a host."""
        start = first_day()
        if kind == SELF_SIGNED:
            return server(host, key, start, 30, subject(host), key)
        if kind == UNTRUSTED:
            return self.stranger.sign(host, key, start, 30)
        if kind == WRONG_HOST:
            return self.authority.sign(PORTAL, key, start, 30)
        if kind == EXPIRED:
            return self.authority.sign(host, key, start - 30 * DAY, 30)
        return self.authority.sign(host, key, start, 30)
