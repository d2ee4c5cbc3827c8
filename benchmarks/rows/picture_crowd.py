"""Row 22: a hundred readers of pictures that nobody has, a quarter of them slow."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from statistics import median

from ..bench import US, BenchOptions, Table, say
from ..cost import staged
from ..pictures import NGINX, PictureHost, contestant, picture_host
from ..processes import Child

PICTURES, READERS, SLOW = 25, 100, 25
SMALLEST, LARGEST = 200_000, 5_000_000
# A slow reader takes so many bytes, and then pauses (seconds): some 6 MB/s.
SIP, PAUSE = 64 * 1024, 0.01
MOST_RESIDENT = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Read:
    """What one reader got: seconds until the first byte of the body, and whether all
    of it was right."""

    first: float
    right: bool


async def measure(options: BenchOptions) -> Table:
    """streamr, then nginx."""
    table = Table(
        22,
        f"{READERS} readers of {PICTURES} cold pictures of 200 kB to 5 MB, {SLOW} slow",
        f"{PICTURES} requests to the host, memory ≤ +32 MB, the first byte sooner than "
        "nginx's, no wrong byte",
        ["peer", "requests to the host", "memory", "first byte p50", "wrong"],
        notes=["nginx has `proxy_cache_lock`; those who wait for it ask every 500 ms."],
    )
    step = (LARGEST - SMALLEST) // (PICTURES - 1)
    sizes = [SMALLEST + step * number for number in range(PICTURES)]
    firsts = {}
    async with staged(options) as stage:
        for name in (US, NGINX):
            async with (
                picture_host(stage, sizes) as host,
                contestant(stage, name, host) as server,
            ):
                before = server.child.memory()
                reads, most = await crowd(server.port, host, server.child)
            grown, wrong = most - before, sum(not each.right for each in reads)
            firsts[name] = median(each.first for each in reads)
            table.add(
                name,
                str(host.asked),
                f"+{grown / 1024 / 1024:.0f} MB",
                f"{firsts[name] * 1000:.0f} ms",
                str(wrong),
            )
            say(f"    {name}: {host.asked} requests, {wrong} wrong")
            if name == US:
                table.judge(host.asked == PICTURES and not wrong)
                table.judge(grown <= MOST_RESIDENT)
    table.judge(firsts[US] < firsts[NGINX])
    return table


async def crowd(port: int, host: PictureHost, child: Child) -> tuple[list[Read], int]:
    """All readers at once, and the most memory that the server had meanwhile."""
    paths = list(host.pictures)
    reading = [
        asyncio.create_task(
            read(port, paths[number % PICTURES], host, PAUSE * (number < SLOW))
        )
        for number in range(READERS)
    ]
    most = 0
    everybody = asyncio.gather(*reading)
    while not everybody.done():
        most = max(most, child.memory())
        await asyncio.sleep(0.02)
    return await everybody, most


async def read(port: int, path: str, host: PictureHost, pause: float = 0) -> Read:
    """One picture on a connection of its own, with a pause (seconds) after each sip."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=SIP)
    began = time.monotonic()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    wanted = host.pictures[path]
    body = bytearray(await reader.read(SIP))
    first = time.monotonic() - began
    while len(body) < len(wanted):
        piece = await reader.read(SIP)
        if not piece:
            break
        body += piece
        if pause:
            await asyncio.sleep(pause)
    writer.close()
    return Read(first, bytes(body) == wanted)
