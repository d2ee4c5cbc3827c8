"""In which order the routes are tried."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from streamr.boundaries import Dimensions
from streamr.errors import RouteKind
from streamr.interfaces import Route
from streamr.policy.breaker import Breaker
from streamr.policy.search import Proven


def plan(
    routes: Sequence[Route],
    breakers: Mapping[str, Breaker],
    hopeful: bool,
    silent: Collection[str] = (),
    proven: Callable[[str], Proven | None] = lambda _route: None,
) -> tuple[Route, ...]:
    """The routes in the order to try them: those with a closed breaker as they stand,
    those in doubt last, then, while there is hope, the others as a last resort. () when
    there is none.

    Among each, routes to a host that was just found `silent` come last, and of the
    peers those that are `proven`, by their names, come first, the quickest at the
    front; near-equal ones stay as they stand.
    """
    closed = [route for route in routes if breakers[route.name].closed]
    opened = [route for route in routes if not breakers[route.name].closed]
    if not hopeful:
        opened = []

    peers = [each for each in routes if each.kind is RouteKind.PEER]
    known = {each.name: found for each in peers if (found := proven(each.name))}
    best = min((each.ms for each in known.values()), default=0.0)

    def late(route: Route) -> float:
        if route.kind is not RouteKind.PEER:
            return 0
        works = known.get(route.name)
        return float("inf") if works is None else works.lateness(best)

    def rank(route: Route) -> tuple[bool, bool, float]:
        return (
            not breakers[route.name].sure,
            route.dimensions.host in silent,
            late(route),
        )

    return (*sorted(closed, key=rank), *sorted(opened, key=rank))


def shared_fate(first: Dimensions, others: Iterable[Dimensions]) -> bool:
    """True when no other route differs from the first in any dimension."""
    return all(other == first for other in others)
