"""The proxy's search: which local routes there are, and what chooses among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streamr.app.candidates import Space, space
from streamr.boundaries import Dimensions
from streamr.config.settings import Settings
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


def picture_space_of(settings: Settings) -> Space:
    """The local routes to TMDB's pictures."""
    return space(
        settings.tmdb_image_base_url,
        (),
        settings.address_family,
        [each.name for each in settings.resolvers],
        [each.name for each in settings.egress],
    )


def search_over(
    found: Space,
    route_to: Callable[[str, str, Dimensions], Route],
    memory: NetworkMemory,
    reactor: Reactor,
    health_of: Callable[[Sequence[Route], int], Health],
) -> tuple[Health, Search]:
    """The search over these routes, and the health of those that are made.

    `route_to` makes one, of a name and a base URL; `health_of` makes the health of the
    usual ones, and is told how many there can be.
    """

    def make(route: Dimensions) -> Route:
        return route_to(found.named(route), found.urls[route.host], route)

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
