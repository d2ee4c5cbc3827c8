"""Which core the server has and which the load, and what a process has used of its own.

What a request costs is the processor time of the server for it: unlike requests per
second, it does not depend on who else is busy on the machine.
"""

from __future__ import annotations

import ctypes
import os
import resource
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def apart() -> Iterator[int]:
    """Leave one core to the server: its number. All that this process starts meanwhile
    has the others (`pinned` moves the server); one core is shared where no other is."""
    allowed = os.sched_getaffinity(0)
    server, *rest = sorted(allowed)
    os.sched_setaffinity(0, rest or [server])
    try:
        yield server
    finally:
        os.sched_setaffinity(0, allowed)


def pinned(arguments: Sequence[str], core: int | None) -> list[str]:
    """The command that runs on this core with all its threads."""
    before = [] if core is None else ["taskset", "--cpu-list", str(core)]
    return [*before, *arguments]


def yielding() -> ThreadPoolExecutor:
    """A thread that has a core only while nothing else wants it (SCHED_IDLE), as has
    all that it starts, even Chromium, which raises the priority of its threads."""
    return ThreadPoolExecutor(1, initializer=_yield)


def _yield() -> None:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def cores_of(pid: int) -> set[int]:
    """The cores that the threads of a process, and of its children, may use."""
    found = set().union(*map(cores_of, children(pid)))
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # threads come and go
            found |= os.sched_getaffinity(int(thread.name))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its threads and its children (nginx has its
    workers), those that ended left out.

    It is what /proc/PID/stat shows as utime and stime, in nanoseconds and not in ticks
    of 10 ms: clock_getcpuclockid(3). Raises OSError for a process that is gone.
    """
    clock = ctypes.c_int()
    error = _libc.clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise OSError(error, os.strerror(error), f"process {pid}")
    return time.clock_gettime(clock.value) + sum(map(cpu_seconds, children(pid)))


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]


def allow_files(count: int) -> int:
    """Let this process, and what it starts, have this many open files, or as many as
    the system allows: how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
