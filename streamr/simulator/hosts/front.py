"""Below TLS: a front protocol that sees the ClientHello and decides what becomes of it.

    TCP  ->  Front  ->  TLS (one factory per certificate)  ->  Inside  ->  HTTP

The Front collects bytes until the hello is whole, strikes or not, and then only
hands bytes on. Inside sits between TLS and HTTP: it counts handshakes and offers
the ends that twisted.web does not have (a true RST). As at a CDN, the name in the hello
decides who serves, whichever host's port it came to; faults of the hello strike names,
faults at the accept strike addresses.
"""

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.simulator.faults.client_hello import LONGEST_HELLO, NotTls, read_hello
from streamr.simulator.faults.table import ACCEPT, HELLO, SimulatedFault
from streamr.simulator.hosts.certificates import GOOD, Vault
from streamr.simulator.hosts.host import Host

BLOCK_PAGE = b"<html><head><title>Blocked</title></head><body>Blocked.</body></html>"
# What is said in answer to a hello before the write side closes.
LAST_WORDS = {
    "fin-at-accept": b"",
    "fin-after-hello": b"",
    "alert-handshake-failure": b"\x15\x03\x03\x00\x02\x02\x28",
    "alert-protocol-version": b"\x15\x03\x03\x00\x02\x02\x46",
    "plain-http": (
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s" % (len(BLOCK_PAGE), BLOCK_PAGE)
    ),
    "garbage": b"\x00\x07\xff\xfe neither this nor that \x80\x81\x82\x00" * 4,
}


@implementer(IHandshakeListener)
class Inside(ProtocolWrapper):
    """HTTP's transport: TLS, with a count of handshakes and a true reset."""

    factory: "InsideFactory"

    def handshakeCompleted(self) -> None:
        """TLS stands."""
        self.factory.host.ledger.handshakes += 1

    def reset(self) -> None:
        """Send an RST: no TLS close, nothing of what is still unsent."""
        tls = self.transport
        below = tls.transport if isinstance(tls, ProtocolWrapper) else None
        if ITCPTransport.providedBy(below):
            below.abortConnection()


class InsideFactory(WrappingFactory):
    """Wraps the HTTP site of one host."""

    protocol = Inside
    noisy = False

    def __init__(self, host: Host, site: IProtocolFactory) -> None:
        """Count for this host."""
        super().__init__(site)
        self.host = host


class Front(Protocol):
    """One TCP connection: the hello first, then TLS or a fault."""

    def __init__(self, owner: "FrontFactory") -> None:
        """Begin by collecting the hello."""
        self.owner = owner
        self.named = owner
        self.collected = b""
        self.struck = False
        self.tls: IProtocol | None = None

    @property
    def tcp(self) -> ITCPTransport:
        """The connection itself."""
        assert ITCPTransport.providedBy(self.transport)
        return self.transport

    def connectionMade(self) -> None:
        """Count, and strike at once if a fault says so."""
        self.owner.joined(self)
        fault = self.owner.host.strike(ACCEPT)
        if fault is not None:
            self.strike(fault)

    def dataReceived(self, data: bytes) -> None:
        """Collect the hello, or hand bytes on to TLS; after a fault, ignore them."""
        if self.tls is not None:
            self.tls.dataReceived(data)
        elif not self.struck:
            self.collected += data
            self.look()

    def look(self) -> None:
        """Decide, once the hello is whole. What is no TLS goes on to TLS's alert."""
        try:
            hello = read_hello(self.collected)
        except NotTls:
            self.hand_on(GOOD)
            return
        if hello is None:
            if len(self.collected) > 2 * LONGEST_HELLO:
                self.abort()
            return
        self.named = self.owner.named(hello.server_name)
        self.named.host.ledger.note_hello(hello)
        fault = self.named.host.strike(HELLO, hello)
        if fault is None:
            self.hand_on(GOOD)
        elif fault.name.startswith("cert-"):
            self.hand_on(fault.name)
        else:
            self.strike(fault)

    def strike(self, fault: SimulatedFault) -> None:
        """Reset, close or fall silent."""
        self.struck = True
        if fault.name.startswith("reset"):
            self.abort()
        elif fault.name in LAST_WORDS:
            self.finish(LAST_WORDS[fault.name])

    def finish(self, words: bytes) -> None:
        """Say something and send a FIN.

        Only the write side closes: closing a socket with unread bytes would send RST.
        """
        self.tcp.write(words)
        self.tcp.loseWriteConnection()

    def hand_on(self, certificate: str) -> None:
        """Let TLS begin, with this certificate and all bytes so far."""
        self.tls = self.named.tls(certificate).buildProtocol(self.tcp.getPeer())
        self.tls.makeConnection(self.tcp)
        collected, self.collected = self.collected, b""
        self.tls.dataReceived(collected)

    def abort(self) -> None:
        """Send an RST."""
        self.tcp.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell TLS, and the factory."""
        if self.tls is not None:
            self.tls.connectionLost(reason)
        self.owner.left(self)


@implementer(IProtocolFactory)
class FrontFactory:
    """Makes the fronts of one host and knows which are open."""

    def __init__(
        self, host: Host, vault: Vault, site: IProtocolFactory, clock: IReactorTime
    ) -> None:
        """Serve this site over TLS; bad certificates are made when first needed."""
        self.host = host
        self.vault = vault
        self.site = site
        self.clock = clock
        self.fronts: set[Front] = set()
        self.waiting: list[Deferred[None]] = []
        self.tls_factories: dict[str, TLSMemoryBIOFactory] = {}
        # TMDB's CDN serves each of its names at each of its addresses
        self.edge: Mapping[str, FrontFactory] = {host.name: self}
        self.tls(GOOD)

    def doStart(self) -> None:
        """Start the site with the port."""
        self.site.doStart()

    def doStop(self) -> None:
        """Stop the site with the port."""
        self.site.doStop()

    def buildProtocol(self, addr: IAddress | None) -> Front:
        """A front for a new connection."""
        return Front(self)

    def named(self, name: str | None) -> "FrontFactory":
        """Who serves the name that a ClientHello asks for; this one when unknown."""
        return self.edge.get(name or "", self)

    def tls(self, certificate: str) -> TLSMemoryBIOFactory:
        """The TLS layer that shows a certificate."""
        if certificate not in self.tls_factories:
            options = self.vault.options(self.host.name, certificate)
            inside = InsideFactory(self.host, self.site)
            self.tls_factories[certificate] = TLSMemoryBIOFactory(
                options, False, inside, self.clock
            )
        return self.tls_factories[certificate]

    def joined(self, front: Front) -> None:
        """A connection stands."""
        self.fronts.add(front)
        self.host.ledger.accepted += 1
        self.host.ledger.open += 1

    def left(self, front: Front) -> None:
        """A connection is gone."""
        self.fronts.discard(front)
        self.host.ledger.open -= 1
        if not self.fronts:
            waiting, self.waiting = self.waiting, []
            for deferred in waiting:
                deferred.callback(None)

    def abort_all(self) -> Deferred[None]:
        """Abort every connection; fires when the last one is gone."""
        done: Deferred[None] = Deferred()
        self.waiting.append(done)
        for front in list(self.fronts):
            front.abort()
        if not self.fronts:
            self.waiting.remove(done)
            done.callback(None)
        return done
