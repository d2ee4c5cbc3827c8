"""Racing connections: the first that is ready carries the request, the rest end.

Two needs, one race. The addresses of a name are tried one after the other and, where
one is slow, side by side (RFC 8305, "Happy Eyeballs"), and not TCP alone: a network may
let TCP through to one address and reset TLS there (docs/facts/routes.md, "TLS decides
about an address"). And where handshakes are reset at random, a few connections are
started at once, so that resets are paid once, and not by each request (at p = 0.5 all
three fail once in eight).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.upstream.classify import classify, most_telling
from streamr.upstream.dial.handover import Handover
from streamr.upstream.dial.tap import Leg

# A name's addresses mostly fail alike, and a CDN counts connections.
MOST_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Racer:
    """One connection that may be made: how, and where its evidence goes.

    `make` is called when it is its turn.
    """

    leg: Leg
    make: Callable[[], IStreamClientEndpoint]


@dataclass(frozen=True, slots=True)
class Rules:
    """How a race goes.

    `secure` says that a connection is ready when its handshake has ended well, not when
    TCP stands. `at_once` racers start together; the next one follows when one fails, or
    after `delay` seconds, or, where TCP stands, when its handshake takes longer than
    `patience`: each one is a burden to a slow line. Who has seen several fail is in a
    hurry: then as many run side by side, up to MOST_AT_ONCE.
    """

    secure: bool
    at_once: int
    delay: Callable[[], float]
    patience: float


class ConnectionRace:
    """Several connections, one of which will carry the request.

    `won` fires with the protocol that the factory makes, on the connection that was
    ready first, or fails with the most telling Fault when none was. Cancelling it
    closes all.
    """

    def __init__(
        self,
        racers: Sequence[Racer],
        factory: IProtocolFactory,
        rules: Rules,
        clock: IReactorTime,
    ) -> None:
        self.won: Deferred[IProtocol] = Deferred(lambda _won: self._stop())
        self._over = False
        self._factory = factory
        self._rules = rules
        self._clock = clock
        self._legs = [each.leg for each in racers]
        self._next: Iterator[Racer] = iter(racers)
        self._left = len(racers)
        self._failures = 0
        self._connecting: dict[Leg, Deferred[IProtocol]] = {}
        self._running: list[_Runner] = []
        self._timer: IDelayedCall | None = None
        for _ in range(min(rules.at_once, len(racers))):
            self._start()

    def ready(self, runner: _Runner) -> None:
        """A connection is ready: the first one wins."""
        if self._over:
            runner.abort()
            return
        self._running.remove(runner)
        # over plain TCP its endpoint has not fired yet, and is not to be cancelled
        self._connecting.pop(runner.leg, None)
        runner.leg.ready()
        real: Any = self._factory.buildProtocol(None)  # type: ignore[arg-type]
        runner.adopt(real)
        self._stop()
        self.won.callback(real)

    def lost(self, runner: _Runner, reason: Failure) -> None:
        """A connection has ended before it was ready."""
        if runner in self._running:
            self._running.remove(runner)
            self._failed(reason, runner.leg)

    def enter(self, leg: Leg) -> _Runner:
        """One more connection stands."""
        kind = _SecureRunner if self._rules.secure else _Runner
        self._running.append(kind(self, leg))
        return self._running[-1]

    def _start(self) -> None:
        """The next racer, and a look at the one after it in a moment."""
        racer = next(self._next, None)
        if racer is None or self._over:
            return
        leg, runners = racer.leg, _Runners(self, racer.leg)
        # who races has more than one reason to ask an address again
        connecting = leg.connect(
            lambda: racer.make().connect(runners), knocks=self._rules.at_once == 1
        )
        self._connecting[leg] = connecting
        connecting.addErrback(self._failed, leg)
        self._hush()
        if not self._over:
            self._timer = self._clock.callLater(self._rules.delay(), self._look)

    def _look(self) -> None:
        """Start the next one, unless something has only just begun."""
        due = max(map(self._patient_until, self._under_way), default=-math.inf)
        left = due - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._look)
        else:
            self._start()

    def _patient_until(self, leg: Leg) -> float:
        """So long nothing else is tried for the sake of this one."""
        if leg.greeted_at is not None:
            return leg.greeted_at + self._rules.patience
        return (leg.asked_at or 0.0) + self._rules.delay()

    def _failed(self, failure: Failure, leg: Leg) -> None:
        if self._over:
            return
        leg.fault = classify(failure, leg)
        self._left -= 1
        self._failures += 1
        if self._left == 0:
            self._stop()
            told = most_telling(self._legs)
            if told is not None and self._failures > 1:
                told.final = True  # several tries have said so
            self.won.errback(failure if told is None else Failure(told))
        else:
            self._start()
            if len(self._under_way) < min(self._failures, MOST_AT_ONCE):
                self._start()

    @property
    def _under_way(self) -> list[Leg]:
        return [each for each in self._connecting if each.fault is None]

    def _stop(self) -> None:
        self._over = True
        self._hush()
        for connecting in self._connecting.values():
            connecting.cancel()
        running, self._running = self._running, []
        for runner in running:
            runner.abort()

    def _hush(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


class _Runner(Handover):
    """One connection of a race; the winner hands everything on to the real protocol."""

    def __init__(self, race: ConnectionRace, leg: Leg) -> None:
        self._race = race
        self.leg = leg

    def connectionMade(self) -> None:
        self._race.ready(self)

    def abort(self) -> None:
        """Close it at once."""
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]
        elif self.leg.tap is not None:
            self.leg.tap.abort()  # it waits for its turn to begin with TLS

    def lost(self, reason: Failure) -> None:
        self._race.lost(self, reason)


@implementer(IHandshakeListener)
class _SecureRunner(_Runner):
    """One over TLS: it is ready when its handshake has ended well."""

    def connectionMade(self) -> None:
        """TCP alone is not enough."""

    def handshakeCompleted(self) -> None:
        self._race.ready(self)

    def adopt(self, real: Any) -> None:
        super().adopt(real)
        if IHandshakeListener.providedBy(real):
            real.handshakeCompleted()


class _Runners(Factory):
    """Makes the protocol of one racer."""

    noisy = False

    def __init__(self, race: ConnectionRace, leg: Leg) -> None:
        self._race = race
        self._leg = leg

    def buildProtocol(self, addr: IAddress | None) -> _Runner:
        return self._race.enter(self._leg)
