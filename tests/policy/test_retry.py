"""When the same route gets a second try."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import CAUSES, Fault
from streamr.policy.retry import again, retry_after


class Again(SynchronousTestCase):
    """Each cause of the fault table."""

    def test_only_where_the_table_says_so(self):
        repeated = {name for name in CAUSES if again(Fault(name), 1, 0)}
        self.assertEqual(
            repeated, {name for name, cause in CAUSES.items() if cause.same_route}
        )

    def test_no_cause_gets_a_third_try(self):
        for name in CAUSES:
            for ways_left in (0, 1, 5):
                self.assertFalse(again(Fault(name), 2, ways_left), name)

    def test_a_fault_that_a_proxy_calls_final_is_not_repeated(self):
        for name in CAUSES:
            self.assertFalse(again(Fault(name, final=True), 1, 0), name)

    def test_a_reset_is_repeated_although_other_ways_are_left(self):
        for name in ("tls_reset", "tls_closed", "connection_terminated"):
            self.assertTrue(again(Fault(name), 1, 4), name)

    def test_a_slow_fault_is_repeated_on_the_last_way_only(self):
        for name in ("dns_timeout", "http_response_timeout"):
            self.assertTrue(again(Fault(name), 1, 0), name)
            self.assertFalse(again(Fault(name), 1, 1), name)

    def test_silence_in_the_handshake_is_never_repeated(self):
        for name in ("connection_timeout", "tls_timeout"):
            self.assertFalse(again(Fault(name), 1, 0), name)


class RetryAfter(SynchronousTestCase):
    """What TMDB names: seconds, or a date of its own clock (RFC 9110, 10.2.3)."""

    DATE = "Sun, 22 Nov 2026 12:00:00 GMT"

    def test_seconds_and_dates_are_seconds(self) -> None:
        for field, seconds in (
            ("0", 0.0),
            ("120", 120.0),
            ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
            ("Sun, 22 Nov 2026 11:59:00 GMT", 0.0),
        ):
            self.assertEqual(retry_after(field, self.DATE), seconds, field)

    def test_what_makes_no_sense_counts_as_none(self) -> None:
        for field, date in (
            (None, self.DATE),
            ("", self.DATE),
            ("-1", self.DATE),
            ("soon", self.DATE),
            (self.DATE, None),
            (self.DATE, "yesterday"),
            # one with a zone, one without: they cannot be compared
            (self.DATE, "Sun, 22 Nov 2026 12:00:00 -0000"),
        ):
            self.assertIsNone(retry_after(field, date), (field, date))
