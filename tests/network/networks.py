"""The lab's networks: what each does to TMDB, what is given there, what the doctor has
to say. Each cause by itself; combinations are drawn from a seed (`drawn`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from tests.network import places
from tests.network.given import PROXIES
from tests.network.places import MAIN, PICTURES

# How the provider's resolver does not answer.
FAILS, SILENT, NO_NAME = "fails", "silent", "no such name"
Saying = Sequence[str] | str
EVERY_NAME = places.NAMES


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
    """One network. `given` are names of `given.GIVEN`."""

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
    # all that the doctor may say that is not a note; it has to say one of them
    doctor: tuple[str, ...] = ()


def everywhere(said: Saying) -> dict[str, Saying]:
    """The resolver's answer for each of TMDB's names."""
    return dict.fromkeys(EVERY_NAME, said)


def beside(lie: str) -> dict[str, Saying]:
    """The honest IPv4 addresses of each name, and a lie for IPv6."""
    return {
        name: [*(each for each in addresses if ":" not in each), lie]
        for name, addresses in places.TMDB.items()
    }


def _addresses(*names: str) -> tuple[str, ...]:
    return tuple(each for name in names for each in places.TMDB[name])


RESET, SILENCE = "reset-after-hello", "silence-after-hello"
# Each cause by itself, without anything given.
CAUSES = (
    Network(
        "main-filtered-reset",
        "resets connections to the main name",
        path=(Rule(RESET, [MAIN]),),
        doctor=("name_filtered",),
    ),
    Network(
        "main-filtered-silent",
        "swallows connections to the main name after the ClientHello",
        path=(Rule(SILENCE, [MAIN]),),
        doctor=("name_filtered",),
    ),
    Network(
        "half-reset-main",
        "resets every other handshake with the main name",
        path=(Rule(f"{RESET}:p=0.5", [MAIN]),),
        doctor=("random_resets", "name_filtered"),
    ),
    Network(
        "half-reset-all",
        "resets every other handshake with all names",
        path=(Rule(f"{RESET}:p=0.5"),),
        doctor=("random_resets",),
    ),
    Network(
        "big-hello-reset",
        "resets a ClientHello that needs a second packet",
        path=(Rule(f"{RESET}:when=big"),),
        doctor=("split_hello",),
    ),
    Network(
        "big-hello-dropped",
        "swallows a ClientHello that needs a second packet",
        path=(Rule(f"{SILENCE}:when=big"),),
        doctor=("split_hello",),
    ),
    Network(
        "tls13-reset",
        "resets a ClientHello that offers TLS 1.3",
        path=(Rule(f"{RESET}:when=tls13"),),
        doctor=("tls13_intolerant",),
    ),
    Network(
        "tls13-alert",
        "answers a ClientHello that offers TLS 1.3 with an alert",
        path=(Rule("alert-protocol-version:when=tls13"),),
        doctor=("tls13_intolerant",),
    ),
    Network(
        "main-intercepted",
        "shows a certificate of its own for the main name",
        path=(Rule("cert-untrusted", [MAIN]),),
        doctor=("interception",),
    ),
    Network(
        "ipv6-black-hole",
        "swallows all packets to TMDB's IPv6 addresses",
        drop=(places.TMDB_V6,),
        doctor=("ipv6_blackhole",),
    ),
    Network(
        "ipv6-filtered",
        "resets connections to all names over IPv6 only",
        path=(Rule(RESET, family=6),),
        doctor=("ipv6_filtered", "address_filtered"),
    ),
    Network(
        "ipv6-lie",
        "its resolver gives a block page's IPv6 address beside honest IPv4 ones",
        lies=beside(places.FOREIGN_V6),
        doctor=("dns_poisoned",),
    ),
    Network(
        "first-address-dead",
        "swallows all packets to the first address of each family",
        drop=tuple(
            each
            for addresses in places.TMDB.values()
            for each in addresses
            if each.endswith("11")
        ),
        # one of several addresses: a note, nothing to heal
        doctor=("", "address_dead"),
    ),
    Network(
        "main-addresses-dead",
        "swallows all packets to the main name's addresses",
        drop=_addresses(MAIN),
        doctor=("tcp_silent",),
    ),
    Network(
        "dns-lies-main",
        "its resolver gives a block page's address for the main name",
        lies={MAIN: [places.FOREIGN]},
        doctor=("dns_poisoned",),
    ),
    Network(
        "idle-dropped",
        "lets go of connections that were idle for half a second",
        idle=0.5,
        # no fault while the doctor looks
        doctor=("",),
    ),
)
# Those that no local route heals, or none without another resolver.
WALLS = (
    Network(
        "all-filtered-reset",
        "resets connections to all names",
        path=(Rule(RESET),),
        doctor=("tls_dead",),
    ),
    Network(
        "all-filtered-silent",
        "swallows connections to all names after the ClientHello",
        path=(Rule(SILENCE),),
        doctor=("tls_dead",),
    ),
    Network(
        "all-intercepted",
        "shows a certificate of its own for all names",
        path=(Rule("cert-untrusted"),),
        doctor=("interception",),
    ),
    Network(
        "portal",
        "answers every ClientHello with a page",
        path=(Rule("plain-http"),),
        doctor=("portal",),
    ),
    Network(
        "all-addresses-dead",
        "swallows all packets to TMDB's addresses",
        drop=(places.TMDB_V4, places.TMDB_V6),
        doctor=("tcp_silent",),
    ),
)
# Where pictures alone are blocked: their host has no other name. A note for the doctor.
PICTURE_WALLS = (
    Network(
        "pictures-filtered-reset",
        "resets connections to the picture host",
        path=(Rule(RESET, [PICTURES]),),
        doctor=("",),
    ),
    Network(
        "pictures-filtered-silent",
        "swallows connections to the picture host after the ClientHello",
        path=(Rule(SILENCE, [PICTURES]),),
        doctor=("",),
    ),
    Network(
        "pictures-intercepted",
        "shows a certificate of its own for the picture host",
        path=(Rule("cert-untrusted", [PICTURES]),),
        doctor=("",),
    ),
    Network(
        "dns-lies-pictures",
        "its resolver gives a block page's address for the picture host",
        lies={PICTURES: [places.FOREIGN]},
        doctor=("",),
    ),
)
DNS = (
    Network(
        "dns-lies-loopback",
        "its resolver gives 127.0.0.1 for all names",
        lies=everywhere([places.LOOPBACK]),
        doctor=("dns_poisoned",),
    ),
    Network(
        "dns-lies-private",
        "its resolver gives a private address for all names",
        lies=everywhere([places.PRIVATE]),
        doctor=("dns_poisoned",),
    ),
    Network(
        "dns-lies-foreign",
        "its resolver gives a block page's address for all names",
        lies=everywhere([places.FOREIGN]),
        doctor=("dns_poisoned",),
    ),
    Network(
        "dns-fails",
        "its resolver answers SERVFAIL for all names",
        lies=everywhere(FAILS),
        doctor=("dns_fails",),
    ),
    Network(
        "dns-no-name",
        "its resolver says that there are no such names",
        lies=everywhere(NO_NAME),
        doctor=("dns_fails",),
    ),
    Network(
        "dns-silent",
        "its resolver does not answer",
        lies=everywhere(SILENT),
        doctor=("dns_silent",),
    ),
)
HIJACKED = Network(
    "dns-hijacked",
    "answers for all resolvers at port 53, with a block page's address",
    lies=everywhere([places.FOREIGN]),
    hijack=True,
    doctor=("dns_poisoned",),
)


def given(network: Network, *names: str) -> Network:
    """The same network where these are given."""
    return replace(network, name=f"{network.name}+{'+'.join(names)}", given=names)


RATES = (20, 32, 64, 128, 256, 512)
SLOW = tuple(
    Network(
        f"slow-{rate}",
        f"carries {rate} kbit/s in each direction",
        kbit=rate,
        # nothing is wrong with it but its rate
        doctor=("", "throttled", "line_slow"),
    )
    for rate in RATES
)
# What TMDB or nobody can mend: nothing may be tried elsewhere, or there is nothing.
REFUSED = Network(
    "country-refused",
    "lets everything through; TMDB refuses this country",
    tmdb="status:code=403,body=html",
    given=PROXIES,
    doctor=("country_refused",),
)
NOTHING_GIVEN = replace(WALLS[0], name="all-filtered+nothing")
NETWORKS = (
    Network("healthy", "nothing", doctor=("",)),
    *CAUSES,
    *(given(each, one) for each in (*WALLS, *PICTURE_WALLS) for one in PROXIES),
    given(PICTURE_WALLS[3], "doh"),
    *(given(each, "doh") for each in DNS),
    given(DNS[2], "udp"),
    given(DNS[2], "tcp"),
    given(DNS[2], "dot"),
    given(DNS[2], "socks"),
    given(HIJACKED, "udp", "doh"),
    *SLOW,
    REFUSED,
    NOTHING_GIVEN,
)
BY_NAME = {each.name: each for each in NETWORKS}


def drawn(count: int, seed: int = 1) -> list[Network]:
    """Combinations of two or three causes, each with what may be given there. A wall
    always has a proxy; whether the rest is healable says `oracle.best`."""
    random = Random(seed)
    found: dict[str, Network] = {}
    while len(found) < count:
        parts = random.sample((*CAUSES, *WALLS, *DNS, HIJACKED), random.choice((2, 3)))
        if clash(parts):
            continue
        made = joined(parts)
        names = random.sample((*PROXIES, "doh", "dot"), random.choice((1, 2)))
        if any(each in WALLS for each in parts) and not set(names) & set(PROXIES):
            names.append(random.choice(PROXIES))
        made = given(made, *names)
        found.setdefault(made.name, made)
    return list(found.values())


def clash(parts: Sequence[Network]) -> bool:
    """Would one of them hide another completely?"""
    lying = [each for each in parts if each.lies]
    walls = [each for each in parts if each in WALLS]
    return len(lying) > 1 or len(walls) > 1


def joined(parts: Sequence[Network]) -> Network:
    """One network that does all of it."""
    return Network(
        "+".join(each.name for each in parts),
        "; ".join(each.does for each in parts),
        path=tuple(rule for each in parts for rule in each.path),
        lies={name: said for each in parts for name, said in each.lies.items()},
        hijack=any(each.hijack for each in parts),
        drop=tuple(address for each in parts for address in each.drop),
        idle=next((each.idle for each in parts if each.idle), None),
        doctor=tuple(code for each in parts for code in each.doctor),
    )
