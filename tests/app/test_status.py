"""What the status page is told of a daemon: settings without secrets, breakers."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.status import let_know, shown
from streamr.config import load, settings
from streamr.errors import Fault
from streamr.observe.history import History
from streamr.routing.health import Health
from tests.support import FakeRoute

SECRETS = {
    "TMDB_API_KEY": "c0ffee00c0ffee11c0ffee22c0ffee33",
    "STREAMR_PROXY_TOKEN": "canary-proxy-token-0123",
    "STREAMR_ADMIN_TOKEN": "canary-admin-token-0123",
}


class Settings(SynchronousTestCase):
    def test_every_setting_is_shown_with_what_it_does(self) -> None:
        found = shown(load.load({}, SECRETS))
        self.assertEqual(
            [each.name for each in settings.TABLE], [s.name for s in found]
        )
        self.assertTrue(all(each.help for each in found))

    def test_of_a_secret_only_that_it_is_set(self) -> None:
        told = shown(load.load({}, SECRETS))
        values = {each.name: each.value for each in told}
        for name, secret in SECRETS.items():
            self.assertEqual("(secret)", values[name])
            self.assertNotIn(secret, repr(told))
        self.assertEqual("", values["TMDB_ACCESS_TOKEN"])

    def test_what_was_set_differs_from_a_default(self) -> None:
        found = {
            each.name: (each.value, each.origin)
            for each in shown(load.load({}, {**SECRETS, "PORT": "3002"}))
        }
        self.assertEqual(("3002", "environment"), found["PORT"])
        self.assertEqual(("5001", "default"), found["PROXY_PORT"])
        self.assertEqual(("", "default"), found["TMDB_CA_FILE"])


class Breakers(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told = 0
        self.health = Health(
            [FakeRoute()],
            self.clock,
            lambda: 1000.0,
            chance=lambda: 0.5,
        )
        self.health.subscribe(self.tell)
        self.history = History("streamr-main", self.clock.seconds, lambda: 1000.0)

    def tell(self) -> None:
        self.told += 1

    def is_open(self) -> bool:
        return self.history.route("direct").beats(self.clock.seconds())[-1][2]

    def test_a_breaker_that_opens_is_seen_and_others_are_told_too(self) -> None:
        let_know(self.history, self.health)
        before = self.told
        for _ in range(5):
            self.health.tried(self.health.routes[0], Fault("tls_reset"), 9)
        self.assertTrue(self.is_open())
        self.assertEqual(before + 1, self.told)

    def test_one_that_was_open_at_the_start_is_seen(self) -> None:
        self.health.learn({"direct": {"pause": 5.0, "left": 5.0}})
        let_know(self.history, self.health)
        self.assertTrue(self.is_open())
