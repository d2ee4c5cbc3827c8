"""The search: a plan whose next route follows from what the last ones said.

Routes are plain records until one is tried; then it gets a client, a pool, a breaker
and a label in the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from streamr.boundaries import DIRECT, Call, Dimensions
from streamr.errors import CAUSES, Blame, RouteKind
from streamr.interfaces import Route
from streamr.policy.search import (
    Proven,
    TriedRoute,
    able,
    haste,
    ranked,
    reasons,
    tells,
    worth,
)
from streamr.policy.standing import Standing
from streamr.routing.health import Health
from streamr.routing.plan import FixedPlan, Plan

# For so long (seconds) what one request has found is known to those that begin: a crowd
# that starts cold would otherwise find it out all at once.
LATELY = 10.0
# For so long (seconds) what the last request said of the direct route is what one that
# begins now is taken to say: as long as a failure speaks for its route on a page.
TOLD = 60.0
_NOT_ADMITTED = "tried where it may help, or has worked here"


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
        self._told = _Told(now())

    def plan(self, call: Call) -> Plan:
        """What this call may try."""
        self._told = _Told(self._now(), call.failed, call.silent)
        searched = _Searched(self, self._seen(call.failed), call.silent)
        if searched.upcoming is not None:
            return searched
        trickle = self._health.trickle()
        return FixedPlan(trickle, [each.name for each in trickle])

    def standings(self) -> dict[str, Standing]:
        """Where each route stands for a request that begins now and knows what the last
        one knew of the direct route, and why; by the names of those that were made."""
        recent = self._now() - self._told.at < TOLD
        told = self._told if recent else _Told(self._now())
        seen = self._seen(told.failed)
        left = list(dict.fromkeys([*self._candidates, *self.admitted(seen)]))
        order = self._order(left, seen, told.silent)
        places = {each: at for at, each in enumerate(order, 1)}
        why = dict.fromkeys(self._made, _NOT_ADMITTED)
        for part in self._by_health(left):
            why |= reasons(part, seen, self._proven, self._silence(told.silent))
        return {
            made.name: Standing(places.get(each), self._health.aside(made) or why[each])
            for each, made in self._made.items()
        }

    def why(
        self,
        each: Dimensions,
        left: Sequence[Dimensions],
        seen: Sequence[TriedRoute],
        silent: Collection[str],
    ) -> str:
        """Why one of what is `left` stands where it does."""
        reason = reasons(left, seen, self._proven, self._silence(silent))[each]
        return self._health.aside(self.route(each)) or reason

    def _seen(self, failed: Iterable[str]) -> list[TriedRoute]:
        """What is known before anything is tried: of direct, why it has `failed`."""
        seen = [TriedRoute(self._direct, cause) for cause in failed]
        known = {each.dimensions: each for each in self._failing()}
        known |= {each.dimensions: each for each in self._seen_lately()}
        return [*seen, *known.values()]

    def failed(self, route: Route, cause: str) -> None:
        """A route has failed, which those who begin now need not find out again."""
        # a peer speaks of all its routes; of one of ours nobody has asked TMDB
        silent = not tells(cause) and route.kind is not RouteKind.PEER
        if CAUSES[cause].blame is not Blame.RESOURCE and not silent:
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

    def worth(self, route: Route) -> bool:
        """True when a caller's request should still go over this route."""
        if not self._health.worth(route):
            return False
        return not self._health.in_vain or able(route.dimensions, self._seen(()))

    def _order(
        self,
        left: Iterable[Dimensions],
        seen: Sequence[TriedRoute],
        silent: Collection[str],
    ) -> list[Dimensions]:
        sure, doubted, opened = self._by_health(left)
        if not self._health.hopeful:
            opened = []
        if self._health.in_vain:
            known = [*seen, *self._seen(())]
            sure = [each for each in sure if able(each, known)]
            doubted = [each for each in doubted if able(each, known)]
        is_silent = self._silence(silent)
        return [
            each
            for part in (sure, doubted, opened)
            for each in ranked(part, seen, self._proven, is_silent)
        ]

    def _silence(self, silent: Collection[str]) -> Callable[[Dimensions], bool]:
        """Whether a route's host was found silent: over another egress it was not."""
        here = self._direct.egress
        return lambda each: each.host in silent and each.egress == here

    def _failing(self) -> list[TriedRoute]:
        """What is known without trying: why routes are open. When whatever is asked
        for fails, what others have failed by is no matter of one title either."""
        health = self._health
        speak = [
            each
            for each in health.routes
            if health.in_vain or not health.is_closed(each)
        ]
        return [
            TriedRoute(each.dimensions, cause)
            for each in speak
            if (cause := health.states[each.name].cause) is not None
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


@dataclass(frozen=True, slots=True)
class _Told:
    """What a request that began at a time (`now`) knew: why direct had failed, and
    which hosts were silent."""

    at: float
    failed: Collection[str] = ()
    silent: Collection[str] = ()


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
    def why(self) -> str:
        order = self._ordered()
        return self._search.why(order[0], order, self._seen, self._silent)

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
