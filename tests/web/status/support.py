"""A main server in memory with everything that its status page looks at."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Attempt, RouteKind
from streamr.gateway.gateway import Gateway
from streamr.observe.history import History
from streamr.web.status.shape import ShownCache, ShownCaller, Snapshot
from streamr.web.status.snapshot import Sources, StoreSize, snapshot
from tests.support import FakeRoute, Notes, gateway_over

PROXY = "proxy@127.0.0.1:5001"
CAME: ShownCaller = {
    "address": "127.0.0.1",
    "calls": 12,
    "last": "2026-11-27T12:00:00Z",
}
PROXY_ROUTE = "classic@api.test.invalid"


class StatusCase(SynchronousTestCase):
    """Main with two routes; behind the second one a proxy in this process."""

    demo = False
    door: list[ShownCaller] | None = None
    store_size: StoreSize | None = StoreSize(12, 2 * 1024 * 1024, 64 * 1024 * 1024)

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(7200)
        self.direct = FakeRoute()
        self.proxy = FakeRoute(PROXY, kind=RouteKind.PEER)
        self.proxy_route = FakeRoute(PROXY_ROUTE)
        self.history = History("streamr-main", self.clock.seconds, self.wall)
        self.gateway = self.made("streamr-main", [self.direct, self.proxy])
        self.behind = self.made("streamr-proxy", [self.proxy_route])
        self.sources = Sources(
            gateway=self.gateway,
            history=self.history,
            now=self.clock.seconds,
            wall=self.wall,
            started=0.0,
            environment="test",
            proxy_gateways={PROXY: self.behind},
            store_size=lambda: self.store_size,
            demo=self.demo,
            door=lambda: self.door,
        )

    def made(self, server: str, routes: list[FakeRoute]) -> Gateway:
        return gateway_over(routes, self.clock, Notes(), server)

    def wall(self) -> float:
        return 1_000_000 + self.clock.seconds()

    def shown(self) -> Snapshot:
        return snapshot(self.sources)

    def cache(self) -> ShownCache:
        found = self.shown()["cache"]
        assert found is not None
        return found

    def verdict(self) -> tuple[str, str]:
        found = self.shown()["verdict"]
        return found["level"], found["headline"]

    def breaks(self, gateway: Gateway, route: FakeRoute, times: int = 5) -> None:
        """So many attempts of a route fail that its breaker opens."""
        from streamr.errors import Fault

        for _ in range(times):
            gateway.failover.health.tried(route, Fault("tls_reset"), 12)

    def attempt(self, route: str, cause: str | None = None) -> Attempt:
        return Attempt(route, "api.test.invalid", 30, cause)
