"""The conductor: a caller's query in, one Exchange out, told to telemetry once."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from streamr.boundaries import Call, Exchange, Outcome, Query
from streamr.errors import CLIENT_LEFT, Fault
from streamr.gateway.cache import Cache, Served, Threads
from streamr.interfaces import Observer, Route, Store
from streamr.routing.failover import Ways


class Gateway:
    """Answers queries over its ways, from its store where it has one.

    Only main has a store: the proxy answers main's hop from a fetch of its own.
    """

    def __init__(
        self,
        server: str,
        ways: Ways,
        clock: IReactorTime,
        observer: Observer,
    ) -> None:
        self.server = server
        self.ways = ways
        self.cache: Cache | None = None
        self._clock = clock
        self._observer = observer

    def remember(self, store: Store, deadline: float, threads: Threads) -> None:
        """Answer from this store from now on; a flight takes `deadline` s at most."""
        self.cache = Cache(
            self.ways, store, self._clock, deadline, threads, self._renewed
        )

    def answer(
        self, query: Query, call: Call, *, past_store: bool = False
    ) -> Deferred[Exchange]:
        """Answer a query by the call's deadline; `past_store` asks TMDB
        whatever is stored.

        Fires with an Exchange that holds the answer or the fault, and never fails;
        cancelling it closes what nobody else waits for.
        """
        if self.cache is not None:
            serve = self.cache.fetch if past_store else self.cache.serve
            return self._told(serve(query, call), query, call)
        return self._told(
            self.ways.travel(query, call).addCallback(Served), query, call
        )

    def ask(self, route: Route, query: Query, call: Call) -> Deferred[Exchange]:
        """Answer a query over one route alone, to see whether it works."""
        asking = self.ways.over(route, query, call).addCallback(Served)
        return self._told(asking, query, call)

    def _told(
        self, serving: Deferred[Served], query: Query, call: Call
    ) -> Deferred[Exchange]:
        began = self._clock.seconds()
        serving.addErrback(_left)
        return serving.addCallback(self._note, query, call, began)

    def _renewed(
        self, query: Query, call: Call, outcome: Outcome, began: float
    ) -> None:
        """A refresh that nobody waited for is told as well."""
        self._note(Served(outcome), query, call, began, f"(renewed) {query.path}")

    def _note(
        self,
        served: Served,
        query: Query,
        call: Call,
        began: float,
        target: str | None = None,
    ) -> Exchange:
        """Close the request: one frozen Exchange, told once."""
        outcome = served.outcome
        exchange = Exchange(
            server=self.server,
            request_id=call.request_id,
            method=call.method,
            target=target or call.target,
            status=outcome.status,
            ms=max(0, round((self._clock.seconds() - began) * 1000)),
            template=query.template,
            answer=outcome.answer,
            fault=outcome.fault,
            source=outcome.source,
            attempts=outcome.attempts,
            stored=served.stored,
            age=served.age,
            cache=served.cache,
        )
        self._observer.note(exchange)
        return exchange


def _left(failure: Failure) -> Served:
    failure.trap(CancelledError)
    fault = Fault("deadline_exceeded", "the caller left")
    return Served(Outcome(None, fault, None, (), CLIENT_LEFT))
