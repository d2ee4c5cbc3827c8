"""The search: which route a request is offered next, and in which networks it finds one
that works within four steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.candidates import MOST_CANDIDATES, Space, space
from streamr.boundaries import Dimensions
from streamr.errors import CAUSES, Fault, RouteKind
from streamr.interfaces import Route
from streamr.policy.breaker import TRIP_IN_ROW, Breaker
from streamr.policy.deadline import share
from streamr.policy.search import (
    EXPLORING,
    MOST_EXPLORED,
    MOST_SHARED,
    Proven,
    TriedRoute,
)
from streamr.routing.health import (
    HOPE_SECONDS,
    VAIN_OVER,
    VAIN_RESOURCES,
    Health,
)
from streamr.routing.plan import FixedPlan, Plan
from streamr.routing.search import LATELY, TOLD, Search
from tests.properties import examples
from tests.support import FakeRoute, call

COM, ORG = "api.themoviedb.org", "api.tmdb.org"
URLS = f"https://{COM}/3", (f"https://{ORG}/3",)
PROFILES, BOTH, HERE = ("modern", "classic", "tls12"), (COM, ORG), ("direct",)
# A box on the path, a resolver or an outbound proxy: the fault it causes, or None.
Box = Callable[[Dimensions], str | None]
steady = examples()


def filters(
    cause: str,
    hosts: Collection[str] = BOTH,
    profiles: Collection[str] = PROFILES,
    egresses: Collection[str] = HERE,
) -> Box:
    """Connections to these names, with these hellos, over these ways out, fail."""

    def box(route: Dimensions) -> str | None:
        hit = route.host in hosts and route.profile in profiles
        return cause if hit and route.egress in egresses else None

    return box


def lies(cause: str, *resolvers: str, hosts: Collection[str] = BOTH) -> Box:
    """What these resolvers say of these names leads to this fault."""

    def box(route: Dimensions) -> str | None:
        hit = route.resolver in resolvers and route.host in hosts
        return cause if hit else None

    return box


def one_family(works: str, cause: str) -> Box:
    """Only one address family gets through, and the other one makes auto fail."""
    return lambda route: cause if route.family not in (works, "remote") else None


RESET = "tls_reset"
BIG, TLS13 = ("modern",), ("modern", "classic")
P1_DEAD = filters("egress_unreachable", egresses=["p1"])
R2, R3 = ("system", "r2"), ("system", "r2", "r3")
P1, P2 = ("direct", "p1"), ("direct", "p1", "p2")


@dataclass(frozen=True)
class Row:
    """A network, what is given there, and at which step of the search, after the
    direct route, the first that works is offered."""

    does: str
    boxes: Sequence[Box]
    step: int
    resolvers: Sequence[str] = ("system",)
    egresses: Sequence[str] = HERE
    silent: Collection[str] = ()

    def ask(self, route: Dimensions) -> str | None:
        return next(filter(None, (box(route) for box in self.boxes)), None)


def silently(does: str, boxes: Sequence[Box], step: int, **given: Sequence[str]) -> Row:
    return Row(f"{does}, silently", boxes, step, silent=[COM], **given)


TIMEOUT = "tls_timeout"
TABLE = [
    # the path filters names or hellos
    Row("main name reset", [filters(RESET, [COM])], 2),
    Row("main name reset", [filters(RESET, [COM])], 2, R3, P2),
    Row("main name intercepted", [filters("tls_certificate_error", [COM])], 1),
    Row("big hello reset", [filters(RESET, profiles=BIG)], 1),
    Row("main, and big hellos", [filters(RESET, [COM]), filters(RESET, BOTH, BIG)], 3),
    Row("TLS 1.3 reset", [filters(RESET, profiles=TLS13)], 3),
    Row("TLS 1.3 alert", [filters("tls_alert_received", profiles=TLS13)], 3),
    Row("main, and TLS 1.3", [filters(RESET, [COM]), filters(RESET, BOTH, TLS13)], 3),
    Row("both names reset", [filters(RESET)], 3, egresses=P1),
    Row("both names reset", [filters(RESET)], 3, R3, P1),
    Row("both names, first proxy dead", [filters(RESET), P1_DEAD], 4, egresses=P2),
    Row("both names, first proxy dead", [filters(RESET), P1_DEAD], 4, R3, P2),
    Row(
        "both names, behind the first proxy as well",
        [filters(RESET, egresses=["direct", "p1"])],
        4,
        egresses=P2,
    ),
    Row(
        "both names, and the proxy denies the main one",
        [filters(RESET), filters("egress_denied", [COM], egresses=["p1"])],
        4,
        egresses=P1,
    ),
    silently("main name", [filters(TIMEOUT, [COM])], 1),
    silently("big hello", [filters(TIMEOUT, profiles=BIG)], 2),
    silently("TLS 1.3", [filters(TIMEOUT, profiles=TLS13)], 3),
    silently("both names", [filters(TIMEOUT)], 3, egresses=P1),
    silently(
        "both, first dead", [filters(TIMEOUT), P1_DEAD], 4, resolvers=R3, egresses=P2
    ),
    silently("both, while hedging", [filters("overtaken"), P1_DEAD], 4, egresses=P2),
    # addresses: lies, and what cannot be reached
    *(
        row
        for cause in ("connection_refused", "tls_certificate_error", "dns_error")
        for row in (
            Row(f"lies ({cause})", [lies(cause, "system")], 2, R2),
            Row(f"main lies ({cause})", [lies(cause, "system", hosts=[COM])], 1, R2),
            Row(f"hijacked ({cause})", [lies(cause, *R2)], 3, R3),
            Row(f"hijacked ({cause})", [lies(cause, *R2)], 3, R2, P1),
            Row(f"all hijacked ({cause})", [lies(cause, *R3)], 3, R3, P1),
            Row(f"hijacked, p1 dead ({cause})", [lies(cause, *R2), P1_DEAD], 4, R2, P2),
            Row(
                f"lies and main name ({cause})",
                [lies(cause, "system"), filters(RESET, [COM])],
                4,
                R3,
            ),
            Row(
                f"two lie, and main name ({cause})",
                [lies(cause, *R2), filters(RESET, [COM])],
                4,
                R3,
            ),
            Row(
                f"lies and both names ({cause})",
                [lies(cause, "system"), filters(RESET)],
                3,
                R2,
                P1,
            ),
            Row(
                f"lies and big hellos ({cause})",
                [lies(cause, "system"), filters(RESET, BOTH, BIG)],
                3,
                R2,
            ),
        )
    ),
    Row("a lie to what resets", [lies(RESET, "system")], 3, R2),
    Row("a lie to what resets, p1 dead", [lies(RESET, "system"), P1_DEAD], 4, R2, P1),
    silently("a lie to what is silent", [lies(TIMEOUT, "system")], 3, resolvers=R2),
    Row("no resolver answers", [lies("dns_timeout", "system")], 2, R2),
    Row("main address dead", [filters("connection_timeout", [COM])], 1),
    Row("all addresses dead", [filters("connection_timeout")], 2, egresses=P1),
    Row("all dead, p1 too", [filters("connection_refused"), P1_DEAD], 4, R2, P2),
    Row("only IPv4 connects", [one_family("ipv4", "connection_timeout")], 2),
    # the way out
    Row("a portal", [filters("http_response_invalid")], 2, egresses=P1),
    Row(
        "a portal, p1 dead", [filters("http_response_invalid"), P1_DEAD], 3, egresses=P2
    ),
    Row("no direct, p1 dead", [P1_DEAD], 1, egresses=("p1", "p2")),
    Row("p1 before direct, dead", [P1_DEAD], 1, egresses=("p1", "direct")),
    Row(
        "p1 dead, main name reset",
        [P1_DEAD, filters(RESET, [COM])],
        3,
        egresses=("p1", "direct"),
    ),
    Row(
        "the proxy denies the main name",
        [filters("egress_denied", [COM], egresses=["p1"])],
        1,
        egresses=("p1",),
    ),
    Row(
        "the proxy cannot reach the main name",
        [filters("egress_failed", [COM], egresses=["p1"])],
        1,
        egresses=("p1",),
    ),
]


@dataclass
class Bench:
    """A search over fake routes; `proven` are names, with the time they take."""

    resolvers: Sequence[str] = ("system",)
    egresses: Sequence[str] = HERE
    proven: Mapping[str, float] = field(default_factory=dict)
    alternates: Sequence[str] = URLS[1]

    def __post_init__(self) -> None:
        self.space: Space = space(
            URLS[0], self.alternates, "auto", self.resolvers, self.egresses
        )
        self.clock = Clock()
        self.made: list[str] = []
        self.routes: dict[str, FakeRoute] = {}
        usual = [self.make(each) for each in self.space.usual]
        self.health = Health(usual, self.clock, lambda: 1000.0, chance=lambda: 0.5)
        self.search = Search(
            self.space.candidates,
            self.space.further,
            self.space.direct,
            self.make,
            self.health,
            self.is_proven,
            self.clock.seconds,
        )

    def make(self, route: Dimensions) -> FakeRoute:
        name = self.space.named(route)
        assert name not in self.routes, name
        made = FakeRoute(name, RouteKind.ORIGIN, dimensions=route)
        self.routes[name] = made
        return made

    def is_proven(self, route: Dimensions) -> Proven | None:
        ms = self.proven.get(self.space.named(route))
        return None if ms is None else Proven(ms)

    def plan(self, *failed: str, silent: Collection[str] = ()) -> Plan:
        return self.search.plan(call(failed=failed, silent=frozenset(silent)))

    def tries(self, route: Route, cause: str, number: int) -> None:
        """A caller of a title has failed over a route, which stays closed."""
        self.health.tried(route, Fault(cause), 1, f"/movie/{number}")
        self.health.breakers[route.name] = Breaker()

    def breaks(self, name: str, cause: str = RESET) -> None:
        """A route's breaker opens."""
        for _ in range(TRIP_IN_ROW):
            self.health.tried(self.routes[name], Fault(cause), 1)


def walk(plan: Plan, ask: Callable[[Dimensions], str | None]) -> list[Route]:
    """The routes that are offered until one works, or none is left."""
    offered = []
    while plan.upcoming is not None:
        route = plan.take()
        offered.append(route)
        cause = ask(route.dimensions)
        if cause is None:
            break
        plan.failed(route, cause)
    return offered


def short(routes: Collection[Route]) -> list[str]:
    return [each.name.replace(COM, "com").replace(ORG, "org") for each in routes]


class Networks(SynchronousTestCase):
    """Nothing has been learned yet, and the direct route has just failed."""

    def test_a_route_that_works_is_found_within_four_steps(self) -> None:
        for row in TABLE:
            bench = Bench(row.resolvers, row.egresses)
            cause = row.ask(bench.space.direct)
            assert cause is not None, row.does
            offered = walk(bench.plan(cause, silent=row.silent), row.ask)
            told = f"{row.does}, {row.resolvers}, {row.egresses}: {short(offered)}"
            self.assertIsNone(row.ask(offered[-1].dimensions), told)
            self.assertEqual(len(offered), row.step, told)
            self.assertLessEqual(len(offered), 4, told)

    def test_nothing_of_a_second_fault_makes_it_change_more_than_needed(self) -> None:
        row = Row("", [lies("connection_refused", "system"), filters(RESET, [COM])], 4)
        offered = walk(Bench(R2).plan("connection_refused"), row.ask)
        self.assertEqual(
            short(offered),
            [
                "modern@org",
                "modern@com+dns:r2",
                "classic@com+dns:r2",
                "modern@org+dns:r2",
            ],
        )


class Memory(SynchronousTestCase):
    """What has worked on this network."""

    def first(self, bench: Bench, *failed: str) -> str:
        route = bench.plan(*failed).upcoming
        assert route is not None
        return route.name

    def test_what_is_proven_is_first_whatever_else_there_is(self) -> None:
        for name in (f"tls12@{ORG}", f"modern@{COM}+via:p1", f"classic@{ORG}+dns:r2"):
            bench = Bench(R2, P1, {name: 900.0})
            self.assertEqual(self.first(bench), name)
            self.assertEqual(self.first(bench, RESET), name)

    def test_one_that_is_only_tried_where_it_may_heal_is_first_as_well(self) -> None:
        name = f"modern@{COM}+ipv4"
        bench = Bench(proven={name: 50.0})
        self.assertEqual(self.first(bench), name)
        offered = walk(bench.plan(), lambda _route: RESET)
        self.assertEqual(len(offered), len({each.name for each in offered}))

    def test_one_that_cannot_heal_what_was_seen_now_is_not(self) -> None:
        bench = Bench(proven={f"classic@{COM}": 10.0})
        self.assertEqual(self.first(bench), f"classic@{COM}")
        self.assertEqual(self.first(bench, "connection_refused"), f"modern@{ORG}")

    def test_after_the_first_contradiction_evidence_decides(self) -> None:
        local = [f"{each}@{host}" for each in PROFILES for host in BOTH][1:]
        bench = Bench(egresses=P1, proven=dict.fromkeys(local, 50.0))
        offered = walk(bench.plan(RESET), filters(RESET))
        self.assertEqual(
            short(offered), ["classic@com", "modern@org", "modern@com+via:p1"]
        )

    def test_a_contradiction_by_another_request_is_none_of_this_one(self) -> None:
        bench = Bench(proven={f"tls12@{ORG}": 50.0})
        walk(bench.plan(RESET), lambda _route: RESET)
        self.assertEqual(self.first(bench, RESET), f"tls12@{ORG}")


class Evidence(SynchronousTestCase):
    """What is known without this request: why routes are open."""

    def test_a_route_that_is_open_says_what_cannot_help(self) -> None:
        bench = Bench(egresses=P1)
        for name in (f"classic@{COM}", f"modern@{ORG}"):
            bench.breaks(name)
        offered = walk(bench.plan(), filters(RESET))
        self.assertEqual(short(offered), ["modern@com+via:p1"])

    def test_when_all_candidates_are_open_what_may_heal_further_is_tried(self) -> None:
        bench = Bench()
        for each in list(bench.routes):
            bench.breaks(each, "connection_timeout")
        offered = walk(bench.plan(), one_family("ipv4", "connection_timeout"))
        self.assertEqual(short(offered), ["modern@com+ipv4"])

    def test_one_that_was_open_before_a_restart_is_not_taken_for_sure(self) -> None:
        bench = Bench(egresses=P1)
        known = {"pause": 5.0, "left": 4.0}
        bench.health.learn({f"classic@{COM}+via:p1": known})
        names = short(walk(bench.plan(RESET), lambda _route: RESET))
        self.assertNotIn("classic@com+via:p1", names)
        self.assertIn("modern@org+via:p1", names)

    def test_what_cannot_heal_is_not_tried_beyond_the_candidates(self) -> None:
        bench = Bench(("r1", "r2"), alternates=())
        offered = walk(bench.plan("http_response_invalid"), lambda _r: "upstream_error")
        names = short(offered)
        self.assertNotIn("modern@com+ipv4", names)
        # another resolver may heal it, over one family as well
        self.assertIn("modern@com+dns:r2+ipv4", names)

    def test_with_nothing_seen_nothing_further_is_tried(self) -> None:
        bench = Bench()
        known = {"pause": 5.0, "left": 4.0}
        bench.health.learn(dict.fromkeys(bench.routes, known))
        self.assertIsInstance(bench.plan(), FixedPlan)

    def test_what_was_admitted_once_stays(self) -> None:
        bench = Bench(alternates=())
        plan = bench.plan("connection_timeout")
        first = plan.take()
        plan.failed(first, "connection_timeout")
        names = short(walk(plan, lambda _route: "http_response_invalid"))
        self.assertIn("modern@com+ipv6", names)

    def test_without_a_cause_an_open_route_says_nothing(self) -> None:
        bench = Bench()
        bench.health.learn({f"classic@{COM}": {"pause": 5.0, "left": 4.0}})
        self.assertEqual(short(walk(bench.plan(), lambda _route: None)), ["modern@org"])

    def next(self, bench: Bench) -> str:
        """The route that the next request begins with."""
        return short([bench.plan().take()])[0]

    def test_what_one_request_has_found_those_that_begin_now_know(self) -> None:
        bench = Bench(egresses=P1)
        self.assertEqual(self.next(bench), "classic@com")
        walk(bench.plan(), filters(RESET))
        self.assertEqual(self.next(bench), "modern@com+via:p1")

    def test_it_is_known_for_a_while_and_until_the_route_works(self) -> None:
        for later, served in ((LATELY, False), (0, True)):
            bench = Bench()
            plan = bench.plan()
            plan.failed(plan.take(), RESET)
            self.assertEqual(self.next(bench), "modern@org")
            bench.clock.advance(later)
            if served:
                bench.health.tried(bench.routes[f"classic@{COM}"], None, 1)
            self.assertEqual(self.next(bench), "classic@com")

    def test_what_one_resource_has_failed_by_is_no_news_for_others(self) -> None:
        bench = Bench()
        plan = bench.plan()
        plan.failed(plan.take(), "upstream_error")
        self.assertEqual(self.next(bench), "classic@com")

    def test_that_none_of_ours_could_leave_is_no_news_but_what_a_peer_says_is(
        self,
    ) -> None:
        for kind, first in (
            (RouteKind.ORIGIN, "classic@com"),
            (RouteKind.PEER, "modern@org"),
        ):
            bench = Bench()
            bench.routes[f"classic@{COM}"].kind = kind
            plan = bench.plan()
            plan.failed(plan.take(), "destination_unavailable")
            self.assertEqual(self.next(bench), first)

    def test_a_host_is_silent_over_the_usual_way_out_only(self) -> None:
        bench = Bench(egresses=P1)
        for name in list(bench.routes):
            if "via" not in name:
                bench.breaks(name, "proxy_internal_error")
                bench.breaks(name, RESET)
        plan = bench.plan(silent=[COM])
        self.assertEqual(short([plan.take()]), ["modern@com+via:p1"])


class Storms(SynchronousTestCase):
    """TMDB is down, and many ask."""

    DOWN = "upstream_unavailable"

    def storm(
        self, tries: int = VAIN_OVER, resources: int = VAIN_RESOURCES, **more: Any
    ) -> Bench:
        """So many tries at both hosts have failed, of so many titles."""
        bench = Bench(**more)
        plan = bench.plan()
        down = [plan.take()]
        plan.failed(down[0], self.DOWN)
        down.append(plan.take())
        plan.failed(down[1], self.DOWN)
        self.assertEqual(short(down), ["classic@com", "modern@org"])
        for number in range(tries):
            bench.tries(down[number % 2], self.DOWN, number % resources)
        return bench

    def test_what_cannot_help_is_not_tried_any_more(self) -> None:
        bench = self.storm()
        self.assertIsInstance(bench.plan(), FixedPlan)
        self.assertFalse(any(map(bench.search.worth, bench.routes.values())))

    def test_who_has_begun_before_ends_there(self) -> None:
        bench = self.storm(VAIN_OVER - 1)
        plan = bench.plan()
        first = plan.take()
        self.assertTrue(bench.search.worth(first))
        bench.tries(first, self.DOWN, 0)
        self.assertFalse(bench.search.worth(first))
        plan.failed(first, self.DOWN)
        self.assertIsNone(plan.upcoming)

    def test_before_so_many_have_failed_all_is_tried(self) -> None:
        for few in (
            self.storm(VAIN_OVER - 1),
            self.storm(resources=VAIN_RESOURCES - 1),
        ):
            offered = walk(few.plan(), lambda _route: self.DOWN)
            self.assertGreater(len(offered), 4)

    def test_after_a_good_one_all_is_tried(self) -> None:
        bench = self.storm()
        bench.health.tried(bench.routes[f"tls12@{COM}"], None, 1, "good")
        self.assertGreater(len(walk(bench.plan(), lambda _route: self.DOWN)), 4)

    def test_a_good_probe_says_that_other_titles_are_there(self) -> None:
        bench = self.storm()
        bench.health.look_again()
        bench.routes[f"tls12@{COM}"].succeeds()
        self.assertFalse(bench.health.in_vain)
        self.assertGreater(len(walk(bench.plan(), lambda _route: self.DOWN)), 4)
        bench.clock.advance(HOPE_SECONDS - 0.1)
        for number in range(VAIN_OVER):
            route = bench.routes[f"classic@{COM}"]
            bench.tries(route, self.DOWN, number % VAIN_RESOURCES)
        self.assertFalse(bench.health.in_vain)
        bench.clock.advance(0.1)
        self.assertTrue(bench.health.in_vain)

    def test_it_is_over_when_nothing_was_tried_for_a_while(self) -> None:
        bench = self.storm()
        bench.clock.advance(HOPE_SECONDS)
        self.assertGreater(len(walk(bench.plan(), lambda _route: self.DOWN)), 4)

    def test_what_may_help_is_tried(self) -> None:
        bench = self.storm(egresses=P1)
        offered = walk(bench.plan(), lambda _route: self.DOWN)
        self.assertEqual({each.dimensions.egress for each in offered}, {"p1"})


class Plans(SynchronousTestCase):
    """What one request is offered."""

    def test_what_was_silent_and_then_failed_is_known_by_its_fault(self) -> None:
        bench = Bench(egresses=P1)
        plan = bench.plan()
        first = plan.take()
        plan.failed(first, "overtaken")
        plan.failed(first, "connection_refused")
        upcoming = plan.upcoming
        assert upcoming is not None
        self.assertEqual(short([upcoming]), ["modern@org"])

    def test_a_proxy_that_cannot_be_used_is_not_tried_for_another_host(self) -> None:
        for cause in ("egress_unreachable", "egress_timeout", "egress_authentication"):
            plan = Bench(egresses=("p1", "p2")).plan()
            offered = walk(
                plan, lambda route, c=cause: c if route.egress == "p1" else RESET
            )
            over = [each for each in offered if each.dimensions.egress == "p1"]
            self.assertEqual(len(over), 1, cause)

    def test_one_that_only_refuses_a_host_is(self) -> None:
        plan = Bench(egresses=("p1", "p2")).plan()
        offered = walk(plan, lambda _route: "egress_denied")
        self.assertGreater(len(offered), 2)

    def test_a_last_resort_is_named(self) -> None:
        bench = Bench(alternates=())
        for route in bench.routes.values():
            for _ in range(TRIP_IN_ROW):
                bench.health.tried(route, None, 1)
        for name in list(bench.routes):
            bench.breaks(name)
        self.assertTrue(bench.health.hopeful)
        plan = bench.plan()
        offered = walk(plan, lambda _route: RESET)
        self.assertEqual(plan.last_resorts, {f"classic@{COM}", f"tls12@{COM}"})
        self.assertEqual({each.name for each in offered[-2:]}, set(plan.last_resorts))

    def test_one_that_is_closed_is_no_last_resort(self) -> None:
        plan = Bench().plan()
        plan.take()
        self.assertEqual(plan.last_resorts, set())

    def test_one_in_doubt_is_taken_after_those_that_are_sure(self) -> None:
        bench = Bench()
        doubted = bench.routes[f"classic@{COM}"]
        for _ in range(TRIP_IN_ROW):
            bench.health.tried(doubted, Fault("upstream_error"), 1, "/movie/1")
        self.assertTrue(bench.health.is_closed(doubted))
        offered = walk(bench.plan(), lambda _route: RESET)
        sure = [each for each in bench.space.candidates if each != doubted.dimensions]
        self.assertEqual({each.dimensions for each in offered[:4]}, set(sure))

    def test_when_nothing_works_one_request_a_second_still_looks(self) -> None:
        bench = Bench(egresses=("p1",))
        for name in list(bench.routes):
            bench.breaks(name, "egress_unreachable")
        found = []
        for _ in range(len(bench.routes) + 1):
            plan = bench.plan()
            self.assertIsInstance(plan, FixedPlan)
            route = plan.take()
            self.assertIsNone(plan.upcoming)
            self.assertEqual(plan.last_resorts, {route.name})
            self.assertIsNone(bench.plan().upcoming)
            found.append(route.name)
            bench.clock.advance(1.0)
        self.assertEqual(set(found), set(bench.routes))

    def test_time_is_shared_among_those_that_may_heal(self) -> None:
        for egresses, alternates, left in (
            (HERE, URLS[1], MOST_SHARED),
            (("p1", "p2"), URLS[1], MOST_SHARED),
            # the second proxy with each profile, and none when there is one only
            (("p1", "p2"), (), 3),
            (("p1",), (), 1),
        ):
            bench = Bench(egresses=egresses, alternates=alternates)
            cause = "egress_unreachable" if "p1" in egresses else RESET
            self.assertEqual(bench.plan(cause).left, left, egresses)

    def test_while_nothing_is_known_routes_are_tried_side_by_side(self) -> None:
        plan = Bench().plan()
        found = []
        for _ in range(MOST_EXPLORED + 1):
            plan.take()
            found.append(plan.haste)
        self.assertEqual(found, [EXPLORING] * (MOST_EXPLORED - 1) + [1.0, 2.0])

    def test_one_that_has_worked_is_waited_for(self) -> None:
        plan = Bench(proven={f"tls12@{ORG}": 50.0}).plan()
        self.assertEqual(plan.haste, EXPLORING)
        plan.take()
        self.assertEqual(plan.haste, 1.0)

    def test_routes_are_made_when_they_are_needed_and_once(self) -> None:
        bench = Bench(egresses=P1)
        usual = [bench.space.named(each) for each in bench.space.usual]
        self.assertEqual(list(bench.routes), usual)
        for _ in range(2):
            walk(bench.plan(RESET), lambda _route: RESET)
        self.assertEqual(
            [each.name for each in bench.health.routes], list(bench.routes)
        )
        every = (*bench.space.candidates, *bench.space.further)
        self.assertLessEqual(len(bench.routes), len(every))


NAMES = st.sampled_from(["direct", "p1", "p2", "p3"])
CAUSE = st.sampled_from(
    sorted(name for name, each in CAUSES.items() if each.next_route)
)
GIVEN = st.builds(
    Bench,
    st.sampled_from([("system",), R2, R3, ("r2", "system")]),
    st.lists(NAMES, min_size=1, max_size=4, unique=True),
    st.dictionaries(
        st.sampled_from([f"{each}@{host}" for each in PROFILES for host in BOTH]),
        st.floats(0, 1e4),
    ),
    st.sampled_from([(), URLS[1]]),
)


class Standings(SynchronousTestCase):
    """Where each route that was made stands for a request that begins now, and why."""

    def why(self, bench: Bench) -> dict[str, str]:
        standings = bench.search.standings()
        return {name: each.why for name, each in standings.items()}

    def test_places_are_those_of_a_plan_that_knows_as_much(self) -> None:
        for row in TABLE:
            bench = Bench(row.resolvers, row.egresses)
            cause = row.ask(bench.space.direct)
            assert cause is not None
            walk(bench.plan(cause, silent=row.silent), row.ask)
            fresh = bench.plan(cause, silent=row.silent)
            standings = bench.search.standings()
            offered = walk(fresh, lambda _route: "proxy_internal_error")
            self.assertEqual(standings[offered[0].name].place, 1, row.does)
            places = [each.place for each in standings.values() if each.place]
            self.assertEqual(len(places), len(set(places)))

    def test_the_reason_is_what_the_last_request_said_of_direct(self) -> None:
        bench = Bench()
        name = f"modern@{ORG}"
        self.assertEqual(self.why(bench)[name], "in the order of preference")
        bench.plan(RESET)
        told = f"another host ({CAUSES[RESET].meaning})"
        self.assertEqual(self.why(bench)[name], told)
        bench.clock.advance(TOLD)
        self.assertEqual(self.why(bench)[name], "in the order of preference")

    def test_one_that_is_open_is_told_with_its_next_probe(self) -> None:
        bench = Bench()
        route = bench.plan().upcoming
        assert route is not None
        for _ in range(TRIP_IN_ROW):
            bench.health.tried(route, Fault(RESET), 1)
        told = self.why(bench)[route.name]
        self.assertRegex(told, r"^open \(.*reset.*\); next probe in \d s$")
        self.assertIsNone(bench.search.standings()[route.name].place)

    def test_one_that_is_no_candidate_now_has_no_place(self) -> None:
        bench = Bench()
        walk(bench.plan(RESET), filters(RESET, BOTH, PROFILES))
        made = [name for name in self.why(bench) if name.endswith("+ipv4")]
        self.assertTrue(made)
        bench.clock.advance(TOLD)
        found = bench.search.standings()[made[0]]
        self.assertEqual(
            (found.place, found.why),
            (None, "tried where it may help, or has worked here"),
        )


class Promises(SynchronousTestCase):
    """Whatever fails, in whatever order."""

    @steady
    @given(GIVEN, st.lists(CAUSE, max_size=3), st.data())
    def test_each_candidate_is_offered_once_whatever_fails(
        self, bench: Bench, failed: list[str], data: st.DataObject
    ) -> None:
        plan = bench.plan(*failed, silent=data.draw(st.sets(st.sampled_from(BOTH))))
        dead: set[str] = set()

        def ask(route: Dimensions) -> str:
            cause: str = data.draw(CAUSE)
            self.assertNotIn(route.egress, dead)
            if TriedRoute(route, cause).ends_egress and route.egress != "direct":
                dead.add(route.egress)
            return cause

        found = [each.dimensions for each in walk(plan, ask)]
        self.assertEqual(len(found), len(set(found)))
        alive = {each for each in bench.space.candidates if each.egress not in dead}
        self.assertLessEqual(alive, set(found))
        self.assertLessEqual(len(found), MOST_CANDIDATES)

    @steady
    @given(st.lists(st.tuples(st.integers(0, 30), CAUSE), max_size=60), GIVEN)
    def test_no_sequence_of_faults_loses_a_route_for_ever(
        self, faults: list[tuple[int, str]], bench: Bench
    ) -> None:
        """Routes open and close; when all is healed, each is offered again."""
        for number, cause in faults:
            plan = bench.plan()
            if plan.upcoming is not None:
                route = plan.take()
                plan.failed(route, cause)
                bench.health.tried(route, Fault(cause), 1)
            bench.clock.advance(number / 10)
        for route in list(bench.health.routes):
            bench.health.tried(route, None, 1)
        offered = {each.dimensions for each in walk(bench.plan(), lambda _r: RESET)}
        self.assertLessEqual(set(bench.space.candidates), offered)
        self.assertLessEqual(len(bench.health.routes), MOST_CANDIDATES)

    @steady
    @given(GIVEN, st.floats(0.1, 30.0), st.lists(st.floats(0, 1), min_size=1), CAUSE)
    @example(Bench(R3, P2), 8.0, [1.0], RESET)
    def test_the_shares_of_time_add_up_to_the_deadline(
        self, bench: Bench, deadline: float, used: list[float], cause: str
    ) -> None:
        """However much of its share each takes, there is no attempt past the deadline;
        and when each takes all of it, so many are tried."""
        left, begun = deadline, 0
        plan = bench.plan()
        while plan.upcoming is not None and left > 0.05:
            among = plan.left
            self.assertLessEqual(1, among)
            self.assertLessEqual(among, MOST_SHARED)
            route = plan.take()
            budget = share(left, among)
            for each in (budget.connect, budget.first_byte, budget.body):
                self.assertLessEqual(each, budget.total)
            left -= budget.total * used[begun % len(used)]
            self.assertGreaterEqual(left, -1e-9)
            plan.failed(route, cause)
            begun += 1
