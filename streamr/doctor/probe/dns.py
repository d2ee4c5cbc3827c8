"""Name lookups of the doctor: by the system's resolver or by a DNS server of choice.

Nothing is remembered and nothing is smoothed over: the question is what the resolver
says right now.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, TimeoutError
from twisted.internet.interfaces import IReactorTime

from streamr.doctor.evidence import NameLookup, Place
from streamr.upstream.classify import cause_of_number
from streamr.upstream.resolve.cache import Find
from streamr.upstream.resolve.failures import LookupFailed, Silent

# Our own limit comes after the resolver's, which leaves nothing behind.
_GRACE = 0.5


async def look_up(
    host: str, port: int, by: str, find: Find, clock: IReactorTime, seconds: float
) -> NameLookup:
    """One question, with its deadline."""
    try:
        found = await find(host).addTimeout(seconds + _GRACE, clock)
    except (TimeoutError, CancelledError, Silent):
        return NameLookup(host, by, (), "dns_timeout", f"silent for {seconds:g} s")
    except LookupFailed as problem:
        cause = cause_of_number(problem.errno) or "dns_error"
        return NameLookup(host, by, (), cause, problem.words)
    if not found:
        return NameLookup(host, by, (), "dns_error", "there is no address for the name")
    places = tuple(Place(address, port) for _, address in found)
    return NameLookup(host, by, places)
