"""How much one caller may take, and all of them together. Pure: `now` is handed in.

An address stands for its caller; of IPv6 it is the /64, which one customer has whole.
This machine, private networks and trusted proxies are spared: behind one such address
can be everybody, an app's own server or Docker's gateway. Whoever has shown the peer
token is spared as well. Every table here is bounded: by the connections themselves, or
by forgetting who was seen longest ago.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from typing import TypeVar

from streamr.errors import Envelope, Refusal
from streamr.net.networks import LOOPBACK, PRIVATE_RANGES, address_in
from streamr.web.callers import TrustedProxies

Kept = TypeVar("Kept")

# A browser opens six, an app's pool a few dozen.
MOST_OF_ONE = 100
# Some seconds' worth of requests may come at once: a page of lists with its pictures.
BURST_SECONDS = 10.0
# Wrong tokens of one address in a minute, and all that is remembered of them.
MOST_FAILURES, FAILURE_SECONDS = 10, 60.0
# Live pages of one address, so that five strangers cannot take all twenty.
MOST_STREAMS = 4
# Addresses in a table; 10,000 take 2 MB.
MOST_ADDRESSES = 10_000
# Connections beyond a limit that are told so at once, for up to two seconds each.
MOST_TOLD = 64
# When a connection may be free again: nobody knows, so soon, and not at once.
RETRY_SECONDS = 2


@lru_cache(4096)
def block_of(address: str) -> str:
    """What stands for a caller in the tables: his address, or his /64."""
    found = address_in(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((int(found) >> 64 << 64, 64)))
    return str(found or address)


class Limits:
    """The limits of one server, and who has used how much of them."""

    def __init__(
        self,
        connections: int = 2000,
        rate: int = 0,
        proxies: TrustedProxies | None = None,
    ) -> None:
        """`connections` is how many there may be at once; `rate` how many requests an
        address may make in a second, 0 when that is not limited."""
        self.connections = connections
        self.rate = rate
        self._spares = TrustedProxies(
            (*LOOPBACK, *PRIVATE_RANGES, *(proxies.networks if proxies else ()))
        )
        self._open: dict[Hashable, str] = {}
        self._told: set[Hashable] = set()
        self._of_one: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()
        self._next: OrderedDict[str, float] = OrderedDict()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._peers: OrderedDict[str, None] = OrderedDict()

    # Connections

    def opened(self, connection: Hashable, address: str) -> Refusal | None:
        """A connection is there. None, or why it has to go."""
        block = block_of(address)
        if len(self._open) >= self.connections:
            self._told.add(connection)
            return Refusal(
                503,
                Envelope.OFFLINE,
                f"Too many connections: this server takes {self.connections}; try "
                f"again in {RETRY_SECONDS} s.",
                retry_after=RETRY_SECONDS,
            )
        spared = block in self._peers or self._spares.has(address)
        if not spared and self._of_one[block] >= MOST_OF_ONE:
            self._told.add(connection)
            return Refusal(
                429,
                Envelope.RATE,
                f"Too many connections: this server takes {MOST_OF_ONE} from one "
                "address; keep them open and use them again.",
                retry_after=RETRY_SECONDS,
            )
        self._open[connection] = block
        self._of_one[block] += 1
        return None

    @property
    def crowded(self) -> bool:
        """True when so many are being told to go that no more can be."""
        return len(self._told) > MOST_TOLD

    def closed(self, connection: Hashable) -> None:
        """A connection has ended."""
        self._told.discard(connection)
        block = self._open.pop(connection, None)
        if block is not None:
            _less(self._of_one, block)

    # Requests

    def wait(self, address: str, now: float) -> float | None:
        """Count a request of an address; None, or the seconds until it may be made.

        A token bucket, kept as the moment when it is full again.
        """
        if not self.rate or self._spares.has(address):
            return None
        block = block_of(address)
        full = max(self._next.get(block, now), now) + 1 / self.rate
        late = full - now - BURST_SECONDS
        # a burst's last request is not late by the error of adding up
        if late > 1e-9:
            return late
        _remember(self._next, block, full)
        return None

    # Tokens

    def failed(self, address: str, now: float) -> float | None:
        """Count a wrong token; None, or for how many seconds such are slowed down."""
        block = block_of(address)
        times = self._failures.get(block) or deque(maxlen=MOST_FAILURES)
        many = len(times) == MOST_FAILURES and now - times[0] < FAILURE_SECONDS
        wait = times[0] + FAILURE_SECONDS - now if many else None
        times.append(now)
        _remember(self._failures, block, times)
        return wait

    def vouched(self, address: str) -> None:
        """An address has shown the peer token."""
        _remember(self._peers, block_of(address), None)

    def forget_vouched(self) -> None:
        """The peer token is another one now."""
        self._peers.clear()

    # Live pages

    def has_streams(self, address: str) -> bool:
        """Whether an address has as many live pages as it may have."""
        return self._streams[block_of(address)] >= MOST_STREAMS

    def stream(self, address: str) -> Callable[[object], None]:
        """A live page begins; call what is returned when it has ended."""
        block = block_of(address)
        if self._spares.has(address):
            return lambda _ended: None
        self._streams[block] += 1
        return lambda _ended: _less(self._streams, block)

    def __len__(self) -> int:
        """How many entries all tables have."""
        tables = (self._open, self._told, self._of_one, self._streams)
        return sum(map(len, (*tables, self._next, self._failures, self._peers)))


def retry_after(seconds: float) -> int:
    """Whole seconds for Retry-After, one at least."""
    return max(1, math.ceil(seconds))


def _less(counts: Counter[str], block: str) -> None:
    counts[block] -= 1
    if counts[block] <= 0:
        del counts[block]


def _remember(table: OrderedDict[str, Kept], block: str, value: Kept) -> None:
    """Keep it, and forget who was seen longest ago when there are too many."""
    table[block] = value
    table.move_to_end(block)
    if len(table) > MOST_ADDRESSES:
        table.popitem(last=False)
