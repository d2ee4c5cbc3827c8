"""Who has which address in the lab. They look like real ones, because streamr judges
addresses (a private one is no TMDB), and exist in the lab's namespaces only."""

from __future__ import annotations

MAIN, OTHER, PICTURES = "api.themoviedb.org", "api.tmdb.org", "image.tmdb.org"
NAMES = (MAIN, OTHER, PICTURES)
KEY = "c0ffee00c0ffee11c0ffee22c0ffee33"
TMDB: dict[str, tuple[str, ...]] = {
    MAIN: ("13.224.10.11", "13.224.10.12", "2600:9000:10::11", "2600:9000:10::12"),
    OTHER: ("13.224.20.11", "13.224.20.12", "2600:9000:20::11", "2600:9000:20::12"),
    PICTURES: ("13.224.30.11", "13.224.30.12", "2600:9000:30::11", "2600:9000:30::12"),
}
TMDB_V4, TMDB_V6 = "13.224.0.0/16", "2600:9000::/32"

# at home, and the router's side of that line
HOME_V4, HOME_V6 = "192.168.77.2", "2a00:77:1::2"
ROUTER_V4, ROUTER_V6 = "192.168.77.1", "2a00:77:1::1"
# of the line between the router and the internet
WAN_V4, WAN_V6 = ("100.64.9.1", "100.64.9.2"), ("2a00:99:9::1", "2a00:99:9::2")

# what a lying resolver says
FOREIGN, PRIVATE, LOOPBACK = "81.200.2.30", "10.10.34.35", "127.0.0.1"
FOREIGN_V6 = "2a02:81:2::30"
BLOCK_PAGES = (FOREIGN, FOREIGN_V6, PRIVATE)

# on the internet
HONEST_DNS, SECOND_DNS = "9.9.9.9", "1.1.1.1"
DNS_NAME = "dns.example"
CONNECT = "185.199.10.10"
CONNECT_PORT = 3128
SOCKS = "185.199.10.11"
SOCKS_PORT = 1080
SOCKS_USER, SOCKS_PASSWORD = "lab", "canary-socks-0123"
FRIEND = "185.199.10.12"
FRIEND_PORT = 5001

# in the router
BOX_PORT, BOX_CONTROL = 8443, 9000
# in the internet
TMDB_CONTROL = 9001

_SERVERS = (HONEST_DNS, SECOND_DNS, CONNECT, SOCKS, FRIEND)


def _address(address: str, device: str, bits: int | None = None) -> str:
    if ":" in address:
        return f"address add {address}/{bits or 128} dev {device} nodad"
    return f"address add {address}/{bits or 32} dev {device}"


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"


# what `ip -batch` does in each namespace
BATCHES = {
    "home": _lines(
        "link set lo up",
        "link set lan up",
        _address(HOME_V4, "lan", 24),
        _address(HOME_V6, "lan", 64),
        f"route add default via {ROUTER_V4}",
        f"route add default via {ROUTER_V6}",
    ),
    "router": _lines(
        "link set lo up",
        "link set lan up",
        "link set wan up",
        _address(ROUTER_V4, "lan", 24),
        _address(ROUTER_V6, "lan", 64),
        _address(WAN_V4[0], "wan", 30),
        _address(WAN_V6[0], "wan", 64),
        *(_address(each, "lo") for each in BLOCK_PAGES),
        f"route add default via {WAN_V4[1]}",
        f"route add default via {WAN_V6[1]}",
    ),
    "internet": _lines(
        "link set lo up",
        "link set wan up",
        _address(WAN_V4[1], "wan", 30),
        _address(WAN_V6[1], "wan", 64),
        *(_address(each, "lo") for every in TMDB.values() for each in every),
        *(_address(each, "lo") for each in _SERVERS),
        f"route add 192.168.77.0/24 via {WAN_V4[0]}",
        f"route add 2a00:77:1::/64 via {WAN_V6[0]}",
    ),
}
