"""Row 4: warm keys that have expired, and then nothing of TMDB answers any more."""

from __future__ import annotations

import re
from functools import partial

from ..bench import US, Bench, BenchOptions, Table, jump, opened, undisturbed
from ..client import CallerReply, Worth
from ..load import Samples, at_rate

KINDS = ("silence-at-accept", "html", "refuse", "reset-after-hello", "status:code=503")
RATE = 40
SEVEN_HOURS = 7 * 3600
WARM = 32
# RFC 9211: a stale hit has a negative ttl, or is forwarded because it was stale.
STALE = re.compile(r"ttl=-|fwd=stale|STALE|UPDATING")


def stale(reply: CallerReply) -> bool:
    """A good answer that says that it is old (nginx says so in a field of its own)."""
    told = reply.headers.get("cache-status") or reply.headers.get("x-cache-status", "")
    return bool(STALE.search(told))


async def measure(options: BenchOptions) -> Table:
    """A fault of each sort on both routes, one contestant after the other."""
    table = Table(
        4,
        "Warm and expired, both routes dead",
        "200 with `Age` and a stale `Cache-Status`, p99 ≤ 10 ms",
        [
            *("fault on both routes", "peer", "200", "with Age", "says stale"),
            "p50 / p99 ms",
        ],
        notes=[
            "libfaketime moves every peer's clock seven hours ahead between the "
            "warm-up and the fault, so all copies have expired.",
        ],
    )
    with opened(options, "--no-keep-alive") as bench:
        for kind in KINDS[: options.pick(len(KINDS), 2)]:
            for name in options.peers:
                (samples,) = await undisturbed(
                    options, f"{kind}, {name}", partial(one_peer, bench, kind, name)
                )
                add(table, kind, name, samples)
    return table


async def one_peer(bench: Bench, kind: str, name: str) -> list[Samples]:
    """One contestant alone, so that no other one's work is in its latency."""
    paths = await bench.fresh(WARM)
    clock = bench.clock()
    async with bench.alone(name, clock=clock) as contestant:
        await at_rate(contestant.client, bench.oracle, paths, RATE)
        await jump(clock, SEVEN_HOURS, [contestant])
        bench.simulator.break_both(kind)
        count = bench.options.pick(300, 120)
        asked = [paths[number % WARM] for number in range(count)]
        samples = await at_rate(contestant.client, bench.oracle, asked, RATE)
    return [samples]


def add(table: Table, kind: str, name: str, samples: Samples) -> None:
    """One line, and streamr's part of the target."""
    total = len(samples.all)
    good = [one.reply for one in samples.all if one.verdict is Worth.GOOD]
    aged = sum("age" in reply.headers for reply in good)
    honest = sum(map(stale, good))
    middle, high = samples.percentile(0.5), samples.percentile(0.99)
    shares = [f"{part / total:.1%}" for part in (len(good), aged, honest)]
    table.add(f"`{kind}`", name, *shares, f"{middle:,.1f} / {high:,.1f}")
    if name == US:
        table.judge(len(good) == aged == honest == total and high <= 10)
