"""What an operator should know at the start: who can use the key, and shared fates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from twisted.logger import Logger

from streamr.boundaries import DIRECT, Dimensions
from streamr.config.resolvers import SYSTEM
from streamr.config.settings import Notice, Settings
from streamr.config.state import no_folder
from streamr.net.networks import is_loopback
from streamr.policy.routing import shared_fate
from streamr.routing.report import differs_in

_log = Logger(namespace="streamr")

# What renews certificates by itself does so a month ahead, and is late by then.
SOON = timedelta(days=14)


def notices(
    settings: Settings,
    routes: Mapping[str, Mapping[str, Dimensions]],
    directory: Path | None,
    root: Path = Path("/"),
) -> list[Notice]:
    """All of it. `routes` has each server's routes in their order, by their names;
    below `root` is what says whether this is a container.

    In what each fallback differs is an information, and goes to the log.
    """
    said = exposure(settings, routes)
    if in_container(root):
        said += loopback_egresses(settings)
    said += without_effect(settings)
    if directory is None:
        said.append(no_folder(settings))
    if "main" in routes:
        chain = ", then ".join(routes["main"])
        _log.info("main's routes to TMDB: {chain}", chain=chain)
    if {"main", "proxy"} <= routes.keys() and not settings.tmdb_proxy_url:
        direct = next(iter(routes["main"].values()))
        said += fate(direct, routes["proxy"].values())
        for line in differences(direct, routes["proxy"]):
            _log.info("{line}", line=line)
    return said


def exposure(settings: Settings, servers: Collection[str]) -> list[Notice]:
    """Who can use the key, when a server is bound beyond loopback."""
    said: list[Notice] = []
    if "main" in servers and not is_loopback(settings.host):
        said += _main_exposed(settings)
    if "proxy" in servers and not is_loopback(settings.proxy_host):
        said += _proxy_exposed(settings)
    if settings.door and not is_loopback(settings.door_host):
        said.append(
            Notice(
                "door-exposed",
                f"the door on {settings.door_host} answers everyone on a private "
                "address who can reach it, with your TMDB key, and asks for no token",
            )
        )
    return said


def _main_exposed(settings: Settings) -> Iterator[Notice]:
    yield Notice(
        "main-exposed",
        f"the main server on {settings.host} answers everyone who can reach it, with "
        "your TMDB key"
        + (", and serves them TMDB's pictures" if settings.images else ""),
    )
    yield Notice(
        "terms",
        "TMDB's terms: a key is personal, so serve your own apps only, and commercial "
        "use needs TMDB's agreement (docs/terms.md)",
    )
    if not settings.cors_origins:
        yield Notice(
            "no-origins",
            "CORS_ORIGINS names no web origin: web pages cannot read the answers",
        )


def _proxy_exposed(settings: Settings) -> Iterator[Notice]:
    yield Notice(
        "proxy-exposed",
        f"the proxy server on {settings.proxy_host} answers everyone who has "
        "STREAMR_PROXY_TOKEN, with your TMDB key",
    )
    if settings.proxy_tls_cert is None:
        yield Notice(
            "proxy-plain",
            f"the proxy server on {settings.proxy_host} speaks plain http: your TMDB "
            "key does not travel, but anyone on the path can read STREAMR_PROXY_TOKEN; "
            "set PROXY_TLS_CERT and PROXY_TLS_KEY (streamr peer new)",
        )


# What Docker and Podman put into their containers.
_MARKS = (".dockerenv", "run/.containerenv")


def in_container(root: Path) -> bool:
    """True in a container of Docker or Podman whose files are below `root`."""
    return any((root / mark).exists() for mark in _MARKS)


def loopback_egresses(settings: Settings) -> list[Notice]:
    """The outbound proxies that are looked for inside this container."""
    return [
        Notice(
            "egress-loopback",
            f"the outbound proxy {each.name} of STREAMR_EGRESS is at {each.host}, "
            "which inside a container is the container itself: for a proxy on the "
            "machine use host.docker.internal (Docker) or host.containers.internal "
            "(Podman), for one in another container the name of its service",
        )
        for each in settings.egress
        if is_loopback(each.host)
    ]


def without_effect(settings: Settings) -> list[Notice]:
    """What is set for connections from here, where all go through outbound proxies."""
    if any(each == DIRECT for each in settings.egress):
        return []
    why = (
        "STREAMR_EGRESS does not list direct, and an outbound proxy looks TMDB's names "
        "up by itself"
    )
    said = []
    if settings.resolvers != (SYSTEM,):
        said.append(Notice("resolvers-unused", f"STREAMR_RESOLVERS is not used: {why}"))
    if settings.address_family != "auto":
        said.append(
            Notice(
                "family-unused",
                f"STREAMR_ADDRESS_FAMILY={settings.address_family} is used only to "
                f"reach proxies: {why}",
            )
        )
    return said


def ending(ends: datetime, now: datetime) -> list[Notice]:
    """Whether the proxy's certificate has ended, or soon will."""
    if ends - now > SOON:
        return []
    when = "ended" if ends < now else "ends"
    return [
        Notice(
            "certificate-ends",
            f"PROXY_TLS_CERT {when} on {ends:%Y-%m-%d}: after that no caller accepts "
            "it, whatever pin it has; renew it, with the same key if others have "
            "pinned it, then send SIGHUP",
        )
    ]


def differences(
    direct: Dimensions, alternatives: Mapping[str, Dimensions]
) -> list[str]:
    """For each fallback, in which dimensions it differs from the direct attempt."""
    return [
        f"fallback {name} differs in "
        + (", ".join(differs_in(direct, dimensions)) or "nothing")
        for name, dimensions in alternatives.items()
    ]


def fate(direct: Dimensions, alternatives: Iterable[Dimensions]) -> list[Notice]:
    """Whether the fallback differs from the direct attempt at all."""
    if not shared_fate(direct, alternatives):
        return []
    return [
        Notice(
            "shared-fate",
            "the proxy's routes do not differ from the direct route, so they fail "
            "whenever it fails: set TMDB_ALTERNATE_URLS or TMDB_PROXY_URL",
        )
    ]
