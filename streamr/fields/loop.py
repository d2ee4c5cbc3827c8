"""Via and CDN-Loop: how a gateway knows a request that has been here before."""

from __future__ import annotations

from dataclasses import dataclass

from streamr.fields.names import CDN_LOOP


@dataclass(frozen=True, slots=True)
class Loop:
    """How this process is recognised when a request comes back to it.

    `identity` is this gateway's name in Via (RFC 9110, 7.6.3) and CDN-Loop (RFC 8586).
    """

    identity: str

    def headers(self, incoming: str) -> dict[str, str]:
        """The headers for a hop on which a loop is possible."""
        loop = f"{incoming}, {self.identity}" if incoming else self.identity
        return {"Via": f"1.1 {self.identity}", CDN_LOOP: loop}

    def closed(self, incoming: str) -> bool:
        """True when the request has been here before."""
        passed = (each.split(";")[0].strip() for each in incoming.split(","))
        return self.identity in passed
