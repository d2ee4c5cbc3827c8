"""TMDB's limits, counted for all nodes of an address in the engine."""

from __future__ import annotations

from collections.abc import Callable

from streamr.boundaries import Grant
from streamr.shared import scripts
from streamr.shared.engine import Engine

# What all nodes together may send at once after a quiet moment.
BURST = 10
# A place is reserved for so many milliseconds ahead; later ones are asked for then.
LONGEST_PLACE = 1000


class SharedLimits:
    """The rate towards each host, and its pauses."""

    def __init__(
        self, engine: Engine, base: str, nodes: Callable[[], int | None]
    ) -> None:
        """All keys begin with `base`; `nodes` gives how many nodes there are, None
        while the engine does not count for this one."""
        self._engine = engine
        self._base = base
        self._nodes = nodes

    async def permit(self, host: str, rate: float) -> Grant:
        """A place for one request to a host, at so many a second from all nodes that
        share the address."""
        nodes = self._nodes()
        if nodes is None:
            return Grant()  # this node keeps to its part by itself
        reply = await self._engine.ask(
            *("EVAL", scripts.RATE, 2),
            *(f"{self._base}rate:{host}", f"{self._base}pause:{host}"),
            *(str(1000 / rate), int(max(1, min(BURST, rate))), LONGEST_PLACE),
        )
        match reply:
            case [int(kind), int(wait)]:
                return Grant(wait / 1000, reserved=kind == 1, paused=kind == 2)
        # the engine was too slow: as long as one node's part takes
        return Grant((nodes - 1) / rate)

    def paused(self, host: str, seconds: float) -> None:
        """TMDB has told this node to leave a host alone for so long."""
        key = f"{self._base}pause:{host}"
        self._engine.ask("SET", key, 1, "PX", max(1, int(seconds * 1000)))
