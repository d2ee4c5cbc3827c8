"""When the same route gets a second try. The fault table says where it is worth it."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from streamr.errors import Fault, Phase

# Beyond this a route is called silent, and the next one starts beside it (seconds).
# Most answers of TMDB take 80-250 ms (docs/facts/tmdb.md, "Response times").
HEDGE_AFTER = 0.25
# A retry waits a random part of this (full jitter, seconds): a reset costs as much.
RETRY_JITTER = 0.02
_LOOP = "proxy_loop_detected"


def again(fault: Fault, tries: int, routes_left: int) -> bool:
    """True when the same route should be tried once more, on a fresh connection.

    `tries` counts the tries this route has had, `routes_left` the routes after it. A
    slow fault is repeated only as the last resort: another route is a better use of the
    time.
    """
    if tries > 1 or fault.final or not fault.cause.same_route:
        return False
    return routes_left == 0 or not fault.cause.slow


def telling(first: Fault, later: Fault) -> Fault:
    """Which of two routes' faults the caller is told:

    - the later one, if it ended the search;
    - the later one, if the first was streamr's own doing, such as no time left; but a
      loop explains the others, and stays;
    - else that of the route that came further: behind a reset handshake it is no news
      that another name does not exist;
    - of two that came equally far, the later one.
    """
    phase = first.cause.phase
    ours = phase is Phase.GATEWAY and first.cause.name != _LOOP
    if ours or not later.cause.next_route:
        return later
    return later if later.cause.phase.step >= phase.step else first


def retry_after(field: str | None, date: str | None) -> float | None:
    """The seconds that a Retry-After field names (RFC 9110, 10.2.3), or None.

    An HTTP-date is compared with the Date of the same answer: both are TMDB's clock, so
    ours may be wrong.
    """
    if field is None:
        return None
    if re.fullmatch(r"[0-9]+", field):
        return float(field)
    try:
        wait = parsedate_to_datetime(field) - parsedate_to_datetime(date or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, wait.total_seconds())
