"""What has worked on each network: bounded, and kept over restarts."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.memory import DAY
from streamr.policy.search import Proven
from streamr.routing.history import MOST_NETWORKS, MOST_ROUTES, NetworkMemory
from tests.properties import examples

steady = examples()
ROUTE = "modern@api.tmdb.org+via:p1"
# good, bad, ms, worked, at
GOOD = [1.0, 0.0, 40.0, True, 1_800_000_000.0]
BAD: list[object] = [
    -1.0,
    1e12,
    float("nan"),
    float("inf"),
    10**400,
    None,
    "x",
    [1],
    {},
]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class HistoryCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1_800_000_000.0
        self.network = "home"
        self.memory = self.made()

    def made(self, known: Any = None) -> NetworkMemory:
        memory = NetworkMemory(lambda: self.network, lambda: self.now)
        memory.learn(known or {})
        return memory

    def restarted(self) -> NetworkMemory:
        """Another process, which has read what this one has written."""
        return self.made(json.loads(json.dumps(self.memory.known())))


class Networks(HistoryCase):
    def test_what_has_worked_is_proven_with_its_time(self) -> None:
        self.assertIsNone(self.memory.proven(ROUTE))
        self.memory.noted(ROUTE, 40.0)
        self.assertEqual(self.memory.proven(ROUTE), Proven(40.0))
        self.assertIsNone(self.memory.proven("another"))

    def test_it_is_dropped_at_the_first_contradiction(self) -> None:
        for _ in range(100):
            self.memory.noted(ROUTE, 40.0)
        self.memory.noted(ROUTE, None)
        self.assertIsNone(self.memory.proven(ROUTE))

    def test_another_network_knows_nothing_of_it(self) -> None:
        self.memory.noted(ROUTE, 40.0)
        self.network = "train"
        self.assertIsNone(self.memory.proven(ROUTE))
        self.network = "home"
        self.assertEqual(self.memory.proven(ROUTE), Proven(40.0))

    def test_after_a_week_it_is_forgotten(self) -> None:
        self.memory.noted(ROUTE, 40.0)
        self.now += 7.2 * DAY
        self.assertIsNone(self.memory.proven(ROUTE))

    def test_the_network_that_was_not_seen_for_the_longest_is_forgotten(self) -> None:
        self.memory.noted(ROUTE, 40.0)
        for number in range(MOST_NETWORKS):
            self.network = f"hotel {number}"
            self.memory.noted(ROUTE, 50.0)
            self.network = "home"
            self.assertEqual(self.memory.proven(ROUTE), Proven(40.0))
        known = self.memory.known()
        self.assertEqual(len(known), MOST_NETWORKS)
        self.assertNotIn("hotel 0", known)
        self.assertIn("hotel 1", known)

    def test_the_route_that_was_not_used_for_the_longest_is_forgotten(self) -> None:
        for number in range(MOST_ROUTES):
            self.memory.noted(f"route {number}", 40.0)
        self.memory.noted("route 0", 40.0)
        self.assertEqual(self.memory.proven("route 1"), Proven(40.0))
        self.memory.noted("one more", 40.0)
        self.assertIsNone(self.memory.proven("route 1"))
        for name in ("route 0", "route 2", "one more"):
            self.assertEqual(self.memory.proven(name), Proven(40.0), name)
        self.assertEqual(len(self.memory.known()["home"]), MOST_ROUTES)

    def test_it_is_told_when_a_route_has_become_proven_or_is_no_more(self) -> None:
        told: list[int] = []
        self.memory.subscribe(lambda: told.append(1))
        for ms, count in ((40.0, 1), (41.0, 1), (None, 2), (None, 2)):
            self.memory.noted(ROUTE, ms)
            self.assertEqual(len(told), count, ms)


class Restarts(HistoryCase):
    def test_what_is_known_outlives_a_restart(self) -> None:
        self.memory.noted(ROUTE, 40.0)
        self.memory.noted("bad", None)
        again = self.restarted()
        self.assertEqual(again.proven(ROUTE), Proven(40.0))
        self.assertIsNone(again.proven("bad"))
        self.assertEqual(again.known(), self.memory.known())

    def test_networks_of_which_nothing_is_known_are_not_written(self) -> None:
        self.memory.proven(ROUTE)
        self.assertEqual(self.memory.known(), {})

    def test_it_decays_while_the_machine_is_off(self) -> None:
        self.memory.noted(ROUTE, 40.0)
        self.now += 7.2 * DAY
        self.assertIsNone(self.restarted().proven(ROUTE))

    def test_with_a_clock_that_was_set_back_it_decays_from_then_on(self) -> None:
        self.memory.noted(ROUTE, 40.0)
        self.now -= 365 * DAY
        again = self.restarted()
        self.assertEqual(again.proven(ROUTE), Proven(40.0))
        self.now += 7.2 * DAY
        self.assertIsNone(again.proven(ROUTE))

    def test_the_order_in_which_networks_were_seen_outlives_it_too(self) -> None:
        for number in range(MOST_NETWORKS):
            self.network = str(number)
            self.memory.noted(ROUTE, 40.0)
        self.network = "0"
        self.memory.proven(ROUTE)
        memory = self.restarted()
        self.network = "another"
        memory.noted(ROUTE, 40.0)
        self.assertIn("0", memory.known())
        self.assertNotIn("1", memory.known())


class Garbage(HistoryCase):
    """A file that somebody has edited, or that another version has written."""

    def test_what_makes_no_sense_is_left_out_and_the_rest_is_kept(self) -> None:
        wrong: list[object] = [
            None,
            "12345",
            {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5},
            [],
            GOOD[:4],
            [*GOOD, 1.0],
            *([*GOOD[:at], bad, *GOOD[at + 1 :]] for at in range(5) for bad in BAD),
        ]
        for told in wrong:
            memory = self.made({"home": {"bad": told, ROUTE: GOOD}})
            self.assertIsNone(memory.proven("bad"), told)
            self.assertEqual(memory.proven(ROUTE), Proven(40.0))
            self.assertEqual(list(memory.known()["home"]), [ROUTE], told)

    def test_what_is_at_the_edge_is_kept(self) -> None:
        edge = [999_999_999_999.0, 0, 999_999_999_999.0, 1, 0]
        self.assertIn("edge", self.made({"home": {"edge": edge}}).known()["home"])

    def test_networks_that_make_no_sense_are_left_out(self) -> None:
        wrong: list[object] = [None, [], "x", 7]
        for told in wrong:
            memory = self.made({"other": told, "home": {ROUTE: GOOD}})
            self.assertEqual(list(memory.known()), ["home"], told)

    def test_no_more_is_read_than_may_be_kept(self) -> None:
        self.assertEqual((MOST_NETWORKS, MOST_ROUTES), (8, 128))
        many = {str(number): GOOD for number in range(MOST_ROUTES + 9)}
        known = self.made({str(n): many for n in range(MOST_NETWORKS + 9)}).known()
        self.assertEqual(list(known), [str(9 + n) for n in range(MOST_NETWORKS)])
        for routes in known.values():
            self.assertEqual(list(routes), list(many)[9:])

    @steady
    @given(st.dictionaries(st.text() | st.just("home"), anything))
    def test_nothing_in_it_raises(self, told: dict[str, Any]) -> None:
        self.setUp()
        memory = self.made(told)
        memory.noted(ROUTE, 40.0)
        self.assertIsNotNone(memory.proven(ROUTE))
        for routes in memory.known().values():
            for name in routes:
                memory.proven(name)
        json.dumps(memory.known(), allow_nan=False)

    @steady
    @given(
        st.lists(
            st.tuples(
                st.sampled_from("abcdefghijkl"),
                st.integers(0, 90),
                st.none() | st.floats(0, 1e6),
                st.floats(-DAY, DAY),
            ),
            max_size=200,
        )
    )
    def test_it_is_bounded_whatever_is_noted(
        self, notes: list[tuple[str, int, float | None, float]]
    ) -> None:
        self.setUp()
        for self.network, route, ms, seconds in notes:
            self.now += seconds
            self.memory.noted(str(route), ms)
            if ms is None:
                self.assertIsNone(self.memory.proven(str(route)))
        known = self.memory.known()
        self.assertLessEqual(len(known), MOST_NETWORKS)
        self.assertLessEqual(max(map(len, known.values()), default=0), MOST_ROUTES)
        self.assertEqual(self.restarted().known().keys(), known.keys())
