"""The ways to an answer: one query over the routes, one answer or one honest fault.

    plan = the order of the routes            pure
    first ── errback(_fall_back) ──► second ── errback(_fall_back) ──► …

The chain of errbacks is the product: a route that fails with a recoverable Fault hands
over to the next one, and everything else (an answer, a Fault that no other way can
heal, the deadline) runs past the remaining links untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.boundaries import Answer, Attempt, Call, Outcome, Query, Route
from streamr.errors import Fault
from streamr.policy.deadline import LEAST_ATTEMPT, share
from streamr.policy.plan import plan
from streamr.policy.retry import again

_log = Logger()


@dataclass(slots=True)
class RouteState:
    """What a route last did; `at` is wall-clock seconds since the epoch."""

    at: float | None = None
    cause: str | None = None
    ms: int = 0
    served: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Journey:
    """One query on its way through the routes."""

    query: Query
    call: Call
    attempts: list[Attempt] = field(default_factory=list)
    source: str | None = None


class Ways:
    """Takes queries over a list of routes, and remembers what each route last did."""

    def __init__(
        self,
        routes: Sequence[Route],
        clock: IReactorTime,
        wall: Callable[[], float],
        *,
        sticky: bool = False,
    ) -> None:
        """`sticky` starts with the route that last worked, not with the first."""
        self.routes = tuple(routes)
        self.states = {route.name: RouteState() for route in routes}
        self._clock = clock
        self._wall = wall
        self._sticky = sticky
        self._last_good: str | None = None

    def travel(self, query: Query, call: Call) -> Deferred[Outcome]:
        """An outcome by the call's deadline; cancelling closes what is under way.

        Fails with CancelledError when it was cancelled, and with nothing else.
        """
        return self._travel(
            query, call, plan(self.routes, self._last_good if self._sticky else None)
        )

    def over(self, route: Route, query: Query, call: Call) -> Deferred[Outcome]:
        """An outcome over one route alone, to see whether it works."""
        return self._travel(query, call, (route,))

    def _travel(
        self, query: Query, call: Call, ways: Sequence[Route]
    ) -> Deferred[Outcome]:
        journey = _Journey(query, call)
        waiting = self._chain(journey, ways)
        left = max(0.0, call.deadline - self._clock.seconds())
        waiting.addTimeout(left, self._clock, _out_of_time)
        return waiting.addCallbacks(
            _arrived, _ended, callbackArgs=(journey,), errbackArgs=(journey,)
        )

    def _chain(self, journey: _Journey, ways: Sequence[Route]) -> Deferred[Answer]:
        """The first way, and behind it an errback for each of the others."""
        waiting = self._attempt(ways[0], journey, ways_left=len(ways))
        for index, route in enumerate(ways[1:], start=1):
            waiting.addErrback(self._fall_back, route, journey, len(ways) - index)
        return waiting

    def _fall_back(
        self, failure: Failure, route: Route, journey: _Journey, ways_left: int
    ) -> Deferred[Answer] | Failure:
        """The link between two ways."""
        failure.trap(Fault)
        fault: Fault = failure.value  # type: ignore[assignment]
        if not fault.cause.next_route:
            return failure
        _log.warn(
            "Attempting proxy fallback: {failed} failed ({cause}), trying {route} "
            "[{request_id}]",
            failed=journey.attempts[-1].route,
            cause=fault,
            route=route.name,
            request_id=journey.call.request_id,
        )
        return self._attempt(route, journey, ways_left)

    def _attempt(
        self, route: Route, journey: _Journey, ways_left: int, tries: int = 1
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
            share(remaining, ways_left, hop=route.hop),
            fresh=tries > 1,
        )
        waiting.addCallbacks(
            self._succeeded,
            self._failed,
            callbackArgs=(route, journey, began),
            errbackArgs=(route, journey, began, ways_left, tries),
        )
        return waiting

    def _succeeded(
        self, answer: Answer, route: Route, journey: _Journey, began: float
    ) -> Answer:
        journey.attempts += answer.attempts
        self._record(route, journey, began, None, answer.status)
        journey.source = route.name
        self._last_good = route.name
        if any(attempt.cause for attempt in journey.attempts):
            _log.info(
                "Fallback answered: {route} [{request_id}]",
                route=route.name,
                request_id=journey.call.request_id,
            )
        return answer

    def _failed(
        self,
        failure: Failure,
        route: Route,
        journey: _Journey,
        began: float,
        ways_left: int,
        tries: int,
    ) -> Deferred[Answer] | Failure:
        fault = _fault(failure, route)
        journey.attempts += fault.attempts
        cancelled = failure.check(CancelledError) is not None
        self._record(route, journey, began, fault, cancelled=cancelled)
        if cancelled:
            return failure
        if again(fault, tries, ways_left - 1):
            return self._attempt(route, journey, ways_left, tries + 1)
        return Failure(fault)

    def _record(
        self,
        route: Route,
        journey: _Journey,
        began: float,
        fault: Fault | None,
        status: int | None = None,
        *,
        cancelled: bool = False,
    ) -> None:
        """Note one attempt, for the caller's headers and for the route's state."""
        ms = _ms(self._clock.seconds() - began)
        cause = fault.cause.name if fault is not None else None
        detail = fault.detail if fault is not None else ""
        journey.attempts.append(
            Attempt(route.name, route.next_hop, ms, cause, detail, status)
        )
        if cancelled:
            return  # nobody waited for it to end: that says nothing about the route
        state = self.states[route.name]
        state.at, state.cause, state.ms = self._wall(), cause, ms
        if fault is None:
            state.served += 1
        else:
            state.failed += 1


def _arrived(answer: Answer, journey: _Journey) -> Outcome:
    return Outcome(answer, None, journey.source, tuple(journey.attempts))


def _ended(failure: Failure, journey: _Journey) -> Outcome:
    failure.trap(Fault)
    fault: Fault = failure.value  # type: ignore[assignment]
    return Outcome(None, fault, None, tuple(journey.attempts))


def _fault(failure: Failure, route: Route) -> Fault:
    """The Fault in a failure of a route. Anything else is an error of our own."""
    if isinstance(failure.value, Fault):
        return failure.value
    if failure.check(CancelledError):
        return Fault("deadline_exceeded", "still under way")
    _log.failure("The route {route} broke", failure=failure, route=route.name)
    return Fault("proxy_internal_error", type(failure.value).__name__, final=True)


def _out_of_time(_result: object, seconds: float) -> Failure:
    return Failure(Fault("deadline_exceeded", f"no answer within {seconds:.1f} s"))


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
