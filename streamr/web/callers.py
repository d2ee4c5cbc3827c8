"""Who calls: the other end of the socket, or whom a trusted reverse proxy names.

Such a proxy adds the address of its own caller at the right of X-Forwarded-For; what
stands further left is what that caller said, true or not. So the list is read from the
right, as long as the one who added an entry is trusted. Whoever is found, it makes
nobody a caller on this machine (`access.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from streamr.net.networks import Address, Network, address_in


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The reverse proxies whose X-Forwarded-… headers are believed."""

    networks: tuple[Network, ...] = ()

    def has(self, peer: str) -> bool:
        """Whether an address is one of theirs."""
        found = address_in(peer) if self.networks else None
        return found is not None and self._lists(found)

    def caller(self, peer: str, forwarded_for: str) -> str:
        """The address of a request's caller; `peer` is the other end of the socket,
        `forwarded_for` all of X-Forwarded-For."""
        if not (forwarded_for and self.has(peer)):
            return peer
        known = peer
        for entry in reversed(forwarded_for.split(",")):
            found = _address(entry.strip())
            if found is None:  # whoever added this, it names nobody
                break
            known = str(found)
            if not self._lists(found):
                break
        return known

    def _lists(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def _address(entry: str) -> Address | None:
    """The address in an entry, which may have a port: 192.0.2.1:80, [2001:db8::]:80."""
    if entry.startswith("["):
        return address_in(entry.partition("]")[0])
    return address_in(entry.partition(":")[0] if entry.count(":") == 1 else entry)
