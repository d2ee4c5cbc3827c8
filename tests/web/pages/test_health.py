"""The health pages."""

import json
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr import __version__
from streamr.boundaries import Call, Query
from streamr.interfaces import Route
from streamr.policy.breaker import Breaker
from streamr.policy.search import Proven
from streamr.policy.standing import Standing
from streamr.routing.health import RouteState
from streamr.routing.report import iso
from streamr.web.access import Visit
from streamr.web.page import Page
from streamr.web.pages.health import (
    PROBE,
    PROBE_INTERVAL,
    TMDBHealth,
    main_health,
    proxy_health,
    verdict,
)
from tests.support import FakeRoute, call

UNTRIED = RouteState()
GOOD = RouteState(at=1.0, ms=80, served=3)
BAD = RouteState(at=1.0, cause="tls_reset", ms=40, failed=1)
WALL = 1_700_000_000.25
DIMENSIONS = {
    "host": "api.test.invalid",
    "profile": "modern",
    "family": "auto",
    "egress": "here",
    "resolver": "system",
}
STAMP = "2023-11-14T22:13:20.250Z"


def wall() -> float:
    return WALL


@dataclass
class FakeGateway:
    """What the health page uses of a gateway: routes, their states, and asking one."""

    routes: tuple[FakeRoute, ...]
    asked: list[tuple[str, Query]] = field(default_factory=list)
    waiting: list[Deferred[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states = {route.name: RouteState() for route in self.routes}

    @property
    def failover(self) -> "FakeGateway":
        return self

    @property
    def health(self) -> "FakeGateway":
        return self

    key_trouble: str | None = None
    usual_ms: dict[str, float] = field(default_factory=dict)

    def proven(self, route: Route) -> Proven | None:
        known = self.usual_ms.get(route.name)
        return None if known is None else Proven(known)

    def standings(self) -> dict[str, Standing]:
        """As they are listed."""
        named = enumerate(self.routes, 1)
        return {route.name: Standing(at, f"listed {at}") for at, route in named}

    @property
    def breakers(self) -> dict[str, Breaker]:
        return {route.name: Breaker() for route in self.routes}

    def ask(self, route: Route, query: Query, _call: Call) -> Deferred[Any]:
        self.asked.append((route.name, query))
        self.waiting.append(Deferred())
        return self.waiting[-1]


class Own(SynchronousTestCase):
    """Is the server up?"""

    def test_main_says_so_with_time_uptime_environment_and_version(self):
        clock = Clock()
        clock.advance(100)
        page = main_health(clock, wall, "staging")
        clock.advance(1.5)
        shown = page(Visit([], call()))
        assert isinstance(shown, Page)
        self.assertEqual(shown.status, 200)
        self.assertEqual(
            json.loads(shown.body),
            {
                "status": "ok",
                "timestamp": STAMP,
                "uptime": 1.5,
                "environment": "staging",
                "version": __version__,
            },
        )

    def test_the_proxy_says_so_with_its_name(self):
        shown = proxy_health(wall)(Visit([], call()))
        self.assertEqual(shown.status, 200)
        self.assertEqual(
            json.loads(shown.body),
            {
                "status": "ok",
                "service": "TMDB Proxy Server",
                "timestamp": STAMP,
                "version": __version__,
            },
        )

    def test_a_timestamp_is_iso_8601_in_utc(self):
        self.assertEqual(iso(0), "1970-01-01T00:00:00.000Z")
        self.assertEqual(iso(WALL), STAMP)


class Verdict(SynchronousTestCase):
    """One word for what the routes last did, the direct one first."""

    def test_each_combination_of_two_routes(self):
        for direct, proxy, word in (
            (GOOD, UNTRIED, "ok"),
            (GOOD, GOOD, "ok"),
            (GOOD, BAD, "ok"),
            (UNTRIED, UNTRIED, "ok"),
            (BAD, GOOD, "degraded"),
            (UNTRIED, GOOD, "ok"),
            (BAD, UNTRIED, "degraded"),
            (UNTRIED, BAD, "degraded"),
            (BAD, BAD, "error"),
        ):
            self.assertEqual(verdict([direct, proxy], None)[0], word, (direct, proxy))

    def test_a_lone_route_that_fails_is_an_error(self):
        self.assertEqual(verdict([BAD], None)[0], "error")

    def test_the_direct_way_is_not_called_failing_before_it_was_tried(self):
        self.assertNotIn("direct route fails", verdict([UNTRIED, GOOD], None)[1])

    def test_no_request_yet_is_not_said_to_work(self):
        self.assertIn("probe=1", verdict([UNTRIED, UNTRIED], None)[1])


class WrongKey(SynchronousTestCase):
    """It is the headline, and an error unless a proxy has a better one."""

    def test_it_is_named_with_its_cure(self):
        for cause, words in (
            ("key_refused", "does not accept the key"),
            ("key_suspended", "has suspended the key"),
        ):
            for states in ([BAD, UNTRIED], [UNTRIED, UNTRIED], [BAD, BAD]):
                word, message = verdict(states, cause)
                self.assertEqual(word, "error")
                for each in (words, "TMDB_ACCESS_TOKEN", "TMDB_API_KEY"):
                    self.assertIn(each, message)

    def test_a_proxy_with_a_key_of_its_own_leaves_it_degraded(self):
        word, message = verdict([BAD, GOOD], "key_refused")
        self.assertEqual(word, "degraded")
        self.assertIn("A proxy answers", message)

    def test_the_page_is_a_503(self):
        gateway = FakeGateway((FakeRoute("direct"),), key_trouble="key_refused")
        page = TMDBHealth(gateway, Clock(), wall)(Visit([], call()))
        self.assertEqual(page.status, 503)
        self.assertIn("TMDB_API_KEY", json.loads(page.body)["message"])


class TMDB(SynchronousTestCase):
    """`/api/tmdb/health`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.gateway = FakeGateway((FakeRoute("direct"), FakeRoute("proxy@p")))
        self.health = TMDBHealth(self.gateway, self.clock, wall)

    def ask(self, *pairs: tuple[str, str]) -> Any:
        return self.health(Visit(list(pairs), call()))

    def told(self, page: Page) -> dict[str, Any]:
        return json.loads(page.body)

    def test_it_tells_what_each_route_last_did(self):
        self.gateway.states["direct"] = RouteState(
            WALL, "tls_reset", 40, 2, 7, "a reset"
        )
        self.gateway.usual_ms["proxy@p"] = 61.2
        page = self.ask()
        told = self.told(page)
        self.assertEqual(page.status, 200)
        self.assertEqual((told["status"], told["timestamp"]), ("degraded", STAMP))
        self.assertEqual(
            told["routes"],
            [
                {
                    "route": "direct",
                    "place": 1,
                    "why": "listed 1",
                    "next_hop": "api.test.invalid",
                    "dimensions": DIMENSIONS,
                    "state": "failing",
                    "cause": "tls_reset",
                    "detail": "a reset",
                    "at": STAMP,
                    "ms": 40,
                    "usual_ms": None,
                    "served": 2,
                    "failed": 7,
                    "breaker": "closed",
                    "differs_in": [],
                },
                {
                    "route": "proxy@p",
                    "place": 2,
                    "why": "listed 2",
                    "next_hop": "api.test.invalid",
                    "dimensions": DIMENSIONS,
                    "state": "untried",
                    "cause": None,
                    "detail": "",
                    "at": None,
                    "ms": 0,
                    "usual_ms": 61,
                    "served": 0,
                    "failed": 0,
                    "breaker": "closed",
                    "differs_in": [],
                },
            ],
        )

    def test_it_tells_of_the_routes_of_the_proxy_in_this_process(self):
        self.assertEqual(self.told(self.ask())["proxy_routes"], [])
        behind = FakeGateway((FakeRoute("modern@b"), FakeRoute("classic@b")))
        self.health = TMDBHealth(self.gateway, self.clock, wall, behind)
        found = self.told(self.ask())
        self.assertEqual(found["routes"][0]["route"], "direct")
        self.assertEqual(
            [(each["route"], each["why"]) for each in found["proxy_routes"]],
            [("modern@b", "listed 1"), ("classic@b", "listed 2")],
        )

    def test_it_asks_nobody_unless_told_to(self):
        for pairs in ((), (("probe", "0"),), (("probe", ""),)):
            self.assertIsInstance(self.ask(*pairs), Page)
        self.assertEqual(self.gateway.asked, [])

    def test_it_is_a_503_only_when_nothing_can_be_served(self):
        for direct, proxy, status in (
            (BAD, BAD, 503),
            (BAD, GOOD, 200),
            (BAD, UNTRIED, 200),
        ):
            self.gateway.states = {"direct": direct, "proxy@p": proxy}
            self.assertEqual(self.ask().status, status)

    def test_a_probe_asks_every_route_and_waits_for_all(self):
        waiting = self.ask(("probe", "1"))
        self.assertEqual(self.gateway.asked, [("direct", PROBE), ("proxy@p", PROBE)])
        self.gateway.waiting[0].callback(None)
        self.assertNoResult(waiting)
        self.gateway.states["direct"] = GOOD
        self.gateway.waiting[1].callback(None)
        page = self.successResultOf(waiting)
        self.assertEqual(self.told(page)["routes"][0]["state"], "ok")

    def test_probes_keep_their_distance(self):
        self.ask(("probe", "1"))
        for pause, asked in ((0, 2), (PROBE_INTERVAL - 0.1, 2), (0.1, 4), (1, 4)):
            self.clock.advance(pause)
            self.ask(("probe", "1"))
            self.assertEqual(len(self.gateway.asked), asked)

    def test_a_probe_that_comes_too_early_tells_what_is_known(self):
        self.ask(("probe", "1"))
        self.gateway.states["direct"] = GOOD
        page = self.ask(("probe", "1"))
        self.assertEqual(self.told(page)["status"], "ok")
