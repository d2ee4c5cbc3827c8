"""What is told of a route: its state, its time, and in what it differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Dimensions
from streamr.routing.failover import Failover
from streamr.routing.health import Health, RouteState
from streamr.routing.history import NetworkMemory
from streamr.routing.report import differs_in, iso, told_routes
from tests.support import FakeRoute, late

HERE = Dimensions("api.test.invalid", "modern", "auto", "here")
OTHERS = {"host": "b.invalid", "profile": "old", "family": "4", "egress": "there"}


class Differing(SynchronousTestCase):
    def test_every_dimension_that_differs_is_named_and_no_other(self) -> None:
        self.assertEqual(differs_in(HERE, HERE), [])
        for name, value in OTHERS.items():
            self.assertEqual(differs_in(HERE, replace(HERE, **{name: value})), [name])
        self.assertEqual(differs_in(HERE, Dimensions(**OTHERS)), [*OTHERS])


class Moments(SynchronousTestCase):
    def test_a_moment_is_told_in_utc_to_the_millisecond(self) -> None:
        for seconds, text in (
            (0.0, "1970-01-01T00:00:00.000Z"),
            (1_800_000_000.25, "2027-01-15T08:00:00.250Z"),
        ):
            self.assertEqual(iso(seconds), text)


class Told(SynchronousTestCase):
    def setUp(self) -> None:
        first = FakeRoute("direct", dimensions=HERE)
        self.route = FakeRoute(
            "other", next_hop="b.invalid", dimensions=replace(HERE, host="b.invalid")
        )
        self.memory = NetworkMemory(lambda: "home", lambda: 1000.0)
        self.health = Health(
            [first, self.route], late(), lambda: 1000.0, memory=self.memory
        )

    def told(self, *state: Any) -> dict[str, Any]:
        self.health.states["other"] = RouteState(*state)
        failover = Failover(self.health, Clock(), tried=lambda _attempt: None)
        return dict(told_routes(failover)[1])

    def test_one_that_was_never_tried_is_told_as_that(self) -> None:
        self.assertEqual(
            self.told(),
            {
                "route": "other",
                "place": 2,
                "why": "the direct route: first while it works",
                "next_hop": "b.invalid",
                "dimensions": {
                    "host": "b.invalid",
                    "profile": "modern",
                    "family": "auto",
                    "egress": "here",
                    "resolver": "system",
                },
                "breaker": "closed",
                "state": "untried",
                "cause": None,
                "detail": "",
                "at": None,
                "ms": 0,
                "usual_ms": None,
                "served": 0,
                "failed": 0,
                "differs_in": ["host"],
            },
        )

    def test_one_that_was_tried_is_told_by_its_last_attempt(self) -> None:
        found = self.told(1_800_000_000.0, "tls_reset", 12, 3, 4)
        expected = {
            "state": "failing",
            "cause": "tls_reset",
            "at": "2027-01-15T08:00:00.000Z",
            "ms": 12,
            "served": 3,
            "failed": 4,
        }
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertEqual(self.told(1_800_000_000.0, None, 12, 3, 4)["state"], "ok")

    def test_what_was_learned_is_told_until_it_is_contradicted(self) -> None:
        self.memory.noted("other", 40.4)
        self.assertEqual(self.told()["usual_ms"], 40)
        self.memory.noted("other", None)
        self.assertIsNone(self.told()["usual_ms"])

    def test_the_first_second_of_the_epoch_is_a_time_as_well(self) -> None:
        found = self.told(0.0)
        self.assertEqual((found["state"], found["at"]), ("ok", iso(0.0)))
