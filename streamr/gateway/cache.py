"""The cache in front of the routes: stored responses, collapsed flights, stale copies.

stored = store.get(key)
  fresh                        → served; renewed first for who asks for that
  good while it is renewed     → served; renewed behind, one flight per key
  good when TMDB is slow       → one flight; after 250 ms, or a fault, the stale copy
  nothing                      → one flight; everyone waits for it
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.boundaries import (
    STORED,
    Answer,
    CacheUse,
    Call,
    Outcome,
    Query,
    StoredResponse,
)
from streamr.errors import Fault
from streamr.gateway.codings import Codings, Threads
from streamr.gateway.collapse import Flights
from streamr.gateway.fleet import FleetFlights
from streamr.gateway.negative import NegativeCache
from streamr.gateway.pauses import Pauses
from streamr.interfaces import Store
from streamr.policy import cachekey, freshness, representation
from streamr.policy.freshness import State

T = TypeVar("T")

_log = Logger()

# A flight ends this much before the callers' own time: so they get its attempts, too.
FLIGHT_MARGIN = 0.05
# Keys whose refresh has failed lately, or that a caller wanted renewed.
MOST_PAUSED = 10_000
# A copy younger than this (seconds) is new enough for whoever asks for a new one.
LEAST_RENEWED = 60.0
# Refreshes behind at once: they must not take the callers' places (15 for a host) and
# their handshakes must not hold up the answers. The others wait; beyond this many a
# refresh is left to the next caller of its key.
RENEWALS = 4
MOST_WAITING = 1_000


class Cache:
    """Serves queries from the store where it can, and over the routes where it must."""

    def __init__(
        self,
        upstream: NegativeCache,
        store: Store,
        clock: IReactorTime,
        deadline: float,
        threads: Threads,
        renewed: Callable[[Outcome, Query, Call, float], object],
        fleet: FleetFlights | None = None,
    ) -> None:
        """`deadline` limits a flight, in seconds; `renewed` is told of each refresh
        that nobody waited for, and when it began; `fleet` are the flights of other
        nodes."""
        self._upstream = upstream
        self._store = store
        self._clock = clock
        self._deadline = deadline
        self.codings = Codings(store, threads)
        self._renewed = renewed
        self._fleet = fleet
        self._flights: Flights[Outcome] = Flights(clock)
        # what those share who waited for one flight: made once, not for each
        self._collapsed: tuple[Outcome | None, Outcome] = (None, Outcome())
        self._failed = Pauses(MOST_PAUSED)
        self._renewed_for_callers = Pauses(MOST_PAUSED)
        self._renewing = 0
        self._waited_for = 0
        self._to_renew: dict[str, tuple[Query, Call]] = {}

    @property
    def busy(self) -> bool:
        """True while something is fetched for a caller, or renewed."""
        return self._waited_for > 0 or self._renewing > 0

    def serve(self, query: Query, call: Call) -> Deferred[Outcome]:
        """Serve a query by the call's deadline.

        Fails with CancelledError when the caller leaves, and with nothing else.
        """
        key, now = cachekey.key(query), self._clock.seconds()
        stored = self._store.get(key)
        state = freshness.state(stored, now)
        renewing = call.renew and self._may_renew(stored, key, now)
        if stored is not None and not renewing:
            if state is State.FRESH:
                return succeed(self._hit(stored))
            if state is State.REVALIDATE:
                self.renew(query, call)
                return succeed(self._hit(stored, "stale-while-revalidate"))
            if state is State.STALE and self._failed.hold(key, now):
                return succeed(self._hit(stored, "stale-if-error"))
            if state is State.STALE and not self._upstream.failover.health.sound:
                # nothing works: nobody waits to find that out
                self.renew(query, call)
                return succeed(self._hit(stored, "stale-if-error"))
        collapsed = key in self._flights
        waiting = self._join(key, query, call, stored)
        if collapsed:
            waiting.addCallback(self._was_collapsed)
        if stored is not None and (renewing or state is State.STALE):

            def given_up(outcome: Outcome) -> None:
                if not collapsed:  # one of those who waited tells what came of it
                    self._renewed(outcome, query, call, now)

            return self._patiently(waiting, stored, call.deadline - now, given_up)
        if not collapsed and call.deadline - now >= self._deadline - FLIGHT_MARGIN:
            return waiting  # a flight of his own, which ends in time by itself
        return waiting.addTimeout(
            max(0.0, call.deadline - now), self._clock, out_of_time
        )

    def fetch(self, query: Query, call: Call) -> Deferred[Outcome]:
        """Ask TMDB whatever is stored, and keep the answer."""
        now = self._clock.seconds()
        key = cachekey.key(query)
        waiting = self._flights.join(
            key, lambda: self._fly(key, query, call, None, looks=False)
        )
        left = max(0.0, call.deadline - now)
        return waiting.addTimeout(left, self._clock, out_of_time)

    def renew(self, query: Query, call: Call) -> None:
        """Fetch with nobody waiting, unless that is under way or failed lately."""
        key = cachekey.key(query)
        if key in self._flights or self._failed.hold(key, self._clock.seconds()):
            return
        if self._renewing < RENEWALS:
            self._renew(key, query, call)
        elif len(self._to_renew) < MOST_WAITING:
            self._to_renew.setdefault(key, (query, call))

    def _renew(self, key: str, query: Query, call: Call) -> None:
        began = self._clock.seconds()
        self._renewing += 1
        behind = replace(call, background=True)
        waiting = self._join(key, query, behind, self._store.get(key))
        waiting.addCallback(self._renewed, query, call, began)
        waiting.addBoth(self._renew_ended)

    def _renew_ended(self, result: T) -> T:
        self._renewing -= 1
        if self._to_renew:
            # not at once: a refresh that fails at once would call itself
            self._clock.callLater(0, self._renew_next)
        return result

    def _renew_next(self) -> None:
        """Begin the next that still needs it."""
        while self._to_renew and self._renewing < RENEWALS:
            key = next(iter(self._to_renew))
            query, call = self._to_renew.pop(key)
            now = self._clock.seconds()
            fresh = freshness.state(self._store.get(key), now) is State.FRESH
            if (
                not fresh
                and key not in self._flights
                and not self._failed.hold(key, now)
            ):
                self._renew(key, query, call)
                return

    def _may_renew(self, stored: StoredResponse | None, key: str, now: float) -> bool:
        """Whether a caller's Cache-Control: no-cache is obeyed: once a minute for each
        key, because browsers with their tools open send it with every request."""
        paused = self._failed.hold(key, now) or self._renewed_for_callers.hold(key, now)
        if stored is None or paused or now - stored.stored_at <= LEAST_RENEWED:
            return False
        if not self._upstream.failover.health.sound:
            return False
        self._renewed_for_callers.begin(key, now + LEAST_RENEWED)
        return True

    def _join(
        self, key: str, query: Query, call: Call, stored: StoredResponse | None
    ) -> Deferred[Outcome]:
        return self._flights.join(key, lambda: self._fly(key, query, call, stored))

    def _fly(
        self,
        key: str,
        query: Query,
        call: Call,
        stored: StoredResponse | None,
        *,
        looks: bool = True,
    ) -> Deferred[Outcome]:
        """Fetch for all who wait: with the whole deadline, not with what the first one
        has left, and conditionally when there is something to validate. Of a fleet one
        node fetches; with `looks` false this one does, whatever others have."""
        known = stored.validators if stored is not None else None
        deadline = self._clock.seconds() + self._deadline - FLIGHT_MARGIN

        def ask() -> Deferred[Outcome]:
            asking = maybeDeferred(
                self._upstream.fetch,
                query,
                replace(call, deadline=deadline, known=known),
            )
            return asking.addCallback(self._landed, key, query, stored)

        if self._fleet is None:
            flying = ask()
        else:
            looks = looks and not call.renew
            going = self._fleet.fly(key, stored, deadline, ask, looks=looks)
            flying = Deferred.fromCoroutine(going)
        if not call.background:
            self._waited_for += 1
            flying.addBoth(self._nobody_waits)
        flying.addErrback(_broke)
        return flying

    def _nobody_waits(self, result: T) -> T:
        self._waited_for -= 1
        return result

    def _landed(
        self, outcome: Outcome, key: str, query: Query, stored: StoredResponse | None
    ) -> Outcome:
        """Keep what may be kept."""
        why, answer = self._why(stored), outcome.answer
        if answer is None or answer.status == 429:
            paused = self._clock.seconds() + freshness.REFRESH_PAUSE
            self._failed.begin(key, paused)
            return replace(outcome, cache=CacheUse(why))
        self._failed.end(key)
        now = self._clock.seconds()
        terms = freshness.terms(_as_kept(answer, stored), query.freshness)
        if answer.status == 304 and stored is not None:
            return self._still_good(stored, terms, outcome, why)
        if terms is None:
            return replace(outcome, cache=CacheUse(why))
        ready = representation.ready(key, query, answer, terms, now)
        return self._keep(ready, outcome, why)

    def _why(self, stored: StoredResponse | None) -> str:
        """Why TMDB was asked, in RFC 9211's words (2.2)."""
        if stored is None:
            return "uri-miss"
        fresh = freshness.state(stored, self._clock.seconds()) is State.FRESH
        return "request" if fresh else "stale"

    def _still_good(
        self,
        stored: StoredResponse,
        terms: freshness.Terms | None,
        outcome: Outcome,
        why: str,
    ) -> Outcome:
        """TMDB says that what is stored is the answer (RFC 9111, 4.3.3)."""
        now = self._clock.seconds()
        # a purge while it was asked, or a no-store, is respected
        if terms is not None and self._store.get(stored.key) is stored:
            return self._keep(representation.renewed(stored, terms, now), outcome, why)
        age = max(0.0, now - stored.stored_at)
        return replace(outcome, stored=stored, age=age, cache=CacheUse(why))

    def _keep(self, response: StoredResponse, outcome: Outcome, why: str) -> Outcome:
        self._store.put(response.key, response)
        age = self._clock.seconds() - response.stored_at
        use = CacheUse(why, stored=True)
        return replace(outcome, stored=response, age=age, cache=use)

    def _was_collapsed(self, outcome: Outcome) -> Outcome:
        """The outcome of a flight, for those who waited for another's."""
        if self._collapsed[0] is not outcome:
            use = outcome.cache
            told = None if use is None else replace(use, collapsed=True)
            self._collapsed = (outcome, replace(outcome, cache=told))
        return self._collapsed[1]

    def _hit(
        self, stored: StoredResponse, detail: str = "", forward: str | None = None
    ) -> Outcome:
        """The stored response; `forward` when TMDB was asked for it all the same."""
        age = max(0.0, self._clock.seconds() - stored.stored_at)
        ttl = math.floor(stored.lifetime - age)
        use = CacheUse(forward, ttl=ttl, detail=detail)
        return Outcome(source=STORED, stored=stored, age=age, cache=use)

    def _patiently(
        self,
        waiting: Deferred[Outcome],
        stored: StoredResponse,
        left: float,
        given_up: Callable[[Outcome], None],
    ) -> Deferred[Outcome]:
        """What comes first: the flight's answer, or 250 ms and then the stale copy.

        A flight that is given up as slow flies on and renews the store; `given_up` is
        told what came of it.
        """

        def slow() -> None:
            served.callback(self._hit(stored, "stale-while-slow", self._why(stored)))

        def arrived(result: Outcome | Failure) -> None:
            if served.called:
                if isinstance(result, Outcome):
                    given_up(result)
                return
            timer.cancel()
            if isinstance(result, Failure):
                served.errback(result)
            elif _worse_than_stale(result):
                stale = self._hit(stored, "stale-if-error", self._why(stored))
                served.callback(replace(stale, attempts=result.attempts))
            else:
                served.callback(result)

        served: Deferred[Outcome] = Deferred(lambda _served: waiting.cancel())
        patience = max(0.0, min(freshness.SLOW, left))
        timer = self._clock.callLater(patience, slow)
        waiting.addBoth(arrived)
        return served


def _as_kept(answer: Answer, stored: StoredResponse | None) -> Answer:
    """A 304 speaks for the response that is stored."""
    if answer.status == 304 and stored is not None:
        return replace(answer, status=stored.status)
    return answer


def _worse_than_stale(outcome: Outcome) -> bool:
    """RFC 5861, 4: an error is a fault or a 5xx; a 429 only says "later"."""
    return outcome.answer is None or outcome.answer.status == 429


def _broke(failure: Failure) -> Outcome | Failure:
    """An error of our own while an answer was kept: told once, whoever still waits."""
    if failure.check(CancelledError):
        return failure
    _log.failure("The cache broke", failure=failure, code="cache-broke")
    detail = type(failure.value).__name__
    return Outcome(fault=Fault("proxy_internal_error", detail, final=True))


def out_of_time(_cancelled: object, seconds: float) -> Outcome:
    """This caller's time is up; the flight goes on for the others."""
    fault = Fault("deadline_exceeded", f"no answer within {seconds:.1f} s")
    return Outcome(fault=fault, cache=CacheUse(forward="uri-miss"))
