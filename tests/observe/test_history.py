"""The last hour: how callers fared, how the routes did, what went wrong."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, CacheUse, Exchange
from streamr.errors import Attempt, Fault
from streamr.observe.history import BEAT, MOST_ROUTES, History, outcome_of
from streamr.observe.troubles import MOST_TROUBLES
from tests.support import exchange as made
from tests.support import tell

GOOD = Answer(200, b"{}")
RESET = Attempt("direct", "api.test.invalid", 12, "tls_reset")
PROXY = "proxy@127.0.0.1:5001"
LEFT = Fault("deadline_exceeded", "the caller disconnected")
ANSWERED = Attempt(PROXY, "127.0.0.1:5001", 40)


def exchange(status: int = 200, **more: Any) -> Exchange:
    values: dict[str, Any] = {
        "server": "streamr-main",
        "request_id": "req-1",
        "method": "GET",
        "target": "/api/tmdb/popular?page=1",
        "ms": 40,
        "template": "/movie/popular",
        **more,
    }
    return made(status=status, **values)


def direct(**more: Any) -> Exchange:
    attempts = (Attempt("direct", "api.test.invalid", 30, None, "", 200),)
    return exchange(
        **{"answer": GOOD, "source": "direct", "attempts": attempts, **more}
    )


def fallback(**more: Any) -> Exchange:
    return exchange(answer=GOOD, source=PROXY, attempts=(RESET, ANSWERED), **more)


def failed(**more: Any) -> Exchange:
    fault = Fault("tls_reset")
    return exchange(**{"status": 502, "fault": fault, "attempts": (RESET,), **more})


def cached(ttl: int, **more: Any) -> Exchange:
    # any value stands for what is stored: its bytes say nothing here
    stored: Any = object()
    use = CacheUse(ttl=ttl)
    return exchange(stored=stored, source="cache", cache=use, **more)


class HistoryCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(7200)
        self.history = History("streamr-main", self.clock.seconds, lambda: 1000.0)


class Outcomes(SynchronousTestCase):
    def test_a_caller_is_counted_by_what_answered(self) -> None:
        told = [outcome_of(each) for each in (direct(), fallback(), cached(60))]
        self.assertEqual(["direct", "proxy", "cache"], told)
        self.assertEqual("stale", outcome_of(cached(-1)))

    def test_a_404_of_tmdb_is_an_answer(self) -> None:
        missing = direct(status=404, answer=Answer(404, b"{}"))
        self.assertEqual("direct", outcome_of(missing))

    def test_a_key_that_tmdb_refuses_is_an_error_for_every_caller(self) -> None:
        for status in (401, 403, 429):
            refused = direct(status=status, answer=Answer(status, b"{}"))
            self.assertEqual("error", outcome_of(refused), status)

    def test_no_answer_is_an_error(self) -> None:
        self.assertEqual("error", outcome_of(failed()))
        self.assertEqual("error", outcome_of(exchange(500, template=None)))

    def test_a_refused_caller_and_one_who_left_are_no_errors_of_ours(self) -> None:
        self.assertEqual("refused", outcome_of(exchange(404, template=None)))
        self.assertEqual(
            "left", outcome_of(exchange(499, fault=Fault("tls_reset"), left=True))
        )

    def test_what_no_caller_waited_for_is_no_call(self) -> None:
        for nobody in (
            failed(target="/movie/popular", renewal=True),
            failed(target="/api/tmdb/health?probe=1", template="/configuration"),
            exchange(template="/status.json"),
            exchange(503, template="/api/tmdb/health"),
        ):
            self.assertIsNone(outcome_of(nobody), nobody.target)

    def test_every_status_from_500_on_is_an_error_whoever_said_it(self) -> None:
        stored: Any = object()
        for status, expected in ((498, "direct"), (500, "error"), (503, "error")):
            told = direct(status=status, answer=Answer(status, b"{}"))
            self.assertEqual(expected, outcome_of(told), status)
        told = exchange(500, stored=stored, source="cache", cache=CacheUse(ttl=9))
        self.assertEqual("error", outcome_of(told))
        for status, expected in ((404, "refused"), (498, "refused"), (500, "error")):
            told = exchange(status, template=None)
            self.assertEqual(expected, outcome_of(told), status)

    def test_a_fault_is_an_error_whatever_its_status(self) -> None:
        told = exchange(404, fault=Fault("tls_reset"))
        self.assertEqual("error", outcome_of(told))

    def test_a_copy_is_stale_when_its_life_is_over_and_not_before(self) -> None:
        for ttl, expected in ((1, "cache"), (0, "cache"), (-1, "stale"), (-9, "stale")):
            self.assertEqual(expected, outcome_of(cached(ttl)), ttl)
        stored: Any = object()
        for use in (None, CacheUse(ttl=None)):
            told = exchange(stored=stored, source="cache", cache=use)
            self.assertEqual("cache", outcome_of(told), use)

    def test_a_copy_that_a_route_brought_counts_for_the_route(self) -> None:
        stored: Any = object()
        for source, expected in (("direct", "direct"), (PROXY, "proxy")):
            told = exchange(stored=stored, answer=GOOD, source=source)
            self.assertEqual(expected, outcome_of(told))

    def test_a_page_beside_the_health_page_is_a_callers(self) -> None:
        told = direct(target="/api/tmdb/healthy")
        self.assertEqual("direct", outcome_of(told))


class Bounds(HistoryCase):
    """How much is remembered, and for how long: from both sides."""

    def test_an_hour_is_sixty_minutes_of_sixty_seconds(self) -> None:
        for later, there in ((59.9, 59), (60.0, 58), (3599.9, 0), (3600.0, None)):
            self.setUp()
            tell(self.history, direct())
            self.clock.advance(later)
            goods = [each.good for each in self.history.minutes()]
            self.assertEqual(60, len(goods))
            at = goods.index(1) if 1 in goods else None
            self.assertEqual(there, at, later)

    def test_a_way_has_sixty_beats_of_ten_seconds(self) -> None:
        for later, there in ((9.9, 59), (10.0, 58), (599.9, 0), (600.0, None)):
            self.setUp()
            tell(self.history, direct())
            self.clock.advance(later)
            beats = self.history.route("direct").beats(self.clock.seconds())
            self.assertEqual(60, len(beats))
            at = beats.index((1, 0, False)) if (1, 0, False) in beats else None
            self.assertEqual(there, at, later)

    def test_the_callers_beats_are_as_long(self) -> None:
        for later, beats, count in ((9.9, 1, 1), (10.0, 1, 0), (10.0, 2, 1)):
            self.setUp()
            tell(self.history, direct())
            self.clock.advance(later)
            self.assertEqual(count, self.history.recent(beats).good, (later, beats))

    def test_so_many_routes_have_beats_and_one_more_has_none(self) -> None:
        now = self.clock.seconds()
        for number in range(128):
            self.history.route(f"route-{number}").tried(True, now)
        self.history.route("route-128").tried(True, now)
        for name, good in (("route-0", 1), ("route-127", 1), ("route-128", 0)):
            beats = self.history.route(name).beats(now)
            self.assertEqual((60, good), (len(beats), beats[-1][0]), name)

    def test_two_hundred_changes_of_a_breaker_are_remembered(self) -> None:
        now = self.clock.seconds()
        for later, opened in ((199, True), (200, False)):
            self.setUp()
            route = self.history.route("direct")
            route.breaker(True, now)
            for number in range(later):
                route.breaker(number % 2 == 1, now + 20)
            self.assertEqual(opened, route.beats(now + 20)[-3][2], later)

    def test_the_same_said_again_is_no_change(self) -> None:
        now = self.clock.seconds()
        route = self.history.route("direct")
        route.breaker(True, now)
        for _ in range(300):
            route.breaker(True, now + 20)
        self.assertTrue(route.beats(now + 20)[-3][2])

    def test_a_minutes_rate_counts_good_and_bad_attempts(self) -> None:
        for later, rate in ((0.0, 2), (59.9, 2), (60.0, 0)):
            self.setUp()
            tell(self.history, fallback())
            tell(self.history, direct())
            self.clock.advance(later)
            now = self.clock.seconds()
            self.assertEqual(rate, self.history.route("direct").rate(now), later)

    def test_a_breaker_that_changes_with_a_beat_belongs_to_that_beat(self) -> None:
        now = self.clock.seconds()
        route = self.history.route("direct")
        route.breaker(True, now)
        route.breaker(False, now + 20)
        opened = [each[2] for each in route.beats(now + 20)]
        self.assertEqual([False, True, True, False], opened[-4:])

    def test_a_way_that_was_never_heard_of_is_empty(self) -> None:
        now = self.clock.seconds()
        route = self.history.route("nobody")
        self.assertEqual([(0, 0, False)] * 60, route.beats(now))
        self.assertEqual(0, route.rate(now))

    def test_every_end_is_counted_under_its_word_and_only_the_good_have_a_time(
        self,
    ) -> None:
        refused, left = (
            exchange(404, template=None),
            exchange(499, left=True, fault=LEFT),
        )
        ends = {
            "cache": (cached(60), True),
            "stale": (cached(-1), True),
            "direct": (direct(), True),
            "proxy": (fallback(), True),
            "error": (failed(), False),
            "refused": (refused, False),
            "left": (left, False),
        }
        for word, (told, good) in ends.items():
            self.setUp()
            tell(self.history, told)
            hour = self.history.hour()
            counted = [each for each, count in hour.counts.items() if count]
            self.assertEqual([word], counted)
            self.assertEqual(good, hour.sketch.quantile(1.0) is not None, word)
            self.assertEqual(
                (int(good), int(word == "error")), (hour.good, hour.errors)
            )


class Counts(HistoryCase):
    def test_the_hour_is_counted_by_the_minute(self) -> None:
        tell(self.history, direct())
        self.clock.advance(60)
        tell(self.history, failed())
        tell(self.history, fallback())
        *_, before, now = self.history.minutes()
        self.assertEqual((1, 0), (before.good, before.errors))
        self.assertEqual((1, 1), (now.good, now.errors))
        self.assertEqual((2, 1), (self.history.hour().good, self.history.hour().errors))

    def test_after_an_hour_it_is_forgotten(self) -> None:
        tell(self.history, direct())
        self.clock.advance(3600)
        self.assertEqual(0, self.history.hour().good)

    def test_recent_are_the_last_beats(self) -> None:
        tell(self.history, failed())
        self.clock.advance(3 * BEAT)
        tell(self.history, direct())
        self.assertEqual(0, self.history.recent(3).errors)
        self.assertEqual(1, self.history.recent(4).errors)

    def test_times_are_those_of_answers(self) -> None:
        tell(self.history, direct())
        tell(self.history, failed(ms=8000))
        found = self.history.hour().sketch.quantile(1.0)
        self.assertApproximates(40, found or 0, 2)

    def test_the_proxys_callers_are_not_mains(self) -> None:
        tell(self.history, direct(server="streamr-proxy"))
        self.assertEqual(0, self.history.hour().good)


class Beats(HistoryCase):
    def last_beat(self, route: str = "direct") -> tuple[int, int, bool]:
        return self.history.route(route).beats(self.clock.seconds())[-1]

    def test_attempts_count_for_their_route(self) -> None:
        tell(self.history, fallback())
        tell(self.history, direct())
        self.assertEqual((1, 1, False), self.last_beat())
        self.assertEqual((1, 0, False), self.last_beat(PROXY))

    def test_the_proxys_routes_count_once_from_the_proxys_own_exchange(self) -> None:
        inner = Attempt("classic@api.test.invalid", "api.test.invalid", 9)
        passed_on = Attempt(inner.route, peer=PROXY, next_hop="api.test.invalid", ms=9)
        tell(self.history, direct(server="streamr-proxy", attempts=(inner,)))
        tell(self.history, direct(attempts=(passed_on, ANSWERED)))
        self.assertEqual((1, 0, False), self.last_beat(inner.route))
        self.assertEqual((0, 0, False), self.last_beat(passed_on.name))

    def test_a_breaker_is_open_in_every_beat_until_it_closes(self) -> None:
        route = self.history.route("direct")
        route.breaker(True, self.clock.seconds() + 4)
        self.clock.advance(2 * BEAT)
        route.breaker(False, self.clock.seconds() + 4)
        self.clock.advance(BEAT)
        opened = [each[2] for each in route.beats(self.clock.seconds())]
        self.assertEqual([False, True, True, True, False], opened[-5:])

    def test_how_all_breakers_stand_is_taken_at_once_and_now(self) -> None:
        self.history.breakers({"direct": True, PROXY: False})
        self.clock.advance(BEAT)
        self.history.breakers({"direct": False, PROXY: True})
        now = self.clock.seconds()
        for route, opened in (
            ("direct", [False, True, False]),
            (PROXY, [False, False, True]),
        ):
            beats = self.history.route(route).beats(now)
            self.assertEqual([each[2] for each in beats][-3:], opened, route)

    def test_a_breaker_that_opens_and_closes_within_a_beat_is_seen(self) -> None:
        route = self.history.route("direct")
        route.breaker(True, self.clock.seconds() + 1)
        route.breaker(False, self.clock.seconds() + 2)
        self.assertTrue(self.last_beat()[2])

    def test_the_rate_is_that_of_a_minute(self) -> None:
        for _ in range(3):
            tell(self.history, direct())
        self.clock.advance(60)
        tell(self.history, direct())
        self.assertEqual(1, self.history.route("direct").rate(self.clock.seconds()))

    def test_names_without_end_take_no_room(self) -> None:
        for number in range(2 * MOST_ROUTES):
            self.history.route(f"route-{number}")
        self.assertEqual(MOST_ROUTES, len(self.history._routes))


class Troubles(HistoryCase):
    def done(self, told: Exchange) -> tuple[str, str | None]:
        tell(self.history, told)
        newest = self.history.troubles()[0]
        return newest.done, newest.by

    def test_each_end_has_its_word(self) -> None:
        stale = cached(-1, attempts=(RESET,))
        renewal = failed(target="/movie/popular", renewal=True)
        self.assertEqual(("answered", PROXY), self.done(fallback()))
        self.assertEqual(("stored", "cache"), self.done(stale))
        self.assertEqual(("kept", None), self.done(renewal))
        self.assertEqual(("error", None), self.done(failed()))
        left = exchange(499, left=True, fault=LEFT, attempts=(RESET,))
        self.assertEqual(("left", None), self.done(left))

    def test_a_wrong_key_is_named(self) -> None:
        refused = direct(status=401, answer=Answer(401, b"{}"))
        self.assertEqual(("error", "direct"), self.done(refused))
        self.assertEqual((("direct", "status_401"),), self.history.troubles()[0].failed)

    def test_a_fault_before_any_attempt_is_named(self) -> None:
        tell(self.history, exchange(503, fault=Fault("destination_unavailable")))
        self.assertEqual(
            (("", "destination_unavailable"),), self.history.troubles()[0].failed
        )

    def test_without_a_fault_there_is_nothing_to_tell(self) -> None:
        left = exchange(499, left=True, fault=LEFT)
        for each in (direct(), cached(60), exchange(404, template=None), left):
            tell(self.history, each)
        self.assertEqual((), self.history.troubles())

    def test_those_alike_in_a_row_are_one_with_a_count(self) -> None:
        for _ in range(3):
            tell(self.history, fallback())
        tell(self.history, failed())
        tell(self.history, fallback())
        counts = [each.count for each in self.history.troubles()]
        self.assertEqual([1, 1, 3], counts)

    def test_only_the_last_ones_are_kept(self) -> None:
        for number in range(MOST_TROUBLES + 5):
            tell(self.history, failed() if number % 2 else fallback())
        self.assertEqual(MOST_TROUBLES, len(self.history.troubles()))

    def test_what_a_proxy_tried_stands_in_its_own_exchange(self) -> None:
        passed_on = Attempt(
            "classic", peer=PROXY, next_hop="api.test.invalid", ms=9, cause="tls_reset"
        )
        tell(self.history, direct(attempts=(passed_on, ANSWERED)))
        self.assertEqual((), self.history.troubles())

    def test_fifty_are_kept_and_the_newest_comes_first(self) -> None:
        for number in range(51):
            cause = "tls_reset" if number % 2 else "tls_timeout"
            tell(
                self.history,
                failed(
                    request_id=f"req-{number}",
                    attempts=(Attempt("direct", "", 1, cause),),
                ),
            )
            self.assertEqual(min(number + 1, 50), len(self.history.troubles()))
        told = [each.request_id for each in self.history.troubles()]
        self.assertEqual([f"req-{number}" for number in range(50, 0, -1)], told)

    def test_every_answer_that_means_trouble_for_all_is_named(self) -> None:
        for status in (401, 403, 429):
            told = direct(status=status, answer=Answer(status, b"{}"))
            self.assertEqual(("error", "direct"), self.done(told))
            failed = self.history.troubles()[0].failed
            self.assertEqual((("direct", f"status_{status}"),), failed)

    def test_no_other_answer_is_a_trouble(self) -> None:
        for status in (200, 304, 400, 402, 404, 405, 422, 500, 503):
            tell(self.history, direct(status=status, answer=Answer(status, b"{}")))
            self.assertEqual((), self.history.troubles(), status)

    def test_it_tells_when_to_whom_and_of_what(self) -> None:
        tell(self.history, fallback(ms=77, request_id="req-9"))
        tell(self.history, failed(template=None, status=504))
        last, first = self.history.troubles()
        self.assertEqual((1000.0, 77, 200), (first.at, first.ms, first.status))
        self.assertEqual(
            ("/movie/popular", "req-9"), (first.template, first.request_id)
        )
        self.assertEqual(("", 504), (last.template, last.status))

    def test_one_row_tells_of_the_last_of_those_alike(self) -> None:
        for number in (1, 2):
            tell(self.history, failed(ms=number, request_id=f"req-{number}"))
        (one,) = self.history.troubles()
        self.assertEqual((2, 2, "req-2"), (one.count, one.ms, one.request_id))

    def test_what_differs_in_its_story_has_a_row_of_its_own(self) -> None:
        timeout = Attempt("direct", "api.test.invalid", 12, "tls_timeout")
        for other in (
            fallback(status=404),
            exchange(answer=GOOD, source="proxy@other:1", attempts=(RESET, ANSWERED)),
            exchange(answer=GOOD, source=PROXY, attempts=(timeout, ANSWERED)),
            exchange(stored=object(), source="cache", attempts=(RESET,)),
            exchange(499, left=True, fault=LEFT, source=PROXY, attempts=(RESET,)),
        ):
            self.setUp()
            tell(self.history, fallback())
            tell(self.history, other)
            counts = [each.count for each in self.history.troubles()]
            self.assertEqual([1, 1], counts, other)

    def test_each_way_and_cause_is_named_once_in_their_order(self) -> None:
        again = Attempt("direct", "api.test.invalid", 9, "tls_timeout")
        tell(
            self.history,
            exchange(
                502,
                fault=Fault("tls_timeout"),
                attempts=(
                    RESET,
                    RESET,
                    again,
                    ANSWERED,
                    Attempt(PROXY, "", 1, "tls_reset"),
                ),
            ),
        )
        expected = (("direct", "tls_reset"), ("direct", "tls_timeout"))
        found = self.history.troubles()[0].failed
        self.assertEqual((*expected, (PROXY, "tls_reset")), found)

    def test_a_refusal_comes_after_what_failed_before_it(self) -> None:
        told = exchange(
            401, answer=Answer(401, b"{}"), source=PROXY, attempts=(RESET, ANSWERED)
        )
        self.assertEqual(("error", PROXY), self.done(told))
        expected = (("direct", "tls_reset"), (PROXY, "status_401"))
        self.assertEqual(expected, self.history.troubles()[0].failed)

    def test_a_renewal_is_kept_unless_it_was_answered(self) -> None:
        self.assertEqual(("answered", PROXY), self.done(fallback(renewal=True)))
        refused = direct(renewal=True, status=401, answer=Answer(401, b"{}"))
        self.assertEqual(("kept", "direct"), self.done(refused))

    def test_the_proxys_troubles_are_not_mains(self) -> None:
        tell(self.history, failed(server="streamr-proxy"))
        self.assertEqual((), self.history.troubles())

    def test_a_refusal_of_nobody_knows_who_is_named_without_a_route(self) -> None:
        tell(self.history, exchange(401, answer=Answer(401, b"{}")))
        self.assertEqual((("", "status_401"),), self.history.troubles()[0].failed)
