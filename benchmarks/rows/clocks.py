"""Row 7: somebody sets the wall clock, by an hour or a day, in either direction.

Intervals run on the monotonic clock, which is left alone, so nothing may change: every
copy stays a hit (no mass expiry), deadlines and hedges fire when they should (no timer
lost), and a 404, kept for a minute, is forgotten after a minute (nothing immortal).
"""

from __future__ import annotations

import asyncio
import time

from ..bench import US, Bench, BenchOptions, Table, opened
from ..client import Worth
from ..load import at_rate, by_workers
from ..peers import Running
from ..world import Clock

HOUR, DAY = 3600, 86400
JUMPS = (HOUR, -HOUR, -HOUR, HOUR, DAY, -DAY, -DAY, DAY)
NAMES = {HOUR: "+1 h", -HOUR: "-1 h", DAY: "+1 day", -DAY: "-1 day"}
WARM = 50
DEADLINE = 8.0
MISSING = "/3/movie/999999999"
MINUTE = 60.0


async def measure(options: BenchOptions) -> Table:
    """streamr only: what the peers do with a turned clock is their own affair."""
    table = Table(
        7,
        "The wall clock jumps (libfaketime; the monotonic clock does not)",
        "no timer lost, no mass expiry, no entry that never expires, 0 errors",
        ["jump", "still hits", "new requests upstream", "hedge answered in", "errors"],
    )
    with opened(options) as bench:
        clock = bench.clock(monotonic=False)
        async with bench.alone(US, clock=clock) as ours:
            warm = await bench.fresh(WARM)
            await at_rate(ours.client, bench.oracle, warm, 30)
            for seconds in JUMPS[: options.pick(len(JUMPS), 4)]:
                await one_jump(bench, ours, clock, seconds, warm, table)
            await deadline(bench, ours, clock, table)
            if not options.quick:
                await missing(bench, ours, clock, table)
    return table


async def one_jump(
    bench: Bench,
    ours: Running,
    clock: Clock,
    seconds: int,
    warm: list[str],
    table: Table,
) -> None:
    """Jump while a request hedges; then everything has to be as before."""
    (path,) = await bench.fresh(1)
    bench.simulator.break_direct("silence-after-request")
    bench.simulator.reset_counts()
    began = time.perf_counter()
    pending = asyncio.ensure_future(ours.client.get(path))
    await asyncio.sleep(0.1)
    clock.jump(seconds)
    hedged = await pending
    took = time.perf_counter() - began
    bench.simulator.heal()
    samples = await by_workers(ours.client, bench.oracle, warm, 4)
    await asyncio.sleep(0.5)
    extra = bench.simulator.requests(warm)
    hits = sum(
        "hit" in one.reply.headers.get("cache-status", "") for one in samples.all
    )
    errors = WARM - samples.verdicts[Worth.GOOD]
    errors += hedged.judge(bench.oracle[path]) is not Worth.GOOD
    table.add(
        NAMES[seconds], f"{hits} of {WARM}", extra, f"{took * 1000:.0f} ms", errors
    )
    table.judge(hits == WARM and extra == 0 and errors == 0 and took < 1)


async def deadline(bench: Bench, ours: Running, clock: Clock, table: Table) -> None:
    """Both routes silent: the deadline has to fire although an hour is taken away."""
    (path,) = await bench.fresh(1)
    bench.simulator.break_both("silence-after-request")
    pending = asyncio.ensure_future(ours.client.get(path))
    await asyncio.sleep(1.0)
    clock.jump(-HOUR)
    reply = await pending
    clock.jump(HOUR)
    bench.simulator.heal()
    in_time = reply.status >= 500 and reply.seconds < DEADLINE + 1
    said = f"{reply.status} after {reply.seconds:.1f} s"
    table.notes.append(f"-1 h while both routes are silent: {said} (deadline 8 s).")
    table.judge(in_time)


async def missing(bench: Bench, ours: Running, clock: Clock, table: Table) -> None:
    """A 404 is kept for a minute, also when a day is taken away meanwhile."""
    client = ours.client
    for _ in range(40):
        if (await client.get(MISSING)).status == 404:
            break
        await asyncio.sleep(0.5)
    clock.jump(-DAY)
    bench.simulator.reset_counts()
    await client.get(MISSING)
    kept = bench.simulator.requests([MISSING]) == 0
    await asyncio.sleep(MINUTE + 2)
    reply = await client.get(MISSING)
    again = bench.simulator.requests([MISSING])
    clock.jump(DAY)
    said = f"kept: {kept}; asked again after a minute: {again == 1}"
    table.notes.append(f"A stored 404 and -1 day: {said}.")
    table.judge(kept and again == 1 and reply.status == 404)
