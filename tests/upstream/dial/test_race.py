"""Racing connections: the first that is ready carries the request, nothing is left."""

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
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.boundaries import Budget
from streamr.errors import Fault, Phase
from streamr.upstream.dial.dialer import RACERS, _Lent
from streamr.upstream.dial.race import ConnectionRace, Racer, Rules
from streamr.upstream.dial.tap import Trace

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


class Real(Protocol):
    """What stands for the HTTP protocol."""

    def __init__(self) -> None:
        self.seen = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.seen += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=8.0)


class RaceCase(SynchronousTestCase):
    """Three racers that start together, but where a test says otherwise."""

    many = 3
    at_once = 3
    secure = True
    real: type[Protocol] = Real

    def setUp(self) -> None:
        self.clock = Clock()
        self.trace = Trace(self.clock, BUDGET)
        many = range(1, self.many + 1)
        self.legs = [self.trace.leg(f"192.0.2.{number}") for number in many]
        self.endpoints = [FakeEndpoint() for _ in self.legs]
        pairs = zip(self.legs, self.endpoints, strict=True)
        racers = [Racer(leg, lambda each=each: each) for leg, each in pairs]
        rules = Rules(self.secure, self.at_once, lambda: 0.05, 0.25)
        factory = Factory.forProtocol(self.real)
        self.won = ConnectionRace(racers, factory, rules, self.clock).won

    @property
    def begun(self) -> list[FakeEndpoint]:
        return [each for each in self.endpoints if hasattr(each, "result")]

    def fault(self) -> Fault:
        fault: Any = self.failureResultOf(self.won, Fault).value
        return fault  # type: ignore[no-any-return]

    def tearDown(self) -> None:
        self.won.addErrback(lambda _: None)
        self.won.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Together(RaceCase):
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
        self.assertEqual(self.legs[1].phase, Phase.REQUEST)

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


@implementer(IHandshakeListener)
class Listener(Real):
    """A protocol that asks to be told of TLS, as a tunnel does."""

    secured = 0

    def handshakeCompleted(self) -> None:
        assert self.transport is not None
        self.secured += 1


class ToAProxy(RaceCase):
    """Over TLS to an outbound proxy: above it is a tunnel."""

    real = Listener

    def test_who_listens_for_the_handshake_is_told_that_it_has_ended(self) -> None:
        self.endpoints[0].stands()
        self.endpoints[0].secure()
        self.assertEqual(self.successResultOf(self.won).secured, 1)


class Told(RaceCase):
    """The one Fault of a race that nobody won, and the evidence of each leg."""

    def test_it_is_that_of_the_leg_that_came_the_furthest(self) -> None:
        first, second, third = self.endpoints
        first.result.errback(ConnectionRefusedError())
        second.result.errback(
            Fault("tls_certificate_error", "the certificate is for another host")
        )
        third.result.errback(TimeoutError())
        self.assertEqual(self.fault().cause.name, "tls_certificate_error")
        self.assertEqual(
            [each.fault.cause.name for each in self.legs if each.fault is not None],
            ["connection_refused", "tls_certificate_error", "connection_timeout"],
        )

    def test_of_two_that_came_as_far_the_one_that_was_answered(self) -> None:
        for order in ((TimeoutError, ConnectionRefusedError), (None, None)):
            kinds = order if order[0] else (ConnectionRefusedError, TimeoutError)
            self.setUp()
            *others, last = self.endpoints
            for each, kind in zip(others, kinds, strict=True):
                each.result.errback(kind())
            last.result.errback(TimeoutError())
            self.assertEqual(self.fault().cause.name, "connection_refused")

    def test_after_several_tries_there_is_no_second_one(self) -> None:
        for endpoint in self.endpoints:
            endpoint.result.errback(ConnectionRefusedError())
        self.assertTrue(self.fault().final)

    def test_when_all_are_reset_the_race_is(self) -> None:
        for endpoint in self.endpoints:
            endpoint.stands()
            endpoint.reset()
        self.assertEqual(self.fault().cause.name, "connection_terminated")


class Alone(RaceCase):
    many = 1

    def test_the_one_try_of_a_single_address_may_be_repeated(self) -> None:
        self.endpoints[0].result.errback(ConnectionRefusedError())
        self.assertFalse(self.fault().final)


class InTurn(RaceCase):
    """One at a time: the next when one fails, or is slow."""

    at_once = 1

    def test_one_starts_alone(self) -> None:
        self.assertEqual(self.begun, self.endpoints[:1])
        begun = [each.began is not None for each in self.legs]
        self.assertEqual(begun, [True, False, False])

    def test_the_next_follows_a_failure_at_once(self) -> None:
        first, second, third = self.endpoints
        first.stands()
        first.reset()
        self.assertEqual(self.begun, [first, second])
        second.result.errback(ConnectionRefusedError())
        self.assertEqual(self.begun, [first, second, third])

    def test_the_next_starts_beside_a_slow_one(self) -> None:
        self.clock.advance(0.049)
        self.assertEqual(len(self.begun), 1)
        self.clock.advance(0.002)
        self.assertEqual(len(self.begun), 2)
        self.clock.advance(0.05)
        self.assertEqual(len(self.begun), 3)
        # the first may still win
        self.endpoints[0].stands()
        self.endpoints[0].secure()
        self.assertIs(
            self.successResultOf(self.won).transport, self.endpoints[0].transport
        )

    def test_a_failure_gives_the_next_one_its_whole_time(self) -> None:
        self.clock.advance(0.04)
        self.endpoints[0].result.errback(ConnectionRefusedError())
        self.clock.advance(0.04)
        self.assertEqual(len(self.begun), 2)
        self.clock.advance(0.02)
        self.assertEqual(len(self.begun), 3)

    def test_nothing_starts_after_the_end(self) -> None:
        self.endpoints[0].stands()
        self.endpoints[0].secure()
        self.clock.advance(1)
        self.assertEqual(len(self.begun), 1)

    def test_one_that_fails_before_its_endpoint_has_returned_is_passed_over(
        self,
    ) -> None:
        class Broken:
            def connect(self, _factory: Any) -> Deferred[Any]:
                failing: Deferred[Any] = Deferred()
                failing.errback(ConnectionRefusedError())
                return failing

        racers = [Racer(leg, Broken) for leg in self.legs]  # type: ignore[arg-type]
        factory = Factory.forProtocol(Real)
        self.won.addErrback(lambda _: None)
        self.won.cancel()
        self.won = ConnectionRace(
            racers, factory, Rules(True, 1, lambda: 0.05, 0.25), self.clock
        ).won
        self.assertEqual(self.fault().cause.name, "connection_refused")


class InAHurry(RaceCase):
    """Who has seen several fail tries a few side by side."""

    many = 8
    at_once = 1

    def test_as_many_as_have_failed_run_side_by_side_up_to_three(self) -> None:
        running = []
        for failing in self.endpoints[:6]:
            failing.result.errback(ConnectionRefusedError())
            ended = [each for each in self.begun if each.result.called]
            running.append(len(self.begun) - len(ended))
        self.assertEqual(running, [1, 2, 3, 3, 3, 2])


class OverPlainTCP(RaceCase):
    at_once = 1
    secure = False

    def test_the_first_that_stands_wins(self) -> None:
        self.clock.advance(0.06)
        first, second, _ = self.endpoints
        second.stands()
        self.assertIs(self.successResultOf(self.won).transport, second.transport)
        self.assertTrue(first.cancelled)
        self.assertFalse(second.cancelled)


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


class Lent(SynchronousTestCase):
    """Who races takes the places of a host, and gives them back."""

    def setUp(self) -> None:
        self.made: list[int] = []
        self.endpoint = FakeEndpoint()

    def lent(self, places: Granting | None) -> Deferred[Any]:
        def make(at_once: int) -> FakeEndpoint:
            self.made.append(at_once)
            return self.endpoint

        lent = _Lent(make, places)  # type: ignore[arg-type]
        verifyObject(IStreamClientEndpoint, lent)
        self.assertEqual(self.made, [])
        return lent.connect(Factory.forProtocol(Real))

    def test_as_many_race_as_are_granted_and_come_back_at_the_end(self) -> None:
        for free, granted in ((15, 2), (2, 2), (1, 1)):
            self.setUp()
            places = Granting(free)
            won = self.lent(places)
            self.assertEqual((places.wanted, self.made), ([RACERS - 1], [1 + granted]))
            self.assertEqual(places.given_back, [])
            self.endpoint.result.errback(ConnectionRefusedError())
            self.failureResultOf(won, ConnectionRefusedError)
            self.assertEqual(places.given_back, [granted], free)

    def test_they_come_back_when_it_is_won_or_cancelled(self) -> None:
        for end in (lambda: self.endpoint.stands(), lambda: self.won.cancel()):
            self.setUp()
            places = Granting()
            self.won = self.lent(places)
            end()
            self.won.addErrback(lambda _: None)
            self.assertEqual(places.free, 15)

    def test_with_none_free_or_none_at_all_one_connects_alone(self) -> None:
        for places in (Granting(0), None):
            self.setUp()
            self.lent(places)
            self.assertEqual(self.made, [1])
            if places is not None:
                self.assertEqual((places.free, places.given_back), (0, []))
