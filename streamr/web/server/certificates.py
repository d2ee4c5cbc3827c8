"""The server's certificate and its key: read and checked together, and made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from streamr.errors import SettingsError
from streamr.net.keypins import pin_of

# The names of the settings, which what is wrong with a file is told with.
CERTIFICATE, KEY = "PROXY_TLS_CERT", "PROXY_TLS_KEY"
# Who trusts a certificate of ours trusts its key by a pin, so a new date would protect
# nobody, and an outage on the day it ends would help nobody.
OWN_DAYS = 3650
# A clock that is a little behind finds it valid all the same.
EARLIER = timedelta(days=1)

# What a server can sign with in TLS 1.2 and 1.3 alike.
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server shows, its own certificate first, and proves with its key."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey

    @property
    def pin(self) -> str:
        """What others know its key by."""
        return pin_of(self.chain[0].public_bytes(Encoding.DER))

    @property
    def ends(self) -> datetime:
        """When its certificate ends."""
        return self.chain[0].not_valid_after_utc


def read_identity(certificate: Path, key: Path) -> Identity:
    """Read both files. Raises SettingsError with what is wrong with them."""
    chain = _chain(certificate)
    private = _key(key)
    if _public(private.public_key()) != _public(chain[0].public_key()):
        raise SettingsError(
            [
                f"PROXY_TLS_KEY {str(key)!r} is not the key of the first certificate "
                f"in PROXY_TLS_CERT {str(certificate)!r}"
            ]
        )
    return Identity(chain, private)


def _chain(path: Path) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(_bytes(CERTIFICATE, path)))
    except ValueError as error:
        raise problem(CERTIFICATE, path, "it contains no PEM certificate") from error


def _key(path: Path) -> PrivateKey:
    try:
        found = load_pem_private_key(_bytes(KEY, path), None)
    except TypeError as error:
        why = "it is encrypted, and nobody is there to type a passphrase"
        raise problem(KEY, path, why) from error
    except ValueError as error:
        raise problem(KEY, path, "it contains no PEM private key") from error
    if not isinstance(found, PrivateKey):
        raise problem(KEY, path, "it is not an EC, RSA or Ed25519 key")
    return found


def _bytes(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise problem(name, path, str(error.strerror)) from error


def problem(name: str, path: Path, why: str) -> SettingsError:
    """What is wrong with the file of a setting."""
    return SettingsError([f"{name} {str(path)!r} cannot be used: {why}"])


def _public(key: PublicKeyTypes) -> bytes:
    """A public key in a form in which equal keys are equal bytes."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def self_signed(now: datetime) -> tuple[bytes, bytes]:
    """A new certificate that signs itself, and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "streamr proxy")])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=OWN_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), private
