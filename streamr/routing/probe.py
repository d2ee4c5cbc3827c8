"""One probe of a route: something small is asked for, to see whether it answers."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.boundaries import Answer, Call, Expected, Query
from streamr.errors import Fault, RouteKind
from streamr.interfaces import Progress, Route
from streamr.policy.deadline import share

_log = Logger()

# What a probe asks for: small, always there, and it needs a valid key.
PROBE = Query("/configuration", (), "/configuration", expected=Expected(("images",)))
# How long a probe may take before it counts as no answer at all.
PROBE_SECONDS = 5.0
# The same when somebody waits for the verdict at a page: it is told within a second.
LOOK_SECONDS = 0.7


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of a probe: how long it took (seconds), and why it failed. `broke` is
    an error of our own."""

    took: float
    fault: Fault | None = None
    broke: bool = False


def probe(route: Route, clock: IReactorTime, seconds: float) -> Deferred[Probed]:
    """Ask over a route, for so long at most.

    A connection that is slow to build but quick to answer is sound: a slow first answer
    is asked again over the connection that is now there. Fails with CancelledError when
    it was given up, and with nothing else.
    """
    asked = _Asked(clock)
    asking = _ask(route, clock, asked, seconds)
    asking.addCallback(_again_if_slow, route, clock, asked, seconds)
    return asking.addCallbacks(Probed, _failed, errbackArgs=(route, asked))


def _ask(
    route: Route, clock: IReactorTime, asked: _Asked, seconds: float
) -> Deferred[Answer]:
    name, until = f"probe-{token_hex(4)}", clock.seconds() + seconds
    asking = maybeDeferred(
        route.send,
        PROBE,
        Call(name, until, target=PROBE.path, probe=True),
        share(seconds, 1, hop=route.kind is RouteKind.PEER),
        new_connection=False,
        progress=asked,
        veto=_may_leave,
    )
    return asking.addTimeout(seconds, clock, _too_late)


def _again_if_slow(
    _answer: Answer, route: Route, clock: IReactorTime, asked: _Asked, seconds: float
) -> float | Deferred[float]:
    """How long the answer took, in seconds."""
    took = asked.took()
    if took <= route.patience:
        return took
    again = _Asked(clock)
    asking = _ask(route, clock, again, seconds)
    return asking.addCallback(lambda _answer: again.took())


def _failed(failure: Failure, route: Route, asked: _Asked) -> Probed | Failure:
    if failure.check(CancelledError):
        return failure
    if isinstance(failure.value, Fault):
        return Probed(asked.took(), failure.value)
    _log.failure(
        "A probe of {route} broke",
        failure=failure,
        route=route.name,
        code="probe-broke",
    )
    detail = type(failure.value).__name__
    return Probed(asked.took(), Fault("proxy_internal_error", detail), broke=True)


class _Asked:
    """When a probe left (interfaces.Progress): waiting for its turn is not counted."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._left_at = clock.seconds()

    def queued(self) -> None:
        """It is judged by its answer alone."""

    def sent(self) -> None:
        self._left_at = self._clock.seconds()

    def alive(self) -> None:
        """It is judged by its answer alone."""

    def first_byte(self) -> None:
        """It is judged by its answer alone."""

    def took(self) -> float:
        """Seconds since it left."""
        return self._clock.seconds() - self._left_at


_follows: type[Progress] = _Asked


def _may_leave() -> None:
    """A probe finds out for itself."""


def _too_late(_result: object, seconds: float) -> Failure:
    return Failure(Fault("http_response_timeout", f"no answer within {seconds:g} s"))
