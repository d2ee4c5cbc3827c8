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
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto
from service_identity.exceptions import VerificationError
from service_identity.hazmat import DNS_ID
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface.verify import verifyObject

from streamr.net.doors import NAMES
from streamr.net.keypins import pin_of
from streamr.upstream.dial.tls import (
    CLASSIC,
    MODERN,
    PROFILES,
    TLS12,
    CertificateRefused,
    PinnedPolicy,
    Profile,
    ProfilePolicy,
    TLSError,
    _NameVerifier,
    _PinVerifier,
    issuer_of,
    make_context,
)
from streamr.web.server.authority import new_authority, read_authority
from streamr.web.server.tls import make_context as server_context

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

    def platform_trusts_our_authority(self) -> None:
        known = os.environ.get("SSL_CERT_FILE")

        def back() -> None:
            del os.environ["SSL_CERT_FILE"]
            if known is not None:
                os.environ["SSL_CERT_FILE"] = known

        # where OpenSSL is told that the platform has its roots (X509_get_default_*)
        os.environ["SSL_CERT_FILE"] = str(self.ca_file)
        self.addCleanup(back)

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
        self,
        policy: ProfilePolicy,
        host: str,
        certificate: Any,
        server: SSL.Context | None = None,
        session: SSL.Session | None = None,
    ) -> None:
        """`server` is another's context; `session` is what the client would resume."""
        self.ended: set[SSL.Connection] = set()
        self.protocol = FakeTLSProtocol()
        self.names: list[bytes | None] = []
        creator = policy.creatorForNetloc(host.encode(), 443)
        protocol: Any = self.protocol
        self.client = creator.clientConnectionForTLS(protocol)
        if session is not None:
            self.client.set_session(session)
        context = server or SSL.Context(SSL.TLS_SERVER_METHOD)
        if server is None:
            certificate.configure_cert(context)
        if server is None:
            context.set_tlsext_servername_callback(
                lambda connection: self.names.append(connection.get_servername())
            )
        self.server = SSL.Connection(context, None)
        self.server.set_accept_state()
        self.error: SSL.Error | None = None
        self._shake()

    @property
    def secure(self) -> bool:
        ended = self.client in self.ended and self.error is None
        return ended and not self.protocol.reasons

    @property
    def refused(self) -> BaseException:
        assert self.protocol.reasons, "nothing was refused"
        return self.protocol.reasons[0]

    def _shake(self) -> None:
        for _round in range(6):
            for end, other in ((self.client, self.server), (self.server, self.client)):
                try:
                    end.do_handshake()
                    self.ended.add(end)
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
        key: ec.EllipticCurvePrivateKey | None = None,
        days: tuple[int, int] = (-1, 1),
    ) -> None:
        """`days` are the first and the last of its validity, from now on."""
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        begin, end = (datetime.timedelta(days=each) for each in days)
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
            .not_valid_before(now + begin)
            .not_valid_after(now + end)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        self.signed = builder.sign(signer, hashes.SHA256())
        self.certificate = crypto.X509.from_cryptography(self.signed)

    @property
    def pin(self) -> str:
        return pin_of(self.signed.public_bytes(Encoding.DER))

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
            verifier = _NameVerifier(protocol, DNS_ID(HOST))
            found = verifier.verify(connection, certificate, code, 0, chain_ok)
            self.assertEqual(found, accepted, (code, chain_ok))
            self.assertEqual(protocol.reasons == [], accepted, (code, chain_ok))

    def test_a_code_without_words_is_refused_all_the_same(self) -> None:
        protocol: Any = FakeTLSProtocol()
        connection: Any = None
        verifier = _NameVerifier(protocol, DNS_ID(HOST))
        certificate = Made(alternative(HOST)).certificate
        self.assertFalse(verifier.verify(connection, certificate, 23, 0, 0))
        (refused,) = protocol.reasons
        self.assertEqual(
            (refused.problem, refused.code), ("the chain is not trusted", 23)
        )

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
        self.platform_trusts_our_authority()
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
        protocol: Any = fake
        creator = policy.creatorForNetloc(HOST.encode(), 443)
        connection = creator.clientConnectionForTLS(protocol)
        # what a resumed session would do: verification never asks our callback
        connection.set_verify(SSL.VERIFY_PEER, lambda *arguments: True)
        server = SSL.Context(SSL.TLS_SERVER_METHOD)
        self.stranger.issue_cert("elsewhere.test.invalid").configure_cert(server)
        other = SSL.Connection(server, None)
        other.set_accept_state()
        shake = Handshake.__new__(Handshake)
        shake.client, shake.server, shake.error = connection, other, None
        shake.ended, shake.protocol = set(), fake
        shake._shake()
        self.assertFalse(shake.secure)
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


class Doors(World):
    """What a door of streamr's has signed (streamr/net/doors.py)."""

    def setUp(self) -> None:
        super().setUp()
        self.pem, key = new_authority(datetime.datetime.now(datetime.UTC), "here")
        self.authority = read_authority(self.pem, key)

    def shown(self) -> SSL.Context:
        now = datetime.datetime.now(datetime.UTC)
        return server_context(self.authority.leaf(now))

    def asks(self, policy: ProfilePolicy) -> CertificateRefused:
        found = Handshake(policy, NAMES[0], None, server=self.shown())
        self.assertFalse(found.secure)
        assert isinstance(found.refused, CertificateRefused)
        return found.refused

    def test_it_is_refused_though_the_system_and_a_setting_trust_it(self) -> None:
        for trusted in (False, True):
            if trusted:
                self.ca_file.write_bytes(self.pem)
                self.platform_trusts_our_authority()
            for profile in PROFILES.values():
                refused = self.asks(ProfilePolicy(profile, self.ca_file))
                self.assertTrue(refused.is_door)
                self.assertIn("a streamr door", refused.problem)

    def test_nothing_else_is_taken_for_one(self) -> None:
        found = self.connect(self.stranger.issue_cert(HOST))
        assert isinstance(found.refused, CertificateRefused)
        self.assertFalse(found.refused.is_door)


class Pinned(World):
    """A peer that is known by its public key, whoever has issued its certificate."""

    def shake(self, certificate: Any, *pins: str, host: str = "192.0.2.1") -> Handshake:
        policy = PinnedPolicy(lambda: frozenset(pins))
        return Handshake(policy, host, certificate)

    def refusal(self, certificate: Made, *pins: str) -> CertificateRefused:
        shake = self.shake(certificate, *pins)
        self.assertFalse(shake.secure)
        assert isinstance(shake.refused, CertificateRefused)
        return shake.refused

    def test_its_key_is_enough_whoever_signed_it_and_for_whatever_name(self) -> None:
        for certificate in (
            Made(),
            Made(alternative("elsewhere.invalid"), subject="CN=elsewhere"),
            Made(ca=self.stranger),
            Made(ca=self.trusted),
        ):
            for host in ("192.0.2.1", "peer.test.invalid"):
                shake = self.shake(certificate, certificate.pin, host=host)
                self.assertTrue(shake.secure, shake.error)

    def test_a_chain_that_comes_with_it_is_not_looked_at(self) -> None:
        authority = x509.BasicConstraints(ca=True, path_length=None)
        old = Made(authority, subject="CN=old", issuer="CN=old", days=(-9, -1))
        leaf = Made(subject="CN=leaf", issuer="CN=old", key=old.key)
        for chain in ([old], [Made()], []):
            shake = self.shake(WithChain(leaf, *chain), leaf.pin)
            self.assertTrue(shake.secure, shake.error)

    def test_a_chain_that_holds_the_pinned_key_is_not_enough(self) -> None:
        pinned = Made()
        shake = self.shake(WithChain(Made(), pinned), pinned.pin)
        self.assertIsInstance(shake.refused, CertificateRefused)

    def test_another_key_is_refused_also_with_a_trusted_chain_and_name(self) -> None:
        pin = Made().pin
        for ca in (None, self.trusted):
            refused = self.refusal(Made(alternative("192.0.2.1"), ca=ca), pin)
            self.assertIn("not the one that is pinned", str(refused))
        self.assertIn("pinned", str(self.refusal(Made())))

    def test_one_of_several_pins_is_enough(self) -> None:
        old, new = Made(), Made()
        for certificate in (old, new):
            self.assertTrue(self.shake(certificate, old.pin, new.pin).secure)
        self.refusal(Made(), old.pin, new.pin)

    def test_a_pin_does_not_make_an_expired_certificate_good(self) -> None:
        for ca in (None, self.stranger):
            for days, said in (((-9, -1), "has expired"), ((1, 9), "not valid yet")):
                certificate = Made(ca=ca, days=days)
                refused = self.refusal(certificate, certificate.pin)
                self.assertIn(said, str(refused))

    def test_a_certificate_that_was_renewed_with_its_key_still_passes(self) -> None:
        first = Made()
        renewed = Made(key=first.key, subject="CN=renewed", days=(0, 30))
        self.assertTrue(self.shake(renewed, first.pin).secure)

    def test_a_certificate_for_another_purpose_is_refused(self) -> None:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = Made(usage)
        refused = self.refusal(certificate, certificate.pin)
        self.assertIn("not for a server", str(refused))

    def test_each_connection_is_judged_by_the_pins_of_its_time(self) -> None:
        first, second = Made(), Made()
        pins = [first.pin]
        policy = PinnedPolicy(lambda: frozenset(pins))
        self.assertTrue(Handshake(policy, "192.0.2.1", first).secure)
        pins[:] = [second.pin]
        self.assertFalse(Handshake(policy, "192.0.2.1", first).secure)
        self.assertTrue(Handshake(policy, "192.0.2.1", second).secure)

    def test_two_policies_do_not_know_each_others_pins(self) -> None:
        first, second = Made(), Made()
        for pin, secure in ((first.pin, True), (second.pin, False)):
            self.assertEqual(self.shake(first, pin).secure, secure)

    def test_a_resumed_session_is_refused(self) -> None:
        certificate = Made()
        server = SSL.Context(SSL.TLS_SERVER_METHOD)
        server.set_max_proto_version(SSL.TLS1_2_VERSION)
        certificate.configure_cert(server)
        policy = PinnedPolicy(lambda: frozenset([certificate.pin]))
        first = Handshake(policy, "192.0.2.1", certificate, server)
        self.assertTrue(first.secure)
        again = Handshake(
            policy, "192.0.2.1", certificate, server, first.client.get_session()
        )
        self.assertFalse(again.secure)
        self.assertIn("never verified", str(again.refused))

    def test_without_its_callback_its_context_trusts_nobody(self) -> None:
        self.platform_trusts_our_authority()
        policy = PinnedPolicy(frozenset)
        self.assertTrue(policy._context.get_verify_mode() & SSL.VERIFY_PEER)
        store = policy._context.get_cert_store()
        assert store is not None
        certificate = self.trusted.issue_cert(HOST).cert_chain_pems[0].bytes()
        leaf = crypto.load_certificate(crypto.FILETYPE_PEM, certificate)
        judged = crypto.X509StoreContext(store, leaf)
        self.assertRaises(crypto.X509StoreContextError, judged.verify_certificate)

    def test_only_openssls_last_word_on_the_peers_own_certificate_counts(self) -> None:
        certificate = Made()
        for code, depth, ok, secure in (
            (0, 0, 1, True),
            (0, 1, 1, False),
            (18, 0, 0, False),
        ):
            fake = FakeTLSProtocol()
            protocol: Any = fake
            verifier = _PinVerifier(protocol, frozenset([certificate.pin]))
            said: Any = (None, certificate.certificate, code, depth, ok)
            self.assertTrue(verifier.verify(*said))
            no_connection: Any = None
            verifier.info(no_connection, SSL.SSL_CB_HANDSHAKE_DONE, 1)
            self.assertEqual(fake.reasons == [], secure, (code, depth))


class WithChain:
    """A certificate that is served with some others behind it."""

    def __init__(self, leaf: Made, *others: Made) -> None:
        self._leaf, self._others = leaf, others

    def configure_cert(self, context: SSL.Context) -> None:
        """As trustme's do."""
        self._leaf.configure_cert(context)
        for each in self._others:
            context.add_extra_chain_cert(each.signed)


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
        shake.protocol = FakeTLSProtocol()
        shake.ended, shake.error = set(), None
        protocol: Any = shake.protocol
        creator = policy.creatorForNetloc(HOST.encode(), 443)
        shake.client = creator.clientConnectionForTLS(protocol)
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
