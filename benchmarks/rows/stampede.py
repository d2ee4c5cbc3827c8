"""Row 5: two hundred callers at once for one key, cold and expired."""

from __future__ import annotations

import asyncio

from ..bench import US, Bench, Options, Table, jump, opened, span
from ..load import Samples, at_once
from ..peers import Running

CALLERS = 200
UPSTREAM = 0.1
SEVEN_HOURS = 7 * 3600


async def measure(options: Options) -> Table:
    """One contestant after the other: the simulator's count has to be its own."""
    table = Table(
        5,
        f"Stampede of {CALLERS} on one key, upstream {UPSTREAM * 1000:.0f} ms",
        "exactly 1 upstream request (2 where a hedge ran)",
        ["key", "peer", "upstream requests", "good", "p50 / p99 ms"],
    )
    found: dict[str, list[tuple[str, int, Samples]]] = {"cold": [], "expired": []}
    with opened(options) as bench:
        clock = bench.clock()
        for name in options.peers:
            (path,) = await bench.titles(1)
            async with bench.alone(name, clock=clock, inter="3600s") as contestant:
                bench.simulator.delay_both(UPSTREAM)
                await asyncio.sleep(0.5)
                found["cold"].append((name, *await rush(bench, contestant, path)))
                await jump(clock, SEVEN_HOURS, [contestant])
                found["expired"].append((name, *await rush(bench, contestant, path)))
    for key, lines in found.items():
        for name, requests, samples in lines:
            table.add(key, name, requests, f"{samples.good:.0%}", span(samples))
            if name == US:
                table.judge(samples.good == 1 and 1 <= requests <= 2)
    return table


async def rush(bench: Bench, contestant: Running, path: str) -> tuple[int, Samples]:
    """All at once for one path; requests that came of it, late refreshes included."""
    bench.simulator.reset_counts()
    samples = await at_once(contestant.client, bench.oracle, [path] * CALLERS)
    await asyncio.sleep(1.0)
    contestant.client.close()
    return bench.simulator.requests([path]), samples
