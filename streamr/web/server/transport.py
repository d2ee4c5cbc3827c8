"""Callers' TCP connections: an answer goes to the kernel as soon as it is written.

Twisted's own transport tells the reactor of each write, and when nothing is left: two
system calls (epoll_ctl) for each answer, which the kernel takes whole at once anyway.
"""

from __future__ import annotations

from twisted.internet.interfaces import IListeningPort, ITransport
from twisted.internet.tcp import Port, Server
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOProtocol

from streamr import eventloop


class PromptServer(Server):
    """A connection whose writes can be gathered, and sent together.

    What the kernel does not take at once is the reactor's, as ever; so are errors,
    which it meets again, and the end of a connection that is closing.
    """

    _gathering = False

    def gather(self) -> None:
        """Writes wait for `flush` from now on."""
        self._gathering = True

    def startWriting(self) -> None:
        """Twisted's: ask the reactor to write when the kernel takes more."""
        if not self._gathering:
            super().startWriting()

    def flush(self) -> None:
        """Send what was gathered, and leave the rest to the reactor."""
        if not (self._gathering and self.connected):
            return
        self._gathering = False
        if self.doWrite() is not None or self.dataBuffer:
            self.startWriting()


def use_prompt_connections(port: IListeningPort) -> None:
    """Let a TCP port make such connections (Port.transport is there to be replaced)."""
    if isinstance(port, Port):
        port.transport = PromptServer


def accept_waiting(port: IListeningPort, most: int) -> None:
    """Accept up to `most` connections that the kernel holds for a TCP port.

    A port that closes resets those, and with them what they have asked. Twisted accepts
    a few in each turn, and closes a port one turn after it was told to.
    """
    if isinstance(port, Port) and port.connected:
        port.numberAccepts = most
        port.doRead()


def is_secure(transport: object) -> bool:
    """Whether a connection has TLS around it."""
    return isinstance(transport, ProtocolWrapper)


def server_name(transport: object) -> str:
    """The name that a caller over TLS has asked for (RFC 6066, 3), in small letters; ""
    where there is none."""
    if not isinstance(transport, TLSMemoryBIOProtocol):
        return ""
    name: bytes | None = transport.getHandle().get_servername()
    return "" if name is None else name.decode("ascii", "replace").lower()


def below(secure: ProtocolWrapper) -> object:
    """The connection below TLS."""
    return secure.transport


def gather(transport: object) -> None:
    """Let a connection's writes wait for `flush`, if it can."""
    if isinstance(transport, ProtocolWrapper):
        transport = below(transport)
    if isinstance(transport, PromptServer):
        transport.gather()


def flush(transport: object) -> None:
    """Send what a connection has written; see streamr.eventloop.flush."""
    if isinstance(transport, ProtocolWrapper):
        transport = below(transport)
    if isinstance(transport, PromptServer):
        transport.flush()
    else:
        eventloop.flush(transport)


def peer_of(transport: ITransport) -> str:
    """The address at the other end; "" where it has none, as a UNIX socket."""
    return str(getattr(transport.getPeer(), "host", ""))
