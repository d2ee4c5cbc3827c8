"""Which verified route exists in a network among what is given there, and how plain
curl takes it. Worked out from what the network does, not from what streamr finds."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.network import places
from tests.network.given import CURL, FRIEND, GIVEN, PROXIES, pinned
from tests.network.networks import Network, Rule
from tests.network.places import MAIN, OTHER, PICTURES

# The names that the API has, and those that pictures have.
API_HOSTS, PICTURE_HOSTS = (MAIN, OTHER), (PICTURES,)
# What a ClientHello shows of each TLS profile: needs two packets, offers TLS 1.3.
PROFILES = {"modern": (True, True), "classic": (False, True), "tls12": (False, False)}


@dataclass(frozen=True, slots=True)
class Route:
    """A local route that works here, or an outbound or friend's proxy."""

    host: str = MAIN
    resolver: str = "system"
    family: int | None = None
    profile: str = "modern"
    # where only one of its addresses answers
    address: str | None = None
    proxy: str | None = None

    @property
    def curl(self) -> tuple[str, list[str]]:
        """The base URL that curl asks, and its options. Its ClientHello is small."""
        base = FRIEND if self.proxy == "friend" else f"https://{self.host}"
        if self.proxy is not None:
            return base, CURL[self.proxy]
        options = [*CURL[self.resolver], *([f"-{self.family}"] if self.family else [])]
        if self.address is not None:
            options = pinned(self.host, [self.address])
        if self.profile == "tls12":
            options += ["--tls-max", "1.2"]
        return base, options


def best(network: Network, hosts: Sequence[str] = API_HOSTS) -> Route | None:
    """The first route to one of these that works there: a local one if there is one."""
    return next(working(network, hosts), None)


def working(network: Network, hosts: Sequence[str]) -> Iterator[Route]:
    """All that work, as near to the usual one as can be first."""
    resolvers = ["system", *(e for e in network.given if "RESOLV" in GIVEN[e][0])]
    for profile in PROFILES:
        for host in hosts:
            for resolver in resolvers:
                yield from by_family(network, host, resolver, profile)
    yield from (
        Route(hosts[0], proxy=each) for each in network.given if each in PROXIES
    )


def by_family(
    network: Network, host: str, resolver: str, profile: str
) -> Iterator[Route]:
    """All addresses, or those of a family, or the first one that answers."""
    found = answered(network, host, resolver)
    good = [each for each in found if answers(network, host, each, profile)]
    if good and good == found:
        yield Route(host, resolver, None, profile)
        return
    for family in (4, 6):
        chosen = [each for each in found if version(each) == family]
        if chosen and all(each in good for each in chosen):
            yield Route(host, resolver, family, profile)
    for one in good[:1]:
        yield Route(host, resolver, version(one), profile, one)


def answers(network: Network, host: str, address: str, profile: str) -> bool:
    """Does TMDB answer there, verified?"""
    return (
        address in places.TMDB[host]
        and not dropped(network, address)
        and not any(strikes(rule, host, address, profile) for rule in network.path)
    )


def answered(network: Network, host: str, resolver: str) -> list[str]:
    """The addresses that a resolver gives there; none where it fails."""
    asks_port_53 = resolver in ("udp", "tcp") and network.hijack
    if resolver != "system" and not asks_port_53:
        return list(places.TMDB[host])
    said = network.lies.get(host, places.TMDB[host])
    return [] if isinstance(said, str) else list(said)


def strikes(rule: Rule, host: str, address: str, profile: str) -> bool:
    """Does the rule end this connection always? Half of the time is not always."""
    big, tls13 = PROFILES[profile]
    when = {"when=big": big, "when=tls13": tls13}
    concerned = all(is_so for word, is_so in when.items() if word in rule.fault)
    return "p=" not in rule.fault and concerned and rule.fits(host, address)


def dropped(network: Network, address: str) -> bool:
    """Do packets to this address vanish?"""
    one = ipaddress.ip_address(address)
    nets = [ipaddress.ip_network(each) for each in network.drop]
    return any(one in each for each in nets if each.version == one.version)


def version(address: str) -> int:
    """4 or 6."""
    return ipaddress.ip_address(address).version
