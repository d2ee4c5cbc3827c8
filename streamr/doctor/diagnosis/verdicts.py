"""The words of the doctor: each verdict with its sentence and the setting that heals.

One table. A sentence is filled from the facts that the judge found; a verdict that is
not `direct` speaks of something beside the direct route and leaves the exit status
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Layer(StrEnum):
    """Whose verdict it is, in the order in which a request meets it."""

    SETTINGS = "settings"
    MACHINE = "machine"
    CLOCK = "clock"
    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    PROXIES = "proxies"


@dataclass(frozen=True, slots=True)
class VerdictKind:
    """A row of the table."""

    layer: Layer
    sentence: str
    heal: str
    direct: bool = True


@dataclass(frozen=True, slots=True)
class DoctorVerdict:
    """One cause, named: what is wrong and what to set."""

    code: str
    layer: Layer
    direct: bool
    sentence: str
    heal: str
    hosts: tuple[str, ...] = ()


_ELSEWHERE = (
    "a streamr proxy elsewhere: `streamr run --only proxy` on a machine that reaches "
    "TMDB, then TMDB_PROXY_URL and STREAMR_PROXY_TOKEN here"
)
_FALLBACK = "streamr's own proxy goes round it by itself"

KINDS: dict[str, VerdictKind] = {
    # -- settings
    "pins_exclude": VerdictKind(
        Layer.SETTINGS,
        "your own setting TMDB_PINS excludes itself: {host} is pinned to {pinned} "
        "(there: {how}), and it answers at {good}",
        "remove {host} from TMDB_PINS, or TMDB_PINS={host}={pin}",
    ),
    "family_excludes": VerdictKind(
        Layer.SETTINGS,
        "your own setting STREAMR_ADDRESS_FAMILY={family} excludes itself: {host} has "
        "no address of that family",
        "STREAMR_ADDRESS_FAMILY=auto",
    ),
    "key_missing": VerdictKind(
        Layer.SETTINGS,
        "there is no TMDB key, so HTTP could be judged up to the key only",
        "TMDB_API_KEY (free at https://www.themoviedb.org/settings/api)",
    ),
    # -- machine
    "port_held": VerdictKind(
        Layer.MACHINE,
        "port {port} is held by {holder}",
        "another {setting}, or end {holder}",
        direct=False,
    ),
    "port_unusable": VerdictKind(
        Layer.MACHINE, "{problem}", "another {setting}", direct=False
    ),
    "state_unusable": VerdictKind(
        Layer.MACHINE,
        "the cache cannot be kept on disk: {problem}",
        "STREAMR_STATE_DIR",
        direct=False,
    ),
    "plugin_missing": VerdictKind(
        Layer.MACHINE,
        "twistd does not find the plugin `streamr`",
        "install streamr again: pip install --force-reinstall streamr",
        direct=False,
    ),
    "machine_busy": VerdictKind(
        Layer.MACHINE,
        "this machine was too busy to judge {what}: the doctor itself came up to {lag} "
        "late, so silence there says nothing of the network",
        "nothing: run `streamr doctor` again when this machine has less to do",
        direct=False,
    ),
    "clock_wrong": VerdictKind(
        Layer.CLOCK,
        "this machine's clock is {skew} {direction}",
        "set the clock (timedatectl set-ntp true)",
        direct=False,
    ),
    "certificate_expired": VerdictKind(
        Layer.CLOCK,
        "the certificate shown for {hosts} is outside its dates ({counts}): this "
        "machine's clock is wrong, or somebody intercepts",
        "set the clock (timedatectl set-ntp true)",
    ),
    # -- dns
    "dns_fails": VerdictKind(
        Layer.DNS,
        "the resolver fails for {hosts}: {detail}",
        "another resolver in this machine's network settings{pin}",
    ),
    "dns_silent": VerdictKind(
        Layer.DNS,
        "the resolver is silent for {hosts}",
        "another resolver in this machine's network settings{pin}",
    ),
    "dns_poisoned": VerdictKind(
        Layer.DNS,
        "DNS is poisoned for {hosts}: the resolver gives {addresses} ({how})",
        "another resolver in this machine's network settings{pin}",
    ),
    # -- tcp
    "ipv6_blackhole": VerdictKind(
        Layer.TCP,
        "IPv6 is a black hole: {host} is silent at {bad} and answers at {good}",
        "STREAMR_ADDRESS_FAMILY=ipv4",
    ),
    "ipv4_blackhole": VerdictKind(
        Layer.TCP,
        "IPv4 is a black hole: {host} is silent at {bad} and answers at {good}",
        "STREAMR_ADDRESS_FAMILY=ipv6",
    ),
    "tcp_refused": VerdictKind(
        Layer.TCP,
        "the connection to {hosts} is refused at {addresses}{vantage}",
        "{route}",
    ),
    "tcp_silent": VerdictKind(
        Layer.TCP,
        "nobody answers for {hosts} at {addresses}{vantage}",
        "{route}",
    ),
    "tcp_unroutable": VerdictKind(
        Layer.TCP,
        "this machine has no route to {addresses} ({hosts})",
        "the network connection of this machine",
    ),
    "address_dead": VerdictKind(
        Layer.TCP,
        "{bad} of {host} does not answer; its other addresses do",
        "nothing: streamr tries the next address after 50 ms",
        direct=False,
    ),
    # -- tls
    "name_filtered": VerdictKind(
        Layer.TLS,
        "the name {host} is filtered on the path ({counts}; {control}): {how}{vantage}",
        "{route}",
    ),
    "address_filtered": VerdictKind(
        Layer.TLS,
        "handshakes at {addresses} fail whatever the name ({counts}), those at "
        "{good} do not",
        "TMDB_PINS={host}={pin}",
    ),
    "split_hello": VerdictKind(
        Layer.TLS,
        "split ClientHello: a hello beyond one TCP segment does not get through "
        "({counts})",
        _FALLBACK + " (profile classic); leave STREAMR_ONLY unset",
    ),
    "tls13_intolerant": VerdictKind(
        Layer.TLS,
        "TLS 1.3 does not get through ({counts})",
        _FALLBACK + " (profile tls12); leave STREAMR_ONLY unset",
    ),
    "random_resets": VerdictKind(
        Layer.TLS,
        "random {what} ({counts} in every arm, whatever the name and the profile)",
        _FALLBACK + " by fresh connections; steadier: TMDB_PROXY_URL",
    ),
    "tls_dead": VerdictKind(
        Layer.TLS,
        "no handshake gets through to {hosts} ({counts}): {how}{vantage}",
        "{route}",
    ),
    "interception": VerdictKind(
        Layer.TLS,
        "interception suspected: {problem} for {hosts} ({counts}; {who})",
        "TMDB_CA_FILE if this is your company's own authority; else TMDB_PROXY_URL",
    ),
    "portal": VerdictKind(
        Layer.TLS,
        "somebody answers in TMDB's place with {what} ({hosts}, {counts}): a captive "
        "portal or a block page",
        "sign in to this network in a browser; else TMDB_PROXY_URL",
    ),
    "tls_unclear": VerdictKind(
        Layer.TLS,
        "{failed} of {tries} handshakes failed ({what}): too few to tell from chance",
        "nothing: streamr tries again on a fresh connection",
        direct=False,
    ),
    # -- http
    "key_wrong": VerdictKind(
        Layer.HTTP,
        "your key is wrong: TMDB answers 401 with code {code}",
        "TMDB_API_KEY, copied anew from https://www.themoviedb.org/settings/api",
    ),
    "key_suspended": VerdictKind(
        Layer.HTTP,
        "your key is suspended: TMDB answers {status} with code {code}",
        "TMDB_API_KEY: ask TMDB, or make another key",
    ),
    "country_refused": VerdictKind(
        Layer.HTTP,
        "TMDB refuses this country or network: {counts} answers are 403{vantage}",
        "nothing here; TMDB does not want to be reached from this network",
    ),
    "rate_limited": VerdictKind(
        Layer.HTTP,
        "TMDB asks for fewer requests: {counts} answers are 429",
        "a lower STREAMR_RATE or STREAMR_CONNECTIONS; other programs may share your "
        "address",
    ),
    "portal_page": VerdictKind(
        Layer.HTTP,
        "a page stands in TMDB's place ({what}, {counts})",
        "sign in to this network in a browser; else TMDB_PROXY_URL",
    ),
    "tmdb_down": VerdictKind(
        Layer.HTTP,
        "TMDB itself is down: {what} over verified connections ({counts}){vantage}",
        "patience: streamr serves what it has stored (STREAMR_CACHE_MB)",
    ),
    "tmdb_fails": VerdictKind(
        Layer.HTTP,
        "TMDB fails on {hosts}: {what} ({counts})",
        _FALLBACK,
    ),
    "http_silent": VerdictKind(
        Layer.HTTP,
        "{hosts}: the request is taken, and then there is silence ({counts})",
        "TMDB_PROXY_URL, if it lasts",
    ),
    "http_cut": VerdictKind(
        Layer.HTTP,
        "the connection to {hosts} is cut after the request ({counts})",
        "TMDB_PROXY_URL, if it lasts",
    ),
    "http_garbled": VerdictKind(
        Layer.HTTP,
        "the answer of {hosts} is not HTTP ({counts})",
        "TMDB_PROXY_URL, if it lasts",
    ),
    "body_damaged": VerdictKind(
        Layer.HTTP,
        "bodies arrive damaged from {hosts}: {what} ({counts})",
        _FALLBACK + "; TMDB_PROXY_URL, if it lasts",
    ),
    "throttled": VerdictKind(
        Layer.HTTP,
        "the route is throttled: {rate}",
        "TMDB_PROXY_URL on another network; STREAMR_CACHE_MB keeps what was fetched",
    ),
    # -- proxies
    "proxy_unreachable": VerdictKind(
        Layer.PROXIES,
        "the proxy {url} cannot be reached: {what}",
        "TMDB_PROXY_URL",
        direct=False,
    ),
    "proxy_token": VerdictKind(
        Layer.PROXIES,
        "the proxy {url} does not accept us: {what}",
        "the same STREAMR_PROXY_TOKEN on both sides",
        direct=False,
    ),
    "proxy_fails": VerdictKind(
        Layer.PROXIES,
        "the proxy {url} does not reach TMDB either: {what}",
        "`streamr doctor` on that machine",
        direct=False,
    ),
}


def verdict(
    code: str, hosts: tuple[str, ...] = (), /, **facts: object
) -> DoctorVerdict:
    """A row of the table, filled with facts. `hosts` are those it speaks of."""
    kind = KINDS[code]
    known = {"hosts": " and ".join(hosts), "host": hosts[0] if hosts else "", **facts}
    return DoctorVerdict(
        code,
        kind.layer,
        kind.direct,
        kind.sentence.format(**known),
        kind.heal.format(**known),
        hosts,
    )


def elsewhere() -> str:
    """The cure where no name and no profile helps."""
    return _ELSEWHERE
