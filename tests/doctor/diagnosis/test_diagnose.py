"""The judge as a table: what is seen, what is said, and whether the route is sound."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.config.settings import TABLE
from streamr.doctor.diagnosis.diagnose import judge
from streamr.doctor.diagnosis.verdicts import KINDS
from streamr.doctor.evidence import (
    LITERAL,
    Connect,
    Difference,
    EgressReply,
    Evidence,
    HostReply,
    House,
    Matrix,
    NameLookup,
    Place,
    PortState,
    ProxyReply,
    special,
)
from tests.doctor.scenes import (
    AT_ONE_ADDRESS,
    DIRECT,
    FAILS,
    FILTERED,
    FOREIGN,
    HERE,
    NAMES_DIFFER,
    OTHER,
    PROFILES,
    SIX,
    THERE,
    WORKS,
    arm,
    but,
    everywhere,
    good,
    matrix,
    shaken,
    sound,
)
from tests.properties import examples

SPLIT = matrix(
    {(h, "modern"): arm(h, "modern", 0, 12) for h in (DIRECT, OTHER)},
    (Difference("modern/classic", (0, 3), (1, 4), 1e-5),),
)


def replies(**more: object) -> tuple[HostReply, ...]:
    """Sixteen answers that all differ from good ones in the same thing."""
    return (*[good(DIRECT, **more)] * 8, *[good(OTHER, **more)] * 8)


FAILING_AND_OLD = ("proxy_fails", "proxy_version")
TOKEN = ProxyReply(
    *("https://proxy.example", True, "proxy_configuration_error"),
    detail="proxy.example itself answers with status 401",
)
STRANGER = ProxyReply(
    *("https://proxy.example", True, "http_response_invalid"),
    detail="a page of HTML, 50 bytes",
    ours=False,
)
UNROUTABLE = "destination_ip_unroutable"

steady = examples()


class Judged(SynchronousTestCase):
    """What the tables share."""

    def says(self, evidence: Evidence, *codes: str, sound: bool = False) -> str:
        """Check the codes; returns all that is said."""
        diagnosis = judge(evidence)
        said = "\n".join(f"{e.sentence} -> {e.heal}" for e in diagnosis.verdicts)
        self.assertEqual(sorted(codes), sorted(diagnosis.codes), said)
        self.assertEqual(sound, diagnosis.sound, said)
        return said


class Handshakes(Judged):
    """Single causes in TLS."""

    def test_nothing_is_said_of_a_sound_network(self) -> None:
        self.says(sound(), sound=True)

    def test_a_name_that_fails_where_the_other_does_not_is_filtered(self) -> None:
        found = but(matrix=FILTERED, names=AT_ONE_ADDRESS, replies=(good(OTHER),))
        said = self.says(found, "name_filtered")
        self.assertIn(
            "(0/14 handshakes succeed, 14/14 with api.tmdb.org at the same address)",
            said,
        )
        self.assertIn(f"the proxy on this machine asks {OTHER}", said)

    def test_a_filtered_other_name_leaves_the_direct_route_sound(self) -> None:
        worse = {(OTHER, p): arm(OTHER, p, 0, 6) for p in PROFILES}
        differ = Difference(f"names {DIRECT} {OTHER}", (3, 4, 5), (0, 1, 2), 1e-5)
        found = but(matrix=matrix(worse, (differ,)))
        self.says(found, "name_filtered", sound=True)

    def test_an_address_where_every_name_fails_is_filtered_itself(self) -> None:
        both = (arm(DIRECT, "classic", 0, 14), arm(OTHER, "classic", 0, 14, place=HERE))
        found = but(
            matrix=FILTERED,
            names=replace(AT_ONE_ADDRESS, arms=both, differences=()),
            checks=(shaken(DIRECT, THERE), shaken(OTHER, THERE)),
        )
        said = self.says(found, "address_filtered")
        self.assertIn(f"TMDB_PINS={DIRECT}={THERE}", said)

    def test_the_profile_that_fails_names_the_hello(self) -> None:
        said = self.says(but(matrix=SPLIT), "split_hello")
        self.assertIn("modern 0/24, classic 26/26, tls12 26/26", said)

    def test_both_tls13_profiles_failing_is_a_box_without_tls13(self) -> None:
        failing = {
            (h, p): arm(h, p, 0, 12)
            for h in (DIRECT, OTHER)
            for p in ("modern", "classic")
        }
        differ = (
            Difference("modern/tls12", (0, 3), (2, 5), 1e-5),
            Difference("classic/tls12", (1, 4), (2, 5), 1e-5),
        )
        self.says(but(matrix=matrix(failing, differ)), "tls13_intolerant")

    def test_failures_in_every_arm_are_random(self) -> None:
        said = self.says(but(matrix=everywhere(6, 7)), "random_resets")
        self.assertIn("a reset in 36/78", said)

    def test_a_failure_or_two_are_no_cause(self) -> None:
        one = {(DIRECT, "classic"): arm(DIRECT, "classic", 12, 1)}
        self.says(but(matrix=matrix(one)), "tls_unclear", sound=True)

    def test_without_a_second_vantage_point_it_fails_from_here(self) -> None:
        dead = but(matrix=everywhere(4), checks=(), replies=())
        said = self.says(dead, "tls_dead")
        self.assertIn("seen from this machine only", said)
        said = self.says(replace(dead, proxies=(WORKS,)), "tls_dead")
        self.assertIn("it fails only from this network", said)
        self.assertIn("the proxy in TMDB_PROXY_URL answers", said)
        said = self.says(replace(dead, proxies=(FAILS,)), "tls_dead", "proxy_fails")
        self.assertIn("does not reach TMDB either (the connection was reset", said)

    def test_a_door_in_tmdbs_place_is_no_stranger(self) -> None:
        cause = "proxy_loop_detected"
        dead = but(matrix=everywhere(4, cause=cause), checks=(), replies=())
        said = self.says(dead, "door_loop")
        self.assertIn("lead to a streamr door (24/24 handshakes)", said)
        self.assertIn("hosts file", said)

    def test_nothing_is_ever_called_blocked(self) -> None:
        for kind in KINDS.values():
            self.assertNotIn("blocked", kind.sentence)

    def test_a_foreign_certificate_is_suspected_interception(self) -> None:
        found = everywhere(4, cause="tls_certificate_error", certificate=FOREIGN)
        said = self.says(but(matrix=found, checks=(), replies=()), "interception")
        self.assertIn("subject CN=box, issuer CN=Box Root, code 20", said)
        self.assertIn("TMDB_CA_FILE", said)

    def test_a_certificate_out_of_its_dates_asks_for_the_clock(self) -> None:
        shown = replace(FOREIGN, begins="2026-03-01", ends="2027-03-01")
        for today, code, name in (
            ("2027-03-02", 10, "certificate_expired"),
            ("2028-02-28", 10, "certificate_expired"),
            ("2028-03-02", 10, "clock_excludes"),
            ("2019-01-01", 9, "clock_excludes"),
            ("", 10, "certificate_expired"),
        ):
            old = replace(shown, code=code)
            found = everywhere(4, cause="tls_certificate_error", certificate=old)
            seen = but(matrix=found, checks=(), replies=(), today=today)
            said = self.says(seen, name)
            self.assertIn("valid from 2026-03-01 to 2027-03-01", said)
            self.assertIn(f"clock says {today or 'unknown'}", said)
            self.assertIn("set the clock", said)

    def test_text_in_place_of_tls_is_a_portal(self) -> None:
        found = everywhere(4, cause="tls_not_tls")
        self.says(but(matrix=found, checks=(), replies=()), "portal")


class Names(Judged):
    """DNS, TCP and the settings that lead astray."""

    def test_an_address_is_good_when_a_handshake_was_verified_there(self) -> None:
        home = Place("127.0.0.1", 443)
        found = but(
            lookups=(NameLookup(DIRECT, "system", (home,)), sound().lookups[1]),
            connects=(Connect(home, None, 1), Connect(THERE, None, 9)),
            checks=(shaken(DIRECT, home), shaken(OTHER, THERE)),
        )
        self.says(found, sound=True)

    def test_addresses_that_cannot_be_tmdbs_are_poison(self) -> None:
        for address, words in (
            ("127.0.0.1", "this machine"),
            ("192.168.1.1", "a private network"),
            ("198.18.0.7", "fake address"),
            ("10.10.34.35", "Iran's block page"),
            ("fd00::1", "a private network"),
        ):
            place = Place(address, 443)
            found = but(
                lookups=(NameLookup(DIRECT, "system", (place,)), sound().lookups[1]),
                connects=(
                    Connect(place, "connection_timeout", 9),
                    Connect(THERE, None, 9),
                ),
                checks=(shaken(OTHER, THERE),),
                matrix=replace(matrix(), arms=matrix().arms[3:]),
                replies=(good(OTHER),),
            )
            said = self.says(found, "dns_poisoned")
            self.assertIn(words, said)

    def test_a_stranger_is_poison_when_the_name_is_sound_elsewhere(self) -> None:
        stranger = shaken(DIRECT, HERE, "tls_certificate_error", FOREIGN)
        found = but(
            checks=(stranger, shaken(DIRECT, THERE), shaken(OTHER, THERE)),
            matrix=replace(matrix(), arms=matrix().arms[3:]),
            replies=(good(OTHER),),
        )
        said = self.says(found, "dns_poisoned")
        self.assertIn("CN=box", said)
        self.assertIn(f"TMDB_PINS={DIRECT}={THERE}", said)

    def test_a_resolver_that_fails_or_is_silent_is_named(self) -> None:
        for cause, code in (("dns_error", "dns_fails"), ("dns_timeout", "dns_silent")):
            lost = NameLookup(DIRECT, "system", (), cause, "SERVFAIL")
            found = but(
                lookups=(lost, sound().lookups[1]),
                checks=(shaken(DIRECT, THERE), shaken(OTHER, THERE)),
                matrix=replace(matrix(), arms=matrix().arms[3:]),
                replies=(good(OTHER),),
            )
            self.assertIn(f"TMDB_PINS={DIRECT}={THERE}", self.says(found, code))

    def test_a_name_that_is_known_over_tcp_only_tells_of_udp(self) -> None:
        silent = tuple(
            NameLookup(DIRECT, by, (), "dns_timeout") for by in ("system", "9.9.9.9")
        )
        found = but(
            lookups=(silent[0], sound().lookups[1]),
            second=(silent[1], NameLookup(DIRECT, "9.9.9.9", (THERE,), tcp=True)),
            checks=(shaken(DIRECT, THERE), shaken(OTHER, THERE)),
            matrix=replace(matrix(), arms=matrix().arms[3:]),
            replies=(good(OTHER),),
        )
        said = self.says(found, "dns_udp_lost")
        self.assertIn("use-vc", said)
        self.assertIn(f"TMDB_PINS={DIRECT}={THERE}", said)
        over_udp = NameLookup(DIRECT, "1.1.1.1", (THERE,))
        self.says(replace(found, second=(*found.second, over_udp)), "dns_silent")

    def test_a_silent_family_is_a_black_hole(self) -> None:
        for dead, alive, code, heal in (
            (SIX, HERE, "ipv6_blackhole", "STREAMR_ADDRESS_FAMILY=ipv4"),
            (HERE, SIX, "ipv4_blackhole", "STREAMR_ADDRESS_FAMILY=ipv6"),
        ):
            found = but(
                lookups=(NameLookup(DIRECT, "system", (HERE, SIX)), sound().lookups[1]),
                connects=(
                    Connect(dead, "connection_timeout", 3000),
                    Connect(alive, None, 9),
                    Connect(THERE, None, 9),
                ),
                checks=(shaken(DIRECT, alive), shaken(OTHER, THERE)),
            )
            self.assertIn(heal, self.says(found, code))

    def test_a_machine_without_ipv6_is_sound(self) -> None:
        found = but(
            lookups=(NameLookup(DIRECT, "system", (HERE, SIX)), sound().lookups[1]),
            connects=(
                *sound().connects,
                Connect(SIX, "destination_ip_unroutable", 0),
            ),
        )
        self.says(found, sound=True)

    def test_one_dead_address_among_others_is_no_cause(self) -> None:
        dead = Place("203.0.113.9", 443)
        found = but(
            lookups=(NameLookup(DIRECT, "system", (HERE, dead)), sound().lookups[1]),
            connects=(*sound().connects, Connect(dead, "connection_timeout", 9)),
        )
        self.says(found, "address_dead", sound=True)

    def test_a_pin_excludes_itself_only_when_its_name_is_sound_without_it(self) -> None:
        old = Place("203.0.113.9", 443)
        pinned = but(
            pinned=(DIRECT,),
            lookups=(NameLookup(DIRECT, "TMDB_PINS", (old,)), sound().lookups[1]),
            connects=(Connect(old, "connection_timeout", 9), Connect(THERE, None, 9)),
            checks=(shaken(DIRECT, HERE), shaken(OTHER, THERE)),
            matrix=replace(matrix(), arms=matrix().arms[3:]),
            replies=(good(OTHER),),
        )
        self.says(pinned, "tcp_silent")
        known = replace(pinned, second=(NameLookup(DIRECT, "system", (HERE,)),))
        said = self.says(known, "pins_exclude")
        self.assertIn(f"without the pin, {HERE} works", said)

    def test_an_address_in_the_url_is_no_matter_of_dns(self) -> None:
        home = Place("127.0.0.1", 9)
        found = Evidence(
            hosts=("127.0.0.1",),
            has_key=True,
            lookups=(NameLookup("127.0.0.1", LITERAL, (home,)),),
            connects=(Connect(home, "connection_refused", 1),),
        )
        self.says(found, "tcp_refused")

    def test_a_family_that_a_name_does_not_have_excludes_itself(self) -> None:
        found = but(family="ipv6", connects=(), checks=(), matrix=matrix(), replies=())
        self.says(replace(found, matrix=replace(matrix(), arms=())), "family_excludes")


class Machine(Judged):
    """What this machine itself keeps from leaving."""

    def lost(self, cause: str, *, by: str = "system") -> tuple[NameLookup, ...]:
        return tuple(NameLookup(h, by, (), cause, "words") for h in (DIRECT, OTHER))

    def nothing(self, **more: object) -> Evidence:
        """No name was resolved, and all the rest is missing."""
        empty = {"connects": (), "checks": (), "replies": ()}
        found = {"lookups": self.lost("dns_error"), **empty, **more}
        return but(matrix=Matrix(), **found)

    def test_without_a_network_that_is_all_that_is_said(self) -> None:
        unroutable = self.lost(UNROUTABLE, by="9.9.9.9")
        pinned = tuple(NameLookup(h, "TMDB_PINS", (HERE,)) for h in (DIRECT, OTHER))
        gone = replace(FAILS, cause="dns_error", reported=())
        for found in (
            self.nothing(second=unroutable),
            self.nothing(second=unroutable, proxies=(gone,)),
            self.nothing(lookups=self.lost(UNROUTABLE, by="9.9.9.9")),
            self.nothing(house=House(internet=())),
            self.nothing(
                lookups=pinned, connects=(Connect(HERE, UNROUTABLE, 0),), second=()
            ),
            self.nothing(
                house=House(internet=()),
                lookups=sound().lookups,
                connects=(Connect(HERE, UNROUTABLE, 0), Connect(THERE, UNROUTABLE, 0)),
            ),
        ):
            said = self.says(found, "offline")
            self.assertIn("this machine has no network", said)
            self.assertIn("outside this machine", judge(found).comes_to)

    def silence(self, **more: object) -> Evidence:
        """A machine with a route, which hears nothing."""
        second = tuple(
            NameLookup(DIRECT, "9.9.9.9", (), "dns_timeout", tcp=tcp)
            for tcp in (False, True)
        )
        knocked = Connect(Place("9.9.9.9", 443), "connection_timeout", 3000)
        found = self.nothing(
            lookups=self.lost("dns_timeout"),
            second=second,
            connects=(knocked,),
            house=House(internet=("IPv4",)),
        )
        return replace(found, **more)  # type: ignore[arg-type]

    def test_a_line_on_which_nothing_answers_is_no_network(self) -> None:
        proxied = replace(FAILS, cause="dns_error", reported=())
        outlet = EgressReply("socks", "egress_unreachable", 9)
        for found in (
            self.silence(),
            self.silence(lookups=self.lost("dns_error")),
            self.silence(proxies=(proxied,), egresses=(outlet,)),
        ):
            said = self.says(found, "offline")
            self.assertIn("nothing that was asked beyond it answers", said)

    def test_a_gateway_that_does_not_answer_is_named(self) -> None:
        dead = House(internet=("IPv4",), gateway=False)
        pinned = tuple(NameLookup(h, "TMDB_PINS", (HERE,)) for h in (DIRECT, OTHER))
        silent = (Connect(HERE, "connection_timeout", 3000),)
        for found in (
            self.nothing(house=dead),
            self.silence(house=dead, second=()),
            self.nothing(lookups=pinned, connects=silent, house=dead),
        ):
            self.assertIn("its gateway does not answer", self.says(found, "offline"))
        self.says(but(house=dead), sound=True)

    def test_whoever_answers_shows_that_there_is_a_network(self) -> None:
        refused = Connect(Place("9.9.9.9", 443), "connection_refused", 9)
        denied = EgressReply("socks", "egress_denied", 9)
        known = tuple(NameLookup(h, "system", (HERE,)) for h in (DIRECT, OTHER))
        silent = (Connect(HERE, "connection_timeout", 3000),)
        refusing = NameLookup(DIRECT, "9.9.9.9", (), "dns_error", "REFUSED", tcp=True)
        for found, *codes in (
            (self.silence(connects=(refused,)), "dns_silent"),
            (self.silence(proxies=(FAILS,)), "dns_silent", "proxy_fails"),
            (self.silence(egresses=(denied,)), "dns_silent", "egress_denied"),
            (self.silence(lookups=known, connects=silent), "tcp_silent"),
            (self.silence(second=(refusing,)), "dns_silent"),
            (self.silence(second=self.silence().second[:1]), "dns_silent"),
        ):
            self.says(found, *codes)

    def test_a_network_in_which_something_answers_is_one(self) -> None:
        unroutable = self.lost(UNROUTABLE, by="9.9.9.9")
        two = (Connect(HERE, UNROUTABLE, 0), Connect(THERE, UNROUTABLE, 0))
        online = House(internet=("IPv6",))
        for found, code in (
            (self.nothing(lookups=sound().lookups, connects=two), "tcp_unroutable"),
            (self.nothing(second=unroutable, house=online), "dns_fails"),
            (self.nothing(second=self.lost("dns_timeout", by="1.1.1.1")), "dns_fails"),
            (self.nothing(), "dns_fails"),
        ):
            self.says(found, code)
        self.says(but(house=House(internet=())), sound=True)

    def test_a_resolver_on_this_machine_needs_no_network(self) -> None:
        asked = self.lost("dns_timeout", by="127.0.0.1:53")
        self.says(self.nothing(lookups=asked, house=House(internet=())), "dns_silent")

    def test_what_this_machine_does_not_send_is_not_the_other_sides(self) -> None:
        for cause, code, words in (
            ("destination_ip_prohibited", "egress_prohibited", "firewall"),
            ("sockets_exhausted", "sockets_exhausted", "ulimit -n"),
            (UNROUTABLE, "tcp_unroutable", "no route"),
        ):
            two = (Connect(HERE, cause, 0), Connect(THERE, cause, 0))
            online = House(internet=("IPv4",))
            sent = self.nothing(lookups=sound().lookups, connects=two, house=online)
            asked = self.nothing(lookups=self.lost(cause, by="10.0.0.1"), house=online)
            for found in (sent, asked):
                self.assertIn(words, self.says(found, code))


class Headline(Judged):
    """What is said first, and last."""

    def first(self, evidence: Evidence) -> tuple[str, str]:
        diagnosis = judge(evidence)
        return diagnosis.verdicts[0].code, diagnosis.comes_to

    def test_a_refused_key_comes_before_all_else(self) -> None:
        for code, name, words in (
            (7, "key_wrong", "does not accept your key"),
            (10, "key_suspended", "has suspended your key"),
        ):
            refused = replies(status=401, code=code)
            for found in (
                but(replies=refused),
                but(replies=refused, matrix=everywhere(6, 7)),
                but(replies=refused, house=House(plugin=False)),
            ):
                first, last = self.first(found)
                self.assertEqual(name, first)
                self.assertIn(words, last)

    def test_nothing_else_has_a_last_line_of_its_own(self) -> None:
        for found in (sound(), but(matrix=everywhere(6, 7))):
            self.assertEqual("", judge(found).comes_to)

    def test_a_machine_too_busy_is_the_last_word_only_where_nothing_else_is_known(
        self,
    ) -> None:
        late = good(DIRECT, status=None, cause="http_response_timeout", lag=0.6)
        _, last = self.first(but(replies=(late,) * 6, lag=0.6))
        self.assertIn("too busy to judge", last)
        broken = but(matrix=everywhere(6, 7), replies=(late,) * 6, lag=0.6)
        self.assertEqual(("random_resets", ""), self.first(broken))


class Answers(Judged):
    """HTTP, the proxies, the clock and this machine."""

    def test_a_wrong_key_is_told_from_a_suspended_one(self) -> None:
        wrong = replies(status=401, code=7)
        self.assertIn("code 7", self.says(but(replies=wrong), "key_wrong"))
        ended = replies(status=401, code=10)
        self.assertIn("code 10", self.says(but(replies=ended), "key_suspended"))

    def test_of_two_words_on_the_key_the_direct_names_counts(self) -> None:
        ended, wrong = (
            good(OTHER, status=401, code=10),
            good(DIRECT, status=401, code=7),
        )
        self.says(but(replies=(ended, wrong)), "key_wrong")

    def test_without_a_key_the_key_is_missed_and_401_is_no_cause(self) -> None:
        found = but(has_key=False, replies=replies(status=401, code=7))
        self.says(found, "key_missing")

    def test_each_kind_of_bad_answer_has_its_verdict(self) -> None:
        for changed, code in (
            ({"status": 403}, "country_refused"),
            ({"cause": "http_request_denied"}, "country_refused"),
            ({"status": 429, "code": 25}, "rate_limited"),
            ({"cause": "http_response_redirect"}, "portal_page"),
            ({"cause": "http_response_incomplete"}, "body_damaged"),
            ({"cause": "connection_terminated"}, "http_cut"),
            ({"cause": "http_response_timeout", "size": 0}, "http_silent"),
            ({"cause": "http_protocol_error"}, "http_garbled"),
            ({"cause": "upstream_unavailable", "detail": "status 503"}, "tmdb_down"),
        ):
            flawed = {"status": None, **changed} if "cause" in changed else changed
            self.says(but(replies=replies(**flawed)), code)

    def test_a_page_is_told_from_a_broken_body(self) -> None:
        for detail, code in (
            ("a page of HTML, 119 bytes", "portal_page"),
            ("broken JSON, 100 bytes", "body_damaged"),
        ):
            found = replies(cause="http_response_invalid", status=None, detail=detail)
            self.assertIn(detail, self.says(but(replies=found), code))

    def test_errors_of_one_name_alone_do_not_mean_that_tmdb_is_down(self) -> None:
        bad = good(DIRECT, cause="upstream_error", status=None, detail="status 500")
        self.says(but(replies=(*[bad] * 8, *[good(OTHER)] * 8)), "tmdb_fails")

    def test_tmdb_is_not_down_when_it_answers_a_proxy_elsewhere(self) -> None:
        bad = replies(cause="upstream_error", status=None, detail="status 500")
        self.says(but(replies=bad, proxies=(WORKS,)), "tmdb_fails")

    def test_slow_bodies_are_throttling_and_quick_ones_are_not(self) -> None:
        slow = replies(size=3000, body_ms=2000)
        self.assertIn("1.5 kB/s", self.says(but(replies=slow), "throttled"))
        self.says(but(replies=replies(size=400_000, body_ms=2000)), sound=True)

    def test_a_clock_beyond_two_minutes_is_wrong(self) -> None:
        found = but(replies=replies(skew=-7200.0))
        self.assertIn("2 hours behind", self.says(found, "clock_wrong", sound=True))
        self.says(but(replies=replies(skew=30.0)), sound=True)

    def test_proxies_are_told_apart(self) -> None:
        broken = replace(WORKS, cause="http_response_invalid", detail="broken JSON")
        odd = replace(WORKS, cause="proxy_internal_error")
        for proxy, code, words in (
            (TOKEN, "proxy_token", "STREAMR_PROXY_TOKEN"),
            (
                replace(WORKS, cause="connection_refused"),
                "proxy_unreachable",
                "refused",
            ),
            (
                replace(WORKS, cause="tls_certificate_error", detail="another key"),
                "proxy_certificate",
                "is not accepted: another key -> run streamr peer show",
            ),
            (FAILS, "proxy_fails", "the connection was reset"),
            (STRANGER, "proxy_stranger", "a page of HTML"),
            (replace(STRANGER, cause=None, status=404), "proxy_stranger", "status 404"),
            (
                replace(TOKEN, ours=False),
                "proxy_stranger",
                "itself answers with status 401",
            ),
            (replace(WORKS, status=401, code=7), "proxy_key", "the key of that proxy"),
            (replace(TOKEN, reported=("key_refused",)), "proxy_key", "not accept the"),
            (replace(WORKS, cause="proxy_loop_detected"), "proxy_loop", "back"),
            (broken, "proxy_broken", "broken JSON"),
            (replace(WORKS, status=404), "proxy_broken", "status 404"),
            (
                replace(odd, reported=(odd.cause or "",)),
                "proxy_broken",
                "streamr itself",
            ),
        ):
            said = self.says(but(proxies=(proxy,)), code, sound=True)
            self.assertIn(words, said)

    def test_a_proxy_of_another_version_is_told_when_it_fails(self) -> None:
        old = replace(FAILS, version="0.0.1")
        said = self.says(but(proxies=(old,)), *FAILING_AND_OLD, sound=True)
        self.assertIn("runs streamr 0.0.1", said)
        self.says(but(proxies=(replace(WORKS, version="0.0.1"),)), sound=True)

    def test_what_a_proxy_says_of_itself_is_no_word_on_tmdb(self) -> None:
        dead = but(matrix=everywhere(4), checks=(), replies=())
        for proxy, code in (
            (TOKEN, "proxy_token"),
            (replace(TOKEN, reported=(TOKEN.cause or "",)), "proxy_token"),
            (STRANGER, "proxy_stranger"),
            (replace(WORKS, status=401, code=7), "proxy_key"),
            (replace(WORKS, cause="proxy_loop_detected"), "proxy_loop"),
        ):
            said = self.says(replace(dead, proxies=(proxy,)), "tls_dead", code)
            self.assertNotIn("down", said)
            self.assertIn("seen from this machine only", said)

    def test_a_proxy_of_our_own_that_does_not_run_is_no_cause(self) -> None:
        own = ProxyReply("http://127.0.0.1:5001", False, "connection_refused")
        self.says(but(proxies=(own,)), sound=True)

    def test_the_machine_is_judged_beside_the_route(self) -> None:
        house = House(
            ports=(
                PortState("PORT", 3001, "uptime-kuma (pid 7)", "in use"),
                PortState("PROXY_PORT", 80, "unknown", "port 80 needs root"),
            ),
            state_problem="only 3 kB are free",
            plugin=False,
        )
        self.says(
            but(house=house),
            *("port_held", "port_unusable", "state_unusable", "plugin_missing"),
            sound=True,
        )

    def test_our_own_streamr_on_the_port_is_no_cause(self) -> None:
        house = House(ports=(PortState("PORT", 3001, "streamr"),))
        self.says(but(house=house), sound=True)


class Combined(Judged):
    """Causes that come together are all named."""

    def test_a_filtered_name_and_a_split_hello(self) -> None:
        worse = {(DIRECT, p): arm(DIRECT, p, 0, 6) for p in PROFILES}
        worse[OTHER, "modern"] = arm(OTHER, "modern", 0, 12)
        both = (NAMES_DIFFER, Difference("modern/classic", (0, 3), (1, 4), 1e-5))
        found = but(matrix=matrix(worse, both), names=AT_ONE_ADDRESS)
        said = self.says(found, "name_filtered", "split_hello")
        self.assertIn("modern 0/12, classic 13/13", said)

    def test_random_resets_and_a_wrong_key(self) -> None:
        found = but(matrix=everywhere(6, 7), replies=replies(status=401, code=7))
        self.says(found, "random_resets", "key_wrong")


class Busy(Judged):
    """A machine with too much to do: its own lateness is nobody's fault."""

    def test_silence_in_a_stall_is_no_fault_of_the_network(self) -> None:
        silent = {"status": None, "size": 0, "lag": 0.6}
        six = Connect(SIX, "connection_timeout", 3000, lag=0.6)
        own = (
            NameLookup(DIRECT, "system", (HERE, SIX)),
            NameLookup(OTHER, "system", (THERE,)),
        )
        connects = (Connect(HERE, None, 9), Connect(THERE, None, 9), six)
        late = NameLookup(OTHER, "system", (), "dns_timeout", lag=0.6)
        proxy = ProxyReply("http://p", True, "connection_timeout", lag=0.6)
        rows = {
            "the answers of api.tmdb.org": but(
                replies=(
                    *[good(DIRECT)] * 8,
                    *[good(OTHER, cause="http_response_timeout", **silent)] * 6,
                )
            ),
            "TCP to [2001:db8::1]": but(lookups=own, connects=connects),
            "the lookup of api.tmdb.org": but(lookups=(sound().lookups[0], late)),
            "the handshake with api.tmdb.org": but(
                checks=(
                    shaken(DIRECT, HERE),
                    replace(shaken(OTHER, THERE, "tls_timeout"), lag=0.6),
                )
            ),
            "the handshakes of names and profiles": but(
                matrix=replace(sound().matrix, discarded=4, settled=False)
            ),
            "the proxy http://p": but(proxies=(proxy,)),
        }
        for what, found in rows.items():
            said = self.says(replace(found, lag=0.6), "machine_busy", sound=True)
            self.assertIn(f"too busy to judge {what}", said)
            self.assertIn("up to 0.6 s late", said)

    def test_the_same_silence_of_a_machine_in_time_is_the_networks(self) -> None:
        silent = {"status": None, "size": 0, "lag": 0.1}
        other = good(OTHER, cause="http_response_timeout", **silent)
        found = but(replies=(*[good(DIRECT)] * 8, *[other] * 2))
        self.says(found, "http_silent", sound=True)

    def test_a_route_that_nobody_could_judge_is_not_called_sound(self) -> None:
        late = good(DIRECT, status=None, cause="http_response_timeout", lag=0.6)
        self.says(but(replies=(late,) * 6), "machine_busy")

    def test_what_was_heard_at_last_is_all_that_is_said(self) -> None:
        late = good(DIRECT, status=None, cause="http_response_timeout", lag=0.6)
        self.says(but(replies=(late, *sound().replies)), sound=True)
        enough = replace(sound().matrix, discarded=4)
        self.says(but(matrix=enough), sound=True)

    def test_a_machine_for_which_the_time_was_up_was_too_busy(self) -> None:
        cut = but(replies=(), out_of_time=True, lag=0.6)
        said = self.says(cut, "machine_busy")
        self.assertIn(f"the answers of {DIRECT}, the answers of {OTHER}", said)
        self.says(replace(cut, lag=0.1))
        self.says(but(out_of_time=True, lag=0.6), sound=True)

    def test_a_body_that_we_read_late_ourselves_is_not_throttled(self) -> None:
        slow = {"size": 1000, "body_ms": 900}
        for lag, codes in ((0.6, ()), (0.0, ("throttled",))):
            self.says(but(replies=replies(lag=lag, **slow)), *codes, sound=not codes)

    def test_what_a_proxy_reports_is_its_own_silence_and_not_ours(self) -> None:
        fails = replace(FAILS, cause="tls_timeout", reported=("tls_timeout",), lag=0.6)
        self.says(but(proxies=(fails,)), "proxy_fails", sound=True)


class Promises(SynchronousTestCase):
    """What holds for every evidence."""

    @steady
    @given(
        st.lists(st.sampled_from([None, "tls_reset", "tls_timeout"]), max_size=6),
        st.lists(
            st.sampled_from(
                [
                    good(DIRECT),
                    good(OTHER),
                    good(DIRECT, status=401, code=7),
                    good(DIRECT, status=None, cause="http_response_incomplete"),
                    good(OTHER, status=None, cause="tls_reset"),
                ]
            ),
            max_size=6,
        ),
        st.sampled_from(["auto", "ipv4", "ipv6"]),
        st.booleans(),
    )
    def test_a_sound_route_has_an_answer_and_no_verdict_against_it(
        self, checks: list[str | None], answers: list[HostReply], family: str, key: bool
    ) -> None:
        found = but(
            checks=tuple(shaken(DIRECT, HERE, each) for each in checks),
            replies=tuple(answers),
            family=family,
            has_key=key,
        )
        diagnosis = judge(found)
        if diagnosis.sound:
            self.assertTrue(any(r.host == DIRECT and r.status == 200 for r in answers))
            for each in diagnosis.verdicts:
                self.assertFalse(each.direct and DIRECT in (each.hosts or (DIRECT,)))

    def test_every_cure_names_a_setting_that_exists_or_something_to_do(self) -> None:
        known = {each.name for each in TABLE}
        for code, kind in KINDS.items():
            words = kind.heal.replace("=", " ").replace(",", " ").replace(".", " ")
            named = {w for w in words.split() if w.startswith(("TMDB_", "STREAMR_"))}
            self.assertLessEqual({n.strip("();:") for n in named}, known, code)
            self.assertTrue(kind.heal, code)

    def test_ordinary_addresses_are_not_special(self) -> None:
        for address in ("18.64.1.2", "99.84.0.1", "2600:9000:2000::1", "203.0.113.5"):
            self.assertIsNone(special(address), address)
