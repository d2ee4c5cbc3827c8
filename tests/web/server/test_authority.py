"""The door's authority: what it may sign for, as OpenSSL judges it."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto
from twisted.trial.unittest import SynchronousTestCase

from streamr.net.doors import NAMES, ORGANISATION
from streamr.web.server.authority import (
    AUTHORITY_DAYS,
    LEAF_DAYS,
    BrokenAuthority,
    DoorAuthority,
    new_authority,
    read_authority,
)
from streamr.web.server.certificates import EARLIER, self_signed

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


def made() -> DoorAuthority:
    return read_authority(*new_authority(NOW, "this machine"))


def uses(shown: x509.Certificate) -> set[str]:
    """What a key may be used for."""
    usage = shown.extensions.get_extension_for_class(x509.KeyUsage).value
    names = (
        *("digital_signature", "content_commitment", "key_encipherment"),
        *("data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"),
    )
    return {each for each in names if getattr(usage, each)}


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.authority = made()

    def signed(
        self, *names: x509.GeneralName, common: str = "", authority: bool = False
    ) -> x509.Certificate:
        """What who has stolen the key could sign."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(self.authority.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - EARLIER)
            .not_valid_after(NOW + timedelta(days=9))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(SERVER, critical=False)
        )
        if names:
            given = x509.SubjectAlternativeName(names)
            builder = builder.add_extension(given, critical=not subject)
        self.stolen = key
        return builder.sign(self.authority.key, hashes.SHA256())

    def is_trusted(self, shown: x509.Certificate, *between: x509.Certificate) -> bool:
        """Whether OpenSSL takes it from who trusts the authority alone."""
        store = crypto.X509Store()
        store.add_cert(crypto.X509.from_cryptography(self.authority.certificate))
        store.set_time(NOW)
        chain = [crypto.X509.from_cryptography(each) for each in between]
        try:
            crypto.X509StoreContext(
                store, crypto.X509.from_cryptography(shown), chain
            ).verify_certificate()
        except crypto.X509StoreContextError:
            return False
        return True


class MaySign(Case):
    """Whoever trusts it gives away these four names, and no others."""

    def test_for_the_names_and_what_is_below_them(self) -> None:
        for name in NAMES:
            self.assertTrue(self.is_trusted(self.signed(x509.DNSName(name))), name)
        below = self.signed(x509.DNSName(f"below.{NAMES[0]}"))
        self.assertTrue(self.is_trusted(below))

    def test_for_no_other_name(self) -> None:
        for name in (
            "example.org",
            "themoviedb.org",
            "tmdb.org",
            "*.tmdb.org",
            "*.example.org",
            "www.tmdb.org",
            "notapi.tmdb.org",
            "api.themoviedb.org.example.org",
            "localhost",
        ):
            self.assertFalse(self.is_trusted(self.signed(x509.DNSName(name))), name)
            self.assertFalse(
                self.is_trusted(self.signed(x509.DNSName(NAMES[0]), x509.DNSName(name)))
            )
            self.assertFalse(self.is_trusted(self.signed(common=name)), name)

    def test_for_no_other_kind_of_name(self) -> None:
        for name in (
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("203.0.113.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
            x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
            x509.RFC822Name("somebody@example.org"),
            x509.RFC822Name(f"somebody@{NAMES[0]}"),
            x509.UniformResourceIdentifier("https://example.org/"),
            x509.UniformResourceIdentifier(f"https://{NAMES[0]}/"),
        ):
            self.assertFalse(self.is_trusted(self.signed(name)), name)

    def test_for_no_other_authority(self) -> None:
        below = self.signed(x509.DNSName(NAMES[0]), authority=True)
        key = self.stolen
        leaf = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(below.subject)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(NOW - EARLIER)
            .not_valid_after(NOW + EARLIER)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(NAMES[0])]), critical=True
            )
            .sign(key, hashes.SHA256())
        )
        self.assertFalse(self.is_trusted(leaf, below))

    def test_it_signs_certificates_and_none_of_other_authorities(self) -> None:
        found = self.authority.certificate.extensions
        basic = found.get_extension_for_class(x509.BasicConstraints).value
        self.assertEqual((basic.ca, basic.path_length), (True, 0))
        self.assertEqual(
            uses(self.authority.certificate), {"key_cert_sign", "crl_sign"}
        )

    def test_its_limits_are_critical(self) -> None:
        found = self.authority.certificate.extensions
        for kind in (x509.NameConstraints, x509.BasicConstraints, x509.KeyUsage):
            self.assertTrue(found.get_extension_for_class(kind).critical, kind)
        usage = found.get_extension_for_class(x509.ExtendedKeyUsage).value
        self.assertEqual(list(usage), [ExtendedKeyUsageOID.SERVER_AUTH])

    def test_it_lasts_for_ten_years_and_says_whose_it_is(self) -> None:
        shown = self.authority.certificate
        self.assertEqual(shown.not_valid_before_utc, NOW - EARLIER)
        self.assertEqual(self.authority.ends, NOW + timedelta(days=AUTHORITY_DAYS))
        told = shown.subject.rfc4514_string()
        self.assertIn(f"O={ORGANISATION}", told)
        self.assertIn("CN=streamr door on this machine", told)

    def test_a_machine_may_have_a_long_name(self) -> None:
        found = read_authority(*new_authority(NOW, "m" * 300))
        self.assertIn(
            "CN=streamr door on mmm", found.certificate.subject.rfc4514_string()
        )

    def test_no_two_share_a_key(self) -> None:
        self.assertNotEqual(self.authority.key.public_key(), made().key.public_key())


class Leaves(Case):
    def test_one_is_for_all_names_for_a_month_and_trusted(self) -> None:
        leaf, behind = self.authority.leaf(NOW).chain
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        self.assertEqual(names.value.get_values_for_type(x509.DNSName), list(NAMES))
        self.assertEqual(leaf.not_valid_after_utc, NOW + timedelta(days=LEAF_DAYS))
        self.assertEqual(behind, self.authority.certificate)
        self.assertTrue(self.is_trusted(leaf))

    def test_one_is_for_servers_and_signs_no_certificates(self) -> None:
        leaf, _ = self.authority.leaf(NOW).chain
        found = leaf.extensions
        basic = found.get_extension_for_class(x509.BasicConstraints)
        self.assertEqual((basic.value.ca, basic.critical), (False, True))
        self.assertEqual(uses(leaf), {"digital_signature"})
        usage = found.get_extension_for_class(x509.ExtendedKeyUsage)
        self.assertEqual(list(usage.value), [ExtendedKeyUsageOID.SERVER_AUTH])
        # an empty subject makes the names all that it is known by (RFC 5280, 4.1.2.6)
        names = found.get_extension_for_class(x509.SubjectAlternativeName)
        self.assertTrue(names.critical)
        self.assertEqual(list(leaf.subject), [])

    def test_none_outlasts_its_authority(self) -> None:
        late = self.authority.ends - timedelta(days=3)
        leaf, _ = self.authority.leaf(late).chain
        self.assertEqual(leaf.not_valid_after_utc, self.authority.ends)


class Reading(Case):
    def test_what_is_no_authority_of_a_door_is_refused(self) -> None:
        certificate, key = new_authority(NOW, "m")
        other, other_key = new_authority(NOW, "m")
        edwards = ed25519.Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        locked = made().key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        for given, given_key, why in (
            (b"", key, "hold no certificate and key"),
            (certificate, b"", "hold no certificate and key"),
            (certificate, edwards, "the key is not that of the certificate"),
            (certificate, locked, "hold no certificate and key"),
            (certificate, other_key, "the key is not that of the certificate"),
            (other, key, "the key is not that of the certificate"),
            (*self_signed(NOW), "not limited to TMDB's names"),
            (*self.alike(of=(x509.DNSName("org"),)), "limited to other names"),
            (*self.alike(critical=False), "limited to other names"),
            (*self.alike(name="ACME"), "streamr door init has not made"),
            (*self.alike(signs=False), "streamr door init has not made"),
            (*self.alike(signs=None), "streamr door init has not made"),
        ):
            with self.assertRaises(BrokenAuthority) as caught:
                read_authority(given, given_key)
            self.assertIn(why, str(caught.exception))

    def alike(
        self,
        of: tuple[x509.DNSName, ...] = (),
        name: str = ORGANISATION,
        signs: bool | None = True,
        critical: bool = True,
    ) -> tuple[bytes, bytes]:
        """One that is almost an authority of a door."""
        key = ec.generate_private_key(ec.SECP256R1())
        whose = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
        own = self.authority.certificate.extensions
        limits = own.get_extension_for_class(x509.NameConstraints).value
        if of:
            limits = x509.NameConstraints(of, None)
        public = key.public_key()
        made = (
            x509.CertificateBuilder()
            .subject_name(whose)
            .issuer_name(whose)
            .public_key(public)
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + EARLIER)
            .add_extension(limits, critical=critical)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(public), critical=False
            )
        )
        if signs is not None:
            made = made.add_extension(x509.BasicConstraints(signs, None), critical=True)
        signed = made.sign(key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return signed.public_bytes(Encoding.PEM), private
