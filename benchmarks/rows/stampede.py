"""Row 5: many callers at once for one key, cold and expired."""

from __future__ import annotations

import asyncio
import re

from ..bench import US, Bench, Options, Table, jump, opened, span
from ..load import Samples, at_once, percentile
from ..peers import Running

CALLERS = 100
UPSTREAM = 0.3
SEVEN_HOURS = 7 * 3600
TOTAL = re.compile(r"\btotal;dur=([0-9.]+)")


async def measure(options: Options) -> Table:
    """One contestant after the other: the simulator's count has to be its own."""
    table = Table(
        5,
        f"Stampede of {CALLERS} on one key, upstream {UPSTREAM * 1000:.0f} ms",
        "exactly 1 upstream request (2 where a hedge ran); cold p50 ≤ upstream + 10 ms "
        "by its own Server-Timing",
        ["key", "peer", "upstream requests", "good", "p50 / p99 ms", "own p50 ms"],
        notes=[
            "The client opens its connections one after the other and shares the "
            "machine: its part is in p50 and p99, for everybody alike. `own p50` is "
            "what Server-Timing tells, from a request's arrival to its answer.",
        ],
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
            own = own_median(samples)
            told = "-" if own is None else f"{own:.0f}"
            table.add(key, name, requests, f"{samples.good:.0%}", span(samples), told)
            if name == US:
                table.judge(samples.good == 1 and 1 <= requests <= 2)
                if key == "cold":
                    table.judge(own is not None and own <= UPSTREAM * 1000 + 10)
    return table


def own_median(samples: Samples) -> float | None:
    """The median of the totals (ms) in Server-Timing; None for who sends none."""
    fields = [each.reply.headers.get("server-timing", "") for each in samples.all]
    totals = [float(each[1]) for field in fields for each in TOTAL.finditer(field)]
    return percentile(totals, 0.5) if totals else None


async def rush(bench: Bench, contestant: Running, path: str) -> tuple[int, Samples]:
    """All at once for one path; requests that came of it, late refreshes included."""
    bench.simulator.reset_counts()
    samples = await at_once(contestant.client, bench.oracle, [path] * CALLERS)
    await asyncio.sleep(1.0)
    contestant.client.close()
    return bench.simulator.requests([path]), samples
