"""The search: a plan whose next route follows from what the last ones said.

Routes are plain records until one is tried; then it gets a client, a pool, a breaker
and a label in the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from streamr.boundaries import Call, Dimensions
from streamr.errors import CAUSES, Blame
from streamr.interfaces import Route
from streamr.policy.search import EXPLORING, MOST_EXPLORED, Proven, Tried, ranked, worth
from streamr.routing.health import Health
from streamr.routing.plan import Fixed, Plan

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
        where they may heal what was seen. `direct` is how the direct route goes, and
        `proven` tells how those do that have worked on this network; `now` is monotonic
        seconds."""
        self._candidates = tuple(candidates)
        self._further = tuple(further)
        self._direct = direct
        self._make = make
        self._health = health
        self._proven = proven
        self._now = now
        self._lately: dict[Dimensions, tuple[float, int, Tried]] = {}
        self._made = {route.dimensions: route for route in health.routes}

    def plan(self, call: Call) -> Plan:
        """What this call may try."""
        seen = [Tried(self._direct, cause) for cause in call.failed]
        seen += self._seen_lately()
        searched = _Searched(self, seen, call.silent)
        if searched.upcoming is not None:
            return searched
        trickle = self._health.trickle()
        return Fixed(trickle, [each.name for each in trickle])

    def failed(self, route: Route, cause: str) -> Tried:
        """A route has failed, which those who begin now need not find out again."""
        tried = Tried(route.dimensions, cause)
        if CAUSES[cause].blame is not Blame.RESOURCE:
            served = self._health.states[route.name].served
            self._lately[route.dimensions] = (self._now(), served, tried)
        return tried

    def _seen_lately(self) -> list[Tried]:
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

    def order(
        self,
        taken: Collection[Dimensions],
        seen: Sequence[Tried],
        silent: Collection[str],
    ) -> list[Dimensions]:
        """What is left to try, the next one first."""
        left = [each for each in self._candidates if each not in taken]
        left += [
            each
            for each in self._further
            if each not in taken and seen and all(one.may_heal(each) for one in seen)
        ]
        sure, doubted, opened = self._by_health(left)
        if not self._health.hopeful:
            opened = []
        return [
            each
            for part in (sure, doubted, opened)
            for each in ranked(part, seen, self._proven, silent)
        ]

    def is_proven(self, dimensions: Dimensions) -> bool:
        """True when a route has worked on this network."""
        return self._proven(dimensions) is not None

    def is_closed(self, route: Route) -> bool:
        """True when callers are sent over a route."""
        return self._health.is_closed(route)

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
        self, search: Search, seen: list[Tried], silent: Collection[str]
    ) -> None:
        self._search = search
        self._seen = seen
        self._silent = silent
        self._taken: set[Dimensions] = set()
        self._last: Dimensions | None = None
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
        return 1.0 if known or len(self._taken) >= MOST_EXPLORED else EXPLORING

    def take(self) -> Route:
        dimensions = self._last = self._ordered()[0]
        self._taken.add(dimensions)
        self._order = None
        route = self._search.route(dimensions)
        if not self._search.is_closed(route):
            self.last_resorts.add(route.name)
        return route

    def failed(self, route: Route, cause: str) -> None:
        self._seen.append(self._search.failed(route, cause))
        self._order = None

    def _ordered(self) -> list[Dimensions]:
        """The rest in its order, until something new is seen."""
        if self._order is None:
            self._order = self._search.order(self._taken, self._seen, self._silent)
        return self._order


_plans: type[Plan] = _Searched
