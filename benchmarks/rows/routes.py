"""Row 2: the direct route broken before the first request, 20 requests a second, cold.

Latency from the first request on, and once whatever a contestant has for a circuit
breaker had time to open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ..bench import US, Bench, BenchOptions, Table, examples, opened, span, undisturbed
from ..client import Worth
from ..load import Samples, at_rate
from ..oracle import straight_to
from ..world import DIRECT, SECOND, SilentPort

RATE = 20
BLACK_HOLE = "black hole (SYNs dropped)"
SLOW = "slow:delay=3"
KINDS = (
    BLACK_HOLE,
    "silence-at-accept",
    "silence-after-hello",
    "reset-after-hello",
    "refuse",
    SLOW,
)
ITSELF = "(the second route by itself)"
FIRST_P99 = 400.0


async def measure(options: BenchOptions) -> Table:
    """All kinds, all contestants side by side in each."""
    table = Table(
        2,
        "Direct route broken, cold keys, 20 requests a second",
        "from the first request on p99 ≤ 400 ms; afterwards p50 ≤ the second route's "
        "own + 10 ms and p99 ≤ 1.3 times HAProxy's, or + 5 ms",
        [
            "fault",
            "peer",
            "first, p50 / p99 ms",
            "afterwards, p50 / p99 ms",
            "not good",
        ],
        notes=[
            f"`first` is the first {options.pick(10, 5)} s, `afterwards` the following "
            f"{options.pick(20, 5)} s. The second route takes 60 ms plus the "
            "simulator's own time; the last line of each fault is that route by "
            "itself, asked directly by the same client in the same run.",
        ],
    )
    with opened(options) as bench:
        # What stood before the fault must not carry requests past it: the direct route
        # keeps no connection. The second route does.
        bench.simulator.control(host=DIRECT, keep_alive=False)
        for kind in KINDS:
            await one_kind(bench, kind, table)
    return table


@contextmanager
def broken(bench: Bench, kind: str) -> Iterator[None]:
    """The direct route with this fault."""
    if kind != BLACK_HOLE:
        bench.simulator.break_direct(kind)
        yield
        return
    bench.simulator.break_direct("refuse")
    hole = SilentPort(bench.simulator.port(DIRECT))
    try:
        yield
    finally:
        hole.close()


async def one_kind(bench: Bench, kind: str, table: Table) -> None:
    """One fault: latencies from the first request on, and after a while."""
    peers, first = (*bench.peers, ITSELF), bench.options.pick(10, 5)
    results = await undisturbed(
        bench.options, kind, lambda: everybody(bench, kind, first)
    )
    found = dict(zip(peers, results, strict=True))
    for name, samples in found.items():
        examples(name, samples)
        bad = len(samples.all) - samples.verdicts[Worth.GOOD]
        begun, rest = samples.before(first), samples.since(first)
        table.add(f"`{kind}`", name, span(begun), span(rest), bad)
    judge(table, kind, found, first)


async def everybody(bench: Bench, kind: str, first: int) -> list[Samples]:
    """All contestants and the second route itself at the same rate, one by one."""
    later = bench.options.pick(20, 5)
    paths = await bench.fresh(RATE * (first + later))
    async with bench.together() as contestants:
        with broken(bench, kind):
            straight = straight_to(bench.simulator, SECOND)
            clients = [*(each.client for each in contestants), straight]
            gap = 1 / RATE / len(clients)
            jobs = [
                at_rate(each, bench.oracle, paths, RATE, number * gap)
                for number, each in enumerate(clients)
            ]
            results = await asyncio.gather(*jobs)
        straight.close()
        bench.simulator.heal()
    return results


def judge(table: Table, kind: str, found: dict[str, Samples], first: float) -> None:
    """Compare streamr with the target, and with HAProxy where it took part."""
    if US not in found:
        return
    ours = found[US]
    table.judge(ours.good == 1)
    table.judge(ours.before(first).percentile(0.99) <= FIRST_P99)
    rest = ours.since(first)
    if kind == SLOW:
        return
    itself = found[ITSELF].since(first)
    table.judge(rest.percentile(0.5) <= itself.percentile(0.5) + 10)
    if "haproxy" in found:
        theirs = found["haproxy"].since(first).percentile(0.99)
        table.judge(rest.percentile(0.99) <= max(1.3 * theirs, theirs + 5))
