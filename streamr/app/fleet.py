"""The nodes that share an engine: how it is reached, and what this one remembers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from twisted.internet.endpoints import (
    HostnameEndpoint,
    UNIXClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

from streamr.app.routes import Upstream
from streamr.app.state import file_name
from streamr.boundaries import PurgeMark, SharedEngine
from streamr.config.settings import Settings
from streamr.errors import SettingsError
from streamr.interfaces import Reactor, RouteHints
from streamr.shared import purges as purge_log
from streamr.shared.engine import CONNECTING, Engine
from streamr.shared.tier import Fleet, FleetTier, Remembered
from streamr.shared.wire import IS_INSTALLED, Word
from streamr.tmdb.tags import Purge

# Of TMDB's limits, what a node uses that has never seen the engine: ten such nodes
# together keep to them.
UNSEEN = 10
# The user that an engine has when none is named (the ACL of Valkey and Redis).
DEFAULT_USER = "default"


def fleet_of(
    settings: Settings,
    reactor: Reactor,
    upstream: Upstream,
    before: Mapping[str, Any],
    purge: Callable[[Purge], object],
    memory: RouteHints,
) -> FleetTier | None:
    """What this node shares with others; None where STREAMR_SHARED names no engine.
    `before` is what FleetTier.known has said in an earlier life; `purge` drops here
    what another node has purged; `memory` is what this one knows of its routes. Raises
    SettingsError."""
    where = settings.shared
    if where is None:
        return None
    if not IS_INSTALLED:
        raise SettingsError(
            [
                "STREAMR_SHARED needs the package hiredis, which is not installed: pip "
                "install 'streamr[shared]'"
            ]
        )
    tier = FleetTier(
        partial(engine_at, where, reactor),
        reactor,
        hashlib.blake2b(file_name(settings).encode(), digest_size=4).hexdigest(),
        settings.egress_id,
        settings.deadline,
        purge,
        lambda fleet: upstream.share(*parts_of(fleet)),
        before=remembered(before),
    )
    upstream.join(tier.limits.permit, tier.limits.paused)
    tier.hints.join(memory)
    return tier


def parts_of(fleet: Fleet) -> tuple[float, float]:
    """The parts of TMDB's rate and of its connections that this node may use by itself.
    While the engine is there, that counts the rate."""
    if fleet.joining:
        # the others have all of it, and learn of this node within a second
        return 1 / UNSEEN, 0.0
    if not fleet.ever:
        return 1 / UNSEEN, 1 / UNSEEN
    return (1.0 if fleet.up else 1 / fleet.nodes), 1 / fleet.nodes


def engine_at(
    where: SharedEngine,
    reactor: Reactor,
    channel: str,
    pushed: Callable[[bytes], object],
    changed: Callable[[bool, str], object],
) -> Engine:
    """The engine as it is reached; see Engine for the others."""
    hello: list[tuple[Word, ...]] = [("HELLO", 3)]
    if where.password is not None:
        hello = [("HELLO", 3, "AUTH", where.user or DEFAULT_USER, where.password)]
    if where.database:
        hello.append(("SELECT", where.database))
    endpoint = _endpoint(where, reactor)
    return Engine(endpoint, hello, channel, reactor, pushed, changed)


def _endpoint(where: SharedEngine, reactor: Reactor) -> IStreamClientEndpoint:
    """Over TLS its certificate is verified by the platform's authorities, and by
    name."""
    if where.scheme == "unix":
        return UNIXClientEndpoint(reactor, where.path, timeout=CONNECTING)
    plain = HostnameEndpoint(reactor, where.host, where.port, timeout=CONNECTING)
    if where.scheme != "tls":
        return plain
    try:
        return wrapClientTLS(optionsForClientTLS(where.host), plain)
    except ValueError as error:  # a name in IDNA's form that is none
        raise SettingsError(
            [f"STREAMR_SHARED has an invalid value: its host {where.host}: {error}"]
        ) from error


def remembered(before: Mapping[str, Any]) -> Remembered | None:
    """What was written by another life of this node; None where it makes no sense."""
    match before:
        case {
            "nodes": int(nodes),
            "life": str(life),
            "purges": int(count),
            "unsaid": list(unsaid),
        } if nodes >= 0 and count >= 0:
            read = (purge_log.read(json.dumps(each)) for each in unsaid)
            known = tuple(each for each in read if each is not None)
            return Remembered(nodes, PurgeMark(life, count), known)
    return None
