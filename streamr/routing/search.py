"""The search: a plan whose next route follows from what the last ones said.

Routes are plain records until one is tried; then it gets a client, a pool, a breaker
and a label in the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from streamr.boundaries import DIRECT, Call, Dimensions
from streamr.errors import CAUSES, Blame
from streamr.interfaces import Route
from streamr.policy.search import (
    Proven,
    TriedRoute,
    able,
    haste,
    ranked,
    worth,
)
from streamr.routing.health import Health
from streamr.routing.plan import FixedPlan, Plan

# For so long (seconds) what one request has found is known to those that begin: a crowd
# that starts cold would otherwise find it out all at once.
LATELY = 10.0


class Search:
    """What a server may try, and what it has made of it so far."""

    def __init__(
        self,
        candidates: Sequence[Dimensions],
        further: Sequence[Dimensions],
        direct: Dimensions,
        make: Callable[[Dimensions], Route],
        health: Health,
        proven: Callable[[Dimensions], Proven | None],
        now: Callable[[], float],
    ) -> None:
        """`candidates` are in the order of preference. `further` ones are only tried
        where they may heal what was seen, or have worked. `direct` is how the direct
        route goes, and `proven` tells how those do that have worked on this network;
        `now` is monotonic seconds."""
        self._candidates = tuple(candidates)
        self._further = tuple(further)
        self._direct = direct
        self._make = make
        self._health = health
        self._proven = proven
        self._now = now
        self._lately: dict[Dimensions, tuple[float, int, TriedRoute]] = {}
        self._made = {route.dimensions: route for route in health.routes}

    def plan(self, call: Call) -> Plan:
        """What this call may try."""
        seen = [TriedRoute(self._direct, cause) for cause in call.failed]
        known = {each.dimensions: each for each in self._failing()}
        known |= {each.dimensions: each for each in self._seen_lately()}
        searched = _Searched(self, [*seen, *known.values()], call.silent)
        if searched.upcoming is not None:
            return searched
        trickle = self._health.trickle()
        return FixedPlan(trickle, [each.name for each in trickle])

    def failed(self, route: Route, cause: str) -> None:
        """A route has failed, which those who begin now need not find out again."""
        if CAUSES[cause].blame is not Blame.RESOURCE:
            served = self._health.states[route.name].served
            tried = TriedRoute(route.dimensions, cause)
            self._lately[route.dimensions] = (self._now(), served, tried)

    def _seen_lately(self) -> list[TriedRoute]:
        """What others have just found, of routes that have not worked since."""
        now, states = self._now(), self._health.states
        self._lately = {
            each: (at, served, tried)
            for each, (at, served, tried) in self._lately.items()
            if now - at < LATELY and states[self.route(each).name].served == served
        }
        return [tried for _, _, tried in self._lately.values()]

    def route(self, dimensions: Dimensions) -> Route:
        """The route of these dimensions, made when it is first needed."""
        made = self._made.get(dimensions)
        if made is None:
            made = self._made[dimensions] = self._make(dimensions)
            self._health.adopt(made)
        return made

    @property
    def candidates(self) -> Sequence[Dimensions]:
        """What each call may try."""
        return self._candidates

    def admitted(self, seen: Sequence[TriedRoute]) -> list[Dimensions]:
        """What it may try further, after what was seen."""
        return [
            each
            for each in self._further
            if (seen and able(each, seen)) or self.is_proven(each)
        ]

    def order(
        self,
        left: Iterable[Dimensions],
        seen: Sequence[TriedRoute],
        silent: Collection[str],
    ) -> list[Dimensions]:
        """What is left to try, the next one first; that one is made."""
        while True:
            order = self._order(left, seen, silent)
            if not order or order[0] in self._made:
                return order
            # it may have been open before a restart, and then it is not the next one
            self.route(order[0])

    def is_proven(self, dimensions: Dimensions) -> bool:
        """True when a route has worked on this network."""
        return self._proven(dimensions) is not None

    def is_closed(self, route: Route) -> bool:
        """True when callers are sent over a route."""
        return self._health.is_closed(route)

    def _order(
        self,
        left: Iterable[Dimensions],
        seen: Sequence[TriedRoute],
        silent: Collection[str],
    ) -> list[Dimensions]:
        sure, doubted, opened = self._by_health(left)
        if not self._health.hopeful:
            opened = []

        def is_silent(each: Dimensions) -> bool:
            # over another way out a host was not found silent
            return each.host in silent and each.egress == self._direct.egress

        return [
            each
            for part in (sure, doubted, opened)
            for each in ranked(part, seen, self._proven, is_silent)
        ]

    def _failing(self) -> list[TriedRoute]:
        """What is known without trying: why routes are open."""
        opened = [each for each in self._health.routes if not self.is_closed(each)]
        causes = [self._health.states[each.name].cause for each in opened]
        return [
            TriedRoute(route.dimensions, cause)
            for route, cause in zip(opened, causes, strict=True)
            if cause is not None
        ]

    def _by_health(
        self, candidates: Iterable[Dimensions]
    ) -> tuple[list[Dimensions], ...]:
        parts: tuple[list[Dimensions], ...] = ([], [], [])
        for each in candidates:
            made = self._made.get(each)
            if made is None or self._health.is_sure(made):
                parts[0].append(each)
            else:
                parts[1 if self._health.is_closed(made) else 2].append(each)
        return parts


class _Searched:
    """What one request has tried, and what that says of the rest."""

    def __init__(
        self, search: Search, seen: list[TriedRoute], silent: Collection[str]
    ) -> None:
        self._search = search
        self._seen = seen
        self._silent = silent
        # in the order of preference; what was admitted once stays
        self._left = dict.fromkeys(search.candidates)
        self._taken: set[Dimensions] = set()
        self._last: Dimensions | None = None
        self._promised: set[Dimensions] = set()
        self._dead: set[str] = set()
        self._order: list[Dimensions] | None = None
        self.last_resorts: set[str] = set()

    @property
    def left(self) -> int:
        return worth(self._ordered(), self._seen)

    @property
    def upcoming(self) -> Route | None:
        order = self._ordered()
        return self._search.route(order[0]) if order else None

    @property
    def haste(self) -> float:
        known = self._last is not None and self._search.is_proven(self._last)
        return 1.0 if known else haste(len(self._taken))

    def take(self) -> Route:
        dimensions = self._last = self._ordered()[0]
        if self._search.is_proven(dimensions):
            self._promised.add(dimensions)
        self._taken.add(dimensions)
        del self._left[dimensions]
        self._order = None
        route = self._search.route(dimensions)
        if not self._search.is_closed(route):
            self.last_resorts.add(route.name)
        return route

    def failed(self, route: Route, cause: str) -> None:
        where = route.dimensions
        tried = TriedRoute(where, cause, where in self._promised)
        self._seen.append(tried)
        if tried.ends_egress and where.egress != DIRECT.name:
            self._dead.add(where.egress)
        self._search.failed(route, cause)
        self._order = None

    def _ordered(self) -> list[Dimensions]:
        """The rest in its order, until something new is seen."""
        if self._order is None:
            more = self._search.admitted(self._seen)
            self._left |= dict.fromkeys(
                each for each in more if each not in self._taken
            )
            left = [each for each in self._left if each.egress not in self._dead]
            self._order = self._search.order(left, self._seen, self._silent)
        return self._order


_plans: type[Plan] = _Searched
