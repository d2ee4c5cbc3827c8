"""A door on a reactor whose ports close when the test says so."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IReactorTCP
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.simulator.hosts.ports import LOOPBACK, Door, Held, all_done

CHOSEN = 40_000


@implementer(IListeningPort)
class Port:
    """Closes when `closing` fires."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.closing: Deferred[None] | None = None

    def startListening(self) -> None:
        raise AssertionError("the reactor does that")

    def stopListening(self) -> Deferred[None]:
        self.closing = Deferred()
        return self.closing

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", LOOPBACK, self.number)


@implementer(IReactorTCP)
class Reactor:
    """Keeps the ports; for 0 it chooses another number each time."""

    def __init__(self) -> None:
        self.ports: list[Port] = []

    def listenTCP(self, port, factory, backlog=50, interface=""):
        self.ports.append(Port(port or CHOSEN + len(self.ports)))
        return self.ports[-1]

    def connectTCP(self, host, port, factory, timeout=30, bindAddress=None):
        raise AssertionError("nobody connects")


class Holding:
    """A number that is held: one of a list."""

    def __init__(self, held: list[int]) -> None:
        self.held = held

    def close(self) -> None:
        self.held.pop()


class Doors(SynchronousTestCase):
    """Open, closed, and wanted again."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.held: list[int] = []
        self.door = Door(self.reactor, Factory(), 0, self.hold)
        self.door.want(True)

    def hold(self, number: int) -> Held:
        self.held.append(number)
        return Holding(self.held)

    def numbers(self) -> list[int]:
        return [port.number for port in self.reactor.ports]

    def test_the_fakes_are_what_they_stand_for(self) -> None:
        verifyObject(IReactorTCP, self.reactor)
        verifyObject(IListeningPort, self.reactor.ports[0])

    def test_it_comes_back_under_the_number_it_got(self) -> None:
        self.door.want(False)
        self.reactor.ports[0].closing.callback(None)
        self.door.want(True)
        self.assertEqual([CHOSEN, CHOSEN], self.numbers())

    def test_its_number_is_held_until_it_is_open_again(self) -> None:
        self.door.want(False)
        self.assertEqual([], self.held)
        self.reactor.ports[0].closing.callback(None)
        self.assertEqual([CHOSEN], self.held)
        self.door.want(True)
        self.assertEqual([], self.held)

    def test_its_number_is_free_when_it_has_ended(self) -> None:
        self.door.want(False)
        self.reactor.ports[0].closing.callback(None)
        self.assertIsNone(self.successResultOf(self.door.end()))
        self.assertEqual([], self.held)

    def test_one_that_ends_while_open_holds_nothing(self) -> None:
        ended = self.door.end()
        self.assertNoResult(ended)
        self.reactor.ports[0].closing.callback(None)
        self.assertIsNone(self.successResultOf(ended))
        self.assertEqual([], self.held)

    def test_without_its_number_it_opens_all_the_same(self) -> None:
        door = Door(self.reactor, Factory(), 0, lambda number: None)
        door.want(True)
        door.want(False)
        self.reactor.ports[1].closing.callback(None)
        door.want(True)
        self.assertEqual(CHOSEN + 1, self.numbers()[-1])

    def test_what_is_wanted_while_it_closes_is_done_afterwards(self) -> None:
        self.door.want(False)
        self.door.want(True)
        self.assertEqual([CHOSEN], self.numbers())
        self.reactor.ports[0].closing.callback(None)
        self.assertEqual([CHOSEN, CHOSEN], self.numbers())

    def test_an_open_one_is_not_opened_again(self) -> None:
        self.door.want(True)
        self.assertEqual([CHOSEN], self.numbers())

    def test_it_is_settled_when_nothing_closes(self) -> None:
        self.assertIsNone(self.successResultOf(self.door.settled()))
        self.door.want(False)
        settled = self.door.settled()
        self.assertNoResult(settled)
        self.reactor.ports[0].closing.callback(None)
        self.assertIsNone(self.successResultOf(settled))


class AllDone(SynchronousTestCase):
    """Several at once."""

    def test_it_fires_with_the_last_one(self) -> None:
        first, second = Deferred(), Deferred()
        done = all_done(first, second)
        first.callback(1)
        self.assertNoResult(done)
        second.callback("two")
        self.assertIsNone(self.successResultOf(done))
