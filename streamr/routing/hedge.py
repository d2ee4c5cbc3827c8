"""Hedging: a route that is silent gets the rest beside it, and the first answer wins.

first ────────── silent beyond patience ──┬─ answers: it wins, the rest is cancelled
                                          └─ the rest starts; the first answer wins

Patience is 250 ms, and longer on a line that is slower (upstream/line.py).
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from streamr.boundaries import Answer
from streamr.interfaces import Progress

# Who may not hedge asks again this often (seconds): when the breaker of a silent route
# has opened meanwhile, leaving it costs no budget.
ASK_AGAIN = 0.1


class Race:
    """The first route against the rest, which starts when the first is silent.

    `won` fires with the first good answer, or with the first route's failure (which has
    waited for the rest, where that could heal it). Cancelling it ends both.
    """

    def __init__(
        self,
        start: Callable[[Silence], Deferred[Answer]],
        rest: Rest,
        clock: IReactorTime,
        may_hedge: Callable[[], bool],
        hedged: Callable[[], None],
        decided: Callable[[], None],
        patience: Callable[[], float],
    ) -> None:
        """`start` begins the first route; `may_hedge` asks for leave, `hedged` is told
        when the rest starts early, and `decided` before the loser is cancelled, so that
        its end can fail nobody. `patience` is for how long silence is usual (seconds).
        """
        self.won: Deferred[Answer] = Deferred(lambda _won: self._stop())
        self._rest = rest
        self._clock = clock
        self._may_hedge = may_hedge
        self._hedged = hedged
        self._decided = decided
        self._patience = patience
        self._listening = clock.seconds()
        self._timer: IDelayedCall | None = None
        self._over = False
        self._silence = Silence(clock, self._listen)
        self._first = start(self._silence)
        self._listen()
        self._first.addCallbacks(self._win, self._lose)

    def _listen(self) -> None:
        """Silence counts from now on."""
        self._hush()
        if not self.won.called and not self._rest.begun:
            self._listening = self._clock.seconds()
            self._timer = self._clock.callLater(self._patience(), self._hedge)

    def _hush(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _hedge(self) -> None:
        if self._silence.broken or self._rest.begun:
            return
        # what is usual may have been learned meanwhile
        left = self._listening + self._patience() - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._hedge)
            return
        if not self._may_hedge():
            self._timer = self._clock.callLater(ASK_AGAIN, self._hedge)
            return
        self._silence.outlasted = True
        self._hedged()
        # a failing rest is not the end: the first route may still answer
        self._rest.wait().addCallbacks(self._win, lambda _failure: None)

    def _win(self, answer: Answer) -> None:
        if not self._over and not self.won.called:
            # the loser ends first, so that its attempt is told with the answer
            self._over = True
            self._decided()
            self._stop()
            self.won.callback(answer)

    def _lose(self, failure: Failure) -> None:
        """The first route has failed; a rest that runs may still bring an answer."""
        self._hush()
        if self._rest.begun:
            self._rest.wait().addCallbacks(self._win, lambda _rest: self._fail(failure))
        else:
            self._fail(failure)

    def _fail(self, failure: Failure) -> None:
        if not self._over and not self.won.called:
            self.won.errback(failure)

    def _stop(self) -> None:
        self._hush()
        self._first.cancel()
        self._rest.cancel()


class Silence:
    """How long the other side has been silent (interfaces.Progress).

    `broken` says that it has spoken, or that there is a reason to be patient;
    `since` is when the attempt left last, 0 while it never had to wait. `outlasted`
    says that the next route has started for it.
    """

    def __init__(
        self, clock: IReactorTime, anew: Callable[[], None] = lambda: None
    ) -> None:
        """`anew` is told when silence counts from the beginning again."""
        self._clock = clock
        self._anew = anew
        self.broken = False
        self.outlasted = False
        self.since = 0.0

    def queued(self) -> None:
        self.broken = True

    def sent(self) -> None:
        self.since = self._clock.seconds()
        if self.broken:
            self.broken = self.outlasted = False
            self._anew()

    def alive(self) -> None:
        if not self.broken:
            self._anew()

    def first_byte(self) -> None:
        self.broken = True


_follows: type[Progress] = Silence


class Rest:
    """The routes after the first: begun once, by an errback or by a hedge."""

    def __init__(self, start: Callable[[], Deferred[Answer]]) -> None:
        self._start = start
        self._running: Deferred[Answer] | None = None
        self._result: list[Answer | Failure] = []
        self._waiting: list[Deferred[Answer]] = []

    @property
    def begun(self) -> bool:
        return self._running is not None

    def wait(self) -> Deferred[Answer]:
        """The rest's result, for one of those who wait; begins it if need be."""
        waiter: Deferred[Answer] = Deferred(lambda _waiter: self.cancel())
        self._waiting.append(waiter)
        if self._running is None:
            self._running = self._start()
            self._running.addBoth(self._ended)
        elif self._result:
            self._hand_out()
        return waiter

    def cancel(self) -> None:
        """Stop it, if it runs."""
        if self._running is not None and not self._result:
            self._running.cancel()

    def _ended(self, result: Answer | Failure) -> None:
        self._result.append(result)
        self._hand_out()

    def _hand_out(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.called:
                waiter.callback(self._result[0])  # a Failure runs its errbacks
