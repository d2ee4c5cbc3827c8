"""What the status page needs of a daemon: its last hour, and a look at it now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from streamr.app.cache import Keeping
from streamr.config.settings import Settings
from streamr.gateway.gateway import Gateway
from streamr.observe.history import History
from streamr.routing.health import Health
from streamr.web.router import Door
from streamr.web.status.document import Shown
from streamr.web.status.pages import Status
from streamr.web.status.snapshot import Sources, Stock


class Watching:
    """The history of one daemon, and the status page of its main server."""

    def __init__(
        self,
        found: Settings,
        reactor: Any,
        wall: Callable[[], float],
        gateways: Mapping[str, Gateway],
        *,
        demo: bool,
    ) -> None:
        """`gateways` are those of this process by their servers' names; it may grow."""
        self.history = History("streamr-main", reactor.seconds, wall)
        self.keeping: Keeping | None = None
        self._found = found
        self._reactor = reactor
        self._wall = wall
        self._gateways = gateways
        self._demo = demo
        self._status: Status | None = None

    def opened(self, gateway: Gateway, door: Door, own_proxy: str) -> Door:
        """Main's door with the status page. `own_proxy` is where the proxy of this
        process listens."""
        self._own_proxy = f"proxy@{urlsplit(own_proxy).netloc}"
        sources = Sources(
            gateway=gateway,
            history=self.history,
            now=self._reactor.seconds,
            wall=self._wall,
            started=self._wall(),
            environment=self._found.environment,
            rungs=self._rungs,
            stock=self._stock,
            demo=self._demo,
        )
        self._status = Status(sources, lambda: shown(self._found), self._reactor)
        return self._status.opened(door)

    def watch(self, health: Health) -> None:
        """Be told of breakers, beside who is told already."""
        told_before = health.changed

        def changed() -> None:
            told_before()
            now = self._reactor.seconds()
            for name, breaker in health.breakers.items():
                self.history.way(name).breaker(not breaker.closed, now)

        health.changed = changed
        changed()

    def stop(self) -> None:
        """End the live pages: a daemon that stops does not wait for them."""
        if self._status is not None:
            self._status.live.end()

    def _rungs(self) -> dict[str, Gateway]:
        proxy = self._gateways.get("proxy")
        return {} if proxy is None else {self._own_proxy: proxy}

    def _stock(self) -> Stock | None:
        if self.keeping is None:
            return None
        memory = self.keeping.memory
        return Stock(len(memory), memory.bytes, memory.most_bytes)


def shown(found: Settings) -> Sequence[Shown]:
    """The settings as they may be shown: of a secret only that there is one."""
    return [
        Shown(each.setting.name, each.value or "", each.origin, each.setting.help)
        for each in found.told
    ]
