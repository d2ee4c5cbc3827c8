"""Parameters as a query string. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

# What `quote` leaves as it is (RFC 3986, 2.3). Nearly all that is sent to TMDB consists
# of it, and then looking takes a tenth of the time of quoting.
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")


def urlencoded(pairs: Iterable[tuple[str, str]]) -> str:
    """What `urllib.parse.urlencode` writes with `quote`: a space is %20."""
    return "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in pairs])


def _quoted(text: str) -> str:
    return text if _UNRESERVED.fullmatch(text) else quote(text, safe="")
