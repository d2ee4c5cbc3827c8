"""What was seen, layer by layer: frozen values that the judge reads and a bundle holds.

Causes are the names of the fault table (`streamr/errors.py`), None where all went well.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

# The host that pictures come from.
PICTURES = "image.tmdb.org"
# Who "looked up" a host that is an address already.
LITERAL = "the URL"
# The causes that are silence: all that says "nothing came" and nothing else.
SILENCE = frozenset(
    {
        "dns_timeout",
        "connection_timeout",
        "egress_timeout",
        "tls_timeout",
        "http_response_timeout",
    }
)
# A reactor that came so late (seconds) may have missed what was there. A sound machine
# at full work on handshakes stays below a quarter of it; limits begin at a second.
STARVED = 0.2
# Bytes a second below which the doctor paces itself. It makes twelve handshakes at once
# of some 5 kB each, which have 2.5 s: 24 kB/s, or 190 kbit/s.
SLOW = 24_000.0
# An address for documentation, where nobody is (RFC 5737): a question of DNS that is
# sent there and answered has been answered on the path.
NOBODY = "192.0.2.53"
# Whose answers a resolver may not give for TMDB, in words. Benchmark addresses are what
# Clash and its kin hand out ("fake IP").
_SPECIAL = tuple(
    (ipaddress.ip_network(network), name)
    for network, name in (
        ("0.0.0.0/8", "no address"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a provider's inner network"),
        ("127.0.0.0/8", "this machine"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "a private network"),
        ("192.168.0.0/16", "a private network"),
        ("198.18.0.0/15", "a proxy program's fake address"),
        ("224.0.0.0/3", "no host"),
        ("::/128", "no address"),
        ("::1/128", "this machine"),
        ("fc00::/7", "a private network"),
        ("fe80::/10", "link-local"),
    )
)
# Addresses that filtering resolvers put in TMDB's place, from OONI's public collection
# of fingerprints (ooni/blocking-fingerprints, those with the highest confidence).
_BLOCK_PAGES = {
    "10.10.34.34": "Iran's block page",
    "10.10.34.35": "Iran's block page",
    "10.10.34.36": "Iran's block page",
    "36.86.63.185": "a block page in Indonesia",
    "118.97.116.27": "a block page in Indonesia",
    "180.131.146.7": "a block page in Indonesia",
    "134.17.0.7": "a block page in Belarus",
    "8.7.198.45": "a false answer known from China",
    "37.61.54.158": "a false answer known from China",
    "46.82.174.68": "a false answer known from China",
    "59.24.3.173": "a false answer known from China",
    "78.16.49.15": "a false answer known from China",
    "93.46.8.89": "a false answer known from China",
    "159.106.121.75": "a false answer known from China",
    "203.98.7.65": "a false answer known from China",
    "243.185.187.39": "a false answer known from China",
}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where bytes go."""

    address: str
    port: int

    @property
    def family(self) -> str:
        """IPv4 or IPv6."""
        return "IPv6" if ":" in self.address else "IPv4"

    @property
    def is_loopback(self) -> bool:
        """True when bytes that go there never leave this machine."""
        return ipaddress.ip_address(self.address).is_loopback

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return host if self.port == 443 else f"{host}:{self.port}"


def is_starved(cause: str | None, lag: float) -> bool:
    """True when a trial says nothing: silent, while this machine was late itself."""
    return cause in SILENCE and lag >= STARVED


@dataclass(frozen=True, slots=True)
class NameLookup:
    """One question to one resolver, `by`: "system", its address or name, TMDB_PINS,
    LITERAL, NOBODY.

    `tcp` says that it was asked over TCP, because UDP brought nothing. `lag`, here and
    below: how late our own reactor was meanwhile, at most (seconds).
    """

    host: str
    by: str
    places: tuple[Place, ...] = ()
    cause: str | None = None
    detail: str = ""
    lag: float = 0.0
    tcp: bool = False

    @property
    def starved(self) -> bool:
        """True when this says nothing of the resolver."""
        return is_starved(self.cause, self.lag)


@dataclass(frozen=True, slots=True)
class Connect:
    """TCP to one place; `ms` of the try that decided."""

    place: Place
    cause: str | None
    ms: int
    lag: float = 0.0

    @property
    def starved(self) -> bool:
        """True when this says nothing of the place."""
        return is_starved(self.cause, self.lag)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was refused. `code` is OpenSSL's, None for a wrong name;
    `begins` and `ends` are the days between which it is valid (YYYY-MM-DD)."""

    problem: str
    subject: str
    issuer: str
    code: int | None
    begins: str = ""
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Handshake:
    """One TLS handshake with `host` as the name. Version, group and the issuer of the
    certificate when it stood. `size` bytes came, `waited` of them within `waited_ms`
    after the first ones."""

    host: str
    profile: str
    place: Place
    cause: str | None
    ms: int
    detail: str = ""
    hello: int = 0
    version: str = ""
    group: str = ""
    certificate: Certificate | None = None
    issuer: str = ""
    lag: float = 0.0
    size: int = 0
    waited: int = 0
    waited_ms: int = 0

    @property
    def starved(self) -> bool:
        """True when this says nothing of the route."""
        return is_starved(self.cause, self.lag)

    @property
    def reached(self) -> bool:
        """True when a server of TMDB's spoke: verified, or sound but for the name.

        A chain that the platform trusts, for another name, is what a CDN's edge shows
        that does not serve this one (so counts OONI's ts-024, too).
        """
        certificate = self.certificate
        return self.cause is None or (
            certificate is not None and certificate.code is None
        )


@dataclass(frozen=True, slots=True)
class MeasuredLine:
    """What the line carries, as one handshake shows that nothing disturbed: `rate` in
    bytes a second, None where it was too quick to tell; `cost` its bytes."""

    rtt_ms: int
    cost: int
    rate: float | None = None

    @property
    def is_slow(self) -> bool:
        """True when a dozen handshakes at once would not end within their time."""
        return self.rate is not None and self.rate < SLOW

    @property
    def at_once(self) -> int:
        """How many handshakes it carries within a second, of a dozen at most."""
        if self.rate is None:
            return 12
        return max(1, min(12, int(self.rate / self.cost)))


@dataclass(frozen=True, slots=True)
class ArmResult:
    """All handshakes of one arm: how many of which end, and one of the last kind."""

    host: str
    profile: str
    place: Place
    ok: int
    causes: Mapping[str, int]
    sample: Handshake

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(self.causes.values())

    @property
    def tries(self) -> int:
        """How many there were."""
        return self.ok + self.failed


@dataclass(frozen=True, slots=True)
class Difference:
    """A clear contrast: who fails more often, and the chance that this is wrong."""

    name: str
    worse: tuple[int, ...]
    better: tuple[int, ...]
    chance: float


@dataclass(frozen=True, slots=True)
class Matrix:
    """One study: its arms, and what differs. Differences hold indexes of arms.

    `discarded` rounds count for nothing: this machine was too busy in their time.
    """

    arms: tuple[ArmResult, ...] = ()
    differences: tuple[Difference, ...] = ()
    rounds: int = 0
    settled: bool = True
    discarded: int = 0

    @property
    def starved(self) -> bool:
        """True when this machine was too busy to come to an end."""
        return bool(self.discarded) and not self.settled


@dataclass(frozen=True, slots=True)
class HostReply:
    """One request to a host, over a route on which TLS works. `code` is TMDB's own."""

    host: str
    path: str
    cause: str | None
    ms: int
    status: int | None = None
    code: int | None = None
    detail: str = ""
    size: int = 0
    body_ms: int = 0
    skew: float | None = None
    lag: float = 0.0

    @property
    def starved(self) -> bool:
        """True when this says nothing of the route."""
        return is_starved(self.cause, self.lag)


@dataclass(frozen=True, slots=True)
class ProxyReply:
    """What one proxy found: its answer, and the causes in its Proxy-Status.

    `ours` says that a streamr answers there, `version` which, "" when it was not told.
    """

    url: str
    chosen: bool
    cause: str | None
    status: int | None = None
    code: int | None = None
    detail: str = ""
    reported: tuple[str, ...] = ()
    skew: float | None = None
    lag: float = 0.0
    ours: bool = True
    version: str = ""

    @property
    def starved(self) -> bool:
        """True when this says nothing of the proxy; what it reports is its own."""
        return not self.reported and is_starved(self.cause, self.lag)


@dataclass(frozen=True, slots=True)
class Given:
    """A resolver or an egress that the settings list: its name, and how the setting
    names it, without user and password."""

    name: str
    written: str


SYSTEM = Given("system", "system")
NO_PROXY = Given("direct", "direct")


@dataclass(frozen=True, slots=True)
class EgressReply:
    """One request to TMDB through an outbound proxy, by the proxy's name. `code` is
    TMDB's own."""

    name: str
    cause: str | None
    ms: int
    status: int | None = None
    code: int | None = None
    detail: str = ""
    lag: float = 0.0

    @property
    def starved(self) -> bool:
        """True when this says nothing of the outbound proxy."""
        return is_starved(self.cause, self.lag)

    @property
    def works(self) -> bool:
        """True when TMDB has answered, whatever it thinks of the key."""
        return self.cause is None and self.status in (200, 401)


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting that may help, by what it changes and to what, and one request made as
    if it were set."""

    kind: str
    value: str
    cause: str | None
    ms: int
    status: int | None = None

    @property
    def works(self) -> bool:
        """True when TMDB has answered, whatever it thinks of the key."""
        return self.cause is None and self.status in (200, 401)


@dataclass(frozen=True, slots=True)
class PortState:
    """A port of ours: `holder` is None when it is free, "streamr" when it is ours.
    `problem` is why we cannot listen; of the door that is ours, what it answers."""

    setting: str
    port: int
    holder: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting as it may be shown: secrets are masked."""

    name: str
    shown: str
    origin: str


@dataclass(frozen=True, slots=True)
class House:
    """This machine: settings, ports, disk and the twistd plugin.

    `internet` holds the address families for which it has a route to the internet,
    None when that was not looked at; `gateway` says whether the first hop answers, None
    when the system does not tell.
    """

    settings: tuple[SettingRow, ...] = ()
    ports: tuple[PortState, ...] = ()
    state: str = ""
    state_problem: str = ""
    plugin: bool = True
    internet: tuple[str, ...] | None = None
    gateway: bool | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything. `hosts` are TMDB's names that the settings use, the direct one first.

    `resolvers` and `egress` are those that the settings list, in their order: the first
    of each is the direct route's. `second` holds what other resolvers said of a name:
    those that are listed, and, where its own answers are bad, more; `egresses` what the
    outbound proxies that are listed brought; `tried` the settings that may help;
    `checks` are the single handshakes that tell whose an address is; `addresses`
    compares two addresses of one name; `pictures` and `picture_checks` are of the host
    that pictures come from; `today` is the day by this machine's clock
    (YYYY-MM-DD, UTC).
    """

    hosts: tuple[str, ...]
    has_key: bool
    family: str = "auto"
    pinned: tuple[str, ...] = ()
    house: House = field(default_factory=House)
    lookups: tuple[NameLookup, ...] = ()
    second: tuple[NameLookup, ...] = ()
    connects: tuple[Connect, ...] = ()
    checks: tuple[Handshake, ...] = ()
    matrix: Matrix = field(default_factory=Matrix)
    names: Matrix = field(default_factory=Matrix)
    addresses: Matrix = field(default_factory=Matrix)
    replies: tuple[HostReply, ...] = ()
    pictures: tuple[NameLookup, ...] = ()
    picture_checks: tuple[Handshake, ...] = ()
    proxies: tuple[ProxyReply, ...] = ()
    resolvers: tuple[Given, ...] = (SYSTEM,)
    egress: tuple[Given, ...] = (NO_PROXY,)
    egresses: tuple[EgressReply, ...] = ()
    tried: tuple[Tried, ...] = ()
    line: MeasuredLine | None = None
    seconds: float = 0.0
    out_of_time: bool = False
    lag: float = 0.0
    today: str = ""

    @property
    def direct(self) -> str:
        """The host that is asked directly."""
        return self.hosts[0]

    @property
    def slow(self) -> bool:
        """True when the line is slow."""
        return self.line is not None and self.line.is_slow

    @property
    def tunnelled(self) -> bool:
        """True when the direct route itself goes through an outbound proxy."""
        return self.egress[0].name != NO_PROXY.name


def special(address: str) -> str | None:
    """What an address is that TMDB's cannot be, or None for an ordinary one."""
    known = _BLOCK_PAGES.get(address)
    if known is not None:
        return known
    parsed = ipaddress.ip_address(address)
    return next((name for net, name in _SPECIAL if parsed in net), None)
