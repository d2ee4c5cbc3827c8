"""Where this machine reaches a server that is bound to an address."""

from __future__ import annotations


def reachable(host: str) -> str:
    """The address at which this machine reaches a server that is bound to `host`."""
    # bound to every address: loopback is one of them, and [::] takes IPv4 too, which is
    # there where IPv6 is off
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def url_of(host: str, port: int) -> str:
    """The URL at which this machine reaches a server that is bound to `host`."""
    address = reachable(host)
    return (
        f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    )
