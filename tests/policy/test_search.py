"""What the faults of a request say of the routes that are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.candidates import space
from streamr.boundaries import Dimensions
from streamr.errors import CAUSES
from streamr.policy.search import (
    EXPLORING,
    MOST_EXPLORED,
    MOST_SHARED,
    TOLERANCE_MS,
    TOLERANCE_SHARE,
    Proven,
    TriedRoute,
    able,
    haste,
    heals,
    ranked,
    reasons,
    worth,
)
from tests.properties import examples

NAMES = [each.name for each in fields(Dimensions)]
GIVEN = space(
    "https://api.themoviedb.org/3",
    ["https://api.tmdb.org/3"],
    "auto",
    ["system", "r2"],
    ["direct", "p1", "p2"],
)
EVERY = (*GIVEN.candidates, *GIVEN.further)
DIRECT = GIVEN.direct
steady = examples()
routes = st.sampled_from((DIRECT, *EVERY))
faults = st.builds(TriedRoute, routes, st.sampled_from(sorted(CAUSES)), st.booleans())
lists = st.lists(st.sampled_from(EVERY), unique=True)


def nothing(_route: Dimensions) -> None:
    """Of no route is anything known."""


class Heals(SynchronousTestCase):
    """Where each fault points."""

    def test_each_cause_points_at_something_that_a_route_has(self) -> None:
        for cause in CAUSES:
            self.assertTrue(heals(cause), cause)
            self.assertLessEqual(set(heals(cause)), set(NAMES), cause)

    def test_an_outbound_proxy_heals_whatever_the_network_does(self) -> None:
        for cause in CAUSES:
            self.assertIn("egress", heals(cause))

    def test_nothing_but_another_one_heals_a_proxy_that_is_not_there(self) -> None:
        for cause in CAUSES:
            if cause.startswith("egress_"):
                expected = {"egress"}
                if cause in ("egress_denied", "egress_failed"):
                    expected |= {"host"}
                self.assertEqual(set(heals(cause)), expected, cause)

    def test_what_came_before_the_hello_is_not_healed_by_another_hello(self) -> None:
        for cause, known in CAUSES.items():
            # a breaker that is open, or an error of our own, says nothing of the hello
            says_nothing = known.phase == "gateway" or cause == "sockets_exhausted"
            early = known.phase in ("resolve", "connect")
            foreign = cause in ("tls_certificate_error", "tls_not_tls")
            if (early or foreign) and not says_nothing:
                self.assertNotIn("profile", heals(cause), cause)

    def test_a_whole_answer_is_not_changed_by_hello_or_family(self) -> None:
        for cause, known in CAUSES.items():
            if known.phase == "answer":
                self.assertEqual(set(heals(cause)), {"host", "resolver", "egress"})

    def test_silence_and_resets_after_the_hello_may_have_any_reason(self) -> None:
        for cause, known in CAUSES.items():
            foreign = cause in ("tls_certificate_error", "tls_not_tls")
            if known.phase in ("tls", "request", "body") and not foreign:
                self.assertEqual(set(heals(cause)), set(NAMES), cause)

    def test_what_says_nothing_of_the_reason_points_everywhere(self) -> None:
        for cause in (
            "destination_unavailable",
            "proxy_internal_error",
            "sockets_exhausted",
        ):
            self.assertEqual(heals(cause), dict.fromkeys(NAMES, 0))

    def test_a_loop_is_healed_by_another_host_resolver_or_way_out(self) -> None:
        # a base URL points back, or a name leads to a door of ours
        found = set(heals("proxy_loop_detected"))
        self.assertEqual(found, {"host", "egress", "resolver"})


class MayHeal(SynchronousTestCase):
    def test_a_route_differs_where_the_fault_points(self) -> None:
        for name in NAMES:
            other = replace(DIRECT, **{name: "other"})
            for cause in CAUSES:
                heal = TriedRoute(DIRECT, cause).may_heal(other)
                self.assertIs(heal, name in heals(cause), (name, cause))

    def test_a_route_never_heals_itself(self) -> None:
        for cause in CAUSES:
            self.assertFalse(TriedRoute(DIRECT, cause).may_heal(DIRECT))

    def test_every_fault_counts(self) -> None:
        seen = [TriedRoute(DIRECT, "tls_reset"), TriedRoute(EVERY[0], "dns_error")]
        self.assertTrue(able(EVERY[0], seen[:1]))
        self.assertFalse(able(EVERY[0], seen))
        self.assertTrue(able(EVERY[0], []))


class Progress(SynchronousTestCase):
    """How far an attempt came."""

    def test_the_steps_of_an_attempt(self) -> None:
        order = [
            "egress_unreachable",
            "dns_error",
            "connection_refused",
            "tls_reset",
            "http_response_timeout",
            "http_response_incomplete",
            "upstream_error",
        ]
        found = [TriedRoute(DIRECT, cause).progress for cause in order]
        self.assertEqual(found, sorted(set(found)))
        self.assertEqual(found[0], 0)

    def test_who_was_not_tmdb_says_that_the_address_is_wrong(self) -> None:
        expected = TriedRoute(DIRECT, "connection_refused").progress
        for cause in ("tls_certificate_error", "tls_not_tls"):
            self.assertEqual(TriedRoute(DIRECT, cause).progress, expected)

    def test_what_does_not_tell_how_far_it_came(self) -> None:
        says_nothing = {"overtaken", "sockets_exhausted"}
        for cause, known in CAUSES.items():
            told = TriedRoute(DIRECT, cause).progress
            silent = cause.startswith("egress_") or known.phase == "gateway"
            self.assertIs(told == 0, silent or cause in says_nothing, cause)


class Order(SynchronousTestCase):
    """What stands in front of what."""

    def first(
        self, *tried: TriedRoute, proven: Mapping[Dimensions, float]
    ) -> Dimensions:
        def known(route: Dimensions) -> Proven | None:
            return Proven(proven[route]) if route in proven else None

        return ranked(EVERY, tried, known)[0]

    def test_with_nothing_known_it_is_that_of_preference(self) -> None:
        self.assertEqual(ranked(EVERY, [], nothing), list(EVERY))
        self.assertEqual(ranked([], [], nothing), [])

    def test_the_first_change_is_the_cheapest_that_may_help(self) -> None:
        for cause, expected in (
            ("tls_reset", "classic"),
            ("overtaken", "classic"),
            ("destination_unavailable", "classic"),
        ):
            found = ranked(EVERY, [TriedRoute(DIRECT, cause)], nothing)[0]
            self.assertEqual(found, replace(DIRECT, profile=expected), cause)
        for cause in ("dns_error", "connection_timeout", "upstream_error"):
            found = ranked(EVERY, [TriedRoute(DIRECT, cause)], nothing)[0]
            self.assertEqual(found, replace(DIRECT, host="api.tmdb.org"), cause)

    def test_what_takes_twice_the_time_is_not_near(self) -> None:
        for ms, best, expected in (
            (100, 100, 0),
            (149, 100, 0),
            (150, 100, 1),
            (200, 100, 2),
            (49, 10, 0),
            (60, 10, 1),
            # on a slow line it has to be half as much again
            (1499, 1000, 0),
            (1500, 1000, 1),
        ):
            self.assertEqual(Proven(ms).lateness(best), expected, (ms, best))
        self.assertEqual((TOLERANCE_MS, TOLERANCE_SHARE), (50.0, 0.5))

    def test_of_those_that_work_the_quickest_is_first(self) -> None:
        slow, quick = EVERY[0], EVERY[-1]
        found = self.first(proven={slow: 400.0, quick: 100.0})
        self.assertEqual(found, quick)
        # also where another dimension is the likelier remedy
        over = replace(DIRECT, egress="p1", family="remote", resolver="remote")
        proven = {slow: 400.0, over: 100.0}
        self.assertEqual(
            self.first(TriedRoute(DIRECT, "tls_reset"), proven=proven), over
        )

    def test_near_equal_ones_stay_in_the_order_of_preference(self) -> None:
        slow, quick = EVERY[0], EVERY[-1]
        found = self.first(proven={slow: 149.0, quick: 100.0})
        self.assertEqual(found, slow)

    def test_of_near_equal_ones_that_to_a_silent_host_is_last(self) -> None:
        one, other = EVERY[:2]
        order = ranked(EVERY, [], lambda _each: Proven(9.0), lambda each: each == one)
        self.assertEqual(order[0], other)
        order = ranked([one, other], [], nothing, lambda each: each == one)
        self.assertEqual(order, [other, one])

    def test_memory_is_put_aside_when_a_route_that_it_promised_fails(self) -> None:
        promised = replace(DIRECT, profile="tls12")
        rest = {replace(promised, family="ipv6"): 5.0}
        for proven, expected in ((False, True), (True, False)):
            seen = TriedRoute(promised, "tls_reset", proven)
            self.assertIs(self.first(seen, proven=rest) in rest, expected)

    def test_memory_still_decides_between_equals(self) -> None:
        hosts = [
            replace(DIRECT, profile="classic"),
            replace(DIRECT, host="api.tmdb.org"),
        ]
        seen = [TriedRoute(replace(DIRECT, profile="tls12"), "tls_reset", True)]
        for proven in hosts:
            known = {proven: Proven(1.0)}
            self.assertEqual(ranked(hosts, seen, known.get)[0], proven)

    def test_an_outbound_proxy_is_first_after_a_second_obstacle(self) -> None:
        lie = TriedRoute(DIRECT, "connection_refused")
        name = TriedRoute(replace(DIRECT, resolver="r2"), "tls_reset")
        found = ranked(EVERY, [lie, name], nothing)[0]
        self.assertEqual(found.egress, "p1")
        # the same twice is one obstacle, and so is one that was silent first
        for first in (name, replace(lie, cause="overtaken")):
            found = ranked(EVERY, [first, name], nothing)[0]
            self.assertEqual(found.egress, "direct", first)


class Reasons(SynchronousTestCase):
    """Why a candidate stands where it does."""

    RESET = TriedRoute(DIRECT, "tls_reset")
    FAULT = "the connection was reset in the TLS handshake"

    def why(self, *tried: TriedRoute, ms: float | None = None, **other: str) -> str:
        """Of the route that differs from direct in these; it has worked in so many
        milliseconds, another one in ten."""
        route = replace(DIRECT, **other)
        known = {EVERY[-1]: Proven(10.0)} if ms is not None else {}
        known |= {route: Proven(ms)} if ms is not None else {}
        return reasons([route, *EVERY], tried, known.get)[route]

    def test_with_nothing_known_it_is_the_order_of_preference(self) -> None:
        self.assertEqual(self.why(host="other"), "in the order of preference")

    def test_one_that_has_worked_here_is_told_with_its_time(self) -> None:
        for tried in ((), (self.RESET,)):
            why = self.why(*tried, host="other", ms=41.0)
            self.assertEqual(why, "works here (41 ms)")
            # slower by one tolerance
            slow = self.why(*tried, host="other", ms=65.0)
            self.assertEqual(slow, "works here (65 ms), but others are quicker")

    def test_the_remedy_is_named_with_the_fault_that_it_may_heal(self) -> None:
        for name, value, called in (
            ("host", "other", "another host"),
            ("profile", "classic", "another TLS profile"),
            ("profile", "tls12", "another TLS profile, which rarely helps"),
            ("family", "ipv4", "another address family, which rarely helps"),
            ("egress", "p1", "another egress"),
            ("resolver", "r2", "another resolver"),
        ):
            why = self.why(self.RESET, **{name: value})
            self.assertEqual(why, f"{called} ({self.FAULT})")

    def test_the_fault_is_one_that_this_remedy_heals(self) -> None:
        silent = TriedRoute(DIRECT, "egress_timeout")
        for tried in ((self.RESET, silent), (silent, self.RESET)):
            why = self.why(*tried, egress="p9", host="other")
            self.assertEqual(why, f"another host ({self.FAULT})")

    def test_what_cannot_help_is_told_with_the_fault_that_says_so(self) -> None:
        portal = TriedRoute(DIRECT, "http_response_invalid")
        why = self.why(portal, profile="classic")
        self.assertEqual(why, f"cannot help ({CAUSES[portal.cause].meaning})")
        # also where it has worked before
        self.assertEqual(self.why(portal, profile="classic", ms=5.0), why)

    def test_what_has_failed_itself_is_told_as_that(self) -> None:
        self.assertEqual(self.why(self.RESET), f"failed lately ({self.FAULT})")

    def test_after_a_contradiction_the_remedy_counts_and_not_the_memory(self) -> None:
        broken = replace(self.RESET, proven=True)
        why = self.why(broken, host="other", ms=41.0)
        self.assertEqual(why, f"another host ({self.FAULT})")

    def test_values_that_have_all_failed_are_a_combination(self) -> None:
        each = [
            replace(DIRECT, host="other"),
            replace(DIRECT, profile="classic"),
        ]
        tried = [TriedRoute(one, "tls_reset") for one in each]
        why = self.why(*tried, host="other", profile="classic")
        self.assertEqual(why, f"another combination ({self.FAULT})")

    def test_a_silent_host_is_told_as_that(self) -> None:
        silent = reasons(EVERY, (), nothing, lambda _each: True)
        self.assertEqual(set(silent.values()), {"its host was silent"})

    @steady
    @given(lists, st.lists(faults, max_size=5))
    def test_each_candidate_has_one_whatever_has_failed(
        self, candidates: list[Dimensions], tried: list[TriedRoute]
    ) -> None:
        found = reasons(candidates, tried, nothing)
        self.assertEqual(list(found), candidates)
        for each, why in found.items():
            helps = not why.startswith(("cannot help (", "failed lately ("))
            self.assertEqual(helps, able(each, tried), why)


class Limits(SynchronousTestCase):
    def test_a_handshake_has_its_time_and_few_are_side_by_side(self) -> None:
        self.assertEqual((MOST_SHARED, MOST_EXPLORED, EXPLORING), (4, 3, 0.4))


class Promises(SynchronousTestCase):
    """Whatever has failed."""

    @steady
    @given(lists, st.lists(faults, max_size=8), st.sets(routes), st.sets(routes))
    def test_no_candidate_is_lost_and_none_is_added(
        self,
        candidates: list[Dimensions],
        tried: list[TriedRoute],
        proven: set[Dimensions],
        silent: set[Dimensions],
    ) -> None:
        order = ranked(
            candidates,
            tried,
            lambda each: Proven(7.0) if each in proven else None,
            silent.__contains__,
        )
        self.assertCountEqual(order, candidates)

    @steady
    @given(st.lists(faults, max_size=8), st.sets(routes), st.sets(routes))
    def test_what_cannot_heal_stands_behind_what_can(
        self, tried: list[TriedRoute], proven: set[Dimensions], silent: set[Dimensions]
    ) -> None:
        order = ranked(
            EVERY,
            tried,
            lambda each: Proven(7.0) if each in proven else None,
            silent.__contains__,
        )
        found = [able(each, tried) for each in order]
        self.assertEqual(found, sorted(found, reverse=True))

    @steady
    @given(st.lists(faults, max_size=8), faults)
    def test_one_more_fault_never_makes_a_route_able(
        self, tried: list[TriedRoute], more: TriedRoute
    ) -> None:
        for each in EVERY:
            self.assertLessEqual(able(each, [*tried, more]), able(each, tried))

    @steady
    @given(st.lists(faults, max_size=8), st.randoms())
    def test_the_order_in_which_faults_came_does_not_matter(
        self, tried: list[TriedRoute], random: object
    ) -> None:
        mixed = list(tried)
        random.shuffle(mixed)  # type: ignore[attr-defined]
        self.assertEqual(ranked(EVERY, tried, nothing), ranked(EVERY, mixed, nothing))

    @steady
    @given(st.lists(faults, max_size=8), st.sets(st.sampled_from(EVERY), min_size=1))
    def test_while_memory_holds_what_is_proven_and_able_is_first(
        self, tried: list[TriedRoute], proven: set[Dimensions]
    ) -> None:
        tried = [replace(each, proven=False) for each in tried]
        found = ranked(
            EVERY, tried, lambda each: Proven(7.0) if each in proven else None
        )[0]
        if any(able(each, tried) for each in proven):
            self.assertIn(found, proven)

    @steady
    @given(st.lists(st.floats(101, 149), min_size=60, max_size=60))
    def test_near_equal_routes_do_not_take_turns(self, times: list[float]) -> None:
        """Each is measured when it is used, and varies within the tolerance."""
        known = {each: Proven(100.0) for each in EVERY[:3]}
        used = set()
        for ms in times:
            first = ranked(EVERY, [], known.get)[0]
            used.add(first)
            known[first] = Proven(ms)
        self.assertEqual(used, {EVERY[0]})

    @steady
    @given(lists, st.lists(faults, max_size=8))
    def test_time_is_shared_among_a_few_of_those_that_may_heal(
        self, candidates: list[Dimensions], tried: list[TriedRoute]
    ) -> None:
        found = worth(candidates, tried)
        self.assertLessEqual(1, found)
        self.assertLessEqual(found, MOST_SHARED)
        first = [able(each, tried) for each in candidates[:MOST_SHARED]]
        self.assertEqual(found, max(1, sum(first)))


class Haste(SynchronousTestCase):
    def test_routes_of_which_nothing_is_known_come_further_and_further_apart(self):
        found = [haste(taken) for taken in range(1, 8)]
        self.assertEqual(found, [0.4, 0.4, 1.0, 2.0, 4.0, 4.0, 4.0])
