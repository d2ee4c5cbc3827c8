"""Row 14: whether connections to TMDB are kept while many are in use."""

from __future__ import annotations

from ..bench import US, Bench, BenchOptions, Table, opened
from ..cost import GZIP, LIST, UNLIMITED, ask
from ..generator import Came, Order
from ..world import HOSTS

PARALLEL = 16
UPSTREAM = 0.04


async def measure(options: BenchOptions) -> Table:
    """streamr only; the simulator counts the handshakes."""
    table = Table(
        14,
        f"New TLS connections after a warm-up: {PARALLEL} misses in parallel, upstream "
        f"{UPSTREAM * 1000:.0f} ms",
        "0",
        ["misses", *HOSTS],
        notes=["Counted by the simulator, under each of TMDB's two names."],
    )
    count = options.pick(1_000, 300)
    with opened(options) as bench:
        async with bench.alone(US, settings=UNLIMITED) as ours:
            bench.simulator.delay_both(UPSTREAM)
            await misses(bench, ours.port, 4 * PARALLEL)
            bench.simulator.reset_counts()
            came = await misses(bench, ours.port, count)
            new = bench.simulator.handshakes()
    table.add(f"{came.good:,}", *(new[host] for host in HOSTS))
    table.judge(not any(new.values()) and came.good == count)
    return table


async def misses(bench: Bench, port: int, count: int) -> Came:
    """Ask for so many paths that nobody has asked for."""
    targets = [bench.paths.one(LIST) for _ in range(count)]
    return await ask(Order(port, targets, count, PARALLEL, headers=[GZIP]))
