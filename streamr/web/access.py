"""A visit to a page of our own: health, status, metrics; and who may do more there."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from streamr.boundaries import Call
from streamr.errors import Envelope, Refusal
from streamr.interfaces import PictureReader
from streamr.net.networks import PRIVATE_RANGES, address_in, is_peer_here
from streamr.tmdb.parameters import Pair
from streamr.web.callers import TrustedProxies
from streamr.web.hosts import names_loopback

# What a reverse proxy on this machine adds: behind one, loopback proves nothing.
FORWARDED = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
)
# Where a browser says that a request began (Fetch Metadata): here, or typed in.
OWN_SITE = ("same-origin", "none")
# The path below which a reverse proxy offers main: /tmdb, or /media/tmdb.
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}){1,8}")
# RFC 6750, 2.1; a scheme's name has no case (RFC 9110, 11.1).
_BEARER = re.compile(r"(?i:bearer) +([!-~]+)")

# Ends what was started; writing bytes and finishing are handed to the one who starts.
Stop = Callable[[], None]
# False when the caller does not keep up, and these bytes were left out.
Write = Callable[[bytes], bool]
Start = Callable[[Write, Callable[[], None]], Stop]


@dataclass(frozen=True, slots=True)
class Feed:
    """An answer without an end: server-sent events.

    `start(write, finish)` begins it and returns what stops it when the caller leaves.
    What a caller does not read is not heaped up: `write` leaves it out, and says so.
    """

    headers: tuple[tuple[str, str], ...]
    start: Start


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that is written as its caller takes it, and as it comes: a picture.

    `length` is how many bytes of it are wanted, None for all that come. Who does not
    write it closes its reader.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    reader: PictureReader
    length: int | None


@dataclass(frozen=True, slots=True)
class Reset:
    """No answer at all: the caller's connection is reset (in the demo alone)."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page of ours.

    `header` gives a request header's value by its lower-case name, "" when there is
    none; `trusted` says that it came from this machine, or with the admin token, and
    `nearby` that it may have come from this machine into a container.
    `path` is what was asked for, which a page below a prefix has to know; `prefix` is
    the path below which a reverse proxy offers all pages, "" when there is none.
    """

    pairs: list[Pair]
    call: Call
    header: Callable[[str], str] = lambda _name: ""
    trusted: bool = False
    path: str = ""
    prefix: str = ""
    nearby: bool = False


class Who(Enum):
    """Who may see a page, or do what it does."""

    EVERYBODY = "whoever reaches the server"
    CALLERS = "who may call the server: on a proxy with a token, its holders"
    OPERATORS = "this machine, or who has the admin token; no other site's page"
    PLAYERS = "operators, and in the demo who is nearby; pages of loopback origins too"


def trusted(header: Callable[[str], str], peer: str, token: str | None) -> bool:
    """True for who may see and do more: callers on this machine, or with the token."""
    return holds(header, token) or is_here(header, peer)


def is_here(header: Callable[[str], str], peer: str) -> bool:
    """True for a caller on this machine.

    Loopback counts only for requests that nobody has forwarded, and that name this
    machine: a web page that lets its own name point here (DNS rebinding) does not. No
    header makes anybody one.
    """
    return is_peer_here(peer) and _asks_this_machine(header)


def holds(header: Callable[[str], str], token: str | None) -> bool:
    """Whether a request carries a token, named as a bearer token; None is no token."""
    given = _BEARER.fullmatch(header("authorization"))
    if token is None or given is None:
        return False
    return hmac.compare_digest(given[1].encode(), token.encode())


def brings_token(header: Callable[[str], str]) -> bool:
    """Whether a request carries any token: no other kind of Authorization is ours."""
    return _BEARER.fullmatch(header("authorization")) is not None


def nearby(header: Callable[[str], str], peer: str) -> bool:
    """True for who may be at this machine, seen from inside a container.

    A port that is published on loopback only (`-p 127.0.0.1:3001:3001`) looks like
    this. So does a neighbour who says what he likes in Host: enough for a simulated
    TMDB, and for nothing else.
    """
    found = address_in(peer)
    return (
        found is not None
        # its networks' gateways, or a link-local address
        and any(found in network for network in PRIVATE_RANGES)
        and _asks_this_machine(header)
    )


def _asks_this_machine(header: Callable[[str], str]) -> bool:
    """Asked for a loopback name, and handed on by nobody."""
    forwarded = any(header(name) for name in FORWARDED)
    return not forwarded and names_loopback(header("host"))


def prefix(header: Callable[[str], str], peer: str, proxies: TrustedProxies) -> str:
    """The path below which a reverse proxy offers main's pages: one on this machine, or
    one that is trusted.

    From elsewhere anybody could say so, and what is odd is as good as nothing.
    """
    given = header("x-forwarded-prefix").removesuffix("/")
    if not _PREFIX.fullmatch(given):
        return ""
    return given if is_peer_here(peer) or proxies.has(peer) else ""


def check(who: Who, visit: Visit, changes: bool) -> None:
    """Let only those through who may. Raises Refusal.

    `changes` says that the page changes something.
    """
    if who is Who.PLAYERS:
        _check_player(visit)
    if who is not Who.OPERATORS:
        return
    if not visit.trusted:
        what = (
            "this is allowed only from" if changes else f"{visit.path} is restricted to"
        )
        raise Refusal(
            403,
            Envelope.DENIED,
            f"Permission denied: {what} this machine; from elsewhere, send "
            "STREAMR_ADMIN_TOKEN as a bearer token.",
        )
    _check_site(visit)


def _check_player(visit: Visit) -> None:
    """Raises Refusal for who may not break the demo, and mend it."""
    if not (visit.trusted or visit.nearby):
        raise Refusal(
            403,
            Envelope.DENIED,
            "Permission denied: this is allowed only from this machine, with a "
            "loopback name such as localhost in the URL; from elsewhere, send "
            "STREAMR_ADMIN_TOKEN as a bearer token.",
        )
    if not may_play(visit):
        raise _foreign()


def may_play(visit: Visit) -> bool:
    """Whether the demo's buttons work for a visitor."""
    if not (visit.trusted or visit.nearby):
        return False
    if from_own_site(visit):
        return True
    origin, referer = visit.header("origin"), visit.header("referer")
    return is_loopback_origin(origin) and (
        not referer or names_loopback(_place(referer))
    )


def is_loopback_origin(origin: str) -> bool:
    """True for the origin of a page that this machine serves, on any port."""
    scheme, _, place = origin.partition("://")
    return scheme in ("http", "https") and names_loopback(place)


def _check_site(visit: Visit) -> None:
    """A page of another site may not use that its reader sits at this machine.

    Raises Refusal.
    """
    if not from_own_site(visit):
        raise _foreign()


def from_own_site(visit: Visit) -> bool:
    """False when another site's page has made the request: a browser says where it
    began in Sec-Fetch-Site, an older one in Origin or Referer; a command line sends
    none of them, and what is sent has to agree."""
    site, host = visit.header("sec-fetch-site"), visit.header("host")
    if site and site not in OWN_SITE:
        return False
    pages = filter(None, map(visit.header, ("origin", "referer")))
    return all(_place(page) == host != "" for page in pages)


def _place(url: str) -> str:
    """Host and port of a page's URL or origin; "" when it has none, as null."""
    return url.partition("://")[2].partition("/")[0]


def _foreign() -> Refusal:
    return Refusal(
        403,
        Envelope.DENIED,
        "Permission denied: the request comes from a page of another site.",
    )
