"""Pacing towards one of TMDB's hosts: a rate, a number of requests at once, a queue.

TMDB counts addresses, so a pacer belongs to the process and the host: main and proxy
share it. A 429 pauses the host: until Retry-After, or longer each time when TMDB names
none; within that time no request leaves.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from streamr.boundaries import Grant
from streamr.errors import Fault, too_many_waiting
from streamr.interfaces import Veto
from streamr.policy.budgets import TokenBucket, burst_of
from streamr.upstream.line import HostLine

T = TypeVar("T")

# Waiting callers cost memory, and those behind them would wait in vain.
MOST_WAITING = 200
# Whose turn comes later than this before its deadline (seconds) cannot be answered.
LEAST_LEFT = 1 / 16
# Without Retry-After: this long, then twice, up to a minute (seconds).
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
# A Retry-After beyond an hour is a mistake, or a ban that a probe should find ended.
LONGEST_RETRY_AFTER = 3600.0


# Asks the others who share a budget.
Permit = Callable[[], Deferred[Grant]]


@dataclass(slots=True, eq=False)
class _Waiting:
    start: Callable[[], None]
    fail: Callable[[Fault], None]
    queued: Callable[[], None]
    expires: IDelayedCall


class Pacer:
    """Lets calls to one host pass at the agreed pace."""

    def __init__(
        self,
        clock: IReactorTime,
        rate: float,
        at_once: int,
        line: HostLine | None = None,
        permit: Permit | None = None,
        paused: Callable[[float], object] = lambda _seconds: None,
    ) -> None:
        """`rate` is in requests a second; the `line` may carry fewer at once. `permit`
        asks for a place in a budget that is shared with others, and `paused` is told
        for how many seconds TMDB wants none of them to ask."""
        now, burst = clock.seconds(), burst_of(rate)
        self._clock = clock
        self._rate = rate
        self._permit = permit
        self._told_of_pause = paused
        self._bucket = TokenBucket(rate, burst, burst, now)
        self._at_once = at_once
        self._under_way = 0
        self._begun: dict[object, float] = {}
        self._line = line
        if line is not None:
            line.subscribe(self._line_told)
        self._queue: deque[_Waiting] = deque()
        # what no caller waits for goes behind all others
        self._behind: deque[_Waiting] = deque()
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
        return len(self._queue) + len(self._behind)

    @property
    def free(self) -> int:
        """How many more requests may be under way at once."""
        left = self._at_once - self._under_way
        if self._line is not None:
            carried = self._line.places - self._under_way
            if carried <= 0:
                carried += self._silent()
            left = min(left, carried)
        return max(0, left)

    @property
    def paused(self) -> float:
        """What is left of the host's pause, in seconds; 0 without one."""
        return max(0.0, self._paused_until - self._clock.seconds())

    def run(
        self,
        call: Callable[[], Deferred[T]],
        queued: Callable[[], None],
        *,
        until: float,
        veto: Veto = lambda: None,
        first: bool = False,
        behind: bool = False,
        instead: bool = False,
    ) -> Deferred[T]:
        """Make the call when it is its turn; `queued` is told when it has to wait for
        the pace or for a busy line. A place that is not there because nothing has been
        heard of the host yet is the host's silence like any other.

        It keeps its place until so late by the clock. When its turn has come and there
        is a `veto`, it fails with that, and the turn is the next one's: a queue behind
        a breaker that has opened is gone at once, at no cost to the rate. One that goes
        `first` has the next turn: a probe, on whose answer depends what becomes of
        those who wait; one that goes `behind` has its turn when nobody else waits. One
        that is made `instead` of another, which is silent, has that one's place: the
        line carries nothing of it.
        Fails with Fault when the host is paused, when too many wait, or when its time
        is up.
        """
        now = self._clock.seconds()
        if now < self._paused_until:
            return fail(_limited(self._paused_until - now))
        if self._has_room(instead) and self._bucket.wait(now) == 0:
            return self._begin(call, veto)
        if self.waiting >= MOST_WAITING and not first:
            return fail(too_many_waiting())
        if self._slowed(now):
            queued()
        left = max(0.0, until - LEAST_LEFT - now)
        return self._wait(call, queued, left, veto, first, behind)

    def _has_room(self, instead: bool) -> bool:
        """Whether one more may begin, which was not told to wait."""
        if instead and self._under_way < self._at_once:
            return True
        return self.free > 0 and not self.waiting

    def share(self, of_rate: float, at_once: int) -> None:
        """The part of the rate, and so many at once, that this process may use from now
        on."""
        now, burst = self._clock.seconds(), burst_of(self._rate) * of_rate
        rate = self._rate * of_rate
        bucket = self._bucket.at_rate(rate, max(1.0, burst), now)
        # those under way may not have left yet: they are of the new rate
        self._bucket = replace(bucket, tokens=bucket.tokens - len(self._begun))
        self._at_once = at_once
        self._wider()

    def borrow(self, wanted: int) -> int:
        """Take up to so many places more, for one who races connections; 0 when
        others wait. They are given back when the race is over."""
        granted = 0 if self.waiting else max(0, min(wanted, self.free))
        self._under_way += granted
        return granted

    def give_back(self, places: int) -> None:
        """Places that were borrowed are free again."""
        self._under_way -= places
        self._wider()

    def limited(self, named: float | None) -> float:
        """TMDB has answered 429: pause, tell those who wait. Returns the seconds.

        `named` is how long TMDB asks for, in seconds; None when it does not say.
        """
        seconds = self._paused_for(named)
        self._told_of_pause(seconds)
        return seconds

    def _paused_for(self, named: float | None) -> float:
        if named is not None:
            seconds = min(named, LONGEST_RETRY_AFTER)
        else:
            seconds, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        now = self._clock.seconds()
        self._paused_until = max(self._paused_until, now + seconds)
        self._look_later(None)
        # one by one: who is told may cancel another, which is then none that waits
        while self.waiting:
            waiting = (self._queue or self._behind).popleft()
            waiting.expires.cancel()
            waiting.fail(_limited(self._paused_until - now))
        return seconds

    def answered(self) -> None:
        """TMDB has answered otherwise: the next pause is a short one again."""
        self._pause = FIRST_PAUSE

    def _begin(self, call: Callable[[], Deferred[T]], veto: Veto) -> Deferred[T]:
        refused = veto()
        if refused is not None:
            self._wider()
            return fail(refused)
        now, one = self._clock.seconds(), object()
        self._bucket = self._bucket.taken(now)
        self._begun[one] = now
        self._under_way += 1
        self._passed += 1
        calling = (
            maybeDeferred(call)
            if self._permit is None
            else Deferred.fromCoroutine(self._permitted(call, self._permit))
        )
        return calling.addBoth(self._done, one)

    async def _permitted(self, call: Callable[[], Deferred[T]], permit: Permit) -> T:
        """Make the call when those who share the budget let it pass. Raises Fault
        while the host is paused for one of them."""
        while (grant := await permit()).seconds > 0:
            if grant.paused:
                self._paused_for(grant.seconds)
                raise _limited(grant.seconds)
            await deferLater(self._clock, grant.seconds)
            if self.paused:
                raise _limited(self.paused)
            if grant.reserved:
                break
        return await call()

    def _done(self, result: T | Failure, one: object) -> T | Failure:
        del self._begun[one]
        self._under_way -= 1
        self._wider()
        return result

    def _silent(self) -> int:
        """How many use nothing of the line: on one that is not busy, those for which it
        was silent for longer than is usual. Another route may get through meanwhile."""
        now = self._clock.seconds()
        return sum(self._silent_at(began) <= now for began in self._begun.values())

    def _silent_at(self, began: float) -> float:
        """When the silence for one that began then is longer than is usual; never on a
        busy line."""
        if self._line is None or self._line.busy:
            return math.inf
        return max(began, self._line.moved_at) + self._line.patience

    def _slowed(self, now: float) -> bool:
        """True when it is not the line's window alone that makes one wait."""
        line = self._line
        if line is None or line.busy or line.speaks or self._bucket.wait(now) > 0:
            return True
        return not line.places <= self._under_way < self._at_once

    def _line_told(self) -> None:
        """Something came over the line: there may be a place, it is a busy line, or the
        host has spoken."""
        line = self._line
        if line is not None and (line.busy or line.speaks):
            for waiting in (*self._queue, *self._behind):
                waiting.queued()
        self._wider()

    def _wider(self) -> None:
        """There may be a free place for one who waits."""
        if self.waiting:
            # not at once: who called reads the answer first, and it may be a 429
            self._look_later(0)

    def _wait(
        self,
        call: Callable[[], Deferred[T]],
        queued: Callable[[], None],
        seconds: float,
        veto: Veto,
        first: bool,
        behind: bool,
    ) -> Deferred[T]:
        queue = self._behind if behind else self._queue

        def leave(_result: Deferred[T]) -> None:
            if waiting in queue:
                queue.remove(waiting)
                waiting.expires.cancel()
                if not self.waiting:
                    self._look_later(None)
            elif begun:
                begun[0].cancel()

        def start() -> None:
            waiting.expires.cancel()
            begun.append(self._begin(call, veto))
            begun[0].addBoth(_hand_on, result)

        def expire() -> None:
            queue.remove(waiting)
            if not self.waiting:
                self._look_later(None)
            result.errback(self._in_vain())

        begun: list[Deferred[T]] = []
        result: Deferred[T] = Deferred(leave)
        expires = self._clock.callLater(seconds, expire)
        waiting = _Waiting(start, lambda fault: result.errback(fault), queued, expires)
        if first:
            queue.appendleft(waiting)
        else:
            queue.append(waiting)
        if self._timer is None:
            self._look()
        return result

    def _in_vain(self) -> Fault:
        """What those get whose time is up before their turn."""
        if self._line is not None and self._line.busy:
            return Fault("deadline_exceeded", "the line is too slow for all requests")
        return too_many_waiting()

    def _look(self) -> None:
        """Start what may start now, and look again when the next token is there."""
        self._timer = None
        while self.waiting and self.free > 0:
            wait = self._bucket.wait(self._clock.seconds())
            if wait > 0:
                self._look_later(wait)
                return
            (self._queue or self._behind).popleft().start()
        if self.waiting and self._under_way < self._at_once:
            # one that is still silent then makes room
            now = self._clock.seconds()
            times = map(self._silent_at, self._begun.values())
            later = min((at for at in times if at > now), default=math.inf)
            self._look_later(None if later == math.inf else later - now)

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
