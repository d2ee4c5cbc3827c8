"""Negative caching: what TMDB has just failed on is not asked for again at once.

One title on which TMDB fails would else cost it a request over each route for each
caller. Only whole answers that cannot be used are remembered (a 5xx, `null`, a page of
HTML): silence and cuts are the network's more often than the title's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from streamr.boundaries import Call, Outcome, Query
from streamr.errors import Blame, Fault
from streamr.gateway.admission import Admission
from streamr.policy import cachekey
from streamr.routing.failover import Failover

# The first failure may be the network's, and is only noted. How long the second one is
# remembered (seconds); each further one twice as long.
# TMDB mends most of its errors within a second; one that lasts costs it a request a
# minute and route.
FIRST, LONGEST = 1.0, 60.0
# A failure that is so long ago (seconds) makes no row with the next one.
FORGOTTEN = 2 * LONGEST
# Keys remembered; beyond them the oldest is forgotten.
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a key failed, when it did, and until when that is remembered (monotonic
    seconds); `pause` is that time's length."""

    cause: str
    at: float
    until: float
    pause: float


class NegativeCache:
    """Asks over the routes, unless what is asked for has just failed over all, or too
    many wait already."""

    def __init__(self, failover: Failover, clock: IReactorTime) -> None:
        self.failover = failover
        self._clock = clock
        self._admission = Admission(clock)
        self._failed: dict[str, _Failure] = {}
        # a route that works again may bring what failed over the others
        failover.health.subscribe(self._failed.clear)

    def fetch(self, query: Query, call: Call) -> Deferred[Outcome]:
        """An outcome by the call's deadline; see Failover.fetch."""
        key, now = cachekey.key(query), self._clock.seconds()
        known = self._failed.get(key)
        if known is not None and now < known.until:
            return succeed(Outcome(fault=_again(known, now)))
        asking = self._admission.run(lambda: self.failover.fetch(query, call))
        return asking.addCallback(self._came, key)

    def forget(self, query: Query) -> None:
        """Ask for this one anew, whatever came of it before."""
        self._failed.pop(cachekey.key(query), None)

    def _came(self, outcome: Outcome, key: str) -> Outcome:
        fault = outcome.fault
        if fault is None:
            self._failed.pop(key, None)
            return outcome
        if fault.cause.blame is not Blame.RESOURCE or not fault.counts:
            return outcome
        known = self._remember(key, fault.cause.name)
        after = fault.retry_after or _seconds(known.pause)
        return replace(outcome, fault=fault.with_retry_after(after))

    def _remember(self, key: str, cause: str) -> _Failure:
        now = self._clock.seconds()
        before = self._failed.pop(key, None)
        if before is None or now - before.at > FORGOTTEN:
            pause = 0.0
        else:
            pause = min(max(FIRST, before.pause * 2), LONGEST)
        known = self._failed[key] = _Failure(cause, now, now + pause, pause)
        if len(self._failed) > MOST_REMEMBERED:
            del self._failed[next(iter(self._failed))]
        return known


def _again(known: _Failure, now: float) -> Fault:
    ago, left = _seconds(now - known.at), _seconds(known.until - now)
    return Fault(
        known.cause,
        f"it failed over every route {ago} s ago; the next attempt is possible in "
        f"{left} s",
        final=True,
        retry_after=left,
    )


def _seconds(seconds: float) -> str:
    return str(max(1, math.ceil(seconds)))
