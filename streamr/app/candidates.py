"""Which routes the proxy has beside main's direct one: other profiles, other names."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit


def alternatives(
    base_url: str, alternates: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """The proxy's routes as (base URL, TLS profile), best first.

    Each differs from the direct attempt (the base URL with `modern`): by profile, by
    host, by both. `tls12` stands last, because it heals the rarest fault and is the
    oldest protocol. Over plain http (a test on loopback) there are no profiles.
    """
    wanted = [(base_url, "classic")]
    for url in alternates:
        wanted += [(url, "modern"), (url, "classic")]
    wanted += [(url, "tls12") for url in (base_url, *alternates)]
    distinct: dict[tuple[str, str], tuple[str, str]] = {}
    for url, profile in [(base_url, "modern"), *wanted]:
        distinct.setdefault((_same(url), _spoken(url, profile)), (url, profile))
    direct, *others = (
        (url, _spoken(url, profile)) for url, profile in distinct.values()
    )
    return tuple(others) or (direct,)


def _spoken(url: str, profile: str) -> str:
    return profile if url.startswith("https:") else "plain"


def _same(url: str) -> str:
    """A form in which equal URLs are equal texts."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path}"
