"""Draws networks from a seed and puts them up, in a process of its own.

    python -m tests.doctor.drawer SEED DIRECTORY

Reads lines: `next` puts the next network up and prints what a machine in it would have
(settings, resolver, clock); `truth` takes it down and prints what was wrong with it.
The doctor is never in this process, and is told nothing before it has spoken.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from streamr.simulator.network import Network
from tests.doctor.roads import NO_ROAD

KEY = "c0ffee00c0ffee11c0ffee22c0ffee33"
DIRECT, OTHER = "api.themoviedb.org", "api.tmdb.org"
BOTH = (DIRECT, OTHER)
# Ordinary addresses (RFC 5737, RFC 3849), which the test's own roads lead to loopback.
ORDINARY = {
    "203.0.113.1": "127.0.0.1",
    "203.0.113.7": "127.0.0.7",
    "2001:db8::7": "::1",
    "203.0.113.99": NO_ROAD,
}
YEAR = 365 * 86400.0
HELLO_FAULTS = ("reset-after-hello", "fin-after-hello", "alert-handshake-failure")
BODY_FAULTS = ("corrupt-gzip", "cut-gzip", "short-body", "cut-chunks", "empty")

reactor: Any = _reactor


@dataclass(frozen=True)
class Scenario:
    """A network and what is true of it.

    `codes` are the verdicts that have to be named, `may` those that may be added. The
    machine in it has a route to the internet for the families in `internet`, and a
    clock that is `ahead` (seconds).
    """

    name: str
    spec: Mapping[str, Any]
    codes: Sequence[str] = ()
    sound: bool = False
    may: Sequence[str] = ()
    more: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()
    internet: Sequence[str] = ("IPv4", "IPv6")
    ahead: float = 0.0


def on(hosts: Sequence[str], fault: str, **more: Any) -> dict[str, Any]:
    """A spec with a fault on some names."""
    return {"hosts": {host: {"fault": fault, **more} for host in hosts}}


def at_home(dice: Random, **hosts: Any) -> dict[str, Any]:
    """A spec with a resolver that gives ordinary addresses; `hosts` change it."""
    good = {"answers": ["203.0.113.1"]}
    named = {"direct": DIRECT, "other": OTHER}
    return {
        "dns": True,
        "hosts": {name: {**good, **hosts.get(key, {})} for key, name in named.items()},
    }


def sound(dice: Random) -> list[Scenario]:
    """Networks with which nothing is wrong, or not on the direct route."""
    slow = f"slow:delay={dice.choice([0.05, 0.1, 0.2])}"
    broken = dice.choice(HELLO_FAULTS)
    both_families = {"answers": ["127.0.0.1", "::1"], "boxes": {"::1": "none"}}
    return [
        Scenario("sound, pinned", {}, sound=True),
        Scenario("sound, ordinary addresses", at_home(dice), sound=True),
        Scenario("sound, loopback in DNS and verified", {"dns": True}, sound=True),
        Scenario(
            "sound, both families", {"hosts": {DIRECT: both_families}}, sound=True
        ),
        Scenario("sound, slow", on(BOTH, slow), sound=True),
        Scenario("sound, a proxy elsewhere", {"proxies": ["works"]}, sound=True),
        Scenario(
            "sound, the other name is filtered",
            on([OTHER], broken),
            ["name_filtered"],
            sound=True,
        ),
    ]


def proxies(dice: Random) -> list[Scenario]:
    """The direct route works, and a proxy elsewhere does not."""
    kinds = {
        "token": ["proxy_token"],
        "closed": ["proxy_unreachable"],
        "fails": ["proxy_fails"],
        "key": ["proxy_key"],
        "loop": ["proxy_loop"],
        "stranger": ["proxy_stranger"],
        "broken": ["proxy_broken"],
        "old": ["proxy_broken", "proxy_version"],
    }
    return [
        Scenario(f"sound, a proxy: {kind}", {"proxies": [kind]}, codes, sound=True)
        for kind, codes in kinds.items()
    ]


def alone(dice: Random) -> list[Scenario]:
    """This machine keeps itself from TMDB."""
    nowhere = {"answers": ["203.0.113.99"]}
    lost = {"dns": True, "hosts": {h: {"answers": "fails"} for h in BOTH}}
    unroutable = at_home(dice, direct=nowhere, other=nowhere)
    return [
        Scenario("no network", unroutable, ["offline"], internet=()),
        Scenario(
            "no network, and a proxy elsewhere",
            {**unroutable, "proxies": ["works"]},
            ["offline"],
            internet=(),
        ),
        Scenario("no route to these addresses", unroutable, ["tcp_unroutable"]),
        # a resolver on this machine needs no network
        Scenario("no network, no names", lost, ["dns_fails"], internet=()),
        Scenario(
            "a clock that is years ahead",
            on(BOTH, "cert-expired"),
            ["clock_excludes"],
            ahead=dice.choice([3, 9]) * YEAR,
        ),
        Scenario(
            "a clock that is years behind",
            on(BOTH, "cert-expired"),
            ["clock_excludes"],
            ahead=-dice.choice([3, 9]) * YEAR,
        ),
        Scenario(
            "wrong key, and a filtered name",
            on([DIRECT], "reset-after-hello"),
            ["key_wrong", "name_filtered"],
            more={"TMDB_API_KEY": "0" * 32},
        ),
    ]


def filtered(dice: Random) -> list[Scenario]:
    """Names and hellos that do not get through."""
    rate = dice.choice([0.5, 0.6, 0.7])
    big = dice.choice(["reset-after-hello", "fin-after-hello"])
    old = dice.choice(["reset-after-hello", "alert-protocol-version"])
    return [
        Scenario("name", on([DIRECT], dice.choice(HELLO_FAULTS)), ["name_filtered"]),
        Scenario(
            "name, by silence", on([DIRECT], "silence-after-hello"), ["name_filtered"]
        ),
        Scenario(
            "name, half of the tries",
            on([DIRECT], f"reset-after-hello:p={rate}"),
            ["name_filtered"],
        ),
        Scenario(
            "name, at ordinary addresses",
            at_home(dice, direct={"fault": "reset-after-hello"}),
            ["name_filtered"],
        ),
        Scenario("split hello", on(BOTH, f"{big}:when=big"), ["split_hello"]),
        Scenario(
            "split hello, now and then",
            on(BOTH, f"{big}:when=big,p=0.4"),
            ["split_hello"],
        ),
        Scenario(
            "split hello, by silence",
            on(BOTH, "silence-after-hello:when=big"),
            ["split_hello"],
        ),
        Scenario("no TLS 1.3", on(BOTH, f"{old}:when=tls13"), ["tls13_intolerant"]),
        Scenario(
            "random",
            on(BOTH, f"{dice.choice(HELLO_FAULTS[:2])}:p={dice.choice([0.3, 0.5])}"),
            ["random_resets"],
        ),
        Scenario(
            "random, as seldom as in the field",
            on(BOTH, "reset-after-hello:p=0.17"),
            ["random_resets"],
        ),
        Scenario(
            "nothing gets through", on(BOTH, dice.choice(HELLO_FAULTS)), ["tls_dead"]
        ),
        Scenario(
            "nothing gets through, but elsewhere",
            {**on(BOTH, "reset-after-hello"), "proxies": ["works"]},
            ["tls_dead"],
        ),
    ]


def intercepted(dice: Random) -> list[Scenario]:
    """Somebody else answers."""
    certificate = dice.choice(["cert-untrusted", "cert-self-signed"])
    page = dice.choice(["plain-http", "garbage"])
    return [
        Scenario("foreign authority", on(BOTH, certificate), ["interception"]),
        Scenario(
            "foreign authority, one name",
            on([DIRECT], "cert-untrusted"),
            ["interception"],
        ),
        Scenario(
            "another's certificate", on(BOTH, "cert-wrong-host"), ["interception"]
        ),
        Scenario("expired", on(BOTH, "cert-expired"), ["certificate_expired"]),
        Scenario("portal before TLS", on(BOTH, page), ["portal"]),
        Scenario(
            "portal after TLS",
            on(BOTH, dice.choice(["html", "redirect"])),
            ["portal_page"],
        ),
    ]


def misled(dice: Random) -> list[Scenario]:
    """DNS, TCP and settings."""
    false = {"answers": ["127.0.0.2"]}
    stranger = {"answers": ["203.0.113.7"], "boxes": {"127.0.0.7": "cert-untrusted"}}
    hole = {"answers": ["127.0.0.6"], "boxes": {"127.0.0.6": "black-hole"}}
    hole6 = {"answers": ["127.0.0.1", "::1"], "boxes": {"::1": "black-hole"}}
    dead = {"answers": ["203.0.113.7"]}
    both = {"answers": ["203.0.113.1", "2001:db8::7"]}
    how = dice.choice(["silent", "fails"])
    return [
        Scenario("poisoned", {"dns": True, "hosts": {DIRECT: false}}, ["dns_poisoned"]),
        Scenario(
            "poisoned, both",
            {"dns": True, "hosts": dict.fromkeys(BOTH, false)},
            ["dns_poisoned"],
        ),
        Scenario(
            "poisoned with a stranger's address",
            at_home(dice, direct=stranger),
            ["dns_poisoned"],
        ),
        Scenario(
            "the resolver does not answer",
            {"dns": True, "hosts": {h: {"answers": how} for h in BOTH}},
            ["dns_silent" if how == "silent" else "dns_fails"],
        ),
        Scenario(
            "the resolver fails for one name",
            {"dns": True, "hosts": {DIRECT: {"answers": "fails"}}},
            ["dns_fails"],
        ),
        Scenario("the address is dead", at_home(dice, direct=dead), ["tcp_refused"]),
        Scenario("refused", on(BOTH, "refuse"), ["tcp_refused"]),
        Scenario("black hole", {"hosts": dict.fromkeys(BOTH, hole)}, ["tcp_silent"]),
        Scenario("IPv6 black hole", {"hosts": {DIRECT: hole6}}, ["ipv6_blackhole"]),
        Scenario(
            "IPv6 filtered on the path",
            at_home(dice, direct={**both, "boxes": {"::1": "reset-after-hello"}}),
            ["ipv6_filtered"],
        ),
        Scenario(
            "a lie for IPv6",
            at_home(dice, direct={**both, "boxes": {"::1": "cert-untrusted"}}),
            ["dns_poisoned"],
        ),
        Scenario(
            "a stale pin",
            {"dns": True, "pins": {DIRECT: ["127.0.0.3"]}},
            ["pins_exclude"],
        ),
        Scenario(
            "the wrong family",
            {},
            ["family_excludes"],
            more={"STREAMR_ADDRESS_FAMILY": "ipv6"},
        ),
        Scenario(
            "the address is filtered, whatever the name",
            at_home(
                dice,
                direct={
                    "answers": ["203.0.113.7"],
                    "boxes": {"127.0.0.7": "reset-at-accept"},
                },
            ),
            ["address_filtered"],
        ),
    ]


def refused(dice: Random) -> list[Scenario]:
    """What comes in answer to a request."""
    down = dice.choice([500, 502, 503, 504])
    silent = dice.choice(["silence-after-request", "stall-headers"])
    return [
        Scenario(
            "TMDB is down", on(BOTH, f"status:code={down},body=html"), ["tmdb_down"]
        ),
        Scenario(
            "TMDB fails at times", on([DIRECT], "status:code=500,p=0.5"), ["tmdb_fails"]
        ),
        Scenario(
            "refused country",
            on(BOTH, "status:code=403,body=html"),
            ["country_refused"],
        ),
        Scenario("too many", on(BOTH, "rate-limit:retry-after=2"), ["rate_limited"]),
        Scenario("wrong key", {}, ["key_wrong"], more={"TMDB_API_KEY": "0" * 32}),
        Scenario(
            "suspended key", on(BOTH, "status:code=401,own=10"), ["key_suspended"]
        ),
        Scenario("no key", {}, ["key_missing"], without=["TMDB_API_KEY"]),
        Scenario("damaged", on([DIRECT], dice.choice(BODY_FAULTS)), ["body_damaged"]),
        Scenario("silent to requests", on([DIRECT], silent), ["http_silent"]),
        Scenario(
            "cut after requests", on([DIRECT], "reset-after-request"), ["http_cut"]
        ),
        Scenario("not HTTP", on([DIRECT], "malformed-head"), ["http_garbled"]),
        Scenario("throttled", on(BOTH, "drip:interval=0.1,size=64"), ["throttled"]),
        Scenario(
            "a clock that is wrong",
            {"clock": dice.choice([-7200.0, 1800.0, 90000.0])},
            ["clock_wrong"],
            sound=True,
        ),
    ]


def combined(dice: Random) -> list[Scenario]:
    """Causes that come together."""
    hole6 = {"answers": ["127.0.0.1", "::1"], "boxes": {"::1": "black-hole"}}
    name = "reset-after-hello"
    return [
        Scenario(
            "name and split hello",
            {
                "hosts": {
                    DIRECT: {"fault": name},
                    OTHER: {"fault": f"{name}:when=big"},
                }
            },
            ["name_filtered", "split_hello"],
        ),
        Scenario(
            "IPv6 black hole and name",
            {"hosts": {DIRECT: {"fault": name, **hole6}}},
            ["ipv6_blackhole", "name_filtered"],
        ),
        Scenario(
            "IPv6 black hole and split hello",
            {
                "hosts": {
                    DIRECT: {"fault": f"{name}:when=big", **hole6},
                    OTHER: {"fault": f"{name}:when=big"},
                }
            },
            ["ipv6_blackhole", "split_hello"],
        ),
        Scenario(
            "random resets and a wrong key",
            on(BOTH, f"{name}:p=0.5"),
            ["random_resets", "key_wrong"],
            more={"TMDB_API_KEY": "0" * 32},
        ),
        Scenario(
            "poisoned and no TLS 1.3",
            {
                "dns": True,
                "hosts": {
                    DIRECT: {"answers": ["127.0.0.2"], "fault": f"{name}:when=tls13"},
                    OTHER: {"fault": f"{name}:when=tls13"},
                },
            },
            ["dns_poisoned", "tls13_intolerant"],
        ),
        Scenario(
            "name, and TMDB is down behind the other",
            {
                "hosts": {
                    DIRECT: {"fault": name},
                    OTHER: {"fault": "status:code=503"},
                }
            },
            ["name_filtered", "tmdb_down"],
        ),
        Scenario(
            "split hello and a damaged body",
            on(BOTH, f"{name}:when=big+cut-json"),
            ["split_hello", "body_damaged"],
        ),
    ]


KINDS: tuple[Callable[[Random], list[Scenario]], ...] = (
    sound,
    proxies,
    alone,
    filtered,
    intercepted,
    misled,
    refused,
    combined,
)


def draw(seed: int) -> list[Scenario]:
    """All scenarios of a seed, in its order."""
    dice = Random(seed)
    drawn = [scenario for kind in KINDS for scenario in kind(dice)]
    dice.shuffle(drawn)
    return drawn


class Drawer(LineOnlyReceiver):
    """Answers the lines."""

    delimiter = b"\n"

    def __init__(self, seed: int, directory: Path) -> None:
        self.seed = seed
        self.directory = directory
        self.drawn = iter(draw(seed))
        self.scenario: Scenario | None = None
        self.network: Network | None = None

    def lineReceived(self, line: bytes) -> None:
        if line == b"next":
            self.put_up()
        elif line == b"truth":
            self.take_down()

    def put_up(self) -> None:
        self.scenario = next(self.drawn, None)
        if self.scenario is None:
            self.say(None)
            return
        self.network = Network(
            reactor,
            self.directory,
            self.scenario.spec,
            keys=frozenset({KEY}),
            seed=self.seed,
        )
        self.network.startService()
        found = {
            **self.network.environment,
            "TMDB_API_KEY": KEY,
            **self.scenario.more,
        }
        settings = {k: v for k, v in found.items() if k not in self.scenario.without}
        self.say(
            {
                "settings": settings,
                "dns": self.network.dns,
                "roads": ORDINARY,
                "internet": self.scenario.internet,
                "ahead": self.scenario.ahead,
            }
        )

    def take_down(self) -> None:
        assert self.network is not None and self.scenario is not None
        told = {
            "name": self.scenario.name,
            "codes": sorted(self.scenario.codes),
            "may": sorted(self.scenario.may),
            "sound": self.scenario.sound,
        }
        stopping: Deferred[Any] = self.network.stopService()
        stopping.addCallback(lambda _done: self.say(told))

    def say(self, value: Any) -> None:
        self.sendLine(json.dumps(value).encode())

    def connectionLost(self, reason: object = None) -> None:
        if reactor.running:
            reactor.stop()


if __name__ == "__main__":
    StandardIO(Drawer(int(sys.argv[1]), Path(sys.argv[2])))
    reactor.run()
