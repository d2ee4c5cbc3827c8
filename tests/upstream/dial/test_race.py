"""Racing connections: the first secure one carries the request, nothing is left."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectingCancelledError,
    ConnectionLost,
    ConnectionRefusedError,
    TimeoutError,
)
from twisted.internet.interfaces import IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.upstream.dial.race import RACERS, RacingEndpoint

ADDRESS = IPv4Address("TCP", "192.0.2.1", 443)


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


@implementer(IStreamClientEndpoint)
class FakeEndpoint:
    """A connection that the test makes, secures and breaks."""

    def __init__(self) -> None:
        self.cancelled = False
        self.cancelled_as: Exception | None = None
        self.transport = Transport()

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        self.factory = protocolFactory
        self.result: Deferred[Any] = Deferred(self._cancel)
        return self.result

    def _cancel(self, _result: Deferred[Any]) -> None:
        self.cancelled = True
        if self.cancelled_as is not None:
            self.result.errback(self.cancelled_as)

    def stands(self) -> None:
        self.stands_after_all()
        self.result.callback(self.racer)

    def stands_after_all(self) -> None:
        """It stands, though whoever wanted it may have thought better of it."""
        self.racer = self.factory.buildProtocol(None)
        self.racer.makeConnection(self.transport)

    def secure(self) -> None:
        self.racer.handshakeCompleted()

    def reset(self) -> None:
        self.racer.connectionLost(Failure(ConnectionLost()))


class Granting:
    """Grants so many more connections than one."""

    def __init__(self, free: int = 15) -> None:
        self.free = free
        self.wanted: list[int] = []
        self.given_back: list[int] = []

    def borrow(self, wanted: int) -> int:
        self.wanted.append(wanted)
        granted = min(wanted, self.free)
        self.free -= granted
        return granted

    def give_back(self, places: int) -> None:
        self.free += places
        self.given_back.append(places)


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

    def test_one_that_stands_after_all_is_closed_when_it_is_secure(self) -> None:
        first, second, _ = self.endpoints
        first.stands()
        first.secure()
        second.stands_after_all()
        self.assertFalse(second.transport.aborted)
        second.secure()
        self.assertTrue(second.transport.aborted)
        self.assertFalse(first.transport.aborted)

    def test_one_that_stands_after_all_and_ends_changes_nothing(self) -> None:
        first, second, third = self.endpoints
        for each in (second, third):
            each.cancelled_as = ConnectingCancelledError(ADDRESS)
        first.stands()
        first.secure()
        second.stands_after_all()
        second.reset()
        self.assertIs(self.successResultOf(self.won).transport, first.transport)

    def test_the_end_of_those_that_were_closed_changes_nothing(self) -> None:
        first, second, third = self.endpoints
        for each in self.endpoints:
            each.stands()
        first.secure()
        second.reset()
        third.reset()
        self.assertIs(self.successResultOf(self.won).transport, first.transport)

    def test_one_that_has_ended_is_counted_once_and_not_closed_again(self) -> None:
        first, second, third = self.endpoints
        first.stands()
        for _ in self.endpoints:
            first.reset()
        self.assertNoResult(self.won)
        second.stands()
        second.secure()
        self.successResultOf(self.won)
        self.assertFalse(first.transport.aborted)
        self.assertTrue(third.cancelled)

    def test_when_none_stands_the_race_fails_as_the_last_one_did(self) -> None:
        *others, last = self.endpoints
        for each in others:
            each.result.errback(ConnectionRefusedError())
            self.assertNoResult(self.won)
        last.result.errback(TimeoutError())
        self.failureResultOf(self.won, TimeoutError)

    def test_what_comes_before_the_handshake_ends_is_nobodys(self) -> None:
        first = self.endpoints[0]
        first.stands()
        first.racer.dataReceived(b"early")
        first.secure()
        self.assertEqual(self.successResultOf(self.won).seen, b"")

    def test_no_race_is_worth_a_line_in_the_log(self) -> None:
        for endpoint in self.endpoints:
            self.assertIs(endpoint.factory.noisy, False)

    def test_cancelling_before_any_stands_is_a_cancellation(self) -> None:
        self.won.cancel()
        self.failureResultOf(self.won, CancelledError)
        self.assertTrue(all(each.cancelled for each in self.endpoints))

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

    def test_who_connects_alone_takes_and_gives_back_no_place(self) -> None:
        for places in (Granting(0), None):
            won = self.race(places)
            (alone,) = self.endpoints
            # no race: what the endpoint makes is made by the caller's own factory
            alone.stands()
            self.assertIsInstance(self.successResultOf(won), Real)
            if places is not None:
                self.assertEqual((places.free, places.given_back), (0, []))

    def test_who_connects_alone_fails_and_is_cancelled_alone(self) -> None:
        won = self.race(Granting(0))
        self.endpoints[0].result.errback(ConnectionRefusedError())
        self.failureResultOf(won, ConnectionRefusedError)
        won = self.race(None)
        won.cancel()
        self.failureResultOf(won, CancelledError)
        self.assertTrue(self.endpoints[0].cancelled)

    def test_as_many_come_back_as_were_granted_once_and_not_before_the_end(
        self,
    ) -> None:
        for free, granted in ((15, 2), (2, 2), (1, 1)):
            places = Granting(free)
            won = self.race(places)
            self.assertEqual((places.wanted, len(self.endpoints)), ([2], 1 + granted))
            for each in self.endpoints:
                self.assertEqual(places.given_back, [])
                each.result.errback(ConnectionRefusedError())
            self.failureResultOf(won, ConnectionRefusedError)
            self.assertEqual(places.given_back, [granted], free)

    def test_nothing_is_made_before_a_connection_is_needed(self) -> None:
        self.endpoints.clear()
        places = Granting()
        RacingEndpoint(self.make, places)
        self.assertEqual((self.endpoints, places.wanted), ([], []))

    def test_with_one_free_two_race(self) -> None:
        self.race(Granting(1))
        self.assertEqual(len(self.endpoints), 2)
