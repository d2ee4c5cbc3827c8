"""What the control socket answers: what runs, what each route did, what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from streamr import __version__
from streamr.app.cache import NOTHING_STORED, Storage
from streamr.app.control import Command
from streamr.app.pictures import PictureDisk
from streamr.app.purges import Purges
from streamr.routing.failover import Failover
from streamr.routing.report import ToldRoute, told_routes
from streamr.tmdb.tags import PURGES


def commands(
    urls: Mapping[str, str],
    certificate: Path | None,
    failovers: Mapping[str, Failover],
    stored: Sequence[Storage],
    disks: Sequence[PictureDisk],
    purges: Purges,
    network: Mapping[str, str] | None,
    door: str | None = None,
) -> list[Command]:
    """`urls` and `failovers` are by names; `certificate` is the file by which the
    proxy's key is known; `door` is the door's URL; `network` leads the doctor into the
    demo's network, None outside the demo."""

    def running(_given: Mapping[str, str]) -> dict[str, object]:
        """What runs here, for commands that were not told where to look."""
        return {
            "version": __version__,
            "servers": dict(urls),
            "proxy_tls_cert": None if certificate is None else str(certificate),
            "demo": None if network is None else dict(network),
            "door": door,
        }

    def routes(_given: Mapping[str, str]) -> dict[str, list[ToldRoute]]:
        """What each route last did."""
        return {name: told_routes(each) for name, each in failovers.items()}

    def stats(_given: Mapping[str, str]) -> dict[str, object]:
        """What is stored, and what the caches in front were told."""
        kept = stored[0].stats() if stored else dict(NOTHING_STORED)
        return {**kept, "in_front": purges.in_front.told()}

    found = [
        Command("/running", running),
        Command("/routes", routes),
        Command("/cache/purge", purges.answers, "POST", PURGES),
        Command("/pictures/purge", purges.pictures, "POST"),
    ]
    if stored or purges.in_front.names:
        found.append(Command("/cache", stats))
    found += (Command("/pictures", each.stats) for each in disks)
    return found
