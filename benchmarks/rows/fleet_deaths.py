"""Rows 27 and 28: the engine dies in three ways; nodes die, leave and come."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence

from ..bench import Bench, BenchOptions, Table, examples, opened, span
from ..fleet import NODES, UNPACED, Fleet, fleet
from ..load import Samples, at_rate

RATE = 200.0
AWAY = 3.0
ADDED_MS, AGAIN = 20.0, 0.5
# Of the calls, one in so many is for a page that nobody has.
COLD = 5
HITS, SOON = 0.95, 2.0


async def engine(options: BenchOptions) -> Table:
    """Callers at a steady rate before, while it is away, and afterwards."""
    table = Table(
        27,
        f"The engine goes away for {AWAY:.0f} s, {NODES} nodes, {RATE:.0f} calls/s",
        f"0 errors; p99 at most {ADDED_MS:.0f} ms more than before; used again within "
        f"{AGAIN} s",
        ["how", "good", "p50 / p99 ms before", "while away", "used again after s"],
        notes=[
            f"One call in {COLD} is for a page that nobody has, which costs TMDB's "
            "own time. It is used again when the last node's metrics say so, after "
            "the engine answers again."
        ],
    )
    with opened(options) as bench:
        async with fleet(bench, relayed=True, **UNPACED) as made:
            for how, leave, come in ways(made):
                before, away, again = await through(bench, made, leave, come)
                samples = Samples((*before.all, *away.all))
                examples(how, samples)
                table.add(
                    how,
                    f"{samples.good:.2%}",
                    span(before),
                    span(away),
                    f"{again:.2f}",
                )
                added = away.percentile(0.99) - before.percentile(0.99)
                table.judge(samples.good == 1 and added <= ADDED_MS)
                table.judge(again <= AGAIN)
    return table


Way = tuple[str, Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]


def ways(made: Fleet) -> list[Way]:
    """How it goes, and how it comes back."""

    async def stop() -> None:
        assert made.engine is not None
        made.engine.process.send_signal(signal.SIGSTOP)

    async def go_on() -> None:
        assert made.engine is not None
        made.engine.process.send_signal(signal.SIGCONT)

    async def kill() -> None:
        assert made.engine is not None
        made.engine.process.kill()
        await asyncio.to_thread(made.engine.process.wait)

    async def swallow() -> None:
        assert made.relay is not None
        made.relay.process.send_signal(signal.SIGUSR1)

    async def let_through() -> None:
        assert made.relay is not None
        made.relay.process.send_signal(signal.SIGUSR2)

    return [
        ("stopped", stop, go_on),
        ("killed", kill, made.start_engine),
        ("black-holed", swallow, let_through),
    ]


async def through(
    bench: Bench,
    made: Fleet,
    leave: Callable[[], Awaitable[None]],
    come: Callable[[], Awaitable[None]],
) -> tuple[Samples, Samples, float]:
    """The answers before and while it is away, and how long until it was used again."""
    seconds = AWAY
    count = int(RATE * seconds)
    warm = await bench.titles(40)
    cold = await bench.titles(2 * count // COLD + 2)
    for each in made.nodes:
        await at_rate(each.client, bench.oracle, warm, RATE)
    fresh = iter(cold)

    def calls() -> list[str]:
        return [
            next(fresh) if at % COLD == 0 else warm[at % len(warm)]
            for at in range(count)
        ]

    before = await over(bench, made, calls())
    await leave()
    away = await over(bench, made, calls())
    await come()
    back = time.perf_counter()
    await made.up()
    return before, away, time.perf_counter() - back


async def over(bench: Bench, made: Fleet, calls: Sequence[str]) -> Samples:
    """The calls, each to the next node."""
    found = await asyncio.gather(
        *(
            at_rate(
                each.client,
                bench.oracle,
                calls[at :: len(made.nodes)],
                RATE / len(made.nodes),
                offset=at / RATE,
            )
            for at, each in enumerate(made.nodes)
        )
    )
    return Samples(tuple(one for each in found for one in each.all))


async def nodes(options: BenchOptions) -> Table:
    """Behind HAProxy: one is killed, one is drained, one is added."""
    table = Table(
        28,
        f"{NODES} nodes behind HAProxy, {RATE:.0f} calls/s",
        "killed: errors only on its open connections; drained: none; added: at least "
        f"{HITS:.0%} hits within {SOON:.0f} s of its start",
        ["what", "calls", "errors", "p50 / p99 ms"],
        notes=[
            "deploy/haproxy.cfg with three servers. A node that is added is asked "
            "itself for what the others have."
        ],
    )
    settings = {**UNPACED, "STREAMR_STOP_DELAY": "3"}
    with opened(options) as bench:
        async with fleet(bench, **settings) as made:
            haproxy = await made.behind_haproxy()
            try:
                await leaving(bench, made, table)
                await coming(bench, made, table)
            finally:
                await asyncio.to_thread(haproxy.stop)
    return table


async def leaving(bench: Bench, made: Fleet, table: Table) -> None:
    """Kill one, then drain another."""
    assert made.front is not None
    paths = await bench.titles(60)
    calls = [paths[at % len(paths)] for at in range(int(RATE * 10))]
    await at_rate(made.front, bench.oracle, calls[:300], RATE)
    for what, how, node in (
        ("killed", signal.SIGKILL, made.nodes[0]),
        ("drained", signal.SIGTERM, made.nodes[1]),
    ):
        asking = asyncio.ensure_future(at_rate(made.front, bench.oracle, calls, RATE))
        await asyncio.sleep(2.0)
        node.child.process.send_signal(how)
        samples = await asking
        errors = round(len(samples.all) * (1 - samples.good))
        examples(what, samples)
        table.add(what, len(samples.all), errors, span(samples))
        # at this rate it answers one or two at a time
        table.judge(errors <= (2 if what == "killed" else 0))


async def coming(bench: Bench, made: Fleet, table: Table) -> None:
    """Add one, and ask it for what is shared."""
    paths = await bench.titles(100)
    last = made.nodes[2]
    await at_rate(last.client, bench.oracle, paths, RATE)
    await asyncio.sleep(0.5)
    node = await made.add()
    began = time.perf_counter()
    samples = await at_rate(node.client, bench.oracle, paths, 100.0)
    took = time.perf_counter() - began
    hits = sum(
        "hit" in one.reply.headers.get("cache-status", "") for one in samples.all
    )
    share = hits / len(samples.all)
    table.add(
        f"added: {share:.0%} hits in the first {took:.1f} s",
        len(samples.all),
        round(len(samples.all) * (1 - samples.good)),
        span(samples),
    )
    table.judge(share >= HITS and samples.good == 1 and took <= SOON)
