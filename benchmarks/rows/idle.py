"""Row 17: how much memory a connection takes on which nothing happens."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

from streamr.config.settings import BY_NAME

from ..bench import US, BenchOptions, Table
from ..cores import allow_files
from ..cost import Stage, checked, staged
from ..generator import BadAnswer, Order, finished, requests
from ..peers import Running
from ..processes import PATIENCE

MOST = 3_000
# so many are opened and closed before, so that what is needed once is there
BEFORE = 500
# open files that are no connections, and a server's own reserve
SPARE = 1_000
# after the last connection, until its memory is looked at (seconds)
QUIET = 2.0
# streamr refuses more callers than this, where it has such a limit
CAP = "STREAMR_MAX_CONNECTIONS"


async def measure(options: BenchOptions) -> Table:
    """streamr only."""
    wanted = options.pick(10_000, 2_000)
    # streamr shares its files out to both of its servers
    count = min(wanted, (allow_files(2 * (wanted + SPARE)) - SPARE) // 2)
    table = Table(
        17,
        f"Memory of {count:,} idle connections",
        f"≤ {MOST / 1000:g} kB of RSS each",
        ["connections", "RSS before → after, MB", "bytes each"],
        notes=["Each has had one answer, a hit of 9 kB, and then stays open."],
    )
    settings = {CAP: str(wanted + SPARE)} if CAP in BY_NAME else {}
    async with (
        staged(options) as stage,
        stage.contestant(US, settings=settings) as ours,
    ):
        before, after, still = await memory(stage, ours, count)
    if still < count:
        table.notes.append(
            f"{count - still:,} were closed before all were open: the machine was too "
            "busy, or streamr allows fewer."
        )
    each = (after - before) / max(1, still)
    table.add(f"{still:,}", f"{before / 1e6:.1f} → {after / 1e6:.1f}", f"{each:,.0f}")
    table.judge(each <= MOST and still == count)
    return table


async def memory(stage: Stage, ours: Running, count: int) -> tuple[int, int, int]:
    """Resident bytes before and after, and how many connections are open then."""
    order = await checked(stage, ours, Order(ours.port, stage.lists(1), 1))
    with ExitStack() as stack:
        await asyncio.to_thread(connect, stack, order, BEFORE)
    await asyncio.sleep(QUIET)
    before, files = ours.child.memory(), ours.child.open_files()
    with ExitStack() as stack:
        await asyncio.to_thread(connect, stack, order, count)
        await asyncio.sleep(QUIET)
        return before, ours.child.memory(), ours.child.open_files() - files


def connect(stack: ExitStack, order: Order, count: int) -> None:
    """Open so many connections, and take one answer over each. Raises BadAnswer."""
    (request,) = requests(order)
    for _ in range(count):
        place = ("127.0.0.1", order.port)
        connection = stack.enter_context(socket.create_connection(place, PATIENCE))
        connection.sendall(request)
        raw = b""
        while not finished(raw, order):
            piece = connection.recv(2**16)
            if not piece:
                raise BadAnswer("closed without a whole answer")
            raw += piece
