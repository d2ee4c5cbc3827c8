"""Which routes there are beside direct: proxies, and this machine's own to TMDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from urllib.parse import urlsplit

from streamr.boundaries import DIRECT, Dimensions
from streamr.config.addresses import place
from streamr.net.networks import is_loopback

# Each may get a pool, a breaker and labels in the metrics. What differs from the direct
# route in the fewest respects comes first; the rest are combinations of many changes.
MOST_CANDIDATES = 64
# What a change in a dimension costs, from the first value on: how soon it is tried when
# nothing speaks for another. Names and hellos cost nobody anything; an outbound proxy
# or a third party's resolver does.
_PROFILES = {"plain": 0, "modern": 0, "classic": 1, "tls12": 4}
_FAMILIES = {"auto": 0, "ipv4": 6, "ipv6": 8}
_HOST, _GIVEN = 2, 4
# Over an outbound proxy, resolver and address family are its own.
REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Space:
    """Every local route to TMDB, in the order of preference.

    `direct` is how main asks TMDB itself. `candidates` are tried one after the other;
    `further` ones only where they may heal what was seen, or have worked. `urls` has
    the base URL of each host; `resolver` and `family` are what is usual for connections
    from here.
    """

    direct: Dimensions
    candidates: tuple[Dimensions, ...]
    further: tuple[Dimensions, ...]
    urls: Mapping[str, str]
    resolver: str
    family: str

    @property
    def usual(self) -> tuple[Dimensions, ...]:
        """Those to begin with, and the first over each resolver and each egress that
        was given: what a page shows before anything was tried."""
        begin = [each for each in self.candidates if _way(each) == _way(self.direct)]
        return tuple(dict.fromkeys([*begin, *_firsts(self.candidates)]))

    def named(self, route: Dimensions) -> str:
        """A route's name, which tells in what it differs from the usual."""
        more = ""
        if route.egress not in (self.direct.egress, DIRECT.name):
            more += f"+via:{route.egress}"
        elif route.egress != self.direct.egress:
            more += "+direct"
        if route.resolver not in (self.resolver, REMOTE):
            more += f"+dns:{route.resolver}"
        if route.family not in (self.family, REMOTE):
            more += f"+{route.family}"
        return f"{route.profile}@{route.host}{more}"


def space(
    base_url: str,
    alternates: Sequence[str],
    family: str,
    resolvers: Sequence[str],
    egresses: Sequence[str],
) -> Space:
    """The local routes for these base URLs, this address family (or `auto`), and these
    resolvers and egresses, by their names; the first of each is what direct uses.

    The direct route is no candidate, unless it is the only one.
    """
    distinct: dict[str, str] = {}
    for url in (base_url, *alternates):
        # one host with several paths is one place to fail
        distinct.setdefault(place(url), url)
    urls = {urlsplit(url).netloc: url for url in distinct.values()}
    here = urlsplit(base_url).netloc
    profile = _spoken(base_url, "modern")
    direct = _dimensions(here, profile, family, egresses[0], resolvers[0])
    first = [
        _dimensions(urlsplit(url).netloc, spoken, family, egresses[0], resolvers[0])
        for url, spoken in alternatives(base_url, list(urls.values())[1:])
    ]
    families = [family] if family != "auto" else list(_FAMILIES)
    every = (
        _dimensions(host, _spoken(url, each), version, egress, resolver)
        for (host, url), each, version, egress, resolver in product(
            urls.items(), ("modern", "classic", "tls12"), families, egresses, resolvers
        )
    )
    order = _Order(tuple(urls), tuple(resolvers), tuple(egresses))
    others = sorted(dict.fromkeys(every), key=order.cost)
    rest = [each for each in others if each not in first and each != direct]
    given = [each for each in rest if _way(each) != _way(direct)]
    extra = [each for each in rest if _way(each) == _way(direct)]
    plain = [each for each in given if each.family in (family, REMOTE)]
    extra += [each for each in given if each not in plain]
    first = [each for each in first if each != direct or not plain]
    # each resolver and each egress that was given has a place
    room = MOST_CANDIDATES - len(first)
    kept = list(dict.fromkeys([*_firsts(plain), *plain]))[:room]
    candidates = (*first, *(each for each in plain if each in kept))
    further = tuple(extra)[: MOST_CANDIDATES - len(candidates)]
    return Space(direct, candidates, further, urls, resolvers[0], family)


@dataclass(frozen=True, slots=True)
class _Order:
    """The order of preference of routes, from what was given."""

    hosts: Sequence[str]
    resolvers: Sequence[str]
    egresses: Sequence[str]

    def cost(self, route: Dimensions) -> int:
        return (
            _HOST * self.hosts.index(route.host)
            + _PROFILES[route.profile]
            + _FAMILIES.get(route.family, 0)
            + _given(self.egresses, route.egress)
            + _given(self.resolvers, route.resolver)
        )


def _given(names: Sequence[str], name: str) -> int:
    place = names.index(name) if name in names else 0
    return _GIVEN + place if place else 0


def _firsts(candidates: Sequence[Dimensions]) -> list[Dimensions]:
    """The first over each resolver and each egress."""
    ways = {_way(each): each for each in reversed(candidates)}
    return [each for each in candidates if ways[_way(each)] == each]


def _way(route: Dimensions) -> tuple[str, str]:
    return route.egress, route.resolver


def _dimensions(
    host: str, profile: str, family: str, egress: str, resolver: str
) -> Dimensions:
    """A route. What is on this machine is never asked for through an outbound proxy:
    that would ask the proxy's machine, and tell it the key."""
    if is_loopback(urlsplit(f"//{host}").hostname or ""):
        egress = DIRECT.name
    if egress != DIRECT.name:
        family = resolver = REMOTE
    return Dimensions(host, profile, family, egress, resolver)


def alternatives(
    base_url: str, alternates: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """The proxy's routes over the usual resolver and egress as (base URL, TLS profile),
    best first.

    Each differs from the direct attempt (the base URL with `modern`): by profile, by
    host, by both. `tls12` stands last, because it heals the rarest fault and is the
    oldest protocol. Over plain http (a test on loopback) there are no profiles.
    """
    wanted = [(base_url, "classic")]
    for url in alternates:
        wanted += [(url, "modern"), (url, "classic")]
    wanted += [(url, "tls12") for url in (base_url, *alternates)]
    distinct: dict[tuple[str, str], tuple[str, str]] = {}
    for url, profile in [(base_url, "modern"), *wanted]:
        distinct.setdefault((_same(url), _spoken(url, profile)), (url, profile))
    direct, *others = (
        (url, _spoken(url, profile)) for url, profile in distinct.values()
    )
    return tuple(others) or (direct,)


def peers(
    named: Sequence[str], own: str, *, runs_here: bool
) -> tuple[tuple[str, bool], ...]:
    """The proxies that main falls back to as (URL, this machine's own?), in order.

    Those that are `named` come first. This machine's own stays behind them, so that a
    named one that is dead costs nobody the routes that work from here; where it does
    not run in this process it is taken for one only when none is named. One that is
    named with a pin keeps it, unless it runs here, where its key is known.
    """
    listed = [(url, _same_place(url, own)) for url in named]
    if not named or (runs_here and not any(near for _, near in listed)):
        listed.append((own, True))
    return tuple(
        (own if near and (runs_here or "#" not in url) else url, near)
        for url, near in listed
    )


def _same_place(url: str, own: str) -> bool:
    """Whether two URLs are one port of this machine, by whatever name."""
    first, other = urlsplit(url), urlsplit(own)
    return first.port == other.port and all(
        is_loopback(each.hostname or "") for each in (first, other)
    )


def _spoken(url: str, profile: str) -> str:
    return profile if url.startswith("https:") else "plain"


def _same(url: str) -> str:
    """A form in which equal URLs are equal texts."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path}"
