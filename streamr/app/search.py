"""The proxy's search: which local routes there are, and what chooses among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streamr.app.candidates import Space, space
from streamr.app.routes import Upstream
from streamr.boundaries import Dimensions
from streamr.config.settings import Settings
from streamr.errors import RouteKind
from streamr.fields.loop import Loop
from streamr.interfaces import Reactor, Route
from streamr.policy.search import Proven
from streamr.routing.health import Health
from streamr.routing.history import NetworkMemory
from streamr.routing.search import Search


def space_of(settings: Settings) -> Space:
    """The local routes to TMDB that the settings give."""
    return space(
        settings.tmdb_base_url,
        settings.tmdb_alternate_urls,
        settings.address_family,
        [each.name for each in settings.resolvers],
        [each.name for each in settings.egress],
    )


def search_over(
    found: Space,
    upstream: Upstream,
    loop: Loop,
    memory: NetworkMemory,
    reactor: Reactor,
    health_of: Callable[[Sequence[Route], int], Health],
) -> tuple[Health, Search]:
    """The search over these routes, and the health of those that are made.

    `health_of` makes that of the usual ones, and is told how many there can be.
    """

    def make(route: Dimensions) -> Route:
        name, url = found.named(route), found.urls[route.host]
        return upstream.tmdb(name, RouteKind.ORIGIN, url, route, loop)

    def proven(route: Dimensions) -> Proven | None:
        return memory.proven(found.named(route))

    most = len(found.candidates) + len(found.further)
    health = health_of([make(each) for each in found.usual], most)
    search = Search(
        found.candidates,
        found.further,
        found.direct,
        make,
        health,
        proven,
        reactor.seconds,
    )
    return health, search
