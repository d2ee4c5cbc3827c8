"""The reactor's turns: work in slices, and sending at once.

A crowd's work must not hold up what the reactor has to send.

The reactor sends and receives between its turns. With a hundred requests parsed in one
turn, the first one's question to TMDB left 20 to 45 ms late (measured). So after a
little work the rest waits in a line, and the reactor gets a turn in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IReactorTime

Job = Callable[[], object]


class Turns:
    """Runs jobs in their order, for some time in each turn of the reactor."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        """`seconds` of work are done in one turn; the last job may run over."""
        self._clock = clock
        self._seconds = seconds
        self._line: deque[Job] = deque()
        self._until: float | None = None
        self._wakes = False

    def run(self, job: Job) -> None:
        """Run a job now if there is time in this turn, else when it is its turn."""
        if self._line or not self._has_time():
            self.later(job)
        else:
            job()

    def run_all(self, jobs: Iterable[Job]) -> None:
        """Run jobs that came together: now as long as there is time, then in turns."""
        self._line.extend(jobs)
        self._work()

    def run_out(self) -> None:
        """Run all that wait, now."""
        while self._line:
            self._line.popleft()()

    def later(self, job: Job) -> None:
        """Run a job in the next turn, or a later one."""
        self._line.append(job)
        self._wake()

    def _has_time(self) -> bool:
        now = self._clock.seconds()
        if self._until is None:
            self._until = now + self._seconds
            self._wake()
        return now < self._until

    def _wake(self) -> None:
        if not self._wakes:
            self._wakes = True
            self._clock.callLater(0, self._next_turn)

    def _next_turn(self) -> None:
        self._wakes, self._until = False, None
        self._work()

    def _work(self) -> None:
        until = self._clock.seconds() + self._seconds
        try:
            while self._line and self._clock.seconds() < until:
                self._line.popleft()()
        finally:
            # whatever a job has raised, the others come to their turn
            if self._line:
                self._wake()


def flush(transport: object) -> None:
    """Hand what a TCP transport has buffered to the kernel, as far as it takes it.

    `write` alone waits for the reactor's next turn, which in a crowd comes tens of
    milliseconds later. The order is kept. What does not fit stays with the reactor; so
    does an error, which it meets again, and the end of a connection that is closing.
    What is no TCP transport is left alone.
    """
    if (
        isinstance(transport, FileDescriptor)
        and transport.connected
        and not transport.disconnecting
    ):
        transport.doWrite()
