"""Pacing towards one of TMDB's hosts: a rate, a number of requests at once, a queue.

TMDB counts addresses, so a pacer belongs to the process and the host: main and proxy
share it. A 429 pauses the host: until Retry-After, or longer each time when TMDB names
none; within that time no request leaves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from streamr.errors import Fault
from streamr.policy.bucket import TokenBucket

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
    expires: IDelayedCall


class Pacer:
    """Lets calls to one host pass at the agreed pace."""

    def __init__(self, clock: IReactorTime, rate: float, at_once: int) -> None:
        """`rate` is in requests a second."""
        now = clock.seconds()
        self._clock = clock
        self._bucket = TokenBucket(rate, min(BURST, rate), min(BURST, rate), now)
        self._free = at_once
        self._queue: deque[_Waiting] = deque()
        self._timer: IDelayedCall | None = None
        self._paused_until = now
        self._pause = FIRST_PAUSE

    def run(
        self, call: Callable[[], Deferred[T]], queued: Callable[[], None]
    ) -> Deferred[T]:
        """Make the call when it is its turn; `queued` is told when it has to wait.

        Fails with Fault when the host is paused or the wait gets too long.
        """
        now = self._clock.seconds()
        if now < self._paused_until:
            left = str(max(1, round(self._paused_until - now)))
            return fail(Fault("http_rate_limited", "paused by TMDB", retry_after=left))
        if self._free > 0 and not self._queue and self._bucket.wait(now) == 0:
            return self._begin(call)
        if len(self._queue) >= MOST_WAITING:
            return fail(_too_many())
        queued()
        return self._wait(call)

    def limited(self, retry_after: str | None) -> float:
        """TMDB has answered 429: pause. Returns the seconds of the pause."""
        if retry_after is not None and retry_after.isdigit():
            seconds = min(float(retry_after), LONGEST_RETRY_AFTER)
        else:
            seconds, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        self._paused_until = max(self._paused_until, self._clock.seconds() + seconds)
        for waiting in list(self._queue):
            waiting.expires.reset(0)
        return seconds

    def answered(self) -> None:
        """TMDB has answered otherwise: the next pause is a short one again."""
        self._pause = FIRST_PAUSE

    def _begin(self, call: Callable[[], Deferred[T]]) -> Deferred[T]:
        self._bucket = self._bucket.taken(self._clock.seconds())
        self._free -= 1
        return maybeDeferred(call).addBoth(self._done)

    def _done(self, result: T | Failure) -> T | Failure:
        self._free += 1
        self._next()
        return result

    def _wait(self, call: Callable[[], Deferred[T]]) -> Deferred[T]:
        def leave(_result: Deferred[T]) -> None:
            if waiting in self._queue:
                self._queue.remove(waiting)
                waiting.expires.cancel()
            elif begun:
                begun[0].cancel()

        def start() -> None:
            waiting.expires.cancel()
            begun.append(self._begin(call))
            begun[0].addBoth(_hand_on, result)

        def expire() -> None:
            self._queue.remove(waiting)
            result.errback(_too_many())

        begun: list[Deferred[T]] = []
        result: Deferred[T] = Deferred(leave)
        waiting = _Waiting(start, self._clock.callLater(LONGEST_WAIT, expire))
        self._queue.append(waiting)
        self._next()
        return result

    def _next(self) -> None:
        """Start what may start now, and look again when the next token is there."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        while self._queue and self._free > 0:
            wait = self._bucket.wait(self._clock.seconds())
            if wait > 0:
                self._timer = self._clock.callLater(wait, self._next)
                return
            self._queue.popleft().start()


def _hand_on(value: T | Failure, result: Deferred[T]) -> None:
    if not result.called:
        result.callback(value)  # a Failure runs its errbacks


def _too_many() -> Fault:
    return Fault("connection_limit_reached", "too many requests wait", retry_after="1")
