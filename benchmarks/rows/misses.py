"""Row 12: what a miss costs, next to Express with axios."""

from __future__ import annotations

from contextlib import AsyncExitStack

from ..bench import US, BenchOptions, Table
from ..cost import (
    GZIP,
    UNLIMITED,
    Costs,
    Job,
    checked,
    ratio,
    rounds,
    sound,
    staged,
)
from ..generator import Order

CONNECTIONS = 16
EXPRESS = "express"
MOST = 0.9
MISS = {US: "cache-status: streamr-main;fwd=uri-miss;fwd-status=200;stored"}


async def measure(options: BenchOptions) -> Table:
    """Every request is for a path that nobody has asked for."""
    table = Table(
        12,
        f"Cost of a miss over TLS: 9 kB, gzip, {CONNECTIONS} connections",
        f"≤ {MOST} times the processor time of Express with axios",
        ["peer", "µs of processor time per miss", "streamr's, times this"],
        notes=[
            "streamr checks every answer, logs it and stores it in memory and on disk; "
            "Express parses it, gives it out and does none of that. The upstream is "
            "nginx with a gzipped file over TLS. `STREAMR_RATE` is 1,000: TMDB's own "
            "limit would make the server wait."
        ],
    )
    async with staged(options) as stage, AsyncExitStack() as stack:
        jobs = []
        for name in (US, EXPRESS):
            place = stage.contestant(name, settings=UNLIMITED)
            running = await stack.enter_async_context(place)
            count = options.pick(2_000, 300)
            order = Order(
                running.port, stage.lists(1), count, CONNECTIONS, headers=[GZIP]
            )
            order = await checked(stage, running, order)
            jobs.append(Job(name, running, order, stage.lists))
        report(table, await rounds(jobs, options.pick(5, 2)))
    return table


def report(table: Table, costs: dict[str, Costs]) -> None:
    """A line for each, and the condition."""
    for name, each in costs.items():
        times = ratio(costs[US].cpu_us, each.cpu_us)
        table.add(name, f"{each.cpu:.0f}", f"{times:.2f}")
    table.judge(ratio(costs[US].cpu_us, costs[EXPRESS].cpu_us) <= MOST)
    sound(table, costs, MISS)
