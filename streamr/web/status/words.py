"""Numbers and times in words, the same in the text and on the page. Pure."""

from __future__ import annotations

from streamr.routing.report import ToldRoute
from streamr.web.status.shape import ShownFault, ShownRoute

MB = 1024 * 1024
# The egress of connections that leave without an outbound proxy.
DIRECT = "direct"


def duration(ms: float | None) -> str:
    """Milliseconds as a person reads them."""
    if ms is None:
        return "–"
    if ms < 1:
        return "under 1 ms"
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def size(count: int) -> str:
    """Bytes in megabytes."""
    return f"{count / MB:.1f} MB" if count < 100 * MB else f"{count / MB:.0f} MB"


def share(value: float | None) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{value * 100:.0f} %"


def number(count: int) -> str:
    """A count with thin groups of three."""
    return f"{count:,}".replace(",", "\u202f")


def state(route: ShownRoute) -> str:
    """What a route does now, in a few words."""
    if route["breaker"] != "closed":
        cause = route["cause"]
        return f"{route['breaker']}, {cause}" if cause else route["breaker"]
    if route["state"] == "untried":
        usual = route["usual_ms"]
        before = f"worked before, {duration(usual)}"
        return "not tried yet" if usual is None else before
    if route["cause"]:
        return route["cause"] if failed_lately(route) else "recovered"
    return duration(route["ms"])


def mood(route: ShownRoute) -> str:
    """One word for how a route is drawn: good, shaky, open or idle."""
    if route["breaker"] != "closed":
        return "open"
    if route["state"] == "untried":
        return "idle"
    if route["cause"]:
        # a probe has closed the breaker since, or the failure is long ago
        return "shaky" if failed_lately(route) else "idle"
    return "good"


def leaving(egress: str, resolver: str, several: bool) -> str:
    """How routes leave this machine; `several` resolvers are told apart."""
    if egress != DIRECT:
        return f"through {egress}"
    return f"directly, resolver {resolver}" if several else "directly"


def differing(route: ShownRoute) -> str:
    """In what a route differs from the first, with what it has instead."""
    return ", ".join(
        f"{name} ({route['dimensions'][name]})" for name in route["differs_in"]
    )


def standing(route: ToldRoute) -> str:
    """The place of a route in the order in which they are tried, and why it is there:
    "1: works here (41 ms)"."""
    place = route["place"]
    return f"{'not tried now' if place is None else place}: {route['why']}"


def failed_lately(route: ShownRoute) -> bool:
    """True when an attempt of the last minute has failed."""
    return any(bad for _, bad, _ in route["beats"][-6:])


def failed(fault: ShownFault) -> str:
    """Which route failed of what: "direct tls_reset, proxy@… connection_refused"."""
    return ", ".join(
        f"{each['route']} {each['cause']}".strip() for each in fault["failed"]
    )


def clock(iso: str) -> str:
    """The time of day of an ISO time in UTC."""
    return iso[11:19]
