"""The lab's networks: what each does to TMDB, what is given there, what heals it.

Each cause by itself; combinations are drawn from a seed (`drawn`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.network import places
from tests.network.places import MAIN, OTHER, PICTURES

FAILS, SILENT, NO_NAME = "fails", "silent", "no such name"
Saying = Sequence[str] | str


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of connections whose hello has one of these names, in this family,
    to one of these addresses; nothing named means any. `fault` is the simulator's."""

    fault: str
    names: Sequence[str] = ()
    addresses: Sequence[str] = ()
    family: int | None = None

    def fits(self, name: str | None, address: str) -> bool:
        """Does it concern this connection?"""
        version = ipaddress.ip_address(address).version
        return (
            (not self.names or name in self.names)
            and (not self.addresses or address in self.addresses)
            and self.family in (None, version)
        )


@dataclass(frozen=True, slots=True)
class Network:
    """One network. `given` and `curl` are names of `lab.GIVEN` and `lab.WAYS`."""

    name: str
    does: str
    path: tuple[Rule, ...] = ()
    # what the provider's resolver says of a name instead of the truth
    lies: Mapping[str, Saying] = field(default_factory=dict)
    # questions to any other resolver's port 53 end at the provider's as well
    hijack: bool = False
    # packets to these addresses or networks vanish
    drop: tuple[str, ...] = ()
    # seconds after which a connection that is not used is dead
    idle: float | None = None
    # of the line, in both directions
    kbit: int | None = None
    # what TMDB itself does
    tmdb: str = "none"
    given: tuple[str, ...] = ()
    # by which route plain curl gets through; None: by none, and nor can streamr
    curl: str | None = "direct"
    # the doctor is right when its first verdict is one of these
    doctor: tuple[str, ...] = ()


def v4(name: str) -> list[str]:
    """A name's IPv4 addresses."""
    return [each for each in places.TMDB[name] if ":" not in each]


def everywhere(said: Saying) -> dict[str, Saying]:
    """The same of all of TMDB's names."""
    return dict.fromkeys(places.NAMES, said)


BOTH = (MAIN, OTHER, PICTURES)
MAIN_ADDRESSES = places.TMDB[MAIN]
EVERY_ADDRESS = tuple(each for every in places.TMDB.values() for each in every)

NETWORKS = (
    Network("healthy", "nothing"),
    Network(
        "main-filtered-reset",
        "resets connections to the main name",
        path=(Rule("reset-after-hello", [MAIN]),),
        curl="other",
        doctor=("name_filtered",),
    ),
    Network(
        "both-filtered-connect",
        "resets connections to all of TMDB's names",
        path=(Rule("reset-after-hello", BOTH),),
        given=("connect",),
        curl="connect",
        doctor=("tls_dead",),
    ),
    Network(
        "both-filtered-socks",
        "resets connections to all of TMDB's names",
        path=(Rule("reset-after-hello", BOTH),),
        given=("socks",),
        curl="socks",
        doctor=("tls_dead",),
    ),
    Network(
        "both-filtered-friend",
        "resets connections to all of TMDB's names",
        path=(Rule("reset-after-hello", BOTH),),
        given=("friend",),
        curl="friend",
        doctor=("tls_dead",),
    ),
    Network(
        "dns-lies-all-foreign",
        "its resolver gives a block page's address for all of TMDB's names",
        lies=everywhere([places.FOREIGN]),
        given=("doh",),
        curl="doh",
        doctor=("dns_poisoned",),
    ),
    Network(
        "ipv6-filtered",
        "resets connections to all of TMDB's names over IPv6 only",
        path=(Rule("reset-after-hello", BOTH, family=6),),
        curl="v4",
        doctor=("name_filtered", "address_filtered", "ipv6_filtered"),
    ),
)
BY_NAME = {each.name: each for each in NETWORKS}
