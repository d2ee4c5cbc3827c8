"""`/livez` and `/readyz`: when to restart a server, and when to send it requests."""

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Fault
from streamr.routing.health import Health, RouteState
from streamr.terminal import health as asked
from streamr.web.access import Visit, Who
from streamr.web.page import Page
from streamr.web.pages.readiness import LIVE, READY, Lifecycle, rows
from tests.support import FakeRoute, call

# So many in a row open a breaker.
TRIP = 5
VISIT = Visit([], call())


class Readiness(SynchronousTestCase):
    """What each page says, in each state that a daemon can be in."""

    def setUp(self) -> None:
        self.life = Lifecycle()
        self.routes = (FakeRoute("direct"), FakeRoute("proxy@p"))
        self.health = Health(self.routes, Clock(), lambda: 1.0)
        self.stored = 0
        self.rows = rows(self.life, self.health, lambda: self.stored)

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        [row] = [each for each in self.rows if each.path == path]
        page = row.handler(VISIT)
        assert isinstance(page, Page)
        return page.status, json.loads(page.body)

    def lose(
        self, *routes: FakeRoute, cause: str = "tls_reset", times: int = 1
    ) -> None:
        for route in routes * times:
            self.health.tried(route, Fault(cause), 40)

    def test_both_are_for_everybody(self) -> None:
        self.assertEqual({each.who for each in self.rows}, {Who.EVERYBODY})
        self.assertEqual([each.path for each in self.rows], [LIVE, READY])
        # and those are what `streamr healthcheck` and the manifests ask
        self.assertEqual((asked.LIVE, asked.READY), (LIVE, READY))

    def test_a_server_that_has_not_been_asked_yet_is_ready(self) -> None:
        self.assertEqual(self.ask(LIVE), (200, {"status": "ok"}))
        status, told = self.ask(READY)
        self.assertEqual((status, told["status"]), (200, "ok"))

    def test_one_route_that_works_is_enough(self) -> None:
        self.lose(self.routes[0], times=TRIP)
        self.health.tried(self.routes[1], None, 40)
        self.assertEqual(self.ask(READY)[1]["status"], "ok")

    def test_without_a_route_it_stays_in_service_and_says_what_is_left(self) -> None:
        self.lose(*self.routes, times=TRIP)
        for self.stored, words in ((0, "nothing is stored"), (7, "stored answers")):
            status, told = self.ask(READY)
            self.assertEqual((status, told["status"]), (200, "degraded"))
            self.assertIn(words, told["message"])

    def test_last_attempts_that_all_failed_count_before_any_breaker_opens(self) -> None:
        self.lose(*self.routes)
        self.assertTrue(self.health.sound)
        self.assertEqual(self.ask(READY)[1]["status"], "degraded")

    def test_open_breakers_count_whatever_came_last(self) -> None:
        # as after a restart, which remembers breakers and no attempts
        self.lose(*self.routes, times=TRIP)
        self.health.states = {each.name: RouteState() for each in self.routes}
        self.assertEqual(self.ask(READY)[1]["status"], "degraded")

    def test_a_key_that_tmdb_does_not_accept_counts(self) -> None:
        self.lose(self.routes[0], cause="key_refused")
        self.assertEqual(self.ask(READY)[1]["status"], "degraded")

    def test_while_it_drains_it_is_alive_and_not_ready(self) -> None:
        self.life.draining = True
        status, told = self.ask(READY)
        self.assertEqual((status, told["status"]), (503, "draining"))
        self.assertEqual(self.ask(LIVE)[0], 200)
