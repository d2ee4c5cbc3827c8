"""Which hosts are this machine, and which no public network leads to."""

from __future__ import annotations

import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: tuple[Network, ...] = tuple(
    map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128"))
)
# The networks of homes, offices and containers (RFC 1918, RFC 4193), and link-local
# addresses (RFC 3927, RFC 4291).
PRIVATE_RANGES: tuple[Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
            *("fc00::/7", "fe80::/10"),
        ),
    )
)

# A name of one part: a container's, or a machine's of the same network. Spellings of an
# address (0x08080808) begin with a digit.
_ONE_LABEL = re.compile(r"[a-z][a-z0-9_-]*")
# What names end in that no public DNS holds. RFC 6761: localhost, test. RFC 6762: local
# (Kubernetes' svc.cluster.local, too), and in its appendix G what private networks use.
# RFC 8375: home.arpa. ICANN keeps internal for private use (board resolution
# 2024.07.29.06), and delegates no home, corp and mail (2018.02.04.12). localdomain is
# what hosts files say; svc and docker are what Kubernetes and Docker complete.
_PRIVATE_ENDINGS = (
    *(".localhost", ".test", ".local", ".home.arpa"),
    *(".internal", ".intranet", ".private", ".corp", ".home", ".lan", ".mail"),
    *(".localdomain", ".svc", ".docker"),
)


def address_in(host: str) -> Address | None:
    """The address that a host is, with brackets or without; None for a name. One of
    IPv4 that is written as IPv6 (::ffff:127.0.0.1) is what it stands for."""
    try:
        found = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def is_loopback(host: str) -> bool:
    """True for this machine's own addresses and their usual name."""
    return host == "localhost" or is_peer_here(host)


def is_peer_here(peer: str) -> bool:
    """True for the address of a caller on this machine; a name is none."""
    found = address_in(peer)
    return found is not None and found.is_loopback


def is_private(host: str) -> bool:
    """True for what only this machine or a private network leads to: addresses that are
    not routed between networks (the registries of RFC 6890), names that no public DNS
    holds. Of a name that is no promise, only what its owner can mean by it."""
    found = address_in(host)
    if found is None:
        name = host.lower()
        return bool(_ONE_LABEL.fullmatch(name)) or name.endswith(_PRIVATE_ENDINGS)
    if isinstance(found, ipaddress.IPv4Address):
        return not (found.is_global or found.is_multicast)
    # Teredo (RFC 4380) crosses public networks; fec0::/10 was for sites (RFC 3879)
    return found.is_site_local or not (found.is_global or found.teredo)
