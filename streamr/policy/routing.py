"""In which order the routes are tried."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from streamr.boundaries import Dimensions
from streamr.interfaces import Route
from streamr.policy.breaker import Breaker


def plan(
    routes: Sequence[Route],
    breakers: Mapping[str, Breaker],
    hopeful: bool,
    silent: Collection[str] = (),
) -> tuple[Route, ...]:
    """The routes in the order to try them: those with a closed breaker as they stand,
    then, while there is hope, the others as a last resort. () when there is no way.

    Among each, routes to a host that was just found `silent` come last.
    """
    closed = [route for route in routes if breakers[route.name].closed]
    opened = [route for route in routes if not breakers[route.name].closed]
    if not hopeful:
        opened = []

    def is_silent(route: Route) -> bool:
        return route.dimensions.host in silent

    return (*sorted(closed, key=is_silent), *sorted(opened, key=is_silent))


def ladder(base_url: str, alternates: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The proxy's rungs as (base URL, TLS profile), best first.

    Each differs from the direct attempt (the base URL with `modern`): by profile, by
    host, by both. `tls12` stands last, because it heals the rarest fault and is the
    oldest protocol. Over plain http (a test on loopback) there are no profiles.
    """
    rungs = [(base_url, "classic")]
    for url in alternates:
        rungs += [(url, "modern"), (url, "classic")]
    rungs += [(url, "tls12") for url in (base_url, *alternates)]
    distinct: dict[tuple[str, str], tuple[str, str]] = {}
    for url, profile in [(base_url, "modern"), *rungs]:
        distinct.setdefault((_same(url), _spoken(url, profile)), (url, profile))
    direct, *others = (
        (url, _spoken(url, profile)) for url, profile in distinct.values()
    )
    return tuple(others) or (direct,)


def shared_fate(first: Dimensions, others: Iterable[Dimensions]) -> bool:
    """True when no other way differs from the first in any dimension."""
    return all(other == first for other in others)


def _spoken(url: str, profile: str) -> str:
    return profile if url.startswith("https:") else "plain"


def _same(url: str) -> str:
    """A form in which equal URLs are equal texts."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path}"
