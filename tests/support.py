"""What several tests need: fakes that are checked, and values with short names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from streamr.boundaries import Answer, Budget, Call, Dimensions, Exchange, Query
from streamr.errors import Attempt, Fault
from streamr.interfaces import Progress, Route, Veto
from streamr.routing.failover import Ways
from streamr.routing.health import Health
from streamr.tmdb.lifetimes import CLASSES

QUERY = Query("/movie/550", (), "/movie/{movie_id}", freshness=CLASSES["details"])
GOOD = Answer(200, b'{"id":550}')


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
    hop: bool = False
    next_hop: str = "api.test.invalid"
    dimensions: Dimensions = field(
        default_factory=lambda: Dimensions("api.test.invalid", "modern", "auto", "here")
    )
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


def ways(
    routes: list[FakeRoute], clock: Any, *, hedge: bool = True, retries: float = 0.0
) -> Ways:
    """Ways as they are in production, but for jitter and chance."""
    health = Health(routes, clock, lambda: 1000.0, chance=lambda: 0.5)
    return Ways(health, clock, hedge=hedge, chance=lambda: retries)


@dataclass
class Notes:
    """An observer that remembers."""

    exchanges: list[Exchange] = field(default_factory=list)

    def note(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)


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
