"""A reactor that looks names up with a resolver of ours, and tells when it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IResolutionReceiver,
)
from zope.interface import implementer

from streamr.interfaces import Reactor


@implementer(IResolutionReceiver)
class _Marked:
    """A receiver that also tells when the resolution found something."""

    def __init__(self, inner: IResolutionReceiver, found: Callable[[], None]) -> None:
        self._inner = inner
        self._found = found
        self._count = 0

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self._inner.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: IAddress) -> None:
        self._count += 1
        self._inner.addressResolved(address)

    def resolutionComplete(self) -> None:
        if self._count:
            self._found()
        self._inner.resolutionComplete()


@implementer(IHostnameResolver)
class _MarkingResolver:
    def __init__(self, inner: IHostnameResolver, found: Callable[[], None]) -> None:
        self._inner = inner
        self._found = found

    def resolveHostName(
        self, resolutionReceiver: IResolutionReceiver, *args: Any, **kwargs: Any
    ) -> IHostResolution:
        marked = _Marked(resolutionReceiver, self._found)
        return self._inner.resolveHostName(marked, *args, **kwargs)


@implementer(IReactorTime, IReactorTCP, IReactorPluggableNameResolver)
class ReactorView:
    """The reactor as one attempt sees it: the same, with another name resolver."""

    def __init__(
        self, reactor: Reactor, resolver: IHostnameResolver, found: Callable[[], None]
    ) -> None:
        self.nameResolver = _MarkingResolver(resolver, found)
        self.seconds = reactor.seconds
        self.callLater = reactor.callLater
        self.getDelayedCalls = reactor.getDelayedCalls
        self.connectTCP = reactor.connectTCP
        self.listenTCP = reactor.listenTCP
        self.installNameResolver = reactor.installNameResolver
