"""Row 21: what a stored picture costs, next to nginx with sendfile."""

from __future__ import annotations

from contextlib import AsyncExitStack

from ..bench import US, BenchOptions, Table
from ..cost import Job, ask, ratio, rounds, sound, staged
from ..generator import Order
from ..paths import path_of
from ..pictures import NGINX, contestant, picture_host

SIZE = 200_000
CONNECTIONS = 32
LIMIT = 3.0
HIT = {US: "cache-status: streamr-main;hit", NGINX: "x-cache-status: hit"}


async def measure(options: BenchOptions) -> Table:
    """One picture for everybody, again and again."""
    table = Table(
        21,
        f"Cost of a stored picture: {SIZE // 1000} kB, {CONNECTIONS} connections",
        f"≤ {LIMIT:g} times nginx's processor time",
        ["peer", "µs of processor time per picture", "streamr's, times this"],
        notes=[
            "One core for the server, the other for the load. nginx has `proxy_cache` "
            "with sendfile; both log every request and give it an id."
        ],
    )
    async with (
        staged(options) as stage,
        picture_host(stage, [SIZE]) as host,
        AsyncExitStack() as stack,
    ):
        jobs = []
        for name in (US, NGINX):
            server = await stack.enter_async_context(contestant(stage, name, host))
            await ask(Order(server.port, [path_of(SIZE)], 1, 1))
            count = options.pick(4_000, 600)
            order = Order(server.port, [path_of(SIZE)], count, CONNECTIONS, length=SIZE)
            jobs.append(Job(name, server, order))
        costs = await rounds(jobs, options.pick(5, 2))
    table.add(US, f"{costs[US].cpu:.0f}", "1")
    times = ratio(costs[US].cpu_us, costs[NGINX].cpu_us)
    table.add(NGINX, f"{costs[NGINX].cpu:.0f}", f"{times:.2f}")
    table.judge(times <= LIMIT)
    sound(table, costs, HIT)
    return table
