"""What a request costs a server, side by side: rounds A B A B, and their medians.

The server has one core, the load and everything behind the server the other. A round
asks every contestant in turn, so that what changes on the machine changes for all.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from typing import Any

from .bench import Bench, BenchOptions, Table, opened, say
from .client import Worth
from .cores import apart, cpu_seconds
from .generator import Came, Order
from .peers import Running, Upstream, contest
from .processes import ROOT
from .upstream import QuickUpstream

LIST = "/3/movie/popular?language={tag}"
# What is written a moment after an answer (log, store) is part of what it costs: the
# store is written every quarter of a second.
AFTERWARDS = 0.6
# TMDB's own limit would be the slowest part of every measurement with misses.
UNLIMITED = {"STREAMR_RATE": "1000", "STREAMR_CONNECTIONS": "16"}
GZIP = ("Accept-Encoding", "gzip")
_LENGTH = re.compile(r"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class Stage:
    """Where contestants are compared: a bench, what stands behind them, their core."""

    bench: Bench
    upstream: Upstream
    core: int

    @asynccontextmanager
    async def contestant(self, name: str, **more: Any) -> AsyncIterator[Running]:
        """One contestant on the server's core. Several may be open at once: only the
        one that is asked works."""
        directory = self.bench.directory
        async with contest(
            [name], directory, self.upstream, core=self.core, **more
        ) as (running,):
            yield running

    def lists(self, count: int) -> list[str]:
        """As many paths of lists that nobody has asked for."""
        return [self.bench.paths.one(LIST) for _ in range(count)]


def entered(directory: Path, name: str) -> Path:
    """A new directory in another; servers that have dropped privileges may enter it."""
    made = Path(mkdtemp(prefix=f"{name}-", dir=directory))
    made.chmod(0o755)
    return made


@asynccontextmanager
async def staged(options: BenchOptions) -> AsyncIterator[Stage]:
    """A stage with an upstream that costs little and gives the simulator's list."""
    with apart() as core, opened(options) as bench:
        reply = await bench.oracle.client.get(LIST.format(tag="en-AA"))
        bench.oracle.client.close()
        upstream = QuickUpstream(entered(bench.directory, "upstream"), reply.body)
        try:
            yield Stage(bench, upstream, core)
        finally:
            upstream.stop()


@dataclass(frozen=True, slots=True)
class Job:
    """A contestant and what it is asked in each round. With `fresh`, every round has
    new targets, which nobody has asked for."""

    name: str
    running: Running
    order: Order
    fresh: Callable[[int], list[str]] | None = None

    def next(self) -> Order:
        """The order of the next round."""
        if self.fresh is None:
            return self.order
        return replace(self.order, targets=self.fresh(self.order.count))


@dataclass(slots=True)
class Costs:
    """What the rounds of one job have brought: microseconds of processor time per good
    answer, latencies in milliseconds, and what was not as ordered."""

    cpu_us: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    head: str = ""

    @property
    def cpu(self) -> float:
        """The median of the rounds."""
        return median(self.cpu_us)

    @property
    def middle(self) -> float:
        """The median of the rounds' medians of latency."""
        return median(self.p50_ms)

    @property
    def high(self) -> float:
        """The median of the rounds' 99th percentiles."""
        return median(self.p99_ms)

    def add(self, came: Came, seconds: float) -> None:
        """One more round, in which the server worked so many seconds."""
        self.cpu_us.append(seconds / max(1, came.good) * 1e6)
        self.p50_ms.append(came.p50_ms)
        self.p99_ms.append(came.p99_ms)
        self.bad += [f"{count} × {what}" for what, count in came.bad.items()]
        self.head = came.head.lower()


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of what was how many times the other in each round."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))


async def ask(order: Order) -> Came:
    """Let a generator of its own carry out an order. Raises RuntimeError when it
    ends without a result."""
    generator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.generator"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, problem = await generator.communicate(json.dumps(asdict(order)).encode())
    if generator.returncode:
        raise RuntimeError(f"the generator has failed:\n{problem.decode()[-1000:]}")
    return Came(**json.loads(told))


async def checked(stage: Stage, running: Running, order: Order) -> Order:
    """The order, with the length that a right answer's body has as sent.

    Its first target is asked, and what comes is compared with what the simulator says.
    Raises RuntimeError when it is not the same.
    """
    path, oracle = order.targets[0], stage.bench.oracle
    await oracle.learn([path])
    reply = await running.client.get(path)
    running.client.close()
    if reply.judge(oracle[path]) is not Worth.GOOD:
        raise RuntimeError(f"{running.name}: {reply.status} {reply.problem}")
    once = await ask(replace(order, count=1, connections=1))
    announced = _LENGTH.search(once.head)
    if once.bad or announced is None:
        raise RuntimeError(f"{running.name}: {once.bad or once.head}")
    return replace(order, length=int(announced[1]))


async def rounds(jobs: Sequence[Job], count: int) -> dict[str, Costs]:
    """Each job in turn, `count` times, after one time that does not count: caches and
    compilers are warm then."""
    costs = {job.name: Costs() for job in jobs}
    for number in range(count + 1):
        for job in jobs:
            before = cpu_seconds(job.running.child.pid)
            came = await ask(job.next())
            await asyncio.sleep(AFTERWARDS)
            spent = cpu_seconds(job.running.child.pid) - before
            if number:
                costs[job.name].add(came, spent)
                say(f"    {job.name}: {costs[job.name].cpu_us[-1]:.1f} µs")
    return costs


def sound(
    table: Table, costs: Mapping[str, Costs], wanted: Mapping[str, str] | None = None
) -> None:
    """Note answers that were not as ordered, and heads without what is `wanted` of
    that name: then the figures say nothing, and the target is missed."""
    for name, each in costs.items():
        text = (wanted or {}).get(name, "")
        bad = each.bad[:3] + ([] if text in each.head else [f"no `{text}`"])
        if bad:
            said = "; ".join(bad)
            table.notes.append(f"{name}: answers were not as expected: {said}.")
            table.judge(False)
