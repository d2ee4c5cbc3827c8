"""A network's spec and its resolver, without a socket."""

import socket
from typing import Any

from twisted.names import dns, error
from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.faults.table import parse
from streamr.simulator.network.dns import FAILS, SILENT, Said, lookup
from streamr.simulator.network.network import check

HOST = "api.themoviedb.org"


class Resolver(SynchronousTestCase):
    """What the table says."""

    def ask(self, said: Any, kind: int) -> Any:
        """One question."""
        return Said({HOST: said}).query(dns.Query(HOST, kind))

    def test_each_family_has_its_own_answer(self) -> None:
        for kind, expected in ((dns.A, "127.0.0.1"), (dns.AAAA, "::1")):
            answers, _, _ = self.successResultOf(self.ask(["127.0.0.1", "::1"], kind))
            (record,) = answers
            family = socket.AF_INET6 if kind == dns.AAAA else socket.AF_INET
            found = socket.inet_ntop(family, record.payload.address)
            self.assertEqual(expected, found)

    def test_it_can_fail_and_be_silent_and_not_know(self) -> None:
        self.failureResultOf(self.ask(FAILS, dns.A), error.ResolverError)
        self.assertNoResult(self.ask(SILENT, dns.A))
        unknown = Said({}).query(dns.Query(HOST, dns.A))
        self.failureResultOf(unknown, error.DomainError)

    def test_a_program_in_the_network_is_told_the_same(self) -> None:
        self.assertEqual(
            [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")],
            lookup({HOST: ["127.0.0.1", "::1"]}, HOST),
        )
        self.assertRaises(OSError, lookup, {HOST: FAILS}, HOST)
        self.assertRaises(OSError, lookup, {}, HOST)


class Specs(SynchronousTestCase):
    """What may stand in a spec."""

    def test_an_empty_one_is_a_sound_network(self) -> None:
        check({})

    def test_what_is_misspelt_is_named(self) -> None:
        for spec, words in (
            ({"dsn": True}, "dsn"),
            ({"hosts": {"tmdb.org": {}}}, "tmdb.org"),
            ({"hosts": {HOST: {"faults": "none"}}}, "faults"),
        ):
            self.assertIn(words, str(self.assertRaises(ValueError, check, spec)))


class OwnCodes(SynchronousTestCase):
    """An error status with a code of TMDB's own choice."""

    def test_a_code_that_has_words_can_be_chosen(self) -> None:
        (fault,) = parse("status:code=401,own=10")
        self.assertEqual(10, fault.arguments["own"])

    def test_another_is_refused_with_those_that_are_there(self) -> None:
        raised = self.assertRaises(ValueError, parse, "status:code=401,own=99")
        self.assertIn("10, ", str(raised))
