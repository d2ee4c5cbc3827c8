"""Row 14: whether connections to TMDB are kept while many are in use."""

from __future__ import annotations

from ..bench import US, Bench, BenchOptions, Table, opened
from ..cost import GZIP, LIST, UNLIMITED, ask
from ..generator import Came, Order
from ..world import HOSTS

PARALLEL = 16
UPSTREAM = 0.04
# While it warms up: long enough that all connections are in use at the same time.
WARM_UP = 0.2
# After so long (ms) a second route is asked as well, over connections of its own: then
# the machine was busy with something else, and new connections may be because of it.
HEDGED = 250


async def measure(options: BenchOptions) -> Table:
    """streamr only; the simulator counts the handshakes."""
    table = Table(
        14,
        f"New TLS connections after a warm-up: {PARALLEL} misses in parallel, upstream "
        f"{UPSTREAM * 1000:.0f} ms",
        "0",
        ["misses", "slowest, ms", *HOSTS],
        notes=["Counted by the simulator, under each of TMDB's two names."],
    )
    count = options.pick(1_000, 300)
    with opened(options) as bench:
        async with bench.alone(US, settings=UNLIMITED) as ours:
            bench.simulator.delay_both(WARM_UP)
            await misses(bench, ours.port, 8 * PARALLEL)
            bench.simulator.delay_both(UPSTREAM)
            for _ in range(3):
                bench.simulator.reset_counts()
                came = await misses(bench, ours.port, count)
                if came.slowest_ms < HEDGED:
                    break
            new = bench.simulator.handshakes()
    report(table, came, new)
    table.judge(not any(new.values()) and came.good == count)
    return table


def report(table: Table, came: Came, new: dict[str, int]) -> None:
    """The line, and whether it is worth something."""
    if came.slowest_ms >= HEDGED:
        table.notes.append(
            f"The slowest answer took more than {HEDGED} ms: the machine was busy, a "
            "second route was asked as well, and new connections may be because of it."
        )
    cells = (new[host] for host in HOSTS)
    table.add(f"{came.good:,}", f"{came.slowest_ms:.0f}", *cells)


async def misses(bench: Bench, port: int, count: int) -> Came:
    """Ask for so many paths that nobody has asked for."""
    targets = [bench.paths.one(LIST) for _ in range(count)]
    return await ask(Order(port, targets, count, PARALLEL, headers=[GZIP]))
