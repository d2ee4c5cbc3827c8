"""How late the doctor itself was: what a busy machine does to a trial is seen here.

A silence that falls into a time in which the reactor came late may be the machine's:
the answer was there, and nobody had the time to read it. Each trial is told how late
the reactor was meanwhile; what follows from that is decided over the evidence
(`is_starved`), and a trial that says nothing is made again here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from streamr.doctor.evidence import (
    Connect,
    EgressReply,
    Handshake,
    HostReply,
    NameLookup,
    ProxyReply,
)
from streamr.observe.lag import EVERY, LoopLag

# A trial lasts a second or more: looks this far apart (seconds) leave no room between
# them for a stall that counts.
LOOK_EVERY = 0.1
# So often a trial is made before "too busy to judge" stands. More would only add to
# what the machine has to do.
MOST_TRIES = 3

Trial = TypeVar(
    "Trial", NameLookup, Connect, Handshake, HostReply, ProxyReply, EgressReply
)


class Lateness:
    """Watches the reactor while the doctor examines; `worst` is in seconds."""

    def __init__(self, clock: IReactorTime) -> None:
        self.worst = 0.0
        self._clock = clock
        self._pace = EVERY / LOOK_EVERY
        self._late: list[tuple[float, float]] = []
        self._lag = LoopLag(_Quick(clock, self._pace), self._note)

    def start(self) -> None:
        """Look from now on."""
        self._lag.start()

    def stop(self) -> None:
        """Leave no timer."""
        self._lag.stop()

    def since(self, began: float) -> float:
        """The longest that the reactor was late since a reading of the clock."""
        return max((lag for at, lag in self._late if at > began), default=0.0)

    async def told(self, trial: Awaitable[Trial]) -> Trial:
        """One trial, told how late the reactor was in its time."""
        began = self._clock.seconds()
        found: Trial = await trial
        return replace(found, lag=round(self.since(began), 2))

    async def fair(self, trial: Callable[[], Awaitable[Trial]]) -> Trial:
        """A trial, made again while the machine was too busy for it."""
        for _ in range(MOST_TRIES - 1):
            found = await self.told(trial())
            if not found.starved:
                return found
        return await self.told(trial())

    def _note(self, lag: float) -> None:
        late = lag / self._pace
        self.worst = max(self.worst, late)
        if late:
            self._late.append((self._clock.seconds(), late))


@implementer(IReactorTime)
class _Quick:
    """A clock that runs faster: a LoopLag on it looks as much more often."""

    def __init__(self, clock: IReactorTime, pace: float) -> None:
        self._clock = clock
        self._pace = pace

    def seconds(self) -> float:
        return float(self._clock.seconds() * self._pace)

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        return self._clock.callLater(delay / self._pace, callable, *args, **kw)

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        return self._clock.getDelayedCalls()
