"""Row 24: how soon a browser has sixty posters that nobody has asked for, and how long
misses of the API wait meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from statistics import median

from ..bench import US, BenchOptions, Table, say
from ..cores import cpu_seconds, yielding
from ..cost import (
    AFTERWARDS,
    GZIP,
    Costs,
    Job,
    Stage,
    ask,
    checked,
    ratio,
    sound,
    staged,
)
from ..generator import Order
from ..paths import poster
from ..peers import Running
from ..pictures import contestant, picture_host
from ..walls import POSTERS, Walls, walls
from .misses import MISS

# A w342 poster has some 30 kB.
SIZE = 30_000
LIMIT = 1.2
# Misses a second, over so many connections: few enough to leave the server mostly idle,
# and fewer than STREAMR_RATE allows.
RATE, CONNECTIONS = 30.0, 8
LATE = 1.5
WARMING = 50
DIRECT, NOWHERE = "picture host", "none"


@dataclass(slots=True)
class Meanwhile:
    """What misses have cost, and how many posters a second were loaded meanwhile, in
    each round."""

    misses: Costs = field(default_factory=Costs)
    posters: list[float] = field(default_factory=list)


async def measure(options: BenchOptions) -> Table:
    """Straight from the picture host, then over streamr, in turn: how long posters
    take, and then how long misses take while posters are loaded."""
    table = Table(
        24,
        f"{POSTERS} cold posters of 30 kB in Chromium, and misses of the API meanwhile",
        f"≤ {LIMIT:g} times as long as straight from the picture host; p99 of misses "
        f"≤ {LATE:g} times that without posters",
        [
            *("posters from", "until all are decoded", "times the picture host"),
            *("during misses, posters a second", "server busy"),
            *("misses, p50", "p99", "times that without posters"),
        ],
        notes=[
            "The picture host is nginx on loopback, so that what is compared is what "
            "streamr adds. Medians of rounds, each with posters that are new.",
            f"Misses are asked {RATE:g} times a second over {CONNECTIONS} connections "
            "while Chromium loads one wall after the other. Chromium shares a core "
            "with what asks and with what stands behind the server, and has it only "
            "when these leave it idle. What misses wait for Chromium all the same is "
            "seen where the posters do not pass through streamr.",
        ],
    )
    new = map(poster, count())
    async with (
        staged(options) as stage,
        picture_host(stage, [SIZE]) as host,
        contestant(stage, US, host) as ours,
    ):
        ports = {DIRECT: host.port, US: ours.port}
        async with walls(stage.core, new, ThreadPoolExecutor) as browser:
            took = await alone(browser, ports, options.pick(9, 3))
        job = await misses(stage, ours, options.pick(200, 100))
        async with walls(stage.core, new, yielding) as browser:
            found = await together(browser, ports, job, options.pick(5, 2))
    report(table, took, found)
    return table


async def alone(
    browser: Walls, ports: Mapping[str, int], rounds: int
) -> dict[str, list[float]]:
    """How long the posters of each take while nothing else is asked, in ms."""
    took: dict[str, list[float]] = {name: [] for name in ports}
    for turn in range(rounds + 1):
        for name, port in ports.items():
            ms = await browser.load(port)
            if turn:  # the first round warms everything up
                took[name].append(ms)
                say(f"    {name}: {ms:.0f} ms")
    return took


async def misses(stage: Stage, ours: Running, each: int) -> Job:
    """So many misses in each round, at a rate that leaves the server mostly idle."""
    order = Order(
        ours.port, stage.lists(1), each, CONNECTIONS, headers=[GZIP], rate=RATE
    )
    return Job(US, ours, await checked(stage, ours, order), stage.lists)


async def together(
    browser: Walls, ports: Mapping[str, int], job: Job, rounds: int
) -> dict[str, Meanwhile]:
    """The misses without posters, then with those of each, in turn, after a few that
    warm everything up."""
    found = {name: Meanwhile() for name in (NOWHERE, *ports)}
    short = replace(job, order=replace(job.order, count=WARMING))
    for name in found:
        await meanwhile(browser, ports.get(name), short, Meanwhile())
    for _ in range(rounds):
        for name, each in found.items():
            await meanwhile(browser, ports.get(name), job, each)
            say(f"    {name}: p99 {each.misses.p99_ms[-1]:.1f} ms")
    return found


async def meanwhile(
    browser: Walls, port: int | None, job: Job, into: Meanwhile
) -> None:
    """Ask the misses of one round; load walls from this port until all have come."""
    began, before = time.monotonic(), cpu_seconds(job.running.child.pid)
    loaded = 0
    asking = asyncio.create_task(ask(job.next()))
    try:
        while port is not None and not asking.done():
            await browser.load(port)
            loaded += POSTERS
        came = await asking
    finally:
        asking.cancel()
    into.posters.append(loaded / (time.monotonic() - began))
    await asyncio.sleep(AFTERWARDS)
    into.misses.add(came, cpu_seconds(job.running.child.pid) - before)


def report(
    table: Table, took: Mapping[str, list[float]], found: Mapping[str, Meanwhile]
) -> None:
    """A line for each place that posters come from, and the conditions."""
    costs = {name: each.misses for name, each in found.items()}
    times = {name: ratio(each, took[DIRECT]) for name, each in took.items()}
    late = {
        name: ratio(each.p99_ms, costs[NOWHERE].p99_ms) for name, each in costs.items()
    }
    for name, each in found.items():
        table.add(
            name,
            f"{median(took[name]):.0f} ms" if name in took else "",
            f"{times[name]:.2f}" if name in took else "",
            f"{median(each.posters):.0f}",
            f"{costs[name].cpu * RATE / 1e6:.0%}",
            f"{costs[name].middle:.1f} ms",
            f"{costs[name].high:.1f} ms",
            f"{late[name]:.2f}",
        )
    table.judge(times[US] <= LIMIT)
    table.judge(late[US] <= LATE)
    sound(table, costs, dict.fromkeys(costs, MISS[US]))
