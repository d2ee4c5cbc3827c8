"""The resolvers and outbound proxies that the settings list, as a table."""

from __future__ import annotations

from dataclasses import replace

from streamr.doctor.diagnosis.diagnose import judge
from streamr.doctor.evidence import (
    NO_PROXY,
    SYSTEM,
    Connect,
    EgressReply,
    Evidence,
    Given,
    Matrix,
    NameLookup,
    Place,
    ProxyReply,
)
from tests.doctor.diagnosis.test_diagnose import Judged
from tests.doctor.scenes import (
    DIRECT,
    HERE,
    OTHER,
    THERE,
    but,
    everywhere,
    good,
    matrix,
    shaken,
    sound,
)

DOH = Given("https-dns.example", "https://dns.example/dns-query#192.0.2.1")
SOCKS = Given("socks", "socks5://[redacted]@192.0.2.9:1080#socks")
FOREIGN = Place("203.0.113.66", 443)
OVER_SOCKS = EgressReply("socks", None, 120, 200)


def walled(**more: object) -> Evidence:
    """Both names are filtered, and an outbound proxy is listed."""
    return but(
        matrix=everywhere(4),
        checks=(),
        replies=(),
        **{"egress": (NO_PROXY, SOCKS), "egresses": (OVER_SOCKS,), **more},
    )


def lied_to(**more: object) -> Evidence:
    """The system's resolver lies about the direct name; another one is listed."""
    honest = NameLookup(DIRECT, DOH.name, (HERE,))
    found = but(
        lookups=(NameLookup(DIRECT, "system", (FOREIGN,)), sound().lookups[1]),
        second=(honest,),
        connects=tuple(Connect(each, None, 9) for each in (HERE, THERE, FOREIGN)),
        checks=(
            shaken(DIRECT, FOREIGN, "tls_certificate_error"),
            shaken(DIRECT, HERE),
            shaken(OTHER, THERE),
        ),
        matrix=replace(matrix(), arms=matrix().arms[3:]),
        replies=(good(OTHER),),
        resolvers=(SYSTEM, DOH),
    )
    return replace(found, **more)  # type: ignore[arg-type]


class Egresses(Judged):
    """Outbound proxies."""

    def test_one_that_works_is_named_where_nothing_else_does(self) -> None:
        said = self.says(walled(), "tls_dead")
        self.assertIn("over the outbound proxy socks it works", said)
        self.assertIn("streamr asks over the outbound proxy socks by itself", said)

    def test_each_refusal_has_its_verdict_and_is_beside_the_route(self) -> None:
        for cause, code in (
            ("egress_unreachable", "egress_unreachable"),
            ("egress_timeout", "egress_unreachable"),
            ("egress_closed", "egress_unreachable"),
            ("egress_authentication", "egress_authentication"),
            ("egress_denied", "egress_denied"),
            ("egress_protocol_error", "egress_protocol_error"),
            ("egress_failed", "egress_failed"),
            ("tls_certificate_error", "egress_failed"),
            ("http_response_redirect", "egress_failed"),
        ):
            reply = EgressReply("socks", cause, 9, detail="so it said")
            listed = but(egress=(NO_PROXY, SOCKS), egresses=(reply,))
            said = self.says(listed, code, sound=True)
            self.assertIn("outbound proxy socks", said)
            self.assertIn("so it said", said)
            self.assertEqual(said.partition("->")[0].count("outbound proxy"), 1)

    def test_a_refused_country_is_told_as_what_it_is(self) -> None:
        reply = EgressReply("socks", None, 9, 403)
        listed = but(egress=(NO_PROXY, SOCKS), egresses=(reply,))
        said = self.says(listed, "egress_failed", sound=True)
        self.assertIn("status 403", said)

    def test_two_that_fail_alike_are_both_named(self) -> None:
        replies = tuple(EgressReply(name, "egress_denied", 9) for name in ("a", "b"))
        said = self.says(but(egresses=replies), "egress_denied", sound=True)
        self.assertIn("outbound proxy a ", said)
        self.assertIn("outbound proxy b ", said)

    def test_the_first_one_is_the_direct_route(self) -> None:
        refused = EgressReply("socks", "egress_authentication", 9)
        first = walled(egress=(SOCKS, NO_PROXY))
        self.says(first, "tls_dead", sound=True)
        self.assertFalse(any(each.direct for each in judge(first).verdicts))
        broken = replace(first, egresses=(refused,))
        self.says(broken, "tls_dead", "egress_authentication")
        self.assertEqual("egress_authentication", judge(broken).verdicts[0].code)

    def test_without_an_answer_of_tmdbs_it_is_not_called_sound(self) -> None:
        nothing = Evidence((DIRECT, OTHER), has_key=True, egress=(SOCKS,))
        self.says(nothing)
        told = replace(nothing, egresses=(replace(OVER_SOCKS, status=401, code=7),))
        self.says(told)

    def test_a_silence_of_ours_is_not_the_proxys(self) -> None:
        late = EgressReply("socks", "egress_timeout", 9, lag=0.6)
        said = self.says(but(egresses=(late,)), "machine_busy", sound=True)
        self.assertIn("the outbound proxy socks", said)


class Resolvers(Judged):
    """Resolvers beside the one in use."""

    def test_the_one_that_tells_the_truth_is_named_beside_the_lie(self) -> None:
        said = self.says(lied_to(), "dns_poisoned")
        self.assertIn(f"the resolver {DOH.name} gives TMDB's addresses", said)
        self.assertIn(f"streamr also asks {DOH.name}", said)

    def test_one_that_nobody_verified_does_not_tell_the_truth(self) -> None:
        lost = (NameLookup(DIRECT, "system", (), "dns_error"), sound().lookups[1])
        unknown = lied_to(lookups=lost, checks=(shaken(OTHER, THERE),))
        for evidence in (unknown, lied_to(resolvers=(SYSTEM,))):
            said = self.says(evidence, *judge(evidence).codes)
            self.assertIn("resolver", said)
            self.assertNotIn("gives TMDB's addresses", said)

    def test_one_that_fails_is_named_beside_the_route(self) -> None:
        lost = NameLookup(DIRECT, DOH.name, (), "dns_error", "a wrong certificate")
        listed = but(resolvers=(SYSTEM, DOH), second=(lost,))
        said = self.says(listed, "resolver_fails", sound=True)
        self.assertIn(f"{DOH.name} of STREAMR_RESOLVERS", said)
        self.assertIn("a wrong certificate", said)

    def test_one_that_lies_is_named_beside_the_route(self) -> None:
        home = Place("10.10.34.35", 443)
        listed = but(
            resolvers=(SYSTEM, DOH), second=(NameLookup(DIRECT, DOH.name, (home,)),)
        )
        said = self.says(listed, "resolver_lies", sound=True)
        self.assertIn("10.10.34.35", said)


class Proxies(Judged):
    """Peers, of which several may be named."""

    def test_two_that_fail_alike_are_both_named(self) -> None:
        lost = tuple(
            ProxyReply(f"http://{name}", True, "connection_refused")
            for name in ("here.example", "there.example")
        )
        said = self.says(but(proxies=lost), "proxy_unreachable", sound=True)
        self.assertIn("here.example", said)
        self.assertIn("there.example", said)


class Nothing(Judged):
    """Where there is no network at all."""

    def test_nothing_is_said_of_what_is_listed(self) -> None:
        gone = Connect(HERE, "destination_ip_unroutable", 0)
        lookups = (NameLookup(DIRECT, "TMDB_PINS", (HERE,)),)
        found = replace(
            walled(egresses=(EgressReply("socks", "egress_unreachable", 9),)),
            connects=(gone,),
            lookups=lookups,
            matrix=Matrix(),
        )
        self.says(found, "offline")
