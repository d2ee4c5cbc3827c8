"""How a request is closed: one frozen Exchange, told to telemetry once."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from streamr.boundaries import Call, Exchange, Outcome, Query
from streamr.interfaces import Observer


class Teller:
    """Makes the exchanges of one server, and tells each to its observer."""

    def __init__(self, server: str, clock: IReactorTime, observer: Observer) -> None:
        self.server = server
        self._clock = clock
        self._observer = observer

    def answered(
        self, outcome: Outcome, query: Query, call: Call, began: float
    ) -> Exchange:
        """A caller's request has ended; it came at `began` (monotonic seconds)."""
        return self._tell(outcome, query, call, began, call.target, renewal=False)

    def renewed(
        self, outcome: Outcome, query: Query, call: Call, began: float
    ) -> Exchange:
        """A refresh has ended that nobody waited for."""
        return self._tell(outcome, query, call, began, query.path, renewal=True)

    def _tell(
        self,
        outcome: Outcome,
        query: Query,
        call: Call,
        began: float,
        target: str,
        *,
        renewal: bool,
    ) -> Exchange:
        exchange = Exchange(
            server=call.listener or self.server,
            request_id=call.request_id,
            method=call.method,
            target=target,
            status=outcome.status,
            ms=max(0, round((self._clock.seconds() - began) * 1000)),
            template=query.template,
            outcome=outcome,
            renewal=renewal,
            hop=bool(call.loop),
        )
        self._observer.note(exchange)
        return exchange
