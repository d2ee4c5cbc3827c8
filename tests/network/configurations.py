"""What the lab's servers and its router are told, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.network import places
from tests.network.networks import NO_NAME, Network


def names(network: Network) -> dict[str, Any]:
    """What the provider's resolver says of each name."""
    truth: dict[str, Any] = {name: list(each) for name, each in places.TMDB.items()}
    truth[places.DNS_NAME] = [places.HONEST_DNS]
    said = {**truth, **network.lies}
    return {name: value for name, value in said.items() if value != NO_NAME}


COUNTED = {
    "connect": places.CONNECT,
    "socks": places.SOCKS,
    "friend": places.FRIEND,
}


def nft(network: Network) -> str:
    """What the router does with packets before it forwards them."""
    home = 'iifname "lan"'
    v4 = [each for each in network.drop if ":" not in each]
    v6 = [each for each in network.drop if ":" in each]
    drops = [f"ip daddr {{ {', '.join(v4)} }} drop"] if v4 else []
    drops += [f"ip6 daddr {{ {', '.join(v6)} }} drop"] if v6 else []
    to_box = [
        f"{home} ip daddr {places.TMDB_V4} tcp dport 443 "
        f"dnat ip to {places.ROUTER_V4}:{places.BOX_PORT}",
        f"{home} ip6 daddr {places.TMDB_V6} tcp dport 443 "
        f"dnat ip6 to [{places.ROUTER_V6}]:{places.BOX_PORT}",
    ]
    hijack = [
        f"{home} {protocol} dport 53 ip daddr != {places.ROUTER_V4} "
        f"dnat ip to {places.ROUTER_V4}:53"
        for protocol in ("udp", "tcp")
    ]
    nat = (to_box if network.path or network.idle else []) + (
        hijack if network.hijack else []
    )
    counts = [
        f"{home} ip daddr {address} tcp flags syn / syn,ack counter name {name}"
        for name, address in COUNTED.items()
    ]
    return "\n".join(
        [
            "add table inet lab",
            "delete table inet lab",
            "table inet lab {",
            *(f"counter {name} {{ }}" for name in COUNTED),
            "chain drops { type filter hook prerouting priority -150;",
            *counts,
            *drops,
            "}",
            "chain nat { type nat hook prerouting priority -100;",
            *nat,
            "}",
            "}",
            "",
        ]
    )


def unbound(directory: Path) -> str:
    """The honest resolver: UDP, TCP, TLS and HTTPS. Other names do not exist."""
    records = [
        f'local-data: "{name}. 60 IN {"AAAA" if ":" in each else "A"} {each}"'
        for name, addresses in places.TMDB.items()
        for each in addresses
    ]
    interfaces = [f"{places.HONEST_DNS}@{port}" for port in (53, 443, 853)]
    name = directory / places.DNS_NAME
    lines = [
        *(f"interface: {each}" for each in (*interfaces, f"{places.SECOND_DNS}@53")),
        "https-port: 443",
        "tls-port: 853",
        f'tls-service-pem: "{name}.pem"',
        f'tls-service-key: "{name}.key"',
        "access-control: 0.0.0.0/0 allow",
        'local-zone: "." static',
        *records,
        "do-daemonize: no",
        'username: ""',
        'chroot: ""',
        'pidfile: ""',
        "use-syslog: no",
        'logfile: ""',
        "num-threads: 1",
        'module-config: "iterator"',
    ]
    control = "remote-control:\n  control-enable: no\n"
    return "server:\n" + "".join(f"  {each}\n" for each in lines) + control


TINYPROXY = f"""\
Port {places.CONNECT_PORT}
Listen {places.CONNECT}
Timeout 60
MaxClients 100
ConnectPort 443
LogLevel Warning
"""

MICROSOCKS = (
    *("-i", places.SOCKS, "-p", places.SOCKS_PORT),
    *("-u", places.SOCKS_USER, "-P", places.SOCKS_PASSWORD),
)


def peer(printed: str) -> tuple[dict[str, str], dict[str, str]]:
    """The settings that `streamr peer new` prints: for the friend's machine, and for
    ours."""
    theirs, ours = (
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in printed.split("\n\n")
    )
    url = ours["TMDB_PROXY_URL"].replace("HOST", places.FRIEND)
    return theirs, {**ours, "TMDB_PROXY_URL": url}


# what has no line of its own that says so
LISTENING = (
    (places.HONEST_DNS, 443),
    (places.CONNECT, places.CONNECT_PORT),
    (places.SOCKS, places.SOCKS_PORT),
)
