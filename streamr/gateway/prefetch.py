"""The warm set: the front page's lists, fetched at the start and kept fresh."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from streamr.boundaries import Call, Query
from streamr.gateway.cache import Cache
from streamr.interfaces import Store
from streamr.policy import cachekey
from streamr.policy.freshness import State, state

# How often the set is looked through. The shortest lifetime of a list is 5 minutes.
LOOK_EVERY = 60.0
# One after another: the set must not take the callers' share of the pacing.
APART = 0.2
# While callers wait for something else, or the one before has not come yet, the next
# one waits: on a slow line it would delay them all. So long in all for each look
# through the set (seconds), because somebody always waits at a busy gateway.
GIVES_WAY = 10.0


class Warm:
    """Renews the responses of a set of queries before anyone has to wait for them."""

    def __init__(
        self,
        queries: Sequence[Query],
        cache: Cache,
        store: Store,
        clock: IReactorTime,
        deadline: float,
    ) -> None:
        self._queries = queries
        self._cache = cache
        self._store = store
        self._clock = clock
        self._deadline = deadline
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Look through the set, again and again, from now on."""
        self._timer = self._clock.callLater(0, self._walk, 0, 0.0)

    def stop(self) -> None:
        """Leave no timer."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _walk(self, number: int, gave_way: float) -> None:
        """Look at one of the set; then at the next one, or again at the first. The set
        has given way for so many seconds."""
        if number == len(self._queries):
            self._timer = self._clock.callLater(LOOK_EVERY, self._walk, 0, 0.0)
        elif self._cache.busy and gave_way < GIVES_WAY:
            again = (number, gave_way + APART)
            self._timer = self._clock.callLater(APART, self._walk, *again)
        else:
            self._timer = self._clock.callLater(APART, self._walk, number + 1, gave_way)
            self._look(self._queries[number])

    def _look(self, query: Query) -> None:
        now = self._clock.seconds()
        stored = self._store.get(cachekey.key(query))
        # until it is looked at again
        horizon = LOOK_EVERY + len(self._queries) * APART + GIVES_WAY + 1
        if state(stored, now + horizon) is State.FRESH:
            return
        call = Call(
            f"warm-{secrets.token_hex(4)}", now + self._deadline, target=query.path
        )
        self._cache.renew(query, call)
