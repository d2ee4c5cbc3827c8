"""Request collapsing: one flight per key, however many wait for it (RFC 9111, 4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from streamr.eventloop import Turns

T = TypeVar("T")

# How long those who wait are told in one turn of the reactor, in seconds: some fifty.
# Everybody else's requests wait meanwhile.
TELLING = 0.01


class _Flight(Generic[T]):
    """One call under way, and those who wait for it."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[T]] = []
        self.work: Deferred[T] | None = None


class Flights(Generic[T]):
    """Calls under way by their keys.

    Each waiter has a Deferred of its own. A waiter who cancels leaves alone; when the
    last one leaves, the flight is cancelled and its key is free again.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._turns = Turns(clock, TELLING)
        self._flights: dict[str, _Flight[T]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._flights

    def join(self, key: str, start: Callable[[], Deferred[T]]) -> Deferred[T]:
        """Wait for the flight of a key; without one, `start` begins it."""
        flight = self._flights.get(key)
        if flight is not None:
            return self._wait(key, flight)
        flight = self._flights[key] = _Flight()
        waiter = self._wait(key, flight)
        work = flight.work = maybeDeferred(start)
        work.addBoth(self._land, key, flight)
        return waiter

    def _wait(self, key: str, flight: _Flight[T]) -> Deferred[T]:
        def leave(waiter: Deferred[T]) -> None:
            if waiter not in flight.waiting:
                return  # the result is being handed out
            flight.waiting.remove(waiter)
            if not flight.waiting and self._flights.get(key) is flight:
                # gone before it is cancelled: its end must reach nobody
                del self._flights[key]
                if flight.work is not None:
                    flight.work.cancel()

        waiter: Deferred[T] = Deferred(leave)
        flight.waiting.append(waiter)
        return waiter

    def _land(self, result: T | Failure, key: str, flight: _Flight[T]) -> None:
        """The key is free again; everyone who still waits is told."""
        if self._flights.get(key) is flight:
            del self._flights[key]
        waiting, flight.waiting = flight.waiting, []
        self._turns.run_all(partial(_tell, waiter, result) for waiter in waiting)


def _tell(waiter: Deferred[T], result: T | Failure) -> None:
    """Hand the result to one who waits, unless it was cancelled meanwhile."""
    if waiter.called:
        return
    if isinstance(result, Failure):
        waiter.errback(result)
    else:
        waiter.callback(result)
