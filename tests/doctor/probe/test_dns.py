"""Name lookups of the doctor."""

from __future__ import annotations

import errno

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.evidence import NameLookup, Place
from streamr.doctor.probe.dns import look_up
from streamr.upstream.resolve.failures import (
    NoSuchName,
    Refused,
    ServerFailed,
    Silent,
    Unreachable,
    Unverified,
)


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
        for result in (Deferred(), fail(Silent("no answer"))):
            found = self.ask(result, 10.0)
            self.assertEqual("dns_timeout", found.cause)

    def test_each_failure_is_told_in_words(self) -> None:
        for problem in (
            NoSuchName("no such name (NXDOMAIN)"),
            ServerFailed("a failure (SERVFAIL)"),
            Refused("it refuses (REFUSED)"),
            Unreachable("nobody listens"),
            Unverified("another's certificate"),
        ):
            found = self.ask(fail(problem))
            self.assertEqual(("dns_error", problem.words), (found.cause, found.detail))

    def test_a_question_that_never_left_this_machine_is_no_matter_of_dns(self) -> None:
        for number, cause in (
            (errno.ENETUNREACH, "destination_ip_unroutable"),
            (errno.EPERM, "destination_ip_prohibited"),
            (errno.EMFILE, "sockets_exhausted"),
            (errno.EINVAL, "dns_error"),
        ):
            found = self.ask(fail(Unreachable("it cannot be sent", number)))
            self.assertEqual((cause, "it cannot be sent"), (found.cause, found.detail))

    def test_a_name_without_addresses_is_an_error(self) -> None:
        self.assertEqual("dns_error", self.ask(succeed([])).cause)
