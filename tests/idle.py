"""Time for tests with real sockets in one process: it passes only when nothing happens.

How long a limit is, compared with how long work takes, then depends on nobody's
machine: work takes no time at all, and silence takes all of it, at once.
"""

from __future__ import annotations

import select
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IReactorUDP,
)
from twisted.internet.task import Clock
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

# What the kernel carries over loopback is there at once, or a little later when it is
# busy itself: so long (milliseconds) nothing has to happen before time goes on.
QUIET_MS = 20
# The kernel had no time for that, or for us, when this wait takes longer than so many
# seconds: then it is waited for again, so many times at most.
QUIET_LATE = 0.03
QUIET_TIMES = 20
# Delays up to this (seconds) mean "in the next turn", whatever else there is to do.
NEXT_TURN = 0.001


@implementer(IReactorTime, IReactorTCP, IReactorUDP, IReactorPluggableNameResolver)
class IdleTime:
    """The reactor, with a clock that jumps to the next timer whenever all is quiet.

    Both sides of every connection have to be in this process: what happens elsewhere
    cannot be seen. `stop` fails when a timer was left.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._clock = Clock()
        self._clock.rightNow = reactor.seconds()
        self._turn: IDelayedCall = reactor.callLater(0, self._look)
        # threads beside the reactor's own: while one of them works, time stands still
        self.pools: list[ThreadPool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def seconds(self) -> float:
        """The time that was spent waiting."""
        return self._clock.seconds()

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> IDelayedCall:
        """Call when so much time was spent waiting."""
        clock: Any = self._clock if delay > 0 else self._reactor
        call: IDelayedCall = clock.callLater(delay, callable, *args, **kw)
        return call

    def getDelayedCalls(self) -> Any:
        """What is still to be called, of this clock's."""
        return self._clock.getDelayedCalls()

    def stop(self) -> None:
        """Time stands still for good."""
        self._turn.cancel()
        left = self._clock.getDelayedCalls()
        assert not left, f"left on the clock: {left}"

    def _look(self) -> None:
        """Once in each turn of the reactor."""
        self._turn = self._reactor.callLater(0, self._look)
        due = [call.getTime() for call in self._clock.getDelayedCalls()]
        ahead = min(due, default=0.0) - self._clock.seconds()
        if due and (ahead <= NEXT_TURN or self._is_quiet()):
            self._clock.advance(max(0.0, ahead))

    def _is_quiet(self) -> bool:
        """No timer of the reactor's own is due, no thread works, no socket stirs."""
        now = self._reactor.seconds()
        calls = self._reactor.getDelayedCalls()
        if any(each is not self._turn and each.getTime() <= now for each in calls):
            return False
        if any(pool.working for pool in (self._reactor.getThreadPool(), *self.pools)):
            return False
        events: dict[int, int] = defaultdict(int)
        for each in self._reactor.getReaders():
            events[each.fileno()] |= select.POLLIN
        for each in self._reactor.getWriters():
            events[each.fileno()] |= select.POLLOUT
        watched = select.poll()
        for number, wanted in events.items():
            if number >= 0:
                watched.register(number, wanted)
        for _ in range(QUIET_TIMES):
            began = self._reactor.seconds()
            if watched.poll(QUIET_MS):
                return False
            if self._reactor.seconds() - began <= QUIET_LATE:
                break
        return True
