"""Request ids: what a caller gives if it is sane, else one of our own."""

from __future__ import annotations

import itertools
import re
import secrets

# Long enough for every tracing system's ids, too short to flood a log.
_SANE = re.compile(r"[A-Za-z0-9._:=-]{1,64}")


class RequestIds:
    """Ids that no other run of the daemon hands out: a random beginning, and a count.

    They name requests and guard nothing, so the next one may be guessed.
    """

    def __init__(self, begin: str | None = None) -> None:
        """`begin` is eight hexadecimal digits; tests say which."""
        self._begin = secrets.token_hex(4) if begin is None else begin
        self._numbers = itertools.count(1)

    def __call__(self) -> str:
        """The next one: 16 hexadecimal digits."""
        return f"{self._begin}{next(self._numbers) & 0xFFFFFFFF:08x}"


def is_sane(given: str) -> bool:
    """Whether a caller's id may stand in our log and headers."""
    return _SANE.fullmatch(given) is not None
