"""How many connections fit into the files that this process may open.

At the limit of open files (EMFILE) nothing works any more, neither a lookup nor a
connection to TMDB; so callers are counted, and told, below it.
"""

from __future__ import annotations

import resource

from streamr.config.settings import Notice, Settings
from streamr.upstream.dial.tls import PROFILES
from streamr.web.server.limits import MOST_TOLD

# The store, the log, the listening sockets, the control socket, the event loop, and the
# resolver's sockets.
FIXED = 64
# Each of TMDB's hosts is asked by at most so many clients, with a pool each.
POOLS = len(PROFILES)


def open_files() -> int:
    """How many files this process may open: the soft limit."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft


def fitting(settings: Settings, servers: int, files: int) -> int:
    """How many connections each of the servers can take, of those that it may."""
    hosts = 2 + len(settings.tmdb_alternate_urls) + len(settings.tmdb_proxy_url)
    told = servers * (MOST_TOLD + 1)  # those beyond the limit
    reserve = FIXED + told + POOLS * hosts * settings.connections
    return min(settings.max_connections, max(1, (files - reserve) // servers))


def lowered(settings: Settings, servers: int, files: int) -> list[Notice]:
    """What to tell when that is fewer than the settings say."""
    taken = fitting(settings, servers, files)
    if taken >= settings.max_connections:
        return []
    return [
        Notice(
            "few-files",
            f"STREAMR_MAX_CONNECTIONS is {settings.max_connections}, but this process "
            f"may open only {files} files: each server takes {taken} connections",
        )
    ]
