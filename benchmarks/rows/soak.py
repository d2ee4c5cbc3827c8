"""Row 8: minutes of load while faults come and go, every 10 s another, from a seed."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from ..bench import US, Bench, BenchOptions, Table, opened, say
from ..client import Worth
from ..load import at_rate
from ..paths import zipf
from ..peers import Running
from ..world import DIRECT, HOSTS, SECOND, SECOND_LATENCY

RATE = 300
TITLES = 500
EVERY = 10.0
FAULTS = (
    *("none", "refuse", "reset-after-hello", "reset-after-hello:p=0.5"),
    *("silence-at-accept", "silence-after-hello", "silence-after-request"),
    *("cert-wrong-host", "plain-http", "stall-headers", "malformed-head"),
    *("short-body", "reset-in-body", "stall-body", "cut-chunks", "no-length-fin"),
    *("corrupt-gzip", "gzip-unlabelled", "html", "cut-json", "redirect"),
    *("status", "status:code=503,body=html", "rate-limit", "rate-limit:retry-after=3"),
    *("slow:delay=3", "drip", "error-200", "wrong-id"),
)
PLACES = (DIRECT, SECOND, "*")
TROUBLE = re.compile(r"Unhandled|Traceback", re.IGNORECASE)


# Connections to TMDB are kept for 45 s (streamr/upstream/pool.py); seconds.
IDLE_AFTER = 50.0


@dataclass(slots=True)
class Watched:
    """Memory and file descriptors of the process, second by second."""

    at: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def slope(self) -> float:
        """Growth in MB per minute over the second half, by least squares."""
        half = len(self.at) // 2
        xs, ys = self.at[half:], self.memory[half:]
        if len(xs) < 2:
            return 0.0
        x, y = sum(xs) / len(xs), sum(ys) / len(ys)
        above = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
        return above / sum((a - x) ** 2 for a in xs) * 60 / 1e6


async def measure(options: BenchOptions) -> Table:
    """streamr alone: 300 requests a second are all that two cores can carry."""
    minutes = options.soak_minutes
    table = Table(
        8,
        f"Soak: {minutes:g} minutes, {RATE} requests a second, a fault every 10 s",
        "0 wrong bodies, no unhandled Deferred error, RSS slope ≈ 0, fds constant",
        ["what", "measured"],
        notes=[f"Faults on either route or on both, chosen with seed {options.seed}."],
    )
    with opened(options) as bench:
        titles = await bench.titles(TITLES)
        calls = zipf(titles, int(minutes * 60 * RATE), options.seed)
        async with bench.alone(US) as ours:
            quiet = await settled(ours)
            watched = Watched()
            helpers = [
                asyncio.ensure_future(misbehave(bench, options.seed)),
                asyncio.ensure_future(watch(ours, watched)),
            ]
            samples = await at_rate(ours.client, bench.oracle, calls, RATE)
            for helper in helpers:
                helper.cancel()
            bench.simulator.heal()
            ours.client.close()
            after = await settled(ours, IDLE_AFTER)
            lines = [
                one for one in ours.child.output.splitlines() if TROUBLE.search(one)
            ]
            ours.child.check()
    report(table, samples.verdicts, len(samples.all), lines)
    table.add(
        "p50 / p99 ms",
        f"{samples.percentile(0.5):.1f} / {samples.percentile(0.99):.0f}",
    )
    slope = watched.slope()
    table.add(
        "RSS, MB", f"{watched.memory[0] / 1e6:.0f} → {watched.memory[-1] / 1e6:.0f}"
    )
    table.add("RSS slope over the second half, MB a minute", f"{slope:+.2f}")
    table.add(
        "fds quiet before → most → quiet after",
        f"{quiet} → {max(watched.files)} → {after}",
    )
    table.judge(abs(slope) < 1 and after <= quiet + 20)
    return table


def report(
    table: Table, verdicts: Counter[Worth], total: int, lines: list[str]
) -> None:
    """The answers, and what the log says."""
    for verdict in Worth:
        table.add(f"{verdict.value} answers", f"{verdicts[verdict]:,} of {total:,}")
    table.add("log lines with Unhandled or Traceback", len(lines))
    for line in lines[:5]:
        say(f"  {line}")
    table.judge(verdicts[Worth.WRONG] == verdicts[Worth.BROKEN] == 0)
    table.judge(not lines)


async def settled(ours: Running, seconds: float = 5.0) -> int:
    """Open files when it has nothing to do: the least of some seconds."""
    counts = []
    for _ in range(round(2 * seconds)):
        await asyncio.sleep(0.5)
        counts.append(ours.child.open_files())
    return min(counts)


async def misbehave(bench: Bench, seed: int) -> None:
    """Another fault on one route or both, again and again."""
    random = Random(seed)
    while True:
        fault, place = random.choice(FAULTS), random.choice(PLACES)
        bench.simulator.heal()
        for host in HOSTS if place == "*" else (place,):
            more = f"+{SECOND_LATENCY}" if host == SECOND and fault != "none" else ""
            wanted = SECOND_LATENCY if host == SECOND and fault == "none" else fault
            bench.simulator.control(host=host, fault=wanted + more)
        say(f"  {place}: {fault}")
        await asyncio.sleep(EVERY)


async def watch(ours: Running, watched: Watched) -> None:
    """Look at the process once a second."""
    began = time.monotonic()
    while True:
        watched.at.append(time.monotonic() - began)
        watched.memory.append(ours.child.memory())
        watched.files.append(ours.child.open_files())
        await asyncio.sleep(1.0)
