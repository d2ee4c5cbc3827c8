"""Row 33: every fault kind of the picture host, and what is stored afterwards.

Per kind a new daemon, and a simulator that keeps no connection, so that all faults
bite. TMDB has one name for its pictures: most faults on it are there on every route.

    warm up     some pictures while all is well
    in the middle   pictures of which the host sends half and then nothing; the fault
                while streamr has that half, so that it asks for the rest under it
    cold        the fault from the beginning
    warm        the pictures of the warm-up, under the fault
    afterwards  no fault; everything again and again. Whatever is wrong now was stored
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from enum import Enum

from streamr.simulator.faults.table import KINDS, PICTURES
from streamr.simulator.pictures.noise import noise
from streamr.simulator.tmdb.images import HOST

from ..bench import US, Bench, BenchOptions, Table, opened, say
from ..client import CallerReply, LoadClient
from ..pictures import path_of

# Kinds that also come in another shape, and those that would take minutes in their own.
MORE = (
    *("status:code=404", "status:code=503", "rate-limit:retry-after=2"),
    *("wrong-type:label=png", "wrong-type:label=html", "wrong-type:label=none"),
    *("reset-after-hello:when=big", "reset-in-body:p=0.3"),
)
INSTEAD = {"drip": "drip:size=2048"}
QUICK = (
    *("refuse", "reset-after-hello", "short-body", "cut-chunks", "no-length-fin"),
    *("cut-picture", "wrong-type", "wrong-id", "ignore-range", "wrong-range"),
    *("status", "html", "corrupt-gzip"),
)
# Another whole picture under the name of the one that was asked for: nobody can tell.
UNTOLD = "wrong-id"
HALF = "stall-body"
# Asked in each phase, per kind; how many kinds at a time; bytes.
EACH, LANES, SMALLEST = 4, 6, 40_000
READS = 10_000
# Longer than streamr lets anybody wait for one of these (seconds).
PATIENCE, HEALING = 40.0, 30.0


class PictureWorth(Enum):
    """What a caller got: the whole picture, a true error, a connection that was cut,
    nothing in time, or something else in the picture's place."""

    GOOD = "good"
    ERROR = "error"
    CUT = "cut"
    LATE = "late"
    WRONG = "wrong"


BAD = (PictureWorth.LATE, PictureWorth.WRONG)
Worths = Counter[PictureWorth]


async def measure(options: BenchOptions) -> Table:
    """All kinds, or the quick choice of them, several at a time."""
    table = Table(
        33,
        "Every fault kind of the picture host: cold, in the middle, warm",
        "whole and right, a true error, or a connection that is cut; warm always "
        f"right; of {READS:,} reads afterwards none wrong",
        ["fault", "cold", "in the middle", "warm"],
        notes=[
            f"{EACH} pictures of 40 kB in each cell. TMDB has one host for pictures: "
            "there is no route around most of these faults, and an error is right "
            "where nothing is stored. In the middle: streamr has half of the picture "
            f"when the fault comes. `{UNTOLD}` gives another whole picture under the "
            "name of the one that was asked for, which nobody can tell: only in the "
            f"middle and warm. `late` is no end within {PATIENCE:.0f} s. Cut: the body "
            "ends before its announced end.",
        ],
    )
    wanted = kinds(options)
    reads = -(-READS // len(wanted)) if not options.quick else 10 * EACH
    left = iter(wanted)
    found: dict[str, list[Worths]] = {}

    async def lane() -> None:
        with opened(options, "--no-keep-alive") as bench:
            for kind in left:
                found[kind] = await one_kind(bench, kind, reads)
                say(f"    {kind}: {' · '.join(map(told, found[kind]))}")

    await asyncio.gather(*(lane() for _ in range(LANES)))
    for kind in wanted:
        cold, middle, warm, _ = found[kind]
        table.add(f"`{kind}`", told(cold), told(middle), told(warm))
        table.judge(not any(each[bad] for each in found[kind] for bad in BAD))
        table.judge(warm[PictureWorth.GOOD] == EACH)
    summarise(table, [*found.values()])
    return table


def kinds(options: BenchOptions) -> Sequence[str]:
    """The fault expressions to go through."""
    if options.quick:
        return QUICK
    all_of_them = (name for name, kind in KINDS.items() if PICTURES in kind.hosts)
    return [*(INSTEAD.get(name, name) for name in all_of_them), *MORE]


def summarise(table: Table, found: Sequence[Sequence[Worths]]) -> None:
    """The sums below the table."""
    phases = [sum(each, Worths()) for each in zip(*found, strict=True)]
    for worth in PictureWorth:
        counts = (f"{each[worth]} of {each.total()}" for each in phases[:3])
        table.add(f"**{worth.value}**", *counts)
    reads = phases[3]
    table.notes.append(
        f"Afterwards: {reads[PictureWorth.WRONG]} of {reads.total():,} reads wrong; "
        f"{told(reads)}."
    )


def told(worths: Worths) -> str:
    """What there was of each."""
    if len(worths) == 1:
        return next(iter(worths)).value
    counts = (f"{worths[each]} {each.value}" for each in PictureWorth if worths[each])
    return ", ".join(counts) or "-"


async def one_kind(bench: Bench, kind: str, reads: int) -> list[Worths]:
    """What one kind makes of pictures: cold, in the middle, warm, and afterwards."""
    sizes = itertools.count(SMALLEST)
    warm, middle, cold = ([*itertools.islice(sizes, EACH)] for _ in range(3))
    if kind == UNTOLD:
        cold = []
    fault(bench, "none")
    async with bench.alone(US, settings={"STREAMR_WARM": "none"}) as contestant:
        client = contestant.client
        await healed(client, warm)
        half = await half_there(bench, client, middle)
        fault(bench, kind)
        second = await half
        first = await at_once(client, cold)
        third = await at_once(client, warm)
        fault(bench, "none")
        await healed(client, [next(sizes)])
        last = await afterwards(client, [*warm, *middle, *cold], reads)
    return [Worths(each) for each in (first, second, third, last)]


async def afterwards(
    client: LoadClient, sizes: Sequence[int], reads: int
) -> list[PictureWorth]:
    """What there is of these now, so many times. An error is no copy: that TMDB does
    not have a picture is believed for a minute."""
    now = zip(sizes, await at_once(client, sizes), strict=True)
    stored = [size for size, each in now if each is not PictureWorth.ERROR]
    asked = itertools.islice(itertools.cycle(stored), reads)
    found: list[PictureWorth] = []
    while part := [*itertools.islice(asked, len(stored))]:
        found += await at_once(client, part)
    return found


async def half_there(
    bench: Bench, client: LoadClient, sizes: Sequence[int]
) -> asyncio.Future[list[PictureWorth]]:
    """Ask for pictures, and wait until the host has sent half of each: what will have
    come of them."""
    fault(bench, HALF)
    bench.simulator.reset_counts()
    asking = asyncio.ensure_future(at_once(client, sizes))
    while not asked_for(bench) >= set(map(path_of, sizes)):
        await asyncio.sleep(0.02)
    return asking


async def healed(client: LoadClient, sizes: Sequence[int]) -> None:
    """Until these are answered well, each as often as it takes."""
    async with asyncio.timeout(HEALING):
        for size in sizes:
            while await at_once(client, [size]) != [PictureWorth.GOOD]:
                await asyncio.sleep(0.2)


async def at_once(client: LoadClient, sizes: Sequence[int]) -> list[PictureWorth]:
    """Pictures of these sizes, all in the same moment."""
    asking = (client.get(path_of(size), PATIENCE) for size in sizes)
    replies = await asyncio.gather(*asking)
    return [*map(worth, replies, sizes)]


def worth(reply: CallerReply, size: int) -> PictureWorth:
    """What a reply is to whoever has asked for the picture of this size."""
    if reply.problem:
        late = reply.problem == "timeout"
        return PictureWorth.LATE if late else PictureWorth.CUT
    if reply.status == 200:
        right = reply.body == noise(size).data
        return PictureWorth.GOOD if right else PictureWorth.WRONG
    return PictureWorth.ERROR if is_true_error(reply) else PictureWorth.WRONG


def is_true_error(reply: CallerReply) -> bool:
    """Whether it is an error in TMDB's shape that nobody keeps."""
    try:
        shaped = json.loads(reply.body)["success"] is False
    except (ValueError, KeyError, TypeError):
        shaped = False
    kept = reply.headers.get("cache-control") != "no-store"
    return reply.status >= 400 and shaped and not kept


def fault(bench: Bench, expression: str) -> None:
    """Let the picture host misbehave like this."""
    bench.simulator.control(host=HOST, fault=expression)


def asked_for(bench: Bench) -> set[str]:
    """The pictures that the host was asked for last."""
    counts = bench.simulator.control()["hosts"][HOST]["counts"]
    return {each["path"] for each in counts["last_requests"]}
