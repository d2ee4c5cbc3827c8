"""Purges in the fleet, by their numbers: what a node has missed, and which records are
older than a purge that names them. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from streamr.boundaries import PurgeMark, StoredResponse
from streamr.tmdb import tags
from streamr.tmdb.tags import Purge

# Purges that are remembered: a record from before the oldest of them is not used.
MOST_PURGES = 100
EVERYTHING = (Purge("all"), Purge("images"))


class PurgeLog:
    """What was purged, as far as this node knows; and what it has still to say."""

    def __init__(self, before: PurgeMark | None, unsaid: Sequence[Purge] = ()) -> None:
        """`before` is what this node knew when it last stopped, None for nothing, and
        `unsaid` what it had not told the others by then."""
        self.mark = before or PurgeMark()
        self._is_new = True
        self._oldest = 0
        self._purged: dict[int, Purge] = {}
        self._own: set[int] = set()
        self._unsaid = list(unsaid)

    def reread(self, mark: PurgeMark, log: Sequence[object]) -> list[Purge]:
        """So much has been purged by now, and these were the last ones, the newest
        first. Returns what this node has still to do of them."""
        before, self.mark = self.mark, mark
        was_stopped, self._is_new = self._is_new, False
        same, knows, count = before.life == mark.life, bool(before.life), mark.count
        if not same:
            self._own.clear()
        # one that knows of nothing has kept nothing from before, or nothing that counts
        since = before.count if same else 0 if knows else count
        self._oldest = max(0, count - len(log))
        self._purged = {
            count - place: what
            for place, entry in enumerate(log)
            if (what := read(entry)) is not None
        }
        self._own = {each for each in self._own if each > self._oldest}
        if since < self._oldest or (knows and not same and was_stopped):
            # what was purged in the engine's other life, while it was stopped?
            return [*EVERYTHING]
        return [
            what
            for number, what in self._purged.items()
            if number > since and number not in self._own
        ]

    def names(self, response: StoredResponse, mark: PurgeMark) -> bool:
        """Whether a response that was asked for at that mark was purged since; or so
        long ago, or in another life of the engine, that nobody knows."""
        if mark.life != self.mark.life or mark.count < self._oldest:
            return True
        later = (what for number, what in self._purged.items() if number > mark.count)
        return any(what.unwanted(response) for what in (*later, *self._unsaid))

    @property
    def unsaid(self) -> Sequence[Purge]:
        """What this node has to tell the others."""
        return self._unsaid

    def add(self, what: Purge) -> None:
        """This node has purged it; the others do not know yet."""
        self._unsaid.append(what)
        if len(self._unsaid) > MOST_PURGES:
            self._unsaid = [*EVERYTHING]

    def said(self, what: Purge, number: int) -> None:
        """The engine has heard it, as its purge of this number."""
        self._purged[number] = what
        self._own.add(number)
        if what in self._unsaid:
            self._unsaid.remove(what)


def written(what: Purge) -> str:
    """A purge as it stands in the log."""
    return json.dumps([what.what, what.value])


def read(entry: object) -> Purge | None:
    """A purge of the log; None for what is none of ours."""
    try:
        what, value = json.loads(entry)  # type: ignore[arg-type]
        if what == "images":
            return Purge("images")
        found = tags.purge({what: value or "1"})
        found.tag.encode()
        return found
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
