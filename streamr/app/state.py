"""What a daemon keeps in its folder of state: which file, and what is known."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from streamr.app.status import let_know
from streamr.config.settings import Settings
from streamr.interfaces import Reactor
from streamr.net.networks import address_in
from streamr.observe.history import History
from streamr.routing.fingerprint import Fingerprint
from streamr.routing.health import Health
from streamr.routing.history import NetworkMemory
from streamr.routing.statefile import FILE_NAME, RouteFile
from streamr.tmdb.hosts import OFFICIAL_HOSTS
from streamr.upstream.resolve.book import AddressBook

# No wall clock shows so many seconds since the epoch.
_MOST_SECONDS = 1e12


def file_name(settings: Settings) -> str:
    """The file for the answers of this TMDB: what a stand-in on loopback, or behind a
    pin, has said must never be taken for TMDB's."""
    where = repr((settings.tmdb_base_url, sorted(settings.tmdb_pins.items())))
    if (
        urlsplit(settings.tmdb_base_url).hostname in OFFICIAL_HOSTS
        and not settings.tmdb_pins
    ):
        return "cache.sqlite"
    return f"cache-{hashlib.blake2b(where.encode(), digest_size=6).hexdigest()}.sqlite"


class Remembers(Protocol):
    """Who knows something that is to outlive the process."""

    def known(self) -> Mapping[str, object]:
        """What is known now."""

    def subscribe(self, changed: Callable[[], object]) -> None:
        """Tell of each change of it."""


class KeptState:
    """What is known of the routes, begun with what was known before the last end.

    One file holds it: the open breakers of each server, what has worked on each
    network, and the addresses at which TMDB was verified.
    """

    def __init__(
        self, directory: Path | None, reactor: Reactor, wall: Callable[[], float]
    ) -> None:
        """Without a directory nothing outlives the process."""
        self._wall = wall
        self._told: dict[str, Callable[[], object]] = {}
        self._file: RouteFile | None = None
        if directory is not None:
            path = directory / FILE_NAME
            self._file = RouteFile(path, reactor, self._known)
        self._before = {} if self._file is None else self._file.read()
        salt = self._before.get("salt")
        self._salt = salt if isinstance(salt, str) else secrets.token_hex(8)
        self.memory = NetworkMemory(Fingerprint(self._salt, reactor.seconds), wall)
        self.memory.learn(self._part("networks"))

    @property
    def fleet(self) -> Mapping[str, Any]:
        """What was known of the other nodes."""
        return self._part("fleet")

    def remember(
        self,
        healths: Mapping[str, Health],
        book: AddressBook,
        history: History,
        fleet: Remembers | None = None,
    ) -> RouteFile | None:
        """Hand on what was known before, and write each change from now on. None
        without a directory."""
        for name, health in healths.items():
            health.learn(self._part(name))
            let_know(history, health)
        now = self._wall()
        book.learn(_ages(self._part("addresses"), now))
        self._told = {name: health.known for name, health in healths.items()} | {
            "salt": lambda: self._salt,
            "networks": self.memory.known,
            "addresses": lambda: _times(book.known(), self._wall()),
        }
        if fleet is not None:
            self._told["fleet"] = fleet.known
        if self._file is not None and fleet is not None:
            fleet.subscribe(self._file.changed)
        if self._file is not None:
            self.memory.subscribe(self._file.changed)
            for health in healths.values():
                health.subscribe(self._file.changed)
        return self._file

    def _known(self) -> dict[str, object]:
        return {name: tell() for name, tell in self._told.items()}

    def _part(self, name: str) -> dict[str, Any]:
        part = self._before.get(name)
        return part if isinstance(part, dict) else {}


def _times(ages: Mapping[str, Mapping[str, float]], now: float) -> dict[str, object]:
    """Wall-clock times for ages: what is written has to mean something later."""
    return {
        host: {address: round(now - age) for address, age in known.items()}
        for host, known in ages.items()
        if known
    }


def _ages(times: Mapping[str, Any], now: float) -> dict[str, dict[str, float]]:
    """Ages for times; what makes no sense is left out. What is dated ahead of a clock
    that was set back is new: it is forgotten a day from now."""
    return {
        host: {
            address: max(0.0, now - at)
            for address, at in known.items()
            if address_in(address) is not None and _is_time(at)
        }
        for host, known in times.items()
        if isinstance(known, dict)
    }


def _is_time(told: object) -> bool:
    return isinstance(told, (int, float)) and 0 < told < _MOST_SECONDS
