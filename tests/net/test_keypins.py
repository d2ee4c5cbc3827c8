"""Pins of public keys: curl's form, whatever the key and the certificate."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import SettingsError
from streamr.net.keypins import PinFile, first_certificate, pin_of, read_pins, split
from tests.properties import examples

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PIN = "sha256//" + base64.b64encode(b"x" * 32).decode()
OTHER = "sha256//" + base64.b64encode(b"y" * 32).decode()
# Made with openssl; nobody has its key.
KNOWN = b"""-----BEGIN CERTIFICATE-----
MIIBdjCCAR2gAwIBAgIUU+vwFPxS7D3d0nBGgIsjO7mBLiYwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFa25vd24wIBcNMjYxMTI3MTA1MDQxWhgPMjEyNjExMDMxMDUw
NDFaMBAxDjAMBgNVBAMMBWtub3duMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
cSVNp5V+6NXKrDS88yzjAtu7xx+pOaeGFF3YU9PErr/lAXqA5KOhUu+9nV0YUnyt
maJMzZAnGjI4VmTaqXpke6NTMFEwHQYDVR0OBBYEFOXDyJ6tirmYVWRR7oBFcc0w
g2d+MB8GA1UdIwQYMBaAFOXDyJ6tirmYVWRR7oBFcc0wg2d+MA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgcrepBiaYx9YSSz8MqOXmVw9UPyBp8Oia
oQlVAsC9ehwCIF56FVDSusAH0QwwUts8reQBFPHlmsbx3ctyOWMgKfG8
-----END CERTIFICATE-----
"""
steady = examples(300)


def certificate(key: Key, name: str = "a") -> x509.Certificate:
    """A certificate that signs itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=1))
        .sign(
            key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        )
    )


class Written(SynchronousTestCase):
    """What stands behind the # of a URL."""

    def test_one_pin_or_several_are_read(self) -> None:
        self.assertEqual(read_pins(PIN), {PIN})
        self.assertEqual(read_pins(f"{PIN};{OTHER}"), {PIN, OTHER})

    def test_whatever_is_no_pin_is_refused_with_what_one_is(self) -> None:
        for wrong in (
            *("", PIN[8:], PIN[:-1], PIN + "=", f"{PIN};", f"{PIN},{OTHER}"),
            *(PIN.replace("sha256", "sha1"), PIN.replace("//", "/"), f" {PIN}"),
            PIN[:20] + "-" + PIN[21:],
        ):
            refused = self.assertRaises(ValueError, read_pins, wrong)
            self.assertIn("sha256// and 44 characters of base64", str(refused))

    def test_a_url_is_split_from_its_pins(self) -> None:
        url = "https://a.example:5001/x"
        self.assertEqual(split(f"{url}#{PIN}"), (url, {PIN}))
        self.assertEqual(split(url), (url, frozenset()))


class Keys(SynchronousTestCase):
    """The pin of a certificate's key."""

    def test_it_is_the_hash_of_the_public_key_info_for_every_kind_of_key(self) -> None:
        for key in (
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP384R1()),
            rsa.generate_private_key(65537, 2048),
            ed25519.Ed25519PrivateKey.generate(),
        ):
            info = key.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
            expected = base64.b64encode(hashlib.sha256(info).digest()).decode()
            # a long name makes lengths of two and three bytes
            for name in ("a", "n" * 60):
                der = certificate(key, name).public_bytes(Encoding.DER)
                self.assertEqual(pin_of(der), f"sha256//{expected}")

    def test_it_is_what_curls_manual_computes(self) -> None:
        # openssl x509 -pubkey | openssl pkey -pubin -outform der |
        # openssl dgst -sha256 -binary | openssl enc -base64, of this certificate
        self.assertEqual(
            pin_of(first_certificate(KNOWN)),
            "sha256//5szEipogcBN1g8HXChvfc2iGpDU/8Rlxpz8SCo2AnJg=",
        )

    def test_a_renewed_certificate_keeps_it_and_another_key_has_another(self) -> None:
        key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        first, renewed, foreign = (
            pin_of(certificate(each).public_bytes(Encoding.DER))
            for each in (key, key, other)
        )
        self.assertEqual(first, renewed)
        self.assertNotEqual(first, foreign)

    def test_what_is_cut_is_no_certificate(self) -> None:
        der = certificate(ec.generate_private_key(ec.SECP256R1())).public_bytes(
            Encoding.DER
        )
        for end in range(len(der)):
            self.assertRaises(ValueError, pin_of, der[:end])

    @steady
    @given(st.binary(max_size=200))
    def test_whatever_comes_is_a_certificate_or_refused(self, data: bytes) -> None:
        with contextlib.suppress(ValueError):
            pin_of(data)


class Files(SynchronousTestCase):
    """The certificate of a file."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name, "cert.pem")
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.path.write_bytes(certificate(self.key).public_bytes(Encoding.PEM))

    def test_it_is_the_first_one_that_counts(self) -> None:
        other = certificate(ec.generate_private_key(ec.SECP256R1()))
        own = pin_of(first_certificate(self.path.read_bytes()))
        self.path.write_bytes(
            b"a comment\n" + self.path.read_bytes() + other.public_bytes(Encoding.PEM)
        )
        self.assertEqual(PinFile(self.path).pin, own)

    def test_it_is_read_again_when_asked_and_a_bad_one_changes_nothing(self) -> None:
        file = PinFile(self.path)
        first = file.pin
        for spoilt in (
            b"nothing",
            b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            None,
        ):
            self.path.unlink() if spoilt is None else self.path.write_bytes(spoilt)
            refused = self.assertRaises(SettingsError, file.renew)
            self.assertIn(f"PROXY_TLS_CERT {str(self.path)!r}", refused.problems[0])
            self.assertEqual(file.pin, first)
        new = certificate(ec.generate_private_key(ec.SECP256R1()))
        self.path.write_bytes(new.public_bytes(Encoding.PEM))
        file.renew()
        self.assertNotEqual(file.pin, first)
