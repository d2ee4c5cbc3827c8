"""Row 10: what hits cost that are asked for in another form than the plain one."""

from __future__ import annotations

import re
from dataclasses import replace

from ..bench import US, BenchOptions, Table
from ..cost import Costs, Job, Stage, ask, checked, ratio, rounds, sound, staged
from ..generator import Order
from ..peers import Running

PLAIN = "plain"
MOST = 1.25
_ETAG = re.compile(r"^etag: *(\S+)", re.MULTILINE | re.IGNORECASE)
# what the head of such an answer has to say
SAYS = {
    "gzip": "content-encoding: gzip",
    "brotli": "content-encoding: br",
    "304": "etag: ",
    "HEAD": "content-length: ",
    "CORS `Origin`": "access-control-allow-origin: ",
}


async def measure(options: BenchOptions) -> Table:
    """streamr only, all forms of one list in turn."""
    table = Table(
        10,
        "Cost of a hit with gzip, brotli, 304, HEAD, CORS `Origin`",
        f"≤ {MOST} times the plain hit",
        ["hit", "µs of processor time", "times the plain hit"],
        notes=["A list of 9 kB, 32 connections, one core each for server and load."],
    )
    async with staged(options) as stage, stage.contestant(US) as ours:
        orders = await forms(stage, ours, options.pick(6_000, 1_000))
        jobs = [Job(name, ours, order) for name, order in orders.items()]
        report(table, await rounds(jobs, options.pick(5, 2)))
    return table


async def forms(stage: Stage, ours: Running, count: int) -> dict[str, Order]:
    """The orders by name. The plain one is checked against the simulator, the others
    by status, length and what their heads say."""
    plain = await checked(stage, ours, Order(ours.port, stage.lists(1), count))
    came = await ask(replace(plain, count=1, connections=1))
    etag = _ETAG.search(came.head)
    if etag is None:
        raise RuntimeError(f"no ETag in {came.head}")
    other = replace(plain, length=-1)
    return {
        PLAIN: plain,
        "gzip": replace(other, headers=[("Accept-Encoding", "gzip")]),
        "brotli": replace(other, headers=[("Accept-Encoding", "br")]),
        "304": replace(
            other, headers=[("If-None-Match", etag[1])], status=304, bodiless=True
        ),
        "HEAD": replace(other, method="HEAD", bodiless=True),
        "CORS `Origin`": replace(plain, headers=[("Origin", "http://app.example")]),
    }


def report(table: Table, costs: dict[str, Costs]) -> None:
    """A line for each form."""
    plain = costs[PLAIN]
    for name, each in costs.items():
        times = ratio(each.cpu_us, plain.cpu_us)
        table.add(name, f"{each.cpu:.1f}", f"{times:.2f}")
        table.judge(times <= MOST)
    sound(table, costs, SAYS)
