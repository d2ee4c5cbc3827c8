"""Row 5: many callers at once for one key, cold and expired."""

from __future__ import annotations

import asyncio

from ..bench import US, Bench, BenchOptions, Table, jump, opened, span
from ..client import CallerReply
from ..crowd import rush
from ..load import Sample, Samples
from ..oracle import straight_to
from ..peers import Running
from ..world import DIRECT

CALLERS = 100
UPSTREAM = 0.3
# Each of them a key of its own: a single one says much about the machine's moment.
STAMPEDES = 5
SEVEN_HOURS = 7 * 3600
ITSELF = "(the upstream itself)"


async def measure(options: BenchOptions) -> Table:
    """One contestant after the other: the simulator's count has to be its own."""
    table = Table(
        5,
        f"Stampede of {CALLERS} on one key, upstream {UPSTREAM * 1000:.0f} ms",
        "exactly 1 upstream request (2 where a hedge ran); cold p50 ≤ the upstream's "
        "own + 10 ms",
        ["key", "peer", "upstream requests", "good", "p50 / p99 ms"],
        notes=[
            f"{STAMPEDES} stampedes each, all callers together; the table shows the "
            "largest number of upstream requests that one stampede caused. Callers' "
            'connections are open before the stampede. "The upstream itself" is one '
            "caller asking it directly over a new TLS connection, as any peer with a "
            "cold cache has to. For the expired keys, libfaketime moves the clock "
            "seven hours ahead, which makes every reading of the clock slower.",
        ],
    )
    with opened(options) as bench:
        alone = await itself(bench)
        table.add("cold", ITSELF, 1, f"{alone.good:.0%}", span(alone))
        for name in options.peers:
            requests, samples = await cold(bench, name)
            table.add("cold", name, requests, f"{samples.good:.0%}", span(samples))
            if name == US:
                limit = alone.percentile(0.5) + 10
                table.judge(samples.good == 1 and 1 <= requests <= 2)
                table.judge(samples.percentile(0.5) <= limit)
        for name in options.peers:
            requests, samples = await expired(bench, name)
            table.add("expired", name, requests, f"{samples.good:.0%}", span(samples))
            if name == US:
                table.judge(samples.good == 1 and 1 <= requests <= 2)
    return table


async def cold(bench: Bench, name: str) -> tuple[int, Samples]:
    """Nobody has asked for these keys."""
    paths = await bench.titles(STAMPEDES)
    async with bench.alone(name, inter="3600s") as contestant:
        bench.simulator.delay_both(UPSTREAM)
        await asyncio.sleep(0.5)
        return await all_of(bench, contestant, paths)


async def expired(bench: Bench, name: str) -> tuple[int, Samples]:
    """Everybody has asked for these keys, seven hours ago.

    By libfaketime, which makes each look at the clock dearer: of these times only the
    order of magnitude can be compared with those of the cold ones.
    """
    paths, clock = await bench.titles(STAMPEDES), bench.clock()
    async with bench.alone(name, clock=clock, inter="3600s") as contestant:
        bench.simulator.delay_both(UPSTREAM)
        await asyncio.sleep(0.5)
        for path in paths:
            await contestant.client.get(path)
        await jump(clock, SEVEN_HOURS, [contestant])
        return await all_of(bench, contestant, paths)


async def all_of(
    bench: Bench, contestant: Running, paths: list[str]
) -> tuple[int, Samples]:
    """One stampede after the other: the most requests that came of one, late refreshes
    included, and all answers."""
    most, samples = 0, []
    for path in paths:
        bench.simulator.reset_counts()
        replies = await rush(contestant.client, path, CALLERS)
        samples += [sample(bench, path, reply) for reply in replies]
        await asyncio.sleep(1.0)
        most = max(most, bench.simulator.requests([path]))
    return most, Samples(tuple(samples))


async def itself(bench: Bench) -> Samples:
    """The upstream, asked straight by one caller at a time."""
    paths = await bench.titles(STAMPEDES)
    bench.simulator.delay_both(UPSTREAM)
    straight = straight_to(bench.simulator, DIRECT)
    straight.reuse = False
    replies = [(path, await straight.get(path)) for path in paths]
    return Samples(tuple(sample(bench, path, reply) for path, reply in replies))


def sample(bench: Bench, path: str, reply: CallerReply) -> Sample:
    """An answer, with what it was worth."""
    verdict = reply.judge(bench.oracle[path])
    return Sample(path, 0.0, 0.0, reply.seconds, verdict, reply)
