"""A DNS server of choice: which datagrams it gets, and what is made of its answers."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.resolve.dns import DNS_SECONDS, server
from streamr.upstream.resolve.failures import (
    NoSuchName,
    Refused,
    ServerFailed,
    Silent,
    Unreachable,
)

NAME = "api.test.invalid"
WHERE = ("192.0.2.53", 5353)
V4, V6 = (socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")
OTHER = (socket.AF_INET, "192.0.2.2")


class Transport(FakeDatagramTransport):
    """A UDP socket that only notes what is written, and where it is connected to."""

    peer: tuple[str, int] | None = None
    problem: OSError | None = None
    listening = True
    stops = 0

    def connect(self, host: str, port: int) -> None:
        self.peer = (host, port)

    def write(self, packet: bytes, addr: Any = None) -> None:
        assert addr is None and self.listening
        if self.problem is not None:
            raise self.problem
        super().write(packet, self.peer)

    def stopListening(self) -> None:
        """The question has ended."""
        self.listening = False
        self.stops += 1


class Network(Clock):
    """A reactor with UDP, of which every datagram stays here."""

    def __init__(self) -> None:
        super().__init__()
        self.advance(1024.0)
        self.open: list[DatagramProtocol] = []
        self.problem: OSError | None = None
        self.closed: Exception | None = None
        self.interfaces: list[str] = []

    def listenUDP(
        self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192
    ) -> Any:
        assert port == 0, "the system chooses the port"
        self.interfaces.append(interface)
        if self.closed is not None:
            raise self.closed
        transport = Transport()
        transport.problem = self.problem
        protocol.makeConnection(transport)
        self.open.append(protocol)
        return transport

    def asked(self) -> list[tuple[int, dns.Message, Any]]:
        """Each question: its type, its message, and whom it goes through."""
        found = []
        for each in self.open:
            for datagram, address in each.transport.written:
                assert address == WHERE, address
                message = dns.Message()
                message.fromStr(datagram)
                [query] = message.queries
                assert query.name.name == NAME.encode()
                found.append((query.type, message, each))
        return found

    def answers(
        self, kind: int, *records: Any, code: int = dns.OK, **wrong: Any
    ) -> None:
        """The answer to the last question of a kind, or one that is `wrong`."""
        _, message, protocol = [each for each in self.asked() if each[0] == kind][-1]
        reply = dns.Message(message.id, answer=1, rCode=code)
        reply.queries = message.queries
        for name, value in wrong.items():
            setattr(reply, name, value)
        for record in records:
            reply.answers.append(
                dns.RRHeader(NAME, record.TYPE, payload=record, auth=True)
            )
        protocol.datagramReceived(reply.toStr(), WHERE)


class Asking(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = Network()
        self.find = server(self.network, *WHERE)

    def ask(self) -> Deferred[list[tuple[int, str]]]:
        self.network.open.clear()
        return self.find(NAME)

    def kinds(self) -> list[int]:
        return sorted(kind for kind, _, _ in self.network.asked())

    def test_both_families_are_asked_for_at_once(self) -> None:
        finding = self.ask()
        self.assertEqual(self.kinds(), [dns.A, dns.AAAA])
        self.network.answers(dns.AAAA, dns.Record_AAAA(V6[1]))
        self.assertNoResult(finding)
        self.network.answers(dns.A, dns.Record_A(V4[1]), dns.Record_A(OTHER[1]))
        self.assertEqual(self.successResultOf(finding), [V4, OTHER, V6])

    def test_an_answer_that_comes_twice_counts_once(self) -> None:
        # both are read in one turn of the reactor, whatever was closed between them
        finding = self.ask()
        for _ in range(2):
            self.network.answers(dns.A, dns.Record_A(V4[1]))
            self.network.answers(dns.AAAA)
        self.assertEqual(self.successResultOf(finding), [V4])
        self.assertEqual([each.transport.stops for each in self.network.open], [1, 1])

    def test_an_address_is_found_once_and_an_alias_is_none(self) -> None:
        finding = self.ask()
        alias = dns.Record_CNAME("other.test.invalid")
        self.network.answers(dns.A, alias, dns.Record_A(V4[1]), dns.Record_A(V4[1]))
        self.network.answers(dns.AAAA, alias, dns.Record_AAAA(V6[1]))
        self.assertEqual(self.successResultOf(finding), [V4, V6])

    def test_one_family_is_enough(self) -> None:
        for kind, record, found in (
            (dns.A, dns.Record_A(V4[1]), [V4]),
            (dns.AAAA, dns.Record_AAAA(V6[1]), [V6]),
        ):
            other = dns.AAAA if kind == dns.A else dns.A
            for code in (dns.OK, dns.ESERVER):
                finding = self.ask()
                self.network.answers(other, code=code)
                self.network.answers(kind, record)
                self.assertEqual(self.successResultOf(finding), found, (kind, code))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_name_that_has_no_address_is_no_failure(self) -> None:
        finding = self.ask()
        self.network.answers(dns.A)
        self.network.answers(dns.AAAA)
        self.assertEqual(self.successResultOf(finding), [])

    def test_with_nothing_found_a_failure_is_the_outcome(self) -> None:
        for codes in ((dns.ESERVER, dns.OK), (dns.OK, dns.ESERVER)):
            finding = self.ask()
            self.network.answers(dns.A, code=codes[0])
            self.network.answers(dns.AAAA, code=codes[1])
            self.failureResultOf(finding, ServerFailed)
        finding = self.ask()
        self.network.answers(dns.A, code=dns.ENAME)
        self.network.answers(dns.AAAA, code=dns.ESERVER)
        self.failureResultOf(finding, NoSuchName)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_every_question_is_asked_anew(self) -> None:
        for address in (V4, OTHER):
            finding = self.ask()
            self.network.answers(dns.A, dns.Record_A(address[1]))
            self.network.answers(dns.AAAA)
            self.assertEqual(self.successResultOf(finding), [address])

    def test_silence_is_asked_again_after_a_third_and_ends_it_at_the_limit(
        self,
    ) -> None:
        self.assertEqual(DNS_SECONDS, 3.0)
        for seconds, find in (
            (3.0, self.find),
            (0.75, server(self.network, *WHERE, seconds=0.75)),
        ):
            self.network.open.clear()
            finding = find(NAME)
            self.network.advance(seconds / 3 - 0.01)
            self.assertEqual(len(self.kinds()), 2, seconds)
            self.network.advance(0.02)
            self.assertEqual(self.kinds(), [dns.A] * 2 + [dns.AAAA] * 2, seconds)
            self.network.advance(seconds * 2 / 3 - 0.02)
            self.assertEqual(len(self.kinds()), 4, seconds)
            self.assertNoResult(finding)
            self.network.advance(0.02)
            self.failureResultOf(finding, Silent)
            self.assertEqual(self.network.getDelayedCalls(), [])

    def test_the_answer_to_the_second_question_counts(self) -> None:
        finding = self.ask()
        self.network.advance(1.5)
        self.network.answers(dns.A, dns.Record_A(V4[1]))
        self.network.answers(dns.AAAA)
        self.assertEqual(self.successResultOf(finding), [V4])

    def test_each_error_of_the_server_has_its_kind(self) -> None:
        for code, kind in (
            (dns.ENAME, NoSuchName),
            (dns.EREFUSED, Refused),
            (dns.ESERVER, ServerFailed),
            (dns.EFORMAT, ServerFailed),
            (dns.ENOTIMP, ServerFailed),
            (9, ServerFailed),
        ):
            for queries in ({}, {"queries": []}):
                finding = self.ask()
                self.network.answers(dns.A, code=code, **queries)
                self.network.answers(dns.AAAA, code=code, **queries)
                self.failureResultOf(finding, kind)

    def test_what_does_not_fit_the_question_is_not_heard(self) -> None:
        other = dns.Query("other.invalid", dns.A, dns.IN)
        finding = self.ask()
        self.network.answers(dns.AAAA)
        _, message, protocol = self.network.asked()[0]
        for wrong in (
            {"id": message.id ^ 1},
            {"queries": [other]},
            {"queries": []},
            {"queries": [dns.Query(NAME, dns.AAAA, dns.IN)]},
            {"answer": 0},
        ):
            self.network.answers(dns.A, dns.Record_A(OTHER[1]), **wrong)
            self.assertNoResult(finding)
        for garbage in (b"", b"\0", message.toStr()[:-3], b"\xff" * 40):
            protocol.datagramReceived(garbage, WHERE)
            self.assertNoResult(finding)
        self.network.answers(dns.A, dns.Record_A(V4[1]))
        self.assertEqual(self.successResultOf(finding), [V4])

    def test_the_name_comes_back_in_any_case_of_its_letters(self) -> None:
        finding = self.ask()
        shouted = [dns.Query(NAME.upper(), dns.A, dns.IN)]
        self.network.answers(dns.A, dns.Record_A(V4[1]), queries=shouted)
        self.network.answers(dns.AAAA)
        self.assertEqual(self.successResultOf(finding), [V4])

    def test_a_server_that_is_not_there_is_told_at_once(self) -> None:
        # how poll and select tell it, and how epoll does
        for tell in ("connectionRefused", "doStop"):
            finding = self.ask()
            for each in self.network.open:
                getattr(each, tell)()
            self.failureResultOf(finding, Unreachable)
            self.assertEqual(self.network.getDelayedCalls(), [])

    def test_what_the_system_says_keeps_its_number(self) -> None:
        self.network.problem = OSError(errno.ENETUNREACH, "unreachable")
        problem = self.failureResultOf(self.ask(), Unreachable).value
        self.assertEqual(problem.errno, errno.ENETUNREACH)
        self.assertEqual(str(problem), "unreachable")
        self.assertEqual(self.network.getDelayedCalls(), [])
        self.network.problem = None
        finding = self.ask()
        for each in self.network.open:
            each.transport.problem = OSError(errno.EPERM, "forbidden")
        self.network.advance(1.01)
        self.failureResultOf(finding, Unreachable)

    def test_a_socket_that_cannot_be_had_is_told_with_its_number(self) -> None:
        full = OSError(errno.EMFILE, "too many open files")
        for problem in (full, CannotListenError("", 0, full)):
            self.network.closed = problem
            raised = self.failureResultOf(self.ask(), Unreachable).value
            self.assertEqual(raised.errno, errno.EMFILE)

    def test_the_socket_is_of_the_server_s_family(self) -> None:
        self.ask()
        server(self.network, "2001:db8::53", 53)(NAME)
        self.assertEqual(self.network.interfaces, ["", "", "::", "::"])

    def test_a_name_that_cannot_be_is_not_asked_for(self) -> None:
        for name in ("no..such", "a." + "y" * 64):
            self.failureResultOf(self.find(name), NoSuchName)
        self.assertEqual(self.network.open, [])

    def test_its_sockets_are_closed_however_it_ends(self) -> None:
        answered, silent, left = self.ask(), self.find(NAME), self.find(NAME)
        sockets = [each.transport for each in self.network.open]
        left.cancel()
        self.failureResultOf(left, CancelledError)
        self.assertEqual([each.listening for each in sockets], [True] * 4 + [False] * 2)
        self.network.advance(3.01)
        self.failureResultOf(answered, Silent)
        self.failureResultOf(silent, Silent)
        self.assertEqual([each.listening for each in sockets], [False] * 6)
        self.assertEqual(self.network.getDelayedCalls(), [])
