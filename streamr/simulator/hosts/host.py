"""One host name of the simulator: its faults, its counts, its dice, its timers."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVarTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from streamr.simulator.faults.client_hello import Hello
from streamr.simulator.faults.table import PORT, SimulatedFault, choose, parse
from streamr.simulator.hosts.counts import Ledger


@dataclass(frozen=True, slots=True)
class Latency:
    """How long TMDB thinks: mostly a little, sometimes long."""

    low: float = 0.08
    high: float = 0.25
    tail: float = 0.02
    tail_low: float = 1.0
    tail_high: float = 3.0

    def sample(self, random: Random) -> float:
        """The seconds one answer takes."""
        if random.random() < self.tail:
            return random.uniform(self.tail_low, self.tail_high)
        return random.uniform(self.low, self.high)


Given = TypeVarTuple("Given")
SMALL = Latency(0.01, 0.04, 0.01, 0.2, 0.4)


class Timers:
    """Delayed calls that can all be cancelled at once, so that stopping leaves none."""

    def __init__(self, clock: IReactorTime) -> None:
        """Use this clock."""
        self.clock = clock
        self.pending: set[IDelayedCall] = set()

    def later(
        self, seconds: float, call: Callable[[*Given], object], *args: *Given
    ) -> None:
        """Call later, unless everything is cancelled before."""

        def run() -> None:
            self.pending.discard(delayed)
            call(*args)

        delayed = self.clock.callLater(seconds, run)
        self.pending.add(delayed)

    def cancel(self) -> None:
        """Cancel everything that has not run."""
        for delayed in self.pending:
            delayed.cancel()
        self.pending.clear()


class Host:
    """The switches and counts of one host name."""

    def __init__(
        self,
        name: str,
        clock: IReactorTime,
        seed: int,
        latency: Latency | None,
        keep_alive: bool,
    ) -> None:
        """Begin without faults."""
        self.name = name
        self.ledger = Ledger()
        self.timers = Timers(clock)
        self.random = Random(f"{seed} {name}")
        self.latency = latency
        self.keep_alive = keep_alive
        # seconds that its clock is ahead of this machine's
        self.ahead = 0.0
        self.expression = "none"
        self.faults: tuple[SimulatedFault, ...] = ()

    def set_fault(self, expression: str) -> None:
        """Replace the fault expression."""
        self.faults = parse(expression)
        self.expression = expression.strip() or "none"

    @property
    def refusing(self) -> bool:
        """Is the port to be closed?"""
        return any(fault.layer == PORT for fault in self.faults)

    def strike(
        self, layer: str, hello: Hello | None = None, path: str = ""
    ) -> SimulatedFault | None:
        """The fault that strikes now, counted."""
        fault = choose(self.faults, layer, self.random, hello, path)
        if fault is not None:
            self.ledger.faults[fault.name] += 1
        return fault

    def thinking(self) -> float:
        """The seconds the next answer takes."""
        return self.latency.sample(self.random) if self.latency else 0.0
