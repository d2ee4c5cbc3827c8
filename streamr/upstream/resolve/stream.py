"""Questions over one stream: each message after its length (RFC 1035, 4.2.2)."""

from __future__ import annotations

import secrets

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from streamr.upstream.resolve.failures import ServerFailed
from streamr.upstream.resolve.kept import KeptOpen, Questions
from streamr.upstream.resolve.question import Ask, answers, question, read


class MessageStream(Questions, Int16StringReceiver):
    """One connection; the answers come in any order (RFC 7766, 6.2.1.1)."""

    def ask(self, query: dns.Query) -> Deferred[dns.Message]:
        """Ask one question."""
        number = secrets.randbelow(1 << 16)
        while self.query(number) is not None:
            number = secrets.randbelow(1 << 16)
        asked = self.opened(number, query)
        self.sendString(question(query, number))
        return asked

    def stringReceived(self, string: bytes) -> None:
        message = read(string)
        query = None if message is None else self.query(message.id)
        if message is None:
            self.fail(Failure(ServerFailed("what it sends is not DNS")))
            self.abort()
        elif query is not None and not answers(message, query, message.id):
            self.settle(message.id, ServerFailed("it answers another question"))
        elif query is not None:
            self.settle(message.id, message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.fail(reason)


def over_stream(
    endpoint: IStreamClientEndpoint, clock: IReactorTime, seconds: float, idle: float
) -> Ask:
    """Asks over connections that an endpoint makes, one at a time. Each is kept for
    `idle` seconds, and given up when it says nothing for a third of `seconds`."""

    def connect() -> Deferred[MessageStream]:
        connecting: Deferred[MessageStream] = connectProtocol(
            endpoint, MessageStream(clock, idle)
        )
        return connecting

    return KeptOpen(connect, clock, seconds / 3).ask
