"""Routes that work, told from node to node: hints, and nothing more."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.interfaces import RouteHints
from streamr.policy.search import Proven
from streamr.routing.history import NetworkMemory
from streamr.shared.hints import KEPT, MOST_ROUTES
from streamr.shared.tier import FIRST_BEAT, FleetTier
from tests.shared.fake import Server

_hints: type[RouteHints] = NetworkMemory
ROUTE = "modern@api.tmdb.org+via:p1"
KEY = "streamr:1:site:routes:home"


class Node:
    """What one node remembers, and its part of the engine."""

    def __init__(self, server: Server, clock: Clock, egress: str = "home") -> None:
        # each has a name of its own for the network that it is on
        self.memory = NetworkMemory(lambda: str(id(self)), clock.seconds)
        self.tier = FleetTier(
            server.make,
            clock,
            "site",
            egress,
            8.0,
            lambda _what: None,
            lambda _fleet: None,
        )
        self.tier.hints.join(self.memory)
        self.tier.start()


class HintsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_800_000_000.0)
        self.server = Server(self.clock)
        self.a, self.b = self.node(), self.node()

    def node(self, egress: str = "home") -> Node:
        made = Node(self.server, self.clock, egress)
        self.addCleanup(made.tier.stop)
        self.clock.advance(FIRST_BEAT)
        return made


class Told(HintsCase):
    def test_what_works_for_one_is_a_hint_for_the_others(self) -> None:
        self.a.memory.noted(ROUTE, 41.4)
        self.clock.advance(0)
        self.assertEqual(self.b.memory.proven(ROUTE), Proven(41.0, told=True))
        self.assertEqual(self.a.memory.proven(ROUTE), Proven(41.4))

    def test_one_that_comes_later_begins_with_it(self) -> None:
        self.a.memory.noted(ROUTE, 41.0)
        later = self.node()
        self.assertEqual(later.memory.proven(ROUTE), Proven(41.0, told=True))

    def test_the_first_failure_ends_it(self) -> None:
        self.a.memory.noted(ROUTE, 41.0)
        self.clock.advance(0)
        self.b.memory.noted(ROUTE, None)
        self.assertIsNone(self.b.memory.proven(ROUTE))
        self.a.memory.noted("direct", 20.0)  # the others' hints are read again
        self.clock.advance(0)
        self.assertIsNone(self.b.memory.proven(ROUTE))
        self.assertEqual(self.a.memory.proven(ROUTE), Proven(41.0))

    def test_what_works_no_more_is_told_to_nobody(self) -> None:
        self.a.memory.noted(ROUTE, 41.0)
        self.a.memory.noted(ROUTE, None)
        self.assertIsNone(self.node().memory.proven(ROUTE))

    def test_whoever_leaves_by_another_address_hears_nothing_of_it(self) -> None:
        self.a.memory.noted(ROUTE, 41.0)
        self.assertIsNone(self.node("elsewhere").memory.proven(ROUTE))

    def test_an_engine_that_has_forgotten_hears_it_again(self) -> None:
        self.a.memory.noted(ROUTE, 41.0)
        self.clock.advance(0)
        self.server.stop()
        self.server.forget()
        self.server.start()
        self.clock.advance(FIRST_BEAT)
        self.assertEqual(self.server.data[KEY], {ROUTE.encode(): b"41"})

    def test_a_word_of_others_is_handed_on_by_nobody(self) -> None:
        self.a.memory.noted(ROUTE, 41.0)
        self.clock.advance(0)
        self.assertEqual(self.b.memory.worth_telling(), {})
        self.assertEqual(self.b.memory.known(), {})


class Bounded(HintsCase):
    def test_a_week_later_it_is_forgotten(self) -> None:
        self.a.memory.noted(ROUTE, 41.0)
        for each in (self.a, self.b):
            each.tier.stop()
        self.clock.advance(KEPT)
        self.assertIsNone(self.node().memory.proven(ROUTE))

    def test_no_more_than_there_can_be(self) -> None:
        for number in range(MOST_ROUTES + 9):
            self.a.memory.noted(f"route-{number}", 41.0)
        self.a.memory.noted("x" * 201, 41.0)
        self.assertEqual(len(self.server.data[KEY]), MOST_ROUTES)

    def test_what_makes_no_sense_is_no_hint(self) -> None:
        self.server.put(
            KEY,
            {
                b"a": b"x",
                b"b": b"nan",
                b"c": b"-1",
                b"d": b"1e9",
                "é".encode(): b"1",
                b"x" * 201: b"1",
                b"good": b"7",
            },
        )
        node = self.node()
        for name in ("a", "b", "c", "d", "é", "x" * 201):
            self.assertIsNone(node.memory.proven(name), name)
        self.assertEqual(node.memory.proven("good"), Proven(7.0, told=True))

    def test_an_engine_that_refuses_is_as_if_there_were_none(self) -> None:
        self.server.refuses = True
        self.a.memory.noted(ROUTE, 41.0)
        self.a.tier.hints.learn()
        self.assertEqual(self.a.memory.proven(ROUTE), Proven(41.0))
