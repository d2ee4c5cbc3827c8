"""What can be given to streamr at home, and how plain curl takes the same routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.network import places
from tests.network.places import TMDB

_SOCKS = (
    f"{places.SOCKS_USER}:{places.SOCKS_PASSWORD}@{places.SOCKS}:{places.SOCKS_PORT}"
)
_CONNECT = f"http://{places.CONNECT}:{places.CONNECT_PORT}"
# the base URL that curl asks there
FRIEND = f"https://{places.FRIEND}:{places.FRIEND_PORT}"
_DOH = f"https://{places.DNS_NAME}/dns-query"
# The setting, and one item of its list.
GIVEN = {
    "connect": ("STREAMR_EGRESS", f"{_CONNECT}#connect"),
    "socks": ("STREAMR_EGRESS", f"socks5://{_SOCKS}#socks"),
    "doh": ("STREAMR_RESOLVERS", f"{_DOH}#{places.HONEST_DNS}"),
    "udp": ("STREAMR_RESOLVERS", f"udp://{places.HONEST_DNS}"),
    "tcp": ("STREAMR_RESOLVERS", f"tcp://{places.HONEST_DNS}"),
    "dot": ("STREAMR_RESOLVERS", f"tls://{places.HONEST_DNS}#{places.DNS_NAME}"),
    # its pin is what `streamr peer new` prints on the friend's machine
    "friend": ("TMDB_PROXY_URL", f"{FRIEND}#PIN"),
}
PROXIES = ("connect", "socks", "friend")
# What a list begins with: what streamr has without the setting.
FIRST = {"STREAMR_EGRESS": ["direct"], "STREAMR_RESOLVERS": ["system"]}


def settings(given: Iterable[str], peer: Mapping[str, str]) -> dict[str, str]:
    """The settings for what is given, by their names; `peer` is what the friend's
    machine said to set here."""
    found: dict[str, list[str]] = {}
    for each in given:
        setting, value = GIVEN[each]
        if each == "friend":
            value = peer[setting]
        found.setdefault(setting, list(FIRST.get(setting, ()))).append(value)
    made = {name: ",".join(parts) for name, parts in found.items()}
    if "TMDB_PROXY_URL" in made:
        made["STREAMR_PROXY_TOKEN"] = peer["STREAMR_PROXY_TOKEN"]
    return made


def pinned(name: str, addresses: Iterable[str]) -> list[str]:
    """curl's options for a name at these addresses."""
    literal = (f"[{each}]" if ":" in each else each for each in addresses)
    return ["--resolve", f"{name}:443:{','.join(literal)}"]


_EVERY_NAME = [each for name in TMDB for each in pinned(name, TMDB[name])]
# What curl takes each resolver and proxy with: its options.
CURL: dict[str, list[str]] = {
    "system": [],
    "connect": ["--proxy", _CONNECT],
    "socks": ["--proxy", f"socks5h://{_SOCKS}"],
    "doh": [
        *("--doh-url", _DOH),
        *("--resolve", f"{places.DNS_NAME}:443:{places.HONEST_DNS}"),
    ],
    # curl asks no other resolver by itself: the addresses that it would get
    **dict.fromkeys(("udp", "tcp", "dot"), _EVERY_NAME),
    # with the friend's token, and its pin, which the lab knows
    "friend": [],
}
