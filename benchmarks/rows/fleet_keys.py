"""Rows 25 and 26: what several nodes ask TMDB, and how long their callers wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..bench import Bench, BenchOptions, Table, opened, span
from ..fleet import NODES, UNPACED, Fleet, fleet
from ..load import Samples, at_once, at_rate, by_workers
from ..paths import zipf

KEYS = 100
UPSTREAM = 0.1
ADDED_MS, TIMES, MORE = 10.0, 1.1, 1.05
# Different cold keys a second: what two cores answer without waiting for each other.
STEADY = 60.0
# What a day's calls are spread over, and how many at once ask.
TITLES, WORKERS = 500, 8


async def cold(options: BenchOptions) -> Table:
    """All nodes are asked for the same cold keys in the same moment."""
    table = Table(
        25,
        f"{NODES} nodes, {KEYS} cold keys asked of all at once",
        f"1 upstream request per key; p99 at most {ADDED_MS:.0f} ms more than without "
        f"sharing; different keys at {STEADY:.0f} a second: p99 at most {TIMES} times "
        "that of one node",
        ["calls", "nodes", "shared", "requests per key", "good", "p50 / p99 ms"],
        notes=[
            f"TMDB takes {UPSTREAM * 1000:.0f} ms; its limits are set so high that "
            "nobody waits for them. Without sharing each node asks for itself. "
            "All rounds have new keys.",
        ],
    )
    rounds = options.pick(5, 2)
    with opened(options) as bench:
        one = await stampedes(bench, 1, shared=False, rounds=rounds)
        alone = await stampedes(bench, NODES, shared=False, rounds=rounds)
        together = await stampedes(bench, NODES, shared=True, rounds=rounds)
        steady_one = await steady(bench, 1, options.pick(600, 150))
        steady_all = await steady(bench, NODES, options.pick(600, 150))
    for calls, nodes, shared, (requests, samples) in (
        ("at once", 1, "-", one),
        ("at once", NODES, "no", alone),
        ("at once", NODES, "yes", together),
        ("steady", 1, "-", steady_one),
        ("steady", NODES, "yes", steady_all),
    ):
        good = f"{samples.good:.0%}"
        table.add(calls, nodes, shared, f"{requests:.2f}", good, span(samples))
    requests, samples = together
    added = samples.percentile(0.99) - alone[1].percentile(0.99)
    times = steady_all[1].percentile(0.99) / steady_one[1].percentile(0.99)
    table.notes.append(
        f"p99 with sharing: {added:+.0f} ms against without; of different keys "
        f"{times:.2f} times that of one node."
    )
    table.judge(requests <= 1.0 and samples.good == 1)
    table.judge(added <= ADDED_MS and times <= TIMES)
    return table


async def steady(bench: Bench, nodes: int, count: int) -> tuple[float, Samples]:
    """Each call is for another cold key, and goes to the next node."""
    async with fleet(bench, nodes, shared=nodes > 1, **UNPACED) as made:
        paths = await bench.titles(count)
        bench.simulator.delay_both(UPSTREAM)
        await warmed(bench, made)
        bench.simulator.reset_counts()
        found = await asyncio.gather(
            *(
                at_rate(
                    each.client,
                    bench.oracle,
                    paths[at::nodes],
                    STEADY / nodes,
                    offset=at / STEADY,
                )
                for at, each in enumerate(made.nodes)
            )
        )
        requests = bench.simulator.requests()
        bench.simulator.heal()
        samples = tuple(one for each in found for one in each.all)
        return requests / count, Samples(samples)


async def stampedes(
    bench: Bench, nodes: int, *, shared: bool, rounds: int
) -> tuple[float, Samples]:
    """Requests per key, and all answers."""
    async with fleet(bench, nodes, shared=shared, **UNPACED) as made:
        requests, samples = 0, []
        for _ in range(rounds):
            paths = await bench.titles(KEYS)
            bench.simulator.delay_both(UPSTREAM)
            await warmed(bench, made)
            bench.simulator.reset_counts()
            found = await asyncio.gather(
                *(at_once(each.client, bench.oracle, paths) for each in made.nodes)
            )
            samples += [one for each in found for one in each.all]
            await asyncio.sleep(0.5)
            requests += bench.simulator.requests()
        bench.simulator.heal()
        return requests / (rounds * KEYS), Samples(tuple(samples))


async def warmed(bench: Bench, made: Fleet) -> None:
    """Connections to TMDB and from the callers are open."""
    for each in made.nodes:
        paths = await bench.titles(KEYS)
        bench.simulator.delay_both(UPSTREAM)
        await at_once(each.client, bench.oracle, paths)


async def replay(options: BenchOptions) -> Table:
    """The same calls to one node, and to three in turn."""
    count = options.pick(6_000, 1_500)
    table = Table(
        26,
        f"Zipf replay over {NODES} nodes: {TITLES:,} pages, {count:,} calls",
        f"at most {MORE} times the upstream requests of one node",
        ["nodes", "upstream requests per 1,000 calls", "good", "p50 / p99 ms"],
        notes=["Each call goes to the next node, so that every page is asked of all."],
    )
    with opened(options) as bench:
        titles = await bench.titles(TITLES)
        calls = zipf(titles, count, options.seed)
        found = [await replayed(bench, nodes, calls) for nodes in (1, NODES)]
    for nodes, (requests, samples) in zip((1, NODES), found, strict=True):
        per = f"{requests * 1000 / count:,.0f}"
        table.add(nodes, per, f"{samples.good:.2%}", span(samples))
    (one, _), (several, samples) = found
    table.judge(several <= MORE * one and samples.good == 1)
    return table


async def replayed(
    bench: Bench, nodes: int, calls: Sequence[str]
) -> tuple[int, Samples]:
    """How many requests TMDB has had, and all answers."""
    async with fleet(bench, nodes, shared=nodes > 1, **UNPACED) as made:
        bench.simulator.reset_counts()
        found = await asyncio.gather(
            *(
                by_workers(each.client, bench.oracle, calls[at::nodes], WORKERS)
                for at, each in enumerate(made.nodes)
            )
        )
        samples = [one for each in found for one in each.all]
        return bench.simulator.requests(), Samples(tuple(samples))
