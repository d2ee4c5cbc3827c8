"""What the rooms ask of each other. Under each implementation a line says so."""

from __future__ import annotations

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


class Signs(Protocol):
    """Who listens for signs of life of an attempt."""

    def __call__(self) -> None:
        """There is one: a first byte, or a reason to be patient."""

    def again(self) -> None:
        """From now on silence counts, as at the beginning."""


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
        fresh: bool,
        heard: Signs,
    ) -> Deferred[Answer]:
        """Make one try, on a fresh connection if asked.

        `heard` is called at the first sign of life, and while it waits for its turn.
        Fails with Fault, or with CancelledError when it was cancelled, which closes the
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
