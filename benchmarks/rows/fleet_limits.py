"""Rows 29 and 30: TMDB's limits with several nodes, and what sharing costs a hit."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack

from ..bench import US, Bench, BenchOptions, Table, opened
from ..cost import Job, checked, ratio, rounds, sound, staged
from ..fleet import NODES, Fleet, fleet
from ..generator import Order
from ..load import at_once
from ..world import DIRECT
from .hits import HIT

RATE, CONNECTIONS, BURST = 35, 15, 10
# Seconds between two looks at the counts, and until nothing is under way any more.
LOOK, QUIET = 0.05, 3.0
TIMES = 1.05


async def limits(options: BenchOptions) -> Table:
    """Far more cold pages than TMDB allows, with the engine and without it."""
    table = Table(
        29,
        f"TMDB's limits, {NODES} nodes on one address",
        f"never more than {RATE} requests in a second beyond the burst, and never more "
        f"than {CONNECTIONS} connections",
        ["engine", "requests", "most in a second", "most connections"],
        notes=[
            f"TMDB takes 200 ms. After a quiet moment up to {BURST} requests may go at "
            "once from all nodes together, as from a single streamr."
        ],
    )
    seconds = options.pick(8, 4)
    with opened(options) as bench:
        async with fleet(bench) as made:
            bench.simulator.delay_both(0.2)
            for engine in ("there", "away"):
                if engine == "away":
                    assert made.engine is not None
                    made.engine.process.send_signal(signal.SIGSTOP)
                    await made.up(False)
                found = await flooded(bench, made, seconds)
                table.add(engine, *found)
                _, most, at_once_ = found
                table.judge(most <= RATE + BURST and at_once_ <= CONNECTIONS)
    return table


async def flooded(bench: Bench, made: Fleet, seconds: int) -> tuple[int, int, int]:
    """All requests, the most of them in one second, and the most connections."""
    paths = bench.paths.titles(3 * RATE * seconds)
    bench.simulator.reset_counts()
    asking = [
        asyncio.ensure_future(at_once(each.client, Anything(), paths[at::NODES]))
        for at, each in enumerate(made.nodes)
    ]
    seen: list[tuple[float, int]] = []
    most_open = 0
    began = time.perf_counter()
    while (now := time.perf_counter()) < began + seconds:
        host = bench.simulator.control()["hosts"][DIRECT]["counts"]
        seen.append((now, int(host["requests"])))
        most_open = max(most_open, int(host["open"]))
        await asyncio.sleep(LOOK)
    for each in asking:
        each.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    most = max(
        later - earlier
        for at, earlier in seen
        for then, later in seen
        if 0 <= then - at <= 1.0
    )
    # what is still under way is not to be counted with what comes next
    await asyncio.sleep(QUIET)
    return seen[-1][1], most, most_open


class Anything(dict[str, object]):
    """Nobody looks at these answers."""

    def __missing__(self, path: str) -> None:
        return None


async def hits(options: BenchOptions) -> Table:
    """One node with the shared tier and one without, asked for the same list."""
    table = Table(
        30,
        "Cost of a hit with the shared tier, and without",
        f"at most {TIMES} times the processor time",
        ["shared tier", "µs of processor time per hit"],
        notes=["As row 9. The node with it sees the engine once a second."],
    )
    async with staged(options) as stage, AsyncExitStack() as stack:
        with opened(options) as bench:
            made = await stack.enter_async_context(fleet(bench, 0))
            jobs = []
            url = f"redis://127.0.0.1:{made.shared_port}"
            for name, settings in ((US, {}), ("shared", {"STREAMR_SHARED": url})):
                running = await stack.enter_async_context(
                    stage.contestant(US, settings=settings)
                )
                count = options.pick(20_000, 2_000)
                order = Order(running.port, stage.lists(1), count, 32)
                job = Job(name, running, await checked(stage, running, order))
                jobs.append(job)
            costs = await rounds(jobs, options.pick(7, 2))
            await stack.aclose()
    times = ratio(costs["shared"].cpu_us, costs[US].cpu_us)
    table.add("no", f"{costs[US].cpu:.1f}")
    table.add("yes", f"{costs['shared'].cpu:.1f} ({times:.2f} times)")
    table.judge(times <= TIMES)
    sound(table, costs, {US: HIT[US], "shared": HIT[US]})
    return table
