"""Hits: told in one piece, they leave the same traces as told one by one."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Exchange, Hit
from streamr.interfaces import Observer
from streamr.observe.access import LogObserver
from streamr.observe.counters import Durations
from streamr.observe.fan import Fan
from streamr.observe.history import History
from streamr.observe.log import LineObserver, Sink
from streamr.observe.measures import REQUEST_SECONDS, buckets
from streamr.observe.metrics import Metrics
from streamr.policy.redact import Redactor
from tests.observe.test_metrics import HIT, MAIN, MOVIE
from tests.support import Notes

KEY = "0123456789abcdef0123456789abcdef"
FAST = replace(HIT, ms=0)
OTHER = replace(FAST, method="HEAD", target="/3/tv/1?language=de", template="/tv/{id}")
ELSEWHERE = replace(FAST, server="streamr-proxy")


def both(one: Observer, other: Observer, told: list[Exchange]) -> None:
    """Tell one of them hits, and the other each exchange."""
    hits = {id(each): Hit(each) for each in told}
    one.hits([(hits[id(each)], f"id-{n}") for n, each in enumerate(told)])
    for n, each in enumerate(told):
        other.note(replace(each, request_id=f"id-{n}"))


class Counted(SynchronousTestCase):
    def test_metrics_count_each(self) -> None:
        def fresh() -> Metrics:
            made = Metrics([MOVIE], buckets(8.0), {"version": "1"})
            made.serves(MAIN, ["direct"], [])
            made.caches(MAIN)
            return made

        one, other = fresh(), fresh()
        both(one, other, [FAST, FAST, OTHER, FAST, ELSEWHERE])
        self.assertEqual(one.calls, other.calls)
        self.assertEqual(counted(one), counted(other))
        self.assertIn(b'source="cache",status="200"} 3.0', one.exposed("")[0])

    def test_the_history_counts_its_own_server(self) -> None:
        clock = Clock()
        one, other = (History(MAIN, clock.seconds, clock.seconds) for _ in range(2))
        both(one, other, [FAST, OTHER, ELSEWHERE])
        self.assertEqual(one.hour().counts, other.hour().counts)
        self.assertEqual(one.hour().counts["cache"], 2)
        self.assertEqual(one.recent(6).counts["cache"], 2)
        self.assertEqual(one.hour().sketch.quantile(1.0), 0.5)

    def test_a_fan_tells_everybody_and_one_that_breaks_stops_nobody(self) -> None:
        class Broken(Notes):
            def hits(self, hits: Any) -> None:
                raise ValueError("broken")

        notes = Notes()
        Fan([Broken(), notes], Clock()).hits([(Hit(FAST), "a"), (Hit(FAST), "b")])
        self.assertEqual([each.request_id for each in notes.exchanges], ["a", "b"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_many_that_took_as_long_are_as_good_as_each(self) -> None:
        one, other = (Durations(REQUEST_SECONDS, (0.1, 0.5)) for _ in range(2))
        for seconds in (0.0, 0.1, 0.11, 0.5, 7.0):
            one.add(seconds, MAIN, "cache", count=3)
            for _ in range(3):
                other.add(seconds, MAIN, "cache")
        (told,), (expected,) = one.collect(), other.collect()
        self.assertEqual(told.samples, expected.samples)
        by_bound = {
            each.labels["le"]: each.value
            for each in told.samples
            if "le" in each.labels
        }
        self.assertEqual(by_bound, {"0.1": 6.0, "0.5": 12.0, "+Inf": 15.0})


def counted(metrics: Metrics) -> list[bytes]:
    """What is scraped, but for the process itself."""
    text = metrics.exposed("")[0]
    return [line for line in text.splitlines() if not line.startswith(b"process_")]


class Logged(SynchronousTestCase):
    def lines(self, form: str, told: list[Exchange], level: str = "info") -> list[str]:
        """The lines of hits, and behind them those of the same exchanges."""
        stream = io.StringIO()
        writer = LineObserver([Sink(stream)], Redactor([KEY]), level, form)
        log = LogObserver(writer, lambda: 1_800_000_000.25)
        hits = [(Hit(each, log.worded(each)), f"id-{n}") for n, each in enumerate(told)]
        log.hits(hits)
        for n, each in enumerate(told):
            log.note(replace(each, request_id=f"id-{n}"))
        return stream.getvalue().splitlines()

    def test_text_is_the_same(self) -> None:
        lines = self.lines("text", [FAST, OTHER])
        self.assertEqual(lines[:2], lines[2:])
        self.assertEqual(
            lines[0],
            "2027-01-15T08:00:00.250Z info  streamr-main GET /3/movie/550 200 0 ms "
            "cache [id-0]",
        )

    def test_json_is_the_same(self) -> None:
        told = [json.loads(each) for each in self.lines("json", [FAST, OTHER])]
        self.assertEqual(told[0]["time"], "2027-01-15T08:00:00.250Z")
        self.assertEqual(told[:2], told[2:])
        self.assertEqual(told[1]["request_id"], "id-1")

    def test_secrets_in_a_target_are_masked(self) -> None:
        for target in (f"/3/movie/550?x={KEY}", "/3/movie/550?api_key=abcdefghijkl"):
            for form in ("text", "json"):
                lines = self.lines(form, [replace(FAST, target=target)])
                self.assertEqual(len(lines), 2)
                for line in lines:
                    self.assertNotIn(KEY, line)
                    self.assertNotIn("abcdefghijkl", line)

    def test_below_the_level_nothing_is_written(self) -> None:
        self.assertEqual(self.lines("text", [FAST], "warn"), [])

    def test_a_target_with_a_time_or_a_brace_stays_what_it_is(self) -> None:
        odd = replace(FAST, target="/3/x?a=1970-01-01T00:00:00.000Z{request_id}%")
        one, other = self.lines("text", [odd])
        self.assertEqual(one, other)
