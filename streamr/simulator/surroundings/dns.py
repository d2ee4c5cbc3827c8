"""A DNS server on loopback that says what it is told to, or fails, or is silent."""

import ipaddress
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorUDP, IResolver
from twisted.names import dns, error
from twisted.names.common import ResolverBase
from twisted.names.server import DNSServerFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.simulator.hosts.ports import LOOPBACK, number_of, stop_listening

SILENT, FAILS = "silent", "fails"
# Longer than anybody waits for a name.
SILENT_SECONDS = 60.0
# More than any resolver asks.
LONGEST_DATAGRAM = 8192
# A name's addresses, or how it is not answered.
Saying = Sequence[str] | str
Answers = Mapping[str, Saying]


@implementer(IResolver)
class Said(ResolverBase):
    """Answers from a table; a name that is not in it does not exist."""

    def __init__(self, answers: Answers) -> None:
        """`answers` maps names to addresses, `silent` or `fails` (SERVFAIL)."""
        super().__init__()
        self.answers = answers

    # Twisted's annotation says three records where there are three lists of them
    def query(self, query: dns.Query, timeout: Sequence[int] = ()) -> Deferred[Any]:
        """What the table says for a question about A or AAAA."""
        name = str(query.name).lower()
        said = self.answers.get(name)
        if said == SILENT:
            return Deferred()
        if said == FAILS:
            return fail(error.ResolverError(name))
        if said is None:
            return fail(error.DomainError(name))
        records = [self.record(name, each) for each in said]
        return succeed(([r for r in records if r.type == query.type], [], []))

    def record(self, name: str, address: str) -> dns.RRHeader:
        """One A or AAAA record."""
        if ipaddress.ip_address(address).version == 6:
            return dns.RRHeader(name, dns.AAAA, payload=dns.Record_AAAA(address))
        return dns.RRHeader(name, dns.A, payload=dns.Record_A(address))


def lookup(answers: Answers, name: str) -> list[tuple[int, str]]:
    """What the system's resolver would say in this network, blocking.

    Raises OSError. Addresses and names of this machine stay what they are.
    """
    said = answers.get(name)
    if said == SILENT:
        threading.Event().wait(SILENT_SECONDS)
    if said in (None, SILENT, FAILS):
        raise socket.gaierror(socket.EAI_AGAIN, "the simulated resolver fails")
    assert not isinstance(said, str) and said is not None
    return [(socket.AF_INET6 if ":" in each else socket.AF_INET, each) for each in said]


class Factory(DNSServerFactory):
    """Says SERVFAIL where the table says that it fails."""

    noisy = False

    def gotResolverError(
        self,
        failure: Failure,
        protocol: dns.DNSMixin,
        message: dns.Message,
        address: tuple[str, int] | None,
    ) -> None:
        """NXDOMAIN or SERVFAIL; neither is an error of this server."""
        missing = failure.check(error.DomainError) is not None
        message.rCode = dns.ENAME if missing else dns.ESERVER
        message.answer = True
        self.sendReply(protocol, message, address)


class NameServer:
    """The table over UDP on loopback."""

    def __init__(self, reactor: IReactorUDP, answers: Answers) -> None:
        """Listen on a port that the system chooses."""
        factory = Factory(clients=[Said(answers)])
        protocol = dns.DNSDatagramProtocol(factory, reactor=reactor)
        self.port = reactor.listenUDP(0, protocol, LOOPBACK, LONGEST_DATAGRAM)
        self.address = f"{LOOPBACK}:{number_of(self.port)}"

    def stop(self) -> Deferred[None]:
        """Stop listening."""
        return stop_listening(self.port)
