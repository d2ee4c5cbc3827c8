"""The table of what is no path of TMDB's API: path, methods, who may, what answers.

Every other path is TMDB's (`api/target.py`). What answers returns a whole `Page`, a
`Stream`, which is written as its caller takes it, or a `Feed`, which has no end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from streamr.web.access import Feed, Reset, Stream, Visit, Who
from streamr.web.page import Page

# What a request can end in.
Answered = Page | Stream | Feed | Reset
# Answers a visit. It may raise Refusal.
Handler = Callable[[Visit], "Answered | Deferred[Answered]"]

READ = ("GET", "HEAD")
CHANGE = ("POST",)


@dataclass(frozen=True, slots=True)
class Row:
    """One page of our own. With `below` it is the page of every path with this prefix.

    What changes something has the methods `CHANGE`, and is for operators; the demo's
    own switches are for players. What `reveals` how this server is doing is read under
    its own names only, as are the pages of those two (`hosts.py`). A
    `probe` is asked by machines that watch this one, and never limited. What comes
    `from_tmdb` has the limits of every answer of TMDB's, and the gateway tells of it.
    """

    path: str
    handler: Handler
    methods: tuple[str, ...] = READ
    who: Who = Who.CALLERS
    below: bool = False
    reveals: bool = False
    probe: bool = False
    from_tmdb: bool = False

    @property
    def under_our_names(self) -> bool:
        """Whether it is answered under our own names only."""
        return self.reveals or self.who in (Who.OPERATORS, Who.PLAYERS)


class Router:
    """Finds the row of a path."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Raises ValueError for a path that stands twice."""
        self.rows = tuple(rows)
        self._exact = {row.path: row for row in self.rows if not row.below}
        self._below = {row.path: row for row in self.rows if row.below}
        if len(self._exact) + len(self._below) < len(self.rows):
            raise ValueError("a path stands twice in the table")

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths and prefixes, as metrics name them."""
        return tuple(row.path for row in self.rows)

    def find(self, path: str) -> Row | None:
        """The row of a path; None when it is not one of our own pages."""
        if path in self._exact:
            return self._exact[path]
        return next(
            (self._below[each] for each in self._below if path.startswith(each)), None
        )

    def takes(self, method: str) -> bool:
        """Whether any page takes a method."""
        return any(method in row.methods for row in self.rows)
