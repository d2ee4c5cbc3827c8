"""What the rooms ask of each other. Under each implementation a line says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from streamr.boundaries import (
    Answer,
    Budget,
    Call,
    Dimensions,
    Exchange,
    Query,
    StoredResponse,
)
from streamr.errors import Fault


class Progress(Protocol):
    """Who follows how far an attempt has come."""

    def queued(self) -> None:
        """It waits for its turn: that is no silence of the other side."""

    def sent(self) -> None:
        """It leaves now: from here on silence counts."""

    def first_byte(self) -> None:
        """The head of the answer has come."""


# Asked when an attempt is about to leave: the Fault that keeps it here, or None.
Veto = Callable[[], Fault | None]


class Route(Protocol):
    """One way to the answer. It never calls the gateway."""

    @property
    def name(self) -> str:
        """The route's name in logs, headers and the status page."""

    @property
    def next_hop(self) -> str:
        """`host:port` of the machine that this route talks to."""

    @property
    def hop(self) -> bool:
        """True for a proxy of ours, which shares out its time by itself."""

    @property
    def dimensions(self) -> Dimensions:
        """What this route does not share with the others."""

    def send(
        self,
        query: Query,
        call: Call,
        budget: Budget,
        *,
        new_connection: bool,
        progress: Progress,
        veto: Veto,
    ) -> Deferred[Answer]:
        """Make one try, on a connection of its own if asked.

        `veto` is asked when the turn of one that had to wait has come. Fails with
        Fault, or with CancelledError when it was cancelled, which closes the
        connection.
        """


class Places(Protocol):
    """Who says how many connections to one host there may be."""

    def borrow(self, wanted: int) -> int:
        """Take up to so many more; returns how many are granted."""

    def give_back(self, places: int) -> None:
        """So many are free again."""


class Store(Protocol):
    """Where answers are kept. It never calls a route, and answers at once."""

    def get(self, key: str) -> StoredResponse | None:
        """The stored response of this cache key."""

    def put(self, key: str, response: StoredResponse) -> None:
        """Keep a response; it may be dropped again at any time."""


class Observer(Protocol):
    """Who wants to know. It is told once per request, and never awaited."""

    def note(self, exchange: Exchange) -> None:
        """Take one finished exchange."""
