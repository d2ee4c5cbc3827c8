"""The snapshot: what routes, callers and the cache do at the moment of asking."""

from __future__ import annotations

import json

from streamr.boundaries import Exchange
from streamr.web.status.shape import ShownCache
from streamr.web.status.snapshot import StoreSize
from tests.observe.test_history import cached, direct, failed, fallback
from tests.support import tell
from tests.web.status.support import PROXY, PROXY_ROUTE, StatusCase

# Twenty listeners get one each second.
MOST_BYTES = 32_000


class Snapshots(StatusCase):
    def test_it_is_plain_data_and_small(self) -> None:
        for number in range(200):
            tell(self.history, failed() if number % 2 else fallback())
            self.clock.advance(60)
        self.assertLess(len(json.dumps(self.shown())), MOST_BYTES)

    def test_callers_are_counted_by_what_answered(self) -> None:
        told = (direct(), fallback(), cached(60), cached(-1), failed())
        for times, exchange in enumerate(told, 1):
            for _ in range(times):
                tell(self.history, exchange)
        found = self.shown()
        self.assertEqual((15, 5), (found["recent"]["calls"], found["recent"]["errors"]))
        by = found["hour"]["by"]
        counted = [by[name] for name in ("direct", "proxy", "cache", "stale", "error")]
        self.assertEqual([1, 2, 3, 4, 5], counted)
        minutes = json.loads(json.dumps(found["hour"]["minutes"]))
        self.assertEqual([3, 4, 1, 2, 5], minutes[-1][:5])

    def test_the_rate_knows_that_the_current_beat_is_not_over(self) -> None:
        for _ in range(25):
            tell(self.history, direct())
            self.clock.advance(1)
        self.assertEqual(60, self.shown()["recent"]["rate"])

    def test_the_cache_tells_its_share_of_the_calls(self) -> None:
        self.assertIsNone(self.cache()["share"])
        for told in (cached(60), cached(-1), direct(), failed()):
            tell(self.history, told)
        cache = self.cache()
        self.assertEqual((12, 2, 1, 2), _counts(cache))
        self.assertEqual(0.5, cache["share"])

    def test_without_a_store_there_is_no_cache(self) -> None:
        self.store_size = None
        self.assertIsNone(self.shown()["cache"])

    def test_routes_tell_breaker_rate_and_last_attempt(self) -> None:
        self.breaks(self.gateway, self.direct)
        tell(self.history, fallback())
        first, second = self.shown()["routes"]
        self.assertEqual(("direct", "open"), (first["route"], first["breaker"]))
        self.assertEqual(("tls_reset", 1), (first["cause"], first["rate"]))
        self.assertIn("TLS handshake", first["meaning"])
        self.assertEqual((PROXY, "closed"), (second["route"], second["breaker"]))

    def test_the_routes_of_a_proxy_in_this_process_stand_behind_it(self) -> None:
        first, second = self.shown()["routes"]
        self.assertEqual([], first["proxy_routes"])
        self.assertEqual(
            [PROXY_ROUTE], [each["route"] for each in second["proxy_routes"]]
        )

    def test_faults_tell_cause_and_what_was_done(self) -> None:
        told: tuple[tuple[Exchange, str], ...] = (
            (fallback(), f"{PROXY} answered after 40 ms"),
            (failed(), "the caller got 502 after 40 ms"),
            (
                cached(-1, attempts=(self.attempt("direct", "tls_reset"),)),
                "a stored answer was served",
            ),
            (failed(renewal=True), "the stored answer is kept"),
        )
        for exchange, done in told:
            tell(self.history, exchange)
            newest = self.shown()["faults"][0]
            self.assertEqual(done, newest["what"])
            self.assertEqual("tls_reset", newest["failed"][0]["cause"])

    def test_what_callers_asked_for_is_not_told(self) -> None:
        tell(self.history, failed(target="/3/search/movie?query=my+secret+wish"))
        self.assertNotIn("secret", json.dumps(self.shown()))


class Verdicts(StatusCase):
    def test_callers_are_fine_while_the_direct_way_is_broken(self) -> None:
        self.breaks(self.gateway, self.direct)
        tell(self.history, fallback())
        self.assertEqual(("detour", "Callers get answers."), self.verdict())

    def test_a_proxy_without_a_sound_route_is_none_itself(self) -> None:
        self.breaks(self.gateway, self.direct)
        self.breaks(self.behind, self.proxy_route)
        self.assertEqual(("bad", "No route to TMDB works."), self.verdict())

    def test_errors_are_over_when_the_last_beats_had_none(self) -> None:
        tell(self.history, failed())
        self.assertEqual("bad", self.verdict()[0])
        self.clock.advance(25)
        tell(self.history, direct())
        self.assertEqual("Callers get answers again.", self.verdict()[1])
        self.clock.advance(30)
        tell(self.history, direct())
        self.assertEqual(("good", "Callers get answers."), self.verdict())


def _counts(cache: ShownCache) -> tuple[int, ...]:
    return cache["entries"], cache["hits"], cache["stale"], cache["misses"]


class AnEmptyStore(StatusCase):
    store_size = StoreSize(0, 0, 0)

    def test_a_store_without_room_is_no_error(self) -> None:
        self.assertEqual(0, self.cache()["most_bytes"])
