"""Faults on request, in the demo alone: the header `Streamr-Fault`.

    429        TMDB's own answer to too many requests, with Retry-After
    slow=3s    the right answer, after that long
    reset      no answer: the caller's connection is reset
    stale      the right answer, as if it had outlived its lifetime

So a front end can try its own error handling, call by call. Other daemons grant no
wishes, and ignore the header.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from streamr.boundaries import (
    STORED,
    Answer,
    CacheUse,
    Call,
    Exchange,
    Outcome,
    Query,
    StoredResponse,
)
from streamr.errors import Envelope, Refusal
from streamr.fields import names
from streamr.gateway.gateway import Gateway
from streamr.interfaces import Observer
from streamr.policy import cachekey, freshness, representation
from streamr.web.access import Reset

# Longer than every client's own time-out that is worth trying.
MOST_SECONDS = 30.0
# How far beyond its lifetime a stale answer is; every class may be served that late
# when TMDB fails (the least of freshness.CLASSES is a day).
STALE_BY = freshness.HOUR
# What TMDB's limit makes clients wait.
RETRY_AFTER = "10"

_PLAIN = ("429", "reset", "stale")
_SLOW = re.compile(r"slow=([0-9]{1,5}(?:\.[0-9]{1,3})?)(ms|s)")
# TMDB's words (https://developer.themoviedb.org/docs/errors).
_TOO_MANY = {
    "success": False,
    "status_code": int(Envelope.RATE),
    "status_message": "Your request count (41) is over the allowed limit of (40).",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish: its kind, and for `slow` how many seconds."""

    kind: str
    seconds: float = 0.0


def read(text: str) -> Wish:
    """The wish of a header. Raises Refusal with what is allowed."""
    match = _SLOW.fullmatch(text)
    if match is not None:
        seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
        if seconds <= MOST_SECONDS:
            return Wish("slow", seconds)
    if text in _PLAIN:
        return Wish(text)
    raise Refusal(
        400,
        Envelope.INPUT,
        f"Invalid header: {names.FAULT} is {text[:40]!r}; allowed: 429, reset, stale, "
        f"slow=3s (or slow=250ms; up to {MOST_SECONDS:g}s).",
    )


class WishGranter:
    """Answers the queries that come with a wish."""

    def __init__(
        self, gateway: Gateway, clock: IReactorTime, observer: Observer
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._observer = observer

    def grant(
        self, text: str, query: Query, call: Call, *, past_store: bool
    ) -> Deferred[Exchange | Reset]:
        """Answer as the header's text wishes. Raises Refusal; never fails later."""
        wish = read(text)
        if wish.kind == "429":
            return succeed(self._too_many(query, call))
        if wish.kind == "reset":
            self._note(query, call, Outcome(left=True))
            return succeed(Reset())
        if wish.kind == "slow":
            late = self._late(wish.seconds, query, call, past_store)
            return Deferred.fromCoroutine(late)
        answering = self._gateway.answer(query, call, past_store=past_store)
        return answering.addCallback(self._aged, query)

    async def _late(
        self, seconds: float, query: Query, call: Call, past_store: bool
    ) -> Exchange | Reset:
        """The deadline begins after the wait: the answer shall be the right one."""
        try:
            await deferLater(self._clock, seconds)
        except CancelledError:
            return self._note(query, call, Outcome(left=True))
        later = replace(call, deadline=call.deadline + seconds)
        return await self._gateway.answer(query, later, past_store=past_store)

    def _too_many(self, query: Query, call: Call) -> Exchange:
        answer = Answer(429, json.dumps(_TOO_MANY).encode(), retry_after=RETRY_AFTER)
        return self._note(query, call, Outcome(answer))

    def _note(self, query: Query, call: Call, outcome: Outcome) -> Exchange:
        """An exchange that never reached the gateway is told as its are."""
        use = CacheUse(forward="bypass", detail="streamr-fault")
        exchange = Exchange(
            server=self._gateway.server,
            request_id=call.request_id,
            method=call.method,
            target=call.target,
            status=outcome.status,
            ms=0,
            template=query.template,
            outcome=replace(outcome, cache=use),
        )
        self._observer.note(exchange)
        return exchange

    def _aged(self, exchange: Exchange, query: Query) -> Exchange:
        """The exchange as if its answer were a copy that TMDB's failure left us."""
        now = self._clock.seconds()
        stored = exchange.outcome.stored or self._kept(exchange, query, now)
        if stored is None or stored.status != 200:
            return exchange
        age = stored.lifetime + STALE_BY
        return replace(
            exchange,
            outcome=Outcome(
                source=STORED,
                stored=replace(stored, stored_at=now - age),
                age=age,
                cache=CacheUse(ttl=-int(STALE_BY), detail="stale-if-error"),
            ),
        )

    def _kept(
        self, exchange: Exchange, query: Query, now: float
    ) -> StoredResponse | None:
        """The copy that a cache would have made of the answer."""
        if exchange.outcome.answer is None or exchange.outcome.answer.status != 200:
            return None
        terms = freshness.terms(exchange.outcome.answer, query.freshness)
        if terms is None:
            return None
        return representation.ready(
            cachekey.key(query), query, exchange.outcome.answer, terms, now
        )
