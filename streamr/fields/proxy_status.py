"""Attempts as the Proxy-Status field (RFC 9209), and back.

Each attempt is a list member. The last member speaks of the response it stands on: when
it carries an `error`, the response was made by the gateway itself (RFC 9209, 2.1.1).
`route` and `ms` are parameters of our own; the route of a peer stands behind the peer
and a slash. Details stand on a server's own attempts
only: with those of a proxy's the head could outgrow the 4 kB that nginx reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import http_sf
from http_sf.types import ParamsType

from streamr.errors import Attempt

# The causes that a proxy of any version may name.
_TOKEN = re.compile(r"[a-z][a-z0-9_]*")
# A proxy tries at most a dozen routes, each tried twice.
MOST_MEMBERS = 64
# Members that were made before: those who share a flight get the same, and a good
# attempt differs from others of its route in its milliseconds only.
REMEMBERED = 1024


def render(server: str, attempts: Iterable[Attempt]) -> str:
    """The field's value; empty when there was no attempt."""
    return ", ".join([_member(server, each) for each in attempts])


def own_error(server: str, cause: str) -> str:
    """The field's value on an error that the gateway makes without any attempt."""
    return _written(server, {"error": http_sf.Token(cause)})


def parse(value: str) -> tuple[Attempt, ...]:
    """The attempts that a proxy reports; () when the field makes no sense."""
    if not value:
        return ()
    try:
        members = http_sf.parse(value.encode("ascii"), tltype="list")
    except ValueError:
        return ()
    # http_sf reads a list into tuples of a value and its parameters
    assert isinstance(members, list)
    told = (each[1] for each in members[:MOST_MEMBERS] if isinstance(each, tuple))
    return tuple(map(_attempt, told))


@lru_cache(REMEMBERED)
def _member(server: str, attempt: Attempt) -> str:
    return _written(server, _parameters(attempt))


def _written(server: str, parameters: ParamsType) -> str:
    return http_sf.ser([(http_sf.Token(server), parameters)])


def _parameters(attempt: Attempt) -> ParamsType:
    parameters: ParamsType = {}
    if attempt.cause is not None:
        parameters["error"] = http_sf.Token(attempt.cause)
    if attempt.next_hop:
        parameters["next-hop"] = _plain(attempt.next_hop)
    if attempt.status is not None:
        parameters["received-status"] = attempt.status
    parameters["route"] = _plain(attempt.name)
    parameters["ms"] = attempt.ms
    if attempt.detail and not attempt.peer:
        parameters["details"] = _plain(attempt.detail)
    return parameters


def _attempt(parameters: ParamsType) -> Attempt:
    cause = parameters.get("error")
    first, nested, rest = str(parameters.get("route", "")).partition("/")
    status, ms = parameters.get("received-status"), parameters.get("ms")
    if cause is not None and not _TOKEN.fullmatch(str(cause)):
        cause = "proxy_internal_error"
    return Attempt(
        route=rest if nested else first,
        next_hop=str(parameters.get("next-hop", "")),
        ms=max(0, ms) if type(ms) is int else 0,
        cause=None if cause is None else str(cause),
        detail=str(parameters.get("details", "")),
        status=status if type(status) is int else None,
        peer=first if nested else "",
    )


def _plain(text: str) -> str:
    """RFC 9651 strings hold printable ASCII only."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:200])
