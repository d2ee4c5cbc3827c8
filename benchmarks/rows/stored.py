"""Row 13: whether a miss costs more when much is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from ..bench import US, BenchOptions, Table
from ..cost import (
    GZIP,
    UNLIMITED,
    Costs,
    Job,
    Stage,
    checked,
    ratio,
    rounds,
    sound,
    staged,
)
from ..generator import Order
from ..prepared import fill, recorded
from .misses import CONNECTIONS, MISS

FEW = 500
MOST = 1.1
# per second: at this rate nearly every miss is written to the disk by itself
SLOWLY = 20


async def measure(options: BenchOptions) -> Table:
    """Two daemons whose stores were filled before they started."""
    many = options.pick(16_000, 4_000)
    table = Table(
        13,
        f"Cost of a miss with {many:,} stored entries and with {FEW}",
        f"≤ {MOST} times as much",
        ["misses", "stored at the start", "µs of processor time per miss", "times"],
        notes=[
            "Lists of 9 kB, read from disk at the start. What the misses bring is "
            "stored as well, on both sides."
        ],
    )
    async with staged(options) as stage, AsyncExitStack() as stack:
        jobs = [
            await stack.enter_async_context(filled(stage, count))
            for count in (FEW, many)
        ]
        busy = await rounds(jobs, options.pick(5, 2))
        report(table, f"{CONNECTIONS} connections", busy)
        count = options.pick(100, 40)
        slow = [
            replace(job, order=replace(job.order, count=count, rate=SLOWLY))
            for job in jobs
        ]
        report(table, f"{SLOWLY} a second", await rounds(slow, options.pick(3, 2)))
    return table


@asynccontextmanager
async def filled(stage: Stage, count: int) -> AsyncIterator[Job]:
    """A daemon with so many entries, and the misses that it is asked for."""
    state, record = await recorded(stage)
    fill(state, record, stage.lists(count))
    settings = {"STATE_DIRECTORY": str(state), "STREAMR_CACHE_MB": "512", **UNLIMITED}
    async with stage.contestant(US, settings=settings) as ours:
        each = stage.bench.options.pick(500, 200)
        order = Order(ours.port, stage.lists(1), each, CONNECTIONS, headers=[GZIP])
        yield Job(f"{count:,}", ours, await checked(stage, ours, order), stage.lists)


def report(table: Table, how: str, costs: dict[str, Costs]) -> None:
    """A line for each store, and the condition."""
    few = next(iter(costs.values()))
    for stored, each in costs.items():
        times = ratio(each.cpu_us, few.cpu_us)
        table.add(how, stored, f"{each.cpu:.0f}", f"{times:.2f}")
        table.judge(times <= MOST)
    sound(table, costs, dict.fromkeys(costs, MISS[US]))
