"""Row 15: what an answer costs that comes over this machine's own proxy."""

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
from ..processes import free_ports
from ..world import DIRECT

DIRECTLY, BY_PROXY = "direct", "over the own proxy"
MOST = 2.0
SAYS = {DIRECTLY: 'route="direct"', BY_PROXY: 'next-hop="127.0.0.1'}


async def measure(options: BenchOptions) -> Table:
    """Two daemons on one upstream; the direct route of one of them is closed."""
    table = Table(
        15,
        "Cost of an answer over this machine's own proxy",
        f"≤ {MOST:g} times a direct miss",
        ["route", "µs of processor time per miss", "times a direct miss"],
        notes=[
            "9 kB, gzip, 16 connections, over TLS. For the second line the direct "
            "route refuses connections; main and proxy are one process, so both "
            "requests are in its processor time."
        ],
    )
    async with staged(options) as stage, AsyncExitStack() as stack:
        (closed,) = free_ports(1)
        pins = stage.upstream.pins.replace(
            f":{stage.upstream.port(DIRECT)}", f":{closed}"
        )
        jobs = []
        for name, more in ((DIRECTLY, {}), (BY_PROXY, {"TMDB_PINS": pins})):
            place = stage.contestant(US, settings={**UNLIMITED, **more})
            running = await stack.enter_async_context(place)
            order = Order(
                running.port,
                stage.lists(1),
                options.pick(1_000, 300),
                16,
                headers=[GZIP],
            )
            jobs.append(
                Job(name, running, await checked(stage, running, order), stage.lists)
            )
        report(table, await rounds(jobs, options.pick(5, 2)))
    return table


def report(table: Table, costs: dict[str, Costs]) -> None:
    """A line for each route."""
    for name, each in costs.items():
        times = ratio(each.cpu_us, costs[DIRECTLY].cpu_us)
        table.add(name, f"{each.cpu:.0f}", f"{times:.2f}")
    table.judge(times <= MOST)
    sound(table, costs, SAYS)
