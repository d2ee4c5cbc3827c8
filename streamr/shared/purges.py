"""Purges in the fleet, by their numbers: what a node has missed, and which records are
older than a purge that names them. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from streamr.boundaries import StoredResponse
from streamr.tmdb.tags import Purge

# Purges that are remembered: a record from before the oldest of them is not used.
MOST_PURGES = 100
EVERYTHING = (Purge("all"), Purge("images"))


class PurgeLog:
    """What was purged, as far as this node knows; and what it has still to say."""

    def __init__(self, count: int | None) -> None:
        """`count` is how many there had been when this node last stopped; None where it
        does not know."""
        self.count = count or 0
        self.is_known = count is not None
        self._oldest = 0
        self._purged: dict[int, Purge] = {}
        self._unsaid: list[Purge] = []

    def reread(self, count: int, log: Sequence[object], me: str) -> list[Purge]:
        """There were so many, and these were the last ones, the newest first. Returns
        what other nodes have purged since this one last looked."""
        since = self.count if self.is_known else count
        # an engine that was emptied counts from the beginning, and nobody missed that
        self.count, self.is_known = count, True
        self._oldest = max(0, count - len(log))
        self._purged = {}
        missed = []
        for place, told in enumerate(log):
            who, what = _read(told)
            if what is not None:
                self._purged[count - place] = what
                if count - place > since and who != me:
                    missed.append(what)
        return [*EVERYTHING] if since < self._oldest else missed

    def names(self, response: StoredResponse, count: int) -> bool:
        """Whether a response that was asked for when there had been so many was purged
        since; or so long ago that nobody knows."""
        if count < self._oldest:
            return True
        return any(
            what.unwanted(response)
            for number, what in self._purged.items()
            if number > count
        )

    @property
    def unsaid(self) -> Purge | None:
        """The next one that this node has to tell the others."""
        return self._unsaid[0] if self._unsaid else None

    def add(self, what: Purge) -> None:
        """This node has purged it; the others do not know yet."""
        self._unsaid.append(what)
        if len(self._unsaid) > MOST_PURGES:
            self._unsaid = [*EVERYTHING]

    def said(self, what: Purge) -> None:
        """The engine has heard it."""
        if what in self._unsaid:
            self._unsaid.remove(what)


def told(me: str, what: Purge) -> str:
    """A purge as it stands in the log."""
    return json.dumps([me, what.what, what.value])


def _read(entry: object) -> tuple[str, Purge | None]:
    """Who has purged what; None for what is no purge of ours."""
    try:
        node, what, value = json.loads(entry)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return "", None
    if not all(isinstance(each, str) for each in (node, what, value)):
        return "", None
    return node, Purge(what, value)
