"""When the same route gets a second try. The fault table says where it is worth it."""

from __future__ import annotations

from streamr.errors import Fault


def again(fault: Fault, tries: int, ways_left: int) -> bool:
    """True when the same route should be tried once more, on a fresh connection.

    `tries` counts the tries this route has had, `ways_left` the routes after it. A slow
    fault is repeated only as the last resort: another way is a better use of the time.
    """
    if tries > 1 or fault.final or not fault.cause.same_route:
        return False
    return ways_left == 0 or not fault.cause.slow
