"""The cache in front of the routes, on a clock that stands still until it is moved.

Over a real gateway, real routes and a real memory store; only the route is a fake one.
"""

import gc
import gzip
from dataclasses import dataclass, fields, replace
from typing import Any

import http_sf
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Call, Exchange, Query, StoredResponse, Validators
from streamr.errors import CAUSES, CLIENT_LEFT, Fault
from streamr.gateway.cache import RENEWALS
from streamr.policy import representation
from streamr.policy.breaker import TRIP_IN_ROW
from streamr.policy.freshness import REFRESH_PAUSE, SLOW
from streamr.policy.representation import brotli
from streamr.store.memory import MemoryStore
from streamr.tmdb.lifetimes import CLASSES
from streamr.web.api.render import answer_page, wants
from streamr.web.page import Page
from tests.support import QUERY, FakeRoute, Notes, call, gateway_over

DEADLINE = 8.0
OTHER = replace(QUERY, path="/movie/551")
TAG = Validators('W/"tmdb"', "Sun, 22 Nov 2026 10:00:00 GMT")
OLD = Answer(200, b'{"id":550,"v":1}', cache_control="max-age=3600", validators=TAG)
NEW = replace(OLD, body=b'{"id":550,"v":2}')
KIND = CLASSES["details"]
# Seconds after which OLD is in each of its states.
FRESH = 3599.0
REVALIDATE = 3601.0
STALE = 3600.0 + KIND.while_revalidate + 1
GONE = 3600.0 + KIND.if_error + 1
NOT_FOUND = Answer(404, b'{"status_code":34}')
TRANSIENT = sorted(n for n, c in CAUSES.items() if c.next_route)


class Breakable(MemoryStore):
    """A store that breaks over what it is to keep, once it is `broken`."""

    broken = False

    def put(self, key: str, response: StoredResponse) -> None:
        if self.broken:
            raise ZeroDivisionError("bug")
        super().put(key, response)


class CacheCase(SynchronousTestCase):
    """A main gateway with a store over one direct route."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.notes = Notes()
        self.direct = FakeRoute("direct")
        self.store = Breakable(10_000_000, 2000)
        self.gateway = gateway_over(
            [self.direct],
            self.clock,
            self.notes,
            "main",
            self.store,
            deadline=DEADLINE,
        )

    def ask(
        self, query: Query = QUERY, seconds: float = DEADLINE
    ) -> Deferred[Exchange]:
        return self.gateway.answer(query, call(self.clock.seconds() + seconds))

    def sent(self) -> int:
        return len(self.direct.sent)

    def kept(self, answer: Answer = OLD, after: float = 0.0) -> None:
        """Fetch an answer and let some time pass."""
        asking = self.ask()
        self.direct.succeeds(answer)
        self.exchange(asking)
        self.direct.sent.clear()
        self.clock.advance(after)

    def many(self, count: int) -> list[Query]:
        """So many are stored, and due to be renewed."""
        queries = [replace(QUERY, path=f"/movie/{n}") for n in range(count)]
        for query in queries:
            asking = self.ask(query)
            self.direct.succeeds(OLD)
            self.exchange(asking)
        self.clock.advance(REVALIDATE)
        self.direct.sent.clear()
        return queries

    def fetch(
        self, query: Query = QUERY, seconds: float = DEADLINE
    ) -> Deferred[Exchange]:
        """Ask past the store."""
        now = self.clock.seconds()
        return self.gateway.answer(query, call(now + seconds), past_store=True)

    def nothing_works(self) -> None:
        """Every breaker has opened, and one caller has found out for all."""
        for _ in range(TRIP_IN_ROW):
            self.gateway.failover.health.tried(self.direct, Fault("tls_reset"), 1)
        self.fetch(
            Query(
                "/configuration",
                (),
                "/configuration",
                freshness=CLASSES["configuration"],
            )
        )
        self.direct.fails("tls_reset")
        self.direct.sent.clear()

    def renewed(self) -> list[str]:
        """What the observer was told of refreshes that nobody waited for."""
        return [each.target for each in self.notes.exchanges if each.renewal]

    def fails(self, cause: str) -> None:
        """Every try that is under way fails, so far as the fault table goes."""
        while not self.direct.sent[-1].result.called:
            self.direct.fails(cause)
            self.clock.advance(0)  # a retry begins after a moment, none here

    def exchange(self, asking: Deferred[Exchange]) -> Exchange:
        """The result of an exchange that is over; it can be looked at again."""
        found = self.successResultOf(asking)
        asking.addCallback(lambda _: found)
        return found

    def body(self, asking: Deferred[Exchange]) -> bytes:
        return self.page(asking).body

    def page(self, asking: Deferred[Exchange], *read: str) -> Page:
        exchange = self.exchange(asking)
        wanted = wants(*(read or ("", "")))
        now = self.clock.seconds()
        return answer_page(exchange, wanted, now, self.gateway.coded)

    def use(self, asking: Deferred[Exchange]) -> dict[str, str]:
        """The parameters of Cache-Status, read back."""
        field = dict(self.page(asking).headers)["Cache-Status"]
        ((_, found),) = http_sf.parse(field.encode(), tltype="list")
        return {name: str(value) for name, value in found.items()}

    def detail(self, asking: Deferred[Exchange]) -> str | None:
        return self.use(asking).get("detail")

    def assert_nothing_left(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertNotIn("/movie/550", self.gateway.cache._flights)  # type: ignore[union-attr]


class Cold(CacheCase):
    """Nothing is stored."""

    def test_a_miss_is_fetched_kept_and_said_to_be_one(self) -> None:
        asking = self.ask()
        self.assertEqual(self.sent(), 1)
        self.direct.succeeds(OLD)
        self.assertEqual(self.body(asking), OLD.body)
        self.assertEqual(
            self.use(asking), {"fwd": "uri-miss", "fwd-status": "200", "stored": "True"}
        )
        self.assertEqual(self.store.get("/movie/550").body, OLD.body)  # type: ignore[union-attr]
        self.assert_nothing_left()

    def test_a_cold_request_is_not_conditional(self) -> None:
        self.ask()
        self.assertIsNone(self.direct.sent[0].call.known)

    def test_a_stampede_of_200_is_one_request(self) -> None:
        asking = [self.ask() for _ in range(200)]
        self.assertEqual(self.sent(), 1)
        self.direct.succeeds(OLD)
        self.clock.advance(0)  # the later ones are told in the next turns
        self.assertEqual({self.body(each) for each in asking}, {OLD.body})
        self.assertEqual(self.sent(), 1)
        collapsed = [self.use(each).get("collapsed") for each in asking]
        self.assertEqual(collapsed, [None] + ["True"] * 199)
        self.assertEqual(len(self.notes.exchanges), 200)
        self.assert_nothing_left()

    def test_two_keys_are_two_requests(self) -> None:
        self.ask()
        self.ask(OTHER)
        self.assertEqual(
            [each.query.path for each in self.direct.sent], ["/movie/550", "/movie/551"]
        )

    def test_a_fault_reaches_everyone_and_nothing_is_kept(self) -> None:
        for cause in TRANSIENT:
            self.setUp()
            asking = [self.ask() for _ in range(3)]
            self.fails(cause)
            for each in asking:
                exchange = self.exchange(each)
                self.assertEqual(exchange.status, CAUSES[cause].status, cause)
                self.assertTrue(exchange.outcome.attempts, cause)
                self.assertIn("fwd", self.use(each))
            self.assertEqual(len(self.store), 0, cause)
            self.assert_nothing_left()

    def test_after_a_fault_the_next_caller_asks_again(self) -> None:
        asking = self.ask()
        self.fails("tls_reset")
        self.exchange(asking)
        count = self.sent()
        self.ask()
        self.assertEqual(self.sent(), count + 1)

    def test_errors_of_tmdb_are_handed_on_and_never_kept(self) -> None:
        for status in (400, 401, 403, 405, 422, 429):
            self.setUp()
            asking = self.ask()
            answer = Answer(status, b'{"status_code":7}', cache_control="max-age=300")
            self.direct.succeeds(answer)
            page = self.page(asking)
            self.assertEqual((page.status, page.body), (status, answer.body))
            self.assertEqual(dict(page.headers)["Cache-Control"], "no-store")
            self.assertNotIn("stored", self.use(asking))
            self.assertEqual(len(self.store), 0, status)
            self.ask()
            self.assertEqual(self.sent(), 2, status)

    def test_what_tmdb_forbids_to_store_is_not_kept(self) -> None:
        for field in ("no-store", "private", "max-age=60, no-store"):
            self.setUp()
            asking = self.ask()
            self.direct.succeeds(replace(OLD, cache_control=field))
            self.assertEqual(self.body(asking), OLD.body)
            self.assertEqual(len(self.store), 0, field)

    def test_the_proxys_gateway_has_no_store_and_collapses_nothing(self) -> None:
        proxy = gateway_over([self.direct], self.clock, self.notes, "proxy")
        self.assertIsNone(proxy.cache)
        proxy.answer(QUERY, call(9000.0))
        proxy.answer(QUERY, call(9000.0))
        self.assertEqual(self.sent(), 2)


class NotFound(CacheCase):
    """A 404 is kept for sixty seconds."""

    def test_it_is_served_from_the_store_for_sixty_seconds(self) -> None:
        self.kept(NOT_FOUND, 59.0)
        page = self.page(self.ask())
        self.assertEqual((page.status, page.body), (404, NOT_FOUND.body))
        self.assertEqual(dict(page.headers)["Cache-Control"], "no-store")
        self.assertEqual(self.sent(), 0)

    def test_then_it_is_asked_for_again_and_waited_for(self) -> None:
        self.kept(NOT_FOUND, 61.0)
        asking = self.ask()
        self.assertNoResult(asking)
        self.direct.succeeds(OLD)
        self.assertEqual(self.body(asking), OLD.body)

    def test_it_is_never_served_stale(self) -> None:
        self.kept(NOT_FOUND, 61.0)
        asking = self.ask()
        self.clock.advance(SLOW + 0.01)
        self.assertNoResult(asking)
        self.fails("tls_reset")
        self.assertEqual(self.exchange(asking).status, 502)

    def test_it_takes_the_place_of_what_was_there(self) -> None:
        self.kept(OLD, STALE)
        asking = self.ask()
        self.direct.succeeds(NOT_FOUND)
        self.assertEqual(self.page(asking).status, 404)
        self.assertEqual(self.page(self.ask()).status, 404)
        self.assertEqual(self.sent(), 1)


class Fresh(CacheCase):
    """A fresh hit."""

    def test_it_is_served_at_once_without_a_request(self) -> None:
        self.kept(OLD, 100.0)
        asking = self.ask()
        self.assertEqual(self.body(asking), OLD.body)
        self.assertEqual(self.sent(), 0)
        self.assertEqual(self.use(asking), {"hit": "True", "ttl": "3500"})
        self.assert_nothing_left()

    def test_it_is_fresh_up_to_its_last_second(self) -> None:
        self.kept(OLD, FRESH)
        self.assertEqual(self.use(self.ask())["ttl"], "1")
        self.assertEqual(self.sent(), 0)

    def test_it_says_how_old_it_is_with_the_age_it_came_with(self) -> None:
        self.kept(replace(OLD, age=50.0), 100.0)
        self.assertEqual(dict(self.page(self.ask()).headers)["Age"], "150")

    def test_a_caller_without_time_left_still_gets_it(self) -> None:
        self.kept()
        self.assertEqual(self.body(self.ask(seconds=-1.0)), OLD.body)

    def test_it_comes_in_the_coding_the_caller_takes(self) -> None:
        self.kept()
        plain, packed = self.page(self.ask()), self.page(self.ask(), "gzip", "")
        self.assertNotIn("Content-Encoding", dict(plain.headers))
        self.assertEqual(dict(packed.headers)["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        for page in (plain, packed):
            self.assertEqual(dict(page.headers)["Vary"], "Accept-Encoding")
            self.assertEqual(dict(page.headers)["ETag"], representation.etag(OLD.body))

    def test_brotli_comes_first_where_the_extra_is_there(self) -> None:
        self.kept()
        page = self.page(self.ask(), "gzip, br", "")
        packed = brotli.decompress(page.body) if brotli else gzip.decompress(page.body)
        self.assertEqual(packed, OLD.body)
        coding = dict(page.headers)["Content-Encoding"]
        self.assertEqual(coding, "br" if brotli else "gzip")

    def test_a_caller_who_has_it_gets_304(self) -> None:
        self.kept()
        tag = representation.etag(OLD.body)
        for given in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
            page = self.page(self.ask(), "gzip", given)
            self.assertEqual((page.status, page.body), (304, b""), given)
            self.assertEqual(dict(page.headers)["ETag"], tag)
        self.assertEqual(self.page(self.ask(), "", '"other"').status, 200)

    def test_a_callers_own_cache_keeps_it_as_long_as_ours(self) -> None:
        """RFC 9111, 4.2: fresh while max-age is greater than Age."""
        self.kept(OLD, 1800.0)
        headers = dict(self.page(self.ask()).headers)
        max_age = int(headers["Cache-Control"].split("max-age=")[1].split(",")[0])
        self.assertEqual(max_age - int(headers["Age"]), 1800)


class Revalidating(CacheCase):
    """stale-while-revalidate: served at once, renewed behind."""

    def test_only_a_few_are_renewed_at_once_and_the_others_after_them(self) -> None:
        for query in self.many(RENEWALS + 2):
            self.ask(query)
        self.assertEqual(self.sent(), RENEWALS)
        for done in (1, 2):
            self.direct.sent[done].result.callback(NEW)
            self.clock.advance(0)
            self.assertEqual(self.sent(), RENEWALS + done)

    def test_who_waits_for_his_renewal_is_served_all_the_same(self) -> None:
        last = self.many(RENEWALS + 1)[-1]
        for query in self.many(RENEWALS + 1):
            self.ask(query)
        self.assertEqual(self.detail(self.ask(last)), "stale-while-revalidate")

    def test_many_that_fail_at_once_end_all_the_same(self) -> None:
        queries = self.many(300)
        for _ in range(TRIP_IN_ROW):
            self.gateway.failover.health.tried(self.direct, Fault("tls_reset"), 1)
        for query in queries:
            self.ask(query)
        for _ in queries:
            self.clock.advance(0)
        self.fails("tls_reset")
        self.assert_nothing_left()

    def test_it_is_renewed_in_the_background_unlike_what_is_waited_for(self) -> None:
        self.ask()
        first = self.direct.sent[0]
        self.direct.succeeds(OLD)
        self.clock.advance(REVALIDATE)
        self.ask()
        behind = self.direct.sent[1]
        found = (first.call.background, behind.call.background)
        self.assertEqual(found, (False, True))

    def test_it_is_served_at_once_and_renewed_once(self) -> None:
        self.kept(OLD, REVALIDATE)
        asking = [self.ask() for _ in range(50)]
        self.assertEqual({self.body(each) for each in asking}, {OLD.body})
        self.assertEqual(self.detail(asking[0]), "stale-while-revalidate")
        self.assertEqual(self.use(asking[0])["ttl"], "-1")
        self.assertEqual(self.sent(), 1)
        self.direct.succeeds(NEW)
        told = [each for each in self.notes.exchanges if each.renewal]
        self.assertEqual(len(told), 1)
        after = self.ask()
        self.assertEqual(self.body(after), NEW.body)
        self.assertEqual(self.use(after), {"hit": "True", "ttl": "3600"})
        self.assertEqual(self.sent(), 1)
        self.assert_nothing_left()

    def test_the_life_left_of_a_stale_response_is_negative(self) -> None:
        self.kept(OLD, 3600.5)
        self.assertLess(int(self.use(self.ask())["ttl"]), 0)

    def test_the_refresh_asks_conditionally(self) -> None:
        self.kept(OLD, REVALIDATE)
        self.ask()
        self.assertEqual(self.direct.sent[0].call.known, TAG)

    def test_a_304_makes_the_same_body_fresh_again(self) -> None:
        self.kept(OLD, REVALIDATE)
        self.ask()
        self.direct.succeeds(Answer(304, b"", cache_control="max-age=1200"))
        after = self.ask()
        self.assertEqual(self.body(after), OLD.body)
        self.assertEqual(self.use(after), {"hit": "True", "ttl": "1200"})
        self.assertEqual(self.sent(), 1)

    def test_a_404_behind_takes_its_place(self) -> None:
        self.kept(OLD, REVALIDATE)
        self.ask()
        self.direct.succeeds(NOT_FOUND)
        self.assertEqual(self.page(self.ask()).status, 404)

    def test_the_caller_who_leaves_does_not_stop_the_refresh(self) -> None:
        self.kept(OLD, REVALIDATE)
        self.ask().cancel()
        self.assertFalse(self.direct.sent[0].cancelled)
        self.direct.succeeds(NEW)
        self.assertEqual(self.body(self.ask()), NEW.body)

    def test_the_refresh_is_told_to_the_observer_too(self) -> None:
        self.kept(OLD, REVALIDATE)
        self.notes.exchanges.clear()
        self.ask()
        self.clock.advance(0.5)
        self.direct.succeeds(NEW)
        served, renewed = self.notes.exchanges
        self.assertEqual(
            (served.outcome.source, renewed.outcome.source), ("cache", "direct")
        )
        self.assertEqual(renewed.ms, 500)
        self.assertTrue(renewed.renewal)

    def test_a_refresh_ends_by_its_deadline(self) -> None:
        self.kept(OLD, REVALIDATE)
        self.ask()
        self.clock.advance(DEADLINE + 0.1)
        self.assertTrue(self.direct.sent[-1].cancelled)
        self.assert_nothing_left()

    def test_after_a_failed_refresh_there_is_a_pause(self) -> None:
        self.kept(OLD, REVALIDATE)
        self.ask()
        self.fails("tls_reset")
        count = self.sent()
        self.clock.advance(REFRESH_PAUSE - 0.1)
        paused = self.ask()
        self.assertEqual(self.body(paused), OLD.body)
        self.assertEqual(self.sent(), count)
        self.clock.advance(0.2)
        self.ask()
        self.assertEqual(self.sent(), count + 1)

    def test_a_429_is_a_failed_refresh(self) -> None:
        self.kept(OLD, REVALIDATE)
        self.ask()
        self.direct.succeeds(Answer(429, b'{"status_code":25}', retry_after="3"))
        self.assertEqual(self.body(self.ask()), OLD.body)
        self.assertEqual(self.sent(), 1)

    def test_an_answer_that_may_not_be_kept_leaves_the_stored_one(self) -> None:
        for answer in (
            Answer(401, b'{"status_code":7}', cache_control="max-age=300"),
            Answer(403, b'{"status_code":45}'),
            replace(NEW, cache_control="no-store"),
        ):
            self.setUp()
            self.kept(OLD, REVALIDATE)
            self.ask()
            self.direct.succeeds(answer)
            self.assertEqual(self.body(self.ask()), OLD.body, answer.status)

    def test_a_good_answer_ends_the_pause(self) -> None:
        asking = self.ask()
        self.fails("tls_reset")
        self.successResultOf(asking)
        # it came as old as it may be: stale at once, and to be renewed at once
        self.kept(replace(OLD, age=3600.0))
        self.assertEqual(self.detail(self.ask()), "stale-while-revalidate")
        self.assertEqual(self.sent(), 1)


class Stale(CacheCase):
    """Beyond stale-while-revalidate: good for slowness and for errors."""

    def setUp(self) -> None:
        super().setUp()
        self.kept(OLD, STALE)

    def test_a_quick_answer_is_the_new_one(self) -> None:
        asking = self.ask()
        self.clock.advance(SLOW - 0.01)
        self.assertNoResult(asking)
        self.direct.succeeds(NEW)
        self.assertEqual(self.body(asking), NEW.body)
        self.assertEqual(
            self.use(asking), {"fwd": "stale", "fwd-status": "200", "stored": "True"}
        )
        self.assert_nothing_left()

    def test_nobody_waits_longer_than_250_ms(self) -> None:
        asking = self.ask()
        self.clock.advance(0.249)
        self.assertNoResult(asking)
        self.clock.advance(0.002)
        self.assertEqual(self.body(asking), OLD.body)
        self.assertEqual(self.detail(asking), "stale-while-slow")
        self.assertEqual(self.use(asking)["fwd"], "stale")
        self.assertLess(int(self.use(asking)["ttl"]), 0)

    def test_a_flight_given_up_as_slow_is_told_once_when_it_lands(self) -> None:
        self.kept(OLD, STALE)
        self.notes.exchanges.clear()
        for _ in range(3):
            self.ask()
        self.clock.advance(SLOW)
        self.direct.fails("tls_alert_received")
        told = [
            attempt.cause
            for each in self.notes.exchanges
            for attempt in each.outcome.attempts
        ]
        self.assertEqual(told, ["tls_alert_received"])
        self.assertEqual(len(self.notes.exchanges), 4)

    def test_a_flight_given_up_as_slow_flies_on_and_renews_the_store(self) -> None:
        asking = self.ask()
        self.clock.advance(1.0)
        self.assertEqual(self.body(asking), OLD.body)
        self.assertFalse(self.direct.sent[0].cancelled)
        self.direct.succeeds(NEW)
        self.assertEqual(self.body(self.ask()), NEW.body)
        self.assertEqual(self.sent(), 1)
        self.assert_nothing_left()

    def test_a_second_caller_waits_250_ms_of_its_own_on_the_same_flight(self) -> None:
        self.ask()
        self.clock.advance(0.2)
        second = self.ask()
        self.clock.advance(0.2)
        self.assertNoResult(second)
        self.clock.advance(0.06)
        self.assertEqual(self.detail(second), "stale-while-slow")
        self.assertEqual(self.sent(), 1)

    def test_every_fault_that_another_way_might_heal_gives_the_stale_copy(self) -> None:
        for cause in TRANSIENT:
            self.setUp()
            asking = self.ask()
            self.fails(cause)
            exchange = self.exchange(asking)
            self.assertEqual((self.body(asking), exchange.status), (OLD.body, 200))
            self.assertEqual(self.detail(asking), "stale-if-error", cause)
            self.assertEqual(self.use(asking)["fwd"], "stale")
            self.assertEqual(exchange.outcome.attempts[0].cause, cause)
            self.assert_nothing_left()

    def test_a_429_gives_the_stale_copy(self) -> None:
        asking = self.ask()
        self.direct.succeeds(Answer(429, b"{}", retry_after="9"))
        self.assertEqual(self.body(asking), OLD.body)
        self.assertEqual(self.detail(asking), "stale-if-error")

    def test_a_stampede_on_a_stale_key_is_one_request_and_all_get_it(self) -> None:
        asking = [self.ask() for _ in range(200)]
        self.assertEqual(self.sent(), 1)
        self.fails("http_response_redirect")
        self.assertEqual({self.body(each) for each in asking}, {OLD.body})
        self.assert_nothing_left()

    def test_after_a_failure_nobody_waits_and_nobody_asks_for_a_while(self) -> None:
        self.ask()
        self.fails("tls_reset")
        count = self.sent()
        asking = self.ask()
        self.assertEqual(self.detail(asking), "stale-if-error")
        self.assertIn("hit", self.use(asking))
        self.assertEqual(self.body(asking), OLD.body)
        self.assertEqual(self.sent(), count)
        self.clock.advance(REFRESH_PAUSE + 0.1)
        self.ask()
        self.assertEqual(self.sent(), count + 1)

    def test_a_silent_tmdb_is_a_failure_as_well(self) -> None:
        """The caller came a moment before its flight began: its time ends first."""
        self.gateway.answer(QUERY, call(self.clock.seconds() + DEADLINE - 0.001))
        self.clock.advance(SLOW)
        self.clock.advance(DEADLINE)
        self.assertTrue(self.direct.sent[-1].result.called)
        count = self.sent()
        asking = self.ask()
        self.assertEqual(self.sent(), count)
        self.assertEqual(self.body(asking), OLD.body)

    def test_the_pause_is_of_one_key_alone(self) -> None:
        self.ask()
        self.fails("tls_reset")
        count = self.sent()
        self.ask(OTHER)
        self.assertEqual(self.sent(), count + 1)

    def test_a_caller_with_less_than_250_ms_gets_it_in_its_time(self) -> None:
        asking = self.ask(seconds=0.1)
        self.clock.advance(0.11)
        self.assertEqual(self.body(asking), OLD.body)

    def test_a_caller_who_leaves_leaves_nothing(self) -> None:
        asking = self.ask()
        asking.cancel()
        self.assertEqual(self.exchange(asking).status, CLIENT_LEFT)
        self.assertTrue(self.direct.sent[0].cancelled)
        self.assert_nothing_left()

    def test_a_304_is_served_as_the_stored_body(self) -> None:
        asking = self.ask()
        self.direct.succeeds(Answer(304, b"", cache_control="max-age=1200"))
        page = self.page(asking)
        self.assertEqual((page.status, page.body), (200, OLD.body))
        self.assertEqual(dict(page.headers)["Age"], "0")
        self.assertEqual(self.use(asking)["fwd-status"], "304")

    def test_a_304_that_may_not_be_kept_is_still_the_stored_body(self) -> None:
        # the caller asked for no condition: a bare 304 would be nothing to it
        for field in ("no-store", "private"):
            self.setUp()
            asking = self.ask()
            self.direct.succeeds(Answer(304, b"", cache_control=field))
            page = self.page(asking)
            self.assertEqual((page.status, page.body), (200, OLD.body), field)

    def test_a_200_on_a_conditional_request_takes_its_place(self) -> None:
        asking = self.ask()
        self.assertEqual(self.direct.sent[0].call.known, TAG)
        self.direct.succeeds(NEW)
        self.assertEqual(self.body(asking), NEW.body)
        self.assertEqual(self.store.get("/movie/550").body, NEW.body)  # type: ignore[union-attr]

    def test_a_purge_is_not_undone_by_a_304_under_way(self) -> None:
        self.ask()
        self.store.purge(lambda _: True)
        self.direct.succeeds(Answer(304, b""))
        self.assertIsNone(self.store.get("/movie/550"))


class Gone(CacheCase):
    """Too old for anything."""

    def test_it_is_waited_for_and_the_error_is_the_true_one(self) -> None:
        self.kept(OLD, GONE)
        asking = self.ask()
        self.clock.advance(SLOW + 0.1)
        self.assertNoResult(asking)
        self.fails("tls_reset")
        self.assertEqual(self.exchange(asking).status, 502)

    def test_it_can_still_be_validated(self) -> None:
        self.kept(OLD, GONE)
        asking = self.ask()
        self.assertEqual(self.direct.sent[0].call.known, TAG)
        self.direct.succeeds(Answer(304, b""))
        self.assertEqual(self.body(asking), OLD.body)


class Time(CacheCase):
    """Everyone's own deadline, and nobody else's."""

    def test_a_collapsed_caller_ends_by_its_own_deadline(self) -> None:
        leader, follower = self.ask(), self.ask(seconds=1.0)
        self.clock.advance(1.01)
        exchange = self.exchange(follower)
        self.assertEqual(exchange.status, 504)
        self.assertEqual(exchange.outcome.fault.cause.name, "deadline_exceeded")  # type: ignore[union-attr]
        self.assertNoResult(leader)
        self.assertFalse(self.direct.sent[0].cancelled)
        self.direct.succeeds(OLD)
        self.assertEqual(self.body(leader), OLD.body)

    def test_a_leader_in_a_hurry_does_not_hurry_the_others(self) -> None:
        leader, follower = self.ask(seconds=0.5), self.ask()
        self.clock.advance(0.6)
        self.assertEqual(self.exchange(leader).status, 504)
        self.clock.advance(3.0)
        self.assertFalse(self.direct.sent[0].cancelled)
        self.direct.succeeds(OLD)
        self.assertEqual(self.body(follower), OLD.body)

    def test_the_leader_leaves_and_the_followers_are_answered(self) -> None:
        leader, follower = self.ask(), self.ask()
        leader.cancel()
        self.assertEqual(self.exchange(leader).status, CLIENT_LEFT)
        self.assertFalse(self.direct.sent[0].cancelled)
        self.direct.succeeds(OLD)
        self.assertEqual(self.body(follower), OLD.body)
        self.assertEqual(self.sent(), 1)
        self.assert_nothing_left()

    def test_when_all_have_left_the_flight_is_cancelled(self) -> None:
        asking = [self.ask(), self.ask()]
        for each in asking:
            each.cancel()
        self.assertTrue(self.direct.sent[0].cancelled)
        self.assert_nothing_left()

    def test_after_the_deadline_nothing_is_left_and_the_key_is_free(self) -> None:
        asking = self.ask()
        self.clock.advance(DEADLINE + 0.1)
        self.assertEqual(self.exchange(asking).status, 504)
        self.assertTrue(self.direct.sent[0].cancelled)
        self.assert_nothing_left()
        count = self.sent()
        self.ask()
        self.assertEqual(self.sent(), count + 1)

    def test_a_timeout_names_the_attempts_that_were_made(self) -> None:
        """A caller's time runs a moment before the flight's: as with real sockets."""
        asking = self.ask(seconds=DEADLINE - 0.001)
        self.clock.advance(DEADLINE)
        exchange = self.exchange(asking)
        self.assertEqual([each.route for each in exchange.outcome.attempts], ["direct"])

    def test_cache_status_stands_on_a_timeout_as_well(self) -> None:
        asking = self.ask(seconds=1.0)
        self.clock.advance(1.1)
        self.assertIn("Cache-Status", dict(self.page(asking).headers))


class Flight(CacheCase):
    """What a flight asks of the routes, whoever began it."""

    def test_it_ends_a_twentieth_of_a_second_before_a_whole_deadline(self) -> None:
        """So the callers' own time still holds its end, with the attempts in it."""
        for seconds in (1.0, DEADLINE, 60.0):
            self.setUp()
            began = self.clock.seconds()
            self.ask(seconds=seconds)
            left = self.direct.sent[0].call.deadline - began
            self.assertAlmostEqual(left, DEADLINE - 0.05, msg=str(seconds))

    def test_a_caller_with_the_whole_time_hears_how_it_ended(self) -> None:
        asking = self.ask()
        self.clock.advance(DEADLINE - 0.051)
        self.assertNoResult(asking)
        self.clock.advance(0.002)
        exchange = self.exchange(asking)
        self.assertEqual(exchange.status, 504)
        self.assertEqual([each.route for each in exchange.outcome.attempts], ["direct"])

    def test_it_asks_for_the_query_in_the_name_of_the_first(self) -> None:
        self.ask()
        sent = self.direct.sent[0]
        self.assertEqual((sent.query, sent.call.request_id), (QUERY, "req-1"))

    def test_an_answer_that_is_not_kept_has_no_age_of_ours(self) -> None:
        asking = self.ask()
        self.direct.succeeds(Answer(401, b"{}"))
        self.assertEqual(self.exchange(asking).outcome.age, 0.0)
        asking = self.ask(seconds=0.1)
        self.clock.advance(0.2)
        self.assertEqual(self.exchange(asking).outcome.age, 0.0)

    def test_a_304_that_nobody_asked_for_is_no_answer_to_keep(self) -> None:
        asking = self.ask()
        self.direct.succeeds(Answer(304, b"", cache_control="max-age=60"))
        self.assertEqual(self.exchange(asking).status, 304)
        self.assertEqual(len(self.store), 0)

    def test_what_came_old_is_that_old_in_its_first_answer(self) -> None:
        asking = self.ask()
        self.direct.succeeds(replace(OLD, age=50.0))
        self.assertEqual(dict(self.page(asking).headers)["Age"], "50")

    def test_a_304_of_old_age_is_that_old(self) -> None:
        self.kept(OLD, STALE)
        asking = self.ask()
        self.direct.succeeds(Answer(304, b"", cache_control="max-age=1200", age=20.0))
        self.assertEqual(dict(self.page(asking).headers)["Age"], "20")
        self.assertEqual(self.use(self.ask())["ttl"], "1180")

    def test_a_304_that_may_not_be_kept_leaves_the_copy_as_old_as_it_was(self) -> None:
        self.kept(OLD, STALE)
        asking = self.ask()
        self.direct.succeeds(Answer(304, b"", cache_control="no-store"))
        self.assertEqual(dict(self.page(asking).headers)["Age"], str(int(STALE)))
        self.assertNotIn("stored", self.use(asking))


class Fetching(CacheCase):
    """A caller who wants it fresh passes the store by."""

    def test_a_fresh_copy_is_not_served_and_not_validated(self) -> None:
        self.kept(OLD)
        asking = self.fetch()
        self.assertNoResult(asking)
        self.assertIsNone(self.direct.sent[0].call.known)
        self.direct.succeeds(NEW)
        self.assertEqual(self.body(asking), NEW.body)
        self.assertEqual(self.use(asking)["fwd"], "uri-miss")

    def test_its_answer_is_kept_for_the_others(self) -> None:
        self.kept(OLD)
        self.fetch()
        self.direct.succeeds(NEW)
        self.assertEqual(self.body(self.ask()), NEW.body)

    def test_it_ends_by_its_own_deadline(self) -> None:
        asking = self.fetch(seconds=1.0)
        self.clock.advance(0.999)
        self.assertNoResult(asking)
        self.clock.advance(0.001)
        self.assertEqual(self.exchange(asking).status, 504)
        self.assertTrue(self.direct.sent[0].cancelled)
        self.assert_nothing_left()

    def test_without_time_left_it_ends_at_once(self) -> None:
        for seconds in (0.0, -1.0):
            asking = self.fetch(seconds=seconds)
            self.clock.advance(0)
            self.assertEqual(self.exchange(asking).status, 504, seconds)

    def test_it_waits_for_the_flight_that_is_under_way(self) -> None:
        asking = [self.ask(), self.fetch()]
        self.assertEqual(self.sent(), 1)
        self.direct.succeeds(NEW)
        self.assertEqual({self.body(each) for each in asking}, {NEW.body})

    def test_a_fault_reaches_it_though_a_copy_is_there(self) -> None:
        self.kept(OLD)
        asking = self.fetch()
        self.fails("tls_reset")
        self.assertEqual(self.exchange(asking).status, 502)


class NothingWorks(CacheCase):
    """With every breaker open nobody waits to find that out."""

    def setUp(self) -> None:
        super().setUp()
        self.kept(OLD, STALE)
        self.nothing_works()

    def test_the_stale_copy_is_served_at_once(self) -> None:
        asking = self.ask()
        self.assertEqual(self.body(asking), OLD.body)
        self.assertEqual(self.detail(asking), "stale-if-error")
        self.assertIn("hit", self.use(asking))

    def test_a_trickle_asks_behind_the_callers_and_renews_it(self) -> None:
        self.clock.advance(1.0)
        asking = self.ask()
        self.assertEqual(self.body(asking), OLD.body)
        self.assertEqual(self.sent(), 1)
        self.assertEqual(self.direct.sent[0].call.known, TAG)
        self.direct.succeeds(NEW)
        self.assertEqual(self.renewed(), ["/movie/550"])
        self.assertEqual(self.body(self.ask()), NEW.body)

    def test_with_one_way_that_works_there_is_something_to_wait_for(self) -> None:
        self.gateway.failover.health.tried(self.direct, None, 1)
        asking = self.ask()
        self.assertNoResult(asking)
        self.direct.succeeds(NEW)
        self.assertEqual(self.body(asking), NEW.body)

    def test_what_may_not_be_served_stale_any_more_is_not(self) -> None:
        self.clock.advance(GONE - STALE)
        self.nothing_works()
        self.assertEqual(self.exchange(self.ask()).status, 503)

    def test_what_may_be_served_while_it_is_renewed_says_so(self) -> None:
        self.gateway.failover.health.tried(self.direct, None, 1)
        self.fetch()
        self.direct.succeeds(OLD)
        self.clock.advance(REVALIDATE)
        self.nothing_works()
        self.assertEqual(self.detail(self.ask()), "stale-while-revalidate")


class Paused(CacheCase):
    """A key whose refresh has failed is left alone for five seconds."""

    def failed(self, query: Query = QUERY) -> None:
        """A fetch of the key that fails, on a route that still counts as sound."""
        self.fetch(query)
        self.fails("tls_reset")
        self.gateway.failover.health.tried(self.direct, None, 1)
        self.direct.sent.clear()

    def asks_again(self, query: Query = QUERY) -> bool:
        """Whether a caller makes TMDB be asked; who does leaves again."""
        asking = self.ask(query)
        asked = self.sent() > 0
        asking.cancel()
        self.direct.sent.clear()
        return asked

    def test_the_pause_ends_with_its_fifth_second_and_not_before(self) -> None:
        for state in (REVALIDATE, STALE):
            for after, asked in ((0.0, False), (4.999, False), (5.0, True)):
                self.setUp()
                self.kept(OLD, state)
                self.failed()
                self.clock.advance(after)
                self.assertEqual(self.asks_again(), asked, (state, after))

    def test_a_second_failure_begins_the_pause_anew(self) -> None:
        self.kept(OLD, STALE)
        for _ in range(3):
            self.failed()
            self.clock.advance(4.999)
            self.assertFalse(self.asks_again())

    def test_a_429_begins_it_as_a_fault_does(self) -> None:
        self.kept(OLD, STALE)
        self.fetch()
        self.direct.succeeds(Answer(429, b"{}"))
        self.direct.sent.clear()
        self.assertFalse(self.asks_again())

    def test_any_other_answer_ends_it(self) -> None:
        for status in (200, 400, 401, 403, 404, 405, 422):
            self.setUp()
            self.kept(OLD, STALE)
            self.failed()
            self.fetch()
            # no answer of these takes the copy's place: it would not be stale
            self.direct.succeeds(Answer(status, b"{}", cache_control="no-store"))
            self.direct.sent.clear()
            self.assertTrue(self.asks_again(), status)

    def test_it_brings_back_no_copy_that_is_too_old(self) -> None:
        self.kept(OLD, GONE)
        self.failed()
        asking = self.ask()
        self.assertEqual(self.sent(), 1)
        self.fails("tls_reset")
        self.assertEqual(self.exchange(asking).status, 502)

    def test_ten_thousand_keys_are_remembered_and_the_oldest_goes_first(self) -> None:
        first, second, third = self.many(3)
        self.clock.advance(STALE - REVALIDATE)
        self.nothing_works()  # each fetch fails at once
        for each in (first, second, third, first):  # the second is the oldest now
            self.fetch(each)
        for number in range(10_000 - 3):
            self.fetch(replace(QUERY, path=f"/tv/{number}"))
        self.gateway.failover.health.tried(self.direct, None, 1)
        self.assertFalse(self.asks_again(second))
        self.failed(OTHER)
        self.assertTrue(self.asks_again(second))
        self.assertFalse(self.asks_again(third))
        self.assertFalse(self.asks_again(first))


class Renewals(CacheCase):
    """Four refreshes behind at once, and a line of a thousand."""

    def land(self, *numbers: int) -> None:
        """These of the tries bring a new answer, all in one turn of the reactor."""
        for number in numbers:
            self.direct.sent[number].result.callback(NEW)

    def asked(self) -> list[str]:
        return [each.query.path for each in self.direct.sent]

    def renew(self, *queries: Query) -> list[str]:
        """Callers who start a refresh of each; the paths."""
        for query in queries:
            self.ask(query)
        return [each.path for each in queries]

    def test_four_begin_and_the_fifth_when_one_has_ended(self) -> None:
        paths = self.renew(*self.many(6))
        self.assertEqual(self.asked(), paths[:4])
        self.land(2)
        self.clock.advance(0)
        self.assertEqual(self.asked(), paths[:5])
        self.land(3)
        self.clock.advance(0)
        self.assertEqual(self.asked(), paths)

    def test_one_that_fails_makes_room_as_well(self) -> None:
        paths = self.renew(*self.many(5))
        self.direct.sent[0].result.errback(Fault("http_response_redirect"))
        self.clock.advance(0)
        self.assertEqual(self.asked(), paths)

    def test_each_that_ends_makes_room_for_one(self) -> None:
        queries = self.many(8)
        self.renew(*queries[:5])
        self.land(0)
        self.clock.advance(0)
        self.renew(*queries[5:])
        self.assertEqual(len(self.asked()), 5)

    def test_a_thousand_wait_and_one_more_is_left_to_its_next_caller(self) -> None:
        queries = self.many(4 + 1000 + 1)
        paths = self.renew(*queries)
        for number in range(4 + 1000):
            self.land(number)
            self.clock.advance(0)
        self.assertEqual(self.asked(), paths[:-1])
        self.assertEqual(self.renew(queries[-1]), self.asked()[-1:])

    def test_one_key_waits_once(self) -> None:
        queries = self.many(6)
        self.renew(*queries, *queries[4:])
        self.land(0, 1, 2, 3)
        self.clock.advance(0)
        self.land(4, 5)
        self.clock.advance(0)
        self.assertEqual(self.asked(), [each.path for each in queries])
        self.assert_nothing_left()

    def test_two_that_end_together_begin_the_only_one_that_waits(self) -> None:
        paths = self.renew(*self.many(5))
        self.land(0, 1)
        self.clock.advance(0)
        self.assertEqual(self.asked(), paths)

    def test_who_comes_between_two_turns_takes_the_place_and_no_fifth_one_is_made(
        self,
    ) -> None:
        queries = self.many(6)
        self.renew(*queries[:5])
        self.land(0)
        self.renew(queries[5])
        self.clock.advance(0)
        self.assertEqual(self.asked()[4:], [queries[5].path])
        self.land(1)
        self.clock.advance(0)
        self.assertEqual(self.asked()[5:], [queries[4].path])

    def test_what_became_fresh_while_it_waited_is_not_asked_for_again(self) -> None:
        queries = self.many(6)
        self.renew(*queries)
        self.fetch(queries[4])
        self.land(4)
        self.land(0)
        self.clock.advance(0)
        self.assertEqual(self.asked()[5:], [queries[5].path])

    def test_what_is_under_way_when_its_turn_comes_is_left_to_that_flight(self) -> None:
        queries = self.many(6)
        self.renew(*queries)
        self.fetch(queries[4])
        self.land(0)
        self.clock.advance(0)
        self.assertEqual(self.asked()[5:], [queries[5].path])
        self.land(4)
        self.assertNotIn(queries[4].path, self.renewed())

    def test_what_failed_while_it_waited_is_paused(self) -> None:
        queries = self.many(6)
        self.renew(*queries)
        self.fetch(queries[4])
        self.direct.sent[4].result.callback(Answer(429, b"{}"))
        self.land(0)
        self.clock.advance(0)
        self.assertEqual(self.asked()[5:], [queries[5].path])

    def test_when_none_of_those_who_wait_needs_it_any_more_it_is_quiet(self) -> None:
        queries = self.many(6)
        self.renew(*queries)
        for number in (4, 5):
            self.fetch(queries[number])
            self.land(number)
        self.land(0)
        self.clock.advance(0)
        self.assertEqual(len(self.asked()), 6)

    def test_a_flight_of_callers_takes_no_place(self) -> None:
        queries = self.many(8)
        for query in queries[:4]:
            self.fetch(query)
        self.renew(*queries[4:])
        self.assertEqual(len(self.asked()), 8)

    def test_an_error_of_our_own_is_logged_and_gives_its_place_back(self) -> None:
        paths = self.renew(*self.many(5))
        self.store.broken = True
        self.direct.sent[0].result.callback(NEW)
        self.clock.advance(0)
        self.assertEqual(self.asked(), paths)
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Breaking(CacheCase):
    """A flight that ends in an error of our own."""

    def breaks(self) -> None:
        """An answer comes, and the store breaks over it."""
        self.store.broken = True
        self.direct.succeeds(NEW)

    def assert_told_once(self) -> None:
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assert_nothing_left()

    def test_who_waits_gets_the_stale_copy(self) -> None:
        self.kept(OLD, STALE)
        asking = self.ask()
        self.breaks()
        self.assertEqual(self.body(asking), OLD.body)
        self.assert_told_once()

    def test_without_a_copy_all_who_wait_get_a_fault_of_ours(self) -> None:
        asking = [self.ask(), self.ask()]
        self.breaks()
        for each in asking:
            fault = self.exchange(each).outcome.fault
            assert fault is not None
            self.assertEqual(fault.cause.name, "proxy_internal_error")
            self.assertEqual(fault.detail, "ZeroDivisionError")
            self.assertTrue(fault.final)
        self.assert_told_once()

    def test_one_before_the_flight_began_leaves_nobody_waiting(self) -> None:
        @dataclass(frozen=True, slots=True)
        class Broken(Call):
            """A call that no flight can be made of."""

            def __post_init__(self) -> None:
                if self.known is not None:
                    raise ZeroDivisionError("bug")

        self.kept(OLD, STALE)
        plain = call(self.clock.seconds() + DEADLINE)
        broken = Broken(
            **{each.name: getattr(plain, each.name) for each in fields(plain)}
        )
        asking = self.gateway.answer(QUERY, broken)
        asking.addErrback(lambda failure: failure.trap(ZeroDivisionError))
        self.successResultOf(asking)
        self.assert_nothing_left()

    def test_one_of_whoever_is_told_of_a_renewal_is_not_lost(self) -> None:
        class Broken(Notes):
            """An observer that breaks over renewals."""

            def note(self, exchange: Exchange) -> None:
                assert not exchange.renewal, "bug"

        self.gateway = gateway_over(
            [self.direct], self.clock, Broken(), "main", self.store, deadline=DEADLINE
        )
        self.kept(OLD, REVALIDATE)
        self.ask()
        self.direct.succeeds(NEW)
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(AssertionError)), 1)
        self.assertEqual(self.body(self.ask()), NEW.body)

    def test_one_that_was_given_up_as_slow_is_told_all_the_same(self) -> None:
        self.kept(OLD, STALE)
        asking = self.ask()
        self.clock.advance(SLOW)
        self.assertEqual(self.body(asking), OLD.body)
        self.breaks()
        (told,) = [each.outcome for each in self.notes.exchanges if each.renewal]
        assert told.fault is not None
        self.assertEqual(told.fault.cause.name, "proxy_internal_error")
        self.assert_told_once()


class NewCopies(CacheCase):
    """Cache-Control: no-cache of a caller."""

    def ask_new(self) -> Deferred[Exchange]:
        asking = replace(call(self.clock.seconds() + DEADLINE), renew=True)
        return self.gateway.answer(QUERY, asking)

    def used(self, asking: Deferred[Exchange]) -> Any:
        use = self.exchange(asking).outcome.cache
        assert use is not None
        return use

    def test_a_copy_older_than_a_minute_is_renewed_first(self) -> None:
        self.kept(after=61.0)
        asking = self.ask_new()
        self.assertNoResult(asking)
        self.direct.succeeds(NEW)
        exchange = self.exchange(asking)
        assert exchange.outcome.stored is not None
        self.assertEqual(exchange.outcome.stored.body, NEW.body)
        self.assertEqual(self.used(asking).forward, "request")

    def test_a_younger_one_is_served(self) -> None:
        self.kept(after=60.0)
        self.assertIsNone(self.used(self.ask_new()).forward)
        self.assertEqual(self.sent(), 0)

    def test_it_is_done_once_a_minute_however_old_what_comes_is(self) -> None:
        self.kept(after=61.0)
        for expected in (1, 1, 1, 2):
            asking = self.ask_new()
            if not self.direct.sent[-1].result.called:
                self.direct.succeeds(replace(NEW, age=1000.0))
            self.exchange(asking)
            self.assertEqual(self.sent(), expected)
            self.clock.advance(20.1)

    def test_others_who_ask_meanwhile_share_the_flight(self) -> None:
        self.kept(after=61.0)
        self.ask_new()
        self.assertIsNone(self.used(self.ask()).forward)
        self.assertEqual(self.sent(), 1)

    def test_nobody_waits_longer_than_for_a_stale_one(self) -> None:
        self.kept(after=61.0)
        asking = self.ask_new()
        self.clock.advance(SLOW)
        self.assertEqual(self.used(asking).detail, "stale-while-slow")

    def test_a_failure_costs_nobody_the_copy(self) -> None:
        self.kept(after=61.0)
        asking = self.ask_new()
        self.direct.fails("tls_timeout", final=True)
        self.assertEqual(self.used(asking).detail, "stale-if-error")
        self.assertEqual(self.exchange(asking).status, 200)

    def test_while_nothing_works_it_is_not_tried(self) -> None:
        self.kept(after=61.0)
        for _ in range(TRIP_IN_ROW):
            self.gateway.failover.health.tried(self.direct, Fault("tls_reset"), 1)
        self.assertIsNone(self.used(self.ask_new()).forward)
        self.assertEqual(self.sent(), 0)

    def test_a_key_whose_refresh_has_failed_is_left_alone_for_five_seconds(
        self,
    ) -> None:
        self.kept(after=61.0)
        self.fetch()
        self.direct.succeeds(Answer(429, b"{}"))
        for after, sent in ((0.0, 1), (4.999, 1), (0.001, 2)):
            self.clock.advance(after)
            asking = self.ask_new()
            self.assertEqual(self.sent(), sent)
        self.assertNoResult(asking)

    def test_when_something_works_again_it_is_tried_at_once(self) -> None:
        self.kept(after=61.0)
        health = self.gateway.failover.health
        for _ in range(TRIP_IN_ROW):
            health.tried(self.direct, Fault("tls_reset"), 1)
        self.ask_new()
        health.tried(self.direct, None, 1)
        self.ask_new()
        self.assertEqual(self.sent(), 1)

    def test_what_is_not_stored_is_fetched_as_ever(self) -> None:
        asking = self.ask_new()
        self.direct.succeeds(OLD)
        self.assertEqual(self.used(asking).forward, "uri-miss")
