"""What every row of the scoreboard is measured with, and what it hands back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .client import Worth
from .load import Samples
from .oracle import Oracle
from .paths import Paths
from .peers import NAMES, Running, contest
from .world import Clock, Simulator, temporary_directory

US = "streamr"
# after a jump: how often contestants are woken, and how long they get each time
WAKES = 3
AWAKE = 0.2


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What the command line asked for."""

    peers: tuple[str, ...] = NAMES
    quick: bool = False
    seed: int = 1
    soak_minutes: float = 1.0

    def pick(self, full: int, quick: int) -> int:
        """A number for the full run, and its smaller brother."""
        return quick if self.quick else full


@dataclass(slots=True)
class Table:
    """One row of the issue's table as measured: a small table of its own."""

    number: int
    title: str
    target: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # what streamr reached of its target; None where nothing was to be reached
    met: bool | None = None

    def add(self, *cells: object) -> None:
        """Append a line, and show it on the terminal at once."""
        self.rows.append([str(cell) for cell in cells])
        say("  " + " | ".join(self.rows[-1]))

    def judge(self, met: bool) -> None:
        """One more condition of the target; all have to hold."""
        self.met = met and self.met is not False


def say(text: str) -> None:
    """Progress, for whoever watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def span(samples: Samples) -> str:
    """Median and 99th percentile in milliseconds."""
    return f"{samples.percentile(0.5):,.0f} / {samples.percentile(0.99):,.0f}"


def examples(name: str, samples: Samples, most: int = 3) -> None:
    """Show a few answers that were not good, for whoever watches."""
    bad = [one for one in samples.all if one.verdict is not Worth.GOOD]
    for one in bad[:most]:
        reply = one.reply
        what = reply.problem or reply.body[-300:].decode(errors="replace")
        say(f"    {name} at {one.due:.1f} s: {reply.status} {what} {one.path}")


async def undisturbed(
    options: BenchOptions,
    what: str,
    measure: Callable[[], Coroutine[Any, Any, list[Samples]]],
) -> list[Samples]:
    """What was measured; once more, or twice, if others kept the cores busy."""
    for _ in range(options.pick(2, 1)):
        found = await measure()
        if not any(samples.disturbed for samples in found):
            return found
        say(f"  {what}: the machine was busy with something else, once more")
    return await measure()


@dataclass(slots=True)
class Bench:
    """One simulator, one store of right answers, and contestants when asked for."""

    options: BenchOptions
    directory: Path
    simulator: Simulator
    oracle: Oracle
    paths: Paths

    @property
    def peers(self) -> tuple[str, ...]:
        """Who takes part."""
        return self.options.peers

    async def fresh(self, count: int) -> list[str]:
        """Paths that nobody has asked for, whose answers are known."""
        return await self._known(self.paths.fresh(count))

    async def titles(self, count: int) -> list[str]:
        """The same, details of titles only."""
        return await self._known(self.paths.titles(count))

    async def _known(self, paths: list[str]) -> list[str]:
        """Learn the right answers; the simulator's faults are off meanwhile."""
        self.simulator.heal()
        await self.oracle.learn(paths)
        return paths

    @asynccontextmanager
    async def together(self, **more: Any) -> AsyncIterator[list[Running]]:
        """All contestants side by side on the same simulator."""
        self.simulator.heal()
        async with contest(
            self.peers, self.directory, self.simulator, **more
        ) as running:
            yield running

    @asynccontextmanager
    async def alone(self, name: str, **more: Any) -> AsyncIterator[Running]:
        """One contestant: where the simulator's counts have to be its own."""
        self.simulator.heal()
        async with contest([name], self.directory, self.simulator, **more) as (
            running,
        ):
            yield running

    def clock(self, *, monotonic: bool = True) -> Clock:
        """A clock that the contestants are started under."""
        return Clock(self.directory, monotonic=monotonic)


async def jump(clock: Clock, seconds: int, contestants: Sequence[Running]) -> None:
    """Let hours pass for the contestants.

    To them every kept connection has then idled for hours and is closed, so ours are
    dropped first. A sleeping process notices at its next look at the clock, so each is
    woken by connections that ask nothing; otherwise the first real request would find
    itself hours old.
    """
    for each in contestants:
        each.client.close()
    clock.jump(seconds)
    for _ in range(WAKES):
        for each in contestants:
            _, writer = await asyncio.open_connection("127.0.0.1", each.client.port)
            await asyncio.sleep(AWAKE / len(contestants))
            writer.close()


@contextmanager
def opened(
    options: BenchOptions,
    *more: str,
    oracle: Oracle | None = None,
    module: str = "streamr.simulator",
) -> Iterator[Bench]:
    """A bench with its simulator, which is the program `module`; the right answers may
    be known from another."""
    with temporary_directory() as name:
        directory = Path(name)
        seed = str(options.seed)
        simulator = Simulator(directory, "--seed", seed, *more, module=module)
        try:
            known = oracle or Oracle(simulator)
            yield Bench(options, directory, simulator, known, Paths())
        finally:
            simulator.stop()
