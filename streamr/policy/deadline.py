"""How the time that is left is shared out among the routes that are left.

Examples, in seconds (kept true by tests/policy/test_deadline.py):

    remaining  routes left    connect  first byte  body
        8.0        2            1.2       3.0       5.0     direct; a proxy to come
        6.8        1 (proxy)    1.2       6.8       6.8     the proxy has what is left
        6.55       5            1.2       2.31      2.31    its first route
        1.0        3            1.0       1.0       1.0     little time is all used
"""

from __future__ import annotations

from streamr.boundaries import Budget

# A handshake that works takes two or three round trips; at the 300 ms of a poor mobile
# network that is 0.9 s. Beyond it, silence is the likelier reading.
CONNECT_LIMIT = 1.2
# TMDB's slow tail is 1-3 s (docs/facts/tmdb.md, "Response times"); an answer after 2 s
# is a good answer.
FIRST_BYTE_LIMIT = 3.0
# A body of 20 kB that pauses this long has stalled.
IDLE_LIMIT = 2.0
# What one route may take beyond its even share, so that the first gets a fair chance.
GRACE = 1.0
# Below this no attempt can succeed any more, so none is begun.
LEAST_ATTEMPT = 0.05
# A proxy is asked to finish this much earlier, so that its honest error still arrives:
# its clock starts when it has the request, after the connection was made.
HOP_MARGIN = 0.25
HOP_SHARE = 0.9


def share(remaining: float, routes_left: int, *, hop: bool = False) -> Budget:
    """The budget, in seconds, of the next attempt.

    `routes_left` counts this route too. A `hop` is a proxy of ours: it shares out its
    own time, so waiting for its first byte is limited by its share alone.
    """
    part = max(0.0, min(remaining, remaining / max(routes_left, 1) + GRACE))
    return Budget(
        connect=min(CONNECT_LIMIT, part),
        first_byte=part if hop else min(FIRST_BYTE_LIMIT, part),
        body=part,
        idle=min(IDLE_LIMIT, part),
        total=part,
    )


def handed_on(budget: Budget) -> int:
    """The deadline in milliseconds that a proxy is given for its answer."""
    limit = budget.first_byte
    return max(1, int(min(limit - HOP_MARGIN, limit * HOP_SHARE) * 1000))
