"""What is known of addresses: a verified one is never displaced by a claim."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Fault
from streamr.upstream.resolve.book import (
    FAILED_SECONDS,
    KEPT_SECONDS,
    MOST_KNOWN,
    MOST_TRIED,
    AddressBook,
    interleaved,
    tmdb_is_not_there,
)
from tests.properties import examples

NAME = "api.test.invalid"
ONE, TWO, THREE = "198.51.100.1", "198.51.100.2", "198.51.100.3"
SIX, SEVEN = "2001:db8:1::6", "2001:db8:1::7"
RESET = Fault("tls_reset")
FOREIGN = Fault("tls_certificate_error", "the certificate is for another host")


def impostors_only(_address: str, cause: str) -> bool:
    """The addresses of documentation count as private, and stand for TMDB's here."""
    return tmdb_is_not_there("8.8.8.8", cause)


class BookCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        # a clock that begins anywhere
        self.clock.advance(1234.5)
        self.book = AddressBook(self.clock, impostors_only)

    def order(self, *named: str, family: str = "auto") -> list[str]:
        return self.book.order(NAME, named, family)


class Order(BookCase):
    def test_with_nothing_known_the_families_take_turns(self) -> None:
        self.assertEqual(self.order(SIX, SEVEN, ONE, TWO), [SIX, ONE, SEVEN, TWO])
        self.assertEqual(self.order(ONE, TWO, SIX), [ONE, SIX, TWO])
        self.assertEqual(self.order(), [])

    def test_what_answered_last_is_first(self) -> None:
        for address in (TWO, THREE):
            self.book.verified(NAME, address)
            self.clock.advance(1)
        self.assertEqual(self.order(ONE, TWO, THREE), [THREE, TWO, ONE])

    def test_what_failed_is_last_the_oldest_failure_first(self) -> None:
        for address in (TWO, ONE):
            self.book.failed(NAME, address, RESET)
            self.clock.advance(1)
        self.assertEqual(self.order(ONE, TWO, THREE), [THREE, TWO, ONE])

    def test_a_failure_is_forgotten_after_a_while(self) -> None:
        self.book.failed(NAME, ONE, RESET)
        self.clock.advance(FAILED_SECONDS - 1)
        self.assertEqual(self.order(ONE, TWO), [TWO, ONE])
        self.clock.advance(1)
        self.assertEqual(self.order(ONE, TWO), [ONE, TWO])

    def test_a_claim_displaces_no_verified_address(self) -> None:
        self.book.named(NAME, "system", [ONE])
        self.book.verified(NAME, ONE)
        self.assertEqual(self.order(TWO), [ONE, TWO])
        # a name that has no address any more is a claim, too
        self.assertEqual(self.order(), [ONE])

    def test_one_that_fails_later_is_not_tried_unless_it_is_named(self) -> None:
        self.book.verified(NAME, ONE)
        self.book.failed(NAME, ONE, RESET)
        self.assertEqual(self.order(TWO), [TWO])
        self.assertEqual(self.order(ONE, TWO), [TWO, ONE])
        self.book.verified(NAME, ONE)
        self.assertEqual(self.order(TWO), [ONE, TWO])

    def test_what_was_verified_counts_for_a_day(self) -> None:
        self.book.verified(NAME, ONE)
        self.clock.advance(KEPT_SECONDS - 1)
        self.assertEqual(self.order(TWO), [ONE, TWO])
        self.clock.advance(1)
        self.assertEqual(self.order(TWO), [TWO])

    def test_only_addresses_of_the_family_are_added(self) -> None:
        for address in (ONE, SIX):
            self.book.verified(NAME, address)
        self.assertEqual(self.order(TWO, family="ipv4"), [ONE, TWO])
        self.assertEqual(self.order(SEVEN, family="ipv6"), [SIX, SEVEN])

    def test_names_are_apart_and_however_they_are_written(self) -> None:
        self.book.verified(NAME.upper(), ONE)
        self.assertEqual(self.order(TWO), [ONE, TWO])
        self.assertEqual(self.book.order("other.test.invalid", [TWO], "auto"), [TWO])

    def test_an_attempt_tries_a_few(self) -> None:
        named = [f"198.51.100.{number}" for number in range(20)]
        self.assertEqual(self.order(*named), named[:MOST_TRIED])

    @examples(300)
    @given(
        st.lists(st.sampled_from([ONE, TWO, THREE, SIX, SEVEN]), max_size=8),
        st.lists(
            st.tuples(
                st.sampled_from([ONE, TWO, THREE, SIX, SEVEN]),
                st.sampled_from(["good", "bad"]),
                st.sampled_from([0.0, 1.0, 700.0, 90_000.0]),
            ),
            max_size=12,
        ),
    )
    def test_no_named_address_is_ever_lost_or_tried_twice(
        self, named: list[str], events: list[tuple[str, str, float]]
    ) -> None:
        self.setUp()
        for address, how, later in events:
            if how == "good":
                self.book.verified(NAME, address)
            else:
                self.book.failed(NAME, address, RESET)
            self.clock.advance(later)
        order = self.order(*named)
        self.assertEqual(len(order), len(set(order)))
        self.assertLessEqual(set(named), set(order))


class Poisoned(BookCase):
    def test_who_named_an_impostor_is_told_once(self) -> None:
        self.book.named(NAME, "system", [ONE])
        with capturedLogs() as lines:
            self.book.failed(NAME, ONE, FOREIGN)
            self.book.failed(NAME, ONE, FOREIGN)
        (line,) = lines
        self.assertEqual(line["code"], "poisoned-answer")
        self.assertIn("system", line["sources"])
        (fact,) = self.book.facts(NAME)
        self.assertTrue(fact.poisoned)

    def test_whoever_names_a_door_is_told_as_well(self) -> None:
        book = AddressBook(self.clock)
        book.named(NAME, "system", [ONE])
        with capturedLogs() as lines:
            book.failed(NAME, ONE, Fault("proxy_loop_detected", "a streamr door"))
        self.assertEqual([each["code"] for each in lines], ["poisoned-answer"])

    def test_an_address_that_tmdb_cannot_have_is_one_once_it_failed(self) -> None:
        book = AddressBook(self.clock)
        for address in ("127.0.0.1", "10.10.34.36", "::1"):
            book.named(NAME, "system", [address])
            self.assertFalse(book.facts(NAME)[-1].poisoned, address)
            with capturedLogs() as lines:
                book.failed(NAME, address, Fault("connection_refused"))
            self.assertEqual(
                [each["code"] for each in lines if "code" in each], ["poisoned-answer"]
            )

    def test_a_failure_at_an_address_that_may_be_right_is_none(self) -> None:
        self.book.failed(NAME, ONE, RESET)
        self.assertFalse(self.book.facts(NAME)[0].poisoned)

    def test_where_tmdb_has_answered_nobody_has_lied(self) -> None:
        self.book.verified(NAME, ONE)
        self.book.failed(NAME, ONE, FOREIGN)
        self.assertFalse(self.book.facts(NAME)[0].poisoned)


class Kept(BookCase):
    def test_what_is_verified_outlives_a_restart(self) -> None:
        self.book.verified(NAME, ONE)
        self.book.verified(NAME, TWO)
        self.book.failed(NAME, TWO, RESET)
        self.clock.advance(60)
        kept = self.book.known()
        self.assertEqual(kept, {NAME: {ONE: 60.0}})
        later = AddressBook(Clock(), impostors_only)
        later.learn(kept)
        self.assertEqual(later.order(NAME, [THREE], "auto"), [ONE, THREE])

    def test_new_addresses_each_time_fill_no_memory(self) -> None:
        self.book.verified(NAME, ONE)
        for number in range(3 * MOST_KNOWN):
            self.book.named(NAME, "system", [f"203.0.113.{number % 250}"])
        self.assertEqual(len(self.book.facts(NAME)), MOST_KNOWN)
        self.assertEqual(self.order(), [ONE])

    def test_what_was_verified_before_this_machine_began_stays(self) -> None:
        # the monotonic clock may begin with the machine, after that
        self.book.learn({NAME: {ONE: self.clock.seconds() + 600.0}})
        for number in range(MOST_KNOWN + 1):
            self.book.named(NAME, "system", [f"203.0.113.{number}"])
        self.assertEqual(self.order(), [ONE])


class InTurn(SynchronousTestCase):
    def test_the_first_decides_which_family_begins(self) -> None:
        self.assertEqual(interleaved([ONE, SIX, SEVEN]), [ONE, SIX, SEVEN])
        self.assertEqual(interleaved([SIX, SEVEN, ONE]), [SIX, ONE, SEVEN])
        self.assertEqual(interleaved([]), [])
