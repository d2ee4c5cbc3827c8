"""When the same route gets a second try."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import CAUSES, Fault
from streamr.policy.retry import again, retry_after, telling
from tests.support import QUERY, FakeRoute, call, failover_over


class Again(SynchronousTestCase):
    """Each cause of the fault table."""

    def test_only_where_the_table_says_so(self):
        repeated = {name for name in CAUSES if again(Fault(name), 1, 0)}
        self.assertEqual(
            repeated, {name for name, cause in CAUSES.items() if cause.same_route}
        )

    def test_no_cause_gets_a_third_try(self):
        for name in CAUSES:
            for routes_left in (0, 1, 5):
                self.assertFalse(again(Fault(name), 2, routes_left), name)

    def test_a_fault_that_a_proxy_calls_final_is_not_repeated(self):
        for name in CAUSES:
            self.assertFalse(again(Fault(name, final=True), 1, 0), name)

    def test_a_reset_is_repeated_although_other_routes_are_left(self):
        for name in ("tls_reset", "tls_closed", "connection_terminated"):
            self.assertTrue(again(Fault(name), 1, 4), name)

    def test_a_slow_fault_is_repeated_on_the_last_way_only(self):
        for name in ("dns_timeout", "http_response_timeout"):
            self.assertTrue(again(Fault(name), 1, 0), name)
            self.assertFalse(again(Fault(name), 1, 1), name)

    def test_silence_in_the_handshake_is_never_repeated(self):
        for name in ("connection_timeout", "tls_timeout"):
            self.assertFalse(again(Fault(name), 1, 0), name)

    def test_however_many_tries_there_were_it_was_the_last(self):
        for tries in (2, 3, 10):
            self.assertFalse(again(Fault("tls_reset"), tries, 0), tries)


class Telling(SynchronousTestCase):
    """Two routes have failed: what the caller is told."""

    def told(self, *names: str) -> str:
        first, later = (Fault(name) for name in names)
        return telling(first, later).cause.name

    def test_the_route_that_came_further_whichever_was_first(self):
        steps = ("dns_error", "connection_refused", "tls_reset", "upstream_error")
        for number, less in enumerate(steps):
            for more in steps[number + 1 :]:
                self.assertEqual(self.told(less, more), more)
                self.assertEqual(self.told(more, less), more)

    def test_of_equals_the_later_one(self):
        self.assertEqual(self.told("tls_reset", "tls_closed"), "tls_closed")
        self.assertEqual(self.told("tls_closed", "tls_reset"), "tls_reset")

    def test_a_loop_explains_the_others(self):
        loop = "proxy_loop_detected"
        for name in ("dns_error", "tls_reset", "http_response_invalid"):
            self.assertEqual(self.told(loop, name), loop)
            self.assertEqual(self.told(name, loop), loop)

    def test_what_is_streamrs_own_doing_says_less_than_a_route(self):
        for name in ("proxy_internal_error", "destination_unavailable"):
            self.assertEqual(self.told(name, "dns_error"), "dns_error")

    def test_what_ends_the_search_is_told_whatever_came_before(self):
        ends = {name for name, cause in CAUSES.items() if not cause.next_route}
        self.assertTrue(ends)
        for name in ends:
            for before in CAUSES:
                self.assertEqual(self.told(before, name), name)


class Moments(SynchronousTestCase):
    """When the second try, and the next route, begin: the milliseconds callers wait."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(86_400.5)
        self.first, self.second = FakeRoute("direct"), FakeRoute("proxy")

    def fetch(self, chance: float = 0.0) -> None:
        routes = [self.first, self.second]
        found = failover_over(routes, self.clock, hedge=True, retries=chance)
        found.fetch(QUERY, call(self.clock.seconds() + 8.0))

    def test_a_retry_waits_a_random_part_of_twenty_milliseconds(self) -> None:
        for chance, wait in ((0.25, 0.005), (0.5, 0.01), (0.999, 0.01998)):
            self.first.sent.clear()
            self.fetch(chance)
            self.first.fails("tls_reset")
            self.clock.advance(wait - 0.0001)
            self.assertEqual(len(self.first.sent), 1, chance)
            self.clock.advance(0.0002)
            self.assertEqual(len(self.first.sent), 2, chance)

    def test_the_next_way_begins_after_a_quarter_of_a_second_of_silence(self) -> None:
        self.fetch()
        self.clock.advance(0.25 - 2**-10)
        self.assertEqual(self.second.sent, [])
        self.clock.advance(2**-10)
        self.assertEqual(len(self.second.sent), 1)


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
            ("Sun, 22 Nov 99999999999999999999 12:00:00 GMT", self.DATE),
            (self.DATE, "Sun, 99999999999999999999 Nov 2026 12:00:00 GMT"),
            # one with a zone, one without: they cannot be compared
            (self.DATE, "Sun, 22 Nov 2026 12:00:00 -0000"),
        ):
            self.assertIsNone(retry_after(field, date), (field, date))
