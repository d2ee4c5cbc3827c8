"""What a daemon keeps in its folder of state: which file, and what is known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from streamr.app.status import let_know
from streamr.config.settings import Settings
from streamr.gateway.gateway import Gateway
from streamr.interfaces import Reactor
from streamr.observe.history import History
from streamr.routing.statefile import FILE_NAME, RouteFile
from streamr.tmdb.hosts import OFFICIAL_HOSTS


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


def remember(
    directory: Path | None,
    reactor: Reactor,
    gateways: Mapping[str, Gateway],
    history: History,
) -> RouteFile | None:
    """Begin with what was known of the routes before the last end, and tell the
    history and the file of each change. None without a directory."""
    healths = {name: gateway.failover.health for name, gateway in gateways.items()}
    file = None
    if directory is not None:
        file = RouteFile(
            directory / FILE_NAME,
            reactor,
            lambda: {name: health.known() for name, health in healths.items()},
        )
        known = file.read()
        for name, health in healths.items():
            before = known.get(name)
            health.learn(before if isinstance(before, dict) else {})
            health.subscribe(file.changed)
    for health in healths.values():
        let_know(history, health)
    return file
