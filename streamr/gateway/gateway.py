"""The conductor: a caller's query in, one Exchange out, told to telemetry once."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from streamr.boundaries import Call, Exchange, Outcome, Query, StoredResponse
from streamr.errors import Fault
from streamr.gateway.cache import Cache
from streamr.gateway.negative import NegativeCache
from streamr.gateway.telling import Teller
from streamr.interfaces import Route


class Gateway:
    """Answers queries over its routes, from its store where it has one.

    Only main has a cache: the proxy answers main's hop from a fetch of its own.
    """

    def __init__(
        self,
        upstream: NegativeCache,
        clock: IReactorTime,
        teller: Teller,
        cache: Cache | None = None,
    ) -> None:
        self.server = teller.server
        self.failover = upstream.failover
        self.cache = cache
        self._upstream = upstream
        self._clock = clock
        self._teller = teller

    def answer(
        self, query: Query, call: Call, *, past_store: bool = False
    ) -> Deferred[Exchange]:
        """Answer a query by the call's deadline; `past_store` asks TMDB whatever is
        stored.

        Fires with an Exchange that holds the answer or the fault, and never fails;
        cancelling it closes what nobody else waits for.
        """
        if past_store:
            self._upstream.forget(query)
        if self.cache is None:
            return self._told(self._upstream.fetch(query, call), query, call)
        serve = self.cache.fetch if past_store else self.cache.serve
        return self._told(serve(query, call), query, call)

    def coded(self, stored: StoredResponse, taken: frozenset[str]) -> StoredResponse:
        """A stored response with the best of the codings that its caller takes."""
        return stored if self.cache is None else self.cache.codings.coded(stored, taken)

    def ask(self, route: Route, query: Query, call: Call) -> Deferred[Exchange]:
        """Answer a query over one route alone, to see whether it works."""
        return self._told(self.failover.over(route, query, call), query, call)

    def _told(
        self, serving: Deferred[Outcome], query: Query, call: Call
    ) -> Deferred[Exchange]:
        began = self._clock.seconds()
        serving.addErrback(_left)
        return serving.addCallback(self._teller.answered, query, call, began)


def _left(failure: Failure) -> Outcome:
    failure.trap(CancelledError)
    return Outcome(
        fault=Fault("deadline_exceeded", "the caller disconnected"), left=True
    )
