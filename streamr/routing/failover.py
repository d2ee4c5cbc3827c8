"""Failover: one query over the routes to TMDB, one answer or one honest fault.

    plan = what may be tried, in which order    closed breakers first
    first ── errback(_fall_back) ──► the rest ── errback(_fall_back) ──► …
      └─ no first byte when it is usual: the rest starts beside it, the first wins

The chain of errbacks is the product: a route that fails with a recoverable Fault hands
over to the rest, and everything else (an answer, a Fault that no other route can heal,
the deadline) runs past the remaining links untouched. A hedge is the same rest, begun
early.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import random
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from streamr.boundaries import Answer, Call, Outcome, Query
from streamr.errors import CAUSES, Attempt, Fault, Phase, RouteKind
from streamr.interfaces import Route
from streamr.policy import cachekey
from streamr.policy.budgets import HedgeBudget, may_retry
from streamr.policy.deadline import LEAST_ATTEMPT, share
from streamr.policy.retry import HEDGE_AFTER, RETRY_JITTER, again, telling
from streamr.policy.standing import Standing
from streamr.routing.health import Health
from streamr.routing.hedge import Race, Rest, Silence
from streamr.routing.plan import FixedPlan, Plan
from streamr.routing.search import Search

_log = Logger()


class _Vetoed(Fault):
    """What keeps an attempt here when its turn has come. A peer that says the same of
    all its routes has been asked."""


@dataclass(slots=True)
class _Journey:
    """One query over the routes.

    `over` is set before the losers are cancelled, so that their end can fail nobody;
    `won_by` is when the attempt began that brought the answer.
    """

    query: Query
    call: Call
    plan: Plan
    attempts: list[Attempt] = field(default_factory=list)
    source: str | None = None
    kind: RouteKind | None = None
    over: bool = False
    won_by: float = 0.0

    def found_silent(self, route: Route) -> None:
        """Try routes to the same host last from now on; a proxy of ours does, too."""
        silent = self.call.silent | {route.dimensions.host}
        self.call = replace(self.call, silent=silent)

    def found_failing(self, route: Route, cause: str) -> None:
        """What is tried next has to differ; what failed of the direct route tells our
        own proxy where to begin."""
        self.plan.failed(route, cause)
        if route.kind is RouteKind.DIRECT:
            self.call = replace(self.call, failed=(*self.call.failed, cause))


class Failover:
    """Takes queries over a list of routes, guided by the routes' health."""

    def __init__(
        self,
        health: Health,
        clock: IReactorTime,
        *,
        tried: Callable[[Attempt], object],
        search: Search | None = None,
        hedge: bool = True,
        chance: Callable[[], float] = random,
    ) -> None:
        """`tried` is told of each try once; `search` says what a call may try, which is
        otherwise the routes in their order; `hedge` lets the next route start when one
        is silent for longer than is usual."""
        self.health = health
        self._search = search
        self._clock = clock
        self._tried = tried
        self._hedge = hedge
        self._chance = chance
        # the background has one of its own: it spends none of the callers' hedges, and
        # a caller who joins its flight is hedged all the same
        self._budgets = {False: HedgeBudget(), True: HedgeBudget()}
        self._in_flight = 0
        self._retrying = 0

    @property
    def routes(self) -> Sequence[Route]:
        """Those that there are so far."""
        return self.health.routes

    def fetch(self, query: Query, call: Call) -> Deferred[Outcome]:
        """An outcome by the call's deadline; cancelling closes what is under way.

        Fails with CancelledError when it was cancelled, and with nothing else.
        """
        self._budgets[call.background].request(self._clock.seconds())
        if not call.background:
            self.health.asked()
        silent = call.silent | self.health.silent_hosts()
        call = replace(call, silent=silent)
        return self._travel(query, call, self._planned(call))

    def broke(self, source: str, fault: Fault, query: Query) -> Route:
        """The body of an answer was cut: tell it of the route that brought it."""
        [route] = [each for each in self.routes if each.name == source]
        self._tried(Attempt(route.name, route.next_hop, 0, fault.cause.name))
        self.health.tried(route, fault, 0, cachekey.key(query))
        if self._search is not None:
            self._search.failed(route, fault.cause.name)
        return route

    def over(self, route: Route, query: Query, call: Call) -> Deferred[Outcome]:
        """An outcome over one route alone, to see whether it works."""
        return self._travel(query, call, self._fixed((route,)))

    def standings(self) -> Mapping[str, Standing]:
        """Where each route stands for a request that begins now, and why, by name."""
        return (self._search or self.health).standings()

    def _planned(self, call: Call) -> Plan:
        if self._search is not None:
            return self._search.plan(call)
        return self._fixed(self.health.plan(call.silent))

    def _fixed(self, routes: Sequence[Route]) -> Plan:
        opened = [each.name for each in routes if not self.health.is_closed(each)]
        return FixedPlan(routes, opened, self._why)

    def _why(self, route: Route) -> str:
        return self.health.standings()[route.name].why

    def _travel(self, query: Query, call: Call, plan: Plan) -> Deferred[Outcome]:
        journey = _Journey(query, call, plan)
        if plan.upcoming is None:
            closed = Fault("destination_unavailable", retry_after="1")
            return fail(closed).addErrback(_ended, journey)
        self._in_flight += 1
        waiting = self._go(journey)
        left = max(0.0, call.deadline - self._clock.seconds())
        waiting.addTimeout(left, self._clock, _out_of_time)
        waiting.addBoth(self._landed)
        ending = waiting.addCallbacks(
            _arrived, _ended, callbackArgs=(journey,), errbackArgs=(journey,)
        )
        return ending.addCallback(self._told)

    def _landed(self, result: Answer | Failure) -> Answer | Failure:
        self._in_flight -= 1
        return result

    def _go(self, journey: _Journey) -> Deferred[Answer]:
        """The next route; behind it, by an errback or by a hedge, the rest."""
        plan, routes_left = journey.plan, journey.plan.left
        if plan.upcoming is None:  # the last one has opened meanwhile
            return fail(Fault("destination_unavailable", "no other route is left"))
        route, haste = plan.take(), plan.haste
        rest = Rest(lambda: self._go(journey))

        def start(silence: Silence) -> Deferred[Answer]:
            waiting = self._attempt(route, journey, routes_left, silence)
            waiting.addErrback(self._fall_back, route, rest, journey)
            return waiting

        beside = plan.upcoming
        if not self._hedge or beside is None or not self.health.is_closed(beside):
            return start(Silence(self._clock))

        def may_hedge() -> bool:
            # leaving a route that has fallen into doubt meanwhile needs no budget
            sure = self.health.is_sure(route)
            budget = self._budgets[journey.call.background]
            return not sure or budget.take(self._clock.seconds())

        def hedged() -> None:
            journey.found_silent(route)
            journey.found_failing(route, "overtaken")
            _log.emit(
                _told_at(route),
                "Attempting proxy fallback: {failed} is silent, trying {route} in "
                "parallel{why} [{request_id}]",
                failed=route.name,
                route=_name_of(plan.upcoming),
                why=_Reason(plan),
                request_id=journey.call.request_id,
                code="hedge",
            )

        def decided() -> None:
            journey.over = True

        def patience() -> float:
            return route.patience * haste

        return Race(start, rest, self._clock, may_hedge, hedged, decided, patience).won

    def _fall_back(
        self,
        failure: Failure,
        route: Route,
        rest: Rest,
        journey: _Journey,
    ) -> Deferred[Answer] | Failure:
        """The link between two routes."""
        failure.trap(Fault)
        fault: Fault = failure.value  # type: ignore[assignment]
        if not fault.cause.next_route:
            return failure
        if fault.cause.silent_host:
            journey.found_silent(route)
        journey.found_failing(route, fault.cause.name)
        if not rest.begun:
            if journey.plan.upcoming is None:
                return failure
            _log.emit(
                _told_at(route),
                "Attempting proxy fallback: {failed} failed ({cause}), trying "
                "{route}{why} [{request_id}]",
                failed=journey.attempts[-1].name if journey.attempts else route.name,
                cause=fault,
                route=_name_of(journey.plan.upcoming),
                why=_Reason(journey.plan),
                request_id=journey.call.request_id,
                code="fallback",
            )
        return rest.wait().addErrback(_most_telling, fault)

    def _attempt(
        self,
        route: Route,
        journey: _Journey,
        routes_left: int,
        silence: Silence,
        tries: int = 1,
    ) -> Deferred[Answer]:
        """One try of one route, and a second one where the fault table says so."""
        began = self._clock.seconds()
        remaining = journey.call.deadline - began
        if remaining < LEAST_ATTEMPT:
            return fail(Fault("deadline_exceeded", f"no time left for {route.name}"))
        waiting = maybeDeferred(
            route.send,
            journey.query,
            journey.call,
            share(remaining, routes_left, hop=route.kind is RouteKind.PEER),
            new_connection=tries > 1,
            progress=silence,
            veto=lambda: self._veto(route, journey),
        )
        waiting.addCallback(self._succeeded, route, journey, began)
        waiting.addErrback(
            self._failed, route, journey, began, routes_left, silence, tries
        )
        return waiting

    def _veto(self, route: Route, journey: _Journey) -> Fault | None:
        """Others have failed while this one waited: no storm goes on behind them."""
        worth = (self._search or self.health).worth(route)
        if worth or route.name in journey.plan.last_resorts:
            return None
        return _Vetoed("destination_unavailable", f"{route.name} has just failed")

    def _succeeded(
        self, answer: Answer, route: Route, journey: _Journey, began: float
    ) -> Answer:
        journey.attempts += answer.attempts
        self._record(route, journey, began, None, answer.status)
        if journey.over:  # it was cancelled, and answered all the same: too late
            if answer.incoming is not None:
                answer.incoming.close()
            return answer
        journey.source, journey.kind, journey.won_by = route.name, route.kind, began
        return answer

    def _failed(
        self,
        failure: Failure,
        route: Route,
        journey: _Journey,
        began: float,
        routes_left: int,
        silence: Silence,
        tries: int,
    ) -> Deferred[Answer] | Failure:
        fault = _fault(failure, route, journey)
        journey.attempts += fault.attempts
        cancelled = failure.check(CancelledError) is not None
        # nobody waited for its end, which says nothing; that it was overtaken does
        # what is usual here may have grown since the next route was started for it, and
        # it may have left only now, when another's silence made a place free
        outlasted = silence.outlasted
        since = began if outlasted else max(began, silence.since)
        patience = HEDGE_AFTER if outlasted else route.patience
        silent = self._clock.seconds() - since >= patience and not silence.broken
        telling = not cancelled or (journey.over and silent)
        self._record(route, journey, began, fault, telling=telling)
        if cancelled:
            return failure
        allowed = may_retry(self._retrying, self._in_flight) and (
            route.name not in journey.plan.last_resorts
        )
        if allowed and again(fault, tries, routes_left - 1):
            return self._retry(fault, route, journey, routes_left, silence, tries)
        return Failure(fault)

    def _retry(
        self,
        fault: Fault,
        route: Route,
        journey: _Journey,
        routes_left: int,
        silence: Silence,
        tries: int,
    ) -> Deferred[Answer]:
        """Once more, after a moment that differs for each (full jitter)."""

        def done(result: Answer | Failure) -> Answer | Failure:
            self._retrying -= 1
            return result

        self._retrying += 1
        pause: Deferred[object] = deferLater(self._clock, RETRY_JITTER * self._chance())

        def again(_waited: object) -> Deferred[Answer]:
            refused = self._veto(route, journey)
            if refused is not None:
                return fail(refused)
            if journey.attempts and not journey.over:
                _forget_a_lookup(journey.attempts)
            silence.sent()
            return self._attempt(route, journey, routes_left, silence, tries + 1)

        return pause.addCallback(again).addBoth(done).addErrback(_unless_vetoed, fault)

    def _record(
        self,
        route: Route,
        journey: _Journey,
        began: float,
        fault: Fault | None,
        status: int | None = None,
        *,
        telling: bool = True,
    ) -> None:
        """Note one attempt, for the caller's headers and for the route's health."""
        ms = max(0, round((self._clock.seconds() - began) * 1000))
        cause = fault.cause.name if fault is not None else None
        detail = fault.detail if fault is not None else ""
        # a hedge that the route before it outran was not needed: no failed attempt
        if not journey.over or began <= journey.won_by:
            journey.attempts.append(
                Attempt(route.name, route.next_hop, ms, cause, detail, status)
            )
        if telling:
            self.health.tried(route, fault, ms, cachekey.key(journey.query))

    def _told(self, outcome: Outcome) -> Outcome:
        """Tell each try once, however many callers wait for the outcome."""
        for attempt in outcome.attempts:
            self._tried(attempt)
        return outcome


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why the next route is the next, found only when a line with it is written."""

    plan: Plan

    def __str__(self) -> str:
        why = "" if self.plan.upcoming is None else self.plan.why
        return f": {why}" if why else ""


def _name_of(route: Route | None) -> str:
    return "none" if route is None else route.name


def _told_at(failed: Route) -> Any:
    """The level of a step to the next route. Leaving direct is the news; all steps
    stand in the one line that tells of the request."""
    return LogLevel.info if failed.kind is RouteKind.DIRECT else LogLevel.debug


def _forget_a_lookup(attempts: list[Attempt]) -> None:
    """A name that is looked up once more is no attempt of its own: nothing has left."""
    cause = attempts[-1].cause
    if cause is not None and CAUSES[cause].phase is Phase.RESOLVE:
        del attempts[-1]


def _unless_vetoed(failure: Failure, before: Fault) -> Failure:
    """A second try that could not leave says nothing: the first one's fault counts."""
    return Failure(before) if isinstance(failure.value, _Vetoed) else failure


def _most_telling(failure: Failure, before: Fault) -> Failure:
    """Both of two routes have failed: what the caller is told."""
    if isinstance(failure.value, Fault) and telling(before, failure.value) is before:
        return Failure(before)
    return failure


def _arrived(answer: Answer, journey: _Journey) -> Outcome:
    """The answer, and the attempts with the one that brought it at the end: the last
    member of Proxy-Status speaks of the response."""
    won = [each for each in journey.attempts if each.name == journey.source]
    last = [each for each in won if each.cause is None][-1:]
    others = [each for each in journey.attempts if each not in last]
    return Outcome(
        answer, source=journey.source, kind=journey.kind, attempts=(*others, *last)
    )


def _ended(failure: Failure, journey: _Journey) -> Outcome:
    failure.trap(Fault)
    fault: Fault = failure.value  # type: ignore[assignment]
    return Outcome(fault=fault, attempts=tuple(journey.attempts))


def _fault(failure: Failure, route: Route, journey: _Journey) -> Fault:
    """The Fault in a failure of a route. Anything else is an error of our own."""
    if isinstance(failure.value, Fault):
        return failure.value
    if failure.check(CancelledError):
        if journey.over:
            return Fault("overtaken")
        return Fault("deadline_exceeded", "still under way")
    _log.failure(
        "The route {route} broke",
        failure=failure,
        route=route.name,
        code="route-broke",
    )
    return Fault("proxy_internal_error", type(failure.value).__name__, final=True)


def _out_of_time(_result: object, seconds: float) -> Failure:
    return Failure(Fault("deadline_exceeded", f"no answer within {seconds:.1f} s"))
