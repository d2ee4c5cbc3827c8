"""Row 32: a start with many stored pictures, and what `kill -9` leaves of them."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from streamr.app.pictures import FOLDER
from streamr.simulator.pictures.noise import noise
from streamr.simulator.tmdb.images import HOST
from streamr.terminal.daemon import ask as ask_daemon

from ..bench import Bench, BenchOptions, Table, opened, say
from ..cores import apart, cpu_seconds
from ..cost import entered
from ..peers import ContestantPlace, Running, start_streamr
from ..pictures import path_of
from ..prepared import fill_pictures
from .start import rested, served

SECONDS, MEGABYTES = 0.3, 15.0
# How often it is killed, how many callers it has meanwhile, and the sizes (bytes).
KILLS, CALLERS, SMALLEST = 20, 8, 100_000
# TMDB takes a tenth of a second for each of these pictures.
LEISURELY = "drip:interval=0.01,size=10000"


async def measure(options: BenchOptions) -> Table:
    """The start, then the kills."""
    many = options.pick(10_000, 2_000)
    kills = options.pick(KILLS, 5)
    table = Table(
        32,
        f"Pictures on disk: {many:,} of them at the start, and `kill -9`",
        f"with {many:,} pictures ≤ {SECONDS:g} s more until both health pages answer "
        f"and ≤ {MEGABYTES:g} MB more of RSS; killed {kills} times amid downloads: "
        "none torn, none of the whole ones lost",
        ["what", "measured"],
    )
    with apart() as core, opened(options) as bench:
        await starts(bench, core, many, table)
    with opened(options) as bench:
        await kill_again_and_again(bench, kills, table)
    table.notes.append(
        "Starts in turn, as in row 18: medians in brackets, and that of the "
        "differences between one start and the next before them. Processor time does "
        "not depend on who else is busy on the machine. The pictures have 10 to 20 kB "
        "each. "
        f"Killed: a daemon with {CALLERS} callers, who ask for pictures of 100 kB that "
        "nobody has and take a tenth of a second each. A picture is whole when a "
        "caller has all of it. After the last kill they are asked for while the "
        "picture host refuses connections."
    )
    return table


@dataclass(frozen=True, slots=True)
class Started:
    """What a start took: seconds until both health pages answered, seconds of processor
    time by then, and megabytes of RSS when it has come to rest."""

    ready: float
    worked: float
    resident: float


async def starts(bench: Bench, core: int, many: int, table: Table) -> None:
    """An empty folder and a full one in turn."""
    full = entered(bench.directory, "state")
    await asyncio.to_thread(fill_pictures, full, many)
    none, some = [], []
    for _ in range(bench.options.pick(11, 3)):
        empty = entered(bench.directory, "state")
        none.append(await asyncio.to_thread(started, bench, core, empty, 0))
        some.append(await asyncio.to_thread(started, bench, core, full, many))
        say(f"    {none[-1]}, {some[-1]}")
    more = []
    for what, unit, name in (
        ("more until ready", "s", "ready"),
        ("more processor time by then", "s", "worked"),
        ("more RSS", "MB", "resident"),
    ):
        less, stored = ([getattr(one, name) for one in each] for each in (none, some))
        more.append(median(b - a for a, b in zip(less, stored, strict=True)))
        table.add(
            what,
            f"{more[-1]:+.2f} {unit} ({median(less):.2f}, {median(stored):.2f})",
        )
    table.judge(more[0] <= SECONDS and more[2] <= MEGABYTES)


def started(bench: Bench, core: int, state: Path, count: int) -> Started:
    """A daemon with so many pictures in its folder. Raises RuntimeError when it has not
    found them all."""
    settings = {"STATE_DIRECTORY": str(state)}
    directory = entered(bench.directory, "start")
    place = ContestantPlace(directory, bench.simulator, core=core, settings=settings)
    child, seconds = served(place)
    worked = cpu_seconds(child.pid)
    size = rested(child)
    found = ask_daemon(state, "/pictures")["pictures"]
    place.stop()
    if found != count:
        raise RuntimeError(f"{found} pictures found of {count}")
    return Started(seconds, worked, size)


@dataclass(slots=True)
class Left:
    """What callers have asked for, what they had whole, and how often the daemon was
    killed amid a download."""

    asked: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    amid: int = 0


async def kill_again_and_again(bench: Bench, kills: int, table: Table) -> None:
    """The same folder for every daemon, and for the one that is asked in the end."""
    state, left = entered(bench.directory, "state"), Left()
    paths = map(path_of, itertools.count(SMALLEST))
    bench.simulator.control(host=HOST, fault=LEISURELY)
    for attempt in range(kills):
        await kill(bench, state, paths, left, 1 + attempt)
    bench.simulator.control(host=HOST, fault="refuse")
    place, running = await begun(bench, state)
    try:
        lost = torn = 0
        for path in left.asked:
            reply = await running.client.get(path)
            served_it = reply.status == 200 and not reply.problem
            lost += path in left.whole and not served_it
            torn += served_it and reply.body != right(path)
        downloads = len(list((state / FOLDER / "tmp").iterdir()))
    finally:
        await asyncio.to_thread(place.stop)
    table.add("killed amid downloads", f"{left.amid} of {kills} times")
    table.add("whole by then, and lost", f"{lost} of {len(left.whole)}")
    table.add("torn", f"{torn} of {len(left.asked)} asked for")
    table.add("files left of downloads", downloads)
    table.judge(left.amid == kills and not lost and not torn and not downloads)


async def kill(
    bench: Bench, state: Path, paths: Iterator[str], left: Left, after: int
) -> None:
    """Start a daemon, and kill it when callers have so many pictures of it: each time
    at another point of a download."""
    place, running = await begun(bench, state)
    until = len(left.whole) + after

    async def call() -> None:
        for path in paths:
            left.asked.append(path)
            reply = await running.client.get(path)
            if reply.status != 200 or reply.problem:
                return
            if reply.body == right(path):
                left.whole.append(path)
            if len(left.whole) == until:
                running.child.process.send_signal(signal.SIGKILL)

    try:
        await asyncio.gather(*(call() for _ in range(CALLERS)))
    finally:
        await asyncio.to_thread(place.stop)
    left.amid += any((state / FOLDER / "tmp").iterdir())
    say(f"    killed after {after}: {len(left.whole)} whole of {len(left.asked)}")


async def begun(bench: Bench, state: Path) -> tuple[ContestantPlace, Running]:
    """A daemon with this folder."""
    settings = {"STATE_DIRECTORY": str(state), "STREAMR_WARM": "none"}
    directory = entered(bench.directory, "streamr")
    place = ContestantPlace(directory, bench.simulator, settings=settings)
    return place, await asyncio.to_thread(start_streamr, place)


def right(path: str) -> bytes:
    """What the picture of this path holds."""
    size = int("".join(filter(str.isdigit, path)))
    return noise(size).data
