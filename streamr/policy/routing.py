"""In which order the routes are tried, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from streamr.boundaries import Dimensions
from streamr.errors import RouteKind
from streamr.interfaces import Route
from streamr.policy import standing
from streamr.policy.breaker import Breaker
from streamr.policy.search import Proven
from streamr.policy.standing import Standing


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
    return _Order(routes, breakers, silent, proven).planned(hopeful)


def standings(
    routes: Sequence[Route],
    breakers: Mapping[str, Breaker],
    hopeful: bool,
    proven: Callable[[str], Proven | None],
    aside: Callable[[Route], str],
) -> dict[str, Standing]:
    """Where each route stands in the `plan` of a request that begins now, by its name;
    `aside` says why one is behind those that are in order, "" if it is not."""
    order = _Order(routes, breakers, (), proven)
    places = {each.name: at for at, each in enumerate(order.planned(hopeful), 1)}
    return {
        each.name: Standing(places.get(each.name), aside(each) or order.why(each))
        for each in routes
    }


class _Order:
    """The routes, and what is known of the peers among them."""

    def __init__(
        self,
        routes: Sequence[Route],
        breakers: Mapping[str, Breaker],
        silent: Collection[str],
        proven: Callable[[str], Proven | None],
    ) -> None:
        self._routes = routes
        self._breakers = breakers
        self._silent = silent
        peers = [each for each in routes if each.kind is RouteKind.PEER]
        self._known = {
            each.name: found for each in peers if (found := proven(each.name))
        }
        self._best = min((each.ms for each in self._known.values()), default=0.0)

    def planned(self, hopeful: bool) -> tuple[Route, ...]:
        closed = [each for each in self._routes if self._breakers[each.name].closed]
        opened = [each for each in self._routes if not self._breakers[each.name].closed]
        if not hopeful:
            opened = []
        return (*sorted(closed, key=self._rank), *sorted(opened, key=self._rank))

    def why(self, route: Route) -> str:
        """Why one that is in order stands where it does."""
        if route.kind is not RouteKind.PEER:
            return "the direct route: first while it works"
        known = self._known.get(route.name)
        if known is not None:
            return standing.works(known.ms, self._late(route) > 0, known.told)
        if self._known:
            return "not known to work here, as another proxy is"
        return standing.AS_LISTED

    def _rank(self, route: Route) -> tuple[bool, bool, float]:
        return (
            not self._breakers[route.name].sure,
            route.dimensions.host in self._silent,
            self._late(route),
        )

    def _late(self, route: Route) -> float:
        if route.kind is not RouteKind.PEER:
            return 0
        known = self._known.get(route.name)
        return float("inf") if known is None else known.lateness(self._best)


def shared_fate(first: Dimensions, others: Iterable[Dimensions]) -> bool:
    """True when no other route differs from the first in any dimension."""
    return all(other == first for other in others)
