"""Under which names a server is asked, so that a name that was pointed here shows.

A web page can let a name of its own point at this machine (DNS rebinding): its reader's
browser then takes what it reads here for the page's own, and no rule on origins helps.
That name stands in Host, and the page can change nothing about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from streamr.errors import Envelope, Refusal
from streamr.net.networks import address_in, is_loopback

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^:\[\]/@?#]+)(:\d+)?")


def name_in(host: str) -> str:
    """The name or address of a Host field in small letters; "" when it is neither."""
    match = _HOST.fullmatch(host)
    return match["name"].lower() if match else ""


def names_loopback(host: str) -> bool:
    """True for a Host field with a loopback name or address."""
    name = name_in(host)
    return name.endswith(".localhost") or is_loopback(name)


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names that are ours.

    `known` are those beside loopback names and addresses, in small letters; no name can
    be pointed at an address. With `for_data` TMDB's answers, too, are for them only.
    """

    known: frozenset[str] = frozenset()
    for_data: bool = False

    def has(self, host: str) -> bool:
        """Whether a Host field names us."""
        name = name_in(host)
        return (
            name in self.known or names_loopback(host) or address_in(name) is not None
        )

    def check(self, host: str) -> None:
        """Raises Refusal for a Host field that names another."""
        if self.has(host):
            return
        raise Refusal(
            421,
            Envelope.INPUT,
            f"Misdirected request: {host[:100]!r} is not a name under which this is "
            "served; allowed: loopback names, addresses, and the hosts in "
            "STREAMR_ALLOWED_HOSTS, STREAMR_PUBLIC_URL and CORS_ORIGINS.",
        )


def hosts_of(
    allowed: Iterable[str], public_url: str | None, origins: Iterable[str]
) -> Hosts:
    """The names that the settings mean; an origin with a star names no host."""
    names = frozenset(allowed)
    web = [each for each in origins if each.startswith("http") and "*" not in each]
    pages = {urlsplit(url).hostname or "" for url in (public_url or "", *web)}
    return Hosts((names | pages) - {""}, for_data=bool(names))
