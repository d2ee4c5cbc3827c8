"""The order of the routes, and the proxy's alternatives."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.candidates import alternatives
from streamr.boundaries import Dimensions
from streamr.errors import RouteKind
from streamr.policy.breaker import Breaker, BreakerState
from streamr.policy.routing import plan, shared_fate, standings
from streamr.policy.search import Proven
from tests.properties import examples
from tests.support import FakeRoute

steady = examples()
COM, ORG = "https://api.themoviedb.org/3", "https://api.tmdb.org/3"
DIRECT = Dimensions("api.themoviedb.org", "modern", "auto", "here")


class Plan(SynchronousTestCase):
    """Which route comes first."""

    def names(self, *opened: str, hopeful: bool = False, silent: str = "") -> str:
        routes = [
            FakeRoute(name, dimensions=replace(DIRECT, host=f"{name}.invalid"))
            for name in "abc"
        ]
        breakers = {
            name: Breaker(BreakerState.OPEN if name in opened else BreakerState.CLOSED)
            for name in "abc"
        }
        order = plan(routes, breakers, hopeful, [f"{name}.invalid" for name in silent])
        return "".join(route.name for route in order)

    def test_closed_breakers_keep_the_order(self):
        self.assertEqual(self.names(), "abc")

    def test_open_ones_are_the_last_resort(self):
        self.assertEqual(self.names("a", hopeful=True), "bca")
        self.assertEqual(self.names("a", "b", hopeful=True), "cab")

    def test_without_hope_there_is_no_last_resort(self):
        self.assertEqual(self.names("a"), "bc")

    def test_half_open_is_not_for_callers(self):
        routes = [FakeRoute("a"), FakeRoute("b")]
        breakers = {"a": Breaker(BreakerState.HALF_OPEN), "b": Breaker()}
        self.assertEqual(plan(routes, breakers, False)[0].name, "b")

    def test_with_all_open_and_nothing_good_lately_there_is_no_route(self):
        self.assertEqual(self.names(*"abc"), "")

    def test_with_all_open_but_something_good_lately_all_are_tried(self):
        self.assertEqual(self.names(*"abc", hopeful=True), "abc")

    def test_a_way_to_a_silent_host_comes_last_among_its_like(self):
        for opened, silent, expected in (
            ("", "a", "bca"),
            ("", "b", "acb"),
            ("", "ab", "cab"),
            ("", "abc", "abc"),
            ("", "z", "abc"),
            # a silent route that is closed still comes before those that are open
            ("b", "a", "cab"),
            ("bc", "a", "abc"),
            ("ab", "a", "cba"),
            ("abc", "b", "acb"),
        ):
            found = self.names(*opened, hopeful=True, silent=silent)
            self.assertEqual(found, expected, (opened, silent))

    def test_one_in_doubt_comes_behind_those_that_are_not(self):
        routes = [FakeRoute(name) for name in "ab"]
        breakers = {"a": Breaker(doubted=True), "b": Breaker()}
        order = plan(routes, breakers, False)
        self.assertEqual([route.name for route in order], ["b", "a"])

    def test_a_silent_host_is_still_a_route(self):
        self.assertEqual(self.names("c", silent="ab"), "ab")


class Peers(SynchronousTestCase):
    """Several proxies of ours: those that have worked first, the quickest in front."""

    def names(self, **ms: float) -> str:
        kinds = dict.fromkeys("abc", RouteKind.PEER) | {"d": RouteKind.DIRECT}
        routes = [FakeRoute(name, kinds[name]) for name in "dabc"]
        breakers = {name: Breaker() for name in "dabc"}
        known = {name: Proven(each) for name, each in ms.items()}
        order = plan(routes, breakers, False, (), known.get)
        return "".join(route.name for route in order)

    def test_those_that_have_worked_come_first_behind_direct(self):
        for ms, expected in (
            ({}, "dabc"),
            ({"c": 40.0}, "dcab"),
            ({"b": 90.0, "c": 10.0}, "dcba"),
            ({"b": 59.0, "c": 10.0}, "dbca"),
            # a time of direct's own is nothing to compare with
            ({"d": 1.0, "a": 60.0, "b": 40.0}, "dabc"),
            ({"a": 224.0, "b": 149.0}, "dbac"),
            ({"a": 223.0, "b": 149.0}, "dabc"),
        ):
            self.assertEqual(self.names(**ms), expected, ms)

    def test_a_silent_host_comes_behind_them_all_the_same(self):
        routes = [
            FakeRoute(name, RouteKind.PEER, dimensions=replace(DIRECT, host=name))
            for name in "ab"
        ]
        breakers = {name: Breaker() for name in "ab"}
        order = plan(routes, breakers, False, ["a"], {"a": Proven(1.0)}.get)
        self.assertEqual([route.name for route in order], ["b", "a"])


class Standings(SynchronousTestCase):
    """Where each route stands, and why."""

    ROUTES = (
        FakeRoute("d", RouteKind.DIRECT),
        *(FakeRoute(name, RouteKind.PEER) for name in "abc"),
    )

    def told(self, opened: str = "", hopeful: bool = False, **ms: float) -> dict:
        breakers = {
            name: Breaker(BreakerState.OPEN if name in opened else BreakerState.CLOSED)
            for name in "dabc"
        }
        known = {name: Proven(each) for name, each in ms.items()}
        found = standings(
            self.ROUTES,
            breakers,
            hopeful,
            known.get,
            lambda route: "open" if route.name in opened else "",
        )
        order = plan(self.ROUTES, breakers, hopeful, (), known.get)
        places = {each.name: at for at, each in enumerate(order, 1)}
        self.assertEqual(
            {name: each.place for name, each in found.items()},
            {name: places.get(name) for name in "dabc"},
        )
        return {name: each.why for name, each in found.items()}

    def test_direct_is_the_first_and_proxies_follow_as_they_are_listed(self):
        told = self.told()
        self.assertEqual(told["d"], "the direct route: first while it works")
        self.assertEqual({told[name] for name in "abc"}, {"in the order of preference"})

    def test_proxies_that_have_worked_here_are_told_apart(self):
        # slower by one tolerance
        told = self.told(b=40.0, c=95.0)
        self.assertEqual(told["a"], "not known to work here, as another proxy is")
        self.assertEqual(told["b"], "works here (40 ms)")
        self.assertEqual(told["c"], "works here (95 ms), but others are quicker")

    def test_one_that_is_open_is_told_as_that_and_has_no_place_without_hope(self):
        for hopeful in (True, False):
            self.assertEqual(self.told("db", hopeful, b=40.0)["d"], "open")


class Alternatives(SynchronousTestCase):
    """The proxy's routes, best first."""

    def test_the_order_for_both_official_names(self):
        self.assertEqual(
            alternatives(COM, [ORG]),
            (
                (COM, "classic"),
                (ORG, "modern"),
                (ORG, "classic"),
                (COM, "tls12"),
                (ORG, "tls12"),
            ),
        )

    def test_without_another_name_the_profiles_are_left(self):
        self.assertEqual(alternatives(COM, []), ((COM, "classic"), (COM, "tls12")))

    def test_an_alternate_equal_to_the_base_adds_no_route(self):
        self.assertEqual(alternatives(COM, [COM]), alternatives(COM, []))

    def test_a_name_given_twice_is_tried_once(self):
        self.assertEqual(alternatives(COM, [ORG, ORG]), alternatives(COM, [ORG]))

    def test_a_name_spelt_differently_is_the_same_name(self):
        for same in (
            "https://API.themoviedb.org/3",
            "https://api.themoviedb.org:443/3",
        ):
            self.assertEqual(alternatives(COM, [same]), alternatives(COM, []), same)

    def test_the_usual_port_is_the_same_as_none(self):
        for scheme, port in (("https", 443), ("http", 80)):
            bare, named = f"{scheme}://a.invalid/3", f"{scheme}://a.invalid:{port}/3"
            self.assertEqual(
                alternatives(bare, [named]), alternatives(bare, []), scheme
            )
            self.assertEqual(
                [profile for _, profile in alternatives(named, [bare])],
                [profile for _, profile in alternatives(named, [])],
                scheme,
            )

    def test_whatever_differs_in_an_address_is_another_route(self):
        for base, other in (
            (COM, ORG),
            (COM, "https://api.themoviedb.org/4"),
            (COM, "https://api.themoviedb.org:442/3"),
            (COM, "https://api.themoviedb.org:444/3"),
            (COM, "https://api.themoviedb.org:80/3"),
            ("http://a.invalid/3", "http://a.invalid:79/3"),
            ("http://a.invalid/3", "http://a.invalid:81/3"),
            ("http://a.invalid/3", "http://a.invalid:443/3"),
            ("http://a.invalid/3", "https://a.invalid/3"),
            ("http://a.invalid:1/3", "https://a.invalid:1/3"),
        ):
            self.assertIn(other, [url for url, _ in alternatives(base, [other])], base)

    def test_plain_http_has_no_profiles(self):
        one, other = "http://127.0.0.1:1/3", "http://127.0.0.1:2/3"
        self.assertEqual(alternatives(one, [other]), ((other, "plain"),))

    def test_one_plain_address_is_still_one_route(self):
        one = "http://127.0.0.1:1/3"
        self.assertEqual(alternatives(one, []), ((one, "plain"),))

    @steady
    @given(
        st.sampled_from([COM, ORG, "http://127.0.0.1:1/3"]),
        st.lists(st.sampled_from([COM, ORG, "http://127.0.0.1:2/3"]), max_size=4),
    )
    def test_alternatives_are_distinct_and_none_repeats_the_direct_route(
        self, base, others
    ):
        found = alternatives(base, others)
        direct = (base, "modern" if base.startswith("https:") else "plain")
        self.assertTrue(found)
        self.assertEqual(len(found), len(set(found)))
        self.assertTrue(found == (direct,) or direct not in found)
        for url, profile in found:
            self.assertEqual(profile == "plain", url.startswith("http:"))


class SharedFate(SynchronousTestCase):
    """The fallback must differ in at least one dimension."""

    def test_equal_routes_share_their_fate(self):
        self.assertTrue(shared_fate(DIRECT, [DIRECT, DIRECT]))

    def test_no_other_way_is_no_way_out(self):
        self.assertTrue(shared_fate(DIRECT, []))

    def test_one_dimension_of_one_way_is_enough(self):
        for other in (
            Dimensions("api.tmdb.org", "modern", "auto", "here"),
            Dimensions("api.themoviedb.org", "classic", "auto", "here"),
            Dimensions("api.themoviedb.org", "modern", "ipv4", "here"),
            Dimensions("api.themoviedb.org", "modern", "auto", "tunnel"),
        ):
            self.assertFalse(shared_fate(DIRECT, [DIRECT, other]), other)
