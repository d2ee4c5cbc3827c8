"""Pacing towards one of TMDB's hosts: a rate, a number of requests at once, a queue.

TMDB counts addresses, so a pacer belongs to the process and the host: main and proxy
share it. A 429 pauses the host: until Retry-After, or longer each time when TMDB names
none; within that time no request leaves.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from streamr.errors import Fault, too_many_waiting
from streamr.policy.budgets import TokenBucket

T = TypeVar("T")

# What may leave at once after a quiet moment.
BURST = 10.0
# Waiting longer is worse than an honest 503; waiting callers cost memory, too.
MOST_WAITING = 200
LONGEST_WAIT = 2.0
# Without Retry-After: this long, then twice, up to a minute (seconds).
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
# A Retry-After beyond an hour is a mistake, or a ban that a probe should find ended.
LONGEST_RETRY_AFTER = 3600.0


@dataclass(slots=True, eq=False)
class _Waiting:
    start: Callable[[], None]
    fail: Callable[[Fault], None]
    expires: IDelayedCall


class Pacer:
    """Lets calls to one host pass at the agreed pace."""

    def __init__(self, clock: IReactorTime, rate: float, at_once: int) -> None:
        """`rate` is in requests a second."""
        now = clock.seconds()
        burst = max(1.0, min(BURST, rate))
        self._clock = clock
        self._bucket = TokenBucket(rate, burst, burst, now)
        self._free = at_once
        self._queue: deque[_Waiting] = deque()
        self._timer: IDelayedCall | None = None
        self._paused_until = now
        self._pause = FIRST_PAUSE
        self._passed = 0

    @property
    def passed(self) -> int:
        """How many requests have left."""
        return self._passed

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return len(self._queue)

    @property
    def free(self) -> int:
        """How many more requests may be under way at once."""
        return self._free

    @property
    def paused(self) -> float:
        """What is left of the host's pause, in seconds; 0 without one."""
        return max(0.0, self._paused_until - self._clock.seconds())

    def run(
        self,
        call: Callable[[], Deferred[T]],
        queued: Callable[[], None],
        *,
        first: bool = False,
    ) -> Deferred[T]:
        """Make the call when it is its turn; `queued` is told when it has to wait.

        One that goes `first` has the next turn: a probe, on whose answer depends what
        becomes of those who wait. Fails with Fault when the host is paused or the wait
        gets too long.
        """
        now = self._clock.seconds()
        if now < self._paused_until:
            return fail(_limited(self._paused_until - now))
        if self._free > 0 and not self._queue and self._bucket.wait(now) == 0:
            return self._begin(call)
        if len(self._queue) >= MOST_WAITING and not first:
            return fail(too_many_waiting())
        queued()
        return self._wait(call, first)

    def borrow(self, wanted: int) -> int:
        """Take up to so many places more, for one who races connections; 0 when
        others wait. They are given back when the race is over."""
        granted = 0 if self._queue else max(0, min(wanted, self._free))
        self._free -= granted
        return granted

    def give_back(self, places: int) -> None:
        """Places that were borrowed are free again."""
        self._free += places
        if self._queue:
            self._look_later(0)

    def limited(self, named: float | None) -> float:
        """TMDB has answered 429: pause, tell those who wait. Returns the seconds.

        `named` is how long TMDB asks for, in seconds; None when it does not say.
        """
        if named is not None:
            seconds = min(named, LONGEST_RETRY_AFTER)
        else:
            seconds, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        now = self._clock.seconds()
        self._paused_until = max(self._paused_until, now + seconds)
        queue, self._queue = self._queue, deque()
        self._look_later(None)
        for waiting in queue:
            waiting.expires.cancel()
            waiting.fail(_limited(self._paused_until - now))
        return seconds

    def answered(self) -> None:
        """TMDB has answered otherwise: the next pause is a short one again."""
        self._pause = FIRST_PAUSE

    def _begin(self, call: Callable[[], Deferred[T]]) -> Deferred[T]:
        self._bucket = self._bucket.taken(self._clock.seconds())
        self._free -= 1
        self._passed += 1
        return maybeDeferred(call).addBoth(self._done)

    def _done(self, result: T | Failure) -> T | Failure:
        self._free += 1
        if self._queue:
            # not at once: who called reads the answer first, and it may be a 429
            self._look_later(0)
        return result

    def _wait(self, call: Callable[[], Deferred[T]], first: bool) -> Deferred[T]:
        def leave(_result: Deferred[T]) -> None:
            if waiting in self._queue:
                self._queue.remove(waiting)
                waiting.expires.cancel()
                if not self._queue:
                    self._look_later(None)
            elif begun:
                begun[0].cancel()

        def start() -> None:
            waiting.expires.cancel()
            begun.append(self._begin(call))
            begun[0].addBoth(_hand_on, result)

        def expire() -> None:
            self._queue.remove(waiting)
            if not self._queue:
                self._look_later(None)
            result.errback(too_many_waiting())

        begun: list[Deferred[T]] = []
        result: Deferred[T] = Deferred(leave)
        expires = self._clock.callLater(LONGEST_WAIT, expire)
        waiting = _Waiting(start, lambda fault: result.errback(fault), expires)
        if first:
            self._queue.appendleft(waiting)
        else:
            self._queue.append(waiting)
        if self._timer is None:
            self._look()
        return result

    def _look(self) -> None:
        """Start what may start now, and look again when the next token is there."""
        self._timer = None
        while self._queue and self._free > 0:
            wait = self._bucket.wait(self._clock.seconds())
            if wait > 0:
                self._look_later(wait)
                return
            self._queue.popleft().start()

    def _look_later(self, seconds: float | None) -> None:
        """One timer at the most; None for none."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if seconds is not None:
            self._timer = self._clock.callLater(seconds, self._look)


def _hand_on(value: T | Failure, result: Deferred[T]) -> None:
    if not result.called:
        result.callback(value)  # a Failure runs its errbacks


def _limited(seconds: float) -> Fault:
    left = str(max(1, math.ceil(seconds)))
    return Fault("http_rate_limited", "paused by TMDB", retry_after=left)
