"""Requests to TMDB that leave by somebody else: our proxies, and outbound proxies.

Both are the daemon's own routes, made as it makes them. Who is behind them sees TMDB
from another network, and is so a second vantage point.
"""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlsplit

from streamr.app.candidates import REMOTE
from streamr.app.routes import Upstream
from streamr.boundaries import DIRECT, Dimensions, Egress
from streamr.config.settings import Settings
from streamr.doctor.evidence import EgressReply, ProxyReply
from streamr.doctor.probe.http import (
    SMALL,
    TRANSPORT,
    Asking,
    Head,
    code_of,
    failed,
)
from streamr.doctor.probe.tcp_tls import milliseconds
from streamr.errors import CAUSES, Fault, RouteKind
from streamr.fields.loop import Loop
from streamr.interfaces import Route
from streamr.upstream.client import Client
from streamr.upstream.dial.tls import MODERN

# What a proxy that does not let us in is called; any program may answer so.
_UNWELCOME = "proxy_configuration_error"


class Elsewhere:
    """Asks for the same small answer over every proxy of both kinds."""

    def __init__(self, asking: Asking, settings: Settings) -> None:
        self._asking = asking
        self._settings = settings
        self._loop = Loop("streamr-doctor")

    @property
    def outlets(self) -> tuple[Egress, ...]:
        """The outbound proxies that the settings list."""
        return tuple(each for each in self._settings.egress if each != DIRECT)

    async def egress(self, egress: Egress) -> EgressReply:
        """What TMDB's direct host answers over an outbound proxy."""
        return await self._asking.lateness.fair(lambda: self._egress(egress))

    async def _egress(self, egress: Egress) -> EgressReply:
        settings, clock = self._settings, self._asking.reactor
        upstream = Upstream(settings, clock)
        host = urlsplit(settings.tmdb_base_url).netloc
        route = upstream.tmdb(
            "doctor",
            RouteKind.DIRECT,
            settings.tmdb_base_url,
            Dimensions(host, MODERN.name, REMOTE, egress.name, REMOTE),
            self._loop,
        )
        began = clock.seconds()
        try:
            answer = await self._asking.send(route, SMALL, Head(clock))
        except Fault as fault:
            found = failed(host, SMALL, fault, milliseconds(clock.seconds() - began))
            return EgressReply(
                *(egress.name, found.cause, found.ms, found.status, found.code),
                found.detail,
            )
        finally:
            await _closed(upstream)
        ms = milliseconds(clock.seconds() - began)
        return EgressReply(egress.name, None, ms, answer.status, code_of(answer))

    async def proxy(self, url: str, *, chosen: bool) -> ProxyReply:
        """What a proxy finds: the second vantage point."""
        return await self._asking.lateness.fair(lambda: self._proxy(url, chosen=chosen))

    async def _proxy(self, url: str, *, chosen: bool) -> ProxyReply:
        upstream = Upstream(self._settings, self._asking.reactor)
        route = upstream.proxy(url, self._loop, near=not chosen)
        (client,) = upstream.clients
        url = url.partition("#")[0]
        try:
            found = await self._over(route, url, chosen=chosen)
            if found.cause is None or CAUSES[found.cause].phase not in TRANSPORT:
                found = await self._named(found, client)
        finally:
            await client.close()
        return found

    async def _over(self, route: Route, url: str, *, chosen: bool) -> ProxyReply:
        """One request over a proxy. Who reports its attempts is a streamr."""
        try:
            answer = await self._asking.send(route, SMALL, Head(self._asking.reactor))
        except Fault as fault:
            # a final fault is the proxy's own word, but for a 401 that anybody may say
            final = fault.final and fault.cause.name != _UNWELCOME
            return ProxyReply(
                url,
                chosen,
                fault.cause.name,
                detail=fault.detail,
                reported=_reported(fault, final),
                ours=bool(fault.attempts) or final,
            )
        return ProxyReply(
            url,
            chosen,
            None,
            answer.status,
            code_of(answer),
            reported=tuple(each.cause for each in answer.attempts if each.cause),
            skew=self._asking.skew(answer),
            ours=bool(answer.attempts),
        )

    async def _named(self, found: ProxyReply, client: Client) -> ProxyReply:
        """The same with the version on the proxy's health page, where there is one."""
        try:
            page = await client.get(
                f"{found.url.rstrip('/')}/health",
                {},
                self._asking.budget(),
                new_connection=False,
                progress=Head(self._asking.reactor),
            )
            version = json.loads(page.body)["version"]
        except (Fault, ValueError, KeyError, TypeError):
            return found
        if type(version) is not str:
            return found
        return replace(found, ours=True, version=version)


def _reported(fault: Fault, final: bool) -> tuple[str, ...]:
    """The causes that a proxy reports; its own word where it has made no try."""
    causes = tuple(each.cause for each in fault.attempts if each.cause)
    if fault.cause.name == _UNWELCOME and fault.attempts:
        # who has tried routes has let us in: it is its key that TMDB does not take
        return causes or ("key_refused",)
    return causes or ((fault.cause.name,) if final else ())


async def _closed(upstream: Upstream) -> None:
    for client in upstream.clients:
        await client.close()
