"""Which handshake an outbound proxy wants, and what it means not to reach it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.boundaries import Egress
from streamr.errors import Fault, Phase
from streamr.upstream.classify import classify
from streamr.upstream.dial.connect import connect
from streamr.upstream.dial.socks import socks5
from streamr.upstream.dial.tunnel import Handshake, TunnelEndpoint

_HANDSHAKES: dict[str, Callable[..., Handshake]] = {
    "http": connect,
    "https": connect,
    "socks5": socks5,
}


def through(
    egress: Egress, to_proxy: IStreamClientEndpoint, host: str, port: int
) -> IStreamClientEndpoint:
    """The endpoint of `host`, a name or an address, behind an outbound proxy.

    `to_proxy` connects to the proxy, for `https` with TLS. A connection that fails does
    so with a Fault, or with CancelledError.
    """
    handshake = partial(
        _HANDSHAKES[egress.scheme], host, port, egress.user, egress.password
    )
    secure = egress.scheme == "https"
    return _Reaching(TunnelEndpoint(to_proxy, handshake, secure=secure))


@implementer(IStreamClientEndpoint)
class _Reaching:
    """A tunnel whose proxy that cannot be reached is a Fault, too."""

    def __init__(self, tunnel: IStreamClientEndpoint) -> None:
        self._tunnel = tunnel

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting: Deferred[Any] = self._tunnel.connect(protocolFactory)
        return connecting.addErrback(_unreachable)


@dataclass(frozen=True, slots=True)
class _NotThere:
    """The evidence of a connection that no attempt's trace has followed."""

    phase: Phase = Phase.CONNECT
    timed_out: bool = False
    own_load: bool = False
    tap: None = None
    legs: tuple[()] = ()


def _unreachable(failure: Failure) -> Failure:
    value = failure.value
    if isinstance(value, CancelledError):
        return failure
    if isinstance(value, Fault) and value.cause.name.startswith("egress_"):
        return failure
    fault = classify(failure, _NotThere())
    if not fault.counts:
        return Failure(fault)  # this machine's own, such as no file descriptor left
    return Failure(Fault("egress_unreachable", str(fault)))
