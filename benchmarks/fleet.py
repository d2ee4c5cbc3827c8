"""Three streamr with a real engine between them, and HAProxy in front of them."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from .bench import Bench
from .client import LoadClient
from .cost import entered
from .peers import ContestantPlace, Running, start_streamr
from .processes import ROOT, Child, free_ports

NODES = 3
# TMDB's pace is a row of its own; elsewhere it must not be what is measured.
UNPACED = {"STREAMR_RATE": "1000", "STREAMR_CONNECTIONS": "300"}
# A node takes its part of TMDB's limits a moment after it has found the engine.
SETTLED = 4.0
_UP = re.compile(rb"^streamr_shared_up (\S+)$", re.M)


@dataclass
class Fleet:
    """The nodes, what they share, and what stands in front of them."""

    bench: Bench
    engine_port: int = 0
    # what nodes are told: the engine's own port, or a relay's
    shared_port: int = 0
    relay: Child | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    nodes: list[Running] = field(default_factory=list)
    places: list[ContestantPlace] = field(default_factory=list)
    engine: Child | None = None
    front: LoadClient | None = None

    async def start_engine(self) -> None:
        program = shutil.which("valkey-server") or shutil.which("redis-server")
        if program is None:
            raise RuntimeError("neither valkey-server nor redis-server is installed")
        place = entered(self.bench.directory, "engine")
        self.engine = Child(
            [
                *(program, "--port", str(self.engine_port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", str(place)),
            ],
            place / "engine.log",
        )
        await asyncio.to_thread(self.engine.wait_for_port, self.engine_port)

    async def start_relay(self) -> None:
        """Nodes that are added from now on reach the engine over a relay."""
        place = entered(self.bench.directory, "relay")
        command = [sys.executable, "-m", "benchmarks.relay", str(self.engine_port)]
        self.relay = Child(command, place / "relay.log", {"PYTHONPATH": str(ROOT)})
        found = await asyncio.to_thread(self.relay.wait_for, r"listens on (\d+)")
        self.shared_port = int(found.group(1))

    async def add(self, *, shared: bool = True) -> Running:
        """One more node."""
        settings = {"STREAMR_WARM": "none", **self.settings}
        if shared:
            settings["STREAMR_SHARED"] = f"redis://127.0.0.1:{self.shared_port}"
        directory = entered(self.bench.directory, "streamr")
        place = ContestantPlace(directory, self.bench.simulator, settings=settings)
        self.places.append(place)
        made = await asyncio.to_thread(start_streamr, place)
        self.nodes.append(made)
        return made

    async def up(self, wanted: bool = True, among: Sequence[Running] = ()) -> None:
        """Until all of them say that the engine is there, or is not."""
        for each in among or self.nodes:
            while await asyncio.to_thread(is_up, each.port) is not wanted:
                await asyncio.sleep(0.02)

    async def behind_haproxy(self) -> Child:
        """deploy/haproxy.cfg with these nodes; `front` asks it."""
        (port,) = free_ports(1)
        text = (ROOT / "deploy/haproxy.cfg").read_text(encoding="utf-8")
        text = re.sub(r"^    server .*\n", "", text, flags=re.M)
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
        for number, node in enumerate(self.nodes):
            text += f"    server node{number} 127.0.0.1:{node.port}\n"
        place = entered(self.bench.directory, "haproxy")
        file = place / "haproxy.cfg"
        file.write_text(text)
        child = Child(["haproxy", "-db", "-f", str(file)], place / "haproxy.log")
        await asyncio.to_thread(child.wait_for_port, port)
        self.front = LoadClient(port)
        return child


def is_up(port: int) -> bool:
    """What a node's metrics say of the engine."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as told:
        found = _UP.search(told.read())
    return found is not None and float(found[1]) == 1


@asynccontextmanager
async def fleet(
    bench: Bench,
    nodes: int = NODES,
    *,
    shared: bool = True,
    relayed: bool = False,
    **settings: str,
) -> AsyncIterator[Fleet]:
    """Nodes that know each other, ended whatever happens."""
    (port,) = free_ports(1)
    made = Fleet(bench, port, port, settings=settings)
    try:
        await made.start_engine()
        if relayed:
            await made.start_relay()
        for _ in range(nodes):
            await made.add(shared=shared)
        if shared:
            await made.up()
            await asyncio.sleep(SETTLED)
        yield made
    finally:
        for place in made.places:
            await asyncio.to_thread(place.stop)
        if made.relay is not None:
            await asyncio.to_thread(made.relay.stop)
        if made.engine is not None:
            made.engine.process.send_signal(signal.SIGCONT)
            await asyncio.to_thread(made.engine.stop)
