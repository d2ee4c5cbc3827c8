"""Row 23: how long hits of the API wait while pictures are sent to fifty readers."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ..bench import US, BenchOptions, Table
from ..cost import Stage, ask, checked, staged
from ..generator import Order
from ..paths import path_of
from ..peers import Running
from ..pictures import PictureHost, contestant, picture_host
from .picture_crowd import read

SIZE, READERS = 1_000_000, 50
# Between two sips of 64 kB (seconds): 1.3 MB/s, as at home.
PAUSE = 0.05
# Hits a second: a tenth of what one core answers.
RATE = 400.0
LIMIT = 1.5


async def measure(options: BenchOptions) -> Table:
    """The same hits with and without them, in turn."""
    table = Table(
        23,
        f"Hits of the API while {READERS} readers get pictures of 1 MB",
        f"p99 ≤ {LIMIT:g} times that without them",
        ["meanwhile", "p50", "p99"],
        notes=[
            f"{RATE:g} hits a second over 8 connections. Each reader takes about "
            "1.3 MB/s and starts again when it has its picture."
        ],
    )
    quiet, busy = [], []
    async with (
        staged(options) as stage,
        picture_host(stage, [SIZE]) as host,
        contestant(stage, US, host) as ours,
    ):
        order = await hits(stage, ours, options.pick(4_000, 800))
        await read(ours.port, path_of(SIZE), host)
        for _ in range(options.pick(5, 2)):
            quiet.append(await ask(order))
            readers = [
                asyncio.create_task(again(ours.port, host)) for _ in range(READERS)
            ]
            busy.append(await ask(order))
            for each in readers:
                each.cancel()
                with suppress(asyncio.CancelledError):
                    await each
    for name, rounds in (("nothing", quiet), (f"{READERS} pictures", busy)):
        middle = sorted(rounds, key=lambda came: came.p99_ms)[len(rounds) // 2]
        table.add(name, f"{middle.p50_ms:.2f} ms", f"{middle.p99_ms:.2f} ms")
    times = sorted(b.p99_ms / q.p99_ms for b, q in zip(busy, quiet, strict=True))
    table.add("that many times", "", f"{times[len(times) // 2]:.2f}")
    table.judge(times[len(times) // 2] <= LIMIT)
    table.judge(not any(each.bad for each in (*quiet, *busy)))
    return table


async def hits(stage: Stage, ours: Running, count: int) -> Order:
    """Hits at a rate that leaves the server idle most of the time."""
    order = Order(ours.port, stage.lists(1), count, connections=8, rate=RATE)
    return await checked(stage, ours, order)


async def again(port: int, host: PictureHost) -> None:
    """Read the picture again and again."""
    while True:
        assert (await read(port, path_of(SIZE), host, PAUSE)).right
