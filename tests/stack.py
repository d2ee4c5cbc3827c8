"""The whole house on loopback: simulator, main and proxy in the test's own reactor.

Time passes only while nothing happens (`tests/idle.py`): what is slow or silent is the
simulator's to say, never the machine's.
"""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import treq
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher
from twisted.web.client import Agent
from twisted.web.http_headers import Headers

from streamr.app.daemon import build
from streamr.config import load
from streamr.observe.log import LineObserver, Sink
from streamr.policy.redact import Redactor
from streamr.service import open_ports
from streamr.simulator.service import SimulatorService
from tests.idle import IdleTime

DIRECT = "api.themoviedb.org"
OTHER = "api.tmdb.org"
# A canary: it must never be seen anywhere but on the wire to TMDB.
KEY = "c0ffee00c0ffee11c0ffee22c0ffee33"
PROXY_TOKEN = "canary-proxy-token-0123"
# Beyond every deadline in use: only a test that hangs comes here.
PATIENCE = 30.0


@dataclass
class Got:
    """What a caller saw."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def causes(self) -> list[str]:
        """The fault of each failed attempt, as Proxy-Status names them."""
        members = self.headers.get("proxy-status", "").split(", ")
        return [
            part.removeprefix("error=")
            for member in members
            for part in member.split(";")
            if part.startswith("error=")
        ]


class Stack:
    """A simulator and a daemon, started and stopped by the test."""

    def __init__(
        self, reactor: Any, directory: Path, more: Mapping[str, str] | None = None
    ) -> None:
        self.reactor = reactor = IdleTime(reactor)
        self.log = io.StringIO()
        self.simulator = SimulatorService(reactor, directory, keys=frozenset({KEY}))
        self.simulator.startService()
        self.settings = load.load(
            {},
            {
                "TMDB_API_KEY": KEY,
                "PORT": "0",
                "PROXY_PORT": "0",
                "TMDB_PINS": self.simulator.pins,
                "TMDB_CA_FILE": str(self.simulator.ca_file),
                "STREAMR_LOG_LEVEL": "debug",
                # every call goes to TMDB unless a test is about the cache
                "STREAMR_CACHE_MB": "0",
                "STREAMR_STATE_DIR": str(directory / "state"),
                **(more or {}),
            },
        )
        self.lines = LineObserver(
            [Sink(self.log)], Redactor(self.settings.secrets), "debug"
        )
        globalLogPublisher.addObserver(self.lines)
        self.daemon = build(
            self.settings, reactor, open_ports(self.settings), self.lines
        )
        main = self.daemon.parts.built["main"]
        for kept in (main.storage, main.pictures and main.pictures.disk):
            if kept is not None:
                reactor.pools.append(kept._threads)
        self.daemon.startService()
        # one for all: each reads the machine's trust roots
        self._agent = Agent(reactor)

    async def settle(self) -> int:
        """Until the probe at the start has ended; how many requests reached TMDB."""
        await deferLater(self.reactor, 0.1)
        return self.requests(DIRECT) + self.requests(OTHER)

    async def stop(self) -> None:
        if self.daemon.running:
            await self.daemon.stopService()
        await self.simulator.stopService()
        globalLogPublisher.removeObserver(self.lines)
        self.reactor.stop()

    async def get(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        server: str = "main",
        method: str = "GET",
    ) -> Got:
        began = self.reactor.seconds()
        url = f"{self.daemon.servers[server].url}{path}".encode()
        raw = Headers({name: [value] for name, value in (headers or {}).items()})
        asking: Deferred[Any] = self._agent.request(method.encode(), url, raw)
        response = await asking.addTimeout(PATIENCE, self.reactor)
        body = await treq.content(response).addTimeout(PATIENCE, self.reactor)
        found = {
            name.decode().lower(): b", ".join(values).decode()
            for name, values in response.headers.getAllRawHeaders()
        }
        return Got(response.code, found, body, self.reactor.seconds() - began)

    @property
    def urls(self) -> dict[str, str]:
        """Where each server says that it is reached."""
        return {name: each.url for name, each in self.daemon.servers.items()}

    def requests(self, host: str) -> int:
        """How many requests arrived at one of TMDB's names."""
        return int(self.simulator.counts(host)["requests"])

    def accepted(self, host: str) -> int:
        """How many connections one of TMDB's names accepted."""
        return int(self.simulator.counts(host)["accepted"])


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return int(once.getsockname()[1])
