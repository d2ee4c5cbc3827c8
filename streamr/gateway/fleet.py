"""One flight per key in the whole fleet: asked of the shared tier on a local miss, or
where the local copy is stale.

look ── fresh ──────────────────────────────► it is kept here, and served
  └ nothing new ── claim ── won ──► TMDB ──► served, then shared, and the claim is free
                     └ lost: wait for it to land, or look each quarter of a second;
                             in the last second this node asks TMDB itself
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from streamr.boundaries import STORED, CacheUse, Outcome, StoredResponse
from streamr.interfaces import SharedTier, Store
from streamr.policy import freshness
from streamr.policy.freshness import State

# A push may be lost with its connection: so often whoever waits looks (seconds).
POLL = 0.25
# So long before the deadline nobody waits for another node (seconds): TMDB takes a
# quarter of that.
LAST = 1.0
# What the Cache-Status says of an answer that another node had.
SHARED = "shared"
# What may be served when TMDB fails.
_STALE = (State.REVALIDATE, State.STALE)


class FleetFlights:
    """The flights of one node's cache, among those of the others."""

    def __init__(self, tier: SharedTier, store: Store, clock: IReactorTime) -> None:
        self._tier = tier
        self._store = store
        self._clock = clock

    async def fly(
        self,
        key: str,
        known: StoredResponse | None,
        deadline: float,
        ask: Callable[[], Deferred[Outcome]],
        *,
        looks: bool,
    ) -> Outcome:
        """The outcome of `ask`, or what another node has made of it meanwhile. `known`
        is the local copy. With `looks` false TMDB is asked whatever others have."""
        found = await self._tier.look(key) if looks else None
        if self._is_fresh(found):
            return self._take(found)
        try:
            won = await self._tier.claim(key)
            while looks and not won and self._left(deadline) > 0:
                await self._landing(key, deadline)
                found = await self._tier.look(key)
                if self._is_fresh(found):
                    return self._take(found)
                won = await self._tier.claim(key)
            purges = self._tier.purges
            outcome = await ask()
        except BaseException:
            # whoever waited has left, perhaps while the claim was on its way
            self._tier.free(key)
            raise
        use = outcome.cache
        if use is not None and use.stored and outcome.stored is not None:
            # behind the answer: whoever waits for it goes first
            self._clock.callLater(0, self._tier.keep, outcome.stored, purges)
            return outcome
        self._tier.free(key)
        failed = outcome.answer is None or outcome.answer.status == 429
        unpurged = self._tier.purges == purges
        if failed and unpurged and known is None and self._state(found) in _STALE:
            taken = self._take(found)
            return replace(
                taken,
                attempts=outcome.attempts,
                cache=CacheUse("uri-miss", detail="stale-if-error"),
            )
        return outcome

    def _left(self, deadline: float) -> float:
        """For how long another node may be waited for."""
        return deadline - LAST - self._clock.seconds()

    async def _landing(self, key: str, deadline: float) -> None:
        """Wait until there may be something new."""
        landing = self._tier.landing(key)
        landing.addTimeout(
            min(POLL, self._left(deadline)), self._clock, lambda _late, _seconds: None
        )
        await landing

    def _state(self, found: StoredResponse | None) -> State:
        return freshness.state(found, self._clock.seconds())

    def _is_fresh(self, found: StoredResponse | None) -> bool:
        return self._state(found) is State.FRESH

    def _take(self, found: StoredResponse | None) -> Outcome:
        """Keep and serve what another node had."""
        assert found is not None
        self._store.put(found.key, found)
        age = max(0.0, self._clock.seconds() - found.stored_at)
        use = CacheUse(ttl=int(found.lifetime - age), detail=SHARED)
        return Outcome(source=STORED, stored=found, age=age, cache=use)
