"""What is right: the simulator's own answer to a path while nothing is broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from .client import LoadClient, trusting
from .world import DIRECT, KEY, Simulator

AT_ONCE = 8


def straight_to(simulator: Simulator, host: str) -> LoadClient:
    """A client that asks one of the simulator's names with nothing in between."""
    return LoadClient(
        simulator.port(host),
        tls=trusting(simulator.ca_file),
        name=host,
        headers={"Authorization": f"Bearer {KEY}"},
    )


class Oracle:
    """Asks the direct name over TLS and remembers the JSON value per path."""

    def __init__(self, simulator: Simulator) -> None:
        """Use the simulator's authority and key."""
        self.known: dict[str, Any] = {}
        self.client = straight_to(simulator, DIRECT)

    async def learn(self, paths: Iterable[str]) -> None:
        """Ask for every path that is not known yet. There must be no fault now."""
        new = [path for path in dict.fromkeys(paths) if path not in self.known]
        limit = asyncio.Semaphore(AT_ONCE)

        async def ask(path: str) -> None:
            async with limit:
                reply = await self.client.get(path)
            if reply.problem or reply.status != 200:
                raise RuntimeError(f"{path}: {reply.status} {reply.problem}")
            self.known[path] = json.loads(reply.body)

        await asyncio.gather(*map(ask, new))
        self.client.close()

    def __getitem__(self, path: str) -> Any:
        """The right value of a path."""
        return self.known[path]
