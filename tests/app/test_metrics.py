"""The metrics of a daemon, composed as the daemon does it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.candidates import MOST_CANDIDATES, space
from streamr.app.metrics import VERSIONS, Readings
from streamr.errors import Attempt
from streamr.observe.history import History
from streamr.observe.measures import buckets
from streamr.observe.metrics import Metrics
from streamr.observe.scraped import Scraped
from streamr.store.memory import MemoryStore
from streamr.tmdb import catalogue
from streamr.upstream.ratelimit import Pacer
from tests.support import QUERY, FakeRoute, call, gateway_over

BUCKETS = buckets(8.0)


class StoredPictures:
    """As much of a store of pictures as a scrape reads."""

    def __init__(self, count: int, size: int, most: int) -> None:
        self.bytes, self.most_bytes, self._count = size, most, count

    def __len__(self) -> int:
        return self._count


class House:
    """A daemon's servers without the sockets."""

    def __init__(
        self, *servers: str, memory: MemoryStore | None = None, files: Any = None
    ) -> None:
        self.clock = Clock()
        self.pacers: dict[str, Pacer] = {}
        self.sites: dict[str, Any] = {}
        self.metrics = Metrics(
            (each.template for each in catalogue.load().endpoints), BUCKETS, VERSIONS
        )
        self.gateways = {
            server: gateway_over(
                [FakeRoute("direct")], self.clock, self.metrics, server
            )
            for server in servers
        }
        for server in servers:
            # as `publish` does: those that are made later have labels, too
            breakers = self.gateways[server].failover.health.breakers
            self.metrics.serves(server, breakers.keys(), [])
        healths = {
            server: [each.failover.health] for server, each in self.gateways.items()
        }
        readings = Readings(
            healths, self.sites, self.pacers, self.metrics.calls, memory, files
        )
        self.metrics.add(Scraped(readings.read))

    def ask(self, server: str) -> None:
        """One call that its route answers."""
        gateway = self.gateways[server]
        gateway.answer(QUERY, call())
        route: Any = gateway.failover.routes[0]
        route.succeeds()

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample with these labels; None without one."""
        text = self.metrics.exposed("")[0].decode()
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
        pacer.run(lambda: succeed(None), lambda: None, until=1.0)
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
        house.gateways["streamr-main"].failover.health.learn(
            {"direct": {"pause": 5.0, "left": 5.0}}
        )
        self.assertEqual(house.value("streamr_breaker_state", **labels), 1)

    def test_the_store_is_read_when_there_is_one(self) -> None:
        house = House("streamr-main")
        self.assertIsNone(house.value("streamr_cache_max_bytes"))
        house = House("streamr-main", memory=MemoryStore(1000, 10))
        self.assertEqual(house.value("streamr_cache_max_bytes"), 1000)

    def test_pictures_on_disk_are_read_at_the_scrape(self) -> None:
        house = House("streamr-main", files=StoredPictures(3, 4096, 8192))
        for name, value in (("stored", 3), ("bytes", 4096), ("max_bytes", 8192)):
            self.assertEqual(house.value(f"streamr_pictures_{name}"), value)
        self.assertIsNone(House("streamr-main").value("streamr_pictures_stored"))

    def test_connections_are_counted_by_server(self) -> None:
        house = House("streamr-main", "streamr-proxy")
        for server, count in (("streamr-main", 2), ("streamr-proxy", 1)):
            house.sites[server] = SimpleNamespace(channels=set(range(count)))
        for server, count in (("streamr-main", 2), ("streamr-proxy", 1)):
            found = house.value("streamr_open_connections", server=server)
            self.assertEqual(found, count)


class MadeLater(SynchronousTestCase):
    """Routes that the search makes while the daemon runs."""

    def setUp(self) -> None:
        self.house = House("streamr-proxy")

    def attempts(self, route: str) -> float | None:
        labels = {"server": "streamr-proxy", "route": route, "cause": "tls_reset"}
        return self.house.value("streamr_attempts_total", **labels)

    def test_one_has_labels_when_it_is_made_and_not_before(self) -> None:
        attempt = Attempt("late", "api.test.invalid", 30, "tls_reset")
        self.house.metrics.tried("streamr-proxy", attempt)
        self.assertEqual((self.attempts("late"), self.attempts("other")), (None, 1))
        health = self.house.gateways["streamr-proxy"].failover.health
        health.adopt(FakeRoute("late"))
        self.house.metrics.tried("streamr-proxy", attempt)
        self.assertEqual((self.attempts("late"), self.attempts("other")), (1, 1))
        labels = {"route": "late", "state": "closed"}
        self.assertEqual(self.house.value("streamr_breaker_state", **labels), 1)

    def test_what_is_kept_of_each_has_room_for_all_that_can_be_made(self) -> None:
        given = [f"given-{number}" for number in range(20)]
        url, other = "https://api.themoviedb.org/3", "https://api.tmdb.org/3"
        found = space(url, [other], "auto", ["system", *given], ["direct", *given])
        made = {found.named(each) for each in (*found.candidates, *found.further)}
        self.assertEqual(len(made), MOST_CANDIDATES)
        history = History("streamr-proxy", self.house.clock.seconds, lambda: 0.0)
        for route in (*made, "direct", "proxy@127.0.0.1:5001", "proxy@elsewhere"):
            history.tried("streamr-proxy", Attempt(route, "api.test.invalid", 30))
            self.assertEqual(history.route(route).rate(self.house.clock.seconds()), 1)
