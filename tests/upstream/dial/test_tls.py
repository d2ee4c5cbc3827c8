"""TLS profiles: how large their hellos are, and that nothing weak is ever accepted.

Both ends run in memory. The authorities are the tests' own; verification is never off.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import struct
import tempfile
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto
from service_identity.exceptions import VerificationError
from service_identity.hazmat import DNS_ID
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface.verify import verifyObject

from streamr.upstream.dial.tls import (
    CLASSIC,
    MODERN,
    PROFILES,
    TLS12,
    CertificateRefused,
    Profile,
    ProfilePolicy,
    TLSError,
    _Verifier,
    issuer_of,
    make_context,
)

HOST = "api.themoviedb.org"
# One Ethernet segment: 1,500 bytes less the heads of IPv4 and TCP.
ONE_SEGMENT = 1460


class FakeTLSProtocol:
    """Stands where Twisted's TLS protocol stands, and remembers why it was stopped."""

    def __init__(self) -> None:
        self.reasons: list[BaseException] = []

    def failVerification(self, reason: Failure) -> None:
        assert reason.value is not None
        self.reasons.append(reason.value)


class World(SynchronousTestCase):
    """An authority that is trusted, one that is not, and a client of each profile."""

    def setUp(self) -> None:
        self.trusted = trustme.CA()
        self.stranger = trustme.CA()
        directory = Path(tempfile.mkdtemp())
        self.addCleanup(directory.rmdir)
        self.ca_file = directory / "ca.pem"
        self.trusted.cert_pem.write_to_path(str(self.ca_file))
        self.addCleanup(self.ca_file.unlink)

    def policy(self, profile: Profile = MODERN) -> ProfilePolicy:
        return ProfilePolicy(profile, self.ca_file)

    def connect(
        self,
        certificate: trustme.LeafCert,
        *,
        host: str = HOST,
        profile: Profile = MODERN,
        policy: ProfilePolicy | None = None,
    ) -> Handshake:
        return Handshake(policy or self.policy(profile), host, certificate)


class Handshake:
    """One handshake in memory: `secure` and `refused` say how it ended."""

    def __init__(
        self, policy: ProfilePolicy, host: str, certificate: trustme.LeafCert
    ) -> None:
        self.told: list[str] = []
        self.protocol = FakeTLSProtocol()
        self.names: list[bytes | None] = []
        creator = policy.creatorForNetloc(host.encode(), 443)
        watched = creator.watched(lambda: self.told.append("secure"))
        protocol: Any = self.protocol
        self.client = watched.clientConnectionForTLS(protocol)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        certificate.configure_cert(context)
        context.set_tlsext_servername_callback(
            lambda connection: self.names.append(connection.get_servername())
        )
        self.server = SSL.Connection(context, None)
        self.server.set_accept_state()
        self.error: SSL.Error | None = None
        self._shake()

    @property
    def secure(self) -> bool:
        return self.told == ["secure"] and self.error is None

    @property
    def refused(self) -> BaseException:
        assert self.protocol.reasons, "nothing was refused"
        return self.protocol.reasons[0]

    def _shake(self) -> None:
        for _round in range(6):
            for end, other in ((self.client, self.server), (self.server, self.client)):
                try:
                    end.do_handshake()
                except SSL.WantReadError:
                    pass
                except SSL.Error as error:
                    self.error = error
                    return
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(end.bio_read(65536))


def first_flight(policy: ProfilePolicy) -> bytes:
    """The ClientHello of a new connection, without its record head of five bytes."""
    protocol: Any = FakeTLSProtocol()
    creator = policy.creatorForNetloc(HOST.encode(), 443)
    connection = creator.clientConnectionForTLS(protocol)
    with contextlib.suppress(SSL.WantReadError):
        connection.do_handshake()
    return connection.bio_read(65536)[5:]


class Made:
    """A certificate of the tests' own making, which trustme would not issue: any names,
    any extensions. Signed by an authority, or else by itself."""

    def __init__(
        self,
        *extensions: x509.ExtensionType,
        subject: str = "",
        issuer: str = "",
        ca: trustme.CA | None = None,
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        signer: Any = self.key
        names = [x509.Name.from_rfc4514_string(each) for each in (subject, issuer)]
        if ca is not None:
            signer = load_pem_private_key(ca.private_key_pem.bytes(), None)
            names[1] = x509.load_pem_x509_certificate(ca.cert_pem.bytes()).subject
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[0])
            .issuer_name(names[1])
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        self.signed = builder.sign(signer, hashes.SHA256())
        self.certificate = crypto.X509.from_cryptography(self.signed)

    def configure_cert(self, context: SSL.Context) -> None:
        """As trustme's do."""
        context.use_privatekey(self.key)
        context.use_certificate(self.signed)


def alternative(*names: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(each) for each in names])


class Verification(World):
    def test_a_sound_certificate_is_accepted_by_every_profile(self) -> None:
        certificate = self.trusted.issue_cert(HOST)
        for profile in PROFILES.values():
            shake = self.connect(certificate, profile=profile)
            self.assertTrue(shake.secure, f"{profile.name}: {shake.error}")
            self.assertEqual(shake.protocol.reasons, [])

    def test_every_profile_refuses_every_bad_certificate(self) -> None:
        now = datetime.datetime.now(datetime.UTC)
        yesterday = now - datetime.timedelta(days=1)
        last_week = now - datetime.timedelta(days=7)
        bad = {
            "other host": self.trusted.issue_cert("portal.test.invalid"),
            "address only": self.trusted.issue_cert("127.0.0.1"),
            "stranger": self.stranger.issue_cert(HOST),
            "expired": self.trusted.issue_cert(
                HOST, not_before=last_week, not_after=yesterday
            ),
            "wildcard too high": self.trusted.issue_cert("*.org"),
        }
        for profile in PROFILES.values():
            for kind, certificate in bad.items():
                shake = self.connect(certificate, profile=profile)
                self.assertFalse(shake.secure, f"{profile.name} accepted {kind}")
                self.assertIsInstance(shake.refused, CertificateRefused, kind)

    def verdict(self, certificate: Any) -> tuple[str, int | None]:
        """In which words it is refused, and OpenSSL's code."""
        refused = self.connect(certificate).refused
        assert isinstance(refused, CertificateRefused)
        return refused.problem, refused.code

    def test_each_chain_that_is_refused_is_refused_in_words(self) -> None:
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        with_root = self.stranger.issue_cert(HOST)
        with_root.cert_chain_pems.append(self.stranger.cert_pem)
        client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        for certificate, problem, code in (
            (
                self.trusted.issue_cert(
                    HOST, not_before=now + day, not_after=now + 2 * day
                ),
                "the certificate is not valid yet: check this machine's clock",
                9,
            ),
            (
                self.trusted.issue_cert(
                    HOST, not_before=now - 2 * day, not_after=now - day
                ),
                "the certificate has expired: check this machine's clock",
                10,
            ),
            (Made(alternative(HOST)), "the certificate is self-signed", 18),
            (with_root, "a self-signed certificate is in the chain", 19),
            (self.stranger.issue_cert(HOST), "the issuer is not trusted", 20),
            (
                Made(alternative(HOST), client, ca=self.trusted),
                "the certificate is not for a server",
                26,
            ),
        ):
            self.assertEqual(self.verdict(certificate), (problem, code))

    def test_either_word_of_openssl_is_enough_to_refuse(self) -> None:
        certificate = Made(alternative(HOST)).certificate
        for code, chain_ok, accepted in (
            (0, 1, True),
            (20, 1, False),
            (0, 0, False),
            (20, 0, False),
        ):
            protocol: Any = FakeTLSProtocol()
            connection: Any = None
            verifier = _Verifier(protocol, DNS_ID(HOST), None)
            found = verifier.verify(connection, certificate, code, 0, chain_ok)
            self.assertEqual(found, accepted, (code, chain_ok))
            self.assertEqual(protocol.reasons == [], accepted, (code, chain_ok))

    def test_a_code_without_words_is_refused_all_the_same(self) -> None:
        protocol: Any = FakeTLSProtocol()
        connection: Any = None
        verifier = _Verifier(protocol, DNS_ID(HOST), None)
        certificate = Made(alternative(HOST)).certificate
        self.assertFalse(verifier.verify(connection, certificate, 23, 0, 0))
        (refused,) = protocol.reasons
        self.assertEqual(
            (refused.problem, refused.code), ("the chain is not trusted", 23)
        )

    def test_who_does_not_listen_is_not_told_when_it_is_secure(self) -> None:
        protocol: Any = FakeTLSProtocol()
        connection: Any = None
        verifier = _Verifier(protocol, DNS_ID(HOST), None)
        verifier.verify(connection, Made(alternative(HOST)).certificate, 0, 0, 1)
        verifier.info(connection, SSL.SSL_CB_HANDSHAKE_DONE, 1)
        self.assertEqual(protocol.reasons, [])

    def test_a_wrong_name_is_refused_with_the_names_that_it_has(self) -> None:
        names = [f"{number}.test.invalid" for number in range(6)]
        long = f"{'a' * 60}.{'b' * 60}.invalid"
        # RFC 5280, 4.2.1.6: a DNS name is in ASCII. OpenSSL lets it pass.
        unreadable = x509.UnrecognizedExtension(
            x509.SubjectAlternativeName.oid, b"\x30\x05\x82\x03\xff\xff\xff"
        )
        for certificate, listed in (
            (Made(alternative(*names), ca=self.trusted), ", ".join(names[:5])),
            (Made(alternative(long), ca=self.trusted), long[:100]),
            (Made(ca=self.trusted), "no name"),
            (Made(unreadable, ca=self.trusted), "no name"),
        ):
            words = f"the certificate is for {listed}"
            self.assertEqual(self.verdict(certificate), (words, None))

    def test_who_it_is_for_and_who_issued_it_is_said_within_a_line(self) -> None:
        long = f"CN={'b' * 64},O={'c' * 64}"
        for name, said in (("", "unnamed"), ("CN=Box", "CN=Box"), (long, long[:120])):
            made = Made(subject=name, issuer=name).certificate
            refused = CertificateRefused("bad", 20, made)
            self.assertEqual((refused.subject, refused.issuer), (said, said))
            self.assertEqual(issuer_of(made), said)
            self.assertEqual(str(refused), f"bad (subject {said}, issuer {said})")

    def test_a_wrong_name_says_whose_certificate_it_is(self) -> None:
        shake = self.connect(self.trusted.issue_cert("portal.test.invalid"))
        refused = shake.refused
        assert isinstance(refused, CertificateRefused)
        self.assertIsInstance(refused.__cause__, VerificationError)
        self.assertIn("portal.test.invalid", str(refused))
        self.assertIsNone(refused.code)

    def test_without_the_extra_ca_file_the_platform_decides(self) -> None:
        certificate = self.trusted.issue_cert(HOST)
        shake = self.connect(certificate, policy=ProfilePolicy(MODERN))
        self.assertFalse(shake.secure)
        self.assertIsInstance(shake.refused, CertificateRefused)

    def test_the_platforms_roots_are_trusted_beside_the_extra_file(self) -> None:
        known = os.environ.get("SSL_CERT_FILE")

        def back() -> None:
            del os.environ["SSL_CERT_FILE"]
            if known is not None:
                os.environ["SSL_CERT_FILE"] = known

        # where OpenSSL is told that the platform has its roots (X509_get_default_*)
        os.environ["SSL_CERT_FILE"] = str(self.ca_file)
        self.addCleanup(back)
        other = self.ca_file.with_name("other.pem")
        self.stranger.cert_pem.write_to_path(str(other))
        self.addCleanup(other.unlink)
        for policy in (ProfilePolicy(MODERN), ProfilePolicy(MODERN, other)):
            shake = self.connect(self.trusted.issue_cert(HOST), policy=policy)
            self.assertTrue(shake.secure, shake.error)

    def test_an_address_is_verified_and_never_sent_as_a_name(self) -> None:
        shake = self.connect(self.trusted.issue_cert("127.0.0.1"), host="127.0.0.1")
        self.assertTrue(shake.secure, shake.error)
        self.assertEqual([name for name in shake.names if name], [])
        other = self.connect(self.trusted.issue_cert("127.0.0.2"), host="127.0.0.1")
        self.assertFalse(other.secure)

    def test_the_name_is_sent(self) -> None:
        shake = self.connect(self.trusted.issue_cert(HOST))
        self.assertEqual(shake.names, [HOST.encode()])

    def test_sessions_are_never_resumed(self) -> None:
        # resumption skips every verify callback, across host names too
        for profile in PROFILES.values():
            mode = make_context(profile).get_session_cache_mode()
            self.assertEqual(mode, SSL.SESS_CACHE_OFF)
            policy = self.policy(profile)
            certificate = self.trusted.issue_cert(HOST)
            self.assertTrue(self.connect(certificate, policy=policy).secure)
            again = _extensions(first_flight(policy))
            # 35 is session_ticket (RFC 5077), 41 pre_shared_key (RFC 8446)
            self.assertEqual({35, 41} & set(again), set(), profile.name)

    def test_a_handshake_that_skipped_the_callback_is_stopped(self) -> None:
        policy = self.policy()
        fake = FakeTLSProtocol()
        told: list[str] = []
        protocol: Any = fake
        connection = (
            policy.creatorForNetloc(HOST.encode(), 443)
            .watched(lambda: told.append("secure"))
            .clientConnectionForTLS(protocol)
        )
        # what a resumed session would do: verification never asks our callback
        connection.set_verify(SSL.VERIFY_PEER, lambda *arguments: True)
        server = SSL.Context(SSL.TLS_SERVER_METHOD)
        self.stranger.issue_cert("elsewhere.test.invalid").configure_cert(server)
        other = SSL.Connection(server, None)
        other.set_accept_state()
        shake = Handshake.__new__(Handshake)
        shake.client, shake.server, shake.error = connection, other, None
        shake._shake()
        self.assertEqual(told, [])
        self.assertEqual(len(fake.reasons), 1)

    def test_a_connection_without_our_callback_still_verifies_the_chain(self) -> None:
        context = make_context(MODERN, self.ca_file)
        self.assertTrue(context.get_verify_mode() & SSL.VERIFY_PEER)
        self.assertTrue(context.get_verify_mode() & SSL.VERIFY_FAIL_IF_NO_PEER_CERT)

    def test_a_file_without_certificates_is_no_trust_root(self) -> None:
        empty = self.ca_file.with_name("empty.pem")
        empty.write_text("nothing")
        self.addCleanup(empty.unlink)
        self.assertRaises(TLSError, make_context, MODERN, empty)

    def test_the_factories_keep_twisteds_promises(self) -> None:
        policy = self.policy()
        verifyObject(IPolicyForHTTPS, policy)
        creator = policy.creatorForNetloc(HOST.encode(), 443)
        verifyObject(IOpenSSLClientConnectionCreator, creator)


class Names(SynchronousTestCase):
    def test_the_profiles_are_these(self) -> None:
        """The names stand in settings, in the log and in what the doctor says."""
        self.assertEqual(list(PROFILES), ["modern", "classic", "tls12"])


class Hellos(World):
    """Sizes were measured with OpenSSL 4.0 (docs/facts/tls.md, "Size of the
    ClientHello")."""

    def hello(self, profile: Profile) -> bytes:
        return first_flight(self.policy(profile))

    def test_modern_does_not_fit_one_segment(self) -> None:
        self.assertGreater(len(self.hello(MODERN)), ONE_SEGMENT)

    def test_classic_is_padded_to_517_bytes_with_its_record_head(self) -> None:
        self.assertEqual(len(self.hello(CLASSIC)) + 5, 517)

    def test_tls12_is_small_and_clear_of_the_zone_that_boxes_cannot_take(self) -> None:
        self.assertLess(len(self.hello(TLS12)), 256)

    def test_only_tls12_leaves_tls_1_3_out(self) -> None:
        # extension 43, supported_versions (RFC 8446, 4.2.1), naming 0x0304
        for profile in PROFILES.values():
            extensions = _extensions(self.hello(profile))
            offers = b"\x03\x04" in extensions.get(43, b"")
            self.assertEqual(offers, profile is not TLS12, profile.name)

    def test_the_post_quantum_share_is_modern_alone(self) -> None:
        # extension 10, supported_groups: 0x11ec is X25519MLKEM768
        for profile in PROFILES.values():
            groups = _extensions(self.hello(profile))[10]
            self.assertEqual(b"\x11\xec" in groups, profile is MODERN, profile.name)

    def test_classic_and_tls12_offer_p_256_and_no_other_group(self) -> None:
        for profile in (CLASSIC, TLS12):
            groups = _extensions(self.hello(profile))[10]
            self.assertEqual(groups, b"\x00\x02\x00\x17", profile.name)

    def test_tls12_offers_ciphers_that_keep_a_secret_forward_and_no_other(self) -> None:
        # all ECDHE, with AES-GCM (RFC 5289) or ChaCha20-Poly1305 (RFC 7905)
        known = {0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9}
        self.assertEqual(set(_ciphers(self.hello(TLS12))), known)

    def test_http_1_1_is_offered_and_h2_is_not(self) -> None:
        for profile in PROFILES.values():
            protocols = _extensions(self.hello(profile))[16]
            self.assertIn(b"http/1.1", protocols)
            self.assertNotIn(b"h2", protocols)

    def test_no_profile_offers_a_version_before_1_2(self) -> None:
        for profile in PROFILES.values():
            for version in (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION):
                self.assertFalse(self.speaks(profile, version), profile.name)
            self.assertTrue(self.speaks(profile, SSL.TLS1_2_VERSION), profile.name)

    def speaks(self, profile: Profile, version: int) -> bool:
        policy = self.policy(profile)
        # as on a machine whose OpenSSL leaves the old versions in
        policy._context.set_cipher_list(b"ALL:@SECLEVEL=0")
        server = SSL.Context(SSL.TLS_SERVER_METHOD)
        server.set_cipher_list(b"ALL:@SECLEVEL=0")
        server.set_min_proto_version(version)
        server.set_max_proto_version(version)
        self.trusted.issue_cert(HOST).configure_cert(server)
        shake = Handshake.__new__(Handshake)
        protocol: Any = FakeTLSProtocol()
        shake.told, shake.error = [], None
        shake.client = (
            policy.creatorForNetloc(HOST.encode(), 443)
            .watched(lambda: shake.told.append("secure"))
            .clientConnectionForTLS(protocol)
        )
        shake.server = SSL.Connection(server, None)
        shake.server.set_accept_state()
        shake._shake()
        return shake.secure


def _ciphers(hello: bytes) -> list[int]:
    """The cipher suites of a ClientHello (RFC 8446, 4.1.2)."""
    at = 4 + 2 + 32
    at += 1 + hello[at]
    length = int.from_bytes(hello[at : at + 2])
    return list(struct.unpack_from(f"!{length // 2}H", hello, at + 2))


def _extensions(hello: bytes) -> dict[int, bytes]:
    """The extensions of a ClientHello (RFC 8446, 4.1.2) by their numbers."""
    at = 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2])
    at += 1 + hello[at]
    at += 2
    found = {}
    while at < len(hello):
        kind, length = struct.unpack_from("!HH", hello, at)
        found[kind] = hello[at + 4 : at + 4 + length]
        at += 4 + length
    return found
