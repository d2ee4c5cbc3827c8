"""What several tests need: fakes that are checked, and values with short names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from streamr.boundaries import (
    Answer,
    Budget,
    Call,
    Dimensions,
    Exchange,
    Hit,
    Outcome,
    Query,
    Validators,
)
from streamr.errors import Attempt, Fault, RouteKind
from streamr.gateway.cache import Cache
from streamr.gateway.fleet import FleetFlights
from streamr.gateway.gateway import Gateway
from streamr.gateway.negative import NegativeCache
from streamr.gateway.telling import Teller
from streamr.interfaces import Observer, Progress, Route, SharedTier, Store, Veto
from streamr.policy.retry import HEDGE_AFTER
from streamr.routing.failover import Failover
from streamr.routing.health import Health
from streamr.tmdb.lifetimes import CLASSES
from streamr.upstream.classify import JSON

QUERY = Query("/movie/550", (), "/movie/{movie_id}", freshness=CLASSES["details"])
# The fields of an exchange that stand in its outcome.
OUTCOME = {each.name for each in fields(Outcome)}
GOOD = Answer(200, b'{"id":550}')


def head(
    status: int,
    content_type: str = JSON,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    **more: Any,
) -> Answer:
    """A response without its body."""
    known = (etag, last_modified) != (None, None)
    validators = Validators(etag, last_modified) if known else None
    return Answer(status, b"", None, content_type, validators=validators, **more)


def call(deadline: float = 8.0, **more: Any) -> Call:
    return Call("req-1", deadline, **more)


@dataclass
class Sent:
    """One try that a FakeRoute was asked for; the test decides how it ends."""

    query: Query
    call: Call
    budget: Budget
    new_connection: bool
    result: Deferred[Answer]
    progress: Progress
    veto: Veto
    cancelled: bool = False

    def waits(self) -> None:
        """It stands in the queue of its host."""
        self.progress.queued()

    def leaves(self) -> None:
        """Its turn has come; it ends here when it need not leave any more."""
        refused = self.veto()
        if refused is not None:
            self.result.errback(refused)
        else:
            self.progress.sent()

    def is_heard(self) -> None:
        """Its first byte has come."""
        self.progress.first_byte()


@dataclass
class FakeRoute:
    """A route whose every try waits for the test (verified in test_gateway)."""

    name: str = "direct"
    kind: RouteKind = RouteKind.DIRECT
    next_hop: str = "api.test.invalid"
    dimensions: Dimensions = field(
        default_factory=lambda: Dimensions("api.test.invalid", "modern", "auto", "here")
    )
    patience: float = HEDGE_AFTER
    sent: list[Sent] = field(default_factory=list)
    on_cancel: Callable[[Deferred[Answer]], None] = lambda _result: None

    def send(
        self,
        query: Query,
        call: Call,
        budget: Budget,
        *,
        new_connection: bool,
        progress: Progress,
        veto: Veto,
    ) -> Deferred[Answer]:
        def cancelled(_result: Deferred[Answer]) -> None:
            sent.cancelled = True
            self.on_cancel(sent.result)

        result: Deferred[Answer] = Deferred(cancelled)
        sent = Sent(query, call, budget, new_connection, result, progress, veto)
        self.sent.append(sent)
        return sent.result

    def succeeds(self, answer: Answer = GOOD) -> None:
        self.sent[-1].result.callback(answer)

    def fails(
        self, cause: str, attempts: tuple[Attempt, ...] = (), **more: Any
    ) -> None:
        self.sent[-1].result.errback(Fault(cause, "", attempts, **more))


_conforms: type[Route] = FakeRoute


def late() -> Clock:
    """A clock that, as a machine's does, has run for a while."""
    clock = Clock()
    clock.advance(5000.0)
    return clock


def exchange(
    server: str = "streamr-main",
    request_id: str = "id",
    method: str = "GET",
    target: str = "/",
    status: int = 200,
    ms: int = 1,
    template: str | None = None,
    *,
    renewal: bool = False,
    **outcome: Any,
) -> Exchange:
    """An exchange, with the fields of its outcome beside its own; the kind of the route
    follows from the source's name."""
    if "source" in outcome:
        outcome.setdefault("kind", kind_of(outcome["source"]))
    return Exchange(
        server,
        request_id,
        method,
        target,
        status,
        ms,
        template,
        Outcome(**outcome),
        renewal,
    )


def tell(observer: Observer, told: Exchange) -> None:
    """Tell an observer of an exchange as a gateway does: its tries first."""
    for attempt in told.outcome.attempts:
        observer.tried(told.server, attempt)
    observer.note(told)


def kind_of(source: str | None) -> RouteKind | None:
    """The kind of a route with such a name."""
    if source in (None, "cache"):
        return None
    if source == "direct":
        return RouteKind.DIRECT
    return RouteKind.PEER if source.startswith("proxy@") else RouteKind.ORIGIN


def but(known: Exchange, **changes: Any) -> Exchange:
    """The same exchange with other values, also of its outcome."""
    inside = {name: changes.pop(name) for name in OUTCOME & changes.keys()}
    if "source" in inside:
        inside.setdefault("kind", kind_of(inside["source"]))
    return replace(known, outcome=replace(known.outcome, **inside), **changes)


def gateway_over(
    chain: Failover | list[FakeRoute],
    clock: Any,
    observer: Observer,
    server: str = "streamr-main",
    store: Store | None = None,
    *,
    deadline: float = 8.0,
    threads: Any = None,
    tier: SharedTier | None = None,
) -> Gateway:
    """A gateway over routes, put together as the app does; with a store it has a
    cache, and with a tier other nodes. What is heavy is made at once, unless `threads`
    does it."""
    tried = partial(observer.tried, server)
    failover = (
        failover_over(chain, clock, tried=tried) if isinstance(chain, list) else chain
    )
    teller = Teller(server, clock, observer)
    asking = NegativeCache(failover, clock)
    if store is None:
        return Gateway(asking, clock, teller)
    in_thread = threads or (lambda work: succeed(work()))
    fleet = None if tier is None else FleetFlights(tier, store, clock)
    cache = Cache(asking, store, clock, deadline, in_thread, teller.renewed, fleet)
    return Gateway(asking, clock, teller, cache)


def failover_over(
    routes: list[FakeRoute],
    clock: Any,
    *,
    tried: Callable[[Attempt], object] = lambda _attempt: None,
    hedge: bool = True,
    retries: float = 0.0,
) -> Failover:
    """Failover as they are in production, but for jitter and chance."""
    health = Health(routes, clock, lambda: 1000.0, chance=lambda: 0.5)
    return Failover(
        health,
        clock,
        tried=tried,
        hedge=hedge,
        chance=lambda: retries,
    )


@dataclass
class Notes:
    """An observer that remembers."""

    exchanges: list[Exchange] = field(default_factory=list)
    attempts: list[tuple[str, Attempt]] = field(default_factory=list)

    def tried(self, server: str, attempt: Attempt) -> None:
        self.attempts.append((server, attempt))

    def note(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def hits(self, hits: Sequence[tuple[Hit, str]]) -> None:
        for hit, request_id in hits:
            self.note(replace(hit.exchange, request_id=request_id))


_observes: type[Observer] = Notes


def turn(clock: Clock) -> None:
    """One turn of a reactor: what is due now, but not what is asked for meanwhile
    (`Clock.advance` goes on until nothing is due)."""
    now = clock.seconds()
    due = [each for each in clock.getDelayedCalls() if each.getTime() <= now]
    jobs = [(each.func, each.args, each.kw) for each in due]
    for each in due:
        each.cancel()
    for function, positional, named in jobs:
        function(*positional, **named)
