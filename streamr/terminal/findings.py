"""What a check has found, before anybody prints it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """A verdict. The word says it; the colour only helps to find it."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of a check.

    `by` is the route that answered, `ms` the time until the whole answer was there,
    `cause` why the direct route did not answer, as Proxy-Status names it. `breaker` is
    the direct route's when nobody was sent over it. Of an error `status` is HTTP's and
    `code` TMDB's own.
    """

    what: str
    mark: Mark
    told: str
    by: str | None = None
    ms: int | None = None
    cause: str | None = None
    breaker: str | None = None
    status: int | None = None
    code: int | None = None
