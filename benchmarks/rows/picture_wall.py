"""Row 24: how soon a browser has sixty posters that nobody has asked for."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from statistics import median

from tests.browser import Browser, chromium

from ..bench import US, BenchOptions, Table, say
from ..cost import staged
from ..paths import path_of
from ..pictures import contestant, picture_host

POSTERS = 60
# A w342 poster has some 30 kB; each has a length of its own, and so a name.
SMALLEST = 30_000
LIMIT = 1.2
DIRECT = "picture host"
# Asks for all of them, and tells how long it took until each could be shown (ms).
ASKING = """
const [paths, told] = arguments;
const began = performance.now();
Promise.all(paths.map((path) => {
  const image = new Image();
  image.src = path;
  return image.decode();
})).then(() => told(performance.now() - began), (error) => told(String(error)));
"""


async def measure(options: BenchOptions) -> Table:
    """Straight from the picture host, then over streamr, in turn."""
    table = Table(
        24,
        f"{POSTERS} cold posters of 30 kB in Chromium",
        f"≤ {LIMIT:g} times as long as straight from the picture host",
        ["from", "until all are decoded", "times the picture host"],
        notes=[
            "The picture host is nginx on loopback, so that what is compared is what "
            "streamr adds. Medians of rounds, each with posters that are new."
        ],
    )
    rounds = options.pick(9, 3)
    sizes = range(SMALLEST, SMALLEST + 2 * POSTERS * (rounds + 1))
    took: dict[str, list[float]] = {DIRECT: [], US: []}
    async with (
        staged(options) as stage,
        picture_host(stage, sizes) as host,
        contestant(stage, US, host) as ours,
    ):
        ports = {DIRECT: host.port, US: ours.port}
        number = count(SMALLEST)
        with chromium() as browser:
            for turn in range(rounds + 1):
                for name, port in ports.items():
                    paths = [path_of(next(number)) for _ in range(POSTERS)]
                    ms = await asyncio.to_thread(shown, browser, port, paths)
                    if turn:  # the first round warms everything up
                        took[name].append(ms)
                        say(f"    {name}: {ms:.0f} ms")
    times = median(
        ours / theirs for ours, theirs in zip(took[US], took[DIRECT], strict=True)
    )
    table.add(DIRECT, f"{median(took[DIRECT]):.0f} ms", "1")
    table.add(US, f"{median(took[US]):.0f} ms", f"{times:.2f}")
    table.judge(times <= LIMIT)
    return table


def shown(browser: Browser, port: int, paths: list[str]) -> float:
    """How long it takes until all of these pictures are decoded, in ms."""
    browser.open(f"http://127.0.0.1:{port}/api/health")
    told = browser.driver.execute_async_script(ASKING, paths)
    if not isinstance(told, (int, float)):
        raise RuntimeError(f"a picture did not come: {json.dumps(told)}")
    return float(told)
