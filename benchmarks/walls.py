"""Walls of posters in Chromium: not on the server's core, and behind all others if
that is wanted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import islice

from tests.browser import Browser, chromium

from .cores import cores_of

POSTERS = 60
# Without a graphics card Chromium draws with SwiftShader, which ties a thread to each
# core of the machine, the server's too.
NO_SWIFTSHADER = "--disable-software-rasterizer"
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


@dataclass(frozen=True, slots=True)
class Walls:
    """A browser, the thread that drives it, and paths that nobody has asked for."""

    browser: Browser
    thread: Executor
    posters: Iterator[str]

    async def load(self, port: int) -> float:
        """How long it takes until all posters of a new wall are decoded, in ms."""
        paths = list(islice(self.posters, POSTERS))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, shown, self.browser, port, paths)


@asynccontextmanager
async def walls(
    core: int, posters: Iterator[str], thread: Callable[[], Executor]
) -> AsyncIterator[Walls]:
    """A browser that is started and driven by such a thread. Raises RuntimeError when
    it may use this core, the server's."""
    loop = asyncio.get_running_loop()
    with thread() as driving, ExitStack() as stack:
        starting = chromium(NO_SWIFTSHADER)
        browser = await loop.run_in_executor(driving, stack.enter_context, starting)
        try:
            leaves(browser.driver.service.process.pid, core)
            yield Walls(browser, driving, posters)
        finally:
            await loop.run_in_executor(driving, stack.close)


def leaves(pid: int, core: int) -> None:
    """Raise RuntimeError when a process, or what it has started, may use this core and
    has others."""
    used = cores_of(pid)
    if core in used and used != {core}:
        raise RuntimeError(f"core {core} is the server's, and the browser may use it")


def shown(browser: Browser, port: int, paths: list[str]) -> float:
    """How long it takes until all of these pictures are decoded, in ms."""
    browser.open(f"http://127.0.0.1:{port}/api/health")
    told = browser.driver.execute_async_script(ASKING, paths)
    if not isinstance(told, (int, float)):
        raise RuntimeError(f"a picture did not come: {json.dumps(told)}")
    return float(told)
