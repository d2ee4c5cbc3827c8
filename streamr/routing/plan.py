"""What one request still may try: routes in an order that was fixed at its beginning,
or chosen one by one (routing/search.py)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from streamr.interfaces import Route


class Plan(Protocol):
    """The routes of one request, the next one first."""

    @property
    def last_resorts(self) -> Collection[str]:
        """Names of those that are open, and are tried all the same."""

    @property
    def left(self) -> int:
        """Among how many routes the time is shared, the next one included."""

    @property
    def upcoming(self) -> Route | None:
        """The next one by what is known now; None when none is left."""

    @property
    def why(self) -> str:
        """Why that one is the next, in words; "" when there is nothing to say."""

    @property
    def haste(self) -> float:
        """By which share of its patience the route that was taken last is waited for:
        1, or less while nothing is known of what works."""

    def take(self) -> Route:
        """The next one, which is not offered again."""

    def failed(self, route: Route, cause: str) -> None:
        """One has failed, or is silent: "overtaken"."""


class FixedPlan:
    """Routes in a fixed order; the names of those that are `opened` are known."""

    haste = 1.0

    def __init__(
        self,
        routes: Sequence[Route],
        opened: Collection[str],
        why: Callable[[Route], str] = lambda _route: "",
    ) -> None:
        self._routes = deque(routes)
        self._why = why
        self.last_resorts = frozenset(opened)

    @property
    def left(self) -> int:
        return len(self._routes)

    @property
    def upcoming(self) -> Route | None:
        return self._routes[0] if self._routes else None

    @property
    def why(self) -> str:
        return self._why(self._routes[0])

    def take(self) -> Route:
        return self._routes.popleft()

    def failed(self, route: Route, cause: str) -> None:
        """The order stays."""


_plans: type[Plan] = FixedPlan
