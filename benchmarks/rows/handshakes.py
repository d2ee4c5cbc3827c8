"""Row 3: half of all handshakes reset, on both routes, and no connection is kept."""

from __future__ import annotations

import asyncio

from ..bench import US, BenchOptions, Table, examples, opened, span
from ..load import at_rate

RATE = 20
FAULT = "reset-after-hello:p=0.5"


async def measure(options: BenchOptions) -> Table:
    """1,000 paths that nobody has asked for, side by side."""
    count = options.pick(1000, 300)
    table = Table(
        3,
        f"Half of the handshakes reset on both routes, no keep-alive, {count:,} paths",
        "≥ 99.9 % good, p99 ≤ 600 ms",
        ["peer", "good", "p50 / p99 ms", "not good"],
    )
    with opened(options, "--no-keep-alive") as bench:
        paths = await bench.fresh(count)
        async with bench.together() as contestants:
            bench.simulator.break_both(FAULT)
            gap = 1 / RATE / len(contestants)
            jobs = [
                at_rate(each.client, bench.oracle, paths, RATE, number * gap)
                for number, each in enumerate(contestants)
            ]
            results = await asyncio.gather(*jobs)
    for name, samples in zip(options.peers, results, strict=True):
        examples(name, samples)
        bad = ", ".join(
            f"{count} {verdict.value}"
            for verdict, count in samples.verdicts.items()
            if verdict.value != "good"
        )
        table.add(name, f"{samples.good:.1%}", span(samples), bad or "-")
        if name == US:
            table.judge(samples.good >= 0.999)
            table.judge(samples.percentile(0.99) <= 600)
    return table
