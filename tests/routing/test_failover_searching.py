"""Failover over a search: the plan changes while a request is under way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Dimensions, Outcome
from streamr.errors import CAUSES, Fault, RouteKind
from streamr.policy.breaker import TRIP_IN_ROW
from streamr.policy.retry import HEDGE_AFTER
from streamr.routing.failover import Failover
from streamr.routing.health import Health
from streamr.routing.search import Search
from tests.properties import examples
from tests.support import GOOD, QUERY, FakeRoute, call, failover_over

DEADLINE = 8.0
DIRECT = Dimensions("a.invalid", "modern", "auto", "direct")
steady = examples()
FAULTS = st.sampled_from(sorted(each for each in CAUSES if CAUSES[each].next_route))


class Searching:
    """A failover over candidates, which are named by their number."""

    def __init__(self, candidates: int, further: int = 0) -> None:
        self.clock = Clock()
        self.routes: list[FakeRoute] = []
        every = [self.dimensions(each) for each in range(candidates + further)]
        first = [self.make(each) for each in every[:candidates]]
        self.health = Health(first, self.clock, lambda: 1000.0, chance=lambda: 0.5)
        search = Search(
            every[:candidates],
            every[candidates:],
            DIRECT,
            self.make,
            self.health,
            lambda _route: None,
            self.clock.seconds,
        )
        self.failover = Failover(
            self.health,
            self.clock,
            tried=lambda _attempt: None,
            search=search,
            chance=lambda: 0.5,
        )

    def dimensions(self, number: int) -> Dimensions:
        return Dimensions(f"{number}.invalid", "modern", "auto", f"p{number}")

    def make(self, route: Dimensions) -> FakeRoute:
        made = FakeRoute(route.host[0], RouteKind.ORIGIN, dimensions=route)
        self.routes.append(made)
        return made

    def fetch(self) -> Deferred[Outcome]:
        return self.failover.fetch(QUERY, call(self.clock.seconds() + DEADLINE))

    @property
    def sent(self) -> list[str]:
        return [each.name for each in self.routes for _ in each.sent]

    def opens(self, route: FakeRoute) -> None:
        for _ in range(TRIP_IN_ROW):
            self.health.tried(route, Fault("egress_denied"), 1)


class Changes(SynchronousTestCase):
    def test_the_last_one_may_open_while_another_is_waited_for(self) -> None:
        for answers in (True, False):
            searching = Searching(2)
            first, second = searching.routes
            fetching = searching.fetch()
            searching.opens(second)
            searching.clock.advance(HEDGE_AFTER)
            self.assertEqual(searching.sent, ["0"])
            if answers:
                first.succeeds()
            else:
                first.fails("egress_denied")
            outcome = self.successResultOf(fetching)
            self.assertEqual(outcome.source, "0" if answers else None)
            self.assertEqual(searching.clock.getDelayedCalls(), [])

    def test_what_a_fault_admits_is_tried_after_the_last_candidate(self) -> None:
        searching = Searching(1, further=1)
        fetching = searching.fetch()
        self.assertEqual(len(searching.routes), 1)
        searching.routes[0].fails("egress_denied")
        searching.routes[1].succeeds()
        self.assertEqual(self.successResultOf(fetching).source, "1")

    def test_the_faults_of_the_direct_route_go_along_and_no_others(self) -> None:
        direct = FakeRoute()
        peers = [FakeRoute(f"proxy@{each}", RouteKind.PEER) for each in "ab"]
        clock = Clock()
        failover_over([direct, *peers], clock).fetch(QUERY, call(DEADLINE))
        clock.advance(HEDGE_AFTER)
        self.assertEqual(peers[0].sent[0].call.failed, ("overtaken",))
        direct.fails("connection_timeout")
        peers[0].fails("egress_denied")
        failed = peers[1].sent[0].call.failed
        self.assertEqual(failed, ("overtaken", "connection_timeout"))


class Told(SynchronousTestCase):
    """The line of the log for each step to the next route."""

    def steps(self) -> list[str]:
        """The lines so far, as they will be."""
        lines: list[str] = []

        def observer(event: LogEvent) -> None:
            if event.get("code") in ("fallback", "hedge"):
                lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return lines

    def test_a_step_of_the_search_says_why_the_next_route_is_it(self) -> None:
        lines = self.steps()
        for cause, said in (
            ("tls_timeout", "trying 1"),
            (None, "trying 1 in parallel"),
        ):
            searching = Searching(2)
            searching.fetch()
            if cause is None:
                searching.clock.advance(HEDGE_AFTER)
            else:
                searching.routes[0].fails(cause)
            told = CAUSES[cause].meaning if cause else "no answer in time"
            self.assertIn(f"{said}: another host ({told}) [", lines[-1])

    def test_leaving_direct_says_it_of_the_proxy(self) -> None:
        lines = self.steps()
        routes = [FakeRoute(), FakeRoute("proxy@a", RouteKind.PEER)]
        failover_over(routes, Clock()).fetch(QUERY, call(DEADLINE))
        routes[0].fails("connection_timeout")
        self.assertIn("trying proxy@a: in the order of preference [", lines[-1])


class Broken(SynchronousTestCase):
    """An answer whose body is cut afterwards."""

    def test_the_search_does_not_begin_there_again_until_it_has_worked(self) -> None:
        for cause, begins in (("connection_terminated", "1"), (None, "0")):
            searching = Searching(2)
            fetching = searching.fetch()
            searching.routes[0].succeeds()
            self.assertEqual(self.successResultOf(fetching).source, "0")
            if cause is not None:
                searching.failover.broke("0", Fault(cause), QUERY)
            searching.fetch()
            self.assertEqual(searching.sent[1:], [begins])


class Promises(SynchronousTestCase):
    """Whatever the routes of a search do."""

    @steady
    @given(
        st.integers(1, 5),
        st.integers(0, 3),
        st.lists(st.tuples(st.integers(0, 7), st.none() | FAULTS, st.floats(0, 2))),
    )
    def test_each_request_ends_and_no_route_is_repeated_but_for_its_second_try(
        self, candidates: int, further: int, steps: list[tuple[int, str | None, float]]
    ) -> None:
        searching = Searching(candidates, further)
        ended: list[Outcome] = []
        for number, (which, cause, seconds) in enumerate(steps):
            if number % 4 == 0:
                searching.fetch().addCallback(ended.append)
            waiting = [
                each
                for route in searching.routes
                for each in route.sent
                if not each.result.called
            ]
            if waiting:
                each = waiting[which % len(waiting)]
                if cause is None:
                    each.result.callback(GOOD)
                else:
                    each.result.errback(Fault(cause))
            searching.clock.advance(seconds)
        searching.clock.advance(DEADLINE)
        self.assertEqual(len(ended), -(-len(steps) // 4))
        self.assertEqual(searching.clock.getDelayedCalls(), [])
        for outcome in ended:
            names = [each.route for each in outcome.attempts]
            self.assertLessEqual(max(map(names.count, names), default=0), 2)
        self.assertLessEqual(len(searching.routes), candidates + further)
