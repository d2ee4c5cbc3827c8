"""Load: open loop at a rate, all at once, or a few workers; and what to make of it."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .client import CallerReply, LoadClient, Worth
from .oracle import Oracle

# Beyond this (seconds, 99th percentile) a measurement says more about the neighbours.
MOST_LATE = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: when it was due, how long it took since, what it was worth.

    `late` is how long after it was due we came to send it: that is the machine's fault.
    """

    path: str
    due: float
    late: float
    seconds: float
    verdict: Worth
    reply: CallerReply


@dataclass(frozen=True, slots=True)
class Samples:
    """What came of a load."""

    all: tuple[Sample, ...]

    def of(self, wanted: Callable[[Sample], bool]) -> Samples:
        """Some of them."""
        return Samples(tuple(one for one in self.all if wanted(one)))

    def since(self, seconds: float) -> Samples:
        """Those that were due after so many seconds."""
        return self.of(lambda one: one.due >= seconds)

    def before(self, seconds: float) -> Samples:
        """Those that were due within so many seconds."""
        return self.of(lambda one: one.due < seconds)

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that this share of requests did not exceed."""
        return percentile([one.seconds for one in self.all], share) * 1000

    @property
    def disturbed(self) -> bool:
        """Whether the machine was so busy with others that we could not keep time."""
        return percentile([one.late for one in self.all], 0.99) > MOST_LATE

    @property
    def verdicts(self) -> Counter[Worth]:
        """How many of each worth."""
        return Counter(one.verdict for one in self.all)

    @property
    def worst(self) -> Worth:
        """The worst of all."""
        order = list(Worth)
        return max((one.verdict for one in self.all), key=order.index)

    @property
    def good(self) -> float:
        """The share of good answers."""
        return self.verdicts[Worth.GOOD] / max(1, len(self.all))


def percentile(values: Iterable[float], share: float) -> float:
    """The nearest-rank percentile; NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def one(client: LoadClient, oracle: Oracle, path: str, began: float) -> Sample:
    """Ask now; `began` is when the load began."""
    due = time.perf_counter() - began
    reply = await client.get(path)
    return Sample(path, due, 0.0, reply.seconds, reply.judge(oracle[path]), reply)


async def at_rate(
    client: LoadClient,
    oracle: Oracle,
    paths: Sequence[str],
    rate: float,
    offset: float = 0.0,
) -> Samples:
    """One path after the other at a rate, whatever the answers do (open loop).

    Latency counts from when a request was due, so a stall is charged to all who would
    have come meanwhile. `offset` keeps contestants from asking in the same moment.
    """
    began = time.perf_counter() + offset
    jobs = []
    for number, path in enumerate(paths):
        due = number / rate
        await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
        jobs.append(asyncio.ensure_future(timed(client, oracle, path, began, due)))
    return Samples(tuple(await asyncio.gather(*jobs)))


async def timed(
    client: LoadClient, oracle: Oracle, path: str, began: float, due: float
) -> Sample:
    """Ask now, and count from when it was due."""
    late = time.perf_counter() - began - due
    reply = await client.get(path)
    seconds = time.perf_counter() - began - due
    return Sample(path, due, late, seconds, reply.judge(oracle[path]), reply)


async def at_once(client: LoadClient, oracle: Oracle, paths: Sequence[str]) -> Samples:
    """All in the same moment."""
    began = time.perf_counter()
    jobs = [one(client, oracle, path, began) for path in paths]
    return Samples(tuple(await asyncio.gather(*jobs)))


async def by_workers(
    client: LoadClient, oracle: Oracle, paths: Sequence[str], workers: int
) -> Samples:
    """A few workers, each asking again when it has its answer (closed loop)."""
    began = time.perf_counter()
    left = iter(paths)
    done: list[Sample] = []

    async def work() -> None:
        for path in left:
            done.append(await one(client, oracle, path, began))

    await asyncio.gather(*(work() for _ in range(workers)))
    return Samples(tuple(done))
