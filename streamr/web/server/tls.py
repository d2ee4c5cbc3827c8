"""TLS in front of a server: which certificate it shows, and nothing older than TLS 1.2.

A context is frozen after its first connection (docs/facts/tls.md, "The
price of a context"), so files that are read again make a new one, for the connections
that come.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from streamr.net.doors import NAMES
from streamr.web.server.authority import RENEWED_BEFORE, DoorAuthority
from streamr.web.server.certificates import (
    CERTIFICATE,
    Identity,
    problem,
    read_identity,
)

HTTP = b"http/1.1"
# Of TLS 1.2, what keeps a secret forward, and encrypts and authenticates in one.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
# Sessions are not resumed: that would skip the check of a peer's pin, and tickets are
# encrypted with a key that lives as long as the process.
_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION


@implementer(IOpenSSLServerConnectionCreator)
class ServerTLS:
    """The certificate of a server as it was last read, and its connections."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises SettingsError, as `renew` does."""
        self._files = certificate, key
        self.renew()

    def renew(self) -> None:
        """Read the files again, for new connections. Raises SettingsError, and then
        keeps what it has."""
        found = read_identity(*self._files)
        try:
            self._context = make_context(found)
        except SSL.Error as error:
            # as of a key that is too short
            why = "; ".join(str(each[-1]) for each in error.args[0])
            raise problem(CERTIFICATE, self._files[0], why) from error
        self._identity = found

    @property
    def pin(self) -> str:
        """What others know its key by."""
        return self._identity.pin

    @property
    def ends(self) -> datetime:
        """When its certificate ends."""
        return self._identity.ends

    def serverConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """Twisted asks for the connection of one protocol."""
        return _accepting(self._context)


@implementer(IOpenSSLServerConnectionCreator)
class DoorTLS:
    """The door's: a certificate for those who ask for one of its names (RFC 6066, 3),
    made anew in time. Whoever names no name, or another, gets none: OpenSSL ends the
    handshake."""

    def __init__(self, authority: DoorAuthority, wall: Callable[[], float]) -> None:
        """`wall` is in seconds since the epoch."""
        self._authority = authority
        self._wall = wall
        self._nothing = _context()
        self._nothing.set_tlsext_servername_callback(self._named)
        self._renew(self._now())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)

    def _renew(self, now: datetime) -> None:
        made = self._authority.leaf(now)
        self._context, self._due = make_context(made), made.ends - RENEWED_BEFORE
        if made.ends == self._authority.ends:
            self._due = made.ends  # a newer one would end no later

    def _named(self, connection: SSL.Connection) -> None:
        """OpenSSL tells that the caller has named somebody, or nobody."""
        name = connection.get_servername()
        if name is not None and name.decode("ascii", "replace").lower() in NAMES:
            connection.set_context(self._context)

    def serverConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """Twisted asks for the connection of one protocol."""
        now = self._now()
        if now >= self._due and now < self._authority.ends:
            self._renew(now)
        return _accepting(self._nothing)


def over(
    tls: IOpenSSLServerConnectionCreator, factory: IProtocolFactory, clock: IReactorTime
) -> IProtocolFactory:
    """The same server, behind TLS."""
    return _Factory(tls, False, factory, clock)


def _accepting(context: SSL.Context) -> SSL.Connection:
    connection = SSL.Connection(context, None)
    connection.set_accept_state()
    return connection


def make_context(identity: Identity) -> SSL.Context:
    """A context that shows a certificate."""
    context = _context()
    own, *others = identity.chain
    context.use_certificate(own)
    for each in others:
        context.add_extra_chain_cert(each)
    context.use_privatekey(identity.key)
    return context


def _context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(_OPTIONS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(_CIPHERS)
    context.set_alpn_select_callback(_choose)
    return context


def _choose(_connection: SSL.Connection, offered: list[bytes]) -> Any:
    """HTTP/1.1 is all that is spoken here."""
    # the type of "none of them" has no public name
    return HTTP if HTTP in offered else SSL.NO_OVERLAPPING_PROTOCOLS


class _Factory(TLSMemoryBIOFactory):
    """Twisted's own TLS without its buffer, so that an answer leaves at once."""

    protocol = TLSMemoryBIOProtocol
