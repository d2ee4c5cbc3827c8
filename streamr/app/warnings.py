"""What an operator should know at the start: who can use the key, and shared fates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from streamr.boundaries import Dimensions
from streamr.config import values
from streamr.config.settings import Settings
from streamr.policy.routing import shared_fate
from streamr.routing.report import differs_in


def exposure(found: Settings, servers: Collection[str]) -> list[str]:
    """Who can use the key, when a server is bound beyond loopback."""
    said = []
    if "main" in servers and not values.is_loopback(found.host):
        said.append(
            f"the main server on {found.host} answers everyone who can reach it, with "
            "your TMDB key"
        )
        if not found.cors_origins:
            said.append(
                "CORS_ORIGINS names no web origin: browsers cannot read answers"
            )
    if "proxy" in servers and not values.is_loopback(found.proxy_host):
        said.append(
            f"the proxy server on {found.proxy_host} answers everyone who has "
            "STREAMR_PROXY_TOKEN, with your TMDB key"
        )
    return said


def differences(direct: Dimensions, ladder: Mapping[str, Dimensions]) -> list[str]:
    """For each fallback, in which dimensions it differs from the direct attempt."""
    return [
        f"fallback {name} differs in "
        + (", ".join(differs_in(direct, dimensions)) or "nothing")
        for name, dimensions in ladder.items()
    ]


def fate(direct: Dimensions, ladder: Iterable[Dimensions]) -> list[str]:
    """Whether the fallback differs from the direct attempt at all."""
    if not shared_fate(direct, ladder):
        return []
    return [
        "the proxy's ways equal the direct attempt in every dimension, so they share "
        "its fate: set TMDB_ALTERNATE_URLS or TMDB_PROXY_URL"
    ]
