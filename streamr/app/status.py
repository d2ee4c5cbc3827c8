"""What the status page shows of a running daemon."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streamr.app.pictures import ServedPictures
from streamr.boundaries import PictureStats
from streamr.config.settings import Settings
from streamr.interfaces import Memory
from streamr.observe.history import History
from streamr.routing.health import Health
from streamr.routing.report import told_routes
from streamr.shared.tier import FleetTier
from streamr.web.status.document import Shown
from streamr.web.status.shape import ShownFleet, ShownPictures
from streamr.web.status.snapshot import StoreSize

# What is kept without a disk.
NOTHING = PictureStats(0, 0, 0)


def store_size_of(memory: Memory | None) -> Callable[[], StoreSize | None]:
    """What looks at the store, each time it is asked; None without one."""

    def store_size() -> StoreSize | None:
        if memory is None:
            return None
        return StoreSize(len(memory), memory.bytes, memory.most_bytes)

    return store_size


def fleet_seen(engine: str, tier: FleetTier | None) -> Callable[[], ShownFleet | None]:
    """What looks at what is shared with other nodes; None where nothing is."""

    def shown_fleet() -> ShownFleet | None:
        if tier is None:
            return None
        return {
            "engine": engine,
            "up": tier.up,
            "trouble": tier.trouble,
            "nodes": tier.fleet.nodes,
            "hits": tier.hits,
            "misses": tier.misses,
            "broken": tier.broken,
        }

    return shown_fleet


def pictures_of(served: ServedPictures | None) -> Callable[[], ShownPictures | None]:
    """What looks at the pictures, each time it is asked; None where they are off."""

    def shown_pictures() -> ShownPictures | None:
        if served is None:
            return None
        kept = served.disk.files.stats() if served.disk is not None else NOTHING
        return {
            "routes": told_routes(served.gateway.failover),
            "stored": kept.pictures,
            "bytes": kept.bytes,
            "most_bytes": kept.most_bytes,
            "hits": served.gateway.hits,
            "misses": served.gateway.misses,
        }

    return shown_pictures


def let_know(history: History, health: Health) -> None:
    """Let the history know how the breakers stand, now and whenever one changes."""

    def tell() -> None:
        history.breakers(
            {name: not each.closed for name, each in health.breakers.items()}
        )

    tell()
    health.subscribe(tell)


def shown(settings: Settings) -> Sequence[Shown]:
    """The settings as they may be shown: of a secret only that there is one."""
    return [
        Shown(each.setting.name, each.value or "", each.origin, each.setting.help)
        for each in settings.told
    ]
