"""Row 18: what a daemon takes at rest, and how long it takes to start.

Both are compared with a Python process that only imports what a serving daemon has
imported: that much depends on Twisted and Python, not on what streamr does.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import mkdtemp

from ..bench import Bench, BenchOptions, Table, opened
from ..cores import apart
from ..peers import STREAMR, ContestantPlace, streamr_environment
from ..processes import PATIENCE, Child, DidNotStart, free_ports

MEGABYTES, SECONDS = 15.0, 0.4
HEALTHS = ("/api/health", "/health")
LOOK_EVERY = 0.002
# pages that are fetched at the start are there by then (seconds)
QUIET = 3.0
# A line of -X importtime: "import time:      self |  cumulative |   name".
_IMPORTED = re.compile(r"^import time: [ 0-9]+\|[ 0-9]+\| +(\S+)$", re.MULTILINE)
# What cannot be imported by itself has been imported by another module.
_IMPORTS = """
import importlib, pathlib, signal, sys
for name in pathlib.Path(sys.argv[1]).read_text().split():
    try:
        importlib.import_module(name)
    except ImportError:
        pass
pathlib.Path(sys.argv[2]).touch()
signal.pause()
"""


async def measure(options: BenchOptions) -> Table:
    """streamr with its default settings; the simulator answers."""
    table = Table(
        18,
        "Both servers at rest, and their start",
        f"above the imports of a serving daemon: ≤ {MEGABYTES:g} MB of RSS, and "
        f"≤ {SECONDS:g} s until both health pages answer",
        ["process", "RSS, MB", "ready after, s"],
    )
    with apart() as core, opened(options) as bench:
        names = imported(bench, core)
        bare, ours = [], []
        for _ in range(options.pick(7, 3)):
            bare.append(await asyncio.to_thread(importing, bench, core, names))
            ours.append(await asyncio.to_thread(serving, bench, core))
    table.notes.append(
        f"The first process imports the {len(names)} modules that a serving daemon has "
        f"imported, and nothing more. RSS {QUIET:g} s after the start, in front of the "
        "simulator; medians."
    )
    report(table, bare, ours)
    return table


def report(
    table: Table, bare: list[tuple[float, float]], ours: list[tuple[float, float]]
) -> None:
    """Both processes, and the difference."""
    base = [median(values) for values in zip(*bare, strict=True)]
    full = [median(values) for values in zip(*ours, strict=True)]
    above = [more - less for more, less in zip(full, base, strict=True)]
    for name, (size, seconds) in (
        ("the imports", base),
        ("streamr", full),
        ("difference", above),
    ):
        table.add(name, f"{size:.1f}", f"{seconds:.2f}")
    table.judge(above[0] <= MEGABYTES and above[1] <= SECONDS)


def placed(bench: Bench, core: int) -> ContestantPlace:
    """A place in a new directory."""
    directory = Path(mkdtemp(prefix="start-", dir=bench.directory))
    return ContestantPlace(directory, bench.simulator, core=core)


def imported(bench: Bench, core: int) -> list[str]:
    """The modules that a daemon has imported when it serves, in the order in which
    Python was done with them (`python -X importtime`)."""
    place = placed(bench, core)
    child, _ = served(place, "-X", "importtime")
    time.sleep(QUIET)
    place.stop()
    return modules(child.output)


def modules(output: str) -> list[str]:
    """The modules that `-X importtime` has named, each once."""
    return list(dict.fromkeys(_IMPORTED.findall(output)))


def importing(bench: Bench, core: int, names: list[str]) -> tuple[float, float]:
    """Megabytes and seconds of a process that imports these modules."""
    place = placed(bench, core)
    wanted, done = place.directory / "names", place.directory / "done"
    wanted.write_text("\n".join(names))
    began = time.perf_counter()
    environment = streamr_environment(place, 0, 0)
    command = [sys.executable, "-c", _IMPORTS, str(wanted), str(done)]
    child = place.start("imports", command, environment)
    while not done.exists():
        wait(child, began)
    seconds = time.perf_counter() - began
    size = rested(child)
    place.stop()
    return size, seconds


def serving(bench: Bench, core: int) -> tuple[float, float]:
    """Megabytes and seconds of a daemon with both servers."""
    place = placed(bench, core)
    child, seconds = served(place)
    size = rested(child)
    place.stop()
    return size, seconds


def served(place: ContestantPlace, *options: str) -> tuple[Child, float]:
    """A daemon, and how long it took until both of its health pages answered."""
    ports = free_ports(len(HEALTHS))
    began = time.perf_counter()
    command = [sys.executable, *options, str(STREAMR), "run"]
    child = place.start("streamr", command, streamr_environment(place, *ports))
    for port, path in zip(ports, HEALTHS, strict=True):
        while not healthy(port, path):
            wait(child, began)
    return child, time.perf_counter() - began


def rested(child: Child) -> float:
    """Megabytes of a process after a while."""
    time.sleep(QUIET)
    return child.memory() / 1e6


def healthy(port: int, path: str) -> bool:
    """Whether a page answers with 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def wait(child: Child, began: float) -> None:
    """Until the next look. Raises DidNotStart when it has ended, or takes too long."""
    child.check()
    if time.perf_counter() - began > PATIENCE:
        raise DidNotStart(f"not ready:\n{child.output[-2000:]}")
    time.sleep(LOOK_EVERY)
