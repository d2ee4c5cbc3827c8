"""The conductor: a caller's query in, one Exchange out, told to telemetry once."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from streamr.boundaries import Call, Exchange, Observer, Outcome, Query, Route
from streamr.errors import Fault
from streamr.ways import Ways

# What a caller who left is noted as (nginx's word for it: client closed request).
CLIENT_LEFT = 499


class Gateway:
    """Answers queries over its ways."""

    def __init__(
        self, server: str, ways: Ways, clock: IReactorTime, observer: Observer
    ) -> None:
        self.server = server
        self.ways = ways
        self._clock = clock
        self._observer = observer

    def answer(self, query: Query, call: Call) -> Deferred[Exchange]:
        """Answer a query by the call's deadline.

        Fires with an Exchange that holds the answer or the fault, and never fails;
        cancelling it closes what is under way.
        """
        return self._told(self.ways.travel(query, call), query, call)

    def ask(self, route: Route, query: Query, call: Call) -> Deferred[Exchange]:
        """Answer a query over one route alone, to see whether it works."""
        return self._told(self.ways.over(route, query, call), query, call)

    def _told(
        self, travelling: Deferred[Outcome], query: Query, call: Call
    ) -> Deferred[Exchange]:
        began = self._clock.seconds()
        travelling.addErrback(_left)
        return travelling.addCallback(self._note, query, call, began)

    def _note(
        self, outcome: Outcome, query: Query, call: Call, began: float
    ) -> Exchange:
        """Close the request: one frozen Exchange, told once."""
        exchange = Exchange(
            server=self.server,
            request_id=call.request_id,
            method=call.method,
            target=call.target,
            status=outcome.status,
            ms=max(0, round((self._clock.seconds() - began) * 1000)),
            template=query.template,
            answer=outcome.answer,
            fault=outcome.fault,
            source=outcome.source,
            attempts=outcome.attempts,
        )
        self._observer.note(exchange)
        return exchange


def _left(failure: Failure) -> Outcome:
    failure.trap(CancelledError)
    fault = Fault("deadline_exceeded", "the caller left")
    return Outcome(None, fault, None, (), CLIENT_LEFT)
