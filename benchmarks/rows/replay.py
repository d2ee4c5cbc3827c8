"""Row 6: a day of an app in minutes: Zipf calls over 1,000 pages, with time jumping.

Between every few calls all clocks of the contestant jump, so that lifetimes run out as
they would over the day. What is counted is what TMDB sees of 1,000 calls.
"""

from __future__ import annotations

import asyncio

from ..bench import US, BenchOptions, Table, examples, jump, opened, span
from ..load import Sample, Samples, by_workers
from ..oracle import Oracle
from ..paths import zipf

TITLES = 1000
# What every visit begins with: the most asked of all, and streamr keeps them warm.
FRONT_PAGE = (
    *("/3/trending/all/week", "/3/movie/popular"),
    *("/3/tv/popular", "/3/movie/top_rated"),
)
DAY = 24 * 3600
WORKERS = 8


async def measure(options: BenchOptions) -> Table:
    """The same calls for everybody, each with a simulator of its own that counts."""
    count = options.pick(10_000, 2_000)
    table = Table(
        6,
        f"Zipf replay: {TITLES:,} pages, {count:,} calls over a day",
        "the fewest upstream requests of all",
        ["peer", "upstream requests per 1,000 calls", "good", "p50 / p99 ms"],
        notes=[
            f"The day passes in {steps(options)} jumps of the clock, the same for "
            "every peer. Background refreshes count. The health checks of HAProxy and "
            "Varnish run once an hour, because compressed time would count against "
            "them. All peers run at the same time, so the latencies are those of a "
            "busy machine.",
        ],
    )
    with opened(options) as bench:
        titles = await bench.titles(TITLES - len(FRONT_PAGE))
        await bench.oracle.learn(FRONT_PAGE)
        calls = zipf([*FRONT_PAGE, *titles], count, options.seed)
        jobs = [one_peer(options, bench.oracle, name, calls) for name in options.peers]
        results = await asyncio.gather(*jobs)
    for name, (requests, samples) in zip(options.peers, results, strict=True):
        examples(name, samples)
        table.add(
            name,
            f"{requests * 1000 / count:,.0f}",
            f"{samples.good:.2%}",
            span(samples),
        )
    rates = {
        name: requests
        for name, (requests, _) in zip(options.peers, results, strict=True)
    }
    if US in rates:
        table.judge(rates[US] == min(rates.values()))
    return table


def steps(options: BenchOptions) -> int:
    """In how many jumps the day passes."""
    return options.pick(24, 12)


async def one_peer(
    options: BenchOptions, oracle: Oracle, name: str, calls: list[str]
) -> tuple[int, Samples]:
    """One contestant's day: what TMDB saw of it, and what the callers got."""
    samples: list[Sample] = []
    many = steps(options)
    part = -(-len(calls) // many)
    with opened(options, oracle=oracle) as bench:
        clock = bench.clock()
        async with bench.alone(name, clock=clock, inter="3600s") as contestant:
            bench.simulator.reset_counts()
            for start in range(0, len(calls), part):
                some = calls[start : start + part]
                done = await by_workers(contestant.client, oracle, some, WORKERS)
                samples += done.all
                await jump(clock, DAY // many, [contestant])
            return bench.simulator.requests(), Samples(tuple(samples))
