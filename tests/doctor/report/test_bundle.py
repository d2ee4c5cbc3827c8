"""The bundle: evidence for the public, and back."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.diagnosis.diagnose import judge
from streamr.doctor.evidence import (
    NO_PROXY,
    PICTURES,
    SYSTEM,
    Certificate,
    EgressReply,
    Evidence,
    Given,
    House,
    NameLookup,
    Place,
    PortState,
    ProxyReply,
    SettingRow,
    Tried,
    special,
)
from streamr.doctor.report.anonymise import Mask
from streamr.doctor.report.bundle import FORMAT, bundle, read
from streamr.doctor.report.replay import network
from streamr.policy.redact import Redactor
from streamr.simulator.network import check
from tests.doctor.scenes import (
    AT_ONE_ADDRESS,
    DIRECT,
    FILTERED,
    FOREIGN,
    HERE,
    OTHER,
    but,
    everywhere,
    good,
    shaken,
    sound,
)
from tests.properties import examples

SECRET = "c0ffee00c0ffee11c0ffee22c0ffee33"
SHOWN = Certificate(
    "the certificate is for gate.isp.example",
    "CN=gate.isp.example",
    "CN=Box Root",
    None,
)
JANES_RESOLVER = "https://dns.jane.example/dns-query#198.51.100.8"
JANES_PROXY = "socks5://[redacted]@198.51.100.9:1080#janes-socks"
HOUSE = House(
    settings=(
        SettingRow("TMDB_PINS", f"{DIRECT}=198.51.100.7", "environment"),
        SettingRow("STREAMR_RATE", "20", ".env"),
        SettingRow("TMDB_PROXY_URL", "https://home.example.org", ".env"),
    ),
    ports=(PortState("PORT", 3001, "uptime-kuma (pid 812)", "port 3001 is in use"),),
    state="/home/jane/.local/state/streamr",
)
PRIVATE = but(
    house=HOUSE,
    lookups=(
        NameLookup(DIRECT, "192.168.178.1", (Place("198.51.100.7", 443),)),
        NameLookup(OTHER, "192.168.178.1", (Place("10.10.34.35", 443),)),
    ),
    matrix=everywhere(4, cause="tls_certificate_error", certificate=FOREIGN),
    checks=(
        shaken(DIRECT, HERE),
        shaken(
            *(DIRECT, HERE, "tls_certificate_error", SHOWN),
            detail=f"{SHOWN.problem} (subject {SHOWN.subject}, issuer CN=Box Root)",
        ),
    ),
    proxies=(
        ProxyReply(
            "https://home.example.org",
            True,
            "connection_timeout",
            detail="home.example.org at 198.51.100.7, 2001:db8:77::5",
        ),
    ),
)


def sent(evidence: Evidence) -> str:
    """The bundle as a file."""
    return json.dumps(bundle(evidence, Redactor([SECRET])))


steady = examples()


class Bundles(SynchronousTestCase):
    """What goes out, and what comes back."""

    def test_nothing_private_goes_out(self) -> None:
        text = sent(PRIVATE)
        for private in (
            "198.51.100.7",
            "192.168.178.1",
            "10.10.34.35",
            "2001:db8:77::5",
            "CN=box",
            "gate.isp.example",
            "Box Root",
            "Company Root",
            "jane",
            "812",
            "https://home.example.org",
        ):
            self.assertNotIn(private, text)
        self.assertIn('"STREAMR_RATE", "shown": "20"', text)

    def test_nothing_private_goes_out_of_what_is_listed(self) -> None:
        listed = but(
            resolvers=(SYSTEM, Given("https-dns.jane.example", JANES_RESOLVER)),
            second=(NameLookup(DIRECT, "https-dns.jane.example", (HERE,)),),
            egress=(NO_PROXY, Given("janes-socks", JANES_PROXY)),
            egresses=(
                EgressReply(
                    *("janes-socks", "egress_unreachable", 9),
                    detail="no way to 198.51.100.9 of janes-socks",
                ),
            ),
            pictures=(NameLookup(PICTURES, "192.168.178.1", (HERE,)),),
            picture_checks=(
                shaken(PICTURES, HERE, "tls_certificate_error", SHOWN, detail="so"),
            ),
            tried=(Tried("resolver", "https-dns.jane.example", None, 9, 200),),
        )
        text = sent(listed)
        for private in ("jane", "198.51.100", "192.168.178.1", "gate.isp.example"):
            self.assertNotIn(private, text)
        received = read(json.loads(text))
        self.assertEqual(judge(listed).codes, judge(received).codes)
        self.assertEqual("direct", received.egress[0].written)

    def test_a_secret_that_slipped_in_is_struck_out(self) -> None:
        found = but(replies=(good(DIRECT, detail=f"said {SECRET}"),))
        self.assertNotIn(SECRET, sent(found))

    def test_it_comes_back_as_evidence_with_the_same_verdicts(self) -> None:
        for evidence in (
            sound(),
            PRIVATE,
            but(matrix=FILTERED, names=AT_ONE_ADDRESS),
            but(matrix=everywhere(6, 7), replies=(good(DIRECT, status=401, code=7),)),
        ):
            received = read(json.loads(sent(evidence)))
            self.assertEqual(judge(evidence).codes, judge(received).codes)
            self.assertEqual(judge(evidence).sound, judge(received).sound)

    def test_a_bundle_masked_twice_stays_the_same_network(self) -> None:
        once = read(json.loads(sent(PRIVATE)))
        twice = read(json.loads(sent(once)))
        self.assertEqual(network(once), network(twice))

    def test_what_is_no_bundle_is_refused_with_the_place(self) -> None:
        value = json.loads(sent(sound()))
        for changed, words in (
            ([], "not a bundle"),
            ({**value, "format": FORMAT + 1}, "not a bundle"),
            ({**value, "evidence": []}, "evidence is not an object"),
            ({**value, "evidence": {"hosts": []}}, "no evidence.has_key"),
            (
                {**value, "evidence": {**value["evidence"], "hosts": [1]}},
                "evidence.hosts[0] is not of type str",
            ),
        ):
            error = self.assertRaises(ValueError, read, changed)
            self.assertIn(words, str(error))

    def test_every_network_of_a_bundle_is_one_that_the_simulator_knows(self) -> None:
        for evidence in (sound(), PRIVATE, but(matrix=FILTERED)):
            check(network(read(json.loads(sent(evidence)))))


class Masks(SynchronousTestCase):
    """Addresses keep their kind."""

    @steady
    @given(st.ip_addresses())
    def test_an_address_keeps_family_and_kind(self, address: object) -> None:
        before = str(address)
        after = Mask().address(before)
        self.assertEqual(":" in before, ":" in after)
        self.assertEqual(special(before) is None, special(after) is None)

    def test_equal_stays_equal_and_different_different(self) -> None:
        mask = Mask()
        one, two = mask.address("18.64.1.1"), mask.address("18.64.1.2")
        self.assertEqual(one, mask.address("18.64.1.1"))
        self.assertNotEqual(one, two)
        self.assertEqual(f"at {one}:443.", mask.text("at 18.64.1.1:443."))

    def test_times_and_versions_are_no_addresses(self) -> None:
        for text in ("12:30:45", "TLSv1.3", "26.10.0", "after 1568 bytes"):
            self.assertEqual(text, Mask().text(text))

    def test_a_proxys_name_goes_from_every_text(self) -> None:
        masked = Mask().evidence(PRIVATE)
        self.assertNotIn("home.example.org", repr(masked))
        self.assertEqual(1, len(masked.proxies))

    def test_a_resolver_by_its_own_address_is_masked(self) -> None:
        found = replace(sound(), lookups=(NameLookup(DIRECT, "9.9.9.9", (HERE,)),))
        self.assertEqual("resolver-1", Mask().evidence(found).lookups[0].by)
