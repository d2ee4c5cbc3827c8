"""The metrics of a daemon, composed as the daemon does it."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.metrics import Measuring
from streamr.config import load
from streamr.gateway.gateway import Gateway
from streamr.observe.lag import EVERY
from streamr.store.memory import MemoryStore
from streamr.tmdb import catalogue
from streamr.upstream.ratelimit import Pacer
from streamr.web.api import target
from streamr.web.api.cors import Cors
from streamr.web.api.resource import GatewayResource
from streamr.web.router import Door
from streamr.web.server.site import GatewaySite
from tests.support import QUERY, FakeRoute, call, ways

KEY = {"TMDB_API_KEY": "c0ffee00c0ffee11c0ffee22c0ffee33"}


class House:
    """A daemon's servers without the sockets."""

    def __init__(self, *servers: str) -> None:
        self.clock = Clock()
        self.pacers: dict[str, Pacer] = {}
        offered = catalogue.load()
        found = load.load({}, KEY)
        self.measuring = Measuring(found, self.clock, offered, self.pacers)
        self.gateways: dict[str, Gateway] = {}
        for server in servers:
            travelling = ways([FakeRoute("direct")], self.clock)
            observer = self.measuring.metrics
            gateway = Gateway(server, travelling, self.clock, observer)
            find = target.main_query(offered)
            door = Door(gateway, find, {}, Cors(()), 8.0, lambda _loop: False)
            resource = GatewayResource(door, self.clock, observer)
            self.measuring.watch(gateway, door, GatewaySite(resource, self.clock))
            self.gateways[server] = gateway

    def ask(self, server: str) -> None:
        """One call that its route answers."""
        gateway = self.gateways[server]
        gateway.answer(QUERY, call())
        route: Any = gateway.ways.routes[0]
        route.succeeds()

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample with these labels; None without one."""
        text = self.measuring.metrics.exposed("")[0].decode()
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return found[0] if found else None


class Composed(SynchronousTestCase):
    def test_two_daemons_in_one_process_count_apart(self) -> None:
        one, other = House("streamr-main"), House("streamr-main")
        one.ask("streamr-main")
        labels = {"server": "streamr-main", "route": "direct", "cause": "ok"}
        self.assertEqual(one.value("streamr_attempts_total", **labels), 1)
        self.assertEqual(other.value("streamr_attempts_total", **labels), 0)

    def test_offload_counts_the_calls_of_main_alone(self) -> None:
        house = House("streamr-proxy", "streamr-main")
        pacer = house.pacers["a.test"] = Pacer(house.clock, 10, 10)
        pacer.run(lambda: succeed(None), lambda: None)
        for server in ("streamr-proxy", "streamr-main", "streamr-main"):
            house.ask(server)
        name = "streamr_upstream_requests_per_thousand_calls"
        self.assertEqual(house.value(name), 500)

    def test_a_proxy_alone_has_callers_of_its_own(self) -> None:
        house = House("streamr-proxy")
        house.pacers["a.test"] = Pacer(house.clock, 10, 10)
        house.ask("streamr-proxy")
        name = "streamr_upstream_requests_per_thousand_calls"
        self.assertEqual(house.value(name), 0)

    def test_breakers_are_read_at_the_scrape(self) -> None:
        house = House("streamr-main")
        labels = {"server": "streamr-main", "route": "direct", "state": "open"}
        self.assertEqual(house.value("streamr_breaker_state", **labels), 0)
        house.gateways["streamr-main"].ways.health.learn(
            {"direct": {"pause": 5.0, "left": 5.0}}
        )
        self.assertEqual(house.value("streamr_breaker_state", **labels), 1)

    def test_the_cache_is_told_when_there_is_one(self) -> None:
        house = House("streamr-main")
        self.assertIsNone(house.value("streamr_cache_max_bytes"))
        memory = MemoryStore(1000, 10)
        house.measuring.watch_cache(house.gateways["streamr-main"], memory)
        self.assertEqual(house.value("streamr_cache_max_bytes"), 1000)
        self.assertEqual(house.value("streamr_cache_requests_total", result="hit"), 0)

    def test_the_lag_is_measured_between_start_and_stop(self) -> None:
        house = House("streamr-main")
        house.measuring.start()
        house.clock.advance(EVERY + 0.3)
        house.measuring.stop()
        self.assertEqual(house.clock.getDelayedCalls(), [])
        total = house.value("streamr_loop_lag_seconds_sum")
        assert total is not None
        self.assertAlmostEqual(total, 0.3)
