"""In which order the routes are tried."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

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
    those in doubt last, then, while there is hope, the others as a last resort. () when
    there is none.

    Among each, routes to a host that was just found `silent` come last.
    """
    closed = [route for route in routes if breakers[route.name].closed]
    opened = [route for route in routes if not breakers[route.name].closed]
    if not hopeful:
        opened = []

    def rank(route: Route) -> tuple[bool, bool]:
        known = breakers[route.name]
        return not known.sure, route.dimensions.host in silent

    return (*sorted(closed, key=rank), *sorted(opened, key=rank))


def shared_fate(first: Dimensions, others: Iterable[Dimensions]) -> bool:
    """True when no other route differs from the first in any dimension."""
    return all(other == first for other in others)
