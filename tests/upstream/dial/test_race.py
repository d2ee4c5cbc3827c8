"""Racing connections: the first secure one carries the request, nothing is left."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.upstream.dial.race import RACERS, RacingEndpoint


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


@implementer(IStreamClientEndpoint)
class FakeEndpoint:
    """A connection that the test makes, secures and breaks."""

    def __init__(self) -> None:
        self.cancelled = False
        self.transport = Transport()

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        self._factory = protocolFactory
        self.result: Deferred[Any] = Deferred(self._cancel)
        return self.result

    def _cancel(self, _result: Deferred[Any]) -> None:
        self.cancelled = True

    def stands(self) -> None:
        self.racer = self._factory.buildProtocol(None)
        self.racer.makeConnection(self.transport)
        self.result.callback(self.racer)

    def secure(self) -> None:
        self.racer.handshakeCompleted()

    def reset(self) -> None:
        self.racer.connectionLost(Failure(ConnectionLost()))


class Granting:
    """Grants so many more connections than one."""

    def __init__(self, free: int = 15) -> None:
        self.free = free

    def borrow(self, wanted: int) -> int:
        granted = min(wanted, self.free)
        self.free -= granted
        return granted

    def give_back(self, places: int) -> None:
        self.free += places


class Real(Protocol):
    """What stands for the HTTP protocol."""

    def __init__(self) -> None:
        self.seen = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.seen += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


class RaceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.endpoints: list[FakeEndpoint] = []
        self.places = Granting()
        self.won = self.race(self.places)

    def race(self, places: Granting | None) -> Deferred[Any]:
        self.endpoints.clear()
        return RacingEndpoint(self.make, places).connect(Factory.forProtocol(Real))

    def make(self) -> FakeEndpoint:
        self.endpoints.append(FakeEndpoint())
        return self.endpoints[-1]


class Race(RaceCase):
    def test_it_is_an_endpoint_that_starts_a_few_at_once(self) -> None:
        verifyObject(IStreamClientEndpoint, RacingEndpoint(self.make, Granting()))
        self.assertEqual(len(self.endpoints), RACERS)

    def test_standing_is_not_enough(self) -> None:
        for endpoint in self.endpoints:
            endpoint.stands()
            self.assertTrue(IHandshakeListener.providedBy(endpoint.racer))
        self.assertNoResult(self.won)

    def test_the_first_secure_one_wins_and_the_others_are_closed(self) -> None:
        first, second, third = self.endpoints
        first.stands()
        second.stands()
        second.secure()
        real = self.successResultOf(self.won)
        self.assertIs(real.transport, second.transport)
        self.assertTrue(first.transport.aborted)
        self.assertTrue(third.cancelled)
        self.assertFalse(second.transport.aborted)

    def test_everything_of_the_winner_reaches_the_real_protocol(self) -> None:
        winner = self.endpoints[0]
        winner.stands()
        winner.secure()
        real = self.successResultOf(self.won)
        winner.racer.dataReceived(b"HTTP/1.1 200 OK")
        self.assertEqual(real.seen, b"HTTP/1.1 200 OK")
        winner.reset()
        self.assertTrue(real.lost)

    def test_resets_before_the_last_lose_nothing(self) -> None:
        first, second, third = self.endpoints
        first.stands()
        first.reset()
        second.result.errback(ConnectionRefusedError())
        self.assertNoResult(self.won)
        third.stands()
        third.secure()
        self.successResultOf(self.won)

    def test_when_all_are_reset_the_race_is(self) -> None:
        for endpoint in self.endpoints:
            endpoint.stands()
            endpoint.reset()
        self.failureResultOf(self.won, ConnectionLost)

    def test_a_late_one_is_closed(self) -> None:
        first, second, _ = self.endpoints
        first.stands()
        second.stands()
        first.secure()
        second.secure()
        self.assertTrue(second.transport.aborted)
        self.successResultOf(self.won)

    def test_cancelling_closes_all(self) -> None:
        first, second, third = self.endpoints
        first.stands()
        self.won.cancel()
        self.failureResultOf(self.won)
        self.assertTrue(first.transport.aborted)
        self.assertTrue(second.cancelled and third.cancelled)


class Granted(RaceCase):
    """A race takes the places of a host, and gives them back."""

    def test_they_come_back_when_it_is_won(self) -> None:
        self.assertEqual(self.places.free, 15 - (RACERS - 1))
        self.endpoints[0].stands()
        self.endpoints[0].secure()
        self.successResultOf(self.won)
        self.assertEqual(self.places.free, 15)

    def test_they_come_back_when_it_is_lost_or_cancelled(self) -> None:
        self.won.cancel()
        self.failureResultOf(self.won)
        self.assertEqual(self.places.free, 15)

    def test_with_none_free_or_none_at_all_one_connects_alone(self) -> None:
        for places in (Granting(0), None):
            self.race(places)
            self.assertEqual(len(self.endpoints), 1)

    def test_with_one_free_two_race(self) -> None:
        self.race(Granting(1))
        self.assertEqual(len(self.endpoints), 2)
