"""The last hour: how callers fared, how the ways did, what went wrong."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, CacheUse, Exchange
from streamr.errors import Attempt, Fault
from streamr.observe.history import BEAT, MOST_WAYS, History, outcome_of
from streamr.observe.troubles import MOST_TROUBLES

GOOD = Answer(200, b"{}")
RESET = Attempt("direct", "api.test.invalid", 12, "tls_reset")
PROXY = "proxy@127.0.0.1:5001"
LEFT = Fault("deadline_exceeded", "the caller left")
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
    return Exchange(status=status, **values)


def direct(**more: Any) -> Exchange:
    attempts = (Attempt("direct", "api.test.invalid", 30, None, "", 200),)
    return exchange(
        **{"answer": GOOD, "source": "direct", "attempts": attempts, **more}
    )


def fallback(**more: Any) -> Exchange:
    return exchange(answer=GOOD, source=PROXY, attempts=(RESET, ANSWERED), **more)


def failed(**more: Any) -> Exchange:
    return exchange(502, fault=Fault("tls_reset"), attempts=(RESET,), **more)


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
        self.assertEqual("left", outcome_of(exchange(499, fault=Fault("tls_reset"))))

    def test_what_no_caller_waited_for_is_no_call(self) -> None:
        for nobody in (
            failed(target="(renewed) /movie/popular"),
            failed(target="/api/tmdb/health?probe=1", template="/configuration"),
            exchange(template="/status.json"),
            exchange(503, template="/api/tmdb/health"),
        ):
            self.assertIsNone(outcome_of(nobody), nobody.target)


class Counts(HistoryCase):
    def test_the_hour_is_counted_by_the_minute(self) -> None:
        self.history.note(direct())
        self.clock.advance(60)
        self.history.note(failed())
        self.history.note(fallback())
        *_, before, now = self.history.minutes()
        self.assertEqual((1, 0), (before.good, before.errors))
        self.assertEqual((1, 1), (now.good, now.errors))
        self.assertEqual((2, 1), (self.history.hour().good, self.history.hour().errors))

    def test_after_an_hour_it_is_forgotten(self) -> None:
        self.history.note(direct())
        self.clock.advance(3600)
        self.assertEqual(0, self.history.hour().good)

    def test_recent_are_the_last_beats(self) -> None:
        self.history.note(failed())
        self.clock.advance(3 * BEAT)
        self.history.note(direct())
        self.assertEqual(0, self.history.recent(3).errors)
        self.assertEqual(1, self.history.recent(4).errors)

    def test_times_are_those_of_answers(self) -> None:
        self.history.note(direct())
        self.history.note(failed(ms=8000))
        found = self.history.hour().sketch.quantile(1.0)
        self.assertApproximates(40, found or 0, 2)

    def test_the_proxys_callers_are_not_mains(self) -> None:
        self.history.note(direct(server="streamr-proxy"))
        self.assertEqual(0, self.history.hour().good)


class Beats(HistoryCase):
    def last_beat(self, route: str = "direct") -> tuple[int, int, bool]:
        return self.history.way(route).beats(self.clock.seconds())[-1]

    def test_attempts_count_for_their_way(self) -> None:
        self.history.note(fallback())
        self.history.note(direct())
        self.assertEqual((1, 1, False), self.last_beat())
        self.assertEqual((1, 0, False), self.last_beat(PROXY))

    def test_the_rungs_count_once_from_the_proxys_own_exchange(self) -> None:
        rung = Attempt("classic@api.test.invalid", "api.test.invalid", 9)
        passed_on = Attempt(f"{PROXY}/{rung.route}", "api.test.invalid", 9)
        self.history.note(direct(server="streamr-proxy", attempts=(rung,)))
        self.history.note(direct(attempts=(passed_on, ANSWERED)))
        self.assertEqual((1, 0, False), self.last_beat(rung.route))
        self.assertEqual((0, 0, False), self.last_beat(passed_on.route))

    def test_a_breaker_is_open_in_every_beat_until_it_closes(self) -> None:
        way = self.history.way("direct")
        way.breaker(True, self.clock.seconds() + 4)
        self.clock.advance(2 * BEAT)
        way.breaker(False, self.clock.seconds() + 4)
        self.clock.advance(BEAT)
        opened = [each[2] for each in way.beats(self.clock.seconds())]
        self.assertEqual([False, True, True, True, False], opened[-5:])

    def test_a_breaker_that_opens_and_closes_within_a_beat_is_seen(self) -> None:
        way = self.history.way("direct")
        way.breaker(True, self.clock.seconds() + 1)
        way.breaker(False, self.clock.seconds() + 2)
        self.assertTrue(self.last_beat()[2])

    def test_the_rate_is_that_of_a_minute(self) -> None:
        for _ in range(3):
            self.history.note(direct())
        self.clock.advance(60)
        self.history.note(direct())
        self.assertEqual(1, self.history.way("direct").rate(self.clock.seconds()))

    def test_names_without_end_take_no_room(self) -> None:
        for number in range(2 * MOST_WAYS):
            self.history.way(f"rung-{number}")
        self.assertEqual(MOST_WAYS, len(self.history._ways))


class Troubles(HistoryCase):
    def done(self, told: Exchange) -> tuple[str, str | None]:
        self.history.note(told)
        newest = self.history.troubles()[0]
        return newest.done, newest.by

    def test_each_end_has_its_word(self) -> None:
        stale = cached(-1, attempts=(RESET,))
        renewal = failed(target="(renewed) /movie/popular")
        self.assertEqual(("answered", PROXY), self.done(fallback()))
        self.assertEqual(("stored", "cache"), self.done(stale))
        self.assertEqual(("kept", None), self.done(renewal))
        self.assertEqual(("error", None), self.done(failed()))
        left = exchange(499, fault=LEFT, attempts=(RESET,))
        self.assertEqual(("left", None), self.done(left))

    def test_a_wrong_key_is_named(self) -> None:
        refused = direct(status=401, answer=Answer(401, b"{}"))
        self.assertEqual(("error", "direct"), self.done(refused))
        self.assertEqual((("direct", "status_401"),), self.history.troubles()[0].failed)

    def test_a_fault_before_any_attempt_is_named(self) -> None:
        self.history.note(exchange(503, fault=Fault("destination_unavailable")))
        self.assertEqual(
            (("", "destination_unavailable"),), self.history.troubles()[0].failed
        )

    def test_without_a_fault_there_is_nothing_to_tell(self) -> None:
        left = exchange(499, fault=LEFT)
        for each in (direct(), cached(60), exchange(404, template=None), left):
            self.history.note(each)
        self.assertEqual((), self.history.troubles())

    def test_those_alike_in_a_row_are_one_with_a_count(self) -> None:
        for _ in range(3):
            self.history.note(fallback())
        self.history.note(failed())
        self.history.note(fallback())
        counts = [each.count for each in self.history.troubles()]
        self.assertEqual([1, 1, 3], counts)

    def test_only_the_last_ones_are_kept(self) -> None:
        for number in range(MOST_TROUBLES + 5):
            self.history.note(failed() if number % 2 else fallback())
        self.assertEqual(MOST_TROUBLES, len(self.history.troubles()))

    def test_what_a_proxy_tried_stands_in_its_own_exchange(self) -> None:
        passed_on = Attempt(f"{PROXY}/classic", "api.test.invalid", 9, "tls_reset")
        self.history.note(direct(attempts=(passed_on, ANSWERED)))
        self.assertEqual((), self.history.troubles())
