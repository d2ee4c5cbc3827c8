"""One listening server: its socket, its site, its drain at the end."""

from __future__ import annotations

import socket
from typing import cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
)
from twisted.logger import Logger

from streamr.config.addresses import url_of
from streamr.interfaces import Reactor
from streamr.web.server.site import BACKLOG, GatewaySite
from streamr.web.server.tls import over
from streamr.web.server.transport import accept_waiting, use_prompt_connections

_log = Logger(namespace="streamr")


class Server(Service):
    """One listening server: adopts its socket, and lets requests finish at the end."""

    def __init__(
        self,
        name: str,
        reactor: Reactor,
        listening: socket.socket,
        site: GatewaySite,
        drain: float,
        tls: IOpenSSLServerConnectionCreator | None = None,
    ) -> None:
        """With `tls` it speaks that, and nothing else."""
        self.setName(name)
        self.url = url_at(listening, secure=tls is not None)
        self._reactor = reactor
        self._socket = listening
        self._site = site
        self._tls = tls
        self._drain = drain
        self._port: IListeningPort | None = None

    def startService(self) -> None:
        super().startService()
        site = cast(IProtocolFactory, self._site)
        factory = site if self._tls is None else over(self._tls, site, self._reactor)
        self._port = self._reactor.adoptStreamPort(
            self._socket.fileno(),
            self._socket.family,
            factory,  # type: ignore[arg-type]
        )
        use_prompt_connections(self._port)
        self._socket.close()
        _log.info("{name} server listens on {url}", name=self.name, url=self.url)

    @property
    def waiting(self) -> int:
        """How many callers wait for their answer."""
        return self._site.waiting

    def leave(self) -> None:
        """Keep no connection from now on; the port stays open."""
        self._site.leave()

    async def _stop(self) -> None:
        if self._port is not None:
            # in the turn in which Twisted closes it, just before that
            self._reactor.callLater(0, accept_waiting, self._port, BACKLOG)
            await maybeDeferred(self._port.stopListening)
        await self._site.drain(self._drain)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())


def url_at(listening: socket.socket, *, secure: bool = False) -> str:
    """The URL at which this machine reaches a listening socket."""
    host, port = listening.getsockname()[:2]
    return url_of(host, port, secure=secure)
