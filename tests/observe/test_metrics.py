"""Metrics: what an exchange adds, what it cannot add, and what is written out."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import CacheUse, Exchange
from streamr.errors import CAUSES, CLIENT_LEFT, Attempt, Fault, RouteKind
from streamr.gateway.gateway import Gateway
from streamr.observe.measures import (
    ATTEMPT_CAUSES,
    COUNTED,
    GRACE,
    NO_FAILURE,
    buckets,
)
from streamr.observe.metrics import Metrics
from streamr.policy.retry import HEDGE_AFTER
from streamr.store.memory import MemoryStore
from streamr.tmdb import catalogue
from tests.support import (
    GOOD,
    QUERY,
    FakeRoute,
    but,
    call,
    failover_over,
    gateway_over,
    tell,
)
from tests.support import exchange as made

MAIN = "streamr-main"
PROXY = "proxy@127.0.0.1:5001"
MOVIE = "/movie/{movie_id}"
DIRECT_OK = Attempt("direct", "api.test.invalid", 90)
ANSWERED = made(
    MAIN, "id", "GET", "/3/movie/550", 200, 90, MOVIE, answer=GOOD, source="direct"
)
# any value stands for what is stored: only its status is read
STORED: Any = SimpleNamespace(status=200)
HIT = but(ANSWERED, answer=None, source="cache", stored=STORED, cache=CacheUse(ttl=9))


class MetricsCase(SynchronousTestCase):
    def setUp(self) -> None:
        templates = [each.template for each in catalogue.load().endpoints]
        self.metrics = Metrics(templates, buckets(8.0), {"version": "1"})
        self.metrics.serves(MAIN, ["direct", PROXY], ["/api/health", "/metrics"])
        self.metrics.caches(MAIN)

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels."""
        found = [
            sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found)

    def requests(self, **labels: str) -> float:
        return self.value("streamr_requests_total", **labels)

    def attempts(self, **labels: str) -> float:
        return self.value("streamr_attempts_total", server=MAIN, **labels)


class Requests(MetricsCase):
    def test_each_request_is_counted_once_under_its_words(self) -> None:
        tell(self.metrics, ANSWERED)
        labels = {"server": MAIN, "endpoint": MOVIE, "status": "200"}
        self.assertEqual(self.requests(**labels, source="direct"), 1)
        self.assertEqual(self.requests(), 1)

    def test_the_source_says_where_each_answer_came_from(self) -> None:
        stale = CacheUse(ttl=-5, detail="stale-if-error")
        out = Fault("deadline_exceeded")
        local = made(MAIN, "id", "GET", "/api/health", 200, 1, "/api/health")
        for exchange, source in (
            (but(ANSWERED, source=PROXY), PROXY),
            (HIT, "cache"),
            (but(HIT, cache=stale), "stale-if-error"),
            (but(ANSWERED, answer=None, source=None, fault=out), "fault"),
            (
                but(ANSWERED, source=None, fault=out, status=CLIENT_LEFT, left=True),
                "left",
            ),
            (local, "local"),
            (but(local, status=404, template=None), "refused"),
            (but(local, status=500, template=None), "fault"),
        ):
            before = self.requests(source=source)
            tell(self.metrics, exchange)
            self.assertEqual(self.requests(source=source), before + 1, source)

    def test_an_error_is_counted_by_the_cause_that_the_caller_was_told(self) -> None:
        fault = Fault("tls_reset")
        tell(self.metrics, but(ANSWERED, source=None, fault=fault, status=502))
        self.assertEqual(self.value("streamr_faults_total", cause="tls_reset"), 1)
        self.assertEqual(self.value("streamr_faults_total"), 1)

    def test_a_caller_who_left_is_no_error(self) -> None:
        fault = Fault("deadline_exceeded", "the caller disconnected")
        tell(
            self.metrics,
            but(ANSWERED, source=None, fault=fault, status=CLIENT_LEFT, left=True),
        )
        self.assertEqual(self.value("streamr_faults_total"), 0)

    def test_a_renewal_is_counted_apart_and_its_attempts_with_the_others(self) -> None:
        tell(
            self.metrics,
            but(
                ANSWERED,
                target="/movie/550",
                renewal=True,
                attempts=(DIRECT_OK,),
                ms=900,
            ),
        )
        self.assertEqual(self.requests(), 0)
        self.assertEqual(self.value("streamr_request_duration_seconds_count"), 0)
        self.assertEqual(self.value("streamr_renewals_total", source="direct"), 1)
        self.assertEqual(self.attempts(route="direct", cause="ok"), 1)
        self.assertEqual(self.metrics.calls[MAIN], 0)

    def test_what_the_cache_did_is_counted_in_its_own_words(self) -> None:
        for use, result in (
            (CacheUse(ttl=9), "hit"),
            (CacheUse("stale", ttl=-1, detail="stale-while-slow"), "stale-while-slow"),
            (CacheUse(forward="uri-miss"), "uri-miss"),
            (CacheUse(forward="stale", stored=True), "stale"),
            (CacheUse(forward="bypass", detail="streamr-fault"), "bypass"),
            (CacheUse(forward="uri-miss", collapsed=True), "collapsed"),
        ):
            tell(self.metrics, but(ANSWERED, cache=use))
            found = self.value("streamr_cache_requests_total", result=result)
            self.assertEqual(found, 1, result)

    def test_calls_are_what_could_have_gone_to_tmdb(self) -> None:
        for exchange in (
            ANSWERED,
            HIT,
            but(ANSWERED, template="/api/health", source=None),
            but(ANSWERED, template=None, source=None, status=404),
        ):
            tell(self.metrics, exchange)
        self.assertEqual(self.metrics.calls[MAIN], 2)


class Latencies(MetricsCase):
    def test_the_hedge_and_the_deadline_are_bounds(self) -> None:
        for deadline in (0.5, 8.0, 60.0):
            bounds = buckets(deadline)
            self.assertEqual(sorted(set(bounds)), list(bounds))
            self.assertEqual(bounds[-2:], (deadline, deadline + GRACE))
            self.assertIn(HEDGE_AFTER, bounds)

    def test_they_are_in_seconds(self) -> None:
        tell(self.metrics, but(ANSWERED, ms=240, attempts=(DIRECT_OK,)))
        for name, total, bound in (
            ("streamr_request_duration_seconds", 0.24, "0.25"),
            ("streamr_attempt_duration_seconds", 0.09, "0.1"),
        ):
            self.assertEqual(self.value(f"{name}_sum"), total)
            self.assertEqual(self.value(f"{name}_bucket", le=bound), 1)

    def test_only_tries_that_answered_tell_how_fast_a_route_is(self) -> None:
        failed = replace(DIRECT_OK, cause="tls_timeout", ms=2000)
        tell(self.metrics, but(ANSWERED, attempts=(failed,)))
        self.assertEqual(self.value("streamr_attempt_duration_seconds_count"), 0)


class Attempts(MetricsCase):
    """Over a real gateway and real routes; the routes are fakes."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.direct, self.proxy = (
            FakeRoute("direct"),
            FakeRoute(PROXY, kind=RouteKind.PEER),
        )

    def gateway(
        self, store: MemoryStore | None = None, *, hedge: bool = False
    ) -> Gateway:
        failover = failover_over(
            [self.direct, self.proxy],
            self.clock,
            tried=lambda attempt: self.metrics.tried(MAIN, attempt),
            hedge=hedge,
        )
        return gateway_over(
            failover, self.clock, self.metrics, MAIN, store, threads=self.fail
        )

    def failed(self) -> float:
        """As the dashboard and the alert rules count failures."""
        return self.attempts() - sum(self.attempts(cause=each) for each in NO_FAILURE)

    def test_each_try_is_counted_by_route_and_cause(self) -> None:
        asking = self.gateway().answer(QUERY, call())
        self.direct.fails("tls_alert_received")
        self.proxy.succeeds()
        self.successResultOf(asking)
        self.assertEqual(self.attempts(route="direct", cause="tls_alert_received"), 1)
        self.assertEqual(self.attempts(route=PROXY, cause="ok"), 1)
        self.assertEqual(self.attempts(), 2)

    def test_an_outrun_hedge_is_no_failure(self) -> None:
        asking = self.gateway(hedge=True).answer(QUERY, call())
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), 1)
        self.direct.succeeds()
        self.successResultOf(asking)
        self.assertTrue(self.proxy.sent[0].cancelled)
        self.assertEqual((self.attempts(cause="ok"), self.failed()), (1, 0))

    def test_a_try_that_a_hedge_overtook_is_named_so_and_no_failure(self) -> None:
        asking = self.gateway(hedge=True).answer(QUERY, call())
        self.clock.advance(HEDGE_AFTER)
        self.proxy.succeeds()
        self.successResultOf(asking)
        self.assertEqual(self.attempts(route="direct", cause="overtaken"), 1)
        self.assertEqual((self.attempts(cause="ok"), self.failed()), (1, 0))

    def test_what_a_leaving_caller_cancelled_is_no_failure(self) -> None:
        asking = self.gateway().answer(QUERY, call())
        asking.cancel()
        self.successResultOf(asking)
        self.assertTrue(self.direct.sent[0].cancelled)
        self.assertEqual((self.attempts(), self.requests(source="left")), (0, 1))

    def test_callers_who_share_a_flight_share_its_attempts(self) -> None:
        gateway = self.gateway(MemoryStore(1_000_000, 10))
        asking = [gateway.answer(QUERY, call()) for _caller in range(20)]
        self.direct.fails("tls_alert_received")
        self.proxy.succeeds()
        self.clock.pump([0] * 20)
        for each in asking:
            self.successResultOf(each)
        self.assertEqual((self.requests(), self.attempts()), (20, 2))

    def test_callers_with_a_stale_copy_share_them_too(self) -> None:
        gateway = self.gateway(MemoryStore(1_000_000, 10))
        first = gateway.answer(QUERY, call())
        self.direct.succeeds(replace(GOOD, cache_control="max-age=3600"))
        self.successResultOf(first)
        self.clock.advance(10 * 86400)
        asking = [gateway.answer(QUERY, call(864010)) for _caller in range(3)]
        self.direct.fails("http_rate_limited")
        for each in asking:
            self.assertEqual(self.successResultOf(each).status, 200)
        self.assertEqual(self.requests(source="stale-if-error"), 3)
        self.assertEqual(self.attempts(cause="http_rate_limited"), 1)

    def test_what_a_proxy_tried_is_folded_under_the_proxy(self) -> None:
        tried = (
            Attempt(
                "classic@api.themoviedb.org",
                peer=PROXY,
                next_hop="",
                ms=5,
                cause="tls_reset",
            ),
            Attempt("modern@api.tmdb.org", peer=PROXY, next_hop="", ms=5),
        )
        asking = self.gateway().answer(QUERY, call())
        self.direct.fails("tls_alert_received")
        self.proxy.succeeds(replace(GOOD, attempts=tried))
        self.successResultOf(asking)
        self.assertEqual(self.attempts(), 2)
        reported = "streamr_reported_attempts_total"
        self.assertEqual(self.value(reported, route=PROXY, cause="tls_reset"), 1)
        self.assertEqual(self.value(reported, route=PROXY, cause="ok"), 1)

    def test_every_cause_is_there_before_it_happens(self) -> None:
        found = {
            sample.labels["cause"]
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == "streamr_attempts_total"
        }
        self.assertEqual(found, set(ATTEMPT_CAUSES))
        self.assertLessEqual(CAUSES.keys(), found)


class Bounds(MetricsCase):
    """Nobody can make up a label."""

    def labels(self) -> set[tuple[tuple[str, str], ...]]:
        return {
            (("", sample.name), *sorted(sample.labels.items()))
            for family in self.metrics.registry.collect()
            for sample in family.samples
        }

    def test_ten_thousand_paths_make_one_label(self) -> None:
        chance = Random(4)
        tell(self.metrics, _strange("first"))
        before = self.labels()
        for _request in range(10_000):
            tell(self.metrics, _strange(f"{chance.getrandbits(64):x}"))
        self.assertEqual(self.labels(), before)
        self.assertEqual(self.requests(endpoint="other"), 10_001)

    def test_what_a_proxy_makes_up_is_other(self) -> None:
        tell(self.metrics, _made_up(0))
        before = self.labels()
        for number in range(1, 100):
            tell(self.metrics, _made_up(number))
        self.assertEqual(self.labels(), before)
        made_up = "".join(f"{name}={value}" for each in before for name, value in each)
        self.assertNotIn("evil", made_up)

    def test_a_status_that_nobody_knows_is_other(self) -> None:
        for status in (0, 299, 999, -1):
            tell(self.metrics, but(ANSWERED, status=status))
        self.assertEqual(self.requests(status="other"), 4)


def _strange(text: str) -> Exchange:
    """A request full of a caller's own text."""
    target = f"/{text}?api_key={text}"
    return made(MAIN, text, text, target, 404, 1, f"/movie/{text}", source=text)


def _made_up(number: int) -> Exchange:
    """An exchange over a proxy that makes up names."""
    evil = f'evil{number}"\n'
    attempts = (
        Attempt(evil, evil, 1, evil, evil),
        Attempt(f"{evil}", peer=PROXY, next_hop=evil, ms=1, cause=evil, detail=evil),
        Attempt(f"{evil}/x", evil, 1, None, evil),
    )
    cache = CacheUse(forward=evil, detail=evil)
    return but(ANSWERED, attempts=attempts, source=evil, cache=cache)


class Formats(MetricsCase):
    def setUp(self) -> None:
        super().setUp()
        tell(self.metrics, but(ANSWERED, attempts=(DIRECT_OK,)))

    def test_both_formats_parse_and_say_the_same(self) -> None:
        plain, plain_type = self.metrics.exposed("text/html")
        opened, opened_type = self.metrics.exposed(
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2"
        )
        self.assertTrue(plain_type.startswith("text/plain; version=0.0.4"))
        self.assertTrue(opened_type.startswith("application/openmetrics-text; version"))
        self.assertTrue(opened.endswith(b"# EOF\n"))
        read = openmetrics_parser.text_string_to_metric_families
        samples: list[set[Any]] = [
            {
                (sample.name, *sorted(sample.labels.items()), sample.value)
                for family in families
                for sample in family.samples
                if not sample.name.startswith("process_")
            }
            for families in (
                text_string_to_metric_families(plain.decode()),
                read(opened.decode()),
            )
        ]
        self.assertEqual(*samples)

    def test_prometheus_gets_what_it_likes_best(self) -> None:
        # what Prometheus 3 and 2 send
        for accept in (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "application/openmetrics-text;version=0.0.1;q=0.5,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
            "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text;version=1.0.0,"
            "application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        ):
            _body, content_type = self.metrics.exposed(accept)
            self.assertIn("application/openmetrics-text; version=1.0.0", content_type)

    def test_an_accept_header_can_break_and_say_nothing(self) -> None:
        for accept in (
            "application/openmetrics-text; version=abc",
            "application/openmetrics-text; version=9.9.9",
            "application/openmetrics-text; version=1.0.0; escaping=evil\x00",
            "application/openmetrics-text; version=1.0.0; escaping=evil",
            "text/plain; version=evil",
            "application/openmetrics-text; version=" + "9" * 10_000,
            ";,;=,=;",
        ):
            body, content_type = self.metrics.exposed(accept)
            self.assertIn(b"streamr_requests_total", body)
            self.assertIn(
                content_type.partition(";")[0],
                ("text/plain", "application/openmetrics-text"),
            )
            self.assertNotIn("evil", content_type)
            self.assertNotIn("9.9.9", content_type)

    def test_the_table_is_what_the_registry_holds(self) -> None:
        tell(self.metrics, but(ANSWERED, target="/movie/550", renewal=True))
        reported = Attempt("x", peer=PROXY, next_hop="", ms=1)
        fault = Fault("tls_reset")
        failed = but(ANSWERED, source=None, fault=fault, attempts=(reported,))
        tell(self.metrics, failed)
        families = {
            each.name: each
            for each in self.metrics.registry.collect()
            if not each.name.startswith("process_")
        }
        stems = {
            each.name.removesuffix("_total").removesuffix("_info"): each
            for each in COUNTED
        }
        self.assertEqual(families.keys(), stems.keys())
        for stem, measure in stems.items():
            family = families[stem]
            self.assertEqual((family.type, family.documentation), _told(measure))
            for sample in family.samples:
                names = tuple(name for name in sample.labels if name != "le")
                self.assertEqual(sorted(names), sorted(_labels(measure, sample)))

    def test_two_registries_live_side_by_side(self) -> None:
        other = Metrics([], buckets(8.0), {"version": "2"})
        other.serves(MAIN, ["direct"], [])
        other.note(but(ANSWERED, template=None))
        self.assertEqual(self.requests(), 1)

    def test_no_series_says_when_it_was_made(self) -> None:
        for accept in ("", CONTENT_TYPE_LATEST):
            self.assertNotIn(b"_created", self.metrics.exposed(accept)[0])


def _told(measure: Any) -> tuple[str, str]:
    return measure.kind, measure.help


def _labels(measure: Any, sample: Any) -> tuple[str, ...]:
    # this case knows one version only
    return ("version",) if measure.kind == "info" else measure.labels
