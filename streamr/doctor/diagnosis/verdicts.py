"""The words of the doctor: each verdict with its sentence and the setting that helps.

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
    PICTURES = "pictures"
    EGRESS = "egress"
    PROXIES = "proxies"


@dataclass(frozen=True, slots=True)
class VerdictKind:
    """A row of the table.

    `comes_to` is what the doctor says last in place of "does not work": who has it is
    the headline, because with it nothing else matters yet.
    """

    layer: Layer
    sentence: str
    heal: str
    direct: bool = True
    comes_to: str = ""


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
    "list an outbound proxy on another network in STREAMR_EGRESS; or run a streamr "
    "proxy on a machine that reaches TMDB (`streamr run --only proxy`) and, here, set "
    "TMDB_PROXY_URL and STREAMR_PROXY_TOKEN"
)
# Main asks directly, then what TMDB_PROXY_URL names, then the proxy on this machine.
_FALLBACK = "nothing is needed: the proxy on this machine avoids it"
_OTHER_NETWORK = (
    "use a proxy on another network: an outbound one (STREAMR_EGRESS) or a streamr's "
    "(TMDB_PROXY_URL)"
)
_IF_IT_LASTS = f"if it lasts, {_OTHER_NETWORK}"
_SIGN_IN = f"sign in to this network in a browser; otherwise {_OTHER_NETWORK}"
# A proxy elsewhere has a key of its own.
_NO_ANSWER = "this machine's own routes bring no answer"
_CLOCK = "set the clock (timedatectl set-ntp true)"
_RESOLVER = "{route}"

# Who is behind an address that nobody has verified and resolvers disagree over is not
# known, so no authority of theirs is to be trusted.
OWN_AUTHORITY = (
    "set TMDB_CA_FILE if this is your company's own authority; otherwise "
    + _OTHER_NETWORK
)
DOUBTFUL = f"do not trust this certificate; {_OTHER_NETWORK}"

KINDS: dict[str, VerdictKind] = {
    # -- settings
    "pins_exclude": VerdictKind(
        Layer.SETTINGS,
        "TMDB_PINS pins {host} to {pinned}, which fails ({how}); without the pin, "
        "{good} works",
        "remove {host} from TMDB_PINS, or set TMDB_PINS={host}={pin}",
    ),
    "family_excludes": VerdictKind(
        Layer.SETTINGS,
        "STREAMR_ADDRESS_FAMILY={family} leaves no address to try: {host} has none of "
        "that family",
        "set STREAMR_ADDRESS_FAMILY=auto",
    ),
    "key_missing": VerdictKind(
        Layer.SETTINGS,
        "no TMDB key is set: TMDB refuses every request without one",
        "set TMDB_API_KEY (free at https://www.themoviedb.org/settings/api)",
        comes_to="no TMDB key is set: " + _NO_ANSWER,
    ),
    # -- machine
    "port_held": VerdictKind(
        Layer.MACHINE,
        "port {port} is in use by {holder}",
        "set {setting} to another port, or stop {holder}",
        direct=False,
    ),
    "port_unusable": VerdictKind(
        Layer.MACHINE,
        "streamr cannot listen: {problem}",
        "set {setting} to another value",
        direct=False,
    ),
    "state_unusable": VerdictKind(
        Layer.MACHINE,
        "the cache cannot be kept on disk: {problem}",
        "set STREAMR_STATE_DIR to a folder that can be written, on a disk with space",
        direct=False,
    ),
    "plugin_missing": VerdictKind(
        Layer.MACHINE,
        "twistd does not find the plugin `streamr`",
        "reinstall streamr: pip install --force-reinstall streamr",
        direct=False,
    ),
    "machine_busy": VerdictKind(
        Layer.MACHINE,
        "this machine was too busy to judge {what}: the doctor's own timers were up to "
        "{lag} late, so a missing answer proves nothing about the network",
        "run `streamr doctor` again when this machine has less to do",
        direct=False,
        comes_to="this machine was too busy to judge the direct route",
    ),
    "line_slow": VerdictKind(
        Layer.MACHINE,
        "this line is slow: a handshake came at {rate}, over a round trip of {rtt} ms, "
        "so the doctor has tried less, and silence proves nothing about the network",
        "nothing is needed: streamr makes fewer connections at once on such a line; "
        "STREAMR_CACHE_MB keeps what was fetched",
        direct=False,
        comes_to="this line is too slow to judge the direct route",
    ),
    "sockets_exhausted": VerdictKind(
        Layer.MACHINE,
        "this machine has no file descriptor or memory left for a connection to {host}",
        "raise the limit for open files: `ulimit -n`, LimitNOFILE= (systemd), "
        "--ulimit nofile= (Docker)",
        comes_to="without free file descriptors the direct route cannot be judged",
    ),
    "offline": VerdictKind(
        Layer.MACHINE,
        "this machine has no network: {how}",
        "connect this machine to a network (cable, Wi-Fi, VPN, default route); for a "
        "container, check its network mode",
        comes_to="nothing outside this machine can be reached",
    ),
    "egress_prohibited": VerdictKind(
        Layer.MACHINE,
        "this machine itself forbids connections to {addresses} ({hosts}): a firewall "
        "or a routing policy",
        "allow outgoing TCP connections to port 443, and DNS (port 53)",
    ),
    "clock_wrong": VerdictKind(
        Layer.CLOCK,
        "this machine's clock is {skew} {direction}",
        _CLOCK,
        direct=False,
    ),
    "clock_excludes": VerdictKind(
        Layer.CLOCK,
        "this machine's clock says {today}, and no certificate is valid then: the one "
        "for {hosts} is valid from {begins} to {ends} ({counts} handshakes)",
        _CLOCK,
        comes_to="with this clock no certificate can be verified",
    ),
    "certificate_expired": VerdictKind(
        Layer.CLOCK,
        "the certificate shown for {hosts} is not valid today ({counts} handshakes): "
        "this machine's clock says {today}, the certificate is valid from {begins} to "
        "{ends}",
        f"if the date is wrong, {_CLOCK}; if it is right, somebody intercepts: "
        f"{_OTHER_NETWORK}",
    ),
    # -- dns
    "dns_fails": VerdictKind(
        Layer.DNS,
        "the resolver cannot resolve {hosts}: {detail}{truth}",
        _RESOLVER,
    ),
    "dns_silent": VerdictKind(
        Layer.DNS,
        "the resolver does not answer when asked for {hosts}{truth}",
        _RESOLVER,
    ),
    "dns_udp_lost": VerdictKind(
        Layer.DNS,
        "DNS over UDP gets no answer for {hosts}; over TCP, {by} answers",
        "allow UDP port 53, or let the system ask over TCP (`options use-vc` in "
        "/etc/resolv.conf){pin}",
    ),
    "dns_poisoned": VerdictKind(
        Layer.DNS,
        "DNS is poisoned for {hosts}: the resolver returns {addresses} ({how}){truth}",
        _RESOLVER,
    ),
    "dns_hijacked": VerdictKind(
        Layer.DNS,
        "this network answers for all resolvers: a question to {nobody}, where there "
        "is none, was answered",
        "only a resolver over TLS or HTTPS is asked itself: list one in "
        "STREAMR_RESOLVERS (tls://, https://)",
        direct=False,
    ),
    # -- tcp
    "ipv6_blackhole": VerdictKind(
        Layer.TCP,
        "IPv6 is a black hole: {host} does not answer at {bad}, and does at {good}",
        "set STREAMR_ADDRESS_FAMILY=ipv4",
    ),
    "ipv4_blackhole": VerdictKind(
        Layer.TCP,
        "IPv4 is a black hole: {host} does not answer at {bad}, and does at {good}",
        "set STREAMR_ADDRESS_FAMILY=ipv6",
    ),
    "tcp_refused": VerdictKind(
        Layer.TCP,
        "connections to {hosts} are refused at {addresses}{vantage}",
        "{route}",
    ),
    "tcp_silent": VerdictKind(
        Layer.TCP,
        "connections to {hosts} get no answer at {addresses}{vantage}",
        "{route}",
    ),
    "tcp_unroutable": VerdictKind(
        Layer.TCP,
        "this machine has no route to {addresses} ({hosts})",
        "check this machine's routes, gateway and VPN",
    ),
    "address_dead": VerdictKind(
        Layer.TCP,
        "{host} does not answer at {bad}; its other addresses do",
        "nothing is needed: streamr tries the next address after 50 ms",
        direct=False,
    ),
    # -- tls
    "name_filtered": VerdictKind(
        Layer.TLS,
        "the name {host} is filtered on the path ({counts} handshakes succeed, "
        "{control}): {how}{vantage}",
        "{route}",
    ),
    "ipv6_filtered": VerdictKind(
        Layer.TLS,
        "IPv6 is filtered on the path: handshakes with {host} fail at {bad} ({counts} "
        "succeed) and succeed at {good}: {how}",
        "set STREAMR_ADDRESS_FAMILY=ipv4",
    ),
    "ipv4_filtered": VerdictKind(
        Layer.TLS,
        "IPv4 is filtered on the path: handshakes with {host} fail at {bad} ({counts} "
        "succeed) and succeed at {good}: {how}",
        "set STREAMR_ADDRESS_FAMILY=ipv6",
    ),
    "address_fails": VerdictKind(
        Layer.TLS,
        "handshakes with {host} fail at {bad} ({counts} succeed) and succeed at "
        "{good}: {how}",
        "nothing is needed: streamr tries the next address after a failure",
        direct=False,
    ),
    "address_filtered": VerdictKind(
        Layer.TLS,
        "handshakes at {addresses} fail with every name ({counts} succeed); those at "
        "{good} succeed",
        "set TMDB_PINS={host}={pin}",
    ),
    "split_hello": VerdictKind(
        Layer.TLS,
        "a ClientHello larger than one TCP segment does not get through ({counts})",
        _FALLBACK + " (TLS profile classic); leave STREAMR_ONLY unset",
    ),
    "tls13_intolerant": VerdictKind(
        Layer.TLS,
        "TLS 1.3 does not get through ({counts})",
        _FALLBACK + " (TLS profile tls12); leave STREAMR_ONLY unset",
    ),
    "random_resets": VerdictKind(
        Layer.TLS,
        "handshakes fail at random ({what} in {counts}), whatever the name and the TLS "
        "profile",
        "nothing is needed: streamr tries again on a fresh connection; if that is not "
        "enough, " + _OTHER_NETWORK,
    ),
    "tls_dead": VerdictKind(
        Layer.TLS,
        "no handshake with {hosts} succeeds ({counts}): {how}{vantage}",
        "{route}",
    ),
    "interception": VerdictKind(
        Layer.TLS,
        "interception suspected for {hosts}: {problem} ({counts} handshakes; {who})",
        "{route}",
    ),
    "door_loop": VerdictKind(
        Layer.TLS,
        "the addresses of {hosts} lead to a streamr door ({counts} handshakes), so "
        "streamr would ask itself",
        "take TMDB's names out of this machine's hosts file, and give them only to the "
        "apps' containers; or list a resolver in STREAMR_RESOLVERS that knows nothing "
        "of the door (docs/apps.md)",
    ),
    "portal": VerdictKind(
        Layer.TLS,
        "something else answers in TMDB's place with {what} ({hosts}, {counts} "
        "handshakes): a captive portal or a block page",
        _SIGN_IN,
    ),
    "tls_unclear": VerdictKind(
        Layer.TLS,
        "{failed} of {tries} handshakes failed ({what}): too few to tell from chance",
        "nothing is needed: streamr tries again on a fresh connection",
        direct=False,
    ),
    # -- http
    "key_wrong": VerdictKind(
        Layer.HTTP,
        "TMDB does not accept your key (status {status}, code {code})",
        "copy it again into TMDB_API_KEY or TMDB_ACCESS_TOKEN, from "
        "https://www.themoviedb.org/settings/api",
        comes_to="TMDB does not accept your key: " + _NO_ANSWER,
    ),
    "key_suspended": VerdictKind(
        Layer.HTTP,
        "TMDB has suspended your key (status {status}, code {code})",
        "ask TMDB why, or set TMDB_API_KEY to another key",
        comes_to="TMDB has suspended your key: " + _NO_ANSWER,
    ),
    "country_refused": VerdictKind(
        Layer.HTTP,
        "TMDB refuses this country or network ({counts} answers are 403){vantage}",
        "nothing helps here: TMDB does not want to be reached from this network",
    ),
    "rate_limited": VerdictKind(
        Layer.HTTP,
        "TMDB asks for fewer requests ({counts} answers are 429)",
        "lower STREAMR_RATE or STREAMR_CONNECTIONS; other programs may share your "
        "address",
    ),
    "portal_page": VerdictKind(
        Layer.HTTP,
        "a web page comes in place of TMDB's answer ({what}, {counts} answers)",
        _SIGN_IN,
    ),
    "tmdb_down": VerdictKind(
        Layer.HTTP,
        "TMDB itself fails: {what} over verified connections ({counts} answers)"
        "{vantage}",
        "wait; streamr serves what it has stored (STREAMR_CACHE_MB)",
    ),
    "tmdb_fails": VerdictKind(
        Layer.HTTP,
        "TMDB fails at {hosts}: {what} ({counts} answers)",
        _FALLBACK,
    ),
    "http_silent": VerdictKind(
        Layer.HTTP,
        "{hosts}: requests are accepted and not answered ({counts})",
        _IF_IT_LASTS,
    ),
    "http_cut": VerdictKind(
        Layer.HTTP,
        "{hosts}: the connection is cut after the request ({counts})",
        _IF_IT_LASTS,
    ),
    "http_garbled": VerdictKind(
        Layer.HTTP,
        "{hosts}: the answer is not HTTP ({counts})",
        _IF_IT_LASTS,
    ),
    "body_damaged": VerdictKind(
        Layer.HTTP,
        "answers of {hosts} arrive damaged: {what} ({counts})",
        f"{_FALLBACK}; {_IF_IT_LASTS}",
    ),
    "throttled": VerdictKind(
        Layer.HTTP,
        "the route is throttled: {rate}",
        _OTHER_NETWORK + "; STREAMR_CACHE_MB keeps what was fetched",
    ),
    # -- pictures
    "pictures_fail": VerdictKind(
        Layer.PICTURES,
        "pictures do not arrive from {host}: {how}{truth}",
        "let the program that shows them take them from streamr, which has other "
        "routes: http://127.0.0.1:3001/t/p/ in place of https://image.tmdb.org/t/p/, "
        "or STREAMR_REWRITE_IMAGES=1 (docs/images.md)",
        direct=False,
    ),
    # -- resolvers and outbound proxies that the settings list
    "resolver_fails": VerdictKind(
        Layer.DNS,
        "the resolver {by} of STREAMR_RESOLVERS does not resolve {hosts}: {detail}",
        "correct or remove {by} in STREAMR_RESOLVERS",
        direct=False,
    ),
    "resolver_lies": VerdictKind(
        Layer.DNS,
        "the resolver {by} of STREAMR_RESOLVERS gives addresses for {hosts} that are "
        "not TMDB's: {addresses}",
        "remove {by} from STREAMR_RESOLVERS; nobody on the path can change the answers "
        "of one over tls:// or https://",
        direct=False,
    ),
    "egress_unreachable": VerdictKind(
        Layer.EGRESS,
        "the outbound proxy {name} cannot be used: {what}",
        "start it, or correct its scheme, host and port in STREAMR_EGRESS; inside a "
        "container, localhost is the container itself",
        direct=False,
    ),
    "egress_authentication": VerdictKind(
        Layer.EGRESS,
        "the outbound proxy {name} does not accept the user and password: {what}",
        "correct the user and password in STREAMR_EGRESS, percent-encoded",
        direct=False,
    ),
    "egress_denied": VerdictKind(
        Layer.EGRESS,
        "the outbound proxy {name} forbids connections to {host}: {what}",
        "allow {host} and port 443 there",
        direct=False,
    ),
    "egress_protocol_error": VerdictKind(
        Layer.EGRESS,
        "what answers at the outbound proxy {name} is no proxy of that kind: {what}",
        "correct scheme and port in STREAMR_EGRESS (http://, https://, socks5://)",
        direct=False,
    ),
    "egress_failed": VerdictKind(
        Layer.EGRESS,
        "the outbound proxy {name} does not reach TMDB: {what}",
        "list another outbound proxy in STREAMR_EGRESS, on another network",
        direct=False,
    ),
    # -- proxies
    "proxy_unreachable": VerdictKind(
        Layer.PROXIES,
        "the proxy {url} cannot be reached: {what}",
        "start the proxy there, or correct TMDB_PROXY_URL",
        direct=False,
    ),
    "proxy_certificate": VerdictKind(
        Layer.PROXIES,
        "the certificate of the proxy {url} is not accepted: {what}",
        "run streamr peer show there, and write the pin that it prints behind a # in "
        "TMDB_PROXY_URL; without a pin, an authority that this machine trusts must "
        "have issued the certificate",
        direct=False,
    ),
    "proxy_stranger": VerdictKind(
        Layer.PROXIES,
        "something other than a streamr proxy answers at {url}: {what}",
        "correct TMDB_PROXY_URL: a streamr proxy listens on port 5001 by default, and "
        "with PROXY_TLS_CERT speaks https:// only",
        direct=False,
    ),
    "proxy_token": VerdictKind(
        Layer.PROXIES,
        "the proxy {url} does not accept this machine's STREAMR_PROXY_TOKEN",
        "set the same STREAMR_PROXY_TOKEN on both machines",
        direct=False,
    ),
    "proxy_key": VerdictKind(
        Layer.PROXIES,
        "the proxy {url} reaches TMDB, but TMDB does not accept the key of that proxy",
        "correct TMDB_API_KEY on that machine",
        direct=False,
    ),
    "proxy_loop": VerdictKind(
        Layer.PROXIES,
        "the proxy {url} sends requests back to where they came from",
        "correct TMDB_PROXY_URL here or TMDB_BASE_URL on that machine: one of them "
        "points back",
        direct=False,
    ),
    "proxy_fails": VerdictKind(
        Layer.PROXIES,
        "the proxy {url} does not reach TMDB either: {what}",
        "run `streamr doctor` on that machine",
        direct=False,
    ),
    "proxy_broken": VerdictKind(
        Layer.PROXIES,
        "the proxy {url} gives no usable answer: {what}",
        "look at the log of that proxy, and at what stands in front of it",
        direct=False,
    ),
    "proxy_version": VerdictKind(
        Layer.PROXIES,
        "the proxy {url} runs streamr {version}, and this is {own}",
        "install the same version on both machines",
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
