"""Row 9: what a hit costs, next to nginx and to Express."""

from __future__ import annotations

from contextlib import AsyncExitStack

from ..bench import US, BenchOptions, Table
from ..cost import Costs, Job, Stage, checked, ratio, rounds, sound, staged
from ..generator import Order
from ..peers import RES_JSON

CONNECTIONS = 32
# peer: who takes part under its name, and how many times its cost ours may be
LIMITS = {"nginx": ("nginx", 1.1), "express": (RES_JSON, 1 / 8)}
HIT = {US: "cache-status: streamr-main;hit", "nginx": "x-cache-status: hit"}


async def measure(options: BenchOptions) -> Table:
    """One list for everybody, again and again."""
    table = Table(
        9,
        f"Cost of a hit: a list of 9 kB, {CONNECTIONS} connections",
        "≤ 1.1 times nginx's processor time, and at most an eighth of Express's",
        ["peer", "µs of processor time per hit", "streamr's, times this"],
        notes=[
            "One core for the server, the other for the load. streamr and nginx log "
            "every request to a file and give it an id; nginx writes its log as it "
            "does by default, a line at a time, streamr counts its metrics as well. "
            "Express 4 has neither log nor id: `res.json` of an object that it keeps "
            "in memory. Medians of rounds in which each is asked in turn."
        ],
    )
    async with staged(options) as stage:
        costs = await compared(stage, CONNECTIONS, options.pick(20_000, 2_000))
    report(table, costs)
    return table


async def compared(stage: Stage, connections: int, count: int) -> dict[str, Costs]:
    """streamr and those peers that take part, all asked for the same list."""
    options = stage.bench.options
    peers = [name for asked, (name, _) in LIMITS.items() if asked in options.peers]
    async with AsyncExitStack() as stack:
        jobs = []
        for name in (US, *peers):
            running = await stack.enter_async_context(stage.contestant(name))
            order = Order(running.port, stage.lists(1), count, connections)
            jobs.append(Job(name, running, await checked(stage, running, order)))
        return await rounds(jobs, options.pick(5, 2))


def report(table: Table, costs: dict[str, Costs]) -> None:
    """A line for each, and the two conditions."""
    table.add(US, f"{costs[US].cpu:.1f}", "1")
    for name, limit in LIMITS.values():
        if name in costs:
            times = ratio(costs[US].cpu_us, costs[name].cpu_us)
            table.add(name, f"{costs[name].cpu:.1f}", f"{times:.2f}")
            table.judge(times <= limit)
    sound(table, costs, HIT)
