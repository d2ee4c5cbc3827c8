"""Row 11: how long hits take, next to nginx, with many connections and with one."""

from __future__ import annotations

from ..bench import US, BenchOptions, Table
from ..cost import Costs, ratio, sound, staged
from .hits import HIT, compared

# connections: hits in a round, fewer in a quick run
LOADS = {32: (10_000, 2_000), 1: (4_000, 500)}
MOST = 2.0


async def measure(options: BenchOptions) -> Table:
    """Each connection asks again as soon as it has its answer."""
    table = Table(
        11,
        "Latency of hits",
        f"p99 ≤ {MOST:g} times nginx's, with 32 connections and with one",
        ["connections", "peer", "p50 ms", "p99 ms", "streamr's p99, times this"],
        notes=[
            "A list of 9 kB. Each connection asks again as soon as it has its answer, "
            "so with many of them this is the time in which the server answers all of "
            "them once. Medians of rounds in which each is asked in turn."
        ],
    )
    async with staged(options) as stage:
        for connections, (full, quick) in LOADS.items():
            count = options.pick(full, quick)
            report(table, connections, await compared(stage, connections, count))
    return table


def report(table: Table, connections: int, costs: dict[str, Costs]) -> None:
    """A line for each peer."""
    for name, each in costs.items():
        times = ratio(costs[US].p99_ms, each.p99_ms)
        shown = (f"{each.middle:.2f}", f"{each.high:.2f}", f"{times:.2f}")
        table.add(connections, name, *shown)
        if name == "nginx":
            table.judge(times <= MOST)
    sound(table, costs, HIT)
