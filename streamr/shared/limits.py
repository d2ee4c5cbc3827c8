"""TMDB's limits, counted for all nodes of an address in the engine."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from streamr.boundaries import Grant
from streamr.policy.budgets import TokenBucket, burst_of
from streamr.shared import scripts
from streamr.shared.engine import Engine

# A place is reserved for so many milliseconds ahead; later ones are asked for then.
LONGEST_PLACE = 1000


class SharedLimits:
    """The rate towards each host, and its pauses."""

    def __init__(
        self,
        engine: Engine,
        base: str,
        nodes: Callable[[], int | None],
        clock: IReactorTime,
    ) -> None:
        """All keys begin with `base`; `nodes` gives how many nodes there are, None
        while the engine does not count for this one."""
        self._engine = engine
        self._base = base
        self._nodes = nodes
        self._clock = clock
        self._own: dict[str, TokenBucket] = {}

    async def permit(self, host: str, rate: float) -> Grant:
        """A place for one request to a host, at so many a second from all nodes that
        share the address."""
        nodes = self._nodes()
        if nodes is None:
            return Grant()  # this node keeps to its part by itself
        reply = await self._engine.ask(
            *("EVAL", scripts.RATE, 2),
            *(f"{self._base}rate:{host}", f"{self._base}pause:{host}"),
            *(str(1000 / rate), int(burst_of(rate)), LONGEST_PLACE),
        )
        match reply:
            case [int(kind), int(wait)]:
                return Grant(wait / 1000, reserved=kind == 1, paused=kind == 2)
        # it was too slow, or has refused: this one keeps to one node's part
        now = self._clock.seconds()
        full = TokenBucket(rate / nodes, 1.0, 1.0, now)
        bucket = self._own.get(host, full).at_rate(rate / nodes, 1.0, now)
        self._own[host] = bucket.taken(now)
        return Grant(bucket.wait(now))

    def paused(self, host: str, seconds: float) -> None:
        """TMDB has told this node to leave a host alone for so long."""
        key = f"{self._base}pause:{host}"
        self._engine.ask("EVAL", scripts.PAUSE, 1, key, max(1, int(seconds * 1000)))
