"""Makes the routes, each with a client, and so a pool, of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred

from streamr.app.candidates import REMOTE
from streamr.boundaries import DIRECT, Dimensions, Egress, Grant, Resolver
from streamr.config.settings import Settings
from streamr.errors import RouteKind, SettingsError
from streamr.fields.loop import Loop
from streamr.interfaces import Reactor
from streamr.net.keypins import KeyPins, split
from streamr.net.networks import is_loopback
from streamr.tmdb.hosts import OFFICIAL_HOSTS
from streamr.tmdb.images import PICTURES
from streamr.upstream.client import Client
from streamr.upstream.dial.addresses import HostAddresses
from streamr.upstream.dial.dialer import Dialer, Outlet
from streamr.upstream.dial.tls import (
    CLASSIC,
    HTTP_1_1,
    MODERN,
    PROFILES,
    PinnedPolicy,
    ProfilePolicy,
    TLSError,
)
from streamr.upstream.line import Access, HostLine
from streamr.upstream.origin import Credentials, TMDBRoute
from streamr.upstream.peer import PeerRoute, ProxyRoute
from streamr.upstream.picture import PeerPictureRoute, PictureRoute, Sample
from streamr.upstream.ratelimit import Pacer, Permit
from streamr.upstream.resolve.book import AddressBook, no_lie, tmdb_is_not_there
from streamr.upstream.resolve.cache import RememberingResolver
from streamr.upstream.resolve.pins import PinnedResolver
from streamr.upstream.resolve.resolvers import find_of
from streamr.upstream.resolve.system import Lookups, system_lookup

# The name of the system's resolver.
SYSTEM = "system"
# TMDB limits how many connections there are to its picture host, and not how many
# requests a second (docs/images.md).
NO_RATE = 1e6
# Finds the (family, address) pairs of a name, blocking; raises OSError.
Lookup = Callable[[str], Sequence[tuple[int, str]]]


class Upstream:
    """Makes the routes, each with a client (and so a pool) of its own."""

    def __init__(
        self, settings: Settings, reactor: Reactor, lookup: Lookup = system_lookup
    ) -> None:
        """`lookup` finds a name's addresses, in a thread; the demo brings its own."""
        self._settings = settings
        self._reactor = reactor
        lookups = Lookups(reactor, lookup)
        # in the demo every host is on loopback, and that is no lie
        real = lookup is system_lookup
        self.book = AddressBook(reactor, tmdb_is_not_there if real else no_lie)
        self._peers_book = AddressBook(reactor, no_lie)
        self._names = RememberingResolver(lookups.find, reactor)
        self._policies: dict[tuple[str, tuple[bytes, ...]], ProfilePolicy] = {}
        self._resolvers = {
            each.name: self._resolver(each, lookups) for each in settings.resolvers
        }
        self._pacers: dict[str, Pacer] = {}
        self._permit: Callable[[str, float], Coroutine[Any, Any, Grant]] | None = None
        self._told_of_pause: Callable[[str, float], object] | None = None
        self._parts = (1.0, 1.0)
        self._access = Access(reactor)
        self._lines: dict[str, HostLine] = {}
        self._credentials = Credentials(
            settings.tmdb_access_token, settings.tmdb_api_key
        )
        self._egress = _by_name(settings)
        self.clients: list[Client] = []
        self._origins: list[TMDBRoute] = []
        self._peers: list[PeerRoute] = []

    @property
    def pacers(self) -> Mapping[str, Pacer]:
        """The pacers made so far, by host."""
        return self._pacers

    def join(
        self,
        permit: Callable[[str, float], Coroutine[Any, Any, Grant]],
        paused: Callable[[str, float], object],
    ) -> None:
        """Others count their requests to a host in the same budget, of which `permit`
        gives a place; `paused` tells them of a 429."""
        self._permit, self._told_of_pause = permit, paused

    def share(self, of_rate: float, of_connections: float) -> None:
        """Use such parts of TMDB's limits from now on."""
        self._parts = (of_rate, of_connections)
        for pacer in self._pacers.values():
            pacer.share(of_rate, self._at_once)

    def tmdb(
        self, name: str, kind: RouteKind, url: str, route: Dimensions, loop: Loop
    ) -> TMDBRoute:
        """A route to TMDB itself."""
        parts = urlsplit(url)
        pacer = self._pacer(parts.netloc)
        made = TMDBRoute(
            name,
            kind,
            url,
            self._client(
                url, route.profile, self._addresses(route), pacer, self._outlet(route)
            ),
            self._credentials,
            route,
            None if parts.hostname in OFFICIAL_HOSTS else loop,
            pacer,
        )
        self._origins.append(made)
        return made

    def pictures(
        self, name: str, kind: RouteKind, url: str, route: Dimensions, sample: Sample
    ) -> PictureRoute:
        """A route to TMDB's picture host itself."""
        pacer = self._pacer(urlsplit(url).netloc, PICTURES, NO_RATE)
        client = self._client(
            url, route.profile, self._addresses(route), pacer, self._outlet(route)
        )
        return PictureRoute(name, kind, url, client, route, pacer, sample)

    def proxy(
        self,
        url: str,
        loop: Loop,
        *,
        near: bool = False,
        known: Callable[[], KeyPins] | None = None,
    ) -> ProxyRoute:
        """A route over a proxy of ours. One that is `near` is this machine's own: its
        bytes leave from here, too, and with the same key. Its pins are those behind its
        URL, or those that are `known` when a connection is made."""
        url, client, family = self._peer(url, near, known)
        token = self._settings.proxy_token
        made = ProxyRoute(url, client, token, loop, family=family, near=near)
        self._peers.append(made)
        return made

    def proxy_pictures(
        self,
        url: str,
        loop: Loop,
        sample: Sample,
        *,
        near: bool = False,
        known: Callable[[], KeyPins] | None = None,
    ) -> PeerPictureRoute:
        """The same to pictures."""
        url, client, family = self._peer(url, near, known)
        token = self._settings.proxy_token
        made = PeerPictureRoute(
            url, client, token, loop, sample, family=family, near=near
        )
        self._peers.append(made)
        return made

    def _peer(
        self, url: str, near: bool, known: Callable[[], KeyPins] | None
    ) -> tuple[str, Client, str]:
        """A proxy's URL without pins, a client for it, and its address family."""
        url, pins = split(url)
        policy = None
        if known is not None or pins:
            policy = PinnedPolicy(known or (lambda: pins))
        client = self._client(url, MODERN.name, self._of_peers(), policy=policy)
        return url, client, self._settings.address_family if near else "auto"

    def renew(self, settings: Settings) -> None:
        """Use these settings' credentials from now on, also towards outbound proxies,
        which are still the same ones."""
        self._egress = _by_name(settings)
        self._credentials = Credentials(
            settings.tmdb_access_token, settings.tmdb_api_key
        )
        for origin in self._origins:
            origin.renew(self._credentials)
        for peer in self._peers:
            peer.renew(settings.proxy_token)

    def renew_trust(self) -> None:
        """Read the trusted roots again, for new connections. Raises SettingsError, and
        then keeps those that there are."""
        ca_file = self._settings.tmdb_ca_file
        if ca_file is not None and not os.access(ca_file, os.R_OK):
            raise SettingsError(
                [f"TMDB_CA_FILE {str(ca_file)!r} is not there, or cannot be read"]
            )
        for policy in self._policies.values():
            try:
                policy.renew()
            except TLSError as error:
                raise _no_certificate(ca_file) from error

    def _pacer(self, host: str, what: str = "", rate: float | None = None) -> Pacer:
        """The host's one pacer (for `what` it serves), for main and proxy alike."""
        name = f"{host}{what}"
        if name not in self._pacers:
            settings = self._settings
            full = float(settings.rate if rate is None else rate)
            self._pacers[name] = Pacer(
                self._reactor,
                full,
                self._at_once,
                self._line(host),
                # what has no rate has none to share
                self._permit_of(name, full) if rate is None else None,
                self._pause_of(name),
            )
            self._pacers[name].share(self._parts[0], self._at_once)
        return self._pacers[name]

    @property
    def _at_once(self) -> int:
        """This process's part of the connections to a host."""
        of_connections = self._parts[1]
        most = int(self._settings.connections * of_connections)
        return max(1, most) if of_connections else 0

    def _permit_of(self, name: str, rate: float) -> Permit | None:
        permit = self._permit
        if permit is None:
            return None
        return lambda: Deferred.fromCoroutine(permit(name, rate))

    def _pause_of(self, name: str) -> Callable[[float], object]:
        told = self._told_of_pause
        return (lambda _seconds: None) if told is None else partial(told, name)

    def _line(self, host: str) -> HostLine:
        """What is known of the line to a host, for all routes to it."""
        if host not in self._lines:
            # what stays on this machine says nothing of the line that leaves it
            here = is_loopback(urlsplit(f"//{host}").hostname or "")
            access = Access(self._reactor) if here else self._access
            most = self._settings.connections
            self._lines[host] = HostLine(self._reactor, most, access)
        return self._lines[host]

    def _client(
        self,
        url: str,
        profile: str,
        addresses: HostAddresses,
        places: Pacer | None = None,
        outlet: Outlet | None = None,
        policy: ProfilePolicy | None = None,
    ) -> Client:
        if policy is None and url.startswith("https:"):
            policy = self._policy(profile)
        dialer = Dialer(self._reactor, addresses, policy, outlet)
        line = self._line(urlsplit(url).netloc)
        most = self._settings.connections
        client = Client(self._reactor, dialer, places, most, line)
        self.clients.append(client)
        return client

    def _addresses(self, route: Dimensions) -> HostAddresses:
        """Where a route to TMDB looks up its hosts."""
        pins = self._settings.tmdb_pins
        family = "auto" if route.family == REMOTE else route.family
        asked = self._resolvers.get(route.resolver, self._names)
        resolver = PinnedResolver(asked, pins, family)
        return HostAddresses(resolver, self.book, route.resolver, family)

    def _resolver(self, resolver: Resolver, lookups: Lookups) -> RememberingResolver:
        """A resolver that was given. The system's is one, for whatever needs it."""
        if resolver.scheme == SYSTEM:
            return self._names
        # a hello of one segment: nothing searches for a profile that reaches a resolver
        policy_for = partial(self._policy, CLASSIC.name)
        find = find_of(resolver, self._reactor, lookups, policy_for)
        return RememberingResolver(find, self._reactor)

    def _outlet(self, route: Dimensions) -> Outlet | None:
        """The outbound proxy of a route, which the system's resolver finds."""
        if route.egress == DIRECT.name:
            return None
        secure = self._egress[route.egress].scheme == "https"
        policy = self._policy(MODERN.name) if secure else None
        return Outlet(lambda: self._egress[route.egress], self._of_peers(), policy)

    def _of_peers(self) -> HostAddresses:
        """Peers and outbound proxies are looked up by the system's resolver: they may
        be in this network."""
        family = self._settings.address_family
        resolver = PinnedResolver(self._names, self._settings.tmdb_pins, family)
        return HostAddresses(resolver, self._peers_book, SYSTEM, family)

    def _policy(
        self, profile: str, alpn: tuple[bytes, ...] = HTTP_1_1
    ) -> ProfilePolicy:
        if (profile, alpn) not in self._policies:
            ca_file = self._settings.tmdb_ca_file
            self._policies[profile, alpn] = tls_policy(profile, ca_file, alpn)
        return self._policies[profile, alpn]


def _by_name(settings: Settings) -> Mapping[str, Egress]:
    return {each.name: each for each in settings.egress}


def tls_policy(
    profile: str, ca_file: Path | None, alpn: tuple[bytes, ...] = HTTP_1_1
) -> ProfilePolicy:
    """How connections of a profile are made, which offer these protocols. Raises
    SettingsError for a wrong file."""
    try:
        return ProfilePolicy(PROFILES[profile], ca_file, alpn)
    except TLSError as error:
        raise _no_certificate(ca_file) from error


def _no_certificate(ca_file: Path | None) -> SettingsError:
    return SettingsError([f"TMDB_CA_FILE {str(ca_file)!r} contains no PEM certificate"])
