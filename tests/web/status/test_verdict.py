"""One glance: do callers get answers?"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import CAUSES
from streamr.web.status.verdict import RouteSummary, StatusVerdict, meaning, verdict


def routes(
    direct: bool | None, *proxies: bool | None, cause: str | None = None
) -> tuple[RouteSummary, ...]:
    """The direct route, with why it fails, and the proxies behind it."""
    why = cause or ("tls_reset" if direct is False else None)
    others = (RouteSummary(False, each, None) for each in proxies)
    return RouteSummary(True, direct, why), *others


WORKS, DETOUR, NOTHING = routes(True, None), routes(False, True), routes(False, False)
IDLE = routes(None, None)


class Glance(SynchronousTestCase):
    def test_answers_and_no_errors_are_good(self) -> None:
        found = verdict(50, 0, False, WORKS)
        self.assertEqual(
            ("good", "Callers get answers."), (found.level, found.headline)
        )
        self.assertIn("TMDB answers directly", found.sentence)

    def test_behind_a_direct_route_that_fails_the_cause_is_told(self) -> None:
        found = verdict(50, 0, False, DETOUR)
        self.assertEqual(
            ("detour", "Callers get answers."), (found.level, found.headline)
        )
        self.assertIn(CAUSES["tls_reset"].meaning, found.sentence)
        self.assertIn("a proxy answers", found.sentence)

    def test_stored_answers_that_stand_in_are_told(self) -> None:
        found = verdict(50, 0, False, NOTHING)
        self.assertEqual(
            ("detour", "Callers get answers."), (found.level, found.headline)
        )
        self.assertIn("They are stored answers", found.sentence)

    def test_errors_are_told_by_their_share(self) -> None:
        few, many = verdict(99, 1, True, WORKS), verdict(5, 5, True, NOTHING)
        self.assertEqual(
            ("warn", "A few callers get errors."), (few.level, few.headline)
        )
        self.assertEqual(("bad", "Callers get errors."), (many.level, many.headline))
        self.assertEqual(many, verdict(6, 4, True, NOTHING), "it is read out")

    def test_only_errors_are_errors(self) -> None:
        self.assertEqual("bad", verdict(0, 3, True, NOTHING).level)

    def test_errors_that_have_ended_are_over(self) -> None:
        found = verdict(50, 9, False, WORKS)
        self.assertEqual("Callers get answers again.", found.headline)

    def test_without_callers_the_routes_decide(self) -> None:
        levels = [
            verdict(0, 0, False, each).level for each in (WORKS, IDLE, DETOUR, NOTHING)
        ]
        self.assertEqual(["idle", "idle", "detour", "bad"], levels)


class OfTheRoutes(SynchronousTestCase):
    """Nothing is said to answer that has not answered."""

    def said(self, *found: RouteSummary) -> str:
        return verdict(0, 0, False, found).sentence

    def test_only_a_proxy_that_has_answered_is_said_to(self) -> None:
        for direct in (False, None):
            for proxies in ((None,), (False,), (False, None), ()):
                said = self.said(*routes(direct, *proxies)).lower()
                self.assertNotIn("a proxy answers", said, (direct, proxies))
            for proxies in ((True,), (False, True)):
                said = self.said(*routes(direct, *proxies)).lower()
                self.assertIn("a proxy answers", said, (direct, proxies))

    def test_only_a_direct_route_that_has_answered_is_said_to(self) -> None:
        for direct, expected in ((True, True), (None, False), (False, False)):
            said = self.said(*routes(direct, None))
            self.assertEqual("answers directly" in said, expected, direct)

    def test_what_comes_next_is_told_where_a_proxy_was_not_tried(self) -> None:
        self.assertIn(
            "the next request goes over a proxy", self.said(*routes(False, None))
        )

    def test_where_all_fail_that_is_said(self) -> None:
        self.assertIn("so does every other", self.said(*NOTHING))

    def test_a_route_that_fails_without_a_known_cause_is_told_too(self) -> None:
        said = self.said(RouteSummary(True, False, None))
        self.assertIn("The direct route fails, and", said)


class Key(SynchronousTestCase):
    """A key that TMDB does not take is the headline, whatever else there is."""

    def test_it_is_told_with_its_cure(self) -> None:
        for cause, words in (
            ("key_refused", "does not accept the key"),
            ("key_suspended", "has suspended the key"),
        ):
            for good, errors in ((0, 0), (50, 0), (0, 50)):
                found = verdict(
                    good, errors, bool(errors), routes(False, None, cause=cause)
                )
                self.assertEqual("bad", found.level)
                self.assertIn(words, found.headline)
                self.assertIn("TMDB_ACCESS_TOKEN or TMDB_API_KEY", found.sentence)

    def test_a_proxy_that_answers_meanwhile_is_told(self) -> None:
        found: StatusVerdict = verdict(
            9, 0, False, routes(False, True, cause="key_refused")
        )
        self.assertEqual("warn", found.level)
        self.assertIn("A proxy answers meanwhile", found.sentence)

    def test_a_proxy_of_ours_that_tells_it_counts_as_well(self) -> None:
        near = RouteSummary(False, False, "key_refused")
        found = verdict(0, 0, False, (RouteSummary(True, False, "tls_reset"), near))
        self.assertIn("does not accept the key", found.headline)


class Meanings(SynchronousTestCase):
    def test_a_cause_of_another_version_has_words(self) -> None:
        self.assertEqual("odd new thing", meaning("odd_new_thing"))

    def test_a_status_of_tmdbs_has_words(self) -> None:
        self.assertIn("refuses", meaning("status_401"))
        self.assertIn("418", meaning("status_418"))
