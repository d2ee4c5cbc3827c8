"""Who may come through the door: apps that have a name of TMDB's built in.

No token can be asked of them, so they have to be near; and nothing tells who they are,
so the name that they ask for in TLS and in HTTP has to be the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from streamr.errors import Envelope, Refusal
from streamr.net.doors import NAMES, PICTURE_NAMES
from streamr.net.networks import LOOPBACK, PRIVATE_RANGES
from streamr.tmdb.images import PICTURES
from streamr.tmdb.target import split
from streamr.web.api.target import NOT_BEHIND_THE_DOOR
from streamr.web.callers import TrustedProxies
from streamr.web.hosts import name_in
from streamr.web.server.request import GatewayRequest
from streamr.web.server.transport import server_name

_NEAR = TrustedProxies((*LOOPBACK, *PRIVATE_RANGES))
# Apps of a household, and then some; the one that was here longest ago is forgotten.
MOST_CALLERS = 32


@dataclass(frozen=True, slots=True)
class DoorCaller:
    """Who came through: an address, how often since the start, and when last (seconds
    since the epoch)."""

    address: str
    calls: int
    last: float


class Doorkeeper:
    """Lets callers in, and remembers who they were."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._callers: OrderedDict[str, DoorCaller] = OrderedDict()

    def check(self, request: GatewayRequest) -> None:
        """Raises Refusal for a caller who may not come through."""
        guard(request)
        known = self._callers.pop(request.peer, None)
        calls = 1 if known is None else known.calls + 1
        found = DoorCaller(request.peer, calls, self._wall())
        self._callers[request.peer] = found
        if len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)

    def callers(self) -> list[DoorCaller]:
        """Those who came, the last one first."""
        return list(reversed(self._callers.values()))


def guard(request: GatewayRequest) -> None:
    """Raises Refusal for a caller who may not come through."""
    if not _NEAR.has(request.peer):
        raise Refusal(
            403,
            Envelope.DENIED,
            "The door is for this machine and its private networks: anyone who came "
            "through it would ask TMDB with this streamr's key.",
        )
    host = request.header("host")
    name = name_in(host)
    if name not in NAMES or name != server_name(request.channel.transport):
        raise Refusal(
            421,
            Envelope.INPUT,
            f"Misdirected request: {host[:100]!r} is not the name that this connection "
            f"was opened for; the door answers for {', '.join(NAMES)}.",
        )
    pictures = split(request.uri)[0].startswith(PICTURES)
    if pictures is not (name in PICTURE_NAMES):
        raise Refusal(404, Envelope.NOT_FOUND, NOT_BEHIND_THE_DOOR)
