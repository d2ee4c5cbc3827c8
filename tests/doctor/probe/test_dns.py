"""Name lookups of the doctor."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.names import error
from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.evidence import NameLookup, Place
from streamr.doctor.probe.dns import look_up
from streamr.upstream.resolve.dns import read_server


class Servers(SynchronousTestCase):
    """The option --dns."""

    def test_an_address_with_or_without_a_port(self) -> None:
        for text, expected in (
            ("9.9.9.9", ("9.9.9.9", 53)),
            ("127.0.0.1:5353", ("127.0.0.1", 5353)),
            ("2620:fe::fe", ("2620:fe::fe", 53)),
            ("[2620:fe::fe]:5353", ("2620:fe::fe", 5353)),
        ):
            self.assertEqual(expected, read_server(text))

    def test_all_else_is_refused_with_what_is_allowed(self) -> None:
        for text in ("", "dns.example", "1.2.3", "1.2.3.4:0", "1.2.3.4:70000", "::g"):
            raised = self.assertRaises(ValueError, read_server, text)
            self.assertIn("such as 9.9.9.9 or 9.9.9.9:53", str(raised))


class Lookups(SynchronousTestCase):
    """One question."""

    def ask(
        self, result: Deferred[list[tuple[int, str]]], wait: float = 0
    ) -> NameLookup:
        clock = Clock()
        asking = look_up("a.test", 443, "here", lambda _name: result, clock, 3.0)
        waiting = Deferred.fromCoroutine(asking)
        clock.advance(wait)
        return self.successResultOf(waiting)

    def test_addresses_become_places(self) -> None:
        found = self.ask(succeed([(2, "203.0.113.1"), (10, "2001:db8::1")]))
        expected = (Place("203.0.113.1", 443), Place("2001:db8::1", 443))
        self.assertEqual(NameLookup("a.test", "here", expected), found)

    def test_silence_ends_at_the_limit(self) -> None:
        found = self.ask(Deferred(), 10.0)
        self.assertEqual("dns_timeout", found.cause)

    def test_each_failure_is_told_in_words(self) -> None:
        failures: list[tuple[Any, str]] = [
            (error.DNSNameError(), "NXDOMAIN"),
            (error.DNSServerError(), "SERVFAIL"),
            (error.DNSQueryRefusedError(), "REFUSED"),
            (OSError(-2, "Name or service not known"), "not known"),
            (UnicodeError("label too long"), "UnicodeError"),
        ]
        for problem, words in failures:
            found = self.ask(fail(problem))
            self.assertEqual("dns_error", found.cause)
            self.assertIn(words, found.detail)

    def test_a_question_that_never_left_this_machine_is_no_matter_of_dns(self) -> None:
        for problem, cause in (
            (OSError(errno.ENETUNREACH, "unreachable"), "destination_ip_unroutable"),
            (OSError(errno.EPERM, "not permitted"), "destination_ip_prohibited"),
            (OSError(errno.EMFILE, "too many"), "sockets_exhausted"),
            # the numbers of getaddrinfo are others than the system's
            (socket.gaierror(errno.EPERM, "not known"), "dns_error"),
            (OSError(errno.EINVAL, "invalid"), "dns_error"),
            (ConnectError(errno.ENETUNREACH, "no"), "destination_ip_unroutable"),
            (ConnectionRefusedError(), "dns_error"),
        ):
            self.assertEqual(cause, self.ask(fail(problem)).cause, problem)

    def test_a_name_without_addresses_is_an_error(self) -> None:
        self.assertEqual("dns_error", self.ask(succeed([])).cause)
