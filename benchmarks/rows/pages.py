"""Row 16: whether a hit costs more when very many pages are stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from random import Random

from ..bench import US, BenchOptions, Table
from ..cost import Costs, Job, Stage, ask, ratio, rounds, sound, staged
from ..generator import Order
from ..prepared import fill, recorded, shortened
from .hits import HIT

MOST = 1.2
TITLES = 2


async def measure(options: BenchOptions) -> Table:
    """Two daemons whose stores were filled before they started."""
    many = options.pick(100_000, 10_000)
    table = Table(
        16,
        f"Cost of a hit on {many:,} stored pages at random",
        f"≤ {MOST} times a hit on one page",
        ["stored pages", "µs of processor time per hit", "times"],
    )
    async with staged(options) as stage, AsyncExitStack() as stack:
        jobs = [
            await stack.enter_async_context(stocked(stage, count))
            for count in (1, many)
        ]
        size = jobs[0].order.length
        table.notes.append(
            f"Lists of {TITLES} titles, {size:,} bytes, read from disk at the start "
            "and asked for once before the rounds; 32 connections."
        )
        report(table, await rounds(jobs, options.pick(5, 2)))
    return table


@asynccontextmanager
async def stocked(stage: Stage, count: int) -> AsyncIterator[Job]:
    """A daemon with so many pages, each of which was asked for once."""
    options, targets = stage.bench.options, stage.lists(count)
    state, record = await recorded(stage)
    short = shortened(record, TITLES)
    fill(state, short, targets)
    settings = {"STATE_DIRECTORY": str(state), "STREAMR_CACHE_MB": "2048"}
    async with stage.contestant(US, settings=settings) as ours:
        order = Order(ours.port, targets, count, length=len(short.body))
        await ask(order)
        random = Random(options.seed)
        yield Job(
            f"{count:,}",
            ours,
            replace(order, count=options.pick(10_000, 2_000)),
            lambda hits: random.choices(targets, k=hits),
        )


def report(table: Table, costs: dict[str, Costs]) -> None:
    """A line for each store."""
    one = next(iter(costs.values()))
    for stored, each in costs.items():
        times = ratio(each.cpu_us, one.cpu_us)
        table.add(stored, f"{each.cpu:.1f}", f"{times:.2f}")
        table.judge(times <= MOST)
    sound(table, costs, dict.fromkeys(costs, HIT[US]))
