"""The resolver's table, without a socket."""

import socket
from typing import Any

from twisted.names import dns, error
from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.surroundings.dns import FAILS, SILENT, Said, lookup

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
