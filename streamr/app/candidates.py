"""Which routes there are beside direct: proxies, other TLS profiles, other names."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from streamr.networks import is_loopback


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


def peers(
    named: Sequence[str], own: str, *, runs_here: bool
) -> tuple[tuple[str, bool], ...]:
    """The proxies that main falls back to as (URL, this machine's own?), in order.

    Those that are `named` come first. This machine's own stays behind them, so that a
    named one that is dead costs nobody the routes that work from here; where it does
    not run in this process it is taken for one only when none is named.
    """
    listed = [(url, _same_place(url, own)) for url in named]
    if not named or (runs_here and not any(near for _, near in listed)):
        listed.append((own, True))
    return tuple((own if near else url, near) for url, near in listed)


def _same_place(url: str, own: str) -> bool:
    """Whether two URLs are one port of this machine, by whatever name."""
    first, other = urlsplit(url), urlsplit(own)
    return first.port == other.port and all(
        is_loopback(each.hostname or "") for each in (first, other)
    )


def _spoken(url: str, profile: str) -> str:
    return profile if url.startswith("https:") else "plain"


def _same(url: str) -> str:
    """A form in which equal URLs are equal texts."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path}"
